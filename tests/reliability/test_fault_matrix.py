"""Every way to fail, at every operation, with nothing kept and with something kept: one right outcome each."""

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest

from dealerproxy.sandbox.faults import Block, Fault, RateLimited, Status
from dealerproxy.stock import readings
from dealerproxy.transport.circuit import CAP_S
from tests.reliability.conftest import Build, FaultHarness
from tests.reliability.fault_table import FAULTS, ROWS, TABLE, TIMED, Told, markdown
from tests.reliability.wire import Half, Reset
from tests.support.documents import document
from tests.support.harness import read_anew, read_due

PARTIAL = "X-LMN-Partial-Dealer-Unavailable"
KIAS = "/v1/vehicles?make=Kia"
SITE = {"search": "encar", "danawa_list": "danawa"}
TELL_WHEN = {"blocked", "rate_limited", "suspended", "warming"}
# Reading goes on behind these.
UNDER_WAY = {"warming", "refreshing"}
PATIENT_S = 10.0


@pytest.fixture(autouse=True)
def read_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Danawa's list is read at the start and when a test says so: no test waits for it, and no step meets it."""
    monkeypatch.setattr(readings, "LOOK_EVERY_S", 3_600.0)


class Place(NamedTuple):
    """Where an operation fails: the routes a fault hits, the doors to shut, and the circuit that hears of it.

    `old_s` is when what is kept of it is old, but of use; `next_s` when after a failure it is asked again.
    """

    routes: tuple[str, ...]
    doors: tuple[str, ...]
    circuit: str
    old_s: float = 300.0
    next_s: float = 3.0


PLACES = {
    "search": Place(("search",), ("encar_api",), "encar.search"),
    "detail": Place(("detail",), ("encar_api",), "encar.detail", next_s=25.0),
    "detail and page": Place(("detail", "page"), ("encar_api", "encar_page"), "encar.detail"),
    "inspection": Place(("inspection",), ("encar_api",), "encar.papers"),
    "danawa_list": Place(("danawa_list",), ("danawa",), "danawa.list", old_s=700.0, next_s=31.0),
    "feeder": Place(("feeder",), ("mpark_api",), "danawa.feeder"),
}


async def ask(house: FaultHarness, operation: str) -> Told:
    """Ask for what the operation is for, and for nothing else if that is possible."""
    if operation in SITE:
        status, headers, body = await house.get(f"/v1/vehicles?make=Kia&upstream={SITE[operation]}")
        return of_source(status, headers, body, SITE[operation])
    site = "danawa" if operation == "feeder" else "encar"
    status, headers, body = await house.get(f"/v1/vehicles/{house.ids(site)[0]}")
    if status != 200:
        return of_source(status, headers, body, site)
    x_cache = headers["X-Cache"]
    if operation != "inspection":
        assert (headers["Cache-Control"] == "no-store") >= (x_cache == "stale")
        return Told(status, "stale" if x_cache == "stale" else "ok", None, x_cache, 1)
    (paper,) = (paper for paper in body["enrichment"] if paper["name"] == "inspection")
    assert (headers["Cache-Control"] == "no-store") >= (paper["status"] == "failed")
    return Told(status, paper["status"], paper["reason"], x_cache, int(body["inspection_report"] is not None))


def of_source(status: int, headers: Mapping[str, str], body: Any, site: str) -> Told:
    listed = status == 200
    (source,) = (s for s in (body if listed else body["error"]["details"])["sources"] if s["name"] == site)
    kept = sum(row["id"].startswith(site) for row in body["data"]) if listed else 0
    if not listed:
        assert (status, body["error"]["code"]) == (503, "dealer_upstream_unavailable")
        assert 5 <= int(headers["Retry-After"]) <= 30
    assert source["rows"] == kept
    assert (source["retry_at"] is not None) >= (source["status"] == "failed" and source["reason"] in TELL_WHEN)
    is_old = headers.get("X-Cache") == "stale"
    assert (headers["Cache-Control"] == "no-store") == (is_old or source["status"] == "failed")
    return Told(status, source["status"], source["reason"], headers.get("X-Cache"), kept)


async def settled(house: FaultHarness, operation: str) -> Told:
    """Ask until nothing goes on behind the answers."""
    return await ask_until(house, operation, lambda told: told.reason not in UNDER_WAY)


async def well_again(house: FaultHarness, operation: str) -> Told:
    """Ask until all is well; what hung may end only now."""
    read_due(house.client.app)
    return await ask_until(house, operation, lambda told: (told.state, told.reason) == ("ok", None))


async def ask_until(house: FaultHarness, operation: str, enough: Callable[[Told], bool]) -> Told:
    patience = time.monotonic() + PATIENT_S
    while not enough(told := await ask(house, operation)):
        assert time.monotonic() < patience, told
        await asyncio.sleep(0.05)
    return told


async def prepare(house: FaultHarness, operation: str, *, warm: bool) -> None:
    """Have old pieces of it, or none; of an inspected car all but the sheet is fresh, so that nothing else is asked."""
    if operation == "inspection":
        others = ("record", "diagnosis") if warm else ("inspection",)
        house.faults.add(*(Status(operation=name, status=500) for name in others))
        await ask(house, operation)
        await house.mend()
        await house.reset()
        house.clock.ahead_s += 86_390.0 if warm else 10.0
        if warm:
            await ask(house, operation)
            house.clock.ahead_s += 15.0
    elif warm:
        assert (await ask(house, operation)).state == "ok"
        house.clock.ahead_s += PLACES[operation].old_s
    await house.hang_up()


async def fail(house: FaultHarness, operation: str, fault: str, *, warm: bool) -> None:
    place, make = PLACES[operation], FAULTS[fault]
    if make is not None:
        house.faults.add(*map(make, place.routes))
    else:
        for door in place.doors:
            await house.shut(door)
    if operation == "danawa_list":
        (read_due if warm else read_anew)(house.client.app)


# Each fault once, and every operation, cold and warm; all cells are for those who have a minute, and so is what goes
# by a clock on the wall.
DIAGONAL = [
    (list(TABLE)[place % len(TABLE)], fault, place // len(TABLE) % 2 == 1) for place, fault in enumerate(FAULTS)
]
CELLS = [
    pytest.param(*cell, id="-".join((*cell[:2], "warm" if cell[2] else "cold")), marks=marks)
    for cell in itertools.product(TABLE, FAULTS, (False, True))
    for marks in [() if cell in DIAGONAL[:8] and cell[1] not in TIMED else pytest.mark.slow]
]


@pytest.mark.parametrize(("operation", "fault", "warm"), CELLS)
async def test_each_fault_has_its_one_outcome(
    request: pytest.FixtureRequest, build: Build, operation: str, fault: str, warm: bool
) -> None:
    place, cell = PLACES[operation], TABLE[operation][fault]
    house = await build(**(request.getfixturevalue("hurried") if fault in TIMED else {}))
    await prepare(house, operation, warm=warm)
    before = house.asked(place.routes[0])
    await fail(house, operation, fault, warm=warm)

    expected = cell.warm if warm else cell.cold
    # Only where the answer should say that something goes on behind it is the first one meant.
    told = await (ask if expected.reason in UNDER_WAY else settled)(house, operation)
    assert told == expected
    if operation in SITE:
        await check_beside_the_other_site(house, SITE[operation], told)

    now = await settled(house, operation)
    unheard = fault in {"refused", "reset"}  # the site cannot count these: nothing comes, or all comes twice
    assert (house.asked(place.routes[0]) - before if not unheard else await house.failures(place.circuit)) == cell.tries
    circuits = await house.circuits()
    assert circuits.pop(place.circuit) == cell.circuit
    along = {"encar.page"} if "page" in place.routes else {"encar.papers"} if fault == "refused" else set()
    along |= {"encar.truck_search"} if operation == "search" else set()  # what a make alone asks, too
    assert {name for name, state in circuits.items() if state != "healthy"} <= along

    house.clock.ahead_s += place.next_s
    await settled(house, operation)
    await house.idle()  # until the refresh behind the answer has failed too, it says how the one before did
    then = await settled(house, operation)
    says_why = now.state == "failed" or operation in SITE
    assert then._replace(x_cache=now.x_cache) == (now._replace(reason=cell.then) if says_why else now)

    await house.mend()
    house.clock.ahead_s += CAP_S + 1.0
    assert (await well_again(house, operation)).kept == ROWS.get(operation, 1)
    assert (await house.circuits())[place.circuit] in {"healthy", "degraded"}


async def check_beside_the_other_site(house: FaultHarness, site: str, alone: Told) -> None:
    """The other site's rows come whatever became of this one, which is named: old rows are no sign that it is well."""
    status, headers, body = await house.get("/v1/vehicles?make=Kia")
    told = of_source(status, headers, body, site)
    assert (status, told.state, told.reason) == (200, alone.state, alone.reason)
    assert headers[PARTIAL] == site
    counts = {name: sum(row["id"].startswith(name) for row in body["data"]) for name in SITE.values()}
    assert counts == {SITE[name]: alone.kept if SITE[name] == site else rows for name, rows in ROWS.items()}


async def test_a_connection_that_breaks_is_sent_again_at_most_once_a_try(
    build: Build, hurried: Mapping[str, float]
) -> None:
    """The library asks once more on a connection that turns out closed; that takes a turn of its own."""
    house = await build(**hurried)
    house.faults.add(Reset(operation="search"))
    assert (await ask(house, "search")).reason == "unreachable"
    assert TABLE["search"]["reset"].tries <= house.asked("search") <= 2 * TABLE["search"]["reset"].tries


async def test_a_stale_list_tells_when_its_site_is_asked_again(build: Build, hurried: Mapping[str, float]) -> None:
    house = await build(**hurried)
    await prepare(house, "search", warm=True)
    house.faults.add(RateLimited(operation="search", retry_after=60))
    _, _, body = await house.get("/v1/vehicles?make=Kia&upstream=encar")
    source = body["sources"][0]
    assert (source["status"], source["reason"]) == ("stale", "rate_limited")
    assert source["retry_at"] is not None


async def test_when_both_sites_fail_their_old_rows_stay_and_both_are_named_however_often_one_asks(
    build: Build, hurried: Mapping[str, float]
) -> None:
    house = await build(**hurried)
    assert (await house.get(KIAS))[0] == 200
    house.clock.ahead_s += 610.0
    house.faults.add(Block(operation="danawa_list", status=403))
    read_due(house.client.app)
    await ask_until(house, "danawa_list", lambda told: told.reason == "blocked")
    await house.get(f"{KIAS}&upstream=encar", **{"Cache-Control": "no-cache"})
    house.faults.add(Status(operation="search", status=503))
    # While old rows are answered at once, while they only stand in, and in each back-off and after it.
    for age_s in (70.0, 3.0, 3.0, 35.0, 0.0, 300.0, 3.0):
        house.clock.ahead_s += age_s
        status, headers, body = await house.get(KIAS)
        while any(source["reason"] == "refreshing" for source in body["sources"]):
            await asyncio.sleep(0.01)
            status, headers, body = await house.get(KIAS)
        assert (status, headers[PARTIAL], len(body["data"])) == (200, "encar,danawa", sum(ROWS.values()))
        assert {source["status"] for source in body["sources"]} == {"stale"}
        assert (headers["X-Cache"], headers["Cache-Control"]) == ("stale", "no-store")
    await house.mend()
    await house.reset()
    for site in SITE:
        await well_again(house, site)
    assert PARTIAL not in (await house.get(KIAS))[1]


@pytest.mark.parametrize("site", ["encar", "danawa"])
@pytest.mark.parametrize("fault", [Block(status=403), Status(status=503), RateLimited(retry_after=60)], ids=repr)
async def test_a_car_is_never_answered_from_an_advert_older_than_it_may_be(
    build: Build, hurried: Mapping[str, float], site: str, fault: Fault
) -> None:
    house = await build(**hurried)
    path = f"/v1/vehicles/{house.ids(site)[0]}"
    assert (await house.get(path))[0] == 200
    house.faults.add(fault)
    status, headers, _ = await house.get(path, **{"Cache-Control": "no-cache"})
    assert (status, headers["X-Cache"]) == (200, "stale")  # within DETAIL_FRESH_S
    house.clock.ahead_s += 21.0
    for fresh in ({}, {"Cache-Control": "no-cache"}):
        status, headers, body = await house.get(path, **fresh)
        assert (status, body["error"]["code"], headers[PARTIAL]) == (503, "dealer_upstream_unavailable", site)
    await house.mend()
    house.clock.ahead_s += CAP_S
    assert (await house.get(path))[0] == 200


async def test_a_page_of_the_list_that_breaks_off_is_not_a_shorter_list(
    build: Build, hurried: Mapping[str, float]
) -> None:
    house = await build(**hurried)
    house.faults.add(Half(operation="danawa_list", times=1))
    told = await ask(house, "danawa_list")
    assert (told.state, told.kept) in {("failed", 0), ("ok", ROWS["danawa_list"])}


async def test_a_car_with_an_old_sheet_is_as_old_as_the_sheet(build: Build, hurried: Mapping[str, float]) -> None:
    house = await build(**hurried)
    await prepare(house, "inspection", warm=True)
    house.faults.add(Status(operation="inspection", status=500))
    _, headers, body = await house.get(f"/v1/vehicles/{house.ids('encar')[0]}")
    assert ("inspection", "ok", "stale") in {tuple(paper.values()) for paper in body["enrichment"]}
    assert int(headers["Age"]) >= 600
    assert headers["Cache-Control"] == "no-store"


def test_the_document_of_the_api_shows_the_table() -> None:
    readme = document("dealerproxy/api/README.md")
    assert "\n".join(markdown()) in readme
