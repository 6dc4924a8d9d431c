"""What an order book says at one moment: middle, spread, depth near it, and which side is heavier.

It exists so that everything read off a book comes from one place and is refused alike: one-sided,
crossed or impossible books say nothing. It must never extend a book beyond its last level.
"""

import math

import msgspec
import numpy as np

from engine.core.indicators import Floats
from engine.core.values import OrderSide

LEVELS_MAX = 50  # a side with so many goes on beyond what is shown


class Flank(msgspec.Struct, frozen=True, eq=False):
    """One side of a book, best first: arrays `(levels,)`."""

    price: Floats
    qty: Floats
    away_bps: Floats  # from the middle
    usd: Floats  # of this level and all better ones together

    @property
    def is_full(self) -> bool:
        """Whether there may be more levels than are shown."""
        return len(self.price) >= LEVELS_MAX

    @property
    def cover_bps(self) -> float:
        """How far from the middle the side is known."""
        return float(self.away_bps[-1]) if self.is_full else math.inf

    def within(self, bps: float) -> float:
        """USD of the levels shown at most that far from the middle."""
        count = int(self.away_bps.searchsorted(bps, side="right"))
        return float(self.usd[count - 1]) if count else 0.0


class Reach(msgspec.Struct, frozen=True):
    """USD within some distance; at least that much where the book ends before."""

    usd: float
    is_least: bool


class Depth(msgspec.Struct, frozen=True, eq=False):
    """The values of one sound book."""

    mid: float
    spread_bps: float
    bids: Flank
    asks: Flank

    def side(self, side: OrderSide, bps: float) -> Reach:
        """What rests within `bps` of the middle; the side is that of the resting orders."""
        flank = self.bids if side is OrderSide.BUY else self.asks
        return Reach(flank.within(bps), flank.cover_bps < bps)

    def both(self, bps: float) -> Reach:
        """The same of both sides together."""
        bids, asks = self.side(OrderSide.BUY, bps), self.side(OrderSide.SELL, bps)
        return Reach(bids.usd + asks.usd, bids.is_least or asks.is_least)

    def imbalance(self, band_bps: float) -> float | None:
        """`(bids - asks)/(bids + asks)` of the USD within the band both sides cover, -1..1."""
        band = min(band_bps, self.bids.cover_bps, self.asks.cover_bps)
        bids, asks = self.bids.within(band), self.asks.within(band)
        return (bids - asks) / (bids + asks) if bids + asks > 0 else None


def measure(bids: Floats, asks: Floats, contract: float) -> Depth | None:
    """The values of a book of `(levels, 2)` price and quantity, best first; None = not sound."""
    if not (_is_side(bids) and _is_side(asks)):
        return None
    bid, ask = float(bids[0, 0]), float(asks[0, 0])
    if bid >= ask:
        return None
    mid = (bid + ask) / 2
    return Depth(
        mid=mid,
        spread_bps=(ask - bid) / mid * 1e4,
        bids=_flank(bids, mid, contract),
        asks=_flank(asks, mid, contract),
    )


def _is_side(levels: Floats) -> bool:
    return len(levels) > 0 and bool(levels.min() > 0 and levels.max() < np.inf)  # NaN is neither


def _flank(levels: Floats, mid: float, contract: float) -> Flank:
    price, qty = levels[:LEVELS_MAX].T
    return Flank(
        price=price,
        qty=qty,
        away_bps=np.abs(price - mid) / mid * 1e4,
        usd=(price * qty * contract).cumsum(),
    )
