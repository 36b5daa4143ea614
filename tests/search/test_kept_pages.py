"""The page that made the trouble is kept, once, and everything that speaks of the trouble names it."""

import threading
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from dealerproxy.api import captured
from dealerproxy.api.keys import KEEPER
from dealerproxy.captures import capture as saved
from dealerproxy.captures.keeper import Keeper
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
    assert source["capture"] in {folder.name, "pending"}
    assert {line["capture"] for line in lines if line["event"] == "upstream_trouble"} == {folder.name}
    kept = saved.read(folder)
    assert kept.response.body


async def test_an_answer_says_pending_until_its_capture_is_on_disk_and_names_it_then(
    build: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captured, "WAIT_S", 0.0)
    house = await build(*stocked(), capture_dir=str(tmp_path))
    house.stand_in.faults.add(MissingField(operation="search", field="Price"))
    release = threading.Event()
    written = Keeper._write
    monkeypatch.setattr(Keeper, "_write", lambda keeper, waiting: release.wait(20) and written(keeper, waiting))
    first = await house.ask(make="BMW", upstream="encar", year_min=2000)
    assert first["error"]["details"]["sources"][0]["capture"] == "pending"
    release.set()
    await house.client.app[KEEPER]._waiting.join()
    second = await house.ask(make="BMW", upstream="encar", year_min=2001)
    (folder,) = saved.find(tmp_path)
    assert second["error"]["details"]["sources"][0]["capture"] == folder.name


@pytest.mark.parametrize(
    ("fault", "path"),
    [
        (MissingField(operation="search", field="Price"), "/v1/vehicles?make=BMW&upstream=encar"),
        (MissingField(operation="detail", field="advertisement.status", of="answer"), "/v1/vehicles/encar_{id}"),
        (MissingSelector(operation="danawa_list", selector=".km"), "/v1/vehicles?make=BMW&upstream=danawa"),
    ],
    ids=["a list", "a car", "the other site's list"],
)
async def test_a_capture_that_cannot_be_written_is_named_by_no_answer_and_its_line_has_the_requests_id(
    build: Any, tmp_path: Path, fault: Fault, path: str
) -> None:
    (tmp_path / "file").write_text("no folder")
    house = await build(*stocked(), capture_dir=str(tmp_path / "file" / "below"))
    house.stand_in.faults.add(fault)
    path = path.format(id=next(iter(house.inventory)).id)

    async def captures_named() -> tuple[set[str | None], str]:
        async with house.client.get(path, headers={"Cache-Control": "no-cache"}) as response:
            error = (await response.json())["error"]
        return {source.get("capture") for source in error["details"]["sources"]}, error["request_id"]

    with capture_logs() as lines:
        if "danawa" in path:
            await house.list_is_read()
        first, request_id = await captures_named()
        await house.client.app[KEEPER]._waiting.join()
        later, _ = await captures_named()
    assert first <= {None, "pending"}
    assert later == {None}
    (failed,) = [line for line in lines if line["event"] == "capture_failed"]
    if "danawa" not in path:  # its list is read in the background
        assert failed["request_id"] == request_id


async def test_without_a_folder_nothing_is_kept_or_named(build: Any) -> None:
    house = await build(*stocked())
    house.stand_in.faults.add(MissingField(operation="search", field="Price"))
    answer = await house.ask(make="BMW", upstream="encar")
    assert "capture" not in answer["error"]["details"]["sources"][0]
