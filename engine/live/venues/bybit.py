"""Bybit v5 public linear stream without a socket: subscribe messages out, bytes in, events out.

It exists so that recorded bytes are its tests and the stream knows no venue. It must never raise on
anything the venue sends, and never believe that a request was answered because data came.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from engine.core.events import BookSeen
from engine.live.venues.bybit_book import BOOKS, Books
from engine.live.venues.bybit_rows import TICKERS, TRADES, Candles, Data, Quotes, Tapes

ARGS_MAX_CHARS = 21_000  # of all topics of one connection, in the venue's documents
BATCH_TOPICS = 100  # a request; a refused one may void its whole batch
PENDING_MAX = 1000  # requests without an answer that are remembered
KIND = slice(10, 14)  # where a data message names its kind, as long as the topic comes first


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
    type: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"")
    op: str | None = None
    success: bool | None = None
    ret_msg: str | None = None
    req_id: str | int | None = None


class _Failures(msgspec.Struct):
    fail: tuple[str, ...] = msgspec.field(default=(), name="failTopics")


_message = msgspec.json.Decoder(_Message, strict=False)
_failures = msgspec.json.Decoder(_Failures, strict=False)


def topics(symbols: Iterable[str], frame_s: int) -> list[str]:
    """What is subscribed for these symbols: candles of the frame, and best prices."""
    return [t for s in symbols for t in (f"kline.{frame_s // 60}.{s}", f"{TICKERS}{s}")]


def deep_topics(symbols: Iterable[str]) -> list[str]:
    """What is subscribed for followed symbols beside that: trades, then the order book.

    In this order the book's snapshot proves that the trades were asked for before.
    """
    return [t for s in symbols for t in (f"{TRADES}{s}", f"{BOOKS}{s}")]


def is_deep(topic: str) -> bool:
    """Whether a topic is one of `deep_topics`."""
    return topic.startswith((TRADES, BOOKS))


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
        self._candles = Candles(frame_s, self.skipped)
        self._quotes = Quotes(self.skipped)
        self._tapes = Tapes(self.skipped)
        self._books = Books(self.skipped)
        self._readers: dict[str, Callable[[bytes], Data | None]] = {
            self._candles.prefix: self._candles.read,
            TICKERS: self._quotes.read,
            TRADES: self._tapes.read,
            BOOKS: self._books.read,
        }
        self._kinds = {name[:4].encode(): read for name, read in self._readers.items()}
        self._pending: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._requests = 0

    def subscribe_messages(self, names: Sequence[str]) -> list[bytes]:
        """Requests that start these topics."""
        return self._requests_for("subscribe", names)

    def unsubscribe_messages(self, names: Sequence[str]) -> list[bytes]:
        """Requests that end these topics; what was known from them is forgotten."""
        forget: dict[str, Quotes | Tapes | Books]
        forget = {TICKERS: self._quotes, TRADES: self._tapes, BOOKS: self._books}
        for name in names:
            symbol = symbol_of(name)
            if (kept := forget.get(name.removesuffix(symbol))) is not None:
                kept.forget(symbol)
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

    def unshown_books(self) -> Iterator[BookSeen]:
        """Books whose last change was too soon after the one before to be shown at once."""
        return self._books.unshown()

    def parse(self, raw: bytes | str) -> Data | Ack | Pong | None:
        """What a frame says; None when nothing in it can be believed."""
        try:
            frame = raw.encode() if isinstance(raw, str) else raw
            read = self._kinds.get(frame[KIND])
            return self._look_into(frame) if read is None else read(frame)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            self.skipped["unreadable"] += 1
            return None

    def _look_into(self, raw: bytes) -> Data | Ack | Pong | None:
        """A message that does not begin as most do."""
        message = _message.decode(raw)
        topic = message.topic
        if topic is None:
            return self._answer(message)
        for prefix, read in self._readers.items():
            if topic.startswith(prefix):
                return read(raw)
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
