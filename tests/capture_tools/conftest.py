"""What the tests of captures share: a maker, and answers made into captures."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from multidict import CIMultiDict
from yarl import URL

from dealerproxy.captures.capture import Capture
from dealerproxy.captures.maker import Maker
from dealerproxy.captures.sites import recognise
from dealerproxy.transport.response import Response
from dealerproxy.vocabulary import Vocabulary

FIXTURES = Path(__file__).parent.parent / "captures"
AT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
Make = Callable[..., Capture]


@pytest.fixture(scope="session")
def maker(vocabulary: Vocabulary) -> Maker:
    return Maker(vocabulary)


@pytest.fixture(scope="session")
def make(maker: Maker) -> Make:
    """Make a capture of an answer; with `expecting` it expects what it says."""

    def make(
        url: str,
        body: bytes = b"{}",
        *,
        status: int = 200,
        headers: dict[str, str] | None = None,
        name: str = "a_capture",
        expecting: bool = False,
        at: datetime = AT,
    ) -> Capture:
        page = recognise(URL(url))
        assert page is not None
        made = maker.make(name, page, Response(status, CIMultiDict(headers or {}), body), at=at)
        return maker.expecting(made) if expecting else made

    return make
