"""The service in front of one handler that answers for the whole site."""

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from dealerproxy.app import create_app
from dealerproxy.captures.replay import serving
from dealerproxy.settings import Settings
from dealerproxy.vocabulary import Vocabulary


async def get(
    handle: Callable[[web.Request], Awaitable[web.Response]], vocabulary: Vocabulary, *paths: str
) -> list[Any]:
    """GET these paths of a service of its own, one after another, and return their bodies; all must be 200."""
    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    async with TestServer(app) as upstream:
        url = str(upstream.make_url(""))
        settings = Settings(encar_api_url=url, encar_page_url=url, cursor_secret="x")
        async with serving(create_app(settings, vocabulary)) as own, aiohttp.ClientSession() as session:
            answers = []
            for path in paths:
                async with session.get(f"{own}{path}") as answer:
                    assert answer.status == 200
                    answers.append(await answer.json())
            return answers
