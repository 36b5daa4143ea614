"""The status page: what it says is true, everybody can read it, and it loads nothing from elsewhere but photos."""

import asyncio
import itertools
import os
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram

from dealerproxy.api import status
from dealerproxy.api.pages import STATIC
from dealerproxy.api.upstreams import State
from dealerproxy.cache.entries import CacheStatus
from dealerproxy.contract.answers import REFRESHING, SkipReason
from dealerproxy.contract.headers import API_KEY
from dealerproxy.ops.families import NOT_FOUND, OK, OUTCOMES
from dealerproxy.ops.history import MINUTES, History, Minute, Totals
from dealerproxy.sandbox.encar.details import battery_marks, choice_codes
from dealerproxy.sandbox.faults import Block, MissingField, Status
from dealerproxy.transport import errors
from dealerproxy.transport.circuit import Phase, Slow
from dealerproxy.transport.errors import UpstreamError
from dealerproxy.upstreams.danawa import client as danawa
from dealerproxy.upstreams.encar import client as encar
from dealerproxy.vocabulary import Vocabulary
from tests.api.browser import accessible, opened
from tests.api.conftest import KEY, Sandbox, Sandboxes
from tests.api.markup import addresses, faults_of

LIST = "/v1/vehicles?make=BMW"
# Seconds after which the page asks again, and after one failure too.
LOOKS_AGAIN_S = 6
PAGE = (STATIC / "status.html").read_text(encoding="utf-8")
SCRIPTS = {path.name: path.read_text(encoding="utf-8") for path in STATIC.glob("*.js")}


async def status_of(sandbox: Sandbox) -> Any:
    code, headers, body = await sandbox.ask("GET", "/v1/status")
    assert code == 200
    assert headers["Cache-Control"] == "no-store"
    return orjson.loads(body)


def sites(answer: Any) -> dict[str, Any]:
    return {site["name"]: site for site in answer["upstreams"]}


# The figures


async def test_the_figures_are_told_without_asking_a_site(sandbox: Sandbox) -> None:
    told = await status_of(sandbox)
    assert [*sandbox.encar.calls, *sandbox.danawa.calls] == []
    assert [site["state"] for site in told["upstreams"]] == ["healthy", "healthy"]
    assert (told["cache"], told["fx"]["krw_per_usd"]) == ([], 1347.52)


async def test_requests_and_failures_are_told_by_site_and_minute(sandbox: Sandbox) -> None:
    await sandbox.ask("GET", LIST)
    sandbox.breaks(Block(operation="search"))
    await sandbox.ask("GET", LIST + "&year_min=2020")
    told = sites(await status_of(sandbox))
    (minute,) = told["encar"]["minutes"]
    assert (minute["requests"], minute["failures"]) == (2, {"blocked": 1})
    assert 0 < minute["mean_ms"] < 5_000
    assert (told["encar"]["state"], told["encar"]["reason"]) == ("suspended", "blocked")
    assert told["danawa"]["minutes"][0]["failures"] == {}


async def test_what_was_kept_and_what_drifted_is_told(sandbox: Sandbox) -> None:
    for _ in range(2):
        await sandbox.ask("GET", LIST)
    sandbox.breaks(MissingField(operation="search", field="Count", of="answer", share=1.0))
    await sandbox.ask("GET", LIST + "&year_min=2020")
    told = await status_of(sandbox)
    kept = {use["kind"]: use["results"] for use in told["cache"]}
    assert kept["chunk"]["miss"] == 1
    assert kept["chunk"]["error"] == 1
    assert ("encar", "search") in {(drift["upstream"], drift["operation"]) for drift in told["drift"]}


async def test_the_figures_want_a_key_and_the_page_does_not(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.start(api_keys=KEY)
    assert (await sandbox.ask("GET", "/v1/status"))[0] == 401
    assert (await sandbox.ask("GET", "/v1/status", headers={API_KEY: KEY}))[0] == 200
    for path in ("/", "/static/status.js", "/static/status.css", "/static/icon.svg"):
        assert (await sandbox.ask("GET", path))[0] == 200


def test_the_counters_of_all_operations_of_a_site_are_summed_up() -> None:
    registry = CollectorRegistry()
    sent = Counter(status.SENT, "-", ["upstream", "operation", "outcome"], registry=registry)
    seconds = Histogram(status.SECONDS.removesuffix("_sum"), "-", ["upstream", "operation"], registry=registry)
    for operation, outcome, count in (("a", "ok", 3), ("a", "blocked", 2), ("b", "not_found", 1)):
        sent.labels("encar", operation, outcome).inc(count)
        seconds.labels("encar", operation).observe(0.5)
    sums = status.totals(*status.read(registry, status.SENT, status.SECONDS))
    assert sums == {"encar": Totals(requests=6, failures={"blocked": 2}, seconds=1.5)}


def test_the_cache_is_summed_up_over_its_tiers() -> None:
    rows = [("chunk", "memory", "hit", 2), ("chunk", "redis", "hit", 3), ("advert", "upstream", "error", 1)]
    samples = [({"kind": kind, "tier": tier, "result": result}, float(count)) for kind, tier, result, count in rows]
    told = [(use.kind, use.results) for use in status.cache_use(samples)]
    assert told == [("advert", {"error": 1}), ("chunk", {"hit": 5})]


def test_what_drifted_most_is_told_first() -> None:
    samples = [
        ({"upstream": "encar", "operation": "search", "path": "Count"}, 1.0),
        ({"upstream": "danawa", "operation": "list", "path": "#usedcarList"}, 4.0),
    ]
    assert [(drift.path, drift.count) for drift in status.drift_seen(samples)] == [("#usedcarList", 4), ("Count", 1)]


def test_the_latest_captures_are_told_and_none_that_is_being_written(tmp_path: Path) -> None:
    assert status.last_captures(tmp_path / "nothing there") == []
    for number in range(7):
        (tmp_path / f"encar-search-drift-{number}").mkdir()
        os.utime(tmp_path / f"encar-search-drift-{number}", (1_800_000_000 + number, 1_800_000_000 + number))
    (tmp_path / ".encar-search-drift-9-tmp").mkdir()
    told = status.last_captures(tmp_path)
    assert [capture.name[-1] for capture in told] == ["6", "5", "4", "3", "2"]
    assert told[0].at == "2027-01-15T17:00:06+09:00"


async def test_captures_are_null_where_none_are_kept(sandboxes: Sandboxes, tmp_path: Path) -> None:
    assert (await status_of(await sandboxes.start()))["captures"] is None
    assert (await status_of(await sandboxes.start(capture_dir=str(tmp_path))))["captures"] == []


@pytest.mark.parametrize("field", ["stock", "truck_stock"])
@pytest.mark.parametrize("path", ["/v1/status", "/v1/upstreams"])
async def test_stock_is_told_by_site_and_index_with_its_ages_and_the_last_reading(
    sandboxes: Sandboxes, path: str, field: str
) -> None:
    sandbox = await sandboxes.start(encar_warm="Kia")

    async def stock() -> Any:
        answer = orjson.loads((await sandbox.ask("GET", path))[2])
        return next(site for site in answer.get("upstreams", answer.get("data")) if site["name"] == "encar")[field]

    held = await stock()
    while held["last_reading"] is None or held["rows"] == 0:
        await asyncio.sleep(0.005)
        held = await stock()
    assert (held["last_reading"]["work"], held["last_reading"]["result"]) == ("read", "ok")
    assert held["listings"] > 0
    assert held["bytes"] > held["rows"]
    assert held["oldest_at"] <= held["newest_at"] <= held["last_reading"]["at"]


async def test_stock_is_null_where_none_is_kept(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.start(stock_mb=0)
    encar = sites(await status_of(sandbox))["encar"]
    assert encar["stock"] is encar["truck_stock"] is None


# The last hour


def test_a_minute_is_the_difference_of_its_ends() -> None:
    marks = iter([
        {},
        {"encar": Totals(4, {"blocked": 1}, 2.0)},
        {"encar": Totals(4, {"blocked": 1}, 2.0), "danawa": Totals(1, {}, 0.25)},
        {"encar": Totals(6, {"blocked": 1, "drift": 1}, 2.5), "danawa": Totals(1, {}, 0.25)},
    ])  # fmt: skip
    history = History(lambda: next(marks))
    history.mark()
    history.mark()
    assert history.minutes() == {
        "encar": [Minute(4, {"blocked": 1}, 500.0), Minute(0, {}, None), Minute(2, {"drift": 1}, 250.0)],
        "danawa": [Minute(0, {}, None), Minute(1, {}, 250.0), Minute(0, {}, None)],
    }


@given(st.lists(st.integers(0, 50), min_size=1, max_size=3 * MINUTES))
def test_no_request_is_lost_or_told_twice_within_the_hour(counts: list[int]) -> None:
    totals = itertools.accumulate([0, *counts, 0])
    history = History(lambda: {"encar": Totals(requests=next(totals))})
    for _ in counts:
        history.mark()
    told = [minute.requests for minute in history.minutes()["encar"]]
    assert told == [*counts, 0][-MINUTES:]


async def test_a_minute_ends_every_60_seconds() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) > 2:
            raise asyncio.CancelledError

    history = History(lambda: {"encar": Totals()})
    with pytest.raises(asyncio.CancelledError):
        await history.keep(sleep)
    assert slept == [60.0] * 3
    assert len(history.minutes()["encar"]) == 3


# The page


async def test_the_page_is_sound_and_all_it_loads_is_there(sandbox: Sandbox) -> None:
    code, headers, body = await sandbox.ask("GET", "/")
    assert (code, body.decode()) == (200, PAGE)
    policy = dict(each.split(" ", 1) for each in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert faults_of(PAGE) == []
    imported = set(re.findall(r'from "\./([a-z]+\.js)"', "".join(SCRIPTS.values())))
    for url in {*addresses(PAGE), *(f"static/{name}" for name in imported)} - {"v1/status", "./"}:
        assert (await sandbox.ask("GET", f"/{url}"))[0] == 200, url


def test_every_element_the_scripts_look_for_is_on_the_page() -> None:
    wanted = set(re.findall(r'find\("([a-z-]+)"\)', "".join(SCRIPTS.values())))
    assert len(wanted) > 20
    assert wanted - set(re.findall(r'id="([a-z_-]+)"', PAGE)) == set()


def table(name: str) -> set[str]:
    """The words that a table in words.js explains."""
    found = re.search(rf"export const {name} = \{{(.*?)^\}};", SCRIPTS["words.js"], re.MULTILINE | re.DOTALL)
    assert found is not None
    return set(re.findall(r"^  (\w+):", found[1], re.MULTILINE))


def codes(kind: type[UpstreamError]) -> set[str]:
    return {kind.code}.union(*(codes(each) for each in kind.__subclasses__()))


def test_every_word_of_the_service_is_explained() -> None:
    assert {code for code in codes(UpstreamError) if code in vars_of_errors()} | {Slow.code} <= table("REASONS")
    assert {REFRESHING, *OUTCOMES} - {OK, NOT_FOUND} <= table("REASONS")
    assert table("STATES") == set(State) >= set(Phase)
    assert table("SKIPPED") == set(SkipReason)
    assert table("RESULTS") == {*CacheStatus, "error"}
    manners = (encar.MANNERS, danawa.LIST_MANNERS, danawa.FEEDER_MANNERS)
    assert {operation for each in manners for operation in each.operations} <= table("OPERATIONS")


def test_every_panel_of_the_inspection_is_drawn(vocabulary: Vocabulary) -> None:
    script = SCRIPTS["outline.js"]
    for kind in ("exterior", "frame"):
        sides, middles = re.findall(rf"^  {kind}: \{{(.*?)^  \}},", script, re.MULTILINE | re.DOTALL)
        drawn = {f"{name}-{side}" for name in re.findall(r'"?([a-z-]+)"?: \[', sides) for side in "lr"}
        drawn |= set(re.findall(r'"?([a-z-]+)"?: \[', middles))
        assert drawn == {panel.id for panel in vocabulary.sheet.panels.values() if panel.kind == kind}


def vars_of_errors() -> set[str]:
    """The codes of the service's own errors, without those that tests invent."""
    return {kind.code for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, UpstreamError)}


async def test_every_kind_of_piece_has_a_name(sandbox: Sandbox) -> None:
    body = orjson.dumps({"ids": ["encar_41985016"]})
    electric = next(car for car in sandbox.encar.inventory if battery_marks(car).is_tested and choice_codes(car))
    cars = [f"/v1/vehicles/encar_{number}?include=dealer" for number in ("41985016", electric.id)]
    for path in (LIST, *cars, "/v1/vehicles/facets"):
        await sandbox.ask("GET", path)
    await sandbox.ask("GET", LIST + "&accident_grade=A")
    await sandbox.ask("POST", "/v1/vehicles/availability", body=body)
    danawa_car = next(car for car in sandbox.danawa.inventory if not car.mark and car.at_feeder)
    await sandbox.ask("GET", f"/v1/vehicles/danawa_{danawa_car.id}")
    kinds = {use["kind"] for use in (await status_of(sandbox))["cache"]}
    assert len(kinds) >= 8
    assert {"packages", "battery"} <= kinds
    assert kinds <= table("KINDS")


# In a browser


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
async def test_the_page_follows_the_sites_without_being_loaded_anew(sandbox: Sandbox, scheme: str, width: int) -> None:
    async with opened(
        sandbox.url + "/", sandbox.url, color_scheme=scheme, viewport={"width": width, "height": 900}
    ) as tab:
        await tab.said("h1", "no traffic yet")
        await tab.said("#stock th", "Encar trucks")
        await tab.page.evaluate("window.stillTheSame = true")
        await tab.page.fill("#make", "Kia, Hyundai")
        await tab.page.click("#search button")
        await tab.said("#told", "cars shown")
        assert await tab.page.locator("#rows > li").count() == 12
        await tab.page.click("#more")
        await tab.said("#told", "24 cars shown")
        await tab.page.locator("#rows button[aria-expanded]").first.click()
        await tab.said("#rows .opened", "Estimated landed")
        assert await tab.page.locator("#rows .opened .outline").count() in {0, 2}
        await tab.page.click("#more-filters summary")
        await tab.page.locator("#options_include option").first.wait_for(state="attached")
        await tab.later(LOOKS_AGAIN_S)
        await tab.said("h1", "Lists: both sites.")
        assert await accessible(tab) == []

        sandbox.breaks(Block(operation="search"))
        await sandbox.ask("GET", "/v1/vehicles?make=BMW&year_min=1990")
        await tab.later(LOOKS_AGAIN_S)
        await tab.said("h1", "Lists: Danawa only since")
        await tab.said("#why", "Encar lists: suspended, because it blocks our requests")
        await tab.said("#advice", "Wait. It is tried again")
        await tab.said(".site .operations", "next try in")
        assert await accessible(tab) == []

        sandbox.breaks()
        await tab.page.click("text=Reset Encar")
        await tab.said("h1", "Lists: both sites.")
        assert await tab.page.evaluate("document.activeElement.textContent") == "Encar"
        assert await tab.page.evaluate("window.stillTheSame")
        assert await tab.page.evaluate("document.documentElement.scrollWidth") == width
        sandbox.breaks(MissingField(operation="search", field="Count", of="answer", share=1.0))
        for year in range(3):
            await sandbox.ask("GET", f"/v1/vehicles?make=Audi&year_min={2000 + year}")
        await tab.later(LOOKS_AGAIN_S)
        await tab.said("h1", "Lists: Encar partial, Danawa.")
        await tab.said("#why", "Encar lists: partial, because it has changed its format.")
        await tab.said("#drift", "Count")
        assert tab.troubles == []
        assert {request.resource_type for request in tab.abroad} == {"image"}
        assert [request.url for request in tab.abroad if "referer" in await request.all_headers()] == []


@pytest.mark.slow
async def test_a_pause_is_shown_with_its_note_as_text_and_ended_with_a_button(sandbox: Sandbox) -> None:
    note = "<img src=x onerror=alert(1)> they & we agreed </q>"
    await sandbox.ask("POST", "/v1/upstreams/danawa/pause", body=orjson.dumps({"minutes": 30, "note": note}))
    async with opened(sandbox.url + "/", sandbox.url) as tab:
        await tab.said("h1", "Lists: Encar not called, Danawa failed since")
        await tab.said("#why", "Danawa lists: paused by an operator")
        await tab.said(".site .pause q", note)
        assert await tab.page.locator(".site img").count() == 0
        assert await accessible(tab) == []
        await tab.page.click("text=End the pause of Danawa")
        await tab.page.locator(".site .pause:visible").first.wait_for(state="hidden", timeout=15_000)
        assert "paused" not in await tab.page.inner_text("h1")
        assert tab.troubles == []


@pytest.mark.slow
async def test_with_both_sites_down_nothing_is_said_to_go_on(sandbox: Sandbox) -> None:
    sandbox.breaks(Block(), Status(operation="danawa_list", status=502), Status(operation="feeder", status=502))
    encar, danawa = sandbox.encar.inventory, sandbox.danawa.inventory
    for index in range(6):
        await sandbox.ask("GET", f"/v1/vehicles?make=Kia&year_min={2000 + index}")
    cars = [f"encar_{car.id}" for car in encar][:6] + [f"danawa_{car.id}" for car in danawa if car.at_feeder][:6]
    for car in cars:
        await sandbox.ask("GET", f"/v1/vehicles/{car}")
    partners = (await status_of(sandbox))["partners"]
    assert {source["status"] for kind in ("lists", "cars") for source in partners[kind]} == {"failed"}
    async with opened(sandbox.url + "/", sandbox.url) as tab:
        await tab.said("h1", "Lists: 503 since")
        await tab.said("h1", "Cars: 503 since")
        assert "continue" not in await tab.page.inner_text("main")


@pytest.mark.slow
async def test_a_hidden_page_asks_nothing(sandbox: Sandbox) -> None:
    async with opened(sandbox.url + "/", sandbox.url) as tab:
        await tab.said("h1", "no traffic yet")
        await tab.page.evaluate("""() => {
            Object.defineProperty(document, "hidden", {value: true, configurable: true});
            document.dispatchEvent(new Event("visibilitychange"));
        }""")
        asked = len(tab.asked)
        await tab.later(60)
        assert len(tab.asked) == asked
        async with tab.page.expect_request("**/v1/status"):
            await tab.page.evaluate("""() => {
                Object.defineProperty(document, "hidden", {value: false, configurable: true});
                document.dispatchEvent(new Event("visibilitychange"));
            }""")
        assert len(tab.asked) == asked + 1


@pytest.mark.slow
async def test_the_page_asks_for_the_key_and_keeps_it_in_its_tab_only(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.start(api_keys=KEY)
    async with opened(sandbox.url + "/", sandbox.url) as tab:
        await tab.said("h1", "This service requires a key.")
        assert await accessible(tab) == []
        await tab.page.fill("#key", "none of them")
        await tab.page.keyboard.press("Enter")
        await tab.said("#advice", "The key is not valid.")
        await tab.page.fill("#key", KEY)
        await tab.page.keyboard.press("Enter")
        await tab.said("h1", "no traffic yet")
        kept = await tab.page.evaluate("[Object.values(sessionStorage), localStorage.length, document.cookie]")
        assert kept == [[KEY], 0, ""]
        assert await tab.page.locator("#key-form").is_hidden()


@pytest.mark.slow
async def test_the_page_says_when_the_service_itself_is_gone(sandbox: Sandbox) -> None:
    async with opened(sandbox.url + "/", sandbox.url) as tab:
        await tab.said("h1", "no traffic yet")
        await tab.page.route("**/v1/status", lambda route: route.abort())
        await tab.later(LOOKS_AGAIN_S)
        await tab.said("h1", "The service has not answered since")
        assert await accessible(tab) == []
        await tab.page.unroute("**/v1/status")
        await tab.later(LOOKS_AGAIN_S)
        await tab.said("h1", "no traffic yet")
