"""The venue's time, as well as this machine can know it, and never decreasing.

It exists because deadlines, ages and stamps must count the venue's clock while the host's may step
or drift. At real pace time is the host's at the start plus the monotonic clock, slewed toward the
venue. At another pace only the venue's words count: between two of them our time stands still, so
that no deadline passes while an answer is under way.
It must never read the wall clock again after the start.
"""

import time
from typing import Protocol

from engine.core.values import Ms

SLEW_MAX = 0.1  # of real time: at most 100 ms are corrected in a second
STEP_MS = 2000  # a venue farther ahead than this is jumped to, once a second reading agrees
AGREE_MS = 1000


class TimeSource(Protocol):
    """The host: a monotonic clock and a wall clock, both in seconds."""

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        ...

    def wall(self) -> float:
        """Epoch seconds."""
        ...


class Machine:
    """The machine we run on."""

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def wall(self) -> float:
        """What the host believes the time to be."""
        return time.time()


class VenueClock:
    """The `Clock` port; `observe` it once before the first reading."""

    def __init__(self, speed: float = 1.0, source: TimeSource | None = None) -> None:
        assert speed > 0, speed
        self.speed = speed
        self._source = source or Machine()
        self._pace = _RealPace(self._source) if speed == 1 else _ScaledPace()
        self._last_ms: Ms = 0
        self.skew_ms: float | None = None  # venue minus us at the last observation

    @property
    def is_anchored(self) -> bool:
        """Whether the venue has told us its time."""
        return self.skew_ms is not None

    def observe(self, venue_ms: Ms) -> None:
        """Take the venue's time as of this instant; add half the round trip where it is known."""
        ours = self._pace.estimate_ms() if self.is_anchored else float(venue_ms)
        self.skew_ms = venue_ms - ours
        self._pace.observe(venue_ms)

    def hear(self, stamp_ms: Ms) -> None:
        """Take a stamp that traveled for an unknown time: the venue's time is this or later.

        It sets a clock that nothing set before, and moves it forward only: data that come ever
        later must look late, not slow the clock down.
        """
        if not self.is_anchored or stamp_ms > self._pace.estimate_ms():
            self.observe(stamp_ms)

    def now_ms(self) -> Ms:
        """Epoch milliseconds of the venue; never less than the reading before."""
        self._last_ms = max(self._last_ms, int(self._pace.estimate_ms()))
        return self._last_ms


class _RealPace:
    """Host's monotonic clock plus an offset that follows the venue."""

    def __init__(self, source: TimeSource) -> None:
        self._source = source
        self._offset_ms = (source.wall() - source.monotonic()) * 1000
        self._target_ms = self._offset_ms
        self._slewed_at = source.monotonic()
        self._is_anchored = False
        self._jump_ms: float | None = None  # offset that a first far reading asked for

    def estimate_ms(self) -> float:
        now = self._source.monotonic()
        if self._offset_ms != self._target_ms:
            room = (now - self._slewed_at) * 1000 * SLEW_MAX
            self._offset_ms += min(max(self._target_ms - self._offset_ms, -room), room)
        self._slewed_at = now
        return now * 1000 + self._offset_ms

    def observe(self, venue_ms: Ms) -> None:
        ahead_ms = venue_ms - self.estimate_ms()
        wanted_ms = self._offset_ms + ahead_ms
        if not self._is_anchored or self._is_confirmed(wanted_ms, ahead_ms):
            self._offset_ms = self._target_ms = wanted_ms
            self._is_anchored = True
        elif ahead_ms <= STEP_MS:
            self._target_ms = wanted_ms

    def _is_confirmed(self, wanted_ms: float, ahead_ms: float) -> bool:
        """A machine that slept wakes far behind; one wild reading alone must not move us."""
        earlier_ms, self._jump_ms = self._jump_ms, wanted_ms if ahead_ms > STEP_MS else None
        if earlier_ms is None or self._jump_ms is None:
            return False
        return abs(wanted_ms - earlier_ms) <= AGREE_MS


class _ScaledPace:
    """The venue's newest word, and nothing in between."""

    def __init__(self) -> None:
        self._venue_ms: Ms | None = None

    def estimate_ms(self) -> float:
        if self._venue_ms is None:
            raise RuntimeError("a scaled clock was read before the venue told its time")
        return self._venue_ms

    def observe(self, venue_ms: Ms) -> None:
        self._venue_ms = max(venue_ms, self._venue_ms or 0)  # older words arrive late
