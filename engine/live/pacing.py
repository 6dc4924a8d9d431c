"""Who waits for whom: spaced connects, clocks that stand while others are slow, a rendezvous.

It exists so that the streams are polite to the venue and no faster than their reader. It must never
know a protocol, and never drop what was handed over.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

import msgspec

from engine.core.events import MarketEvent

DIALS_MAX, DIALS_WINDOW_S = 60, 300.0  # the venue allows 500


class Timing(msgspec.Struct, frozen=True):
    """Where the stream's waiting comes from; tests bring their own."""

    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    monotonic: Callable[[], float] = time.monotonic
    is_flowing: bool = True  # False: the venue's clock stands between two of its words
    jitter: Callable[[], float] = random.SystemRandom().random  # 0 <= x < 1


class Dialer:
    """Spaces connects: a hard cap for all connections together."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._turn = asyncio.Lock()
        self._dialed: deque[float] = deque(maxlen=DIALS_MAX)

    async def wait(self, delay_s: float) -> None:
        """Return when the next connect may be made."""
        if delay_s > 0:
            await self._timing.sleep(delay_s)
        async with self._turn:
            if len(self._dialed) == DIALS_MAX:
                left_s = self._dialed[0] + DIALS_WINDOW_S - self._timing.monotonic()
                if left_s > 0:
                    await self._timing.sleep(left_s)
            self._dialed.append(self._timing.monotonic())


class Attention:
    """A clock that runs only while we wait for the socket; while others are slow, it stands."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._sum = 0.0
        self._since: float | None = None

    def start(self) -> None:
        """We wait from now on."""
        self._since = self._monotonic()

    def stop(self) -> None:
        """Something came."""
        self._sum = self.now()
        self._since = None

    def now(self) -> float:
        """Seconds waited so far."""
        return self._sum + (0.0 if self._since is None else self._monotonic() - self._since)


class Outlet:
    """Hands events from the links to the reader of the stream; links read when it asks for more.

    A link adds at most one batch an ask, so what waits is bounded by the number of links; news that
    cannot wait for an ask are added beside that, in the order in which they were decided.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget what nobody took."""
        self._ready: list[MarketEvent] = []
        self._defect: Exception | None = None
        self._wanted = asyncio.Event()
        self._arrived = asyncio.Event()

    async def asked(self) -> None:
        """Return while somebody waits for an event."""
        await self._wanted.wait()

    def put(self, events: Iterable[MarketEvent]) -> None:
        """Hand over."""
        self._ready.extend(events)
        if self._ready:
            self._wanted.clear()
            self._arrived.set()

    async def get(self) -> list[MarketEvent]:
        """Ask, and wait for what comes; raises what broke a link."""
        while not self._ready and self._defect is None:
            self._wanted.set()
            self._arrived.clear()
            await self._arrived.wait()
        if self._defect is not None:
            raise self._defect
        taken, self._ready = self._ready, []
        return taken

    async def guard(self, link: Awaitable[None]) -> None:
        """Run a link; a defect in it is the reader's to see, never a silent end."""
        try:
            await link
        except Exception as defect:  # noqa: BLE001 -- handed on, whatever it is
            self._defect = defect
            self._arrived.set()
