"""The one result of reading an advert: it never raises, says what the rules say, and is the same after a cache."""

from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict
from yarl import URL

from dealerproxy.cache.entries import CachePolicy
from dealerproxy.transport.errors import Drift
from dealerproxy.transport.reading import CaptureReason, Reading, reading
from dealerproxy.transport.response import Response
from dealerproxy.upstreams.cached_drift import CachedDrift
from dealerproxy.upstreams.danawa import cars as danawa
from dealerproxy.upstreams.encar.advert import Advert, is_under_contract, normalise, read_detail, sale_status
from dealerproxy.upstreams.encar.parsed_advert import ParsedAdvert, parse
from dealerproxy.vehicles.car import SaleStatus
from dealerproxy.vocabulary import Vocabulary, load

FIXTURES = Path(__file__).parents[2] / "captures"
ID = "49000001"
WORDS = load()
STORED: CachePolicy[ParsedAdvert | SaleStatus] = CachePolicy(
    "advert", ParsedAdvert | SaleStatus, fresh_s=1.0, revalidate_s=1.0, if_error_s=1.0
)
# Where an advert says what decides about it, and values there: known, unknown, of another type, missing.
DECIDING: dict[str, list[Any]] = {
    "advertisement.status": ["ADVERTISE", "SOLD", "WAIT", "RESERVED", None, 7],
    "advertisement.advertisementType": [None, "NORMAL", "RENT_CAR", "RAFFLE", 3.5],
    "advertisement.leaseRentInfo": [None, {}],
    "advertisement.salesStatus": [None, "CONTRACT", "CONTRACT_PROGRESS", "PROMISED", ["CONTRACT"]],
    "advertisement.price": [2500, "2500", "ask", None],
    "category.manufacturerName": ["기아", "없는회사", None],
    "category.manufacturerEnglishName": ["Kia", None],
    "category.formYear": ["2022", 2022.0, None],
    "spec.mileage": [30000, -1, 999999],
}


def advert_of(changes: dict[str, object]) -> Advert:
    document: Any = orjson.loads((FIXTURES / "encar_detail" / "body.json").read_bytes())
    for path, value in changes.items():
        section, key = path.split(".")
        document[section][key] = value
    return read_detail(orjson.dumps(document), ID)


def told(read: Any) -> Any:
    """What a reader returns; for a Drift its path and text."""
    try:
        return read()
    except Drift as error:
        return error.path, str(error), error.capture


changed = st.fixed_dictionaries({}, optional={path: st.sampled_from(values) for path, values in DECIDING.items()})


@settings(max_examples=300, deadline=None)
@given(changed)
def test_it_says_what_the_rules_say_before_and_after_a_cache(changes: dict[str, object]) -> None:
    advert = advert_of(changes)
    parsed = parse(advert, ID, WORDS)
    stored = STORED.decode(STORED.encode(parsed))
    assert stored == parsed
    assert isinstance(stored, ParsedAdvert)

    def sale() -> tuple[SaleStatus, bool]:
        status = sale_status(advert)
        return status, status is SaleStatus.LIVE and is_under_contract(advert)

    assert told(stored.sale) == told(sale)
    if stored.status is SaleStatus.LIVE:
        assert told(stored.live_car) == told(lambda: normalise(advert, ID, WORDS))
    else:
        assert stored.car is None


@pytest.mark.parametrize(
    ("changes", "path", "status"),
    [
        ({"advertisement.status": "RESERVED"}, "advertisement.status", None),
        ({"advertisement.advertisementType": "RAFFLE"}, "advertisement.advertisementType", None),
        ({"advertisement.salesStatus": "PROMISED"}, "advertisement.salesStatus", None),
        ({"advertisement.price": "ask"}, "advertisement.price", SaleStatus.LIVE),
        ({"advertisement.price": "ask", "advertisement.status": "SOLD"}, None, SaleStatus.SOLD),
        ({}, None, SaleStatus.LIVE),
    ],
    ids=str,
)
def test_what_cannot_be_read_is_reported_once_and_keeps_its_page(
    changes: dict[str, object], path: str | None, status: SaleStatus | None
) -> None:
    reported: list[CaptureReason] = []

    def capture(upstream: str, operation: str, url: URL, response: Response, reason: CaptureReason) -> str:
        reported.append(reason)
        return "a-page"

    with reading(Reading("encar", "detail", URL("http://site/"), Response(200, CIMultiDict(), b""), capture)):
        parsed = parse(advert_of(changes), ID, WORDS)
    assert parsed.status is status
    assert [reason.path for reason in reported if isinstance(reason, Drift)] == ([path] if path else [])
    if path is None:
        assert parsed.drift is None
        return
    with pytest.raises(Drift) as raised:
        parsed.sale() if status is None else parsed.live_car()
    assert (raised.value.path, raised.value.capture) == (path, "a-page")
    with pytest.raises(Drift) as again:
        parsed.sale() if status is None else parsed.live_car()
    assert again.value is not raised.value


def test_a_word_of_an_advert_is_counted_when_it_is_read_and_not_when_it_is_used(vocabulary: Vocabulary) -> None:
    words = vocabulary.counting_apart()
    parsed = parse(advert_of({"category.gradeName": "뷁뷁"}), ID, words)
    counted = words.untranslated["trim", "뷁뷁"]
    assert counted == 1
    parsed.sale()
    parsed.live_car()
    assert words.untranslated["trim", "뷁뷁"] == counted


@given(st.text(min_size=1), st.text(), st.none() | st.text())
def test_a_drift_comes_back_from_its_parts(path: str, message: str, capture: str | None) -> None:
    error = Drift(path, message)
    error.capture = capture
    back = CachedDrift.of(error).error()
    assert (back.path, str(back), back.capture) == (path, str(error), capture)


@pytest.mark.parametrize("stale", [{}, {"listing_id": ID, "other_id": None, "document": {}, "vehicle_id": ID}], ids=str)
@pytest.mark.parametrize("holds", [ParsedAdvert, danawa.ParsedAdvert])
def test_what_an_older_process_stored_is_no_advert(holds: type, stale: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(msgspec.msgpack.encode(stale), type=holds)


def test_another_version_of_a_kind_is_stored_apart_and_counted_as_the_same() -> None:
    ages = {"fresh_s": 1.0, "revalidate_s": 1.0, "if_error_s": 1.0}
    one, two = (CachePolicy[int]("count", int, version, **ages) for version in (1, 2))
    assert (one.name, two.name) == ("count", "count")
    assert one.stored_as != two.stored_as
