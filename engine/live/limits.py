"""How often the venue may be asked: rolling windows of calls, kept where the calls leave.

It exists so that we are never banned and an exit never waits behind candles: market data, reads of
the account and orders each own a share of what the address may send. It must never let a call pass
that would overfill a window, whatever the order in which the callers wake.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from math import inf

from engine.core.values import Ms
from engine.errors import RateLimited
from engine.live.pacing import Timing

SHARE_WINDOW_S = 5.0  # the venue counts 600 calls an address in this time
SHARES: Mapping[str, int] = {"data": 220, "read": 120, "write": 60}  # 400 are polite enough

# Calls a second the venue allows each endpoint; of the whole market data for what is not named.
PER_SECOND: Mapping[str, int] = {
    "v5/order/create": 10,
    "v5/order/amend": 10,
    "v5/order/cancel": 10,
    "v5/position/trading-stop": 10,
    "v5/position/set-leverage": 10,
    "v5/user/query-api": 10,
    "v5/account/transaction-log": 30,
}
READS_A_SECOND = 50
DATA_A_SECOND = 120
DATA = "v5/market"
WRITES = frozenset(path for path in PER_SECOND if path.startswith(("v5/order/", "v5/position/")))


class Silenced(RateLimited):
    """We asked nothing: the venue wants silence, so the call never left."""


class Window:
    """At most `limit` calls within any `seconds`."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._sent: deque[float] = deque(maxlen=limit)
        self._seconds = seconds
        self._shut_until = -inf

    def left_s(self, now: float) -> float:
        """How long until one more call fits; not positive when it does."""
        is_full = len(self._sent) == self._sent.maxlen
        free_at = self._sent[0] + self._seconds if is_full else -inf
        return max(free_at, self._shut_until) - now

    def note(self, now: float) -> None:
        """One call leaves."""
        self._sent.append(now)

    def shut(self, until: float) -> None:
        """The venue counts more than we do: nothing more before then."""
        self._shut_until = max(self._shut_until, until)


class Address:
    """What all connections of this machine share: the venue counts calls an address."""

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self._shares = {name: Window(most, SHARE_WINDOW_S) for name, most in SHARES.items()}
        self._silent_until = -inf

    def share(self, name: str) -> Window:
        """The window of market data, reads or writes."""
        return self._shares[name]

    def silence(self, wait_ms: Ms) -> None:
        """The venue banned the address for a while."""
        self._silent_until = max(self._silent_until, self.timing.monotonic() + wait_ms / 1000)

    def check(self, what: str) -> None:
        """Raise `Silenced` while a ban lasts."""
        left_s = self._silent_until - self.timing.monotonic()
        if left_s > 0:
            raise Silenced(what, int(1000 * left_s))


class Limits:
    """The windows of one connection; `take` returns when a call of that path may leave."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._timing = address.timing
        self._windows: dict[str, Window] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def take(self, path: str) -> None:
        """Wait for room, first come, first served among calls of a kind."""
        kind = _kind(path)
        windows = (self._window(path), self._address.share(_share(path)))
        async with self._turns.setdefault(kind, asyncio.Lock()):
            while (left_s := self._left_s(windows)) > 0:
                await self._timing.sleep(left_s)
            now = self._timing.monotonic()
            for window in windows:  # nobody comes between the look and the note
                window.note(now)

    def spent(self, path: str, wait_ms: Ms) -> None:
        """The venue says that this endpoint's budget is used up until `wait_ms` from now."""
        self._window(path).shut(self._timing.monotonic() + wait_ms / 1000)

    def _left_s(self, windows: tuple[Window, ...]) -> float:
        now = self._timing.monotonic()
        return max(window.left_s(now) for window in windows)

    def _window(self, path: str) -> Window:
        kind = _kind(path)
        most = DATA_A_SECOND if kind == DATA else PER_SECOND.get(kind, READS_A_SECOND)
        return self._windows.setdefault(kind, Window(most, 1.0))


def _kind(path: str) -> str:
    return DATA if path.startswith(DATA) else path


def _share(path: str) -> str:
    if path.startswith(DATA):
        return "data"
    return "write" if path in WRITES else "read"
