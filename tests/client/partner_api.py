"""The small main API of the client's page, with what a partner's day needs besides: keys, facets, auction filters."""

from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from dealerproxy.client import (
    DealerClient,
    DealerError,
    FacetsAnswer,
    Owner,
    PartnerQuery,
    Row,
    is_dealer_id,
    merge_facets,
)
from tests.client.main_api import MainApi

PARTNER = web.RequestKey("partner", tuple[str, str])  # its account, and the environment of its key


class PartnerApi(MainApi):
    """Auction cars are given; `PARTNER` of the request says who asks. Nothing is watched."""

    def __init__(self, dealer: DealerClient, auction: Sequence[Row]) -> None:
        super().__init__(dealer, Path())
        self.auction = auction

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/v1/vehicles/facets", self.get_facets), *super().routes()]

    async def get_facets(self, request: web.Request) -> web.Response:
        sources = [name for name in request.query.get("source", "").split(",") if name]
        rows = [row for row in self.auction if not sources or row["source"] in sources]
        auction = {
            "makes": sorted({row["make"] for row in rows}),
            "sources": sorted({row["source"] for row in rows}),
            "as_of": "2026-04-15T21:50:00+09:00",
        }
        try:
            dealer: FacetsAnswer | DealerError = await self.dealer.facets(sources)
        except DealerError as error:
            dealer = error
        return web.json_response(merge_facets(sources, auction, dealer))

    async def get_vehicle(self, request: web.Request) -> web.Response:
        vehicle_id = request.match_info["id"]
        if is_dealer_id(vehicle_id):
            return await super().get_vehicle(request)
        return web.json_response(next(row for row in self.auction if row["id"] == vehicle_id))

    def owner(self, request: web.Request, vehicle_id: str) -> Owner:
        return Owner(*request[PARTNER], vehicle_id)

    async def auction_rows(self, query: PartnerQuery) -> tuple[Sequence[Row], str | None]:
        """The auction rows a database would find, by date, at most `query.limit` of them; the cursor is an offset."""
        if not query.auctions:
            return (), None
        asked = query.params
        rows = [
            row
            for row in sorted(self.auction, key=lambda row: row["auction_date"])
            if row["source"] in query.auctions
            and all(
                str(row[field]) in asked[field].split(",")
                for field in ("make", "model", "fuel", "accident_grade")
                if field in asked
            )
            and asked.get("keyword", "") in row["trim"]
            and ("body_style" not in asked or "Van" in row["trim"])
        ]
        start = int(query.cursor or 0)
        end = start + query.limit
        return rows[start:end], str(end) if end < len(rows) else None
