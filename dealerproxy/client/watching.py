"""Watches cars: an event when a car is sold, waiting, gone or back, or its price changes; none in an outage."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec
from msgspec import Struct

from dealerproxy.client.client import DEADLINE_S, MAX_CHECKED, MAX_ROWS, DealerClient
from dealerproxy.client.errors import DealerError
from dealerproxy.contract.answers import Buyable
from dealerproxy.contract.ids import PUBLIC_ID

# If more cars than this, and more than half of those on sale, are gone in one round, the site probably failed.
MASS = 5
# Seconds after which the watch reports such cars as gone.
MASS_S = 7_200.0
# Statuses below 500 that a later round may not get: the service timed out reading the body, and too many requests.
_PASSING = frozenset({408, 429})


class CarEvent(StrEnum):
    """What happened to a car: it is sold, waiting (reserved), gone (no listing), back on sale, or its price changed."""

    SOLD = "sold"
    WAITING = "waiting"
    GONE = "gone"
    BACK = "back"
    PRICE_CHANGED = "price_changed"


_ENDS = {Buyable.SOLD: CarEvent.SOLD, Buyable.WAITING: CarEvent.WAITING, Buyable.GONE: CarEvent.GONE}


class Sighting(Struct, frozen=True):
    """The last known state of a car.

    `price_krw` is in won, so that no exchange rate changes it; null if the site shows no price. For a car off sale it
    is the last price.
    """

    status: Buyable
    price_krw: int | None = None


class CarChange(Struct, frozen=True, kw_only=True):
    """One event.

    `old` is null if the car is off sale in the first round. `witness` is the call that showed the change: `row`, or
    `availability` past every cache. `reason` is the service's, null if it gave none.
    """

    id: str
    event: CarEvent
    old: Sighting | None
    new: Sighting
    witness: str
    reason: str | None = None


class _Told(NamedTuple):
    """A car's state in one round."""

    seen: Sighting
    witness: str
    reason: str | None = None


class WatchStateUnreadable(ValueError):
    """The stored bytes are not the state of a watch, or one of an unknown version."""


class _State(Struct, frozen=True):
    version: int
    cars: dict[str, Sighting]


_VERSION = 1
_decoder = msgspec.json.Decoder(_State)


class Watch:
    """An endless async iterator of CarChange; `watch` builds it.

    Store `state` after each event and at the end; `watch` continues from it. A process that ends while it handles an
    event loses that event if it stored the state before, else gets the event again. No other event is lost or repeated.
    """

    def __init__(
        self,
        dealer: DealerClient,
        vehicle_ids: Sequence[str],
        every_s: float,
        known: Mapping[str, Sighting],
        *,
        deadline_s: float,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._dealer, self._ids, self._every_s = dealer, tuple(dict.fromkeys(vehicle_ids)), every_s
        self._known = dict(known)
        self._deadline_s, self._clock, self._sleep = deadline_s, clock, sleep
        self._mass_since: float | None = None
        self._changes = self._run()

    @property
    def state(self) -> bytes:
        """The bytes to store: the last known state of each car, the last event included."""
        known = {vehicle_id: self._known[vehicle_id] for vehicle_id in self._ids if vehicle_id in self._known}
        return msgspec.json.encode(_State(_VERSION, known))

    def __aiter__(self) -> AsyncIterator[CarChange]:
        return self

    async def __anext__(self) -> CarChange:
        """Waits for the next event.

        Raises DealerError if the service rejects the request (a wrong key, for example); the watch is then over.
        """
        return await anext(self._changes)

    async def _run(self) -> AsyncIterator[CarChange]:
        while True:
            told = await self._round()
            changes = [
                change
                for vehicle_id in self._ids
                if vehicle_id in told
                and (change := change_of(vehicle_id, self._known.get(vehicle_id), told[vehicle_id])) is not None
            ]
            changed = {change.id for change in changes}
            self._known |= {vehicle_id: each.seen for vehicle_id, each in told.items() if vehicle_id not in changed}
            for change in changes:
                self._known[change.id] = change.new
                yield change
            await self._sleep(self._every_s)

    async def _round(self) -> dict[str, _Told]:
        """The states of the cars. A car whose state is unknown is not in it."""
        told: dict[str, _Told] = {}
        for ids in _batches(self._ids, MAX_ROWS):
            told |= await self._rows(ids)
        ended = [
            vehicle_id
            for vehicle_id, each in told.items()
            if each.seen.status in _ENDS and self._status(vehicle_id) is not each.seen.status
        ]
        for ids in _batches(ended, MAX_CHECKED):
            # A cached answer may be wrong, so only a second answer, past every cache, makes an event.
            checked = await self._checked(ids)
            for vehicle_id in ids:
                found = checked.get(vehicle_id)
                if found is None or found.seen.status is Buyable.AVAILABLE:
                    del told[vehicle_id]
                else:
                    told[vehicle_id] = found
        return self._unless_mass(told)

    async def _rows(self, ids: Sequence[str]) -> dict[str, _Told]:
        try:
            answer = await self._dealer.rows(ids, deadline_s=self._deadline_s)
        except DealerError as error:
            return _nothing(error)
        told = {row.id: _Told(Sighting(Buyable.AVAILABLE, row.dealer.price_krw), "row") for row in answer.data}
        for state in answer.states:
            if state.status is not Buyable.UNKNOWN:
                told[state.id] = _Told(Sighting(state.status, self._price(state.id)), "availability", state.reason)
        return told

    async def _checked(self, ids: Sequence[str]) -> dict[str, _Told]:
        try:
            states = await self._dealer.availability(ids, fresh=True, deadline_s=self._deadline_s)
        except DealerError as error:
            return _nothing(error)
        return {
            state.id: _Told(Sighting(state.status, self._price(state.id)), "availability", state.reason)
            for state in states
            if state.status is not Buyable.UNKNOWN
        }

    def _unless_mass(self, told: dict[str, _Told]) -> dict[str, _Told]:
        """The states without the newly gone cars, while too many are gone at once."""
        on_sale = [each for each in self._known.values() if each.status is Buyable.AVAILABLE]
        gone = [
            vehicle_id
            for vehicle_id, each in told.items()
            if each.seen.status is Buyable.GONE and self._status(vehicle_id) is Buyable.AVAILABLE
        ]
        if len(gone) <= MASS or 2 * len(gone) <= len(on_sale):
            self._mass_since = None
            return told
        if self._mass_since is None:
            self._mass_since = self._clock()
        if self._clock() - self._mass_since >= MASS_S:
            return told
        return {vehicle_id: each for vehicle_id, each in told.items() if vehicle_id not in gone}

    def _status(self, vehicle_id: str) -> Buyable | None:
        known = self._known.get(vehicle_id)
        return None if known is None else known.status

    def _price(self, vehicle_id: str) -> int | None:
        known = self._known.get(vehicle_id)
        return None if known is None else known.price_krw


def watch(
    dealer: DealerClient,
    vehicle_ids: Sequence[str],
    every_s: float,
    *,
    state: bytes | None = None,
    deadline_s: float = DEADLINE_S,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Watch:
    """Builds a watch of cars. A round runs every `every_s` seconds; `state` is the `Watch.state` of an earlier watch.

    A round costs one call for 40 cars, and one for up to 100 cars that seem to be off sale; `deadline_s` applies to
    each call. An outage makes no event. If more than MASS cars, and more than half of those on sale, are gone in one
    round, the watch reports them only after MASS_S seconds. `clock` (monotonic seconds) and `sleep` are for tests.

    Raises ValueError for an id that is not a dealer id or an `every_s` that is not above 0, and WatchStateUnreadable
    for any other `state`.
    """
    unknown = [vehicle_id for vehicle_id in vehicle_ids if PUBLIC_ID.fullmatch(vehicle_id) is None]
    if unknown:
        raise ValueError(f"these ids are not dealer ids: {', '.join(unknown[:3])}")
    if not every_s > 0:
        raise ValueError(f"every_s is a number of seconds above 0; got {every_s}")
    return Watch(dealer, vehicle_ids, every_s, _read(state), deadline_s=deadline_s, clock=clock, sleep=sleep)


def change_of(vehicle_id: str, old: Sighting | None, told: _Told) -> CarChange | None:
    """The event between two states of a car; None if nothing changed."""
    new, event = told.seen, None
    if new.status in _ENDS:
        event = None if old is not None and old.status is new.status else _ENDS[new.status]
    elif old is not None and old.status in _ENDS:
        event = CarEvent.BACK
    elif old is not None and None not in (old.price_krw, new.price_krw) and old.price_krw != new.price_krw:
        event = CarEvent.PRICE_CHANGED
    if event is None:
        return None
    return CarChange(id=vehicle_id, event=event, old=old, new=new, witness=told.witness, reason=told.reason)


def _batches(ids: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    return (ids[start : start + most] for start in range(0, len(ids), most))


def _read(state: bytes | None) -> Mapping[str, Sighting]:
    if state is None:
        return {}
    try:
        read = _decoder.decode(state)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WatchStateUnreadable(str(error)) from error
    if read.version != _VERSION:
        raise WatchStateUnreadable(f"version {read.version}; version {_VERSION} is known here")
    return read.cars


def _nothing(error: DealerError) -> dict[str, _Told]:
    """The result of an outage: no car. Raises a rejection, as the service would reject the next round too."""
    if error.status < 500 and error.status not in _PASSING:
        raise error
    return {}
