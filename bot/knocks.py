"""Who knocked and was not let in: one silent line to the owner, then at most one an hour.

It exists because a stranger gets silence, and the owner shall know all the same. It must never
answer a stranger, and never let one flood the owner's chat.
"""

from collections.abc import Callable

import msgspec

HOUR_S = 3600.0


class Knock(msgspec.Struct, frozen=True):
    """The first message of somebody unknown."""

    user_id: int
    name: str  # as they call themselves: not escaped
    place: str  # private, group, supergroup, channel


class Knocks:
    """First contacts that the owner was not told of yet."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._told_s: float | None = None
        self._waiting: list[Knock] = []

    def add(self, knock: Knock) -> None:
        """Somebody new was not let in."""
        self._waiting.append(knock)

    def due(self) -> tuple[Knock, int] | None:
        """The newest one and how many there were, once an hour; else None."""
        is_early = self._told_s is not None and self._now() - self._told_s < HOUR_S
        if not self._waiting or is_early:
            return None
        self._told_s = self._now()
        last, count = self._waiting[-1], len(self._waiting)
        self._waiting.clear()
        return last, count
