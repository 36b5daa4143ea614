"""The commands `capture`, `replay` and `doctor`: what they print, and with which status they end.

0: success. 1: a page that could not be fetched, a difference, or a drift. 2: unusable input (an invalid capture, an
unknown query) or a site that cannot be reached.
"""

import argparse
import asyncio
import hashlib
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path

from aiohttp import web

from dealerproxy import vocabulary as words
from dealerproxy.arguments import completes_folders, whole_number
from dealerproxy.captures import capture as saved
from dealerproxy.captures import doctor, sites
from dealerproxy.captures.capture import BadCapture, Capture, counted
from dealerproxy.captures.expectations import differences, expectation, told
from dealerproxy.captures.fetching import Unfetched, fetching, number_of_papers, pages_of, papers_of
from dealerproxy.captures.maker import Maker
from dealerproxy.captures.reading import is_drift, read
from dealerproxy.captures.replay import Replay, offline, serving
from dealerproxy.captures.replay_requests import request_for
from dealerproxy.captures.scrub.texts import ScrubError
from dealerproxy.captures.sites import Page
from dealerproxy.settings import Settings
from dealerproxy.vocabulary import Vocabulary

GOOD, WRONG, UNUSABLE = 0, 1, 2
# More than any list has.
MOST_PAGES = 200

Captures = Mapping[Path, Capture]
CreateApp = Callable[[Settings, Vocabulary], web.Application]


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", create_app: CreateApp) -> None:
    """Add the three commands to those of `dealerproxy`; each sets `run`, which returns the exit status.

    `create_app` builds the service that `replay` runs.
    """
    about = "fetch pages, replace personal data, and store them as captures"
    parser = commands.add_parser("capture", help=about, description=about)
    parser.add_argument(
        "what", nargs="+", help="a partner query (make=Kia&model=K5), an id (encar_41985016), or a page's address"
    )
    completes_folders(
        parser.add_argument(
            "--into", type=Path, default=Path("captures"), metavar="DIR", help="folder to store them in (captures)"
        )
    )
    parser.add_argument(
        "--pages", type=whole_number(1, MOST_PAGES), default=1, metavar="N", help="pages to fetch of each list (1)"
    )
    parser.set_defaults(run=capture)
    about = "run the service on captures instead of the sites, or compare captures with their expectations"
    parser = commands.add_parser("replay", help=about, description=about)
    completes_folders(
        parser.add_argument("folder", type=Path, metavar="DIR", help="a capture, or a folder of captures")
    )
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument(
        "--check", action="store_true", help="compare each capture with its expectation, and print the differences"
    )
    choice.add_argument("--update", action="store_true", help="store what is read now as the expectation")
    parser.set_defaults(run=partial(replay, create_app))
    about = "fetch one small page of each operation from the sites; print which fields are present, missing or new"
    parser = commands.add_parser("doctor", help=about, description=about)
    completes_folders(
        parser.add_argument("--captures", type=Path, metavar="DIR", help="read captures instead of calling the sites")
    )
    parser.set_defaults(run=diagnose)


async def capture(settings: Settings, options: argparse.Namespace) -> int:
    """Fetch and store pages; for an advert, also the papers of its car."""
    vocabulary = words.load()
    try:
        waiting = [page for what in options.what for page in pages_of(what, settings, vocabulary, pages=options.pages)]
    except Unfetched as error:
        return _told([str(error)])
    maker, asked_at = Maker(vocabulary), sites.bases(settings)
    number, total, status = 0, sum(1 + number_of_papers(page) for page in waiting), GOOD
    async with fetching(settings) as fetch:
        while waiting:
            page = waiting.pop(0)
            papers: Sequence[Page] = ()
            number += 1
            try:
                response = await fetch(page)
                papers = papers_of(page, response)
                made = maker.make(_free_name(options.into, page), page, response, at=saved.utc_now(), asked_at=asked_at)
                saved.write(options.into / made.name, maker.expecting(made))
                reading = read(made, vocabulary)
                status = max(status, WRONG if is_drift(reading) else GOOD)
                outcome = f"{options.into / made.name}: {response.status}, {reading.told}"
            except (Unfetched, ScrubError, OSError) as error:
                status, outcome = WRONG, f"{page.url.human_repr()}: {error}"
            _say(f"[{number}/{total}] {outcome}")
            waiting += papers
            if missing := number_of_papers(page) - len(papers):
                number += missing
                _say(f"[{number}/{total}] {page.url.human_repr()}: no advert, so its {missing} papers are not fetched")
    return status


async def replay(create_app: CreateApp, settings: Settings, options: argparse.Namespace) -> int:
    """Check captures or update their expectations; else serve them until stopped."""
    vocabulary = words.load()
    captures, faults = load(options.folder, vocabulary)
    if options.check or options.update:
        status = check(captures, vocabulary, len(faults)) if options.check else update(captures, vocabulary)
        return _told(faults) or status
    if not faults:
        await _serve(create_app, settings, captures, vocabulary)
    return _told(faults)


async def diagnose(settings: Settings, options: argparse.Namespace) -> int:
    """Print the shape of the sites' pages, or of captured ones."""
    vocabulary = words.load()
    if options.captures is None:
        found, faults = await doctor.ask_around(settings, vocabulary), list[str]()
    else:
        captures, faults = load(options.captures, vocabulary)
        found = doctor.look_at(captures.values(), vocabulary)
    if found:
        _say(doctor.table(found))
    return _told(faults) or doctor.status(found)


def load(folder: Path, vocabulary: Vocabulary) -> tuple[Captures, list[str]]:
    """Read all captures of a folder; return the valid ones, and a line for each invalid one."""
    captures: dict[Path, Capture] = {}
    faults: list[str] = []
    try:
        folders = saved.find(folder)
    except BadCapture as error:
        return captures, [str(error)]
    for path in folders:
        try:
            capture = saved.read(path)
            read(capture, vocabulary)
            captures[path] = capture
        except BadCapture as error:
            faults.append(str(error))
    return captures, faults


def check(captures: Captures, vocabulary: Vocabulary, unsound: int = 0) -> int:
    """Print for each capture whether it is as expected, and every difference; `unsound` more could not be read."""
    wrong = 0
    for path, each in captures.items():
        reading = read(each, vocabulary)
        found = differences(each, reading)
        wrong += bool(found)
        remark = "" if expectation(each) is not None or found else " (no expectation yet; --update stores one)"
        _say(f"{'DIFFERS' if found else 'ok'} {path}: {reading.told}{remark}")
        if found:
            _say("  " + told(found).replace("\n", "\n  "))
    good, total = len(captures) - wrong, len(captures) + unsound
    if captures:
        verb, rest = "is" if 1 in {good, total} else "are", f", {unsound} cannot be used" if unsound else ""
        _say(f"{good} of {counted(total, 'capture')} {verb} as expected{rest}")
    return WRONG if wrong else GOOD


def update(captures: Captures, vocabulary: Vocabulary) -> int:
    """Store the current readings as expectations, except for a page that became unreadable: fix its parser."""
    status = GOOD
    for path, each in captures.items():
        reading = read(each, vocabulary)
        if not differences(each, reading) and expectation(each) is not None:
            continue
        if reading.error is not None and each.expected_error is None:
            status = max(status, WRONG)
            _say(f"FAILS {path}: {reading.told}; the expectation is unchanged")
            continue
        try:
            saved.write_expectation(path, reading.document, reading.error)
        except OSError as error:
            status = _told([f"{error.filename}: {error.strerror}"])
            continue
        _say(f"updated {path}: {reading.told}")
    return status


async def _serve(create_app: CreateApp, settings: Settings, captures: Captures, vocabulary: Vocabulary) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(Replay(captures.values()).app()) as upstream:
        app = create_app(offline(settings, upstream), vocabulary)
        async with serving(app, settings.port) as url:
            has = counted(len(captures), "capture")
            print(f"dealerproxy listens on {url}, a server with {has} in place of the sites on {upstream}.")
            for each in captures.values():
                asked = request_for(each, vocabulary)
                print(f"  {each.name}: " + (f"curl -si '{url}{asked}'" if asked else each.request.url))
            sys.stdout.flush()
            await stop.wait()


def _free_name(folder: Path, page: Page) -> str:
    """Return an unused name for a page fetched by hand."""
    digest = hashlib.blake2b(str(page.url).encode(), digest_size=4).hexdigest()
    name = f"{page.upstream}-{page.operation}-{page.subject or digest}"
    names = (f"{name}-{number}" if number > 1 else name for number in count(1))
    return next(free for free in names if not (folder / free).exists())


def _say(text: str) -> None:
    """Print lines with escaped control characters, since captures and their names are untrusted."""
    print("\n".join(map(saved.printable, text.split("\n"))), flush=True)


def _told(faults: Sequence[str]) -> int:
    """Print one line for each fault; return UNUSABLE if there is one, else GOOD."""
    for fault in faults:
        print(f"error: {saved.printable(fault)}", file=sys.stderr)
    return UNUSABLE if faults else GOOD
