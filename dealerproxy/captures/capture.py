"""A capture on disk: a directory for one page, made to be read, reviewed and compared by people.

    request.json         {"method", "url"}: the address at the site itself, readable, whatever base URL was asked
    response.json        {"status", "headers"}: the headers as they came, but for those that are dropped
    body.json, .html     the page as served, decoded from gzip; only what is personal was replaced, byte for byte
    meta.json            what it is, from when and where, and what was done to it
    expected.json        what the parser makes of it, or
    expected_error.json  what it fails with; a capture without either one asks only that it can be read

All JSON is UTF-8 with an indent of two and a line feed at the end. The body keeps the bytes and charset of the site.

A capture may come from anybody: only regular files of a bounded size inside the directory are read, none through a
symbolic link, and a file is written by putting a new one in its place.
"""

import errno
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import orjson
from msgspec import Meta, Struct
from multidict import CIMultiDict
from yarl import URL

import dealerproxy
from dealerproxy.contract.terms import UPSTREAMS
from dealerproxy.transport.response import Response

REQUEST, RESPONSE, META = "request.json", "response.json", "meta.json"
EXPECTED, EXPECTED_ERROR = "expected.json", "expected_error.json"
BODIES = ("body.json", "body.html")
# Names like request.json are common, so two of them prove nothing.
_TELLING = 3
# The largest body that is fetched has 4 MB; no expectation has a tenth of that.
MOST_BYTES = 4_000_000
LONGEST_URL = 10_000
FILES = frozenset({REQUEST, RESPONSE, META, EXPECTED, EXPECTED_ERROR, *BODIES})
TOOL = f"dealerproxy {dealerproxy.__version__}"

_HEADER_NAME = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z"
_HEADER_VALUE = r"^[^\x00-\x08\x0a-\x1f\x7f]*\Z"
# What only a `meta.json` of this project says, in whatever state the rest of the file is.
_FORMAT = re.compile(rb'"format"\s*:\s*\d')
_UPSTREAM = re.compile(rf'"upstream"\s*:\s*"(?:{"|".join(UPSTREAMS)})"'.encode())

Json = Mapping[str, Any]
T = TypeVar("T")


class BadCapture(Exception):
    """A directory that is no sound capture; the message names the file and what is wrong with it, in one line."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class Request(Struct, frozen=True, forbid_unknown_fields=True):
    """What was asked."""

    method: Literal["GET"]
    url: Annotated[str, Meta(pattern="^https?://[^/]+/", max_length=LONGEST_URL)]

    def __post_init__(self) -> None:
        """Raise ValueError for what is no address."""
        if not self.url.isprintable():
            raise ValueError("a character that no address has")
        # Only some parts of an address are checked when it is read, others when they are asked for.
        URL(URL(self.url).human_repr()).origin()


class _Head(Struct, frozen=True, forbid_unknown_fields=True):
    status: Annotated[int, Meta(ge=100, le=599)]
    headers: dict[Annotated[str, Meta(pattern=_HEADER_NAME)], Annotated[str, Meta(pattern=_HEADER_VALUE)]]

    def __post_init__(self) -> None:
        """Raise ValueError for a status after which another answer follows."""
        if self.status < 200:
            raise ValueError(f"status {self.status} is that of no whole answer")


class Trouble(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a page was kept by itself: the error's code, and its path or kind."""

    code: str
    sign: str


class About(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `meta.json` says.

    `provenance`: `captured` is a page that a site served; the others are invented, in the shape of captured pages or
    in one that was put together from what programs read. `scrubbed` counts replaced values by kind, and names the
    headers that were dropped. `sha256` is that of the stored body, never of the one that was served.
    """

    format: Literal[1] = 1
    upstream: Literal["encar", "danawa"]
    operation: str
    captured_at: Annotated[datetime, Meta(tz=True)]
    url: str
    provenance: Literal["captured", "captured-shape", "reconstructed-shape"]
    note: str | None = None
    tool: str = TOOL
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    charset: str = "utf-8"
    content_encoding: str | None = None
    scrubbed: dict[str, int] = {}
    dropped_headers: tuple[str, ...] = ()
    trouble: Trouble | None = None


class Capture(Struct, frozen=True, kw_only=True):
    """A page with everything known of it; at most one of the two expectations is there."""

    name: str
    request: Request
    response: Response
    html: bool
    about: About
    expected: Json | None = None
    expected_error: Json | None = None

    @property
    def url(self) -> URL:
        """The address at the site itself."""
        return URL(self.request.url)


def printable(text: str) -> str:
    """Return a text with escapes for line feeds and for what a terminal would obey or cannot show."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode() for char in text
    )


def sha256(body: bytes) -> str:
    """The checksum that `meta.json` holds."""
    return hashlib.sha256(body).hexdigest()


def is_capture(folder: Path) -> bool:
    """Whether a directory is meant as a capture: three of its files are there, be they sound or not."""
    return sum(os.path.lexists(folder / name) for name in FILES) >= _TELLING


def is_described(folder: Path) -> bool:
    """Whether a directory has a `meta.json` with this format's marks, be it sound or not."""
    try:
        text = _bytes(folder / META)
    except BadCapture:
        return False
    return bool(_FORMAT.search(text) and _UPSTREAM.search(text))


def find(root: Path) -> list[Path]:
    """The captures in a directory, itself included, in order. Raises BadCapture when there are none to be had."""
    try:
        if not root.is_dir():
            raise BadCapture(f"{root}: no such directory")
        root = root.resolve() if root.is_symlink() else root
        folders = [root, *(path for path in root.rglob("*") if path.is_dir() and not path.name.startswith("."))]
        found = sorted(folder for folder in folders if is_capture(folder))
    except OSError as error:
        raise BadCapture(f"{error.filename}: {error.strerror}") from error
    if not found:
        raise BadCapture(f"{root}: no capture in it")
    return found


def read(folder: Path) -> Capture:
    """Read a capture.

    Raises BadCapture for a missing file, one that is not regular or too large, bad JSON, a wrong type or checksum.
    """
    if folder.is_symlink():
        raise BadCapture(f"{folder}: is a symbolic link")
    bodies = [name for name in BODIES if os.path.lexists(folder / name)]
    if len(bodies) != 1:
        raise BadCapture(f"{folder}: " + ("body.json or body.html is missing" if not bodies else "has two bodies"))
    if all(os.path.lexists(folder / name) for name in (EXPECTED, EXPECTED_ERROR)):
        raise BadCapture(f"{folder}: has both {EXPECTED} and {EXPECTED_ERROR}")
    about, head = _decoded(folder / META, About), _decoded(folder / RESPONSE, _Head)
    request, body = _decoded(folder / REQUEST, Request), _bytes(folder / bodies[0])
    if sha256(body) != about.sha256:
        raise BadCapture(f"{folder / bodies[0]}: its sha256 is {sha256(body)}, {META} says {about.sha256}")
    return Capture(
        name=folder.name,
        request=request,
        response=Response(head.status, CIMultiDict(head.headers), body),
        html=bodies[0] == "body.html",
        about=about,
        expected=_document(folder / EXPECTED),
        expected_error=_document(folder / EXPECTED_ERROR),
    )


def write(folder: Path, capture: Capture) -> None:
    """Write a capture where there is none yet, whole or not at all. Raises OSError, FileExistsError for one."""
    made = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}")
    made.mkdir(parents=True)
    try:
        response = capture.response
        _put(made / REQUEST, capture.request)
        _put(made / RESPONSE, _Head(response.status, dict(response.headers)))
        _put(made / META, capture.about)
        (made / BODIES[capture.html]).write_bytes(response.body)
        write_expectation(made, capture.expected, capture.expected_error)
        made.rename(folder)
    except BaseException as error:
        remove(made)
        if isinstance(error, OSError) and error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
            raise FileExistsError(f"{folder} is there already") from None
        raise


def write_expectation(folder: Path, expected: Json | None, error: Json | None) -> None:
    """Write what is expected of a capture in place of what was. Raises OSError."""
    for name, document in ((EXPECTED, expected), (EXPECTED_ERROR, error)):
        if document is None:
            (folder / name).unlink(missing_ok=True)
        else:
            _replace(folder / name, document)


def remove(folder: Path) -> None:
    """Remove a capture, but nothing that is not part of one: a directory with anything else in it stays."""
    for name in FILES:
        (folder / name).unlink(missing_ok=True)
    folder.rmdir()


def utc_now() -> datetime:
    """The time in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


def _put(path: Path, document: object) -> None:
    text = orjson.dumps(document, default=msgspec.to_builtins, option=orjson.OPT_INDENT_2)
    path.write_bytes(text + b"\n")


def _replace(path: Path, document: object) -> None:
    """Put a new file in place of one; a link that stood there is replaced, not followed."""
    new = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        _put(new, document)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _document(path: Path) -> Json | None:
    """An expectation: JSON that can be written as it was read, so no number or depth beyond what is ever written."""
    if not os.path.lexists(path):
        return None
    document = _decoded(path, dict[str, Any])
    try:
        orjson.dumps(document)
    except orjson.JSONEncodeError as error:
        raise BadCapture(f"{path}: {error}") from error
    return document


def _decoded(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(_bytes(path), type=kind)
    except RecursionError:
        raise BadCapture(f"{path}: nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadCapture(f"{path}: {error}") from error


def _bytes(path: Path) -> bytes:
    """The content of a regular file. Opening one of another kind must neither wait nor follow a link."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise BadCapture(f"{path}: is no regular file")
            with open(handle, "rb", closefd=False) as file:
                content = file.read(MOST_BYTES + 1)
        finally:
            os.close(handle)
    except FileNotFoundError:
        raise BadCapture(f"{path.parent}: {path.name} is missing") from None
    except OSError as error:
        problem = "is a symbolic link" if error.errno == errno.ELOOP else error.strerror
        raise BadCapture(f"{path}: {problem}") from error
    if len(content) > MOST_BYTES:
        raise BadCapture(f"{path}: is larger than {MOST_BYTES} bytes")
    return content
