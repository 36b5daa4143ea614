"""Markdown as HTML for pages that allow no inline script or style; links and anchors work as on GitHub."""

import posixpath
import re
from collections.abc import Mapping, MutableMapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)

Env = MutableMapping[str, Any]


def render(text: str, *, directory: str, pages: Mapping[str, str]) -> tuple[str, str]:
    """Render Markdown. Returns the text of the first heading, and the HTML.

    `directory` is the document's folder in the project. `pages` maps the documents that are pages, by their paths in
    the project, to URLs. A link to any other file of the project becomes its text and the file's path. HTML in the
    document is shown as text, except comments and line breaks.
    """
    tokens = _MARKDOWN.parse(text)
    titles = (_text(after) for token, after in pairwise(tokens) if token.type == "heading_open")
    env: Env = {"directory": directory, "pages": pages, "anchors": set[str]()}
    body: str = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, env)
    return next(titles, ""), body


def anchor(heading: str) -> str:
    """Return GitHub's anchor for a heading's text; empty if the text has no letters and digits."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def _text(inline: Token) -> str:
    return "".join(child.content for child in inline.children or () if child.type in {"text", "code_inline"})


class _Renderer(RendererHTML):
    """Renders tokens; each public method is the rule for tokens of its name."""

    def heading_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        first = found = anchor(_text(tokens[idx + 1]))
        count = 0
        while found in env["anchors"]:
            count += 1
            found = f"{first}-{count}"
        if found:
            env["anchors"].add(found)
            tokens[idx].attrSet("id", found)
        return self.renderToken(tokens, idx, options, env)

    def heading_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        here, label = tokens[idx - 2].attrGet("id"), escape(_text(tokens[idx - 1]))
        link = f' <a class="anchor" href="#{here}" aria-label="Link to {label}">#</a>' if here else ""
        return link + self.renderToken(tokens, idx, options, env)

    def link_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        url, _ = _target(tokens[idx], env)
        return "" if url is None else f'<a href="{escape(url)}">'

    def link_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        start = next(at for at in reversed(range(idx)) if tokens[at].type == "link_open")
        url, path = _target(tokens[start], env)
        if url is not None:
            return "</a>"
        shown = "".join(token.content for token in tokens[start:idx])
        return "" if path in shown else f" (<code>{escape(path)}</code>)"

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """Return nothing: pages show no pictures, because most of these are outside of the package."""
        return escape(self.renderInlineAsText(tokens[idx].children, options, env))

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """Return a table that scrolls by itself if it is wider than the page, also with the keyboard."""
        end = next(at for at in range(idx, len(tokens)) if tokens[at].type == "thead_close")
        columns = escape(", ".join(_text(token) for token in tokens[idx:end] if token.type == "inline"))
        return f'<div class="scroll" role="group" aria-label="Table: {columns}" tabindex="0"><table>\n'

    def table_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        return "</table></div>\n"

    def th_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        tokens[idx].attrSet("scope", "col")
        return self.td_open(tokens, idx, options, env)

    def td_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        style = tokens[idx].attrs.pop("style", None)
        if style is not None:
            tokens[idx].attrSet("class", str(style).removeprefix("text-align:"))
        return self.renderToken(tokens, idx, options, env)

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        return f'<pre tabindex="0"><code>{escape(tokens[idx].content)}</code></pre>\n'

    code_block = fence

    def html_inline(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        content = tokens[idx].content
        if _LINE_BREAK.fullmatch(content):
            return "<br>"
        return "" if _is_comments(content) else escape(content)

    def html_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        content = self.html_inline(tokens, idx, options, env)
        return f"<p>{content}</p>\n" if content else ""


def _is_comments(html: str) -> bool:
    while html := html.lstrip():
        if not html.startswith("<!--"):
            return False
        _, end, html = html.removeprefix("<!--").partition("-->")
        if not end:
            return False
    return True


def _target(link: Token, env: Env) -> tuple[str | None, str]:
    """Return the URL of a link, None for a file that is not a page; and the file's path in the project."""
    url = str(link.attrGet("href") or "")
    parts = urlsplit(url)
    if parts.scheme or parts.netloc or not parts.path:
        return url, ""
    path = unquote(parts.path)
    path = posixpath.normpath(path.lstrip("/") if path.startswith("/") else posixpath.join(env["directory"], path))
    page = env["pages"].get(path) or env["pages"].get(f"{path}/README.md")
    return (None if page is None else page + (f"#{parts.fragment}" if parts.fragment else "")), path


_MARKDOWN = MarkdownIt("commonmark", renderer_cls=_Renderer).enable(["table", "strikethrough"])
