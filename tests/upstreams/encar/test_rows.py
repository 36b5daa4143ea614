"""Search rows: the project's own page in the captured shape, real captured rows, and pages that drift."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import to_builtins

from dealerproxy.transport.errors import Drift
from dealerproxy.upstreams.car_words import facts_in_name
from dealerproxy.upstreams.encar.rows import SearchTarget, read_count, read_search
from dealerproxy.vehicles.listing import LeftOut, LeftOutReason, Listing
from dealerproxy.vehicles.render import summarise
from dealerproxy.vocabulary import Vocabulary

PAGE = Path(__file__).parents[2] / "captures" / "encar_search_premium" / "body.json"
HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")


def asked(vocabulary: Vocabulary, make: str = "Kia", model: str | None = None) -> SearchTarget:
    found = vocabulary.find_make(make)
    assert found is not None
    models = vocabulary.find_models(found, model) if model else (None,)
    return SearchTarget(found, found.facets[0].korean, models[0])


def read(vocabulary: Vocabulary, body: bytes, **kwargs: Any) -> dict[str, Listing | LeftOut]:
    _, entries = read_search(body, asked(vocabulary, **kwargs), vocabulary)
    return {entry.listing_id or "?": entry for entry in entries}


@pytest.fixture(scope="module")
def page(vocabulary: Vocabulary) -> dict[str, Any]:
    return read(vocabulary, PAGE.read_bytes())


def without(*names: str, **changes: Any) -> bytes:
    """The page's first row with keys taken away or changed."""
    row = orjson.loads(PAGE.read_bytes())["SearchResults"][0]
    row = {name: value for name, value in (row | changes).items() if name not in names}
    return orjson.dumps({"Count": 1, "SearchResults": [row]})


def test_a_row_becomes_a_listing_with_every_field(page: dict[str, Any]) -> None:
    assert to_builtins(page["49000001"]) == {
        "type": "Listing",
        "upstream": "encar",
        "listing_id": "49000001",
        "vehicle_key": "49000001",
        "original": True,
        "make": "Kia",
        "model": "Sorento",
        "trim": "Diesel 2.2 4WD Prestige (The New, 4th Gen)",
        "year": 2023,
        "registered": 202305,
        "mileage_km": 41250,
        "price_krw": 30_500_000,
        "fuel": "diesel",
        "fuel_word": "디젤",
        "transmission": "auto",
        "transmission_word": "오토",
        "engine_cc": None,
        "drivetrain": "4WD",
        "body": "suv",
        "thumbnail_url": "https://ci.encar.com/carpicture/carpicture10/pic4900/49000001_001.jpg",
        "url": "https://fem.encar.com/cars/detail/49000001",
        "seller_type": "dealer",
        "region": "Gyeonggi",
        "model_korean": "더 뉴 쏘렌토 4세대",
        "trim_korean": "디젤 2.2 4WD 프레스티지",
        "untranslated": 0,
        "month_known": True,
        "colour": None,
        "options": (),
        "vehicle": None,
        "generation": "The New, 4th Gen",
        "truck": None,
    }


def test_a_copy_carries_the_number_of_the_car_it_repeats(page: dict[str, Any]) -> None:
    copy = page["49000002"]
    assert (copy.id, copy.vehicle_key, copy.original) == ("encar_49000002", "49000001", False)


def test_without_a_front_view_the_first_photo_in_order_is_shown(page: dict[str, Any]) -> None:
    assert page["49000003"].thumbnail_url.endswith("/49000003_003.jpg")
    assert page["49000004"].thumbnail_url is None


def test_a_placeholder_detail_says_nothing(page: dict[str, Any]) -> None:
    assert (page["49000003"].trim, page["49000003"].trim_korean) == ("1.6 Turbo Hybrid (GN7)", "1.6 터보 하이브리드")


def test_a_plug_in_is_told_by_its_text(page: dict[str, Any]) -> None:
    assert (page["49000003"].fuel, page["49000004"].fuel) == ("gasoline_hybrid", "plug_in_hybrid")


def test_an_electric_car_has_no_engine_and_an_absent_word_is_null(page: dict[str, Any]) -> None:
    car = page["49000005"]
    assert (car.fuel, car.engine_cc, car.transmission, car.drivetrain) == ("electric", None, None, "AWD")


def test_a_word_without_english_is_left_out_and_counted(vocabulary: Vocabulary) -> None:
    before = vocabulary.untranslated.total()
    car = read(vocabulary, PAGE.read_bytes())["49000005"]
    assert isinstance(car, Listing)
    assert (car.trim, car.untranslated) == ("Long Range AWD Edition", 1)
    assert vocabulary.untranslated.total() > before


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("49000006", LeftOutReason.LEASE_OR_RENT),
        ("49000007", LeftOutReason.UNDER_CONTRACT),
        ("49000008", LeftOutReason.PLACEHOLDER_PRICE),
        ("49000009", LeftOutReason.PLACEHOLDER_MILEAGE),
        ("49000010", LeftOutReason.UNKNOWN_MODEL),
    ],
)
def test_what_is_no_offer_is_left_out_with_its_reason(page: dict[str, Any], number: str, reason: LeftOutReason) -> None:
    assert page[number] == LeftOut(reason, number)


def test_a_searched_model_names_the_car_where_its_own_words_do_not(vocabulary: Vocabulary) -> None:
    body = without(Model="처음보는 세대", Manufacturer="기아")
    (car,) = read(vocabulary, body, model="K5").values()
    assert isinstance(car, Listing)
    assert (car.make, car.model) == ("Kia", "K5")
    (left,) = read(vocabulary, body).values()
    assert left == LeftOut(LeftOutReason.UNKNOWN_MODEL, "49000001")


@pytest.mark.parametrize(
    ("text", "cc", "drive"),
    [
        ("2.5 가솔린 2WD", 2500, "2WD"),
        ("2.5T 가솔린 AWD", 2500, "AWD"),
        ("디젤(e-VGT) 2.0 2WD 익스클루시브", 2000, "2WD"),
        ("3.3 T", 3300, None),
        ("2.0TDI 콰트로 프리미엄", 2000, "AWD"),
        ("xDrive40i M 스포츠", None, "AWD"),
        ("E300 4MATIC 아방가르드", None, "AWD"),
        ("1.2톤 카고", None, None),
        ("4.5 톤 사륜", None, "4WD"),
        ("G330 프리미엄", None, None),
        ("77.4kWh 롱레인지", None, None),
        ("프레스티지", None, None),
        ("2.0 / 2.4 2WD 4WD", None, None),
    ],
)
def test_engine_and_drive_are_read_only_where_the_badge_says_them(
    vocabulary: Vocabulary, text: str, cc: int | None, drive: str | None
) -> None:
    facts = facts_in_name(text, "기아", vocabulary)
    (car,) = read(vocabulary, without("BadgeDetail", Badge=text)).values()
    assert isinstance(car, Listing)
    assert (facts.engine_cc, facts.drivetrain, car.drivetrain) == (cc, drive, drive)


def test_a_row_has_no_engine_size_because_the_advert_has_the_exact_one(page: dict[str, Any]) -> None:
    assert {car.engine_cc for car in page.values() if isinstance(car, Listing)} == {None}


@pytest.mark.parametrize("name", ["Id", "Manufacturer", "Model", "Year", "FormYear", "Mileage", "Price"])
def test_a_mandatory_field_gone_from_all_rows_is_drift_naming_it(vocabulary: Vocabulary, name: str) -> None:
    with pytest.raises(Drift) as caught:
        read(vocabulary, without(name))
    assert name in caught.value.path


@pytest.mark.parametrize(
    "name",
    [
        *("Badge", "BadgeDetail", "FuelType", "Transmission", "SellType", "ServiceCopyCar", "Photo", "Photos"),
        *("Separation", "OfficeCityState", "Trust", "ServiceMark", "ModifiedDate", "OfficeName"),
    ],
)
def test_an_optional_field_may_be_absent(vocabulary: Vocabulary, name: str) -> None:
    (car,) = read(vocabulary, without(name)).values()
    assert isinstance(car, Listing)


@pytest.mark.parametrize("value", [None, 5, "x", {}, [5], [{"location": 5}], [{}]], ids=repr)
@pytest.mark.parametrize("name", ["Badge", "FuelType", "Transmission", "Photo", "Photos", "Separation"])
def test_an_odd_optional_value_costs_only_itself(vocabulary: Vocabulary, name: str, value: object) -> None:
    (car,) = read(vocabulary, without(**{name: value})).values()
    assert isinstance(car, Listing)
    assert (car.model, car.year, car.price_krw) == ("Sorento", 2023, 30_500_000)


def test_a_photo_path_that_is_no_address_is_no_photo(vocabulary: Vocabulary) -> None:
    for location in ("/사진/1.jpg", "http://elsewhere/1.jpg", "/a b\n.jpg"):
        (car,) = read(vocabulary, without(Photos=[{"location": location}])).values()
        assert isinstance(car, Listing)
        assert car.thumbnail_url is None


@pytest.mark.parametrize(
    "changes",
    [
        {"SalesStatus": "SOLD"},
        {"SalesStatus": ""},
        {"SellType": "경매"},
        {"Id": "12x"},
        {"Id": "١٢٣"},
        {"Id": "1" * 20},
        {"Id": 49000001},
        {"Year": 20230},
        {"FormYear": "23"},
        {"Mileage": -5},
        {"Mileage": "41,250"},
        {"Price": None},
        {"LeaseType": 5},
        {"SalesStatus": {"code": "SOLD"}},
    ],
    ids=repr,
)
def test_an_unknown_or_wrong_value_makes_the_row_unreadable_never_an_offer(
    vocabulary: Vocabulary, changes: dict[str, Any]
) -> None:
    good = orjson.loads(PAGE.read_bytes())["SearchResults"][0]
    body = orjson.dumps({"Count": 2, "SearchResults": [good, good | changes]})
    _, entries = read_search(body, asked(vocabulary), vocabulary)
    assert isinstance(entries[0], Listing)
    assert isinstance(entries[1], LeftOut)
    assert entries[1].reason is LeftOutReason.UNREADABLE
    with pytest.raises(Drift):
        read(vocabulary, orjson.dumps({"Count": 1, "SearchResults": [good | changes]}))


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"[]", "$"),
        (b"null", "$"),
        (b"{", "$"),
        (b'"\xff"', "$"),
        (b"{}", "Count"),
        (b'{"Count":-1,"SearchResults":[]}', "Count"),
        (b'{"Count":3}', "SearchResults"),
        (b'{"Count":"3","SearchResults":[]}', "Count"),
        (b'{"Count":1e300,"SearchResults":[]}', "Count"),
        (b'{"Count":3,"SearchResults":{}}', "SearchResults"),
        (b'{"Count":3,"SearchResults":' + b"[" * 9000 + b"]" * 9000 + b"}", ""),
        (b'{"Count":1,"SearchResults":[5]}', "SearchResults[]"),
    ],
)
def test_a_page_without_its_frame_is_drift(vocabulary: Vocabulary, body: bytes, path: str) -> None:
    with pytest.raises(Drift) as caught:
        read(vocabulary, body)
    assert caught.value.path.startswith(path)


def test_the_count_alone_can_be_read() -> None:
    assert read_count(b'{"Count":1234.0,"SearchResults":[{"odd":1}]}') == 1234


def nested(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    keys = st.sampled_from(["Count", "SearchResults", "Id", "Price"])
    return st.lists(inner) | st.dictionaries(keys, inner)


@given(st.recursive(st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(), nested))
def test_any_json_is_rows_or_drift(vocabulary: Vocabulary, value: object) -> None:
    try:
        count, _ = read_search(json.dumps(value).encode(), asked(vocabulary), vocabulary)
    except Drift:
        return
    assert count >= 0


def test_every_captured_row_becomes_a_summary_or_is_left_out_for_a_reason(
    vocabulary: Vocabulary, captures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = orjson.loads((captures / "encar_search/premium_carType_Y_200rows_2026-03.json").read_bytes())
    rows += orjson.loads((captures / "encar_search/premium_sorento_20rows_2023-06.json").read_bytes())["SearchResults"]
    listings, left = [], Counter[str]()
    for row in rows:
        make = vocabulary.make_of(row["Manufacturer"])
        assert make is not None
        body = orjson.dumps({"Count": 1, "SearchResults": [row]})
        _, (entry,) = read_search(body, SearchTarget(make, row["Manufacturer"]), vocabulary)
        if isinstance(entry, LeftOut):
            left[entry.reason] += 1
            continue
        listings.append(entry)
        summary = summarise(entry, 1300.0)
        assert not HANGUL.search(str(to_builtins(summary)))
        assert (entry.make, entry.year, entry.registered) == (make.name, int(row["FormYear"]), int(row["Year"]))
        assert (entry.mileage_km, entry.price_krw) == (int(row["Mileage"]), int(row["Price"]) * 10_000)
        assert summary.pricing.listing_price == int(row["Price"] * 10_000 / 1300 + 0.5)
        assert entry.original == (row["ServiceCopyCar"] == "ORIGINAL")
    trims = sum(listing.trim is not None for listing in listings)
    with capsys.disabled():
        print(f"\n{len(rows)} captured rows: {len(listings)} summaries, left out {dict(left)}, {trims} with a trim")
    assert left.keys() <= {LeftOutReason.UNDER_CONTRACT, LeftOutReason.PLACEHOLDER_PRICE}
    assert len(listings) + left.total() == len(rows)


def test_a_whole_captured_page_is_read_as_served(vocabulary: Vocabulary, captures: Path) -> None:
    body = (captures / "encar_search/premium_sorento_20rows_2023-06.json").read_bytes()
    count, entries = read_search(body, asked(vocabulary, model="Sorento"), vocabulary)
    assert (count, len(entries)) == (100, 20)
    assert {entry.model for entry in entries if isinstance(entry, Listing)} == {"Sorento"}


DAMAGE = {
    "half a pair": b"\\ud83d",
    "the other half": b"\\ude00",
    "a cut escape": b"\\u12",
    "no escape": b"\\x",
    "a control character": b"\x01",
    "a byte that is no UTF-8": b"\xff",
    "a replacement": "\ufffd".encode(),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize(
    ("field", "lost"), [("AdWords", False), ("FuelType", False), ("Price", True), ("Id", True), ("SalesStatus", True)]
)
def test_damage_in_a_page_of_500_rows_costs_at_most_its_row(
    vocabulary: Vocabulary, damage: bytes, field: str, lost: bool
) -> None:
    rows = [orjson.loads(PAGE.read_bytes())["SearchResults"][0] | {"Id": str(49000001 + i)} for i in range(500)]
    rows[0] = rows[0] | {"AdWords": '1" \\ 😀\t/'}
    rows[7] = rows[7] | {field: "#"}
    body = orjson.dumps({"Count": 500, "SearchResults": rows}).replace(b'"#"', b'"' + damage + b'"')
    _, entries = read_search(body, asked(vocabulary), vocabulary)
    assert len(entries) == 500
    left = [place for place, entry in enumerate(entries) if isinstance(entry, LeftOut)]
    assert left == ([7] if lost else [])


@pytest.mark.parametrize("damage", [DAMAGE[name] for name in list(DAMAGE)[:-1]], ids=list(DAMAGE)[:-1])
def test_a_damaged_name_of_a_field_makes_its_row_unreadable(vocabulary: Vocabulary, damage: bytes) -> None:
    """It may be the one that says that the car is sold."""
    first = orjson.loads(PAGE.read_bytes())["SearchResults"][0]
    page = {"Count": 2, "SearchResults": [first, first | {"odd": "CONTRACT"}]}
    body = orjson.dumps(page).replace(b'"odd"', b'"Sales' + damage + b'Status"')
    _, (sound, damaged) = read_search(body, asked(vocabulary), vocabulary)
    assert isinstance(sound, Listing)
    assert damaged == LeftOut(LeftOutReason.UNREADABLE, None)
