"""A synchronous world for the engine: the real core against the real matching, without a shell.

Intents are carried out at once, in order, and their answers fed back as events, so a test reads as
a story: quotes and candles in, facts out. It has no loop, no files and no clock of its own.
"""

from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from typing import TypeVar

import msgspec
import numpy as np

from builders import INSTRUMENT, NO_FLOW, D
from engine.core import events as e
from engine.core import intents as i
from engine.core.engine import Engine
from engine.core.facts import Fact, Record
from engine.core.indicators import Floats, Times
from engine.core.ledger import Ledger
from engine.core.settings import Checks, Settings
from engine.core.values import Bar, Instrument, Ms, Ticker
from engine.sim.matching import Holding, Matching
from series import FRAME_MS, g

F = TypeVar("F", bound=Fact)

Candles = tuple[Times, Floats]

# What golden series G needs to pass every check of the engine.
SETTINGS = Settings(checks=Checks(excluded=NO_FLOW))
BREAK_MS = int(g()[0][300])  # the bar that breaks 102.2 upward


class World:
    """One engine, one account, one or more symbols that all show the same candles."""

    def __init__(
        self,
        settings: Settings = SETTINGS,
        instruments: tuple[Instrument, ...] = (INSTRUMENT,),
        ledger: Ledger | None = None,
        candles: Candles | None = None,
    ) -> None:
        if not settings.checks.excluded:  # as shipped: what nothing feeds blocks nothing
            settings = msgspec.structs.replace(settings, checks=SETTINGS.checks)
        self.settings = settings
        self.instruments = instruments
        self.open_ms, self.ohlcv = candles or g()
        self.engine = Engine(settings, ledger or Ledger(), "paper")
        self.matching = Matching(D(10_000), D(4))
        self.matching.set_instruments(instruments)
        self.now: Ms = max(BREAK_MS, self.engine.ledger.state.at_ms)
        self.records: list[Record] = []
        self.intents: list[i.Intent] = []
        self.is_cut_off = False  # the exchange answers nothing
        self._queue: deque[e.Event] = deque()

    # -- running ---------------------------------------------------------------------------------

    def feed(self, *events: e.Event) -> list[Record]:
        """Step through these events and everything they lead to; returns the new records."""
        first = len(self.records)
        self._queue.extend(events)
        while self._queue:
            outcome = self.engine.step(self.now, self._queue.popleft())
            self.records += outcome.records
            for intent in outcome.intents:
                self.intents.append(intent)
                self._queue.extend(self._carry_out(intent))
        return self.records[first:]

    def start(self) -> list[Record]:
        """Boot, load history up to the bar before the break, and open all gates."""
        for instrument in self.instruments:
            self._see(instrument.symbol, 101.99, 102.0, 102.0)
        was_clean = self.engine.ledger.seq == 0
        self.feed(e.Started("test", "paper", was_clean, D(10_000)))
        for instrument in self.instruments:
            self.quote(101.99, 102.0, symbol=instrument.symbol)
        return self.feed(e.Tick())

    def wait(self, ms: Ms) -> list[Record]:
        """Time passes, then a tick."""
        self.now += ms
        return self.feed(e.Tick())

    def quote(
        self, bid: float, ask: float, last: float | None = None, symbol: str = "SOLUSDT"
    ) -> list[Record]:
        """New best prices: first the exchange acts on them, then the engine sees them."""
        fills = self._see(symbol, bid, ask, bid if last is None else last)
        return self.feed(*fills, self._quote(symbol, bid, ask, bid if last is None else last))

    def close_bar(self, index: int, symbols: Iterable[str] = ("SOLUSDT",)) -> list[Record]:
        """Bar `index` of the series closes for these symbols."""
        self.now = max(self.now, int(self.open_ms[index]) + FRAME_MS)
        row = self.ohlcv[:, index].tolist()
        bars = tuple(Bar(s, int(self.open_ms[index]), *row) for s in symbols)
        return self.feed(e.CandlesClosed(bars))

    def bar(self, close: float, symbol: str = "SOLUSDT") -> list[Record]:
        """One more flat bar at this close after the newest one."""
        last = self.engine.market.last_open_ms(symbol)
        assert last is not None
        self.now = max(self.now, last + 2 * FRAME_MS)
        bar = Bar(symbol, last + FRAME_MS, close, close + 0.01, close - 0.01, close, 1000.0)
        return self.feed(e.CandlesClosed((bar,)))

    def enter(self) -> None:
        """Break the level at 103.00 and take the trade."""
        self.quote(102.99, 103.0, 103.0)
        self.close_bar(300)
        assert self.engine.ledger.positions, [r.fact for r in self.records[-3:]]

    def reborn(self) -> "World":
        """The process after a crash: same ledger from its journal, an account rebuilt from it."""
        ledger = Ledger()
        for record in self.records:
            ledger.apply(record)
        assert ledger.digest() == self.engine.ledger.digest()
        other = World(self.settings, self.instruments, ledger)
        other.open_ms, other.ohlcv = self.open_ms, self.ohlcv
        other.now = self.now
        other.records = list(self.records)
        holdings = [
            Holding(p.id, p.symbol, p.side, p.qty, p.avg, p.stop, p.funded_ms)
            for p in ledger.positions
            if p.qty
        ]
        live = [(o.order, o.filled_qty) for o in ledger.state.orders.values() if o.is_live]
        other.matching.restore(ledger.balance, holdings, live)
        return other

    # -- looking ---------------------------------------------------------------------------------

    def facts(self, kind: type[F]) -> list[F]:
        """All facts of one kind so far, oldest first."""
        return [r.fact for r in self.records if isinstance(r.fact, kind)]

    @property
    def gates(self) -> set[str]:
        """Names of the closed gates."""
        return set(self.engine.ledger.state.gates)

    # -- the exchange ----------------------------------------------------------------------------

    def _quote(self, symbol: str, bid: float, ask: float, last: float) -> e.QuoteSeen:
        return e.QuoteSeen(symbol, bid, ask, last, self.now)

    def _see(self, symbol: str, bid: float, ask: float, last: float) -> tuple[e.Event, ...]:
        return self.matching.see_quote(self._quote(symbol, bid, ask, last), self.now)

    def _carry_out(self, intent: i.Intent) -> Iterable[e.Event]:
        if isinstance(intent, i.FetchHistory):
            return (self._history(intent),)
        if self.is_cut_off:
            return ()
        return [*self._write(intent), *self._read(intent)]

    def _write(self, intent: i.Intent) -> Iterable[e.Event]:
        match intent:
            case i.PlaceOrder():
                return self.matching.place(intent.order, self.now)
            case i.CancelOrder():
                return (self.matching.cancel(intent.order.id),)
            case i.SetStop():
                where = intent.position_id, intent.symbol, intent.side, intent.price
                return (self.matching.set_stop(*where, self.now),)
            case _:
                return ()

    def _read(self, intent: i.Intent) -> Iterable[e.Event]:
        match intent:
            case i.FindOrder():
                return (self.matching.find(intent.order.id),)
            case i.FetchAccount():
                return (self.matching.account(),)
            case i.FetchInstruments():
                return (e.InstrumentsLoaded(self.instruments),)
            case i.FetchTickers():
                return (e.TickersLoaded(tuple(self.tickers())),)
            case _:
                return ()

    def tickers(self) -> Iterable[Ticker]:
        """What the exchange says of its markets."""
        for rank, instrument in enumerate(self.instruments):
            yield Ticker(instrument.symbol, 102.0, 101.99, 102.0, 9e8 - rank, 1.0)

    def _history(self, intent: i.FetchHistory) -> e.HistoryLoaded:
        closed = self.open_ms + FRAME_MS <= self.now
        wanted = closed & (self.open_ms >= intent.since_ms)
        rows = np.ascontiguousarray(self.ohlcv[:, wanted].T)
        return e.HistoryLoaded(intent.symbol, self.open_ms[wanted], rows)


def entered() -> World:
    """A world with one long position, protected and with its ladder working."""
    world = World()
    world.start()
    world.enter()
    return world


def entering() -> World:
    """A world whose entry was sent, and nothing came back."""
    world = World()
    world.start()
    world.is_cut_off = True
    world.enter()
    return world


def seen(world: World, **changes: object) -> e.AccountSeen:
    """What a read of the account shows, changed in these fields."""
    return msgspec.structs.replace(world.matching.account(), **changes)


def instruments(*symbols: str) -> tuple[Instrument, ...]:
    """Several markets with the same rules."""
    return tuple(msgspec.structs.replace(INSTRUMENT, symbol=s, base=s[:-4]) for s in symbols)


def total(values: Iterable[Decimal]) -> Decimal:
    """Sum of Decimals."""
    return sum(values, Decimal(0))
