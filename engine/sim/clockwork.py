"""Virtual time: things to do, popped from a heap in one order that never depends on chance.

It exists so that a simulated hour costs milliseconds and happens twice alike: equal times are
ordered by rank, then by when they were put in. It must never look at a real clock.
"""

from collections.abc import Callable
from enum import IntEnum
from heapq import heappop, heappush

from engine.core.values import Ms

Action = Callable[[], None]


class Rank(IntEnum):
    """Who goes first at one millisecond: the exchange, its answers, people, time, the market."""

    VENUE = 0
    ANSWER = 1
    PERSON = 2
    TIME = 3
    MARKET = 4


class Clockwork:
    """The heap and the moment it stands at."""

    def __init__(self, start_ms: Ms) -> None:
        self.now: Ms = start_ms
        self._number = 0
        self._heap: list[tuple[Ms, int, int, Action]] = []

    def at(self, at_ms: Ms, rank: Rank, action: Action) -> None:
        """Do this at `at_ms`, or now if that has passed."""
        self._number += 1
        heappush(self._heap, (max(at_ms, self.now), rank, self._number, action))

    def after(self, wait_ms: Ms, rank: Rank, action: Action) -> None:
        """Do this in a while."""
        self.at(self.now + wait_ms, rank, action)

    def run_until(self, end_ms: Ms) -> None:
        """Do everything that is due before `end_ms`, and stand there."""
        while self._heap and self._heap[0][0] < end_ms:
            self.now, _, _, action = heappop(self._heap)
            action()
        self.now = end_ms
