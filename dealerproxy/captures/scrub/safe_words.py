"""The text that may stay in a capture: words of the dictionaries, and the sites' own texts.

All other text may be a name or a person's words, so it is masked. This errs on the safe side: a word without an entry
is masked, too, unless its key is known to be harmless.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from dealerproxy.captures.scrub.stand_ins import PLATE, VIN, Kind
from dealerproxy.upstreams.danawa.names import read_name
from dealerproxy.vocabulary import Vocabulary
from dealerproxy.vocabulary.text import UNTRANSLATED, split_run, word_key

# The sites' own words, and words of prices, dates and lists: none of them is personal.
_SAID_BY_THE_SITES = """
    년 월 일 년형 년식 연식 식 만 만원 원 회 건 개 대 명 번 차 세대 더 뉴 올 디 신형 구형 무 유 무사고 사고 신조
    판매 거래 완료 종료 대기 중지 보류 판매중 예약 예약중 계약 계약중 중 월납입 납입 납입금
    검색 결과가 결과 조건에 맞는 차량이 차량은 차량을 매물이 매물 없습니다 없음 있음 해당 등록된 최근 본 찜한 관심
    비교 이 판매되었거나 삭제된 차량입니다 동급 차량 보기 기본정보 주행거리 연료 차량번호 색상 지역 변속기 가격 할부
    리스 렌트 중고차 중고차검색 신차 자동차 다나와 엔카 내차팔기 내차사기 로그인 이전 다음 닫기 열기 목록 전체 메뉴
    사진 옵션 옵션정보 보험이력 성능점검 성능기록부 차량상태 차량이력 상태 이력 보증 현황 판매자 정보 판매자정보
    딜러 상사 잠시만 기다려 주세요 접근 차단 요청 오류 서비스 점검 이미지 로고 광고 채팅 전체메뉴 전면 후면 앞측면
    뒷측면 계기판 조회수 찜 등록번호 더보기 자세히 자세히보기 신고하기 공유하기 찜하기 프린트 회원가입
    개인정보처리방침 이용약관 고객센터"""
_SIZES = ("형차", "경차", "승합차", "화물차")
_PHRASE_END = re.compile(r"[./\n\r]+")
# A number with its unit is always a fact about a car.
QUANTITY = r"\d[\d,.]{0,12}\s?(?:km|㎞|cc|%|만\s?원|원|년|월|일|회)"
# A whole sentence as the sites write them.
_SENTENCE = re.compile(r"[^.\n]{5,80}니다[.!]?")
_DATE = r"\d{4}[-./]?\d{2}(?:[-./]?\d{2})?(?:[T ]\d{2}:\d{2}[\d:.]*)?(?:Z|\s?[+-]\d{2}:?\d{0,2})?"
_PLAIN = re.compile(
    rf"[-+]?[\d,.]{{0,8}}|{_DATE}|[A-Z][A-Z0-9_]{{0,40}}|#[0-9A-Fa-f;#]{{3,20}}"
    r"|(?:https?:)?//?(?:[\w.-]+/)*[\w.-]+\.(?:jpg|jpeg|png|gif|svg|heic|webp|js|css)",
    re.ASCII,
)
# Wide digits and dashes, with which sellers hide their number from programs; one character for one.
_NARROW = (
    {0xFF10 + digit: str(digit) for digit in range(10)} | dict.fromkeys(map(ord, "－‐‑–—―ー"), "-") | {0xFF0E: "."}
)
_SEPARATED = r"[-.)\s]{1,2}"
# In order of precedence: a text that matches two kinds is of the first.
IDENTITIES: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (Kind.EMAIL, re.compile(r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")),
    (Kind.TOKEN, re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?")),
    (Kind.PLATE, PLATE),
    (Kind.VIN, VIN),
    (
        Kind.PHONE,
        re.compile(
            rf"(?<![\w/.-])(?:\+?82[-\s]?\d{{1,3}}|\(?0\d{{1,3}}){_SEPARATED}\d{{3,4}}{_SEPARATED}\d{{4}}(?![\w-])"
            rf"|(?<![\w/.-])(?:01[016-9]|050\d?)\d{{7,8}}(?![\w-])|(?<![\w/.-])1[568]\d{{2}}-\d{{4}}(?![\w-])",
            re.ASCII,
        ),
    ),
    # Accounts, registrations of people and firms.
    (Kind.NUMBER, re.compile(r"(?<![\w/.-])\d{3,6}-\d{2,6}-\d{4,7}(?![\w-])", re.ASCII)),
    (Kind.IP, re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])", re.ASCII)),
)
# A text that all of them match; testing this first saves most of the time.
_MAY_IDENTIFY = re.compile(r"\d{4}|[Xx*]{4}|\d\.\d|@|eyJ")


class Words:
    """The words of the dictionaries, and tests of texts against them."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        sheet = vocabulary.sheet
        korean = [word for panel in sheet.panels.values() for word in panel.korean]
        korean += [damage.korean for damage in sheet.damages.values()]
        korean += [group.korean for group in sheet.groups.values()]
        korean += [item.korean for item in sheet.items.values()]
        korean += [status.korean for status in sheet.statuses.values()]
        korean += [word for table in sheet.tokens.values() for word in table]
        self._phrases = frozenset(map(word_key, korean))
        self._site_words = dict.fromkeys(_SAID_BY_THE_SITES.split(), "")
        self._run_is_known = lru_cache(4096)(self._knows_run)

    def unknown(self, text: str) -> list[str]:
        """Return the unknown runs of Hangul, or of other foreign letters, in a text."""
        if not UNTRANSLATED.search(text):
            return []
        if self.is_standing_phrase(text):
            return []
        plain = " ".join(text.split())
        unknown = [run for run in UNTRANSLATED.findall(plain) if not self._run_is_known(run)]
        return [] if not unknown or read_name(plain, self._vocabulary).model is not None else unknown

    def is_standing_phrase(self, text: str) -> bool:
        """Whether a text has only standard phrases and words of the papers."""
        return all(self._is_standing(phrase) for phrase in _PHRASE_END.split(text) if phrase.strip())

    def is_plain(self, text: str) -> bool:
        """Whether a text without Hangul cannot be personal: a number, a date, a code word, a picture's address."""
        return bool(_PLAIN.fullmatch(text.strip()))

    def is_sentence(self, text: str) -> bool:
        """Whether a text is a sentence of the kind that the sites put on their pages."""
        return bool(_SENTENCE.fullmatch(" ".join(text.split())))

    def region(self, word: str) -> str | None:
        """Return the province or city at the start of an address, unchanged."""
        return word if word and self._vocabulary.region(word) is not None else None

    def _is_standing(self, phrase: str) -> bool:
        return word_key(phrase) in self._phrases or self._vocabulary.remarks.knows(phrase)

    def _knows_run(self, run: str) -> bool:
        vocabulary = self._vocabulary
        return (
            not any(char.isalpha() for char in run)
            or split_run(run, self._site_words) is not None
            or self._is_standing(run)
            or not vocabulary.translate(run)[1]
            or vocabulary.danawa.knows_model(run)
            or run.endswith(_SIZES)
            or any(
                find(run) is not None
                for find in (
                    vocabulary.find_make,
                    vocabulary.fuel,
                    vocabulary.transmission,
                    vocabulary.colour,
                    vocabulary.region,
                    vocabulary.sell_type,
                )
            )
        )


def identities(text: str) -> Iterator[tuple[int, int, Kind]]:
    """Yield (start, end, kind) of plates, VINs, telephone numbers and the like in a text, in order, not overlapping."""
    found: list[tuple[int, int, Kind]] = []
    if not text.isascii():
        text = text.translate(_NARROW)
    if not _MAY_IDENTIFY.search(text):
        return
    for kind, pattern in IDENTITIES:
        for match in pattern.finditer(text):
            if all(match.end() <= start or end <= match.start() for start, end, _ in found):
                found.append((match.start(), match.end(), kind))
    yield from sorted(found)
