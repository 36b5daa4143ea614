"""Faults and control routes of the Danawa stand-in, over HTTP."""

import asyncio
import json
import time
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp import AiohttpClient
from selectolax.lexbor import LexborHTMLParser

from dealerproxy.sandbox.danawa.inventory import DanawaCar, generate_danawa
from dealerproxy.sandbox.danawa.pages import Manners
from dealerproxy.sandbox.danawa.site import DanawaStandIn
from dealerproxy.sandbox.faults import (
    BadRows,
    Block,
    Drop,
    Empty,
    Hang,
    Html,
    Latency,
    MissingField,
    MissingSelector,
    RateLimited,
    Status,
    Trickle,
)

Client = TestClient[Any, Any]
CARS, FAULTS, MANNERS = "/__sandbox/danawa/cars", "/__sandbox/faults", "/__sandbox/danawa/manners"
LIST, FEEDER = "/usedcar/?Work=list&Tab=list", "/home/api/v1/wb/searchmycar/cardetailinfo/get?demoNo="


@pytest.fixture
def danawa() -> DanawaStandIn:
    return DanawaStandIn(generate_danawa(5, 300))


@pytest.fixture
async def site(danawa: DanawaStandIn, aiohttp_client: AiohttpClient) -> Client:
    return await aiohttp_client(danawa.app())


def _fed(danawa: DanawaStandIn) -> DanawaCar:
    return next(car for car in danawa.inventory if car.feeder == "mpark" and car.at_feeder)


async def _page(site: Client, path: str = LIST) -> LexborHTMLParser:
    return LexborHTMLParser(await (await site.get(path)).read())


async def test_a_fault_hits_each_operation_by_its_name(site: Client, danawa: DanawaStandIn) -> None:
    paths = {
        "danawa_list": LIST,
        "feeder": FEEDER + _fed(danawa).id,
        "bridge": "/usedcar/loadingBridge.php?refer=usedcarList&sCompany=mpark&sDemoNo=6061500368",
    }
    for operation in paths:
        danawa.faults.add(Status(operation=operation))
        answers = {name: (await site.get(path)).status for name, path in paths.items()}
        assert answers == {name: 503 if name == operation else 200 for name in paths}
        danawa.faults.clear()


async def test_a_fault_may_be_for_one_brand_one_page_or_one_car(site: Client, danawa: DanawaStandIn) -> None:
    danawa.faults.add(
        Status(contains="Brand=303&"), Status(status=502, contains="Page=2&"), Status(contains="demoNo=7")
    )
    paths = ["&Brand=303", "&Brand=307", "&Brand=307&Page=2", "&Brand=307&Page=20"]
    assert [(await site.get(LIST + query)).status for query in paths] == [503, 200, 502, 200]
    assert [(await site.get(FEEDER + number)).status for number in ("7000000001", "6061500368")] == [503, 200]


async def test_the_ways_of_failing_are_those_of_encar(site: Client, danawa: DanawaStandIn) -> None:
    danawa.faults.add(RateLimited(retry_after=9, times=1))
    response = await site.get(LIST)
    assert (response.status, response.headers["Retry-After"]) == (429, "9")
    danawa.faults.add(Block(status=403, times=1))
    assert "blocked" in await (await site.get(LIST)).text()
    danawa.faults.add(Html(times=1))
    assert (await _page(site, FEEDER + "6061500368")).css_first("title") is not None
    danawa.faults.add(Empty(times=1))
    assert await (await site.get(LIST)).read() == b""
    danawa.faults.add(Latency(ms=60, times=1))
    start = time.monotonic()
    assert len((await _page(site)).css("#usedcarList a.name")) == 30
    assert time.monotonic() - start >= 0.06
    danawa.faults.add(Hang(times=1))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(site.get(LIST), 0.05)
    danawa.faults.add(Drop(times=1))
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await site.get(LIST)
    danawa.faults.add(Drop(at="body", times=1))
    with pytest.raises(aiohttp.ClientPayloadError):
        await (await site.get(LIST)).read()
    danawa.faults.add(Trickle(bytes_per_second=10**6, times=1))
    assert len((await _page(site)).css("#usedcarList a.name")) == 30
    assert len(danawa.faults) == 0


@pytest.mark.parametrize(
    ("selector", "looked_for"),
    [
        ("km", "div.col.km"),
        (".year", "div.col.year"),
        ("num", "span.num"),
        ("middle", ".middle"),
        ("name", "a.name"),
        ("#usedcarList", "#usedcarList"),
    ],
)
async def test_a_selector_goes_missing_everywhere_and_nothing_else_does(
    site: Client, danawa: DanawaStandIn, selector: str, looked_for: str
) -> None:
    whole = await _page(site)
    danawa.faults.add(MissingSelector(operation="danawa_list", selector=selector))
    broken = await _page(site)
    assert len(whole.css(looked_for)) > 0 == len(broken.css(looked_for))
    assert len(broken.css("ul > li")) == len(whole.css("ul > li"))
    others = {"div.col", "a.name", ".middle", "span.num", "div.col.price"} - {looked_for}
    assert all(len(broken.css(other)) == len(whole.css(other)) for other in others)
    assert broken.text() == whole.text()


@pytest.mark.parametrize(("share", "missing"), [(0.0, 0), (0.04, 1), (0.5, 15), (0.6, 18)])
@pytest.mark.parametrize("charset", ["utf-8", "cp949"])
async def test_a_selector_may_be_missing_from_a_share_of_the_cars(
    site: Client, danawa: DanawaStandIn, share: float, missing: int, charset: Any
) -> None:
    danawa.manners = Manners(charset=charset)
    danawa.faults.add(MissingSelector(selector="price", share=share))
    page = LexborHTMLParser((await (await site.get(LIST)).read()).decode(charset))
    assert len(page.css("#usedcarList div.col.price")) == 30 - missing
    assert len(page.css("#usedcarList div.col")) == 90


async def test_a_missing_selector_leaves_what_is_no_page_alone(site: Client, danawa: DanawaStandIn) -> None:
    path = FEEDER + _fed(danawa).id
    whole = await (await site.get(path)).read()
    danawa.faults.add(MissingSelector(selector="km"))
    assert await (await site.get(path)).read() == whole


async def test_keys_of_the_feeder_s_car_can_go_missing_or_bad(site: Client, danawa: DanawaStandIn) -> None:
    path = FEEDER + _fed(danawa).id

    async def info() -> Any:
        return json.loads(await (await site.get(path)).read())["data"]

    danawa.faults.add(MissingField(operation="feeder", field="demoAmt", times=1))
    (car,) = (await info())["detailInfo"]
    assert "demoAmt" not in car
    assert "km" in car
    danawa.faults.add(BadRows(operation="feeder", field="km", times=1))
    assert (await info())["detailInfo"][0]["km"] == {"unreadable": True}
    danawa.faults.add(MissingField(operation="feeder", field="data.detailInfo", of="answer", times=1))
    assert await info() == {}


async def test_faults_of_a_page_are_switched_over_http(site: Client) -> None:
    posted = await site.post(FAULTS, json={"kind": "missing_selector", "selector": "km", "share": 0.6})
    assert (await posted.json())["data"][0] == {
        "kind": "missing_selector", "operation": None, "contains": None, "times": None, "selector": "km", "share": 0.6,
    }  # fmt: skip
    assert len((await _page(site)).css("div.col.km")) == 12
    assert (await site.post(FAULTS, json={"kind": "missing_selector", "selector": "a > b"})).status == 400


async def test_a_car_is_put_on_the_list_changed_and_taken_off(site: Client) -> None:
    posted = await site.post(CARS, json={"brand": "롤스로이스", "model": "고스트", "price": 1234})
    car = await posted.json()
    assert (posted.status, car["brand_code"], car["price"], car["mark"]) == (201, "385", 1234, None)
    assert "고스트" in (await _page(site, LIST + "&Brand=385")).css("#usedcarList a.name")[0].text()
    changed = await site.post(f"{CARS}/{car['id']}", json={"mark": "판매완료", "at_feeder": False})
    assert (await changed.json())["mark"] == "판매완료"
    assert json.loads(await (await site.get(FEEDER + car["id"])).read()) == {"data": {"detailInfo": []}}
    listed = await (await site.get(CARS, params={"mark": "판매완료", "brand_code": "385"})).json()
    assert [shown["id"] for shown in listed["data"]] == [car["id"]]
    assert (await site.delete(f"{CARS}/{car['id']}")).status == 204
    assert (await site.delete(f"{CARS}/{car['id']}")).status == 404
    assert (await _page(site, LIST + "&Brand=385")).css("#usedcarList a.name") == []


async def test_the_check_of_a_car_is_an_object_of_its_own(site: Client) -> None:
    check = {"number": "123", "date": "2026-06-08", "flooded": True, "replaced": 2}
    car = await (await site.post(CARS, json={"check": check})).json()
    (info,) = json.loads(await (await site.get(FEEDER + car["id"])).read())["data"]["detailInfo"]
    assert (info["checkNo"], info["flood"], info["exchangeCnt"], info["accident"]) == ("123", "있음", 2, "무")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [({"prize": 1}, "prize"), ({"price": "much"}, "price"), ({"id": "12"}, "ten digits"), ([], "object")],
)
async def test_a_car_that_cannot_be_is_a_400_that_says_why(site: Client, overrides: object, message: str) -> None:
    response = await site.post(CARS, json=overrides)
    assert response.status == 400
    assert message in (await response.json())["error"]


async def test_manners_are_set_over_http_and_go_back(site: Client, danawa: DanawaStandIn) -> None:
    posted = await site.post(MANNERS, json={"charset": "cp949", "past_end": "repeat"})
    assert (await posted.json())["charset"] == "cp949"
    assert danawa.manners == Manners(charset="cp949", past_end="repeat")
    assert (await site.get(LIST)).charset == "euc-kr"
    await site.post(MANNERS, json={})
    assert await (await site.get(MANNERS)).json() == {
        "charset": "utf-8", "past_end": "empty", "says_none": True, "part": "page", "lazy_images": False,
    }  # fmt: skip
    assert (await site.post(MANNERS, json={"charset": "latin"})).status == 400


async def test_control_requests_are_no_calls(site: Client, danawa: DanawaStandIn) -> None:
    await site.get(CARS)
    await site.get(MANNERS)
    await site.get(FAULTS)
    assert list(danawa.calls) == []
