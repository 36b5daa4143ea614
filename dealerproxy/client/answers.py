"""The service's answers with the facts of their headers: cache status, age and exchange rate.

Encoding an answer gives its body alone.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

from msgspec import Struct
from msgspec.structs import force_setattr

from dealerproxy.contract.answers import CarState, FacetsAnswer, VehicleList
from dealerproxy.contract.detail import VehicleDetail
from dealerproxy.contract.headers import RATE_HEADER
from dealerproxy.contract.rate import PLAUSIBLE
from dealerproxy.contract.summary import InsiderSummary

_WORD = re.compile(r"[a-z]{1,20}", re.ASCII)
_SECONDS = re.compile(r"\d{1,9}", re.ASCII)
_RATE = re.compile(r"\d{1,5}(\.\d{1,20})?", re.ASCII)


class _Headers(NamedTuple):
    x_cache: str | None = None
    age_s: int | None = None
    krw_per_usd: float | None = None


class _WithHeaders(Struct, frozen=True, dict=True):
    """An answer with its response headers, if it has any."""

    @property
    def x_cache(self) -> str | None:
        """`X-Cache`: `miss`, `hit`, `updating`, `stale`; null if the answer has none."""
        return self._headers.x_cache

    @property
    def age_s(self) -> int | None:
        """`Age`: seconds since the oldest part of the answer was fetched; null if the answer has none."""
        return self._headers.age_s

    @property
    def _headers(self) -> _Headers:
        headers: _Headers = self.__dict__.get("headers", _Headers())
        return headers


class DealerList(_WithHeaders, VehicleList, frozen=True, kw_only=True, dict=True):
    """A page of dealer rows; prices in whole US dollars."""

    @property
    def krw_per_usd(self) -> float:
        """The exchange rate of its prices in won per US dollar."""
        return self.fx.krw_per_usd


class DealerRows(DealerList, frozen=True, kw_only=True, dict=True):
    """The rows of cars by id, with the `dealer` object, and the states of the cars without a row."""

    data: Sequence[InsiderSummary]
    states: Sequence[CarState]


class DealerCar(_WithHeaders, VehicleDetail, frozen=True, kw_only=True, dict=True):
    """A dealer car in full; prices in whole US dollars."""

    @property
    def krw_per_usd(self) -> float | None:
        """The exchange rate of its prices in won per US dollar: that of `X-Krw-Per-Usd`, else the requested one."""
        return self._headers.krw_per_usd


class DealerFacets(_WithHeaders, FacetsAnswer, frozen=True, kw_only=True, dict=True):
    """The filter values of dealer cars."""


A = TypeVar("A")


def with_headers(answer: A, headers: Mapping[str, str], krw_per_usd: float | None) -> A:
    """Adds the headers to an answer that can hold them; `krw_per_usd` is the requested rate. Unreadable is null."""
    if isinstance(answer, _WithHeaders):
        x_cache, age, rate = (headers.get(name, "") for name in ("X-Cache", "Age", RATE_HEADER))
        facts = _Headers(
            x_cache if _WORD.fullmatch(x_cache) else None,
            int(age) if _SECONDS.fullmatch(age) else None,
            float(rate) if _RATE.fullmatch(rate) and is_plausible(float(rate)) else krw_per_usd,
        )
        force_setattr(answer, "headers", facts)
    return answer


def is_plausible(krw_per_usd: float) -> bool:
    """Whether the service accepts this exchange rate."""
    return PLAUSIBLE[0] <= krw_per_usd <= PLAUSIBLE[1]
