"""Setups of a recording: the golden ones, in files with gaps, and those that live code finds."""

from pathlib import Path

import numpy as np
import pytest

from engine.candles import Histories, merged
from engine.core.indicators import Floats
from engine.core.settings import Settings, Signals
from engine.core.values import Setup, Side
from engine.scanning import scan
from engine.setups import setups, window_to
from engine.sim.feed import COLUMNS
from engine.sim.recorded import Recording
from series import FRAME_MS, G_START_MS, g, mirror

MEMORY = Path("memory")


def histories(*markets: Floats) -> Histories:
    """Markets of `(5, bars)` that begin together."""
    candles = np.full((len(markets), markets[0].shape[1], COLUMNS), np.nan)
    for rows, ohlcv in zip(candles, markets, strict=True):
        rows[:, :5] = ohlcv.T
        rows[:, 5] = 1.0
    names = tuple(f"{letter}USDT" for letter in "ABCD"[: len(markets)])
    recording = Recording(names, (2,) * len(markets), G_START_MS, FRAME_MS, candles)
    return merged(recording, MEMORY, 300)


def close_ms(bar: int) -> int:
    return G_START_MS + (bar + 1) * FRAME_MS


def test_golden_setups_of_both_sides_oldest_first() -> None:
    bars = histories(mirror(g(305)[1]), g(305)[1])
    found = setups(bars, 304, Settings())
    told = [(f.at_ms, f.symbol, f.setup, f.side, f.entry) for f in found]
    assert told == [
        (close_ms(300), "AUSDT", Setup.MOMENTUM, Side.SHORT, 97.0),
        (close_ms(300), "BUSDT", Setup.MOMENTUM, Side.LONG, 103.0),
        (close_ms(304), "AUSDT", Setup.RETEST, Side.SHORT, 97.25),
        (close_ms(304), "BUSDT", Setup.RETEST, Side.LONG, 102.75),
    ]
    last = found[3]
    assert (last.level, last.touches, last.break_ms) == (102.2, 11, close_ms(299))
    assert (last.strength, last.stop) == pytest.approx((0.9009132420, 101.5678571429))
    assert setups(bars, 303, Settings()) == found[:2]
    assert setups(bars, 303, Settings(signals=Signals(sides="long"))) == found[1:2]


def test_what_a_symbol_lacks_is_left_out() -> None:
    ohlcv = g(305)[1]
    late = ohlcv.copy()
    late[:, :3] = np.nan
    late[:, 100] = np.nan
    window = window_to(histories(ohlcv, late), 304)
    assert window.counts.tolist() == [305, 301]
    assert window.open_ms[1, :4].tolist() == [-1] * 4
    assert np.isnan(window.ohlcv[1, :, :4]).all()
    assert window.open_ms[1, 4] == G_START_MS + 3 * FRAME_MS
    assert np.array_equal(window.ohlcv[1, :, -204:], ohlcv[:, -204:])


def test_a_signal_of_the_bar_is_the_newest_setup() -> None:
    bars = histories(g(301)[1])
    found = scan(bars, Settings())
    (signal,) = found.signals.values()
    (setup,) = found.setups
    assert (setup.entry, setup.stop, setup.level) == (signal.price, signal.stop, signal.level.price)
    assert (setup.at_ms, setup.break_ms) == (found.at_ms, signal.break_ms)
