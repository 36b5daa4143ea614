"""The protocol that a site implements."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from dealerproxy.cache.entries import CacheResult
from dealerproxy.contract.deadline import Deadline
from dealerproxy.vehicles.listing import Chunk, Listing

L_contra = TypeVar("L_contra", contravariant=True)


class Source(Protocol[L_contra]):
    """One upstream, as a search sees it."""

    async def chunk(self, leg: L_contra, index: int, deadline: Deadline, *, bypass_cache: bool) -> CacheResult[Chunk]:
        """Return a leg's chunk by index. Raises UpstreamError."""

    async def count(
        self, leg: L_contra, keep: Callable[[Listing], bool], deadline: Deadline, *, bypass_cache: bool
    ) -> CacheResult[int]:
        """Return how many rows a leg has; where the site filters nothing, how many `keep`. Raises UpstreamError."""
