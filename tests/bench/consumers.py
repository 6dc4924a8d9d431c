"""One consumer of the sender's stream: `python -m bench.consumers KIND PORT MESSAGES STAMPS`.

`ours` is the whole path, from the socket through stream and inbox into the engine; `ccxt` and
`pybit` keep what they keep when somebody watches all four topics. Each prints one line of JSON: CPU
microseconds a message between the first and the last, and how long a ticker took from leaving the
sender to being known, in ms.
"""

import asyncio
import json
import mmap
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from bench.messages import number_of, symbols

from engine.core import events as e
from engine.core.settings import Settings, Universe
from engine.live.inbox import Inbox
from engine.live.stream import PublicStream
from world import World, instruments

SYMBOLS = 200
FRAME_S = 300
WARM_S = 0.5  # of a paced run, not counted
PATIENCE_S = 25.0


class Meter:
    """Counts CPU between two moments, and latencies by the numbers that prices hold."""

    def __init__(self, messages: int, stamps: Path) -> None:
        self.messages = messages
        self._stamps = stamps
        self._began: float | None = None
        self._cpu_s = 0.0
        self._seen: list[tuple[int, int]] = []
        self.is_over = False

    def see(self, price: float) -> None:
        """A ticker is known; its number is counted from 0, whatever comes before is not."""
        number = number_of(price)
        if number <= 0:
            return
        self._seen.append((number, time.monotonic_ns()))
        if self._began is None:
            self._began = time.process_time()
        if number == self.messages - 1:
            self.finish()

    def finish(self) -> None:
        """The last message is known, or there is no time left."""
        if not self.is_over and self._began is not None:
            self._cpu_s = time.process_time() - self._began
            self.is_over = True

    def report(self) -> dict[str, float]:
        """What was measured; a message is one of those between the first seen and the last."""
        seen = np.array(self._seen, np.int64)
        with (
            self._stamps.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as sent,
        ):
            left = np.frombuffer(bytes(sent), np.int64)[seen[:, 0]]
        took_ms = (seen[:, 1] - left) / 1e6
        counted = took_ms[left - left[0] > WARM_S * 1e9]
        counted = counted if len(counted) else took_ms
        number = int(seen[-1, 0] - seen[0, 0])
        p50, p99 = np.quantile(counted, (0.5, 0.99))
        cpu_us = self._cpu_s * 1e6 / number
        return {"cpu_us": cpu_us, "p50_ms": float(p50), "p99_ms": float(p99), "messages": number}


async def ours(url: str, meter: Meter) -> None:
    """Stream, inbox, engine; books and trades are kept by a stand-in for the core."""
    names = symbols(SYMBOLS)
    world = World(Settings(universe=Universe(top_n=SYMBOLS)), instruments(*names))
    world.start()
    engine, at_ms, inbox = world.engine, world.now, Inbox()
    stream = PublicStream(url, FRAME_S, lambda _: None, lambda: 0)
    stream.subscribe(names, names)
    kept: dict[tuple[type, str], e.Event] = {}

    async def pump(events: AsyncGenerator[e.MarketEvent, None]) -> None:
        async with aclosing(events):
            async for event in events:
                await inbox.put_market(event)

    pumping = asyncio.create_task(pump(stream.events()))
    while not meter.is_over:
        event = await inbox.get()
        match event:
            case e.BookSeen() | e.BookLost() | e.PrintsSeen():
                kept[type(event), event.symbol] = event
            case e.FlowUp() | e.FlowDown():
                pass
            case e.QuoteSeen():
                engine.step(at_ms, event)
                meter.see(event.last)
            case _:
                engine.step(at_ms, event)
    pumping.cancel()
    await asyncio.wait([pumping])


def _market(name: str) -> dict[str, Any]:
    base = name.removesuffix("USDT")
    empty: dict[str, Any] = {"amount": {}, "price": {}, "cost": {}, "leverage": {}}
    return {
        "id": name, "symbol": f"{base}/USDT:USDT", "base": base, "quote": "USDT",
        "settle": "USDT", "baseId": base, "quoteId": "USDT", "settleId": "USDT", "type": "swap",
        "spot": False, "margin": False, "swap": True, "future": False, "option": False,
        "active": True, "contract": True, "linear": True, "inverse": False, "taker": 0.00055,
        "maker": 0.0002, "contractSize": 1.0, "limits": empty,
        "precision": {"amount": 1.0, "price": 0.0001}, "info": {},
    }  # fmt: skip


async def ccxt(url: str, meter: Meter) -> None:
    """Its users await `watch_*`, each topic of each symbol in a loop."""
    pro: Any = import_module("ccxt.pro")

    class Bybit(pro.bybit):  # type: ignore[misc] # ccxt ships no types
        def handle_message(self, client: Any, message: Any) -> None:  # noqa: ANN401 -- theirs
            super().handle_message(client, message)
            if message.get("topic", "").startswith("tickers."):
                meter.see(float(message["data"]["lastPrice"]))
                if meter.is_over:
                    over.set()

    over = asyncio.Event()
    client = Bybit({"enableRateLimit": False, "newUpdates": True})
    client.urls["api"]["ws"]["public"]["linear"] = url
    client.set_markets([_market(name) for name in symbols(SYMBOLS)])

    async def watch(method: Callable[..., Any], *arguments: object) -> None:
        while not over.is_set():
            await method(*arguments)

    tasks = []
    for name in symbols(SYMBOLS):
        pair = f"{name.removesuffix('USDT')}/USDT:USDT"
        tasks += [
            asyncio.create_task(watch(client.watch_order_book, pair, 50)),
            asyncio.create_task(watch(client.watch_trades, pair)),
            asyncio.create_task(watch(client.watch_ticker, pair)),
            asyncio.create_task(watch(client.watch_ohlcv, pair, "5m")),
        ]
    await asyncio.wait_for(over.wait(), PATIENCE_S)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await client.close()


def pybit(url: str, meter: Meter) -> None:
    """It calls back from a thread of its own."""
    unified: Any = import_module("pybit.unified_trading")
    unified.PUBLIC_WSS = url
    over = threading.Event()
    client = unified.WebSocket(testnet=False, channel_type="linear", restart_on_error=False)
    kept: dict[str, object] = {}

    def keep(message: dict[str, Any]) -> None:
        kept[message["topic"]] = message["data"]

    def ticker(message: dict[str, Any]) -> None:
        keep(message)
        meter.see(float(message["data"]["lastPrice"]))
        if meter.is_over:
            over.set()

    names = symbols(SYMBOLS)
    client.orderbook_stream(50, names, keep)
    client.trade_stream(names, keep)
    client.ticker_stream(names, ticker)
    client.kline_stream(5, names, keep)
    over.wait(PATIENCE_S)
    meter.finish()
    client.exit()


def main() -> None:
    """Consume until the last message, and tell how it went."""
    kind, port, messages, stamps = sys.argv[1:]
    url, meter = f"ws://127.0.0.1:{port}/v5/public/linear", Meter(int(messages), Path(stamps))
    if kind == "pybit":
        pybit(url, meter)
    else:
        asyncio.run(asyncio.wait_for((ours if kind == "ours" else ccxt)(url, meter), PATIENCE_S))
    print(json.dumps(meter.report()), flush=True)


if __name__ == "__main__":
    main()
