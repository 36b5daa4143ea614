"""Names a capture in an answer only if it is on disk."""

from collections.abc import Sequence

from aiohttp import web
from msgspec import UNSET, structs

from dealerproxy.api.keys import KEEPER
from dealerproxy.contract.answers import SourceState
from dealerproxy.contract.deadline import Deadline

# Seconds that an answer about a failure waits for its capture.
WAIT_S = 0.25


async def with_captures(app: web.Application, sources: Sequence[SourceState], deadline: Deadline) -> list[SourceState]:
    """Return the same states; for an unwritten capture, `pending`, or None if it cannot be written."""
    return [await _settled(app, source, deadline) for source in sources]


async def _settled(app: web.Application, source: SourceState, deadline: Deadline) -> SourceState:
    if source.capture is UNSET:
        return source
    name = None
    if KEEPER in app:
        name = await app[KEEPER].on_disk(source.capture, min(WAIT_S, deadline.remaining()))
    return structs.replace(source, capture=name or UNSET)
