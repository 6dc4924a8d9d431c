"""Which bars are looked at: the newest of every symbol, or chosen ones of a long history.

It exists so that a feature is written once, on the last axis, and read in two directions: live
code asks for the newest bars, a history for those where something may happen, and both get the same
floats. It must never compute a feature itself.
"""

from typing import TypeVar

import msgspec
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from engine.core.indicators import Bools, Floats, Indices
from engine.core.market import Window

Number = TypeVar("Number", np.float64, np.int64)


class Points(msgspec.Struct, frozen=True, eq=False):
    """Bars of a window: `row` says which symbol, `bar` which column; arrays `(points,)`."""

    row: Indices
    bar: Indices
    is_newest: bool = False  # the last column of every row, in order: slices need no copy

    def __len__(self) -> int:
        return len(self.row)

    def take(self, index: Indices | Bools) -> "Points":
        """Some of them."""
        return Points(self.row[index], self.bar[index])


def newest(window: Window) -> Points:
    """The last bar of every symbol."""
    symbols, bars = window.open_ms.shape
    return Points(np.arange(symbols), np.full(symbols, bars - 1), is_newest=True)


def tails(x: NDArray[Number], points: Points, n: int, ago: int = 0) -> NDArray[Number]:
    """The `n` values that end `ago` bars before each point: `(symbols, bars)` to `(points, n)`.

    What lies before the first bar is NaN, or -1 in whole numbers: there is no such bar.
    """
    bars = x.shape[-1]
    if points.is_newest and bars >= n + ago:
        return x[:, bars - ago - n : bars - ago]
    end = points.bar - ago
    short = max(n - 1 - int(end.min(initial=bars - 1)), 0)
    if short:
        missing = np.nan if x.dtype == np.float64 else -1
        x = np.concatenate([np.full((len(x), short), missing, dtype=x.dtype), x], axis=-1)
    return sliding_window_view(x, n, axis=-1)[points.row, end - n + 1 + short]


def candle_tails(ohlcv: Floats, points: Points, n: int, ago: int = 0) -> Floats:
    """The `n` candles that end `ago` bars before each point: `(points, 5, n)`."""
    bars = ohlcv.shape[-1]
    if points.is_newest and bars >= n + ago:
        return ohlcv[..., bars - ago - n : bars - ago]
    fields = [tails(ohlcv[:, i], points, n, ago) for i in range(ohlcv.shape[1])]
    return np.stack(fields, axis=1)
