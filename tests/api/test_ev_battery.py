"""A battery's report over HTTP: insiders only, where the advert announces it, and never the reason why a car fails."""

from typing import Any

import pytest
from aiohttp import web

from dealerproxy.vocabulary import Vocabulary
from tests.api.one_site import get
from tests.upstreams.encar.test_advert import document

REPORT = {
    "ensolRawInfo": {"summaryInfo": {"soh": 93.9, "sohGrade": "SS", "diagnosisCompletedDate": "2026-07-15"}},
    "jatoBatteryInfo": None,
    "encarComputedInfo": None,
}
EMPTY = dict.fromkeys(REPORT)


class Site:
    """Answers for one advert and its battery, and counts the calls for this."""

    def __init__(self, status: int, report: object, view: object) -> None:
        self.status, self.report, self.view, self.calls = status, report, view, 0

    async def handle(self, request: web.Request) -> web.Response:
        if request.path == "/v1/readside/vehicle/ev-battery/49000001":
            self.calls += 1
            return web.json_response(self.report, status=self.status)
        if request.path == "/v1/readside/vehicle/49000001":
            return web.json_response(document(view=self.view, options={"choice": []}))
        return web.Response(status=404)


async def ask(site: Site, vocabulary: Vocabulary, *queries: str) -> list[Any]:
    return await get(site.handle, vocabulary, *(f"/v1/vehicles/encar_49000001{query}" for query in queries))


@pytest.mark.parametrize("view", [{"hasEvBatteryInfo": True}, {"isBatteryPass": True, "hasEvBatteryInfo": False}])
async def test_insiders_see_a_battery_that_is_announced_and_it_is_fetched_once(
    vocabulary: Vocabulary, view: dict[str, bool]
) -> None:
    site = Site(200, REPORT, view)
    for body in await ask(site, vocabulary, "?include=dealer", "?include=dealer"):
        assert body["dealer"]["ev_battery"] == {
            "health_percent": 93.9,
            "health_grade": "SS",
            "tested_on": "2026-07-15",
            "battery_type": None,
            "control_system": None,
            "thermal_management": None,
            "over_the_air_updates": None,
            "vehicle_to_load": None,
            "efficiency_km_per_kwh": None,
        }
        assert [paper["name"] for paper in body["enrichment"]] == ["inspection", "record", "diagnosis"]
    assert site.calls == 1


@pytest.mark.parametrize("view", [{"hasEvBatteryInfo": False}, {}, None, {"hasEvBatteryInfo": "yes"}])
async def test_a_battery_that_is_not_announced_costs_no_call(vocabulary: Vocabulary, view: object) -> None:
    site = Site(200, REPORT, view)
    (body,) = await ask(site, vocabulary, "?include=dealer")
    assert (body["dealer"]["ev_battery"], site.calls) == (None, 0)


async def test_partners_cost_no_call_for_a_battery(vocabulary: Vocabulary) -> None:
    site = Site(200, REPORT, {"hasEvBatteryInfo": True})
    await ask(site, vocabulary, "", "?include=enriched")
    assert site.calls == 0


@pytest.mark.parametrize(
    ("status", "report"), [(200, EMPTY), (404, None), (500, None), (403, None), (200, []), (200, {"odd": 1})]
)
async def test_a_battery_that_cannot_be_had_or_says_nothing_is_null_and_the_car_is_whole(
    vocabulary: Vocabulary, status: int, report: object
) -> None:
    (body,) = await ask(Site(status, report, {"hasEvBatteryInfo": True}), vocabulary, "?include=dealer")
    assert body["dealer"]["ev_battery"] is None
    assert body["make"] == "Kia"


@pytest.mark.parametrize("status", [429, 403])
async def test_a_site_that_refuses_extras_is_still_asked_for_papers(vocabulary: Vocabulary, status: int) -> None:
    site = Site(status, None, {"hasEvBatteryInfo": True})
    paths = ("/v1/vehicles/encar_49000001?include=dealer", "/v1/upstreams")
    car, upstreams = await get(site.handle, vocabulary, *paths)
    states = {name: each["state"] for name, each in upstreams["data"][0]["operations"].items()}
    assert (states["extras"], states["papers"], states["detail"]) == ("suspended", "healthy", "healthy")
    assert car["dealer"]["ev_battery"] is None
