"""The search over a loopback server: sorting, paging, counting, what it refuses, and its facets."""

import gzip
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp import AiohttpClient

from dealerproxy.sandbox.encar.inventory import Inventory, generate
from dealerproxy.sandbox.encar.query_language import parse, predicate
from dealerproxy.sandbox.encar.site import EncarStandIn

Ask = Callable[..., Awaitable[aiohttp.ClientResponse]]
SORTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "ModifiedDate": lambda row: _descending(row["ModifiedDate"]),
    "PriceAsc": lambda row: row["Price"],
    "PriceDesc": lambda row: -row["Price"],
    "MileageAsc": lambda row: row["Mileage"],
    "MileageDesc": lambda row: -row["Mileage"],
    "Year": lambda row: -row["Year"],
}


def _descending(text: str) -> list[int]:
    return [-ord(letter) for letter in text]


async def _rows(ask: Ask, **asked: Any) -> list[dict[str, Any]]:
    answer = await (await ask(**asked)).json()
    rows = answer["SearchResults"]
    assert isinstance(rows, list)
    return rows


@pytest.mark.parametrize("sort", SORTS)
async def test_rows_come_in_the_order_of_the_sort(ask: Ask, sort: str) -> None:
    keys = [SORTS[sort](row) for row in await _rows(ask, sr=f"|{sort}|0|500")]
    assert keys == sorted(keys)
    assert len(keys) > 350


async def test_pages_put_together_are_the_whole_with_every_row_once(ask: Ask) -> None:
    whole = [row["Id"] for row in await _rows(ask, sr="|Year|0|500")]
    paged = [row["Id"] for at in range(0, len(whole) + 48, 48) for row in await _rows(ask, sr=f"|Year|{at}|48")]
    assert paged == whole
    assert len(set(whole)) == len(whole)


async def test_count_is_the_number_of_rows_and_partitions_add_up(ask: Ask) -> None:
    async def count(q: str) -> int:
        answer = await (await ask(q=q, sr=None)).json()
        return int(answer["Count"])

    assert await count("Hidden.N.") == len(await _rows(ask, sr="|Year|0|500"))
    assert await count("Hidden.N.") + await count("Hidden.Y.") == 400
    parts = [await count(f"(And.Hidden.N._.CarType.{side}.)") for side in "YN"]
    assert sum(parts) == await count("(And.Hidden.N._.CarType.A.)")


async def test_an_answer_has_only_the_parts_that_were_asked_for(ask: Ask) -> None:
    assert list(await (await ask(sr=None)).json()) == ["Count"]
    assert list(await (await ask()).json()) == ["Count", "SearchResults"]
    assert list(await (await ask(sr=None, inav="|Metadata|Sort")).json()) == ["Count", "iNav"]
    assert list(await (await ask(inav="|Metadata|Sort")).json()) == ["Count", "iNav", "SearchResults"]
    assert list(await (await ask(count=None)).json()) == ["SearchResults"]


async def test_nothing_found_is_an_honest_zero(ask: Ask) -> None:
    assert await (await ask(q="Manufacturer.없는 회사.")).json() == {"Count": 0, "SearchResults": []}


async def test_ties_keep_their_order_while_the_inventory_stands_and_depend_on_the_seed() -> None:
    inventory = generate(3, 400)
    node = parse("Hidden.N.")
    once, again, other = (EncarStandIn(inventory, seed=seed).find(node, "Year") for seed in (1, 1, 2))
    assert once == again != other
    assert {car.id for car in once} == {car.id for car in other}


async def test_ties_are_not_in_the_order_of_ids(stand_in: EncarStandIn) -> None:
    found = stand_in.find(parse("CarType.A."), "Year")
    rising = [first.id < second.id for first, second in pairwise(found) if first.year == second.year]
    assert 0 < sum(rising) < len(rising)


async def test_a_car_that_comes_or_goes_is_seen_by_the_next_search(ask: Ask, stand_in: EncarStandIn) -> None:
    first = (await _rows(ask))[0]["Id"]
    car = stand_in.inventory.insert(stand_in.inventory.new_car())
    assert [row["Id"] for row in (await _rows(ask))[:2]] == [car.id, first]
    stand_in.inventory.remove(car.id)
    assert (await _rows(ask))[0]["Id"] == first


async def test_a_limit_over_500_gives_500_rows(aiohttp_client: AiohttpClient) -> None:
    client: TestClient[Any, Any] = await aiohttp_client(EncarStandIn(generate(1, 700)).app())
    response = await client.get("/search/car/list/general", params={"q": "CarType.A.", "sr": "|Year|0|1000"})
    assert len((await response.json())["SearchResults"]) == 500


async def test_past_the_deepest_offset_the_same_page_repeats(aiohttp_client: AiohttpClient) -> None:
    client: TestClient[Any, Any] = await aiohttp_client(EncarStandIn(generate(1, 300), deepest=100).app())

    async def page(offset: int) -> list[str]:
        response = await client.get("/search/car/list/general", params={"q": "CarType.A.", "sr": f"|Year|{offset}|20"})
        return [row["Id"] for row in (await response.json())["SearchResults"]]

    assert await page(100) == await page(120) == await page(10**8) != await page(80)


@pytest.mark.parametrize("q", ["", "Hidden.N", "(And.Hidden.N._.Or.Color.흰색._.Color.검정색.)"])
async def test_a_malformed_query_gets_200_with_an_empty_body(ask: Ask, q: str) -> None:
    response = await ask(q=q)
    assert (response.status, await response.read()) == (200, b"")


async def test_an_unknown_axis_and_an_unknown_view_get_a_plain_404(ask: Ask) -> None:
    for response in (await ask(q="(And.Hidden.N._.FormYear.2023.)"), await ask(view="pricesupply")):
        assert response.status == 404
        assert "blocked" not in await response.text()


@pytest.mark.parametrize("sr", ["|FormYear|0|20", "|Year|0", "|Year|-1|20", "Year|0|20", "|Year|a|b", "|Year|0|"])
async def test_a_sort_or_page_the_site_is_not_known_to_take_is_a_400(ask: Ask, sr: str) -> None:
    assert (await ask(sr=sr)).status == 400


async def test_the_mobile_sorts_are_the_same_sorts(ask: Ask) -> None:
    mobile = [row["Id"] for row in await _rows(ask, view="mobile", sr="|MobilePriceAsc|0|30")]
    assert mobile == [row["Id"] for row in await _rows(ask, sr="|PriceAsc|0|30")]


async def test_numbers_on_the_wire_are_floats_and_the_json_is_compact(ask: Ask) -> None:
    text = await (await ask(sr="|Year|0|1")).text()
    assert '"Count":' in text
    assert '.0,"FormYear":"' in text
    assert '"ordering":1.0' in text
    assert ": " not in text.replace("00 +09", "")


async def test_a_large_answer_is_gzipped_for_who_takes_it(
    stand_in: EncarStandIn, aiohttp_client: AiohttpClient
) -> None:
    client: TestClient[Any, Any] = await aiohttp_client(stand_in.app(), auto_decompress=False)

    async def ask(sr: str, encoding: str) -> tuple[str | None, bytes]:
        params = {"q": "Hidden.N.", "count": "true", "sr": sr}
        response = await client.get("/search/car/list/premium", params=params, headers={"Accept-Encoding": encoding})
        return response.headers.get("Content-Encoding"), await response.read()

    encoding, packed = await ask("|Year|0|48", "gzip, deflate")
    assert encoding == "gzip"
    assert (None, gzip.decompress(packed)) == await ask("|Year|0|48", "identity")
    assert (await ask("|Year|9000|48", "gzip"))[0] is None


async def test_every_search_is_recorded_with_what_it_asked_and_got(ask: Ask, stand_in: EncarStandIn) -> None:
    await ask(q="FuelType.가솔린+전기.", sr="|PriceAsc|48|48", view="general")
    await ask(q="Hidden.N", sr=None)
    await ask(q="FormYear.1.")
    seen = [(call.view, call.q, call.sort, call.offset, call.limit, call.status) for call in stand_in.calls]
    assert seen == [
        ("general", "FuelType.가솔린+전기.", "PriceAsc", 48, 48, 200),
        ("premium", "Hidden.N", None, None, None, 200),
        ("premium", "FormYear.1.", "ModifiedDate", 0, 20, 404),
    ]


def test_a_search_over_4000_cars_takes_milliseconds(cars: Inventory) -> None:
    stand_in = EncarStandIn(cars)
    stand_in.find(parse("CarType.A."), "Year")
    took = []
    for upper in range(20):
        node = parse(
            f"(And.Hidden.N._.SellType.일반._.(C.CarType.A._.Manufacturer.기아.)_.Year.range(201801..2025{upper:02d}).)"
        )
        start = time.perf_counter()
        stand_in.find(node, "Year")
        took.append(time.perf_counter() - start)
    # Usually about 3 ms; the bound only has to catch another order of magnitude.
    assert sorted(took)[10] < 0.03


HYUNDAI = "(And.Year.range(201501..)._.Hidden.N._.(C.CarType.Y._.Manufacturer.현대.)_.(Or.Color.흰색._.Color.검정색.))"


async def _inav(ask: Ask, q: str) -> dict[str, Any]:
    answer = await (await ask(q=q, sr=None, inav="|Metadata|Sort")).json()
    inav = answer["iNav"]
    assert isinstance(inav, dict)
    return inav


def _node(nodes: list[dict[str, Any]], name: str, kind: str = "Aspect") -> dict[str, Any]:
    return next(node for node in nodes if (node["Name"], node["Type"]) == (name, kind))


def _facet(node: dict[str, Any], value: str) -> dict[str, Any]:
    return next(facet for facet in node["Facets"] if facet["Value"] == value)


def _all_facets(nodes: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for node in nodes:
        for facet in node.get("Facets", []):
            yield facet
            yield from _all_facets(facet.get("Refinements", {}).get("Nodes", []))


async def test_the_next_level_stands_under_the_selected_facet(ask: Ask) -> None:
    car_type = _node((await _inav(ask, HYUNDAI))["Nodes"], "CarType")
    domestic = _facet(car_type, "Y")
    assert domestic["Expression"] == "(C.CarType.Y._.Manufacturer.현대.)"
    assert "Refinements" not in _facet(car_type, "N")
    makes = _node(domestic["Refinements"]["Nodes"], "Manufacturer")
    assert [facet["Value"] for facet in makes["Facets"] if facet["IsSelected"]] == ["현대"]
    assert _facet(makes, "현대")["Metadata"]["EngName"] == ["Hyundai"]
    assert _facet(makes, "현대")["Metadata"]["Code"] == ["001"]
    groups = _node(_facet(makes, "현대")["Refinements"]["Nodes"], "ModelGroup")
    assert _facet(groups, "싼타페")["Metadata"]["EngName"] == ["Santafe"]
    assert _facet(groups, "싼타페")["Action"] == (
        "(And.Year.range(201501..)._.Hidden.N._.(Or.Color.흰색._.Color.검정색.)"
        "_.(C.CarType.Y._.(C.Manufacturer.현대._.ModelGroup.싼타페.)))"
    )


async def test_a_facet_counts_what_its_action_finds(ask: Ask, stand_in: EncarStandIn) -> None:
    nodes = (await _inav(ask, HYUNDAI))["Nodes"]
    cars = list(stand_in.inventory)
    checked = 0
    for facet in _all_facets(nodes):
        # An action adds a value to an Or of its axis, so only axes with nothing selected count exactly alike.
        if not facet["IsSelected"] and facet["Expression"].split(".")[0] in {"ModelGroup", "FuelType", "Options"}:
            assert facet["Count"] == len(list(filter(predicate(parse(facet["Action"])), cars)))
            checked += 1
    assert checked > 80


@pytest.mark.parametrize(
    "q",
    [
        "Hidden.N.",
        HYUNDAI,
        "(Or.CarType.Y._.CarType.N.)",
        "(And.Hidden.N._.(Or.CarType.N._.(C.CarType.Y._.Manufacturer.현대.)))",
        "(And.Hidden.N._.CarType.N._.Manufacturer.BYD._.Options.선루프._.Simple.keyword(1_.6).)",
        (
            "(And.(And.Hidden.N._.Price.range(0..)._.(C.CarType.A._.(C.Manufacturer.기아._.(C.ModelGroup.쏘렌토._."
            "(Or.Model.쏘렌토 4세대._.Model.더 뉴 쏘렌토.)))))_.AdType.A.)"
        ),
    ],
)
async def test_every_expression_and_action_is_itself_a_query(ask: Ask, q: str) -> None:
    inav = await _inav(ask, q)
    texts = [text for facet in _all_facets(inav["Nodes"]) for text in (facet["Action"], facet["Expression"])]
    texts += [node["RemoveAction"] for node in inav["Nodes"] if "RemoveAction" in node]
    assert all(parse(text) is not None for text in texts if text)
    for node in inav["Nodes"]:
        placeholders = node.get("PlaceholderExpression", node.get("QueryWithPlaceholder"))
        assert "<!" in placeholders
        # What a caller puts in: a query for a group, a text for a keyword, open bounds for a range.
        filled = re.sub(r"(?<!keyword)\(<!>\)", "Hidden.N.", placeholders)
        filled = re.sub(r"<!lower>|<!upper>", "", filled.replace("<!>", "x"))
        assert parse(filled) is not None


async def test_counts_of_an_axis_ignore_its_own_selection_and_zeros_stay(ask: Ask) -> None:
    nodes = (await _inav(ask, HYUNDAI))["Nodes"]
    colours = _node(nodes, "Color")
    assert sum(facet["Count"] for facet in colours["Facets"]) > sum(
        facet["Count"] for facet in colours["Facets"] if facet["IsSelected"]
    )
    assert len(colours["Facets"]) == 32
    assert len(_node(nodes, "Options")["Facets"]) == 62
    makes = _facet(_node(nodes, "CarType"), "Y")["Refinements"]["Nodes"][0]
    assert _facet(makes, "기타 제조사")["Count"] >= 0
    assert _facet(_node(nodes, "Hidden"), "Y")["Count"] > 0


@pytest.mark.parametrize(
    ("q", "name"),
    [
        ("(And.Hidden.N._.(C.CarType.Y._.Manufacturer.현대.))", "facets_hyundai_2023-07.json"),
        ("(And.Hidden.N._.(Or.CarType.Y._.CarType.N.))", "facets_all_2023-07.json"),
    ],
)
async def test_facets_say_what_the_captured_ones_say(ask: Ask, captures: Path, q: str, name: str) -> None:
    captured = _said(json.loads((captures / "encar_search" / name).read_bytes())["iNav"]["Nodes"])
    ours = _said((await _inav(ask, q))["Nodes"])
    shared = captured.keys() & ours.keys()
    assert {key: ours[key] for key in shared} == {key: captured[key] for key in shared}
    assert len(shared) > 120


def _said(nodes: list[dict[str, Any]], path: tuple[str, ...] = ()) -> dict[tuple[str, ...], tuple[object, ...]]:
    """Every node's and facet's texts by where it stands, so that two answers can be laid side by side."""
    said: dict[tuple[str, ...], tuple[object, ...]] = {}
    for node in (node for node in nodes if node["Type"] == "Aspect"):
        at = (*path, node["Name"])
        said[at] = tuple(
            node[key] for key in ("IsSelected", "PlaceholderExpression", "MultiSelectMode", "RemoveAction")
        )
        for facet in node["Facets"]:
            code, eng = facet["Metadata"].get("Code"), facet["Metadata"].get("EngName")
            said[*at, facet["Value"]] = facet["IsSelected"], facet["Action"], facet["Expression"], code, eng
            said |= _said(facet.get("Refinements", {}).get("Nodes", []), (*at, facet["Value"]))
    return said


async def test_several_sides_keep_each_other_in_their_actions(ask: Ask) -> None:
    nodes = (await _inav(ask, "(And.Hidden.N._.(Or.CarType.Y._.CarType.N.))"))["Nodes"]
    car_type = _node(nodes, "CarType")
    assert _facet(car_type, "Y")["Action"] == "(And.Hidden.N._.CarType.N.)"
    makes = _facet(car_type, "N")["Refinements"]["Nodes"][0]
    assert _facet(makes, "BMW")["Action"] == "(And.Hidden.N._.(Or.CarType.Y._.(C.CarType.N._.Manufacturer.BMW.)))"


async def test_a_range_in_use_comes_first_and_is_told_from_the_aspect_of_its_name(ask: Ask) -> None:
    nodes = (await _inav(ask, HYUNDAI))["Nodes"]
    assert (nodes[0]["Name"], nodes[0]["Type"], nodes[0]["LowerBound"], nodes[0]["UpperBound"]) == (
        "Year", "RangeAction", "201501", None,
    )  # fmt: skip


async def test_bread_crumbs_nest_along_the_hierarchy(ask: Ask) -> None:
    crumbs = (await _inav(ask, HYUNDAI))["BreadCrumbs"]
    assert [crumb["Aspect"] for crumb in crumbs] == ["Hidden", "Color", "Color", "CarType"]
    assert [crumb["Facet"] for crumb in crumbs[-1]["Children"]] == ["현대"]


async def test_the_facets_of_makes_have_the_captured_shape(ask: Ask) -> None:
    nodes = (await _inav(ask, HYUNDAI))["Nodes"]
    node = _node(nodes, "Color")
    assert list(node) == [
        "IsSelected", "PlaceholderExpression", "MultiSelectMode", "RemoveAction", "Facets", "Metadata", "Name",
        "DisplayName", "Type",
    ]  # fmt: skip
    assert set(node["Facets"][0]) == {
        "IsSelected",
        "Value",
        "DisplayValue",
        "Action",
        "Count",
        "Expression",
        "Metadata",
    }
