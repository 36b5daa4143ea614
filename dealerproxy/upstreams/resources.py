"""The resources that the application passes to a site, and the types of opening a site."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Protocol

from dealerproxy.cache.cache import StaleCache
from dealerproxy.settings import Settings
from dealerproxy.transport.fetch import Fetcher, FetchPolicy
from dealerproxy.transport.redis_guard import RedisGuard
from dealerproxy.upstreams.off_sale import OffSale
from dealerproxy.upstreams.upstream import Upstream
from dealerproxy.vehicles.listing import Judged
from dealerproxy.vocabulary import Vocabulary


class OpenFetcher(Protocol):
    """Opens a session of its own for one of a site's hosts, closed at the end of the context."""

    def __call__(
        self, policy: FetchPolicy, headers: Mapping[str, str], *, rps: float
    ) -> AbstractAsyncContextManager[Fetcher]:
        """Return a context with the host's fetcher. `rps` is in requests per second."""


class Resources(NamedTuple):
    """The resources of all sites; `clock` is monotonic (seconds), `judged` is called for the rows of each answer.

    `shared` is the Redis that processes share, if any.
    """

    cache: StaleCache
    off_sale: OffSale
    clock: Callable[[], float]
    judged: Judged
    open_fetcher: OpenFetcher
    shared: RedisGuard | None = None


OpenSite = Callable[[Resources], AbstractAsyncContextManager[Upstream[Any]]]
# Returns the function that opens a site. Raises SettingsError for a setting that the site cannot use.
SetUpSite = Callable[[Settings, Vocabulary], OpenSite]
