"""The touches of a level: those it counted, or none."""

import msgspec
import numpy as np
import pytest

from engine.core.indicators import Floats, Times, atr
from engine.core.levels import find_levels, touches_of
from engine.core.settings import Levels
from engine.core.values import Level, Side

FRAME_MS = 300_000
RULES = Levels()


def candles(seed: int, bars: int = 230) -> tuple[Times, Floats]:
    random = np.random.default_rng(seed)
    close = 100 + 2 * np.sin(np.arange(bars) / 9) + random.normal(0, 0.15, bars)
    opened = np.concatenate([[100.0], close[:-1]])
    high = np.maximum(opened, close) + random.random(bars) / 5
    low = np.minimum(opened, close) - random.random(bars) / 5
    ohlcv = np.stack([opened, high, low, close, random.random(bars)], axis=1)
    return np.arange(bars, dtype=np.int64) * FRAME_MS, ohlcv


def levels(open_ms: Times, ohlcv: Floats) -> list[Level]:
    mean = float(atr(*ohlcv[:, 1:4].T)[-1])
    n = RULES.window_bars
    return [
        level
        for side in Side
        for level in find_levels(side, open_ms[-n:], ohlcv[-n:].T, mean, RULES)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_the_touches_are_those_that_were_counted(seed: int) -> None:
    open_ms, ohlcv = candles(seed)
    found = levels(open_ms, ohlcv)
    mean = float(atr(*ohlcv[:, 1:4].T)[-1])
    assert found

    for level in found:
        touches = touches_of(level, open_ms, ohlcv, RULES)

        assert len(touches) == level.touches
        assert level.first_ms <= touches[0][0]
        assert touches[-1][0] <= level.last_ms
        column = 1 if level.side is Side.LONG else 2
        for at_ms, price in touches:
            assert price == ohlcv[at_ms // FRAME_MS, column]
            inside = level.side.sign * (level.price - price)
            assert -RULES.pierce_atr * mean - 1e-9 <= inside <= RULES.merge_atr * mean + 1e-9


def test_of_other_candles_or_rules_there_are_none() -> None:
    open_ms, ohlcv = candles(1)
    level = levels(open_ms, ohlcv)[0]
    narrow = msgspec.structs.replace(RULES, merge_atr=0.05)
    far = msgspec.structs.replace(level, price=1.0)
    other = msgspec.structs.replace(level, touches=level.touches + 1)

    assert touches_of(level, open_ms, ohlcv, RULES)
    assert touches_of(level, open_ms[:-40], ohlcv[:-40], RULES) == ()
    assert touches_of(level, open_ms[-150:], ohlcv[-150:], RULES) == ()
    assert touches_of(level, open_ms, ohlcv, narrow) == ()
    assert touches_of(far, open_ms, ohlcv, RULES) == ()
    assert touches_of(other, open_ms, ohlcv, RULES) == ()
    assert touches_of(level, open_ms[:0], ohlcv[:0], RULES) == ()
