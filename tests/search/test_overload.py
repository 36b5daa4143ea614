"""Lists whose legs get no turn of the request rate: answered from what there is, else told to come back."""

from typing import Any

import pytest

from dealerproxy.upstreams.encar import client as encar_client
from dealerproxy.upstreams.encar import site as encar_site
from tests.search.conftest import Build, SearchHarness
from tests.support.clock import ClockAhead

PARTIAL = "X-LMN-Partial-Dealer-Unavailable"


@pytest.fixture
def clock() -> ClockAhead:
    return ClockAhead()


@pytest.fixture
async def house(build: Build, clock: ClockAhead, monkeypatch: pytest.MonkeyPatch) -> SearchHarness:
    """A service that may ask Encar twice, and then for a long time not."""
    monkeypatch.setattr(encar_site, "MANNERS", encar_client.MANNERS._replace(burst=2))
    return await build(encar_rps=0.001, clock=clock)


def source(body: Any) -> tuple[str, str | None]:
    sources = body.get("sources") or body["error"]["details"]["sources"]
    (found,) = ((each["status"], each["reason"]) for each in sources if each["name"] == "encar")
    return found


async def test_a_list_without_a_turn_and_without_rows_is_a_503_that_says_when_to_come_back(
    house: SearchHarness,
) -> None:
    for make in ("Volvo", "BMW"):
        await house.ask(make=make)
    body = await house.ask(make="Audi")
    assert (house.status, source(body)) == (503, ("failed", "overloaded"))
    assert 5 <= int(house.headers["Retry-After"]) <= 30
    assert len(house.calls) == 2


async def test_the_legs_that_have_something_make_a_partial_list(house: SearchHarness) -> None:
    for make in ("Volvo", "BMW"):
        await house.ask(make=make)
    body = await house.ask(make="Volvo,Audi")
    assert (house.status, source(body), house.headers[PARTIAL]) == (200, ("partial", "overloaded"), "encar")
    assert {row["make"] for row in body["data"]} == {"Volvo"}


@pytest.mark.parametrize("age_s", [150.0, 1_700.0])
async def test_old_rows_stand_in_and_the_site_is_not_said_to_have_failed(
    house: SearchHarness, clock: ClockAhead, age_s: float
) -> None:
    before = await house.ask(make="Volvo")
    await house.ask(make="BMW")
    clock.ahead_s += age_s
    body = await house.ask(make="Volvo")
    assert (house.status, source(body), house.headers["X-Cache"]) == (200, ("stale", "overloaded"), "stale")
    assert [row["id"] for row in body["data"]] == [row["id"] for row in before["data"]]
    assert PARTIAL not in house.headers
    assert house.headers["Cache-Control"] == "no-store"


async def test_no_circuit_counts_a_call_that_was_not_sent(house: SearchHarness) -> None:
    for make in ("Volvo", "BMW", *("Lexus", "Genesis", "Audi", "Toyota", "Jeep", "Honda") * 3):
        await house.ask(make=make)
    async with house.client.get("/v1/upstreams") as response:
        encar, _ = (await response.json())["data"]
    assert encar["state"] == "healthy"
    assert len(house.calls) == 2
