"""What the stand-in answers has the captured shapes and sizes, and the peer makes of it what the service makes."""

import asyncio
from collections.abc import AsyncIterator

import orjson
import pytest
from msgspec.structs import replace
from pytest_aiohttp import AiohttpClient

from dealerproxy.app import create_app
from dealerproxy.settings import Settings
from dealerproxy.upstreams.danawa.listing import ListRow, read_list
from dealerproxy.upstreams.encar.facets import MAKES, MODEL_GROUPS, read_facets
from dealerproxy.vocabulary import Vocabulary
from tests.bench import load, pages, sockets, stock
from tests.bench.standin import Site, Visitor


@pytest.fixture
async def site() -> AsyncIterator[str]:
    """The URL of a stand-in."""
    known = Site(pages.routes(), 0.0)
    server = await asyncio.get_running_loop().create_server(lambda: Visitor(known), load.HOST, 0)
    yield f"http://{load.HOST}:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()


def test_all_48_rows_of_a_search_are_shown(vocabulary: Vocabulary) -> None:
    assert len(stock.listings(vocabulary)) == pages.ROWS
    captured_bytes_a_row = 1_133
    assert len(pages.search_page()) == pytest.approx(captured_bytes_a_row * pages.ROWS, rel=0.1)


def test_another_page_has_other_cars(vocabulary: Vocabulary) -> None:
    listed = [row.id for number in range(3) for row in stock.listings(vocabulary, pages.search_page(number=number))]
    assert len(set(listed)) == 3 * pages.ROWS


def test_all_30_cars_of_a_list_are_read() -> None:
    page = read_list(pages.list_page())
    assert sum(isinstance(row, ListRow) for row in page.rows) == pages.LIST_ROWS


def test_the_facets_are_as_large_as_captured_ones_and_can_be_read(vocabulary: Vocabulary) -> None:
    body = pages.facets(vocabulary)
    assert len(body) == pytest.approx(pages.FACETS_BYTES, rel=0.1)
    assert len(read_facets(body, MAKES)) > 70
    assert len(read_facets(body, MODEL_GROUPS)) > 600


@pytest.mark.parametrize("legs", [1, 24])
def test_a_question_makes_as_many_legs_as_it_says(vocabulary: Vocabulary, legs: int) -> None:
    assert len(stock.planned(legs, vocabulary)[1].legs) == legs


async def test_the_peer_answers_the_very_rows_of_the_service(
    site: str, vocabulary: Vocabulary, aiohttp_client: AiohttpClient
) -> None:
    httpx = pytest.importorskip("httpx")
    pytest.importorskip("fastapi")
    from tests.bench import peer  # noqa: PLC0415  # needs both

    urls = dict.fromkeys(("encar_api_url", "encar_page_url", "danawa_url", "mpark_api_url"), site)
    service = await aiohttp_client(create_app(replace(Settings(), **urls), vocabulary))
    async with service.get(sockets.LIST) as response:
        ours = orjson.loads(await response.read())
    rival = peer.create_app(site, vocabulary)
    transport = httpx.ASGITransport(rival)
    async with (
        rival.router.lifespan_context(rival),
        httpx.AsyncClient(transport=transport, base_url="http://p") as client,
    ):
        theirs = (await client.get(sockets.LIST)).json()
    assert len(ours["data"]) == pages.ROWS
    assert theirs["data"] == ours["data"]
    assert theirs["total"] == ours["sources"][0]["total"]
