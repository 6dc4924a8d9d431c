"""How price and volume move inside a bar whose candle is known: second by second, seeded.

It exists so that a market made of candles can be watched while its bars form. A path begins at the
open, touches both extremes, never leaves them, ends at the close, and its volume adds up; it must
never depend on when or how often it is looked at.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.sim.feed import CLOSE, HIGH, LOW, OPEN, VOLUME, Floats

_Indices = NDArray[np.int64]

WITH_THE_BODY = 0.7  # share of bars whose first extreme lies against the close
NOISE_FRAC = 0.22  # deviation of the path around its legs, as a share of the bar's range


class Paths(msgspec.Struct, frozen=True, eq=False):
    """One bar of every symbol: arrays `(symbols, seconds + 1)`, NaN where the candle is missing."""

    price: Floats
    high: Floats  # so far
    low: Floats  # so far
    volume: Floats  # so far


def draw_paths(candles: Floats, decimals: NDArray[np.int64], key: tuple[int, ...]) -> Paths:
    """Paths through `candles` `(symbols, 6)`; the last word of `key` is the length in seconds."""
    rng, seconds = np.random.default_rng(key), key[-1]
    knots = _draw_knots(rng, len(candles), seconds)
    is_low_first = (candles[:, CLOSE] > candles[:, OPEN]) == (
        rng.random(len(candles)) < WITH_THE_BODY
    )
    low, high = candles[:, LOW], candles[:, HIGH]
    first, second = np.where(is_low_first, low, high), np.where(is_low_first, high, low)
    heights = np.stack([candles[:, OPEN], first, second, candles[:, CLOSE]], axis=1)
    walk = np.cumsum(rng.standard_normal((len(candles), seconds + 1)), axis=1)
    walk -= _legs(knots, np.take_along_axis(walk, knots, axis=1), seconds)
    walk *= (NOISE_FRAC * (high - low) / np.sqrt(seconds / 12))[:, None]
    scale = 10.0 ** decimals[:, None]
    price = np.rint((_legs(knots, heights, seconds) + walk) * scale) / scale
    price = np.clip(price, low[:, None], high[:, None])
    np.put_along_axis(price, knots, heights, axis=1)
    return Paths(
        price=price,
        high=np.maximum.accumulate(price, axis=1),
        low=np.minimum.accumulate(price, axis=1),
        volume=_volumes(rng, candles[:, VOLUME], seconds),
    )


def _draw_knots(rng: np.random.Generator, symbols: int, seconds: int) -> _Indices:
    """Seconds `(symbols, 4)` of open, first extreme, second extreme and close, all different."""
    half = seconds // 2
    first = rng.integers(1, half, symbols, endpoint=True)
    second = rng.integers(half + 1, seconds, symbols)
    ends = np.zeros(symbols, dtype=np.int64), np.full(symbols, seconds)
    return np.stack([ends[0], first, second, ends[1]], axis=1)


def _legs(knots: _Indices, heights: Floats, seconds: int) -> Floats:
    """Straight lines through `heights` at `knots`: `(symbols, seconds + 1)`."""
    at = np.arange(seconds + 1)
    legs = np.empty((len(knots), seconds + 1))
    for i in range(knots.shape[1] - 1):
        begin, end = knots[:, i : i + 1], knots[:, i + 1 : i + 2]
        share = (at - begin) / (end - begin)
        line = heights[:, i : i + 1] * (1 - share) + heights[:, i + 1 : i + 2] * share
        np.copyto(legs, line, where=(at >= begin) & (at <= end))
    return legs


def _volumes(rng: np.random.Generator, total: Floats, seconds: int) -> Floats:
    """Volume so far `(symbols, seconds + 1)`: 0 at the open, exactly `total` at the close."""
    bursts = np.cumsum(rng.exponential(size=(len(total), seconds)) ** 2, axis=1)
    volume = np.empty((len(total), seconds + 1))
    volume[:, 0] = total * 0  # a missing candle has no volume, not even none
    volume[:, 1:] = bursts / bursts[:, -1:] * total[:, None]
    volume[:, -1] = total
    return volume


def noise(seed: int, *parts: NDArray[np.int64] | int) -> Floats:
    """Hash integers to uniform numbers in [0, 1), at least 1-d, broadcast over `parts`.

    The mixing step is splitmix64; arrays, unlike numpy scalars, wrap around without a warning.
    """
    state = np.array([seed], dtype=np.uint64)
    for part in parts:
        state = (state ^ np.asarray(part).astype(np.uint64)) + np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state = state ^ (state >> np.uint64(31))
    mantissa: Floats = (state >> np.uint64(11)).astype(np.float64) / 2.0**53
    return mantissa
