"""The type of a site's table of operations: one entry for each kind of answer that the service reads.

Live clients, the capture commands, replay and doctor use the same entries: they agree on an answer's address, on
which answer is good, and on how it is read.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Concatenate, Generic, NamedTuple, ParamSpec, TypeVar

from yarl import URL

from dealerproxy.contract.ids import LISTING_IDS, UpstreamName
from dealerproxy.transport.response import Response, json_body, page_body

P = ParamSpec("P")
T_co = TypeVar("T_co", covariant=True)

# Patterns of the placeholders in a path. An invalid id still makes an address of the operation.
_SHAPES = {"id": "[0-9]+", "view": "[0-9A-Za-z_]+"}
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class Host(NamedTuple):
    """A host of an upstream.

    `setting` names the setting that can replace `home`. `block_markers` are texts of the host's block page.
    """

    upstream: UpstreamName
    setting: str
    home: URL
    block_markers: tuple[bytes, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Operation(Generic[P, T_co]):
    """One kind of answer of a site.

    `path` is below the host's address; `{id}` in it is a car's number, `{view}` a word. `id_parameter` is the query
    parameter of a number that is not in the path. An operation with a `required_parameter` precedes another at the
    same path. Operations of one `circuit` are suspended together. `read` returns typed values of a good body; it raises
    Drift.
    """

    name: str
    host: Host
    circuit: str
    path: str
    read: Callable[Concatenate[bytes, P], T_co]
    html: bool = False
    id_parameter: str | None = None
    required_parameter: str | None = None

    def url(self, base: URL, **parts: str) -> URL:
        """Return the address below `base`; `parts` fill the placeholders, `id` also the query's parameter."""
        url = base / self.path.format(**parts)
        return url.with_query({self.id_parameter: parts["id"]}) if self.id_parameter and "id" in parts else url

    def is_at(self, url: URL, path: str) -> bool:
        """Whether an address is this operation's; `path` is its path below the host's, with its slash."""
        return bool(self._pattern.fullmatch(path)) and (self.required_parameter or "") in {"", *url.query}

    def subject(self, url: URL, path: str) -> str | None:
        """Return the car's number in an address of this operation; None for a list, or without a valid id."""
        match = self._pattern.fullmatch(path)
        named = match.groupdict().get("id") if match else None
        if named is None and self.id_parameter is not None:
            named = url.query.get(self.id_parameter, "")
        return named if named is not None and LISTING_IDS[self.host.upstream].fullmatch(named) else None

    def body(self, response: Response, *, now: Callable[[], float] = time.time) -> bytes:
        """Return the body of a good answer, or raise UpstreamError; `now` (unix seconds) dates a `Retry-After`."""
        judge = page_body if self.html else json_body
        return judge(response, block_markers=self.host.block_markers, now=now)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        literals_and_names = _PLACEHOLDER.split(self.path)
        parts = (
            f"(?P<{text}>{_SHAPES[text]})" if number % 2 else re.escape(text)
            for number, text in enumerate(literals_and_names)
        )
        return re.compile("/" + "".join(parts))
