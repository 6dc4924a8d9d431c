"""The gates of money: what closes them, what opens them, and what never does."""

from itertools import accumulate

import msgspec
import pytest

from builders import D
from engine.core import events as e
from engine.core import facts as f
from engine.core.ledger import Ledger
from engine.core.results import streak_after
from engine.core.settings import Settings
from engine.core.values import GateName
from world import World

DAY_MS = 86_400_000


def world_with(**risk: object) -> World:
    settings = Settings()
    world = World(
        msgspec.structs.replace(settings, risk=msgspec.structs.replace(settings.risk, **risk))
    )
    world.start()
    return world


def mark(world: World, equity: str) -> set[str]:
    """The account is worth this much at the next tick."""
    world.engine.ledger.state.settled = D(equity)
    world.wait(1000)
    return world.gates & {"daily_loss", "kill_switch", "losing_streak"}


def restarted(world: World) -> World:
    other = World(world.settings, ledger=Ledger.load(world.engine.ledger.dump()))
    other.now = world.now
    other.start()
    return other


def test_the_kill_switch_closes_at_its_limit_and_only_a_person_opens_it() -> None:
    world = world_with(daily_loss_limit_pct=17.9999)
    assert mark(world, "10400") == set()
    assert "kill_switch" not in mark(world, "8528.01")
    assert "kill_switch" in mark(world, "8528.00")
    assert "kill_switch" in mark(world, "9900")
    world.now += DAY_MS
    world = restarted(world)
    assert mark(world, "12000") == {"kill_switch"}
    resume = e.Resume(command_id="r1", by="@ann")
    assert isinstance(world.feed(resume)[-1].fact, f.CommandRefused)
    world.feed(e.Resume(command_id="r2", by="@ann", reason="looked at every trade"))
    assert (mark(world, "12000"), world.engine.ledger.state.peak) == (set(), D(12_000))
    opened = [x for x in world.facts(f.GateOpened) if x.gate is GateName.KILL_SWITCH]
    assert [(x.by, x.why) for x in opened] == [("@ann", "looked at every trade")]


def test_a_lost_day_stays_closed_until_the_next_midnight() -> None:
    world = world_with()
    assert mark(world, "9200.01") == set()
    assert mark(world, "9200.00") == {"daily_loss"}
    assert mark(world, "10500") == {"daily_loss"}
    world.feed(e.Resume(command_id="r", by="@ann", reason="please"))
    assert mark(world, "10500") == {"daily_loss"}
    world = restarted(world)
    assert mark(world, "10500") == {"daily_loss"}
    world.now += DAY_MS - world.now % DAY_MS - 2000
    assert mark(world, "10500") == {"daily_loss"}
    assert mark(world, "10500") == set()
    assert world.engine.ledger.state.day_start == D(10_500)


@pytest.mark.parametrize(
    ("results", "streaks"),
    [
        ((-1.0, -0.05, -0.8, 0.05, -1.0), [1, 1, 2, 2, 3]),
        ((-1.0, -1.0, 0.2, -1.0), [1, 2, 0, 1]),
        ((-0.1, 0.1, -0.11, 0.11), [0, 0, 1, 0]),
    ],
)
def test_a_streak_counts_losses_and_ignores_scratches(
    results: tuple[float, ...], streaks: list[int]
) -> None:
    found = accumulate(results, lambda n, r: streak_after(n, r, 0.1), initial=0)
    assert list(found)[1:] == streaks


def test_a_losing_streak_closes_until_the_next_day() -> None:
    world = world_with(max_losing_streak=1)
    world.enter()
    world.quote(101.40, 101.41)
    assert [x.streak for x in world.facts(f.PositionClosed)] == [1]
    world.wait(1000)
    assert world.gates == {"losing_streak"}
    world = restarted(world)
    world.wait(1000)
    assert world.gates == {"losing_streak"}
    world.now += DAY_MS
    world.quote(101.40, 101.41)
    world.wait(1000)
    assert world.gates == set()
    assert world.engine.ledger.state.streak == 0


def test_the_kill_switch_closes_positions_only_where_it_shall() -> None:
    for flatten, left in ((False, 1), (True, 0)):
        world = world_with(kill_flatten=flatten)
        world.enter()
        world.engine.ledger.state.peak = D(13_000)
        world.wait(1000)
        assert len(world.engine.ledger.positions) == left
        assert [x.rule for x in world.facts(f.PositionClosed)] == ["kill"] * (1 - left)


def test_money_that_comes_or_goes_shifts_the_anchors_and_is_counted_once() -> None:
    world = world_with()
    moved = e.TransferSeen("deposit-1", D(-2000))
    told = world.feed(moved, moved)
    assert [r.fact for r in told] == [f.Transferred("deposit-1", D(-2000))]
    state = world.engine.ledger.state
    assert (state.settled, state.peak, state.day_start) == (D(8000), D(8000), D(8000))
    world.wait(1000)
    assert world.gates == set()


def test_a_loss_between_two_ticks_is_seen_before_the_next_entry() -> None:
    world = world_with()
    world.engine.ledger.state.settled = D(9000)
    world.quote(102.99, 103.0, 103.0)
    world.close_bar(300)
    assert [x.check for x in world.facts(f.SignalSkipped)] == ["gates(daily_loss)"]
    assert not world.facts(f.SignalTaken)


def test_three_crashes_in_ten_minutes_wait_for_a_person() -> None:
    world = World()
    for gap_ms, gates in ((0, set()), (200_000, set()), (399_000, {"operator"})):
        world.now += gap_ms
        world.feed(e.Started("test", "paper", was_clean=False, balance=D(10_000)))
        assert world.gates & {"operator"} == gates
    assert world.engine.ledger.state.gates[GateName.OPERATOR].why == "three crashes in ten minutes"
    world.feed(e.Pause(command_id="p", by="@ann", until_ms=world.now + 1000))
    world.wait(2000)
    assert "operator" in world.gates  # a pause must not end it
    world.feed(e.Resume(command_id="r", by="@ann"))
    world.feed(e.Started("test", "paper", was_clean=True, balance=D(10_000)))
    assert "operator" not in world.gates


def test_a_pause_does_not_end_what_crashes_began() -> None:
    world = World()
    for n in range(3):
        world.feed(e.Pause(command_id=f"p{n}", by="@ann", until_ms=world.now + 1000))
        world.feed(e.Started("test", "paper", was_clean=False, balance=D(10_000)))
    world.wait(2000)
    assert "operator" in world.gates


def test_refusals_are_counted_for_a_day() -> None:
    world = world_with()
    world.feed(e.Pause(command_id="p", by="@ann"))
    world.quote(102.99, 103.0, 103.0)
    world.close_bar(300)
    assert world.engine.view().refused == {"gates(operator)": 1}
    world.wait(DAY_MS + 3_600_000)
    assert world.engine.view().refused == {}


def test_what_a_person_may_know_of_the_limits() -> None:
    world = world_with()
    world.engine.ledger.state.settled = D(9300)
    world.wait(1000)
    view = world.engine.view()
    assert (view.day_loss_pct, view.drawdown_pct, view.losing_streak) == (7.0, 7.0, 0)
    assert (view.risk_mult, view.risk_reduced_why) == (0.5, "the day's loss is near its limit")
    world.engine.ledger.state.day_start = D(9300)
    world.engine.ledger.state.peak = D(10_400)
    view = world.engine.view()
    assert (view.risk_mult, view.risk_reduced_why) == (
        0.5,
        "the drawdown is near the kill switch",
    )
