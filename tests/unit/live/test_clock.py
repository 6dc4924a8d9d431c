import asyncio
from collections.abc import Callable

import pytest

from engine.live.clock import VenueClock
from engine.ports import Clock

T0 = 1_700_000_000_000  # wall time at the start, ms


Hook = Callable[[], None]


class Host:
    """A machine whose clocks move only when told, or when somebody sleeps."""

    def __init__(self) -> None:
        self.mono = 50.0
        self.wall_s = T0 / 1000
        self.naps: list[float] = []
        self.after_nap: Hook = lambda: None

    def monotonic(self) -> float:
        return self.mono

    def wall(self) -> float:
        return self.wall_s

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.mono += seconds
        self.after_nap()

    def clock(self, speed: float = 1.0) -> VenueClock:
        return VenueClock(speed, self)


def read(clock: Clock) -> int:
    return clock.now_ms()


def test_it_is_a_clock() -> None:
    assert read(Host().clock()) == T0


def test_it_reads_the_real_clocks_by_default() -> None:
    clock = VenueClock()
    first = clock.now_ms()
    assert first <= clock.now_ms()


def test_the_first_observation_is_taken_as_it_is() -> None:
    host = Host()
    clock = host.clock()
    assert (clock.is_anchored, clock.skew_ms) == (False, None)

    clock.observe(T0 - 3_600_000)

    assert (clock.is_anchored, clock.skew_ms) == (True, 0.0)
    host.mono += 1.5
    assert clock.now_ms() == T0 - 3_600_000 + 1500


def test_a_step_of_the_wall_clock_never_reaches_us() -> None:
    host = Host()
    clock = host.clock()
    host.wall_s += 3600
    host.mono += 1

    assert clock.now_ms() == T0 + 1000


@pytest.mark.parametrize(
    ("ahead_ms", "after_1s", "after_20s"), [(500, 1100, 20500), (-500, 900, 19500)]
)
def test_a_small_difference_is_slewed(ahead_ms: int, after_1s: int, after_20s: int) -> None:
    host = Host()
    clock = host.clock()
    clock.observe(T0)

    clock.observe(T0 + ahead_ms)

    assert clock.skew_ms == ahead_ms
    assert clock.now_ms() == T0
    host.mono += 1
    assert clock.now_ms() == T0 + after_1s
    host.mono += 19
    assert clock.now_ms() == T0 + after_20s


def test_a_venue_far_behind_slows_us_and_never_turns_us_back() -> None:
    host = Host()
    clock = host.clock()
    clock.observe(T0)
    clock.observe(T0 - 10_000)
    host.mono += 10

    assert clock.now_ms() == T0 + 9000


def test_a_first_reading_behind_what_was_read_stands_still() -> None:
    host = Host()
    clock = host.clock()
    assert clock.now_ms() == T0

    clock.observe(T0 - 1000)

    host.mono += 0.4
    assert clock.now_ms() == T0
    host.mono += 1
    assert clock.now_ms() == T0 + 400


def test_one_wild_reading_does_not_move_us() -> None:
    host = Host()
    clock = host.clock()
    clock.observe(T0)

    clock.observe(T0 + 86_400_000)
    clock.observe(T0)
    clock.observe(T0 + 90_000_000)
    host.mono += 1

    assert clock.skew_ms == 90_000_000
    assert clock.now_ms() == T0 + 1000


def test_after_a_sleep_of_the_machine_two_readings_that_agree_are_believed() -> None:
    host = Host()
    clock = host.clock()
    clock.observe(T0)

    clock.observe(T0 + 600_000)
    host.mono += 1
    clock.observe(T0 + 601_200)

    assert clock.now_ms() == T0 + 601_200
    host.mono += 1
    assert clock.now_ms() == T0 + 602_200


def test_two_far_readings_that_disagree_are_not_believed() -> None:
    host = Host()
    clock = host.clock()
    clock.observe(T0)
    clock.observe(T0 + 600_000)
    clock.observe(T0 + 700_000)

    assert clock.now_ms() == T0


def test_a_scaled_clock_needs_the_venue_first() -> None:
    with pytest.raises(RuntimeError, match="before the venue told its time"):
        Host().clock(60).now_ms()


def test_a_scaled_clock_runs_ahead_of_the_venue_by_a_bound() -> None:
    host = Host()
    clock = host.clock(60)
    clock.observe(1_000_000)

    seen = []
    for _ in range(4):
        host.mono += 0.25
        seen.append(clock.now_ms())

    assert seen == [1_015_000, 1_030_000, 1_030_000, 1_030_000]  # 60 * 500 ms, then it stands


def test_a_slow_scaled_clock_may_run_a_second_ahead() -> None:
    host = Host()
    clock = host.clock(0.5)
    clock.observe(1_000_000)
    host.mono += 10

    assert clock.now_ms() == 1_001_000


def test_a_scaled_clock_follows_the_venue_and_never_back() -> None:
    host = Host()
    clock = host.clock(10)
    clock.observe(1_000_000)
    host.mono += 0.5
    assert clock.now_ms() == 1_005_000

    clock.observe(1_003_000)
    assert (clock.skew_ms, clock.now_ms()) == (-2000, 1_005_000)
    host.mono += 0.1
    assert clock.now_ms() == 1_005_000
    host.mono += 0.2
    assert clock.now_ms() == 1_006_000

    clock.observe(1_002_000)  # a late word changes nothing
    assert clock.now_ms() == 1_006_000


async def test_sleep_until_waits_in_naps_until_the_clock_is_there() -> None:
    host = Host()
    clock = host.clock()

    await clock.sleep_until(T0 + 2500)

    assert clock.now_ms() >= T0 + 2500
    assert host.naps == [1.0, 1.0, 0.5]
    await clock.sleep_until(T0)
    assert len(host.naps) == 3


async def test_sleep_until_waits_for_a_venue_that_stands_still() -> None:
    host = Host()
    clock = VenueClock(100, host)
    clock.observe(1_000_000)
    host.mono += 60
    host.after_nap = lambda: clock.observe(1_090_000) if len(host.naps) == 5 else None

    await clock.sleep_until(1_060_000)

    assert host.naps == [pytest.approx(0.1)] * 5
    assert clock.now_ms() == 1_090_000


async def test_a_sleep_can_be_canceled() -> None:
    clock = VenueClock()
    task = asyncio.ensure_future(clock.sleep_until(clock.now_ms() + 60_000))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
