"""What clocks and schedulers do to a trader, fault by fault.

FT76, the wall clock steps:
    test_the_venue_clock_does_not_follow_a_step_of_the_host
    test_after_a_step_every_row_counts_from_now
    test_years_that_were_skipped_are_one_run
    test_rows_go_on_after_a_step
    test_ticks_do_not_read_the_wall_clock
    requests: test_requests_to_the_real_venue_are_spaced in test_exchange_faults.py
    the day and its gate: test_engine_clock.py; a stale beat: test_heartbeat.py
FT77, runs missed, merged, overlapping:
    test_the_scheduler_drops_nothing
    test_a_blocked_loop_loses_no_run_and_makes_no_burst
    test_a_row_that_hangs_is_said_once
FT78, a run fails or hangs:
    test_three_failures_in_a_row_are_an_error_and_one_success_mends_it
    test_a_run_that_never_ends_is_ended_and_starves_nobody
    test_a_timeout_of_the_action_itself_is_a_defect
    test_what_is_no_exception_ends_the_table_as_well
    health turns red: test_heartbeat.py
FT79, days, summer time, zones:
    test_a_machine_without_a_zone_of_its_own_runs_the_table
    days of the engine: test_engine_clock.py
FT80, sleep, and FT81, words from the future: test_engine_clock.py, test_market.py, test_bybit.py
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta, tzinfo
from types import SimpleNamespace

import apscheduler.schedulers.base
import pytest
from unit.live.test_timers import at_work

from engine.errors import Transient
from engine.live.clock import VenueClock
from engine.live.timers import Timers, pulse

HOUR = 3600
STEPS_S = (-HOUR, HOUR, 3650 * 24 * HOUR)


class Host:
    """A machine whose wall clock is stepped by hand."""

    def __init__(self) -> None:
        self.step_s = 0.0
        self.passed_s: float | None = None  # on a clock that moves only when told
        self.began_s = 0.0

    def monotonic(self) -> float:
        return time.monotonic() if self.passed_s is None else self.passed_s

    def wall(self) -> float:
        began_s = time.time() if self.passed_s is None else self.began_s + self.passed_s
        return began_s + self.step_s

    def now(self, zone: tzinfo) -> datetime:
        return datetime.fromtimestamp(self.wall(), zone)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    """The machine under the scheduler: the library asks `datetime.now` for the time."""
    found = Host()
    stepped = SimpleNamespace(now=found.now)
    monkeypatch.setattr(apscheduler.schedulers.base, "datetime", stepped)
    return found


class Counter:
    """An action that counts its runs and lets a test wait for one more."""

    def __init__(self) -> None:
        self.runs = 0
        self._ran = asyncio.Event()

    def __call__(self) -> None:
        self.runs += 1
        self._ran.set()

    async def more(self) -> int:
        """Runs, after at least one more."""
        self._ran.clear()
        await asyncio.wait_for(self._ran.wait(), 2)
        return self.runs


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, dict[str, object]]]:
    """What our own loggers said."""
    return [
        (r.levelname, r.getMessage(), vars(r)["fields"])
        for r in caplog.records
        if r.name.startswith("engine")
    ]


# -- FT76: steps of the wall clock ----------------------------------------------------------------


@pytest.mark.parametrize("step_s", STEPS_S)
@pytest.mark.parametrize("is_anchored", [True, False])
def test_the_venue_clock_does_not_follow_a_step_of_the_host(
    step_s: int, *, is_anchored: bool
) -> None:
    last_second_ms = 1_750_031_999_000  # 2025-06-15 23:59:59 UTC
    host = Host()
    host.began_s, host.passed_s = last_second_ms / 1000, 0
    clock = VenueClock(1, host)
    if is_anchored:
        clock.observe(last_second_ms)
    seen = []
    for second in range(3):
        host.passed_s, host.step_s = second, step_s if second else 0
        seen.append(clock.now_ms() - last_second_ms)
    assert seen == [0, 1000, 2000]


@pytest.mark.parametrize("step_s", STEPS_S)
async def test_after_a_step_every_row_counts_from_now(
    step_s: int, host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    timers = Timers(1, host)
    timers.add("instruments", 6 * HOUR * 1000, lambda: None)
    async with at_work(timers):
        before = timers.next_at_ms("instruments")
        host.step_s = 1.9
        timers.watch_wall_clock()
        assert timers.next_at_ms("instruments") == before
        host.step_s = 1.9 + step_s
        timers.watch_wall_clock()
        after = timers.next_at_ms("instruments")
    assert after is not None
    assert after / 1000 - host.wall() == pytest.approx(6 * HOUR, abs=1)
    ((level, event, fields),) = told(caplog)
    assert (level, event) == ("WARNING", "clock.stepped")
    assert fields == {"by_s": pytest.approx(step_s, abs=0.01)}


async def test_years_that_were_skipped_are_one_run(host: Host) -> None:
    timers = Timers(1, host)
    timers.add("clock", 60_000, lambda: None)
    async with at_work(timers):
        job = timers._scheduler.get_job("clock")
        late = host.now(UTC) + timedelta(days=3650)
        assert job._get_run_times(late) == [job.next_run_time]
        following = job.trigger.get_next_fire_time(job.next_run_time, late)
        assert following == late + timedelta(minutes=1)


@pytest.mark.parametrize("step_s", STEPS_S)
async def test_rows_go_on_after_a_step(step_s: int, host: Host) -> None:
    count = Counter()
    timers = Timers(1000, host)
    timers.add("clock", 5000, count)
    async with at_work(timers):
        before = await count.more()
        host.step_s = step_s
        timers.watch_wall_clock()
        assert await count.more() in (before + 1, before + 2)  # no burst of what was missed
        await count.more()


async def test_ticks_do_not_read_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    def wall() -> float:
        raise AssertionError

    count = Counter()
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", wall)
        ticking = asyncio.create_task(pulse(5, 1, count))
        await count.more()
        assert await count.more() >= 2
        ticking.cancel()


# -- FT77: missed, merged, overlapping ------------------------------------------------------------


async def test_the_scheduler_drops_nothing() -> None:
    timers = Timers()
    timers.add("clock", 60_000, lambda: None)
    async with at_work(timers):
        job = timers._scheduler.get_job("clock")
        assert (job.misfire_grace_time, job.coalesce, job.max_instances) == (None, True, 1)


async def test_a_blocked_loop_loses_no_run_and_makes_no_burst() -> None:
    count = Counter()
    timers = Timers(1000)
    timers.add("clock", 10_000, count)  # every 10 ms
    async with at_work(timers):
        before = await count.more()
        until = time.monotonic() + 0.1
        while time.monotonic() < until:
            pass  # the loop stands still for ten intervals
        assert await count.more() in (before + 1, before + 2)


async def test_a_row_that_hangs_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    count, free = Counter(), asyncio.Event()

    timers = Timers(1000)
    timers.add("hung", 1, free.wait)  # type: ignore[arg-type] # what it returns is of no interest
    timers.add("other", 1, count)
    async with at_work(timers):
        while await count.more() < 8:
            pass
    assert told(caplog) == [("WARNING", "timer.skipped", {"timer": "hung"})]


# -- FT78: runs that fail or hang -----------------------------------------------------------------


async def test_three_failures_in_a_row_are_an_error_and_one_success_mends_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failing: list[tuple[str, ...]] = []
    done = asyncio.Event()

    def act() -> None:
        failing.append(timers.failing)
        if len(failing) == 6:
            done.set()
        if len(failing) <= 4:
            raise Transient("502")

    timers = Timers(1000)
    timers.add("clock", 1, act)
    async with at_work(timers):
        await asyncio.wait_for(done.wait(), 2)
    assert failing[:6] == [(), (), (), ("clock",), ("clock",), ()]
    said = [(level, event, vars_["in_a_row"]) for level, event, vars_ in told(caplog)]
    assert said == [
        ("WARNING", "timer.failed", 1),
        ("WARNING", "timer.failed", 2),
        ("ERROR", "timer.failed", 3),
        ("WARNING", "timer.failed", 4),
    ]


async def test_a_run_that_never_ends_is_ended_and_starves_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    count = Counter()
    timers = Timers(1000, run_max_s=0.004)

    async def hang() -> None:
        await asyncio.Event().wait()

    timers.add("hung", 1, hang)
    timers.add("other", 1, count)
    async with at_work(timers):
        while not timers.failing:
            await count.more()
        assert timers.failing == ("hung",)
    failures = [line for line in told(caplog) if line[1] == "timer.failed"]
    assert failures[2] == (
        "ERROR",
        "timer.failed",
        {"timer": "hung", "in_a_row": 3, "problem": "expected an end within 0.004 s, found none"},
    )


async def test_a_timeout_of_the_action_itself_is_a_defect() -> None:
    def late() -> None:
        raise TimeoutError

    timers = Timers(1000)
    timers.add("late", 1, late)
    with pytest.raises(ExceptionGroup) as caught:
        await asyncio.wait_for(timers.run(), 2)
    assert [type(problem) for problem in caught.value.exceptions] == [TimeoutError]


async def test_what_is_no_exception_ends_the_table_as_well() -> None:
    class Halt(BaseException):
        """As an interrupt would: the scheduler swallows it."""

    def halt() -> None:
        raise Halt

    timers = Timers(1000)
    timers.add("halt", 1, halt)
    with pytest.raises(BaseExceptionGroup) as caught:
        await asyncio.wait_for(timers.run(), 2)
    assert [type(problem) for problem in caught.value.exceptions] == [Halt]


# -- FT79: the zone of the machine ----------------------------------------------------------------


@pytest.mark.parametrize("zone", ["", "Nowhere/Such"])
async def test_a_machine_without_a_zone_of_its_own_runs_the_table(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    count = Counter()
    timers = Timers(1000)
    timers.add("clock", 1, count)
    async with at_work(timers):
        assert await count.more() >= 1
