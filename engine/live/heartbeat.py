"""A sign of life on disk: written by the turn, read by `python -m bot health`.

It exists so that a container's health check needs neither network nor chat. It must never block
the turn or stop it: a disk that refuses it makes us unhealthy, which is the truth.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from engine.core.values import Ms
from engine.live.files import write_atomic
from engine.log import Log

FILE = "heartbeat.json"
BEAT_S = 1.0
AGE_MAX_S = 30.0  # of the beat itself: turns happen at least with every tick
POLL_AGE_MAX_S = 300.0  # the chat was last heard of: the bot would be deaf
FEED_AGE_MAX_S = 120.0  # market data last came
AHEAD_MAX_S = 2.0  # a beat from later than this is from before the clock was set back

_log = Log(__name__)

Age = Callable[[], float | None]
Names = Callable[[], tuple[str, ...]]


class Beat(msgspec.Struct, frozen=True):
    """What the file holds; ages in real seconds, None where there is nothing to age."""

    at: float  # real epoch seconds
    market_ms: Ms
    poll_age_s: float | None
    feed_age_s: float | None
    failing: tuple[str, ...] = ()  # timers whose last runs all failed, a key that was refused


class Heartbeat:
    """Writes the file at most once a second; give `beat` to `Runner.after_turn`."""

    def __init__(
        self,
        folder: Path,
        poll_age: Age,
        feed_age: Age,
        monotonic: Callable[[], float] = time.monotonic,
        failing: Names = tuple,
    ) -> None:
        self._monotonic = monotonic
        self._path = folder / FILE
        self._poll_age, self._feed_age, self._failing = poll_age, feed_age, failing
        self._beaten_at: float | None = None
        self._writing: asyncio.Future[None] | None = None

    def beat(self, at_ms: Ms) -> None:
        """Write in a thread, unless the last one was just now or still hangs."""
        now = self._monotonic()
        is_early = self._beaten_at is not None and now - self._beaten_at < BEAT_S
        if is_early or (self._writing is not None and not self._writing.done()):
            return
        self._beaten_at = now
        ages = self._poll_age(), self._feed_age()
        content = Beat(time.time(), at_ms, *ages, self._failing())
        loop = asyncio.get_running_loop()
        self._writing = loop.run_in_executor(None, self._write, content)

    async def settle(self) -> None:
        """Wait for the write under way."""
        if self._writing is not None:
            await self._writing

    def _write(self, content: Beat) -> None:
        try:
            write_atomic(self._path, msgspec.json.encode(content), is_durable=False)
        except OSError as problem:
            _log.warning("heartbeat.refused", problem=problem)


def read_health(folder: Path, now: Callable[[], float] = time.time) -> tuple[bool, str]:
    """Whether the bot on this directory is healthy, and one line that says why not."""
    path = folder / FILE
    try:
        beat = msgspec.json.decode(path.read_bytes(), type=Beat)
    except (OSError, msgspec.DecodeError) as problem:
        return False, f"{path}: expected a heartbeat, found: {problem}"
    limits = (
        ("heartbeat", now() - beat.at, AGE_MAX_S),
        ("chat poll", beat.poll_age_s, POLL_AGE_MAX_S),
        ("market data", beat.feed_age_s, FEED_AGE_MAX_S),
    )
    if now() - beat.at < -AHEAD_MAX_S:
        return False, f"heartbeat: expected one of before now, found {beat.at - now():.0f} s later"
    for name, age_s, limit_s in limits:
        if age_s is not None and age_s > limit_s:
            return False, f"{name}: expected at most {limit_s:.0f} s old, found {age_s:.0f} s"
    if beat.failing:
        return (
            False,
            f"expected everything to work, found failing: {', '.join(beat.failing)}",
        )
    return True, f"healthy, last turn {max(now() - beat.at, 0):.0f} s ago"
