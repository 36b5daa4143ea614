"""When a listing is read: the ski-rental rule, as pure functions.

A skier who does not know how often he will ski must choose between renting and buying. Buying as soon as the rent paid
equals the price never costs more than twice the optimum. Here the rent is a live search, and the price a whole reading.
"""

import math
from enum import StrEnum

from msgspec import Struct

# Seconds for which a reading or check makes a listing fresh.
FRESH_S = 300.0
# Seconds after which a listing in demand is read again; up to USABLE_S if calls do not suffice.
WHOLE_S = 1_800.0
# Seconds of pause after a failed reading, doubled with each failure in a row.
BACK_OFF_S, LONGEST_BACK_OFF_S = 30.0, 600.0


class Work(StrEnum):
    """The work on a listing: read it whole, or check its newest cars."""

    READ = "read"
    CHECK = "check"


class Demand(Struct):
    """The demand for a listing; all times are the clock's seconds, -inf for never.

    `cost` is the calls that a reading takes. `spared` counts the live calls since the last reading began that a reading
    spared or would have spared, `spared_at_check` how many of them came before the last check. A `warm` listing is
    kept without demand too. It is read again after `whole_s` seconds. Without `checks`, it is only read whole.
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
    """Return the work that is due on a listing now."""
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
    """Whether a listing needs a reading, regardless of the back-off."""
    return now - demand.read_at >= demand.whole_s and (demand.warm or demand.spared >= demand.cost)


def urgency(demand: Demand, work: Work) -> tuple[bool, float, int]:
    """Return the sort key of due listings, the most urgent first.

    Readings come before checks. The listing that spares most calls for its cost comes first; of equal ones (kept warm,
    without demand) the cheapest.
    """
    cost = demand.cost if work is Work.READ else 1
    return work is Work.CHECK, -demand.spared / cost, cost


def began(demand: Demand, work: Work) -> None:
    """Note that work began: only later demand counts for the next reading."""
    if work is Work.READ:
        demand.spared = 0.0
    demand.spared_at_check = demand.spared


def ended(demand: Demand, work: Work, began_at: float) -> None:
    """Note that work that began at `began_at` succeeded."""
    if work is Work.READ:
        demand.read_at = began_at
    demand.checked_at, demand.failures = began_at, 0


def failed(demand: Demand, now: float) -> None:
    """Note that work failed."""
    demand.failures, demand.failed_at = demand.failures + 1, now


def back_off_s(failures: int) -> float:
    """Return the pause in seconds after this many failures in a row."""
    return min(LONGEST_BACK_OFF_S, BACK_OFF_S * 2.0 ** min(failures - 1, 10))
