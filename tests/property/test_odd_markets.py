"""Markets that stand still, jump, whisper or cost next to nothing: nobody stops the scan."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from engine.config import of_preset
from engine.core.checks import CONFIRMED
from engine.core.indicators import Floats
from engine.core.scan import Batch, Scanner, completed, levels_of
from engine.core.settings import Settings
from engine.core.values import CheckStatus
from engine.scanning import without_books
from series import FRAME_MS, G_START_MS, g, market_of, walk

BARS = 330


def some_walk(rng: np.random.Generator) -> Floats:
    ohlcv: Floats = walk(int(rng.integers(1 << 30)), 1, BARS)[0]
    return ohlcv


def still(_rng: np.random.Generator) -> Floats:
    """Nobody trades."""
    return np.tile(np.array([[5.0], [5.0], [5.0], [5.0], [0.0]]), BARS)


def frozen(rng: np.random.Generator) -> Floats:
    """A market that stops somewhere."""
    ohlcv = some_walk(rng)
    at = int(rng.integers(5, BARS))
    ohlcv[:4, at:] = ohlcv[3, at - 1]
    ohlcv[4, at:] = rng.choice([0.0, 1.0])
    return ohlcv


def stopped_after_a_break(rng: np.random.Generator) -> Floats:
    """G breaks its level, and then nothing happens any more."""
    broken = np.concatenate([g(301)[1], np.full((5, 60), np.nan)], axis=1)
    ohlcv: Floats = broken[:, 31 : BARS + 31]
    first = int(np.flatnonzero(np.isnan(ohlcv[0]))[0])
    ohlcv[:4, first:] = ohlcv[3, first - 1]
    ohlcv[4, first:] = rng.choice([0.0, 1000.0])
    return ohlcv


def dust(rng: np.random.Generator) -> Floats:
    """Prices and volumes at the ends of what a number holds."""
    price, volume = 10.0 ** rng.integers(-12, 9), 10.0 ** rng.integers(-9, 12)
    ohlcv = some_walk(rng)
    ohlcv[:4] *= price
    ohlcv[4] *= volume
    return ohlcv


def jumping(rng: np.random.Generator) -> Floats:
    """Ten times as much, or a tenth, from one bar to the next."""
    return some_walk(rng) * np.where(rng.random(BARS) < 0.02, 10.0, 1.0)


def stepping(rng: np.random.Generator) -> Floats:
    """Few prices: every high is a touch of the same level."""
    close = rng.choice([10.0, 10.1], BARS)
    opened = np.concatenate([[10.0], close[:-1]])
    edges = np.maximum(opened, close), np.minimum(opened, close)
    return np.stack([opened, *edges, close, rng.choice([0.0, 1.0, 50.0], BARS)])


KINDS = (still, frozen, stopped_after_a_break, dust, jumping, stepping)


def judged(seed: int, settings: Settings, bars: int) -> Batch:
    """A batch of all kinds at some bar, by a scanner that saw the one before."""
    rng = np.random.default_rng(seed)
    times = G_START_MS + FRAME_MS * np.arange(bars)
    markets = {f"{kind.__name__.upper()}USDT": kind(rng)[:, :bars] for kind in KINDS}
    scanner = Scanner()
    market = market_of({s: (times[:-1], o[:, :-1]) for s, o in markets.items()}, settings)
    now = int(times[-1])
    scanner(market, market.universe, now - FRAME_MS, now, settings)
    for symbol, ohlcv in markets.items():
        market.load_history(symbol, times[-1:], ohlcv[:, -1:].T)
    batch = scanner(market, market.universe, now, now + FRAME_MS, settings)
    assert batch == Scanner()(market, market.universe, now, now + FRAME_MS, settings)
    for verdict in batch.verdicts:
        completed(market, verdict, settings)
        levels_of(market, verdict.symbol, settings)
    return batch


@pytest.mark.parametrize("name", ["breakout_v1", "breakout_v1_relaxed", "conservative"])
@effort(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32), bars=st.integers(300, BARS))
def test_no_market_stops_the_scan_of_the_others(name: str, seed: int, bars: int) -> None:
    batch = judged(seed, without_books(of_preset(name)), bars)
    assert [v.symbol for v in batch.verdicts] == [f"{k.__name__.upper()}USDT" for k in KINDS]
    for verdict in batch.verdicts:
        for check in verdict.checks:
            known = check.status in (CheckStatus.PASS, CheckStatus.FAIL)
            assert check.value is None or math.isfinite(check.value)
            assert known or check.value is None
        assert verdict.stage < CONFIRMED or verdict.outcome == "SIGNAL"
    still_one = batch.verdicts[0]
    assert (still_one.outcome, still_one.score) == ("QUIET", None)
