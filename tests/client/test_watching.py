"""Watching cars: which events come, with what old and new, and that an outage or a mass absence makes none."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dealerproxy.client import (
    Buyable,
    CarChange,
    CarEvent,
    DealerError,
    DealerUnavailable,
    Sighting,
    Watch,
    WatchStateUnreadable,
    watch,
)
from dealerproxy.client.watching import MASS, MASS_S
from dealerproxy.contract.answers import CarState
from dealerproxy.sandbox.faults import AnyFault, Block, Drop, Empty, RateLimited, Status
from tests.client.conftest import MainApiHarness
from tests.support.clock import Clock

IDS = [f"encar_{number}" for number in range(1, 13)]
OUTAGE = DealerUnavailable(503, "dealer_upstream_unavailable", "No.")


class _Facts:
    def __init__(self, price_krw: int) -> None:
        self.price_krw = price_krw


class _Row:
    def __init__(self, vehicle_id: str, price_krw: int) -> None:
        self.id, self.dealer = vehicle_id, _Facts(price_krw)


class _Answer:
    def __init__(self, cars: Mapping[str, int | Buyable]) -> None:
        self.data = [_Row(name, price) for name, price in cars.items() if isinstance(price, int)]
        self.states = [CarState(name, word) for name, word in cars.items() if isinstance(word, Buyable)]


class Dealer:
    """A service with cars at hand: a price in won, or the state of one that cannot be bought."""

    def __init__(self, **cars: int | Buyable) -> None:
        self.cars: dict[str, int | Buyable] = dict(cars)
        self.checks: dict[str, Buyable] = {}
        self.failure: DealerError | None = None
        self.check_failure: DealerError | None = None
        self.asked: list[int] = []

    async def rows(self, ids: Sequence[str], **_: object) -> Any:
        self.asked.append(len(ids))
        if self.failure is not None:
            raise self.failure
        return _Answer({name: self.cars[name] for name in ids})

    async def availability(self, ids: Sequence[str], *, fresh: bool, **_: object) -> Sequence[CarState]:
        assert fresh
        if self.check_failure is not None:
            raise self.check_failure
        return [CarState(name, self.checks.get(name) or self._state(name)) for name in ids]

    def _state(self, name: str) -> Buyable:
        word = self.cars[name]
        return word if isinstance(word, Buyable) else Buyable.AVAILABLE


class Script:
    """Changes the service between rounds and ends the watch after the last one."""

    class Over(Exception):
        """No round is left."""

    def __init__(self, *rounds: Any) -> None:
        self._rounds, self.clock = list(rounds), Clock()

    async def sleep(self, seconds: float) -> None:
        await self.clock.sleep(seconds)
        if not self._rounds:
            raise Script.Over
        self._rounds.pop(0)()


async def events(dealer: Any, script: Script, ids: Sequence[str] = IDS, **more: Any) -> tuple[list[CarChange], Watch]:
    watching = watch(dealer, ids, 60.0, sleep=script.sleep, clock=script.clock, **more)
    found = []
    with suppress(Script.Over):
        async for change in watching:
            found.append(change)  # noqa: PERF401  # those before the end count
    return found, watching


def short(changes: Sequence[CarChange]) -> list[tuple[str, str]]:
    return [(change.id, change.event) for change in changes]


def on_sale(count: int = len(IDS), price: int = 10_000_000) -> Dealer:
    return Dealer(**dict.fromkeys(IDS[:count], price))


@pytest.mark.parametrize("word", [Buyable.SOLD, Buyable.WAITING, Buyable.GONE])
async def test_a_car_that_ends_and_one_that_comes_back_make_one_event_each(word: Buyable) -> None:
    dealer = on_sale()
    script = Script(
        lambda: dealer.cars.update({IDS[3]: word}),
        lambda: None,
        lambda: dealer.cars.update({IDS[3]: 9_000_000}),
        lambda: None,
    )
    found, _ = await events(dealer, script)
    assert short(found) == [(IDS[3], word), (IDS[3], "back")]
    ended, back = found
    assert (ended.old, ended.new) == (Sighting(Buyable.AVAILABLE, 10_000_000), Sighting(word, 10_000_000))
    assert (back.old, back.new) == (Sighting(word, 10_000_000), Sighting(Buyable.AVAILABLE, 9_000_000))
    assert (ended.witness, back.witness) == ("availability", "row")


async def test_a_price_that_changes_is_told_in_won_with_old_and_new() -> None:
    dealer = on_sale()
    (change,), _ = await events(dealer, Script(lambda: dealer.cars.update({IDS[0]: 8_500_000}), lambda: None))
    assert (change.event, change.witness) == (CarEvent.PRICE_CHANGED, "row")
    assert (change.old, change.new.price_krw) == (Sighting(Buyable.AVAILABLE, 10_000_000), 8_500_000)


async def test_a_car_that_is_off_sale_at_the_first_look_is_told_without_an_old_state() -> None:
    dealer = on_sale()
    dealer.cars[IDS[1]] = Buyable.SOLD
    (change,), _ = await events(dealer, Script())
    assert (change.id, change.event, change.old) == (IDS[1], CarEvent.SOLD, None)


@pytest.mark.parametrize(
    "failure",
    [
        OUTAGE,
        DealerUnavailable(503, "timed_out", "No."),
        DealerError(500, "internal_error", "No."),
        DealerError(408, "request_timeout", "No."),
        DealerError(429, "rate_limited", "No."),
    ],
    ids=lambda error: error.code,
)
async def test_an_outage_makes_no_event_and_what_happened_in_it_is_told_after_it(failure: DealerError) -> None:
    dealer = on_sale()

    def breaks() -> None:
        dealer.failure = failure
        dealer.cars[IDS[0]] = Buyable.SOLD

    def heals() -> None:
        dealer.failure = None

    found, _ = await events(dealer, Script(breaks, lambda: None))
    assert found == []
    dealer = on_sale()
    found, _ = await events(dealer, Script(breaks, lambda: None, heals, lambda: None))
    assert short(found) == [(IDS[0], "sold")]


async def test_a_car_ends_only_if_the_second_look_says_so_too() -> None:
    dealer = on_sale()

    def gone() -> None:
        dealer.cars |= dict.fromkeys(IDS[:4], Buyable.GONE)
        dealer.checks = {IDS[0]: Buyable.UNKNOWN, IDS[1]: Buyable.AVAILABLE, IDS[2]: Buyable.SOLD}

    found, _ = await events(dealer, Script(gone))
    assert short(found) == [(IDS[2], "sold"), (IDS[3], "gone")]
    dealer = on_sale()
    dealer.check_failure = OUTAGE
    assert (await events(dealer, Script(gone)))[0] == []


async def test_unknown_says_nothing() -> None:
    dealer = on_sale()
    script = Script(lambda: dealer.cars.update(dict.fromkeys(IDS, Buyable.UNKNOWN)), lambda: None)
    assert (await events(dealer, script))[0] == []


async def test_most_cars_gone_at_once_are_an_outage_unless_it_lasts() -> None:
    dealer = on_sale()
    script = Script(lambda: dealer.cars.update(dict.fromkeys(IDS[: MASS + 2], Buyable.GONE)), *[lambda: None] * 5)
    assert (await events(dealer, script))[0] == []

    def later() -> None:
        script.clock.at += MASS_S

    dealer = on_sale()
    script = Script(lambda: dealer.cars.update(dict.fromkeys(IDS[: MASS + 2], Buyable.GONE)), later)
    assert short((await events(dealer, script))[0]) == [(vehicle_id, "gone") for vehicle_id in IDS[: MASS + 2]]


async def test_few_cars_gone_and_any_number_sold_are_news() -> None:
    for word, count in ((Buyable.GONE, MASS), (Buyable.SOLD, len(IDS))):
        dealer = on_sale()
        ended = dict.fromkeys(IDS[:count], word)
        found, _ = await events(dealer, Script(lambda: dealer.cars.update(ended)))  # noqa: B023  # called in this turn
        assert short(found) == [(vehicle_id, word) for vehicle_id in IDS[:count]]


async def test_a_state_given_back_goes_on_where_the_last_event_left_it() -> None:
    dealer = on_sale()
    dealer.cars |= {IDS[0]: Buyable.SOLD, IDS[1]: Buyable.SOLD}
    watching = watch(dealer, IDS, 60.0)  # type: ignore[arg-type]
    assert (await anext(watching)).id == IDS[0]
    dealer.cars[IDS[2]] = 7_000_000
    found, _ = await events(dealer, Script(), state=watching.state)
    assert short(found) == [(IDS[1], "sold"), (IDS[2], "price_changed")]
    dealer.cars[IDS[2]] = 6_000_000
    whole, after = await events(dealer, Script(), state=(await events(on_sale(), Script()))[1].state)
    assert short(whole) == [(IDS[0], "sold"), (IDS[1], "sold"), (IDS[2], "price_changed")]
    assert (await events(dealer, Script(), state=after.state))[0] == []
    assert short((await events(dealer, Script(), ids=IDS[:2], state=after.state))[0]) == []


@pytest.mark.parametrize(
    "state", [b"", b"{}", b"[]", b'{"version":2,"cars":{}}', b'{"version":1,"cars":{"x":1}}', b"\xff"]
)
def test_other_bytes_are_no_state(state: bytes) -> None:
    with pytest.raises(WatchStateUnreadable):
        watch(on_sale(), IDS, 60.0, state=state)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ids", "every_s"), [(["glovis_1"], 60.0), (["encar_0"], 60.0), (IDS, 0.0), (IDS, float("nan"))]
)
def test_foreign_ids_and_no_pause_are_refused(ids: Sequence[str], every_s: float) -> None:
    with pytest.raises(ValueError, match=r"ids|every_s"):
        watch(on_sale(), ids, every_s)  # type: ignore[arg-type]


async def test_a_rejection_ends_the_watch_and_a_hundred_cars_cost_three_calls() -> None:
    dealer = on_sale()
    dealer.failure = DealerError(401, "invalid_api_key", "No.")
    with pytest.raises(DealerError, match=r"No\."):
        await anext(watch(dealer, IDS, 60.0))  # type: ignore[arg-type]
    many = [f"encar_{number}" for number in range(1, 101)]
    dealer = Dealer(**dict.fromkeys(many, 1))
    await events(dealer, Script(), many)
    assert dealer.asked == [40, 40, 20]


words = st.one_of(st.integers(1, 3), st.sampled_from(Buyable).filter(lambda word: word is not Buyable.AVAILABLE))


@given(st.lists(st.tuples(words, words, words), min_size=1, max_size=8))
async def test_events_always_lead_from_the_state_before_to_the_one_after(rounds: list[tuple[Any, ...]]) -> None:
    ids = IDS[:3]
    dealer = Dealer(**dict(zip(ids, rounds[0], strict=True)))
    steps = [lambda step=step: dealer.cars.update(zip(ids, step, strict=True)) for step in rounds[1:]]
    found, watching = await events(dealer, Script(*steps), ids)
    known: dict[str, Sighting] = {}
    for change in found:
        if change.id in known and change.event is not CarEvent.PRICE_CHANGED and change.old is not None:
            assert change.old.status is known[change.id].status
        assert change.old is None or change.old.status is not change.new.status or change.event == "price_changed"
        known[change.id] = change.new
    assert watch(dealer, ids, 60.0, state=watching.state).state == watching.state  # type: ignore[arg-type]
    assert msgspec.json.decode(watching.state)["version"] == 1


@pytest.mark.parametrize(
    "fault",
    [Block(status=403), Status(status=404), Status(status=500), RateLimited(retry_after=9), Drop(), Empty()],
    ids=lambda fault: type(fault).__name__ + str(getattr(fault, "status", "")),
)
async def test_a_site_that_breaks_makes_no_event_with_the_real_service(house: MainApiHarness, fault: AnyFault) -> None:
    cars = list(house.encar.inventory)[:8]
    ids = [f"encar_{car.id}" for car in cars]
    house.encar.inventory.change(cars[0].id, price=4321, status="ADVERTISE")

    def breaks() -> None:
        house.breaks(*(replace(fault, operation=operation) for operation in ("batch", "detail", "page")))

    found, watching = await events(house.dealer, Script(breaks, lambda: None), ids, deadline_s=4.0)
    assert [change for change in found if change.event is CarEvent.GONE] == []
    assert {change.old for change in found} <= {None}
    house.breaks()
    for name in ("encar", "danawa"):
        await house.raw(f"/v1/upstreams/{name}/reset", method="POST")
    house.encar.inventory.change(cars[0].id, price=4000)
    house.encar.inventory.change(cars[1].id, status="SOLD")
    changes = {
        change.id: change
        for change in (await events(house.dealer, Script(), ids, state=watching.state, deadline_s=4.0))[0]
    }
    assert changes[ids[0]].event is CarEvent.PRICE_CHANGED
    assert (changes[ids[0]].old, changes[ids[0]].new.price_krw) == (
        Sighting(Buyable.AVAILABLE, 43_210_000),
        40_000_000,
    )
    assert changes[ids[1]].event is CarEvent.SOLD
