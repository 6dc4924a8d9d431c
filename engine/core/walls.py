"""Walls: prices where far more rests than usual, and how each of them ends.

It exists so that a wall eaten by trades is told from one that was pulled, by size and trades alone.
The book is looked at once a second. It must never give a verdict on what went out of sight.
"""

from bisect import bisect_left, insort
from collections import deque
from enum import StrEnum

import msgspec
import numpy as np

from engine.core import settings as keys
from engine.core.depth import Depth, Flank
from engine.core.values import OrderSide

SAMPLES_MIN = 60  # before the usual size is known
ENDED_KEPT = 8  # ends remembered for people

_Key = tuple[OrderSide, int]  # the side that rests, and its bucket


class WallEvent(StrEnum):
    """What a sample said of a bucket."""

    DETECTED = "DETECTED"
    EATEN = "EATEN"  # most of it is gone, and enough of that was traded
    PULLED = "PULLED"  # most of it is gone without trades
    REFRESHED = "REFRESHED"  # it shrank and came back


class Wall(msgspec.Struct):
    """A followed bucket; sizes in base asset."""

    side: OrderSide  # of the resting orders
    price: float  # of its largest level when it was that large
    since_s: int  # when it was detected
    size: float
    peak: float
    low: float
    traded: float = 0.0  # against it, since the peak
    waiting: float = 0.0  # the same since the last sample
    refreshed: int = 0

    def see(self, size: float, terms: keys.Walls) -> WallEvent | None:
        """Take one sample; EATEN and PULLED end the wall."""
        self.size = size
        self.traded += self.waiting
        self.waiting = 0.0
        if size > self.peak:
            self._restart(size)
        self.low = min(self.low, size)
        if 1 - size / self.peak >= terms.eaten_min_frac:
            is_eaten = self.traded >= terms.traded_min_frac * (self.peak - size)
            return WallEvent.EATEN if is_eaten else WallEvent.PULLED
        dipped = self.peak - self.low >= terms.refresh_dip_frac * self.peak
        if dipped and size >= terms.refresh_back_frac * self.peak:
            self._restart(size)
            self.refreshed += 1
            return WallEvent.REFRESHED
        return None

    def _restart(self, size: float) -> None:
        self.peak = self.low = size
        self.traded = 0.0


class WallEnd(msgspec.Struct, frozen=True):
    """A wall that is gone, and how."""

    side: OrderSide
    price: float
    peak: float
    how: WallEvent
    at_s: int


class Usual:
    """The median of what was seen in the last so many seconds."""

    def __init__(self, lookback_s: int) -> None:
        self._lookback_s = lookback_s
        self._seen: deque[tuple[int, float]] = deque()
        self._sorted: list[float] = []

    def add(self, second: int, value: float) -> None:
        """One more value; those out of the window are forgotten."""
        while self._seen and self._seen[0][0] <= second - self._lookback_s:
            _, old = self._seen.popleft()
            del self._sorted[bisect_left(self._sorted, old)]
        self._seen.append((second, value))
        insort(self._sorted, value)

    def __len__(self) -> int:
        return len(self._sorted)

    @property
    def median(self) -> float | None:
        """None while too little was seen."""
        return _median(self._sorted) if len(self._sorted) >= SAMPLES_MIN else None


class Walls:
    """The walls of one market on a grid of prices that is fixed by the first book."""

    def __init__(self, tick: float, terms: keys.Walls) -> None:
        self.terms = terms
        self.usual = Usual(terms.lookback_s)
        self.ended: deque[WallEnd] = deque(maxlen=ENDED_KEPT)
        self._tick = tick
        self._width = 0  # of a bucket, in ticks
        self._walls: dict[_Key, Wall] = {}
        self._runs: dict[_Key, int] = {}  # samples in a row that were large enough

    @property
    def standing(self) -> tuple[Wall, ...]:
        """Walls that are followed now."""
        return tuple(self._walls.values())

    def trade(self, price: float, qty: float, aggressor: OrderSide) -> None:
        """A trade against what rests: sells hit bids, buys lift asks."""
        if not self._walls:
            return
        rests = OrderSide.SELL if aggressor is OrderSide.BUY else OrderSide.BUY
        wall = self._walls.get((rests, round(price / self._tick) // self._width))
        if wall is not None:
            wall.waiting += qty

    def lose(self) -> None:
        """The book is unknown: what was followed is forgotten without a verdict."""
        self._walls.clear()
        self._runs.clear()

    def sample(self, second: int, book: Depth) -> None:
        """Look at the book as it stood when `second` ended."""
        if not self._width:
            self._width = max(1, round(book.mid * self.terms.bucket_bps * 1e-4 / self._tick))
        views = (
            _View(OrderSide.BUY, book.bids, (book.mid, self._tick, self._width), self.terms),
            _View(OrderSide.SELL, book.asks, (book.mid, self._tick, self._width), self.terms),
        )
        sizes = sorted(size for view in views for size in view.sizes.values())
        if sizes:
            self.usual.add(second, _median(sizes))
        usual = self.usual.median
        runs: dict[_Key, int] = {}
        for view in views:
            self._follow(second, view)
            if usual is not None:
                runs |= self._grown(second, view, self.terms.k_mult * usual)
        self._runs = runs

    def _follow(self, second: int, view: "_View") -> None:
        for key in [key for key in self._walls if key[0] is view.side]:
            wall, bucket = self._walls[key], key[1]
            if not view.is_whole(bucket):
                del self._walls[key]
                continue
            event = wall.see(view.sizes.get(bucket, 0.0), self.terms)
            if event in (WallEvent.EATEN, WallEvent.PULLED):
                del self._walls[key]
                self._runs[key] = -1  # this sample was its end, not the first of another
                self.ended.append(WallEnd(wall.side, wall.price, wall.peak, event, second))

    def _grown(self, second: int, view: "_View", least: float) -> dict[_Key, int]:
        """Buckets that are large enough, with how often in a row; the persistent become walls."""
        runs: dict[_Key, int] = {}
        for bucket, size in view.sizes.items():
            if size < least:
                continue
            key = view.side, bucket
            if key in self._walls or not view.is_whole(bucket):
                continue
            runs[key] = self._runs.get(key, 0) + 1
            if runs[key] >= self.terms.persist_s:
                del runs[key]
                self._walls[key] = Wall(
                    view.side, view.price_in(bucket), second, size, peak=size, low=size
                )
        return runs


class _View:
    """One side of a book by buckets, as far as it is looked at."""

    def __init__(
        self, side: OrderSide, flank: Flank, grid: tuple[float, float, int], terms: keys.Walls
    ) -> None:
        mid, tick, self._width = grid
        count = int(flank.away_bps.searchsorted(terms.scan_bps, side="right"))
        ticks = np.rint(flank.price / tick).astype(np.int64)
        self.side = side
        self.sizes: dict[int, float] = {}
        self._flank = flank
        self._buckets = (ticks[:count] // self._width).tolist()
        for bucket, qty in zip(self._buckets, flank.qty[:count].tolist(), strict=True):
            self.sizes[bucket] = self.sizes.get(bucket, 0.0) + qty
        away = -terms.scan_bps if side is OrderSide.BUY else terms.scan_bps
        self._edge = mid * (1 + away * 1e-4) / tick
        if flank.is_full:
            last = float(ticks[-1])
            is_bid = side is OrderSide.BUY
            self._edge = max(self._edge, last) if is_bid else min(self._edge, last)

    def is_whole(self, bucket: int) -> bool:
        """Whether all of the bucket is in sight: of a part nothing can be said."""
        if self.side is OrderSide.BUY:
            return bucket * self._width >= self._edge
        return (bucket + 1) * self._width - 1 <= self._edge

    def price_in(self, bucket: int) -> float:
        """Price of the largest level in the bucket."""
        inside = np.flatnonzero(np.array(self._buckets) == bucket)
        return float(self._flank.price[inside[np.argmax(self._flank.qty[inside])]])


def _median(ordered: list[float]) -> float:
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2
