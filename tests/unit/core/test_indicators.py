"""Golden values of the series S40 and G, and what makes a feature unknown."""

from itertools import pairwise

import numpy as np
import pytest

from engine.core import indicators as ind
from engine.core.indicators import Floats, Times
from series import FRAME_MS, G_START_MS, g, s40, walk

TIMES, S40 = s40()
_, H, L, C, V = S40
NAN = float("nan")


def at(x: Floats, *bars: int) -> list[float]:
    return [float(x[..., b]) for b in bars]


@pytest.mark.parametrize(
    ("feature", "bars", "expected"),
    [
        (ind.true_range(H, L, C), (0, 1, 38, 39), [NAN, 0.4, 1.5, 0.6]),
        (ind.atr(H, L, C), (13, 14, 38, 39), [NAN, 1.0714285714, 1.1571428571, 1.1]),
        (ind.sma(C, 20), (18, 39), [NAN, 100.415]),
        (ind.bb_width_pct(C), (18, 19, 39), [NAN, 5.4725211405, 5.6773512002]),
        (ind.bb_rank_pct(C, 20, 15), (33, 34, 39), [NAN, 60, 30]),
        (ind.highest(H, 20), (18, 38), [NAN, 102.7]),
        (-ind.highest(-L, 20), (18, 38), [NAN, 97.4]),
        (ind.volume_mult(V), (19, 35, 39), [NAN, 1.1162790698, 0.5454545455]),
        (ind.surge_1h_mult(V, 12), (22, 39), [NAN, 0.9166666667]),
        (ind.body_frac(S40), (39,), [0.5]),
        (ind.close_high(C, 24), (23, 39), [NAN, 102.4]),
        (ind.close_low(C, 24), (23, 39), [NAN, 97.9]),
    ],
)
def test_golden_values_of_s40(
    feature: Floats, bars: tuple[int, ...], expected: list[float]
) -> None:
    assert feature.shape == (40,)
    assert at(feature, *bars) == pytest.approx(expected, rel=1e-9, nan_ok=True)


def test_swings_of_s40_are_strict_on_the_left_only() -> None:
    pivots = [np.flatnonzero(ind.swing_highs(x, k)).tolist() for k in (2, 3) for x in (H, -L)]
    assert pivots == [[7, 27], [16, 21, 28, 37], [7, 27], [16]]
    flat_top = np.array([1.0, 2.0, 3.0, 3.0, 2.0, 1.0, 0.0])
    assert np.flatnonzero(ind.swing_highs(flat_top, 2)).tolist() == [2]


def test_golden_values_of_g() -> None:
    times, ohlcv = g(301)
    _, high, low, close, volume = ohlcv
    found = [
        *at(ind.atr(high, low, close), 299),
        *at(ind.close_high(close, 24), 300),
        *at(ind.volume_mult(volume), 300),
        *at(ind.surge_1h_mult(volume, 12), 300),
        *at(ind.body_frac(ohlcv), 300),
        *at(ind.slope_pct(close), 300),
        *at(ind.atr15_pct(times, ohlcv, 300), 300),
        *at(ind.bb_width_pct(close), 299),
        *at(ind.bb_rank_pct(close), 299),
    ]
    expected = [0.6, 102.0, 4.5662100457, 1.2151248164, 0.9090909091, 0.4081632653, 1.2864077670]
    assert found == pytest.approx([*expected, 4.6647615159, 50.0], rel=1e-9)


def test_osum_adds_oldest_to_newest_and_keeps_nan() -> None:
    x = np.array([1e16, 1.0, -1e16, 1.0, NAN, 1.0])
    out = ind.osum(x, 3)
    assert at(out, 2, 3) == [(1e16 + 1.0) + -1e16, (1.0 + -1e16) + 1.0]
    assert np.isnan(out[[0, 1, 4, 5]]).all()


SHORT_HISTORIES = [
    ind.sma(C[:5], 6),
    ind.highest(C[:5], 6),
    ind.close_high(C[:5], 9),
    ind.volume_mult(V[:19]),
    ind.volume_mult(V[:20]),
    ind.surge_1h_mult(V[:23], 12),
    ind.bb_width_pct(C[:19]),
    ind.bb_rank_pct(C[:30], 20, 40),
    ind.slope_pct(C[:11]),
    ind.atr15_pct(TIMES[:1], S40[:, :1], 300),
    ind.atr15_pct(TIMES, S40, 300),
]


@pytest.mark.parametrize("feature", SHORT_HISTORIES)
def test_too_few_bars_are_unknown(feature: Floats) -> None:
    assert np.isnan(feature).all()


def test_no_returns_are_no_correlation() -> None:
    one = np.ones((3, 1))
    assert np.isnan(ind.pair_corr(one, one)).all()


def test_too_few_bars_have_no_swing() -> None:
    assert not ind.swing_highs(H[:6], 3).any()


def test_division_by_nothing_is_unknown() -> None:
    silent = np.zeros(40)
    assert np.isnan(ind.volume_mult(silent)).all()
    assert np.isnan(ind.surge_1h_mult(silent, 12)).all()
    flat = np.full((5, 3), 7.0)
    assert ind.body_frac(flat).tolist() == [0.0, 0.0, 0.0]


def test_quarter_bar_of_the_first_three_bars() -> None:
    is_end, bars = ind.quarter_bars(TIMES, S40, 300)
    assert np.flatnonzero(is_end).tolist() == list(range(2, 39, 3))
    assert bars[:, 2].tolist() == [100.0, 100.8, 99.5, 100.6, 520.0]
    assert np.isnan(bars[:, 3]).all()


def test_quarter_bar_with_a_missing_member_does_not_exist() -> None:
    kept = np.array([i for i in range(40) if i != 4])
    is_end, _ = ind.quarter_bars(TIMES[kept], S40[:, kept], 300)
    assert kept[is_end].tolist() == [2, *range(8, 39, 3)]


def test_quarter_bars_of_a_quarter_frame_are_the_bars() -> None:
    times: Times = G_START_MS + 900_000 * np.arange(40)
    is_end, bars = ind.quarter_bars(times, S40, 900)
    assert is_end.all()
    assert np.array_equal(bars, S40)
    expected = 100 * ind.atr(H, L, C) / C
    assert np.array_equal(ind.atr15_pct(times, S40, 900), expected, equal_nan=True)


def naive_atr15(times: Times, ohlcv: Floats) -> float:
    """`atr15_pct` of the last bar by hand, over bars of 300 s."""
    quarters: dict[int, list[int]] = {}
    for i, t in enumerate(times.tolist()):
        quarters.setdefault(t // 900_000, []).append(i)
    full = [q for q in quarters.values() if len(q) == 3]
    hlc = [(ohlcv[1, q].max(), ohlcv[2, q].min(), ohlcv[3, q[-1]]) for q in full][-15:]
    ranges = [
        max(h - low, abs(h - before), abs(low - before))
        for (_, _, before), (h, low, _) in pairwise(hlc)
    ]
    return float(100 * (sum(ranges) / 14) / ohlcv[3, -1])


def test_atr15_skips_quarters_with_holes() -> None:
    ohlcv = walk(seed=3, symbols=1, bars=120)[0]
    times: Times = G_START_MS + FRAME_MS * np.arange(120)
    kept = np.array([i for i in range(120) if i not in (70, 85, 86, 100)])
    times, ohlcv = times[kept], ohlcv[:, kept]
    found = ind.atr15_pct(times, ohlcv, 300)
    assert found[-1] == pytest.approx(naive_atr15(times, ohlcv), rel=1e-12)
    before = int(np.flatnonzero(~np.isnan(found))[0])
    assert (before, times[before]) == (44, G_START_MS + FRAME_MS * 44)


def test_atr15_forgets_members_older_than_the_lookback() -> None:
    """Fourteen old quarters, then bars so sparse that no further quarter completes."""
    ohlcv = walk(seed=4, symbols=1, bars=330)[0]
    times: Times = np.concatenate(
        [
            G_START_MS + FRAME_MS * np.arange(45),
            G_START_MS + FRAME_MS * 45 + 2 * FRAME_MS * np.arange(285),
        ]
    )
    found = ind.atr15_pct(times, ohlcv, 300)
    known = np.flatnonzero(~np.isnan(found))
    assert (known[0], known[-1], len(known)) == (44, 299, 256)
    assert np.isnan(ind.atr15_pct(times[1:], ohlcv[:, 1:], 300)[299])
