"""Candles of a longer frame, made of those of the base frame.

It exists so that another timeframe shows the same market that decided. A candle whose members are
not all there is left out; only the newest may be still growing, and says so.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.core.values import Ms

_OPEN, _HIGH, _LOW, _CLOSE, _VOLUME = range(5)


class Candles(msgspec.Struct, frozen=True, eq=False):
    """Candles of one frame, oldest first; the newest holds what closed until `closed_ms`."""

    frame_s: int
    open_ms: NDArray[np.int64]
    ohlcv: NDArray[np.float64]
    closed_ms: Ms


def merged(
    open_ms: NDArray[np.int64], ohlcv: NDArray[np.float64], base_s: int, frame_s: int
) -> Candles:
    """Candles of `frame_s`, a multiple of `base_s`, from at least one of the base frame."""
    step_ms, size = base_s * 1000, frame_s // base_s
    closed_ms = int(open_ms[-1]) + step_ms
    if size == 1:
        return Candles(frame_s, open_ms, ohlcv, closed_ms)
    group = open_ms // (frame_s * 1000)
    first = np.flatnonzero(np.diff(group, prepend=-1))
    count = np.diff(first, append=len(group))
    is_kept = count == size
    due = (closed_ms // step_ms - 1) % size + 1  # members the newest would have by now
    is_kept[-1] |= count[-1] == due
    candles = np.column_stack(
        [
            ohlcv[first, _OPEN],
            np.maximum.reduceat(ohlcv[:, _HIGH], first),
            np.minimum.reduceat(ohlcv[:, _LOW], first),
            ohlcv[first + count - 1, _CLOSE],
            np.add.reduceat(ohlcv[:, _VOLUME], first),
        ]
    )
    return Candles(frame_s, group[first][is_kept] * frame_s * 1000, candles[is_kept], closed_ms)
