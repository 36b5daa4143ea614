"""The words and codes of Encar's search axes, as the site writes them, for the invented cars.

Words, codes and hex pairs follow the site's own facet answers of 2023, and so do the shares, which are weights for
inventing cars.
"""

from typing import Final, NamedTuple


class Word(NamedTuple):
    """One value of an axis: the word sent in a query and the site's code for it."""

    value: str
    code: str


class Region(NamedTuple):
    """A region: the word, cars per thousand. `null` is the site's own word for none."""

    value: str
    share: float


class Colour(NamedTuple):
    """One colour: the word, the site's pair of hex colours, cars per thousand."""

    value: str
    hex_pair: str
    share: float


class Option(NamedTuple):
    """One of the 62 options: the word, its code, its group's code and name, and the share of cars with it (0..1)."""

    value: str
    code: str
    group: str
    group_name: str
    share: float


FUELS: Final = (
    Word("가솔린", "001"),
    Word("디젤", "002"),
    Word("LPG(일반인 구입)", "003"),
    Word("가솔린+전기", "006"),
    Word("디젤+전기", "007"),
    Word("LPG+전기", "008"),
    Word("가솔린+LPG", "005"),
    Word("가솔린+CNG", "010"),
    Word("전기", "009"),
    Word("수소", "013"),
    Word("CNG", "012"),
    Word("기타", "999"),
)
TRANSMISSIONS: Final = (
    Word("오토", "001"),
    Word("수동", "002"),
    Word("세미오토", "003"),
    Word("CVT", "004"),
    Word("기타", "999"),
)
CATEGORIES: Final = (
    Word("경차", "001"),
    Word("소형차", "002"),
    Word("준중형차", "003"),
    Word("중형차", "004"),
    Word("대형차", "005"),
    Word("스포츠카", "006"),
    Word("SUV", "007"),
    Word("RV", "008"),
    Word("경승합차", "009"),
    Word("승합차", "010"),
    Word("화물차", "011"),
    Word("기타", "099"),
)
# The facet list of 2023 says 리스승계 where rows of 2026 say 리스; the stand-in lists the newer word and, in a query,
# takes either (axes.py).
SELL_TYPES: Final = (
    Word("일반", "1"),
    Word("리스", "2"),
    Word("렌트", "3"),
)
REGIONS: Final = (
    Region("경기", 407.72),
    Region("서울", 115.45),
    Region("대구", 105.51),
    Region("부산", 84.44),
    Region("인천", 50.3),
    Region("대전", 44.81),
    Region("광주", 39.81),
    Region("전북", 30.97),
    Region("경남", 27.88),
    Region("충남", 27.34),
    Region("울산", 22.58),
    Region("충북", 15.37),
    Region("경북", 11.82),
    Region("전남", 5.95),
    Region("강원", 4.1),
    Region("제주", 4.09),
    Region("세종", 0.4),
    Region("null", 0.1),
)
COLOURS: Final = (
    Colour("흰색", "#ffffff;#ffffff", 346.13),
    Colour("검정색", "#000000;#000000", 247.76),
    Colour("쥐색", "#585A59;#585A59", 141.73),
    Colour("은색", "#C0C0C0;#C0C0C0", 85.14),
    Colour("청색", "#124280;#124280", 55.46),
    Colour("진주색", "#FFFAFA;#FFFAFA", 28.44),
    Colour("은회색", "#D3D3D3;#D3D3D3", 23.66),
    Colour("빨간색", "#ff0000;#ff0000", 20.0),
    Colour("노란색", "#ffff00;#ffff00", 8.18),
    Colour("하늘색", "#75919C;#75919C", 6.73),
    Colour("갈색", "#3D3624;#3D3624", 6.42),
    Colour("담녹색", "#1D444B;#1D444B", 3.57),
    Colour("녹색", "#00cc00;#00cc00", 3.18),
    Colour("연금색", "#8E8574;#8E8574", 2.96),
    Colour("주황색", "#A94828;#A94828", 2.49),
    Colour("자주색", "#800080;#800080", 2.17),
    Colour("검정투톤", "#000000;#464741", 2.15),
    Colour("연두색", "#9AB95C;#9AB95C", 2.05),
    Colour("분홍색", "#EECACE;#EECACE", 1.75),
    Colour("명은색", "#CFD8E7;#CFD8E7", 1.46),
    Colour("갈대색", "#808275;#808275", 1.37),
    Colour("은하색", "#A6B2B0;#A6B2B0", 1.27),
    Colour("청옥색", "#1F7D7C;#1F7D7C", 1.26),
    Colour("은색투톤", "#c0c0c0;#464741", 1.16),
    Colour("흰색투톤", "#ffffff;#464741", 1.08),
    Colour("보라색", "#46293B;#46293B", 0.98),
    Colour("금색", "#837538;#837538", 0.63),
    Colour("진주투톤", "#F7F7F5;#464741", 0.49),
    Colour("금색투톤", "#837538;#464741", 0.09),
    Colour("갈색투톤", "#3D3624;#464741", 0.07),
    Colour("검은색", "", 0.01),
    Colour("기타", "", 0.01),
)
# Code, name and the options of each group as "word|code|share".
_OPTION_GROUPS: Final = (
    (
        "01",
        "외관/내장",
        (
            "선루프|010|0.41",
            "헤드램프(HID)|029|0.19",
            "헤드램프(LED)|075|0.38",
            "파워 전동 트렁크|059|0.34",
            "고스트 도어 클로징|080|0.08",
            "전동접이 사이드 미러|024|0.93",
            "알루미늄 휠|017|0.95",
            "루프랙|062|0.26",
            "열선 스티어링 휠|082|0.63",
            "전동 조절 스티어링 휠|083|0.27",
            "패들 시프트|084|0.39",
            "스티어링 휠 리모컨|031|0.91",
            "ECM 룸미러|030|0.75",
            "하이패스|074|0.68",
            "파워 도어록|006|0.97",
            "파워 스티어링 휠|008|0.97",
            "파워 윈도우|007|0.98",
        ),
    ),
    (
        "02",
        "안전",
        (
            "에어백(운전석)|026|0.98",
            "에어백(동승석)|027|0.95",
            "에어백(사이드)|020|0.89",
            "에어백(커튼)|056|0.83",
            "브레이크 잠김 방지(ABS)|001|0.96",
            "미끄럼 방지(TCS)|019|0.90",
            "차체자세 제어장치(ESC)|055|0.89",
            "타이어 공기압센서(TPMS)|033|0.82",
            "차선이탈 경보 시스템(LDWS)|088|0.40",
            "전자제어 서스펜션(ECS)|002|0.12",
            "주차감지센서(전방)|085|0.58",
            "주차감지센서(후방)|032|0.95",
            "후측방 경보 시스템|086|0.40",
            "후방 카메라|058|0.86",
            "360도 어라운드 뷰|087|0.24",
        ),
    ),
    (
        "03",
        "편의/멀티미디어",
        (
            "크루즈 컨트롤(일반)|068|0.46",
            "크루즈 컨트롤(어댑티브)|079|0.28",
            "헤드업 디스플레이(HUD)|095|0.23",
            "전자식 주차브레이크(EPB)|094|0.48",
            "자동 에어컨|023|0.79",
            "스마트키|057|0.80",
            "무선도어 잠금장치|015|0.95",
            "레인센서|081|0.57",
            "오토 라이트|097|0.87",
            "커튼/블라인드(뒷좌석)|092|0.20",
            "커튼/블라인드(후방)|093|0.13",
            "내비게이션|005|0.79",
            "앞좌석 AV 모니터|004|0.71",
            "뒷좌석 AV 모니터|054|0.05",
            "블루투스|096|0.88",
            "CD 플레이어|003|0.45",
            "USB 단자|072|0.91",
            "AUX 단자|071|0.59",
        ),
    ),
    (
        "04",
        "시트",
        (
            "가죽시트|014|0.93",
            "전동시트(운전석)|021|0.67",
            "전동시트(동승석)|035|0.54",
            "전동시트(뒷좌석)|089|0.06",
            "열선시트(앞좌석)|022|0.93",
            "열선시트(뒷좌석)|063|0.53",
            "메모리 시트(운전석)|051|0.45",
            "메모리 시트(동승석)|078|0.15",
            "통풍시트(운전석)|034|0.48",
            "통풍시트(동승석)|077|0.43",
            "통풍시트(뒷좌석)|090|0.07",
            "마사지 시트|091|0.06",
        ),
    ),
)


def _options() -> tuple[Option, ...]:
    return tuple(
        Option(value, code, group, group_name, float(share))
        for group, group_name, lines in _OPTION_GROUPS
        for value, code, share in (line.split("|") for line in lines)
    )


OPTIONS: Final = _options()
