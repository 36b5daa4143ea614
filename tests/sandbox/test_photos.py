"""The placeholders for photos."""

from typing import Any
from xml.etree import ElementTree as ET

import pytest
from aiohttp.test_utils import TestClient

from dealerproxy.sandbox.encar.site import EncarStandIn
from dealerproxy.sandbox.faults import Status
from dealerproxy.sandbox.photos import PHOTOS

Client = TestClient[Any, Any]


async def drawing(client: Client, path: str) -> ET.Element:
    async with client.get(f"{PHOTOS}/{path}") as answer:
        assert (answer.status, answer.content_type) == (200, "image/svg+xml")
        return ET.fromstring(await answer.text())


@pytest.mark.parametrize(
    "path",
    [
        "ci.encar.com/carpicture/carpicture08/pic4198/41985016_001.jpg",
        "www.m-park.co.kr/AttEdit/CarPhoto/Middle/9726834/9726834670R1.jpg",
        "imgcar.encar.com/diagnosis/insp/4900001/696edc29-c895-4ece-b368-45ab3723892a.JPG",
        "a.b/1.webp",
    ],
)
async def test_any_photo_is_a_drawing_that_says_it_is_invented(client: Client, path: str) -> None:
    words = "".join((await drawing(client, path)).itertext())
    assert f"invented: {path.rpartition('/')[2]}" in words


async def test_photos_of_a_car_have_its_colour_and_other_cars_have_others(client: Client) -> None:
    names = ("41985016_001", "41985016_024", "41985017_001", "41985018_001")
    same, too, *others = [(await drawing(client, f"h/{name}.jpg"))[0].attrib["fill"] for name in names]
    assert same == too
    assert same not in others


@pytest.mark.parametrize("path", ["h/1.svg", "h/", "h/<b>.jpg", "h/a%20b.jpg", "h/.jpg"])
async def test_what_is_no_photo_is_not_found(client: Client, path: str) -> None:
    async with client.get(f"{PHOTOS}/{path}") as answer:
        assert answer.status == 404


async def test_a_photo_is_no_operation_of_the_site(client: Client, stand_in: EncarStandIn) -> None:
    stand_in.faults.add(Status(status=500))
    await drawing(client, "h/1_001.jpg")
    assert len(stand_in.calls) == 0
