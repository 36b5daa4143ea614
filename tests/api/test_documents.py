"""The documents as pages of the service: they are complete, anyone can read them, and links lead where GitHub's do."""

import re
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from dealerproxy.api.documents import DOCUMENTS, PROJECT, rendered
from dealerproxy.api.markdown import render
from dealerproxy.api.pages import STATIC
from tests.api.browser import accessible, opened
from tests.api.conftest import KEY, Sandbox, Sandboxes
from tests.api.markup import addresses, faults_of
from tests.support.documents import anchors, document

LIKELY = st.text("ab `*_#|-<>[]()!&\"'\n:\\", max_size=80)


def html_of(text: str, directory: str = "dealerproxy/api") -> str:
    return render(text, directory=directory, pages={source: name for name, (_, source) in DOCUMENTS.items()})[1]


def tree_of(name: str) -> LexborHTMLParser:
    return LexborHTMLParser(rendered(name).decode())


# The pages


def test_every_document_of_the_package_is_a_page() -> None:
    packaged = {path.relative_to(PROJECT).as_posix() for path in (PROJECT / "dealerproxy").rglob("*.md")}
    assert {source for _, source in DOCUMENTS.values()} == packaged


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_a_document_is_a_sound_page_that_needs_no_key(sandboxes: Sandboxes, name: str) -> None:
    sandbox = await sandboxes.start(api_keys=KEY)
    status, headers, body = await sandbox.ask("GET", f"/docs/pages/{name}")
    assert (status, headers["Content-Type"], headers["Cache-Control"]) == (200, "text/html; charset=utf-8", "no-cache")
    assert (body, faults_of(body.decode())) == (rendered(name), [])
    for url in addresses(body.decode()):
        path = urlsplit(urljoin(f"/docs/pages/{name}", url)).path
        assert (await sandbox.ask("GET", path))[0] == 200, url


async def test_a_browser_revalidates_a_document(sandbox: Sandbox) -> None:
    _, headers, _ = await sandbox.ask("GET", "/docs/pages/api")
    held = {"If-None-Match": headers["ETag"]}
    status, again, body = await sandbox.ask("GET", "/docs/pages/api", headers=held)
    assert (status, again["ETag"], body) == (304, headers["ETag"], b"")
    assert (await sandbox.ask("GET", "/docs/pages/ops", headers=held))[0] == 200


@pytest.mark.parametrize("name", ["README", "api.md", "..%2fpages", "%2e%2e", "", "API"])
async def test_no_other_document_is_served(sandbox: Sandbox, name: str) -> None:
    status, _, body = await sandbox.ask("GET", f"/docs/pages/{name}")
    assert status == 404
    assert b'"not_found"' in body


def test_the_page_of_swagger_ui_links_to_every_document_by_its_title() -> None:
    page = (STATIC / "docs.html").read_text(encoding="utf-8")
    links = dict(re.findall(r'href="docs/pages/(\w+)">([^<]+)<', page))
    assert links == {name: title for name, (title, _) in DOCUMENTS.items()}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_page_has_the_anchors_that_github_makes_and_links_only_to_anchors_that_exist(name: str) -> None:
    tree = tree_of(name)
    found = [node.attributes["id"] for node in tree.css("main :is(h1, h2, h3, h4, h5, h6)")]
    assert found == list(anchors(document(DOCUMENTS[name][1])))
    for node in tree.css("main a[href]"):
        page, _, anchor = (node.attributes["href"] or "").partition("#")
        if anchor:
            assert tree_of(page or name).css_first(f'[id="{anchor}"]'), node.html


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_page_shows_every_word_of_its_document(name: str) -> None:
    shown = tree_of(name).text()
    source = re.sub(r"\]\([^)]*\)|<!--.*?-->|^```.*$|`", "", document(DOCUMENTS[name][1]), flags=re.MULTILINE)
    words = set(re.findall(r"\w{3,}", source))
    assert len(words) > 50
    assert words - set(re.findall(r"\w+", shown)) == set()


# Markdown


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("../client/README.md", "client"),
        ("../client/README.md#how-a-page-is-made", "client#how-a-page-is-made"),
        ("../ops", "ops"),
        ("../ops/", "ops"),
        ("../README.md", "architecture"),
        ("/dealerproxy/ops/README.md", "ops"),
        ("README.md#errors", "api#errors"),
        ("#errors", "#errors"),
        ("https://example.com/a#b", "https://example.com/a#b"),
    ],
)
def test_links_to_documents_lead_to_their_pages(link: str, url: str) -> None:
    assert f'<a href="{url}">here</a>' in html_of(f"[here]({link})")
    assert f'<a href="{url}">here</a>' in html_of(f"[here][x]\n\n[x]: {link}")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[a main API](../../tests/client/main_api.py)", "a main API (<code>tests/client/main_api.py</code>)"),
        ("[`main_api.py`](../../tests/client/main_api.py)", "<code>main_api.py</code> (<code>tests/client/main_api.py"),
        ("[the rules](../../.github/CONTRIBUTING.md#set-up)", "the rules (<code>.github/CONTRIBUTING.md</code>)"),
        ("[`tests/conftest.py`](../../tests/conftest.py) is", "<p><code>tests/conftest.py</code> is</p>"),
        ("![a diagram](../../.github/x.svg)", "<p>a diagram</p>"),
        ("[two](../x%20y.py) words", "two (<code>dealerproxy/x y.py</code>) words"),
    ],
)
def test_a_file_that_is_no_page_is_named_by_its_path(text: str, shown: str) -> None:
    html = html_of(text)
    assert shown in html
    assert "<a" not in html
    assert "<img" not in html


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("Errors", "errors"),
        ("`GET /v1/vehicles`", "get-v1vehicles"),
        ("Ages, and a *fresh* look", "ages-and-a-fresh-look"),
        ("`dealerproxy.client`: what it offers", "dealerproxyclient-what-it-offers"),
        ("A [link](README.md) here", "a-link-here"),
        ("DealerproxyDrift", "dealerproxydrift"),
        ("snake_case & co", "snake_case--co"),
        ("만원", "만원"),
    ],
)
def test_an_anchor_is_made_of_the_text_as_github_makes_it(heading: str, anchor: str) -> None:
    assert f'<h2 id="{anchor}">' in html_of(f"## {heading}")


def test_headings_of_the_same_text_are_numbered() -> None:
    html = html_of("# A\n\n## A\n\n## A\n\n## A-1\n\n## ?\n\n## ?\n")
    assert re.findall(r'id="([^"]+)"', html) == ["a", "a-1", "a-2", "a-1-1"]


def test_a_table_scrolls_by_itself_and_its_columns_are_aligned_without_inline_styles() -> None:
    html = html_of("| `a` | n |\n|---|--:|\n| x | 1 |\n")
    assert '<div class="scroll" role="group" aria-label="Table: a, n" tabindex="0"><table>' in html
    assert '<th class="right" scope="col">' in html or '<th scope="col" class="right">' in html
    assert '<td class="right">1</td>' in html
    assert "style" not in html


@pytest.mark.parametrize("text", ["a <!-- kept for tests --> b", "a\n\n<!-- one -->\n<!-- two\nlines -->\n\nb"])
def test_comments_are_not_shown(text: str) -> None:
    assert re.findall(r"\w+", LexborHTMLParser(html_of(text)).text()) == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "a <img src=x onerror=alert(1)> b",
        "<!-- a --><script>alert(1)</script>",
        "<p style='color: red'>red</p>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html;base64,PHA+)",
        '[x](https://example.com/"onclick="alert(1) "title\\"><b>")',
        '## "><img src=x>',
        '```"><script>\n</code></pre><script>\n```',
        '| "><b> | b |\n|---|---|\n| <b>x</b> | y |',
    ],
)
def test_markup_in_a_document_is_text(text: str) -> None:
    tree = LexborHTMLParser(html_of(text))
    assert tree.css("script, img, b, [onclick], [onerror], [style]") == []
    assert [node.attributes["href"] for node in tree.css("a") if ":" in (node.attributes["href"] or "")] in (
        [],
        ["https://example.com/%22onclick=%22alert(1)"],
    )


@given(LIKELY)
def test_whatever_a_document_says_its_page_is_sound(text: str) -> None:
    page = f'<html lang="en"><main>{html_of(text)}</main></html>'  # the frame of a page has what `faults_of` looks for
    assert [fault for fault in faults_of(page) if "leads elsewhere" not in fault] == []
    assert LexborHTMLParser(page).css("script, style, img, iframe, object, form") == []


# In a browser


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
@pytest.mark.parametrize("name", DOCUMENTS)
async def test_everybody_can_read_a_document(sandbox: Sandbox, name: str, scheme: str, width: int) -> None:
    url = f"{sandbox.url}/docs/pages/{name}"
    async with opened(url, sandbox.url, color_scheme=scheme, viewport={"width": width, "height": 900}) as tab:
        assert await accessible(tab) == []
        assert await tab.page.evaluate("document.documentElement.scrollWidth") == width
        assert (tab.troubles, tab.abroad) == ([], [])


@pytest.mark.slow
async def test_a_reader_goes_from_swagger_ui_to_a_heading_of_a_document_and_on_to_another(sandbox: Sandbox) -> None:
    async with opened(sandbox.url + "/docs", sandbox.url) as tab:
        await tab.page.click("nav >> text=Operations")
        await tab.page.locator("main h2").first.wait_for()
        await tab.page.locator("main h2 .anchor").last.click()
        assert await tab.page.evaluate("document.querySelector(':target').tagName") == "H2"
        await tab.page.click("nav >> text=Client")
        await tab.page.wait_for_url("**/docs/pages/client")
        await tab.page.keyboard.press("Tab")
        assert await tab.page.evaluate("document.activeElement.className") == "skip"
        assert (tab.troubles, tab.abroad) == ([], [])
