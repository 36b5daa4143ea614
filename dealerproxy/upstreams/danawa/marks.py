"""The sale marks in a row of the list: words for off-sale cars, monthly rates, and unknown badges.

No mark was ever captured. The words are those of Korean car markets. They are compared without blanks, punctuation and
invisible characters, in any Unicode form; class tokens, icon names and `data-` values are compared by their words.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from selectolax.lexbor import LexborNode

from dealerproxy.upstreams.caps import MOST_TEXT, short_text

# The selectors reported for a badge with unknown words, and for an item with too much text.
BADGE, ITEM = "[class*=badge]", "li"
# The most characters of an item's text, and of one attribute.
MOST_SAID, MOST_HINT = 5_000, 2_000
MOST_STATE = 40  # characters of a state; a longer value is a text about the car


def words(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


_DEAL = "(?:판매|거래|매매|매각|계약|예약|구매|매입|매도|출고|인도|인수|양도|이전|입금|잔금|결제|상담)"
_MARK = re.compile(
    rf"{_DEAL}[이가은]?(?:완료|종료|종결|대기|중지|중단|보류|마감|불가|유보|정지|취소|예정|진행|확정|확인)"
    r"|(?:판매|거래|매매|매각|계약|구매)[이가]?(?:된|됨|됐|되었|끝|완(?![가-힣]))|(?:출고|양도|매도)됨"
    r"|(?:계약|거래|매매)(?:체결|성사|성립)"
    r"|(?:거래|계약|출고|입금|결제|상담|구매|이전|매각|보류|대기|탁송)중(?!고|개)"
    r"|계약금(?:입금|납입|납부|완료|수령|지급|받[음았은]|있음)|가계약|선계약|예약|품절|매진|완판|팔렸|팔린|팔림|나갔습니다|낙찰|솔드|홀딩"
    r"|(?:광고|게시|노출|등록)(?:종료|중지|중단|마감)|삭제(?:된|됨|차량|매물)|매물삭제|soldout|reserved"
)
# Searched before blanks are removed, because "RS SOLD" without blanks has no such word.
_ENGLISH = re.compile(
    r"(?<![a-z])(?:s\W{0,3}o\W{0,3}l\W{0,3}d(?:\W{0,3}o\W{0,3}u\W{0,3}t)?|reserved|reservation|unavailable"
    r"|under\W{0,3}contract|sale\W{0,3}(?:ended|end|closed|completed|complete)|on\W{0,3}hold|pending|out\W{0,3}of\W{0,3}stock"
    r"|(?:not|no longer)\W{0,3}available|deal\W{0,3}(?:done|closed))"
    r"(?![a-z])"
)
# Everything but letters and digits, and the invisible letters (fillers of Hangul).
_UNSEEN = re.compile(r"[\W_\u115f\u1160\u3164\uffa0]+")

_PART = re.compile(r"[a-z]+|[가-힣]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_STYLE_URL = re.compile(r"url\(([^()]*)\)", re.IGNORECASE)
_SOLD_PART = re.compile(
    r"sold(?:out|car)?|reserv[a-z]*|unavailable|expired|finished|outofstock"
    r"|(?:sale|sales|sell|deal|trade|contract)(?:end|ended|complete|completed|done|finish|closed?|off|stop)"
    r"|(?:end|stop|complete)(?:sale|sell|deal)"
)
# These are layout words too (`flex-end`): they are marks only alone, or beside words of states.
_MAYBE_PARTS = words("end ended complete completed done wait waiting hold stop closed contract finish pending")
_STATE_PARTS = words(
    "is has state status stat st badge flag label mark ribbon sticker stamp tag ico icon icn img bg car sale sales sell"
    " deal trade"
)
_RATE_PARTS = words("month monthly permonth lease leasing rent rental 월 월납 리스 렌트")
_PRICE_PARTS = words(
    "price fee pay payment cost amount num is type unit col per car badge state tag label ico icon flag won"
)
_BADGE_PARTS = words("badge badges flag flags state status label labels mark ribbon sticker stamp tag tags")
_OFF = frozenset({"0", "n", "no", "none", "false", "null", "off"})
_ON = frozenset({"1", "y", "yes", "true", "on"})
_PICTURES = frozenset({"src", "srcset", "data-src", "data-original"})
# Links without a target, and the vocabulary of schema.org (`SoldOut`).
_ODD_LINK = re.compile(r"\s{0,9}(?:javascript:|https?://schema\.org/)", re.IGNORECASE)
_TOKENS = frozenset({"class", "style", "id", "target", "type"})

_AMOUNT = r"\d+만?원|\d+만(?!k)"
_RATE = re.compile(
    rf"(?<![\d개])(?:월|매달|한달)(?:에|당)?(?:납입|납부|납|불입|이용|대여|렌트|렌탈|리스)?[금료액]?약?(?:{_AMOUNT})|원매?월(?![가-힣])"
)
_MONTH = re.compile(r"(?:\d{2,4}년)?\d{1,2}월")
_RATE_BADGE = re.compile(r"(?:운용|금융|장기|단기)?(?:리스|렌트|렌탈|렌터카|구독)(?:승계|차량?|전용|상품)?|승계")
# Words on badges of cars on sale (history, promises, buttons, captions), which do not concern the sale.
_HARMLESS_WORDS = words(
    "판매중 전시중 판매가능 구매가능 판매가격 판매가 판매자 판매 매물 차량 중고차 중고 자동차 무사고 유사고"
    " 사고 무교환 단순 교환 수리 판금 용접 없음 있음 완전 소유 인신조 차주 여성 비흡연 금연 신차급 신차 인증"
    " 제조사 연장 품질 책임 보증 성능 점검 진단 검수 정비 점검완료 진단완료 검수완료 정비완료 인증완료 기록부"
    " 보험 이력 공개 조회 안심 안전 환불 보상 헛걸음 실매물 실차 실사진 실주행 짧은 주행거리 주행 추천 초특가"
    " 특가 할인 가격 인하 최저가 급매 저렴 신규 오늘 등록 인기 베스트 프리미엄 파워 스페셜 이벤트 핫 광고 스폰서"
    " 사진 동영상 영상 뷰 찜하기 찜 하기 관심 비교 상세 보기 자세히 더보기 문의 전화 무료 홈서비스 배송 전국"
    " 당일 직영 직접매도 엠파크 연식 년식 년형 년 월 연료 색상 변속기 지역 휘발유 가솔린 디젤 경유 전기"
    " 하이브리드 오토 수동 자동 만원 원 할부 가능 현금 카드 렌트이력 렌터카이력 용도이력 용도 변경 영업용 자가용"
    " 관용 침수 전손 압류 저당 가지 개월 회 인 장 유 무 선루프 썬루프 내비게이션 내비 네비 후방카메라 풀옵션"
    " 옵션 사륜 블랙박스 하이패스 서울 경기 인천 부산 대구 대전 광주 울산 개인 딜러 상사 매매상사 상담하기"
    " 다나와 new hot best ad up md pick event vr km cc lpg hev phev ev suv rv mpark won awd 4wd 2wd top"
)
_HARMLESS = re.compile("|".join((r"\d+", *sorted(_HARMLESS_WORDS, key=len, reverse=True))))


class Sign(StrEnum):
    """The effect of an attribute on its element."""

    SOLD = "class"
    RATE = "rate"
    BADGE = "badge"


class RowMarks(NamedTuple):
    """The marks of a row.

    `mark`: the word or class for an off-sale car; `in_words`: it is visible text, not a class or icon. `monthly`: the
    price is a monthly rate. `odd`: the selector of an unreadable part: a badge with unknown words, or more text than
    any car has.
    """

    mark: str | None = None
    in_words: bool = False
    monthly: bool = False
    odd: str | None = None


def squeezed(text: str) -> str:
    """Return a text as marks are compared: letters and digits only, in one Unicode form and width, lower case."""
    return _UNSEEN.sub("", unicodedata.normalize("NFKC", _UNSEEN.sub("", text))).casefold()


def marks_in(text: str) -> list[str]:
    """Return the words for an off-sale car in a text."""
    return _marks(text, squeezed(text))


def row_marks(item: LexborNode, names: Sequence[LexborNode], name: str, inside: str) -> RowMarks:
    """Return the marks of a row.

    `name` is the car's name, which is never a mark; `inside` selects names and cells, which no badge contains.
    """
    said = [item.text(separator=" ")]
    signs: list[tuple[LexborNode, Sign]] = []
    for node in (item, *item.css("*")):
        for key, value in node.attributes.items():
            if key != "href" or node.tag != "a" or (value and _ODD_LINK.match(value)):
                hint, found = _told_by(key, value[:MOST_HINT] if value else "")
                if hint and hint != name:
                    said.append(hint)
                if found:
                    signs.extend((node, sign) for sign in found)
    text = "\n".join(said)
    if len(text) > MOST_SAID:
        return RowMarks(odd=ITEM)
    plain = squeezed(text)
    marks = Counter(_marks(text, plain))
    for node in names if marks else ():
        marks.subtract(marks_in(node.text(deep=False)))
    word = next((mark for mark, count in marks.items() if count > 0), None)
    badges = [_badge_text(node, name) for node, sign in signs if sign is Sign.BADGE and not node.css(inside)]
    return RowMarks(
        mark=word or next((sign.value for _, sign in signs if sign is Sign.SOLD), None),
        in_words=word is not None,
        monthly=_RATE.search(plain) is not None
        or any(sign is Sign.RATE and not _MONTH.fullmatch(squeezed(node.text())) for node, sign in signs)
        or any(map(_RATE_BADGE.fullmatch, badges)),
        odd=BADGE if any(map(_is_odd, badges)) else None,
    )


def tells_of_sale(name: str, value: object) -> bool:
    """Whether a field of a JSON answer means that a car is off sale: `"soldYn": "Y"`, `"state": "판매 완료"`."""
    text = short_text(value) if isinstance(value, str) else "1" if value is True or value == 1 else None
    if text is None or len(text) > MOST_STATE:
        return False
    parts = _parts(name)
    of_states = not _STATE_PARTS.isdisjoint(parts) and _is_sold(_parts(text))
    return (
        of_states
        or bool(marks_in(text))
        or (text.lower() in _ON and _is_sold([part for part in parts if part != "yn"]))
    )


def _marks(text: str, plain: str) -> list[str]:
    english = _ENGLISH.findall(unicodedata.normalize("NFKC", text).casefold())
    return [*_MARK.findall(plain), *(_UNSEEN.sub("", word).upper() for word in english)]


@lru_cache(maxsize=16_384)
def _told_by(key: str, value: str) -> tuple[str, tuple[Sign, ...]]:
    """Return the visible or scripted text of an attribute, and its effects on the element."""
    value = " ".join(value.split())
    signs = set[Sign]()
    if key.startswith("data-") and key not in _PICTURES and value.lower() not in _OFF:
        name = _parts(key.removeprefix("data-"))
        if _is_sold(name) and (value.lower() in _ON or any(map(_SOLD_PART.fullmatch, name))):
            signs.add(Sign.SOLD)
        if _is_rate(name) and not _PRICE_PARTS.isdisjoint(name):
            signs.add(Sign.RATE)
    for token in _tokens(key, value):
        parts = _parts(token)
        if _is_sold(parts):
            signs.add(Sign.SOLD)
        if _is_rate(parts):
            signs.add(Sign.RATE)
        if key == "class" and not _BADGE_PARTS.isdisjoint(parts):
            signs.add(Sign.BADGE)
    if key in _PICTURES and not _BADGE_PARTS.isdisjoint(_parts(value)):
        signs.add(Sign.BADGE)
    return "" if key in _TOKENS or key in _PICTURES else value, tuple(sorted(signs))


def _tokens(key: str, value: str) -> Sequence[str]:
    """Return the names in an attribute: class tokens, a `data-` value, the file of an icon."""
    if key == "style":
        return [_file(address) for address in _STYLE_URL.findall(value)]
    if key in _PICTURES:
        return [_file(value)]
    if key == "href":
        return [_file(value)]
    return value.split() if key in {"class", "content", "value"} or key.startswith("data-") else ()


def _file(address: str) -> str:
    """Return the file name in an address, without its extension."""
    name = unicodedata.normalize("NFKC", unquote(address)).partition("?")[0].rpartition("/")[2]
    return name.strip("\"' ").partition(".")[0]


def _parts(token: str) -> list[str]:
    return _PART.findall(_CAMEL.sub("_", token).lower())


def _is_sold(parts: Sequence[str]) -> bool:
    maybe = not _MAYBE_PARTS.isdisjoint(parts) and _MAYBE_PARTS.union(_STATE_PARTS).issuperset(parts)
    return maybe or any(_SOLD_PART.fullmatch(part) or _MARK.search(part) for part in parts)


def _is_rate(parts: Sequence[str]) -> bool:
    return not _RATE_PARTS.isdisjoint(parts) and _RATE_PARTS.union(_PRICE_PARTS).issuperset(parts)


def _badge_text(node: LexborNode, name: str) -> str:
    """Return the whole text of a badge, squeezed."""
    read_aloud = [" ".join((node.attributes.get(key) or "").split()) for key in ("title", "aria-label", "alt")]
    return squeezed(" ".join((node.text(), *(hint for hint in read_aloud if hint != name))))


def _is_odd(badge: str) -> bool:
    """Whether a badge has unknown words."""
    return len(badge) > MOST_TEXT or (_RATE_BADGE.fullmatch(badge) is None and _HARMLESS.sub("", badge) != "")
