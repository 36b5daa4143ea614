"""Parsing of HTML, with caps that bound the time to build the tree.

The tree builder's time grows with the square of the nesting depth and of the attributes of one element, and it runs on
the event loop. So tags are counted first, in one pass over the text.
"""

import re
from html import unescape

from selectolax.lexbor import LexborHTMLParser

from dealerproxy.transport.errors import Drift

# Starts of tags in one page, nesting depth, the sum of the depths of all elements, and attributes of one element.
# Normal pages have some thousand, some dozen, some ten thousand, and a dozen.
MOST_TAGS, DEEPEST, MOST_OPEN, MOST_ATTRIBUTES = 60_000, 300, 500_000, 50


def _attribute(repeat: str) -> str:
    """Return the pattern of an attribute whose name and bare value have the lengths of `repeat`."""
    value = rf"""(?:"[^"]*+"|'[^']*+'|[^\s>"'][^\s>]{repeat})"""
    return rf"[\s/]*+[^\s/>][^\s/>=]{repeat}(?:\s*+=\s*+{value}?+)?+"


_ATTRIBUTE = _attribute("*+")
_TAG = re.compile(
    rf"<!--(?:-?>|.*?(?:--!?>|\Z))|<(/?)([a-zA-Z][^\s/>]*+)((?:{_ATTRIBUTE}){{0,{MOST_ATTRIBUTES + 1}}}+)[\s/]*+",
    re.DOTALL,
)
_ONE_ATTRIBUTE = re.compile(_ATTRIBUTE)
# A page with fewer tags cannot nest deep enough to be slow. A pattern then finds tags with too many attributes; a long
# name counts as several.
FEW_TAGS = 1_000
_LOADED = re.compile(rf"</?[a-zA-Z](?:{_attribute('{0,99}+')}){{{MOST_ATTRIBUTES + 1}}}")
# Elements whose text contains no tags, with the pattern of their end.
_RAW_END = {
    name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in ("script", "style", "xmp", "iframe", "noembed")
}
# Elements without an end tag, and those that end at the next of their kind: they nest only with other elements between
# them, or inside a drawing.
_UNNESTED = {
    *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"),
    *("html", "head", "body", "li", "p", "option"),
    *("caption", "colgroup", "thead", "tbody", "tfoot", "tr", "td", "th"),
}
_DRAWINGS = frozenset({"svg", "math"})
# Elements of drawings (SVG, MathML): only in them does a tag that ends with a slash open no element.
_SHAPES = frozenset(
    ("g", "path", "circle", "rect", "line", "polyline", "polygon", "ellipse", "use", "defs", "symbol", "stop", "image")
)


def parse(page: str, path: str) -> LexborHTMLParser:
    """Return the tree of a page. Raises Drift with `path` for a page over the caps."""
    page = page.replace("\0", "")  # invisible, and slow in the tree builder
    tags = page.count("<")
    if tags > MOST_TAGS:
        raise Drift(path, "more tags than a page has")
    if tags > FEW_TAGS or _LOADED.search(page):
        _check_tags(page, path)
    return LexborHTMLParser(page)


def _check_tags(page: str, path: str) -> None:
    """Raise Drift for tags over the caps; counts open elements as for a well-formed page, so never too few."""
    opened: list[str] = []
    at = in_all = drawings = 0
    shapes_alone = False  # since the last start of a drawing
    while tag := _TAG.search(page, at):
        at = tag.end()
        end_sign, name, attributes = tag.groups()
        if name is None:  # a comment
            continue
        name = name.lower()
        if len(attributes) > 2 * MOST_ATTRIBUTES and len(_ONE_ATTRIBUTE.findall(attributes)) > MOST_ATTRIBUTES:
            raise Drift(path, "a tag with too many attributes")
        in_all += 1 + len(opened)
        shapes_alone = name in _DRAWINGS or (shapes_alone and name in _SHAPES)
        if end_sign:
            if opened and opened[-1] == name:
                opened.pop()
                drawings -= name in _DRAWINGS
        elif name in _RAW_END and not drawings and "select" not in opened:
            end = _RAW_END[name].search(page, at)
            at = end.start() if end else len(page)
        elif (name not in _UNNESTED or drawings) and not (shapes_alone and page[at - 1] == "/"):
            opened.append(name)
            drawings += name in _DRAWINGS
        if len(opened) > DEEPEST or in_all > MOST_OPEN:
            raise Drift(path, "elements nested too deep")


# A tag in a text written by people; a tag of a block or a line ends a sentence.
_WRITTEN_TAG = re.compile(
    r"</?(?:(br|p|div|li|tr|td|h\d)|[a-z]{1,10})(?:[\s/][^<>]{0,300})?>", re.ASCII | re.IGNORECASE
)


def plain_text(text: str) -> str:
    """Return a text written by people, without tags and entities; lines and blocks become lines."""
    return unescape(_WRITTEN_TAG.sub(lambda tag: "\n" if tag[1] else "", text))
