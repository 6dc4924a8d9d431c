"""Candle features at chosen bars: what the checks, the score and the stops are computed from.

It exists so that every number about a bar is computed in one place from that bar's last 300. It
must never look at a level or decide anything.
"""

import msgspec
import numpy as np

from engine.core.indicators import (
    ACTIVITY_BASE,
    ACTIVITY_SHORT,
    ATR_N,
    BB_N,
    BB_RANK_N,
    LOOKBACK,
    QUARTER_MS,
    SLOPE_N,
    VOLUME_N,
    VWAP_N,
    Bools,
    Floats,
    Indices,
    activity_mult,
    atr,
    atr15_pct,
    bb_rank_pct,
    body_frac,
    slope_pct,
    surge_1h_mult,
    volume_mult,
    vwap,
)
from engine.core.market import Window
from engine.core.points import Points, candle_tails, tails
from engine.core.settings import Settings

STOP_N = 10
QUARTERS = ATR_N + 1  # of an hour: what ATR14 of them needs
CHUNK = 256  # points whose tails are gathered at once

OPEN, HIGH, LOW, CLOSE, VOLUME = range(5)


class Reading(msgspec.Struct, frozen=True, eq=False):
    """Candle features of each point's bar t: arrays `(points,)`, NaN = unknown."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    atr: Floats  # ATR14 of the bar before
    close_high: Floats  # of the `fresh_bars` closes before
    close_low: Floats
    volume_mult: Floats
    surge_1h_mult: Floats
    body_frac: Floats
    slope_pct: Floats
    bb_rank_pct: Floats  # of the bar before, so that a break cannot disqualify itself
    atr15_pct: Floats
    activity_mult: Floats
    vwap20: Floats
    lowest: Floats  # of the last 10 bars, this one included
    highest: Floats

    def take(self, index: Indices | Bools) -> "Reading":
        """The features of some of the points."""
        return Reading(*(getattr(self, name)[index] for name in self.__struct_fields__))


def read(window: Window, points: Points, settings: Settings) -> Reading:
    """Features of each point; the floats are those of any longer or shorter window."""
    reading = with_atr15(glance(window, points, settings), window, points, settings)
    return with_rank(reading, window, points)


def with_atr15(reading: Reading, window: Window, points: Points, settings: Settings) -> Reading:
    """The same with the volatility of quarter hours."""
    value = atr15_at(window, points, settings.market.frame_s)
    return msgspec.structs.replace(reading, atr15_pct=value)


def with_rank(reading: Reading, window: Window, points: Points) -> Reading:
    """The same with the band's percentile, the feature that costs most."""
    return msgspec.structs.replace(reading, bb_rank_pct=bb_rank_before(window, points))


def glance(window: Window, points: Points, settings: Settings) -> Reading:
    """Features of each point but `atr15_pct` and `bb_rank_pct`, which stay unknown.

    Each feature gathers only as many bars as it needs.
    """
    ohlcv = window.ohlcv
    fresh, hour = settings.signals.fresh_bars, 3600 // settings.market.frame_s
    now = candle_tails(ohlcv, points, 1)
    before = tails(ohlcv[:, CLOSE], points, fresh, ago=1)
    volume = tails(ohlcv[:, VOLUME], points, max(VOLUME_N + 1, 2 * hour))
    recent = candle_tails(ohlcv, points, VWAP_N)
    return Reading(
        open=now[:, OPEN, 0],
        high=now[:, HIGH, 0],
        low=now[:, LOW, 0],
        close=now[:, CLOSE, 0],
        atr=atr_before(window, points),
        close_high=before.max(axis=-1),
        close_low=before.min(axis=-1),
        volume_mult=volume_mult(volume[:, -VOLUME_N - 1 :])[:, -1],
        surge_1h_mult=surge_1h_mult(volume[:, -2 * hour :], hour)[:, -1],
        body_frac=body_frac(now)[:, -1],
        slope_pct=slope_pct(tails(ohlcv[:, CLOSE], points, SLOPE_N + 2))[:, -1],
        bb_rank_pct=np.full(len(points), np.nan),
        atr15_pct=np.full(len(points), np.nan),
        activity_mult=activity_mult(volume[:, -ACTIVITY_SHORT - ACTIVITY_BASE :])[:, -1],
        vwap20=vwap(recent)[:, -1],
        lowest=recent[:, LOW, -STOP_N:].min(axis=-1),
        highest=recent[:, HIGH, -STOP_N:].max(axis=-1),
    )


def atr_before(window: Window, points: Points) -> Floats:
    """ATR14 of the bar before each point."""
    rows = candle_tails(window.ohlcv, points, ATR_N + 1, ago=1)
    return atr(rows[:, HIGH], rows[:, LOW], rows[:, CLOSE])[:, -1]


def bb_rank_before(window: Window, points: Points) -> Floats:
    """Percentile of the band's width at the bar before each point."""
    out = np.empty(len(points))
    for part in _parts(np.arange(len(points))):
        some = points if len(out) <= CHUNK else points.take(part)
        closes = tails(window.ohlcv[:, CLOSE], some, BB_N + BB_RANK_N, ago=1)
        out[part] = bb_rank_pct(closes)[:, -1]
    return out


def atr15_at(window: Window, points: Points, frame_s: int) -> Floats:
    """ATR14 of the visible quarter hours in percent of the close.

    Without holes the 15 it needs lie at known places; else all 300 bars are read.
    """
    frame_ms = 1000 * frame_s
    members = QUARTER_MS // frame_ms
    now_ms = window.open_ms[points.row, points.bar]
    end = points.bar - (now_ms // frame_ms + 1) % members  # before the quarter not over yet
    first = end - QUARTERS * members + 1
    begin_ms = window.open_ms[points.row, np.maximum(first, 0)]
    # Open times are unique multiples of the frame: so many within so long have no holes.
    is_whole = (first >= 0) & (now_ms - begin_ms == (points.bar - first) * frame_ms)
    is_whole &= begin_ms >= 0
    value = np.full(len(points), np.nan)
    for index in _parts(np.flatnonzero(is_whole)):
        value[index] = _whole_atr15(window, Points(points.row[index], end[index]), members)
    value /= window.ohlcv[points.row, CLOSE, points.bar]
    for index in _parts(np.flatnonzero(~is_whole)):
        times = tails(window.open_ms, points.take(index), LOOKBACK)
        candles = candle_tails(window.ohlcv, points.take(index), LOOKBACK)
        value[index] = atr15_pct(times, candles, frame_s)[:, -1]
    return value


def _whole_atr15(window: Window, ends: Points, members: int) -> Floats:
    """100 times the ATR14 of the quarter hours that end at these bars, of so many bars each."""
    candles = candle_tails(window.ohlcv[:, HIGH:VOLUME], ends, QUARTERS * members)
    quarters = candles.reshape(len(ends), 3, QUARTERS, members)
    high, low = quarters[:, 0].max(axis=-1), quarters[:, 1].min(axis=-1)
    return 100 * atr(high, low, quarters[:, 2, :, -1])[:, -1]


def _parts(index: Indices) -> list[Indices]:
    return [index[i : i + CHUNK] for i in range(0, len(index), CHUNK)]


def near_atr(reading: Reading) -> Floats:
    """How far the close is from its recent extreme close, the nearer side, in ATR; < 0 = beyond."""
    above = reading.close_high - reading.close
    below = reading.close - reading.close_low
    near: Floats = np.minimum(above, below) / np.where(reading.atr > 0, reading.atr, np.nan)
    return near
