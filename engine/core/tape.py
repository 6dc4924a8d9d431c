"""The trades of one market by the second: how many, how much and which way, over three windows.

It exists so that the pace of trading costs the same memory however busy a market is, and falls by
itself when trading stops. It must never fill a hole: what was not covered takes no part.
"""

import math
from collections.abc import Iterable

import msgspec
import numpy as np

from engine.core.values import Ms, OrderSide, Print

WINDOWS_S = (10, 60, 300)
KNOWN_SHARE = 0.8  # of a window must be covered before it says anything
AHEAD_S = 2  # a trade may be stamped so far ahead of our clock
SLOTS = WINDOWS_S[-1] + 1 + AHEAD_S  # completed seconds, the current one, and what is ahead
BUY = OrderSide.BUY  # asked of an enumeration it would cost a look-up a trade


class Pace(msgspec.Struct, frozen=True):
    """What one window of completed seconds holds; turnover in USD by the aggressor's side.

    Rates are per covered second, and None until enough of the window is covered.
    """

    window_s: int
    covered_s: int
    count: int
    buy_usd: float
    sell_usd: float

    @property
    def is_known(self) -> bool:
        """Whether enough seconds are covered."""
        return self.covered_s > 0 and self.covered_s >= KNOWN_SHARE * self.window_s

    @property
    def tps(self) -> float | None:
        """Trades a second."""
        return self.count / self.covered_s if self.is_known else None

    @property
    def tpm(self) -> float | None:
        """Trades a minute."""
        return 60 * self.count / self.covered_s if self.is_known else None

    @property
    def usd_per_s(self) -> float | None:
        """Turnover a second, both sides."""
        return (self.buy_usd + self.sell_usd) / self.covered_s if self.is_known else None

    @property
    def delta_usd(self) -> float | None:
        """What was bought at market more than sold; negative = sold more."""
        return self.buy_usd - self.sell_usd if self.is_known else None

    @property
    def delta_frac(self) -> float | None:
        """The same as a share of all turnover, -1..1; None without turnover."""
        total = self.buy_usd + self.sell_usd
        return (self.buy_usd - self.sell_usd) / total if self.is_known and total > 0 else None


class Tape:
    """A ring of one-second buckets, filled by trades in any order."""

    def __init__(self) -> None:
        self._second = np.full(SLOTS, -1, dtype=np.int64)  # which one a slot holds
        self._sums = np.zeros((3, SLOTS))  # count, bought, sold
        # The same, for writing one number at a time: far faster so.
        self._held = self._second.data
        self._into = tuple(part.data.cast("B").cast("d") for part in self._sums)
        self._since_s: int | None = None  # first covered second; None = not covered now

    @property
    def is_covered(self) -> bool:
        """Whether trades are delivered now."""
        return self._since_s is not None

    def cover(self, exchange_ms: Ms) -> None:
        """From this moment on every trade is delivered; what came before has a hole after it."""
        self._since_s = -(-exchange_ms // 1000)

    def uncover(self) -> None:
        """Trades are not delivered any more: nothing is known until they are again."""
        self._since_s = None

    def add(self, prints: Iterable[Print], contract: float, at_ms: Ms) -> None:
        """Count trades in the second each was made; `contract` is base asset a unit of quantity.

        What is older than the ring, from later than now, or no trade at all is dropped.
        """
        newest = at_ms // 1000 + AHEAD_S
        seconds, (count, bought, sold) = self._held, self._into
        for trade in prints:
            usd, second = trade.price * trade.qty * contract, trade.exchange_ms // 1000
            slot = second % SLOTS
            held = seconds[slot]
            if not 0 < usd < math.inf or held > second or not 0 <= second <= newest:
                continue
            if held < second:
                seconds[slot] = second
                count[slot] = bought[slot] = sold[slot] = 0.0
            count[slot] += 1
            if trade.side is BUY:
                bought[slot] += usd
            else:
                sold[slot] += usd

    def window(self, window_s: int, at_ms: Ms) -> Pace:
        """The covered part of the `window_s` seconds completed by `at_ms`."""
        end = at_ms // 1000
        if self._since_s is None or self._since_s >= end:
            return Pace(window_s, 0, 0, 0.0, 0.0)
        seconds = np.arange(max(end - window_s, self._since_s), end)
        slots = seconds % SLOTS
        slots = slots[self._second[slots] == seconds]
        count, bought, sold = self._sums[:, slots].sum(axis=1).tolist()
        return Pace(window_s, len(seconds), int(count), bought, sold)


def activity_drop(short: Pace, long: Pace) -> float | None:
    """How much less is traded over the short window than over the long one, 0..1.

    Activity is the geometric mean of trades and turnover a second, whichever way they went; None
    while a window is unknown or nothing was traded in the long one.
    """
    now, before = _activity(short), _activity(long)
    if now is None or before is None or before <= 0:
        return None
    return max(0.0, 1 - now / before)


def _activity(pace: Pace) -> float | None:
    tps, usd_per_s = pace.tps, pace.usd_per_s
    return None if tps is None or usd_per_s is None else math.sqrt(tps * usd_per_s)
