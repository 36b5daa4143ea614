"""Remarks in people's own words: what is told of them in English, and the dangers in them."""

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.vocabulary import load
from dealerproxy.vocabulary.remarks import LONGEST

WORDS = load()
DANGERS = WORDS.dangers.by_token
HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")

# Dangers

FOUND = {
    "total_loss": (
        "전손이력 있음", "전손", "전손처리", "전손처리 차량입니다", "전 손 이력",
        "본 차량은 2021년 홍길동 고객님이 타시다 전손 처리된 차를 복원한 것임", "전손처리, 침수 없음",
        "전손 있음, 침수 없음", "전손.침수없음", "1. 전손\n2. 침수 없음", "全損", "전손 이력 유", "전손차량",
        "보험 전손", "(전손)", "전손有", "전손 1회", "전손이력1건", "침수전손", "침수 아님 전손 있음",
        "침수 없음. 전손 있음", "무사고, 전손이력", "침수 없으나 전손이력", "홍길동 고객 차량 전손 후 수리",
        "전손이력 고지", "전손수리차", "전손\n침수 없음",
    ),
    "flood": (
        "침수이력 있음", "침수차", "침수 흔적 있음", "엔진룸 침수 의심", "침수 가능성 있음", "침수 1회",
        "부분침수", "실내침수 이력", "침수이력차량", "침수 된 차", "사고 없음 침수 있음", "무사고/침수이력 있음",
        "사고이력 없으나 침수이력 있음", "2019년 침수 이력 확인되었음", "침수 이력 확인", "침수복원",
        "침수이력 있음(보험)",
    ),
    "theft": (
        "도난 후 회수", "도난이력 유", "도난차량", "도난 1회",
    ),
    "fire": (
        "화재 이력", "엔진룸 화재로 인한 수리", "화재차", "엔진화재",
    ),
    "odometer_tampering": (
        "주행거리 조작 의심", "미터기조작", "미터기 교환 이력", "주행거리 불일치", "계기판 교체", "미터기 조작",
        "미터기조작차", "주행거리 조작차량", "주행거리가 조작", "미터기가 조작된", "주행거리계 교체", "계기판교환",
        "미터기 조작 의심됨", "주행거리 실주행과 다름", "주행거리 불명확",
    ),
    "accident": (
        "사고이력 있음", "사고차량", "큰 사고 있었음", "무사고 아님", "무사고 차량은 아닙니다", "대형사고",
        "사고차, 침수 없음", "사고 여부: 있음", "보험사고 1건 있음", "사고", "사고 有", "사고유", "사고있음",
        "유사고", "사고 2회", "대형 사고 이력", "전방사고", "후방 추돌사고", "보험사고 이력 3건",
        "무사고 아닙니다", "사고이력 확인됨", "무사고 차량이었으나 2020년 사고 발생", "사고수리 완료, 누유 없음",
        "사고로 인한 교환",
    ),
    "sheet_metal": (
        "뒤휀더 판금", "판금", "판금도색", "판금/도색", "앞휀더판금", "도어 판금 흔적", "판금1", "부분판금 있음",
        "판금: 뒤도어",
    ),
    "replaced": (
        "앞도어 교환", "조)리어도어 교환", "앞휀더 단순교환", "단순교환 무사고", "앞도어 교환, 침수 없음",
        "도어 교환 침수 없음", "교환 有", "휀더교체", "앞도어(우) 교환, 침수 없음", "타이어 휀더 교환",
        "휀더 교환", "후드교환", "단순 교환", "본넷,휀더 교환", "교환 1", "도어2짝 교환", "앞판넬교체",
        "라디에이터 서포트 교환", "교환 있음", "외판교환", "볼트체결부위 교환", "교환부위: 앞도어",
        "교환:앞휀더(우)", "후드 교환. 무사고", "교환 2회, 판금 0회", "교환2 판금0",
    ),
    "corrosion": (
        "하부 부식", "부식 심함", "하체부식", "부식 있음", "사이드실 부식", "녹 및 부식", "휠하우스부식",
        "부식진행", "부식 다수", "누유 없음, 부식 있음",
    ),
    "oil_leak": (
        "엔진 미세누유", "오일 누유 있음", "누유", "미션 누유 확인됨", "엔진오일 누유, 타이어 교환",
        "엔진오일 미세누유", "로커암커버 누유", "미션누유", "누유 有", "누유흔적", "오일팬 누유 있음", "누유 약간",
        "쇼바 누유", "누유 발견", "누유 확인", "누유 미확인",
    ),
}  # fmt: skip

DENIED = (
    "전손,침수,도난 등 특수사고 없음", "사고차를 매입하지 않습니다",
    "침수차는 취급하지 않습니다", "사고나 침수가 있을 시 환불",
    "누유 ✕", "사고 : X / 침수 : X", "오일 누유 및 비침 없음",
    "교환無판금無", "후방카메라 교체", "주행거리 보증 / 조작 시 환불",
    "앞유리 교환", "無사고 無침수 無교환",
    "침수 없음", "무사고", "사고이력 없음", "누유 없음", "침수차 아님", "교환無", "교환무", "교환 무", "사고無",
    "無사고", "노사고", "NO사고", "사고 NO", "사고x", "사고 X", "교환×", "침수차량 절대 아닙니다",
    "침수, 전손 없음", "침수/전손/사고 없음", "사고 및 침수 이력 없음", "사고 침수 전손 없음", "무사고 무침수",
    "완전무사고", "사고 무 침수 무", "교환 0회", "사고 0건", "판금 없고 교환 없습니다", "누유 및 누수 없음",
    "침수되지 않은 차", "침수된 적 없음", "사고난 적 없는 차량", "사고 나지 않은", "침수 시 환불",
    "침수차일 경우 100% 환불", "침수 시 전액환불", "도난방지 장치", "부식방지 코팅", "도난 경보기",
    "사고이력 조회 가능", "사고이력 최신화 전", "엔진오일 교환", "타이어 교환", "타이어 4짝 교환",
    "타이어 교체 필요", "소모품 교환 완료", "교환 가능", "대차 교환 가능",
    "부분적인 판금, 도색, 부식은 있을 수 있습니다", "안전손잡이", "운전손", "화재보험", "회사고객", "사고 싶은 차",
    "누유: 없음", "누유(없음)", "누유 발견되지 않음", "누유 미발견", "누유 확인 안됨", "침수여부 : 무",
    "사고유무: 무", "교환무판금무", "사고무 침수무", "보험이력 있음", "침수 무관", "외판 교환, 판금 없음",
    "도색, 판금 없음", "단순교환 없음", "누유 잡소리 전혀 없음", "사고 걱정 없는", "침수 흔적 전혀 없는 차",
    "사고 한번 없는", "미세누유, 누수 없음", "전손/침수/도난 이력 무", "교환이나 판금 없음", "침수, 사고차 아님",
    "사고도 침수도 없습니다", "교환 및 판금 이력 없는 무사고", "무사고, 침수차 아님", "누유無", "누유 누수 無",
    "판금 및 도장은 표기치 않음", "완전 손상", "배터리 신품 교체", "사고 전무", "주행거리 조작 없음",
    "미터기 조작 無", "특이사항: 사고, 침수 없음", "브레이크패드 및 오일 교환", "침수없음", "침수 無", "침수무",
    "침수 x", "무침수", "침수 아님", "침수차가 아님", "침수차 아닙니다", "침수차량이 아닙니다", "침수이력없음",
    "침수 이력 무", "침수 이력이 없습니다", "침수 사실 없음", "침수흔적없음", "비침수", "침수 안됨",
    "침수 안 된 차", "전손 없음", "전손이력없음", "전손 아님", "전손무", "無전손", "도난 없음", "도난이력 무",
    "화재 없음", "화재이력 없음", "화재 흔적 없음", "미터기 조작 없음", "미터기조작없음", "미터기조작 무",
    "주행거리 조작 아님", "주행거리 조작 이력 없음", "주행거리 조작 절대 없습니다", "미터기 조작 안함",
    "주행거리 조작 불가", "무 사고", "무사고차", "무사고 차량", "사고없음", "사고 없습니다", "사고이력없음",
    "사고무", "사고 無", "사고이력 X", "무사고입니다", "100% 무사고", "완전 무사고", "사고 전혀 없는 차",
    "사고 이력 전무", "no 사고", "노 사고", "판금 없음", "판금무", "판금X", "판금 도색 없음", "판금/도색 없음",
    "무판금", "무교환", "교환 없음", "교환X", "교환 이력 없음", "교환부위 없음", "교환 판금 없음", "무교환 무판금",
    "교환/판금 無", "노교환", "교환 전혀 없음", "외판 교환 없음", "골격 교환 없음", "부식 없음", "부식무", "부식X",
    "하체부식 없음", "하체 부식 전혀 없습니다", "누유무", "누유X", "누유 無", "미세누유 없음", "오일누유 없음",
    "누유없음", "엔진 누유 없음", "엔진/미션 누유 없음", "누유,누수 없음", "누유 및 누수없음", "무누유",
    "누유 흔적 없음", "누유 아님", "누유나 소음 없음", "전손,침수,도난 없음", "전손/침수/화재 이력 없음",
    "전손·침수·도난 無", "전손 및 침수 없음", "전손, 침수, 도난, 화재 이력 일체 없음",
    "사고, 침수, 전손 이력 없는 차량", "침수/사고 없음", "침수 및 사고이력 없는 무사고 차량",
    "사고·교환·판금 없음", "사고, 교환, 판금, 부식, 누유 없음", "침수·화재 없음", "침수, 화재, 전손 모두 아님",
    "침수차 전손차 아님", "침수차·전손차 아닙니다", "침수차, 도난차 아님", "침수가 아님", "침수와 무관",
    "사고와 무관", "사고사실없음", "사고 이력이 전혀 없습니다", "사고기록 없음", "사고 경력 없음",
    "무사고/무교환/무침수", "침수:무", "침수=무", "침수-무", "사고:무 침수:무", "사고(무)", "침수[무]", "침수 (X)",
    "침수 여부 무", "침수 여부: 없음", "침수 ✕", "사고이력無 침수이력無", "전손이력無",
    "사고 無, 침수 無, 전손 無", "교환無 판금無", "교환 無 판금 無 누유 無", "침수되지 않았음", "침수되지 않음",
    "침수 되지 않은 차량", "사고가 없는 차량", "사고 한번도 없는 차량", "사고난적없음", "판금하지 않음",
    "교환하지 않음", "교환되지 않음", "부식되지 않음", "누유되지 않음", "누유 보이지 않음", "누유가 없음",
    "누유는 없음", "누유 확인되지 않음", "누유 발견 안됨", "침수 미해당", "침수 해당없음", "전손 해당 없음",
    "침수 해당사항 없음", "사고 해당사항없음", "침수 이상 없음", "이상없음",
)  # fmt: skip

SELLERS_SAY_NOTHING = (
    "허위매물 없음! 사고/침수 시 100% 환불 보장합니다",
    "완전무사고 1인 신조, 비흡연, 엔진오일 교환 완료, 타이어 4짝 신품 교체",
    "침수차일 경우 전액 환불해 드립니다. 대차 교환 가능, 할부 가능",
    "보험이력 조회 가능, 사고이력 전혀 없는 차량입니다",
    "주행거리 조작 절대 없습니다. 소모품 교환 완료",
    "감사고객 이벤트 / 도난방지 시스템 장착 / 하체 부식방지 시공",
    "외판 교환 없이 깨끗한 무사고, 누유 누수 잡소리 전혀 없습니다",
    "믿고 사고 파는 곳, 차 사고 싶은 분 연락 주세요",
    "★무사고★ <br> 침수X 전손X 렌트X",
    "열교환기 점검, 배터리 교체, 브레이크 패드 교환했습니다",
    "",
)
SELLERS_SAY = {
    "전손처리 후 완벽 수리, 주행 이상 없음": ("total_loss",),
    "보험 전손 차량 / 수출 추천": ("total_loss",),
    "침수 없음, 전손 이력 고지합니다": ("total_loss",),
    "부분침수 차량입니다. 사고는 없습니다": ("flood",),
    "단순교환 있습니다. 침수 시 환불": ("replaced",),
    "무사고 아닙니다. 앞휀더 판금, 누유 없음": ("accident", "sheet_metal"),
    "도난 후 회수한 차, 화재 이력 없음": ("theft",),
}  # fmt: skip


@pytest.mark.parametrize(("token", "text"), [(token, text) for token, texts in FOUND.items() for text in texts])
def test_a_danger_is_found(token: str, text: str) -> None:
    assert token in WORDS.remarks.dangers(text)


@pytest.mark.parametrize("text", DENIED)
def test_a_danger_that_is_denied_or_another_word_is_none(text: str) -> None:
    assert WORDS.remarks.dangers(text) == ()


@pytest.mark.parametrize("text", SELLERS_SAY_NOTHING)
def test_what_sellers_promise_is_no_danger(text: str) -> None:
    assert WORDS.remarks.dangers(text) == ()


@pytest.mark.parametrize("text", SELLERS_SAY)
def test_what_sellers_admit_is_a_danger_and_nothing_else_beside_it(text: str) -> None:
    assert WORDS.remarks.dangers(text) == SELLERS_SAY[text]


ALL_WORDS = [(token, word) for token, danger in DANGERS.items() for word in danger.words]


@pytest.mark.parametrize(("token", "word"), ALL_WORDS)
def test_every_word_of_a_danger_is_found_in_any_sentence_unless_it_is_denied(token: str, word: str) -> None:
    endings = ("", " 있음", "이력 있음", " 확인됨", " 有", ". 무사고", " 의심")
    for before, after in product(("", "본 차량은 ", "홍길동님 "), endings):
        assert token in WORDS.remarks.dangers(f"{before}{word}{after}"), (before, after)
    denials = ("없음", " 없음", "이력 없음", " 이력이 전혀 없습니다", " 무", "無", " X", " 0회", " 안됨", "되지 않음")
    for after in (*denials, ": 없음", "(무)"):
        assert WORDS.remarks.dangers(f"{word}{after}") == (), after
    for before in ("무", "無", "노", "no ") if " " not in word else ():
        assert WORDS.remarks.dangers(f"{before}{word}") == (), before


@pytest.mark.parametrize("joiner", [", ", ",", "/", " / ", "·", " 및 ", " "])
def test_a_list_before_one_denial_is_denied_whole(joiner: str) -> None:
    for words in (("침수", "전손"), ("사고", "침수", "도난"), ("판금", "교환"), ("누유", "누수", "부식")):
        for end in ("없음", " 없음", " 이력 없음", " 無", " 전혀 없습니다"):
            assert WORDS.remarks.dangers(joiner.join(words) + end) == (), (words, end)


@pytest.mark.parametrize("separator", [". ", ".", "\n", "\r\n", "; ", "! ", " 1. ", " 2) ", " ② "])
def test_a_denial_ends_with_its_sentence(separator: str) -> None:
    assert WORDS.remarks.dangers(f"전손{separator}침수 없음") == ("total_loss",)
    assert WORDS.remarks.dangers(f"침수 없음{separator}전손") == ("total_loss",)


def test_dangers_come_once_and_in_the_order_of_their_file() -> None:
    found = WORDS.remarks.dangers("누유, 부식, 전손. 전손 있음. 앞휀더 교환 / 침수")
    assert found == ("total_loss", "flood", "replaced", "corrosion", "oil_leak")
    assert list(DANGERS) == [
        *("total_loss", "flood", "theft", "fire", "odometer_tampering", "accident", "sheet_metal", "replaced"),
        *("corrosion", "oil_leak"),
    ]


@pytest.mark.parametrize(
    "boilerplate",
    [
        (
            "비금속 또는 탈부착 가능 부품은 점검사항에서 제외되며 중고차 특성상 부분적인 판금, 도색, 부식은"
            " 있을 수 있습니다."
        ),
        (
            "비금속(FRP 플라스틱)의 탈부착 가능 부품은 점검사항에서 제외되며 중고차 특성 상 부분적인 판금,도색 및"
            " 차량의 노후화에 따른 자연스러운 부식이 있을 수 있습니다."
        ),
        (
            "비금속(FRP,플라스틱)등 탈부착가능부품은 점검사항에서 제외되며, 중고차 특성상 부분적인 판금/도색/부식이"
            " 있을수 있습니다"
        ),
        "비금속 및 탈부착 가능 부품은 점검에서 제외됩니다. 중고차 특성상 부분적인 교환, 판금이 있을 수 있음",
        "비금속 부품은 점검에서 제외됨\n중고차의 특성상 연식에 따른 부식이 있을 수 있습니다",
    ],
)
def test_boilerplate_is_left_out_and_names_no_danger(boilerplate: str) -> None:
    assert WORDS.remarks.translate(boilerplate) == ((), 0)
    assert WORDS.remarks.dangers(boilerplate) == ()
    for joiner in (" ", " / ", "\n"):
        more = f"{boilerplate.rstrip('.')}{joiner}전손이력 있음"
        assert WORDS.remarks.translate(more) == (("Has a total-loss history",), 0), joiner
        assert WORDS.remarks.dangers(more) == ("total_loss",)


@given(st.text(alphabet="가나무사고침수전손없음있음교환,./()1. \nxX無0", max_size=60))
def test_any_text_is_searched(text: str) -> None:
    assert set(WORDS.remarks.dangers(text)) <= DANGERS.keys()


# Translations


TOLD = {
    "전손이력 있음. 앞범퍼 도색": "Has a total-loss history. Front bumper repainted",
    "조)리어도어 부분수리": "Passenger-side rear door partially repaired",
    "(조)리어도어 부분수리": "Passenger-side rear door partially repaired",
    "운)앞도어 교환, 조)뒤휀더 판금": "Driver-side front door replaced, passenger-side quarter panel panel-beaten",
    "앞범퍼 도색, 휠 흠집 있음.": "Front bumper repainted, wheel scratches: yes",
    "앞범퍼도색,뒷범퍼도색": "Front bumper repainted, rear bumper repainted",
    "앞범퍼/뒤범퍼 도색": "Front bumper, rear bumper repainted",
    "앞도어 판금/도색": "Front door panel-beaten, repainted",
    "보험이력 있음 / 타이어 교체 필요": "Has an insurance history. Tire replacement needed",
    "엔진 하부 미세누유 있음. 정비 후 출고합니다.": "Engine underside oil seepage: yes. To be repaired before delivery",
    "1. 무사고\n2. 침수, 전손 없음\n3. 하체 부식": "Accident-free. Flood and total loss: none. Underbody corrosion",
    "1.전손이력 있음 2.앞휀더 판금": "Has a total-loss history. Front fender panel-beaten",
    "1) 앞도어 교환 2) 뒷문 도색": "Front door replaced. Rear door repainted",
    "①전손이력 있음 ②침수 무": "Has a total-loss history. Flood: none",
    "교환, 판금 없음": "Replacement and panel beating: none",
    "도색, 판금 없음": "Repainting and panel beating: none",
    "누유: 없음": "Oil leak: none",
    "교환無 침수無": "Replacement: none, flood: none",
    "앞도어 교환有": "Front door replaced: yes",
    "앞도어(우) 교환": "Front door (right) replaced",
    "누유(없음)": "Oil leak (none)",
    "LED 헤드램프 교체": "LED headlamp replaced",
    "2021년 앞도어 교환": "2021 front door replaced",
    "미터기 교환 이력 있음": "Odometer replacement history: yes",
    "특이사항 없음 / 양호": "No remarks. Good",
    "전손이력 있음; 전손이력 있음": "Has a total-loss history",
}  # fmt: skip


@pytest.mark.parametrize("text", TOLD)
def test_a_remark_is_told_phrase_by_phrase(text: str) -> None:
    english, untranslated = WORDS.remarks.translate(text)
    assert (". ".join(english), untranslated) == (TOLD[text], 0)


@pytest.mark.parametrize(
    ("text", "english", "untranslated"),
    [
        ("특이사항 없음 / 문의 050-1234-5678", ("No remarks",), 1),
        ("홍길동 사장님 차량", (), 1),
        ("홍길동 / 김철수", (), 2),
        ("앞범퍼 도색, 홍길동 확인, 뒷범퍼 도색\n임꺽정", ("Front bumper repainted, rear bumper repainted",), 2),
        ("12가3456 앞도어 교환", (), 1),
        ("앞도어 교환 01012345678", (), 1),
        ("앞도어 교환 KMHXX00XXXX000000", (), 1),
        ("1. 앞도어 교환 2. 모르는말 3. 또다른말", ("Front door replaced",), 2),
        ("OK", (), 1),
        ("누유 ✕", (), 1),
        ("침수 X, 앞도어 X", (), 2),
        ("앞" * (LONGEST + 1), (), 1),
        ("", (), 0),
        (" / ", (), 0),
        ("...\n- \n3", (), 0),
    ],
)
def test_what_is_not_wholly_known_is_only_counted(text: str, english: tuple[str, ...], untranslated: int) -> None:
    assert WORDS.remarks.translate(text) == (english, untranslated)


NAMED = ["앞범퍼", "도색", "없음", "홍길동", "010-2345-6789", "12가3456", "전손이력 있음", "조)"]
PIECES = [*NAMED, ",", "/", ".", "\n", " ", "1.", "A/S", "無"]


@given(st.lists(st.sampled_from(PIECES), max_size=15).map("".join) | st.text(max_size=80))
def test_nothing_untranslated_passes(text: str) -> None:
    english, untranslated = WORDS.remarks.translate(text)
    assert untranslated >= 0
    for sentence in english:
        assert sentence.isascii()
        assert sentence.isprintable()
        assert all(len(number) <= 2 or number[:2] in {"19", "20"} for number in re.findall(r"\d+", sentence))


@given(st.text(max_size=60))
def test_a_phrase_that_is_known_holds_no_other_word(text: str) -> None:
    if WORDS.remarks.knows(text):
        assert WORDS.remarks.translate(text).untranslated == 0
