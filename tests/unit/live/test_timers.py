import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from engine.errors import Transient
from engine.live.timers import Timers, pulse

HOUR = 3_600_000


@asynccontextmanager
async def at_work(timers: Timers) -> AsyncIterator[None]:
    running = asyncio.create_task(timers.run())
    for _ in range(3):  # the table and its own watch have started
        await asyncio.sleep(0)
    yield
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def now_ms() -> int:
    return int(time.time() * 1000)


@pytest.mark.parametrize(("speed", "wait_ms"), [(1.0, HOUR), (60.0, HOUR / 60)])
async def test_an_interval_counts_the_engines_clock(speed: float, wait_ms: float) -> None:
    timers = Timers(speed)
    timers.add("universe", HOUR, lambda: None)
    assert timers.next_at_ms("universe") is None
    before = now_ms()
    async with at_work(timers):
        at_ms = timers.next_at_ms("universe")
    assert at_ms is not None
    assert before + wait_ms - 1 <= at_ms <= now_ms() + wait_ms


async def test_actions_run_again_and_again_sync_or_async() -> None:
    done = asyncio.Event()
    seen: list[str] = []

    def note() -> None:
        seen.append("plain")

    async def wait() -> None:
        await asyncio.sleep(0)
        seen.append("async")
        if seen.count("plain") >= 2 and seen.count("async") >= 2:
            done.set()

    timers = Timers(1000)
    timers.add("plain", 1, note)
    timers.add("async", 1, wait)
    async with at_work(timers):
        await asyncio.wait_for(done.wait(), 2)


async def test_an_engine_error_is_told_and_the_row_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls = 0
    done = asyncio.Event()

    def fail() -> None:
        nonlocal calls
        calls += 1
        if calls < 3:  # a third in a row would be an error
            raise Transient("502")
        done.set()

    timers = Timers(1000)
    timers.add("clock", 1, fail)
    async with at_work(timers):
        await asyncio.wait_for(done.wait(), 2)
    assert {(r.levelname, r.getMessage()) for r in caplog.records} == {("WARNING", "timer.failed")}


async def test_anything_else_ends_the_table() -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    timers = Timers(1000)
    timers.add("one", 1, fail)
    timers.add("two", 1, fail)
    with pytest.raises(ExceptionGroup) as caught:
        await asyncio.wait_for(timers.run(), 2)
    assert [type(problem) for problem in caught.value.exceptions] == [ZeroDivisionError]


def test_a_name_is_used_once() -> None:
    timers = Timers()
    timers.add("one", 1, lambda: None)
    with pytest.raises(AssertionError):
        timers.add("one", 1, lambda: None)


async def test_the_pulse_beats_at_once_and_goes_on() -> None:
    beats: list[float] = []
    done = asyncio.Event()
    loop = asyncio.get_running_loop()

    def beat() -> None:
        beats.append(loop.time())
        if len(beats) == 3:
            done.set()

    task = asyncio.create_task(pulse(600, 60, beat))
    await asyncio.wait_for(done.wait(), 1)
    task.cancel()
    assert 0.018 <= beats[2] - beats[0] < 0.5


async def test_the_pulse_does_not_make_up_for_a_stall() -> None:
    beats: list[float] = []
    done = asyncio.Event()
    loop = asyncio.get_running_loop()

    def beat() -> None:
        beats.append(loop.time())
        while len(beats) == 1 and loop.time() < beats[0] + 0.05:
            pass  # the loop stands still for five periods
        if len(beats) == 3:
            done.set()

    task = asyncio.create_task(pulse(10, 1, beat))
    await asyncio.wait_for(done.wait(), 1)
    task.cancel()
    assert beats[2] - beats[1] >= 0.009
