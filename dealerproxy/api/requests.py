"""What routes read out of a request the same way: its parameters and its deadline."""

from collections.abc import Mapping, Sequence

from aiohttp import web

from dealerproxy.errors import Issue, validation_error
from dealerproxy.headers import DEADLINE_HEADER
from dealerproxy.transport.deadline import Deadline

_LONGEST_NUMBER = 9


def params_of(request: web.Request) -> Mapping[str, Sequence[str]]:
    """The query string, every parameter with all its values."""
    return {name: request.query.getall(name) for name in request.query}


def deadline_of(request: web.Request, longest_s: float) -> Deadline:
    """The time this request may take; its header can only shorten it. Raises ApiError 400 for a bad header."""
    text = request.headers.get(DEADLINE_HEADER)
    if text is None:
        return Deadline(longest_s)
    if not (text.isascii() and text.isdigit() and text.strip("0")):
        message = f"`{DEADLINE_HEADER}` must be a whole number of milliseconds above 0."
        raise validation_error([Issue(DEADLINE_HEADER, message)])
    return Deadline(longest_s if len(text) > _LONGEST_NUMBER else min(longest_s, int(text) / 1000))
