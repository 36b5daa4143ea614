"""The documents of one car: inspection sheet, insurance record and diagnosis, in plain English.

No field contains Korean. A value that a document lacks is null, never false or zero. Documents are cached, so amounts
are in won, except in `AccidentCostSummary`, which depends on a request's exchange rate and is in whole US dollars.
"""

from enum import StrEnum
from typing import Literal

from msgspec import Struct

Severity = Literal["minor", "medium", "major"]
PanelType = Literal["exterior", "frame", "unknown"]
CategoryStatus = Literal["good", "fair", "poor", "unknown"]


class Panel(Struct, frozen=True, kw_only=True):
    """One damaged or repaired panel.

    `panel_id` is like `front-door-l`; an unknown panel keeps its code (`p999`), a panel without a readable code is
    `unknown`. `damage_codes` are lower case, worst first; `damage_code` is the first of them. `panel_type` is
    `unknown` if neither the panel nor its rank is known; such a panel is always `major`.
    """

    panel_id: str
    panel_type: PanelType
    damage_code: str
    damage_codes: tuple[str, ...]
    label: str
    description: str
    severity: Severity


class BodyCondition(Struct, frozen=True, kw_only=True):
    """The damaged panels of a car, by panel code; an empty one means no damage. Dealer cars have no diagram."""

    image_url: None = None
    panels: tuple[Panel, ...]


class CategoryGrade(Struct, frozen=True):
    """The grade of one checklist group, from its answers.

    `good`: every answer is good. `fair`: the worst is a small flaw (a minor leak, too little or too much of a
    fluid). `poor`: an answer is worse. `unknown`: no answer is bad, but one could not be read.
    """

    category: str
    status: CategoryStatus


class ChecklistItem(Struct, frozen=True):
    """One answered item: `group`, `item` and `result` are snake_case tokens, the labels are plain English."""

    group: str
    item: str
    result: str
    label: str
    result_label: str


class Issue(Struct, frozen=True):
    """One finding: a damaged panel, a bad checklist answer, a loss or lien, or a danger in the inspector's remarks.

    `category` is the panel's type, the checklist group, `history` or `condition`; `status` is the severity.
    `faults` are damage codes, the result's token, or for losses and liens `total_loss`, `flood_total_loss`,
    `flood_part_loss`, `theft`, `seizure`, `pledge`. A `remark` has one danger that the remarks name without denying
    it: `total_loss`, `flood`, `theft`, `fire`, `odometer_tampering`, `accident`, `sheet_metal`, `replaced` (`history`),
    `corrosion` or `oil_leak` (`condition`).
    """

    category: str
    status: Severity
    detail: str
    faults: tuple[str, ...]
    type: Literal["panel_damage", "checklist", "history", "remark"]


class DealerInspection(Struct, frozen=True):
    """Counts of damaged panels by kind; a panel of unknown kind counts as exterior, so the sum is all panels.

    Both are null if an inspection names no panels.
    """

    frame_damage_count: int | None
    exterior_damage_count: int | None


class CostBreakdown(Struct, frozen=True):
    """Repair costs in whole USD; null if no accident states them."""

    parts: int | None
    labor: int | None
    paint: int | None


class CostIncident(Struct, frozen=True):
    """One accident: `date` as `2019.06.12`, amounts in whole USD; null if the record does not state it."""

    date: str | None
    insurance_paid: int | None
    repair_cost: int | None


class AccidentCostSummary(Struct, frozen=True, kw_only=True):
    """This car's own accidents in whole USD. A sum covers the accidents of known cost; null if there are none.

    Every figure is rounded by itself, so parts, labour and paint may differ from the total by a dollar or two.
    """

    total_incidents: int
    total_repair_cost: int | None
    breakdown: CostBreakdown
    insurance_paid: int | None
    incidents: tuple[CostIncident, ...]


class NeededRepair(Struct, frozen=True):
    """A part that needs repair according to the sheet.

    `part`: `exterior`, `interior`, `polish`, `cleaning`, `wheels`, `tires` or `glass`. `places`, for wheels and tires:
    `driver_front`, `driver_rear`, `passenger_front`, `passenger_rear`, `spare`.
    """

    part: str
    places: tuple[str, ...]


class InspectionReport(Struct, frozen=True, kw_only=True):
    """The report on a car: findings of the sheet, the insurance record and the liens.

    The fields up to `inspection_sheet_url` are the partner API's, in its order.
    `source` is the site of the report: Encar, or the feeder M-Park, which sums an inspection up and names no panels.
    `has_accident` is the box that the inspector ticked, never computed from panels. `has_frame_damage` is null if no
    frame panel is damaged but a panel of unknown kind is; `exterior_summary` names such a panel too, as the count of
    exterior panels counts it. If no panels are named, both are null. `accident_cost_summary` comes from the
    insurance record. Without a sheet there is a report only if the record has a loss or accident, or the car has liens;
    the sheet's fields are then null. `inspector_notes` are the remarks, phrase by phrase; remarks without a
    translation are counted at the end ("[1 remark not translated]"). `flood` is true if the sheet, its remarks or the
    record say so, `fire` if the sheet or its remarks do. Fields beyond the partner's, each null if the sheet lacks it:

    * `simple_repair`: ticked: panels were repaired, and this does not count as an accident
    * `inspected_on`: the day of issue of the sheet; `mileage_km`: its odometer reading
    * `model_year`, `first_registered_on`; `roadworthy_from`, `roadworthy_until`: the validity of the statutory test
    * `transmission`: `auto` or `manual`; `color_type`: `neutral` or `coloured`
    * `usage_changes`: former uses of the car (`rental`, `lease`, `commercial`), `paint_changes`: `full_repaint`,
      `color_change`, `tuning_types`: `lawful`, `unlawful`, `structure`, `device`
    * `flood`, `fire`, `tuning`, `recall` (open or done), `recall_fulfilled`
    * `guarantee`: who guarantees the sheet, `self` (the seller) or `insurer`
    * `odometer_state`: `good` or `defective`; `mileage_state`: `high`, `normal` or `low`
    * `co_percent`, `hc_ppm`, `smoke_percent`: measured exhaust values (`smoke_percent` for a diesel)
    * `engine_code`: the type of the engine or motor (`G4KR`)
    * `needed_repairs`: of body, wheels, tires and so on; null if the sheet fills in none of these
    * `equipment`: equipment on board (`manual`, `warning_triangle`, `jack`, `wrench`); null if not filled in
    * `vin_marking`: the stamped VIN is `good`, `corroded`, `damaged`, `mismatched`, `altered` or `erased`

    An unknown word in these fields keeps its code (`code_7`) or is `unknown`. Dates are ISO 8601 (`2026-08-05`).
    """

    source: Literal["encar", "mpark"] = "encar"
    overall_grade: None = None
    grade_description: None = None
    accident_summary: str
    has_accident: bool | None
    has_frame_damage: bool | None
    exterior_summary: str | None
    accident_reason: None = None
    category_grades: tuple[CategoryGrade, ...] | None
    checklist: tuple[ChecklistItem, ...] | None
    accident_history: tuple[()] = ()
    accident_cost_summary: AccidentCostSummary | None = None
    issues: tuple[Issue, ...]
    inspector_notes: str | None = None
    inspection_sheet_url: None = None
    dealer_inspection: DealerInspection | None
    simple_repair: bool | None = None
    inspected_on: str | None = None
    mileage_km: int | None = None
    model_year: int | None = None
    first_registered_on: str | None = None
    roadworthy_from: str | None = None
    roadworthy_until: str | None = None
    transmission: str | None = None
    color_type: str | None = None
    usage_changes: tuple[str, ...] | None = None
    paint_changes: tuple[str, ...] | None = None
    tuning: bool | None = None
    tuning_types: tuple[str, ...] | None = None
    flood: bool | None = None
    fire: bool | None = None
    recall: bool | None = None
    recall_fulfilled: bool | None = None
    guarantee: str | None = None
    odometer_state: str | None = None
    mileage_state: str | None = None
    vin_marking: str | None = None
    co_percent: float | None = None
    hc_ppm: float | None = None
    smoke_percent: float | None = None
    engine_code: str | None = None
    needed_repairs: tuple[NeededRepair, ...] | None = None
    equipment: tuple[str, ...] | None = None


class Inspection(Struct, frozen=True):
    """The contents of one sheet: the body, and the rest; `vin` is null if the sheet shows none."""

    body_condition: BodyCondition
    report: InspectionReport
    vin: str | None = None


class NoReportReason(StrEnum):
    """Why a sheet is not a report: it is only a scan, an empty form, or a truck's sheet in an unknown format."""

    PHOTO_ONLY = "photo_only"
    EMPTY_SHEET = "empty_sheet"
    UNKNOWN_SHEET = "unknown_sheet"


class NoReport(Struct, frozen=True):
    """A sheet without readable content; never show it as a clean sheet."""

    reason: NoReportReason


class Accident(Struct, frozen=True, kw_only=True):
    """One accident that damaged this car: ISO date, whole won; null if the record does not state it.

    Repair costs of nothing are zero only if insurance paid exactly nothing; else they are null.
    """

    date: str | None
    insurance_krw: int | None
    parts_krw: int | None
    labor_krw: int | None
    paint_krw: int | None


class Months(Struct, frozen=True):
    """A span of months, both ends included, as `2023-07`; an open end is null."""

    start: str
    end: str | None


class Record(Struct, frozen=True, kw_only=True):
    """The insurance record. If it is not `open`, everything else is null or empty and means nothing.

    `own_accidents` damaged this car; `own_accident_count` is the record's own count and may be higher. The other
    counts are the record's own too; `other_accident_count` counts damage that this car did to others. `owner_changes`
    are ISO dates, newest first; `plate_changes` counts. `uses`: registered uses of the car (`government`, `private`,
    `commercial`, `rental`). `uninsured_months` is null if a span cannot be read. The dates of losses and theft
    are ISO days or months (`2021-03`); the record has one date for all of a kind. Plates and names are never stored.
    """

    open: bool
    own_accidents: tuple[Accident, ...] = ()
    own_accident_count: int | None = None
    other_accident_count: int | None = None
    owner_changes: tuple[str, ...] = ()
    owner_change_count: int | None = None
    plate_changes: int | None = None
    total_loss_count: int | None = None
    flood_total_loss_count: int | None = None
    flood_part_loss_count: int | None = None
    theft_count: int | None = None
    total_loss_date: str | None = None
    flood_date: str | None = None
    theft_date: str | None = None
    government_use: bool | None = None
    commercial_use: bool | None = None
    rental_use: bool | None = None
    uses: tuple[str, ...] = ()
    uninsured_months: tuple[Months, ...] | None = None


class DiagnosisPanel(Struct, frozen=True):
    """One panel, with the same id as on the inspection sheet; `result` is `normal`, `replaced` or a code."""

    panel_id: str
    label: str
    result: str


class Diagnosis(Struct, frozen=True):
    """Encar's own check of the outer panels: a second opinion. `diagnosed_on` is an ISO date."""

    diagnosed_on: str | None
    panels: tuple[DiagnosisPanel, ...]


class EvBattery(Struct, frozen=True, kw_only=True):
    """The drive battery of an electric car; null if the site does not state the value.

    * `health_percent`: the capacity that a tester found, as a part of that when new; `health_grade`: the tester's grade
      (`SS`); `tested_on`: ISO date
    * for the model, from its maker: `battery_type`, `control_system`, `thermal_management` in plain English,
      `over_the_air_updates`, `vehicle_to_load` (it can power devices), `efficiency_km_per_kwh`
    """

    health_percent: float | None = None
    health_grade: str | None = None
    tested_on: str | None = None
    battery_type: str | None = None
    control_system: str | None = None
    thermal_management: str | None = None
    over_the_air_updates: bool | None = None
    vehicle_to_load: bool | None = None
    efficiency_km_per_kwh: float | None = None


class FactoryPackage(Struct, frozen=True):
    """A package that was ordered with the car: the site's code, its English name, and its price when new.

    `name` is null if one of its words has no translation, `price_krw` if the site does not state it.
    """

    code: str
    name: str | None
    price_krw: int | None


class FactoryPackages(Struct, frozen=True):
    """All packages of a trim, each once."""

    packages: tuple[FactoryPackage, ...]
