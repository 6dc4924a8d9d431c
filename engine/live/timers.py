"""What happens by itself: a schedule table on APScheduler, and a pulse of its own.

It exists so that chat and engine need not know a scheduler. Timers only wake somebody: nothing may
depend on one firing at its time, and nothing that protects a position may depend on the wall
clock: ticks come from `pulse`, on the loop's monotonic clock.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from engine.core.values import Ms
from engine.errors import EngineError
from engine.log import Log

PULSE_MIN_S = 0.005
STEP_S = 2.0  # of the wall clock: a larger one re-anchors every job
WATCH_MS = 5000

Action = Callable[[], None] | Callable[[], Awaitable[None]]

_log = Log(__name__)


class Timers:
    """The schedule table; an `EngineError` of an action is logged, anything else ends `run`."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._actions: dict[str, tuple[Ms, Action]] = {}
        self._scheduler: Any = AsyncIOScheduler(
            timezone="UTC",
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._failed: asyncio.Future[None] | None = None
        self._ahead_s = 0.0  # wall clock minus monotonic clock

    def add(self, name: str, every_ms: Ms, action: Action) -> None:
        """Put a row in the table, before `run`; its interval counts the engine's clock."""
        assert name not in self._actions, name
        self._actions[name] = (every_ms, action)

    async def run(self) -> None:
        """Run the table until canceled."""
        self._failed = asyncio.get_running_loop().create_future()
        self._ahead_s = _ahead_s()
        self._scheduler.add_listener(_log_skipped, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
        for name, (every_ms, _) in self._actions.items():
            self._scheduler.add_job(self._fire, self._trigger(every_ms), args=[name], id=name)
        self._scheduler.start()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(pulse(WATCH_MS, 1, lambda: self.watch_wall_clock(_ahead_s())))
                await self._failed
        finally:
            self._scheduler.shutdown(wait=False)

    def watch_wall_clock(self, ahead_s: float) -> None:
        """Start every interval anew when the wall clock stepped: it would freeze or race."""
        step_s = ahead_s - self._ahead_s
        self._ahead_s = ahead_s
        if abs(step_s) > STEP_S:
            _log.warning("clock.stepped", by_s=round(step_s, 3))
            for name, (every_ms, _) in self._actions.items():
                self._scheduler.reschedule_job(name, trigger=self._trigger(every_ms))

    def next_at_ms(self, name: str) -> Ms | None:
        """When a row fires next, by the wall clock; None while the table does not run."""
        job = self._scheduler.get_job(name)
        at = getattr(job, "next_run_time", None)
        return None if at is None else int(at.timestamp() * 1000)

    def _trigger(self, every_ms: Ms) -> object:
        return IntervalTrigger(seconds=max(every_ms / 1000 / self._speed, PULSE_MIN_S))

    async def _fire(self, name: str) -> None:
        try:
            waiting = self._actions[name][1]()
            if waiting is not None:
                await waiting
        except EngineError as problem:
            _log.warning("timer.failed", timer=name, problem=problem)
        except Exception as problem:  # noqa: BLE001 -- the scheduler would swallow it: `run` raises it
            assert self._failed is not None
            if not self._failed.done():
                self._failed.set_exception(problem)


async def pulse(every_ms: Ms, speed: float, action: Callable[[], None]) -> None:
    """Call `action` now and every `every_ms` of a clock at `speed`, until canceled.

    After a stall it goes on from now: there is no burst of missed calls.
    """
    loop = asyncio.get_running_loop()
    every_s = max(every_ms / 1000 / speed, PULSE_MIN_S)
    due = loop.time()
    while True:
        action()
        due = max(due + every_s, loop.time())
        await asyncio.sleep(due - loop.time())


def _ahead_s() -> float:
    return time.time() - time.monotonic()


def _log_skipped(event: JobExecutionEvent) -> None:
    _log.warning("timer.skipped", timer=event.job_id)
