import pytest

from engine.live.clock import VenueClock
from engine.ports import Clock

T0 = 1_700_000_000_000  # wall time at the start, ms


class Host:
    """A machine whose clocks move only when told, or when somebody sleeps."""

    def __init__(self) -> None:
        self.mono = 50.0
        self.wall_s = T0 / 1000

    def monotonic(self) -> float:
        return self.mono

    def wall(self) -> float:
        return self.wall_s

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


def test_a_scaled_clock_is_the_venues_newest_word() -> None:
    host = Host()
    clock = host.clock(60)
    clock.observe(1_000_000)
    host.mono += 10
    assert clock.now_ms() == 1_000_000  # real time alone moves nothing

    clock.observe(1_003_000)
    assert (clock.skew_ms, clock.now_ms()) == (3000, 1_003_000)

    clock.observe(1_002_000)  # a late word changes nothing
    assert clock.now_ms() == 1_003_000


@pytest.mark.parametrize("speed", [1.0, 60.0])
def test_a_stamp_that_traveled_sets_a_clock_that_nothing_set(speed: float) -> None:
    clock = Host().clock(speed)
    clock.hear(T0 - 3_600_000)
    assert clock.now_ms() == T0 - 3_600_000


def test_stamps_that_traveled_move_us_forward_and_never_back() -> None:
    host = Host()
    clock = host.clock()
    clock.observe(T0)
    for second in range(1, 100):
        host.mono += 1
        clock.hear(T0 + 900 * second)  # data come ever later: it is they who are late
    assert clock.now_ms() == T0 + 99_000
    assert clock.skew_ms == 0.0
    clock.hear(T0 + 99_050)
    host.mono += 1
    assert clock.now_ms() == T0 + 100_050
