"""The five seams between the engine's shell and the world, as structural Protocols.

They exist so that live, paper, sandbox and simulation differ only in which adapter the composition
root builds. No adapter may raise a vendor's exception type or return a vendor's object.
"""

from collections.abc import AsyncGenerator, Sequence
from decimal import Decimal
from typing import Protocol

from engine.core.events import (
    AccountSeen,
    Event,
    HistoryLoaded,
    InstrumentsLoaded,
    InterestLoaded,
    MarketEvent,
    TickersLoaded,
)
from engine.core.facts import Record
from engine.core.values import Book, Ms, Order, Side


class Clock(Protocol):
    """Time that never decreases."""

    def now_ms(self) -> Ms:
        """Epoch milliseconds of the venue's clock, as well as we know it."""
        ...


class MarketReader(Protocol):
    """Read-only market data over REST; raises `Transient`, `RateLimited` or `Denied` only."""

    async def instruments(self) -> InstrumentsLoaded:
        """All tradable linear USDT perpetuals; never an empty or shrunken list."""
        ...

    async def tickers(self) -> TickersLoaded:
        """All tickers, one call."""
        ...

    async def history(self, symbol: str, since_ms: Ms) -> HistoryLoaded:
        """Closed base-frame candles from `since_ms` to now, oldest first."""
        ...

    async def interest(self, symbol: str, since_ms: Ms) -> InterestLoaded:
        """Open interest from `since_ms` to now, hourly, in base asset; at most 200 samples."""
        ...

    async def book(self, symbol: str, depth: int) -> Book:
        """Order book, best first."""
        ...

    async def time_ms(self) -> Ms:
        """The venue's clock."""
        ...

    async def close(self) -> None:
        """Release the connections."""
        ...


class Exchange(MarketReader, Protocol):
    """Orders and account, beside the market reader's verbs.

    Placing an id twice yields one order; setting a stop amends it in place. Each write returns the
    one event that answers it (`OrderAccepted`, `OrderRefused`, `OrderUnknown`, `StopSet`, ...);
    fills and funding arrive through the sink given to the adapter, or with `account()`. An order
    that ended says how much of it was filled.
    """

    async def place(self, order: Order) -> Event:
        """Send an order."""
        ...

    async def cancel(self, order: Order) -> Event:
        """Cancel an order by our id; `OrderGone`, `OrderMissing` or `FetchFailed`."""
        ...

    async def set_stop(self, position_id: int, symbol: str, side: Side, price: Decimal) -> Event:
        """Amend the stop attached to the position; `StopSet`, `StopRefused` or `StopUnknown`."""
        ...

    async def find(self, order: Order) -> Event:
        """Look an order up by our id: `OrderAccepted`, `OrderGone` or `OrderMissing`."""
        ...

    async def account(self) -> AccountSeen:
        """Positions, orders, recent fills and funding; `Transient` when any page failed."""
        ...


class MarketData(Protocol):
    """Streaming market data; ups and downs are events too."""

    def subscribe(self, symbols: Sequence[str], deep: Sequence[str] = ()) -> None:
        """Replace the wanted sets; the stream works out the difference.

        `symbols` get candles and best prices, those of them in `deep` order book and trades too.
        """
        ...

    def events(self) -> AsyncGenerator[MarketEvent, None]:
        """Events in receipt order; a gap is announced before newer data."""
        ...


class Store(Protocol):
    """Durability. After `append` returns, a crash at any later instant preserves the records."""

    async def append(self, records: Sequence[Record]) -> None:
        """Write and fsync; raises `StoreError` when the disk did not take them."""
        ...


class Notifier(Protocol):
    """The chat, seen from the engine: offered every record, never in the way."""

    def offer(self, records: Sequence[Record]) -> None:
        """Never blocks, never raises."""
        ...
