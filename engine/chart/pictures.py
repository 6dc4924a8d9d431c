"""What is in a picture: candles with lines and fills, a curve of results, counts of results.

They exist so that who wants a picture says what is in it, and drawing alone knows pixels. Values
are shown as they are given; what is unknown is left out, never guessed.
"""

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.core.values import Ms, OrderSide, Side

WIDTH, HEIGHT = 1080, 1080  # pixels; a phone shows about a third of them

Kind = Literal["level", "entry", "stop", "target"]


class Line(msgspec.Struct, frozen=True):
    """A horizontal line with a short label; `touches` are the extremes that made a level."""

    price: float
    label: str
    kind: Kind
    touches: tuple[tuple[Ms, float], ...] = ()


class Mark(msgspec.Struct, frozen=True):
    """A fill."""

    at_ms: Ms
    price: float
    side: OrderSide


class CandleChart(msgspec.Struct, frozen=True, eq=False):
    """Candles, oldest first: `open_ms` int64 `(bars,)`, `ohlcv` float64 `(bars, 5)`.

    Lines of a trade are always inside the picture; levels farther from the candles than half their
    height are left out, and so are fills and touches outside of the candles' time.
    """

    symbol: str
    frame_s: int
    open_ms: NDArray[np.int64]
    ohlcv: NDArray[np.float64]
    lines: tuple[Line, ...] = ()
    marks: tuple[Mark, ...] = ()
    side: Side | None = None  # of the trade
    mode: str = ""  # whose money: paper, live
    words: str = ""  # one line
    opened_ms: Ms | None = None  # from here on the trade's risk and reward are shaded
    closed_ms: Ms | None = None  # until here; None = it goes on
    at_ms: Ms | None = None  # what it shows was known then; None = when the last candle closed


class EquityChart(msgspec.Struct, frozen=True, eq=False):
    """Money after each closed trade, `at_ms` int64 and `equity` float64 `(trades + 1,)`.

    The first point is the beginning; between two points nothing was closed.
    """

    title: str
    at_ms: NDArray[np.int64]
    equity: NDArray[np.float64]
    mode: str = ""
    words: str = ""

    @property
    def drawdown(self) -> NDArray[np.float64]:
        """How far below the highest point before, 0 or negative."""
        return self.equity - np.maximum.accumulate(self.equity)

    @property
    def fall(self) -> float:
        """The largest drawdown, as a positive amount."""
        return -float(self.drawdown.min()) + 0.0


class RHistogram(msgspec.Struct, frozen=True):
    """How many results lie in each bin: `(left, right]` between edges, open at both ends."""

    title: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]  # one more than edges
    at_ms: Ms
    mode: str = ""
    words: str = ""


Picture = CandleChart | EquityChart | RHistogram
