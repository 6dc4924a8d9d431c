"""Bybit v5 rows of candles, best prices and trades: one message's bytes in, its events out.

It exists so that the conversation with the venue knows no field. It must never make a price up: a
field that was not sent stays as it was, one that cannot be a price is unknown until the next.
"""

from collections import Counter
from collections.abc import Iterator
from enum import Enum
from math import inf

import msgspec

from engine.core.events import CandlesClosed, MarketEvent, PrintsSeen, QuoteSeen
from engine.core.values import Bar, Ms, OrderSide, Print

TICKERS = "tickers."
TRADES = "publicTrade."
TIME_MAX_MS: Ms = 10**13  # a stamp beyond it is not milliseconds
EARLY_MS: Ms = 2000  # how far a bar's end may lie beyond the stamp of the message that closed it
REMEMBERED, REMEMBERED_MS = 4096, 60_000  # trade ids of a symbol: so many or so old, then anew

_SIDES = {"Buy": OrderSide.BUY, "Sell": OrderSide.SELL}


class Sign(Enum):
    """What a message says of its topic, beside its events."""

    ALIVE = 1
    WHOLE = 2  # a snapshot: the book is served from here on
    LOST = 3  # the book cannot be followed any more: ask for it anew
    WAITING = 4  # a change of a book without its snapshot: no sign of life


# Asked of the enumeration they would cost a look-up a message.
ALIVE, WHOLE, LOST, WAITING = Sign


class Data(msgspec.Struct, frozen=True, gc=False):
    """A message of a topic: alive, whether or not it holds events."""

    topic: str
    symbol: str
    ts: Ms
    events: tuple[MarketEvent, ...]
    sign: Sign = ALIVE


class _Kline(msgspec.Struct, gc=False):
    start: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    confirm: bool


class _Klines(msgspec.Struct, gc=False):
    topic: str
    data: list[_Kline]
    ts: int = 0


class _Ticker(msgspec.Struct, gc=False):
    bid: float | str | None = msgspec.field(default=None, name="bid1Price")
    ask: float | str | None = msgspec.field(default=None, name="ask1Price")
    last: float | str | None = msgspec.field(default=None, name="lastPrice")


class _Tickers(msgspec.Struct, gc=False):
    topic: str
    data: _Ticker
    type: str = ""
    ts: int = 0


class _Trade(msgspec.Struct, gc=False):
    at_ms: int = msgspec.field(name="T")
    side: str = msgspec.field(name="S")
    qty: float = msgspec.field(name="v")
    price: float = msgspec.field(name="p")
    id: str = msgspec.field(name="i")


class _Trades(msgspec.Struct, gc=False):
    topic: str
    data: list[_Trade]
    ts: int = 0


_klines = msgspec.json.Decoder(_Klines, strict=False)
_tickers = msgspec.json.Decoder(_Tickers, strict=False)
_trades = msgspec.json.Decoder(_Trades, strict=False)


def is_about(topic: str, ts: Ms, prefix: str, skipped: Counter[str]) -> bool:
    """Whether a message is of this kind and says when; counted when not."""
    if 0 < ts < TIME_MAX_MS and topic.startswith(prefix):
        return True
    skipped["no time" if topic.startswith(prefix) else "unknown topic"] += 1
    return False


class Candles:
    """Closed candles of the frame."""

    def __init__(self, frame_s: int, skipped: Counter[str]) -> None:
        self.prefix = f"kline.{frame_s // 60}."
        self._frame_ms: Ms = 1000 * frame_s
        self._skipped = skipped

    def read(self, raw: bytes) -> Data | None:
        """The bars a message closes; raises `msgspec.MsgspecError`."""
        message = _klines.decode(raw)
        topic, ts = message.topic, message.ts
        if not is_about(topic, ts, self.prefix, self._skipped):
            return None
        symbol = topic[len(self.prefix) :]
        bars = tuple(self._closed(symbol, ts, message.data))
        return Data(topic, symbol, ts, (CandlesClosed(bars),) if bars else ())

    def _closed(self, symbol: str, ts: Ms, klines: list[_Kline]) -> Iterator[Bar]:
        for k in klines:
            if not k.confirm:
                continue
            is_ordered = 0 < k.low <= min(k.open, k.close) <= max(k.open, k.close) <= k.high < inf
            is_timed = k.start % self._frame_ms == 0 and k.start + self._frame_ms <= ts + EARLY_MS
            if is_ordered and is_timed and 0 <= k.volume < inf:
                yield Bar(symbol, k.start, k.open, k.high, k.low, k.close, k.volume)
            else:
                self._skipped["impossible candle"] += 1


class _Prices:
    """What a symbol's snapshot and deltas add up to; None means not known."""

    __slots__ = ("ask", "bid", "last")

    def __init__(self) -> None:
        self.bid: float | None = None
        self.ask: float | None = None
        self.last: float | None = None


class Quotes:
    """Best prices and last trade: snapshots, then what changed."""

    def __init__(self, skipped: Counter[str]) -> None:
        self._skipped = skipped
        self._prices: dict[str, _Prices] = {}

    def forget(self, symbol: str) -> None:
        """The next message must be a snapshot again."""
        self._prices.pop(symbol, None)

    def read(self, raw: bytes) -> Data | None:
        """The quote after a message; raises `msgspec.MsgspecError`."""
        message = _tickers.decode(raw)
        topic, ts = message.topic, message.ts
        if not is_about(topic, ts, TICKERS, self._skipped):
            return None
        symbol = topic[len(TICKERS) :]
        if message.type == "snapshot":
            self._prices[symbol] = _Prices()
        prices = self._prices.get(symbol)
        if prices is None:
            self._skipped["delta before snapshot"] += 1
            return Data(topic, symbol, ts, ())
        self._merge(prices, message.data)
        return Data(topic, symbol, ts, self._quotes(symbol, ts, prices))

    def _merge(self, prices: _Prices, update: _Ticker) -> None:
        if update.bid is not None:
            prices.bid = self._price(update.bid)
        if update.ask is not None:
            prices.ask = self._price(update.ask)
        if update.last is not None:
            prices.last = self._price(update.last)

    def _price(self, value: float | str) -> float | None:
        try:
            price = float(value)
        except ValueError:
            price = -inf
        if 0 < price < inf:
            return price
        self._skipped["impossible price"] += 1
        return None

    def _quotes(self, symbol: str, ts: Ms, prices: _Prices) -> tuple[MarketEvent, ...]:
        bid, ask, last = prices.bid, prices.ask, prices.last
        if bid is None or ask is None or last is None:
            return ()
        if bid > ask:
            self._skipped["crossed prices"] += 1
            return ()
        return (QuoteSeen(symbol, bid, ask, last, ts),)


class _Memory:
    """Trade ids seen of late: two generations, so that forgetting costs nothing."""

    __slots__ = ("_began_ms", "_old", "_young")

    def __init__(self) -> None:
        self._young: set[str] = set()
        self._old: set[str] = set()
        self._began_ms: Ms = 0

    def is_new(self, trade: _Trade) -> bool:
        """Whether the trade was not seen before; it is from now on."""
        if trade.id in self._young or trade.id in self._old:
            return False
        age_ms = trade.at_ms - self._began_ms
        if len(self._young) >= REMEMBERED or age_ms > REMEMBERED_MS:
            self._old, self._young = self._young, set()
            self._began_ms = trade.at_ms
        self._young.add(trade.id)
        return True


def _when(trade: Print) -> Ms:
    return trade.exchange_ms


class Tapes:
    """Trades, each once."""

    def __init__(self, skipped: Counter[str]) -> None:
        self._skipped = skipped
        self._memories: dict[str, _Memory] = {}

    def forget(self, symbol: str) -> None:
        """Nobody wants its trades any more."""
        self._memories.pop(symbol, None)

    def read(self, raw: bytes) -> Data | None:
        """The new trades of a message, oldest first; raises `msgspec.MsgspecError`."""
        message = _trades.decode(raw)
        topic, ts = message.topic, message.ts
        if not is_about(topic, ts, TRADES, self._skipped):
            return None
        symbol = topic[len(TRADES) :]
        memory = self._memories.get(symbol)
        if memory is None:
            memory = self._memories[symbol] = _Memory()
        prints = [self._print(t) for t in message.data if self._is_good(t) and memory.is_new(t)]
        prints.sort(key=_when)
        return Data(topic, symbol, ts, (PrintsSeen(symbol, tuple(prints)),) if prints else ())

    def _is_good(self, trade: _Trade) -> bool:
        is_good = 0 < trade.price < inf and 0 < trade.qty < inf and 0 < trade.at_ms < TIME_MAX_MS
        if is_good and trade.side in _SIDES:
            return True
        self._skipped["impossible trade"] += 1
        return False

    def _print(self, trade: _Trade) -> Print:
        return Print(trade.at_ms, trade.price, trade.qty, _SIDES[trade.side])
