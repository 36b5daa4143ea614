"""What becomes of a truck search that counts 0."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import orjson
import pytest
from structlog.testing import capture_logs

from dealerproxy.transport.errors import Blocked
from dealerproxy.upstreams.encar.client import EncarClient
from dealerproxy.upstreams.encar.indexes import TRUCKS
from dealerproxy.upstreams.encar.leg import EncarLeg
from dealerproxy.upstreams.encar.rows import SearchTarget
from dealerproxy.upstreams.encar.truck_check import AGAIN_S, CHECK_EVERY_S, TruckCheck
from dealerproxy.vocabulary import Vocabulary
from tests.support.clock import Clock

ROW = {"Id": "30000001", "Manufacturer": "현대", "Model": "포터 Ⅱ", "Year": 201803.0, "Mileage": 1e5, "Price": 900.0}


class MakerAlone:
    """A client whose search answers with these rows, or fails."""

    def __init__(self, count: int, models: list[str]) -> None:
        self.asked: list[str] = []
        self.failure: Exception | None = None
        rows = [ROW | {"Id": str(30_000_000 + number), "Model": model} for number, model in enumerate(models)]
        self.body = orjson.dumps({"Count": count, "SearchResults": rows})

    async def search(self, q: str, read: Callable[[bytes], Any], **_: Any) -> Any:
        self.asked.append(q)
        if self.failure is not None:
            raise self.failure
        return read(self.body)


def leg(vocabulary: Vocabulary, name: str = "Porter") -> EncarLeg:
    hyundai = vocabulary.find_make("Hyundai")
    assert hyundai is not None
    words = tuple(model.korean for model in vocabulary.trucks.meant(hyundai, name))
    return EncarLeg("q", "Year", SearchTarget(hyundai, "현대", None, words), site_index=TRUCKS)


async def checked(vocabulary: Vocabulary, client: MakerAlone, *legs: EncarLeg, clock: Clock | None = None) -> list[Any]:
    check = TruckCheck(cast("EncarClient", client), vocabulary, deadline_s=8.0, clock=clock or Clock())
    with capture_logs() as lines:
        for each in legs:
            check.empty(each)
            while asyncio.all_tasks() - {asyncio.current_task()}:  # noqa: ASYNC110 - tasks of the check alone
                await asyncio.sleep(0)
    return [
        (line["operation"], line["reason"], line["detail"]) for line in lines if line["event"] == "upstream_trouble"
    ]


@pytest.mark.parametrize(
    ("count", "models", "name", "told"),
    [
        (0, [], "Porter", "Count: 0 for a maker alone: its word may have changed"),
        (
            6_000,
            ["마이티"],
            "Porter",
            "Count: 0 for Porter, Porter II, and 6000 for the maker alone",
        ),  # known to be there
        (50, ["메가트럭"], "Mega Truck", "Count: 0 for Mega Truck, and 50 for the maker alone"),  # shown by the maker
        (50, ["마이티"], "Mega Truck", None),  # there may be none
    ],
)
async def test_what_the_maker_alone_contradicts_is_drift(
    vocabulary: Vocabulary, count: int, models: list[str], name: str, told: str | None
) -> None:
    client = MakerAlone(count, models)
    troubles = await checked(vocabulary, client, leg(vocabulary, name))
    assert client.asked == ["(And.Hidden.N._.Manufacturer.현대.)"]
    assert troubles == ([("truck_search", "drift", told)] if told else [])


async def test_a_maker_is_checked_once_a_day(vocabulary: Vocabulary) -> None:
    client, clock = MakerAlone(50, ["마이티"]), Clock()
    check = TruckCheck(cast("EncarClient", client), vocabulary, deadline_s=8.0, clock=clock)
    for pause in (0.0, CHECK_EVERY_S - 1, 2.0):
        clock.at += pause
        check.empty(leg(vocabulary))
        check.empty(leg(vocabulary, "Mighty"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    await check.close()
    assert len(client.asked) == 2


async def test_a_check_that_fails_is_told_and_made_again_after_a_while(vocabulary: Vocabulary) -> None:
    client, clock = MakerAlone(50, ["마이티"]), Clock()
    client.failure = Blocked("block page")
    check = TruckCheck(cast("EncarClient", client), vocabulary, deadline_s=8.0, clock=clock)
    with capture_logs() as lines:
        for pause in (0.0, AGAIN_S - 1, 2.0):
            clock.at += pause
            check.empty(leg(vocabulary))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
    await check.close()
    assert len(client.asked) == 2
    assert [line["reason"] for line in lines] == ["blocked", "blocked"]
