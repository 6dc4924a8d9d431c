"""One kernel for every direction of time: what a bar says depends on its 300 bars and no others."""

from itertools import combinations
from typing import Literal

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from builders import NO_FLOW
from engine.core import indicators as ind
from engine.core.indicators import LOOKBACK, Floats, Times
from engine.core.levels import find_zones
from engine.core.scan import Batch, Scanner
from engine.core.settings import Checks, Data, Levels, Settings, Signals, Universe
from engine.core.values import Side, Verdict
from series import market_of, walk

BARS, SYMBOLS = 380, 24
seeds = st.integers(0, 2**32)
# Random walks break few levels: thresholds stand where most breaks become signals.
LOOSE = Settings(
    data=Data(max_missing_bars=30, teleport_max_bars=300),
    checks=Checks(excluded=("late_bar", "watched", *NO_FLOW)),
    universe=Universe(atr15_min_pct=0.01, atr15_max_pct=50, bb_rank_max_pct=100),
    levels=Levels(round_tolerance_bps=0),
    signals=Signals(
        break_eps_bps=0,
        break_eps_atr=0.125,
        volume_min_mult=0,
        surge_1h_min_mult=0,
        body_min_frac=0,
        slope_max_pct=20,
        chase_max_atr=10,
        retest_tolerance_bps=0,
    ),
)


def framed(frame_s: Literal[60, 180, 300, 900]) -> Settings:
    return msgspec.structs.replace(
        LOOSE, market=msgspec.structs.replace(LOOSE.market, frame_s=frame_s)
    )


def batch_of(times: Times, data: Floats, settings: Settings = LOOSE) -> Batch:
    names = [f"S{i:02d}USDT" for i in range(len(data))]
    market = market_of({s: (times, x) for s, x in zip(names, data, strict=True)}, settings)
    return Scanner()(market, names, int(times[-1]), int(times[-1]), settings)


def punctured(seed: int, frame_s: int) -> tuple[Times, Floats]:
    """Random walks of which a few older bars are missing."""
    gone = np.random.default_rng(seed).choice(BARS - 40, size=4, replace=False)
    kept = np.setdiff1d(np.arange(BARS), gone)
    return 1_749_999_600_000 + 1000 * frame_s * kept, walk(seed, SYMBOLS, BARS)[..., kept]


@effort(max_examples=8, deadline=None)
@given(seed=seeds, frame_s=st.sampled_from([60, 180, 300, 900]))
def test_a_verdict_depends_on_its_bars_and_the_ranking_of_the_bar_before(
    seed: int, frame_s: Literal[60, 180, 300, 900]
) -> None:
    times, data = punctured(seed, frame_s)
    settings = framed(frame_s)
    whole = batch_of(times, data, settings)
    assert whole == batch_of(times[-LOOKBACK - 1 :], data[..., -LOOKBACK - 1 :], settings)


@effort(max_examples=8, deadline=None)
@given(seed=seeds)
def test_features_of_a_history_are_those_of_each_window(seed: int) -> None:
    times, data = punctured(seed, 300)
    _, high, low, close, volume = (data[:, i] for i in range(5))
    t = LOOKBACK + seed % (data.shape[-1] - LOOKBACK)
    window = slice(t - LOOKBACK + 1, t + 1)

    def both(whole: Floats, part: Floats) -> None:
        assert np.array_equal(whole[..., t], part[..., -1], equal_nan=True)

    every = np.tile(times, (SYMBOLS, 1))
    both(ind.atr(high, low, close), ind.atr(high[:, window], low[:, window], close[:, window]))
    both(ind.volume_mult(volume), ind.volume_mult(volume[:, window]))
    both(ind.surge_1h_mult(volume, 12), ind.surge_1h_mult(volume[:, window], 12))
    both(ind.bb_rank_pct(close), ind.bb_rank_pct(close[:, window]))
    both(ind.slope_pct(close), ind.slope_pct(close[:, window]))
    whole15 = ind.atr15_pct(every, data, 300)
    both(whole15, ind.atr15_pct(every[:, window], data[..., window], 300))
    assert not np.isnan(whole15[..., t]).any()


@effort(max_examples=8, deadline=None)
@given(seed=seeds)
def test_each_symbol_is_judged_as_if_it_were_alone(seed: int) -> None:
    times, data = punctured(seed, 300)
    together = batch_of(times, data).verdicts
    alone = batch_of(times, data[seed % SYMBOLS :][:1]).verdicts[0]
    backwards = batch_of(times, data[::-1]).verdicts[::-1]

    def unnamed(verdict: Verdict) -> Verdict:
        return msgspec.structs.replace(verdict, symbol="", rank=None)

    assert unnamed(together[seed % SYMBOLS]) == unnamed(alone)
    assert [unnamed(v) for v in together] == [unnamed(v) for v in backwards]


@effort(max_examples=8, deadline=None)
@given(seed=seeds)
def test_an_upside_down_market_gives_upside_down_signals(seed: int) -> None:
    times, data = punctured(seed, 300)
    turned = np.concatenate([2048 - data[:, [0, 2, 1, 3]], data[:, 4:]], axis=1)
    upright, mirrored = batch_of(times, data), batch_of(times, turned)
    assert [(v.outcome, v.blocked_by) for v in upright.verdicts] == [
        (v.outcome, v.blocked_by) for v in mirrored.verdicts
    ]
    assert len(upright.signals) == len(mirrored.signals)
    for a, b in zip(upright.signals, mirrored.signals, strict=True):
        assert (a.symbol, a.side.sign, a.level.touches) == (b.symbol, -b.side.sign, b.level.touches)
        assert a.level.price + b.level.price == 2048
        assert a.level.strength == b.level.strength
        assert np.isclose([a.stop + b.stop, a.trigger + b.trigger], 2048, rtol=1e-12).all()


def test_the_random_markets_break_both_ways() -> None:
    """Without this the properties above could hold of nothing."""
    found = [s for seed in range(12) for s in batch_of(*punctured(seed, 300)).signals]
    assert {s.side for s in found} == {Side.LONG, Side.SHORT}
    for s in found:
        d = s.side.sign
        assert d * s.level.price < d * s.trigger < d * s.price
        assert d * (s.price - s.stop) >= 0.3 * s.atr * (1 - 1e-12)


@effort(max_examples=15, deadline=None)
@given(seed=seeds, side=st.sampled_from(Side))
def test_kept_levels_are_strong_enough_and_apart(seed: int, side: Side) -> None:
    settings = Levels(strength_min_frac=0.45, touches_min=3)
    data = walk(seed, SYMBOLS, settings.window_bars)
    times = np.tile(np.arange(settings.window_bars), (SYMBOLS, 1))
    before = ind.atr(*np.moveaxis(data[:, 1:4], 1, 0))[:, -1]
    zones = find_zones(side, times, data, before, settings)
    assert (zones.touches >= 3).all()
    assert ((zones.strength >= 0.45) & (zones.strength <= 1)).all()
    for row in range(SYMBOLS):
        prices = zones.price[zones.row == row].tolist()
        assert len(prices) <= settings.window_bars / (settings.swing_bars + 1) + 4
        gaps = [abs(a - b) for a, b in combinations(prices, 2)]
        assert all(gap >= settings.gap_min_atr * before[row] for gap in gaps)
