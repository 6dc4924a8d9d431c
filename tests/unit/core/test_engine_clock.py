"""What time does to decisions, fault by fault.

FT76, the wall clock steps:
    test_a_step_neither_rolls_the_day_nor_opens_the_daily_gate
FT79, days, summer time, leap days:
    test_days_begin_at_midnight_of_the_zone_whatever_the_machine_says
FT80, ten minutes of sleep:
    test_after_a_sleep_everything_is_stale_and_no_old_bar_opens_a_trade
    test_without_the_sleep_that_bar_opens_a_trade, its control
FT81, words from the future:
    test_a_quote_from_the_future_changes_nothing
"""

import time
from collections.abc import Iterator
from datetime import datetime

import msgspec
import pytest

from engine.core import events as e
from engine.core import facts as f
from engine.core import intents as i
from engine.core.settings import Settings
from engine.core.terms import Risk
from engine.core.values import Bar, Ms
from engine.live.clock import VenueClock
from series import FRAME_MS
from world import BREAK_MS, World

HOUR_MS, DAY_MS = 3_600_000, 86_400_000


class Host:
    """A machine whose clocks move only when told."""

    def __init__(self, wall_ms: Ms) -> None:
        self.began_s, self.passed_s, self.step_s = wall_ms / 1000, 0.0, 0

    def monotonic(self) -> float:
        return 7.0 + self.passed_s

    def wall(self) -> float:
        return self.began_s + self.passed_s + self.step_s


def world_of(**changes: object) -> World:
    """A world with these risk settings."""
    risk = msgspec.structs.replace(Risk(), **changes)
    return World(msgspec.structs.replace(Settings(), risk=risk))


@pytest.mark.parametrize("step_s", [-3600, 3600, 315_360_000])
def test_a_step_neither_rolls_the_day_nor_opens_the_daily_gate(step_s: int) -> None:
    world = world_of(daily_loss_limit_pct=1.2)
    world.start()
    world.enter()
    world.quote(100.5, 100.51)  # through the stop: more is lost than was planned
    midnight_ms = world.now - world.now % DAY_MS + DAY_MS
    host = Host(midnight_ms - 1000)
    clock = VenueClock(1, host)
    world.now = clock.now_ms()
    world.wait(0)
    assert ("daily_loss" in world.gates, len(world.facts(f.DayRolled))) == (True, 1)

    host.step_s, host.passed_s = step_s, 0.999
    world.wait(clock.now_ms() - world.now)
    assert ("daily_loss" in world.gates, len(world.facts(f.DayRolled))) == (True, 1)

    host.passed_s = 1
    world.wait(clock.now_ms() - world.now)
    assert ("daily_loss" in world.gates, len(world.facts(f.DayRolled))) == (False, 2)
    assert world.now == midnight_ms


@pytest.fixture(params=["UTC", "America/New_York", "Pacific/Kiritimati"])
def _machine_zone(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_machine_zone")
@pytest.mark.parametrize(
    ("zone", "first", "second"),
    [
        ("America/New_York", "2026-03-08T05:00", "2026-03-09T04:00"),  # 23 hours
        ("America/New_York", "2026-11-01T04:00", "2026-11-02T05:00"),  # 25 hours
        ("Europe/Berlin", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("Europe/Berlin", "2026-10-24T22:00", "2026-10-25T23:00"),
        ("UTC", "2028-02-29T00:00", "2028-03-01T00:00"),
        ("UTC", "2028-12-31T00:00", "2029-01-01T00:00"),
    ],
)
def test_days_begin_at_midnight_of_the_zone_whatever_the_machine_says(
    zone: str, first: str, second: str
) -> None:
    begins = [int(datetime.fromisoformat(f"{x}+00:00").timestamp() * 1000) for x in (first, second)]
    world = world_of(day_zone=zone)
    world.now = begins[0] - 1
    world.start()
    for at_ms in range(begins[0], begins[1] + HOUR_MS, HOUR_MS // 2):
        world.wait(at_ms - 1 - world.now)
        world.wait(1)
    rolled = [r.at_ms for r in world.records if isinstance(r.fact, f.DayRolled)]
    assert rolled == [begins[0] - 1, *begins]
    assert len({fact.date for fact in world.facts(f.DayRolled)}) == 3


@pytest.mark.parametrize("is_tick_first", [True, False])
def test_after_a_sleep_everything_is_stale_and_no_old_bar_opens_a_trade(
    *, is_tick_first: bool
) -> None:
    world = World()
    world.start()
    asleep_ms = BREAK_MS + FRAME_MS
    world.now = asleep_ms + 600_000
    old_bar = Bar("SOLUSDT", BREAK_MS, *world.ohlcv[:, 300].tolist())
    old = [
        e.QuoteSeen("SOLUSDT", 102.99, 103.0, 103.0, asleep_ms),
        e.CandlesClosed((old_bar,)),
    ]
    asked = len(world.intents)

    world.feed(*([e.Tick(), *old] if is_tick_first else [*old, e.Tick()]))

    assert "stale_data" in world.gates
    assert world.engine.market.is_stale("SOLUSDT", world.now)
    assert i.FetchAccount() in world.intents[asked:]
    world.quote(102.99, 103.0, 103.0)
    world.wait(1000)
    assert "stale_data" not in world.gates
    assert (world.facts(f.SignalTaken), world.engine.ledger.positions) == ([], ())


def test_without_the_sleep_that_bar_opens_a_trade() -> None:
    world = World()
    world.start()
    world.enter()
    assert len(world.facts(f.SignalTaken)) == 1


def test_a_quote_from_the_future_changes_nothing() -> None:
    world = World()
    world.start()
    world.enter()
    good = world.engine.market.quote("SOLUSDT")
    wild = e.QuoteSeen("SOLUSDT", 1.0, 1.1, 1.0, world.now + 2001)
    assert world.feed(wild, e.Tick()) == []
    assert world.engine.market.quote("SOLUSDT") == good


def test_a_price_that_cannot_be_moves_no_peak_and_no_limit() -> None:
    world = World()
    world.start()
    world.enter()
    peak = world.engine.ledger.state.peak
    for factor in (10, 0.1, 2.1, 0.4):
        wild = round(103.0 * factor, 2)
        world.feed(e.QuoteSeen("SOLUSDT", wild, wild, wild, world.now))
        world.wait(1000)
    assert (world.engine.ledger.state.peak, world.gates) == (peak, set())
    quote = world.engine.market.quote("SOLUSDT")
    assert quote is not None
    assert quote.last < 104


def test_an_old_close_judges_no_price() -> None:
    world = World()
    world.start()
    world.now += 13 * 300_000
    world.feed(e.QuoteSeen("SOLUSDT", 300.0, 300.01, 300.0, world.now))
    quote = world.engine.market.quote("SOLUSDT")
    assert quote is not None
    assert quote.last == 300.0
