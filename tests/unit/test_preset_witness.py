"""Every preset can be traded: one made-up break passes its candle checks, and fails without volume.

The market swings between two prices, hugs the upper one for twelve bars and then breaks it.
"""

from pathlib import Path

import numpy as np
import pytest

from engine import config, preset
from engine.core.checks import BOTH, CANDLE_ONLY
from engine.core.detect import Detection, detect
from engine.core.indicators import Floats, atr
from engine.core.market import Window
from engine.core.settings import Settings
from engine.core.values import Setup

BREAK = 300
START_MS = 1_749_999_600_000
SCALES = {"scalping": 0.5}  # of the swings; it trades the calmest markets
LOUD = 20_000.0


def load(name: str) -> Settings:
    """The preset, for candles alone."""
    return config.load(Path("/dev/null"), [f"checks.excluded={list(CANDLE_ONLY)}"], {}, name)


def candles(scale: float, volume: float) -> Floats:
    """301 candles `(5, 301)`, the last of which breaks upward."""
    j = np.arange(BREAK)
    q = (j + 11) % 20
    close = np.where(q <= 10, 98 + 0.4 * q, 102 - 0.4 * (q - 10))
    close[288:] = np.where(j[288:] % 2, 101.2, 101.6)
    close = 100 + (close - 100) * scale
    open_ = np.append(close[0], close[:-1])
    high = np.maximum(open_, close) + 0.1 * scale
    low = np.minimum(open_, close) - 0.1 * scale
    rows = np.round(np.stack([open_, high, low, close, 1000.0 + 10 * q]), 4)
    _, high, low, close, _ = rows
    size, level, before = atr(high, low, close)[-1], high[100:].max(), close[-1]
    last = level + 0.9 * size
    bar = [before, last + 0.02 * size, min(before, last) - 0.02 * size, last, volume]
    return np.round(np.column_stack([rows, bar]), 4)


def mirrored(rows: Floats) -> Floats:
    """The same market upside down."""
    open_, high, low, close, volume = rows
    return np.round(np.stack([200 - open_, 200 - low, 200 - high, 200 - close, volume]), 4)


def detected(name: str, volume: float = LOUD) -> Detection:
    settings = load(name)
    rows = candles(SCALES.get(name, 1.5), volume)
    if settings.signals.sides == "short":
        rows = mirrored(rows)
    times = START_MS + 1000 * settings.market.frame_s * np.arange(BREAK + 1)
    window = Window(times[None], rows[None], np.array([BREAK + 1]))
    return detect(window, settings)


@pytest.mark.parametrize("name", preset.names())
def test_the_break_is_traded(name: str) -> None:
    found = detected(name)
    sign = -1 if load(name).signals.sides == "short" else 1
    assert found.bar.tolist() == [BREAK]
    assert found.setup.tolist() == [BOTH.index(Setup.MOMENTUM)]
    assert found.sign.tolist() == [sign]
    assert sign * (found.entry[0] - found.stop[0]) > 0


@pytest.mark.parametrize("name", preset.names())
def test_the_same_without_volume_is_not(name: str) -> None:
    assert len(detected(name, volume=1300.0)) == 0


def test_where_the_default_enters_and_stops() -> None:
    found = detected("breakout_v1")
    assert found.price.tolist() == [103.15]
    assert found.entry.tolist() == [104.1914]
    assert found.stop.tolist() == pytest.approx([101.7614], abs=5e-5)
