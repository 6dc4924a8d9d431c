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
CHUNK = 128  # points whose tails are gathered at once

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
    return complete(glance(window, points, settings), window, points, settings)


def complete(reading: Reading, window: Window, points: Points, settings: Settings) -> Reading:
    """The same with the two features that cost most."""
    return msgspec.structs.replace(
        reading,
        bb_rank_pct=bb_rank_before(window, points),
        atr15_pct=atr15_at(window, points, settings.market.frame_s),
    )


def glance(window: Window, points: Points, settings: Settings) -> Reading:
    """Features of each point but the two that cost most, which stay unknown.

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
    for part in _parts(len(points)):
        some = points if len(out) <= CHUNK else points.take(part)
        closes = tails(window.ohlcv[:, CLOSE], some, BB_N + BB_RANK_N, ago=1)
        out[part] = bb_rank_pct(closes)[:, -1]
    return out


def atr15_at(window: Window, points: Points, frame_s: int) -> Floats:
    """ATR14 of the visible quarter hours in percent of the close.

    The whole 300 bars are read only where the newest have holes.
    """
    short = 17 * QUARTER_MS // (1000 * frame_s)  # 15 quarter hours, cut anywhere
    value = np.empty(len(points))
    for part in _parts(len(points)):
        some = points if len(value) <= CHUNK else points.take(part)
        value[part] = _atr15(window, some, short, frame_s)
    rest = np.flatnonzero(np.isnan(value))
    for part in _parts(len(rest)):
        value[rest[part]] = _atr15(window, points.take(rest[part]), LOOKBACK, frame_s)
    return value


def _atr15(window: Window, points: Points, bars: int, frame_s: int) -> Floats:
    times = tails(window.open_ms, points, bars)
    return atr15_pct(times, candle_tails(window.ohlcv, points, bars), frame_s)[:, -1]


def _parts(count: int) -> list[Indices]:
    return [np.arange(i, min(i + CHUNK, count)) for i in range(0, count, CHUNK)]


def near_atr(reading: Reading) -> Floats:
    """How far the close is from its recent extreme close, the nearer side, in ATR; < 0 = beyond."""
    above = reading.close_high - reading.close
    below = reading.close - reading.close_low
    near: Floats = np.minimum(above, below) / np.where(reading.atr > 0, reading.atr, np.nan)
    return near
