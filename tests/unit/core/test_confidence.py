"""Confidence: golden sums of both setups, and unknown terms that count for nothing."""

import numpy as np
import pytest

from engine.core.confidence import Evidence, of_momentum, of_retest
from engine.core.indicators import Floats
from engine.core.reading import Reading
from engine.core.settings import Signals

SCORE, STRENGTH = 0.7052534172, 0.9009132420


def one(x: float) -> Floats:
    return np.array([x])


def reading(**known: float) -> Reading:
    fields = dict.fromkeys(Reading.__struct_fields__, np.nan) | known
    return Reading(**{name: one(x) for name, x in fields.items()})


BREAK = reading(
    close=103.0,
    atr=0.6,
    vwap20=100.4542846064,
    volume_mult=4.5662100457,
    body_frac=0.9090909091,
    activity_mult=1.8646153846,
)


@pytest.mark.parametrize(("imbalance", "expected"), [(0.30, 0.7425258272), (np.nan, 0.7583620302)])
def test_momentum(imbalance: float, expected: float) -> None:
    found = of_momentum(BREAK, Evidence(one(SCORE), one(imbalance), one(STRENGTH)), Signals())
    assert found[0] == pytest.approx(expected, abs=1e-10)


def test_retest() -> None:
    evidence = Evidence(one(SCORE), one(np.nan), one(STRENGTH))
    found = of_retest(BREAK, evidence, one(4.0), Signals())
    assert found[0] == pytest.approx(0.8625829858, abs=1e-10)


def test_terms_are_clipped() -> None:
    bare = reading(close=1.0, atr=0.1, vwap20=1.0, volume_mult=99.0, body_frac=1.0)
    full = Evidence(one(3.0), one(0.9), one(1.0))
    poor = Evidence(one(-3.0), one(-0.9), one(0.0))
    nothing = reading(close=1.0, atr=0.1, vwap20=2.0, volume_mult=0.0, body_frac=0.0)
    assert of_momentum(bare, full, Signals())[0] == pytest.approx(1)
    assert of_momentum(nothing, poor, Signals())[0] == 0


def test_nothing_known_is_no_confidence() -> None:
    unknown = Evidence(one(np.nan), one(np.nan), one(np.nan))
    assert np.isnan(of_momentum(reading(), unknown, Signals())[0])
    assert of_retest(reading(), unknown, one(72.0), Signals())[0] == 0  # only its age is known
