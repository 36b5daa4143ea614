"""The service over HTTP: typed answers, typed errors, one deadline a call, one retry after a 503 with Retry-After.

The caller owns the session, which reuses and closes the connections.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

import aiohttp
import msgspec
from msgspec import Struct
from yarl import URL

from dealerproxy.client.answers import DealerCar, DealerFacets, DealerList, DealerRows, is_plausible, with_headers
from dealerproxy.client.decoding import Unreadable, decode
from dealerproxy.client.errors import DealerError, VehicleNotFound, VehicleUnavailable, outage, read_error
from dealerproxy.client.sources import DealerPart, PartnerQuery
from dealerproxy.contract.answers import AvailabilityAnswer, CarState
from dealerproxy.contract.deadline import Deadline
from dealerproxy.contract.headers import API_KEY, DEADLINE_HEADER, REQUEST_ID, REQUEST_ID_SHAPE
from dealerproxy.contract.ids import PUBLIC_ID
from dealerproxy.contract.terms import DEALER

DEADLINE_S = 10.0
CONNECT_S = 2.0
# The longest deadline. A longer or infinite one counts as this one.
LONGEST_S = 300.0
# Cars that the service answers for at once: their rows, and whether they can be bought.
MAX_ROWS, MAX_CHECKED = 40, 100
# Bytes of a decoded body. The service's largest answers have a few hundred thousand.
MAX_BODY = 4 * 2**20
# The share of the time left that the service gets, so that its own time-out answer still arrives.
TOLD_SHARE = 0.95
# The client retries only if at least this much time is left.
LEAST_S = 0.5
# Decimals of a rate that the service receives; more would not change a price in whole dollars.
RATE_DIGITS = 6


class _Sale(Struct, frozen=True):
    under_contract: bool


class _OrderedCar(DealerCar, frozen=True, kw_only=True, dict=True):
    """A car with what insiders alone may see of its sale."""

    dealer: _Sale


_list = msgspec.json.Decoder(DealerList)
_rows = msgspec.json.Decoder(DealerRows)
_detail = msgspec.json.Decoder(DealerCar)
_ordered = msgspec.json.Decoder(_OrderedCar)
_facets = msgspec.json.Decoder(DealerFacets)
_availability = msgspec.json.Decoder(AvailabilityAnswer)

T = TypeVar("T")
C = TypeVar("C", bound=DealerCar)


class _Question(NamedTuple, Generic[T]):
    """A request and the decoder of its answer. It is a POST if it has a body; `patient` allows a retry.

    `krw_per_usd` is the rate to price at, null for the service's own.
    """

    url: URL
    decoder: msgspec.json.Decoder[T]
    krw_per_usd: float | None = None
    headers: Mapping[str, str] = {}
    body: bytes | None = None
    patient: bool = True


class DealerClient:
    """The service's HTTP client.

    Every method takes `deadline_s`, the seconds for the whole call including a retry. More than 300, infinity included,
    counts as 300; 0, a negative number or NaN fails with an outage `timed_out`. `request_id` (`req_` and 24 hex digits)
    appears in the service's logs and errors; the client does not send any other text.

    Every method raises only DealerError and its subclasses: InvalidRequest (400), DealerUnavailable (503, also if the
    service is unreachable, its answer is unreadable, or the session is closed), DealerError for any other `error.code`.
    The session's `raise_for_status` has no effect.

    Prices use `krw_per_usd` of the call, else of the client, else the service's own rate; each answer names it in
    `krw_per_usd`. A rate outside 100 to 10,000 won per dollar fails with an outage `implausible_rate`.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        *,
        api_key: str | None = None,
        krw_per_usd: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`base_url` is the service's root (`http://dealerproxy:8080`); `api_key` one of its `DEALERPROXY_API_KEYS`.

        `clock` (monotonic seconds) and `sleep` are for tests. Raises ValueError for a `base_url` that is not an http or
        https URL with a host, an `api_key` that a header cannot hold, and a `krw_per_usd` outside 100 to 10,000.
        """
        if krw_per_usd is not None and not is_plausible(krw_per_usd):
            raise ValueError(f"krw_per_usd is won per dollar, from 100 to 10000; {krw_per_usd} is not")
        if api_key is not None and not api_key.isprintable():
            raise ValueError("api_key has a character that a header cannot hold")
        self._krw_per_usd = krw_per_usd
        self._session, self._vehicles = session, _root(base_url) / "v1" / "vehicles"
        self._headers = {} if api_key is None else {API_KEY: api_key}
        self._clock, self._sleep = clock, sleep

    async def search(
        self,
        params: Mapping[str, str],
        *,
        krw_per_usd: float | None = None,
        deadline_s: float = DEADLINE_S,
        request_id: str | None = None,
    ) -> DealerList:
        """One page of dealer rows; `params` is a query string of `GET /v1/vehicles`.

        A `krw_per_usd` in `params` is the rate of the call. Raises InvalidRequest for parameters that the service
        rejects.
        """
        rate = krw_per_usd if krw_per_usd is not None or "krw_per_usd" in params else self._krw_per_usd
        return await self._ask(_Question(self._vehicles.with_query(params), _list, rate), deadline_s, request_id)

    async def iterate(
        self,
        params: Mapping[str, str],
        *,
        krw_per_usd: float | None = None,
        deadline_s: float = DEADLINE_S,
        request_id: str | None = None,
    ) -> AsyncIterator[DealerList]:
        """Yields the pages of a search; `deadline_s` applies to each page.

        Pages, not rows: only `sources` of a page reports a site that failed. Raises the errors of `search`; a cursor
        that repeats raises an outage, so that a walk always ends.
        """
        seen, further = set[str](), params
        while True:
            page = await self.search(further, krw_per_usd=krw_per_usd, deadline_s=deadline_s, request_id=request_id)
            yield page
            if page.next_cursor is None:
                return
            if page.next_cursor in seen:
                raise outage("unexpected_answer", request_id=request_id)
            seen.add(page.next_cursor)
            further = {**params, "cursor": page.next_cursor}

    async def answer(
        self,
        query: PartnerQuery,
        *,
        krw_per_usd: float | None = None,
        deadline_s: float = DEADLINE_S,
        request_id: str | None = None,
    ) -> DealerList | DealerError | None:
        """The dealer side's answer to a partner's request, or its error as a value, for `merge`.

        None, without a call, if the request needs nothing from the dealer side. Never raises a DealerError.
        """
        if query.dealer is DealerPart.NONE:
            return None
        try:
            return await self.search(
                query.dealer_params, krw_per_usd=krw_per_usd, deadline_s=deadline_s, request_id=request_id
            )
        except DealerError as error:
            return error

    async def vehicle(
        self,
        vehicle_id: str,
        *,
        krw_per_usd: float | None = None,
        fresh: bool = False,
        patient: bool = True,
        deadline_s: float = DEADLINE_S,
        request_id: str | None = None,
    ) -> DealerCar:
        """One car in full.

        `fresh` bypasses every cache; `patient=False` forbids the retry, for callers that have a fallback. Also raises
        VehicleNotFound, without a call if `vehicle_id` is not a dealer id.
        """
        question = self._car(vehicle_id, _detail, krw_per_usd, fresh=fresh)._replace(patient=patient)
        return await self._ask_car(question, vehicle_id, deadline_s, request_id)

    async def ordered(
        self,
        vehicle_id: str,
        *,
        krw_per_usd: float | None = None,
        deadline_s: float = DEADLINE_S,
        request_id: str | None = None,
    ) -> DealerCar:
        """One car in full as it can be bought right now, past every cache.

        Its JSON has `dealer.under_contract`, which partners must not see. Raises the errors of `vehicle`, and
        VehicleUnavailable (410) for a listed car that cannot be bought: reason `under_contract` if a sale is agreed,
        `no_price` if the site shows no price.
        """
        question = self._car(vehicle_id, _ordered, krw_per_usd, fresh=True)
        question = question._replace(url=question.url.update_query(include=DEALER))
        car = await self._ask_car(question, vehicle_id, deadline_s, request_id)
        if car.dealer.under_contract:
            raise _unavailable("under_contract", "The car is under contract.", request_id)
        if car.pricing.listing_price is None:
            raise _unavailable("no_price", "The car has no price.", request_id)
        return car

    def _car(
        self, vehicle_id: str, decoder: msgspec.json.Decoder[C], krw_per_usd: float | None, *, fresh: bool
    ) -> _Question[C]:
        """The request for a car. Raises VehicleNotFound if `vehicle_id` is not a dealer id."""
        if PUBLIC_ID.fullmatch(vehicle_id) is None:
            message = "Dealer cars have ids such as encar_41985016."
            raise VehicleNotFound(404, "vehicle_not_found", message, details={"reason": "unknown_id"})
        rate = self._krw_per_usd if krw_per_usd is None else krw_per_usd
        headers = {"Cache-Control": "no-cache"} if fresh else {}
        return _Question(self._vehicles / vehicle_id, decoder, rate, headers)

    async def _ask_car(self, question: _Question[C], vehicle_id: str, deadline_s: float, request_id: str | None) -> C:
        car = await self._ask(question, deadline_s, request_id)
        if car.id != vehicle_id:
            raise outage("unexpected_answer", request_id=request_id)  # another car's
        return car

    async def facets(
        self, sources: Sequence[str] = (), *, deadline_s: float = DEADLINE_S, request_id: str | None = None
    ) -> DealerFacets:
        """The filter values of dealer cars; `sources` as the partner named them, empty for all.

        Raises InvalidRequest for a source that the service does not know.
        """
        url = (self._vehicles / "facets").with_query({"source": ",".join(sources)} if sources else {})
        return await self._ask(_Question(url, _facets), deadline_s, request_id)

    async def rows(
        self,
        vehicle_ids: Sequence[str],
        *,
        krw_per_usd: float | None = None,
        deadline_s: float = DEADLINE_S,
        request_id: str | None = None,
    ) -> DealerRows:
        """The rows of 1 to 40 cars in the order of `vehicle_ids`, repeated ids once, and the states of the others.

        A row has the `dealer` object, which partners must not see. Raises InvalidRequest for another number of ids, or
        for one that is not a dealer id.
        """
        rate = self._krw_per_usd if krw_per_usd is None else krw_per_usd
        url = self._vehicles.with_query(ids=",".join(vehicle_ids), include=DEALER)
        answer = await self._ask(_Question(url, _rows, rate), deadline_s, request_id)
        told = {*(row.id for row in answer.data), *(state.id for state in answer.states)}
        if told != set(vehicle_ids):
            raise outage("unexpected_answer", request_id=request_id)  # for other cars, or not for all
        return answer

    async def availability(
        self,
        vehicle_ids: Sequence[str],
        *,
        fresh: bool = False,
        deadline_s: float = DEADLINE_S,
        request_id: str | None = None,
    ) -> Sequence[CarState]:
        """Whether each of up to 100 cars can be bought, in the order of `vehicle_ids`, repeated ids once.

        `fresh` bypasses every cache. Without ids the answer is empty, and there is no call. Raises InvalidRequest for
        more ids, or for one that is not a dealer id.
        """
        if not vehicle_ids:
            return ()
        url = self._vehicles / "availability"
        headers = {"Content-Type": "application/json", **({"Cache-Control": "no-cache"} if fresh else {})}
        body = msgspec.json.encode({"ids": vehicle_ids})
        question = _Question(url, _availability, headers=headers, body=body)
        states = (await self._ask(question, deadline_s, request_id)).data
        if [state.id for state in states] != list(dict.fromkeys(vehicle_ids)):
            raise outage("unexpected_answer", request_id=request_id)  # for other cars, or not for all
        return states

    async def _ask(self, question: _Question[T], deadline_s: float, request_id: str | None) -> T:
        """Sends a request; retries once after a 503 if its Retry-After leaves enough time."""
        if question.krw_per_usd is not None:
            if not is_plausible(question.krw_per_usd):
                raise outage("implausible_rate", request_id=request_id)
            rate = str(round(question.krw_per_usd, RATE_DIGITS))
            question = question._replace(url=question.url.update_query(krw_per_usd=rate))
        deadline = Deadline(min(deadline_s, LONGEST_S) if deadline_s > 0 else 0.0, self._clock)
        try:
            return await self._once(question, deadline, request_id)
        except DealerError as error:
            wait = error.retry_after_s if question.patient and error.status == 503 else None
            if wait is None or wait + LEAST_S > deadline.remaining():
                raise
        await self._sleep(wait)
        return await self._once(question, deadline, request_id)

    async def _once(self, question: _Question[T], deadline: Deadline, request_id: str | None) -> T:
        told_ms = max(1, round(deadline.share(TOLD_SHARE).remaining() * 1000))
        headers = {**self._headers, **question.headers, DEADLINE_HEADER: str(told_ms)}
        if request_id is not None and REQUEST_ID_SHAPE.fullmatch(request_id):
            headers[REQUEST_ID] = request_id
        if self._session.closed:
            raise outage("session_closed", request_id=request_id)
        asking = self._session.request(
            "GET" if question.body is None else "POST",
            question.url,
            data=question.body,
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
            allow_redirects=False,
            # The session's own setting is for other services' answers.
            raise_for_status=False,
            auto_decompress=True,
        )
        try:
            async with asyncio.timeout(deadline.remaining()), asking as answer:
                content = await _body(answer)
        except TimeoutError as error:
            raise outage("timed_out", request_id=request_id) from error
        except (aiohttp.ClientError, OSError) as error:
            raise outage("unreachable", request_id=request_id) from error
        except _TooLarge as error:
            raise outage("unexpected_answer", request_id=request_id) from error
        if answer.status != 200:
            raise read_error(answer.status, answer.headers, content)
        try:
            return with_headers(decode(question.decoder, content), answer.headers, question.krw_per_usd)
        except Unreadable as error:
            raise outage("unexpected_answer", request_id=answer.headers.get(REQUEST_ID)) from error


def _root(base_url: str) -> URL:
    """The service's root. Raises ValueError for any other text."""
    try:
        url = URL(base_url)
    except ValueError:
        url = URL()
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("base_url is not an http or https URL such as http://dealerproxy:8080")
    return url


def _unavailable(reason: str, message: str, request_id: str | None) -> VehicleUnavailable:
    return VehicleUnavailable(410, "vehicle_unavailable", message, details={"reason": reason}, request_id=request_id)


class _TooLarge(Exception):
    """A decoded body has more than `MAX_BODY` bytes; the client does not read the rest."""


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """Reads a body in chunks, so that memory holds at most the limit. Raises _TooLarge."""
    pieces, size = list[bytes](), 0
    async for piece in answer.content.iter_any():
        size += len(piece)
        if size > MAX_BODY:
            raise _TooLarge
        pieces.append(piece)
    return b"".join(pieces)
