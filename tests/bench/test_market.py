"""Invented cars in the number of the real sites: found as a strict reader finds them, read as the real ones are."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec
import orjson
import pytest
from pytest_aiohttp import AiohttpClient
from yarl import URL

from dealerproxy.app import create_app
from dealerproxy.sandbox.encar.query_language import parse, predicate
from dealerproxy.search.query import parse as parse_query
from dealerproxy.settings import Settings
from dealerproxy.upstreams.danawa.listing import ListRow, read_list
from dealerproxy.upstreams.encar.facets import MAKES, MODEL_GROUPS, read_facets
from dealerproxy.upstreams.encar.query import Search, facets_url, makes_q, models_q, q, search_url
from dealerproxy.upstreams.encar.rows import SearchTarget, read_search
from dealerproxy.vehicles.listing import Listing
from dealerproxy.vocabulary import Vocabulary
from tests.bench import load
from tests.bench.cars import FIRST_ID, Cars, len_of
from tests.bench.filters import LEAST_FOUND, questions
from tests.bench.market import Calls, Market
from tests.bench.standin import CALLS, Visitor
from tests.bench.visitors import CAR_SHARE, PAGE_SHARE, Visitors

FEW = 3_000
SITE = URL("http://site")


@pytest.fixture(scope="module")
def cars(vocabulary: Vocabulary) -> Cars:
    return Cars(vocabulary, FEW)


@pytest.fixture(scope="module")
def market() -> Market:
    return Market(0.0, page_rows=100, most=FEW)


def body(market: Market, url: str) -> bytes:
    head, _, content = market.answer(load.request(url)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK"), head
    assert load.length_of(head + b"\r\n") == len(content)
    return content


def search(cars: Cars, **filters: object) -> Search:
    model = cars.groups[0].model
    return msgspec.structs.replace(Search(make=model.make_facet, model_group=model.korean), **filters)


def test_there_are_as_many_cars_as_the_vocabulary_counts_and_the_same_each_time(vocabulary: Vocabulary) -> None:
    all_of_them = Cars(vocabulary)
    counts = {(make, model): model.stock for make in vocabulary.makes for model in vocabulary.models_of(make)}
    assert {(each.make, each.model): len_of(each) for each in all_of_them.groups} == {
        group: count for group, count in counts.items() if count
    }
    assert len(all_of_them) == sum(counts.values())
    assert all_of_them.car(len(all_of_them) - 1) == Cars(vocabulary).car(len(all_of_them) - 1)


@pytest.mark.parametrize("sort", ["PriceAsc", "PriceDesc", "MileageAsc", "Year", "ModifiedDate"])
@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"model_group": None},
        {"price": (500, 2_000), "registered": (201501, 202212)},
        {"mileage": (0, 80_000), "fuels": ("가솔린", "디젤")},
        {"transmissions": ("수동",), "colours": ("흰색", "검정색")},
        {"options": ("선루프", "스마트키")},
        {"options": ("없는 옵션",)},
    ],
    ids=str,
)
def test_a_search_finds_what_a_strict_reader_of_it_finds(cars: Cars, filters: dict[str, object], sort: str) -> None:
    query = q(search(cars, **filters))
    matches, keys = (
        predicate(parse(query)),
        {
            "PriceAsc": lambda car: car.price,
            "PriceDesc": lambda car: -car.price,
            "MileageAsc": lambda car: car.mileage,
            "Year": lambda car: -car.year,
            "ModifiedDate": lambda car: 0,
        },
    )
    wanted = sorted((car for car in map(cars.car, range(len(cars))) if matches(car)), key=lambda car: -int(car.id))
    wanted.sort(key=keys[sort])
    assert [cars.car(int(row)).id for row in cars.find(query, sort)] == [car.id for car in wanted]


def test_a_page_of_a_search_is_read_as_the_sites_is_and_holds_no_more_rows_than_the_site_gives(
    cars: Cars, market: Market, vocabulary: Vocabulary
) -> None:
    group = cars.groups[0]
    target = SearchTarget(group.make, group.model.make_facet, group.model)
    url = search_url(SITE, q(search(cars)), "PriceAsc", 0, 500)
    total, entries = read_search(body(market, str(url.relative())), target, vocabulary)
    assert total == len_of(group)
    rows = [entry for entry in entries if isinstance(entry, Listing)]
    assert len(rows) == 100
    assert {(row.make, row.model) for row in rows} == {(group.make.name, group.model.name)}
    prices = [row.price_krw for row in rows]
    assert prices == sorted(prices)


def test_the_facets_count_the_cars(cars: Cars, market: Market) -> None:
    facet = cars.groups[0].model.make_facet
    makes = read_facets(body(market, str(facets_url(SITE, makes_q()).relative())), MAKES)
    models = read_facets(body(market, str(facets_url(SITE, models_q(facet, domestic=True)).relative())), MODEL_GROUPS)
    assert sum(makes.values()) == len(cars)
    assert models == cars.counts(facet)
    assert sum(models.values()) == makes[facet]


def test_an_advert_its_papers_and_a_batch_are_those_of_the_car(market: Market) -> None:
    number = str(FIRST_ID + 7)
    advert = orjson.loads(body(market, f"/v1/readside/vehicle/{number}"))
    batch = orjson.loads(body(market, f"/v1/readside/vehicles?vehicleIds={number},{FIRST_ID + FEW},{FIRST_ID}"))
    assert str(advert["vehicleId"]) == number
    assert [each["vehicleId"] for each in batch] == [FIRST_ID + 7, FIRST_ID]
    assert orjson.loads(body(market, f"/v1/readside/record/vehicle/{number}/open"))
    for missing in (f"/v1/readside/vehicle/{FIRST_ID + FEW}", "/v1/readside/vehicle/x", "/elsewhere"):
        assert market.answer(load.request(missing)).startswith(b"HTTP/1.1 404")


def test_danawas_pages_can_be_read_and_end(market: Market) -> None:
    first, beyond = (read_list(body(market, f"/usedcar/?Page={page}")) for page in (1, 151))
    assert sum(isinstance(row, ListRow) for row in first.rows) > 20
    assert not beyond.rows


def test_every_call_is_counted() -> None:
    market = Market(0.0, page_rows=100, most=100)
    for path in ("/v1/readside/vehicle/1", "/usedcar/?Page=1", "/usedcar/?Page=2", "/home/x"):
        market.answer(load.request(path))
    calls = msgspec.json.decode(body(market, CALLS), type=Calls)
    assert calls.operations == {"encar detail": 1, "danawa list": 2, "home other": 1}
    assert sum(calls.most_in_a_second.values()) <= 4


def test_questions_are_all_different_and_each_fills_a_page(cars: Cars, vocabulary: Vocabulary) -> None:
    asked = list(itertools.islice(questions(cars), 50))
    assert len({each.path for each in asked}) == 50
    assert [each.path for each in asked] == [each.path for each in itertools.islice(questions(cars), 50)]
    for each in asked:
        query = parse_query(parse_qs(urlsplit(each.path).query), vocabulary)
        assert (query.limit, query.upstreams) == (LEAST_FOUND, ("encar",))
        assert query.models == (each.group.model.name,)


def visits(cars: Cars, seed: int, number: int) -> Sequence[str]:
    visitors, paths = Visitors(cars, seed), list[str]()
    for at in range(number):
        visit = visitors.next()
        paths.append(visit.path)
        if visit.kind == "list":
            visitors.answered(visit.query, [f"encar_{at}"], f"cursor{at}")
    return paths


def test_visitors_ask_for_lists_further_pages_and_cars_in_their_shares(cars: Cars, vocabulary: Vocabulary) -> None:
    paths = visits(cars, 1, 2_000)
    kinds = Counter("car" if "/encar_" in path else "page" if "cursor=" in path else "list" for path in paths)
    assert kinds["car"] / len(paths) == pytest.approx(CAR_SHARE, abs=0.03)
    assert kinds["page"] / len(paths) == pytest.approx(PAGE_SHARE, abs=0.03)
    assert paths == visits(cars, 1, 2_000)
    assert paths != visits(cars, 2, 2_000)
    for path in paths:
        if "/encar_" not in path:
            query = parse_query(parse_qs(urlsplit(path).query), vocabulary)
            assert query.makes


async def test_the_peer_with_a_database_answers_the_rows_of_the_service(
    cars: Cars, market: Market, vocabulary: Vocabulary, aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    httpx = pytest.importorskip("httpx")
    pytest.importorskip("fastapi")
    from tests.bench import sql_peer  # noqa: PLC0415  # needs both

    path = str(tmp_path / "cars.sqlite")
    sql_peer.write(path, cars, vocabulary)
    server = await asyncio.get_running_loop().create_server(lambda: Visitor(market), load.HOST, 0)
    site = f"http://{load.HOST}:{server.sockets[0].getsockname()[1]}"
    urls = dict.fromkeys(("encar_api_url", "encar_page_url", "danawa_url", "mpark_api_url"), site)
    service = await aiohttp_client(create_app(msgspec.structs.replace(Settings(), **urls), vocabulary))
    transport = httpx.ASGITransport(sql_peer.create_app(path, vocabulary))
    # Without stock the service has no order by model year.
    asked = (each.path for each in questions(cars) if "auction_date" not in each.path)
    async with httpx.AsyncClient(transport=transport, base_url="http://p") as client:
        for question in itertools.islice(asked, 6):
            async with service.get(question) as response:
                ours = orjson.loads(await response.read())["data"]
            theirs = (await client.get(question)).json()
            assert ours
            assert theirs["data"][: len(ours)] == ours
            assert theirs["total"] >= len(theirs["data"]) == LEAST_FOUND
    server.close()
    await server.wait_closed()
