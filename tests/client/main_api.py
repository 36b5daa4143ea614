"""A main API in small: invented auction cars, the real client, merge and snapshots. One to start from.

What a real one has besides: a database behind `auction_page` and `snapshots`, and the key check in `partners.py`.
"""

import secrets
from collections.abc import MutableMapping, Sequence

from aiohttp import web
from aiohttp.typedefs import Handler

from dealerproxy.client import (
    DealerClient,
    DealerError,
    FacetsAnswer,
    Owner,
    PartnerQuery,
    Row,
    detail_or_snapshot,
    for_partner,
    is_dealer_id,
    merge,
    merge_facets,
    parse,
    take_snapshot,
)

REQUEST_ID = web.RequestKey("request_id", str)
PARTNER = web.RequestKey("partner", tuple[str, str])  # its account, and the environment of its key
KRW_PER_USD = 1347.52
DEALER_DEADLINE_S = 4.0


@web.middleware
async def envelope(request: web.Request, handler: Handler) -> web.StreamResponse:
    request_id = request[REQUEST_ID] = f"req_{secrets.token_hex(12)}"
    try:
        response = await handler(request)
    except DealerError as error:
        shown = for_partner(error)
        content = {"code": shown.code, "message": shown.message, "request_id": request_id, "details": shown.details}
        response = web.json_response({"error": content}, status=shown.status, headers=shown.headers)
    response.headers["X-Request-Id"] = request_id
    return response


class MainApi:
    def __init__(self, dealer: DealerClient, auction: Sequence[Row], snapshots: MutableMapping[Owner, bytes]) -> None:
        self.dealer, self.auction, self.snapshots = dealer, auction, snapshots

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v1/vehicles", self.list_vehicles),
            web.get("/v1/vehicles/facets", self.get_facets),
            web.get("/v1/vehicles/{id}", self.get_vehicle),
            web.post("/v1/orders", self.post_order),
        ]

    async def list_vehicles(self, request: web.Request) -> web.Response:
        query = parse(request.query.items())
        rows, cursor = self.auction_page(query)
        answer = await self.dealer.answer(query, deadline_s=DEALER_DEADLINE_S, request_id=request[REQUEST_ID])
        page = merge(query, rows, answer, auction_cursor=cursor)
        return web.json_response({"data": page.data, "next_cursor": page.next_cursor}, headers=page.headers)

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
        vehicle_id, request_id = request.match_info["id"], request[REQUEST_ID]
        if not is_dealer_id(vehicle_id):
            return web.json_response(next(row for row in self.auction if row["id"] == vehicle_id))
        partner, environment = request[PARTNER]
        found = await detail_or_snapshot(
            self.dealer, vehicle_id, partner, environment, self.find_snapshot, request_id=request_id
        )
        return web.json_response(found.detail)

    async def find_snapshot(self, owner: Owner) -> bytes | None:
        return self.snapshots.get(owner)

    async def post_order(self, request: web.Request) -> web.Response:
        partner, environment = request[PARTNER]
        owner = Owner(partner, environment, (await request.json())["vehicle_id"])
        snapshot = await take_snapshot(self.dealer, owner, KRW_PER_USD, request_id=request[REQUEST_ID])
        self.snapshots[owner] = snapshot.encode()
        return web.json_response({"vehicle_id": owner.vehicle_id, "fx_rate": snapshot.krw_per_usd}, status=201)

    def auction_page(self, query: PartnerQuery) -> tuple[Sequence[Row], str | None]:
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
