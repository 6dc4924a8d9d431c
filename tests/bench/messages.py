"""Invented messages of a busy market in the venue's shapes.

It exists so that every consumer is measured on the same bytes. 70 % are changes of a book of 50
levels a side, 12 % trades, 15 % tickers and 3 % forming candles; a book that obeys its changes is
never crossed. The last price of a ticker message is its number, so that whoever sees the price can
tell when it was sent. It must never hold anything that was recorded.
"""

import random
from collections.abc import Iterator

import msgspec

SYMBOLS = 200
LEVELS = 50
START_MS = 1_760_000_100_000
TICK = 0.0001
NUMBER = 10_000_000  # message n shows the price 1 + n / NUMBER
RATE = 10_000  # messages of one second of exchange time, unless they are paced
STATIC = {
    "symbol": "", "tickDirection": "PlusTick", "price24hPcnt": "0.017103", "lastPrice": "1",
    "prevPrice24h": "1.9265", "highPrice24h": "1.9812", "lowPrice24h": "1.8915",
    "prevPrice1h": "1.9238", "markPrice": "1.9533", "indexPrice": "1.9527",
    "openInterest": "68744761", "openInterestValue": "134360123.91",
    "turnover24h": "1570383121.943499", "volume24h": "91705276",
    "nextFundingTime": "1760054400000", "fundingRate": "-0.000212", "bid1Price": "0.9",
    "bid1Size": "6203", "ask1Price": "1.1", "ask1Size": "830",
}  # fmt: skip
CHANGING = ("openInterest", "turnover24h", "volume24h", "markPrice", "indexPrice", "bid1Size")


def symbols(count: int) -> list[str]:
    """The names of that many markets."""
    return [f"S{n:03}USDT" for n in range(count)]


class _Market:
    """One symbol's book, as tick numbers: all of 50 levels below and above the middle."""

    def __init__(self, symbol: str, draw: random.Random) -> None:
        self.symbol = symbol
        self.update_id = 1
        self._draw = draw
        self._middle = 20_000

    def _level(self, ticks: int, size: int | None = None) -> tuple[str, str]:
        return f"{ticks * TICK:.4f}", str(self._draw.randint(1, 99_999) if size is None else size)

    def snapshot(self) -> dict[str, object]:
        steps = range(1, LEVELS + 1)
        bids = [self._level(self._middle - n) for n in steps]
        return {"s": self.symbol, "b": bids, "a": [self._level(self._middle + n) for n in steps],
                "u": 1, "seq": 1}  # fmt: skip

    def change(self) -> dict[str, object]:
        """Sizes of some levels; every fifth time the middle moves by a tick."""
        bids, asks = dict[int, None](), dict[int, None]()
        for _ in range(1 + min(int(self._draw.expovariate(1 / 4.2)), 40)):
            step = 1 + min(int(self._draw.expovariate(1 / 8)), LEVELS - 2)
            if self._draw.random() < 0.5:
                bids[self._middle - step] = None
            else:
                asks[self._middle + step] = None
        b, a = [self._level(p) for p in bids], [self._level(p) for p in asks]
        if self._draw.random() < 0.2:
            m = self._middle
            if self._draw.random() < 0.5:
                self._middle += 1
                a = [x for x in a if x[0] != f"{(m + 1) * TICK:.4f}"]
                a += [self._level(m + 1, 0), self._level(m + 1 + LEVELS)]
                b += [self._level(m), self._level(m - LEVELS, 0)]
            else:
                self._middle -= 1
                b = [x for x in b if x[0] != f"{(m - 1) * TICK:.4f}"]
                b += [self._level(m - 1, 0), self._level(m - 1 - LEVELS)]
                a += [self._level(m), self._level(m + LEVELS, 0)]
        self.update_id += 1
        return {"s": self.symbol, "b": b, "a": a, "u": self.update_id, "seq": 4 + self.update_id}


def opening(count: int) -> list[bytes]:
    """Snapshots of every book and ticker."""
    draw = random.Random(5)  # noqa: S311 -- invented data, the same every time
    found: list[bytes] = []
    for symbol in symbols(count):
        book = _Market(symbol, draw).snapshot()
        found.append(_message(f"orderbook.50.{symbol}", "snapshot", START_MS, book))
        shown = {**STATIC, "symbol": symbol}
        found.append(_message(f"tickers.{symbol}", "snapshot", START_MS, shown))
    return found


def stream(count: int, messages: int, rate: float = RATE) -> Iterator[bytes]:
    """So many messages about so many symbols, `rate` a second; the last one is a ticker."""
    draw = random.Random(7)  # noqa: S311 -- the same
    markets = [_Market(symbol, draw) for symbol in symbols(count)]
    for number in range(messages):
        market = draw.choice(markets)
        ts = START_MS + 1 + int(number * 1000 / rate)
        kind = draw.random() if number < messages - 1 else 0.9
        if kind < 0.70:
            yield _message(f"orderbook.50.{market.symbol}", "delta", ts, market.change())
        elif kind < 0.82:
            rows = [_trade(market.symbol, ts, draw) for _ in range(_few(draw))]
            yield _message(f"publicTrade.{market.symbol}", "snapshot", ts, rows)
        elif kind < 0.97:
            some = {name: STATIC[name] for name in draw.sample(CHANGING, 4)}
            price = f"{1 + number / NUMBER:.7f}"
            data = {"symbol": market.symbol, "lastPrice": price, **some}
            yield _message(f"tickers.{market.symbol}", "delta", ts, data)
        else:
            yield _message(f"kline.5.{market.symbol}", "snapshot", ts, [_candle(ts)])


def number_of(price: float) -> int:
    """The number of the message that showed this price."""
    return round((price - 1) * NUMBER)


def _few(draw: random.Random) -> int:
    return 1 + min(int(draw.expovariate(1.2)), 9)


def _trade(symbol: str, ts: int, draw: random.Random) -> dict[str, object]:
    return {
        "T": ts, "s": symbol, "S": draw.choice(("Buy", "Sell")), "v": str(draw.randint(1, 9000)),
        "p": f"{2 + draw.random() / 200:.4f}", "L": "PlusTick",
        "i": f"{draw.getrandbits(64):016x}-4bdd-4773-9f78", "BT": False, "RPI": False, "seq": ts,
    }  # fmt: skip


def _candle(ts: int) -> dict[str, object]:
    start = ts // 300_000 * 300_000
    return {
        "start": start, "end": start + 299_999, "interval": "5", "open": "1.9500",
        "close": "1.9531", "high": "1.9544", "low": "1.9490", "volume": "20813",
        "turnover": "34666.4005", "confirm": False, "timestamp": ts,
    }  # fmt: skip


def _message(topic: str, kind: str, ts: int, data: object) -> bytes:
    message = {"topic": topic, "type": kind, "ts": ts, "data": data}
    return msgspec.json.encode(message | ({"cts": ts} if topic[0] == "o" else {}))
