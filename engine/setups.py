"""Every setup of recorded markets: the kernel over whole histories, in one pass.

It exists so that a person sees how often a strategy would have found something, and what. Candle
checks alone decide here: who was watched, the books and the account are asked by nobody. It must
never count what a bar could only have known later.
"""

from collections.abc import Iterator
from operator import attrgetter

import msgspec
import numpy as np

from engine.candles import Histories
from engine.core.checks import BOTH
from engine.core.detect import Detection, detect
from engine.core.market import Window
from engine.core.settings import Settings
from engine.core.values import Ms, Setup, Side


class Found(msgspec.Struct, frozen=True):
    """One complete setup; prices are the market's own, on no exchange's steps."""

    symbol: str
    at_ms: Ms  # close of its bar
    setup: Setup
    side: Side
    level: float
    strength: float
    touches: int
    entry: float
    stop: float
    break_ms: Ms  # open of the bar that broke the level


def setups(histories: Histories, bar: int, settings: Settings) -> tuple[Found, ...]:
    """All setups up to that bar, oldest first."""
    window = window_to(histories, bar)
    found = detect(window, settings)
    return tuple(sorted(_told(histories, window, found), key=attrgetter("at_ms", "symbol")))


def window_to(histories: Histories, bar: int) -> Window:
    """All bars up to that one, right-aligned; what a symbol lacks is left out, no gap."""
    rows = len(histories.instruments)
    past = [histories.history(row, bar) for row in range(rows)]
    counts = np.array([len(times) for times, _ in past], dtype=np.int64)
    size = int(counts.max(initial=0))
    open_ms = np.full((rows, size), -1, dtype=np.int64)
    ohlcv = np.full((rows, 5, size), np.nan)
    for row, (times, candles) in enumerate(past):
        first = size - len(times)
        open_ms[row, first:] = times
        ohlcv[row, :, first:] = candles.T
    return Window(open_ms, ohlcv, counts)


def _told(histories: Histories, window: Window, found: Detection) -> Iterator[Found]:
    for i, row in enumerate(found.row.tolist()):
        yield Found(
            symbol=histories.instruments[row].symbol,
            at_ms=int(window.open_ms[row, found.bar[i]]) + histories.frame_ms,
            setup=BOTH[int(found.setup[i])],
            side=Side.LONG if found.sign[i] > 0 else Side.SHORT,
            level=float(found.price[i]),
            strength=float(found.strength[i]),
            touches=int(found.touches[i]),
            entry=float(found.entry[i]),
            stop=float(found.stop[i]),
            break_ms=int(window.open_ms[row, found.break_bar[i]]),
        )
