"""A real Chromium for tests: its console, the requests it sends, and what axe finds."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

PIXEL = b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'


class Tab:
    """An open tab: `page` is playwright's, `troubles` what its console complained of."""

    def __init__(self, page: Any, origin: str) -> None:
        self.page, self._origin = page, origin
        self.troubles: list[str] = []
        self.asked: list[Any] = []
        page.on("console", self._reports)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("request", lambda request: self.asked.append(request))  # noqa: PLW0108  # it takes no built-in

    @property
    def abroad(self) -> list[Any]:
        """The requests that left the service."""
        return [request for request in self.asked if not request.url.startswith((self._origin + "/", "data:"))]

    async def said(self, selector: str, text: str) -> None:
        """Wait until an element says something."""
        await self.page.locator(selector, has_text=text).first.wait_for(timeout=15_000)

    async def later(self, seconds: float) -> None:
        """Let so many seconds pass on the page's clock at once: what is due meanwhile happens."""
        await self.page.clock.fast_forward(round(1_000 * seconds))

    def _reports(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.troubles.append(message.text)


@asynccontextmanager
async def opened(url: str, origin: str, **context: Any) -> AsyncIterator[Tab]:
    """Open a page. No request leaves this machine: pictures from elsewhere are a pixel, all else fails."""
    playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")

    async def answer(route: Any) -> None:
        if route.request.url.startswith(origin + "/"):
            await route.continue_()
        elif route.request.resource_type == "image":
            await route.fulfill(body=PIXEL, content_type="image/svg+xml")
        else:
            await route.abort()

    async with playwright.async_playwright() as driver:
        # Its sandbox does not work for root, and the pages are ours.
        browser = await driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            page = await (await browser.new_context(**context)).new_page()
            await page.clock.install()
            await page.route("**/*", answer)
            tab = Tab(page, origin)
            await page.goto(url)
            yield tab
        finally:
            await browser.close()


async def accessible(tab: Tab) -> list[str]:
    """What axe finds wrong, by the rules of WCAG 2.2 AA."""
    axe = pytest.importorskip("axe_playwright_python.async_playwright", reason="axe-playwright-python is not installed")
    found = await axe.Axe().run(tab.page)
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found.response["violations"]]
