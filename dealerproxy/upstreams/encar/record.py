"""The insurance record of a car (`/v1/readside/record/vehicle/{vehicleId}/open`), in won, and its costs in dollars.

Accidents of type 1 and 2 damaged this car; type 3 is damage that it did to others. A cost of 1 won means "not known
yet". So does a repair of nothing, unless insurance paid exactly nothing for it. Plates, makes and models are never
read.
"""

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from dealerproxy.contract.inspection import Accident, Months, Record
from dealerproxy.transport.errors import Drift
from dealerproxy.upstreams.caps import MOST_ROWS, short_text
from dealerproxy.upstreams.values import Coded, code, decode, iso_date, token, whole
from dealerproxy.vocabulary import Vocabulary

ACCIDENTS, OWN_COUNT = "accidents", "myAccidentCnt"
TYPE, DATE = "type", "date"
BENEFIT, PARTS, LABOR, PAINT = "insuranceBenefit", "partCost", "laborCost", "paintingCost"
OWN_DAMAGE = frozenset({"1", "2"})
UNKNOWN_COST = 1
_MONTH = re.compile(r"((?:19|20)\d{2})[-.]?(0[1-9]|1[0-2])", re.ASCII)
_SPAN = re.compile(r"(\d{4})(0[1-9]|1[0-2])\s*~\s*(?:(\d{4})(0[1-9]|1[0-2]))?", re.ASCII)


class _Document(Struct, frozen=True):
    """`accidents` and `myAccidentCnt` are mandatory in an open record; all fields of a closed one are ignored."""

    openData: Any = None
    accidents: Any = None
    myAccidentCnt: Any = None
    otherAccidentCnt: Any = None
    ownerChanges: Any = None
    ownerChangeCnt: Any = None
    carNoChangeCnt: Any = None
    totalLossCnt: Any = None
    floodTotalLossCnt: Any = None
    floodPartLossCnt: Any = None
    robberCnt: Any = None
    totalLossDate: Any = None
    floodDate: Any = None
    robberDate: Any = None
    government: Any = None
    business: Any = None
    loan: Any = None  # 대여: let out for hire, not lent against
    use: Any = None
    carInfoUse1s: Any = None
    notJoinDate1: Any = None
    notJoinDate2: Any = None
    notJoinDate3: Any = None
    notJoinDate4: Any = None
    notJoinDate5: Any = None


def read_record(body: bytes, vocabulary: Vocabulary) -> Record:
    """Read a record; raises Drift if it is open and its list of accidents or their count is missing."""
    document = decode(body, _Document)
    if document.openData is False:
        return Record(open=False)
    if not isinstance(document.accidents, list):
        raise Drift(ACCIDENTS)
    own_count = whole(document.myAccidentCnt)
    if own_count is None:
        raise Drift(OWN_COUNT)
    owners = document.ownerChanges[:MOST_ROWS] if isinstance(document.ownerChanges, list) else []
    return Record(
        open=True,
        own_accidents=tuple(_accident(entry) for entry in document.accidents[:MOST_ROWS] if _is_own(entry)),
        own_accident_count=own_count,
        other_accident_count=whole(document.otherAccidentCnt),
        owner_changes=tuple(filter(None, map(iso_date, owners))),
        owner_change_count=whole(document.ownerChangeCnt),
        plate_changes=whole(document.carNoChangeCnt),
        total_loss_count=whole(document.totalLossCnt),
        flood_total_loss_count=whole(document.floodTotalLossCnt),
        flood_part_loss_count=whole(document.floodPartLossCnt),
        theft_count=whole(document.robberCnt),
        total_loss_date=_day_or_month(document.totalLossDate),
        flood_date=_day_or_month(document.floodDate),
        theft_date=_day_or_month(document.robberDate),
        government_use=_flag(document.government),
        commercial_use=_flag(document.business),
        rental_use=_flag(document.loan),
        uses=_uses(document, vocabulary),
        uninsured_months=_uninsured(document),
    )


def _is_own(entry: object) -> bool:
    return isinstance(entry, Mapping) and code(entry.get(TYPE)) in OWN_DAMAGE


def _accident(entry: Mapping[str, Any]) -> Accident:
    insurance, parts, labor, paint = (_cost(entry.get(key)) for key in (BENEFIT, PARTS, LABOR, PAINT))
    nothing_cost = insurance == parts == labor == paint == 0
    if not (parts or labor or paint or nothing_cost):  # zeros in fields that nobody filled in
        parts = labor = paint = None
    return Accident(
        date=iso_date(entry.get(DATE)), insurance_krw=insurance, parts_krw=parts, labor_krw=labor, paint_krw=paint
    )


def _cost(value: object) -> int | None:
    amount = whole(value)
    return None if amount == UNKNOWN_COST else amount


def _day_or_month(value: object) -> str | None:
    day = iso_date(value)
    match = None if day else _MONTH.fullmatch(short_text(value) or "")
    return f"{match[1]}-{match[2]}" if match else day


def _flag(value: object) -> bool | None:
    number = int(value) if isinstance(value, bool) else whole(value)
    return None if number is None else number > 0


def _uses(document: _Document, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return the registered uses of the car, the current one first, each once."""
    earlier = document.carInfoUse1s[:MOST_ROWS] if isinstance(document.carInfoUse1s, list) else []
    codes = filter(None, map(code, (document.use, *earlier)))
    return tuple(dict.fromkeys(token("record_uses", Coded(use, None), vocabulary) for use in codes))


def _uninsured(document: _Document) -> tuple[Months, ...] | None:
    """Return the months without insurance; None if any span cannot be read, so that no gap is hidden."""
    spans = (
        document.notJoinDate1,
        document.notJoinDate2,
        document.notJoinDate3,
        document.notJoinDate4,
        document.notJoinDate5,
    )
    found: list[Months] = []
    for span in filter(None, spans):
        match = _SPAN.fullmatch(short_text(span) or "")
        if match is None:
            return None
        found.append(Months(f"{match[1]}-{match[2]}", f"{match[3]}-{match[4]}" if match[3] else None))
    return tuple(found)
