"""The scan and the kernel beside plain numpy on the same candles, round by round.

It exists because milliseconds say little on a busy machine: noise that hits a round hits both, so
the ratio stays. The first verdict after a start looks for the breaks of 72 bars and ranks the bar
before; the next ones, which trading lives on, remember both.
"""

from collections.abc import Iterator

import numpy as np
from bench.baselines import breakouts, scanner
from bench.table import Row, once

from engine.core.detect import detect
from engine.core.indicators import LOOKBACK, Floats, Times
from engine.core.market import Window
from engine.core.scan import Scanner
from engine.core.settings import Settings, Universe
from engine.core.values import Ticker
from engine.sim.feed import MINUTE_MS, aggregate
from engine.sim.synthetic import SyntheticFeed
from series import FRAME_MS, market_of, walk

START_MS = 1_760_000_100_000
SYMBOLS = ("BTCUSDT", *(f"S{n:03}USDT" for n in range(1, 500)))
WIDE = Settings(universe=Universe(top_n=len(SYMBOLS)))
ROUNDS = 12
HISTORY = 100_000
# What the targets in ms are in units of the yardsticks, which took 9.1 ms and 2.4 ms where a
# calibration took 10 ms.
SCAN_MUST, SCAN_GOAL = 40 / 9.1, 20 / 9.1
KERNEL_MUST, KERNEL_GOAL = 100 / 2.4, 20 / 2.4


def invented(bars: int) -> Floats:
    """Candles `(500, 5, bars)` of the sandbox's markets: ranges, breaks and what follows them."""
    minutes = FRAME_MS // MINUTE_MS
    parts: list[Floats] = []
    for seed in range(len(SYMBOLS) // 48 + 1):
        feed = SyntheticFeed(seed)
        parts.append(aggregate(feed.bars(feed.begin_ms, bars * minutes), minutes))
    every = np.concatenate(parts)[: len(SYMBOLS), :, :5]
    return np.moveaxis(every, 1, 2).copy()


def at(bars: int) -> Times:
    """Open times `(bars,)`."""
    return START_MS + FRAME_MS * np.arange(bars)


class Race:
    """A market that lives through its candles, bar by bar."""

    def __init__(self, ohlcv: Floats) -> None:
        self._ohlcv = ohlcv
        self._bars = LOOKBACK + 2
        times = at(self._bars)
        histories = {s: (times, o[:, : self._bars]) for s, o in zip(SYMBOLS, ohlcv, strict=True)}
        self._market = market_of(histories, WIDE)
        self._scanner = Scanner()
        self.first: list[float] = []
        self.next: list[float] = []
        self.plain: list[float] = []

    def run(self) -> None:
        """All rounds, after one to warm up."""
        for _ in range(ROUNDS + 1):
            self._round()
        for spent in (self.first, self.next, self.plain):
            del spent[0]

    def _round(self) -> None:
        newest = int(at(self._bars)[-1])
        tickers = [Ticker(s, 100.0, 99.99, 100.01, 50e6, 1.0) for s in SYMBOLS]
        self._market.set_tickers(tickers, newest)
        recent = self._ohlcv[:, :, self._bars - LOOKBACK : self._bars]
        self.plain.append(once(lambda: scanner(recent)))
        self.first.append(once(lambda: self._scan(Scanner(), newest)))
        self.next.append(once(lambda: self._scan(self._scanner, newest)))
        bar = slice(self._bars, self._bars + 1)
        for symbol, candles in zip(SYMBOLS, self._ohlcv, strict=True):
            self._market.load_history(symbol, at(self._bars + 1)[bar], candles[:, bar].T)
        self._bars += 1

    def _scan(self, scanner: Scanner, newest: int) -> None:
        scanner(self._market, SYMBOLS, newest, newest + FRAME_MS + 1000, WIDE)


def verdicts() -> Iterator[Row]:
    """Every check, level and signal of 500 symbols x 300 bars at one bar close."""
    bars = LOOKBACK + ROUNDS + 3
    for name, ohlcv in (("walks", walk(1, len(SYMBOLS), bars)), ("sandbox", invented(bars))):
        race = Race(ohlcv)
        race.run()
        for label, spent in (("first", race.first), ("next", race.next)):
            ratio = np.median(np.array(spent) / race.plain)
            title = f"{label} verdict of 500 x 300, {name}"
            yield Row(title, float(np.median(spent)), 40, 20)
            yield Row("  over plain numpy's scanner", float(ratio), SCAN_MUST, SCAN_GOAL, "x")


def history(walks: int) -> Window:
    """One symbol's random walks, one after another: a longer one would go below zero."""
    ohlcv = np.concatenate([walk(5 + n, 1, HISTORY) for n in range(walks)], axis=-1)
    assert ohlcv[:, :4].min() > 0
    bars = walks * HISTORY
    return Window(at(bars)[None], ohlcv, np.array([bars]))


def kernel() -> Iterator[Row]:
    """Every break and signal of a whole history; 1 us a bar is 1 M bars a second."""
    window = history(1)
    detect(window, WIDE)
    rounds = np.array(
        [
            (once(lambda: detect(window, WIDE)), once(lambda: breakouts(window.ohlcv[0])))
            for _ in range(ROUNDS)
        ]
    )
    spent = float(np.median(rounds[:, 0]))
    ratio = float(np.median(rounds[:, 0] / rounds[:, 1]))
    yield Row("a history of 100k bars, a bar", 1000 * spent / HISTORY, 1, 0.2, "us")
    yield Row("  over plain numpy's breakouts", ratio, KERNEL_MUST, KERNEL_GOAL, "x")
    long = history(10)
    spent = once(lambda: detect(long, WIDE))
    yield Row("a history of 1M bars, a bar, once", 100 * spent / HISTORY, 1, 0.2, "us")
