"""The hot paths stay as short as they are. Nothing here depends on how fast or how busy the machine is.

Calls are counted, Python's and C's alike: they are the same every time. Times are only compared to the time of a
baseline that takes turns with them, and only the best of several rounds counts, so that a disturbance alone can fail
nothing. When a path has become shorter for good, its bound should follow.
"""

import asyncio
import math
import sys
from collections.abc import AsyncIterator, Callable
from io import BytesIO
from types import FrameType
from typing import Self

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from msgspec.structs import replace

from dealerproxy import logs
from dealerproxy.api.keys import ANSWERS
from dealerproxy.app import create_app
from dealerproxy.contract.deadline import Deadline
from dealerproxy.settings import Settings
from dealerproxy.upstreams.danawa.listing import ListRow, read_list
from dealerproxy.upstreams.danawa.names import normalise
from dealerproxy.upstreams.encar.rows import read_search
from dealerproxy.vocabulary import Vocabulary
from tests.bench import load, pages, pure, sockets, steps, stock
from tests.bench.effort import Effort, calls, timed
from tests.bench.standin import Site, Visitor

BRIEF = Effort(rounds=5, socket_s=0.0, call_s=0.008, quick=True)
# A machine that does other things beside may spoil a few rounds in a row; a slower step is slow in each of them.
TRIES = 8
# About twice what each was of its baseline's time when this was written.
RATIOS = {
    "encar-page": 8.0,
    "danawa-page": 20.0,
    "facets": 0.9,
    "encode": 2.5,
    "summarise": 5.0,
    "query": 70.0,
    "dsl": 5.5,
    "cursor-encode": 0.8,
    "cursor-decode": 2.0,
    "cursor-seen": 12.0,
    "merge": 34.0,
    "table-select": 0.1,
    "whole-page": 6.0,
    "whole-frame": 2.0,
    "whole-rows": 6.0,
    "table-build": 6.0,
    "table-join": 60.0,
    "table-encode": 4.0,
    "table-decode": 6.0,
}

# Calls, about a third more than there were.
A_ROW, A_LIST_ROW, A_PAGE, A_LEG, AT_HAND = 60, 240, 3_500, 350, 190


class Calls:
    """Counts every call, of Python functions and of C's."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> Self:
        self._before = sys.getprofile()
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(self._before)

    def _note(self, _: FrameType, event: str, __: object) -> None:
        self.count += event in {"call", "c_call"}


def calls_of(job: Callable[[], object]) -> int:
    """The calls of a job that has run before: words it looks up are known."""
    job()
    with Calls() as calls:
        job()
    return calls.count


@pytest.fixture
async def app(vocabulary: Vocabulary) -> AsyncIterator[web.Application]:
    """The service, started but without a socket, asking a stand-in that answers at once."""
    site = Site(pages.routes(), 0.0)
    server = await asyncio.get_running_loop().create_server(lambda: Visitor(site), load.HOST, 0)
    url = f"http://{load.HOST}:{server.sockets[0].getsockname()[1]}"
    urls = dict.fromkeys(("encar_api_url", "encar_page_url", "danawa_url", "mpark_api_url"), url)
    runner = web.AppRunner(create_app(replace(Settings(), cursor_secret="s", **urls), vocabulary))
    await runner.setup()
    yield runner.app
    await runner.cleanup()
    server.close()
    await server.wait_closed()


def test_an_encar_row_takes_so_many_calls_and_a_page_takes_its_rows(vocabulary: Vocabulary) -> None:
    (leg,) = stock.planned(1, vocabulary)[1].legs

    def calls(rows: int) -> int:
        body = pages.search_page(rows=rows)
        return calls_of(lambda: read_search(body, stock.asked(leg), vocabulary))

    none, half, whole = calls(0), calls(24), calls(48)
    assert whole - none < 48 * A_ROW
    assert whole - half == pytest.approx(half - none, rel=0.2)


def test_a_danawa_row_takes_so_many_calls(vocabulary: Vocabulary) -> None:
    body = pages.list_page()
    calls = calls_of(lambda: [normalise(row, vocabulary) for row in read_list(body).rows if isinstance(row, ListRow)])
    assert calls < pages.LIST_ROWS * A_LIST_ROW


async def test_a_page_takes_so_many_calls_and_each_further_leg_so_many_more(vocabulary: Vocabulary) -> None:
    async def calls(legs: int) -> int:
        query, planned = stock.planned(legs, vocabulary)
        service = stock.service(stock.Ready(planned.legs, stock.listings(vocabulary)), vocabulary)
        await service.answer(query, Deadline(60.0))
        with Calls() as counted:
            await service.answer(query, Deadline(60.0))
        return counted.count

    one, most = await calls(1), await calls(pure.MOST_LEGS)
    assert one < A_PAGE
    assert most - one < (pure.MOST_LEGS - 1) * A_LEG


async def test_a_page_at_hand_takes_so_many_calls_and_is_not_encoded_again(
    app: web.Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = BytesIO()
    monkeypatch.setattr(logs, "_straight", structlog.BytesLogger(lines))  # as `dealerproxy serve` logs
    monkeypatch.setattr(app[ANSWERS], "_clock", lambda: 1e9)  # nothing grows older

    async def ask() -> tuple[int, object]:
        request = make_mocked_request("GET", sockets.LIST, app=app)
        with Calls() as counted:
            response = await app._handle(request)
        assert isinstance(response, web.Response)
        assert response.status == 200
        return counted.count, response.body

    (missed, _), *found = [await ask() for _ in range(4)]
    assert max(calls for calls, _ in found) < AT_HAND < missed
    assert len({id(again) for _, again in found}) == 1
    assert len(lines.getvalue().splitlines()) == 4


@pytest.mark.parametrize("case", steps.PAIRS)
def test_a_step_takes_not_much_longer_than_the_least_there_is_to_do(case: str) -> None:
    pair = steps.PAIRS[case]()
    best = math.inf
    for _ in range(TRIES):
        rounds = timed(BRIEF, calls(pair.ours), calls(pair.base))
        best = min(best, *(ours.value / base.value for ours, base in rounds))
        if best < RATIOS[case]:
            break
    pair.close()
    assert best < RATIOS[case], pair.what
