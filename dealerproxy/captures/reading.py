"""Reads a capture with the current parsers, as plain data that can be stored and compared."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import msgspec
import orjson
from yarl import URL

from dealerproxy.captures import sites
from dealerproxy.captures.capture import BadCapture, Capture, Json, counted
from dealerproxy.transport.errors import Blocked, Drift, UpstreamError
from dealerproxy.transport.response import drift_or_block
from dealerproxy.upstreams.caps import MOST_ROWS
from dealerproxy.upstreams.danawa import feeder, listing, names
from dealerproxy.upstreams.danawa import operations as danawa
from dealerproxy.upstreams.encar import advert as detail
from dealerproxy.upstreams.encar import facets, rows
from dealerproxy.upstreams.encar import operations as encar
from dealerproxy.upstreams.encar.query import Window, window_of
from dealerproxy.upstreams.off_sale import Entries
from dealerproxy.vehicles.car import SaleStatus
from dealerproxy.vehicles.listing import LeftOut, LeftOutReason
from dealerproxy.vocabulary import Make, Vocabulary

# A facet's value as the query language writes it: an underscore escapes what follows.
_VALUE = r"\.((?:_.|[^_.])+)\."
_ESCAPE = re.compile(r"_(.)")
_PAGE_NUMBER = re.compile(r"[0-9]{1,6}")
# The rows of a search whose address names none.
_FIRST_ROWS = Window("", 0, MOST_ROWS)
# The make of a search that names none.
_ANY_MAKE = Make("?", ())


# Reads the rows of a search's body; takes the vocabulary by name.
ReadRows = Callable[..., tuple[int, Entries]]


class Reading(NamedTuple):
    """The result of reading a page: either a document or an error."""

    document: Json | None
    error: Json | None

    @property
    def outcome(self) -> Json | None:
        """The document or the error."""
        return self.document if self.error is None else self.error

    @property
    def told(self) -> str:
        """The outcome in a word or a line."""
        if self.error is not None:
            return f"{self.error['code']}: {self.error['message']}"
        found = self.document or {}
        rows_ = found.get("rows")
        return counted(len(rows_), "row") if isinstance(rows_, list) else str(found.get("verdict", "read"))


def read(capture: Capture, vocabulary: Vocabulary) -> Reading:
    """Read a capture as the service would. Raises BadCapture for an operation that does not exist."""
    reader = _READERS.get(capture.about.operation)
    if reader is None:
        raise BadCapture(f"{capture.name}: meta.json: unknown operation {capture.about.operation!r}")
    try:
        with drift_or_block(capture.response):
            # A date in an answer counts from the moment of the capture.
            now = partial(datetime.timestamp, capture.about.captured_at)
            body = sites.OPERATIONS[capture.about.operation].body(capture.response, now=now)
            document: Json = orjson.loads(msgspec.json.encode(reader(capture, body, vocabulary)))
    except UpstreamError as error:
        return Reading(None, told_error(error))
    return Reading(document, None)


def is_drift(reading: Reading) -> bool:
    """Whether a page could not be read because its site changed."""
    return reading.error is not None and reading.error["code"] == Drift.code


def told_error(error: UpstreamError) -> Json:
    """Return an error as plain data."""
    told: dict[str, Any] = {"error": type(error).__name__, "code": error.code}
    if isinstance(error, Drift):
        told["path"] = error.path
    if isinstance(error, Blocked):
        told["kind"] = error.kind
    told["message"] = str(error)
    if error.retry_after_s is not None:
        told["retry_after_s"] = error.retry_after_s
    return told


def _search(capture: Capture, body: bytes, vocabulary: Vocabulary) -> Json:
    return _rows(capture, body, partial(encar.SEARCH.read, asked=asked_of(capture.url, vocabulary)), vocabulary)


def _truck_search(capture: Capture, body: bytes, vocabulary: Vocabulary) -> Json:
    asked = trucks_asked_of(capture.url, vocabulary)
    return _rows(capture, body, partial(encar.TRUCK_SEARCH.read, asked=asked), vocabulary)


def _rows(capture: Capture, body: bytes, read_body: ReadRows, vocabulary: Vocabulary) -> Json:
    window = window_of(capture.url) or _FIRST_ROWS
    if window.is_count:
        return {"total": rows.read_count(body)}
    total, entries = read_body(body, vocabulary=vocabulary)
    rows.check_not_empty(len(entries), total, window.offset)
    return {"total": total, "rows": entries[: window.limit]}


def asked_of(url: URL, vocabulary: Vocabulary) -> rows.SearchTarget:
    """Return the target of a search from its query; with a placeholder make for one that names none."""
    facet, group = _facet(url, facets.MAKES), _facet(url, facets.MODEL_GROUPS)
    make = vocabulary.make_of(facet or "") or _ANY_MAKE
    models = vocabulary.find_models(make, group) if group else ()
    return rows.SearchTarget(make, facet or "", next((model for model in models if model.make_facet == facet), None))


def trucks_asked_of(url: URL, vocabulary: Vocabulary) -> rows.SearchTarget:
    """Return the target of a search of the truck index from its query."""
    maker = _facet(url, facets.MAKES) or ""
    make = vocabulary.trucks.make_of(maker) or _ANY_MAKE
    return rows.SearchTarget(make, maker, None, tuple(_facets_named(url, "Model")))


def _facet(url: URL, name: str) -> str | None:
    return next(iter(_facets_named(url, name)), None)


def _facets_named(url: URL, name: str) -> list[str]:
    found = re.findall(rf"(?<![A-Za-z]){name}{_VALUE}", url.query.get("q", ""))
    return [_ESCAPE.sub(r"\1", value) for value in found]


def _facets(capture: Capture, body: bytes, vocabulary: Vocabulary) -> Json:
    axis = facets.MODEL_GROUPS if _facet(capture.url, facets.MAKES) else facets.MAKES
    counts = encar.FACETS.read(body, axis)
    if axis == facets.MAKES:
        facets.known_makes(counts, vocabulary)
    return {axis: counts}


def _detail(capture: Capture, body: bytes, vocabulary: Vocabulary) -> Json:
    listing_id = _subject(capture)
    return _advert(encar.DETAIL.read(body, listing_id), listing_id, vocabulary)


def _page(capture: Capture, body: bytes, vocabulary: Vocabulary) -> Json:
    listing_id = _subject(capture)
    advert = encar.PAGE.read(body, listing_id)
    return {"verdict": SaleStatus.GONE} if advert is None else _advert(advert, listing_id, vocabulary)


def _batch(_: Capture, body: bytes, vocabulary: Vocabulary) -> Json:
    return {"adverts": [_in_batch(document, vocabulary) for document in encar.BATCH.read(body)]}


def _in_batch(document: object, vocabulary: Vocabulary) -> Json:
    """Read one advert of a batch; its error does not make the others unreadable."""
    try:
        advert = detail.read_document(document)
        return _advert(advert, advert.listing_id, vocabulary)
    except Drift as error:
        return told_error(error)


def _advert(advert: detail.Advert, listing_id: str, vocabulary: Vocabulary) -> Json:
    verdict = detail.sale_status(advert)
    return {
        "verdict": verdict,
        "vehicle_id": advert.vehicle_id,
        "listing_id": advert.listing_id,
        "other_id": advert.other_id,
        "car": detail.normalise(advert, listing_id, vocabulary) if verdict is SaleStatus.LIVE else None,
    }


def _list(capture: Capture, body: bytes, vocabulary: Vocabulary) -> Json:
    page = danawa.LIST.read(body, charset=capture.response.charset)
    silent = listing.silence(_number_of(capture.url), len(page.rows), says_empty=page.says_empty)
    if silent is not None:
        raise silent
    entries = [
        LeftOut(LeftOutReason.UNREADABLE)
        if isinstance(row, listing.Broken)
        else names.as_shown(names.normalise(row, vocabulary), vocabulary)
        for row in page.rows
    ]
    return {"has_container": page.has_container, "says_empty": page.says_empty, "rows": entries}


def _number_of(url: URL) -> int:
    """Return the page number of Danawa's list; 1 where the address has none."""
    match = _PAGE_NUMBER.fullmatch(url.query.get("Page", ""))
    return int(match[0]) if match else 1


def _feeder(capture: Capture, body: bytes, vocabulary: Vocabulary) -> Json:
    listing_id = _subject(capture)
    advert = danawa.FEEDER.read(body, listing_id)
    if isinstance(advert, SaleStatus):
        return {"verdict": advert}
    return {
        "verdict": SaleStatus.LIVE,
        "car": feeder.normalise(advert, listing_id, vocabulary),
        "inspection": _paper(partial(feeder.read_inspection, advert, vocabulary)),
        "record": _paper(partial(feeder.read_record, advert)),
    }


def _paper(read_paper: Callable[[], object]) -> object:
    """Read a paper in a car's answer; its error does not make the car unreadable."""
    try:
        return read_paper()
    except Drift as error:
        return told_error(error)


def _subject(capture: Capture) -> str:
    page = sites.recognise(capture.url)
    if page is None or page.subject is None:
        raise BadCapture(f"{capture.name}: request.json: not the address of a car: {capture.request.url}")
    return page.subject


_READERS: Mapping[str, Callable[[Capture, bytes, Vocabulary], object]] = {
    encar.SEARCH.name: _search,
    encar.TRUCK_SEARCH.name: _truck_search,
    encar.FACETS.name: _facets,
    encar.DETAIL.name: _detail,
    encar.BATCH.name: _batch,
    encar.PAGE.name: _page,
    encar.INSPECTION.name: lambda _, body, vocabulary: encar.INSPECTION.read(body, vocabulary),
    encar.RECORD.name: lambda _, body, vocabulary: encar.RECORD.read(body, vocabulary),
    encar.DIAGNOSIS.name: lambda _, body, vocabulary: encar.DIAGNOSIS.read(body, vocabulary),
    encar.BATTERY.name: lambda _, body, vocabulary: encar.BATTERY.read(body, vocabulary),
    encar.PACKAGES.name: lambda _, body, vocabulary: encar.PACKAGES.read(body, vocabulary),
    danawa.LIST.name: _list,
    danawa.FEEDER.name: _feeder,
}
