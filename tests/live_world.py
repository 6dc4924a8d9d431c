"""The embedded exchange, its prices in a test's hands, and the adapter of live trading before it.

Orders carry the short names of the contract suite in the test, and ids of ours on the wire.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import msgspec
import numpy as np
from rest_venue import Naps
from unit.contracts import INSTRUMENT, target

from engine.core import settings
from engine.core.events import (
    AccountSeen,
    Event,
    FillSeen,
    HistoryLoaded,
    InstrumentsLoaded,
    InterestLoaded,
    OrderAccepted,
    OrderGone,
    OrderMissing,
    OrderRefused,
    OrderUnknown,
    TickersLoaded,
)
from engine.core.guard import LETTERS
from engine.core.terms import Sim
from engine.core.values import Book, Fill, Instrument, Ms, Order, Side
from engine.live.reader import BybitReader
from engine.live.trader import BybitExchange, TradeTerms
from engine.live.wire import Keys
from engine.sim.feed import COLUMNS, TURNOVER, VOLUME, Floats
from engine.sim.venue import Venue
from engine.sim.venue_auth import KEY, SECRET
from engine.sim.venue_faults import Fault
from markets import FIRST_MS, FIVE_MS
from serving import serving

BEGIN_MS = FIRST_MS + 400 * FIVE_MS


class Steady:
    """A feed that stands at 100, deep enough for one fill an order."""

    instruments: tuple[Instrument, ...] = (INSTRUMENT,)
    seed = 1
    step_ms = FIVE_MS
    start_ms: Ms = FIRST_MS
    begin_ms: Ms = BEGIN_MS
    end_ms: Ms | None = None
    daily_usd: Floats = np.array([1e10])

    def bars(self, first_ms: Ms, count: int) -> Floats:
        assert first_ms >= self.start_ms
        candles = np.full((1, count, COLUMNS), 100.0)
        candles[..., VOLUME], candles[..., TURNOVER] = 1000.0, 100_000.0
        return candles

    def series(self, row: int, first_ms: Ms, count: int) -> Floats:
        found: Floats = self.bars(first_ms, count)[row]
        return found


class Renamed:
    """The adapter under the names the contract gives its orders: ours tell whose they are."""

    def __init__(self, exchange: BybitExchange) -> None:
        self.inner = exchange
        self.ids: dict[str, str] = {}

    def ours(self, order: Order) -> Order:
        number = len(self.ids) + 1
        order_id = self.ids.setdefault(order.id, f"alpha-1-{number}{LETTERS[order.purpose]}")
        return msgspec.structs.replace(order, id=order_id)

    def theirs(self, order_id: str) -> str:
        return next((name for name, ours in self.ids.items() if ours == order_id), order_id)

    def told(self, event: Event) -> Event:
        match event:
            case OrderAccepted() | OrderGone() | OrderMissing() | OrderRefused() | OrderUnknown():
                return msgspec.structs.replace(event, order_id=self.theirs(event.order_id))
            case FillSeen(fill):
                return FillSeen(self.fill(fill))
            case _:
                return event

    def fill(self, fill: Fill) -> Fill:
        return msgspec.structs.replace(fill, order_id=self.theirs(fill.order_id))

    async def place(self, order: Order) -> Event:
        return self.told(await self.inner.place(self.ours(order)))

    async def cancel(self, order: Order) -> Event:
        return self.told(await self.inner.cancel(self.ours(order)))

    async def find(self, order: Order) -> Event:
        return self.told(await self.inner.find(self.ours(order)))

    async def set_stop(self, position_id: int, symbol: str, side: Side, price: Decimal) -> Event:
        return await self.inner.set_stop(position_id, symbol, side, price)

    async def account(self) -> AccountSeen:
        seen = await self.inner.account()
        return msgspec.structs.replace(
            seen,
            order_ids=tuple(map(self.theirs, seen.order_ids)),
            fills=tuple(map(self.fill, seen.fills)),
        )

    async def instruments(self) -> InstrumentsLoaded:
        return await self.inner.instruments()

    async def tickers(self) -> TickersLoaded:
        return await self.inner.tickers()

    async def history(self, symbol: str, since_ms: Ms) -> HistoryLoaded:
        return await self.inner.history(symbol, since_ms)

    async def interest(self, symbol: str, since_ms: Ms) -> InterestLoaded:
        return await self.inner.interest(symbol, since_ms)

    async def book(self, symbol: str, depth: int) -> Book:
        return await self.inner.book(symbol, depth)

    async def time_ms(self) -> Ms:
        return await self.inner.time_ms()

    async def close(self) -> None:
        await self.inner.close()


class LiveWorld:
    """The embedded exchange with its prices in our hands, and the adapter in front of it."""

    def __init__(self, venue: Venue, url: str) -> None:
        self.venue = venue
        self.naps = Naps()
        self.heard: list[Event] = []
        self.placed: dict[str, Order] = {}
        reader = BybitReader(settings.Exchange(rest_url=url), 300, Sim(), self.naps.timing())
        terms = TradeTerms(
            rest_url=url,
            name="alpha",
            leverage_max=3,
            now_ms=lambda: venue.now_ms,
            began_ms=BEGIN_MS,
            since_ms=BEGIN_MS,
            timing=self.naps.timing(),
        )
        self.live = BybitExchange(reader, Keys(KEY, SECRET), terms, self.hear)
        self.exchange = Renamed(self.live)

    def hear(self, event: Event) -> None:
        self.heard.append(self.exchange.told(event))

    def fault(self, *faults: Fault) -> None:
        """Replace what goes wrong at the exchange."""
        self.venue._door._faults.replace(faults)
        for fault in faults:
            self.venue._account.begin(fault)

    @property
    def orders(self) -> list[str]:
        """Ids of all orders that ever were at the exchange, stops aside."""
        rows = self.venue._account.desk.truth()["orders"]
        return [row["orderLinkId"] for row in rows if row["orderLinkId"]]

    async def quote(self, bid: float, ask: float, last: float) -> None:
        board = self.venue._board
        prices = {"bid": bid, "ask": ask, "last": last}
        board.shown = msgspec.structs.replace(
            board.shown,
            at_ms=board.shown.at_ms + 1000,
            **{name: np.array([price]) for name, price in prices.items()},
        )
        self.venue._account.desk.step()
        await self.settle()

    async def settle(self) -> None:
        """What follows an order, and what the core would look up: orders that are not listed."""
        await self.live.followed()
        self.naps.now += 1  # the windows of the exchange's limits run on real time, ours do not
        listed = (await self.live.account()).order_ids
        gone = {event.order_id for event in self.heard if isinstance(event, OrderGone)}
        for name, order_id in self.exchange.ids.items():
            if name.startswith("t") and order_id not in listed and name not in gone:
                self.heard.append(await self.exchange.find(target(Side.LONG, "4", "103", name)))


@asynccontextmanager
async def live_world() -> AsyncIterator[LiveWorld]:
    """Flat and quoted at 100."""
    venue = Venue(Steady(), start_ms=BEGIN_MS)
    async with serving(venue) as url:
        made = LiveWorld(venue, url)
        await made.exchange.instruments()
        await made.quote(99.99, 100, 100)
        try:
            yield made
        finally:
            await made.exchange.close()
