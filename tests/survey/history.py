"""A recorded market judged bar by bar by the live scanner, as if it had been there all along."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from engine.core.checks import CANDLE_ONLY, STAGES
from engine.core.indicators import LOOKBACK, Floats, osum
from engine.core.market import Market
from engine.core.scan import Batch, Scanner
from engine.core.settings import Checks, Settings
from engine.core.universe import choose_universe
from engine.core.values import Instrument, Ms, Signal, Ticker
from engine.sim.feed import aggregate
from engine.sim.recorded import load

DAY_S = 86_400


class History(msgspec.Struct, frozen=True, eq=False):
    """Candles `(symbols, 5, bars)` of one frame on a grid; NaN where there is none."""

    instruments: tuple[Instrument, ...]
    frame_ms: int
    open_ms: np.ndarray  # (bars,)
    ohlcv: Floats
    daily_usd: Floats  # (symbols, bars): turnover of the 24 h up to each bar; NaN = unknown
    daily_pct: Floats  # change over them

    def tickers(self, bar: int) -> list[Ticker]:
        """What an exchange would have said at the close of a bar."""
        rows = zip(
            self.instruments,
            self.ohlcv[:, 3, bar].tolist(),
            self.daily_usd[:, bar].tolist(),
            self.daily_pct[:, bar].tolist(),
            strict=True,
        )
        return [
            Ticker(i.symbol, close, None, None, usd, change)
            for i, close, usd, change in rows
            if usd == usd  # noqa: PLR0124 -- NaN is unknown
        ]


def read(path: Path, frame_s: int) -> History:
    """A recording in bars of `frame_s`."""
    feed, frame_ms = load(path, seed=1), 1000 * frame_s
    first_ms = -(-feed.start_ms // frame_ms) * frame_ms
    assert feed.end_ms is not None
    bars = (feed.end_ms - first_ms) // frame_ms
    size = frame_ms // feed.step_ms
    candles = aggregate(feed.bars(first_ms, bars * size), size)
    ohlcv = np.ascontiguousarray(candles[..., :5].transpose(0, 2, 1))
    close, day = ohlcv[:, 3], DAY_S // frame_s
    before = np.full(close.shape, np.nan)
    before[:, day:] = close[:, :-day]
    return History(
        instruments=feed.instruments,
        frame_ms=frame_ms,
        open_ms=first_ms + frame_ms * np.arange(bars),
        ohlcv=ohlcv,
        daily_usd=osum(close * ohlcv[:, 4], day),
        daily_pct=100 * (close / before - 1),
    )


class Count(msgspec.Struct):
    """What came of a history: signals in order, and how many bars of markets got how far."""

    bars: int = 0
    stages: Counter[int] = msgspec.field(default_factory=Counter)
    blocked: Counter[str] = msgspec.field(default_factory=Counter)  # of those that broke a level
    signals: list[Signal] = msgspec.field(default_factory=list)

    def add(self, batch: Batch) -> None:
        """One more bar close."""
        self.bars += len(batch.verdicts)
        self.stages.update(v.stage for v in batch.verdicts)
        broke = (v for v in batch.verdicts if STAGES[v.stage] == "broke")
        self.blocked.update(v.blocked_by or "nothing" for v in broke)
        self.signals += batch.signals

    def reached(self) -> list[int]:
        """Bars of markets that came to each stage or deeper."""
        return [sum(n for s, n in self.stages.items() if s >= stage) for stage in range(6)]


def candle_only(settings: Settings) -> Settings:
    """The same strategy without what candles cannot tell."""
    excluded = tuple(dict.fromkeys((*settings.checks.excluded, *CANDLE_ONLY)))
    checks = Checks(unknown_policy=settings.checks.unknown_policy, excluded=excluded)
    return msgspec.structs.replace(settings, checks=checks)


def judged(history: History, settings: Settings) -> Iterator[Batch]:
    """Each bar close in turn, with the universe chosen anew as often as live."""
    market, scanner = Market(settings), Scanner()
    market.set_instruments(history.instruments)
    row = {i.symbol: n for n, i in enumerate(history.instruments)}
    for bar in range(LOOKBACK, len(history.open_ms)):
        close_ms = int(history.open_ms[bar]) + history.frame_ms
        if bar == LOOKBACK or close_ms % (1000 * settings.universe.refresh_s) == 0:
            tickers = history.tickers(bar - 1)
            market.set_tickers(tickers, close_ms)
            chosen = choose_universe(tickers, history.instruments, settings.universe)
            market.set_universe(chosen)
        for symbol in market.universe:
            _load(history, row[symbol], bar, market)
        yield scanner(market, market.universe, int(history.open_ms[bar]), close_ms, settings)


def _load(history: History, row: int, bar: int, market: Market) -> None:
    """The bars a market lacks: the newest, or all that a start would ask for."""
    symbol = history.instruments[row].symbol
    last = market.last_open_ms(symbol)
    first = max(bar - 400, 0) if last is None else _after(history, last)
    part = slice(first, bar + 1)
    market.load_history(symbol, history.open_ms[part], history.ohlcv[row, :, part].T)


def _after(history: History, last_ms: Ms) -> int:
    return int((last_ms - history.open_ms[0]) // history.frame_ms) + 1
