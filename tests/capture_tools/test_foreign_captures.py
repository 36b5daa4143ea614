"""Captures from anybody: nothing outside their folder is read or written, and each fault is a line and status 2."""

import argparse
import asyncio
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from multidict import CIMultiDict

from dealerproxy import vocabulary as words
from dealerproxy.app import create_app
from dealerproxy.captures import capture as saved
from dealerproxy.captures import command as commands
from dealerproxy.captures import doctor
from dealerproxy.captures.capture import BadCapture
from dealerproxy.captures.command import GOOD, UNUSABLE
from dealerproxy.captures.expectations import differences, told
from dealerproxy.captures.reading import read
from dealerproxy.captures.replay import Replay, serving
from dealerproxy.captures.replay_requests import request_for
from dealerproxy.settings import Settings
from dealerproxy.transport.response import Response
from dealerproxy.vocabulary import Vocabulary

from .conftest import FIXTURES

FILES = ("meta.json", "request.json", "response.json", "body.json", "expected.json")
DEEP = "[" * 100_000 + "]" * 100_000


@pytest.fixture(autouse=True)
def _loaded_once(vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "load", lambda: vocabulary)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a capture to spoil and a sound one beside it."""
    for name, source in (("bad", "encar_search_model"), ("good", "encar_search_general")):
        shutil.copytree(FIXTURES / source, tmp_path / "all" / name)
    return tmp_path / "all"


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    commands.add_commands(parser.add_subparsers(), create_app)
    options = parser.parse_args(arguments)
    status: int = asyncio.run(options.run(Settings(), options))
    return status


def to_outside(path: Path) -> None:
    outside = path.parent.parent.parent / "outside.json"
    path.rename(outside)
    path.symlink_to(outside)


def to_nowhere(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parent.parent.parent / "nowhere.json")


def to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def to_a_device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def a_device(path: Path) -> None:
    path.unlink()
    try:
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root makes devices")


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    path.unlink()
    with contextmanager(_in)(path.parent), socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path.name)  # a whole path may be too long for a socket


def _in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def huge(path: Path) -> None:
    os.truncate(path, 50_000_000_000)


def no_text(path: Path) -> None:
    path.write_bytes(b'{"\xff\xfe": "\xed\xa0\x80"}')


def deep(path: Path) -> None:
    path.write_text(f'{{"a": {DEEP}}}')


def quite_deep(path: Path) -> None:
    path.write_text('{"a": ' + "[" * 400 + "]" * 400 + "}")


def empty(path: Path) -> None:
    path.write_text("")


KINDS = (to_outside, to_nowhere, to_itself, to_a_device, a_device, a_pipe, a_socket, a_directory, huge)
TEXTS = (no_text, deep, quite_deep, empty)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("spoil", [*KINDS, *TEXTS], ids=lambda spoil: spoil.__name__)
@pytest.mark.parametrize("command", [["replay", "--check"], ["replay", "--update"], ["doctor", "--captures"]])
def test_a_file_that_cannot_be_used_is_a_line_and_the_other_captures_are_still_looked_at(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], None],
    name: str,
    command: list[str],
) -> None:
    spoil(folder / "bad" / name)
    expected = folder / "good" / "expected.json"
    if "--update" in command:
        expected.write_text("{}")
    assert run(*command, str(folder)) == UNUSABLE
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert line.startswith(f"error: {folder}/bad")
    assert name in line
    assert said.out
    if "--update" in command:
        assert expected.read_bytes() == (FIXTURES / "encar_search_general" / "expected.json").read_bytes()
        assert not (folder.parent / "nowhere.json").exists()


def test_a_capture_that_is_a_link_to_elsewhere_is_neither_read_nor_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = folder.parent / "elsewhere"
    (folder / "bad").rename(elsewhere)
    (folder / "bad").symlink_to(elsewhere)
    (elsewhere / "expected.json").write_text("{}")
    assert run("replay", str(folder), "--update") == UNUSABLE
    assert capsys.readouterr().err == f"error: {folder}/bad: is a symbolic link\n"
    assert (elsewhere / "expected.json").read_text() == "{}"


def test_the_folder_that_one_names_may_be_a_link(folder: Path) -> None:
    (folder.parent / "link").symlink_to(folder)
    assert run("replay", str(folder.parent / "link"), "--check") == GOOD
    (folder.parent / "one").symlink_to(folder / "good")
    assert run("replay", str(folder.parent / "one"), "--check") == GOOD


def test_an_update_leaves_another_name_of_the_same_file_as_it_was(folder: Path) -> None:
    outside = folder.parent / "outside.json"
    outside.write_text("{}")
    (folder / "bad" / "expected.json").unlink()
    os.link(outside, folder / "bad" / "expected.json")
    assert run("replay", str(folder), "--update") == GOOD
    assert outside.read_text() == "{}"
    assert {path.name for path in (folder / "bad").iterdir()} == set(FILES)


def test_an_update_that_the_disk_refuses_is_a_line_and_the_others_are_updated(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("bad", "good"):
        (folder / name / "expected.json").write_text("{}")
    put = Path.replace

    def full(self: Path, target: Path) -> Path:
        if target.parent.name == "bad":
            raise OSError(28, "No space left on device", str(target))
        return put(self, target)

    monkeypatch.setattr(Path, "replace", full)
    assert run("replay", str(folder), "--update") == UNUSABLE
    said = capsys.readouterr()
    assert said.err == f"error: {folder}/bad/expected.json: No space left on device\n"
    assert said.out.startswith(f"updated {folder}/good")
    assert {path.name for path in (folder / "bad").iterdir()} == set(FILES)


def test_names_and_words_that_a_terminal_would_obey_are_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "good").rename(folder / os.fsdecode(b"go\x1b[2J\xff\nod"))
    assign(folder / "bad" / "meta.json", "operation", "a\x1b]0;b\nc")
    assert run("replay", str(folder), "--check") == UNUSABLE
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
    assert len(said.err.splitlines()) == 1


# The fields of the descriptions


def assign(path: Path, field: str, value: object) -> None:
    """Put another value in a field of a file."""
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {field: value}))


FAULTS: list[tuple[str, str, object]] = [
    ("request.json", "url", "https://api.encar.com:99999/v1/readside/vehicle/1"),
    ("request.json", "url", "https://api.encar.com:-1/"),
    ("request.json", "url", "https://api.encar.com:port/"),
    ("request.json", "url", "https://[::1/"),
    ("request.json", "url", "https://[zz]/"),
    ("request.json", "url", "https://" + "a" * 300 + "\u0130\u200d.example/"),
    ("request.json", "url", "https://api.encar.com/\n"),
    ("request.json", "url", "https://api.encar.com/" + "a" * 1_000_000),
    ("request.json", "url", "file:///etc/passwd"),
    ("request.json", "method", "POST"),
    ("meta.json", "captured_at", "0001-01-01T00:00:00"),
    ("meta.json", "captured_at", "2026-11-20T03:00:00"),
    ("meta.json", "captured_at", "2026-13-20T03:00:00Z"),
    ("meta.json", "captured_at", 10**30),
    ("meta.json", "format", 2),
    ("meta.json", "format", "1"),
    ("meta.json", "scrubbed", {"plate": "one"}),
    ("meta.json", "sha256", "0" * 64),
    ("meta.json", "somebody_elses", True),
    ("response.json", "status", 101),
    ("response.json", "status", "200"),
    ("response.json", "headers", {"A B": "c"}),
    ("response.json", "headers", {"A": "b\r\nSet-Cookie: c"}),
    ("response.json", "headers", [["A", "b"]]),
    ("expected.json", "total", 10**30),
]


@pytest.mark.parametrize(("name", "field", "value"), FAULTS)
def test_a_field_that_cannot_be_used_is_a_line(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, field: str, value: object
) -> None:
    assign(folder / "bad" / name, field, value)
    assert run("replay", str(folder), "--check") == UNUSABLE
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert line.startswith(f"error: {folder}/bad/")
    assert f"ok {folder}/good" in said.out


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        [
            *("0001-01-01T00:00:00+09:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "2026-11-20T03:00:00Z"),
            *("https://api.encar.com/search/car/list/general?q=&sr=|Year|" + "9" * 5_000 + "|48", "http://a:0/", "x"),
            *("https://auto.danawa.com/usedcar/?Page=" + "9" * 5_000, "https://api.encar.com/v1/readside/vehicle/1"),
            *("https://" + "\u00df" * 100 + "/", "https://fem.encar.com/cars/detail/1?q=%ff%zz"),
            *("search", "facets", "detail", "batch", "page", "inspection", "record", "diagnosis", "list", "feeder"),
            *("encar", "danawa", "GET", "captured", "utf-8", "idna", "2026"),
        ]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_FIELDS = [
    *(("meta.json", field) for field in saved.About.__struct_fields__),
    *(("request.json", field) for field in saved.Request.__struct_fields__),
    *(("response.json", field) for field in ("status", "headers")),
]


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spoiled")


@given(
    source=st.sampled_from(["encar_search_model", "danawa_list", "encar_page_live", "encar_rate_limited_until"]),
    changes=st.lists(st.tuples(st.sampled_from(_FIELDS), _VALUES), min_size=1, max_size=2),
)
def test_whatever_the_fields_say_a_capture_is_sound_or_refused_in_a_line(
    spoiled: Path, vocabulary: Vocabulary, source: str, changes: list[tuple[tuple[str, str], object]]
) -> None:
    shutil.rmtree(spoiled / "one", ignore_errors=True)
    shutil.copytree(FIXTURES / source, spoiled / "one")
    for (name, field), value in changes:
        assign(spoiled / "one" / name, field, value)
    try:
        capture = saved.read(spoiled / "one")
        reading = read(capture, vocabulary)
    except BadCapture as error:
        assert len(str(error).splitlines()) == 1
        return
    told(differences(capture, reading))
    request_for(capture, vocabulary)
    doctor.table(doctor.look_at([capture], vocabulary))
    assert Replay([capture, saved.read(FIXTURES / "encar_search_model")]).app()


@given(document=st.dictionaries(st.text(max_size=5), _VALUES, max_size=4))
def test_whatever_is_expected_is_compared_or_refused_in_a_line(
    spoiled: Path, vocabulary: Vocabulary, document: dict[str, object]
) -> None:
    for name, other in (("expected.json", "encar_search_model"), ("expected_error.json", "encar_blocked_403")):
        shutil.rmtree(spoiled / "two", ignore_errors=True)
        shutil.copytree(FIXTURES / other, spoiled / "two")
        (spoiled / "two" / name).write_text(json.dumps(document))
        try:
            capture = saved.read(spoiled / "two")
        except BadCapture as error:
            assert len(str(error).splitlines()) == 1
        else:
            told(differences(capture, read(capture, vocabulary)))


async def test_headers_about_the_connection_are_not_replayed() -> None:
    capture = saved.read(FIXTURES / "encar_search_model")
    headers = {"Content-Encoding": "gzip", "Content-Length": "5", "Transfer-Encoding": "chunked", "Connection": "close"}
    capture = replace(capture, response=Response(200, CIMultiDict(headers), capture.response.body))
    async with serving(Replay([capture]).app()) as upstream, aiohttp.ClientSession() as session:
        url = f"{upstream}/{capture.url.host}{capture.url.raw_path_qs}"
        async with session.get(url) as answer:
            assert await answer.read() == capture.response.body


def test_a_body_nested_as_deeply_as_can_be_is_only_drift(vocabulary: Vocabulary) -> None:
    capture = saved.read(FIXTURES / "encar_search_model")
    for depth in (200, 300, 600, 900, 1_000, 1_100, 5_000):
        body = b'{"Count": 1, "SearchResults": ' + b"[" * depth + b"]" * depth + b"}"
        deep_one = replace(capture, response=Response(200, capture.response.headers, body))
        (finding,) = doctor.look_at([deep_one], vocabulary)
        assert finding.failure == "drift"
