"""Troubles leave a page on the disk, each kind one, and cost nothing else: neither time, nor errors, nor all space."""

import json
import os
import re
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path

import pytest
from multidict import CIMultiDict
from yarl import URL

from dealerproxy.captures import capture as saved
from dealerproxy.captures import sites
from dealerproxy.captures.keeper import LARGEST_BODY, MAX_WAITING, MOST_WORDS, Keeper, make_room, name_of
from dealerproxy.captures.scrub.texts import ScrubError
from dealerproxy.transport.errors import Blocked, Drift, NotFound, RateLimited, ServerFault, TimedOut, UpstreamError
from dealerproxy.transport.reading import Unknown
from dealerproxy.transport.response import Response
from dealerproxy.vocabulary import Vocabulary

from .conftest import AT

API = URL("http://127.0.0.1:8081")
ASKED_AT = dict(sites.HOMES) | {"encar_api_url": API}
SEARCH = API.with_path("/search/car/list/premium").with_query(q="Hidden.N.", sr="|Year|0|48", count="true")
PRICE = Drift("SearchResults[]: Object missing required field `Price`", "20 of 20 rows unreadable")
ROWS = Response(200, CIMultiDict({"Content-Type": "application/json"}), '{"Count": 1, "DealerName": "홍길동"}'.encode())

Open = Callable[..., Keeper]


@pytest.fixture
def opened(tmp_path: Path, vocabulary: Vocabulary) -> Open:
    """Make a keeper; others of the same folder stand for other processes."""

    def opened(at: datetime = AT) -> Keeper:
        made = Keeper(tmp_path / "kept", vocabulary, ASKED_AT, now=lambda: at)
        made.start()
        return made

    return opened


@pytest.fixture
async def keeper(opened: Open) -> AsyncIterator[Keeper]:
    made = opened()
    yield made
    await made.close()


def kept(tmp_path: Path) -> list[str]:
    folder = tmp_path / "kept"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def note(keeper: Keeper, error: UpstreamError, response: Response | None = ROWS, url: URL = SEARCH) -> str | None:
    return keeper.notice("encar", "search", url, response, error)


async def test_a_storm_of_one_kind_writes_one_page_and_every_trouble_names_it(keeper: Keeper, tmp_path: Path) -> None:
    names = {note(keeper, PRICE) for _ in range(500)}
    await keeper.close()
    assert kept(tmp_path) == [*names]
    capture = saved.read(tmp_path / "kept" / kept(tmp_path)[0])
    assert capture.about.trouble is not None
    assert (capture.about.trouble.code, capture.about.trouble.sign) == ("drift", PRICE.path)
    assert capture.request.url.startswith("https://api.encar.com/search/car/list/premium?")
    assert "홍길동" not in capture.response.body.decode()


async def test_each_kind_has_a_page_of_its_own_under_a_name_that_tells_it(keeper: Keeper, tmp_path: Path) -> None:
    block = Response(404, CIMultiDict(), b"<html>has_been_cr_blocked</html>")
    errors: list[tuple[UpstreamError, Response]] = [
        (PRICE, ROWS),
        (Drift("iNav.Nodes[3].Facets[1].Value"), ROWS),
        (Drift("iNav.Nodes[0].Facets[7].Value"), ROWS),
        (Blocked("block page with status 404"), block),
        (RateLimited("429", 12.0), Response(429, CIMultiDict(), b"")),
        (ServerFault("status 502"), Response(502, CIMultiDict(), b"bad gateway")),
    ]
    names = []
    for error, response in errors:
        names.append(note(keeper, error, response))
        await keeper._waiting.join()
    await keeper.close()
    assert names[1] == names[2]  # which of the nodes it was makes no other kind
    assert [str(name).rsplit("-", 1)[0] for name in names] == [
        "encar-search-drift-object-missing-required-field-price",
        "encar-search-drift-inav-nodes-facets-value",
        "encar-search-drift-inav-nodes-facets-value",
        "encar-search-blocked-block-page-with-status-404",
        "encar-search-rate_limited-status-429",
        "encar-search-upstream_error-status-502",
    ]
    assert kept(tmp_path) == sorted(set(map(str, names)))


async def test_drift_is_to_be_mended_and_anything_else_is_expected_to_stay(keeper: Keeper, tmp_path: Path) -> None:
    drift = note(keeper, PRICE)
    blocked = note(keeper, Blocked("status 403"), Response(403, CIMultiDict(), b""))
    await keeper.close()
    assert saved.read(tmp_path / "kept" / str(drift)).expected_error is None
    expected = saved.read(tmp_path / "kept" / str(blocked)).expected_error
    assert expected is not None
    assert (expected["code"], expected["kind"]) == ("blocked", "status 403")


@pytest.mark.parametrize("header", ["X-Amzn-Waf-Action", "cf-mitigated", "CF-MITIGATED"])
async def test_a_block_by_header_is_expected_by_that_header(keeper: Keeper, tmp_path: Path, header: str) -> None:
    name = note(keeper, Blocked("a guard"), Response(200, CIMultiDict({header: "challenge"}), b"{}"))
    await keeper.close()
    capture = saved.read(tmp_path / "kept" / str(name))
    assert capture.response.headers[header.lower()] == "challenge"
    assert capture.expected_error is not None
    assert capture.expected_error["code"] == "blocked"


@pytest.mark.parametrize(
    ("url", "response", "error"),
    [
        (SEARCH, None, TimedOut("no answer")),
        (SEARCH, Response(404, CIMultiDict(), b""), NotFound("status 404")),
        (URL("https://fx.example/rates?key=secret"), ROWS, Drift("rates.KRW")),
        (SEARCH, Response(200, CIMultiDict(), b"x" * (LARGEST_BODY + 1)), PRICE),
    ],
)
async def test_what_shows_nothing_is_not_kept(
    keeper: Keeper, tmp_path: Path, url: URL, response: Response | None, error: UpstreamError
) -> None:
    assert note(keeper, error, response, url) is None
    await keeper.close()
    assert kept(tmp_path) == []


async def test_more_kinds_than_can_wait_are_let_go_and_come_again(keeper: Keeper, tmp_path: Path) -> None:
    names = [note(keeper, Drift(f"path{number}")) for number in range(MAX_WAITING + 3)]
    assert names.count(None) == 3
    await keeper.close()
    assert len(kept(tmp_path)) == MAX_WAITING


async def test_a_disk_that_takes_nothing_costs_only_the_capture_and_one_line(
    keeper: Keeper, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kept").write_text("no directory")
    assert note(keeper, PRICE) is not None  # nobody waits for the disk to find out
    assert note(keeper, Drift("Count")) is not None
    await keeper.close()
    keeper.start()
    assert note(keeper, PRICE) is None  # now it is known
    assert capsys.readouterr().out.count("capture_failed") == 1


async def test_a_page_that_cannot_be_scrubbed_is_not_written(
    keeper: Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ScrubError("a plate remains in the page")

    monkeypatch.setattr("dealerproxy.captures.scrub.scrub.Scrubber.scrub", refuse)
    note(keeper, PRICE)
    await keeper.close()
    assert kept(tmp_path) == []


async def test_a_mistake_of_our_own_neither_ends_the_writer_nor_leaves_a_page(
    keeper: Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("dealerproxy.captures.scrub.bodies.spans", lambda _: 1 / 0)
        note(keeper, PRICE)
        await keeper._waiting.join()
    assert kept(tmp_path) == []
    name = note(keeper, Drift("Count"))
    await keeper.close()
    assert kept(tmp_path) == [name]


async def test_another_process_having_kept_the_page_is_enough(keeper: Keeper, opened: Open, tmp_path: Path) -> None:
    other = opened(at=datetime(2026, 1, 1, tzinfo=AT.tzinfo))
    name = note(other, PRICE)
    await other.close()
    assert note(keeper, PRICE) == name
    await keeper.close()
    assert saved.read(tmp_path / "kept" / str(name)).about.captured_at.month == 1


async def test_scrubbing_leaves_the_count_of_unknown_words_alone(keeper: Keeper, vocabulary: Vocabulary) -> None:
    before = vocabulary.untranslated.copy()
    note(keeper, PRICE, Response(200, CIMultiDict(), '{"x": "듣도 보도 못한 낱말"}'.encode()))
    await keeper.close()
    assert vocabulary.untranslated == before


def note_unknown(keeper: Keeper, kind: str, word: str) -> str | None:
    url = API.with_path("/v1/readside/inspection/vehicle/49000001")
    body = json.dumps({"formats": ["TABLE"], "inners": []}).encode()
    return keeper.notice("encar", "papers", url, Response(200, CIMultiDict(), body), Unknown(kind, word))


async def test_a_code_that_no_dictionary_has_keeps_its_page_and_expects_nothing_of_it(
    keeper: Keeper, tmp_path: Path
) -> None:
    names = {note_unknown(keeper, "panel", "P999") for _ in range(3)}
    await keeper.close()
    assert kept(tmp_path) == [*names]
    assert kept(tmp_path)[0].startswith("encar-inspection-unknown-panel-p999-")
    capture = saved.read(tmp_path / "kept" / kept(tmp_path)[0])
    assert (capture.expected, capture.expected_error) == (None, None)


async def test_a_site_that_numbers_its_codes_anew_keeps_few_pages(keeper: Keeper, tmp_path: Path) -> None:
    for number in range(100):
        note_unknown(keeper, "panel", f"Q{number}")
        await keeper._waiting.join()
    await keeper.close()
    assert len(kept(tmp_path)) == MOST_WORDS + 1
    assert (
        note_unknown(keeper, "panel", "Q1")
        != note_unknown(keeper, "panel", "Q98")
        == note_unknown(keeper, "panel", "Q99")
    )


@pytest.mark.parametrize("word", ["123가4567", "010-1234-5678", "KMHL34JA1PA123456"])
async def test_what_stands_where_a_code_should_stand_is_not_told_when_it_is_somebodys(
    keeper: Keeper, tmp_path: Path, word: str
) -> None:
    name = note_unknown(keeper, "panel", word)
    await keeper.close()
    told = saved.read(tmp_path / "kept" / str(name)).about.trouble
    assert told is not None
    assert not set(re.findall(r"[1-9]\d+", word)) & set(re.findall(r"[1-9]\d+", f"{told.sign} {str(name)[:-8]}"))


async def test_closing_without_having_started_and_noting_then_do_nothing(
    tmp_path: Path, vocabulary: Vocabulary
) -> None:
    keeper = Keeper(tmp_path / "kept", vocabulary, ASKED_AT)
    assert note(keeper, PRICE) is None
    await keeper.close()


def fill(folder: Path, make: Callable[..., saved.Capture], count: int) -> list[str]:
    names = []
    for number in range(count):
        made = make(f"https://api.encar.com/v1/readside/vehicle/{number}", b'{"x": "%d"}' % number)
        page = sites.recognise(made.url)
        assert page is not None
        names.append(name_of(page, saved.Trouble("drift", f"path {number}")))
        saved.write(folder / names[-1], made)
        stamp = 1_700_000_000 + number
        os.utime(folder / names[-1], (stamp, stamp))
    return names


def test_the_oldest_make_room_for_the_newest(tmp_path: Path, make: Callable[..., saved.Capture]) -> None:
    names = fill(tmp_path, make, 5)
    make_room(tmp_path, 3, 10**9)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[2:])
    make_room(tmp_path, 3, 1)  # too little for even one: the newest stays
    assert [path.name for path in tmp_path.iterdir()] == names[-1:]


def test_what_somebody_else_put_there_is_never_removed(tmp_path: Path, make: Callable[..., saved.Capture]) -> None:
    names = fill(tmp_path, make, 2)
    saved.write(tmp_path / "encar_detail", make("https://api.encar.com/v1/readside/vehicle/1"))
    (tmp_path / names[0] / "notes.txt").write_text("ours")
    make_room(tmp_path, 0, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["encar_detail", names[0]])
