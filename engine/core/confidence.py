"""How much speaks for a signal, 0..1: what several complete signals of one bar are ranked by.

It exists so that the ranking is one weighted mean of known terms. It must never count an unknown
term as zero.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from engine.core import settings as keys
from engine.core.indicators import Floats
from engine.core.reading import Reading

SCORE_SHIFT, SCORE_SPAN = 2, 4  # a score of -2..2 becomes 0..1
VOLUME_FULL = 5
BODY_FULL = 0.8
IMBALANCE_FULL = 0.5
ACTIVITY_FULL = 1.5

Term = tuple[float, Floats]  # weight and what it weighs


class Evidence(msgspec.Struct, frozen=True, eq=False):
    """What both setups are weighed by, beside the candles: arrays `(points,)`, NaN = unknown."""

    score: Floats
    imbalance: Floats  # of the book toward the trade
    strength: Floats  # of the broken level


def of_momentum(reading: Reading, evidence: Evidence, settings: keys.Signals) -> Floats:
    """Confidence of a break bar; NaN where no term is known."""
    atr = np.where(reading.atr > 0, reading.atr, np.nan)
    gap = np.abs(reading.close - reading.vwap20) / atr
    return _mean(
        [
            (0.25, (evidence.score + SCORE_SHIFT) / SCORE_SPAN),
            (0.25, reading.volume_mult / VOLUME_FULL),
            (0.15, reading.body_frac / BODY_FULL),
            (0.15, evidence.strength),
            (0.10, evidence.imbalance / IMBALANCE_FULL),
            (0.10, 1 - gap / settings.vwap_gap_max_atr),
        ]
    )


def of_retest(
    reading: Reading, evidence: Evidence, age_bars: Floats, settings: keys.Signals
) -> Floats:
    """Confidence of a return to a level that broke `age_bars` ago; NaN where no term is known."""
    return _mean(
        [
            (0.25, (evidence.score + SCORE_SHIFT) / SCORE_SPAN),
            (0.25, evidence.strength),
            (0.15, evidence.imbalance / IMBALANCE_FULL),
            (0.20, 1 - age_bars / settings.retest_max_bars),
            (0.15, reading.activity_mult / ACTIVITY_FULL),
        ]
    )


def _mean(terms: Sequence[Term]) -> Floats:
    """Weighted mean of the known terms, each clipped to 0..1."""
    total = weights = np.zeros(len(terms[0][1]))
    for weight, x in terms:
        is_known = np.isfinite(x)
        total = total + np.where(is_known, weight * np.clip(x, 0, 1), 0.0)
        weights = weights + np.where(is_known, weight, 0.0)
    mean: Floats = np.divide(total, weights, out=np.full(len(total), np.nan), where=weights > 0)
    return mean
