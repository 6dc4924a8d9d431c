"""What happens by itself: a schedule table on APScheduler, and a pulse of its own.

It exists so that chat and engine need not know a scheduler. Timers only wake somebody: nothing may
depend on one firing at its time, and nothing that protects a position may depend on the wall
clock: ticks come from `pulse`, on the loop's monotonic clock.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
    JobEvent,
)
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from engine.core.values import Ms
from engine.errors import EngineError
from engine.live.clock import Machine, TimeSource
from engine.log import Log

PULSE_MIN_S = 0.005
STEP_S = 2.0  # of the wall clock: a larger one re-anchors every job
WATCH_MS = 1000
RUN_MAX_S = 15.0  # real time one run may take; a venue's answer is given up after 10
FAILURES_MAX = 3  # in a row: somebody must look

Action = Callable[[], None] | Callable[[], Awaitable[None]]

_log = Log(__name__)


class _Row(msgspec.Struct):
    """One row of the table and how its runs went."""

    every_ms: Ms
    action: Action
    failures: int = 0  # in a row
    is_skipped: bool = False  # said so since it last ended


class _Every(IntervalTrigger):  # type: ignore[misc] # APScheduler ships no types
    """An interval that counts on from now when its time is long gone.

    The library's own lists every time that was missed: years of them, after a step of the clock.
    """

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """The next time after `now`, at most one interval away."""
        interval: timedelta = self.interval
        due = (previous or now) + interval
        return due if due > now else now + interval


class Timers:
    """The schedule table; an `EngineError` of an action is logged, anything else ends `run`."""

    def __init__(
        self,
        speed: float = 1.0,
        source: TimeSource | None = None,
        run_max_s: float = RUN_MAX_S,
    ) -> None:
        self._speed = speed
        self._source = source or Machine()
        self._run_max_s = run_max_s
        self._rows: dict[str, _Row] = {}
        self._scheduler: Any = AsyncIOScheduler(
            timezone=UTC,
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._failed: asyncio.Future[None] | None = None
        self._ahead_s = 0.0  # wall clock minus monotonic clock

    def add(self, name: str, every_ms: Ms, action: Action) -> None:
        """Put a row in the table, before `run`; its interval counts the engine's clock."""
        assert name not in self._rows, name
        self._rows[name] = _Row(every_ms, action)

    @property
    def failing(self) -> tuple[str, ...]:
        """The rows whose last runs all failed, three or more of them."""
        return tuple(n for n, row in self._rows.items() if row.failures >= FAILURES_MAX)

    async def run(self) -> None:
        """Run the table until canceled."""
        self._failed = asyncio.get_running_loop().create_future()
        self._ahead_s = self._read_ahead()
        self._scheduler.add_listener(
            self._note, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES | EVENT_JOB_ERROR
        )
        for name, row in self._rows.items():
            self._scheduler.add_job(self._fire, self._trigger(row), args=[name], id=name)
        self._scheduler.start()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(pulse(WATCH_MS, 1, self.watch_wall_clock))
                await self._failed
        finally:
            self._scheduler.shutdown(wait=False)

    def watch_wall_clock(self) -> None:
        """Start every interval anew when the wall clock stepped: it would freeze or race."""
        ahead_s = self._read_ahead()
        step_s, self._ahead_s = ahead_s - self._ahead_s, ahead_s
        if abs(step_s) > STEP_S:
            _log.warning("clock.stepped", by_s=round(step_s, 3))
            for name, row in self._rows.items():
                self._scheduler.reschedule_job(name, trigger=self._trigger(row))

    def next_at_ms(self, name: str) -> Ms | None:
        """When a row fires next, by the wall clock; None while the table does not run."""
        job = self._scheduler.get_job(name)
        at = getattr(job, "next_run_time", None)
        return None if at is None else int(at.timestamp() * 1000)

    def _read_ahead(self) -> float:
        return self._source.wall() - self._source.monotonic()

    def _trigger(self, row: _Row) -> _Every:
        # The zone is named: the library would ask the machine for its own, which may have none.
        every_s = max(row.every_ms / 1000 / self._speed, PULSE_MIN_S)
        return _Every(seconds=every_s, timezone=UTC)

    async def _fire(self, name: str) -> None:
        row = self._rows[name]
        try:
            problem = await self._attempt(row)
        except Exception as defect:  # noqa: BLE001 -- the scheduler would swallow it: `run` raises it
            self._end(defect)
            return
        row.is_skipped = False
        if problem is None:
            row.failures = 0
            return
        row.failures += 1
        tell = _log.error if row.failures == FAILURES_MAX else _log.warning
        tell("timer.failed", timer=name, in_a_row=row.failures, problem=problem)

    async def _attempt(self, row: _Row) -> object:
        """Run the action once, in bounded time; what went wrong, or None."""
        deadline = asyncio.timeout(self._run_max_s)
        try:
            async with deadline:
                waiting = row.action()
                if waiting is not None:
                    await waiting
        except EngineError as problem:
            return problem
        except TimeoutError:
            if not deadline.expired():
                raise
            return f"expected an end within {self._run_max_s:g} s, found none"
        return None

    def _note(self, event: JobEvent) -> None:
        """A run that did not happen, said once until one ends again; a broken one ends all."""
        row = self._rows[event.job_id]
        if event.code == EVENT_JOB_ERROR:
            if not isinstance(event.exception, asyncio.CancelledError):  # that is our own shutdown
                self._end(event.exception)
        elif not row.is_skipped:
            row.is_skipped = True
            _log.warning("timer.skipped", timer=event.job_id)

    def _end(self, defect: BaseException) -> None:
        """Make `run` raise it."""
        assert self._failed is not None
        if not self._failed.done():
            self._failed.set_exception(defect)


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
