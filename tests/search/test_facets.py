"""What dealer cars can be filtered on: from the site's own facets, politely, or from what is known."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import orjson
import pytest

from dealerproxy.cache.cache import StaleCache
from dealerproxy.contract.deadline import Deadline
from dealerproxy.sandbox.faults import Block, Hang, Html
from dealerproxy.search import facets
from dealerproxy.search.facets import FacetsService
from dealerproxy.transport.errors import Drift, UpstreamError
from dealerproxy.upstreams.encar.facets import MAKES, MODEL_GROUPS, read_facets
from dealerproxy.vocabulary import Vocabulary


async def ask(house: Any, **params: str) -> Any:
    async with house.client.get("/v1/vehicles/facets", params=params) as response:
        assert response.status == 200
        return await response.json()


async def test_makes_are_those_with_cars_now_and_values_are_flat_and_unique(house: Any) -> None:
    answer = await ask(house)
    assert list(answer) == ["makes", "models", "fuels", "transmissions", "sources", "as_of", "notices"]
    assert {"Hyundai", "Kia", "Chevrolet", "Mercedes-Benz"} <= set(answer["makes"])
    assert "Ferrari" not in answer["makes"]
    assert answer["models"].keys() == set(answer["makes"])
    assert "Sorento" in answer["models"]["Kia"]
    for values in (answer["makes"], answer["fuels"], answer["transmissions"], *answer["models"].values()):
        assert len(values) == len(set(values))
        assert all(value.isascii() for value in values)
    assert answer["transmissions"] == ["auto", "manual", "cvt"]
    assert answer["sources"] == ["dealer"]
    assert answer["as_of"].endswith("+09:00")
    assert answer["notices"] == []


async def test_a_second_question_within_five_minutes_asks_nobody(house: Any) -> None:
    assert await ask(house) == await ask(house)
    assert Counter(call.operation for call in house.stand_in.calls) == {"search": 1}


async def test_without_the_site_the_vocabulary_answers_and_says_so(house: Any) -> None:
    for fault in (Block(), Html()):
        house.stand_in.faults.clear()
        house.stand_in.faults.add(fault)
        answer = await ask(house)
        assert len(answer["makes"]) == 72
        assert [notice["code"] for notice in answer["notices"]] == ["from_vocabulary"]


async def test_a_site_that_hangs_costs_no_more_than_the_deadline(build: Any) -> None:
    house = await build(list_deadline_s=0.2)
    house.stand_in.faults.add(Hang())
    assert [notice["code"] for notice in (await ask(house))["notices"]] == ["from_vocabulary"]


async def test_sources_without_dealer_have_nothing(house: Any) -> None:
    answer = await ask(house, source="glovis,sk")
    assert (answer["makes"], answer["models"], answer["sources"]) == ([], {}, [])
    assert not house.stand_in.calls
    assert (await ask(house, source="dealer,glovis"))["sources"] == ["dealer"]
    async with house.client.get("/v1/vehicles/facets", params={"source": "ebay"}) as response:
        assert response.status == 400


T = TypeVar("T")


class Site:
    """Answers two makes, and the models of each, and counts what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.down = False

    async def facets(self, q: str, read: Callable[[bytes], T], *, within_s: float) -> T:
        self.asked.append(q)
        if self.down:
            raise UpstreamError("down")
        if "(Or.CarType" in q:
            return read(nodes("Manufacturer", {"현대": 5, "기아": 3, "새제조사": 1, "BMW": 0}))
        return read(nodes("ModelGroup", {"아반떼": 4, "그랜저": 0} if "현대" in q else {"K5": 3}))


def nodes(axis: str, counts: dict[str, int]) -> bytes:
    """A facet answer in the captured nesting: the axis stands under a facet of CarType."""
    values = [{"Value": value, "Count": float(count)} for value, count in counts.items()]
    side = {"Value": "Y", "Count": 9.0, "Refinements": {"Nodes": [{"Name": axis, "Facets": values}]}}
    return orjson.dumps({"Count": 9, "iNav": {"Nodes": [{"Name": "CarType", "Facets": [side]}]}})


async def test_models_are_learned_one_make_a_minute_and_kept_a_day(vocabulary: Vocabulary) -> None:
    site, minutes, now = Site(), list[float](), [1000.0]
    turn = asyncio.Event()

    async def sleep(seconds: float) -> None:
        minutes.append(seconds)
        await turn.wait()
        turn.clear()

    cache = StaleCache(clock=lambda: now[0])
    at = {"now": lambda: now[0], "clock": lambda: now[0]}
    service = FacetsService(site, vocabulary, cache, deadline_s=1, **at, sleep=sleep)  # type: ignore[arg-type]

    async def minute() -> None:
        turn.set()
        for _ in range(5):
            await asyncio.sleep(0)

    async def models() -> dict[str, Any]:
        return dict((await service.answer((), Deadline(5))).models)

    assert "Grandeur" in (await models())["Hyundai"]
    await asyncio.sleep(0.01)
    assert len(site.asked) == 1  # the first thing the learner does is wait
    await minute()
    assert (await models())["Hyundai"] == ["Avante"]
    assert "Sorento" in (await models())["Kia"]
    await minute()
    assert (await models())["Kia"] == ["K5"]
    assert len(site.asked) == 3
    assert set(minutes) == {facets.LEARN_EVERY_S}
    for _ in range(10):
        await minute()
    assert len(site.asked) == 3
    now[0] += facets.LEARNED_S + 1
    assert "Sorento" in (await models())["Kia"]
    await service.close()


def test_an_answer_without_the_axis_is_drift() -> None:
    for body in (b"{}", b"[]", b"{", b'{"iNav":{"Nodes":[]}}', nodes("ModelGroup", {"K5": 1})):
        with pytest.raises(Drift):
            read_facets(body, MAKES)


def test_captured_facets_are_read(captures: Path, vocabulary: Vocabulary) -> None:
    counts = read_facets((captures / "encar_search" / "facets_all_2023-07.json").read_bytes(), MAKES)
    assert (counts["현대"], counts["BMW"]) == (33_485, 8_901)
    assert all(vocabulary.make_of(facet) for facet in counts)
    groups = read_facets((captures / "encar_search" / "facets_hyundai_2023-07.json").read_bytes(), MODEL_GROUPS)
    assert groups["그랜저"] == 7_875
