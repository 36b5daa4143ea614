"""A stock in a folder: a restart finds what was read and what was sold; damage costs its listing alone."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from dealerproxy.stock import folder as folders
from dealerproxy.stock.folder import Folder
from dealerproxy.stock.shelf import USABLE_S
from dealerproxy.stock.store import Note
from dealerproxy.vehicles.car import SaleStatus
from tests.stock.stocks import SITE, Process, reading_of
from tests.support.clock import Clock


class Place:
    """A folder, and the unix time that all processes share."""

    def __init__(self, path: Path) -> None:
        self.path, self.wall = path, Clock(1_700_000_000.0)

    def folder(self, clock: Clock, max_bytes: int = 10_000_000) -> Folder:
        return Folder(self.path, SITE, max_bytes=max_bytes, clock=clock, wall=self.wall)

    async def process(self, at: float = 50.0) -> Process:
        """A process that has started, with a clock of its own."""
        clock = Clock(at)
        process = Process(self.folder(clock), clock)
        await process.keeping.sync()
        return process

    @property
    def files(self) -> list[Path]:
        return sorted((self.path / SITE).glob("*.listing"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "not" / "yet" / "there")


async def test_a_restart_finds_what_was_read_with_its_age(place: Place) -> None:
    before = await place.process()
    assert before.readings.leading
    before.put("a", 1, 2)
    before.put("기아\t쏘렌토", 3)
    await before.keeping.close()
    place.wall.at += 600
    after = await place.process(at=9_000.0)
    assert after.shown == {"a": [1, 2], "기아\t쏘렌토": [3]}
    reading = after.shelf.peek("a")
    assert reading is not None
    assert 9_000.0 - reading.read_at == pytest.approx(600, abs=0.01)
    assert after.readings.demand("a").read_at == reading.read_at


async def test_only_what_changed_is_written_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    process = await place.process()
    process.put("a", 1)
    process.put("b", 2)
    await process.keeping.sync()
    written: list[str] = []
    write = folders._write

    def noted(path: Path, raw: bytes) -> None:
        written.append(path.name)
        write(path, raw)

    monkeypatch.setattr(folders, "_write", noted)
    await process.keeping.sync()
    assert not written
    process.clock.at += 1
    process.put("b", 2, 4)
    await process.keeping.sync()
    assert len(written) == 1
    restarted = await place.process()
    assert restarted.shown == {"a": [1], "b": [2, 4]}
    await restarted.keeping.sync()
    assert len(written) == 2  # the notes


async def test_what_is_too_old_is_neither_used_nor_kept(place: Place) -> None:
    before = await place.process()
    before.put("a", 1)
    await before.keeping.close()
    place.wall.at += USABLE_S
    assert (await place.process()).shown == {}


async def test_a_unix_clock_that_was_put_back_makes_nothing_younger(place: Place) -> None:
    before = await place.process()
    before.put("a", 1)
    await before.keeping.close()
    place.wall.at -= 60
    assert (await place.process()).shown == {}


async def test_a_car_found_sold_stays_so_over_a_restart(place: Place) -> None:
    before = await place.process()
    before.put("a", 1, 2, 3, 4)
    before.clock.at += 5
    place.wall.at += 5
    before.off_sale.note(SITE, "1", before.clock.at, SaleStatus.SOLD)
    before.off_sale.note(SITE, "2", before.clock.at)
    before.off_sale.note(SITE, "3", before.clock.at)
    await before.keeping.sync()
    before.clock.at += 1
    place.wall.at += 1
    before.off_sale.back(SITE, "3", before.clock.at)
    await before.keeping.close()
    after = await place.process(at=7_000.0)
    assert after.shown == {"a": [3, 4]}
    await after.keeping.close()
    assert (await place.process()).shown == {"a": [3, 4]}


async def test_a_note_that_absence_withdrew_is_withdrawn_after_a_restart_too(place: Place) -> None:
    before = await place.process()
    before.put("a", 1, 2)
    before.off_sale.note(SITE, "1", before.clock.at, SaleStatus.SOLD)
    before.off_sale.note(SITE, "1", before.clock.at + 1, SaleStatus.GONE)
    before.off_sale.note(SITE, "2", before.clock.at + 1, SaleStatus.GONE)
    before.clock.at += 2
    place.wall.at += 2
    await before.keeping.sync()
    after = await place.process()
    assert after.shown == {"a": []}
    after.off_sale.withdraw(SITE, ["1", "2"])
    assert after.shown == {"a": [2]}
    await after.keeping.close()
    assert (await place.process()).shown == {"a": [2]}


def truncated(raw: bytes) -> bytes:
    return raw[: len(raw) // 2]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda _: b"", id="emptied"),
        pytest.param(truncated, id="truncated"),
        pytest.param(lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]), id="one bit"),
        pytest.param(lambda raw: raw.replace(b"stock-1", b"stock-0"), id="another version"),
        pytest.param(lambda raw: random.Random(1).randbytes(len(raw)), id="noise"),
    ],
)
async def test_a_damaged_file_costs_its_listing_alone_and_is_told(
    place: Place, damage: Callable[[bytes], bytes]
) -> None:
    before = await place.process()
    before.put("a", 1)
    await before.keeping.sync()
    file = place.files[0]
    before.put("b", 2)
    await before.keeping.close()
    file.write_bytes(damage(file.read_bytes()))
    with capture_logs() as lines:
        after = await place.process()
    assert after.shown == {"b": [2]}
    assert after.store.damaged == 1
    assert [line["event"] for line in lines] == ["stock_damaged"]
    assert not file.exists()


async def test_damaged_notes_cost_their_lines_alone(place: Place) -> None:
    before = await place.process()
    before.put("a", 1, 2)
    before.off_sale.note(SITE, "1", before.clock.at, SaleStatus.SOLD)
    await before.keeping.sync()
    with (place.path / SITE / folders.NOTES).open("ab") as file:
        file.write(b'["7",1700000000.0]\n["x",1700000000.0]\n["1",5]\n{}\n\xff\n["2",1699')
    before.off_sale.note(SITE, "2", before.clock.at, SaleStatus.SOLD)
    await before.keeping.close()
    assert (await place.process()).shown == {"a": []}


async def test_notes_stay_within_their_bounds(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "NOTES_BYTES", 2_000)
    store = place.folder(Clock())
    for number in range(400):
        place.wall.at += 60
        await store.exchange([Note(str(number), 0.0 + number, SaleStatus.SOLD)])
        store._clock.at += 60  # type: ignore[attr-defined]
    assert (place.path / SITE / folders.NOTES).stat().st_size < 10_000


async def test_the_oldest_files_go_when_there_are_too_many_bytes(place: Place) -> None:
    clock = Clock()
    store = place.folder(clock)
    await store.save("a", reading_of(*range(100), at=clock.at))
    size = place.files[0].stat().st_size
    small = place.folder(clock, max_bytes=3 * size)
    for key in "abcdefgh":
        assert await small.save(key, reading_of(*range(100), at=clock.at))
    assert len(place.files) in {2, 3}
    restarted = place.folder(clock, max_bytes=3 * size)
    assert "h" in [key async for key, _ in restarted.newer()]


async def test_a_listing_larger_than_all_room_is_not_kept(place: Place) -> None:
    store = place.folder(Clock(), max_bytes=10)
    assert await store.save("a", reading_of(1, at=0.0))
    assert not place.files


async def test_a_listing_that_left_the_shelf_leaves_the_folder(place: Place) -> None:
    process = await place.process()
    process.put("a", 1)
    await process.keeping.sync()
    assert place.files
    process.shelf.remove("a")
    await process.keeping.sync()
    assert not place.files


async def test_a_folder_that_cannot_be_written_costs_nothing_but_what_is_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    place = Place(tmp_path / "file")
    with capture_logs() as lines:
        process = await place.process()
        process.put("a", 1)
        for _ in range(3):
            await process.keeping.sync()
    assert process.shown == {"a": [1]}
    assert process.readings.leading
    assert [line["event"] for line in lines] == ["stock_folder_failed"]


async def test_what_a_killed_process_left_unfinished_is_no_listing_and_goes(place: Place) -> None:
    process = await place.process()
    unfinished = place.path / SITE / ".a.listing.b.tmp"
    unfinished.write_bytes(b"half")
    place.wall.at += 10**9
    process.put("a", 1)
    await process.keeping.close()
    assert not unfinished.exists()
