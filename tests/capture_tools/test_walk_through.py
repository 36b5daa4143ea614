"""From a page that breaks us to the same page in a test: kept, replayed, mended."""

import json
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from dealerproxy.app import create_app
from dealerproxy.captures import capture as saved
from dealerproxy.captures import sites
from dealerproxy.captures.expectations import differences
from dealerproxy.captures.fetching import fetching, pages_of
from dealerproxy.captures.keeper import Keeper
from dealerproxy.captures.reading import asked_of, read
from dealerproxy.captures.replay import Replay, offline, serving
from dealerproxy.captures.replay_requests import request_for
from dealerproxy.sandbox.encar.inventory import generate
from dealerproxy.sandbox.encar.site import EncarStandIn
from dealerproxy.sandbox.faults import Fault, MissingField, RenamedField
from dealerproxy.settings import Settings
from dealerproxy.transport.errors import Drift
from dealerproxy.upstreams.encar import rows
from dealerproxy.vocabulary import Vocabulary


async def answer(capture: saved.Capture, vocabulary: Vocabulary) -> tuple[int, Any]:
    """What the service says to the request that leads to a captured page."""
    path = request_for(capture, vocabulary)
    assert path is not None
    async with (
        serving(Replay([capture]).app()) as upstream,
        serving(create_app(offline(Settings(), upstream), vocabulary)) as url,
        aiohttp.ClientSession() as session,
        session.get(url + path) as response,
    ):
        return response.status, json.loads(await response.read())


class Defaulted(rows.SearchRow, frozen=True):
    """Rows whose price may be missing."""

    Price: float = 1990.0


class Renamed(rows.SearchRow, frozen=True):
    """Rows whose price has another name."""

    Price: float = msgspec.field(name="SalePrice")


@pytest.mark.parametrize(
    ("fault", "mended"),
    [(MissingField(field="Price"), Defaulted), (RenamedField(field="Price", to="SalePrice"), Renamed)],
    ids=["missing", "renamed"],
)
async def test_a_drift_is_kept_once_fails_again_offline_and_passes_once_it_is_mended(
    tmp_path: Path, vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch, fault: Fault, mended: type[rows.SearchRow]
) -> None:
    stand_in = EncarStandIn(generate(3, 300))
    stand_in.faults.add(fault)
    async with serving(stand_in.app()) as url:
        settings = Settings(encar_api_url=url, encar_page_url=url, encar_rps=1000)
        asked_at = sites.bases(settings)
        keeper = Keeper(tmp_path, vocabulary, asked_at)
        keeper.start()
        names: set[str | None] = set()
        (page,) = pages_of("make=Kia&model=K5&upstream=encar", settings, vocabulary)
        async with fetching(settings) as fetch:
            for _ in range(3):
                response = await fetch(page)
                with pytest.raises(Drift) as drift:
                    rows.read_search(response.body, asked_of(page.url, vocabulary), vocabulary)
                names.add(keeper.notice("encar", "search", sites.address(page, asked_at), response, drift.value))
        await keeper.close()
    (folder,) = saved.find(tmp_path)
    assert names == {folder.name}
    capture = saved.read(folder)
    assert (capture.about.provenance, capture.about.url.startswith(f"{url}/search/")) == ("sandbox", True)
    dealers = {car.dealer for car in stand_in.inventory}
    assert not any(dealer in capture.response.body.decode() for dealer in dealers)

    assert differences(capture, read(capture, vocabulary))
    status, body = await answer(capture, vocabulary)
    assert status == 503
    assert body["error"]["details"]["sources"][0]["reason"].startswith("drift")

    monkeypatch.setattr(rows.read_row, "_decoder", msgspec.json.Decoder(mended))
    assert not differences(capture, read(capture, vocabulary))
    status, body = await answer(capture, vocabulary)
    assert status == 200
    assert body["data"]
