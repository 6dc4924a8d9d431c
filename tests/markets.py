"""Small recorded markets for tests of the simulated exchange."""

from pathlib import Path

import numpy as np

from engine.sim.feed import CLOSE, COLUMNS, HIGH, LOW, MINUTE_MS, OPEN, TURNOVER, VOLUME, Floats
from engine.sim.recorded import RecordedFeed, Recording

FIRST_MS = 1_735_689_600_000  # 2025-01-01T00:00Z
FIVE_MS = 5 * MINUTE_MS
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def walk(bars: int, price: float, decimals: int, seed: int) -> Floats:
    """Candles `(bars, 6)` of a random walk on the price grid, every 7th without volume."""
    rng = np.random.default_rng(seed)
    closes = np.round(price * np.exp(np.cumsum(rng.normal(0, 0.002, bars))), decimals)
    candles = np.empty((bars, COLUMNS))
    candles[:, CLOSE] = closes
    candles[:, OPEN] = np.concatenate([[price], closes[:-1]])
    wicks = np.round(rng.exponential(0.001 * price, (bars, 2)), decimals)
    candles[:, HIGH] = np.round(candles[:, [OPEN, CLOSE]].max(axis=1) + wicks[:, 0], decimals)
    candles[:, LOW] = np.round(candles[:, [OPEN, CLOSE]].min(axis=1) - wicks[:, 1], decimals)
    candles[:, VOLUME] = np.round(rng.exponential(500.0, bars), 2) * (np.arange(bars) % 7 > 0)
    candles[:, TURNOVER] = candles[:, VOLUME] * candles[:, [HIGH, LOW, CLOSE]].mean(axis=1)
    return candles


def recorded(bars: int = 400, step_ms: int = FIVE_MS, gap: slice | None = None) -> RecordedFeed:
    """Two symbols, AAAUSDT near 50 and BBBUSDT near 0.05; `gap` is missing from BBBUSDT."""
    candles = np.stack([walk(bars, 50.0, 2, 1), walk(bars, 0.05, 6, 2)])
    if gap is not None:
        candles[1, gap] = np.nan
    names = ("AAAUSDT", "BBBUSDT")
    return RecordedFeed(Recording(names, (2, 6), FIRST_MS, step_ms, candles), Path("memory"), 1)
