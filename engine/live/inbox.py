"""The inbox: the one door to the engine, in two lanes.

It exists so that an order's answer or a person's command never waits behind market data, and so
that a slow turn costs old quotes and nothing else. It must never drop anything but a quote that a
newer one replaced; a full account lane means a bug and is an error.
"""

import asyncio
from collections import deque

from engine.core.events import (
    CandlesClosed,
    Event,
    MarketEvent,
    QuoteSeen,
)
from engine.core.values import Bar

ACCOUNT_SLOTS = 10_000
MARKET_SLOTS = 2_000  # bars and stream events; quotes are bounded by the number of symbols


class InboxFull(RuntimeError):
    """The account lane overflowed: the turn stands still, or somebody floods it."""


class Inbox:
    """Two lanes in front of one consumer; the account lane goes first."""

    def __init__(
        self, account_slots: int = ACCOUNT_SLOTS, market_slots: int = MARKET_SLOTS
    ) -> None:
        self._account: deque[Event] = deque()
        self._account_slots = account_slots
        # In order of arrival; a quote's key is its symbol, so a newer one takes its place.
        self._market: dict[str | int, Event | list[Bar]] = {}
        self._market_slots = market_slots
        self._number = 0
        self._waiting = 0  # bars and stream events in the market lane
        self._last_bars: list[Bar] | None = None  # still open to bars, as nothing came between
        self._arrived = asyncio.Event()
        self._has_room = asyncio.Event()

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
        """Add to the market lane; waits while too many bars and stream events are there."""
        if isinstance(event, QuoteSeen):
            self._market[event.symbol] = event
            self._arrived.set()
            return
        while self._waiting >= self._market_slots:
            self._has_room.clear()
            await self._has_room.wait()
        self._add(event)
        self._arrived.set()

    def _add(self, event: MarketEvent) -> None:
        if not isinstance(event, CandlesClosed):
            self._queue(event, 1)
            self._last_bars = None
        elif self._last_bars is None:
            self._last_bars = list(event.bars)
            self._queue(self._last_bars, len(event.bars))
        else:
            self._last_bars.extend(event.bars)
            self._waiting += len(event.bars)

    def _queue(self, item: Event | list[Bar], weight: int) -> None:
        self._number += 1
        self._market[self._number] = item
        self._waiting += weight

    async def get(self) -> Event:
        """The next event: account lane first, then the market in order of arrival."""
        if not self._account:
            await asyncio.sleep(0)  # answers that are ready overtake a busy market
        while not self._account and not self._market:
            self._arrived.clear()
            await self._arrived.wait()
        return self._account.popleft() if self._account else self._take_market()

    def _take_market(self) -> Event:
        item = self._market.pop(next(iter(self._market)))
        if isinstance(item, QuoteSeen):
            return item
        self._waiting -= len(item) if isinstance(item, list) else 1
        self._has_room.set()
        if not isinstance(item, list):
            return item
        if item is self._last_bars:
            self._last_bars = None
        return CandlesClosed(tuple(item))
