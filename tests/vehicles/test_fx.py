"""Won per dollar: the static rate, the provider behind it, and that nobody ever waits for either."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from datetime import datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from hypothesis import given
from hypothesis import strategies as st
from pytest_aiohttp import AiohttpClient, AiohttpServer
from structlog.testing import capture_logs

from dealerproxy.app import create_app
from dealerproxy.contract.rate import Rate, iso_kst
from dealerproxy.settings import DEFAULT_KRW_PER_USD, DEFAULT_RATE_AS_OF, Settings
from dealerproxy.transport.errors import Blocked, TimedOut, Unreachable
from dealerproxy.vehicles.fx import COMPARABLE_S, FRESH_S, RETRY_S, FxRates, date_at, rate_at
from dealerproxy.vocabulary import Vocabulary
from tests.support.clock import Clock

STATIC = Rate(1347.52, "2026-04-15T21:50:00+09:00", "static")
# 1 June 2026 00:00:00 UTC.
START = 1_780_272_000.0
# Long for a busy machine, and less than a provider may take.
PROMPT_S = 4.0
PATIENT_S = 10.0


class Provider:
    """Answers what it is told to, or fails with it, and counts how often it was asked."""

    def __init__(self, answer: bytes | Exception = b'{"rates": {"KRW": 1400.25}}') -> None:
        self.answer = answer
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> bytes:
        self.asked += 1
        await self.gate.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def rates_with(provider: Provider, clock: Clock, path: str = "rates.KRW") -> FxRates:
    return FxRates(STATIC, fetch=provider, path=path, now=clock, clock=clock)


async def settle() -> None:
    """Let a refresh that can run to its end do so."""
    for _ in range(5):
        await asyncio.sleep(0)


async def refreshed(rates: FxRates) -> Rate:
    """The rate after a refresh that was due had its chance."""
    rates.current()
    await settle()
    return rates.current()


# Without a provider


async def test_without_a_provider_the_static_rate_serves_for_ever() -> None:
    clock = Clock(START)
    rates = FxRates(STATIC, now=clock, clock=clock)
    assert await refreshed(rates) == STATIC
    clock.at += 10 * FRESH_S
    assert await refreshed(rates) == STATIC
    await rates.close()


def test_without_a_provider_no_event_loop_is_needed() -> None:
    assert FxRates(STATIC).current() == STATIC


def test_a_rate_brought_by_a_request_is_of_this_moment_and_says_so() -> None:
    rates = FxRates(STATIC, now=Clock(START))
    assert rates.requested(1500.0) == Rate(1500.0, "2026-06-01T09:00:00+09:00", "request")
    assert rates.current() == STATIC


# With a provider


async def test_a_provider_replaces_the_static_rate_with_its_own_and_the_moment_of_reading() -> None:
    rates = rates_with(Provider(), Clock(START))
    assert await refreshed(rates) == Rate(1400.25, "2026-06-01T09:00:00+09:00", "provider")


async def test_no_request_waits_for_a_provider_not_even_the_first() -> None:
    provider = Provider()
    provider.gate.clear()
    rates = rates_with(provider, Clock(START))
    assert [rates.current() for _ in range(3)] == [STATIC] * 3
    await settle()
    assert rates.current() == STATIC
    provider.gate.set()
    await settle()
    assert rates.current().source == "provider"


async def test_many_requests_start_one_refresh() -> None:
    provider, clock = Provider(), Clock(START)
    provider.gate.clear()
    rates = rates_with(provider, clock)
    for _ in range(50):
        rates.current()
        clock.at += RETRY_S  # however long it takes, it is not joined by a second one
        await asyncio.sleep(0)
    assert provider.asked == 1
    await rates.close()


async def test_a_rate_is_refreshed_once_an_hour() -> None:
    provider, clock = Provider(), Clock(START)
    rates = rates_with(provider, clock)
    await refreshed(rates)
    clock.at += FRESH_S - 1
    await refreshed(rates)
    assert provider.asked == 1
    clock.at += 1
    provider.answer = b'{"rates": {"KRW": 1410}}'
    assert await refreshed(rates) == Rate(1410.0, "2026-06-01T10:00:00+09:00", "provider")
    assert provider.asked == 2


async def test_the_old_rate_serves_while_the_new_one_is_on_its_way() -> None:
    provider, clock = Provider(), Clock(START)
    rates = rates_with(provider, clock)
    first = await refreshed(rates)
    clock.at += FRESH_S
    provider.gate.clear()
    provider.answer = b'{"rates": {"KRW": 1410}}'
    assert await refreshed(rates) == first
    provider.gate.set()
    await settle()
    assert rates.current().krw_per_usd == 1410.0


TROUBLES = [
    pytest.param(TimedOut("no answer within 5.0 s"), id="timed out"),
    pytest.param(Unreachable("reset"), id="unreachable"),
    pytest.param(Blocked("status 403"), id="blocked"),
    pytest.param(b"", id="empty"),
    pytest.param(b"<html>", id="no JSON"),
    pytest.param(b"\xff\xfe", id="no text"),
    pytest.param(b"{}", id="path missing"),
    pytest.param(b'{"rates": null}', id="path ends early"),
    pytest.param(b'{"rates": {"KRW": null}}', id="null"),
    pytest.param(b'{"rates": {"KRW": "much"}}', id="no number"),
    pytest.param(b'{"rates": {"KRW": [1400]}}', id="a list"),
    pytest.param(b'{"rates": {"KRW": true}}', id="a truth"),
    pytest.param(b'{"rates": {"KRW": "NaN"}}', id="not a number"),
    pytest.param(b'{"rates": {"KRW": NaN}}', id="a bare not a number"),
    pytest.param(b'{"rates": {"KRW": Infinity}}', id="a bare infinity"),
    pytest.param(b'{"rates": {"KRW": "inf"}}', id="infinity"),
    pytest.param(b'{"rates": {"KRW": "-1,400"}}', id="a negative text"),
    pytest.param(b'{"rates": {"KRW": {"value": 1400}}}', id="an object"),
    pytest.param(b'{"rates": {"KRW": "1391,2"}}', id="a comma for the point"),
    pytest.param(b'{"rates": {"KRW": "1,39,1"}}', id="commas at odd places"),
    pytest.param(b'{"rates": {"KRW": "1400 KRW"}}', id="a unit"),
    pytest.param(b'{"rates": {"KRW": "\xe1\x81\x81\xe1\x81\x84\xe1\x81\x80\xe1\x81\x80"}}', id="other digits"),
    pytest.param(b'{"rates": {"KRW": "' + b"1" * 5_000 + b'"}}', id="endless digits"),
    pytest.param(b'{"rates": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", id="deep nesting"),
    pytest.param(b'{"rates": {"KRW": 0.000714}}', id="dollars per won"),
    pytest.param(b'{"rates": {"KRW": 99.99}}', id="too low"),
    pytest.param(b'{"rates": {"KRW": 10000.01}}', id="too high"),
    pytest.param(b'{"rates": {"KRW": -1400}}', id="negative"),
    pytest.param(b'{"rates": {"KRW": 1e400}}', id="beyond floats"),
]


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_before_the_first_success_trouble_leaves_the_static_rate(trouble: bytes | Exception) -> None:
    with capture_logs() as lines:
        assert await refreshed(rates_with(Provider(trouble), Clock(START))) == STATIC
    assert [line["event"] for line in lines] == ["fx_refresh_failed"]
    assert lines[0]["error"]


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_after_a_success_trouble_leaves_the_last_good_rate(trouble: bytes | Exception) -> None:
    provider, clock = Provider(), Clock(START)
    rates = rates_with(provider, clock)
    good = await refreshed(rates)
    provider.answer = trouble
    clock.at += FRESH_S
    assert await refreshed(rates) == good
    assert provider.asked == 2


async def test_a_failing_provider_is_asked_at_most_once_a_minute() -> None:
    provider, clock = Provider(Unreachable("reset")), Clock(START)
    rates = rates_with(provider, clock)
    for _ in range(301):  # five minutes of requests, one a second
        await refreshed(rates)
        clock.at += 1
    assert provider.asked == 6


async def test_a_provider_that_recovers_is_believed_again_and_then_left_alone_for_an_hour() -> None:
    provider, clock = Provider(Unreachable("reset")), Clock(START)
    rates = rates_with(provider, clock)
    await refreshed(rates)
    provider.answer = b'{"rates": {"KRW": 1400.25}}'
    clock.at += RETRY_S
    assert (await refreshed(rates)).source == "provider"
    clock.at += FRESH_S - 1
    await refreshed(rates)
    assert provider.asked == 2


async def test_closing_ends_a_refresh_that_hangs() -> None:
    provider = Provider()
    provider.gate.clear()
    rates = rates_with(provider, Clock(START))
    rates.current()
    await settle()
    await rates.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert rates.current() == STATIC
    await rates.close()


# Reading the provider's JSON


@pytest.mark.parametrize(
    ("body", "path", "rate"),
    [
        (b'{"KRW": 1400}', "KRW", 1400.0),
        (b'{"rates": {"KRW": 1400.25}}', "rates.KRW", 1400.25),
        (b'{"data": [{"v": 1}, {"v": "1400.25"}]}', "data.1.v", 1400.25),
        (b"[[1400]]", "0.0", 1400.0),
        (b'{"0": 1400}', "0", 1400.0),
        (b'{"KRW": "1,391.2"}', "KRW", 1391.2),
        (b'{"KRW": "1,391"}', "KRW", 1391.0),
        (b'{"KRW": " 1391.20 "}', "KRW", 1391.2),
        (b'{"KRW": 100}', "KRW", 100.0),
        (b'{"KRW": 10000}', "KRW", 10_000.0),
        ('{"환율": 1400}'.encode(), "환율", 1400.0),
    ],
)
def test_a_dotted_path_leads_to_the_rate(body: bytes, path: str, rate: float) -> None:
    assert rate_at(body, path) == rate


@pytest.mark.parametrize(
    ("body", "path", "complaint"),
    [
        (b'{"rates": {}}', "rates.KRW", "'rates.KRW': 'KRW' does not exist"),
        (b'{"rates": 5}', "rates.KRW", "'rates.KRW': 'KRW' does not exist"),
        (b'{"rates": "KRW"}', "rates.KRW", "'rates.KRW': 'KRW' does not exist"),
        (b"[1400]", "1", "'1': '1' does not exist"),
        (b"[1400]", "KRW", "'KRW': 'KRW' does not exist"),
        (b'{"KRW": {}}', "KRW", "'KRW' is not a number"),
        (b'{"KRW": "1.391,2"}', "KRW", "'KRW' is not a number"),
        (b'{"KRW": true}', "KRW", "'KRW' is not a number"),
        (b'{"KRW": 1.4}', "KRW", "'KRW' is 1.4, which cannot be won per dollar"),
    ],
)
def test_what_is_wrong_with_a_providers_answer_is_said(body: bytes, path: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(complaint)}$"):
        rate_at(body, path)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "0"]), inner, max_size=3),
    max_leaves=6,
)


@given(value=_JSON, path=st.lists(st.sampled_from(["a", "b", "0", "1", "-1", ""]), min_size=1, max_size=3))
def test_any_answer_is_a_plausible_rate_or_a_value_error(value: object, path: list[str]) -> None:
    try:
        # `json` writes NaN and Infinity, as careless providers do.
        rate = rate_at(json.dumps(value).encode(), ".".join(path))
    except ValueError as error:
        assert "\n" not in str(error)
    else:
        assert 100.0 <= rate <= 10_000.0


def test_a_moment_is_written_in_korean_time_to_the_second() -> None:
    assert iso_kst(START + 0.999) == "2026-06-01T09:00:00+09:00"
    assert datetime.fromisoformat(iso_kst(START)).timestamp() == START


# What is too far from the rate before


def says(rate: float | str) -> bytes:
    return json.dumps({"rates": {"KRW": rate}}).encode()


OTHER_RATES = [
    pytest.param(139.12, id="ten times too low"),
    pytest.param(190.4, id="won per yuan"),
    pytest.param(931.5, id="won per hundred yen"),
    pytest.param(9_999.0, id="a stand-in for a number"),
    pytest.param("9,999", id="a stand-in as a text"),
    pytest.param(1_799.5, id="won per pound"),
    pytest.param(1_078.01, id="a fifth below"),
    pytest.param(1_617.03, id="a fifth above"),
]


@pytest.mark.parametrize("other", OTHER_RATES)
async def test_a_first_rate_too_far_from_the_static_one_is_refused_counted_and_logged_once(other: float | str) -> None:
    provider, clock = Provider(says(other)), Clock(START)
    rates = rates_with(provider, clock)
    with capture_logs() as lines:
        for _ in range(10):
            for _ in range(20):
                assert await refreshed(rates) == STATIC
            clock.at += RETRY_S
    assert provider.asked == rates.refused == 10
    (line,) = lines
    assert (line["event"], line["log_level"]) == ("fx_rate_refused", "error")
    assert (line["compared_with"], line["source"]) == (STATIC.krw_per_usd, "static")
    assert (rates.change, rates.read_at) == (None, None)


@pytest.mark.parametrize("other", OTHER_RATES)
async def test_a_rate_too_far_from_the_last_good_one_is_refused_until_it_is_right_again(other: float | str) -> None:
    provider, clock = Provider(says(1_347.52)), Clock(START)
    rates = rates_with(provider, clock)
    good = await refreshed(rates)
    provider.answer = says(other)
    clock.at += FRESH_S
    with capture_logs() as lines:
        assert await refreshed(rates) == good
        provider.answer = Unreachable("reset")
        clock.at += RETRY_S
        assert await refreshed(rates) == good
        provider.answer = says(other)
        clock.at += RETRY_S
        assert await refreshed(rates) == good
        provider.answer = says(1_347.52)
        clock.at += RETRY_S
        assert (await refreshed(rates)).krw_per_usd == 1_347.52
        provider.answer = says(other)
        clock.at += FRESH_S
        assert (await refreshed(rates)).krw_per_usd == 1_347.52
    assert [line["event"] for line in lines] == ["fx_rate_refused", "fx_refresh_failed", "fx_rate_refused"]
    assert rates.refused == 3


@pytest.mark.parametrize(
    ("static", "value", "change"),
    [(1000.0, 1200.0, 0.2), (1000.0, 800.0, 0.2), (1347.52, 1617.024, 0.2), (1347.52, 1600.0, 0.187366)],
)
async def test_a_rate_as_far_as_may_be_is_used_and_its_change_shown(static: float, value: float, change: float) -> None:
    rates = FxRates(
        Rate(static, STATIC.as_of, "static"), fetch=Provider(says(value)), path="rates.KRW", now=Clock(START)
    )
    assert (await refreshed(rates)).krw_per_usd == value
    assert (rates.change, rates.refused, rates.read_at) == (change, 0, START)


async def test_a_rate_may_move_far_in_steps_and_is_compared_with_the_last() -> None:
    provider, clock = Provider(), Clock(START)
    rates = rates_with(provider, clock)
    for value in (1_500.0, 1_700.0, 1_900.0):
        provider.answer = says(value)
        assert (await refreshed(rates)).krw_per_usd == value
        clock.at += FRESH_S


@pytest.mark.parametrize(("age_s", "used"), [(COMPARABLE_S - 1, True), (COMPARABLE_S, False)])
async def test_a_last_good_rate_of_a_week_ago_is_compared_with_no_longer(age_s: float, used: bool) -> None:
    provider, clock = Provider(says(1_600)), Clock(START)
    rates = rates_with(provider, clock)
    await refreshed(rates)
    clock.at += age_s
    provider.answer = says(1_800)  # near 1,600, and far from the static rate
    assert ((await refreshed(rates)).krw_per_usd == 1_800) is used
    assert rates.refused == (not used)


async def test_a_static_rate_near_the_refused_one_lifts_the_refusal() -> None:
    provider = Provider(says(2_000))
    assert (await refreshed(rates_with(provider, Clock(START)))).source == "static"
    lifted = FxRates(Rate(1_950.0, STATIC.as_of, "static"), fetch=provider, path="rates.KRW", now=Clock(START))
    assert (await refreshed(lifted)).krw_per_usd == 2_000


# The provider's own date

DATES = [
    ("2026-05-29", "2026-05-29T00:00:00+09:00"),
    ("20260529", "2026-05-29T00:00:00+09:00"),
    ("2026-05-29T15:30:00", "2026-05-29T15:30:00+09:00"),
    ("2026-05-29 15:30:00", "2026-05-29T15:30:00+09:00"),
    ("2026-05-29T15:30:00.123456", "2026-05-29T15:30:00+09:00"),
    ("2026-05-29T15:30:00Z", "2026-05-30T00:30:00+09:00"),
    ("2026-05-29T15:30:00+00:00", "2026-05-30T00:30:00+09:00"),
    ("2026-05-29T15:30:00-04:00", "2026-05-30T04:30:00+09:00"),
    (" 2026-05-29 ", "2026-05-29T00:00:00+09:00"),
    (1_780_068_600, "2026-05-30T00:30:00+09:00"),
    (1_780_068_600.5, "2026-05-30T00:30:00+09:00"),
    (1_780_068_600_000, "2026-05-30T00:30:00+09:00"),
    ("1780068600", "2026-05-30T00:30:00+09:00"),
    ("1780068600000", "2026-05-30T00:30:00+09:00"),
    # A clock that is ahead of ours, or a date of tomorrow: no rate is of later than now.
    ("2026-06-02", "2026-06-01T09:00:00+09:00"),
    (START + 60, "2026-06-01T09:00:00+09:00"),
]


def dated(date: object) -> bytes:
    return json.dumps({"rates": {"KRW": 1400}, "meta": [{"date": date}]}).encode()


@pytest.mark.parametrize(("date", "as_of"), DATES)
async def test_a_rate_is_of_the_date_its_provider_says(date: object, as_of: str) -> None:
    rates = FxRates(STATIC, fetch=Provider(dated(date)), path="rates.KRW", date_path="meta.0.date", now=Clock(START))
    assert await refreshed(rates) == Rate(1400.0, as_of, "provider")
    assert rates.read_at == START


NO_DATES: list[object] = [
    *(None, True, [], {}, "", "yesterday", "29.05.2026", "2026-13-01", "2026-05-29T25:00:00", "NaN", "9" * 5_000),
    *(0, -1, 1e300, 20_260_529, "0001-01-01", "9999-12-31", "9999-12-31T23:59:59-12:00", "1999-12-31", "2026-06-03"),
    *(START + 2 * 86_400, (START + 2 * 86_400) * 1000, START * 1_000_000),
]


@pytest.mark.parametrize("date", NO_DATES, ids=lambda date: repr(date)[:30])
async def test_a_rate_without_a_date_that_can_be_is_not_used(date: object) -> None:
    rates = FxRates(STATIC, fetch=Provider(dated(date)), path="rates.KRW", date_path="meta.0.date", now=Clock(START))
    with capture_logs() as lines:
        assert await refreshed(rates) == STATIC
    assert [line["event"] for line in lines] == ["fx_refresh_failed"]


@given(value=_JSON)
def test_any_date_is_one_of_this_century_up_to_now_or_a_value_error(value: object) -> None:
    try:
        at = date_at(json.dumps({"a": value}).encode(), "a", START)
    except ValueError as error:
        assert "\n" not in str(error)
    else:
        assert 946_684_800 <= at <= START


# The whole way: a provider over HTTP, the service in front


@pytest.fixture
def service(
    aiohttp_client: AiohttpClient, aiohttp_server: AiohttpServer, vocabulary: Vocabulary
) -> Callable[..., Awaitable[TestClient[web.Request, web.Application]]]:
    """Start the service with a provider that answers like this handler, or without one."""

    async def start(
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None, **settings: object
    ) -> TestClient[web.Request, web.Application]:
        if handler is not None:
            app = web.Application()
            app.router.add_get("/latest", handler)
            settings |= {"fx_url": str((await aiohttp_server(app)).make_url("/latest")), "fx_path": "rates.KRW"}
        configured = Settings(cursor_secret="s", danawa_url="http://127.0.0.1:9", **settings)  # type: ignore[arg-type]
        return await aiohttp_client(create_app(configured, vocabulary))

    return start


Start = Callable[..., Awaitable[TestClient[web.Request, web.Application]]]


async def shown(client: TestClient[web.Request, web.Application]) -> dict[str, object]:
    """The rate a list shows; dealers are left out of it, so no upstream is asked."""
    async with client.get("/v1/vehicles", params={"source": "glovis"}) as answer:
        fx: dict[str, object] = (await answer.json())["fx"]
        return fx


async def shown_from(client: TestClient[web.Request, web.Application], source: str) -> dict[str, object]:
    """The rate once it comes from this source."""
    for _ in range(400):
        if (fx := await shown(client))["source"] == source:
            return fx
        await asyncio.sleep(0.005)
    raise AssertionError(f"no rate from {source}")


async def test_a_service_without_a_provider_shows_the_documented_rate(service: Start) -> None:
    fx = {"krw_per_usd": DEFAULT_KRW_PER_USD, "as_of": DEFAULT_RATE_AS_OF, "source": "static"}
    assert await shown(await service()) == fx


async def test_a_static_rate_set_by_the_operator_is_of_the_start_of_the_service(service: Start) -> None:
    fx = await shown(await service(krw_per_usd=1444.0))
    assert (fx["krw_per_usd"], fx["source"]) == (1444.0, "static")
    age = datetime.now().astimezone() - datetime.fromisoformat(str(fx["as_of"]))
    assert abs(age.total_seconds()) < 30


async def test_a_service_asks_its_provider_once_at_the_start_and_shows_its_rate(service: Start) -> None:
    asked = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.headers["Accept"])
        return web.json_response({"rates": {"KRW": 1400.25}})

    client = await service(handler)
    fx = await shown_from(client, "provider")
    assert fx["krw_per_usd"] == 1400.25
    await shown(client)
    assert asked == ["application/json"]


async def test_a_service_shows_the_date_its_provider_says(service: Start) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response({"rates": {"KRW": "1,400.25"}, "date": "2026-05-29"})

    fx = await shown_from(await service(handler, fx_date_path="date"), "provider")
    assert fx == {"krw_per_usd": 1400.25, "as_of": "2026-05-29T00:00:00+09:00", "source": "provider"}


@pytest.mark.parametrize("rate", [139.12, 9_999])
async def test_a_service_whose_provider_gives_another_rate_prices_no_car_with_it_and_counts_it(
    service: Start, rate: float
) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response({"rates": {"KRW": rate}})

    client = await service(handler)
    for _ in range(400):
        async with client.get("/metrics") as metrics:
            if "dealerproxy_fx_refused_total 1.0" in await metrics.text():
                break
        await asyncio.sleep(0.005)
    else:
        raise AssertionError("no refusal was counted")
    assert (await shown(client))["source"] == "static"


async def test_a_service_whose_provider_hangs_answers_at_once_and_stops_at_once(service: Start) -> None:
    asked, over = asyncio.Event(), asyncio.Event()

    async def handler(_: web.Request) -> web.Response:
        asked.set()
        await over.wait()
        return web.Response()

    client = await service(handler)
    with capture_logs() as lines:
        async with asyncio.timeout(PROMPT_S):
            await asked.wait()
            assert (await shown(client))["source"] == "static"
            await client.close()
            assert "fx-refresh" not in {task.get_name() for task in asyncio.all_tasks()}
    over.set()
    assert [line["event"] for line in lines] == ["request"]  # a refresh that was called off is no failure


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"status": 500}, id="500", marks=pytest.mark.slow),  # it is tried again, a second later
        pytest.param({"status": 200, "text": "<html>"}, id="a page"),
        pytest.param({"status": 200, "body": b'{"rates": {"USD": 1}}'}, id="no rate"),
        pytest.param({"status": 200, "body": b'{"rates": {"KRW": 1400}}' + b" " * 1_000_000}, id="too large"),
        pytest.param({"status": 302, "headers": {"Location": "http://["}}, id="a redirect to nowhere"),
    ],
)
async def test_a_service_whose_provider_is_in_trouble_goes_on_with_the_static_rate(
    service: Start, answer: dict[str, object]
) -> None:
    asked = asyncio.Event()

    async def handler(_: web.Request) -> web.Response:
        asked.set()
        return web.Response(**answer)  # type: ignore[arg-type]

    with capture_logs() as lines:
        client = await service(handler)
        await asyncio.wait_for(asked.wait(), PATIENT_S)
        for _ in range(400):
            if any(line["event"] == "fx_refresh_failed" for line in lines):
                break
            await asyncio.sleep(0.005)
        else:
            raise AssertionError("the failed refresh was not logged")
        assert (await shown(client))["source"] == "static"
        async with client.get("/metrics") as metrics:
            counted = [line for line in (await metrics.text()).splitlines() if 'upstream="fx"' in line]
        assert not [line for line in counted if 'outcome="ok"' in line and not line.endswith(" 0.0")]


@pytest.mark.parametrize("jump_s", [3_600.0, -3_600.0, 31_536_000.0, -31_536_000.0])
async def test_a_rate_is_refreshed_on_time_although_the_time_of_day_is_set(jump_s: float) -> None:
    provider, clock, day = Provider(), Clock(START), Clock(START)
    rates = FxRates(STATIC, fetch=provider, path="rates.KRW", now=day, clock=clock)
    await rates.prime(1)
    day.at += jump_s
    for _ in range(3):
        rates.current()
        await settle()
    assert provider.asked == 1
    clock.at += FRESH_S
    rates.current()
    await settle()
    assert provider.asked == 2
