"""The facts that the insurance record and the liens add to a car's report, with or without a sheet."""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from msgspec.structs import replace

from dealerproxy.contract.detail import Enrichment
from dealerproxy.contract.inspection import InspectionReport, Issue, Record
from dealerproxy.vehicles.accident_costs import accident_costs
from dealerproxy.vehicles.car import Car

_NO_ACCIDENT, _ACCIDENT = "No accident reported.", "Accident reported."
_BY_SHEET = {_NO_ACCIDENT: "No accident on the inspection sheet.", _ACCIDENT: "Accident on the inspection sheet."}


class _Found(NamedTuple):
    """Losses of one kind, or liens."""

    token: str
    words: str
    date: str | None = None


def full_report(
    sheet: InspectionReport | None,
    inspected: Enrichment,
    record: Record | None,
    car: Car,
    krw_per_usd: float,
    *,
    source: Literal["encar", "mpark"],
) -> InspectionReport | None:
    """Return the sheet's report with the record's and the liens' findings; without a sheet, a report of these alone.

    None if `inspected` says that the sheet could not be read, because it may still come. None without a sheet if record
    and liens have no finding, because an empty report would look clean.
    """
    if inspected.may_come:
        return None
    if record is not None and not record.open:
        record = None
    losses = [] if record is None else list(_losses(record))
    liens = list(_liens(car))
    costs = None if record is None else accident_costs(record, krw_per_usd)
    found = (*map(_loss_issue, losses), *map(_lien_issue, liens))
    if sheet is not None:
        return replace(
            sheet,
            accident_summary=_both(sheet.accident_summary, losses),
            accident_cost_summary=costs,
            issues=(*sheet.issues, *found),
            flood=_flood(sheet.flood, record),
        )
    if not found and not (costs and costs.total_incidents):
        return None
    return InspectionReport(
        source=source,
        accident_summary=_without_sheet(record, costs.total_incidents if costs else 0, losses, liens),
        has_accident=None,
        has_frame_damage=None,
        exterior_summary=None,
        category_grades=None,
        checklist=None,
        accident_cost_summary=costs,
        issues=found,
        dealer_inspection=None,
        flood=_flood(None, record),
    )


def _flood(on_sheet: bool | None, record: Record | None) -> bool | None:
    """Return true if the sheet or the record says so, false if either denies it, None if neither is available."""
    counts = () if record is None else (record.flood_total_loss_count, record.flood_part_loss_count)
    if on_sheet or any(counts):
        return True
    # A record without partial losses leaves them out.
    return False if on_sheet is False or counts[:1] == (0,) else None


def _losses(record: Record) -> Iterator[_Found]:
    flood = record.flood_date
    for token, count, one, more, date in (
        ("total_loss", record.total_loss_count, "total loss", "total losses", record.total_loss_date),
        ("flood_total_loss", record.flood_total_loss_count, "flood total loss", "flood total losses", flood),
        ("flood_part_loss", record.flood_part_loss_count, "flood partial loss", "flood partial losses", flood),
        ("theft", record.theft_count, "theft", "thefts", record.theft_date),
    ):
        if count:
            yield _Found(token, _counted(count, one, more), date)


def _liens(car: Car) -> Iterator[_Found]:
    if car.seizures:
        yield _Found("seizure", _counted(car.seizures, "seizure", "seizures"))
    if car.pledges:
        yield _Found("pledge", _counted(car.pledges, "pledge", "pledges"))


def _loss_issue(loss: _Found) -> Issue:
    on = "" if loss.date is None else f", {loss.date}"
    return _history(f"Insurance record — {loss.words}{on}", loss.token)


def _lien_issue(lien: _Found) -> Issue:
    return _history(f"{lien.words} — to be lifted before deregistration for export", lien.token)


def _history(detail: str, token: str) -> Issue:
    return Issue(category="history", status="major", detail=detail, faults=(token,), type="history")


def _both(summary: str, losses: list[_Found]) -> str:
    """Return the sheet's summary; if the record has losses, with the name of the document before each part."""
    if not losses:
        return summary
    record = _record_says(map(_as_text, losses))
    for opening, by_sheet in _BY_SHEET.items():
        if summary.startswith(opening):
            return f"{by_sheet} {record}{summary.removeprefix(opening)}"
    return f"{summary} {record}"


def _without_sheet(record: Record | None, accidents: int, losses: list[_Found], liens: list[_Found]) -> str:
    said = [_counted(accidents, "accident", "accidents")] if accidents else []
    said += map(_as_text, losses)
    if said:
        return _record_says(said)
    on_record = "insurance record not available" if record is None else "no accident on the insurance record"
    return f"No inspection sheet, {on_record}. On the car: {'; '.join(map(_as_text, liens))}."


def _record_says(said: Iterable[str]) -> str:
    return f"Insurance record: {'; '.join(said)}."


def _as_text(loss: _Found) -> str:
    return loss.words if loss.date is None else f"{loss.words}, {loss.date[:7]}"


def _counted(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"
