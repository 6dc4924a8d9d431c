"""Clients we did not write against the simulated exchange, and the command that runs it."""

import asyncio
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import ccxt
import ccxt.pro
import numpy as np
import pytest
import websockets
from aiohttp import ClientSession, web

from engine.errors import ConfigError, PortInUse
from engine.sim.feed import CLOSE
from engine.sim.sources import feed_from
from engine.sim.standalone import bind, serve
from engine.sim.synthetic import SyntheticFeed
from engine.sim.venue import Venue
from serving import WAIT_S, serving

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
FIVE_MS = 300_000
PAIR = "ETH/USDT:USDT"


@pytest.fixture
def venue() -> Venue:
    feed = feed_from(None, 1)
    return Venue(feed, speed=200, start_ms=feed.begin_ms + 50_000, hold_until_client=True)


@pytest.fixture
async def url(venue: Venue) -> AsyncIterator[str]:
    async with serving(venue, is_running=True) as url:
        yield url


@pytest.fixture
async def client(url: str) -> AsyncIterator[Any]:
    """ccxt.pro, aimed at the venue; its REST half is ccxt.async_support."""
    client = ccxt.pro.bybit({"options": {"fetchMarkets": {"types": ["linear"]}}})
    client.has["fetchCurrencies"] = False
    rest = dict.fromkeys(("spot", "futures", "v2", "public", "private"), url)
    stream = url.replace("http", "ws") + "/v5/public/linear"
    client.urls["api"] = {**rest, "ws": {"public": {"linear": stream}}}
    try:
        yield client
    finally:
        await client.close()


async def test_ccxt_reads_the_markets(client: Any) -> None:  # noqa: ANN401 -- ccxt has no types
    markets = await client.load_markets()
    feed = SyntheticFeed(1)
    assert {m["id"] for m in markets.values()} == {i.symbol for i in feed.instruments}
    assert all(m["swap"] and m["linear"] and m["active"] for m in markets.values())
    first = next(i for i in feed.instruments if i.symbol == "ETHUSDT")
    market = markets[PAIR]
    assert market["precision"] == {"price": float(first.tick), "amount": float(first.lot)}
    assert market["limits"]["amount"]["min"] == float(first.qty_min)
    assert market["limits"]["cost"]["min"] == 5.0


async def test_ccxt_reads_prices(client: Any, venue: Venue) -> None:  # noqa: ANN401 -- as above
    assert await client.fetch_time() == venue.now_ms
    tickers = await client.fetch_tickers()
    assert len(tickers) == 48
    for ticker in tickers.values():
        assert ticker["low"] <= ticker["last"] <= ticker["high"]
        assert ticker["bid"] < ticker["ask"]
        assert ticker["quoteVolume"] > 5_000_000
        assert (ticker["ask"] / ticker["bid"] - 1) * 1e4 < 30
    book = await client.fetch_order_book(PAIR, 50)
    assert (len(book["bids"]), len(book["asks"])) == (50, 50)
    assert book["bids"][0][0] == tickers[PAIR]["bid"]
    assert book["asks"][0][0] == tickers[PAIR]["ask"]
    assert book["timestamp"] == venue.now_ms


async def test_ccxt_reads_candles(client: Any, venue: Venue) -> None:  # noqa: ANN401 -- as above
    candles = await client.fetch_ohlcv(PAIR, "5m", limit=1000)
    times = np.array([candle[0] for candle in candles])
    assert len(candles) == 1000
    assert (np.diff(times) == FIVE_MS).all()
    assert times[-1] == venue.now_ms // FIVE_MS * FIVE_MS
    feed = SyntheticFeed(1)
    row = [i.symbol for i in feed.instruments].index("ETHUSDT")
    last_closed = feed.series(row, int(times[-1]) - 60_000, 1)[0]
    assert candles[-2][4] == last_closed[CLOSE]
    since = int(times[-300])
    again = await client.fetch_ohlcv(PAIR, "5m", since=since, limit=100)
    assert [c[0] for c in again] == times[-300:-200].tolist()
    assert again[0] == candles[-300]


async def test_ccxt_learns_of_an_unknown_symbol(client: Any) -> None:  # noqa: ANN401 -- as above
    with pytest.raises(ccxt.BadRequest, match="symbol invalid"):
        await client.public_get_v5_market_tickers({"category": "linear", "symbol": "NOUSDT"})


async def test_ccxt_pro_watches(client: Any, venue: Venue) -> None:  # noqa: ANN401 -- as above
    async with asyncio.timeout(WAIT_S):
        closes = {(await client.watch_ohlcv(PAIR, "5m"))[-1][0] for _ in range(30)}
        ticker = await client.watch_ticker(PAIR)
        trades = await client.watch_trades(PAIR)
        updates = [await client.watch_order_book(PAIR, 50) for _ in range(5)]
    assert len(closes) > 1  # a candle closed and the next one formed
    assert ticker["bid"] < ticker["ask"]
    assert trades[-1]["timestamp"] <= venue.now_ms
    book = updates[-1]
    assert book["bids"][0][0] < book["asks"][0][0]
    assert (len(book["bids"]), len(book["asks"])) == (50, 50)


async def test_a_plain_websocket_sees_each_candle_confirmed_once(url: str, venue: Venue) -> None:
    stream = url.replace("http", "ws") + "/v5/public/linear"
    symbols = [i.symbol for i in SyntheticFeed(1).instruments]
    confirmed: dict[int, list[str]] = {}
    # Without its own limit the library reads on while it says goodbye.
    async with (
        asyncio.timeout(WAIT_S),
        websockets.connect(stream, max_queue=None) as connection,
    ):
        args = [f"kline.1.{symbol}" for symbol in symbols]
        await connection.send(json.dumps({"op": "subscribe", "args": args}))
        while len(confirmed) < 4:
            message = json.loads(await connection.recv())
            for candle in message.get("data", []):
                if candle["confirm"]:
                    confirmed.setdefault(candle["start"], []).append(message["topic"])
    first, *others = sorted(confirmed)
    assert first == venue._board.feed.begin_ms
    assert others[:2] == [first + 60_000, first + 120_000]
    for start in (first, *others[:2]):
        assert confirmed[start] == args


async def run(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "engine", "venue", *arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_command_serves_until_told_to_stop(number: signal.Signals) -> None:
    process = await run("--port", "0", "--speed", "100", "--seed", "3")
    assert process.stdout is not None
    async with asyncio.timeout(30):
        line = (await process.stdout.readline()).decode()
        assert line.startswith("venue listens on http://127.0.0.1:")
        url = line.split()[-1]
        async with (
            ClientSession() as session,
            session.ws_connect(url + "/v5/public/linear") as stream,
        ):
            await stream.send_json({"op": "subscribe", "args": ["tickers.BTCUSDT"]})
            first, *_, last = [await stream.receive_json() for _ in range(4)][1:]
            assert last["ts"] > first["ts"]
            process.send_signal(number)
            while (message := await stream.receive()).data != 1001:
                assert message.data is not None
        out, err = await process.communicate()
    assert (process.returncode, out, err) == (0, b"", b"")


async def test_a_served_venue_stops_on_a_signal(
    venue: Venue, capsys: pytest.CaptureFixture[str]
) -> None:
    running = asyncio.create_task(serve(venue, "::1", 0))
    said = ""
    while not said and not running.done():
        await asyncio.sleep(0)
        said = capsys.readouterr().out
    assert said.startswith("venue listens on http://[::1]:")
    signal.raise_signal(signal.SIGTERM)
    await asyncio.wait_for(running, WAIT_S)
    assert capsys.readouterr().out == ""


async def test_the_command_names_a_port_in_use() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = await run("--port", str(port))
        async with asyncio.timeout(30):
            out, err = await process.communicate()
    assert (process.returncode, out) == (2, b"")
    assert err.decode() == f"{PortInUse('127.0.0.1', port)}\n"


async def test_an_address_that_is_not_ours_is_one_clear_error() -> None:
    runner = web.AppRunner(web.Application())
    await runner.setup()
    with pytest.raises(ConfigError, match=r"203\.0\.113\.1:0.*\n.*address of ours") as error:
        await bind(runner, "203.0.113.1", 0)
    assert isinstance(error.value.__cause__, OSError)
    await runner.cleanup()
