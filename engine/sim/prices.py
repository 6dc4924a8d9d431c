"""The market of a simulated run: one path of prices a symbol, and the candles that follow from it.

It exists so that what the exchange acts on, what the bot is told and what its candles say come from
one truth. A path has moods: flat, drifting, wild, with gaps and spikes. It must never look at what
the bot does.
"""

from random import Random

import numpy as np

from engine.core.events import QuoteSeen
from engine.core.indicators import Floats, Times
from engine.core.values import Bar, Instrument, Ms
from engine.sim.faults import happens

HISTORY_BARS = 70  # behind a random path: enough for every average the exits look at
RANGE_BARS = 300  # behind a scripted breakout
# drift and deviation of one move, in basis points
_MOODS = ((0.0, 0.0), (0.0, 2.0), (0.0, 6.0), (5.0, 4.0), (-5.0, 4.0), (12.0, 6.0), (-12.0, 6.0))
_WILD_BPS = 30.0


class Path:
    """One symbol: where its price is, the candles that closed, and the one that forms."""

    def __init__(self, seed: int, instrument: Instrument, first: float, frame_ms: Ms) -> None:
        self.instrument = instrument
        self._dice = Random(f"path {seed} {instrument.symbol}")  # noqa: S311 -- as drawn by a seed
        self._frame_ms = frame_ms
        self._tick = float(instrument.tick)
        self._left = 0  # moves until the mood changes
        self._mood = _MOODS[0]
        self.is_calm = False
        self.price = self._snap(first)
        self.bars: list[Bar] = []  # closed, oldest first
        self._forming: list[float] = []
        self._script: dict[Ms, tuple[float, ...]] = {}  # open time -> o h l c v

    def _snap(self, price: float) -> float:
        ticks = max(round(price / self._tick), 20)
        return round(ticks * self._tick, 10)

    # -- what lies behind ------------------------------------------------------------------------

    def wander(self, end_ms: Ms) -> None:
        """Give it a random past that ends at `end_ms`."""
        price = self.price
        rows = []
        for _ in range(HISTORY_BARS):
            opened, price = price, price * (1 + self._dice.gauss(0, 8) / 1e4)
            top, bottom = max(opened, price), min(opened, price)
            high, low = (
                top * (1 + self._dice.random() / 1e3),
                bottom * (1 - self._dice.random() / 1e3),
            )
            rows.append((opened, high, low, price, self._volume()))
        first_ms = end_ms - HISTORY_BARS * self._frame_ms
        for k, (*prices, volume) in enumerate(rows):
            o, h, lo, c = map(self._snap, prices)
            bar = Bar(self.instrument.symbol, first_ms + k * self._frame_ms, o, h, lo, c, volume)
            self.bars.append(bar)
        self.price = self.bars[-1].close

    def follow(self, end_ms: Ms, shift: int, *, is_short: bool) -> None:
        """Give it a range that is tested over and over and breaks `shift` bars after `end_ms`."""
        series = breakout(RANGE_BARS + shift)
        if is_short:
            series = upside_down(series)
        first_ms = end_ms - RANGE_BARS * self._frame_ms
        for k, row in enumerate(series.T.tolist()):
            open_ms = first_ms + k * self._frame_ms
            if open_ms < end_ms:
                self.bars.append(Bar(self.instrument.symbol, open_ms, *row))
            else:
                self._script[open_ms] = tuple(row)
        self.price = self.bars[-1].close

    def history(self, since_ms: Ms) -> tuple[Times, Floats]:
        """Closed candles from `since_ms` on: `(n,)` open times and `(n, 5)` values."""
        bars = [b for b in self.bars if b.open_ms >= since_ms]
        rows = [(b.open, b.high, b.low, b.close, b.volume) for b in bars]
        times = np.array([b.open_ms for b in bars], dtype=np.int64)
        return times, np.array(rows, dtype=np.float64).reshape(-1, 5)

    # -- what happens ----------------------------------------------------------------------------

    def move(self, at_ms: Ms) -> QuoteSeen:
        """The next price, and the quote it makes."""
        row = self._script.get(at_ms - at_ms % self._frame_ms)
        self.price = self._snap(self._wander() if row is None else self._scripted(row, at_ms))
        self._forming.append(self.price)
        return self._quote(at_ms)

    def jump(self, share: float, at_ms: Ms) -> QuoteSeen:
        """A gap: the price is elsewhere, with nothing in between."""
        self.price = self._snap(self.price * (1 + share))
        self._forming.append(self.price)
        return self._quote(at_ms)

    def _quote(self, at_ms: Ms) -> QuoteSeen:
        spread = self._tick * (1 if self.is_calm else self._dice.choice((1, 1, 2)))
        bid = self.price if happens(self._dice, 0.5) else self._snap(self.price - spread)
        return QuoteSeen(self.instrument.symbol, bid, self._snap(bid + spread), self.price, at_ms)

    def _wander(self) -> float:
        if self.is_calm:
            return self.price
        if self._left <= 0:
            self._left = self._dice.randint(4, 40)
            is_wild = happens(self._dice, 0.06)
            self._mood = (0.0, _WILD_BPS) if is_wild else self._dice.choice(_MOODS)
        self._left -= 1
        drift, deviation = self._mood
        return self.price * (1 + (drift + self._dice.gauss(0, 1) * deviation) / 1e4)

    def _scripted(self, row: tuple[float, ...], at_ms: Ms) -> float:
        """Through a known candle: from its open over both extremes to its close."""
        opened, high, low, close, _ = row
        stations = (opened, low, high, close) if close >= opened else (opened, high, low, close)
        return stations[min(4 * (at_ms % self._frame_ms) // self._frame_ms, 3)]

    def close(self, open_ms: Ms) -> Bar:
        """The candle that opened at `open_ms` has closed."""
        seen = self._forming or [self.price]
        bar = Bar(
            self.instrument.symbol,
            open_ms,
            seen[0],
            max(seen),
            min(seen),
            seen[-1],
            self._volume(),
        )
        row = self._script.get(open_ms)
        if row is not None:
            bar = Bar(self.instrument.symbol, open_ms, *row)
            self.price = row[3]
        self._forming = []
        self.bars.append(bar)
        return bar

    def _volume(self) -> float:
        return float(self._dice.randint(200, 3000))


def breakout(bars: int) -> Floats:
    """`(5, bars + 1)`: a triangle wave between 98 and 102, then one bar that breaks it upward."""
    j = np.arange(bars) + 11 + (300 - bars) % 20
    q, m = j % 20, j // 20
    close = np.where(q <= 10, 98 + 0.4 * q, 102 - 0.4 * (q - 10)).round(2)  # noqa: PLR2004 -- half
    opened = np.concatenate([close[:1], close[:-1]])
    spread = np.where(q == 10, 0.05 * (m % 3), 0)  # noqa: PLR2004 -- the top of the wave
    high = np.maximum(opened, close) + 0.1 + spread
    low = np.minimum(opened, close) - 0.1
    wave = np.stack([opened, high.round(2), low.round(2), close, 1000.0 + 10 * q])
    last = np.array([[close[-1], 103.05, close[-1] - 0.05, 103.0, 5000.0]]).T
    return np.concatenate([wave, last], axis=1)


def upside_down(ohlcv: Floats, about: float = 200.0) -> Floats:
    """The same candles mirrored: `x -> about - x`, high and low swapped."""
    opened, high, low, close, volume = ohlcv
    prices = (about - np.stack([opened, low, high, close])).round(8)
    return np.concatenate([prices, volume[None]])
