"""What time the simulated exchange says it is, between two steps of its market too.

It exists because clients sign requests with times they measured: at the pace of real time they
expect a clock that flows, at any other their own stands still between two words of this one. It
must never go back, and never run past the next step.
"""

import time
from collections import deque
from collections.abc import Callable

from engine.core.values import Ms
from engine.sim.board import Board
from engine.sim.feed import SECOND_MS
from engine.sim.venue_rest import Json, Query

GRACE_S = 1.0  # real time a request may be under way while a scaled market leaps ahead

Monotonic = Callable[[], float]  # seconds


class Clock:
    """The time of a board; `speed` is market over real time."""

    def __init__(self, board: Board, speed: float, monotonic: Monotonic = time.monotonic) -> None:
        self.skew_ms = 0  # a fault: how far the clock is wrong
        self._board = board
        self._speed = speed
        self._monotonic = monotonic
        self._stepped_s: float | None = None  # None while the market stands
        self._shown = deque([(self._monotonic(), self.market_ms)])  # since when, and what

    @property
    def now_ms(self) -> Ms:
        """What the exchange believes the time is."""
        return self.market_ms + self._within_ms() + self.skew_ms

    @property
    def oldest_ms(self) -> Ms:
        """The earliest moment a client that is not slow can believe it to be.

        At the pace of real time that is now. At any other, time leaps by more than the windows in
        which clients must sign, so that it is what was shown `GRACE_S` ago.
        """
        if self._speed == 1:
            return self.now_ms
        since_s = self._monotonic() - GRACE_S
        while len(self._shown) > 1 and self._shown[1][0] <= since_s:
            self._shown.popleft()
        return self._shown[0][1] + self.skew_ms

    @property
    def market_ms(self) -> Ms:
        """What is shown on the board."""
        return self._board.shown.at_ms

    @property
    def lived_s(self) -> float:
        """Scaled seconds of its own life; they flow at any speed, also while the market stands."""
        return self._monotonic() * self._speed

    def tell(self, _query: Query) -> Json:
        """The endpoint `/v5/market/time`."""
        now_ms = self.now_ms
        return {"timeSecond": str(now_ms // SECOND_MS), "timeNano": str(now_ms * 1_000_000)}

    def stepped(self) -> None:
        """The market has just moved, and goes on."""
        self._stepped_s = self._monotonic()
        self._shown.append((self._stepped_s, self.market_ms))
        while self._shown[1][0] <= self._stepped_s - GRACE_S:
            self._shown.popleft()

    def stand(self) -> None:
        """The market moves no more."""
        self._stepped_s = None

    def _within_ms(self) -> int:
        if self._speed != 1 or self._stepped_s is None:
            return 0
        return min(int((self._monotonic() - self._stepped_s) * SECOND_MS), SECOND_MS)
