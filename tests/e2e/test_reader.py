"""Reader and stream against the embedded exchange, over real sockets on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer

from engine.core import settings
from engine.core.events import CandlesClosed, QuoteSeen, StreamUp
from engine.core.terms import Sim
from engine.core.values import Bar
from engine.live.exchange import BybitReader
from engine.live.stream import PublicStream
from engine.sim.synthetic import SyntheticFeed
from engine.sim.venue import Venue

FRAME_S, FRAME = 300, 300_000
PATIENCE_S = 60.0

pytestmark = pytest.mark.e2e


class Desk:
    """A venue on a port, and both of our ways to read it."""

    def __init__(self, venue: Venue, server: BaseTestServer) -> None:
        self.venue = venue
        base = str(server.make_url("")).rstrip("/")
        self.reader = BybitReader(settings.Exchange(rest_url=base), FRAME_S, Sim())
        self.stamps: list[int] = []
        url = base.replace("http", "ws") + "/v5/public/linear"
        self.stream = PublicStream(url, FRAME_S, self.stamps.append, lambda: self.stamps[-1])


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    venue = Venue(SyntheticFeed(7), speed=600.0, hold_until_client=True)
    app = web.Application()
    app.add_routes(venue.routes())
    async with TestServer(app) as server:
        desk = Desk(venue, server)
        running = asyncio.create_task(venue.run())
        yield desk
        running.cancel()
        await asyncio.wait([running])
        await desk.reader.close()
        await venue.close()


async def test_the_whole_market_is_read_over_rest(desk: Desk) -> None:
    now = desk.venue.now_ms
    instruments = (await desk.reader.instruments()).instruments
    tickers = (await desk.reader.tickers()).tickers
    symbols = [i.symbol for i in instruments]
    since = now - 400 * FRAME
    histories = await asyncio.gather(*(desk.reader.history(s, since) for s in symbols))
    feed = SyntheticFeed(7).instruments
    assert sorted(instruments, key=lambda i: i.symbol) == sorted(feed, key=lambda i: i.symbol)
    assert {t.symbol for t in tickers} == set(symbols)
    assert all(t.bid and t.ask and t.last and t.volume_24h_usd for t in tickers)
    expected = list(range(since, now - FRAME + 1, FRAME))
    assert [h.open_ms.tolist() for h in histories] == [expected] * len(symbols)
    book = await desk.reader.book(symbols[0], 50)
    assert book.bids[0][0] < book.asks[0][0]
    assert await desk.reader.time_ms() == now


async def test_streamed_candles_are_those_the_history_shows(desk: Desk) -> None:
    symbols = [i.symbol for i in (await desk.reader.instruments()).instruments]
    desk.stream.subscribe(symbols)
    up: set[str] = set()
    quoted: set[str] = set()
    bars: dict[str, list[Bar]] = {symbol: [] for symbol in symbols}
    async with asyncio.timeout(PATIENCE_S), aclosing(desk.stream.events()) as events:
        async for event in events:
            if isinstance(event, StreamUp):
                up.update(event.symbols)
            elif isinstance(event, QuoteSeen):
                quoted.add(event.symbol)
            elif isinstance(event, CandlesClosed):
                for bar in event.bars:
                    assert bar.symbol in up
                    bars[bar.symbol].append(bar)
            if all(len(seen) >= 3 for seen in bars.values()):
                break
    assert up == quoted == set(symbols)
    assert desk.stamps == sorted(desk.stamps)
    for symbol in symbols[:10]:
        first = bars[symbol][0].open_ms
        history = await desk.reader.history(symbol, first)
        rows = zip(history.open_ms.tolist(), history.ohlcv.tolist(), strict=True)
        shown = [Bar(symbol, at, *row) for at, row in rows]
        assert bars[symbol] == shown[: len(bars[symbol])]
    assert desk.stream.skipped == {}


async def test_a_reader_that_rests_holds_the_market(desk: Desk) -> None:
    symbols = [i.symbol for i in (await desk.reader.instruments()).instruments]
    desk.stream.subscribe(symbols)
    async with asyncio.timeout(PATIENCE_S), aclosing(desk.stream.events()) as events:
        await anext(events)
        seen = [desk.venue.now_ms]
        while len(seen) < 5 or seen[-1] != seen[-5]:  # four calls without a step of the market
            await desk.reader.time_ms()
            await asyncio.gather(*(desk.reader.book(s, 1) for s in symbols))
            seen.append(desk.venue.now_ms)
        async for event in events:
            if isinstance(event, CandlesClosed):
                break
    assert desk.venue.now_ms > seen[-1]
