"""Rungs of the ladder: taken early once, however the race ends, and never more than is held."""

import msgspec
import pytest

from builders import INSTRUMENT, D, fill
from engine.core import events as e
from engine.core import facts as f
from engine.core import intents as i
from engine.core import wish_events as we
from engine.core import wish_facts as w
from engine.core.orders import Progress
from engine.core.positions import Position
from engine.core.settings import Settings
from engine.core.terms import Exits
from engine.core.values import Order, OrderKind, OrderState, Purpose, Refusal
from world import SETTINGS, World


def entered(settings: Settings = SETTINGS) -> World:
    """A long position with a working ladder, some time ago, at a gain."""
    world = World(settings)
    world.start()
    world.enter()
    world.wait(3000)
    world.quote(104.0, 104.01, 104.0)
    return world


def take(rank: int = 1, key: str = "t") -> we.TakeTarget:
    return we.TakeTarget(command_id=key, by="@ann", position_id=1, rank=rank)


def close(share: str, key: str = "c") -> e.Close:
    return e.Close(command_id=key, by="@ann", position_id=1, share=D(share))


def held(world: World) -> Position:
    (position,) = world.engine.ledger.positions
    return position


def resting(world: World) -> list[Progress]:
    """Targets that work at the exchange, the nearest first."""
    orders = world.engine.ledger.orders_of(1)
    return [o for o in orders if o.is_live and o.order.purpose is Purpose.TARGET]


def states(world: World) -> list[tuple[str, str]]:
    (shown,) = world.engine.view().positions
    return [(t.state, str(t.filled_qty)) for t in shown.targets]


def sent(world: World) -> list[Order]:
    """Markets that sell a rung."""
    placed = [x.order for x in world.facts(f.OrderPlaced)]
    return [o for o in placed if o.purpose is Purpose.TARGET and o.kind is OrderKind.MARKET]


def refusal(world: World, command: e.Command) -> str:
    fact = world.feed(command)[-1].fact
    assert isinstance(fact, f.CommandRefused), fact
    return fact.reason


def test_a_target_taken_early_is_sold_once() -> None:
    world = entered()
    first = resting(world)[0].order
    world.feed(take())
    assert world.facts(w.TargetTaken) == [w.TargetTaken(1, 1, "@ann")]
    kinds = [type(r.fact).__name__ for r in world.records if first.id in str(r.fact)]
    assert kinds[-2:] == ["CancelAsked", "OrderEnded"]
    (market,) = sent(world)
    assert (market.qty, market.price, market.reduce_only) == (D("35.0"), None, True)
    assert held(world).qty == D("52.5")
    assert states(world) == [("taken", "35.0"), ("working", "0")]
    assert first.id not in world.matching.account().order_ids
    world.quote(105.45, 105.46, 105.45)  # the old target's price is reached: nothing is there
    assert held(world).qty == D("52.5")


def test_what_follows_from_a_fill_follows_from_a_taken_target() -> None:
    world = entered()
    world.feed(take())
    world.wait(3000)
    assert [m.kind for m in world.facts(f.StopMoved)][-1] == "BREAKEVEN"
    assert held(world).last_rule == "target_1"


def test_a_target_that_fills_before_its_cancel_is_not_sold_again() -> None:
    world = entered()
    first = resting(world)[0].order
    world.is_cut_off = True
    world.feed(take())
    assert sent(world) == []
    assert states(world)[0] == ("taking", "0")
    sold = fill(Purpose.TARGET, id="late", order_id=first.id, qty=first.qty, price=first.price)
    world.feed(e.FillSeen(sold), e.OrderGone(first.id, OrderState.FILLED, filled_qty=first.qty))
    world.wait(3000)
    assert sent(world) == []
    assert (held(world).qty, states(world)[0]) == (D("52.5"), ("taken", "35.0"))


def test_a_cancel_that_came_too_late_waits_for_the_executions() -> None:
    world = entered()
    first = resting(world)[0].order
    world.is_cut_off = True
    world.feed(take())
    world.feed(e.OrderGone(first.id, OrderState.FILLED, "too late", first.qty))
    world.wait(3000)
    assert sent(world) == []
    part = fill(Purpose.TARGET, id="p", order_id=first.id, qty=D(10), price=first.price)
    world.feed(e.FillSeen(part), e.OrderGone(first.id, OrderState.CANCELED, "", D(10)))
    assert [o.qty for o in sent(world)] == [D("25.0")]


def test_a_restart_between_cancel_and_sale_goes_on() -> None:
    world = entered(msgspec.structs.replace(SETTINGS, exits=Exits(be_after_targets=0)))
    world.is_cut_off = True
    world.feed(take())
    again = world.reborn()
    again.start()
    again.wait(6000)
    again.wait(6000)
    assert [o.qty for o in sent(again)] == [D("35.0")]
    assert (held(again).qty, states(again)[0]) == (D("52.5"), ("taken", "35.0"))
    assert len(again.matching.account().order_ids) == 1


def test_both_targets_may_be_taken_the_far_one_first() -> None:
    world = entered()
    world.feed(take(2, "a"), take(1, "b"))
    world.wait(3000)
    assert [o.qty for o in sent(world)] == [D("30.6"), D("35.0")]
    assert (held(world).qty, [s for s, _ in states(world)]) == (D("21.9"), ["taken", "taken"])
    assert held(world).targets_filled == 2


def test_a_sale_that_is_refused_is_tried_again() -> None:
    world = entered()
    first = resting(world)[0].order
    world.matching.cancel(first.id)
    world.is_cut_off = True
    world.feed(take(), e.OrderGone(first.id, OrderState.CANCELED))
    (market,) = sent(world)
    world.feed(e.OrderRefused(market.id, Refusal.OTHER, "busy"))
    assert len(sent(world)) == 1
    world.is_cut_off = False
    world.wait(3000)
    assert (len(sent(world)), held(world).qty) == (2, D("52.5"))


def test_a_rest_below_the_least_is_left_to_the_runner() -> None:
    world = entered()
    first = resting(world)[0].order
    coarse = msgspec.structs.replace(INSTRUMENT, qty_min=D("0.5"))
    world.engine.market.set_instruments((coarse,))
    world.is_cut_off = True
    world.feed(take())
    part = fill(Purpose.TARGET, id="p", order_id=first.id, qty=D("34.8"), price=first.price)
    world.feed(e.FillSeen(part), e.OrderGone(first.id, OrderState.CANCELED, "", D("34.8")))
    assert sent(world) == []
    assert world.facts(w.TargetCut) == [w.TargetCut(1, 1, D("0.2"))]
    assert (states(world)[0], held(world).targets_filled) == (("taken", "34.8"), 1)


def test_a_late_fill_of_a_taken_target_counts_for_its_rung() -> None:
    world = entered()
    world.is_cut_off = True
    first = resting(world)[0].order
    world.feed(take(), e.OrderGone(first.id, OrderState.CANCELED))
    (market,) = sent(world)
    world.feed(e.OrderGone(market.id, OrderState.CANCELED))
    late = fill(Purpose.TARGET, id="late", order_id=market.id, qty=market.qty, price=D(103))
    world.feed(e.FillSeen(late))
    world.wait(20_000)
    assert len(sent(world)) == 1
    assert states(world)[0] == ("taken", "35.0")


@pytest.mark.parametrize(
    ("rank", "words"), [(0, "#1 has no TP0"), (3, "#1 has no TP3"), (-1, "#1 has no TP-1")]
)
def test_a_target_that_is_not_there_is_refused(rank: int, words: str) -> None:
    assert refusal(entered(), take(rank)) == words


def test_what_cannot_be_taken_is_refused_with_its_reason() -> None:
    world = entered()
    nobody = we.TakeTarget(command_id="n", by="@ann", position_id=9, rank=1)
    assert refusal(world, nobody) == "#9 is not open"
    world.engine.market.set_instruments(())
    assert refusal(world, take(1, "a")) == "the trading rules of SOLUSDT are not loaded yet"
    coarse = msgspec.structs.replace(INSTRUMENT, qty_min=D(36))
    world.engine.market.set_instruments((coarse,))
    assert refusal(world, take(1, "b")) == "35.0 is below the exchange's least 36"
    world.engine.market.set_instruments((INSTRUMENT,))
    world.quote(103.1, 103.11, 103.1)
    low = "the price 103.1 has not passed breakeven 103.16: close a part instead"
    assert refusal(world, take(1, "k")) == low
    world.quote(104.0, 104.01, 104.0)
    world.is_cut_off = True
    world.feed(take(1, "c"))
    assert refusal(world, take(1, "d")) == "TP1 of #1 is being taken already"
    part = "a target of #1 is being taken: ask again when it is sold"
    assert refusal(world, close("0.5", "e")) == part
    world.is_cut_off = False
    world.wait(60_000)
    world.wait(3000)
    assert refusal(world, take(1, "f")) == "TP1 of #1 has nothing left to sell"
    world.is_cut_off = True
    world.feed(close("0.2", "g"))
    under_way = "an exit of #1 is under way: ask again when it has ended"
    assert refusal(world, take(2, "h")) == under_way
    world.feed(close("1", "i"))
    assert refusal(world, take(2, "j")) == "#1 is being closed already"


def test_without_a_price_nothing_is_taken() -> None:
    world = entered()
    again = World(ledger=world.engine.ledger)
    again.engine.market.set_instruments((INSTRUMENT,))
    assert refusal(again, take()) == "the price of SOLUSDT is not known yet"


def test_a_panic_overtakes_a_target_that_is_being_taken() -> None:
    world = entered()
    world.is_cut_off = True
    world.feed(take())
    world.feed(e.Panic(command_id="p", by="@ann"))
    world.is_cut_off = False
    world.wait(60_000)
    world.wait(3000)
    assert world.engine.ledger.positions == ()
    assert sent(world) == []
    assert world.matching.account().positions == ()


def test_a_part_closed_by_hand_is_given_up_by_the_farthest_targets() -> None:
    world = entered()
    world.feed(close("0.5"))
    world.wait(3000)
    assert held(world).qty == D("43.8")
    assert [o.left_qty for o in resting(world)] == [D("35.0"), D("8.8")]
    assert [rung.target.qty for rung in held(world).rungs] == [D("35.0"), D("30.6")]
    world.feed(close("0.5", "d"))
    world.wait(3000)
    assert held(world).qty == D("21.9")
    assert [o.left_qty for o in resting(world)] == [D("21.9")]
    assert [s for s, _ in states(world)] == ["working", "cut"]
    assert held(world).targets_filled == 0  # a target that gave up everything was not reached
    world.quote(105.45, 105.46, 105.45)
    assert world.engine.ledger.positions == ()


def test_a_small_part_leaves_the_ladder_as_it_is() -> None:
    world = entered()
    before = [o.order.id for o in resting(world)]
    world.feed(close("0.25"))
    world.wait(3000)
    assert [o.order.id for o in resting(world)] == before
    assert world.facts(w.TargetCut) == []


def test_a_cut_target_too_small_to_stand_is_left_to_the_runner() -> None:
    world = entered()
    coarse = msgspec.structs.replace(INSTRUMENT, qty_min=D(9))
    world.engine.market.set_instruments((coarse,))
    world.feed(close("0.5"))
    world.wait(3000)
    assert [o.left_qty for o in resting(world)] == [D("35.0")]
    assert [s for s, _ in states(world)] == ["working", "cut"]


def test_the_ladder_is_cut_when_the_exit_has_ended() -> None:
    world = entered()
    world.is_cut_off = True
    world.feed(close("0.9"))
    leaving = world.facts(f.OrderPlaced)[-1].order
    part = fill(Purpose.EXIT, id="p", order_id=leaving.id, qty=D(40), price=D(103))
    world.feed(e.FillSeen(part))
    assert world.facts(w.TargetCut) == []
    world.feed(e.OrderGone(leaving.id, OrderState.CANCELED, "", D(40)))
    assert world.facts(w.TargetCut) == [w.TargetCut(1, 2, D("18.1"))]
    canceled = [x for x in world.intents if isinstance(x, i.CancelOrder)]
    assert [x.order.qty for x in canceled] == [D("30.6")]
