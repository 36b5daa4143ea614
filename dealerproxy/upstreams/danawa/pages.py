"""A page of the list: fetched, extracted, normalised."""

import time
from collections import Counter
from collections.abc import Callable
from functools import partial

from dealerproxy.transport.errors import Drift, UpstreamError
from dealerproxy.transport.reading import report
from dealerproxy.transport.troubles import upstream_trouble
from dealerproxy.upstreams.absence import NoteRows, unwatched
from dealerproxy.upstreams.danawa.client import DanawaClient, PageBody
from dealerproxy.upstreams.danawa.listing import Broken, ListPage, silence
from dealerproxy.upstreams.danawa.names import UPSTREAM, as_shown, normalise
from dealerproxy.upstreams.danawa.operations import LIST
from dealerproxy.upstreams.danawa.whole import PageRead
from dealerproxy.upstreams.off_sale import OffSale
from dealerproxy.vehicles.listing import Judged, LeftOut, LeftOutReason, unheeded
from dealerproxy.vocabulary import Vocabulary

# Requests wait for the list, never for a page; so a page has time for a turn and for retries.
PAGE_S = 30.0


class Pages:
    """Reads pages of the list one at a time."""

    def __init__(
        self,
        client: DanawaClient,
        vocabulary: Vocabulary,
        off_sale: OffSale,
        *,
        now: Callable[[], float] = time.monotonic,
        judged: Judged = unheeded,
        listed: NoteRows = unwatched,
    ) -> None:
        """`judged` and `listed` are called for the rows of each page."""
        self._client, self._vocabulary, self._off_sale = client, vocabulary, off_sale
        self._now, self._judged, self._listed = now, judged, listed

    async def read(self, number: int) -> PageRead:
        """Read page `number` (from 1). Raises UpstreamError."""
        asked_at = self._now()
        try:
            read = partial(self._page, number=number)
            page = await self._client.page(number, read, within_s=PAGE_S)
        except UpstreamError as error:
            upstream_trouble(UPSTREAM, "list", error, page=str(number))
            raise
        entries = tuple(
            LeftOut(LeftOutReason.UNREADABLE) if isinstance(row, Broken) else normalise(row, self._vocabulary)
            for row in page.rows
        )
        shown = tuple(as_shown(entry, self._vocabulary, self._client.base) for entry in entries)
        self._listed(shown, max(0.0, self._now() - asked_at))
        self._judged(UPSTREAM, shown, Counter(row.selector for row in page.rows if isinstance(row, Broken)))
        for entry in entries:
            if isinstance(entry, LeftOut) and entry.reason is LeftOutReason.SOLD_OR_RESERVED and entry.listing_id:
                self._off_sale.note(UPSTREAM, entry.listing_id, asked_at)
        return PageRead(entries, len(page.rows), page.says_empty)

    def _page(self, came: PageBody, number: int) -> ListPage:
        page = LIST.read(came.body, charset=came.charset, base=self._client.base)
        if silent := silence(number, len(page.rows), says_empty=page.says_empty):
            report(silent)  # the caller decides whether the list is empty
        for selector in {row.selector for row in page.rows if isinstance(row, Broken)}:
            report(Drift(selector, "in some cars"))
        return page
