"""The commands against stand-ins: what they store and print, and the statuses they end with."""

import argparse
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from dealerproxy import vocabulary as words
from dealerproxy.app import create_app
from dealerproxy.captures import capture as saved
from dealerproxy.captures import command as commands
from dealerproxy.captures import shapes
from dealerproxy.captures.command import GOOD, UNUSABLE, WRONG
from dealerproxy.captures.replay import serving
from dealerproxy.sandbox.danawa.inventory import generate_danawa
from dealerproxy.sandbox.danawa.site import DanawaStandIn
from dealerproxy.sandbox.encar.inventory import generate
from dealerproxy.sandbox.encar.site import EncarStandIn
from dealerproxy.sandbox.faults import Block, Fault, Html, MissingField, MissingSelector, Shrunken, Status
from dealerproxy.sandbox.showcase import SHOWN_ID, shown_car
from dealerproxy.sandbox.sites import serve
from dealerproxy.settings import Settings
from dealerproxy.transport.response import Response
from dealerproxy.upstreams.danawa.listing import FIRST_CAR
from dealerproxy.upstreams.encar import advert as detail
from dealerproxy.upstreams.encar import rows
from dealerproxy.vocabulary import Vocabulary

from .conftest import FIXTURES


@pytest.fixture(autouse=True)
def _loaded_once(vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading the dictionaries is what takes time in a command."""
    monkeypatch.setattr(words, "load", lambda: vocabulary)


@pytest.fixture
def encar() -> EncarStandIn:
    inventory = generate(3, 300, trucks=30)
    inventory.insert(shown_car(inventory))
    return EncarStandIn(inventory)


@pytest.fixture
async def settings(encar: EncarStandIn) -> AsyncIterator[Settings]:
    danawa = DanawaStandIn(generate_danawa(3, 80), faults=encar.faults)
    async with serving(serve(encar, danawa)) as url:
        yield Settings(
            encar_api_url=url, encar_page_url=url, danawa_url=url, mpark_api_url=url, encar_rps=1000, danawa_rps=1000
        )


async def run(settings: Settings, *arguments: str) -> int:
    parser = argparse.ArgumentParser()
    commands.add_commands(parser.add_subparsers(), create_app)
    options = parser.parse_args(arguments)
    status: int = await options.run(settings, options)
    return status


async def test_a_car_is_stored_with_all_its_pages_and_progress(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run(settings, "capture", f"encar_{SHOWN_ID}", "--into", str(tmp_path)) == GOOD
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"[1/5] {tmp_path}/encar-detail-{SHOWN_ID}: 200, live"
    assert lines[-1] == f"[5/5] {tmp_path}/encar-diagnosis-{SHOWN_ID}: 200, read"
    assert {saved.read(path).about.operation for path in saved.find(tmp_path)} == {
        *("detail", "page", "inspection", "record", "diagnosis"),
    }
    assert await run(settings, "replay", str(tmp_path), "--check") == GOOD
    # Once more, beside the first.
    assert await run(settings, "capture", f"encar_{SHOWN_ID}", "--into", str(tmp_path)) == GOOD
    assert (tmp_path / f"encar-detail-{SHOWN_ID}-2").is_dir()


async def test_a_page_of_the_sandbox_says_so_and_where_it_was_and_is_checked_as_any_other(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    what = (f"encar_{SHOWN_ID}", "make=Kia&model=K5")
    assert await run(settings, "capture", *what, "--into", str(tmp_path)) == GOOD
    captures = [saved.read(path) for path in saved.find(tmp_path)]
    assert {each.about.provenance for each in captures} == {"sandbox"}
    for each in captures:
        assert each.about.url.startswith(f"{settings.danawa_url}/")
        assert each.url.host in {"api.encar.com", "fem.encar.com", "auto.danawa.com"}
        assert each.about.url.removeprefix(settings.danawa_url) == each.url.human_repr().removeprefix(
            f"https://{each.url.host}"
        )
    capsys.readouterr()
    assert await run(settings, "replay", str(tmp_path), "--check") == GOOD
    assert capsys.readouterr().out.splitlines()[-1] == f"{len(captures)} of {len(captures)} captures are as expected"


@pytest.mark.parametrize(
    ("fault", "status", "last"),
    [
        (Status(operation="detail", status=404), GOOD, "[5/5]"),
        (Status(operation="record", status=404), GOOD, "[5/5]"),
        (Block(operation="detail"), GOOD, "[5/5]"),
        (Html(operation="detail"), GOOD, "[5/5]"),
        (MissingField(operation="detail", field="vehicleId", of="answer"), WRONG, "[5/5]"),
        (MissingField(operation="page", field="cars.base.advertisement.status", of="answer"), WRONG, "[5/5]"),
        (MissingField(operation="inspection", field="master", of="answer"), WRONG, "[5/5]"),
    ],
    ids=lambda value: value.kind if hasattr(value, "kind") else str(value),
)
async def test_progress_counts_evenly_to_its_end_and_a_drift_ends_with_1(
    settings: Settings,
    encar: EncarStandIn,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    fault: Fault,
    status: int,
    last: str,
) -> None:
    encar.faults.add(fault)
    assert await run(settings, "capture", f"encar_{SHOWN_ID}", "--into", str(tmp_path)) == status
    told = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    numbers = [int(each.strip("[]").split("/")[0]) for each in told]
    assert {each.strip("[]").split("/")[1] for each in told} == {"5"}
    assert numbers == sorted(set(numbers))
    assert told[-1] == last


async def test_a_query_is_stored_search_by_search_and_page_by_page(settings: Settings, tmp_path: Path) -> None:
    query = "/v1/vehicles?make=Hyundai,Kia&model=Avante,K5"
    assert await run(settings, "capture", query, "--into", str(tmp_path), "--pages", "2") == GOOD
    operations = sorted(saved.read(path).about.operation for path in saved.find(tmp_path))
    assert operations == ["list"] * 2 + ["search"] * 4


async def test_a_page_is_stored_by_its_address_here_or_at_the_site(settings: Settings, tmp_path: Path) -> None:
    tail = "/usedcar/?Work=list&Tab=list&Page=1&Order=8&Brand=303&Series=&Model="
    for base in (settings.danawa_url, "https://auto.danawa.com"):
        assert await run(settings, "capture", base + tail, "--into", str(tmp_path)) == GOOD
    first, second = (saved.read(path) for path in saved.find(tmp_path))
    assert first.request == second.request
    assert first.request.url.startswith("https://auto.danawa.com/usedcar/?Work=list")


@pytest.mark.parametrize(
    "what", ["nonsense", "https://elsewhere.example/x", "make=Kia&limit=0", "make=NoSuchMake", "http://["]
)
async def test_what_nobody_understands_is_refused_before_anything_is_asked(
    settings: Settings, encar: EncarStandIn, tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run(settings, "capture", f"encar_{SHOWN_ID}", what, "--into", str(tmp_path)) == UNUSABLE
    assert capsys.readouterr().err.startswith("error: ")
    assert len(encar.calls) == 0


async def test_a_site_that_does_not_answer_is_told_and_the_rest_goes_on(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = replace(settings, mpark_api_url="http://127.0.0.1:9")
    what = ("danawa_6100000001", f"https://fem.encar.com/cars/detail/{SHOWN_ID}")
    assert await run(broken, "capture", *what, "--into", str(tmp_path)) == WRONG
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("[1/2] https://api.m-park.co.kr/")
    assert second == f"[2/2] {tmp_path}/encar-page-{SHOWN_ID}: 200, live"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(FIXTURES / "encar_search_model", tmp_path / "all" / "encar_search_model")
    return tmp_path / "all"


async def test_one_capture_that_is_not_sound_hides_no_result_and_says_how_to_mend_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(FIXTURES / "encar_search_model", folder / "a_changed")
    body = folder / "a_changed" / "body.json"
    body.write_bytes(body.read_bytes().replace(b'"Count"', b'"Count" '))
    assert await run(Settings(), "replay", str(folder), "--check") == UNUSABLE
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        f"ok {folder}/encar_search_model: 2 rows",
        "1 of 2 captures is as expected, 1 cannot be used",
    ]
    (line,) = said.err.splitlines()
    meta = folder / "a_changed" / "meta.json"
    assert line.endswith(f"if the body was changed on purpose, write the first value as `sha256` into {meta}")
    (right, wrong) = [word.strip(",;") for word in line.split() if len(word.strip(",;")) == 64]
    meta.write_text(meta.read_text().replace(wrong, right))
    assert await run(Settings(), "replay", str(folder), "--check") == GOOD
    assert capsys.readouterr().out.splitlines()[-1] == "2 of 2 captures are as expected"


async def test_one_capture_is_spoken_of_as_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(Settings(), "replay", str(folder), "--check") == GOOD
    assert capsys.readouterr().out.splitlines()[-1] == "1 of 1 capture is as expected"


@pytest.mark.parametrize(
    ("name", "was", "allowed"),
    [
        ("meta.json", '"provenance": "captured-shape"', "captured, sandbox, captured-shape, reconstructed-shape"),
        ("meta.json", '"upstream": "encar"', "encar, danawa"),
        ("request.json", '"method": "GET"', "GET"),
    ],
)
async def test_a_word_that_no_capture_has_is_told_with_those_that_one_may_have(
    folder: Path, name: str, was: str, allowed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "encar_search_model" / name
    assert was in file.read_text()
    file.write_text(file.read_text().replace(was, was.rpartition(" ")[0] + ' "other"'))
    if name == "meta.json":
        (folder / "encar_search_model" / "request.json").touch()
    assert await run(Settings(), "replay", str(folder), "--check") == UNUSABLE
    assert capsys.readouterr().err.endswith(f"; allowed: {allowed}\n")


async def test_a_difference_names_the_field_and_an_update_writes_it_down(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = folder / "encar_search_model" / "expected.json"
    expected.write_text(expected.read_text().replace('"year": 2023', '"year": 2024'))
    assert await run(Settings(), "replay", str(folder), "--check") == WRONG
    out = capsys.readouterr().out
    assert f"DIFFERS {folder}/encar_search_model: 2 rows\n" in out
    assert "  rows[0].year: expected 2024, got 2023\n" in out
    assert await run(Settings(), "replay", str(folder), "--update") == GOOD
    assert await run(Settings(), "replay", str(folder), "--check") == GOOD
    assert expected.read_bytes() == (FIXTURES / "encar_search_model" / "expected.json").read_bytes()


async def test_a_page_that_broke_us_fails_until_its_parser_is_mended(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = folder / "encar_drift_price"
    shutil.copytree(FIXTURES / "encar_drift_price", broken)
    (broken / "expected_error.json").unlink()  # as one kept by itself: nobody says yet what it should say
    assert await run(Settings(), "replay", str(folder), "--check") == WRONG
    assert "reads: expected a page that can be read, got drift: SearchResults[]" in capsys.readouterr().out
    assert await run(Settings(), "replay", str(folder), "--update") == WRONG  # an update does not bless it
    assert not (broken / "expected_error.json").exists()

    class Mended(rows.SearchRow, frozen=True):
        Price: float = 3050.0

    monkeypatch.setattr(rows.read_row, "_decoder", msgspec.json.Decoder(Mended))
    assert await run(Settings(), "replay", str(folder), "--check") == GOOD
    assert "no expectation yet" in capsys.readouterr().out
    assert await run(Settings(), "replay", str(folder), "--update") == GOOD
    assert json.loads((broken / "expected.json").read_bytes())["rows"][0]["price_krw"] == 30_500_000


@pytest.mark.parametrize(
    ("name", "text"), [("meta.json", None), ("request.json", "{"), ("body.json", "{}"), ("meta.json", "[]")]
)
@pytest.mark.parametrize("arguments", [["replay", "--check"], ["replay"], ["doctor", "--captures"]])
async def test_a_capture_that_is_not_sound_ends_everything_with_2(
    folder: Path, name: str, text: str | None, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "encar_search_model" / name
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    assert await run(Settings(), *arguments, str(folder)) == UNUSABLE
    said = capsys.readouterr()
    assert said.err.startswith(f"error: {folder}/encar_search_model")
    assert said.out == ""


async def test_what_the_disk_refuses_is_told_as_what_it_is(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = tmp_path / ("x" * 300)
    assert await run(Settings(), "replay", str(nowhere), "--check") == UNUSABLE
    assert capsys.readouterr().err == f"error: {nowhere}: File name too long\n"


async def test_a_capture_of_no_known_page_is_not_sound_either(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    meta = folder / "encar_search_model" / "meta.json"
    meta.write_text(meta.read_text().replace('"search"', '"serach"'))
    assert await run(Settings(), "replay", str(folder), "--check") == UNUSABLE
    assert "unknown operation 'serach'" in capsys.readouterr().err
    assert await run(Settings(), "replay", str(folder / "absent"), "--check") == UNUSABLE


# The doctor


async def test_the_doctor_finds_every_page_in_order(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(settings, "doctor") == GOOD
    out = capsys.readouterr().out
    heads = [line.split(":")[0] for line in out.splitlines() if line[0] not in " !+"]
    assert heads[:2] == ["danawa feeder", "danawa list"]
    assert {"encar search", "encar facets", "encar detail", "encar page", "encar inspection"} <= set(heads)
    assert not [line for line in out.splitlines() if line[0] in "!+"]
    columns = [line.split() for line in out.splitlines() if line.startswith("  path ")]
    assert len(columns) >= len(heads) - 1
    assert set(map(tuple, columns)) == {("path", "need", "there/of", "filled")}
    row = next(line for line in out.splitlines() if line.startswith("  SearchResults[].Price "))
    assert row.split() == ["SearchResults[].Price", "mandatory", "20/20", "100%", "filled"]


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (MissingField(field="Price"), "! SearchResults[].Price "),
        (MissingField(field="advertisement.price", of="answer"), "! advertisement.price "),
        (MissingSelector(selector=".km"), "! .col.km .middle "),
    ],
)
async def test_the_doctor_points_at_what_went_missing(
    settings: Settings, encar: EncarStandIn, fault: MissingField, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    encar.faults.add(fault)
    assert await run(settings, "doctor") == WRONG
    assert next(each for each in capsys.readouterr().out.splitlines() if each.startswith("!")).startswith(line)


async def test_the_doctor_says_when_a_truck_that_must_be_there_counts_0(
    settings: Settings, encar: EncarStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run(settings, "doctor") == GOOD
    assert "encar truck_search: " in capsys.readouterr().out
    encar.faults.add(Shrunken(operation="truck_search", share=0.0))
    assert await run(settings, "doctor") == WRONG
    assert "encar truck_search: Count: 0 for a truck of which there are thousands" in capsys.readouterr().out


@pytest.mark.parametrize("fault", [Block(status=403, operation="search"), Html(operation="detail")])
async def test_a_site_that_refuses_is_no_drift(
    settings: Settings, encar: EncarStandIn, fault: Block, capsys: pytest.CaptureFixture[str]
) -> None:
    encar.faults.add(fault)
    assert await run(settings, "doctor") == UNUSABLE
    assert "blocked" in capsys.readouterr().out


async def test_the_doctor_looks_at_a_car_that_has_all_papers(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run(settings, "doctor") == GOOD
    out = capsys.readouterr().out
    for line in ("  formats ", "  accidents ", "  items "):
        assert [each.split()[2] for each in out.splitlines() if each.startswith(line)] == ["1/1"]


async def test_a_car_without_a_paper_is_nothing_wrong_and_said_so(
    settings: Settings, encar: EncarStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    encar.faults.add(Status(operation="inspection", status=404))
    assert await run(settings, "doctor") == GOOD
    assert "encar inspection: this car has none (404)" in capsys.readouterr().out.splitlines()


async def test_the_doctor_asks_each_site_little(settings: Settings, encar: EncarStandIn) -> None:
    await run(settings, "doctor")
    assert len(encar.calls) <= 9


async def test_the_doctor_reads_captures_and_tells_new_keys(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = saved.read(folder / "encar_search_model")
    body = old.response.body.replace(b'"Price":', b'"BrandNewKey":1,"Price":')
    about = replace(old.about, sha256=saved.sha256(body))
    response = type(old.response)(200, old.response.headers, body)
    saved.write(folder / "newer", replace(old, name="newer", response=response, about=about))
    assert await run(Settings(), "doctor", "--captures", str(folder)) == GOOD
    out = capsys.readouterr().out
    assert out.startswith("encar search: 2 pages\n")
    assert "+ SearchResults[].BrandNewKey                    new           2/4     50% filled" in out


@pytest.mark.parametrize(
    ("name", "number", "says_so", "status", "said"),
    [
        ("danawa_list_empty", 1, False, WRONG, f"drift: {FIRST_CAR}: a first page without cars that does not say so"),
        ("danawa_list_empty", 1, True, GOOD, "0 rows"),
        ("danawa_list_empty", 2, False, GOOD, "0 rows"),
    ],
)
async def test_the_doctor_says_of_a_page_without_cars_what_the_service_says(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    number: int,
    says_so: bool,
    status: int,
    said: str,
) -> None:
    capture = saved.read(FIXTURES / name)
    url = capture.url.update_query(Page=number)
    body = capture.response.body
    if not says_so:
        body = b'<html><body><div id="usedcarList"><ul></ul></div></body></html>'
    made = replace(
        capture,
        request=replace(capture.request, url=url.human_repr()),
        response=Response(200, capture.response.headers, body),
        about=replace(capture.about, sha256=saved.sha256(body)),
        expected=None,
    )
    saved.write(tmp_path / "page", made)
    assert await run(Settings(), "doctor", "--captures", str(tmp_path)) == status
    assert capsys.readouterr().out.startswith(f"danawa list: {said}\n")
    assert await run(Settings(), "replay", str(tmp_path), "--check") == status


def test_the_catalogue_of_paths_names_all_that_the_parser_of_adverts_keeps() -> None:
    known = {path.removesuffix("[]") for paths in shapes.KNOWN["detail"] for path in paths}
    kept = {*detail._KEPT_VALUES, *(f"{name}.{key}" for name, keys in detail._KEPT_SECTIONS.items() for key in keys)}
    assert kept <= known
