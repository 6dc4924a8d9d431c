"""One consumer of the sender's stream: `python -m bench.consumers KIND PORT MESSAGES STAMPS`.

`ours` is the whole path, from the socket to the engine's state; `ccxt` and `pybit` keep what they
keep when somebody watches all four topics. Each prints one line of JSON: CPU microseconds a message
between the first and the last, and how long a ticker took from leaving the sender to being known,
in ms.
"""

import asyncio
import json
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.messages import SYMBOLS, symbols
from bench.meter import Meter
from bench.whole import ours

PATIENCE_S = 15.0


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
