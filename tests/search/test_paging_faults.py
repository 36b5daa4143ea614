"""What a walk over the stand-in gives while its pages are capped, repeated or miscounted."""

from typing import Any

from dealerproxy.sandbox.faults import PageCap, RepeatPage, WrongCount

KIA = {"make": "Kia", "sort": "price_asc"}


async def ids_of(house: Any) -> list[str]:
    return [row["id"] for page in await house.walk(**KIA) for row in page["data"]]


async def test_capped_pages_give_every_row(house: Any) -> None:
    whole = await ids_of(house)
    house.stand_in.faults.add(PageCap(rows=20))
    first = await house.ask(bypass_cache=True, **KIA)
    assert [row["id"] for row in first["data"]] == whole[:48]
    assert first["sources"][0]["status"] == "ok"


async def test_one_page_for_every_offset_is_drift(house: Any) -> None:
    house.stand_in.faults.add(RepeatPage(operation="search"))
    first = await house.ask(**KIA)
    asked = len(house.calls)
    second = await house.ask(cursor=first["next_cursor"], **KIA)
    assert (house.status, second["error"]["details"]["sources"][0]["reason"]) == (503, "drift")
    assert len(house.calls) - asked <= 2


async def test_a_count_below_the_rows_is_no_total(house: Any) -> None:
    house.stand_in.faults.add(WrongCount(operation="search", count=1))
    first = await house.ask(**KIA)
    assert (len(first["data"]), first["sources"][0]["total"]) == (48, None)
    assert first["next_cursor"]
