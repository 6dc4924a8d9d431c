"""What the bot has not yet confirmed: a bounded queue with Telegram's offset rules.

It exists because at-least-once delivery is what a bot must survive: an update is handed out again
until a later call's offset confirms it. It must never reorder.
"""

from collections import deque
from collections.abc import Callable, Sequence

import msgspec

UPDATES_MAX = 1000
KEPT_S = 24 * 3600
BATCH_MAX = 100


class _Pending(msgspec.Struct, frozen=True):
    update_id: int
    at_s: float
    body: dict[str, object]


class Updates:
    """Updates by id, oldest first."""

    def __init__(self, first_id: int, clock: Callable[[], float], ring: Callable[[], None]) -> None:
        self._ring = ring
        self._next_id = first_id
        self._clock = clock
        self._queue: deque[_Pending] = deque(maxlen=UPDATES_MAX)
        self._allowed: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def allowed(self) -> list[str]:
        """Kinds the bot asked for; empty means the usual ones."""
        return sorted(self._allowed)

    def allow(self, kinds: Sequence[str] | None) -> None:
        """Choose the kinds of updates made from now on; None leaves the choice as it is."""
        if kinds is not None:
            self._allowed = frozenset(kinds)
            self._ring()

    def put(self, kind: str, body: dict[str, object]) -> None:
        """Queue an update unless the bot does not want its kind."""
        if self._allowed and kind not in self._allowed:
            return
        found = {"update_id": self._next_id, kind: body}
        self._queue.append(_Pending(self._next_id, self._clock(), found))
        self._next_id += 1
        self._ring()

    def take(self, offset: int, limit: int = BATCH_MAX) -> list[dict[str, object]]:
        """Confirm what is older than `offset` (negative: all but the last), hand out the rest."""
        while self._queue and self._is_over(self._queue[0], offset):
            self._queue.popleft()
        count = min(max(limit, 1), BATCH_MAX)
        return [pending.body for pending in list(self._queue)[:count]]

    def clear(self) -> None:
        """Forget everything (`drop_pending_updates`)."""
        self._queue.clear()

    def _is_over(self, first: _Pending, offset: int) -> bool:
        if self._clock() - first.at_s > KEPT_S:
            return True
        return len(self._queue) > -offset if offset < 0 else first.update_id < offset
