"""In the sandbox, photos come from the stand-ins, and everything else is as it was."""

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from dealerproxy.api import pages
from dealerproxy.sandbox.photos import PHOTOS
from dealerproxy.serving.placeholders import placeholders
from dealerproxy.upstreams.danawa.names import photo_url as danawa_photo
from dealerproxy.upstreams.encar.addresses import PAGE_BASE, photo_url, under_body_url

STAND_INS = "http://127.0.0.1:8081"


async def shown(document: object, path: str = "/v1/vehicles") -> object:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(body=orjson.dumps(document))

    app = web.Application(middlewares=[placeholders(STAND_INS)])
    app.router.add_get(path, answer)
    async with TestClient(TestServer(app)) as client, client.get(path) as response:
        return orjson.loads(await response.read())


@pytest.mark.parametrize(
    "address",
    [
        photo_url("/carpicture08/pic4198/41985016_001.jpg"),
        under_body_url("/diagnosis/evaluation/carphoto/car0/insp/4900001/696edc29-c895.jpg"),
        danawa_photo("//www.m-park.co.kr/AttEdit/CarPhoto/Middle/9726834/9726834670R1.jpg"),
        danawa_photo("http://autoimg.danawa.com/photo/4435/brand_list.PNG"),
    ],
)
async def test_every_photo_of_either_site_comes_from_the_stand_ins(address: str | None) -> None:
    assert address is not None
    there = address.replace("https://", f"{STAND_INS}{PHOTOS}/")
    car = {"thumbnail_url": address, "photos": [address, address], "none": None}
    assert await shown(car) == {"thumbnail_url": there, "photos": [there, there], "none": None}


@pytest.mark.parametrize(
    "text",
    [
        f"{PAGE_BASE}41985016",
        "https://ci.encar.com.example.test/1.jpg",
        "https://example.test/?https://ci.encar.com/1.jpg",
        "see https://ci.encar.com/1.jpg",
        "https://ci.encar.com/carpicture",
    ],
)
async def test_what_is_no_photo_of_a_site_stays(text: str) -> None:
    assert await shown([text]) == [text]


async def test_other_answers_stay() -> None:
    document = [photo_url("/carpicture08/pic4198/41985016_001.jpg")]
    assert await shown(document, "/openapi.json") == document


async def test_the_pages_may_load_pictures_of_the_stand_ins_and_nothing_else_more() -> None:
    app = web.Application(middlewares=[placeholders(STAND_INS)])
    app.router.add_get("/", pages.page("status.html", img_src="https: data:"))
    async with TestClient(TestServer(app)) as client, client.get("/") as response:
        told = response.headers["Content-Security-Policy"]
    assert told == pages.policy(img_src=f"{STAND_INS} https: data:")
