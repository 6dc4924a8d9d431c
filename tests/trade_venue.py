"""The private half of a REST venue on loopback: rows a test writes, replies a test sets."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer
from rest_venue import NOW, Naps, Venue

from engine.core import settings
from engine.core.events import Event
from engine.core.terms import Sim
from engine.core.values import Order, OrderKind, Purpose, Side
from engine.live.reader import BybitReader
from engine.live.trader import BybitExchange, TradeTerms
from engine.live.wire import Keys

D = Decimal
CREATE, CANCEL = "/v5/order/create", "/v5/order/cancel"
STOP, LEVERAGE = "/v5/position/trading-stop", "/v5/position/set-leverage"
REALTIME, HISTORY = "/v5/order/realtime", "/v5/order/history"
EXECUTIONS, POSITIONS = "/v5/execution/list", "/v5/position/list"
WALLET, LOG = "/v5/account/wallet-balance", "/v5/account/transaction-log"
QUERY_API, INFO = "/v5/user/query-api", "/v5/account/info"

KEYS = Keys("canary-key-1", "canary-secret-1")
ENTRY = Order(
    id="alpha-1-7E",
    position_id=3,
    symbol="BTCUSDT",
    purpose=Purpose.ENTRY,
    side=Side.LONG.entry,
    kind=OrderKind.IOC,
    qty=D("1E+1"),
    reduce_only=False,
    reason="signal",
    price=D("101.0"),
    stop=D("98.5"),
)
EXIT = msgspec.structs.replace(
    ENTRY,
    id="alpha-1-8X",
    purpose=Purpose.EXIT,
    side=Side.LONG.exit,
    kind=OrderKind.MARKET,
    reduce_only=True,
    price=None,
    stop=None,
)
TARGET = msgspec.structs.replace(
    EXIT, id="alpha-1-9T", purpose=Purpose.TARGET, kind=OrderKind.LIMIT, price=D("103.5"), qty=D(4)
)


def changed_order(order: Order, name: str) -> Order:
    """The same order under another id."""
    return msgspec.structs.replace(order, id=name)


def position_row(symbol: str = "BTCUSDT", **changes: object) -> dict[str, Any]:
    return {
        "positionIdx": 0,
        "symbol": symbol,
        "side": "Buy",
        "size": "10",
        "avgPrice": "100.25",
        "leverage": "3",
        "stopLoss": "98.5",
        "takeProfit": "",
        "positionStatus": "Normal",
        "seq": 5,
        "updatedTime": str(NOW - 50),
        **changes,
    }


def flat_row(symbol: str = "BTCUSDT", **changes: object) -> dict[str, Any]:
    return position_row(symbol, side="", size="0", avgPrice="0", stopLoss="", seq=-1) | changes


def order_row(order: Order = ENTRY, status: str = "Filled", **changes: object) -> dict[str, Any]:
    return {
        "orderId": f"venue-{order.id}",
        "orderLinkId": order.id,
        "symbol": order.symbol,
        "orderStatus": status,
        "cumExecQty": "10" if status == "Filled" else "0",
        "rejectReason": "EC_NoError",
        "cancelType": "UNKNOWN",
        **changes,
    }


def execution_row(
    exec_id: str = "x1", order: Order | None = ENTRY, **changes: object
) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "orderId": "venue-1",
        "orderLinkId": "" if order is None else order.id,
        "side": "Buy",
        "execId": exec_id,
        "execType": "Trade",
        "execPrice": "100.25",
        "execQty": "10",
        "execFee": "0.55",
        "execTime": str(NOW - 60),
        "isMaker": False,
        "stopOrderType": "",
        "createType": "CreateByUser",
        "closedSize": "0",
        **changes,
    }


class TradeVenue(Venue):
    """Rows of one account; a test changes them, and may be told of each request."""

    def __init__(self) -> None:
        super().__init__()
        self.positions: list[dict[str, Any]] = []
        self.orders: list[dict[str, Any]] = []
        self.past: list[dict[str, Any]] = []
        self.executions: list[dict[str, Any]] = []
        self.moved: list[dict[str, Any]] = []
        self.coins: list[dict[str, Any]] = [{"coin": "USDT", "walletBalance": "1000.5"}]
        self.key: dict[str, Any] = {
            "permissions": {"ContractTrade": ["Order", "Position"], "Wallet": []},
            "readOnly": 0,
            "ips": ["10.0.0.1"],
            "deadlineDay": -2,
            "userID": 24617703,
        }
        self.info: dict[str, Any] = {"unifiedMarginStatus": 6, "marginMode": "REGULAR_MARGIN"}
        self.leverage = "3"
        self.sent: list[tuple[str, dict[str, Any]]] = []  # the writes
        self.headers: list[tuple[str, dict[str, str], str]] = []  # of private calls, with the body
        self.on: Callable[[str], object] = str  # told of each path that was asked

        self.answer = self.private

    async def serve(self, request: web.Request) -> web.Response:
        if "X-BAPI-SIGN" in request.headers:
            text = request.query_string if request.method == "GET" else await request.text()
            self.headers.append((request.path, dict(request.headers), text))
        if request.method == "POST":
            self.sent.append((request.path, json.loads(await request.text())))
        self.on(request.path)
        return await self.handle(request)

    def writes(self, path: str) -> list[dict[str, Any]]:
        return [body for sent, body in self.sent if sent == path]

    def private(self, request: web.Request) -> object:
        query, path = request.query, request.path
        if path == CREATE:
            body = self.sent[-1][1]
            return {"orderId": f"venue-{body['orderLinkId']}", "orderLinkId": body["orderLinkId"]}
        if path in (CANCEL, STOP, LEVERAGE):
            return {}
        if path in (QUERY_API, INFO):
            return self.key if path == QUERY_API else self.info
        if path == WALLET:
            return {"list": [{"totalEquity": "1234.5", "coin": self.coins}]}
        rows = {
            POSITIONS: self._held(query.get("symbol")),
            REALTIME: self.orders,
            HISTORY: self.past,
            EXECUTIONS: self.executions,
            LOG: [row for row in self.moved if row["type"] == query.get("type")],
        }.get(path)
        if rows is None:
            return self.result(request)
        link = query.get("orderLinkId")
        found = [row for row in rows if link is None or row["orderLinkId"] == link]
        return page(found, int(query["limit"]) if "limit" in query else 20, query.get("cursor"))

    def _held(self, symbol: str | None) -> list[dict[str, Any]]:
        held = [row for row in self.positions if symbol in (None, row["symbol"])]
        return held or ([] if symbol is None else [flat_row(symbol, leverage=self.leverage)])


def page(rows: list[dict[str, Any]], limit: int, cursor: str | None) -> dict[str, Any]:
    start = int(cursor.partition("=")[2]) if cursor else 0
    more = start + limit < len(rows)
    return {
        "list": rows[start : start + limit],
        "nextPageCursor": f"at%3D{start + limit}" if more else "",
    }


class Desk:
    """An exchange under test with its venue and its time."""

    def __init__(self, exchange: BybitExchange, venue: TradeVenue, naps: Naps) -> None:
        self.exchange = exchange
        self.venue = venue
        self.naps = naps
        self.heard: list[Event] = []

    async def placed(self, order: Order) -> list[Event]:
        """The answer to an order, and all that followed from it."""
        answer = await self.exchange.place(order)
        await self.exchange.followed()
        return [answer, *self.heard]


@asynccontextmanager
async def desk(
    venue: TradeVenue | None = None,
    deadline_s: float = 5.0,
    **changes: Any,  # noqa: ANN401 -- terms of any type
) -> AsyncIterator[Desk]:
    """A desk whose reader knows the trading rules; time passes by sleeping alone."""
    venue, naps, heard = venue or TradeVenue(), Naps(), list[Event]()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", venue.serve)
    async with TestServer(app) as server:
        section = settings.Exchange(rest_url=str(server.make_url("")).rstrip("/"))
        reader = BybitReader(section, 300, Sim(), naps.timing(), deadline_s)
        terms = TradeTerms(
            rest_url=section.rest_url,
            name="alpha",
            leverage_max=3,
            now_ms=lambda: NOW,
            began_ms=NOW - 30 * 86_400_000,
            since_ms=NOW - 1000,
            timing=naps.timing(),
            deadline_s=deadline_s,
        )._replace(**changes)
        exchange = BybitExchange(reader, KEYS, terms, heard.append)
        made = Desk(exchange, venue, naps)
        made.heard = heard
        try:
            await exchange.instruments()
            venue.asked.clear()
            naps.slept.clear()
            yield made
        finally:
            await exchange.close()
