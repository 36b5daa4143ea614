"""One search of Encar as a leg of a query."""

from typing import NamedTuple

from dealerproxy.upstreams.encar.addresses import UPSTREAM
from dealerproxy.upstreams.encar.indexes import CARS, SearchIndex
from dealerproxy.upstreams.encar.rows import SearchTarget
from dealerproxy.upstreams.query import FilterWords


class EncarLeg(NamedTuple):
    """One search; `q` and `sort` are in the site's words and identify it. Cursors depend on `q`.

    `facets` are its filters that not all rows show. `named` and `filtered` are those of `results.Leg`.
    """

    q: str
    sort: str
    asked: SearchTarget
    facets: FilterWords = FilterWords()
    upstream: str = UPSTREAM
    site_index: SearchIndex = CARS
    named: bool = True
    filtered: bool = True
