"""The accident costs of an insurance record in dollars."""

from collections.abc import Iterable

from dealerproxy.contract.inspection import Accident, AccidentCostSummary, CostBreakdown, CostIncident, Record
from dealerproxy.contract.pricing import usd


def accident_costs(record: Record, krw_per_usd: float) -> AccidentCostSummary | None:
    """Return the costs of this car's own accidents in whole US dollars, half up; None if the record is not open.

    The record's count can exceed the accidents it lists; an accident it does not list has no known cost.
    """
    if not record.open:
        return None
    own = record.own_accidents
    count = max(len(own), record.own_accident_count or 0)

    def total(amounts: Iterable[int | None]) -> int | None:
        known = [amount for amount in amounts if amount is not None]
        return usd(sum(known), krw_per_usd) if known or not count else None

    def dollars(krw: int | None) -> int | None:
        return None if krw is None else usd(krw, krw_per_usd)

    return AccidentCostSummary(
        total_incidents=count,
        total_repair_cost=total(_repair_krw(accident) for accident in own),
        breakdown=CostBreakdown(
            parts=total(accident.parts_krw for accident in own),
            labor=total(accident.labor_krw for accident in own),
            paint=total(accident.paint_krw for accident in own),
        ),
        insurance_paid=total(accident.insurance_krw for accident in own),
        incidents=tuple(
            CostIncident(
                date=accident.date.replace("-", ".") if accident.date else None,
                insurance_paid=dollars(accident.insurance_krw),
                repair_cost=dollars(_repair_krw(accident)),
            )
            for accident in own
        ),
    )


def _repair_krw(accident: Accident) -> int | None:
    """Return the sum of parts, labour and paint; None unless all three are known."""
    if accident.parts_krw is None or accident.labor_krw is None or accident.paint_krw is None:
        return None
    return accident.parts_krw + accident.labor_krw + accident.paint_krw
