"""Cars in stock and live rows: both are shown alike, whichever words a row has."""

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import orjson
from hypothesis import given
from hypothesis import strategies as st
from msgspec import to_builtins

from dealerproxy.stock.table import build
from dealerproxy.upstreams.encar.kinds import Kind, listing_of, template
from dealerproxy.upstreams.encar.rows import SearchRow, SearchTarget, Unreadable, kind_of, read_search, stocked_car
from dealerproxy.vehicles.listing import LeftOut, LeftOutReason, Listing
from dealerproxy.vocabulary import Vocabulary

PAGE = Path(__file__).parents[2] / "captures" / "encar_search_premium" / "body.json"
ROWS: list[dict[str, Any]] = orjson.loads(PAGE.read_bytes())["SearchResults"]
ODD = ("", " ", "처음 보는 말", "플러그인 하이브리드", "디젤 2.2 4WD", "가솔린+전기", "오토", "기아", "경기", "Z")
GENERATIONS = ("더 뉴 쏘렌토 4세대", "그랜저 (GN7)", "렉스턴 스포츠", "K5 3세대", "쉐보레", *ODD)


def target(vocabulary: Vocabulary, make: str, model: str | None) -> SearchTarget:
    found = vocabulary.find_make(make)
    assert found is not None
    models = vocabulary.find_models(found, model) if model else (None,)
    return SearchTarget(found, found.facets[0].korean, models[0])


def live_row(row: SearchRow, asked: SearchTarget, vocabulary: Vocabulary) -> Listing | LeftOut:
    """The row as a live search shows it."""
    _, (entry,) = read_search(orjson.dumps({"Count": 1, "SearchResults": [to_builtins(row)]}), asked, vocabulary)
    return entry


def photo(name: str, kind: str, place: int) -> dict[str, Any]:
    return {"location": f"/carpicture10/pic4900/{name}.jpg", "type": kind, "ordering": float(place)}


@st.composite
def rows(draw: st.DrawFn) -> SearchRow:
    """A row of the project's own page with some of its words and numbers replaced or missing."""
    row = draw(st.sampled_from(ROWS)) | {"FormYear": draw(st.sampled_from(("2023", "2031x", "1999")))}
    changes: dict[str, st.SearchStrategy[Any]] = {
        "Id": st.integers(1, 10**18).map(str),
        "Manufacturer": st.sampled_from(("기아", "현대", "쉐보레", "모르는 회사")),
        "Model": st.sampled_from(GENERATIONS),
        "Badge": st.sampled_from(ODD),
        "BadgeDetail": st.sampled_from(ODD),
        "FuelType": st.sampled_from(ODD),
        "Transmission": st.sampled_from(ODD),
        "OfficeCityState": st.sampled_from(ODD),
        "Separation": st.lists(st.sampled_from(("A", "B", "F", "R", "Z", "")), max_size=3),
        "Photo": st.integers(1, 10**9).map(lambda number: f"/carpicture10/pic4900/{number}_"),
        "Photos": st.lists(st.builds(photo, st.sampled_from("ab"), st.sampled_from(("001", "003")), st.integers(1, 9))),
        "Price": st.floats(0, 120_000),
        "Mileage": st.floats(-5, 1_000_000),
        "ServiceCopyCar": st.sampled_from(("ORIGINAL", "DUPLICATION")),
        "SalesStatus": st.sampled_from(("CONTRACT", "SOLD")),
        "SellType": st.sampled_from(("일반", "리스", "렌트")),
    }
    for name in draw(st.sets(st.sampled_from(sorted(changes)), max_size=5)):
        row = row | {name: draw(changes[name])}
    for name in draw(st.sets(st.sampled_from(("Badge", "FuelType", "Transmission", "Photos", "Separation")))):
        row = {key: value for key, value in row.items() if key != name}
    return msgspec.convert(row, SearchRow)


@given(
    st.lists(rows(), min_size=1, max_size=4), st.sampled_from((("Kia", "Sorento"), ("Kia", None), ("Hyundai", None)))
)
def test_a_car_out_of_a_table_is_the_listing_of_its_live_row(
    vocabulary: Vocabulary, page: list[SearchRow], wanted: tuple[str, str | None]
) -> None:
    asked = target(vocabulary, *wanted)
    cars, live = [], {}
    for row in page:
        try:
            car = stocked_car(row, asked, vocabulary)
        except Unreadable:
            continue
        shown = live_row(row, asked, vocabulary)
        if isinstance(car, LeftOutReason):
            assert shown == LeftOut(car, row.Id)
        else:
            cars.append(car)
            live[row.Id] = shown
    table = build(cars)
    kept = [listing_of(car, vocabulary) for car in table.cars(table.ordered("price_asc"))]  # type: ignore[arg-type]
    assert {listing.listing_id: listing for listing in kept} == live


@given(rows())
def test_a_car_shared_out_to_the_group_of_its_generation_is_the_listing_of_a_search_for_the_group(
    vocabulary: Vocabulary, row: SearchRow
) -> None:
    make = target(vocabulary, "Kia", None)
    row = msgspec.structs.replace(row, Manufacturer=make.facet)
    model = vocabulary.model_of_generation(make.facet, row.Model)
    try:
        car = stocked_car(row, make, vocabulary)
    except Unreadable:
        return
    if model is None or isinstance(car, LeftOutReason):
        return
    shared = car._replace(kind=Kind._make(car.kind)._replace(group=model.korean))
    assert listing_of(shared, vocabulary) == live_row(row, make._replace(model=model), vocabulary)


def test_words_without_english_are_counted_for_every_row_and_never_when_a_car_is_shown(vocabulary: Vocabulary) -> None:
    words = vocabulary.counting_apart()
    asked = target(words, "Kia", None)
    fields = {"Badge": "처음보는말", "FuelType": "증기", "OfficeCityState": "화성", "Separation": ["Z"]}
    row = msgspec.convert(ROWS[0] | fields, SearchRow)
    once = Counter({("trim", "처음보는말"): 1, ("fuel", "증기"): 1, ("region", "화성"): 1, ("seller_type", "Z"): 1})
    for read in range(1, 4):
        car = stocked_car(row, asked, words)
        assert not isinstance(car, LeftOutReason)
        for _ in range(5):
            listing_of(car, words)
        assert words.untranslated == Counter({miss: read * count for miss, count in once.items()})


def test_a_colour_that_a_search_told_is_shown_in_english(vocabulary: Vocabulary) -> None:
    car = stocked_car(msgspec.convert(ROWS[0], SearchRow), target(vocabulary, "Kia", None), vocabulary)
    assert not isinstance(car, LeftOutReason)
    plain, white = listing_of(car, vocabulary), listing_of(car._replace(colour="흰색"), vocabulary)
    assert isinstance(plain, Listing)
    assert plain.colour is None
    assert white == msgspec.structs.replace(plain, colour="White")


def test_a_kept_car_whose_model_this_vocabulary_lacks_is_left_out(vocabulary: Vocabulary) -> None:
    car = stocked_car(msgspec.convert(ROWS[0], SearchRow), target(vocabulary, "Kia", None), vocabulary)
    assert not isinstance(car, LeftOutReason)
    strange = car._replace(kind=Kind("기아", "이젠 없는 그룹", "기아", "이젠 없는 세대"))
    assert listing_of(strange, vocabulary) == LeftOut(LeftOutReason.UNKNOWN_MODEL, str(car.number))


def test_rows_with_the_same_words_share_one_template(vocabulary: Vocabulary) -> None:
    asked = target(vocabulary, "Kia", "Sorento")
    kinds = [kind_of(msgspec.convert(ROWS[0] | {"Id": str(number)}, SearchRow), asked) for number in (1, 2)]
    assert template(kinds[0], vocabulary) is template(Kind._make(kinds[1]), vocabulary)
    assert isinstance(template(kinds[0], vocabulary).listing, Listing)
