"""A row of the public list against the partner's VehicleSummary."""

import re
from typing import Any

import msgspec
import orjson
import pytest

from dealerproxy.api.http import json_response
from dealerproxy.vehicles.listing import Listing
from dealerproxy.vehicles.render import summarise

# The partner's table, in its order.
PARTNER_FIELDS = [
    "id",
    "source",
    "make",
    "model",
    "trim",
    "year",
    "mileage_km",
    "fuel",
    "transmission",
    "color",
    "engine_cc",
    "drivetrain",
    "options",
    "accident_grade",
    "exterior_grade",
    "auction_date",
    "order_cutoff_at",
    "thumbnail_url",
    "pricing",
    "auction_result",
    "auction_count",
]
# What an auction knows and a dealer's advert does not.
AUCTION_FIELDS = [
    "accident_grade",
    "exterior_grade",
    "auction_date",
    "order_cutoff_at",
    "auction_result",
    "auction_count",
]
HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
RATE = 1347.52

FULL = Listing(
    upstream="encar",
    listing_id="41985016",
    vehicle_key="41985000",
    original=False,
    make="Kia",
    model="Sorento",
    trim="2.2 Diesel 4WD Signature",
    year=2023,
    registered=202305,
    mileage_km=34_567,
    price_krw=28_700_000,
    fuel="diesel",
    fuel_word="디젤",
    transmission="auto",
    transmission_word="오토",
    engine_cc=2200,
    drivetrain="4WD",
    body="suv",
    thumbnail_url="https://ci.encar.com/carpicture/1.jpg",
    url="https://fem.encar.com/cars/detail/41985016",
    seller_type="dealer",
    region="Gyeonggi",
    model_korean="더 뉴 쏘렌토 4세대",
    trim_korean="디젤 2.2 4WD 시그니처",
    generation="The New, 4th Gen",
    untranslated=2,
)
BARE = msgspec.structs.replace(
    FULL,
    trim=None,
    fuel=None,
    fuel_word=None,
    transmission=None,
    transmission_word=None,
    engine_cc=None,
    drivetrain=None,
    body=None,
    thumbnail_url=None,
    seller_type=None,
    region=None,
    trim_korean=None,
)


def on_the_wire(listing: Listing, *, insider: bool = False) -> dict[str, Any]:
    """The row as a client reads it; a JSON object keeps its order here."""
    body = json_response(summarise(listing, RATE, insider=insider)).body
    assert isinstance(body, bytes)
    row: dict[str, Any] = orjson.loads(body)
    return row


@pytest.mark.parametrize("listing", [FULL, BARE])
def test_a_row_has_exactly_the_partners_fields_in_the_partners_order(listing: Listing) -> None:
    assert list(on_the_wire(listing)) == PARTNER_FIELDS


def test_what_the_upstream_said_is_in_its_place() -> None:
    row = on_the_wire(FULL)
    told = {name: row[name] for name in PARTNER_FIELDS if name not in AUCTION_FIELDS and name != "pricing"}
    assert told == {
        "id": "encar_41985016",
        "source": "dealer",
        "make": "Kia",
        "model": "Sorento",
        "trim": "2.2 Diesel 4WD Signature",
        "year": 2023,
        "mileage_km": 34_567,
        "fuel": "diesel",
        "transmission": "auto",
        "color": None,
        "engine_cc": 2200,
        "drivetrain": "4WD",
        "options": [],
        "thumbnail_url": "https://ci.encar.com/carpicture/1.jpg",
    }


def test_colour_and_options_are_shown_once_they_are_known() -> None:
    row = on_the_wire(msgspec.structs.replace(FULL, colour="White", options=("sunroof", "smart_key")))
    assert (row["color"], row["options"]) == ("White", ["sunroof", "smart_key"])
    assert list(row) == PARTNER_FIELDS


def test_fields_of_auctions_are_there_and_null() -> None:
    row = on_the_wire(FULL)
    assert {name: row[name] for name in AUCTION_FIELDS} == dict.fromkeys(AUCTION_FIELDS)
    assert row["pricing"]["sold_price"] is None


def test_what_is_not_known_is_null_and_never_left_out() -> None:
    row = on_the_wire(BARE)
    unknown = ["trim", "fuel", "transmission", "color", "engine_cc", "drivetrain", "thumbnail_url"]
    assert {name: row[name] for name in unknown} == dict.fromkeys(unknown)
    assert row["options"] == []


def test_the_price_is_in_dollars_at_the_given_rate_and_knows_make_and_body() -> None:
    suv = on_the_wire(FULL)["pricing"]
    assert (suv["listing_price"], suv["breakdown"]["ocean_freight"]) == (21_298, 1800)
    assert on_the_wire(BARE)["pricing"]["breakdown"]["ocean_freight"] == 1500
    mercedes = msgspec.structs.replace(BARE, make="Mercedes-Benz")
    assert on_the_wire(mercedes)["pricing"]["breakdown"]["ocean_freight"] == 1800
    assert summarise(FULL, 1000.0).pricing.listing_price == 28_700


def test_a_row_for_the_partner_holds_no_won_no_korean_and_no_insider_facts() -> None:
    text = orjson.dumps(on_the_wire(FULL)).decode()
    assert not HANGUL.search(text)
    assert "28700000" not in text
    assert FULL.url not in text


@pytest.mark.parametrize("listing", [FULL, BARE])
def test_the_dealer_object_comes_last_and_only_when_asked_for(listing: Listing) -> None:
    assert list(on_the_wire(listing, insider=True)) == [*PARTNER_FIELDS, "dealer"]


def test_the_rest_of_a_row_does_not_depend_on_who_asks() -> None:
    insider = on_the_wire(FULL, insider=True)
    del insider["dealer"]
    assert insider == on_the_wire(FULL)


def test_the_dealer_object_says_what_only_insiders_may_see() -> None:
    assert on_the_wire(FULL, insider=True)["dealer"] == {
        "upstream": "encar",
        "listing_id": "41985016",
        "url": "https://fem.encar.com/cars/detail/41985016",
        "price_krw": 28_700_000,
        "first_registered": "2023-05",
        "body": "suv",
        "seller_type": "dealer",
        "region": "Gyeonggi",
        "model_korean": "더 뉴 쏘렌토 4세대",
        "trim_korean": "디젤 2.2 4WD 시그니처",
        "generation": "The New, 4th Gen",
        "truck": None,
    }


def test_the_dealer_object_writes_nulls_out() -> None:
    dealer = on_the_wire(BARE, insider=True)["dealer"]
    unknown = ["body", "seller_type", "region", "trim_korean"]
    assert {name: dealer[name] for name in unknown} == dict.fromkeys(unknown)


@pytest.mark.parametrize(
    ("registered", "month"),
    [
        (202305, "2023-05"),
        (202312, "2023-12"),
        (199901, "1999-01"),
        (202300, None),  # a year without a month is no month
        (202313, None),
        (2023, None),
        (0, None),
    ],
)
def test_the_first_registration_is_written_as_a_month_or_not_at_all(registered: int, month: str | None) -> None:
    listing = msgspec.structs.replace(FULL, registered=registered)
    assert on_the_wire(listing, insider=True)["dealer"]["first_registered"] == month
