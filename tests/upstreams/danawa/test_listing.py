"""List pages: the project's own in the reconstructed markup, generated ones full of noise, and pages that drift."""

import html
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.transport.errors import Drift
from dealerproxy.upstreams.danawa.listing import LINK, Broken, ListPage, ListRow, decode, read_list
from tests.upstreams.danawa.pages import HREF, only, page, row

FOLDER = Path(__file__).parents[2] / "captures"
PAGE = (FOLDER / "danawa_list" / "body.html").read_bytes()
OLD = (FOLDER / "danawa_list_old" / "body.html").read_bytes()
EMPTY = (FOLDER / "danawa_list_empty" / "body.html").read_bytes()

NAME, YEAR, KM, PRICE = "a.name", ".col.year .middle", ".col.km .middle", ".col.price .num"


def test_the_cars_of_a_page_are_read_in_order_and_the_fourth_item_is_none() -> None:
    found = read_list(PAGE)
    assert (found.has_container, found.says_empty) == (True, False)
    assert [r.listing_id for r in found.rows if isinstance(r, ListRow)] == [str(9900000000 + n) for n in range(1, 11)]
    assert found.rows[1] == ListRow(
        name="기아 신형쏘렌토 하이브리드(MQ4) 1.6 HEV 2WD 시그니처",
        year=2022,
        mileage_km=21_004,
        price_manwon=3_450,
        feeder="mpark",
        listing_id="9900000002",
        href="loadingBridge.php?refer=usedcarList&sCompany=mpark&sDemoNo=9900000002",
        image="http://www.m-park.co.kr/AttEdit/CarPhoto/Middle/0990001/9900000002R1.jpg",
    )


def test_the_bare_list_reads_as_the_page_does() -> None:
    text = PAGE.decode()
    bare = text[text.index("<ul>\n<li>\n<a") : text.index("</ul></div>\n<div id=") + 5]
    found = read_list(bare.encode())
    assert found == ListPage(read_list(PAGE).rows, has_container=False, says_empty=False)
    assert read_list(bare.removeprefix("<ul>").removesuffix("</ul>").encode()).rows == found.rows


def test_the_old_layout_is_read_by_its_own_classes() -> None:
    first, second = read_list(OLD).rows
    assert isinstance(first, ListRow)
    assert isinstance(second, ListRow)
    assert first[:6] == ("현대 싼타페(DM) 디젤 R2.0 2WD 프리미엄", 2015, 98_500, 1_250, "mpark", "9900000011")
    assert first.image == "http://autoimg.danawa.com/used/9/9900000011_thumb.jpg"
    assert second[:4] == ("기아 모닝 어반 1.0 가솔린 스탠다드", 2016, 45_000, 560)


# Charsets


@pytest.mark.parametrize("header", [None, "euc-kr", "EUC-KR", "cp949", "utf-8", "iso-8859-1", "nonsense"])
@pytest.mark.parametrize("meta", ["utf-8", "euc-kr", "ks_c_5601-1987", "x"])
def test_a_cp949_page_reads_the_same_whatever_it_claims_to_be(header: str | None, meta: str) -> None:
    body = PAGE.decode().replace('charset="utf-8"', f'charset="{meta}"').encode("cp949")
    assert read_list(body, charset=header) == read_list(PAGE)


@pytest.mark.parametrize("header", [None, "utf-8", "UTF8", "euc-kr", "iso-8859-1"])
def test_a_utf_8_page_reads_the_same_whatever_its_header_claims(header: str | None) -> None:
    assert read_list(b"\xef\xbb\xbf" + PAGE, charset=header) == read_list(PAGE, charset=header) == read_list(PAGE)


def test_a_syllable_only_cp949_has_is_kept() -> None:
    assert decode("펲뷁똠방".encode("cp949"), "euc-kr") == "펲뷁똠방"


def test_a_name_with_bytes_of_no_charset_is_not_read() -> None:
    body = page(row(), row(), row(name=f'<a class="name" href="{HREF}">기아 K5 \xff@@</a>'))
    body = body.replace("\xff@@".encode(), b"\xff\xff")
    assert read_list(body).rows[-1] == Broken(NAME)


# What is no car, and cars that cannot be read


@pytest.mark.parametrize(
    "item",
    [
        "<li></li>",
        '<li class="list_banner"><a href="/x"><img src="/b.png"></a></li>',
        f'<li><a href="{HREF}">1</a></li>',
    ],
)
def test_an_item_without_name_and_cells_is_no_car(item: str) -> None:
    assert len(read_list(page(row(), item, row())).rows) == 2


@pytest.mark.parametrize(
    ("cells", "selector"),
    [
        ({"name": ""}, NAME),
        ({"name": f'<a class="name" href="{HREF}"> </a>'}, NAME),
        ({"name": f'<a class="title" href="{HREF}">기아 K5</a>'}, NAME),
        ({"name": f'<a class="name" href="{HREF}">기아 K5</a><a class="name" href="{HREF}">기아 K7</a>'}, NAME),
        ({"year": ""}, YEAR),
        ({"year": '<div class="col year"><div class="middle"></div></div>'}, YEAR),
        ({"year": '<div class="col year"><div class="middle">21</div></div>'}, YEAR),
        ({"year": '<div class="col year"><div class="middle">3021</div></div>'}, YEAR),
        ({"year": '<div class="col year"><b class="middle">2021</b><b class="middle">2020</b></div>'}, YEAR),
        ({"km": ""}, KM),
        ({"km": '<div class="col km"><div class="middle">7.9만km</div></div>'}, KM),
        ({"km": '<div class="col km"><div class="middle">79,95km</div></div>'}, KM),
        ({"km": '<div class="col km"><div class="middle">2021</div></div>'}, KM),
        ({"price": ""}, PRICE),
        ({"price": '<div class="col price">상담</div>'}, PRICE),
        ({"price": '<div class="col price">월 <span class="num">35</span>만원</div>'}, PRICE),
        ({"price": '<div class="col price"><span class="num">18,500,000</span>원</div>'}, PRICE),
        ({"price": '<div class="col price">1억 <span class="num">2,000</span>만원</div>'}, PRICE),
        ({"price": '<div class="col price"><del class="num">1,900</del><b class="num">1,850</b></div>'}, PRICE),
        ({"photo": "", "name": '<a class="name" href="#">기아 K5</a>'}, LINK),
        (
            {"photo": f'<a href="{HREF}8">x</a>', "name": f'<b><a href="{HREF}">x</a></b><a class="name">기아 K5</a>'},
            LINK,
        ),
    ],
)
def test_a_mandatory_value_that_is_missing_or_unreadable_names_its_selector(
    cells: dict[str, str], selector: str
) -> None:
    assert only(row(**cells)) == Broken(selector)
    with pytest.raises(Drift) as caught:
        read_list(page(row(), row(**cells), row(**cells)))
    assert caught.value.path == selector


@pytest.mark.parametrize(
    ("cells", "field", "value"),
    [
        ({"year": '<div class="year x col"><p>연식</p><i class="middle big">2021년</i></div>'}, "year", 2021),
        ({"year": '<div class="col year">2021년형</div>'}, "year", 2021),
        ({"km": '<dd class="col km">8 KM</dd>'}, "mileage_km", 8),
        ({"km": '<div class="km col"><div class="middle"> 399,302&nbsp;km\n</div></div>'}, "mileage_km", 399_302),
        ({"price": '<div class="col price">최저가! <em class="num"> 19,900 </em> 만 원</div>'}, "price_manwon", 19_900),
        ({"price": '<div class="col price">120만원</div>'}, "price_manwon", 120),
        ({"name": f'<a class="sendGA name" href="{HREF}"><b>기아</b> K5 &amp;\u3000R </a>'}, "name", "기아 K5 & R"),
        ({"photo": '<img src="/icon/new.png"><img src="data:," data-original="//x/1.jpg">'}, "image", "//x/1.jpg"),
        ({"photo": ""}, "image", None),
        ({"name": '<a class="name">기아 K5</a>'}, "listing_id", "77"),
    ],
)
def test_other_ways_to_write_the_same_are_read(cells: dict[str, str], field: str, value: object) -> None:
    assert getattr(only(row(**cells)), field) == value


def test_a_row_inside_a_row_is_not_another_car() -> None:
    nested = f"<ul><li>{row(year='')}</li></ul>"
    assert len(read_list(page(row(), row(photo="<ul><li>주행거리 보증</li></ul>"), f"<li>x{nested}</li>")).rows) == 3


# Marks


@pytest.mark.parametrize("word", ["판매완료", "거래완료", "판매종료", "예약", "계약중", "판매대기", "판매 완료"])
@pytest.mark.parametrize(
    "place",
    [
        lambda word: {"mark": f"<em>{word}</em>"},
        lambda word: {"photo": f'<span class="flag">차량 {word}</span>'},
        lambda word: {"photo": f'<img src="/flag/1.png" alt="{word}">'},
        lambda word: {"km": f'<div class="col km"><i>{word}</i><div class="middle">8km</div></div>'},
    ],
)
def test_a_word_that_takes_a_car_off_the_market_marks_it(word: str, place: Callable[[str], dict[str, str]]) -> None:
    found = only(row(**place(word)))
    assert isinstance(found, ListRow)
    assert found.mark == word.replace(" ", "")


@pytest.mark.parametrize("inside", ["<em>판매완료</em>", '<span class="state">SOLD</span>', '<i title="계약완료"></i>'])
def test_a_flag_inside_the_name_marks_it(inside: str) -> None:
    found = only(row(name=f'<a class="name" href="{HREF}">기아 K5 {inside}</a>'))
    assert isinstance(found, ListRow)
    assert found.mark in {"판매완료", "SOLD", "계약완료"}


def test_a_rate_a_month_is_told_wherever_it_stands() -> None:
    found = only(row(mark="<i>월 60만원 리스</i>"))
    assert isinstance(found, ListRow)
    assert found.monthly


def test_a_name_marks_nothing() -> None:
    found = only(row(name=f'<a class="name" href="{HREF}">기아 K5 예약 판매완료</a>'))
    assert isinstance(found, ListRow)
    assert found.mark is None


@pytest.mark.parametrize("text", ["계약 중고차", "판매중", "코란도 투리스모", "리스"])
def test_other_words_mark_nothing(text: str) -> None:
    found = only(row(mark=f"<em>{text}</em>"))
    assert isinstance(found, ListRow)
    assert found.mark is None


# Pages


def test_an_empty_list_is_believed_only_in_words() -> None:
    assert read_list(EMPTY) == ListPage((), has_container=True, says_empty=True)
    silent = EMPTY.replace("조건에 맞는 매물이 없습니다.".encode(), b"")
    assert read_list(silent) == ListPage((), has_container=True, says_empty=False)


@pytest.mark.parametrize(
    ("text", "empty"),
    [
        ("검색 결과가 없습니다", True),
        ("등록된 차량이 없습니다.", True),
        ("매물이  없어요", True),
        ("최근 본 차량이 없습니다", False),
        ("최근 본차량이 없습니다", False),
        ("관심 차량이 없습니다", False),
        ("<script>'결과가 없습니다'</script>", False),
        ("", False),
    ],
)
def test_which_words_say_that_there_is_no_car(text: str, empty: bool) -> None:
    assert read_list(page(f"<li>{text}</li>")).says_empty is empty
    assert read_list(page(row(), f"<li>{text}</li>")).says_empty is False


@pytest.mark.parametrize(
    ("beside", "empty"),
    [
        ("검색 결과가 없습니다.", True),
        ("조건에 맞는 매물이 없습니다.", True),
        ("비교할 차량이 없습니다", False),
        ("최근 조회한 차량이 없습니다", False),
        ("등록한 관심 차량이 없습니다", False),
    ],
)
def test_beside_the_list_only_words_about_the_search_say_that_there_is_no_car(beside: str, empty: bool) -> None:
    body = f'<html><body><div id="usedcarList"><ul></ul></div><div>{beside}</div></body></html>'.encode()
    assert read_list(body).says_empty is empty


def test_a_list_whose_items_are_not_seen_as_cars_is_drift() -> None:
    with pytest.raises(Drift, match="30 items are not cars"):
        read_list(page(*(f'<li><a href="/car/{i}">기아 K5</a></li>' for i in range(30))))


def test_a_page_nested_beyond_reason_is_drift_before_it_is_searched() -> None:
    with pytest.raises(Drift, match="nested"):
        read_list(b'<html><body><div id="usedcarList">' + b"<ul><li>" * 20_000)
    assert read_list(page(row(), "<div>" * 3 + "x" * 200_000 + "</div>" * 3)).rows


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"Access denied",
        b"<html><body><ul><li>x</li></ul></body></html>",
        PAGE.replace(b"usedcarList", b"carList"),
        b'<html><body><ul><li class="clearFix"><div>x</div></li></ul></body></html>',
        b"\xff\xfe\x00",
        b"<",
    ],
)
def test_a_page_without_the_list_is_drift(body: bytes) -> None:
    with pytest.raises(Drift) as caught:
        read_list(body)
    assert caught.value.path == "#usedcarList"


def test_as_many_broken_as_good_rows_are_still_a_page_and_one_more_is_drift() -> None:
    bad = row(km="")
    assert len(read_list(page(row(), bad, row(), bad)).rows) == 4
    with pytest.raises(Drift, match="3 of 5"):
        read_list(page(row(), bad, row(), bad, bad))


def test_the_commonest_selector_is_the_one_named() -> None:
    with pytest.raises(Drift) as caught:
        read_list(page(row(year=""), row(price=""), row(price="")))
    assert caught.value.path == PRICE


# Generated pages


class Car(NamedTuple):
    """What a generated row says; a cell that is None is left out of the markup."""

    name: str | None
    year: int | None
    km: int | None
    price: int | None
    listing_id: int | None

    def expected(self) -> tuple[object, ...] | set[str]:
        """The values in order, or the selectors of what is missing; nothing at all where it is no car."""
        cells = zip(self, (NAME, YEAR, KM, PRICE, LINK), strict=True)
        return {selector for value, selector in cells if value is None} or tuple(self)


WORDS = ["기아", "현대", "K5", "쏘렌토(MQ4)", "2.0", "가솔린", "AWD", "R&B", "<GT>", '"N"', "투리스모", "더 뉴"]
BLANKS = st.sampled_from(["", " ", "\n", "\t  ", "&nbsp;", "<!-- 2020 1km -->"])
VALUES = (
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join),
    st.integers(1950, 2099),
    st.integers(0, 999_999),
    st.integers(0, 99_999),
    st.integers(0, 10**19 - 1),
)
CARS = st.builds(Car, *(st.one_of(value, value, value, st.none()) for value in VALUES))
FULL = st.builds(Car, *VALUES)


@st.composite
def markup(draw: st.DrawFn, car: Car) -> str:
    """An `li` for a car: cells in any order, with classes, wrappers, blanks, links and pictures around them."""

    def classes(*names: str) -> str:
        return " ".join(draw(st.permutations([*names, *draw(st.sets(st.sampled_from(["on", "sp_1", "fl-l"])))])))

    def cell(name: str, inner: str, value: str) -> str:
        tag = draw(st.sampled_from(["div", "span", "p"]))
        text = f"{draw(BLANKS)}{value}{draw(BLANKS)}"
        within = f'<b class="{classes(inner)}">{text}</b>'
        for _ in range(draw(st.integers(0, 2))):
            within = f'<span class="{classes("box")}">{within}</span>'
        after = "만원" if name == "price" else draw(st.sampled_from(["", "<i></i>"]))
        return f'<{tag} class="{classes("col", name)}">{within}{after}</{tag}>'

    href = "#"
    if car.listing_id is not None:
        query = draw(st.permutations(["refer=usedcarList", "sCompany=mpark", f"sDemoNo={car.listing_id}"]))
        href = draw(st.sampled_from(["", "./", "/usedcar/", "https://auto.danawa.com/usedcar/"]))
        href += "loadingBridge.php?" + draw(st.sampled_from(["&amp;", "&"])).join(query)
    parts = [draw(BLANKS), f'<a href="{href}"><img src="/1.jpg"></a>']
    if car.name is not None:
        blanks = (" ", "  ", "\n")
        text = "".join(draw(st.sampled_from(blanks)) if c == " " else html.escape(c) for c in car.name)
        parts.append(f'<a class="{classes("name")}" href="{href}">\n {text} </a>')
    if car.year is not None:
        parts.append(cell("year", "middle", str(car.year)))
    if car.km is not None:
        parts.append(cell("km", "middle", f"{car.km:,}km"))
    if car.price is not None:
        parts.append(cell("price", "num", f"{car.price:,}"))
    parts = draw(st.permutations(parts))
    if draw(st.booleans()):
        parts = [f'<div class="{classes("wrap")}">{"".join(parts)}</div>']
    return f'<li class="{classes("item")}">{"".join(parts)}</li>'


@st.composite
def pages(draw: st.DrawFn, cars: list[Car]) -> bytes:
    items = [draw(markup(car)) for car in cars]
    for _ in range(draw(st.integers(0, 2))):
        banner = draw(st.sampled_from(['<li class="list_banner"><img src="/b"></li>', "<li>광고</li>", "<li></li>"]))
        items.insert(draw(st.integers(0, len(items))), banner)
    inner = f"<ul>{''.join(items)}</ul>"
    if draw(st.booleans()):
        inner = f'<div class="wrap">{inner}</div>'
    whole = f'<div class="x" id="usedcarList">{inner}</div>'
    if draw(st.booleans()):
        whole = f'<!doctype html><html><meta charset="utf-8"><body><ul><li>메뉴</li></ul>{whole}</body></html>'
    encoding = draw(st.sampled_from(["utf-8", "cp949"]))
    return whole.encode(encoding)


def says(row: ListRow | Broken) -> tuple[object, ...] | str:
    if isinstance(row, Broken):
        return row.selector
    return (row.name, row.year, row.mileage_km, row.price_manwon, int(row.listing_id))


@given(st.data())
def test_a_page_full_of_noise_is_read_cell_by_cell(data: st.DataObject) -> None:
    cars = data.draw(st.lists(FULL, min_size=1, max_size=6))
    rows = read_list(data.draw(pages(cars))).rows
    assert [says(found) for found in rows] == [car.expected() for car in cars]


@given(st.data())
def test_a_missing_cell_is_named_and_never_shifts_its_neighbours(data: st.DataObject) -> None:
    cars = data.draw(st.lists(CARS, min_size=1, max_size=8))
    cars = [car for car in cars if (car.name, car.year, car.km, car.price) != (None,) * 4]
    expected = [car.expected() for car in cars]
    broken = sum(isinstance(each, set) for each in expected)
    body = data.draw(pages(cars))
    if 2 * broken > len(cars):
        with pytest.raises(Drift) as caught:
            read_list(body)
        assert any(caught.value.path in each for each in expected if isinstance(each, set))
        return
    for found, wanted in zip(read_list(body).rows, expected, strict=True):
        assert says(found) in wanted if isinstance(wanted, set) else says(found) == wanted


@given(st.binary() | st.text(alphabet="<>/=\"' ulidivname#col.\0가").map(str.encode))
def test_any_bytes_are_a_page_or_drift(body: bytes) -> None:
    for whole in (body, b'<div id="usedcarList"><ul><li>' + body):
        try:
            read_list(whole)
        except Drift as drift:
            assert drift.path
