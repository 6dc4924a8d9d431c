"""The inbox: the one door to the engine, in two lanes.

It exists so that an order's answer or a person's command never waits behind market data, and so
that a slow turn costs old quotes and books and nothing else. It must never drop anything but a
quote or book that something newer replaced; a full account lane means a bug and is an error.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from engine.core.events import (
    BookLost,
    BookSeen,
    CandlesClosed,
    Event,
    FlowDown,
    FlowUp,
    MarketEvent,
    PrintsSeen,
    QuoteSeen,
)
from engine.core.values import Bar, Print

ACCOUNT_SLOTS = 10_000
# Of bars and stream events, and of prints; quotes and books are bounded by the number of symbols.
MARKET_SLOTS = 2_000
PRINT_SLOTS = 20_000
BUSY_S = 0.001  # of market events in a row; then whoever else is ready on the loop goes first


class InboxFull(RuntimeError):
    """The account lane overflowed: the turn stands still, or somebody floods it."""


class _Prints:
    """Trades of a symbol that wait, in order."""

    __slots__ = ("prints", "symbol")

    def __init__(self, symbol: str, prints: tuple[Print, ...]) -> None:
        self.symbol = symbol
        self.prints = list(prints)


class Inbox:
    """Two lanes in front of one consumer; the account lane goes first."""

    def __init__(
        self,
        account_slots: int = ACCOUNT_SLOTS,
        market_slots: int = MARKET_SLOTS,
        print_slots: int = PRINT_SLOTS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._account: deque[Event] = deque()
        self._account_slots = account_slots
        # In order of arrival. The key of a quote or book says whose it is, so a newer one takes
        # its place; everything else has a number.
        self._market: dict[tuple[type, str] | int, Event | list[Bar] | _Prints] = {}
        self._market_slots = market_slots
        self._print_slots = print_slots
        self._number = 0
        self._waiting = 0  # bars and stream events in the market lane
        self._prints_waiting = 0
        # Still open to more of the same, as nothing came between that belongs between.
        self._last_bars: list[Bar] | None = None
        self._last_prints: dict[str, _Prints] = {}
        self._arrived = asyncio.Event()
        self._has_room = asyncio.Event()
        self._monotonic = monotonic
        self._busy_since = -BUSY_S  # when whoever else is ready last had a chance

    @property
    def account_waiting(self) -> int:
        """Events in the account lane."""
        return len(self._account)

    @property
    def is_empty(self) -> bool:
        """Whether both lanes are."""
        return not self._account and not self._market

    def put(self, event: Event) -> None:
        """Add to the account lane; raises `InboxFull`."""
        assert not isinstance(event, MarketEvent), event
        if len(self._account) >= self._account_slots:
            raise InboxFull(
                f"account lane: expected at most {self._account_slots} events, "
                f"found it full at {type(event).__name__}"
            )
        self._account.append(event)
        self._arrived.set()

    async def put_market(self, event: MarketEvent) -> None:
        """Add to the market lane; waits while too many prints, bars and stream events are there."""
        if isinstance(event, (QuoteSeen, BookSeen)):
            self._market[type(event), event.symbol] = event
            self._arrived.set()
            return
        while self._waiting >= self._market_slots or self._prints_waiting >= self._print_slots:
            self._has_room.clear()
            await self._has_room.wait()
        self._add(event)
        self._arrived.set()

    def _add(self, event: MarketEvent) -> None:
        match event:
            case PrintsSeen():
                self._add_prints(event)
            case CandlesClosed(bars=bars) if self._last_bars is not None:
                self._last_bars.extend(bars)
                self._waiting += len(bars)
            case CandlesClosed(bars=bars):
                self._last_bars = list(bars)
                self._queue(self._last_bars, len(bars))
            case BookLost(symbol=symbol):
                self._market.pop((BookSeen, symbol), None)  # it is of before
                self._queue(event, 1)
            case FlowUp(symbols=symbols) | FlowDown(symbols=symbols):
                for symbol in symbols:
                    self._market.pop((BookSeen, symbol), None)
                    self._last_prints.pop(symbol, None)
                self._queue(event, 1)
            case _:
                self._queue(event, 1)
                self._last_bars = None

    def _add_prints(self, event: PrintsSeen) -> None:
        self._prints_waiting += len(event.prints)
        waiting = self._last_prints.get(event.symbol)
        if waiting is None:
            waiting = self._last_prints[event.symbol] = _Prints(event.symbol, event.prints)
            self._queue(waiting, 0)
        else:
            waiting.prints.extend(event.prints)

    def _queue(self, item: Event | list[Bar] | _Prints, weight: int) -> None:
        self._number += 1
        self._market[self._number] = item
        self._waiting += weight

    async def get(self) -> Event:
        """The next event: account lane first, then the market in order of arrival."""
        if not self._account and self._monotonic() - self._busy_since >= BUSY_S:
            await asyncio.sleep(0)  # answers that are ready overtake a busy market
            self._busy_since = self._monotonic()
        while not self._account and not self._market:
            self._arrived.clear()
            await self._arrived.wait()
        return self._account.popleft() if self._account else self._take_market()

    def _take_market(self) -> Event:
        item = self._market.pop(next(iter(self._market)))
        if isinstance(item, (QuoteSeen, BookSeen)):
            return item
        self._has_room.set()
        if isinstance(item, _Prints):
            self._prints_waiting -= len(item.prints)
            if self._last_prints.get(item.symbol) is item:
                del self._last_prints[item.symbol]
            return PrintsSeen(item.symbol, tuple(item.prints))
        self._waiting -= len(item) if isinstance(item, list) else 1
        if not isinstance(item, list):
            return item
        if item is self._last_bars:
            self._last_bars = None
        return CandlesClosed(tuple(item))
