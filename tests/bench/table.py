"""What the table is made of: rows, and how a piece of work is timed.

It exists so that each measuring module yields rows without knowing how they are printed. It must
never decide what a target is.
"""

import time
from collections.abc import Callable

import msgspec
import numpy as np


class Row(msgspec.Struct, frozen=True):
    """One measurement; `found` and both targets in `unit`."""

    name: str
    found: float
    must: float
    goal: float
    unit: str = "ms"


def once(work: Callable[[], object]) -> float:
    """Milliseconds of one call."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def timed(work: Callable[[], object], runs: int, share: float = 0.5) -> float:
    """Milliseconds one call takes at that percentile, after one call to warm up."""
    work()
    return float(np.quantile([once(work) for _ in range(runs)], share))


def calibrate() -> float:
    """Milliseconds of a fixed piece of plain Python."""
    return timed(lambda: sum(n * n % 7 for n in range(200_000)), 9)
