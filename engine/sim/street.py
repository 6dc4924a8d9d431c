"""The market as the process hears it: subscriptions, quotes and candles, with holes and noise.

It exists so that what the bot is told and what is true can differ: silence, crossed quotes, candles
lost, late, doubled and corrected. It must never change the truth.
"""

import math
from collections.abc import Iterable

import msgspec

from engine.core import events as e
from engine.core import intents as i
from engine.core.values import Bar, Instrument, Ms, Ticker
from engine.sim.clockwork import Clockwork, Rank
from engine.sim.faults import Faults, Kind
from engine.sim.life import Life
from engine.sim.prices import Path
from engine.sim.wire import FAST_MS, Give

BROKEN = (0.0, -1.0, math.nan, math.inf)


class Street:
    """Market data of one run; a new process has to subscribe anew."""

    def __init__(self, work: Clockwork, paths: dict[str, Path], faults: Faults, give: Give) -> None:
        self._work = work
        self._paths = paths
        self._faults = faults
        self._give = give
        self._subscribed: tuple[str, ...] = ()
        self._silent_until: dict[str, Ms] = {}
        self._is_down: set[str] = set()

    def reset(self) -> None:
        """A new process: nobody listens yet."""
        self._subscribed = ()
        self._is_down.clear()

    # -- reads -----------------------------------------------------------------------------------

    def read(self, life: Life, intent: i.Intent) -> None:
        """Tickers, instruments, candles, subscriptions."""
        wait_ms = self._faults.between(*FAST_MS)
        what = _name(intent)
        if what and self._faults.hits(Kind.LOST_READ):
            event: e.Event = e.FetchFailed(what, "no answer in time")
        else:
            event = self._answer(intent)
        self._work.after(wait_ms, Rank.ANSWER, lambda: self._give(life, event))

    def _answer(self, intent: i.Intent) -> e.Event:
        match intent:
            case i.FetchTickers():
                rows = enumerate(self._paths.values())
                return e.TickersLoaded(tuple(_ticker(rank, path) for rank, path in rows))
            case i.FetchInstruments():
                return e.InstrumentsLoaded(self.instruments())
            case i.FetchHistory(symbol, since_ms):
                return e.HistoryLoaded(symbol, *self._paths[symbol].history(since_ms))
            case i.Subscribe(symbols):
                self._subscribed = symbols
                return e.StreamUp(symbols)
            case _:
                raise AssertionError(f"an intent nobody carries out: {intent!r}")

    def instruments(self, without: str = "") -> tuple[Instrument, ...]:
        """The list of markets, or all but one."""
        every = (path.instrument for path in self._paths.values())
        return tuple(x for x in every if x.symbol != without)

    # -- silence ---------------------------------------------------------------------------------

    def mute(self, symbol: str, wait_ms: Ms) -> None:
        """Nothing is heard of a symbol for a while, and nobody says so."""
        self._silent_until[symbol] = self._work.now + wait_ms

    def cut(self, life: Life, symbols: Iterable[str], wait_ms: Ms) -> None:
        """The stream of these symbols goes down, and up again."""
        gone = tuple(s for s in symbols if s in self._subscribed)
        if not gone:
            return
        self._is_down.update(gone)
        self._give(life, e.StreamDown(gone, "connection closed"))

        def up() -> None:
            self._is_down.difference_update(gone)
            self._give(life, e.StreamUp(gone))

        self._work.after(wait_ms, Rank.MARKET, up)

    def heal(self, life: Life) -> None:
        """Everything that is subscribed is heard again, and the list of markets is complete."""
        self._silent_until.clear()
        gone = tuple(sorted(self._is_down))
        self._is_down.clear()
        if gone:
            self._give(life, e.StreamUp(gone))
        self._give(life, e.InstrumentsLoaded(self.instruments()))

    def _is_heard(self, symbol: str) -> bool:
        is_muted = self._work.now < self._silent_until.get(symbol, 0)
        return symbol in self._subscribed and symbol not in self._is_down and not is_muted

    # -- news ------------------------------------------------------------------------------------

    def quote(self, life: Life, quote: e.QuoteSeen) -> None:
        """A quote arrives, perhaps with nonsense before it."""
        if not self._is_heard(quote.symbol):
            return
        if self._faults.hits(Kind.CROSSED_QUOTE):
            bid, ask = quote.ask * 1.001, quote.bid
            self._give(life, msgspec.structs.replace(quote, bid=bid, ask=ask))
        if self._faults.hits(Kind.BROKEN_QUOTE):
            field = self._faults.dice.choice(("bid", "ask", "last"))
            value = self._faults.dice.choice(BROKEN)
            self._give(life, msgspec.structs.replace(quote, **{field: value}))
        self._give(life, quote)

    def close(self, life: Life, bars: Iterable[Bar]) -> None:
        """Candles closed: most arrive at once, in one event."""
        now: list[Bar] = []
        for bar in bars:
            if not self._is_heard(bar.symbol) or self._faults.hits(Kind.LOST_BAR):
                continue
            if self._faults.hits(Kind.LATE_BAR):
                self._later(life, bar, 90_000)
                continue
            self._disturb(life, bar)
            now.append(bar)
        if now:
            self._give(life, e.CandlesClosed(tuple(now)))

    def _disturb(self, life: Life, bar: Bar) -> None:
        """The same candle again, another one in its place, or one that cannot be."""
        if self._faults.hits(Kind.DOUBLE_BAR):
            self._later(life, bar, 30_000)
        if self._faults.hits(Kind.CORRECTED_BAR):
            close = (bar.high + bar.low) / 2
            self._later(life, msgspec.structs.replace(bar, close=close), 30_000)
        if self._faults.hits(Kind.BROKEN_BAR):
            broken = msgspec.structs.replace(bar, low=self._faults.dice.choice(BROKEN))
            self._give(life, e.CandlesClosed((broken,)))

    def _later(self, life: Life, bar: Bar, most_ms: Ms) -> None:
        event = e.CandlesClosed((bar,))
        wait_ms = self._faults.between(100, most_ms)
        self._work.after(wait_ms, Rank.MARKET, lambda: self._give(life, event))


def _name(intent: i.Intent) -> str:
    match intent:
        case i.FetchTickers():
            return "tickers"
        case i.FetchInstruments():
            return "instruments"
        case i.FetchHistory(symbol=symbol):
            return f"history {symbol}"
        case _:
            return ""


def _ticker(rank: int, path: Path) -> Ticker:
    symbol, price = path.instrument.symbol, path.price
    return Ticker(symbol, price, price, price, 9e8 - rank, 1.0)
