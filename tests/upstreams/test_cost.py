"""What one answer may cost: whatever stands in it, reading takes time that grows with its length and no faster."""

import importlib
import json
import math
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from dealerproxy import api, search, upstreams
from dealerproxy import vocabulary as vocabulary_package
from dealerproxy.captures.shapes import shape_of_lists
from dealerproxy.transport.errors import Drift
from dealerproxy.upstreams.caps import MOST_OBJECTS, MOST_ROWS, MOST_TEXT
from dealerproxy.upstreams.danawa.feeder import normalise as normalise_feeder
from dealerproxy.upstreams.danawa.feeder import read_advert, read_inspection, read_record
from dealerproxy.upstreams.danawa.listing import Broken, read_list
from dealerproxy.upstreams.danawa.marks import marks_in, squeezed
from dealerproxy.upstreams.danawa.names import photo_url
from dealerproxy.upstreams.danawa.urls import bridge
from dealerproxy.upstreams.encar import advert as detail
from dealerproxy.upstreams.encar import facets, record, rows
from dealerproxy.upstreams.encar.inspection import read_inspection as read_sheet
from dealerproxy.upstreams.markup import DEEPEST, MOST_ATTRIBUTES, MOST_TAGS, parse
from dealerproxy.vehicles.car import SaleStatus
from dealerproxy.vehicles.listing import LeftOut
from dealerproxy.vocabulary import Vocabulary
from dealerproxy.vocabulary.text import one_line, split_run, squeeze
from tests.upstreams.danawa.pages import page, row

Reader = Callable[[str], object]

# Runs of these make expressions go back and forth.
BITS = (
    *(
        " ",
        "1",
        "1,",
        "월1",
        "월 ",
        "가",
        "가/",
        "/ ",
        "(",
        "( ",
        "a",
        "a.",
        "a=",
        "a ",
        "//",
        "https://a/",
        "-",
        "~",
        ".",
    ),
    *(
        "<",
        "<a",
        "<a ",
        "<b>",
        "</a>",
        "<!--",
        "<script>",
        "<svg>",
        "&",
        "&amp;",
        '"',
        "'",
        '="',
        "\u200b",
        "\u1100\u1161",
    ),
    *("판매", "s o ", "2021년", "만원", "url(", "%20", "\x00", "\\", "{", "[", "[1,", '{"a":'),
)


MOMENT_S = 0.02


def seconds(read: Reader, text: str, *, enough: float = 0.0) -> float:
    """Return the computing time of the quickest of three readings; one below `enough` does. A refusal is a reading."""
    quickest = math.inf
    for _ in range(3):
        began = time.process_time()
        with suppress(Drift):
            read(text)
        quickest = min(quickest, time.process_time() - began)
        if quickest < enough:
            break
    return quickest


def feeder(vocabulary: Vocabulary, **fields: object) -> None:
    fixed = {"demoNo": "1", "carName": "기아 K5 2.0 가솔린", "demoAmt": 1850, "km": 10, "yyyy": 2021, "checkNo": 1}
    body = json.dumps({"data": {"detailInfo": [fixed | {"accident": "무", "myDamageCnt": 0} | fields]}}).encode()
    advert = read_advert(body, "1")
    assert not isinstance(advert, SaleStatus)
    normalise_feeder(advert, "1", vocabulary)
    read_inspection(advert, vocabulary)
    read_record(advert)


CAR = {"Id": "1", "Manufacturer": "기아", "Model": "K5"}
ROW = CAR | {"Year": 202305.0, "FormYear": "2023", "Mileage": 1.0, "Price": 1850.0}


@pytest.fixture(scope="module")
def readers(vocabulary: Vocabulary) -> dict[str, Reader]:
    """Everything that reads a text of an upstream's or of a client's, by the place the text stands in."""
    asked = rows.SearchTarget(vocabulary.makes[0], "기아")
    open_record = {"openData": True, "accidents": [], "myAccidentCnt": 0}

    def listed(**fields: object) -> None:
        rows.read_search(json.dumps({"Count": 1, "SearchResults": [ROW | fields]}).encode(), asked, vocabulary)

    return {
        "a page of the list": lambda text: read_list(f'<div id="usedcarList"><ul><li>{text}'.encode()),
        "a list without cars": lambda text: read_list(
            f'<!doctype html><html><body><div id="usedcarList"></div>{text}</body></html>'.encode()
        ),
        "a name": lambda text: read_list(page(row(name=f'<a class="name" href="#">{text}</a>'))),
        "a cell": lambda text: read_list(page(row(km=f'<div class="col km"><i class="middle">{text}</i></div>'))),
        "a price": lambda text: read_list(page(row(price=f'<div class="col price"><b class="num">{text}</b></div>'))),
        "a title": lambda text: read_list(page(row(mark=f"<i title='{text}' class='state {text}'></i>"))),
        "a style": lambda text: read_list(page(row(mark=f"<i style='{text}' data-x='{text}' onclick='{text}'></i>"))),
        "beside the rows": lambda text: read_list(page(f"<p style='{text}'>{text}</p>")),
        "a link": bridge,
        "a picture": photo_url,
        "a badge": lambda text: listed(Badge=text, BadgeDetail=text),
        "a model": lambda text: listed(Model=text),
        "a photo": lambda text: listed(Photo=text, Photos=[{"location": text, "type": "001"}]),
        "a car's page": lambda text: detail.read_page(text.encode(), "1"),
        "a script": lambda text: detail.read_page(f"<script>{text}</script>".encode(), "1"),
        "a state": lambda text: detail.read_page(f"<script>__PRELOADED_STATE__ = {text}</script>".encode(), "1"),
        "a search": lambda text: rows.read_search(text.encode(), asked, vocabulary),
        "facets": lambda text: facets.read_facets(text.encode(), "x"),
        "a span": lambda text: record.read_record(
            json.dumps(open_record | {"notJoinDate1": text}).encode(), vocabulary
        ),
        "a comment": lambda text: read_sheet(sheet(text), vocabulary),
        **{
            f"the feeder's {name}": lambda text, name=name: feeder(vocabulary, **{name: text})  # type: ignore[misc]
            for name in (
                "carName",
                "yymm",
                "startYearMonth",
                "carGas",
                "checkDate",
                "accident",
                "ownerChangeCnt",
                "extra",
            )
        },
        "a trim": vocabulary.translate,
        "one line": one_line,
        "a run": lambda text: split_run(text, {}),
        "a word": squeeze,
        "marks": marks_in,
        "a squeezed text": squeezed,
    }


def sheet(comments: str) -> bytes:
    answered = {"type": {"code": "s001", "title": "x"}, "statusType": {"code": "1", "title": "x"}}
    master = {"accdient": False, "simpleRepair": False, "detail": {"comments": comments}}
    inners = [{"type": {"code": "S01", "title": "x"}, "children": [answered]}]
    return json.dumps({"formats": ["TABLE"], "inners": inners, "outers": [], "master": master}).encode()


@pytest.mark.slow
@pytest.mark.parametrize("bit", BITS)
def test_ten_times_the_text_takes_ten_times_as_long_and_no_more(bit: str, readers: dict[str, Reader]) -> None:
    length = 20_000 // len(bit)
    slow = {
        place: (before, after)
        for place, read in readers.items()
        if (after := seconds(read, bit * 10 * length, enough=MOMENT_S)) > MOMENT_S
        and after > 40 * (before := max(seconds(read, bit * length), 0.000_5))
    }
    assert not slow


# These look at no more than MOST_TEXT characters, at one attribute after the other, or at texts with single blanks.
BOUNDED = {"dealerproxy.upstreams.danawa.urls._LINK", "dealerproxy.upstreams.markup._ONE_ATTRIBUTE"}
BOUNDED |= {f"dealerproxy.vocabulary.text._TIDY[{place}][0]" for place in range(1, 8)}


def expressions(value: object, place: str) -> Iterator[tuple[str, re.Pattern[str]]]:
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        yield place, value
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from expressions(entry, f"{place}[{key!r}]")
    elif isinstance(value, tuple | list):
        for at, entry in enumerate(value):
            yield from expressions(entry, f"{place}[{at}]")


def all_expressions() -> dict[str, re.Pattern[str]]:
    """Return the expressions that read what a site or a client sends, by where they stand."""
    found = dict[str, re.Pattern[str]]()
    for folder in (upstreams, vocabulary_package, search, api):
        for module in pkgutil.walk_packages(folder.__path__, f"{folder.__name__}."):
            for name, value in vars(importlib.import_module(module.name)).items():
                found.update(expressions(value, f"{module.name}.{name}"))
    return found


EXPRESSIONS = all_expressions()


@pytest.mark.slow
@pytest.mark.parametrize("place", sorted(EXPRESSIONS.keys() - BOUNDED))
def test_an_expression_takes_time_that_grows_with_the_text_alone(place: str) -> None:
    expression = EXPRESSIONS[place]

    def read(text: str) -> None:
        expression.fullmatch(text)
        expression.sub("", text)

    words = re.findall(r"[가-힣a-zA-Z]+", expression.pattern)[:12]
    for bit in (*BITS, *words):
        for end in ("", "!"):
            text = bit * (2_000 // len(bit))
            after = seconds(read, text * 10 + end, enough=MOMENT_S)
            assert after < MOMENT_S or after < 40 * max(seconds(read, text + end), 0.000_5), bit


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("the feeder's checkDate", " " * 20_000 + "x"),
        ("a cell", "월1" + " " * 40_000),
        ("a badge", "가/" * 60_000),
        ("a page of the list", "<" * 1_000_000),
        ("a car's page", "<" * 1_000_000),
        ("a page of the list", "<b>" * 25_000),
        ("a car's page", "<div>" * 60_000),
        ("a search", '{"Count": 1, "SearchResults": [' + ",".join(["{}"] * 1_200_000) + "]}"),
        ("a search", '{"Count": 1, "SearchResults": [' + ",".join(["1"] * 1_900_000) + "]}"),
        ("a page of the list", "<i " + " ".join(f"a{n}" for n in range(60_000)) + ">"),
        ("a car's page", "<i " + " ".join(f"a{n}='>'" for n in range(60_000)) + ">"),
        ("a page of the list", "\0" * 3_900_000),
        ("a car's page", "\0" * 3_900_000),
        ("a page of the list", '<i class="' + "sold " * 780_000),
        ("a list without cars", "<style>" + ".a{" * 1_300_000),
    ],
)
def test_what_once_took_seconds_takes_a_moment(place: str, text: str, readers: dict[str, Reader]) -> None:
    assert seconds(readers[place], text, enough=0.3) < 0.3


# The guards


@pytest.mark.parametrize(
    "nested",
    [
        *(
            f"<{tag}>"
            for tag in ("div", "b", "span", "x-y", "ul", "table", "dd", "rt", "optgroup", "font", "FORM", "g")
        ),
        *("<ul><li>", "<table><tr><td>", "<p><object>", "<dd><li>", "<b></i>", "<div></b>", "<div/>", "<svg><td/>"),
        *("<i class='>'>", '<i a="</i>">', "<object><div></object>", "<svg></div>"),
    ],
)
def test_elements_nested_beyond_reason_are_drift(nested: str) -> None:
    with pytest.raises(Drift, match="nested"):
        parse(nested * 5_000, "x")


@pytest.mark.parametrize(
    "attributes",
    [
        " ".join(f"a{n}" for n in range(60_000)),
        " ".join(f'a{n}=">"' for n in range(60_000)),
        "/".join(f"a{n}" for n in range(60_000)),
        "".join(f"a{n}='x'" for n in range(60_000)),
        "\n".join(f"A{n} = x" for n in range(60_000)),
        f"b='{'y>' * 200}' " + " ".join(f"a{n}" for n in range(60_000)),
    ],
)
@pytest.mark.parametrize(
    "tag", ["<div {}>", "<DIV {}>", "</div {}>", "<x-y {}", "<p>x</p><br {}/>", "<script {}></script>"]
)
def test_a_tag_with_attributes_beyond_reason_is_drift(tag: str, attributes: str) -> None:
    with pytest.raises(Drift, match="attributes"):
        parse(tag.format(attributes), "x")


def test_more_tags_than_a_page_has_are_drift() -> None:
    with pytest.raises(Drift, match="tags"):
        parse("<br>" * (MOST_TAGS + 1), "x")


@pytest.mark.parametrize(
    "honest",
    [
        "<ul>" + "<li><b>x<p>y<img src='>'><br>" * 200 + "</ul>",
        "<select>" + "<option>x" * 2_000 + "</select>",
        "<table>" + "<tr><td>x<td>y" * 1_000 + "</table>",
        "<li><svg viewBox='0 0 1 1'><g><path d='M0'/><use href='#a'/></g></svg></li>" * 1_000,
        "<script>" + "if (a<b && c) { d = '<div><div '; } " * 3_000 + "</script><p>x</p>",
        "<!-- " + "<div> " * 3_000 + "--><p>x</p>",
        "<div " + " ".join(f"a{n}" for n in range(MOST_ATTRIBUTES)) + "></div>" * 1_200,
        "<div>" * (DEEPEST - 1) + "</div>" * (DEEPEST - 1) + "<br>" * 1_000,
        "<p>" + "x < y " * 10_000,
    ],
)
def test_honest_pages_pass_the_guards(honest: str) -> None:
    assert parse(honest, "x").body is not None


def test_a_list_with_more_items_than_any_page_is_drift() -> None:
    with pytest.raises(Drift, match="items"):
        read_list(page(*['<li><a class="name">기아 K5</a></li>'] * 3_000))


def test_a_row_whose_texts_or_elements_are_too_many_is_unreadable() -> None:
    for mark in ("<i></i>" * 600, "가나 " * 3_000, f"<i title='{'가' * 1_900}'></i>" * 4):
        *_, found = read_list(page(row(), row(), row(mark=mark))).rows
        assert isinstance(found, Broken)
        assert found.selector.startswith("li")


def test_an_overlong_text_of_a_row_is_lost_and_a_mandatory_one_costs_the_row(vocabulary: Vocabulary) -> None:
    asked = rows.SearchTarget(vocabulary.makes[0], "기아")

    def entry(**fields: str) -> object:
        body = json.dumps({"Count": 3, "SearchResults": [ROW, ROW, ROW | fields]}).encode()
        return rows.read_search(body, asked, vocabulary)[1][-1]

    assert not isinstance(entry(Badge="x" * (MOST_TEXT + 1)), LeftOut)
    assert isinstance(entry(Model="x" * (MOST_TEXT + 1)), LeftOut)


@pytest.mark.parametrize("count", [MOST_ROWS + 1, MOST_OBJECTS + 1])
def test_more_rows_than_any_answer_has_are_drift(count: int, vocabulary: Vocabulary) -> None:
    body = json.dumps({"Count": count, "SearchResults": [ROW] * count}).encode()
    with pytest.raises(Drift):
        rows.read_search(body, rows.SearchTarget(vocabulary.makes[0], "기아"), vocabulary)


def test_a_page_nobody_can_read_has_no_shape() -> None:
    attributes = " ".join(f"a{n}" for n in range(60_000))
    container, *_ = shape_of_lists([f'<div id="usedcarList" {attributes}></div>'])
    assert (container.path, container.found, container.of) == ("#usedcarList", 0, 1)
