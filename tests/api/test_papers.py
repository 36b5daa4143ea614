"""What a buyer must know though papers disagree: losses, liens, missing sheets and sheets of another car."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from dealerproxy.captures import capture as saved
from dealerproxy.upstreams.encar import client as encar_client
from dealerproxy.upstreams.encar import site as encar_site
from dealerproxy.vocabulary import Vocabulary
from tests.support.clock import ClockAhead
from tests.support.harness import ServiceHarness, service_over

CAPTURES = Path(__file__).parents[1] / "captures"
ID = "49000001"
VIN, OTHER_VIN = "KNAMA81ABPK000001", "KNAMA81ABPK000002"


def captured(name: str) -> Any:
    return orjson.loads((CAPTURES / name / "body.json").read_bytes())


def advert(*, vin: str | None = VIN, seizures: int = 0, pledges: int = 0) -> Any:
    found = captured("encar_detail")
    liens = {"seizingCount": seizures, "pledgeCount": pledges}
    return found | {"vin": vin, "condition": found["condition"] | {"seizing": liens}}


def sheet(**detail: Any) -> Any:
    found = captured("encar_inspection_clean")
    of_the_car = {"vin": VIN, "mileage": 41_300, "firstRegistrationDate": "20230517", "modelYear": "2023"}
    found["master"]["detail"] |= of_the_car | detail
    return found


def record(**changes: Any) -> Any:
    return captured("encar_record_clean") | changes


class PapersHarness:
    """A service over a site that has the papers of one car: those in `papers`, by operation."""

    def __init__(self, papers: dict[str, Any]) -> None:
        self.papers = papers
        self.asked = Counter[str]()
        self.service: ServiceHarness

    async def handle(self, request: web.Request) -> web.Response:
        names = ("inspection", "record", "diagnosis")
        name = next((name for name in names if f"/{name}/" in request.path), "vehicle")
        self.asked[name] += 1
        paper = self.papers.get(name)
        if isinstance(paper, int) or paper is None:
            return web.Response(status=paper or 404)
        return web.Response(body=orjson.dumps(paper), content_type="application/json")

    async def car(self, *, include: str = "", **papers: Any) -> Any:
        """The answer for the car with these papers."""
        self.papers |= papers
        async with self.service.client.get(f"/v1/vehicles/encar_{ID}", params={"include": include}) as response:
            assert response.status == 200
            return await response.json()


@pytest.fixture
def clock() -> ClockAhead:
    return ClockAhead()


@pytest.fixture
async def house(vocabulary: Vocabulary, tmp_path: Path, clock: ClockAhead) -> AsyncIterator[PapersHarness]:
    harness = PapersHarness({"vehicle": advert(), "inspection": sheet(), "record": record()})
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", harness.handle)
    async with service_over(app, vocabulary, clock=clock, capture_dir=str(tmp_path)) as client:
        harness.service = ServiceHarness(client)
        yield harness


def state(car: Any, name: str = "inspection") -> tuple[str, str | None]:
    (found,) = ((entry["status"], entry["reason"]) for entry in car["enrichment"] if entry["name"] == name)
    return found


@pytest.mark.parametrize(
    ("found", "token", "told", "flood"),
    [
        ({"totalLossCnt": 1, "totalLossDate": "2021-03-04"}, "total_loss", "1 total loss, 2021-03", False),
        ({"floodTotalLossCnt": 1, "floodDate": "202103"}, "flood_total_loss", "1 flood total loss, 2021-03", True),
        ({"floodPartLossCnt": 2}, "flood_part_loss", "2 flood partial losses", True),
        ({"robberCnt": 1, "robberDate": "20210304"}, "theft", "1 theft, 2021-03", False),
    ],
)
async def test_a_loss_on_the_record_stands_in_the_report_of_a_clean_sheet(
    house: PapersHarness, found: dict[str, Any], token: str, told: str, flood: bool
) -> None:
    report = (await house.car(record=record(**found)))["inspection_report"]
    assert report["accident_summary"].startswith(f"No accident on the inspection sheet. Insurance record: {told}.")
    assert [issue["faults"] for issue in report["issues"]] == [[token]]
    assert (report["has_accident"], report["flood"]) == (False, flood)


async def test_a_car_without_a_sheet_has_the_report_of_its_record(house: PapersHarness) -> None:
    car = await house.car(inspection=404, record=captured("encar_record_total_loss"))
    report = car["inspection_report"]
    assert state(car) == ("absent", "not_found")
    assert report["accident_cost_summary"] is not None
    assert ["total_loss"] in [issue["faults"] for issue in report["issues"]]
    for of_a_sheet in ("has_accident", "has_frame_damage", "checklist", "category_grades", "dealer_inspection"):
        assert report[of_a_sheet] is None


async def test_a_car_without_a_sheet_and_with_a_clean_record_has_no_report(house: PapersHarness) -> None:
    assert (await house.car(inspection=404))["inspection_report"] is None


async def test_a_sheet_that_could_not_be_asked_for_leaves_the_report_null(house: PapersHarness) -> None:
    car = await house.car(inspection=500, record=captured("encar_record_total_loss"), vehicle=advert(seizures=1))
    assert (state(car)[0], car["inspection_report"]) == ("failed", None)


async def test_a_sheet_with_another_vin_is_not_shown_and_is_kept(house: PapersHarness, tmp_path: Path) -> None:
    car = await house.car(inspection=sheet(vin=OTHER_VIN), record=captured("encar_record_total_loss"))
    assert state(car) == ("failed", "other_vehicle")
    assert (car["inspection_report"], car["body_condition"], car["vin"]) == (None, None, VIN)
    await house.service.client.close()  # which writes what still waits
    assert [capture for capture in saved.find(tmp_path) if "inspection" in capture.name]


@pytest.mark.parametrize(
    ("detail", "other"),
    [
        ({"mileage": 90_000, "firstRegistrationDate": "20150101", "modelYear": "2015"}, True),
        ({"mileage": 41_900, "firstRegistrationDate": "20150101", "modelYear": "2015"}, False),
        ({"mileage": 90_000, "firstRegistrationDate": "20230517", "modelYear": "2015"}, False),
        ({"mileage": 90_000, "firstRegistrationDate": "20150101", "modelYear": "2023"}, False),
        ({"mileage": 90_000, "firstRegistrationDate": None, "modelYear": "2015"}, False),
    ],
)
async def test_without_a_vin_a_sheet_is_anothers_only_by_mileage_first_registration_and_year_together(
    house: PapersHarness, detail: dict[str, Any], other: bool
) -> None:
    car = await house.car(vehicle=advert(vin=None), inspection=sheet(**detail))
    assert state(car) == (("failed", "other_vehicle") if other else ("ok", None))
    assert car["vin"] == (None if other else VIN)


async def test_a_sheet_kept_in_the_cache_is_compared_with_each_advert(house: PapersHarness) -> None:
    assert state(await house.car(inspection=sheet(vin=OTHER_VIN))) == ("failed", "other_vehicle")
    assert state(await house.car()) == ("failed", "other_vehicle")


@pytest.mark.parametrize(("vin", "shown"), [(None, VIN), (VIN, VIN)])
async def test_a_vin_that_only_the_sheet_has_becomes_the_cars(
    house: PapersHarness, vin: str | None, shown: str
) -> None:
    assert (await house.car(vehicle=advert(vin=vin)))["vin"] == shown


@pytest.mark.parametrize("inspection", [sheet(), 404])
async def test_seizures_and_pledges_are_issues_whether_there_is_a_sheet_or_not(
    house: PapersHarness, inspection: Any
) -> None:
    report = (await house.car(vehicle=advert(seizures=2, pledges=1), inspection=inspection))["inspection_report"]
    assert [(issue["category"], issue["status"], issue["faults"]) for issue in report["issues"]] == [
        ("history", "major", ["seizure"]),
        ("history", "major", ["pledge"]),
    ]


def with_condition(**condition: Any) -> Any:
    found = advert()
    return found | {"condition": {"accident": {"recordView": True}, "inspection": {"formats": ["TABLE"]}} | condition}


@pytest.mark.parametrize(
    ("condition", "inspected", "recorded"),
    [
        ({}, ("ok", None), ("ok", None)),
        ({"inspection": {"formats": []}}, ("skipped", "not_published"), ("ok", None)),
        ({"inspection": {"formats": ["IMAGE"]}}, ("ok", None), ("ok", None)),
        ({"inspection": {"formats": None}}, ("ok", None), ("ok", None)),
        ({"inspection": None}, ("ok", None), ("ok", None)),
        ({"inspection": []}, ("ok", None), ("ok", None)),
        ({"accident": {"recordView": False}}, ("ok", None), ("skipped", "private")),
        ({"accident": {"recordView": None}}, ("ok", None), ("ok", None)),
        ({"accident": None}, ("ok", None), ("ok", None)),
        (
            {"inspection": {"formats": []}, "accident": {"recordView": False}},
            ("skipped", "not_published"),
            ("skipped", "private"),
        ),
    ],
    ids=str,
)
async def test_papers_are_asked_for_unless_the_advert_says_that_there_are_none(
    house: PapersHarness, condition: dict[str, Any], inspected: tuple[str, str | None], recorded: tuple[str, str | None]
) -> None:
    car = await house.car(vehicle=with_condition(**condition))
    assert (state(car), state(car, "record")) == (inspected, recorded)
    asked = [name for name, told in (("inspection", inspected), ("record", recorded)) if told[0] == "ok"]
    assert [name for name in ("inspection", "record") if house.asked[name]] == asked


async def test_a_car_that_publishes_no_sheet_has_the_report_of_its_record(house: PapersHarness) -> None:
    no_sheet = with_condition(inspection={"formats": []})
    report = (await house.car(vehicle=no_sheet, record=captured("encar_record_total_loss")))["inspection_report"]
    assert ["total_loss"] in [issue["faults"] for issue in report["issues"]]
    assert report["has_accident"] is None


@pytest.mark.parametrize("include", ["", "enriched"])
async def test_only_insiders_make_the_service_ask_for_the_diagnosis(house: PapersHarness, include: str) -> None:
    assert state(await house.car(include=include), "diagnosis") == ("skipped", "not_requested")
    assert house.asked["diagnosis"] == 0
    assert state(await house.car(include="dealer"), "diagnosis") == ("absent", "not_found")
    assert house.asked["diagnosis"] == 1


async def test_papers_are_kept_for_a_day_and_a_week_if_the_site_fails(house: PapersHarness, clock: ClockAhead) -> None:
    await house.car()
    clock.ahead_s = 86_000.0
    assert state(await house.car()) == ("ok", None)
    assert (house.asked["inspection"], house.asked["record"]) == (1, 1)
    clock.ahead_s = 6.9 * 86_400.0
    car = await house.car(inspection=500, record=500)
    assert (state(car), state(car, "record")) == (("ok", "stale"), ("ok", "stale"))
    clock.ahead_s = 7.1 * 86_400.0
    assert state(await house.car())[0] == "failed"


async def test_a_missing_paper_is_asked_for_again_after_ten_minutes(house: PapersHarness, clock: ClockAhead) -> None:
    assert state(await house.car(inspection=404)) == ("absent", "not_found")
    clock.ahead_s = 300.0
    assert state(await house.car(inspection=sheet())) == ("absent", "not_found")
    clock.ahead_s = 700.0
    assert state(await house.car()) == ("ok", None)


async def test_papers_that_get_no_turn_are_skipped_and_the_car_is_answered(
    vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encar_client, "MANNERS", encar_client.MANNERS._replace(burst=1))
    monkeypatch.setattr(encar_site, "MANNERS", encar_client.MANNERS)
    harness = PapersHarness({"vehicle": advert(), "inspection": sheet(), "record": record()})
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", harness.handle)
    async with service_over(app, vocabulary, encar_rps=0.01) as client:
        harness.service = ServiceHarness(client)
        car = await harness.car(include="dealer")
        for name in ("inspection", "record", "diagnosis"):
            assert state(car, name) == ("skipped", "overloaded")
        assert car["inspection_report"] is None
        async with client.get(f"/v1/vehicles/encar_{ID}") as response:
            assert response.headers["Cache-Control"] == "no-store"
