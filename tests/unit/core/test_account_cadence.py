"""How often the account is read: the more moves there, the more often (fills come by no stream)."""

import msgspec
import pytest

from builders import D
from engine.core import events as e
from engine.core import facts as f
from engine.core import intents as i
from engine.core.settings import Schedule
from engine.core.values import Purpose
from world import SETTINGS, World, entered


def reads(world: World, ms: int, step_ms: int = 500) -> int:
    """Reads of the account that are asked for in a time."""
    before = len(world.intents)
    for _ in range(ms // step_ms):
        world.wait(step_ms)
    return sum(isinstance(x, i.FetchAccount) for x in world.intents[before:])


def world_of(**schedule: int) -> World:
    world = World(msgspec.structs.replace(SETTINGS, schedule=Schedule(**schedule)))
    world.start()
    return world


def test_an_idle_account_is_read_at_the_pace_of_reconciling() -> None:
    world = world_of()
    world.wait(30_000)
    assert reads(world, 60_000) == 2


def test_an_entry_on_its_way_is_looked_after_every_two_seconds() -> None:
    world = world_of()
    world.is_cut_off = True
    world.enter()
    world.wait(2000)
    assert reads(world, 10_000) == 5


def test_a_position_without_a_shown_stop_is_looked_after_every_two_seconds() -> None:
    world = entered()
    (target,) = [o for o in world.facts(f.OrderPlaced) if o.order.purpose is Purpose.TARGET][:1]
    assert target.order.price is not None
    world.matching.drop_stop("SOLUSDT", world.now)
    world.is_cut_off = True
    position = world.engine.ledger.positions[0]
    seen = world.matching.account()
    world.feed(seen)
    assert position.exposed_ms is not None
    world.wait(2000)
    assert reads(world, 6000) == 3


@pytest.mark.parametrize(("every_s", "count"), [(5, 4), (10, 2)])
def test_a_resting_target_is_looked_after_at_its_own_pace(every_s: int, count: int) -> None:
    world = world_of(orders_every_s=every_s)
    world.enter()
    world.wait(every_s * 1000)
    assert reads(world, 20_000) == count


def test_an_exit_on_its_way_is_looked_after_every_two_seconds() -> None:
    world = entered()
    world.is_cut_off = True
    world.feed(e.Close(command_id="c", by="@ann", position_id=1))
    world.wait(2000)
    assert reads(world, 6000) == 3
    assert world.facts(f.OrderPlaced)[-1].order.qty > D(0)


def test_a_stop_that_was_passed_is_looked_after_every_two_seconds() -> None:
    world = entered()
    world.is_cut_off = True
    position = world.engine.ledger.positions[0]
    assert position.stop is not None
    below = float(position.stop) - 0.05
    world.feed(e.QuoteSeen("SOLUSDT", below - 0.01, below, below, world.now))
    assert reads(world, 6000) == 3
