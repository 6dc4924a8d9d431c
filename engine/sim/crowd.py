"""What rests around a price and what is traded there: seeded, for all markets at once.

It exists so that books, trades and what they show of the next move are functions of (seed, price,
time) that cost one pass of numpy. It must never move a price, and never look ahead of one.
"""

from collections.abc import Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.core.values import Ms
from engine.sim.feed import DAY_MS, HIGH, LOW, SECOND_MS, Floats
from engine.sim.paths import noise

DEPTH_SHARE = 6e-5  # of a day's turnover rests on each grid price of the book
GRID_BPS = 1.5  # distance of two neighbors in the book, at least a tick
BOOK_LIFE_S = 20  # sizes at a price stay this long
MOVE_MS = 300_000  # the move of the price that the book leans by is so long
MOOD_LIFE_S = 60  # and a mood of its own so long
LEAN_MOOD, LEAN_MOVE = 0.35, 0.45  # how heavy a side gets by mood, and by a move
WALL_SHARE, WALL_MULT = 0.004, 25.0  # of the prices hold a wall, so many times the usual
WALL_LIFE_S = 240
PARTS_USD = 3e7  # a day's turnover at which a second's volume is up to two trades
PARTS_MAX = 6

Ints = NDArray[np.int64]
_SIZE, _WALL, _MOOD, _PARTS = 103, 105, 106, 107  # what a draw is for


class Quoted(msgspec.Struct, frozen=True, eq=False):
    """Prices of one moment in ticks, `(symbols,)`, 0 = unknown, and how the book leans."""

    at_ms: Ms
    last: Ints
    bid: Ints
    ask: Ints
    lean: Floats


class Crowd:
    """The others in the market; `tick_scale` and `lot_scale` are steps in one unit."""

    def __init__(self, seed: int, daily_usd: Floats, tick_scale: Floats, lot_scale: Floats) -> None:
        self._seed = seed
        self._daily_usd = daily_usd
        self._tick_scale = tick_scale
        self._lot_scale = lot_scale
        self._rows = np.arange(len(daily_usd))

    def lean(self, last: Floats, before: Floats, day: Floats, at_ms: Ms) -> Floats:
        """How much heavier than usual bids are, and asks lighter: by mood, and by the last move.

        In steps, so that sizes stay for a while.
        """
        mood = (at_ms // SECOND_MS + 7 * self._rows) // MOOD_LIFE_S
        draw = noise(self._seed, _MOOD, self._rows, mood)
        usual = (day[:, HIGH] - day[:, LOW]) * np.sqrt(MOVE_MS / DAY_MS) / 1.6
        moved = np.nan_to_num((last - before) / np.where(usual > 0, usual, np.inf))
        lean: Floats = LEAN_MOOD * (2 * draw - 1) + LEAN_MOVE * np.tanh(moved / 1.5)
        return np.round(lean, 1)

    def books(self, now: Quoted, depth: int) -> tuple[Floats, Floats]:
        """Prices and sizes `(symbols, 2, depth)` of bids and asks, best first.

        The quote, then a grid of prices; what is not above 0 is no level.
        """
        grid = np.maximum(1, np.rint(GRID_BPS * 1e-4 * now.last)).astype(np.int64)[:, None]
        away = np.arange(depth - 1) * grid
        bid, ask = now.bid[:, None], now.ask[:, None]
        bids = np.concatenate([bid, (bid - 1) // grid * grid - away], axis=1)
        asks = np.concatenate([ask, (ask // grid + 1) * grid + away], axis=1)
        ticks = np.stack([bids, asks], axis=1)
        return ticks / self._tick_scale[:, None, None], self.sizes(ticks, now)

    def sizes(self, ticks: Ints, now: Quoted) -> Floats:
        """Base quantity resting at each price `(symbols, 2, ...)`, at least one lot.

        It changes now and then; some prices hold a wall.
        """
        rows = self._rows[:, None, None]
        second = now.at_ms // SECOND_MS
        draw = noise(self._seed, _SIZE, rows, ticks, (second + ticks * 7) // BOOK_LIFE_S)
        wall = noise(self._seed, _WALL, rows, ticks, (second + ticks) // WALL_LIFE_S)
        heavy = 1 + np.stack([now.lean, -now.lean], axis=1)[:, :, None]
        usd = DEPTH_SHARE * self._daily_usd[rows] * (0.2 - np.log1p(-draw)) * heavy
        usd = np.where(wall < WALL_SHARE, usd * WALL_MULT, usd)
        prices = np.maximum(1, ticks) / self._tick_scale[rows]
        sizes: Floats = np.maximum(1, np.rint(usd / prices * self._lot_scale[rows]))
        return sizes / self._lot_scale[rows]

    def parts(self, seconds: Ints) -> Ints:
        """How many trades make up the volume of each second, `(symbols, seconds)`."""
        most = np.minimum(PARTS_MAX, 1 + np.log2(1 + self._daily_usd / PARTS_USD))
        draw = noise(self._seed, _PARTS, self._rows[:, None], seconds)
        parts: Ints = np.maximum(1, np.rint(draw * most[:, None])).astype(np.int64)
        return parts

    def split(self, row: int, qty: float, count: int) -> Iterator[float]:
        """Whole lots that add up to `qty`, as equal as they can be."""
        scale = float(self._lot_scale[row])
        lots = round(qty * scale)
        count = min(count, lots)
        ends = [lots * i // count for i in range(count + 1)] if count else []
        for i in range(count):
            yield (ends[i + 1] - ends[i]) / scale
