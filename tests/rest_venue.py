"""A REST venue on loopback whose replies a test sets, and time that passes only by sleeping."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer

from engine.core import settings
from engine.core.terms import Sim
from engine.live.pacing import Timing
from engine.live.reader import BybitReader

NOW = 1_750_000_200_000  # a bar boundary
FRAME = 300_000
INSTRUMENTS = "/v5/market/instruments-info"
TICKERS = "/v5/market/tickers"
KLINE = "/v5/market/kline"
BOOK = "/v5/market/orderbook"
INTEREST = "/v5/market/open-interest"
TIME = "/v5/market/time"


def listed(base: str, **changes: object) -> dict[str, object]:
    return {
        "symbol": f"{base}USDT",
        "contractType": "LinearPerpetual",
        "status": "Trading",
        "baseCoin": base,
        "quoteCoin": "USDT",
        "settleCoin": "USDT",
        "launchTime": "1585526400000",
        "deliveryTime": "0",
        "priceScale": "2",
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": "0.10", "maxPrice": "1999999.80", "tickSize": "0.10"},
        "lotSizeFilter": {
            "minOrderQty": "0.001",
            "maxOrderQty": "1190.000",
            "maxMktOrderQty": "500.000",
            "qtyStep": "0.001",
            "minNotionalValue": "5",
        },
        "fundingInterval": 480,
        **changes,
    }


def quoted(symbol: str, **changes: object) -> dict[str, object]:
    return {
        "symbol": symbol,
        "lastPrice": "100.5",
        "bid1Price": "100.4",
        "ask1Price": "100.6",
        "prevPrice24h": "90",
        "price24hPcnt": "0.125",
        "turnover24h": "1234567.8",
        "volume24h": "12000",
        "openInterest": "2",
        "openInterestValue": "201",
        **changes,
    }


def candle(open_ms: int, close: str = "101") -> list[str]:
    return [str(open_ms), "100", "102", "99", close, "7.5", "750"]


def envelope(result: object, now: int = NOW) -> dict[str, object]:
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": now}


class Venue:
    """A REST server whose replies a test sets; it counts what it was asked."""

    def __init__(self) -> None:
        self.markets = [listed("BTC"), listed("ETH")]
        self.quotes = [quoted("BTCUSDT"), quoted("ETHUSDT")]
        self.candles: list[list[str]] = []
        self.now = NOW
        self.faults: dict[str, list[web.Response]] = {}  # next replies of a path
        self.waits: dict[str, asyncio.Event] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.came = asyncio.Event()
        self.busy = self.busiest = 0
        self.answer: Callable[[web.Request], object] = self.result

    def count(self, path: str) -> int:
        return sum(asked == path for asked, _ in self.asked)

    def fault(self, path: str, *replies: web.Response) -> None:
        self.faults[path] = list(replies)

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append((request.path, dict(request.query)))
        self.came.set()
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        try:
            if request.path in self.waits:
                await self.waits[request.path].wait()
            if self.faults.get(request.path):
                return self.faults[request.path].pop(0)
            await asyncio.sleep(0)
            return web.json_response(envelope(self.answer(request), self.now))
        finally:
            self.busy -= 1

    def result(self, request: web.Request) -> object:
        query = request.query
        if request.path == INSTRUMENTS:
            rows = [] if query.get("status") == "PreLaunch" else self.markets
            return {"category": "linear", "list": rows, "nextPageCursor": ""}
        if request.path == TICKERS:
            return {"category": "linear", "list": self.quotes}
        if request.path == KLINE:
            window = range(int(query["start"]), int(query["end"]) + 1)
            rows_in = [c for c in self.candles if int(c[0]) in window]
            return {"symbol": query["symbol"], "list": rows_in[::-1][: int(query["limit"])]}
        if request.path == BOOK:
            sides = {"b": [["100.4", "2"], ["100.3", "1"]], "a": [["100.6", "3"]]}
            return {"s": query["symbol"], **sides, "ts": NOW - 5, "u": 1, "seq": 1, "cts": NOW}
        return {"timeSecond": str(self.now // 1000), "timeNano": str(self.now * 1_000_000)}


class Naps:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    def timing(self) -> Timing:
        return Timing(sleep=self.sleep, monotonic=lambda: self.now)


@asynccontextmanager
async def market(
    venue: Venue, naps: Naps, deadline_s: float = 5.0, frame_s: int = 300
) -> AsyncIterator[BybitReader]:
    app = web.Application()
    app.router.add_get("/{path:.*}", venue.handle)
    async with TestServer(app) as server:
        section = settings.Exchange(rest_url=str(server.make_url("")).rstrip("/"))
        reader = BybitReader(section, frame_s, Sim(), naps.timing(), deadline_s)
        try:
            yield reader
        finally:
            await reader.close()


def reply(body: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    text = body if isinstance(body, str) else json.dumps(body)
    return web.Response(text=text, status=status, headers=headers)


def coded(code: int, text: str = "no") -> dict[str, object]:
    return {"retCode": code, "retMsg": text, "result": {}, "time": NOW}
