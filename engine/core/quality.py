"""How clean the candles behind a decision are: enough of them, no holes, no silence, no teleports.

It exists so that a broken feed never looks like a breakout. It must never repair a candle.
"""

import numpy as np

from engine.core.checks import Row
from engine.core.indicators import ATR_N, LOOKBACK, Bools, Floats, Indices, sma, true_range
from engine.core.market import Window
from engine.core.points import Points, candle_tails, tails
from engine.core.reading import CLOSE, HIGH, LOW, VOLUME, Reading
from engine.core.settings import Settings

TELEPORT_ATR = 5
CONTIGUOUS_BARS = 20
SILENT_BARS_MAX = 30


def warmup(window: Window, points: Points) -> Row:
    """Whether each point has its 300 closed bars."""
    missing = window.open_ms.shape[-1] - window.counts  # right-aligned: they are the first ones
    count = np.minimum(points.bar + 1 - missing[points.row], LOOKBACK).astype(np.float64)
    return Row("warmup", count, float(LOOKBACK), count >= LOOKBACK)


def data_quality(window: Window, points: Points, settings: Settings) -> Row:
    """Missing bars against the tolerance; other defects are told in words."""
    data, frame = settings.data, 1000 * settings.market.frame_s
    times = tails(window.open_ms, points, LOOKBACK)
    candles = candle_tails(window.ohlcv, points, LOOKBACK)
    missing = (times[:, -1] - times[:, 0]) / frame - (LOOKBACK - 1)
    is_whole = times[:, -1] - times[:, -CONTIGUOUS_BARS] == (CONTIGUOUS_BARS - 1) * frame
    silent = np.count_nonzero(candles[:, VOLUME] == 0, axis=-1)
    jumps = _teleports(candles[:, HIGH], candles[:, LOW], candles[:, CLOSE])
    faults = [
        (missing > data.max_missing_bars, ""),
        (~is_whole, f"a bar is missing among the last {CONTIGUOUS_BARS}"),
        (silent > SILENT_BARS_MAX, f"more than {SILENT_BARS_MAX} bars without volume"),
        (jumps > data.teleport_max_bars, f"more than {data.teleport_max_bars} bars that jump"),
    ]
    is_known = times[:, 0] >= 0
    is_bad: list[Bools] = [~is_known, *(bad for bad, _ in faults)]
    is_clean = ~np.logical_or.reduce(is_bad)
    words: tuple[str, ...] = ()
    if not is_clean.all():
        told = np.select(is_bad, ["", *(words for _, words in faults)], default="")
        words = tuple(told.tolist())
    value = np.where(is_known, missing, np.nan)
    return Row("data_quality", value, data.max_missing_bars, is_clean, words=words)


def atr15(reading: Reading, settings: Settings) -> Row:
    """Volatility against its band."""
    low, high = settings.universe.atr15_min_pct, settings.universe.atr15_max_pct
    is_in_band = (low <= reading.atr15_pct) & (reading.atr15_pct <= high)
    return Row("atr15", reading.atr15_pct, (low, high), is_in_band, "needs 15 full quarter hours")


def _teleports(high: Floats, low: Floats, close: Floats) -> Indices:
    """Bars whose true range is far above the ATR before them."""
    ranges = true_range(high, low, close)
    before = sma(ranges, ATR_N)[:, :-1]
    jumps: Indices = np.count_nonzero(ranges[:, 1:] > TELEPORT_ATR * before, axis=-1)
    return jumps
