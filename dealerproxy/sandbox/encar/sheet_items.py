"""The places of an inspection sheet: panels, checked items, parts in need of repair, and all their codes.

Titles are the site's own, its misspellings (`추친축 및 베어링`, `디피렌셜 기어`, `룸 클리링`) included. An oil leak of
gearbox, steering or brakes has the codes of water leaks (4, 5), as on the site.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Panel:
    """A place on the body. Ranks ONE and TWO are outside, A, B and C are the frame."""

    code: str
    title: str
    rank: str

    @property
    def is_frame(self) -> bool:
        """Whether damage here is damage to the frame."""
        return self.rank in {"A", "B", "C"}


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the sheet: a group (no statuses, `depth` 0), a heading or something to be answered."""

    code: str
    title: str
    allowed: tuple[str, ...]
    depth: int


_PANELS: Final = """
P011|후드|ONE
P021|프론트 휀더(좌)|ONE
P022|프론트 휀더(우)|ONE
P031|프론트 도어(좌)|ONE
P032|프론트 도어(우)|ONE
P033|리어 도어(좌)|ONE
P034|리어 도어(우)|ONE
P041|트렁크 리드|ONE
P051|라디에이터 서포트(볼트체결부품)|ONE
P061|쿼터 패널(좌)|TWO
P062|쿼터 패널(우)|TWO
P071|루프 패널|TWO
P081|사이드실 패널(좌)|TWO
P082|사이드실 패널(우)|TWO
P091|프론트 패널|A
P101|크로스 멤버|A
P111|인사이드 패널(좌)|A
P112|인사이드 패널(우)|A
P121|프론트 사이드 멤버(좌)|B
P122|프론트 사이드 멤버(우)|B
P123|리어 사이드 멤버(좌)|B
P124|리어 사이드 멤버(우)|B
P131|프론트 휠하우스(좌)|B
P132|프론트 휠하우스(우)|B
P133|리어 휠하우스(좌)|B
P134|리어 휠하우스(우)|B
P141|필러 패널(앞)(좌)|B
P142|필러 패널(중간)(좌)|B
P143|필러 패널(뒤)(좌)|B
P144|필러 패널(앞)(우)|B
P145|필러 패널(중간)(우)|B
P146|필러 패널(뒤)(우)|B
P151|대쉬 패널|C
P161|플로어 패널|C
P171|트렁크 플로어|A
P181|리어 패널|A
P191|패키지 트레이|B
"""

# One blank more is one level deeper; the numbers are the statuses an item may have, the first one the healthy one.
_ITEMS: Final = """
S00|자기진단
 s001|원동기|1 10
 s002|변속기|1 10
S01|원동기
 s003|작동상태(공회전)|1 10
 s0102|오일누유
  s004|실린더 커버(로커암 커버)|3 6 7
  s005|실린더 헤드 / 개스킷|3 6 7
  s006|실린더 블록 / 오일팬|3 6 7
 s007|오일 유량|2 8
 s0104|냉각수누수
  s008|실린더 헤드 / 개스킷|3 4 5
  s009|워터펌프|3 4 5
  s010|라디에이터|3 4 5
  s011|냉각수 수량|2 8
 s012|커먼레일|1 10
S02|변속기
 s0201|자동변속기(A/T)
  s013|오일누유|3 4 5
  s014|오일유량 및 상태|2 8 9
  s015|작동상태(공회전)|1 10
 s0202|수동변속기(M/T)
  s016|오일누유|3 4 5
  s017|기어변속장치|1 10
  s018|오일유량 및 상태|2 8 9
  s019|작동상태(공회전)|1 10
S03|동력전달
 s020|클러치 어셈블리|1 10
 s021|등속조인트|1 10
 s022|추친축 및 베어링|1 10
 s037|디피렌셜 기어|1 10
S04|조향
 s023|동력조향 작동 오일 누유|3 4 5
 S0402|작동상태
  s025|스티어링 펌프|1 10
  s024|스티어링 기어(MDPS포함)|1 10
  s038|스티어링 조인트|1 10
  s039|파워고압호스|1 10
  s026|타이로드엔드 및 볼 조인트|1 10
S05|제동
 s027|브레이크 마스터 실린더오일 누유|3 4 5
 s028|브레이크 오일 누유|3 4 5
 s029|배력장치 상태|1 10
S06|전기
 s030|발전기 출력|1 10
 s031|시동 모터|1 10
 s032|와이퍼 모터 기능|1 10
 s033|실내송풍 모터|1 10
 s034|라디에이터 팬 모터|1 10
 s035|윈도우 모터|1 10
S08|고전원전기장치
 s040|충전구 절연 상태|1 10
 s041|구동축전지 격리 상태|1 10
 s042|고전원전기배선 상태(접속단자, 피복, 보호기구)|1 10
S07|연료
 s036|연료누출(LP가스포함)|3 11
"""

PANEL_STATUSES: Final = {
    "X": "교환(교체)",
    "W": "판금/용접",
    "WC": "용접,절단",
    "T": "손상",
    "C": "부식",
    "A": "흠집",
    "U": "요철",
}
ITEM_STATUSES: Final = {
    "1": "양호",
    "2": "적정",
    "3": "없음",
    "4": "미세누수",
    "5": "누수",
    "6": "미세누유",
    "7": "누유",
    "8": "부족",
    "9": "과다",
    "10": "불량",
    "11": "있음",
}
USAGE: Final = {"1": "렌트", "2": "리스", "3": "영업용"}
GUARANTY: Final = {"1": "자가보증", "2": "보험사보증"}
STATE: Final = {"1": "양호", "2": "불량"}
COLOUR_TYPES: Final = {"1": "무채색", "2": "유채색"}
RECALL: Final = {"1": "이행", "2": "미이행"}
TRANSMISSIONS: Final = {"오토": ("001", "오토"), "수동": ("002", "수동")}

_WHEELS: Final = ("운전석 전", "운전석 후", "동반석 전", "동반석 후", "응급")
# Group title -> its lines as (code, title, places).
REPAIRS: Final[dict[str, tuple[tuple[str, str, tuple[str, ...]], ...]]] = {
    "수리필요": (
        ("e001", "외장", ()),
        ("e002", "내장", ()),
        ("e003", "광택", ()),
        ("e004", "룸 클리링", ()),
        ("e005", "휠", _WHEELS),
        ("e006", "타이어", _WHEELS),
        ("e007", "유리", ()),
    ),
    "기본품목": (("e008", "보유상태", ("사용설명서", "안전삼각대", "잭", "스패너")),),
}


def _panels() -> Iterator[tuple[str, Panel]]:
    for line in _PANELS.strip().split("\n"):
        code, title, rank = line.split("|")
        yield code, Panel(code, title, rank)


def _items() -> Iterator[Item]:
    for line in _ITEMS.strip().split("\n"):
        code, title, *allowed = line.strip().split("|")
        yield Item(code, title, tuple(" ".join(allowed).split()), len(line) - len(line.lstrip()))


PANELS: Final = dict(_panels())
ITEMS: Final = tuple(_items())
