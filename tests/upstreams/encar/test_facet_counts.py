"""What Encar has cars of: makes by one call, models learned politely, and both read from captured answers."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import orjson
import pytest

from dealerproxy.cache.cache import StaleCache
from dealerproxy.contract.deadline import Deadline
from dealerproxy.transport.errors import Drift, UpstreamError
from dealerproxy.upstreams.encar import facet_counts
from dealerproxy.upstreams.encar.facet_counts import FacetCounts
from dealerproxy.upstreams.encar.facets import MAKES, MODEL_GROUPS, read_facets
from dealerproxy.vocabulary import Vocabulary

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
    counts = FacetCounts(site, vocabulary, cache, deadline_s=1, **at, sleep=sleep)  # type: ignore[arg-type]

    async def minute() -> None:
        turn.set()
        for _ in range(5):
            await asyncio.sleep(0)

    async def models() -> dict[str, Any]:
        trucks = {name for names in vocabulary.trucks.names.values() for name in names}
        found = (await counts.stocked(Deadline(5))).models
        return {make: [name for name in names if name not in trucks] for make, names in found.items()}

    assert "Grandeur" in (await models())["Hyundai"]
    await asyncio.sleep(0.01)
    assert len(site.asked) == 1  # the first thing the learner does is wait
    await minute()
    assert (await models())["Hyundai"] == ["Avante"]
    assert "Sorento" in (await models())["Kia"]
    await minute()
    assert (await models())["Kia"] == ["K5"]
    assert len(site.asked) == 3
    assert set(minutes) == {facet_counts.LEARN_EVERY_S}
    for _ in range(10):
        await minute()
    assert len(site.asked) == 3
    now[0] += facet_counts.LEARNED_S + 1
    assert "Sorento" in (await models())["Kia"]
    await counts.close()


def test_an_answer_without_the_axis_is_drift() -> None:
    for body in (b"{}", b"[]", b"{", b'{"iNav":{"Nodes":[]}}', nodes("ModelGroup", {"K5": 1})):
        with pytest.raises(Drift):
            read_facets(body, MAKES)


def test_an_answer_that_counts_no_cars_may_lack_the_axis() -> None:
    assert read_facets(b'{"Count":0.0,"iNav":{"Nodes":[{"Name":"CarType"}]}}', MODEL_GROUPS) == {}
    for count in (b"1", b"null", b'"0x"', b"-1"):
        with pytest.raises(Drift):
            read_facets(b'{"Count":%s,"iNav":{"Nodes":[{"Name":"CarType"}]}}' % count, MODEL_GROUPS)


def test_captured_facets_are_read(captures: Path, vocabulary: Vocabulary) -> None:
    counts = read_facets((captures / "encar_search" / "facets_all_2023-07.json").read_bytes(), MAKES)
    assert (counts["현대"], counts["BMW"]) == (33_485, 8_901)
    assert all(vocabulary.make_of(facet) for facet in counts)
    groups = read_facets((captures / "encar_search" / "facets_hyundai_2023-07.json").read_bytes(), MODEL_GROUPS)
    assert groups["그랜저"] == 7_875
