"""Bybit v5 public topics: what a board's last move means as stream messages.

It exists so that the stream's sockets know nothing of markets. A message is built once a step,
however many clients want it. It must never send a delta whose base it did not send before.
"""

from collections.abc import Collection
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import numpy as np

from engine.core.values import Ms
from engine.sim.board import Board, Print
from engine.sim.feed import OPEN, Floats
from engine.sim.venue_rest import FRAMES, book_of, book_texts, candle_texts, is_served, ticker

DEPTHS = ("1", "50", "200", "1000")
PRINTS_MAX = 1024  # trades in one message
REPEAT_MS = 3000  # a book of depth 1 is pushed again after this long without a change

_Side = dict[float, float]  # price -> size, 0 = gone


class Topic(NamedTuple):
    """One thing to subscribe to."""

    text: str
    kind: str
    detail: str  # interval or depth
    row: int


class _Book(msgspec.Struct):
    """The book of a topic as its clients have it."""

    bids: _Side
    asks: _Side
    update_id: int
    sent_ms: Ms


def is_deep(topic: Topic) -> bool:
    """Whether it is of the whole book or of each trade: what must not come in leaps."""
    return topic.kind == "publicTrade" or (topic.kind == "orderbook" and topic.detail != "1")


def parse_topic(board: Board, text: str) -> Topic | None:
    """The topic a client means, or None if there is no such thing."""
    *head, symbol = text.split(".")
    kind, *details = head or [""]
    detail = details[0] if details else ""
    row = board.rows.get(symbol)
    is_known = {
        "kline": len(details) == 1 and is_served(board, FRAMES.get(detail, 0)),
        "orderbook": len(details) == 1 and detail in DEPTHS,
        "tickers": not details,
        "publicTrade": not details,
    }
    return Topic(text, kind, detail, row) if row is not None and is_known.get(kind) else None


def is_front(board: Board, text: str) -> bool:
    """Whether a text is a topic, or a topic without its symbol, or only the kind of one."""
    symbol = board.feed.instruments[0].symbol
    details = {"kline": FRAMES, "orderbook": DEPTHS}.get(text, ("",))
    tries = [f"{text}.{detail}.{symbol}" if detail else f"{text}.{symbol}" for detail in details]
    return any(parse_topic(board, name) is not None for name in (text, *tries))


class Topics:
    """Messages of all topics somebody is subscribed to."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._tickers: dict[Topic, dict[str, str]] = {}
        self._books: dict[Topic, _Book] = {}
        self._update_base = 0  # what update ids count from: the last restart, in seconds

    def restart(self) -> None:
        """Forget what was sent; update ids start at 1 again."""
        self._tickers.clear()
        self._books.clear()
        self._update_base = self._now_ms // 1000 - 1

    def first(self, topic: Topic) -> list[str]:
        """What a new subscriber is sent: the state its deltas will build on."""
        if topic.kind == "kline":
            return self._forming(topic)
        if topic.kind == "tickers":
            shown = self._tickers.get(topic) or ticker(self._board, topic.row)
            if shown is None:
                return []
            self._tickers[topic] = shown
            return [self._message(topic, "snapshot", shown)]
        if topic.kind == "orderbook":
            book = self._books.setdefault(topic, self._new_book(topic))
            return [self._book_message(topic, "snapshot", book, (book.bids, book.asks))]
        return []

    def step(self, topics: Collection[Topic], *, deep_only: bool = False) -> dict[Topic, list[str]]:
        """Messages of the board's last move, by topic; the state of other topics is forgotten.

        With `deep_only` the others of these topics wait for a later move.
        """
        self._tickers = {t: shown for t, shown in self._tickers.items() if t in topics}
        self._books = {t: book for t, book in self._books.items() if t in topics}
        build = {
            "kline": self._candle,
            "tickers": self._ticker,
            "publicTrade": self._trades,
            "orderbook": self._book,
        }
        told = (topic for topic in topics if not deep_only or is_deep(topic))
        return {topic: build[topic.kind](topic) for topic in told}

    @property
    def _now_ms(self) -> Ms:
        return self._board.shown.at_ms

    def _candle(self, topic: Topic) -> list[str]:
        frame_ms = FRAMES[topic.detail]
        if self._now_ms % frame_ms:
            return self._forming(topic)
        closed = self._board.closed(frame_ms)[topic.row]
        return self._candle_message(topic, self._now_ms - frame_ms, closed, is_closed=True)

    def _forming(self, topic: Topic) -> list[str]:
        frame_ms = FRAMES[topic.detail]
        candle = self._board.forming(frame_ms)[topic.row]
        open_ms = self._now_ms // frame_ms * frame_ms
        return self._candle_message(topic, open_ms, candle, is_closed=False)

    def _candle_message(
        self, topic: Topic, open_ms: Ms, candle: Floats, *, is_closed: bool
    ) -> list[str]:
        if np.isnan(candle[OPEN]):
            return []
        names = ("open", "high", "low", "close", "volume", "turnover")
        shown = {
            "start": open_ms,
            "end": open_ms + FRAMES[topic.detail] - 1,
            "interval": topic.detail,
            **dict(zip(names, candle_texts(self._board, topic.row, candle), strict=True)),
            "confirm": is_closed,
            "timestamp": self._now_ms,
        }
        return [self._message(topic, "snapshot", [shown])]

    def _ticker(self, topic: Topic) -> list[str]:
        if topic not in self._tickers:
            return self.first(topic)
        shown = ticker(self._board, topic.row) or {}
        before = self._tickers[topic]
        changed = {name: text for name, text in shown.items() if text != before[name]}
        if not changed:
            return []
        self._tickers[topic] = shown
        return [self._message(topic, "delta", {"symbol": shown["symbol"], **changed})]

    def _trades(self, topic: Topic) -> list[str]:
        price, lot = self._board.decimals[topic.row], self._board.lot_decimals[topic.row]
        symbol = self._board.feed.instruments[topic.row].symbol
        trades: list[dict[str, Any]] = []
        before = 0.0
        for trade in self._board.prints(topic.row):
            trades.append(
                {
                    "T": trade.at_ms,
                    "s": symbol,
                    "S": "Buy" if trade.is_buy else "Sell",
                    "v": f"{trade.qty:.{lot}f}",
                    "p": f"{trade.price:.{price}f}",
                    "L": _direction(trade.price, before),
                    "i": trade_id(trade, topic.row),
                    "BT": False,
                    "RPI": False,
                    "seq": trade.at_ms,
                }
            )
            before = trade.price
        pages = range(0, len(trades), PRINTS_MAX)
        return [self._message(topic, "snapshot", trades[i : i + PRINTS_MAX]) for i in pages]

    def _book(self, topic: Topic) -> list[str]:
        if topic not in self._books:
            return self.first(topic)
        book, new = self._books[topic], self._new_book(topic)
        bids, asks = _changes(book.bids, new.bids), _changes(book.asks, new.asks)
        is_changed = bool(bids or asks)
        if topic.detail == "1" and (is_changed or self._now_ms - book.sent_ms >= REPEAT_MS):
            new.update_id = book.update_id + is_changed
            self._books[topic] = new
            return [self._book_message(topic, "snapshot", new, (new.bids, new.asks))]
        if not is_changed or topic.detail == "1":
            return []
        new.update_id = book.update_id + 1
        self._books[topic] = new
        return [self._book_message(topic, "delta", new, (bids, asks))]

    def _new_book(self, topic: Topic) -> _Book:
        bids, asks = book_of(self._board, topic.row, int(topic.detail))
        # Whoever comes back later finds a larger number: there is at most one update a second.
        return _Book(dict(bids), dict(asks), self._now_ms // 1000 - self._update_base, self._now_ms)

    def _book_message(
        self, topic: Topic, kind: str, book: _Book, sides: tuple[_Side, _Side]
    ) -> str:
        data = {
            "s": self._board.feed.instruments[topic.row].symbol,
            "b": book_texts(self._board, topic.row, sides[0].items()),
            "a": book_texts(self._board, topic.row, sides[1].items()),
            "u": book.update_id,
            "seq": self._now_ms,
        }
        return self._message(topic, kind, data, cts=self._now_ms)

    def _message(self, topic: Topic, kind: str, data: object, **extra: int) -> str:
        message = {"topic": topic.text, "type": kind, "ts": self._now_ms, "data": data}
        if topic.kind == "tickers":
            message["cs"] = self._now_ms
        return msgspec.json.encode(message | extra).decode()


def trade_id(trade: Print, row: int) -> str:
    """What a trade is called, wherever it is shown."""
    return str(UUID(int=trade.at_ms << 48 | trade.number << 32 | row))


def _changes(before: _Side, after: _Side) -> _Side:
    """Sizes to set, 0 where a price is gone."""
    gone = dict.fromkeys(before.keys() - after.keys(), 0.0)
    return gone | {p: size for p, size in after.items() if before.get(p) != size}


def _direction(price: float, before: float) -> str:
    """The tick direction as the exchange names it."""
    if price == before:
        return "ZeroPlusTick"
    return "PlusTick" if price > before else "MinusTick"
