"""Where values lie: panes, round ticks, places that keep apart, the writing of numbers and times.

It exists so that every picture spaces its words alike. It must never draw.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.core.values import DAY_MS, Ms

_MINUTE_MS = 60_000
_STEPS_MIN = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440, 2880, 5760, 10_080, 20_160),
    *(43_200, 86_400, 172_800, 525_600),
)
_STEPS_PRICE = (1, 2, 5, 10)
_DECIMALS_MAX = 12


class Pane(msgspec.Struct, frozen=True):
    """A rectangle of pixels with a range of values from bottom to top."""

    left: float
    right: float
    bottom: float
    top: float
    low: float
    high: float

    def y(self, value: float) -> float:
        """Height of a value."""
        return float(self.ys(np.float64(value)))

    def ys(self, values: NDArray[np.float64] | np.float64) -> NDArray[np.float64]:
        """Heights of values."""
        share = (values - self.low) / (self.high - self.low)
        return np.asarray(self.bottom + share * (self.top - self.bottom))

    @property
    def pixel(self) -> float:
        """How much of a value one pixel is."""
        return (self.high - self.low) / (self.top - self.bottom)


def padded(values: Iterable[float], share: float) -> tuple[float, float]:
    """The range of values with room beyond both ends; never empty."""
    known = tuple(values)
    low, high = min(known), max(known)
    pad = (high - low) * share or abs(high) * 1e-3 or 1.0
    return low - pad, high + pad


def spread(wanted: Sequence[float], gap: float, within: tuple[float, float]) -> list[float]:
    """The places nearest to those wanted, at least `gap` apart and `within` two bounds.

    Least squares by pooling neighbors; when they cannot all fit, the gap shrinks until they do.
    """
    low, high = within
    if len(wanted) > 1:
        gap = min(gap, (high - low) / (len(wanted) - 1))
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    pools: list[tuple[float, int]] = []  # mean of (wanted - rank * gap), size
    for rank, i in enumerate(order):
        mean, size = wanted[i] - rank * gap, 1
        while pools and pools[-1][0] > mean:
            other, others = pools.pop()
            mean, size = (mean * size + other * others) / (size + others), size + others
        pools.append((mean, size))
    means = [mean for mean, size in pools for _ in range(size)]
    top = high - (len(wanted) - 1) * gap
    found = {
        i: min(max(mean, low), top) + rank * gap
        for rank, (i, mean) in enumerate(zip(order, means, strict=True))
    }
    return [found[i] for i in range(len(wanted))]


def decimals_of(values: NDArray[np.float64], pixel: float) -> int:
    """As many as the values have, but no finer than a pixel of the picture."""
    finest = min(max(0, math.ceil(-math.log10(pixel))), _DECIMALS_MAX)
    exact = (
        decimals
        for decimals in range(finest)
        if np.allclose(np.round(values, decimals), values, rtol=1e-12, atol=0)
    )
    return next(exact, finest)


def ticks(pane: Pane, room: float, decimals: int) -> list[float]:
    """Round values at least `room` pixels apart that read differently."""
    rough = max(room * pane.pixel, 10.0**-decimals)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * n for n in _STEPS_PRICE if power * n >= rough * (1 - 1e-9))
    first, last = math.ceil(pane.low / step), math.floor(pane.high / step)
    return [n * step for n in range(first, last + 1)]


def time_ticks(first_ms: Ms, span_ms: int, most: float) -> range:
    """Round times in UTC from `first_ms` on, no more than about `most`."""
    steps = (minutes * _MINUTE_MS for minutes in _STEPS_MIN)
    step = next((s for s in steps if span_ms / s <= most), span_ms)
    return range(-(-first_ms // step) * step, first_ms + span_ms, step)


def time_label(at_ms: Ms) -> str:
    """A tick of time: the day at midnight, else the time of day."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"{at.day} {at:%b}" if at_ms % DAY_MS == 0 else f"{at:%H:%M}"


def stamp(at_ms: Ms) -> str:
    """A moment with its zone."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"


def frame_name(seconds: int) -> str:
    """A timeframe as a person says it: 15m, 4h, 1d."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
