"""What is read from few bars, or ruled out early, is what the long way gives, bit for bit."""

from typing import Literal

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from engine.core import indicators as ind
from engine.core.indicators import LOOKBACK, Floats
from engine.core.levels import find_zones
from engine.core.market import Market, Window
from engine.core.points import Points, newest
from engine.core.quality import data_quality
from engine.core.reading import atr15_at, glance
from engine.core.settings import Data, Settings
from engine.core.signals import facing
from engine.core.values import Side
from series import FRAME_MS, walk

SYMBOLS, BARS = 8, 340
START_MS = 1_749_999_600_000
seeds = st.integers(0, 2**32)


def punctured(seed: int, frame_s: int = 300) -> Window:
    """Random walks: some whole, some with holes, some young."""
    rng, ohlcv = np.random.default_rng(seed), walk(seed, SYMBOLS, 2 * BARS)
    times = np.full((SYMBOLS, BARS), -1)
    candles = np.full((SYMBOLS, 5, BARS), np.nan)
    for row in range(SYMBOLS):
        holes = rng.choice(2 * BARS - 1, 4 * row * (row % 2))
        kept = np.setdiff1d(np.arange(2 * BARS), holes)[-(BARS - 40 * (row % 3)) :]
        times[row, BARS - len(kept) :] = START_MS + 1000 * frame_s * kept
        candles[row, :, BARS - len(kept) :] = ohlcv[row][:, kept]
    return Window(times, candles, np.count_nonzero(times >= 0, axis=-1))


def everywhere(window: Window) -> Points:
    row, bar = np.nonzero(window.open_ms >= 0)
    return Points(row, bar)


def same(found: Floats, expected: Floats) -> bool:
    return np.array_equal(found, expected, equal_nan=True)


@effort(max_examples=4, deadline=None)
@given(seed=seeds, frame_s=st.sampled_from([60, 180, 300, 900]))
def test_quarter_hours_at_known_places_are_those_that_are_searched(
    seed: int, frame_s: Literal[60, 180, 300, 900]
) -> None:
    window = punctured(seed, frame_s)
    points = everywhere(window)
    searched = ind.atr15_pct(window.open_ms, window.ohlcv, frame_s)[points.row, points.bar]
    assert same(atr15_at(window, points, frame_s), searched)
    assert np.isfinite(searched).any()
    assert np.isnan(searched).any()


@effort(max_examples=8, deadline=None)
@given(seed=seeds)
def test_bars_that_jump_are_counted_as_written(seed: int) -> None:
    window = punctured(seed)
    points = everywhere(window)
    high, low, close = (window.ohlcv[:, i] for i in (1, 2, 3))
    ranges = ind.true_range(high, low, close)
    is_jump = np.zeros(ranges.shape, dtype=np.bool_)
    is_jump[:, 1:] = ranges[:, 1:] > 5 * ind.atr(high, low, close)[:, :-1]
    jumps = np.array(
        [
            np.count_nonzero(is_jump[row, max(bar - LOOKBACK + 16, 0) : bar + 1])
            for row, bar in zip(points.row.tolist(), points.bar.tolist(), strict=True)
        ]
    )
    for most in (0, 1, 2, 4):
        settings = Settings(data=Data(max_missing_bars=30, teleport_max_bars=most))
        row = data_quality(window, points, settings)
        says = np.array(row.words or [""] * len(points)) == f"more than {most} bars that jump"
        assert (jumps[row.ok] <= most).all()
        assert (jumps[says] > most).all()
        assert ((jumps > most) <= ~row.ok).all()
        last = newest(window)
        assert data_quality(window, last, settings).ok.tolist() == [
            bool(row.ok[(points.row == i) & (points.bar == BARS - 1)][0]) for i in range(SYMBOLS)
        ]


@effort(max_examples=8, deadline=None)
@given(seed=seeds, n=st.integers(1, 21))
def test_volume_is_compared_with_the_median_of_the_bars_before(seed: int, n: int) -> None:
    volume = punctured(seed).ohlcv[:, 4]
    volume[0, seed % BARS] = np.nan
    medians = np.full(volume.shape, np.nan)
    for t in range(n, BARS):
        medians[:, t] = np.median(volume[:, t - n : t], axis=-1)
    expected = np.divide(volume, medians, out=np.full_like(volume, np.nan), where=medians != 0)
    assert same(ind.volume_mult(volume, n), expected)


@effort(max_examples=8, deadline=None)
@given(seed=seeds)
def test_a_symbol_faces_its_outermost_crossed_or_nearest_fresh_level(seed: int) -> None:
    """All levels of each window weighed, not only those near the price."""
    settings = Settings()
    s, window = settings.signals, punctured(seed)
    points = newest(window)
    reading = glance(window, points, settings)
    faced = facing(window, points, reading, settings, np.ones(SYMBOLS, dtype=np.bool_))
    before = slice(-settings.levels.window_bars - 1, -1)
    for row in range(SYMBOLS):
        ranked: list[tuple[bool, float, float, int]] = []
        for side in Side:
            d, a = side.sign, reading.atr[row : row + 1]
            candles = window.open_ms[row : row + 1, before], window.ohlcv[row : row + 1, :, before]
            closes = d * window.ohlcv[row, 3, -1 - s.fresh_bars : -1]
            for price in find_zones(side, *candles, a, settings.levels).price.tolist():
                trigger = d * price + max(s.break_eps_bps * 1e-4 * price, s.break_eps_atr * a[0])
                beyond = d * reading.close[row] - trigger
                if (closes <= trigger).all():
                    key = d * price if beyond > 0 else beyond
                    ranked.append((beyond > 0, key, price, d))
        level = faced.levels[row]
        if not ranked:
            assert level is None
        else:
            assert level is not None
            assert (level.price, level.side.sign) == max(ranked)[2:]


@effort(max_examples=8, deadline=None)
@given(seed=seeds)
def test_a_window_may_leave_out_the_newest_bars_of_each_symbol(seed: int) -> None:
    rng, market = np.random.default_rng(seed), Market(Settings())
    names = tuple(f"S{i}USDT" for i in range(4))
    market.set_universe(names)
    counts, skip = rng.integers(0, 9, 4), rng.integers(0, 3, 4)
    data = walk(seed, 4, 9)
    for name, count, ohlcv in zip(names, counts.tolist(), data, strict=True):
        market.load_history(name, START_MS + FRAME_MS * np.arange(count), ohlcv[:, :count].T)
    window = market.window((*names, "UNKNOWN"), 5, np.append(skip, 0))
    left = np.maximum(counts - skip, 0)
    assert window.counts.tolist() == [*np.minimum(left, 5).tolist(), 0]
    for i, end in enumerate(left.tolist()):
        first = max(end - 5, 0)
        assert same(window.ohlcv[i, :, 5 - (end - first) :], data[i, :, first:end])
        assert np.isnan(window.ohlcv[i, :, : 5 - (end - first)]).all()
    last = [START_MS + FRAME_MS * (c - 2) if c > 1 else -1 for c in counts.tolist()]
    assert market.opens_ms((*names, "UNKNOWN"), skip=1).tolist() == [*last, -1]
    assert msgspec.structs.asdict(market.window((), 5))["counts"].tolist() == []
