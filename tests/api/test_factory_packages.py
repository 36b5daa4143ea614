"""Factory packages over HTTP: insiders only, one call a day, and never the reason why a car fails."""

from typing import Any

import pytest
from aiohttp import web

from dealerproxy.vocabulary import Vocabulary
from tests.api.one_site import get
from tests.upstreams.encar.test_advert import document

LISTED = [{"optionCd": "1104", "optionName": "파노라마 선루프", "price": 109, "description": None}]
ON_THE_CAR = [{"code": "1104", "name": "Panoramic Sunroof", "price_krw": 1_090_000}]


class Site:
    """Answers for one advert and its packages, and counts the calls for these."""

    def __init__(self, status: int, listed: object, choice: object) -> None:
        self.status, self.listed, self.choice, self.calls = status, listed, choice, 0

    async def handle(self, request: web.Request) -> web.Response:
        if request.path == "/v1/readside/vehicles/car/49000001/options/choice":
            self.calls += 1
            return web.json_response(self.listed, status=self.status)
        if request.path == "/v1/readside/vehicle/49000001":
            return web.json_response(document(options={"choice": self.choice}))
        return web.Response(status=404)


async def ask(site: Site, vocabulary: Vocabulary, *queries: str) -> list[Any]:
    return await get(site.handle, vocabulary, *(f"/v1/vehicles/encar_49000001{query}" for query in queries))


async def test_insiders_see_the_packages_on_the_car_and_they_are_fetched_once(vocabulary: Vocabulary) -> None:
    site = Site(200, LISTED, ["1104"])
    for body in await ask(site, vocabulary, "?include=dealer", "?include=dealer"):
        assert body["dealer"]["factory_packages"] == ON_THE_CAR
        assert [paper["name"] for paper in body["enrichment"]] == ["inspection", "record", "diagnosis"]
    assert site.calls == 1


async def test_partners_cost_no_call_for_packages(vocabulary: Vocabulary) -> None:
    site = Site(200, LISTED, ["1104"])
    await ask(site, vocabulary, "")
    assert site.calls == 0


@pytest.mark.parametrize(("choice", "told"), [([], []), (None, None), ("1104", None)])
async def test_a_car_without_named_packages_costs_no_call(vocabulary: Vocabulary, choice: object, told: object) -> None:
    site = Site(200, LISTED, choice)
    (body,) = await ask(site, vocabulary, "?include=dealer")
    assert (body["dealer"]["factory_packages"], site.calls) == (told, 0)


@pytest.mark.parametrize(("status", "listed"), [(404, None), (500, None), (403, None), (200, {"odd": 1})])
async def test_packages_that_cannot_be_had_are_null_and_the_car_is_whole(
    vocabulary: Vocabulary, status: int, listed: object
) -> None:
    (body,) = await ask(Site(status, listed, ["1104"]), vocabulary, "?include=dealer")
    assert body["dealer"]["factory_packages"] is None
    assert body["make"] == "Kia"
