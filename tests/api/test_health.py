"""Liveness and readiness: they answer whatever the upstreams do, and ask them nothing."""

from typing import Any

import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpClient, AiohttpServer

from dealerproxy.app import create_app
from dealerproxy.settings import Settings
from dealerproxy.vocabulary import Vocabulary

NOBODY = "http://127.0.0.1:9"
HEALTHY = {"encar": "healthy", "danawa": "healthy"}
PROBES: list[tuple[str, dict[str, Any]]] = [
    ("/health/live", {"status": "live"}),
    ("/health/ready", {"status": "ready", "upstreams": HEALTHY}),
]


async def no_car(_: web.Request) -> web.Response:
    """Danawa's list, which is read from the start."""
    return web.Response(text="<div id='usedcarList'>차량이 없습니다</div>", content_type="text/html")


@pytest.mark.parametrize(("path", "expected"), PROBES)
async def test_a_probe_is_answered_in_json(
    aiohttp_client: AiohttpClient,
    aiohttp_server: AiohttpServer,
    vocabulary: Vocabulary,
    path: str,
    expected: dict[str, Any],
) -> None:
    site = web.Application()
    site.router.add_get("/usedcar/", no_car)
    url = str((await aiohttp_server(site)).make_url("/"))
    settings = Settings(cursor_secret="s", danawa_url=url)
    client = await aiohttp_client(create_app(settings, vocabulary))
    async with client.get(path) as answer:
        assert answer.status == 200
        assert answer.content_type == "application/json"
        assert await answer.json() == expected


@pytest.mark.parametrize("path", [path for path, _ in PROBES])
async def test_a_probe_may_ask_for_the_head_alone(
    aiohttp_client: AiohttpClient, vocabulary: Vocabulary, path: str
) -> None:
    client = await aiohttp_client(create_app(Settings(cursor_secret="s", danawa_url=NOBODY), vocabulary))
    async with client.head(path) as answer:
        assert (answer.status, await answer.read()) == (200, b"")


async def test_a_probe_needs_no_key(aiohttp_client: AiohttpClient, vocabulary: Vocabulary) -> None:
    client = await aiohttp_client(
        create_app(Settings(cursor_secret="s", api_keys="one", danawa_url=NOBODY), vocabulary)
    )
    for path, _ in PROBES:
        async with client.get(path) as answer:
            assert answer.status == 200


async def test_probes_ask_no_upstream_and_stay_good_when_it_is_in_trouble(
    aiohttp_client: AiohttpClient, aiohttp_server: AiohttpServer, vocabulary: Vocabulary
) -> None:
    asked = []

    async def blocking(request: web.Request) -> web.Response:
        if request.path == "/usedcar/":
            return await no_car(request)
        asked.append(request.path)
        return web.Response(status=403)

    upstream = web.Application()
    upstream.router.add_get("/{rest:.*}", blocking)
    url = str((await aiohttp_server(upstream)).make_url("/"))
    client = await aiohttp_client(
        create_app(Settings(cursor_secret="s", encar_api_url=url, danawa_url=url), vocabulary)
    )
    for path, _ in PROBES:
        await client.get(path)
    assert asked == []
    async with client.get("/v1/vehicles", params={"make": "BMW", "upstream": "encar"}) as answer:
        assert answer.status == 503
    assert len(asked) == 1
    async with client.get("/health/ready") as answer:
        told = {"status": "ready", "upstreams": {**HEALTHY, "encar": "suspended"}}
        assert (answer.status, await answer.json()) == (200, told)
    assert len(asked) == 1
