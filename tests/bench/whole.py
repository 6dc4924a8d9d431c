"""Our consumer of the sender's stream: the whole trading half of the process, as it trades.

It exists so that what is measured is what runs: the stream, the paper account that sees every
event, the inbox, the turn with its journal, the engine and the timers. All 200 symbols are watched,
so each has its book and its trades followed; as shipped at most 30 have. It must never leave out an
event: what the engine has not stepped on is not known.
"""

import asyncio
import tempfile
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
from bench.messages import START_MS, SYMBOLS, symbols
from bench.meter import Meter

from builders import INSTRUMENT
from engine.core import events as e
from engine.core.engine import Engine
from engine.core.intents import Outcome
from engine.core.ledger import Ledger
from engine.core.settings import Settings, Universe
from engine.core.values import Book, Ms, Ticker
from engine.live.clock import VenueClock
from engine.live.heartbeat import Heartbeat
from engine.live.inbox import Inbox
from engine.live.paper import PaperExchange
from engine.live.runner import Runner
from engine.live.station import Ports, Start, Station
from engine.live.store import FileStore
from engine.live.stream import PublicStream
from engine.sim.matching import Matching
from series import FRAME_MS, g

FRAME_S = FRAME_MS // 1000
BARS = 300  # of a market that stays in its range
CASH = Decimal(10_000)
LIQUID = Universe(top_n=SYMBOLS, watch_max=SYMBOLS, oi_min_usd=0, oi_change_min_pct=0)
DEEP = Settings(universe=LIQUID)


class Stamps:
    """Time as the newest message tells it: the stream decides how fast it passes."""

    def __init__(self) -> None:
        self._newest_ms: Ms = START_MS

    def hear(self, stamp_ms: Ms) -> None:
        """A message came."""
        self._newest_ms = max(self._newest_ms, stamp_ms)

    def monotonic(self) -> float:
        """Seconds."""
        return self._newest_ms / 1000

    def wall(self) -> float:
        """The same."""
        return self.monotonic()


class Listing:
    """What the venue answers over REST: markets, their volumes and quiet candles."""

    def __init__(self) -> None:
        self._names = symbols(SYMBOLS)
        self._open_ms = START_MS + FRAME_MS * np.arange(-BARS, 0)
        prices = np.array([0.01, 0.01, 0.01, 0.01, 1])  # about 1, as the tickers of the stream say
        self._ohlcv = g(BARS)[1].T * prices

    async def instruments(self) -> e.InstrumentsLoaded:
        """All markets, with the tick of the messages."""
        rules = msgspec.structs.replace(INSTRUMENT, tick=Decimal("0.0001"))
        named = (msgspec.structs.replace(rules, symbol=s, base=s[:-4]) for s in self._names)
        return e.InstrumentsLoaded(tuple(named))

    async def tickers(self) -> e.TickersLoaded:
        """All of them liquid."""
        rows = (Ticker(s, 1.02, 1.0199, 1.02, 9e8, 1.0) for s in self._names)
        return e.TickersLoaded(tuple(rows))

    async def history(self, symbol: str, since_ms: Ms) -> e.HistoryLoaded:
        """Those of the candles that are new."""
        wanted = self._open_ms >= since_ms
        return e.HistoryLoaded(symbol, self._open_ms[wanted], self._ohlcv[wanted])

    async def interest(self, symbol: str, since_ms: Ms) -> e.InterestLoaded:
        """Nobody asks, as the tickers show none."""
        raise AssertionError(symbol, since_ms)

    async def book(self, symbol: str, depth: int) -> Book:
        """Nobody asks without a trade."""
        raise AssertionError(symbol, depth)

    async def time_ms(self) -> Ms:
        """When the stream begins."""
        return START_MS

    async def close(self) -> None:
        """Nothing is open."""


class Metered:
    """The engine, with the moment noted when it knows a quote."""

    def __init__(self, engine: Engine, meter: Meter) -> None:
        self._engine = engine
        self._meter = meter
        self.is_over = asyncio.Event()

    def step(self, at_ms: Ms, event: e.Event) -> Outcome:
        """Step, then look at the price."""
        outcome = self._engine.step(at_ms, event)
        if isinstance(event, e.QuoteSeen):
            self._meter.see(event.last)
            if self._meter.is_over:
                self.is_over.set()
        return outcome


class Measured(Station):
    """The station with that engine."""

    def __init__(self, ports: Ports, meter: Meter) -> None:
        super().__init__(DEEP, Ledger(), ports, Start("bench", "paper", CASH))
        self.metered = Metered(self.engine, meter)
        parts = ports.inbox, ports.clock, self._recorder, self._dispatch
        self.runner = Runner(self.metered, *parts)
        beat = Heartbeat(ports.store.folder, lambda: None, lambda: self.feed_age_s)
        self.runner.after_turn(beat.beat)
        self.settle = beat.settle


async def ours(url: str, meter: Meter) -> None:
    """Trade until the last message; raises when a symbol was not followed."""
    with tempfile.TemporaryDirectory() as folder:
        store, inbox, stamps = FileStore(Path(folder), "paper"), Inbox(), Stamps()
        store.load()
        clock = VenueClock(1.0, stamps)

        def hear(stamp_ms: Ms) -> None:
            stamps.hear(stamp_ms)
            clock.hear(stamp_ms)

        stream = PublicStream(url, FRAME_S, hear, clock.now_ms)
        matching = Matching(CASH, Decimal(4))
        exchange = PaperExchange(Listing(), matching, clock.now_ms, inbox.put)
        station = Measured(Ports(exchange, stream, store, clock, inbox, exchange), meter)
        async with asyncio.TaskGroup() as group:
            group.create_task(station.run())
            await station.metered.is_over.wait()
            await station.stop()
        await station.settle()
        flow = station.engine.market.flow
        follows = (flow.get(symbol) for symbol in symbols(SYMBOLS))
        full = [x for x in follows if x is not None and x.tape.is_covered and len(x.walls.usual)]
        assert len(full) == SYMBOLS, f"expected {SYMBOLS} symbols followed, found {len(full)}"
        quoted = [s for s in symbols(SYMBOLS) if station.engine.market.quote(s) is not None]
        assert len(quoted) == SYMBOLS, f"expected {SYMBOLS} quotes, found {len(quoted)}"
        store.close()
