"""What our scan is measured against: the same market in plain batched numpy, with looser rules.

The first is a common scanner (ATR, Bollinger rank, EMA spread, volume, clustered swings, z-scores);
the second a Donchian breakout with an ATR stop over one long history. They do less than ours and
may smooth recursively: their time is the yardstick, not their answer.
"""

import numpy as np

from engine.core.indicators import Floats, highest

SWING = 3
RANK_N = 200
CLUSTER_ATR = 0.5
DONCHIAN_N = 20
WEIGHTS = np.array([0.5, -1.0, 1.0, 1.0, 0.8, -0.7, 0.4, 0.1, 0.1])


def scanner(ohlcv: Floats) -> Floats:
    """Composite z-score of each symbol, `(symbols, 5, bars)` to `(symbols,)`."""
    _, high, low, close, volume = (ohlcv[:, i] for i in range(5))
    last, bars = close[:, -1], close.shape[1]
    ranges = np.maximum(high[:, 1:], close[:, :-1]) - np.minimum(low[:, 1:], close[:, :-1])
    atr = ranges @ _smoothing(bars - 1, 14, 1 / 14)
    ema = close @ np.column_stack([_smoothing(bars, n, 2 / (n + 1)) for n in (20, 50)])
    width = _widths(close[:, -RANK_N - 19 :])
    features = [
        atr / last,
        (width <= width[:, -1:]).mean(axis=1),
        (ema[:, 0] - ema[:, 1]) / last,
        volume[:, -1] / volume[:, -21:-1].mean(axis=1),
        volume[:, -3:].mean(axis=1) / volume[:, -23:-3].mean(axis=1),
        *_nearest(_swings(high), atr, last),
        *_nearest(_swings(-low), atr, -last),
    ]
    table = np.nan_to_num(np.column_stack(features))
    spread = table.std(axis=0)
    z = (table - table.mean(axis=0)) / np.where(spread > 0, spread, 1)
    score: Floats = np.clip(z, -3, 3) @ WEIGHTS
    return score


def _smoothing(bars: int, n: int, alpha: float) -> Floats:
    """Weights that make the last exponential mean a dot product, seeded with a plain mean."""
    weights = np.empty(bars)
    weights[n:] = alpha * (1 - alpha) ** np.arange(bars - n - 1, -1, -1)
    weights[:n] = (1 - alpha) ** (bars - n) / n
    return weights


def _widths(close: Floats, n: int = 20) -> Floats:
    """Bollinger widths by differences of centered cumulative sums."""
    x = close - close[:, :1]
    zero = np.zeros((len(x), 1))
    first = np.concatenate([zero, np.cumsum(x, axis=1)], axis=1)
    second = np.concatenate([zero, np.cumsum(x * x, axis=1)], axis=1)
    mean = (first[:, n:] - first[:, :-n]) / n
    variance = (second[:, n:] - second[:, :-n]) / n - mean * mean
    width: Floats = np.sqrt(np.maximum(variance, 0)) / (mean + close[:, :1])
    return width


def _swings(x: Floats) -> Floats:
    """Directed extremes that are the highest of three bars on each side, else infinity."""
    middle = x[:, SWING:-SWING]
    return np.where(middle == highest(x, 2 * SWING + 1)[:, 2 * SWING :], middle, np.inf)


def _nearest(swings: Floats, atr: Floats, last: Floats) -> tuple[Floats, Floats]:
    """Distance in ATR to the nearest cluster above, and its touches."""
    rows, most = len(swings), max(1, int(np.isfinite(swings).sum(axis=1).max()))
    values = np.sort(swings, axis=1)[:, :most]
    is_real = np.isfinite(values)
    gaps = np.diff(np.where(is_real, values, 0), axis=1, prepend=-1e300)
    cluster = np.cumsum((gaps > CLUSTER_ATR * atr[:, None]) & is_real, axis=1) - 1
    flat = (cluster + np.arange(rows)[:, None] * most)[is_real]
    count = np.bincount(flat, minlength=rows * most).reshape(rows, most)
    total = np.bincount(flat, weights=values[is_real], minlength=rows * most).reshape(rows, most)
    mean = np.divide(total, count, out=np.full(total.shape, -np.inf), where=count > 0)
    away = np.where(mean > last[:, None], mean - last[:, None], np.inf)
    pick = away.argmin(axis=1)
    at = np.arange(rows), pick
    return np.minimum(away[at] / atr, 99), np.where(np.isfinite(away[at]), count[at], 0)


def breakouts(ohlcv: Floats) -> Floats:
    """Entry, stop and target of each Donchian break, `(5, bars)` to `(signals, 3)`."""
    _, high, low, close, _ = ohlcv
    above, below = highest(high, DONCHIAN_N)[:-1], -highest(-low, DONCHIAN_N)[:-1]
    before = np.concatenate([close[:1], close[:-1]])
    ranges = np.maximum(high, before) - np.minimum(low, before)
    total = np.concatenate([np.zeros(1), np.cumsum(ranges)])
    atr = np.full(len(close), np.nan)
    atr[13:] = (total[14:] - total[:-14]) / 14
    side = np.zeros(len(close))
    side[1:] = (close[1:] > above).astype(float) - (close[1:] < below).astype(float)
    at = np.flatnonzero(side)
    risk = side[at] * 2 * atr[at]
    return np.column_stack([close[at], close[at] - risk, close[at] + 2 * risk])
