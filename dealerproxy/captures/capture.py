"""A capture on disk: a directory for one page, which people can read, review and compare.

    request.json         {"method", "url"}: the address at the site itself, readable, for any base URL
    response.json        {"status", "headers"}: the headers as received, without those that are dropped
    body.json, .html     the page as served, decoded from gzip; only personal data is replaced, byte for byte
    meta.json            what it is, its time and source, and how it was changed
    expected.json        what the parser makes of it, or
    expected_error.json  its error; a capture without either file only has to be readable

All JSON is UTF-8 with an indent of two and a line feed at the end. The body keeps the bytes and charset of the site.

Captures are untrusted: only regular files of a bounded size inside the directory are read, none through a symbolic
link, and a file is written by replacing it with a new one.
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
from dealerproxy.arguments import with_allowed
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
# Text that only a `meta.json` of this project has, even if the rest of the file is broken.
_FORMAT = re.compile(rb'"format"\s*:\s*\d')
_UPSTREAM = re.compile(rf'"upstream"\s*:\s*"(?:{"|".join(UPSTREAMS)})"'.encode())

Json = Mapping[str, Any]
Provenance = Literal["captured", "sandbox", "captured-shape", "reconstructed-shape"]
T = TypeVar("T")


class BadCapture(Exception):
    """A directory that is no valid capture; the message names the file and its fault, in one line."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class Request(Struct, frozen=True, forbid_unknown_fields=True):
    """The captured request."""

    method: Literal["GET"]
    url: Annotated[str, Meta(pattern="^https?://[^/]+/", max_length=LONGEST_URL)]

    def __post_init__(self) -> None:
        """Raise ValueError for an invalid address."""
        if not self.url.isprintable():
            raise ValueError("an address has no unprintable characters")
        # yarl checks some parts of an address when it is parsed, others when they are accessed.
        URL(URL(self.url).human_repr()).origin()


class _Head(Struct, frozen=True, forbid_unknown_fields=True):
    status: Annotated[int, Meta(ge=100, le=599)]
    headers: dict[Annotated[str, Meta(pattern=_HEADER_NAME)], Annotated[str, Meta(pattern=_HEADER_VALUE)]]

    def __post_init__(self) -> None:
        """Raise ValueError for an informational status, which is never the last of a response."""
        if self.status < 200:
            raise ValueError(f"status {self.status} is not a final status")


class Trouble(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a page was kept automatically: the error's code, and its path or kind."""

    code: str
    sign: str


class About(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of `meta.json`.

    `provenance`: `captured` is a page that a site served, `sandbox` one of a stand-in, whose own address is `url`; the
    others are invented, in the shape of captured pages or in one reconstructed from what programs read. `scrubbed`
    counts replaced values by kind, and names the headers that were dropped. `sha256` is that of the stored body, never
    of the one that was served.
    """

    format: Literal[1] = 1
    upstream: Literal["encar", "danawa"]
    operation: str
    captured_at: Annotated[datetime, Meta(tz=True)]
    url: str
    provenance: Provenance
    note: str | None = None
    tool: str = TOOL
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    charset: str = "utf-8"
    content_encoding: str | None = None
    scrubbed: dict[str, int] = {}
    dropped_headers: tuple[str, ...] = ()
    trouble: Trouble | None = None


class Capture(Struct, frozen=True, kw_only=True):
    """A captured page with its description and at most one of the two expectations."""

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
    """Return a text with escapes for line feeds and for control and unprintable characters."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode() for char in text
    )


def sha256(body: bytes) -> str:
    """Return the checksum that `meta.json` holds."""
    return hashlib.sha256(body).hexdigest()


def is_capture(folder: Path) -> bool:
    """Whether a directory is meant as a capture: three of its files exist, valid or not."""
    return sum(os.path.lexists(folder / name) for name in FILES) >= _TELLING


def is_described(folder: Path) -> bool:
    """Whether a directory has a `meta.json` with this format's marks, valid or not."""
    try:
        text = _bytes(folder / META)
    except BadCapture:
        return False
    return bool(_FORMAT.search(text) and _UPSTREAM.search(text))


def find(root: Path) -> list[Path]:
    """Return the captures in a directory, itself included, in order. Raises BadCapture when there are none."""
    try:
        if not root.is_dir():
            raise BadCapture(f"{root}: no such directory")
        root = root.resolve() if root.is_symlink() else root
        folders = [root, *(path for path in root.rglob("*") if path.is_dir() and not path.name.startswith("."))]
        found = sorted(folder for folder in folders if is_capture(folder))
    except OSError as error:
        raise BadCapture(f"{error.filename}: {error.strerror}") from error
    if not found:
        raise BadCapture(f"{root}: contains no capture")
    return found


def read(folder: Path) -> Capture:
    """Read a capture.

    Raises BadCapture for a missing file, one that is not regular or too large, bad JSON, a wrong type or checksum.
    """
    if folder.is_symlink():
        raise BadCapture(f"{folder}: is a symbolic link")
    bodies = [name for name in BODIES if os.path.lexists(folder / name)]
    if len(bodies) != 1:
        raise BadCapture(
            f"{folder}: " + ("body.json or body.html is missing" if not bodies else "has both body.json and body.html")
        )
    if all(os.path.lexists(folder / name) for name in (EXPECTED, EXPECTED_ERROR)):
        raise BadCapture(f"{folder}: has both {EXPECTED} and {EXPECTED_ERROR}")
    about, head = _decoded(folder / META, About), _decoded(folder / RESPONSE, _Head)
    request, body = _decoded(folder / REQUEST, Request), _bytes(folder / bodies[0])
    if sha256(body) != about.sha256:
        raise BadCapture(
            f"{folder / bodies[0]}: its sha256 is {sha256(body)}, {META} says {about.sha256}; "
            f"if the body was changed on purpose, write the first value as `sha256` into {folder / META}"
        )
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
    """Write a new capture atomically. Raises OSError, FileExistsError for one."""
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
            raise FileExistsError(f"{folder} exists already") from None
        raise


def write_expectation(folder: Path, expected: Json | None, error: Json | None) -> None:
    """Replace the expectation of a capture. Raises OSError."""
    for name, document in ((EXPECTED, expected), (EXPECTED_ERROR, error)):
        if document is None:
            (folder / name).unlink(missing_ok=True)
        else:
            _replace(folder / name, document)


def remove(folder: Path) -> None:
    """Remove the files of a capture; a directory with other files in it stays."""
    for name in FILES:
        (folder / name).unlink(missing_ok=True)
    folder.rmdir()


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 capture`, `2 captures`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def utc_now() -> datetime:
    """Return the UTC time in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


def _put(path: Path, document: object) -> None:
    text = orjson.dumps(document, default=msgspec.to_builtins, option=orjson.OPT_INDENT_2)
    path.write_bytes(text + b"\n")


def _replace(path: Path, document: object) -> None:
    """Replace a file with a new one; a link is replaced, not followed."""
    new = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        _put(new, document)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _document(path: Path) -> Json | None:
    """Return an expectation: JSON that can be written again unchanged, so with bounded numbers and depth."""
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
        raise BadCapture(f"{path}: {with_allowed(error, kind)}") from error


def _bytes(path: Path) -> bytes:
    """Return the content of a regular file. Opening any other kind neither waits nor follows a link."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise BadCapture(f"{path}: is not a regular file")
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
