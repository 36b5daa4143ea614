"""Markup, control characters and foreign addresses in any text of a site: none of them gets into an answer."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from dealerproxy.sandbox.damage import body_of, rewritten
from dealerproxy.sandbox.danawa.inventory import DanawaInventory
from dealerproxy.sandbox.encar.inventory import Inventory
from dealerproxy.sandbox.faults import Fault

HOSTILE = '"><img src=x onerror=alert(1)>\u202e\x07'
FOREIGN = ("//evil.test/1.jpg", "https://evil.test/1.jpg", "/@evil.test/1.jpg", "/..//evil.test/1.jpg", "javascript:1")
# No text of an answer has these: controls, marks of direction, marks of no width, markup.
UNFIT = re.compile("[<>\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
PHOTO = re.compile(r"https://(?:ci\.encar\.com/carpicture|www\.m-park\.co\.kr)(?:/[A-Za-z0-9_-]+)+\.jpg", re.ASCII)

Path = tuple[str, ...]


class Spoilt(Fault, tag="spoilt_text", frozen=True):
    """Every text at one path of the answer has `text` behind it or, with `whole`, in its place. `seen` is all paths."""

    seen: set[Path]
    path: Path = ()
    text: str = ""
    whole: bool = False

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        return rewritten(await handler(request), self._spoil)

    def _spoil(self, answer: Any) -> None:
        for holder, key, path in texts(answer):
            self.seen.add(path)
            if path == self.path:
                holder[key] = self.text if self.whole else holder[key] + self.text


class Replaced(Fault, tag="replaced", frozen=True):
    """A page with other bytes in place of some. `seen` is the pages that had them."""

    old: bytes
    new: bytes
    seen: list[bytes]

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        page = body_of(await handler(request))
        if self.old in page:
            self.seen.append(page)
        return web.Response(body=page.replace(self.old, self.new), content_type="text/html", charset="utf-8")


def texts(value: Any, path: Path = ()) -> Iterator[tuple[Any, Any, Path]]:
    """Every text in a document: what holds it, under which key, and at which path."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in list(entries):
        at = (*path, key) if isinstance(key, str) else path
        if isinstance(each, str):
            yield value, key, at
        else:
            yield from texts(each, at)


async def ask(house: Any, operation: str) -> Any:
    """The answer that shows what the operation brings, from the site and not from what is kept."""
    if operation in {"search", "batch", "danawa_list"}:
        site = "danawa" if operation == "danawa_list" else "encar"
        return await house.ask(make="Kia", include="enriched,dealer", upstream=site, bypass_cache=True)
    car = next(iter(house.danawa.inventory)) if operation == "feeder" else None
    if operation == "detail":
        car = next(house.inventory.known())
    # Papers are kept for long, so only a new car's are asked for.
    stock = house.inventory
    car = car or stock.insert(stock.new_car(manufacturer="기아", condition=("Inspection", "Record")))
    url = f"/v1/vehicles/{'danawa' if operation == 'feeder' else 'encar'}_{car.id}"
    async with house.client.get(url, params={"include": "dealer"}, headers={"Cache-Control": "no-cache"}) as response:
        return await response.json()


async def built(build: Any) -> Any:
    stock, second = Inventory(), DanawaInventory()
    stock.insert(stock.new_car(manufacturer="기아", price=1_000))
    second.insert(second.new_car(brand="기아", series="K5"))
    return await build(stock, second, list_fresh_s=0.0, detail_fresh_s=0.0)


@pytest.mark.parametrize("operation", ["search", "batch", "detail", "inspection", "record", "feeder"])
async def test_no_text_of_a_site_brings_markup_or_controls_into_an_answer(build: Any, operation: str) -> None:
    house = await built(build)
    seen: set[Path] = set()
    house.stand_in.faults.add(Spoilt(operation=operation, seen=seen))
    for _ in range(4):
        await ask(house, operation)
    assert len(seen) >= 10
    for path in sorted(seen):
        for whole in (False, True):
            await house.heal()
            house.stand_in.faults.add(Spoilt(operation=operation, seen=set(), path=path, text=HOSTILE, whole=whole))
            answer = await ask(house, operation)
            assert [text for _, _, text in shown(answer) if UNFIT.search(text)] == [], path


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        ("search", ("SearchResults", "Photo")),
        ("search", ("SearchResults", "Photos", "location")),
        ("batch", ("photos", "path")),
        ("detail", ("photos", "path")),
        ("feeder", ("data", "detailInfo", "images")),
    ],
)
@pytest.mark.parametrize("address", [*FOREIGN, HOSTILE])
async def test_a_photo_is_shown_from_the_sites_own_host_or_not_at_all(
    build: Any, operation: str, path: Path, address: str
) -> None:
    house = await built(build)
    for whole in (False, True):
        await house.heal()
        house.stand_in.faults.add(Spoilt(operation=operation, seen=set(), path=path, text=address, whole=whole))
        answer = await ask(house, operation)
        for key, text in photos(answer):
            assert PHOTO.fullmatch(text), (key, text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b".jpg", b".jpg&quot;&gt;&lt;img src=x onerror=alert(1)&gt;"),
        (b"//www.m-park.co.kr/", b"//evil.test/"),
        (b"//www.m-park.co.kr/", b"//www.m-park.co.kr@evil.test/"),
        (b"K5", b"K5 &lt;img src=x onerror=alert(1)&gt;&#x202e;&#7;"),
    ],
)
async def test_no_text_of_danawas_list_brings_markup_or_foreign_photos_into_an_answer(
    build: Any, old: bytes, new: bytes
) -> None:
    house = await built(build)
    seen: list[bytes] = []
    house.stand_in.faults.add(Replaced(operation="danawa_list", old=old, new=new, seen=seen))
    await house.list_is_read()
    answer = await ask(house, "danawa_list")
    assert (house.status, bool(seen)) == (200, True)
    assert [text for _, _, text in shown(answer) if UNFIT.search(text)] == []
    assert all(PHOTO.fullmatch(text) for _, text in photos(answer))


def shown(answer: Any) -> Iterator[tuple[Any, Any, str]]:
    return ((holder, key, holder[key]) for holder, key, _ in texts(answer))


def photos(answer: Any) -> Iterator[tuple[Any, str]]:
    for holder, key, path in texts(answer):
        if path[-1:] == ("thumbnail_url",) or path[-1:] == ("photos",) or path[-2:] == ("photo_tags", "url"):
            yield key, holder[key]
