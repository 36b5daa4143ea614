"""The order-time snapshot: a car as a partner ordered it, for the time after its listing is gone.

The main API stores one snapshot per order and looks it up. This module decides when to show it, and to whom: only to
the partner account that ordered, and only under the same environment (sandbox or production) of its key.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from dealerproxy.client.answers import DealerCar
from dealerproxy.client.client import DEADLINE_S, DealerClient
from dealerproxy.client.decoding import Unreadable, check_depth, decode
from dealerproxy.client.errors import (
    DealerError,
    DealerUnavailable,
    VehicleNotFound,
    VehicleUnavailable,
    for_partner,
    outage,
)
from dealerproxy.contract.detail import SKIPPED_FOR_GOOD, Enrichment, EnrichmentStatus, NotAsked
from dealerproxy.contract.rate import iso_kst
from dealerproxy.contract.terms import DEALER

VERSION = 1
# The documents beside the advert that partners see parts of, and the fields of a car that come from each.
PAPERS = frozenset({"inspection", "record"})
OF_PAPERS = ("body_condition", "inspection_report", "enrichment")
_NO_DIAGNOSIS = Enrichment("diagnosis", EnrichmentStatus.SKIPPED, NotAsked.NOT_REQUESTED)
_log = logging.getLogger(__name__)


class SnapshotUnreadable(ValueError):
    """The stored bytes are not a snapshot, or one of an unknown version."""


class Owner(NamedTuple):
    """The car of a snapshot and who may see it. Look snapshots up by all three fields."""

    partner: str
    environment: str
    vehicle_id: str


class Snapshot(Struct, frozen=True, kw_only=True):
    """A car in full as it was ordered.

    `detail` is the JSON of the partner API's VehicleDetail as the service returned it, so that later changes of the
    models do not matter; its prices use `krw_per_usd`. `taken_at` is ISO 8601, +09:00. So is `completed_at`, which is
    null unless `complete_snapshot` added documents later.
    """

    version: int = VERSION
    partner: str
    environment: str
    vehicle_id: str
    taken_at: str
    krw_per_usd: float
    detail: dict[str, Any]
    completed_at: str | None = None

    @property
    def complete(self) -> bool:
        """Whether every document was fetched or is known to be absent, so that a null means absent. It is stored."""
        return not _missing(self.detail)

    @property
    def owner(self) -> Owner:
        """Who may see it."""
        return Owner(self.partner, self.environment, self.vehicle_id)

    def encode(self) -> bytes:
        """The bytes to store."""
        return msgspec.json.encode(msgspec.structs.asdict(self) | {"complete": self.complete})

    @staticmethod
    def decode(stored: bytes) -> "Snapshot":
        """Restores a snapshot from the bytes of `encode`. Raises SnapshotUnreadable, also for another type."""
        if not isinstance(stored, bytes | bytearray | memoryview | str):
            raise SnapshotUnreadable(f"stored as {type(stored).__name__}, not as the bytes of `encode`")
        try:
            version = decode(_version, stored).version
            if version != VERSION:
                raise SnapshotUnreadable(f"version {version}; version {VERSION} is known here")
            snapshot = decode(_snapshot, stored)
            check_depth(snapshot.detail)
        except Unreadable as error:
            raise SnapshotUnreadable(str(error)) from error
        return snapshot


class _Version(Struct):
    version: int


_version = msgspec.json.Decoder(_Version)
_snapshot = msgspec.json.Decoder(Snapshot)

Lookup = Callable[[Owner], Awaitable[bytes | None]]


class Found(NamedTuple):
    """A car to show: `detail` as a JSON-ready dict, and its snapshot, None for a live car.

    `krw_per_usd` is the rate of its prices; `x_cache` and `age_s` are as in `DealerCar`, null for a snapshot.
    """

    detail: dict[str, Any]
    snapshot: Snapshot | None
    krw_per_usd: float | None = None
    x_cache: str | None = None
    age_s: int | None = None


async def take_snapshot(
    client: DealerClient,
    owner: Owner,
    krw_per_usd: float | None = None,
    *,
    deadline_s: float = DEADLINE_S,
    request_id: str | None = None,
    now: Callable[[], float] = time.time,
) -> Snapshot:
    """Takes the snapshot of a car during its order, past every cache, priced at `krw_per_usd` or the client's rate.

    If a document could not be fetched, the snapshot is not `complete`: store it, and call `complete_snapshot` later.
    Raises the error that `order_error` returns: VehicleUnavailable (410) for a car that can no longer be bought, also
    if it is under contract or has no price (`details.reason`).
    """
    try:
        car = await client.ordered(
            owner.vehicle_id, krw_per_usd=krw_per_usd, deadline_s=deadline_s, request_id=request_id
        )
    except DealerError as error:
        failure = order_error(error)
    else:
        if car.krw_per_usd is None:
            raise outage("rate_unknown", request_id=request_id)
        return Snapshot(
            partner=owner.partner,
            environment=owner.environment,
            vehicle_id=owner.vehicle_id,
            taken_at=iso_kst(now()),
            krw_per_usd=car.krw_per_usd,
            detail=_plain(car),
        )
    raise failure


async def complete_snapshot(
    client: DealerClient,
    snapshot: Snapshot,
    *,
    deadline_s: float = DEADLINE_S,
    request_id: str | None = None,
    now: Callable[[], float] = time.time,
) -> Snapshot:
    """Fetches the documents that a snapshot lacks, and returns the snapshot with those that came.

    Everything else stays as ordered. Returns the same snapshot if there is nothing to add, and makes no call if it is
    complete. Raises DealerError as `DealerClient.vehicle` does: the documents of a car that is gone cannot be fetched.
    """
    if snapshot.complete:
        return snapshot
    car = await client.vehicle(
        snapshot.vehicle_id,
        krw_per_usd=snapshot.krw_per_usd,
        fresh=True,
        deadline_s=deadline_s,
        request_id=request_id,
    )
    later = _plain(car)
    if not _missing(later) < _missing(snapshot.detail):
        return snapshot
    papers = {name: later[name] for name in OF_PAPERS}
    return msgspec.structs.replace(snapshot, detail=snapshot.detail | papers, completed_at=iso_kst(now()))


def _missing(detail: Mapping[str, Any]) -> frozenset[str]:
    """The documents still to fetch: those whose state in `enrichment` is neither known nor final."""
    enrichment = detail.get("enrichment")
    states = [state for state in enrichment if isinstance(state, dict)] if isinstance(enrichment, list) else []
    return PAPERS.difference(state.get("name") for state in states if _is_settled(state))


def _is_settled(state: Mapping[str, Any]) -> bool:
    if state.get("status") == EnrichmentStatus.SKIPPED:
        return state.get("reason") in SKIPPED_FOR_GOOD
    return state.get("status") in (EnrichmentStatus.OK, EnrichmentStatus.ABSENT)


async def detail_or_snapshot(
    client: DealerClient,
    vehicle_id: str,
    partner: str,
    environment: str,
    lookup: Lookup,
    *,
    krw_per_usd: float | None = None,
    deadline_s: float = DEADLINE_S,
    request_id: str | None = None,
) -> Found:
    """One car for a partner: live at `krw_per_usd`, else from their order's snapshot, at the order's rate.

    `lookup` returns the stored bytes of the partner's snapshot of the car, or None. It is called only if the car is
    gone, sold, waiting or not for sale, or if its state is unknown (503). A snapshot of another owner is ignored. An
    unreadable one, or one of a later version, is ignored with a warning in the log. Without a snapshot the live
    answer's error is raised: VehicleNotFound or DealerUnavailable.
    """
    try:
        car = await client.vehicle(
            vehicle_id, krw_per_usd=krw_per_usd, patient=False, deadline_s=deadline_s, request_id=request_id
        )
    except DealerError as error:
        failure = for_partner(error)
    else:
        return Found(_plain(car), None, car.krw_per_usd, car.x_cache, car.age_s)
    owner = Owner(partner, environment, vehicle_id)
    stored = await lookup(owner)
    try:
        snapshot = None if stored is None else Snapshot.decode(stored)
    except SnapshotUnreadable as error:
        _log.warning("stored snapshot of %s for %s (%s) is unreadable: %s", vehicle_id, partner, environment, error)
        snapshot = None
    if snapshot is None or snapshot.owner != owner:
        raise failure
    return Found(snapshot.detail, snapshot, snapshot.krw_per_usd)


def _plain(car: DealerCar) -> dict[str, Any]:
    """A car as a partner sees it, decoded from JSON, so that live and stored cars hold the same types.

    Without the insiders' part, which the diagnosis belongs to: its state is that of a car fetched for a partner.
    """
    seen = [
        _NO_DIAGNOSIS if paper.name == _NO_DIAGNOSIS.name and _was_asked(paper) else paper for paper in car.enrichment
    ]
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(msgspec.structs.replace(car, enrichment=seen)))
    plain.pop(DEALER, None)
    return plain


def _was_asked(paper: Enrichment) -> bool:
    return paper.status is not EnrichmentStatus.SKIPPED or paper.reason == NotAsked.OVERLOADED


def order_error(error: DealerError) -> DealerError:
    """The error of an order whose car is not available.

    A listing that disappeared is 410 `vehicle_unavailable`. An unknown id stays 404. A 503 stays unchanged, as an
    unknown state is no reason to fail an order; pass it through `for_partner` before a partner sees it.
    """
    if isinstance(error, DealerUnavailable):
        return error
    if isinstance(error, VehicleNotFound) and error.reason != "unknown_id":
        message = "The listing disappeared before the car could be bought."
        gone = VehicleUnavailable(
            410, "vehicle_unavailable", message, details=error.details, request_id=error.request_id
        )
        gone.__cause__ = error
        return gone
    return for_partner(error)
