"""What the stand-in's tests share: a small inventory, a stand-in, and a client that asks it as the service would."""

import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp import AiohttpClient

from dealerproxy.sandbox.encar.inventory import Inventory, generate
from dealerproxy.sandbox.encar.site import EncarStandIn

Shape = dict[str, set[str]]
Client = TestClient[Any, Any]
Get = Callable[..., Awaitable[Any]]
Ask = Callable[..., Awaitable[aiohttp.ClientResponse]]


@pytest.fixture(scope="session")
def cars() -> Inventory:
    """4000 cars; tests that change the inventory make their own."""
    return generate(7)


@pytest.fixture
def stand_in() -> EncarStandIn:
    return EncarStandIn(generate(3, 400), seed=3)


@pytest.fixture
async def client(stand_in: EncarStandIn, aiohttp_client: AiohttpClient) -> Client:
    return await aiohttp_client(stand_in.app())


@pytest.fixture
def ask(client: Client) -> Ask:
    """One search; parameters that are None are left out."""

    async def ask(
        q: str | None = "Hidden.N.",
        sr: str | None = "|ModifiedDate|0|20",
        inav: str | None = None,
        view: str = "premium",
        count: str | None = "true",
    ) -> aiohttp.ClientResponse:
        asked = {"count": count, "q": q, "sr": sr, "inav": inav}
        params = {name: value for name, value in asked.items() if value is not None}
        return await client.get(f"/search/car/list/{view}", params=params)

    return ask


@pytest.fixture
def get(client: Client) -> Get:
    """The document at a path; None for a 404 with an empty body."""

    async def get(path: str, **query: str) -> Any:
        response = await client.get(path, params=query)
        if response.status == 404:
            assert await response.read() == b""
            return None
        assert response.status == 200
        return json.loads(await response.read())

    return get


@pytest.fixture(scope="session")
def shape() -> Callable[[Iterable[object]], Shape]:
    """What stands where in some documents."""
    return _shape


@pytest.fixture(scope="session")
def unlike() -> Callable[[Shape, Shape], Shape]:
    """What one shape lacks of another."""
    return _unlike


def _shape(documents: Iterable[object]) -> Shape:
    """The kinds of value at each path of any of the documents; `[]` in a path is any element of a list."""
    found: Shape = defaultdict(set)
    for document in documents:
        for path, kind in _walk(document, ""):
            found[path].add(kind)
    return dict(found)


def _walk(value: object, path: str) -> Iterator[tuple[str, str]]:
    yield path, type(value).__name__
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _walk(inner, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner, f"{path}[]")


def _unlike(ours: Shape, captured: Shape) -> Shape:
    """What the captures have and ours lack: missing paths, kinds never used."""
    return {path: lacking for path, kinds in captured.items() if (lacking := kinds - ours.get(path, set()))}
