"""What an advert tells beyond the partner's fields: each fact where it is said, null where it is not."""

import re
from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.upstreams.encar.advert_facts import read_facts
from dealerproxy.vehicles.advert_facts import AdvertFacts, CoverTerms, WarrantyTerms, days_between, warranty_left
from dealerproxy.vehicles.car import Documents
from dealerproxy.vehicles.render import detail
from dealerproxy.vocabulary import Vocabulary

from .test_advert import car

HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
# 00:30 on 1 August in Seoul, still 31 July in London.
NOW_S = datetime(2026, 7, 31, 15, 30, tzinfo=UTC).timestamp()
FOLDER = "/diagnosis/evaluation/carphoto/car0/car80/insp/4900001"


def facts(**paths: Any) -> AdvertFacts:
    """The facts of an advert with these values; `__` in a name stands for a dot."""
    values = {name.replace("__", "."): value for name, value in paths.items()}
    return read_facts(values.get)


def dealer(vocabulary: Vocabulary, **sections: Any) -> dict[str, Any]:
    shown = detail(car(vocabulary, **sections), Documents(), 1300.0, insider=True, now_s=NOW_S)
    told: dict[str, Any] = orjson.loads(msgspec.json.encode(shown))["dealer"]
    return told


def test_insiders_see_all_of_it_with_what_is_left_today(vocabulary: Vocabulary) -> None:
    shown = dealer(vocabulary, category={"yearMonth": "202405"}, options={"tuning": ["001"]})
    assert {
        "first_advertised_on": "2026-07-21",
        "days_on_offer": 11,
        "warranty": {
            "set_by_seller": False,
            "body": {"months": 36, "km": 60_000, "km_unlimited": False, "months_left": 9, "km_left": 18_750},
            "transmission": {"months": 60, "km": 100_000, "km_unlimited": False, "months_left": 33, "km_left": 58_750},
        },
        "parallel_import": False,
        "new_price_krw": 42_020_000,
        "seats": 5,
        "horse_power": None,
        "tuning_codes": ["001"],
        "trust_marks": ["home_service", "warranty", "pre_verified"],
    }.items() <= shown.items()


def test_an_advert_that_says_none_of_it_has_explicit_nulls(vocabulary: Vocabulary) -> None:
    shown = dealer(
        vocabulary,
        manage=...,
        view=...,
        options=...,
        category={"importType": ..., "originPrice": ..., "warranty": ...},
        advertisement={"trust": ..., "homeService": ..., "meetGo": ..., "extendWarranty": ..., "preVerified": ...}
        | {"directInspected": ..., "encarCheck": ..., "underBodyPhotos": ...},
        spec={"seatCount": ..., "horsePower": ...},
    )
    names = (
        *("first_advertised_on", "days_on_offer", "warranty", "parallel_import", "new_price_krw", "seats"),
        *("horse_power", "tuning_codes", "trust_marks"),
    )
    assert {name: shown[name] for name in names} == dict.fromkeys(names)


def test_partners_see_none_of_it(vocabulary: Vocabulary) -> None:
    shown = msgspec.to_builtins(detail(car(vocabulary), Documents(), 1300.0))
    assert not {"days_on_offer", "warranty", "new_price_krw", "trust_marks"} & shown.keys()


@pytest.mark.parametrize(
    ("kind", "domestic", "parallel"),
    [
        ("PARALLEL_IMPORT", False, True),
        ("PARALLEL_IMPORT", None, True),
        ("REGULAR_IMPORT", False, False),
        ("BRAND_IMPORT", False, False),
        ("NONE_IMPORT_TYPE", True, False),
        ("NONE_IMPORT_TYPE", False, None),
        ("NONE_IMPORT_TYPE", None, None),
        ("병행수입", False, None),
        ("NEW_WORD", True, None),
        (None, True, None),
        (5, True, None),
    ],
)
def test_a_parallel_import_is_told_only_where_the_advert_says_how_the_car_came(
    kind: object, domestic: object, parallel: bool | None
) -> None:
    assert facts(category__importType=kind, category__domestic=domestic).parallel_import is parallel


@pytest.mark.parametrize(
    ("price", "won"),
    [(4202, 42_020_000), ("4202", 42_020_000), (0, None), (None, None), (99_999, None), (-1, None), (True, None)],
)
def test_the_price_when_new_is_won_and_a_placeholder_is_none(price: object, won: int | None) -> None:
    assert facts(category__originPrice=price).new_price_krw == won


@pytest.mark.parametrize(
    ("seats", "told"), [(5, 5), ("7", 7), (45, 45), (5.0, 5), (0, None), (999, None), ("다섯", None), (None, None)]
)
def test_seats_and_horse_power_are_plausible_numbers_or_null(seats: object, told: int | None) -> None:
    assert facts(spec__seatCount=seats).seats == told
    assert facts(spec__horsePower=seats).horse_power == (999 if seats == 999 else told)


@pytest.mark.parametrize(
    ("trust", "flags", "marks"),
    [
        (["HomeService", "Warranty"], {}, ("home_service", "warranty")),
        (["Meetgo", "ExtendWarranty", "Meetgo"], {}, ("meetgo", "extended_warranty")),
        ([], {"homeService": True, "preVerified": False}, ("home_service",)),
        (["HomeService"], {"homeService": True, "directInspected": True}, ("home_service", "directly_inspected")),
        (None, {"encarCheck": True}, ("encar_check",)),
        (["NewMark"], {}, ("new_mark",)),
        (["새마크", 5, None], {}, ("5",)),
        ([], {}, ()),
        (None, {"homeService": False}, ()),
        (None, {}, None),
        ("HomeService", {}, None),
    ],
)
def test_marks_are_tokens_each_once(trust: object, flags: dict[str, bool], marks: tuple[str, ...] | None) -> None:
    found = facts(advertisement__trust=trust, **{f"advertisement__{flag}": ticked for flag, ticked in flags.items()})
    assert found.trust_marks == marks


@pytest.mark.parametrize(("km", "told"), [(999_999, None), (9_999_999, None), (60_000, 60_000), (0, 0)])
def test_a_mileage_without_limit_is_no_number_of_kilometres(km: int, told: int | None) -> None:
    terms = facts(category__warranty={"userDefined": False, "bodyMonth": 36, "bodyMileage": km}).warranty
    assert terms is not None
    assert terms.body == CoverTerms(36, told, km_unlimited=told is None)
    left = warranty_left(terms, 202605, 10_000, datetime(2026, 8, 1, tzinfo=UTC).date())
    assert left is not None
    assert left.body.km_left == (None if told is None else max(0, told - 10_000))


@pytest.mark.parametrize("value", [None, [], "36", {}, {"bodyMonth": None, "companyName": "서비스"}, {"bodyMonth": -1}])
def test_no_terms_are_no_warranty(value: object) -> None:
    assert facts(category__warranty=value).warranty is None


@pytest.mark.parametrize("seller", [True, None])
def test_what_is_left_of_terms_that_a_seller_set_is_not_known(seller: bool | None) -> None:
    cover = CoverTerms(12, 20_000, km_unlimited=False)
    left = warranty_left(WarrantyTerms(seller, cover, cover), 202605, 10, datetime(2026, 8, 1, tzinfo=UTC).date())
    assert left is not None
    assert (left.body.months, left.body.km, left.body.months_left, left.body.km_left) == (12, 20_000, None, None)


@given(
    st.integers(0, 120),
    st.integers(0, 200_000),
    st.dates(datetime(1990, 1, 1, tzinfo=UTC).date()),
    st.none() | st.integers(0, 900_000),
)
def test_what_is_left_is_never_negative_nor_more_than_the_terms(months: int, km: int, day: Any, mileage: Any) -> None:
    cover = CoverTerms(months, km, km_unlimited=False)
    left = warranty_left(WarrantyTerms(False, cover, cover), 202305, mileage, day)
    assert left is not None
    assert left.body.months_left is not None
    assert 0 <= left.body.months_left <= months
    assert left.body.km_left is None if mileage is None else 0 <= (left.body.km_left or 0) <= km


@pytest.mark.parametrize(
    ("first", "days"), [("2026-07-31", 1), ("2026-08-01", 0), ("2026-08-02", 0), ("2025-08-01", 365), (None, None)]
)
def test_days_on_offer_are_those_from_the_first_advert_to_today_in_seoul(first: str | None, days: int | None) -> None:
    assert days_between(first, datetime(2026, 8, 1, tzinfo=UTC).date()) == days


def test_photos_of_the_underside_follow_the_others_under_a_tag_of_their_own(vocabulary: Vocabulary) -> None:
    shots = [
        {"photoType": "UNDER_BODY", "photoPath": f"{FOLDER}/696edc29-c895.jpg", "photoUrl": "http://elsewhere.test/x"},
        {"photoType": "UNDER_BODY_REAR_LEFT", "photoPath": f"{FOLDER}/f07d0e2b-7bfc.heic"},
        {"photoType": "UNDER_BODY", "photoPath": f"{FOLDER}/696edc29-c895.jpg"},
        {"photoPath": "//evil.test/x.jpg"},
        {"photoPath": f"{FOLDER}/../../x.jpg"},
        {"photoPath": 5},
        "x",
    ]
    found = car(vocabulary, advertisement={"underBodyPhotos": shots})
    under = [photo.url for photo in found.photos if photo.tag == "underbody"]
    expected = [f"https://imgcar.encar.com{FOLDER}/{name}" for name in ("696edc29-c895.jpg", "f07d0e2b-7bfc.heic")]
    assert under == expected
    shown = detail(found, Documents(), 1300.0)
    assert shown.photos[-2:] == expected
    assert shown.thumbnail_url == found.photos[0].url
    assert [tag.url for tag in shown.photo_tags if tag.tag == "underbody"] == expected


def test_nothing_korean_gets_in(vocabulary: Vocabulary) -> None:
    shown = dealer(
        vocabulary,
        advertisement={"trust": ["홈서비스"]},
        options={"tuning": ["튜닝"], "choice": ["옵션"]},
        category={"importType": "병행", "warranty": {"companyName": "서비스", "bodyMonth": 12, "userDefined": True}},
    )
    shown.pop("model_korean")
    shown.pop("trim_korean")
    assert not HANGUL.search(orjson.dumps(shown).decode())
