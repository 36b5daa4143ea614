"""The OpenAPI document in a browser, with nothing from anywhere else."""

import re

import pytest

from tests.api.browser import opened
from tests.api.conftest import KEY, Sandbox, Sandboxes
from tests.api.markup import addresses, faults_of

STRICT = {"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"}

# What browsers insist on, as they are told not to guess.
TYPES = {"css": "text/css", "js": "(text|application)/javascript", "svg": r"image/svg\+xml", "json": "application/json"}


async def test_the_page_is_sound_and_all_it_loads_is_there(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.start(api_keys=KEY)
    status, headers, body = await sandbox.ask("GET", "/docs")
    html = body.decode()
    assert status == 200
    assert headers["Content-Type"].startswith("text/html")
    assert set(headers["Content-Security-Policy"].split("; ")) >= STRICT
    assert faults_of(html) == []
    for url in addresses(html):
        status, headers, body = await sandbox.ask("GET", f"/{url.removeprefix('./')}")
        assert status == 200, url
        suffix = url.rpartition(".")[2]
        assert re.match(TYPES.get(suffix, "text/html"), headers["Content-Type"]), url


async def test_the_wheels_swagger_ui_knows_openapi_3_1(sandbox: Sandbox) -> None:
    _, headers, body = await sandbox.ask("GET", "/docs/swagger_bundle.js")
    version = re.search(rb'PACKAGE_VERSION:"(\d+)\.', body)
    assert version is not None
    assert int(version[1]) >= 5
    assert (await sandbox.ask("GET", "/docs/swagger_bundle.js", headers={"If-None-Match": headers["ETag"]}))[0] == 304


@pytest.mark.parametrize("file", ["swagger_preset.js", "url.json", "..%2f__init__.py", "%2e%2e%2fpages.py", "x"])
async def test_no_other_file_is_served(sandbox: Sandbox, file: str) -> None:
    for folder in ("docs", "static"):
        status, _, body = await sandbox.ask("GET", f"/{folder}/{file}")
        assert status == 404
        assert b'"not_found"' in body


@pytest.mark.slow
async def test_an_engineer_asks_for_cars_from_the_page(sandbox: Sandbox) -> None:
    async with opened(sandbox.url + "/docs", sandbox.url) as tab:
        await tab.page.locator(".opblock").first.wait_for()
        assert await tab.page.locator(".opblock").count() >= 11
        assert await tab.page.locator(".errors-wrapper").count() == 0
        for operation in ("listVehicles", "getVehicle", "checkAvailability"):
            block = tab.page.locator(f"#operations-vehicles-{operation}")
            await block.locator(".opblock-summary-control").click()
            await block.locator("button.execute").click()
            await block.locator(".live-responses-table tbody .response-col_status", has_text="200").wait_for()
        assert (tab.troubles, tab.abroad) == ([], [])
