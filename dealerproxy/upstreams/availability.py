"""The availability of a car, and the check of several cars one by one."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from dealerproxy.contract.answers import Buyable
from dealerproxy.contract.deadline import Deadline
from dealerproxy.transport.errors import MassAbsence, TimedOut, UpstreamError
from dealerproxy.upstreams.absence import Adverts
from dealerproxy.vehicles.car import Car, SaleStatus, row_of
from dealerproxy.vehicles.listing import Listing


class Outcome(Struct, frozen=True):
    """The state of one car; `reason` is set if the state needs an explanation."""

    status: Buyable
    reason: str | None = None


# The most concurrent single calls for cars.
SINGLES = 3
UNDER_CONTRACT = Outcome(Buyable.WAITING, "under_contract")
OUTCOMES = {
    SaleStatus.LIVE: Outcome(Buyable.AVAILABLE),
    SaleStatus.SOLD: Outcome(Buyable.SOLD),
    SaleStatus.WAITING: Outcome(Buyable.WAITING),
    SaleStatus.NOT_FOR_SALE: Outcome(Buyable.GONE, "not_for_sale"),
    SaleStatus.GONE: Outcome(Buyable.GONE),
}


async def few_at_a_time(
    check: Callable[[str], Awaitable[Outcome]], listing_ids: Sequence[str], deadline: Deadline
) -> dict[str, Outcome]:
    """Check cars one by one, few at a time, so that other requests need not wait for many of them."""
    turns = asyncio.Semaphore(SINGLES)

    async def one(listing_id: str) -> Outcome:
        try:
            async with asyncio.timeout(deadline.remaining()):
                await turns.acquire()
        except TimeoutError:
            return Outcome(Buyable.UNKNOWN, TimedOut.code)
        try:
            return await check(listing_id) if deadline.remaining() else Outcome(Buyable.UNKNOWN, TimedOut.code)
        except UpstreamError as error:
            return Outcome(Buyable.UNKNOWN, error.code)
        finally:
            turns.release()

    return dict(zip(listing_ids, await asyncio.gather(*map(one, listing_ids)), strict=True))


def unless_stale(outcome: Outcome, failure: UpstreamError | None) -> Outcome:
    """Return `unknown` for a stale outcome (one with a `failure`) that says a car is on sale."""
    if failure is not None and outcome.status is Buyable.AVAILABLE:
        return Outcome(Buyable.UNKNOWN, failure.code)
    return outcome


def unless_lost(outcomes: Mapping[str, Outcome], adverts: Adverts) -> dict[str, Outcome]:
    """Return the same outcomes, with `unknown` for `gone` if a mass absence holds by the end of the check."""
    gone = OUTCOMES[SaleStatus.GONE]
    return {
        listing_id: Outcome(Buyable.UNKNOWN, MassAbsence.code) if outcome == gone and adverts.lost else outcome
        for listing_id, outcome in outcomes.items()
    }


def row_or_reason(read_car: Callable[[], Car], listing_id: str) -> Listing | str:
    """Return the row of a car that can be bought, under the requested id, or the reason why it has none.

    `read_car` returns the car, or raises UpstreamError: its code is then the reason.
    """
    try:
        row = row_of(read_car())
    except UpstreamError as error:
        return error.code
    return replace(row, listing_id=listing_id) if isinstance(row, Listing) else row
