"""What dealer cars can be filtered on: from the site's own facets, politely, or from what is known."""

from collections import Counter
from typing import Any

from dealerproxy.sandbox.faults import Block, Hang, Html


async def ask(house: Any, **params: str) -> Any:
    async with house.client.get("/v1/vehicles/facets", params=params) as response:
        assert response.status == 200
        return await response.json()


async def test_makes_are_those_with_cars_now_and_values_are_flat_and_unique(house: Any) -> None:
    answer = await ask(house)
    assert list(answer) == ["makes", "models", "fuels", "transmissions", "sources", "as_of", "notices"]
    assert {"Hyundai", "Kia", "Chevrolet", "Mercedes-Benz"} <= set(answer["makes"])
    assert "Ferrari" not in answer["makes"]
    assert answer["models"].keys() == set(answer["makes"])
    assert "Sorento" in answer["models"]["Kia"]
    for values in (answer["makes"], answer["fuels"], answer["transmissions"], *answer["models"].values()):
        assert len(values) == len(set(values))
        assert all(value.isascii() for value in values)
    assert answer["transmissions"] == ["auto", "manual", "cvt"]
    assert answer["sources"] == ["dealer"]
    assert answer["as_of"].endswith("+09:00")
    assert answer["notices"] == []


async def test_trucks_stand_among_the_models_of_makes_that_have_cars(house: Any) -> None:
    models = (await ask(house))["models"]
    assert {"Porter II", "Mighty", "County", "Solati"} <= set(models["Hyundai"])
    assert {"Bongo III", "Bongo Frontier", "Carnival"} <= set(models["Kia"])
    assert not {"Scania", "Tata Daewoo"} & models.keys()  # whether they have any now is not known


async def test_a_second_question_within_five_minutes_asks_nobody(house: Any) -> None:
    assert await ask(house) == await ask(house)
    assert Counter(call.operation for call in house.stand_in.calls) == {"search": 1}


async def test_without_the_site_the_vocabulary_answers_and_says_so(house: Any) -> None:
    for fault in (Block(), Html()):
        house.stand_in.faults.clear()
        house.stand_in.faults.add(fault)
        answer = await ask(house)
        assert len(answer["makes"]) == 72
        assert [notice["code"] for notice in answer["notices"]] == ["from_vocabulary"]


async def test_a_site_that_hangs_costs_no_more_than_the_deadline(build: Any) -> None:
    house = await build(list_deadline_s=0.2)
    house.stand_in.faults.add(Hang())
    assert [notice["code"] for notice in (await ask(house))["notices"]] == ["from_vocabulary"]


async def test_sources_without_dealer_have_nothing(house: Any) -> None:
    answer = await ask(house, source="glovis,sk")
    assert (answer["makes"], answer["models"], answer["sources"]) == ([], {}, [])
    assert not house.stand_in.calls
    assert (await ask(house, source="dealer,glovis"))["sources"] == ["dealer"]
    async with house.client.get("/v1/vehicles/facets", params={"source": "ebay"}) as response:
        assert response.status == 400
