"""Traces for OpenTelemetry: a span for each request, each leg of a list, and each call of a site.

Imported only if traces are enabled, as OpenTelemetry is an extra. A separate thread sends the spans and drops those
it cannot send, so that no request ever waits for the collector. No trace header goes to the sites. As in the log,
attributes hold no key, cursor, plate, name or error text.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar, cast

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue
from yarl import URL

import dealerproxy
from dealerproxy.cache.entries import CacheResult
from dealerproxy.contract.deadline import Deadline
from dealerproxy.contract.headers import REQUEST_ID
from dealerproxy.ops.families import NOT_FOUND, OK
from dealerproxy.ops.routes import route_of
from dealerproxy.transport.errors import NotFound, UpstreamError
from dealerproxy.transport.fetch import Fetcher
from dealerproxy.transport.limits import Lane
from dealerproxy.transport.response import Response
from dealerproxy.upstreams.query import RowFilter
from dealerproxy.upstreams.results import Leg
from dealerproxy.upstreams.stocked import StockedLeg
from dealerproxy.upstreams.upstream import Upstream
from dealerproxy.vehicles.listing import Chunk, Listing

UPSTREAM, OPERATION, OUTCOME = "dealerproxy.upstream", "dealerproxy.operation", "dealerproxy.outcome"
LEG, CHUNK, STOCK = "dealerproxy.leg", "dealerproxy.chunk", "dealerproxy.stock"
ATTEMPTS = "dealerproxy.attempts"
CAPTURE, REQUEST = "dealerproxy.capture", "dealerproxy.request_id"
# Machines call these every few seconds.
UNTRACED = ("/health/", "/metrics")
# Seconds that the end of the process waits for the last spans to be sent.
CLOSE_S = 1.5

T = TypeVar("T")

_parent_of = TraceContextTextMapPropagator().extract
# The attempts of the current call so far.
_SENT: ContextVar[int] = ContextVar("sent", default=0)


def exported() -> SpanProcessor:
    """Exports spans in batches as OpenTelemetry's own variables say. Raises ValueError for an unusable one."""
    return BatchSpanProcessor(OTLPSpanExporter())


class Tracing:
    """The spans of one application; it registers nothing globally."""

    def __init__(self, processor: SpanProcessor) -> None:
        service = {"service.name": "dealerproxy", "service.version": dealerproxy.__version__}
        # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come last, so they win.
        resource = Resource.create().merge(Resource(service)).merge(OTELResourceDetector().detect())
        # The provider's own shutdown would wait for half a minute; `close` does not.
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("dealerproxy", dealerproxy.__version__)

    def middleware(self) -> Middleware:
        """Builds the outermost middleware: a span for each request, whose parent is the caller's span."""

        @web.middleware
        async def traced(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path.startswith(UNTRACED):
                return await handler(request)
            method, route = request.method, route_of(request)
            known = method in hdrs.METH_ALL
            with self._tracer.start_as_current_span(
                f"{method if known else 'HTTP'} {route}",
                _parent_of(request.headers),
                SpanKind.SERVER,
                {"http.request.method": method if known else "_OTHER", "http.route": route},
                record_exception=False,
                set_status_on_exception=False,
            ) as span:
                response = await handler(request)
                span.set_attribute("http.response.status_code", response.status)
                span.set_attribute(REQUEST, response.headers[REQUEST_ID])
                if response.status >= 500:
                    span.set_status(StatusCode.ERROR)
                return response

        return traced

    def site(self, site: Upstream[Any]) -> Upstream[Any]:
        """Returns the site with a span for each leg that stock answers, each chunk and each count."""
        return cast("Upstream[Any]", _TracedSite(self._tracer, site))

    def fetcher(self, name: str, *args: Any, **parts: Any) -> Fetcher:  # noqa: ANN401  # what a Fetcher is made of
        """Returns a fetcher with a span for each call."""
        return _TracedFetcher(self._tracer, name, *args, **parts)

    async def close(self) -> None:
        """Sends the remaining spans within CLOSE_S seconds, as the collector may hang."""
        ending = threading.Thread(target=self._provider.shutdown, name="end-tracing", daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, CLOSE_S)


class _TracedSite:
    """A site with spans around its legs; everything else passes through."""

    def __init__(self, tracer: Tracer, site: Upstream[Any]) -> None:
        self._tracer, self._site = tracer, site

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # whatever the site has under this name
        return getattr(self._site, name)

    async def stocked(self, leg: Leg, keep: RowFilter, deadline: Deadline, *, bypass_cache: bool) -> StockedLeg | None:
        # A leg that stock does not answer has no span here, only those of its chunks or its count.
        began_ns = time.time_ns()
        try:
            found = await self._site.stocked(leg, keep, deadline, bypass_cache=bypass_cache)
        except BaseException:
            with self._about(leg, {STOCK: True}, began_ns):
                raise
        if found is not None:
            with self._about(leg, {STOCK: True}, began_ns) as span:
                span.set_attribute(OUTCOME, str(found.state))
        return found

    async def chunk(self, leg: Leg, index: int, deadline: Deadline, *, bypass_cache: bool) -> CacheResult[Chunk]:
        with self._about(leg, {CHUNK: index}) as span:
            return _told(span, await self._site.chunk(leg, index, deadline, bypass_cache=bypass_cache))

    async def count(
        self, leg: Leg, keep: Callable[[Listing], bool], deadline: Deadline, *, bypass_cache: bool
    ) -> CacheResult[int]:
        with self._about(leg, {}) as span:
            return _told(span, await self._site.count(leg, keep, deadline, bypass_cache=bypass_cache))

    @contextmanager
    def _about(self, leg: Leg, about: Mapping[str, AttributeValue], began_ns: int | None = None) -> Iterator[Span]:
        attributes = {UPSTREAM: leg.upstream, LEG: leg.q, **about}
        with _spanning(self._tracer, "leg", SpanKind.INTERNAL, attributes, began_ns) as span:
            yield span


def _told(span: Span, found: CacheResult[T]) -> CacheResult[T]:
    span.set_attribute(OUTCOME, str(found.state))
    return found


class _TracedFetcher(Fetcher):
    """A fetcher with one span for each call, waits and retries included, and an event in it for each attempt.

    The task that loads a cache entry may outlive the request that started it: its span belongs to that request's leg
    and may end after it. Other requests that wait for the same entry have no span of it.
    """

    def __init__(self, tracer: Tracer, name: str, *args: Any, **parts: Any) -> None:  # noqa: ANN401
        super().__init__(name, *args, **parts)
        self._tracer, self._upstream = tracer, name

    async def get(
        self, operation: str, url: URL | Callable[[], URL], judge: Callable[[Response], T], *, within_s: float
    ) -> T:
        attributes = {UPSTREAM: self._upstream, OPERATION: operation, "http.request.method": "GET"}
        with _spanning(self._tracer, f"{self._upstream} {operation}", SpanKind.CLIENT, attributes) as span:
            _SENT.set(0)
            try:
                answer = await super().get(operation, url, judge, within_s=within_s)
            finally:
                span.set_attribute(ATTEMPTS, _SENT.get())
            span.set_attribute(OUTCOME, OK)
            return answer

    async def _send(self, url: URL, deadline: Deadline, lane: Lane) -> Response:
        _SENT.set(_SENT.get() + 1)
        span = get_current_span()
        # Without the query, which may hold cursors and other private values.
        span.set_attributes({"server.address": url.host or "", "url.path": url.raw_path})
        span.add_event("sent")
        return await super()._send(url, deadline, lane)


@contextmanager
def _spanning(
    tracer: Tracer,
    name: str,
    kind: SpanKind,
    attributes: Mapping[str, AttributeValue],
    began_ns: int | None = None,
) -> Iterator[Span]:
    """Opens a span, which began at a unix time or begins now.

    An error is recorded by its code alone, as its text may hold a site's data.
    """
    with tracer.start_as_current_span(
        name,
        kind=kind,
        attributes=attributes,
        start_time=began_ns,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield span
        except BaseException as error:
            span.set_attribute(OUTCOME, _outcome(error))
            if isinstance(error, UpstreamError) and error.capture is not None:
                span.set_attribute(CAPTURE, error.capture)
            span.set_status(StatusCode.ERROR)
            raise


def _outcome(error: BaseException) -> str:
    """The outcome word of the metrics; the class name of an error that is not an upstream's failure."""
    if isinstance(error, NotFound):
        return NOT_FOUND
    return error.code if isinstance(error, UpstreamError) else type(error).__name__
