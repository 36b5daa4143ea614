"""The parser of Danawa's list pages: bytes in, rows out, or Drift with the missing selector.

No saved page exists: the markup is reconstructed from programs that read the list (March 2025, September 2026; the
old layout from about 2018). So the parser relies only on what they selected, and classes count as tokens. All values
of a car are looked up inside its own `li`: a missing cell never shifts its neighbours.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode
from yarl import URL

from dealerproxy.transport.errors import Drift
from dealerproxy.upstreams.caps import MOST_TEXT
from dealerproxy.upstreams.danawa.marks import BADGE, row_marks, words
from dealerproxy.upstreams.danawa.urls import HOME, bridge
from dealerproxy.upstreams.markup import parse

CONTAINER = "#usedcarList"
# A first page without cars must say that the list is empty.
FIRST_CAR = f"{CONTAINER} li a.name"
ROWS = "li:not(li li)"
LINK = 'a[href*="loadingBridge.php"]'
IMAGE = "img"
# An `li` with neither a name nor a car's cell is not a car: on every page the fourth item is something else.
CELLS = ".col.year, .col.km, .col.price"
# The most items of a page that are not cars: pages have one. Many more mean that cars are not recognised.
MOST_OTHERS = 10
# The most items of a page, and elements of an item: pages have 31 items, cars some dozen elements.
MOST_ITEMS, MOST_NODES = 2_500, 500
# Among this many cars, some are on sale: a class or icon that marks most of them is not a mark of a sale.
MANY_CARS = 10
OLD_ROW, OLD_CLASS = "li.clearFix", "clearfix"
# Attributes with the address of a lazily loaded picture.
IMAGE_ATTRIBUTES = ("data-original", "data-src", "src")

_DIGITS = r"(\d{1,3}(?:,\d{3})+|\d{1,9})"


class _Cell(NamedTuple):
    """A mandatory number: the class of its cell, its element in the cell, and its shape.

    `refused` matches texts that make the cell's number another kind of number.
    """

    token: str
    selector: str
    inner: str
    shape: re.Pattern[str]
    refused: re.Pattern[str] | None = None


class _Layout(NamedTuple):
    name: str
    cells: str
    year: _Cell
    mileage: _Cell
    price: _Cell


_YEAR = re.compile(r"((?:19|20)\d{2})\s*(?:년|년형|연식)?", re.ASCII)
_MILEAGE = re.compile(rf"{_DIGITS}\s*(?:km|㎞)", re.ASCII | re.IGNORECASE)
_PRICE = re.compile(rf"{_DIGITS}\s*(?:만\s?원)?", re.ASCII)
# Plain won, thousands, hundreds of millions, other currencies, monthly rates, instalments and deposits are not prices
# in 만원.
_OTHER_PRICE = re.compile(
    r"월|억|\d\s?[천백]|(?<!만)(?<!만\s)원|달러|엔화|위안|[$€£¥]|\b(?:usd|eur|jpy|cny)\b|/\s?mo|\bmonth"
    r"|원\s?할부|할부(?:금|원금)|보증금|계약금|선수금|선납금|인수금|원\s?[x×*]\s?\d|\d\s?회",
    re.IGNORECASE,
)
# A number of at least this without a unit is in won, not 만원; nines alone mean no price.
_LEAST_WON = 100_000

CURRENT = _Layout(
    name="a.name",
    cells=".col",
    year=_Cell("year", ".col.year .middle", ".middle", _YEAR),
    mileage=_Cell("km", ".col.km .middle", ".middle", _MILEAGE),
    price=_Cell("price", ".col.price .num", ".num", _PRICE, _OTHER_PRICE),
)
OLD = _Layout(
    name="div[title]",
    cells="div.year, div.mile, span.num",
    year=_Cell("year", "div.year", "*", _YEAR),
    mileage=_Cell("mile", "div.mile", "*", _MILEAGE),
    price=_Cell("num", "span.num", "*", _PRICE, _OTHER_PRICE),
)

_TEXT = "-text"  # the tag of a text between elements
# In the list, any of these phrases counts. Elsewhere on the page (a box of compared or viewed cars) it must be about a
# search.
_NONE = r"(?<!본)(?<!본\s)(?<!찜한\s)(?<!관심\s)(?<!비교\s)(?:결과가|차량이|매물이)\s*없"
_EMPTY_LIST = re.compile(_NONE)
_EMPTY_PAGE = re.compile(r"(?:검색|조건|등록|해당)[^.!?]{0,15}" + _NONE)
_UNSEEN_TAGS = words(
    "script style template noscript head title textarea select option datalist iframe noframes noembed object svg"
)
_UNSEEN_NAMES = words("hidden hide blind invisible d-none none sr-only is-hidden")
# The most characters of style sheets; longer ones are not read, so visibility is then unknown.
MOST_STYLES = 200_000
_HIDING = re.compile(
    r"[.#]([\w-]{1,60})\s{0,9}\{[^{}]{0,300}?(?:display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden)"
)
_UNSEEN_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)"
    r"|(?<![\w-])(?:opacity|font-size|width|height)\s*:\s*0(?!\.?\d)",
    re.IGNORECASE,
)
_NO_PHOTO = re.compile(r"^data:|/(?:icon|banner|brand)|\.(?:gif|svg)\b")
_OPENED, _CLOSED = re.compile(r"<html\b", re.IGNORECASE), re.compile(r"</html\s*>", re.IGNORECASE)
_WHOLE_PAGE = re.compile(r"<(?:!doctype|html|head|body)\b", re.IGNORECASE)
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE)
_HEAD_BYTES = 4096
# cp949 includes euc-kr; other charsets decode anything, so their pages use the fallbacks.
_CODECS = {"utf-8": "utf-8-sig", "utf8": "utf-8-sig"} | dict.fromkeys(
    ("cp949", "euc-kr", "euckr", "ks_c_5601-1987", "ksc5601", "ms949", "uhc", "windows-949", "x-windows-949"), "cp949"
)
_BAD_CHARACTER = "\ufffd"


class ListRow(NamedTuple):
    """A car's row on the page.

    `year` has four digits (model year or registration: unknown which), `price_manwon` is in 10,000 won. `feeder` and
    `listing_id` are the car's feeder and its number there, `href` is the link that has them. `mark` is the word for
    sold, reserved or withdrawn (`mark_in_words`: visible text, not a class or an icon); `monthly` is true if the row
    shows a monthly rate.
    """

    name: str
    year: int
    mileage_km: int
    price_manwon: int
    feeder: str
    listing_id: str
    href: str
    image: str | None = None
    mark: str | None = None
    monthly: bool = False
    mark_in_words: bool = False


class Broken(NamedTuple):
    """A car whose mandatory value at `selector` is missing, unreadable or contradictory."""

    selector: str


class ListPage(NamedTuple):
    """The cars of a page in order. `has_container`: the page has the list's id, which a fragment may lack.

    `says_empty`: there is no car, and a text on the page says so.
    """

    rows: tuple[ListRow | Broken, ...]
    has_container: bool
    says_empty: bool


_Attributes = Mapping[str, str | None]


class _Unreadable(Exception):
    """A row that cannot be used; the message is the selector."""


def read_list(body: bytes, *, charset: str | None = None, base: URL = HOME) -> ListPage:
    """Read a page of the list, or a fragment of one; `charset` is the header's, `base` the site's address.

    Raises Drift if there is no list, or if more than half of its cars cannot be read; the path is the selector.
    """
    text = decode(body, charset)
    tree = parse(text, CONTAINER)
    container = tree.css_first(CONTAINER)
    whole = bool(_WHOLE_PAGE.search(text))
    if _OPENED.search(text) and not _CLOSED.search(text):
        raise Drift(CONTAINER, "the page breaks off")
    area = container or _unnamed_list(tree, whole=whole)
    items = area.css(ROWS) if area else []
    if len(items) > MOST_ITEMS:
        raise Drift(ROWS, f"{len(items)} items on a page")
    rows = tuple(row for item in items if (row := _read(item, base)) is not None)
    if area is None or (container is None and whole and not rows):
        raise Drift(CONTAINER)
    broken = Counter(row.selector for row in rows if isinstance(row, Broken))
    if 2 * broken.total() > len(rows):
        raise Drift(broken.most_common(1)[0][0], f"{broken.total()} of {len(rows)} cars unreadable")
    hidden = sum(isinstance(row, ListRow) and row.mark is not None and not row.mark_in_words for row in rows)
    if len(rows) >= MANY_CARS and 2 * hidden > len(rows):
        raise Drift(BADGE, f"classes or icons mark {hidden} of {len(rows)} cars as sold")
    others = len(items) - len(rows)
    if others > max(MOST_OTHERS, len(rows)):
        raise Drift(CURRENT.name, f"{others} items are not cars, {len(rows)} are")
    if container is None and not rows:
        raise Drift(CONTAINER)  # a fragment with neither a car nor the container is not a list
    return ListPage(rows, container is not None, not rows and _says_empty(tree))


def silence(number: int, cars: int, *, says_empty: bool) -> Drift | None:
    """Return the Drift of a first page (`number` 1) without cars and without a text that says so; else None."""
    if number > 1 or cars or says_empty:
        return None
    return Drift(FIRST_CAR, "a first page without cars that does not say so")


def decode(body: bytes, charset: str | None) -> str:
    """Return a page's text by the header's charset, else its own, else UTF-8, else cp949: the first that decodes.

    If none does, bad bytes become U+FFFD, and a name with one is not read.
    """
    meta = _META_CHARSET.search(body[:_HEAD_BYTES])
    named = (charset or "", meta[1].decode("ascii", "replace") if meta else "")
    codecs = [_CODECS[name.strip().lower()] for name in named if name.strip().lower() in _CODECS]
    for codec in dict.fromkeys((*codecs, "utf-8-sig", "cp949")):
        try:
            return body.decode(codec)
        except UnicodeDecodeError:
            continue
    return body.decode("utf-8-sig", "replace")


def _unnamed_list(tree: LexborHTMLParser, *, whole: bool) -> LexborNode | None:
    """Return a list without its id: around the rows of the old layout, or in a fragment."""
    row = tree.css_first(OLD_ROW)
    if row is not None and row.css_first(OLD.name) is not None:
        return row.parent
    return None if whole or tree.css_first("ul, li") is None else tree.body


def _says_empty(tree: LexborHTMLParser) -> bool:
    """Whether a visible text of the page says that there is no car."""
    container = tree.css_first(CONTAINER)
    styles = [style.text() for style in tree.css("style")]
    if sum(map(len, styles)) > MOST_STYLES:
        return False
    hidden = _UNSEEN_NAMES.union(*map(_HIDING.findall, styles))
    page, inside = list[str](), list[str]()
    nodes = [(tree.body, False)]
    while nodes:
        node, in_list = nodes.pop()
        if node is None or node.tag in _UNSEEN_TAGS:
            continue
        if node.tag == _TEXT:
            (inside if in_list else page).append(node.text())
        elif not _is_unseen(node.attributes, hidden):
            in_list = in_list or node == container
            nodes += [(child, in_list) for child in reversed(list(node.iter(include_text=True)))]
    said = ((inside, _EMPTY_LIST), (page, _EMPTY_PAGE if container else _EMPTY_LIST))
    return any(none.search(" ".join(" ".join(texts).split())) for texts, none in said)


def _is_unseen(attributes: _Attributes, hidden: AbstractSet[str]) -> bool:
    """Whether an element is hidden; `hidden` has the classes and ids of hidden elements."""
    names = (attributes.get("class") or "").split()
    return (
        "hidden" in attributes
        or attributes.get("aria-hidden") == "true"
        or not hidden.isdisjoint((*names, attributes.get("id")))
        or _UNSEEN_STYLE.search((attributes.get("style") or "")[:MOST_TEXT]) is not None
    )


def _read(item: LexborNode, base: URL) -> ListRow | Broken | None:
    """Read an `li`; return None if it is not a car."""
    layout, names = CURRENT, item.css(CURRENT.name)
    if not names and OLD_CLASS in (item.attributes.get("class") or "").lower().split():
        layout, names = OLD, item.css(OLD.name)
    if not names and item.css_first(CELLS) is None:
        return None
    try:
        return _row(item, names, layout, base)
    except _Unreadable as error:
        return Broken(str(error))


def _row(item: LexborNode, names: Sequence[LexborNode], layout: _Layout, base: URL) -> ListRow:
    if len(item.css("*")) > MOST_NODES:
        raise _Unreadable(ROWS)
    name = _name(names, layout)
    cells = _cells(item, layout)
    feeder, listing_id, href = _link(item, names, base)
    marks = row_marks(item, names, name, f"{layout.name}, {layout.cells}")
    if marks.odd is not None and marks.mark is None:
        raise _Unreadable(marks.odd)
    return ListRow(
        name=name,
        year=_number(cells, layout.year),
        mileage_km=_number(cells, layout.mileage),
        price_manwon=_price(cells, layout.price),
        feeder=feeder,
        listing_id=listing_id,
        href=href,
        image=_image(node.attributes for node in item.css(IMAGE)),
        mark=marks.mark,
        monthly=marks.monthly,
        mark_in_words=marks.in_words,
    )


def _price(cells: Mapping[str, Sequence[LexborNode]], cell: _Cell) -> int:
    """Read a price in 만원. A number above any car's price is in another unit, so it is unreadable."""
    price = _number(cells, cell)
    if price >= _LEAST_WON and set(str(price)) != {"9"}:
        raise _Unreadable(cell.selector)
    return price


def _cells(item: LexborNode, layout: _Layout) -> dict[str, list[LexborNode]]:
    """Return a row's cells under each of their classes."""
    cells: dict[str, list[LexborNode]] = {}
    for node in item.css(layout.cells):
        for token in (node.attributes.get("class") or "").split():
            cells.setdefault(token, []).append(node)
    return cells


def _name(names: Sequence[LexborNode], layout: _Layout) -> str:
    texts = {_short(node.attributes.get("title") or "" if layout is OLD else node.text()) for node in names}
    if len(texts) != 1 or not (name := texts.pop()) or _BAD_CHARACTER in name:
        raise _Unreadable(layout.name)
    return name


def _number(cells: Mapping[str, Sequence[LexborNode]], cell: _Cell) -> int:
    """Read the one number of a cell: from its whole text, else from the number's own element."""
    nodes = cells.get(cell.token, ())
    texts = {_short(node.text()) for node in nodes}
    value = _only(texts, cell.shape)
    if value is None and not (cell.refused and any(map(cell.refused.search, texts))):
        value = _only({_short(part.text()) for node in nodes for part in node.css(cell.inner)}, cell.shape)
    if value is None:
        raise _Unreadable(cell.selector)
    return value


def _only(texts: set[str], shape: re.Pattern[str]) -> int | None:
    """Return the number if it is the only text of a cell; None for other or several texts."""
    match = shape.fullmatch(next(iter(texts))) if len(texts) == 1 else None
    return int(match[1].replace(",", "")) if match else None


def _link(item: LexborNode, names: Sequence[LexborNode], base: URL) -> tuple[str, str, str]:
    """Return feeder, listing id and link: from the name's link, else from all other links if they agree."""
    found = _bridges(names, base) or _bridges(item.css(LINK), base)
    if len(found) != 1:
        raise _Unreadable(LINK)
    ((feeder, listing_id), href) = found.popitem()
    return feeder, listing_id, href


def _bridges(nodes: Iterable[LexborNode], base: URL) -> dict[tuple[str, str], str]:
    """Return the bridge links by (feeder, listing id); other links are ignored."""
    hrefs = [href for node in nodes if (href := node.attributes.get("href"))]
    return {ids: href for href in reversed(hrefs) if (ids := bridge(href, base)) is not None}


def _image(images: Iterable[_Attributes]) -> str | None:
    for attributes in images:
        for attribute in IMAGE_ATTRIBUTES:
            address = (attributes.get(attribute) or "").strip()
            if address and not _NO_PHOTO.search(address):
                return address
    return None


def _short(text: str) -> str:
    """Return a text with single blanks; empty for one that is too long."""
    return " ".join(text.split()) if len(text) <= MOST_TEXT else ""
