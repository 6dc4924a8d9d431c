"""Bybit v5 order books: snapshots and changes in, the book as it stands out.

It exists so that nothing is ever computed from a book with a hole. It must never show a book before
its snapshot, after a gap, crossed, one-sided or with an insane number: then it is lost until the
next snapshot, and whoever reads us asks for that.
"""

from collections import Counter
from collections.abc import Iterator
from math import inf
from struct import pack

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.core.events import BookLost, BookSeen
from engine.core.values import Ms
from engine.live.venues.bybit_rows import ALIVE, LOST, WAITING, WHOLE, Data, is_about

BOOKS = "orderbook.50."
LEVELS_MAX = 50  # of a side
BOOK_EVERY_MS: Ms = 200  # of exchange time between two books shown, however often they change
FIRST_UPDATE = 1  # of the venue's service: a snapshot, whatever it calls itself


_Levels = tuple[tuple[float, float], ...]  # price and quantity


class _Update(msgspec.Struct, gc=False):
    u: int
    b: _Levels = ()
    a: _Levels = ()


class _Message(msgspec.Struct, gc=False):
    topic: str
    data: _Update
    type: str = ""
    ts: int = 0


_message = msgspec.json.Decoder(_Message, strict=False)


class _Book:
    """One symbol's levels, price to quantity; unsorted, as most changes are never looked at."""

    __slots__ = ("_asks", "_bids", "_floor", "_roof", "shown_ms", "ts", "u")

    def __init__(self) -> None:
        self.u = 0
        self.ts: Ms = 0  # of the newest change
        self.shown_ms: Ms | None = None  # the same when it was last shown; None: never
        self._bids: dict[float, float] = {}
        self._asks: dict[float, float] = {}
        # No bid is above the roof and no ask below the floor: crossing them is looked into, and
        # only then the best prices are searched for.
        self._roof, self._floor = 0.0, inf

    def merge(self, update: _Update, ts: Ms) -> str | None:
        """Take a change over; what makes the book worthless, if anything does."""
        self.u, self.ts = update.u, ts
        if not (self._fill_bids(update.b) and self._fill_asks(update.a)):
            return "insane numbers"
        bids, asks = self._bids, self._asks
        if not bids or not asks:
            return "one-sided book"
        if self._roof >= self._floor:
            self._roof, self._floor = max(bids), min(asks)
            if self._roof >= self._floor:
                return "crossed book"
        if len(bids) > LEVELS_MAX or len(asks) > LEVELS_MAX:
            self._trim()
        return None

    def _fill_bids(self, levels: _Levels) -> bool:
        """Set what has a size, delete what has none; False when a number cannot be meant."""
        side, roof = self._bids, self._roof
        for price, size in levels:
            if not (0 < price < inf and 0 <= size < inf):
                return False
            if not size:
                side.pop(price, None)
                continue
            side[price] = size
            if price > roof:  # noqa: PLR1730 -- a call a level costs more than the level
                roof = price
        self._roof = roof
        return True

    def _fill_asks(self, levels: _Levels) -> bool:  # the same, without a test of the side a level
        side, floor = self._asks, self._floor
        for price, size in levels:
            if not (0 < price < inf and 0 <= size < inf):
                return False
            if not size:
                side.pop(price, None)
                continue
            side[price] = size
            if price < floor:  # noqa: PLR1730 -- the same
                floor = price
        self._floor = floor
        return True

    def _trim(self) -> None:
        for price in sorted(self._bids)[:-LEVELS_MAX]:
            del self._bids[price]
        for price in sorted(self._asks)[LEVELS_MAX:]:
            del self._asks[price]

    def show(self, symbol: str) -> BookSeen:
        """The book as it stands."""
        self.shown_ms = self.ts
        bids = _rows(self._bids, sorted(self._bids, reverse=True))
        return BookSeen(symbol, bids, _rows(self._asks, sorted(self._asks)), self.ts)


def _rows(side: dict[float, float], prices: list[float]) -> NDArray[np.float64]:
    count = len(prices)
    raw = pack(f"{2 * count}d", *prices, *[side[price] for price in prices])  # by far the fastest
    return np.frombuffer(raw).reshape(2, count).T


class Books:
    """The books of all symbols of a connection."""

    def __init__(self, skipped: Counter[str]) -> None:
        self._skipped = skipped
        self._books: dict[str, _Book] = {}

    def forget(self, symbol: str) -> None:
        """The next message must be a snapshot again."""
        self._books.pop(symbol, None)

    def unshown(self) -> Iterator[BookSeen]:
        """Books that changed after they were last shown and fell silent since."""
        for symbol, book in self._books.items():
            if book.ts != book.shown_ms:
                yield book.show(symbol)

    def read(self, raw: bytes) -> Data | None:
        """What a message makes of its book; raises `msgspec.MsgspecError`."""
        message = _message.decode(raw)
        topic, ts, update = message.topic, message.ts, message.data
        if not is_about(topic, ts, BOOKS, self._skipped):
            return None
        symbol = topic[len(BOOKS) :]
        if message.type == "snapshot" or update.u == FIRST_UPDATE:
            book = self._books[symbol] = _Book()
            problem, sign = book.merge(update, ts), WHOLE
        else:
            known = self._books.get(symbol)
            if known is None or update.u <= known.u:
                return self._ignored(topic, ts, is_known=known is not None)
            is_next = update.u == known.u + 1
            problem = known.merge(update, ts) if is_next else f"gap: {known.u + 1} to {update.u}"
            book, sign = known, ALIVE
        if problem is not None:
            self._skipped[problem.partition(":")[0]] += 1
            self.forget(symbol)
            return Data(topic, symbol, ts, (BookLost(symbol, problem),), LOST)
        # A stamp that went back must not silence the book.
        if book.shown_ms is not None and 0 <= ts - book.shown_ms < BOOK_EVERY_MS:
            return Data(topic, symbol, ts, (), sign)
        return Data(topic, symbol, ts, (book.show(symbol),), sign)

    def _ignored(self, topic: str, ts: Ms, *, is_known: bool) -> Data:
        self._skipped["repeated delta" if is_known else "delta before snapshot"] += 1
        return Data(topic, topic[len(BOOKS) :], ts, (), ALIVE if is_known else WAITING)
