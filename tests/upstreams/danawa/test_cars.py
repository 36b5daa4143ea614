"""Cars from the feeder: asked once however often they are wanted, and what its failures cost."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import orjson
import pytest
from structlog.testing import capture_logs
from yarl import URL

from dealerproxy.cache.cache import StaleCache
from dealerproxy.contract.deadline import Deadline
from dealerproxy.contract.detail import Enrichment, EnrichmentStatus
from dealerproxy.contract.inspection import AccidentCostSummary, CostBreakdown
from dealerproxy.contract.pricing import usd
from dealerproxy.sandbox.danawa.inventory import DanawaInventory, generate_danawa
from dealerproxy.sandbox.danawa.mpark import detail_info
from dealerproxy.transport.errors import Blocked, Drift, NotFound, TimedOut, Unconfirmed, UpstreamError
from dealerproxy.upstreams.danawa.cars import DanawaCars
from dealerproxy.upstreams.off_sale import OffSale
from dealerproxy.vehicles.car import Car, Documents, SaleStatus
from dealerproxy.vehicles.render import detail
from dealerproxy.vocabulary import Vocabulary
from tests.support.clock import Clock

CAPTURES = Path(__file__).parents[2] / "captures"
ID = "6100000001"
T = TypeVar("T")
BASE = URL("http://127.0.0.1:9")
SKIPPED = Enrichment("diagnosis", EnrichmentStatus.SKIPPED, "not_offered")


def body(name: str = "checked", **changes: Any) -> bytes:
    answer = orjson.loads((CAPTURES / f"danawa_feeder_{name}" / "body.json").read_bytes())
    for found in answer["data"]["detailInfo"]:
        found.update(changes)
    return json.dumps(answer).encode()


class Feeder:
    """Answers as told; `waits` holds an answer back until it is set."""

    base = BASE

    def __init__(self) -> None:
        self.answer: bytes | UpstreamError = body()
        self.asked: list[tuple[str, float]] = []
        self.waits: asyncio.Event | None = None

    async def car(self, listing_id: str, read: Callable[[bytes], T], *, within_s: float) -> T:
        self.asked.append((listing_id, within_s))
        if self.waits is not None:
            await self.waits.wait()
        if isinstance(self.answer, UpstreamError):
            raise self.answer
        return read(self.answer)


@pytest.fixture
def feeder() -> Feeder:
    return Feeder()


@pytest.fixture
def clock() -> Clock:
    return Clock(0.0)


@pytest.fixture
async def cars(feeder: Feeder, clock: Clock, vocabulary: Vocabulary) -> AsyncIterator[DanawaCars]:
    cache = StaleCache(clock=clock)
    yield DanawaCars(feeder, vocabulary, cache, OffSale(clock), fresh_s=60, deadline_s=10)
    await cache.close()


class Listed:
    """A list that says whether it shows the car; it notes that it was asked."""

    def __init__(self, stands: bool | None) -> None:
        self.says, self.asked = stands, 0

    async def stands(self, listing_id: str, deadline: Deadline) -> bool | None:
        self.asked += 1
        return self.says


# What is told of a car: by its feeder, and by whether the list shows it; None where it is not fresh or not there.
WITNESSES: list[tuple[bytes | UpstreamError, bool | None, SaleStatus | type[UpstreamError]]] = [
    (body(), True, SaleStatus.LIVE),
    (body(), None, Unconfirmed),
    (body(), False, Unconfirmed),
    (body("none"), True, Unconfirmed),
    (body("none"), None, Unconfirmed),
    (body("none"), False, SaleStatus.GONE),
    *((body("sold", demoNo=ID), stands, SaleStatus.SOLD) for stands in (True, None, False)),
    *((body(demoStatus="예약"), stands, SaleStatus.WAITING) for stands in (True, None, False)),
    *((NotFound("404"), stands, NotFound) for stands in (True, None, False)),
    *((Blocked("captcha"), stands, Blocked) for stands in (True, None, False)),
    *((b"<html>", stands, Drift) for stands in (True, None, False)),
]


@pytest.mark.parametrize(("answer", "stands", "told"), WITNESSES, ids=range(len(WITNESSES)))
@pytest.mark.parametrize("ask", [DanawaCars.find, DanawaCars.availability_of], ids=["car", "check"])
async def test_a_car_is_on_sale_or_gone_if_its_feeder_and_the_list_agree(
    feeder: Feeder,
    clock: Clock,
    vocabulary: Vocabulary,
    ask: Callable[..., Any],
    answer: bytes | UpstreamError,
    stands: bool | None,
    told: SaleStatus | type[UpstreamError],
) -> None:
    feeder.answer = answer
    off_sale, listed = OffSale(clock), Listed(stands)
    cars = DanawaCars(feeder, vocabulary, StaleCache(clock=clock), off_sale, fresh_s=60, deadline_s=10, stock=listed)
    if isinstance(told, SaleStatus):
        found = (await ask(cars, ID, Deadline(1))).value
        assert (SaleStatus.LIVE if isinstance(found, Car) else found) is told
    else:
        with pytest.raises(told):
            await ask(cars, ID, Deadline(1))
    # The end of a sale needs one witness; only a certain status takes a car off the lists.
    assert listed.asked == (told in {SaleStatus.LIVE, SaleStatus.GONE, Unconfirmed})
    assert off_sale.hides("danawa", ID, clock.at) == (isinstance(told, SaleStatus) and told is not SaleStatus.LIVE)


async def found(cars: DanawaCars) -> Car:
    car = (await cars.find(ID, Deadline(1))).value
    assert isinstance(car, Car)
    return car


async def test_a_car_and_its_documents_are_one_call(cars: DanawaCars, feeder: Feeder) -> None:
    car = await found(cars)
    documents = await cars.documents(car, 1000, Deadline(1), insider=True)
    assert feeder.asked == [(ID, 10)]
    assert (car.id, car.model, car.url) == (
        *("danawa_6100000001", "Sorento"),
        f"{BASE}/usedcar/loadingBridge.php?refer=usedcarList&sCompany=mpark&sDemoNo={ID}",
    )
    assert documents.body_condition is None
    assert documents.diagnosis is None
    assert documents.report is not None
    assert documents.record is not None
    assert documents.enrichment == (
        Enrichment("inspection", EnrichmentStatus.OK),
        Enrichment("record", EnrichmentStatus.OK),
        SKIPPED,
    )


async def test_many_who_want_a_car_at_once_are_one_call(cars: DanawaCars, feeder: Feeder) -> None:
    feeder.waits = asyncio.Event()
    asking = [asyncio.create_task(cars.find(ID, Deadline(1))) for _ in range(50)]
    checking = [asyncio.create_task(cars.availability_of(ID, Deadline(1))) for _ in range(50)]
    await asyncio.sleep(0)
    feeder.waits.set()
    assert {type(answer.value) for answer in await asyncio.gather(*asking)} == {Car}
    assert {answer.value for answer in await asyncio.gather(*checking)} == {SaleStatus.LIVE}
    assert len(feeder.asked) == 1


async def test_the_costs_of_accidents_are_counted_and_their_amounts_unknown(cars: DanawaCars) -> None:
    documents = await cars.documents(await found(cars), 1000, Deadline(1), insider=True)
    assert documents.report is not None
    assert documents.report.accident_cost_summary == AccidentCostSummary(
        total_incidents=2,
        total_repair_cost=None,
        breakdown=CostBreakdown(None, None, None),
        insurance_paid=None,
        incidents=(),
    )


async def test_a_car_without_a_check_has_no_documents(cars: DanawaCars, feeder: Feeder) -> None:
    feeder.answer = body("unchecked", demoNo=ID)
    assert await cars.documents(await found(cars), 1000, Deadline(1), insider=True) == Documents(
        enrichment=(
            Enrichment("inspection", EnrichmentStatus.ABSENT, "not_found"),
            Enrichment("record", EnrichmentStatus.ABSENT, "not_found"),
            SKIPPED,
        )
    )


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (body("none"), SaleStatus.GONE),
        (body("sold", demoNo=ID), SaleStatus.SOLD),
        (body(demoStatus="계약중"), SaleStatus.WAITING),
        (body(demoStatus="예약", carName=None), SaleStatus.WAITING),
    ],
)
async def test_a_car_that_cannot_be_bought_is_none_to_show_and_says_why(
    cars: DanawaCars, feeder: Feeder, answer: bytes, verdict: SaleStatus
) -> None:
    feeder.answer = answer
    assert (await cars.find(ID, Deadline(1))).value is verdict
    assert (await cars.availability_of(ID, Deadline(1))).value is verdict
    assert len(feeder.asked) == 1


async def test_a_live_car_can_be_bought_even_where_nobody_can_name_it(cars: DanawaCars, feeder: Feeder) -> None:
    feeder.answer = body(carName="모르는회사 새차")
    assert (await cars.availability_of(ID, Deadline(1))).value is SaleStatus.LIVE
    with capture_logs() as lines, pytest.raises(Drift, match="no English name"):
        await cars.find(ID, Deadline(1))
    assert [(line["operation"], line["reason"], line["id"]) for line in lines] == [("feeder", "drift", ID)]


@pytest.mark.parametrize(
    "error", [NotFound("404"), Blocked("captcha"), TimedOut(), b"<html>", body(demoStatus="?"), body(demoNo="9")]
)
async def test_one_witness_that_fails_proves_nothing(
    cars: DanawaCars, feeder: Feeder, clock: Clock, error: UpstreamError | bytes
) -> None:
    feeder.answer = error
    kind = Drift if isinstance(error, bytes) else type(error)
    asks: tuple[Callable[[str, Deadline], Any], ...] = (cars.find, cars.availability_of)
    for ask in asks:
        with capture_logs() as lines, pytest.raises(kind):
            await ask(ID, Deadline(1))
        assert [(line["event"], line["upstream"], line["operation"], line["id"]) for line in lines] == [
            ("upstream_trouble", "danawa", "feeder", ID)
        ]
        clock.at += 3  # a failure is kept for a moment
    feeder.answer = body()
    await found(cars)


async def test_a_feeder_that_hangs_costs_the_waiter_its_own_time_only(cars: DanawaCars, feeder: Feeder) -> None:
    feeder.waits = asyncio.Event()
    with pytest.raises(TimedOut):
        await cars.find(ID, Deadline(0.01))
    feeder.waits.set()
    await found(cars)
    assert len(feeder.asked) == 1


@pytest.mark.parametrize(
    ("changes", "inspection", "record"),
    [
        ({"accident": "?"}, "failed", "ok"),
        ({"myDamageCnt": "?"}, "ok", "failed"),
        ({"accident": None, "myDamageCnt": []}, "failed", "failed"),
    ],
)
async def test_a_paper_that_drifted_costs_its_nulls_not_the_car(
    cars: DanawaCars, feeder: Feeder, changes: dict[str, Any], inspection: str, record: str
) -> None:
    feeder.answer = body(**changes)
    car = await found(cars)
    with capture_logs() as lines:
        documents = await cars.documents(car, 1000, Deadline(1), insider=True)
    states = {entry.name: entry.status.value for entry in documents.enrichment}
    assert states == {"inspection": inspection, "record": record, "diagnosis": "skipped"}
    assert (documents.report is None, documents.record is None) == (inspection == "failed", record == "failed")
    failed = [entry.name for entry in documents.enrichment if entry.status is EnrichmentStatus.FAILED]
    assert [(line["operation"], line["reason"]) for line in lines] == [(name, "drift") for name in failed]
    assert documents.report is None or (documents.report.accident_cost_summary is None) == (record == "failed")


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [(body("none"), "absent", "not_found"), (Blocked("captcha"), "failed", "blocked"), (NotFound(), "failed", None)],
)
async def test_documents_asked_anew_cannot_fail_the_car(
    cars: DanawaCars, feeder: Feeder, clock: Clock, answer: bytes | UpstreamError, status: str, reason: str | None
) -> None:
    car = await found(cars)
    clock.at += 601
    feeder.answer = answer
    documents = await cars.documents(car, 1000, Deadline(1), insider=True)
    assert documents.record is None
    # The liens are the car's own: without an inspection they alone are told, and nothing where one may still come.
    told = [issue.faults for issue in documents.report.issues] if documents.report else None
    assert told == ([("pledge",)] if status == "absent" else None)
    assert [(entry.status.value, entry.reason) for entry in documents.enrichment[:2]] == [
        (status, reason or "upstream_error")
    ] * 2
    assert len(feeder.asked) == 2


async def test_the_liens_of_the_feeder_are_issues_beside_its_inspection(cars: DanawaCars) -> None:
    documents = await cars.documents(await found(cars), 1000, Deadline(1), insider=False)
    assert documents.report is not None
    assert documents.report.checklist == ()
    assert [(issue.category, issue.status, issue.faults) for issue in documents.report.issues] == [
        ("history", "major", ("pledge",))
    ]


async def test_papers_that_could_not_be_asked_anew_are_the_old_ones_and_say_so(
    cars: DanawaCars, feeder: Feeder, clock: Clock
) -> None:
    car = await found(cars)
    clock.at += 61
    feeder.answer = Blocked("captcha")
    documents = await cars.documents(car, 1000, Deadline(1), insider=True)
    assert documents.report is not None
    assert documents.enrichment[0] == Enrichment("inspection", EnrichmentStatus.OK, "stale")


async def test_every_car_of_the_stand_in_is_shown_in_full(vocabulary: Vocabulary) -> None:
    class StandIn:
        base = BASE

        def __init__(self, inventory: DanawaInventory) -> None:
            self._inventory = inventory

        async def car(self, listing_id: str, read: Callable[[bytes], T], *, within_s: float) -> T:
            return read(orjson.dumps(detail_info(self._inventory.by_id(listing_id))))

    inventory = generate_danawa(1)
    cache = StaleCache()
    cars = DanawaCars(StandIn(inventory), vocabulary, cache, OffSale(), fresh_s=60, deadline_s=10)
    states: set[tuple[str, str]] = set()
    for one in inventory:
        car = (await cars.find(one.id, Deadline(1))).value
        assert isinstance(car, Car) == (one.feeder == "mpark" and one.at_feeder and one.mark is None)
        if isinstance(car, SaleStatus):
            continue
        documents = await cars.documents(car, 1347.52, Deadline(1), insider=True)
        shown = detail(car, documents, 1347.52, insider=True)
        assert (shown.inspection_report is None) == (one.check is None)
        assert shown.pricing.listing_price == usd(one.price * 10_000, 1347.52)
        states |= {(entry.name, entry.status.value) for entry in shown.enrichment}
    assert states == {
        *(("inspection", "ok"), ("inspection", "absent"), ("record", "ok"), ("record", "absent")),
        ("diagnosis", "skipped"),
    }
