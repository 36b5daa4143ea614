"""The service's request that leads to a captured page in a replay."""

from urllib.parse import quote

from dealerproxy.captures import sites
from dealerproxy.captures.capture import Capture
from dealerproxy.captures.reading import asked_of, read, trucks_asked_of
from dealerproxy.upstreams.danawa import operations as danawa
from dealerproxy.upstreams.encar import operations as encar
from dealerproxy.upstreams.encar.indexes import ENCAR_SORTS
from dealerproxy.upstreams.encar.query import Search, TruckSearch, q, trucks_q, window_of
from dealerproxy.vehicles.listing import Listing
from dealerproxy.vocabulary import Vocabulary

_SORTS = {theirs: ours.value for ours, theirs in reversed(ENCAR_SORTS.items())}


def request_for(capture: Capture, vocabulary: Vocabulary) -> str | None:
    """Return the service's path whose request fetches a page; None if make and model do not suffice for it."""
    page = sites.recognise(capture.url)
    if page is None:
        return None
    if page.subject and page.operation in {encar.DETAIL.name, encar.PAGE.name, danawa.FEEDER.name}:
        return f"/v1/vehicles/{page.upstream}_{page.subject}?include=dealer"
    if page.operation == encar.SEARCH.name:
        return _list_of_encar(capture, vocabulary)
    if page.operation == encar.TRUCK_SEARCH.name:
        return _list_of_trucks(capture, vocabulary)
    if page.operation == danawa.LIST.name:
        return _list_of_danawa(capture, vocabulary)
    return "/v1/vehicles/facets" if page.operation == encar.FACETS.name else None


def _list_of_encar(capture: Capture, vocabulary: Vocabulary) -> str | None:
    asked = asked_of(capture.url, vocabulary)
    window = window_of(capture.url)
    search = Search(make=asked.facet or "?", model_group=asked.model.korean if asked.model else None)
    if window is None or window.offset or window.sort not in _SORTS or capture.url.query.get("q") != q(search):
        return None
    model = f"&model={quote(asked.model.name)}" if asked.model else ""
    return f"/v1/vehicles?make={quote(asked.make.name)}{model}&sort={_SORTS[window.sort]}&upstream=encar"


def _list_of_trucks(capture: Capture, vocabulary: Vocabulary) -> str | None:
    """Return the request of a name that means exactly the models of the search, or of a make that has trucks alone."""
    asked, trucks = trucks_asked_of(capture.url, vocabulary), vocabulary.trucks
    window = window_of(capture.url)
    search = TruckSearch(maker=asked.facet or "?", models=asked.trucks)
    if window is None or window.offset or window.sort not in _SORTS or capture.url.query.get("q") != trucks_q(search):
        return None
    name = trucks.name_of(asked.make, asked.trucks) if asked.trucks else None
    if name is None and (asked.trucks or not trucks.has_alone(asked.make)):
        return None
    model = f"&model={quote(name)}" if name else ""
    return f"/v1/vehicles?make={quote(asked.make.name)}{model}&sort={_SORTS[window.sort]}&upstream=encar"


def _list_of_danawa(capture: Capture, vocabulary: Vocabulary) -> str | None:
    rows = (read(capture, vocabulary).document or {}).get("rows", ())
    make = next((row["make"] for row in rows if row["type"] == Listing.__name__), None)
    return f"/v1/vehicles?make={quote(make)}&upstream=danawa" if make else None
