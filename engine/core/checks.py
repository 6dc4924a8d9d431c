"""The table of checks: what each is about, which setup needs it, and which stage it belongs to.

It exists so that verdicts, the funnel, the configuration and the chat speak of the same rows in the
same order. Rows are arrays over symbols; a `Check` of one symbol is built when somebody reads it.
It must never compute a value.
"""

import math
from collections.abc import Sequence
from typing import overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.core import settings as keys
from engine.core.indicators import Bools, Floats
from engine.core.values import Check, CheckStatus, Setup

FEW_BARS = "not enough bars"
NOT_FED = "nothing measures it in this version"

BOTH = (Setup.MOMENTUM, Setup.RETEST)
M, R = BOTH[:1], BOTH[1:]


class Kind(msgspec.Struct, frozen=True):
    """What a check is about; `stage` is the funnel's, 0 = none."""

    group: str
    setups: tuple[Setup, ...]
    stage: int = 5
    is_advisory: bool = False


# In evaluation and display order.
KINDS = {
    "warmup": Kind("data", BOTH, 1),
    "data_quality": Kind("data", BOTH, 1),
    "late_bar": Kind("clock", BOTH),
    "volume_24h": Kind("ticker", BOTH, 1),
    "oi": Kind("ticker", BOTH, 1),
    "spread": Kind("ticker", BOTH, 1),
    "atr15": Kind("candle", BOTH, 2),
    "oi_change": Kind("oi", BOTH, 2),
    "near": Kind("candle", BOTH, 3, is_advisory=True),
    "break": Kind("candle", M, 4),
    "volume": Kind("candle", M),
    "surge_1h": Kind("candle", M),
    "body": Kind("candle", M),
    "slope": Kind("candle", M),
    "consolidation": Kind("candle", M),
    "bb_rank": Kind("candle", M),
    "break_record": Kind("candle", R, 4),
    "pullback": Kind("candle", R, 4),
    "hold": Kind("candle", R),
    "pierce": Kind("candle", R),
    "reaction": Kind("candle", R),
    "activity": Kind("candle", R),
    "chase": Kind("candle", BOTH),
    "watched": Kind("scan", BOTH),
    "depth_30": Kind("micro", BOTH),
    "depth_50": Kind("micro", BOTH),
    "tpm": Kind("micro", BOTH),
    "imbalance": Kind("micro", BOTH),
    "wall_ahead": Kind("micro", BOTH),
    "tape_pace": Kind("micro", BOTH),
    "tape_activity": Kind("micro", BOTH),
    "blackout": Kind("clock", BOTH),
    "vwap_gap": Kind("candle", M, 0, is_advisory=True),
    "btc_corr": Kind("candle", BOTH, 0, is_advisory=True),
    "confidence": Kind("scan", BOTH),
}
# Without these there is no signal to speak of, so nobody may exclude them.
ESSENTIAL = ("warmup", "break", "break_record", "pullback")
CHECKS = tuple(name for name in KINDS if name not in ESSENTIAL)  # legal in checks.excluded
# Book, tape and open interest: these have rows, and nothing gives them values yet.
UNFED = (
    "oi",
    "oi_change",
    "depth_30",
    "depth_50",
    "tpm",
    "imbalance",
    "wall_ahead",
    "tape_pace",
    "tape_activity",
)
CANDLE_ONLY = ("spread", *UNFED)  # what candles alone can never tell

# The funnel; index = stage.
STAGES = ("seen", "liquid", "in band", "near", "broke", "confirmed", "approved", "filled")
SEEN, LIQUID, IN_BAND, NEAR, BROKE, CONFIRMED, APPROVED, FILLED = range(len(STAGES))


class Row(msgspec.Struct, frozen=True, eq=False):
    """One check at every point: arrays `(points,)`.

    It is unknown where `known` says no, or without it, where the value is NaN.
    """

    name: str
    value: Floats
    need: float | tuple[float, float] | None
    ok: Bools
    unknown: str = FEW_BARS  # why a value may be missing
    words: tuple[str, ...] = ()  # per point, where numbers do not tell the reason
    known: Bools | None = None
