"""Who is shown a car as it was ordered, when, and how it is kept."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.client import (
    DealerClient,
    DealerError,
    DealerUnavailable,
    Owner,
    Snapshot,
    SnapshotUnreadable,
    VehicleNotFound,
    VehicleUnavailable,
    detail_or_snapshot,
    order_error,
    take_snapshot,
)
from dealerproxy.client.errors import outage
from dealerproxy.contract.detail import Comparables, Enrichment, EnrichmentStatus, PhotoTag, VehicleDetail
from dealerproxy.contract.pricing import detail_pricing
from tests.client.conftest import Answer, Scripted, failure, says

ID = "encar_41985016"
OWNER = Owner("acme", "production", ID)
CAR = VehicleDetail(
    id=ID,
    make="Kia",
    model="Sorento",
    trim="2.2 Diesel 4WD",
    year=2023,
    mileage_km=41_250,
    fuel="diesel",
    transmission="auto",
    color="White",
    engine_cc=2151,
    drivetrain="4WD",
    options=["sunroof"],
    thumbnail_url="https://photos.test/1.jpg",
    pricing=detail_pricing(30_500_000, 1347.52, "Kia", "suv"),
    comparables=Comparables(),
    vin="KNAMA81ABPA123456",
    license_plate="12가3456",
    photos=["https://photos.test/1.jpg"],
    photo_tags=[PhotoTag("https://photos.test/1.jpg", "front")],
    body_condition=None,
    inspection_report=None,
    enrichment=[Enrichment("inspection", EnrichmentStatus.ABSENT, "not_found")],
)
DETAIL = msgspec.json.decode(msgspec.json.encode(CAR))
# What the service answers whoever orders.
ORDERED = DETAIL | {"dealer": {"under_contract": False}}
UNAVAILABLE = failure(503, "dealer_upstream_unavailable")

words = st.text('aZ가 "\\\n', max_size=8)
values = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | words
details = st.dictionaries(
    st.text(max_size=5), values | st.lists(st.dictionaries(st.text(max_size=5), values)), max_size=5
)


def snapshot(owner: Owner = OWNER, **changes: object) -> Snapshot:
    kept = Snapshot(**owner._asdict(), taken_at="2026-04-15T21:50:00+09:00", krw_per_usd=1347.52, detail=DETAIL)
    return msgspec.structs.replace(kept, **changes)


class Store:
    """Snapshots by owner; it notes who looked."""

    def __init__(self, *stored: Snapshot) -> None:
        self.stored = {one.owner: one.encode() for one in stored}
        self.looked: list[Owner] = []

    async def __call__(self, owner: Owner) -> bytes | None:
        self.looked.append(owner)
        return self.stored.get(owner)


@pytest.fixture
def dealer(scripted: Scripted) -> DealerClient:
    return DealerClient(scripted.session, scripted.url)


async def refused(
    dealer: DealerClient, store: Store, partner: str = "acme", environment: str = "production"
) -> DealerError:
    with pytest.raises(DealerError) as raised:
        await detail_or_snapshot(dealer, ID, partner, environment, store)
    return raised.value


async def test_a_live_car_is_shown_live_and_nobody_looks_for_a_snapshot(
    dealer: DealerClient, scripted: Scripted
) -> None:
    scripted.says(says(DETAIL | {"mileage_km": 41_300}))
    store = Store(snapshot())
    found = await detail_or_snapshot(dealer, ID, "acme", "production", store)
    assert (found.detail["mileage_km"], found.snapshot, store.looked) == (41_300, None, [])


@pytest.mark.parametrize("reason", ["gone", "sold", "waiting", "not_for_sale"])
async def test_a_car_that_cannot_be_bought_any_more_is_shown_as_it_was_ordered(
    dealer: DealerClient, scripted: Scripted, reason: str
) -> None:
    scripted.says(failure(404, "vehicle_not_found", {"reason": reason}))
    found = await detail_or_snapshot(dealer, ID, "acme", "production", Store(snapshot()))
    assert found.detail == DETAIL
    assert found.snapshot is not None
    assert found.snapshot.krw_per_usd == 1347.52


@pytest.mark.parametrize("answer", [UNAVAILABLE, failure(500, "internal_error"), says(b"<html>", 502)])
async def test_a_car_nobody_can_ask_about_is_shown_as_it_was_ordered(
    dealer: DealerClient, scripted: Scripted, answer: Answer
) -> None:
    scripted.says(answer)
    found = await detail_or_snapshot(dealer, ID, "acme", "production", Store(snapshot()))
    assert found.detail == DETAIL


async def test_who_has_a_snapshot_is_not_kept_waiting_for_a_second_try(
    scripted: Scripted,
) -> None:
    async def never(_: float) -> None:
        raise AssertionError("waited")

    scripted.says(failure(503, "dealer_upstream_unavailable", Retry_After="5"))
    dealer = DealerClient(scripted.session, scripted.url, sleep=never)
    await detail_or_snapshot(dealer, ID, "acme", "production", Store(snapshot()), deadline_s=60)


async def test_without_a_snapshot_the_live_answer_stands(dealer: DealerClient, scripted: Scripted) -> None:
    scripted.says(failure(404, "vehicle_not_found", {"reason": "sold"}))
    error = await refused(dealer, Store())
    assert isinstance(error, VehicleNotFound)
    assert error.reason == "sold"
    scripted.says(UNAVAILABLE)
    assert isinstance(await refused(dealer, Store()), DealerUnavailable)


@pytest.mark.parametrize("asking", [("bolt", "production"), ("acme", "sandbox")])
async def test_nobody_elses_snapshot_is_shown_even_by_a_lookup_that_is_too_wide(
    dealer: DealerClient, scripted: Scripted, asking: tuple[str, str]
) -> None:
    scripted.says(failure(404, "vehicle_not_found", {"reason": "sold"}))
    store = Store(snapshot())
    assert isinstance(await refused(dealer, store, *asking), VehicleNotFound)
    assert store.looked == [Owner(*asking, ID)]

    too_wide = Store()
    too_wide.stored[Owner(*asking, ID)] = snapshot().encode()
    assert isinstance(await refused(dealer, too_wide, *asking), VehicleNotFound)
    too_wide.stored[OWNER] = snapshot(OWNER._replace(vehicle_id="encar_1")).encode()
    assert isinstance(await refused(dealer, too_wide), VehicleNotFound)


@given(details, st.floats(100, 10_000))
def test_a_snapshot_comes_back_as_it_was_stored(detail: dict[str, object], rate: float) -> None:
    kept = snapshot(detail=detail, krw_per_usd=rate)
    assert Snapshot.decode(kept.encode()) == kept


def test_a_snapshot_holds_the_whole_car_with_its_plate_its_rate_and_its_version() -> None:
    stored = msgspec.json.decode(snapshot().encode())
    assert stored["detail"] == DETAIL
    assert set(VehicleDetail.__struct_fields__) <= set(stored["detail"])
    assert (stored["version"], stored["krw_per_usd"]) == (1, 1347.52)


@pytest.mark.parametrize("stored", [b"", b"{}", b"[1]", b'{"version": 1}', b'{"version": 1, "partner": "\xff"}'])
def test_what_is_no_snapshot_is_told_as_such(stored: bytes) -> None:
    with pytest.raises(SnapshotUnreadable):
        Snapshot.decode(stored)


def test_a_version_nobody_knows_is_not_guessed_at() -> None:
    with pytest.raises(SnapshotUnreadable, match="version 2"):
        Snapshot.decode(snapshot(version=2).encode())


async def test_an_order_looks_past_every_cache_and_at_its_own_rate(dealer: DealerClient, scripted: Scripted) -> None:
    scripted.says(says(ORDERED))
    taken = await take_snapshot(dealer, OWNER, 1347.52, now=lambda: 1_776_257_400.0)
    assert scripted.asked[0].headers["Cache-Control"] == "no-cache"
    assert dict(scripted.asked[0].query) == {"krw_per_usd": "1347.52", "include": "dealer"}
    assert taken == snapshot()


@pytest.mark.parametrize("reason", ["gone", "sold", "waiting", "not_for_sale"])
async def test_an_order_for_a_car_that_disappeared_is_410_vehicle_unavailable(
    dealer: DealerClient, scripted: Scripted, reason: str
) -> None:
    scripted.says(failure(404, "vehicle_not_found", {"reason": reason}))
    with pytest.raises(VehicleUnavailable) as raised:
        await take_snapshot(dealer, OWNER, 1347.52)
    assert (raised.value.status, raised.value.code) == (410, "vehicle_unavailable")
    assert (raised.value.details, raised.value.request_id) == ({"reason": reason}, "req_" + "a" * 24)


async def test_an_order_is_not_failed_by_an_unknown_id_or_an_outage(dealer: DealerClient, scripted: Scripted) -> None:
    with pytest.raises(VehicleNotFound):
        await take_snapshot(dealer, Owner("acme", "production", "encar_x"), 1347.52)
    scripted.says(UNAVAILABLE)
    with pytest.raises(DealerUnavailable):
        await take_snapshot(dealer, OWNER, 1347.52)
    down = outage("unreachable")
    assert order_error(down) is down
