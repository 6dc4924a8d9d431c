"""Candle features at chosen bars: what the checks, the score and the stops are computed from.

It exists so that every number about a bar is computed in one place from that bar's last 300. It
must never look at a level or decide anything.
"""

import msgspec

from engine.core.indicators import Floats
from engine.core.market import Window
from engine.core.points import Points
from engine.core.settings import Settings


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


def read(window: Window, points: Points, settings: Settings) -> Reading:
    """Features of each point; the floats are those of any longer or shorter window."""
    raise NotImplementedError
