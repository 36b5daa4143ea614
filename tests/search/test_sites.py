"""The search over sites that nobody knows: all it needs of them is what the protocol says."""

import pytest
from msgspec.structs import replace

from dealerproxy.contract.answers import Notice, SkipReason
from dealerproxy.contract.deadline import Deadline
from dealerproxy.contract.rate import iso_kst
from dealerproxy.contract.terms import UPSTREAMS
from dealerproxy.search.availability import check
from dealerproxy.search.facets import facets
from dealerproxy.transport.errors import TimedOut
from dealerproxy.upstreams.results import EnrichedRows, SitePlan, StockedModels
from dealerproxy.upstreams.upstream import Upstream
from dealerproxy.vocabulary import Vocabulary
from tests.support.invented_site import FIRST, SECOND, InventedLeg, InventedSite, search_over


@pytest.mark.parametrize("whole", [(False, False), (False, True), (True, False), (True, True)])
def test_rows_of_all_sites_are_merged_however_their_legs_are_read(
    vocabulary: Vocabulary, whole: tuple[bool, bool]
) -> None:
    odd, even = InventedSite(FIRST, range(1, 120, 2), whole=whole[0]), InventedSite(SECOND, range(2, 120, 2))
    even.planned = SitePlan([InventedLeg(SECOND, "all", whole[1])])
    ask = search_over(vocabulary, odd, even)
    prices: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        answer = ask(**cursor)
        prices += [row.mileage_km for row in answer.data]
        if answer.next_cursor is None:
            break
        cursor = {"cursor": answer.next_cursor}
    assert prices == list(range(1, 120))
    for site, is_whole in zip((odd, even), whole, strict=True):
        assert {index for index in site.asked if isinstance(index, int)} == (set() if is_whole else {0, 1})


def test_the_sites_plan_and_what_they_say_comes_in_their_order(vocabulary: Vocabulary) -> None:
    sites = InventedSite(FIRST), InventedSite(SECOND)
    for number, site in enumerate(sites):
        site.planned = SitePlan(skip=list(SkipReason)[1 + number], notices=[Notice(code=f"n{number}", message="")])
    answer = search_over(vocabulary, *sites)()
    assert [source.reason for source in answer.sources] == [SkipReason.NOTHING_TO_ASK, SkipReason.NO_FACET]
    assert [notice.code for notice in answer.notices] == ["n0", "n1"]
    assert [site.asked for site in sites] == [[["Kia"]], [["Kia"]]]


def test_a_site_that_was_excluded_plans_nothing(vocabulary: Vocabulary) -> None:
    first, second = InventedSite(FIRST, [1]), InventedSite(SECOND, [2])
    answer = search_over(vocabulary, first, second)(upstream=SECOND)
    assert [row.id for row in answer.data] == [f"{SECOND}_1"]
    assert first.asked == []


@pytest.mark.parametrize("whole", [(False, True), (True, False)])
@pytest.mark.parametrize("earlier", [FIRST, SECOND])
def test_of_two_adverts_of_one_car_that_of_the_site_listed_first_is_shown(
    vocabulary: Vocabulary, whole: tuple[bool, bool], earlier: str
) -> None:
    """Whichever of them the merge meets first, and however their legs are read."""
    first, second = (InventedSite(name, [7], whole=is_whole) for name, is_whole in zip(UPSTREAMS, whole, strict=True))
    # The same car, met first at one site: before it there is another one of the same price.
    waiting = first if earlier == SECOND else second
    waiting.rows.insert(0, replace(waiting.rows[0], listing_id="2", vehicle_key="2", mileage_km=1, price_krw=10))
    answer = search_over(vocabulary, first, second)()
    assert [row.id for row in answer.data if row.mileage_km == 7] == [f"{FIRST}_1"]
    assert [(notice.code, notice.count) for notice in answer.notices] == [("left_out_duplicate", 1)]


def test_each_site_enriches_its_own_rows(vocabulary: Vocabulary) -> None:
    first, second = InventedSite(FIRST, [1, 3, 5]), InventedSite(SECOND, [2, 4])
    first.enriched = EnrichedRows({"1": replace(first.rows[0], colour="red"), "2": None}, TimedOut("slow"))
    answer = search_over(vocabulary, first, second)(include="enriched")
    assert [(row.id, row.color) for row in answer.data] == [
        (f"{FIRST}_1", "red"),
        (f"{SECOND}_1", None),
        (f"{SECOND}_2", None),
        (f"{FIRST}_3", None),
    ]
    assert (first.asked[-1], second.asked[-1]) == (["1", "2", "3"], ["1", "2"])
    assert [(notice.code, notice.count) for notice in answer.notices] == [
        ("not_enriched", 3),
        ("left_out_not_buyable", 1),
    ]
    assert f"({TimedOut.code})" in answer.notices[0].message


async def test_each_site_checks_its_own_cars() -> None:
    first, second = InventedSite(FIRST), InventedSite(SECOND)
    sites: dict[str, Upstream[InventedLeg]] = {FIRST: first, SECOND: second}
    found = await check(sites, {SECOND: ["5", "4"], FIRST: ["5"]}, Deadline(1.0), bypass_cache=True)
    assert list(found) == [(SECOND, "5"), (SECOND, "4"), (FIRST, "5")]
    assert (first.asked, second.asked) == ([(("5",), True)], [(("5", "4"), True)])


async def test_facets_are_joined_in_the_order_of_the_sites_and_as_old_as_the_oldest(vocabulary: Vocabulary) -> None:
    first, second = InventedSite(FIRST), InventedSite(SECOND)
    first.models = StockedModels({"Kia": ["K5", "Ray"], "BMW": []}, 2000.0, [Notice(code="n", message="")])
    second.models = StockedModels({"Kia": ["Ray", "Bongo"], "Lotus": ["Emira"]})
    sites: dict[str, Upstream[InventedLeg]] = {FIRST: first, SECOND: second}
    answer = await facets(sites, vocabulary, (), Deadline(1.0), now=lambda: 3000.0)
    assert answer.makes == ["Kia", "BMW", "Lotus"]
    assert answer.models == {"Kia": ["K5", "Ray", "Bongo"], "BMW": [], "Lotus": ["Emira"]}
    assert answer.as_of == iso_kst(2000.0)
    assert [notice.code for notice in answer.notices] == ["n"]
    first.models = StockedModels({})
    assert (await facets(sites, vocabulary, ("dealer",), Deadline(1.0), now=lambda: 3000.0)).as_of == iso_kst(3000.0)
