"""The Danawa list and its feeder over a loopback server, read with the selectors that programs use on the real one."""

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp import AiohttpClient
from selectolax.lexbor import LexborHTMLParser, LexborNode

from dealerproxy.sandbox.danawa.inventory import MARKS, DanawaCar, generate_danawa
from dealerproxy.sandbox.danawa.pages import Manners
from dealerproxy.sandbox.danawa.site import DanawaStandIn
from dealerproxy.sandbox.encar.inventory import generate
from dealerproxy.sandbox.encar.site import EncarStandIn
from dealerproxy.sandbox.faults import Faults
from dealerproxy.sandbox.sites import serve

Client = TestClient[Any, Any]
Listed = Callable[..., Awaitable[LexborHTMLParser]]
HYUNDAI, ROLLS_ROYCE, LEXUS = "303", "385", "486"
FEEDER = "/home/api/v1/wb/searchmycar/cardetailinfo/get"


@pytest.fixture
def danawa() -> DanawaStandIn:
    return DanawaStandIn(generate_danawa(5), seed=5)


@pytest.fixture
async def site(danawa: DanawaStandIn, aiohttp_client: AiohttpClient) -> Client:
    return await aiohttp_client(danawa.app())


@pytest.fixture
def listed(site: Client) -> Listed:
    """One page of the list, as the site's own addresses ask for it."""

    async def listed(page: int = 1, **codes: str) -> LexborHTMLParser:
        return LexborHTMLParser(await (await _asked(site, page, **codes)).text())

    return listed


async def _asked(site: Client, page: int = 1, **codes: str) -> aiohttp.ClientResponse:
    query = {"Work": "list", "Tab": "list", "Page": str(page), "Order": "8", "Brand": "", "Series": "", "Model": ""}
    response = await site.get("/usedcar/", params=query | codes)
    assert response.status == 200
    return response


def _cars(page: LexborHTMLParser) -> list[LexborNode]:
    return [item for item in page.css("#usedcarList > ul > li") if item.css_first("a.name")]


def _one(part: LexborHTMLParser | LexborNode, selector: str) -> LexborNode:
    found = part.css(selector)
    assert len(found) == 1, selector
    return found[0]


def _text(item: LexborHTMLParser | LexborNode, selector: str) -> str:
    return _one(item, selector).text()


def _number(item: LexborNode) -> str:
    href = _one(item, "a.name").attributes["href"] or ""
    return parse_qs(urlsplit(href).query)["sDemoNo"][0]


async def test_a_page_has_thirty_cars_and_a_fourth_item_that_is_none(listed: Listed) -> None:
    page = await listed()
    items = page.css("#usedcarList > ul > li")
    assert len(items) == 31
    assert [at for at, item in enumerate(items) if item.css_first("a.name") is None] == [3]
    assert items[3].css_first("div.col") is None


async def test_every_row_says_what_the_car_is_in_the_known_markup(listed: Listed, danawa: DanawaStandIn) -> None:
    for item in _cars(await listed(2)):
        car = danawa.inventory.by_id(_number(item))
        assert car is not None
        assert _text(item, 'div[class="col year"] [class="middle"]') == str(car.year)
        assert _text(item, 'div[class="col km"] [class="middle"]') == f"{car.mileage:,}km"
        assert _text(item, 'div[class="col price"] span[class="num"]') == f"{car.price:,}"
        name = _text(item, "a.name")
        assert name.lstrip() == car.name, "text only, trailing blanks kept"
        assert name.startswith("\n ")


async def test_links_lead_to_the_bridge_with_feeder_and_number(listed: Listed, danawa: DanawaStandIn) -> None:
    for item in _cars(await listed()):
        links = {link.attributes["href"] for link in item.css("a")}
        car = danawa.inventory.by_id(_number(item))
        assert car is not None
        assert links == {f"loadingBridge.php?refer=usedcarList&sCompany={car.feeder}&sDemoNo={car.id}"}
        assert (_one(item, "img").attributes["src"] or "").startswith("https://www.m-park.co.kr/AttEdit/CarPhoto/")


async def test_pages_put_together_are_every_car_once_and_the_last_is_short(
    listed: Listed, danawa: DanawaStandIn
) -> None:
    pages = [[_number(item) for item in _cars(await listed(at, Brand=HYUNDAI))] for at in range(1, 13)]
    filled = [page for page in pages if page]
    cars = {car.id for car in danawa.inventory if car.brand_code == HYUNDAI}
    assert [len(page) for page in filled[:-1]] == [30] * (len(filled) - 1)
    assert 0 < len(filled[-1]) == len(cars) % 30
    assert sum(map(len, pages)) == len(cars)
    assert {number for page in pages for number in page} == cars
    assert pages[len(filled) :] == [[]] * (12 - len(filled))


async def test_a_short_page_still_has_its_item_that_is_no_car(listed: Listed, danawa: DanawaStandIn) -> None:
    items = (await listed(Brand=LEXUS)).css("#usedcarList > ul > li")
    assert len(items) == len(danawa.find(LEXUS)) + 1
    assert items[3].css_first("a.name") is None


async def test_past_the_end_the_container_is_empty_and_says_nothing(listed: Listed) -> None:
    page = await listed(99)
    assert page.css_first("#usedcarList") is not None
    assert _cars(page) == []
    assert "차량이 없" not in _one(page, "body").text()


async def test_past_the_end_the_last_page_may_repeat(listed: Listed, danawa: DanawaStandIn) -> None:
    danawa.manners = Manners(past_end="repeat")
    pages = [[_number(item) for item in _cars(await listed(at))] for at in (29, 30, 31, 99)]
    assert pages[0] != pages[1] == pages[2] == pages[3] != []


@pytest.mark.parametrize("code", [ROLLS_ROYCE, "999999"])
async def test_a_brand_without_cars_is_an_empty_container_that_says_so(
    listed: Listed, danawa: DanawaStandIn, code: str
) -> None:
    page = await listed(Brand=code)
    assert "차량이 없" in _text(page, "#usedcarList")
    assert page.css("#usedcarList > ul > li") == []
    danawa.manners = Manners(says_none=False)
    page = await listed(Brand=code)
    assert _text(page, "#usedcarList").strip() == ""


async def test_the_page_is_utf_8_or_cp949(site: Client, danawa: DanawaStandIn) -> None:
    response = await _asked(site)
    assert (response.content_type, response.charset) == ("text/html", "utf-8")
    plain = await response.text()
    danawa.manners = Manners(charset="cp949")
    response = await _asked(site)
    assert response.charset == "euc-kr"
    assert (await response.read()).decode("cp949") == plain.replace('charset="utf-8"', 'charset="euc-kr"')


async def test_any_name_can_be_told_in_cp949(site: Client, danawa: DanawaStandIn) -> None:
    danawa.inventory.insert(danawa.inventory.new_car(brand="롤스로이스", model="컬리넌 <블랙> & é", grade="Ⅲ"))
    danawa.manners = Manners(charset="cp949")
    page = LexborHTMLParser((await (await _asked(site, Brand=ROLLS_ROYCE)).read()).decode("cp949"))
    assert "컬리넌 <블랙> & é Ⅲ" in _text(page, "#usedcarList a.name")


@pytest.mark.parametrize(("part", "container"), [("page", 1), ("container", 1), ("list", 0)])
async def test_the_list_comes_as_a_page_or_as_a_part_of_it(
    site: Client, danawa: DanawaStandIn, part: Any, container: int
) -> None:
    danawa.manners = Manners(part=part)
    text = await (await _asked(site)).text()
    page = LexborHTMLParser(text)
    assert len(page.css("#usedcarList")) == container
    assert len(page.css("ul > li > a.name")) == 30
    assert text.startswith("<!DOCTYPE") == (part == "page")


async def test_pictures_may_be_loaded_late(listed: Listed, danawa: DanawaStandIn) -> None:
    danawa.manners = Manners(lazy_images=True)
    picture = _one(_cars(await listed())[0], "img.lazyload").attributes
    assert "m-park" in (picture["data-original"] or "")
    assert "m-park" not in (picture["src"] or "")


async def test_brand_series_and_model_codes_narrow_the_list(listed: Listed, danawa: DanawaStandIn) -> None:
    def numbers(page: LexborHTMLParser) -> set[str]:
        return {_number(item) for item in _cars(page)}

    grandeurs = [car for car in danawa.inventory if car.series_code == "2718"]
    assert {car.series for car in grandeurs} == {"그랜저"}
    found = numbers(await listed(Brand=HYUNDAI, Series="2718")) | numbers(await listed(2, Brand=HYUNDAI, Series="2718"))
    assert len(found) > 30
    assert found <= {car.id for car in grandeurs}
    assert numbers(await listed(Brand=HYUNDAI, Series="2740")) == set(), "쏘렌토 is none of 현대"
    one = numbers(await listed(Brand=HYUNDAI, Model="3564"))
    assert one == {car.id for car in danawa.inventory if car.series == "넥쏘"} != set()


async def test_the_chosen_brand_is_marked_in_the_finder(listed: Listed) -> None:
    chosen = (await listed(Brand="326")).css('div.finder_contents button[class="btn_select selected"]')
    assert [button.text() for button in chosen] == ["KG모빌리티(쌍용)"]


async def test_no_order_sorts_and_each_stays_while_the_cars_do(danawa: DanawaStandIn) -> None:
    eight, seven = danawa.find(), danawa.find(order="7")
    assert eight == danawa.find() == danawa.find(order="") != seven
    assert {car.id for car in eight} == {car.id for car in seven}
    for field in ("price", "year", "mileage", "id"):
        keys = [getattr(car, field) for car in eight]
        assert keys not in (sorted(keys), sorted(keys, reverse=True))


@pytest.mark.parametrize(
    "query",
    ["Tab=classify", "Order=3", "Page=0", "Page=x", "Page=1.5", "Brand=312,316", "Brand=현대", "Price=1000"],
)
async def test_what_the_list_is_not_known_to_take_is_a_400(site: Client, query: str) -> None:
    assert (await site.get(f"/usedcar/?Work=list&{query}")).status == 400


async def test_another_work_is_answered_with_a_page_that_has_no_list(site: Client) -> None:
    for query in ("", "?Work=view&Brand=303", "?Brand=303"):
        response = await site.get(f"/usedcar/{query}")
        page = LexborHTMLParser(await response.text())
        assert (response.status, page.css_first("#usedcarList")) == (200, None)


@pytest.mark.parametrize("mark", MARKS)
async def test_a_mark_stands_in_the_row_and_outside_the_name(listed: Listed, danawa: DanawaStandIn, mark: str) -> None:
    inventory = danawa.inventory
    places = set()
    for _ in range(6):
        car = inventory.insert(inventory.new_car(brand="롤스로이스", model="고스트", mark=mark))
        (row,) = (item for item in _cars(await listed(Brand=ROLLS_ROYCE)) if _number(item) == car.id)
        assert mark in row.text()
        assert mark not in _text(row, "a.name")
        assert _text(row, 'div[class="col price"] span[class="num"]') == f"{car.price:,}"
        state = _one(row, "span.state").parent
        assert state is not None
        places.add((state.tag, state.attributes.get("class")))
    assert places == {("a", None), ("div", "middle"), ("li", None)}


async def test_a_free_car_carries_no_mark_though_its_name_may_say_turismo(
    listed: Listed, danawa: DanawaStandIn
) -> None:
    car = danawa.inventory.insert(danawa.inventory.new_car(series="코란도 투리스모"))
    pages = [await listed(at, Brand="326") for at in (1, 2)]
    (row,) = (item for page in pages for item in _cars(page) if _number(item) == car.id)
    assert "투리스모" in row.text()
    assert not any(mark in row.text() for mark in MARKS)


async def _fed(site: Client, number: str) -> list[dict[str, Any]]:
    response = await site.get(FEEDER, params={"demoNo": number})
    assert (response.status, response.content_type) == (200, "application/json")
    answer = json.loads(await response.read())
    assert answer.keys() == {"data"}
    assert answer["data"].keys() == {"detailInfo"}
    info: list[dict[str, Any]] = answer["data"]["detailInfo"]
    return info


async def test_the_feeder_says_the_same_of_a_car_as_its_row(site: Client, danawa: DanawaStandIn) -> None:
    car = danawa.inventory.insert(danawa.inventory.new_car(id="6061500368", registered=202209, year=2023, detail=""))
    (info,) = await _fed(site, car.id)
    assert info["carName"] == " ".join(car.name.split())
    assert (info["demoAmt"], info["km"], info["yyyy"]) == (car.price, car.mileage, 2023)
    assert (info["yymm"], info["startYearMonth"]) == ("22년09월(23년형)", "2022/09")
    assert (info["carGas"], info["carColor"], info["numCc"]) == (car.fuel, car.colour, car.cc)
    assert (info["modelDetailName"], info["carNo"]) == (car.model, car.plate)
    assert len(info["images"]) == 4
    assert "demoStatus" not in info


async def test_the_feeder_has_the_known_keys_for_every_car(site: Client, danawa: DanawaStandIn) -> None:
    known = {
        "carName", "demoAmt", "yymm", "yyyy", "startYearMonth", "km", "carGas", "carColor", "numCc", "carType",
        "carAutoGbn", "noAccident", "modelDetailName", "images", "checkNo",
    }  # fmt: skip
    kinds = set()
    for car in danawa.find(LEXUS) + danawa.find(HYUNDAI)[:60]:
        for info in await _fed(site, car.id):
            assert known <= info.keys()
            kinds.add(type(info["demoAmt"]))
            assert int(info["demoAmt"]) == car.price
            if info["checkNo"] is not None:
                assert info["accident"] in {"유", "무"}
                assert info["flood"] in {"있음", "없음"}
    assert kinds == {int, str}, "some cars have their numbers as texts"


async def test_a_car_that_is_gone_or_another_feeder_s_has_no_details(site: Client, danawa: DanawaStandIn) -> None:
    inventory = danawa.inventory
    gone = inventory.insert(inventory.new_car(at_feeder=False))
    other = inventory.insert(inventory.new_car(feeder="kukmincha"))
    removed = inventory.insert(inventory.new_car())
    assert len(await _fed(site, removed.id)) == 1
    assert inventory.remove(removed.id)
    for number in (gone.id, other.id, removed.id, "9999999999", "x"):
        assert await _fed(site, number) == []
    assert (await site.get(FEEDER)).status == 400


async def test_a_marked_car_is_marked_at_the_feeder_too(site: Client, danawa: DanawaStandIn) -> None:
    car = danawa.inventory.insert(danawa.inventory.new_car(mark="판매완료"))
    assert (await _fed(site, car.id))[0]["demoStatus"] == "판매완료"


async def test_the_bridge_is_only_a_script_and_leads_nowhere_else(site: Client, danawa: DanawaStandIn) -> None:
    async def bridge(company: str, number: str) -> str:
        params = {"refer": "usedcarList", "sCompany": company, "sDemoNo": number}
        response = await site.get("/usedcar/loadingBridge.php", params=params, allow_redirects=False)
        assert response.status == 200
        return (await response.text()).partition("location.replace('")[2].partition("'")[0]

    assert await bridge("mpark", "6061500368") == "https://www.m-park.co.kr/buy/detail/6061500368"
    assert await bridge("evil.example", "1") == "/usedcar/"
    assert await bridge("mpark", "'+alert(1)+'") == "/usedcar/"
    assert [call.operation for call in danawa.calls] == ["bridge"] * 3


async def test_calls_are_kept_with_operation_path_query_and_status(site: Client, danawa: DanawaStandIn) -> None:
    await site.get("/usedcar/?Work=list&Brand=303&Page=2")
    await site.get("/usedcar/?Work=list&Page=0")
    await _fed(site, "6061500368")
    assert [(call.operation, call.path, call.query, call.status) for call in danawa.calls] == [
        ("danawa_list", "/usedcar/", "Work=list&Brand=303&Page=2", 200),
        ("danawa_list", "/usedcar/", "Work=list&Page=0", 400),
        ("feeder", FEEDER, "demoNo=6061500368", 200),
    ]


async def test_both_sites_on_one_port_share_faults_and_calls(aiohttp_client: AiohttpClient) -> None:
    faults, inventory = Faults(), generate(3, 400)
    encar = EncarStandIn(inventory, faults=faults)
    danawa = DanawaStandIn(generate_danawa(3, 200, also=inventory), faults=faults)
    client: Client = await aiohttp_client(serve(encar, danawa))
    await client.post("/__sandbox/faults", json={"kind": "status", "operation": "danawa_list"})
    assert (await client.get("/search/car/list/premium?q=Hidden.N.")).status == 200
    assert (await client.get("/usedcar/?Work=list")).status == 503
    calls = (await (await client.get("/__sandbox/calls")).json())["data"]
    assert [call["operation"] for call in calls] == ["danawa_list", "search"]
    assert ([call.operation for call in encar.calls], [call.operation for call in danawa.calls]) == (
        ["search"],
        ["danawa_list"],
    )
    for path in ("/__sandbox/cars", "/__sandbox/danawa/cars"):
        assert (await (await client.get(path)).json())["data"]
    with pytest.raises(ValueError, match="must share their faults"):
        serve(encar, DanawaStandIn(generate_danawa(3, 10)))


def test_a_new_car_is_seen_at_once_and_a_removed_one_no_more(danawa: DanawaStandIn) -> None:
    car: DanawaCar = danawa.inventory.insert(danawa.inventory.new_car(brand="롤스로이스"))
    assert danawa.find(ROLLS_ROYCE) == [car]
    assert danawa.inventory.remove(car.id)
    assert danawa.find(ROLLS_ROYCE) == []
