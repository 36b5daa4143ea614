"""A capture as a directory: written whole, read back the same, and refused with one clear line when it is not sound."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dealerproxy.captures import capture as saved
from dealerproxy.captures.capture import BadCapture

from .conftest import FIXTURES, Make

DETAIL = "https://api.encar.com/v1/readside/vehicle/49000001"
SEARCH = "https://api.encar.com/search/car/list/premium?count=true&q=Hidden.N.&sr=%7CYear%7C0%7C48"


@pytest.fixture
def folder(tmp_path: Path, make: Make) -> Path:
    body = (FIXTURES / "encar_detail" / "body.json").read_bytes()
    saved.write(tmp_path / "one", make(DETAIL, body, headers={"Content-Type": "application/json"}, expecting=True))
    return tmp_path / "one"


def test_a_capture_is_a_handful_of_readable_files(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert names == {"request.json", "response.json", "body.json", "meta.json", "expected.json"}
    assert json.loads((folder / "request.json").read_bytes()) == {"method": "GET", "url": DETAIL}
    assert json.loads((folder / "response.json").read_bytes()) == {
        "status": 200,
        "headers": {"Content-Type": "application/json"},
    }
    about = json.loads((folder / "meta.json").read_bytes())
    assert about["sha256"] == hashlib.sha256((folder / "body.json").read_bytes()).hexdigest()
    assert (about["upstream"], about["operation"], about["provenance"]) == ("encar", "detail", "captured")
    assert about["captured_at"] == "2026-11-20T03:00:00Z"
    assert about["tool"].startswith("dealerproxy ")
    assert about["scrubbed"]["plate"] == 1
    for path in folder.glob("*.json"):
        assert path.read_text(encoding="utf-8")  # whatever the machine's own encoding is
        assert path.name == "body.json" or path.read_bytes().endswith(b"}\n")


def test_an_address_stays_readable_and_means_the_same(tmp_path: Path, make: Make) -> None:
    url = (
        "https://api.encar.com/search/car/list/premium?count=true&q=(And.Hidden.N._.(C.CarType.A._.(C.Manufacturer."
        "%EA%B8%B0%EC%95%84._.ModelGroup.K5.))_.FuelType.%EA%B0%80%EC%86%94%EB%A6%B0%2B%EC%A0%84%EA%B8%B0.)"
        "&sr=%7CPriceAsc%7C48%7C48"
    )
    made = make(url, b'{"Count": 0, "SearchResults": []}')
    assert "(C.Manufacturer.기아._.ModelGroup.K5.)" in made.request.url
    saved.write(tmp_path / "one", made)
    assert saved.read(tmp_path / "one").url.query["q"].endswith("FuelType.가솔린+전기.)")
    assert saved.read(tmp_path / "one").url.query["sr"] == "|PriceAsc|48|48"


@pytest.mark.parametrize("path", saved.find(FIXTURES), ids=lambda path: path.name)
def test_every_capture_of_the_project_is_written_back_as_it_was_read(path: Path, tmp_path: Path) -> None:
    saved.write(tmp_path / "again", saved.read(path))
    assert {file.name: file.read_bytes() for file in (tmp_path / "again").iterdir()} == {
        file.name: file.read_bytes() for file in path.iterdir()
    }


def test_a_body_keeps_its_bytes_its_numbers_and_its_broken_ends(tmp_path: Path, make: Make) -> None:
    body = b'{"Count": 2.0, "SearchResults": [{"Year": 202305.0, "Badge": "\\u0031.6" ,}, {"Year": 20'
    saved.write(tmp_path / "one", make(SEARCH, body))
    assert (tmp_path / "one" / "body.json").read_bytes() == body


def spoil(name: str, text: str | None) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        if text is None:
            (folder / name).unlink()
        else:
            (folder / name).write_text(text)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (spoil("request.json", None), "request.json is missing"),
        (spoil("response.json", None), "response.json is missing"),
        (spoil("meta.json", None), "meta.json is missing"),
        (spoil("body.json", None), "body.json or body.html is missing"),
        (spoil("body.html", "<p>"), "has both body.json and body.html"),
        (spoil("expected_error.json", "{}"), "has both expected.json and expected_error.json"),
        (spoil("request.json", '{"method": "GET", '), "request.json: Input data was truncated"),
        (
            spoil("request.json", '{"method": "POST", "url": "https://api.encar.com/"}'),
            "request.json: Invalid enum value",
        ),
        (spoil("response.json", '{"status": 99, "headers": {}}'), "response.json: Expected `int` >= 100"),
        (spoil("meta.json", '{"format": 2}'), "meta.json: "),
        (spoil("expected.json", "[1]"), "expected.json: Expected `object`"),
        (spoil("body.json", "{}"), "its sha256 is"),
    ],
)
def test_what_is_not_sound_is_refused_with_the_file_and_the_reason(
    folder: Path, change: Callable[[Path], None], message: str
) -> None:
    change(folder)
    with pytest.raises(BadCapture, match=r"one") as refused:
        saved.read(folder)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_capture_is_never_written_over_another_or_by_halves(folder: Path, make: Make, tmp_path: Path) -> None:
    before = (folder / "meta.json").read_bytes()
    with pytest.raises(FileExistsError):
        saved.write(folder, make(DETAIL))
    assert (folder / "meta.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def test_a_capture_that_cannot_be_written_leaves_nothing_behind(
    tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        saved.write(tmp_path / "one", make(DETAIL))
    assert list(tmp_path.iterdir()) == []


def test_captures_are_found_below_a_folder_and_a_folder_without_any_is_refused(folder: Path, tmp_path: Path) -> None:
    assert saved.find(tmp_path) == saved.find(folder) == [folder]
    (tmp_path / "empty").mkdir()
    for nothing in (tmp_path / "empty", tmp_path / "absent"):
        with pytest.raises(BadCapture, match=nothing.name):
            saved.find(nothing)


def test_two_files_of_common_names_are_no_capture(tmp_path: Path) -> None:
    for name in ("request.json", "response.json"):
        (tmp_path / name).write_text("{}")
    assert not saved.is_capture(tmp_path)


def test_removing_a_capture_spares_what_is_not_part_of_it(folder: Path) -> None:
    (folder / "notes.txt").write_text("keep me")
    with pytest.raises(OSError, match="not empty"):
        saved.remove(folder)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
