"""Candle series for tests: the strategy's golden ones, random ones, recorded ones."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from engine.core.indicators import Floats, Times
from engine.core.market import Market
from engine.core.settings import Settings
from engine.core.values import Ticker

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

FRAME_MS = 300_000
S40_START_MS = 1_749_999_600_000
G_START_MS = 1_749_999_600_000

_S40 = """
1000 1003 995 1001 280
1001 1002 998 999 110
999 1008 996 1006 130
1006 1020 1002 1016 100
1016 1021 1012 1014 260
1014 1022 1011 1021 190
1021 1022 1017 1021 130
1021 1024 1016 1018 170
1018 1023 1014 1020 280
1020 1022 1009 1012 120
1012 1016 1006 1010 280
1010 1015 998 1003 270
1003 1004 990 995 280
995 999 987 988 270
988 992 984 989 120
989 993 984 989 220
989 993 975 979 120
979 984 977 983 240
983 987 981 986 280
986 989 984 988 210
988 991 984 986 150
986 995 981 994 250
994 1007 993 1002 240
1002 1015 999 1011 230
1011 1019 1008 1016 200
1016 1025 1011 1020 140
1020 1026 1016 1024 280
1024 1027 1020 1024 180
1024 1027 1012 1017 240
1017 1022 1014 1016 90
1016 1022 1012 1017 190
1017 1020 1010 1015 230
1015 1019 1009 1011 170
1011 1013 1001 1002 280
1002 1007 993 996 100
996 999 993 994 240
994 999 982 986 290
986 988 974 979 270
979 989 974 985 90
985 990 984 988 120
"""

_TAIL = (
    (102.00, 103.05, 101.95, 103.00, 5000),
    (103.00, 103.40, 102.90, 103.30, 1500),
    (103.30, 103.35, 102.80, 102.90, 1200),
    (102.90, 102.95, 102.25, 102.35, 1100),
    (102.35, 102.80, 102.30, 102.75, 1300),
)


def s40() -> tuple[Times, Floats]:
    """S40: `(40,)` open times and `(5, 40)` candles."""
    bars = np.array([line.split() for line in _S40.split("\n") if line], float)
    bars[:, :4] /= 10
    return S40_START_MS + FRAME_MS * np.arange(40), bars.T.copy()


def g(bars: int = 305) -> tuple[Times, Floats]:
    """G, cut after `bars`: 300 bars of a triangle wave, then a break at 300 and its retest."""
    j = np.arange(300) + 11
    q, m = j % 20, j // 20
    close = np.where(q <= 10, 98 + 0.4 * q, 102 - 0.4 * (q - 10)).round(2)
    opened = np.concatenate([[102.0], close[:-1]])
    high = np.maximum(opened, close) + 0.10 + np.where(q == 10, 0.05 * (m % 3), 0)
    low = np.minimum(opened, close) - 0.10
    wave = np.stack([opened, high.round(2), low.round(2), close, 1000.0 + 10 * q])
    ohlcv = np.concatenate([wave, np.array(_TAIL, float).T], axis=1)
    return G_START_MS + FRAME_MS * np.arange(bars), ohlcv[:, :bars].copy()


def mirror(ohlcv: Floats, about: float = 200.0) -> Floats:
    """The same candles upside down: `x -> about - x`, high and low swapped."""
    opened, high, low, close, volume = ohlcv
    prices = (about - np.stack([opened, low, high, close])).round(8)
    return np.concatenate([prices, volume[None]])


def walk(seed: int, symbols: int, bars: int) -> Floats:
    """Random candles `(symbols, 5, bars)` on a grid of 1/8 around 1024, with bursts of volume."""
    rng = np.random.default_rng(seed)
    wild = np.where(rng.random((symbols, bars)) < 0.04, 6, 1)
    close = 8192 + np.cumsum(rng.integers(-12, 13, (symbols, bars)) * wild, axis=-1)
    opened = np.concatenate([close[:, :1], close[:, :-1]], axis=-1)
    high = np.maximum(opened, close) + rng.integers(0, 8, close.shape)
    low = np.minimum(opened, close) - rng.integers(0, 8, close.shape)
    volume = rng.integers(0, 40, close.shape) * wild
    return np.stack([opened / 8, high / 8, low / 8, close / 8, volume], axis=1)


def recorded(name: str) -> tuple[Times, Floats]:
    """Recorded `(bars,)` open times and `(symbols, 5, bars)` candles; skips without the data."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"no recorded market data at {path}")
    z = np.load(path)
    close = np.cumsum(z["close_delta"].astype(np.int64), axis=1)
    before = np.concatenate([np.zeros((len(close), 1), np.int64), close[:, :-1]], axis=1)
    opened = before + z["open_gap"]
    high = np.maximum(opened, close) + z["high_over"]
    low = np.minimum(opened, close) - z["low_under"]
    prices = np.stack([opened, high, low, close], axis=1) / 10.0 ** z["decimals"][:, None, None]
    times = int(z["t0_ms"]) + int(z["step_ms"]) * np.arange(close.shape[1])
    return times, np.concatenate([prices, z["volume_base"][:, None].astype(float)], axis=1)


def market_of(histories: Mapping[str, tuple[Times, Floats]], settings: Settings) -> Market:
    """A market that holds these candles, `(5, bars)` each, and liquid tickers read at their end."""
    market = Market(settings)
    market.set_universe(tuple(histories))
    for symbol, (open_ms, ohlcv) in histories.items():
        market.load_history(symbol, open_ms, ohlcv.T)
    newest_ms = max(int(open_ms[-1]) for open_ms, _ in histories.values())
    tickers = [Ticker(s, 100.0, 99.99, 100.01, 50e6, 1.0) for s in histories]
    market.set_tickers(tickers, newest_ms)
    return market
