"""Golden values of the two features of the add-on on S40, and when they are unknown."""

import numpy as np
import pytest

from engine.core.indicators import EMA_TAPS, ema9, obv12
from series import s40, walk

_, (_, _, _, C, V) = s40()


def test_golden_ema9_of_s40() -> None:
    found = ema9(C)
    assert found.shape == (40,)
    assert np.isnan(found[:35]).all()
    assert found[[35, 39]].tolist() == pytest.approx([100.5345120913, 99.3263523236], rel=1e-9)


def test_golden_obv12_of_s40() -> None:
    found = obv12(C, V)
    assert np.isnan(found[:12]).all()
    assert found[39] == -1510
    assert found[12] == 110 * -1 + 130 + 100 - 260 + 190 + 0 - 170 + 280 - 120 - 280 - 270 - 280


def test_an_unchanged_close_counts_nothing() -> None:
    assert obv12(np.full(13, 7.0), np.full(13, 5.0))[12] == 0


def test_a_constant_close_is_its_own_mean() -> None:
    assert ema9(np.full(EMA_TAPS, 0.3))[-1] == pytest.approx(0.3, rel=1e-15)


def test_too_few_bars_are_unknown() -> None:
    assert np.isnan(ema9(C[:35])).all()
    assert np.isnan(obv12(C[:12], V[:12])).all()


def test_every_window_gives_the_bits_of_the_history() -> None:
    data = walk(seed=7, symbols=3, bars=90)
    close, volume = data[:, 3], data[:, 4]
    means, flows = ema9(close), obv12(close, volume)
    for t in (35, 50, 89):
        window = slice(t - 35, t + 1)
        assert np.array_equal(ema9(close[:, window])[:, -1], means[:, t])
        assert np.array_equal(obv12(close[:, window], volume[:, window])[:, -1], flows[:, t])
    assert np.array_equal(ema9(close[1]), means[1], equal_nan=True)
