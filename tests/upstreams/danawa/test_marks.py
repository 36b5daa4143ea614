"""Marks of a sale in every spelling and place, odd badges, rates a month, and words nobody sees."""

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from dealerproxy.transport.errors import Drift
from dealerproxy.upstreams.danawa.listing import Broken, ListRow, read_list
from dealerproxy.upstreams.danawa.marks import BADGE, marks_in, tells_of_sale
from tests.upstreams.danawa.pages import HREF, only, page, row

WORDS = (
    *(
        "판매됨",
        "판매된 차량",
        "판매되었습니다",
        "판매완료",
        "매매완료",
        "출고완료",
        "거래완료",
        "매각 완료",
        "판매보류",
    ),
    *(
        "입금대기",
        "계약금 입금",
        "입금 확인중",
        "상담중",
        "상담 예정",
        "계약중",
        "예약중",
        "예약",
        "출고대기",
        "판매종료",
        "품절",
    ),
    *("팔림", "거래 성사", "계약체결", "출고됨", "매물삭제", "판매 끝", "결제대기", "결제중", "잔금 완료", "인수완료"),
    *("계약금 받음", "나갔습니다"),
    *("SOLD OUT", "Sold", "RESERVED"),
)
SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "letters taken apart": lambda word: unicodedata.normalize("NFD", word),
    "zero-width spaces": "\u200b".join,
    "soft hyphens": "&shy;".join,
    "word joiners inside letters": lambda word: "\u2060".join(unicodedata.normalize("NFD", word)),
    "blanks": " ".join,
    "no-break spaces": "&nbsp;".join,
    "points": ".".join,
    "full width": lambda word: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in word),
}
ATTRIBUTES = ("title", "alt", "aria-label", "data-label", "data-state", "value")


def told(item: str) -> ListRow:
    found = only(item)
    assert isinstance(found, ListRow), found
    return found


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("word", WORDS)
def test_a_word_of_a_sale_marks_a_car_in_any_spelling_and_place(word: str, spelling: Callable[[str], str]) -> None:
    text = spelling(word)
    places = [
        f"<em>{text}</em>",
        f'<a href="{HREF}"><img src="/1.jpg"><span class="flag">{text}</span></a>',
        f"<div onclick=\"alert('{text}')\"></div>",
        *(f'<i {attribute}="{text}"></i>' for attribute in ATTRIBUTES),
    ]
    assert [told(row(mark=place)).mark is not None for place in places] == [True] * len(places)


@pytest.mark.parametrize("phrase", ["Not available", "NO LONGER AVAILABLE", "Deal done", "out-of-stock"])
def test_an_english_phrase_of_a_sale_marks_a_car(phrase: str) -> None:
    assert told(row(mark=f"<b>{phrase}</b>")).mark


@pytest.mark.parametrize("between", ["</b><b>", "<!-- x -->", "</b> <wbr><b>"])
@pytest.mark.parametrize("word", WORDS)
def test_a_word_in_pieces_is_one_word(word: str, between: str) -> None:
    assert told(row(mark=f"<em><b>{between.join(word)}</b></em>")).mark


@pytest.mark.parametrize(
    "sign",
    [
        *(
            f'<i class="{token}"></i>'
            for token in ("sold", "soldout", "SOLD_OUT", "sold-out", "ico_sold", "car-soldOut")
        ),
        *(f'<i class="{token}"></i>' for token in ("end", "state_end", "is-end", "complete", "is-complete", "saleEnd")),
        *(f'<i class="a {token} b"></i>' for token in ("reserv", "reserved", "reservation", "ico-reserve")),
        '<i style="background:url(/img/ico_soldout.png)"></i>',
        "<i style='background-image: url(\"//x/i/end.gif\")'></i>",
        '<img src="/img/icon_sold.png">',
        '<i data-state="sold"></i>',
        '<i data-sold="true"></i>',
        "<i data-soldout></i>",
        '<link itemprop="availability" href="https://schema.org/SoldOut">',
        '<img src="/img/판매완료.png">',
        '<img src="/img/%ED%8C%90%EB%A7%A4%EC%99%84%EB%A3%8C.png">',
        '<svg><use href="#sold"/></svg>',
        '<svg><use href="/sprite.svg#ico-soldout"/></svg>',
        '<link itemprop="availability" href="https://schema.org/OutOfStock">',
    ],
)
def test_a_class_an_icon_or_a_value_marks_a_car(sign: str) -> None:
    assert told(row(mark=sign)).mark


@pytest.mark.parametrize("token", ["sold", "item soldout", "end", "complete"])
def test_a_class_of_the_row_itself_marks_a_car(token: str) -> None:
    assert told(row().replace("<li>", f'<li class="{token}">')).mark


@pytest.mark.parametrize(
    "beside",
    [
        *(
            f'<i class="{token}"></i>'
            for token in ("flex-end", "row-end", "legend", "append", "autocomplete", "weekend")
        ),
        *(
            f'<span class="badge">{text}</span>'
            for text in ("무사고", "1인 소유", "NEW", "보증 6개월", "판매중", "#추천", "")
        ),
        '<span class="state">81가지 차량 점검 완료!</span>',
        '<button class="btn_wish" title="찜하기">찜</button>',
        '<i data-sold="false"></i>',
        "<em>리스 상담 가능</em>",
        '<span class="rent_history">렌트이력 0회</span>',
    ],
)
def test_what_rows_of_cars_on_sale_may_show_marks_nothing(beside: str) -> None:
    found = told(row(mark=beside))
    assert (found.mark, found.monthly) == (None, False)


@pytest.mark.parametrize(
    "badge",
    [
        *(f'<span class="{token}">뭔가</span>' for token in ("badge", "state", "car_status", "flag on", "icoLabel")),
        '<span class="badge">완료</span>',
        '<span class="state">거래</span>',
        '<i class="badge" title="거래"></i>',
        '<img src="/flag/1.png" alt="모름">',
        f'<span class="state">{"가" * 600}</span>',
    ],
)
def test_a_badge_nobody_knows_makes_the_row_unreadable(badge: str) -> None:
    assert only(row(mark=badge)) == Broken(BADGE)


def test_a_page_that_marks_most_cars_by_class_alone_is_drift_and_no_page_of_sold_cars() -> None:
    marked = [row(mark='<i class="end"></i>')] * 8
    assert len(read_list(page(*[row()] * 9, *marked)).rows) == 17
    with pytest.raises(Drift, match="mark 8 of 12"):
        read_list(page(*[row()] * 4, *marked))


def test_every_row_of_a_real_list_is_read_and_none_is_marked(captures: Path) -> None:
    lines = (captures / "danawa" / "list_rows_73pages_2025-03.jsonl").read_text().splitlines()
    names = [line.split('"')[3] for line in lines]
    assert [name for name in names if marks_in(name)] == []


# Money


@pytest.mark.parametrize(
    "price",
    [
        '<div class="col price monthly"><span class="num">45</span>만원</div>',
        '<div class="col price"><span class="num month_price">45</span>만원</div>',
        '<div class="col price"><div class="middle lease"><span class="num">45</span>만원</div></div>',
        '<div class="col price"><span class="num">45</span>만원<i class="rent"></i></div>',
        '<div class="col price" data-type="lease"><span class="num">45</span>만원</div>',
        '<div class="col price"><span class="num">45</span>만원</div><span class="badge">리스승계</span>',
    ],
)
def test_a_rate_a_month_is_none_of_a_price_when_only_a_class_says_so(price: str) -> None:
    assert told(row(price=price)).monthly


@pytest.mark.parametrize(
    "price",
    [
        '<span class="num">18,500,000</span>',
        '<span class="num">18500000</span>',
        '<span class="num">18,500,000</span> 만원',
        '<span class="num">5</span>천만원',
        '<span class="num">18,500</span>천원',
        '₩ <span class="num">18,500,000</span>',
        *(
            f'<div class="col price"><div class="middle">{before}<span class="num">45</span>{after}</div></div>'
            for before, after in (
                ("", "달러"),
                ("$", ""),
                ("", " USD"),
                ("", "만원 할부"),
                ("할부금 ", "만원"),
                ("보증금 ", "만원"),
                ("계약금 ", "만원"),
                ("선수금 ", "만원"),
                ("", "만원 x 48"),
                ("", "만원/mo"),
                ("", "만원 (48회)"),
            )
        ),
    ],
)
def test_a_price_in_another_unit_is_unreadable_and_no_page_without_cars(price: str) -> None:
    item = row(price=f'<div class="col price">{price}</div>')
    assert only(item) == Broken(".col.price .num")
    with pytest.raises(Drift):
        read_list(page(item))


def test_nines_that_stand_for_no_price_are_read() -> None:
    assert told(row(price='<div class="col price"><span class="num">999,999</span>만원</div>')).price_manwon == 999_999


# An empty list

NOTHING = "검색 결과가 없습니다"


@pytest.mark.parametrize(
    "unseen",
    [
        *(f"<{tag}>{NOTHING}</{tag}>" for tag in ("script", "style", "template", "noscript", "textarea", "iframe")),
        f"<!-- {NOTHING} -->",
        *(f"<p {hidden}>{NOTHING}</p>" for hidden in ("hidden", 'aria-hidden="true"', 'class="x hide"')),
        *(
            f'<div style="{style}"><p>{NOTHING}</p></div>'
            for style in ("display:none", "DISPLAY : none !important", "visibility:hidden", "opacity:0")
        ),
        *(
            f"<style>p {{x: y}} {name} {{ color: red; display: none }}</style><p id='z' class='x no_data'>{NOTHING}</p>"
            for name in (".no_data", "p.no_data", "#z")
        ),
        f'<p title="{NOTHING}" data-empty="{NOTHING}"></p>',
    ],
)
def test_words_that_nobody_sees_are_no_empty_list(unseen: str) -> None:
    for text in (f'<div id="usedcarList">{unseen}</div>', f'{unseen}<div id="usedcarList"></div>'):
        assert read_list(f"<html><body>{text}</body></html>".encode()).says_empty is False


def test_a_list_that_is_hidden_itself_says_nothing() -> None:
    styles = ("display:none", False), ("display:block;opacity:0.9;height:30px", True), ("", True)
    for style, empty in styles:
        body = f'<html><body><div style="{style}"><div id="usedcarList">{NOTHING}</div></div></body></html>'
        assert read_list(body.encode()).says_empty is empty


# The feeder's answers


@pytest.mark.parametrize(
    ("name", "value", "tells"),
    [
        ("state", "판매 완료", True),
        ("saleStatus", "SOLD", True),
        ("soldYn", "Y", True),
        ("reserveYn", True, True),
        ("saleEndYn", "1", True),
        ("soldYn", "N", False),
        ("soldDate", "", False),
        ("reserveCnt", 0, False),
        ("saleYn", "Y", False),
        ("carDesc", "예약 문의를 주시면 친절히 상담해 드립니다. " * 2, False),
        ("seats", 1, False),
        ("tags", ["판매완료"], False),
    ],
)
def test_a_field_nobody_reads_may_tell_of_a_sale(name: str, value: object, tells: bool) -> None:
    assert tells_of_sale(name, value) is tells
