"""When a listing is read: the ski-rental rule, as pure functions.

Whoever skis now and then does not know whether to rent or to buy. Who buys as soon as the rents paid would have bought
the skis never pays more than twice the least. Here a live search is the rent, and reading the listing whole the price.
"""

import math
from enum import StrEnum

from msgspec import Struct

# A reading or check makes a listing fresh for so long, in seconds.
FRESH_S = 300.0
# Everything that is asked for is read again after this time, up to USABLE_S where calls do not suffice.
WHOLE_S = 1_800.0
# The pause after a failed reading, doubled with each failure in a row.
BACK_OFF_S, LONGEST_BACK_OFF_S = 30.0, 600.0


class Work(StrEnum):
    """What to do about a listing: read it whole, or look at its newest cars."""

    READ = "read"
    CHECK = "check"


class Demand(Struct):
    """What is known of the demand for a listing; all times are the clock's seconds, -inf for never.

    `cost` is the calls that a reading takes. `spared` counts the live calls since the last reading began that a reading
    spared or would have spared, `spared_at_check` how many of them came before the last check. A `warm` listing is
    kept in any case. `whole_s` is after how long it is read again. A listing without `checks` is only read whole.
    """

    cost: int
    spared: float = 0.0
    spared_at_check: float = 0.0
    read_at: float = -math.inf
    checked_at: float = -math.inf
    failed_at: float = -math.inf
    failures: int = 0
    warm: bool = False
    whole_s: float = WHOLE_S
    checks: bool = True


def due(demand: Demand, now: float) -> Work | None:
    """Return what is to be done about a listing now."""
    if demand.failures and now < demand.failed_at + back_off_s(demand.failures):
        return None
    if outdated(demand, now):
        return Work.READ
    looked_at = max(demand.read_at, demand.checked_at)
    wanted = demand.spared - demand.spared_at_check >= 1
    if demand.checks and demand.read_at > -math.inf and wanted and now - looked_at >= FRESH_S:
        return Work.CHECK
    return None


def outdated(demand: Demand, now: float) -> bool:
    """Whether a listing is worth a reading, even if the last one failed a moment ago."""
    return now - demand.read_at >= demand.whole_s and (demand.warm or demand.spared >= demand.cost)


def urgency(demand: Demand, work: Work) -> tuple[bool, float, int]:
    """Return what orders the listings that are due, the most urgent first.

    Readings come before checks: what spares most for its cost first, of equal ones (kept warm, never asked for) the
    cheapest.
    """
    cost = demand.cost if work is Work.READ else 1
    return work is Work.CHECK, -demand.spared / cost, cost


def began(demand: Demand, work: Work) -> None:
    """Note that work began: only what is asked for from now on counts for the next reading."""
    if work is Work.READ:
        demand.spared = 0.0
    demand.spared_at_check = demand.spared


def ended(demand: Demand, work: Work, began_at: float) -> None:
    """Note that work that began at a time succeeded."""
    if work is Work.READ:
        demand.read_at = began_at
    demand.checked_at, demand.failures = began_at, 0


def failed(demand: Demand, now: float) -> None:
    """Note that work failed."""
    demand.failures, demand.failed_at = demand.failures + 1, now


def back_off_s(failures: int) -> float:
    """Return the pause after so many failures in a row, in seconds."""
    return min(LONGEST_BACK_OFF_S, BACK_OFF_S * 2.0 ** min(failures - 1, 10))
