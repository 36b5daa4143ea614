"""Fixtures every test may use, and one shim.

aioresponses 0.7.9 does not build aiohttp 3.14's ClientResponse (its issues 289 and 288): the shim below supplies
the missing argument and a reader without flow control, as a body over 128 KiB would otherwise hit an assertion.
"""

import asyncio
import inspect
import os
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import aioresponses.core
import pytest
from aiohttp.client_proto import ResponseHandler
from hypothesis import settings

from dealerproxy import vocabulary as words
from dealerproxy.transport import retry
from dealerproxy.vocabulary import Vocabulary

CAPTURES = "DEALERPROXY_TEST_CAPTURES"

settings.register_profile("default", deadline=None, max_examples=25)
settings.load_profile("default")

if "stream_writer" in inspect.signature(aiohttp.ClientResponse.__init__).parameters:

    class _MockedResponse(aiohttp.ClientResponse):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.setdefault("stream_writer", SimpleNamespace(output_size=0))
            super().__init__(*args, **kwargs)

    def _reader(loop: asyncio.AbstractEventLoop | None = None) -> aiohttp.StreamReader:
        running = loop or asyncio.get_running_loop()
        return aiohttp.StreamReader(ResponseHandler(loop=running), limit=2**40, loop=running)

    vars(aioresponses.core).update(ClientResponse=_MockedResponse, stream_reader_factory=_reader)


_look_up = socket.getaddrinfo


def _look_up_this_machine(host: Any, *args: Any, **kwargs: Any) -> Any:
    """No test ever leaves this machine, whatever address a default or a mistake would send it to."""
    name = host.decode() if isinstance(host, bytes) else host
    if name not in {None, "", "localhost", "0.0.0.0", "::", "::1"} and not name.startswith("127."):
        raise OSError(f"a test looked up {name}")
    return _look_up(host, *args, **kwargs)


socket.getaddrinfo = _look_up_this_machine


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that tries again does so soon; tests of the pauses themselves have a clock of their own."""
    monkeypatch.setattr(retry, "PAUSE_S", 0.002)


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    return words.load()


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder of real upstream answers; they are not part of the project."""
    folder = os.environ.get(CAPTURES)
    if not folder:
        pytest.skip(f"{CAPTURES} names no folder of captured upstream answers")
    return Path(folder)


# The stand-ins and the benchmark hardly change: their own tests run with the slow ones, so that all others are quick.
SLOW = {Path(__file__).parent / name for name in ("bench", "sandbox")}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not SLOW.isdisjoint(item.path.parents):
            item.add_marker(pytest.mark.slow)
