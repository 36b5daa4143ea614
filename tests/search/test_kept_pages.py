"""The page that made the trouble is kept, once, and everything that speaks of the trouble names it."""

from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from dealerproxy.captures import capture as saved
from dealerproxy.sandbox.danawa.inventory import DanawaInventory
from dealerproxy.sandbox.encar.inventory import Inventory
from dealerproxy.sandbox.faults import Block, Fault, MissingField, MissingSelector


def stocked() -> tuple[Inventory, DanawaInventory]:
    inventory, danawa = Inventory(), DanawaInventory()
    for i in range(3):
        inventory.insert(inventory.new_car(manufacturer="BMW", price=1000 + i))
        danawa.insert(danawa.new_car(brand="BMW", price=2000 + i))
    return inventory, danawa


@pytest.mark.parametrize(
    ("fault", "upstream", "reason"),
    [
        (MissingField(operation="search", field="Price"), "encar", "drift"),
        (Block(operation="search"), "encar", "blocked"),
        (MissingSelector(operation="danawa_list", selector=".km"), "danawa", "drift"),
    ],
    ids=["a row without its price", "a block page", "a list without its mileage"],
)
async def test_a_storm_keeps_one_page_and_the_answer_and_the_log_name_it(
    build: Any, tmp_path: Path, fault: Fault, upstream: str, reason: str
) -> None:
    house = await build(*stocked(), capture_dir=str(tmp_path))
    house.stand_in.faults.add(fault)
    with capture_logs() as lines:
        await house.list_is_read()
        answers = [await house.ask(make="BMW", upstream=upstream, year_min=year) for year in range(2000, 2003)]
    source = next(s for s in answers[0]["error"]["details"]["sources"] if s["name"] == upstream)
    assert source["reason"] == reason
    await house.client.close()  # what waits to be kept is written
    (folder,) = saved.find(tmp_path)
    assert source["capture"] == folder.name
    assert {line["capture"] for line in lines if line["event"] == "upstream_trouble"} == {folder.name}
    kept = saved.read(folder)
    assert kept.response.body


async def test_without_a_folder_nothing_is_kept_or_named(build: Any) -> None:
    house = await build(*stocked())
    house.stand_in.faults.add(MissingField(operation="search", field="Price"))
    answer = await house.ask(make="BMW", upstream="encar")
    assert "capture" not in answer["error"]["details"]["sources"][0]
