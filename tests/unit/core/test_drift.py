"""Money in the wallet that the ledger never heard of is told, once for each amount."""

from decimal import Decimal

from builders import D
from engine.core import events as e
from engine.core import facts as f
from engine.core.drift import LASTS_MS
from world import World, entered, seen


def told(world: World) -> list[str]:
    return [x.detail for x in world.facts(f.Incident) if x.code == "balance_off"]


def show(world: World, off: Decimal, ms: int) -> None:
    """The account shows that much more than the books say, and time passes."""
    world.feed(seen(world, balance=world.engine.ledger.balance + off))
    world.now += ms


def quiet() -> World:
    world = World()
    world.start()
    world.is_cut_off = True
    return world


def test_money_nobody_told_us_of_is_told_when_it_stays() -> None:
    world = quiet()
    show(world, D(-200), LASTS_MS)
    assert told(world) == []
    for _ in range(9):
        show(world, D(-200), LASTS_MS)
    (words,) = told(world)
    assert words.startswith("the wallet holds 9800.00 USDT and the books say 10000.00")
    assert world.engine.ledger.balance == D(10_000)
    for _ in range(2):
        show(world, D(-300), LASTS_MS)
    assert len(told(world)) == 2


def test_money_that_is_only_on_its_way_is_no_news() -> None:
    world = quiet()
    show(world, D(500), LASTS_MS - 1)
    show(world, D(500), 0)
    world.feed(e.TransferSeen("t1", D(500)))
    for _ in range(3):
        show(world, D(0), LASTS_MS)
    for _ in range(9):
        show(world, D(49), LASTS_MS)
    assert told(world) == []


def test_a_trade_of_ours_is_no_difference() -> None:
    world = entered()
    world.quote(101.3, 101.31)
    for _ in range(300):
        world.wait(2000)
    assert world.facts(f.PositionClosed)
    assert told(world) == []


def test_what_agreed_again_and_differs_again_is_told_again() -> None:
    world = quiet()
    for off in (D(-200), D(0), D(-200)):
        for _ in range(2):
            show(world, off, LASTS_MS)
        world.now += 900_000
    assert len(told(world)) == 2
