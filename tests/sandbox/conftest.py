"""What the stand-in's tests share: a small inventory, a stand-in, and a client that asks it as the service would."""

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp import AiohttpClient

from dealerproxy.sandbox.encar import EncarStandIn
from dealerproxy.sandbox.inventory import Inventory, generate

Client = TestClient[Any, Any]
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
