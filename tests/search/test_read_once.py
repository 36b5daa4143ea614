"""An advert is read, judged and normalised once, however many questions its answer serves."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from dealerproxy.sandbox.danawa.inventory import DanawaInventory
from dealerproxy.upstreams.danawa import feeder
from dealerproxy.upstreams.encar import advert
from tests.support.stock import stock

STEPS: dict[str, Callable[..., Any]] = {
    "read": advert.read_document,
    "judge": advert.sale_status,
    "normalise": advert.normalise,
    "danawa: read": feeder.read_advert,
    "danawa: normalise": feeder.normalise,
    "danawa: inspection": feeder.read_inspection,
    "danawa: record": feeder.read_record,
}


@contextmanager
def counting() -> Iterator[Counter[str]]:
    """Count the calls of each step."""
    names = {step.__code__: name for name, step in STEPS.items()}
    calls = Counter[str]()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code in names:
            calls[names[frame.f_code]] += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(before)


def once_each(adverts: int) -> dict[str, int]:
    return dict.fromkeys(("read", "judge", "normalise"), adverts)


async def car(house: Any, listing_id: str, **params: str) -> int:
    async with house.client.get(f"/v1/vehicles/{listing_id}", params=params) as response:
        return int(response.status)


async def check(house: Any, ids: list[str]) -> list[str]:
    async with house.client.post("/v1/vehicles/availability", json={"ids": ids}) as response:
        return [each["status"] for each in (await response.json())["data"]]


@pytest.mark.parametrize("change", [{}, {"sales_status": "CONTRACT"}, {"status": "SOLD"}, {"status": "WAIT"}], ids=str)
async def test_an_encar_advert_is_read_judged_and_normalised_once(build: Any, change: dict[str, str]) -> None:
    house = await build(stock(1))
    (listed,) = house.inventory
    if change:
        house.inventory.change(listed.id, **change)
    with counting() as calls:
        statuses = {await car(house, f"encar_{listed.id}", **params) for params in ({}, {}, {"include": "dealer"})}
    assert statuses == {404 if "status" in change else 200}
    assert calls == {name: times for name, times in once_each(1).items() if name != "normalise" or statuses == {200}}


async def test_a_batch_is_read_judged_and_normalised_once_for_enrichment_and_checks(build: Any) -> None:
    house = await build(stock(5))
    with counting() as calls:
        answer = await house.ask(make="Kia", include="enriched")
        again = await house.ask(make="Kia", include="enriched", sort="price_asc", krw_per_usd=1000)
    assert [len(each["data"]) for each in (answer, again)] == [5, 5]
    batches = sum(call.operation == "batch" for call in house.stand_in.calls)
    assert calls == once_each(5 * batches)
    ids = [row["id"] for row in answer["data"]]
    with counting() as calls:
        assert set(await check(house, ids) + await check(house, ids)) == {"available"}
    assert max(calls.values(), default=0) <= 5


async def test_a_danawa_car_and_its_papers_are_read_once(build: Any) -> None:
    danawa = DanawaInventory()
    listing_id = danawa.insert(danawa.new_car(brand="기아", model="카니발(KA4)", year=2022, price=3000)).id
    house = await build(stock(1), danawa)
    with counting() as calls:
        statuses = [await car(house, f"danawa_{listing_id}") for _ in range(3)]
        await check(house, [f"danawa_{listing_id}"])
    assert statuses == [200] * 3
    assert calls == {name: 1 for name in STEPS if name.startswith("danawa")}
