"""Rows of the truck index: little is required, oddities cost themselves, and rows nobody asked for are drift."""

import re
from collections import Counter
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.transport.errors import Drift
from dealerproxy.upstreams.encar.kinds import listing_of
from dealerproxy.upstreams.encar.rows import SearchTarget
from dealerproxy.upstreams.encar.truck_rows import read_truck, read_truck_search
from dealerproxy.vehicles.listing import LeftOut, LeftOutReason, Listing
from dealerproxy.vehicles.render import summarise
from dealerproxy.vocabulary import Vocabulary

HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
REQUIRED = {
    "Id": "40012345",
    "Manufacturer": "기아(아시아)",
    "Model": "봉고Ⅲ",
    "Year": 202205.0,
    "Mileage": 84_000.0,
    "Price": 1_450.0,
}
OPTIONAL = {
    "FormYear": "2022",
    "Badge": "킹캡 CRDI",
    "FormDetail": "냉동탑",
    "Capacity": "1톤",
    "Standard": "초장축",
    "Use": "자가용",
    "FuelType": "디젤",
    "Transmission": "수동",
    "OfficeCityState": "경기",
    "Photo": "/carpicture01/pic4001/40012345_",
    "Photos": [{"type": "001", "location": "/carpicture01/pic4001/40012345_001.jpg", "ordering": 1.0}],
    "Separation": ["B"],
    "Condition": ["Inspection", "Record"],
    "ModifiedDate": "2026-09-19 10:00:00.000 +09",
    "ServiceCopyCar": "ORIGINAL",
}
WHOLE = REQUIRED | OPTIONAL


def target(vocabulary: Vocabulary, *models: str) -> SearchTarget:
    kia = vocabulary.find_make("Kia")
    assert kia is not None
    return SearchTarget(kia, "기아(아시아)", None, models)


def read(vocabulary: Vocabulary, *rows: Any, asked: SearchTarget | None = None, count: int | None = None) -> Any:
    body = orjson.dumps({"Count": len(rows) if count is None else count, "SearchResults": list(rows)})
    return read_truck_search(body, asked or target(vocabulary), vocabulary)


def one(vocabulary: Vocabulary, row: Any) -> Listing:
    _, (found,) = read(vocabulary, row)
    assert isinstance(found, Listing), found
    return found


def test_a_whole_row_becomes_a_listing(vocabulary: Vocabulary) -> None:
    found = one(vocabulary, WHOLE)
    assert (found.make, found.model, found.trim) == (
        "Kia",
        "Bongo III",
        "King Cab CRDi, Extra-Long, Refrigerated Box, 1 t",
    )
    assert (found.year, found.registered, found.mileage_km, found.price_krw) == (2022, 202205, 84_000, 14_500_000)
    assert (found.fuel, found.transmission, found.body, found.region) == ("diesel", "manual", "truck", "Gyeonggi")
    assert found.seller_type == "dealer"


@pytest.mark.parametrize("key", OPTIONAL)
def test_a_row_may_lack_or_spoil_anything_optional(vocabulary: Vocabulary, key: str) -> None:
    for odd in ({}, {key: None}, {key: {"odd": True}}):
        row = {name: value for name, value in WHOLE.items() if name != key} | odd
        found = one(vocabulary, row)
        assert (found.listing_id, found.year, found.model) == ("40012345", 2022, "Bongo III")


@pytest.mark.parametrize(
    ("form", "detail", "told"),
    [
        ("버스", None, ("Bus", None, "bus")),
        ("버스", "기타", ("Bus", None, "bus")),
        ("윙바디/탑", "기타", ("Wing Body or Box", None, "truck")),
        ("윙바디/탑", "씨티/워크스루밴", ("Wing Body or Box", "City or Walk-Through Van", "van")),
        ("버스", "냉동탑", ("Wing Body or Box", "Refrigerated Box", "truck")),
        ("꽹과리", None, (None, None, "truck")),
    ],
)
def test_the_form_counts_where_its_detail_says_nothing(
    vocabulary: Vocabulary, form: str, detail: str | None, told: tuple[str | None, str | None, str]
) -> None:
    found = one(vocabulary, WHOLE | {"Form": form, "FormDetail": detail})
    assert found.truck is not None
    assert (found.truck.form, found.truck.form_detail, found.body) == told


def test_a_row_with_only_what_is_required_is_a_listing(vocabulary: Vocabulary) -> None:
    found = one(vocabulary, REQUIRED)
    assert (found.trim, found.fuel, found.transmission, found.body) == (None, None, None, "truck")


@pytest.mark.parametrize("key", REQUIRED)
def test_without_a_required_field_it_is_drift_that_names_it(vocabulary: Vocabulary, key: str) -> None:
    row = {name: value for name, value in WHOLE.items() if name != key}
    with pytest.raises(Drift, match=key):
        read(vocabulary, row)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"Model": "더 뉴 봉고Ⅲ"}, "Model was not asked for"),
        ({"Model": "마이티"}, "Model was not asked for"),
        ({"Manufacturer": "현대", "Model": "포터 Ⅱ"}, "Manufacturer was not asked for"),
        ({"Manufacturer": "기아"}, "Manufacturer was not asked for"),
    ],
)
def test_rows_that_were_not_asked_for_are_drift(vocabulary: Vocabulary, change: dict[str, Any], says: str) -> None:
    asked = target(vocabulary, "봉고Ⅲ")
    with pytest.raises(Drift, match=says):
        read(vocabulary, WHOLE | change, asked=asked)
    _, rows = read(vocabulary, WHOLE, WHOLE | change | {"Id": "40012346"}, asked=asked)  # one may be a mistake
    assert [getattr(row, "reason", None) for row in rows] == [None, LeftOutReason.UNREADABLE]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"SalesStatus": "CONTRACT"}, LeftOutReason.UNDER_CONTRACT),
        ({"Price": 99_999.0}, LeftOutReason.PLACEHOLDER_PRICE),
        ({"Mileage": 999_999.0}, LeftOutReason.PLACEHOLDER_MILEAGE),
        ({"LeaseType": "운용리스"}, LeftOutReason.LEASE_OR_RENT),
        ({"Model": "꽹과리"}, LeftOutReason.UNKNOWN_MODEL),
    ],
)
def test_a_truck_is_left_out_for_what_a_car_is(
    vocabulary: Vocabulary, change: dict[str, Any], reason: LeftOutReason
) -> None:
    _, (found,) = read(vocabulary, WHOLE | change)
    assert isinstance(found, LeftOut)
    assert found.reason == reason


def test_an_unknown_sales_status_might_mean_sold(vocabulary: Vocabulary) -> None:
    with pytest.raises(Drift, match="SalesStatus"):
        read(vocabulary, WHOLE | {"SalesStatus": "DONE"})


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"Count": 1}', b'{"SearchResults": []}', b'{"count": 1, "rows": []}']
)
def test_another_frame_is_drift(vocabulary: Vocabulary, body: bytes) -> None:
    with pytest.raises(Drift):
        read_truck_search(body, target(vocabulary), vocabulary)


def test_every_badge_and_model_gives_a_row_without_korean(vocabulary: Vocabulary) -> None:
    trucks = vocabulary.trucks
    for maker in ("현대", "기아(아시아)", "스카니아"):
        make = trucks.make_of(maker)
        assert make is not None
        for korean in ("포터 Ⅱ", "봉고Ⅲ", "더 뉴 봉고Ⅲ", "트렉터", "마이티 큐티"):
            if trucks.model_of(maker, korean) is None:
                continue
            for badge in ("4WD 더블캡 LPG", "6X4 후삼축", "장축 어린이 39인승", "꽹과리 슈퍼캡", "등급 없음"):
                row = WHOLE | {"Manufacturer": maker, "Model": korean, "Badge": badge}
                _, (found,) = read(vocabulary, row, asked=SearchTarget(make, maker))
                assert isinstance(found, Listing)
                assert not HANGUL.search(str(msgspec.to_builtins(summarise(found, 1300.0))))


@given(st.data())
def test_no_value_of_an_optional_field_breaks_a_row(vocabulary: Vocabulary, data: st.DataObject) -> None:
    values = (
        st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.lists(st.text(max_size=3), max_size=2)
    )
    odd = data.draw(st.dictionaries(st.sampled_from(sorted(OPTIONAL)), values))
    bad: Counter[str] = Counter()
    found = read_truck(WHOLE | odd, target(vocabulary), vocabulary, bad).car
    if not isinstance(found, LeftOut):
        row = listing_of(found, vocabulary)
        assert isinstance(row, Listing)
        assert not HANGUL.search(str(msgspec.to_builtins(summarise(row, 1300.0))))
