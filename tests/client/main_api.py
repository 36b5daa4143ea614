"""A small main API: auction cars of its own, and dealer cars from dealerproxy beside them."""

import asyncio
import logging
import os
import secrets
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
from aiohttp import ClientSession, web
from aiohttp.typedefs import Handler

from dealerproxy import client as dealerproxy
from dealerproxy.client import DealerClient, DealerError, Owner, PartnerQuery, Row

REQUEST_ID = web.RequestKey("request_id", str)
WATCH_EVERY_S = 60.0
# Yours: the rate of an order, the cars to watch, partners by key (with the key's environment), auction cars by date.
KRW_PER_USD = 1347.52
WATCHED = ["encar_41985016"]
PARTNERS = {"lmn_prd_acme": ("acme", "production"), "lmn_stg_acme": ("acme", "sandbox")}
AUCTION: list[Row] = [{"id": f"sk_{day}", "source": "sk", "auction_date": f"2026-04-{day}"} for day in range(18, 25)]


@web.middleware
async def envelope(request: web.Request, handler: Handler) -> web.StreamResponse:
    request_id = request[REQUEST_ID] = f"req_{secrets.token_hex(12)}"
    try:
        response = await handler(request)
    except DealerError as error:
        shown = dealerproxy.for_partner(error)
        content = {"code": shown.code, "message": shown.message, "request_id": request_id, "details": shown.details}
        response = web.json_response({"error": content}, status=shown.status, headers=shown.headers)
    response.headers["X-Request-Id"] = request_id
    return response


class MainApi:
    def __init__(self, dealer: DealerClient, watch_state: Path) -> None:
        self.dealer, self.watch_state = dealer, watch_state
        self.snapshots: dict[Owner, bytes] = {}  # yours: stored with the order
        self.changes: list[dealerproxy.CarChange] = []  # yours: messages to partners

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v1/vehicles", self.list_vehicles),
            web.get("/v1/vehicles/availability", self.get_availability),
            web.get("/v1/vehicles/{id}", self.get_vehicle),
            web.post("/v1/orders", self.post_order),
            web.get("/v1/changes", self.get_changes),
        ]

    async def list_vehicles(self, request: web.Request) -> web.Response:
        query = dealerproxy.parse(request.query.items())
        call = self.dealer.answer(query, deadline_s=4.0, request_id=request[REQUEST_ID])
        answer, (rows, cursor) = await asyncio.gather(call, self.auction_rows(query))
        page = dealerproxy.merge(query, rows, answer, auction_cursor=cursor)
        return web.json_response({"data": page.data, "next_cursor": page.next_cursor}, headers=page.headers)

    async def get_vehicle(self, request: web.Request) -> web.Response:
        partner, environment, vehicle_id = self.owner(request, request.match_info["id"])
        if not dealerproxy.is_dealer_id(vehicle_id):
            raise web.HTTPNotFound  # yours: an auction car
        found = await dealerproxy.detail_or_snapshot(
            self.dealer, vehicle_id, partner, environment, self.find_snapshot, request_id=request[REQUEST_ID]
        )
        return web.json_response(found.detail)

    async def post_order(self, request: web.Request) -> web.Response:
        owner = self.owner(request, (await request.json())["vehicle_id"])
        snapshot = await dealerproxy.take_snapshot(self.dealer, owner, KRW_PER_USD, request_id=request[REQUEST_ID])
        self.snapshots[owner] = snapshot.encode()
        price = snapshot.detail["pricing"]["listing_price"]
        return web.json_response({"price_usd": price, "fx_rate": snapshot.krw_per_usd}, status=201)

    async def get_availability(self, request: web.Request) -> web.Response:
        ids = [name for name in request.query.get("ids", "").split(",") if dealerproxy.is_dealer_id(name)]
        states = await self.dealer.availability(ids, request_id=request[REQUEST_ID])
        return web.json_response({"data": msgspec.to_builtins(states)})

    async def get_changes(self, _: web.Request) -> web.Response:
        return web.json_response({"data": msgspec.to_builtins(self.changes)})

    async def watch_cars(self) -> None:
        state = self.watch_state.read_bytes() if self.watch_state.exists() else None
        watching = dealerproxy.watch(self.dealer, WATCHED, WATCH_EVERY_S, state=state)
        try:
            async for change in watching:
                self.changes.append(change)
                self.watch_state.write_bytes(watching.state)
        except DealerError:
            logging.getLogger(__name__).exception("the service rejects the watch")
        finally:
            self.watch_state.write_bytes(watching.state)

    def owner(self, request: web.Request, vehicle_id: str) -> Owner:
        partner = PARTNERS.get(request.headers.get("x-api-key", ""))
        if partner is None:
            raise web.HTTPUnauthorized
        return Owner(*partner, vehicle_id)

    async def find_snapshot(self, owner: Owner) -> bytes | None:
        return self.snapshots.get(owner)

    async def auction_rows(self, query: PartnerQuery) -> tuple[Sequence[Row], str | None]:
        """Yours: up to `query.limit` rows of `query.auctions` from `query.cursor` on, and the cursor after them."""
        rows = [row for row in AUCTION if row["source"] in query.auctions]
        start = int(query.cursor or 0) if rows else 0
        end = start + query.limit
        return rows[start:end], str(end) if end < len(rows) else None


async def create_app(service_url: str, watch_state: Path) -> web.Application:
    session = ClientSession()
    api = MainApi(DealerClient(session, service_url, api_key=os.environ.get("SERVICE_KEY")), watch_state)

    async def run(_: web.Application) -> AsyncIterator[None]:
        watching = asyncio.create_task(api.watch_cars())
        yield
        watching.cancel()
        await asyncio.wait([watching])
        await session.close()

    app = web.Application(middlewares=[envelope])
    app.add_routes(api.routes())
    app.cleanup_ctx.append(run)
    return app


if __name__ == "__main__":
    application = create_app(os.environ.get("SERVICE_URL", "http://127.0.0.1:8080"), Path("watch.json"))
    web.run_app(application, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
