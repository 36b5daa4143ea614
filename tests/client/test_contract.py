"""The client's models and words are what the running service says: nothing lost, nothing made up."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealerproxy.client import (
    DealerError,
    DealerPart,
    InvalidRequest,
    VehicleDetail,
    VehicleNotFound,
    VehicleSummary,
    parse,
)
from dealerproxy.client.sources import UNSUPPORTED_OPTIONS
from dealerproxy.contract.answers import AvailabilityAnswer, FacetsAnswer, VehicleList
from dealerproxy.contract.errors import ApiError
from dealerproxy.sandbox.danawa.inventory import MPARK
from dealerproxy.sandbox.faults import Block
from dealerproxy.search import query
from dealerproxy.vocabulary import Vocabulary
from tests.client.conftest import MainApiHarness

MODELS = [VehicleList, VehicleSummary, VehicleDetail, FacetsAnswer, AvailabilityAnswer]


def plain(value: object) -> Any:
    """As JSON has it."""
    return msgspec.json.decode(msgspec.json.encode(value))


def test_the_unsupported_options_are_the_vocabularys(vocabulary: Vocabulary) -> None:
    assert set(UNSUPPORTED_OPTIONS) == set(vocabulary.unsupported_options)


# The document says more than the models: what a field means, and that an answer always has all of them.
BESIDE = {"title", "description", "examples", "default", "required", "format", "minimum", "maximum", "pattern"}


def bare(schema: Any) -> Any:
    """A schema down to its fields and their types."""
    if isinstance(schema, dict):
        return {name: bare(value) for name, value in schema.items() if name not in BESIDE}
    return [bare(one) for one in schema] if isinstance(schema, list) else schema


async def test_the_openapi_document_has_the_clients_models(house: MainApiHarness) -> None:
    async with house.session.get(house.service + "/openapi.json") as response:
        document = await response.json()
    _, ours = msgspec.json.schema_components(MODELS, ref_template="#/components/schemas/{name}")
    theirs = document["components"]["schemas"]
    assert bare({name: theirs.get(name) for name in ours}) == bare(ours)


@pytest.mark.parametrize(
    "params",
    [
        {"make": "Kia,Hyundai", "limit": "20"},
        {"make": "Kia", "sort": "price_desc", "fuel": "diesel", "color": "white", "keyword": "x"},
        {"make": "Kia", "accident_grade": "A"},
        {"make": "Nobody"},
        {"source": "glovis"},
    ],
)
async def test_a_list_is_read_without_losing_a_word(house: MainApiHarness, params: dict[str, str]) -> None:
    typed = await house.dealer.search(params)
    assert plain(typed) | {"sources": None} == await house.raw("/v1/vehicles", params=params) | {"sources": None}
    assert {source.name for source in typed.sources} == {"encar", "danawa"}


async def test_a_car_is_read_without_losing_a_word(house: MainApiHarness) -> None:
    danawa_car = next(car for car in house.danawa.inventory if not car.mark and car.feeder == MPARK and car.at_feeder)
    for vehicle_id in ("encar_41985016", f"danawa_{danawa_car.id}"):
        assert plain(await house.dealer.vehicle(vehicle_id)) == await house.raw(f"/v1/vehicles/{vehicle_id}")


async def test_facets_and_availability_are_read_without_losing_a_word(house: MainApiHarness) -> None:
    assert plain(await house.dealer.facets()) == await house.raw("/v1/vehicles/facets")
    ids = ["encar_41985016", "encar_10000001"]
    raw = await house.raw("/v1/vehicles/availability", method="POST", json={"ids": ids})
    assert plain(await house.dealer.availability(ids)) == raw["data"]


async def test_an_error_is_read_without_losing_a_word(house: MainApiHarness) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await house.dealer.search({"source": "dealer", "color": "plaid"}, request_id="req_" + "0" * 24)
    raw = await house.raw("/v1/vehicles?source=dealer&color=plaid", headers={"X-Request-Id": "req_" + "0" * 24})
    error = refused.value
    assert raw["error"] == {
        "code": error.code, "message": error.message, "request_id": error.request_id, "details": error.details,
    }  # fmt: skip
    with pytest.raises(VehicleNotFound) as gone:
        await house.dealer.vehicle("encar_10000001")
    assert gone.value.reason == "gone"


async def test_an_outage_names_its_sources(house: MainApiHarness) -> None:
    house.breaks(Block(operation="search"), Block(operation="danawa_list"))
    with pytest.raises(DealerError) as raised:
        await house.dealer.search({"make": "Kia"}, deadline_s=5)
    assert raised.value.status == 503
    assert set(raised.value.headers["X-LMN-Partial-Dealer-Unavailable"].split(",")) == {"encar", "danawa"}


async def test_a_walk_over_the_real_service_gives_every_row_once(house: MainApiHarness) -> None:
    params = {"make": "Kia", "sort": "mileage_asc", "limit": "10"}
    pages = [page async for page in house.dealer.iterate(params)]
    ids = [row.id for page in pages for row in page.data]
    assert len(pages) > 3
    assert len(ids) == len(set(ids)) > 30


values = {
    "source": st.sampled_from(["dealer", "glovis,dealer", "glovis", "sk,aj", "Dealer"]),
    "make": st.sampled_from(["Kia", "Hyundai,Kia", " ", ","]),
    "model": st.sampled_from(["K5", ""]),
    "options_include": st.sampled_from(["sunroof", "Dashcam", "sunroof,panoramic_sunroof"]),
    "accident_grade": st.sampled_from(["A", "A,B"]),
    "auction_count_min": st.just("2"),
    "sort": st.sampled_from(["price_asc", "cheapest", "PRICE_ASC"]),
    "limit": st.sampled_from(["1", "48", "200", "201", "0", "x"]),
    "cursor": st.just("c"),
}


@given(st.fixed_dictionaries({}, optional=values))
def test_what_the_client_refuses_the_service_refuses_and_what_it_sends_on_is_valid(
    vocabulary: Vocabulary, params: dict[str, str]
) -> None:
    def outcome(read: Any, given_params: Any) -> Any:
        try:
            return read(given_params)
        except ApiError as error:
            return error.code, {issue["path"] for issue in error.details.get("issues", ())}

    def serve(given_params: dict[str, str]) -> Any:
        return query.parse({name: [value] for name, value in given_params.items()}, vocabulary)

    ours, theirs = outcome(parse, params), outcome(serve, params)
    if isinstance(ours, tuple) and "source" in params:
        assert ours == theirs
    if not isinstance(ours, tuple) and ours.dealer is not DealerPart.NONE:
        sent_on = serve(ours.dealer_params)
        assert sent_on.dealer_in_scope
        assert sent_on.auction_only is (ours.dealer is DealerPart.COUNT)
