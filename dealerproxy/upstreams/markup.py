"""HTML of a site, turned into a tree only when that takes no longer than an honest page does.

The tree builder needs time that grows with the square of how deep elements are nested and of how many attributes one
has, and it runs on the event loop. So tags are counted first, in one pass over the text.
"""

import re

from selectolax.lexbor import LexborHTMLParser

from dealerproxy.transport.errors import Drift

# Signs of a tag's beginning in one page, how deep its elements may be nested, what all of them are nested in together,
# and the attributes of one. Honest pages have some thousand, some dozen, some ten thousand, and a dozen.
MOST_TAGS, DEEPEST, MOST_OPEN, MOST_ATTRIBUTES = 60_000, 300, 500_000, 50


def _attribute(repeat: str) -> str:
    """Return the expression of an attribute whose name and bare value have so many characters."""
    value = rf"""(?:"[^"]*+"|'[^']*+'|[^\s>"'][^\s>]{repeat})"""
    return rf"[\s/]*+[^\s/>][^\s/>=]{repeat}(?:\s*+=\s*+{value}?+)?+"


_ATTRIBUTE = _attribute("*+")
_TAG = re.compile(
    rf"<!--(?:-?>|.*?(?:--!?>|\Z))|<(/?)([a-zA-Z][^\s/>]*+)((?:{_ATTRIBUTE}){{0,{MOST_ATTRIBUTES + 1}}}+)[\s/]*+",
    re.DOTALL,
)
_ONE_ATTRIBUTE = re.compile(_ATTRIBUTE)
# Tags of a page that are too few to be nested too deep, and what may be one with too many attributes; there a long
# name counts as several.
FEW_TAGS = 1_000
_LOADED = re.compile(rf"</?[a-zA-Z](?:{_attribute('{0,99}+')}){{{MOST_ATTRIBUTES + 1}}}")
# Elements whose text has no tags in it, with where it ends.
_RAW_END = {
    name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in ("script", "style", "xmp", "iframe", "noembed")
}
# Elements without an end, and those that end where the next of their kind begins: to be nested they need others, or a
# drawing around them.
_UNNESTED = {
    *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"),
    *("html", "head", "body", "li", "p", "option"),
    *("caption", "colgroup", "thead", "tbody", "tfoot", "tr", "td", "th"),
}
_DRAWINGS = frozenset({"svg", "math"})
# Elements of drawings: only there does a tag that ends with a slash open nothing.
_SHAPES = frozenset(
    ("g", "path", "circle", "rect", "line", "polyline", "polygon", "ellipse", "use", "defs", "symbol", "stop", "image")
)


def parse(page: str, path: str) -> LexborHTMLParser:
    """Return the tree of a page. Raises Drift with `path` for one that would take long to read."""
    page = page.replace("\0", "")  # nobody sees them, and the tree builder takes them one by one
    tags = page.count("<")
    if tags > MOST_TAGS:
        raise Drift(path, "more tags than a page has")
    if tags > FEW_TAGS or _LOADED.search(page):
        _check_tags(page, path)
    return LexborHTMLParser(page)


def _check_tags(page: str, path: str) -> None:
    """Count as open what a well-formed page would have open, so rather too much than too little."""
    opened: list[str] = []
    at = in_all = drawings = 0
    shapes_alone = False  # since the last beginning of a drawing
    while tag := _TAG.search(page, at):
        at = tag.end()
        end_sign, name, attributes = tag.groups()
        if name is None:  # a comment
            continue
        name = name.lower()
        if len(attributes) > 2 * MOST_ATTRIBUTES and len(_ONE_ATTRIBUTE.findall(attributes)) > MOST_ATTRIBUTES:
            raise Drift(path, "a tag with attributes beyond reason")
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
            raise Drift(path, "elements nested beyond reason")
