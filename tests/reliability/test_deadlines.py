"""A site that says nothing, or too slowly, costs a request its deadline and no more; whatever else is there comes."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest

from dealerproxy.sandbox.faults import Fault, Hang, Status, Trickle
from tests.reliability.conftest import Answer, Build, FaultHarness
from tests.reliability.wire import Stall
from tests.support.timing import Stopwatch

# These go by a clock on the wall, so a machine that does other things beside is no place for them.
pytestmark = pytest.mark.slow

DEADLINE_S = 1.0
MARGIN_S = 0.2
PARTIAL = "X-LMN-Partial-Dealer-Unavailable"

# None: connections are never accepted.
SILENCES: Mapping[str, Callable[[str], Fault] | None] = {
    "at connect": None,
    "in the headers": lambda operation: Hang(operation=operation),
    "in the body": lambda operation: Stall(operation=operation),
    "never, but slowly": lambda operation: Trickle(operation=operation, bytes_per_second=100),
}


class Question(NamedTuple):
    """What is asked, where silence falls, and what must be answered all the same."""

    ask: Callable[[FaultHarness, Mapping[str, str]], Any]
    routes: tuple[str, ...]
    doors: tuple[str, ...]
    check: Callable[[Answer, bool], None]


async def ask_list(house: FaultHarness, headers: Mapping[str, str]) -> Answer:
    return await house.get("/v1/vehicles?make=Kia", **headers)


async def ask_enriched(house: FaultHarness, headers: Mapping[str, str]) -> Answer:
    return await house.get("/v1/vehicles?make=Kia&include=enriched", **headers)


async def ask_hidden(house: FaultHarness, headers: Mapping[str, str]) -> Answer:
    return await house.get("/v1/vehicles?make=Kia&accident_grade=A", **headers)


async def ask_facets(house: FaultHarness, headers: Mapping[str, str]) -> Answer:
    return await house.get("/v1/vehicles/facets", **headers)


async def ask_car(house: FaultHarness, headers: Mapping[str, str]) -> Answer:
    return await house.get(f"/v1/vehicles/{house.ids('encar')[0]}?include=dealer", **headers)


async def ask_availability(house: FaultHarness, headers: Mapping[str, str]) -> Answer:
    ids = {"ids": house.ids("encar") + house.ids("danawa")}
    async with house.client.post("/v1/vehicles/availability", json=ids, headers=headers) as response:
        return response.status, response.headers, await response.json()


def said(body: Any) -> list[tuple[str, str | None]]:
    return [(source["status"], source["reason"]) for source in body["sources"]]


def danawas_rows_come(answer: Answer, by_header: bool) -> None:
    status, headers, body = answer
    assert (status, headers[PARTIAL], len(body["data"])) == (200, "encar", 8)
    assert said(body) == [("failed", "timed_out"), ("ok", None)]


def danawas_rows_come_from_stock(answer: Answer, by_header: bool) -> None:
    status, headers, body = answer
    assert (status, headers.get(PARTIAL), len(body["data"])) == (200, None, 10)
    assert said(body) == [("ok", None), ("ok", None)]


def all_rows_come_as_the_lists_have_them(answer: Answer, by_header: bool) -> None:
    status, headers, body = answer
    assert (status, len(body["data"]), headers.get(PARTIAL)) == (200, 10, None)
    assert {notice["code"]: notice["count"] for notice in body["notices"]} == {
        "order_by_registration": None,
        "not_enriched": 10,
        "unconfirmed_empty": None,  # Encar has no truck of the make
    }


def danawas_hidden_rows_are_counted(answer: Answer, by_header: bool) -> None:
    status, headers, body = answer
    assert (status, headers[PARTIAL], body["filtered_out"]) == (200, "encar", 8)


def the_vocabulary_tells_the_makes(answer: Answer, by_header: bool) -> None:
    status, _, body = answer
    assert (status, [notice["code"] for notice in body["notices"]]) == (200, ["from_vocabulary"])
    assert "Kia" in body["makes"]


def the_page_tells_the_car(answer: Answer, by_header: bool) -> None:
    """Its turn comes when the site's own time for the JSON is over, so a request in a hurry does not hear of it."""
    status, headers, body = answer
    if by_header:
        assert (status, body["error"]["details"]["sources"][0]["reason"]) == (503, "timed_out")
        assert 5 <= int(headers["Retry-After"]) <= 30
    else:
        assert (status, body["make"]) == (200, "Kia")


def nobody_tells_the_car(answer: Answer, by_header: bool) -> None:
    status, _, body = answer
    assert (status, body["error"]["details"]["sources"][0]["reason"]) == (503, "timed_out")


def the_car_comes_without_its_papers(answer: Answer, by_header: bool) -> None:
    status, headers, body = answer
    assert (status, headers["Cache-Control"], body["inspection_report"]) == (200, "no-store", None)
    assert {(paper["status"], paper["reason"]) for paper in body["enrichment"]} == {("failed", "timed_out")}


def danawas_cars_are_told(answer: Answer, by_header: bool) -> None:
    status, _, body = answer
    assert status == 200
    told = [(car["id"].split("_")[0], car["status"], car["reason"]) for car in body["data"]]
    assert told == [("encar", "unknown", "timed_out")] * 2 + [("danawa", "available", None)] * 8


def encars_cars_are_told(answer: Answer, by_header: bool) -> None:
    status, _, body = answer
    assert status == 200
    told = [(car["id"].split("_")[0], car["status"], car["reason"]) for car in body["data"]]
    assert told == [("encar", "available", None)] * 2 + [("danawa", "unknown", "timed_out")] * 8


QUESTIONS = {
    "a list, Encar silent": Question(ask_list, ("search",), ("encar_api",), danawas_rows_come),
    "a list, Danawa silent": Question(ask_list, ("danawa_list",), ("danawa",), danawas_rows_come_from_stock),
    "a count of hidden rows": Question(ask_hidden, ("search",), ("encar_api",), danawas_hidden_rows_are_counted),
    "facets": Question(ask_facets, ("search",), ("encar_api",), the_vocabulary_tells_the_makes),
    "an enriched list": Question(ask_enriched, ("batch",), ("encar_api",), all_rows_come_as_the_lists_have_them),
    "a car, its JSON silent": Question(ask_car, ("detail",), ("encar_api",), the_page_tells_the_car),
    "a car, JSON and page silent": Question(
        ask_car, ("detail", "page"), ("encar_api", "encar_page"), nobody_tells_the_car
    ),
    "a car, its papers silent": Question(
        ask_car, ("inspection", "record", "diagnosis"), ("encar_api",), the_car_comes_without_its_papers
    ),
    "availability, Encar silent": Question(
        ask_availability, ("batch", "detail", "page"), ("encar_api", "encar_page"), danawas_cars_are_told
    ),
    "availability, the feeder silent": Question(ask_availability, ("feeder",), ("mpark_api",), encars_cars_are_told),
}
CELLS = [
    pytest.param(*cell, id=f"{cell[0]}, {cell[1]}, by {'header' if cell[2] else 'setting'}")
    for cell in itertools.product(QUESTIONS, SILENCES, (False, True))
]


@pytest.mark.parametrize(("asked", "silence", "by_header"), CELLS)
async def test_a_silent_site_costs_the_deadline_and_not_the_rest_of_the_answer(
    build: Build, asked: str, silence: str, by_header: bool
) -> None:
    question, fault = QUESTIONS[asked], SILENCES[silence]
    settings = {} if by_header else {"list_deadline_s": DEADLINE_S, "detail_deadline_s": DEADLINE_S}
    headers = hurry() if by_header else {}
    house = await build(**settings)
    await bring_to_hand(house, question)
    if fault is not None:
        house.faults.add(*map(fault, question.routes))
    for door in question.doors if fault is None else ():
        await house.deafen(door)
    async with Stopwatch() as watch:
        answer = await question.ask(house, headers)
    question.check(answer, by_header)
    assert watch.seconds <= DEADLINE_S + MARGIN_S


async def bring_to_hand(house: FaultHarness, question: Question) -> None:
    """What comes from the silent host as well, and is not the question."""
    if question.ask is ask_enriched:
        await ask_list(house, {})
    if "inspection" in question.routes:
        house.faults.add(*(Status(operation=route, status=500) for route in question.routes))
        await ask_car(house, {})
        await house.mend()
        await house.reset()


async def test_a_queue_costs_the_deadline_and_the_burst_is_answered(build: Build) -> None:
    """A site that is asked once a second, after a burst of 24. For a model of car no trucks are searched."""
    house = await build(encar_rps=1.0)
    paths = (f"/v1/vehicles?make=Kia&model=K5&mileage_max_km={km}" for km in range(50_000, 50_030))
    asked = (house.get(path, **hurry()) for path in paths)
    async with Stopwatch() as watch:
        answers = await asyncio.gather(*asked)
    assert watch.seconds <= DEADLINE_S + MARGIN_S
    told = Counter((status, *said(body)) for status, _, body in answers)
    assert told == {(200, ("ok", None), ("ok", None)): 24, (200, ("failed", "overloaded"), ("ok", None)): 6}


def hurry() -> dict[str, str]:
    return {"X-Request-Deadline-Ms": str(round(DEADLINE_S * 1000))}
