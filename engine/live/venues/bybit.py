"""Bybit v5 public linear stream without a socket: subscribe messages out, bytes in, events out.

It exists so that recorded bytes are its tests and the stream knows no venue. It must never raise on
anything the venue sends, and never make a price up: a field that was not sent stays as it was, one
that cannot be a price is unknown until the next.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from math import inf

import msgspec

from engine.core.events import CandlesClosed, MarketEvent, QuoteSeen
from engine.core.values import Bar, Ms

ARGS_MAX_CHARS = 21_000  # of all topics of one connection, in the venue's documents
TICKERS = "tickers."
BATCH_TOPICS = 100  # a request; a refused one may void its whole batch
PENDING_MAX = 1000  # requests without an answer that are remembered
TIME_MAX_MS: Ms = 10**13  # a stamp beyond it is not milliseconds
EARLY_MS: Ms = 2000  # how far a bar's end may lie beyond the stamp of the message that closed it


class Data(msgspec.Struct, frozen=True):
    """A message of a topic: alive, whether or not it holds events."""

    topic: str
    symbol: str
    ts: Ms
    events: tuple[MarketEvent, ...]


class Ack(msgspec.Struct, frozen=True):
    """The answer to a request about `topics`; `is_ok` does not mean that data will come."""

    op: str
    is_ok: bool
    topics: tuple[str, ...]
    detail: str


class Pong(msgspec.Struct, frozen=True):
    """The answer to a ping, in any of its shapes."""


class _Message(msgspec.Struct):
    topic: str | None = None
    ts: int | None = None
    type: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"")
    op: str | None = None
    success: bool | None = None
    ret_msg: str | None = None
    req_id: str | int | None = None


class _Kline(msgspec.Struct):
    start: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    confirm: bool


class _Ticker(msgspec.Struct):
    bid: float | str | None = msgspec.field(default=None, name="bid1Price")
    ask: float | str | None = msgspec.field(default=None, name="ask1Price")
    last: float | str | None = msgspec.field(default=None, name="lastPrice")


class _Failures(msgspec.Struct):
    fail: tuple[str, ...] = msgspec.field(default=(), name="failTopics")


_message = msgspec.json.Decoder(_Message, strict=False)
_klines = msgspec.json.Decoder(list[_Kline], strict=False)
_ticker = msgspec.json.Decoder(_Ticker, strict=False)
_failures = msgspec.json.Decoder(_Failures, strict=False)


class _Prices:
    """What a symbol's snapshot and deltas add up to; None means not known."""

    __slots__ = ("ask", "bid", "last")

    def __init__(self) -> None:
        self.bid: float | None = None
        self.ask: float | None = None
        self.last: float | None = None


def topics(symbols: Iterable[str], frame_s: int) -> list[str]:
    """What is subscribed for these symbols: candles of the frame, and best prices."""
    return [t for s in symbols for t in (f"kline.{frame_s // 60}.{s}", f"{TICKERS}{s}")]


def args_chars(names: Sequence[str]) -> int:
    """Characters these topics take of `ARGS_MAX_CHARS`, quotes and commas included."""
    return sum(len(name) + 3 for name in names)


def symbol_of(topic: str) -> str:
    """The symbol a topic is about."""
    return topic.rpartition(".")[2]


class BybitPublic:
    """One connection's conversation; a new connection needs a new one.

    `skipped` counts what was not believed, by reason.
    """

    def __init__(self, frame_s: int) -> None:
        self.skipped: Counter[str] = Counter()
        self._frame_ms: Ms = 1000 * frame_s
        self._kline = f"kline.{frame_s // 60}."
        self._prices: dict[str, _Prices] = {}
        self._pending: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._requests = 0

    def subscribe_messages(self, names: Sequence[str]) -> list[bytes]:
        """Requests that start these topics."""
        return self._requests_for("subscribe", names)

    def unsubscribe_messages(self, names: Sequence[str]) -> list[bytes]:
        """Requests that end these topics; their prices are forgotten."""
        for name in names:
            if name.startswith(TICKERS):
                self._prices.pop(symbol_of(name), None)
        return self._requests_for("unsubscribe", names)

    def ping_message(self) -> bytes:
        """The heartbeat; the venue drops connections that stay without it."""
        return msgspec.json.encode({"req_id": self._next_id(), "op": "ping"})

    def _requests_for(self, op: str, names: Sequence[str]) -> list[bytes]:
        messages = []
        for first in range(0, len(names), BATCH_TOPICS):
            batch = tuple(names[first : first + BATCH_TOPICS])
            req_id = self._next_id()
            self._pending[req_id] = (op, batch)
            messages.append(msgspec.json.encode({"req_id": req_id, "op": op, "args": batch}))
        while len(self._pending) > PENDING_MAX:
            del self._pending[next(iter(self._pending))]
        return messages

    def _next_id(self) -> str:
        self._requests += 1
        return str(self._requests)

    def parse(self, raw: bytes | str) -> Data | Ack | Pong | None:
        """What a frame says; None when nothing in it can be believed."""
        try:
            return self._read(_message.decode(raw))
        except (msgspec.MsgspecError, ValueError, RecursionError):
            self.skipped["unreadable"] += 1
            return None

    def _read(self, message: _Message) -> Data | Ack | Pong | None:
        topic, ts = message.topic, message.ts
        if topic is None:
            return self._answer(message)
        if ts is None or not 0 < ts < TIME_MAX_MS:
            self.skipped["no time"] += 1
        elif topic.startswith(self._kline):
            return self._candles(topic, ts, message.data)
        elif topic.startswith(TICKERS):
            return self._quote(topic, ts, message)
        else:
            self.skipped["unknown topic"] += 1
        return None

    def _answer(self, message: _Message) -> Ack | Pong | None:
        if message.op in ("ping", "pong"):
            return Pong()
        if message.success is None:
            self.skipped["unknown message"] += 1
            return None
        op, asked = self._asked(message)
        failed = _failures.decode(message.data).fail if message.type == "COMMAND_RESP" else ()
        return Ack(op, message.success and not failed, failed or asked, message.ret_msg or "")

    def _asked(self, message: _Message) -> tuple[str, tuple[str, ...]]:
        """The request this answers; without its id the oldest, as they are answered in order."""
        key = str(message.req_id or "") or next(iter(self._pending), "")
        return self._pending.pop(key, (message.op or "", ()))

    def _candles(self, topic: str, ts: Ms, data: msgspec.Raw) -> Data:
        symbol = symbol_of(topic)
        bars = tuple(self._closed(symbol, ts, _klines.decode(data)))
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
                self.skipped["impossible candle"] += 1

    def _quote(self, topic: str, ts: Ms, message: _Message) -> Data:
        symbol = symbol_of(topic)
        update = _ticker.decode(message.data)
        if message.type == "snapshot":
            self._prices[symbol] = _Prices()
        prices = self._prices.get(symbol)
        events: tuple[MarketEvent, ...] = ()
        if prices is None:
            self.skipped["delta before snapshot"] += 1
        else:
            self._merge(prices, update)
            events = self._quotes(symbol, ts, prices)
        return Data(topic, symbol, ts, events)

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
        self.skipped["impossible price"] += 1
        return None

    def _quotes(self, symbol: str, ts: Ms, prices: _Prices) -> tuple[MarketEvent, ...]:
        bid, ask, last = prices.bid, prices.ask, prices.last
        if bid is None or ask is None or last is None:
            return ()
        if bid > ask:
            self.skipped["crossed prices"] += 1
            return ()
        return (QuoteSeen(symbol, bid, ask, last, ts),)
