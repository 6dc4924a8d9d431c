"""FT34: one execution, told by following an order, by the account and after a restart."""

from decimal import Decimal
from itertools import permutations

import pytest

from builders import D, fill
from engine.core import events as e
from engine.core import facts as f
from engine.core.values import Fill, Purpose
from world import World, entering, seen

SOURCES = ("followed", "account", "restart")


def told(world: World, execution: Fill, source: str) -> World:
    """The world after this source told of the execution; a restart tells it by both ways."""
    if source == "restart":
        world = world.reborn()
        world.start()
        world.feed(e.FillSeen(execution))
        source = "account"
    if source == "account":
        world.feed(seen(world, fills=(execution,)))
    else:
        world.feed(e.FillSeen(execution))
    return world


def standing(world: World) -> tuple[list[Decimal], Decimal, int]:
    """What is held, the money, and how many executions were booked."""
    ledger = world.engine.ledger
    return [p.qty for p in ledger.positions], ledger.balance, len(world.facts(f.OrderFilled))


@pytest.mark.parametrize("order", list(permutations(SOURCES)))
def test_an_entry_told_by_every_source_fills_once(order: tuple[str, ...]) -> None:
    world = entering()
    order_id = world.facts(f.OrderPlaced)[0].order.id
    execution = fill(order_id=order_id, qty=D("87.5"), price=D("103.05"))
    world.feed(e.FillSeen(execution))
    before = standing(world)
    assert before[0] == [D("87.5")]
    for source in order:
        world = told(world, execution, source)
        assert standing(world) == before


@pytest.mark.parametrize("order", list(permutations(SOURCES)))
def test_an_exit_told_by_every_source_closes_once(order: tuple[str, ...]) -> None:
    world = entering()
    order_id = world.facts(f.OrderPlaced)[0].order.id
    world.feed(e.FillSeen(fill(order_id=order_id, qty=D("87.5"), price=D("103.05"))))
    out = fill(Purpose.STOP, id="s:1", order_id="1-stop", qty=D("87.5"), price=D(101))
    world.feed(e.FillSeen(out))
    before = standing(world)
    assert before[0] == []
    for source in order:
        world = told(world, out, source)
        assert standing(world) == before
        assert len(world.facts(f.PositionClosed)) == 1
