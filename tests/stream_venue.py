"""A stream venue on loopback that a test speaks for, and time that a test moves."""

import asyncio
import heapq
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from itertools import count
from typing import Any, TypeVar

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from engine.core.events import Event
from engine.live.link import TICK_S
from engine.live.pacing import Timing
from engine.live.stream import PublicStream

T = TypeVar("T")
PATIENCE_S = 5.0


async def soon(what: Awaitable[T]) -> T:
    """The result of something that must happen by itself."""
    return await asyncio.wait_for(what, PATIENCE_S)


class MovedTime:
    """A monotonic clock that stands until a test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.naps: asyncio.Queue[float] = asyncio.Queue()  # all but the ticks
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()

    async def sleep(self, seconds: float) -> None:
        """Return once the clock was moved far enough."""
        if seconds != TICK_S:
            self.naps.put_nowait(seconds)
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._order), future))
        await future

    def move(self, seconds: float) -> None:
        """Let time pass and wake whoever is due."""
        self.now += seconds
        while self._sleepers and self._sleepers[0][0] <= self.now:
            future = heapq.heappop(self._sleepers)[2]
            if not future.done():
                future.set_result(None)

    async def nap(self) -> float:
        """Wait until somebody sleeps for a reason, and let them; returns for how long."""
        seconds = await soon(self.naps.get())
        self.move(seconds)
        return seconds

    def timing(self) -> Timing:
        """This time as the stream takes it; backoffs come without jitter."""
        return Timing(sleep=self.sleep, monotonic=lambda: self.now, jitter=lambda: 1.0)


class StreamVenue:
    """Accepts connections and records requests; data is sent by the test."""

    def __init__(self) -> None:
        self.arrived: asyncio.Queue[ServerConnection] = asyncio.Queue()
        self.received: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.greet: Callable[[ServerConnection], Awaitable[None]] | None = None
        self.refusals: list[int] = []  # statuses of the next handshakes
        self.answers_pings = True
        self.url = ""

    async def handle(self, ws: ServerConnection) -> None:
        """One connection, until it ends."""
        self.arrived.put_nowait(ws)
        if self.greet is not None:
            await self.greet(ws)
            return
        async for raw in ws:
            message = json.loads(raw)
            self.received.put_nowait(message)
            if message["op"] == "ping" and self.answers_pings:
                await ws.send('{"success":true,"ret_msg":"pong","conn_id":"c","op":"ping"}')

    def refuse(self, connection: ServerConnection, _: Request) -> Response | None:
        """What websockets asks before each handshake."""
        if not self.refusals:
            return None
        response = connection.respond(self.refusals.pop(0), "no\n")
        response.headers["Location"] = self.url
        return response

    async def asked(self, op: str) -> dict[str, Any]:
        """The next request, which must be of this kind."""
        message = await soon(self.received.get())
        assert message["op"] == op, message
        await rest()
        return message

    @asynccontextmanager
    async def running(self) -> AsyncIterator["StreamVenue"]:
        """Listen on a free port."""
        async with serve(
            self.handle, "127.0.0.1", 0, process_request=self.refuse, compression=None
        ) as server:
            host, port = next(iter(server.sockets)).getsockname()[:2]
            self.url = f"ws://{host}:{port}/v5/public/linear"
            yield self


async def rest() -> None:
    """Let every task that can go on do so, up to its next wait."""
    for _ in range(10):
        await asyncio.sleep(0)


class Listener:
    """Takes every event of a stream as soon as it comes."""

    def __init__(self, stream: PublicStream) -> None:
        self.stream = stream
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async with aclosing(self.stream.events()) as events:
            async for event in events:
                self.events.put_nowait(event)

    async def next(self, number: int = 1) -> list[Event]:
        """The next events, once the stream waits for the socket again."""
        found = [await soon(self.events.get()) for _ in range(number)]
        await rest()
        return found

    async def stop(self) -> None:
        """Close the stream as the shell does: by cancelling whoever reads it."""
        self.task.cancel()
        await asyncio.wait([self.task])


class Station:
    """A stream, its venue, its time and its reader."""

    def __init__(self, venue: StreamVenue) -> None:
        self.venue = venue
        self.time = MovedTime()
        self.stamps: list[int] = []
        self.ms = 0  # the exchange's time: nothing is late
        self.stream = self.to(venue.url)
        self.listener: Listener | None = None

    def to(self, url: str) -> PublicStream:
        """A stream whose clock is set by the test."""
        return PublicStream(url, 300, self.stamps.append, lambda: self.ms, self.time.timing())

    def listen(self, *symbols: str, deep: Sequence[str] = ()) -> None:
        """Subscribe and take every event."""
        self.stream.subscribe(symbols, deep)
        self.listener = Listener(self.stream)

    async def accept(self) -> ServerConnection:
        """The next connection, its first subscription taken."""
        ws = await soon(self.venue.arrived.get())
        await self.venue.asked("subscribe")
        return ws

    async def next(self, number: int = 1) -> list[Event]:
        """The next events."""
        assert self.listener is not None
        return await self.listener.next(number)

    @property
    def is_quiet(self) -> bool:
        """Whether every event was taken."""
        assert self.listener is not None
        return self.listener.events.empty()

    async def up(self, *symbols: str) -> ServerConnection:
        """A connection that delivers all symbols."""
        self.listen(*symbols)
        ws = await self.accept()
        for symbol in symbols:
            await ws.send(ticker(symbol))
        await self.next(2 * len(symbols))
        return ws

    async def flowing(self, *symbols: str) -> ServerConnection:
        """A connection that delivers all symbols, with their books and trades."""
        self.listen(*symbols, deep=symbols)
        ws = await self.accept()
        for symbol in symbols:
            await ws.send(ticker(symbol))
            await ws.send(book(symbol, "snapshot", 10))
        await self.next(4 * len(symbols))
        return ws


@asynccontextmanager
async def at_venue() -> AsyncIterator[Station]:
    """A station beside a running venue."""
    async with StreamVenue().running() as venue:
        station = Station(venue)
        yield station
        if station.listener is not None:
            await station.listener.stop()


def ticker(symbol: str, ts: int = 7, kind: str = "snapshot", padding: int = 0) -> str:
    """A ticker message with all three prices."""
    prices = {"bid1Price": "10", "ask1Price": "11", "lastPrice": "10.5", "x": " " * padding}
    data = {"symbol": symbol, **prices}
    return json.dumps({"topic": f"tickers.{symbol}", "type": kind, "data": data, "ts": ts})


def kline(symbol: str, start: int = 300_000, *, confirm: bool = True) -> str:
    """A candle message of the 5 minute frame."""
    prices = {"open": "10", "high": "12", "low": "9", "close": "11", "volume": "3"}
    candle = {"start": start, "confirm": confirm, **prices}
    return json.dumps({"topic": f"kline.5.{symbol}", "data": [candle], "ts": start + 300_000})


def book(symbol: str, kind: str, u: int, bid: float = 10.0, ts: int = 7) -> str:
    """An order book message of depth 50: one level of a side; as a delta it names the bid alone."""
    asks = [[str(bid + 1), "2"]] if kind == "snapshot" else []
    data = {"s": symbol, "b": [[str(bid), "3"]], "a": asks, "u": u, "seq": 1}
    return json.dumps({"topic": f"orderbook.50.{symbol}", "type": kind, "ts": ts, "data": data})


def trades(symbol: str, *numbers: int, ts: int = 7) -> str:
    """A message of trades with these numbers; a trade's number is its quantity, too."""
    rows = [{"T": ts, "S": "Buy", "v": str(n), "p": "10.5", "i": f"id-{n}"} for n in numbers]
    return json.dumps(
        {"topic": f"publicTrade.{symbol}", "type": "snapshot", "ts": ts, "data": rows}
    )
