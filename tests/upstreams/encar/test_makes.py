"""A make of Encar's read in one go and shared out: each group has its own cars and all of them, or is read alone."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dealerproxy.transport.errors import Blocked, Drift, ServerFault, UpstreamError
from dealerproxy.upstreams.encar import makes
from dealerproxy.upstreams.encar.kinds import listing_of
from dealerproxy.upstreams.encar.makes import MakeReader
from dealerproxy.upstreams.encar.query import Search
from dealerproxy.upstreams.encar.rows import SearchTarget
from dealerproxy.upstreams.encar.whole import WholeListing, WholeReader
from dealerproxy.upstreams.off_sale import OffSale
from dealerproxy.vehicles.listing import Listing
from dealerproxy.vocabulary import Vocabulary
from tests.upstreams.encar.listing_site import FINE, Car, ListingSite, Trouble

# Groups with a generation of each.
GROUPS = {"쏘렌토": "더 뉴 쏘렌토 4세대", "K5": "K5 3세대", "모닝": "올 뉴 모닝", "카니발": "카니발 4세대"}
Answer = dict[str, WholeListing | Drift]


@pytest.fixture(scope="module")
def kia(vocabulary: Vocabulary) -> SearchTarget:
    make = vocabulary.find_make("Kia")
    assert make is not None
    return SearchTarget(make, "기아")


def stock(**counts: int) -> list[Car]:
    """So many cars of each group, in turn, each a little dearer."""
    found: list[Car] = []
    for group, count in counts.items():
        first = 10_000 * (1 + list(GROUPS).index(group))
        found += [
            Car(first + i, price=1000 + i, generation=GROUPS[group], group=group, modified=i) for i in range(count)
        ]
    return found


def make_reader(site: ListingSite, vocabulary: Vocabulary) -> MakeReader:
    return MakeReader(WholeReader(site.search, vocabulary, OffSale()), site.facets, vocabulary)


async def read(
    site: ListingSite, vocabulary: Vocabulary, kia: SearchTarget, before: Mapping[str, int] | None = None
) -> Answer:
    return {name: found async for name, found in make_reader(site, vocabulary).read_make(kia, before or {})}


def numbers(answer: Answer) -> dict[str, set[int]]:
    """The listing ids of each group with cars."""
    for found in answer.values():
        assert isinstance(found, WholeListing)
    listings = {name: found for name, found in answer.items() if isinstance(found, WholeListing)}
    return {name: set(found.rows) for name, found in listings.items() if found.rows}


def there(site: ListingSite) -> dict[str, set[int]]:
    return {group: ids for group in GROUPS if (ids := {car.number for car in site.cars if car.group == group})}


def asked_groups(site: ListingSite) -> set[str]:
    return {group for group in GROUPS for ask in site.calls if f"ModelGroup.{group}." in ask.q}


async def test_a_make_of_few_cars_takes_as_many_calls_as_it_has_pages(
    vocabulary: Vocabulary, kia: SearchTarget
) -> None:
    site = ListingSite(stock(쏘렌토=700, K5=30, 모닝=1))
    answer = await read(site, vocabulary, kia)
    assert numbers(answer) == there(site)
    assert len(site.calls) == 2
    # Every group of the make that nobody counts and of which no car came is known to have none.
    assert answer.keys() == {model.korean for model in vocabulary.models_of(kia.make)}


async def test_the_cars_of_a_share_are_those_of_a_search_for_the_group(
    vocabulary: Vocabulary, kia: SearchTarget
) -> None:
    site = ListingSite(stock(쏘렌토=5, K5=5, 모닝=5, 카니발=5))
    shared = await read(site, vocabulary, kia)
    alone = ListingSite(site.cars)
    reader = WholeReader(alone.search, vocabulary, OffSale())
    for model in vocabulary.models_of(kia.make):
        if model.korean in GROUPS:
            search = Search(make="기아", model_group=model.korean)
            listing = await reader.read_whole(search, kia._replace(model=model))
            found = shared[model.korean]
            assert isinstance(found, WholeListing)
            assert found.cars == listing.cars
            shown = listing_of(found.cars[0], vocabulary)
            assert isinstance(shown, Listing)
            assert shown.model == model.name


async def test_a_make_of_too_many_cars_is_read_group_by_group(
    vocabulary: Vocabulary, kia: SearchTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(makes, "MAX_OFFSET", 50)
    site = ListingSite(stock(쏘렌토=40, K5=30))
    answer = await read(site, vocabulary, kia)
    assert numbers(answer) == there(site)
    # Only groups with cars are asked for; of the others one answer alone says that they have none.
    assert answer.keys() == asked_groups(site) == {"쏘렌토", "K5"}
    assert len(site.calls) == 2


@pytest.mark.parametrize(
    ("generation", "more"),
    [
        ("처음 보는 이름", {}),
        ("처음 보는 이름", {"SalesStatus": "CONTRACT"}),
        ("처음 보는 이름", {"SellType": "리스"}),
        ("그랜저 쏘렌토", {"Manufacturer": "현대"}),
    ],
)
async def test_a_make_with_a_generation_that_nobody_knows_is_read_group_by_group_from_then_on(
    vocabulary: Vocabulary, kia: SearchTarget, generation: str, more: dict[str, Any]
) -> None:
    cars = stock(쏘렌토=40, K5=30)
    strange = Car(99, generation=generation, group="쏘렌토", extra=tuple(more.items()))
    site = ListingSite([*cars, strange])
    reader = make_reader(site, vocabulary)
    for calls in (3, 2):
        site.calls.clear()
        answer = {name: found async for name, found in reader.read_make(kia, {})}
        assert numbers(answer) == there(site)
        assert len(site.calls) == calls


@pytest.mark.parametrize("count", [0, 37, 43, 400])
async def test_a_group_that_does_not_add_up_is_read_alone(
    vocabulary: Vocabulary, kia: SearchTarget, count: int
) -> None:
    site = ListingSite(stock(쏘렌토=40, K5=3000))
    site.facet_counts = {"쏘렌토": count, "K5": 3000}
    answer = await read(site, vocabulary, kia)
    assert numbers(answer) == there(site)
    assert asked_groups(site) == {"쏘렌토"}


async def test_a_group_whose_cars_name_another_is_read_alone_and_so_is_the_other(
    vocabulary: Vocabulary, kia: SearchTarget
) -> None:
    site = ListingSite([car._replace(generation="K5 3세대") for car in stock(쏘렌토=40)] + stock(K5=60))
    answer = await read(site, vocabulary, kia)
    assert numbers(answer) == there(site)
    assert asked_groups(site) == {"쏘렌토", "K5"}


async def test_without_counts_the_shares_of_a_make_that_came_entirely_are_used(
    vocabulary: Vocabulary, kia: SearchTarget
) -> None:
    site = ListingSite(stock(쏘렌토=40, K5=30))
    site.facet_counts = Drift("iNav")
    answer = await read(site, vocabulary, kia)
    assert numbers(answer) == there(site)
    assert not asked_groups(site)


async def test_without_counts_a_make_that_lacks_cars_is_read_group_by_group(
    vocabulary: Vocabulary, kia: SearchTarget
) -> None:
    site = ListingSite(stock(쏘렌토=40, K5=2), Trouble(counted=43), Trouble(counted=43), FINE)
    site.facet_counts = Drift("iNav")
    answer = await read(site, vocabulary, kia)
    assert numbers(answer) == there(site)
    assert asked_groups(site) == set(GROUPS)


async def test_a_group_that_shrank_is_read_alone_and_then_is_drift(vocabulary: Vocabulary, kia: SearchTarget) -> None:
    site = ListingSite(stock(쏘렌토=10, K5=300))
    answer = await read(site, vocabulary, kia, before={"쏘렌토": 20, "K5": 300})
    shrunken, sound = answer["쏘렌토"], answer["K5"]
    assert isinstance(shrunken, Drift)
    assert isinstance(sound, WholeListing)
    assert sound.distinct == 300


@pytest.mark.parametrize("error", [ServerFault("503"), Blocked("page")], ids=["503", "blocked"])
@pytest.mark.parametrize("where", ["facets", "make", "group"])
async def test_a_site_that_fails_ends_the_reading_after_the_groups_that_are_whole(
    vocabulary: Vocabulary, kia: SearchTarget, error: UpstreamError, where: str
) -> None:
    site = ListingSite(stock(쏘렌토=40, K5=30))
    answer: Answer = {}
    if where == "facets":
        site.facet_counts = error
    else:
        site.facet_counts = {"쏘렌토": 40, "K5": 20}
        site.fail(*([FINE] if where == "group" else []), Trouble(error=error))
    reading = make_reader(site, vocabulary).read_make(kia, {})

    async def follow() -> None:
        async for name, found in reading:
            answer[name] = found

    with pytest.raises(type(error)):
        await follow()
    assert ("쏘렌토" in answer) == (where == "group")
    assert "K5" not in answer


@settings(max_examples=100)
@given(
    st.fixed_dictionaries(dict.fromkeys(GROUPS, st.integers(0, 12))),
    st.dictionaries(st.sampled_from(list(GROUPS)), st.integers(0, 14)),
    st.booleans(),
    st.lists(st.tuples(st.integers(1, 30), st.none() | st.integers(0, 40)), min_size=1, max_size=6),
)
async def test_no_group_lacks_cars_unnoticed_or_has_those_of_another(
    vocabulary: Vocabulary,
    kia: SearchTarget,
    counts: dict[str, int],
    told: dict[str, int],
    facets_drift: bool,
    pages: list[tuple[int, int | None]],
) -> None:
    site = ListingSite(stock(**counts), *[Trouble(cap, counted) for cap, counted in pages])
    site.facet_counts = Drift("iNav") if facets_drift else {**counts, **told}
    try:
        answer = await read(site, vocabulary, kia)
    except Drift:
        return
    for name, found in answer.items():
        if isinstance(found, WholeListing):
            assert set(found.rows) == there(site).get(name, set())
