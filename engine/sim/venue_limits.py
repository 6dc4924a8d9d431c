"""How often the simulated exchange lets itself be asked: per endpoint, and by one address at all.

It exists so that a client meets the limits of the exchange's documents before it meets the
exchange. It must never read a clock: whoever asks says what time it is.
"""

from collections import Counter, deque
from typing import NamedTuple

WINDOW_S = 1.0
WRITES, READS = 10, 50  # a second
LIMITS = {"account/fee-rate": 5, "user/query-api": 10, "order/disconnected-cancel-all": 5}
ADDRESS_MAX, ADDRESS_WINDOW_S = 600, 5.0
BAN_S = 600.0


class Allowance(NamedTuple):
    """What one request found: it may pass or not, and what is left."""

    is_free: bool
    limit: int
    left: int
    wait_s: float  # until the next one may come; 0 while some are left


class Limits:
    """Rolling windows of all endpoints, in seconds of a clock that never goes back."""

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()  # by path below `/v5/`
        self._passed: dict[str, deque[float]] = {}
        self._asked: deque[float] = deque()
        self._silent_until = 0.0

    def is_banned(self, path: str, now_s: float) -> bool:
        """Count a request of the address; past 600 in 5 s it is shut out for ten minutes."""
        if now_s >= self._silent_until:
            _forget(self._asked, now_s - ADDRESS_WINDOW_S)
            self._asked.append(now_s)
            if len(self._asked) <= ADDRESS_MAX:
                return False
            self._asked.clear()
            self._silent_until = now_s + BAN_S
        self.refused[path] += 1
        return True

    def take(self, method: str, path: str, now_s: float) -> Allowance:
        """Let a private request pass its endpoint's window, or refuse it."""
        limit = LIMITS.get(path, WRITES if method == "POST" else READS)
        passed = self._passed.setdefault(path, deque())
        _forget(passed, now_s - WINDOW_S)
        is_free = len(passed) < limit
        if is_free:
            passed.append(now_s)
        else:
            self.refused[path] += 1
        left = limit - len(passed)
        wait_s = 0.0 if is_free else passed[0] + WINDOW_S - now_s
        return Allowance(is_free, limit, left, wait_s)


def _forget(times: deque[float], until_s: float) -> None:
    while times and times[0] <= until_s:
        times.popleft()
