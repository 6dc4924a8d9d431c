"""Books and trades for tests of order flow."""

import numpy as np

from engine.core.events import BookSeen, PrintsSeen
from engine.core.indicators import Floats
from engine.core.values import Ms, OrderSide, Print


def side(best: float, step: float, qty: float, levels: int = 20) -> Floats:
    """Levels of one quantity, going away from the best."""
    return np.array([(best + i * step, qty) for i in range(levels)], dtype=np.float64)


def book(
    at_ms: Ms, bids: float = 10, asks: float = 10, symbol: str = "SOLUSDT", mid: float = 103.0
) -> BookSeen:
    """A book of a tick's spread around `mid`, each level of the same quantity."""
    below, above = side(mid - 0.005, -0.02, bids), side(mid + 0.005, 0.02, asks)
    return BookSeen(symbol, below, above, at_ms)


def trades(
    at_ms: Ms, count: int = 1, qty: float = 1, aggressor: OrderSide = OrderSide.BUY
) -> PrintsSeen:
    """Trades of one moment at 103."""
    each = tuple(Print(at_ms, 103.0, qty, aggressor) for _ in range(count))
    return PrintsSeen("SOLUSDT", each)
