"""What to ask the main way in for a captured page to be asked for: the request that leads to it in a replay."""

from urllib.parse import quote

from dealerproxy.captures import sites
from dealerproxy.captures.capture import Capture
from dealerproxy.captures.reading import asked_of
from dealerproxy.upstreams.encar.legs import ENCAR_SORTS
from dealerproxy.upstreams.encar.query import Search, q
from dealerproxy.vocabulary import Vocabulary

_SORTS = {theirs: ours.value for ours, theirs in reversed(ENCAR_SORTS.items())}


def request_for(capture: Capture, vocabulary: Vocabulary) -> str | None:
    """Return a path of the service's that asks for a page; None where only more than make and model leads to it."""
    page = sites.recognise(capture.url)
    if page is None:
        return None
    if page.operation in {sites.DETAIL, sites.PAGE, sites.FEEDER}:
        return f"/v1/vehicles/{page.upstream}_{page.subject}?include=dealer"
    if page.operation == sites.SEARCH:
        return _list_of_encar(capture, vocabulary)
    if page.operation == sites.LIST:
        return _list_of_danawa(capture, vocabulary)
    return "/v1/vehicles/facets" if page.operation == sites.FACETS else None


def _list_of_encar(capture: Capture, vocabulary: Vocabulary) -> str | None:
    asked = asked_of(capture.url, vocabulary)
    _, sort, offset, _ = f"{capture.url.query.get('sr', '')}|||".split("|")[:4]
    search = Search(make=asked.facet or "?", model_group=asked.model.korean if asked.model else None)
    if offset != "0" or sort not in _SORTS or capture.url.query.get("q") != q(search):
        return None
    model = f"&model={quote(asked.model.name)}" if asked.model else ""
    return f"/v1/vehicles?make={quote(asked.make.name)}{model}&sort={_SORTS[sort]}&upstream=encar"


def _list_of_danawa(capture: Capture, vocabulary: Vocabulary) -> str | None:
    brand = capture.url.query.get("Brand", "")
    makes = (*vocabulary.makes, *vocabulary.danawa.makes)
    make = next((make for make in makes if brand in vocabulary.danawa.brands_of(make)), None)
    return f"/v1/vehicles?make={quote(make.name)}&upstream=danawa" if make else None
