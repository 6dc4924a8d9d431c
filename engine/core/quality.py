"""How clean the candles behind a decision are: enough of them, no holes, no silence, no teleports.

It exists so that a broken feed never looks like a breakout. It must never repair a candle.
"""

import numpy as np

from engine.core.checks import Row
from engine.core.indicators import (
    ATR_N,
    LOOKBACK,
    Bools,
    Floats,
    Indices,
    Times,
    places,
    sma,
    true_range,
)
from engine.core.market import Window
from engine.core.points import Points, tails
from engine.core.reading import CLOSE, HIGH, LOW, VOLUME
from engine.core.settings import Settings

TELEPORT_ATR = 5
CONTIGUOUS_BARS = 20
SILENT_BARS_MAX = 30
SLACK = 1 + 1e-9  # far more than rounding can do to a sum of fourteen


def warmup(window: Window, points: Points) -> Row:
    """Whether each point has its 300 closed bars."""
    missing = window.open_ms.shape[-1] - window.counts  # right-aligned: they are the first ones
    count = np.minimum(points.bar + 1 - missing[points.row], LOOKBACK).astype(np.float64)
    return Row("warmup", count, float(LOOKBACK), count >= LOOKBACK)


def data_quality(window: Window, points: Points, settings: Settings) -> Row:
    """Missing bars against the tolerance; other defects are told in words."""
    data, frame = settings.data, 1000 * settings.market.frame_s
    now_ms, then_ms = _time(window, points, 0), _time(window, points, LOOKBACK - 1)
    missing = (now_ms - then_ms) / frame - (LOOKBACK - 1)
    since_ms = now_ms - _time(window, points, CONTIGUOUS_BARS - 1)
    is_whole = since_ms == (CONTIGUOUS_BARS - 1) * frame
    silent = _count(window.ohlcv[:, VOLUME] == 0, points, LOOKBACK)
    jumps = _count(_teleports(window.ohlcv), points, LOOKBACK - ATR_N - 1)
    faults = [
        (missing > data.max_missing_bars, ""),
        (~is_whole, f"a bar is missing among the last {CONTIGUOUS_BARS}"),
        (silent > SILENT_BARS_MAX, f"more than {SILENT_BARS_MAX} bars without volume"),
        (jumps > data.teleport_max_bars, f"more than {data.teleport_max_bars} bars that jump"),
    ]
    is_known = then_ms >= 0
    is_bad: list[Bools] = [~is_known, *(bad for bad, _ in faults)]
    is_clean = ~np.logical_or.reduce(is_bad)
    words: tuple[str, ...] = ()
    if not is_clean.all():
        told = np.select(is_bad, ["", *(words for _, words in faults)], default="")
        words = tuple(told.tolist())
    value = np.where(is_known, missing, np.nan)
    return Row("data_quality", value, data.max_missing_bars, is_clean, words=words)


def atr15(pct: Floats, settings: Settings) -> Row:
    """Volatility against its band."""
    low, high = settings.universe.atr15_min_pct, settings.universe.atr15_max_pct
    is_in_band = (low <= pct) & (pct <= high)
    return Row("atr15", pct, (low, high), is_in_band, "needs 15 full quarter hours")


def _time(window: Window, points: Points, ago: int) -> Times:
    """Open time of the bar so many before each point, -1 where there is none."""
    bar = points.bar - ago
    return np.where(bar >= 0, window.open_ms[points.row, np.maximum(bar, 0)], -1)


def _count(is_so: Bools, points: Points, n: int) -> Indices:
    """How many of the `n` bars up to each point."""
    count: Indices
    if points.is_newest:
        count = np.count_nonzero(is_so[:, -n:], axis=-1)
        return count
    total = np.zeros((len(is_so), is_so.shape[-1] + 1), dtype=np.int32)
    np.cumsum(is_so, axis=-1, out=total[:, 1:])  # whole numbers: differences are exact
    before = total[points.row, np.maximum(points.bar + 1 - n, 0)]
    count = total[points.row, points.bar + 1] - before
    return count


def _teleports(ohlcv: Floats) -> Bools:
    """Bars whose true range is far above the ATR before them."""
    ranges = true_range(ohlcv[:, HIGH], ohlcv[:, LOW], ohlcv[:, CLOSE])
    # No range is negative, so eight of the fourteen rule out most bars, however they are added.
    eight = ranges
    for step in (1, 2, 4):
        eight = eight[:, step:] + eight[:, :-step]
    is_likely = SLACK * ATR_N * ranges[:, 8:] > TELEPORT_ATR * eight[:, :-1]
    row, place = places(is_likely)
    bar = place + 8
    before = sma(tails(ranges, Points(row, bar - 1), ATR_N), ATR_N)[:, -1]
    is_jump = np.zeros(ranges.shape, dtype=np.bool_)
    is_jump[row, bar] = ranges[row, bar] > TELEPORT_ATR * before
    return is_jump
