"""Other hands in the account, and an exchange whose words lag: nothing spins, nothing hangs."""

import msgspec

from builders import D, fill
from engine.core import events as e
from engine.core import facts as f
from engine.core import intents as i
from engine.core.guard import ABSENT_MS
from engine.core.reconcile import RECENT_MS
from engine.core.risk import STRAY_MS
from engine.core.values import OrderKind, OrderState, PositionState, Purpose, Refusal, Side
from world import World, entered, entering, seen


def asked(world: World, kind: type[i.Intent]) -> int:
    return sum(isinstance(x, kind) for x in world.intents)


def odd(side: Side, qty: str, stop: str | None) -> e.AccountPosition:
    return e.AccountPosition("SOLUSDT", side, D(qty), D(103), None if stop is None else D(stop))


def test_an_order_being_canceled_whose_fills_lag_is_not_canceled_in_circles() -> None:
    world = entering()
    entry = world.facts(f.OrderPlaced)[0].order
    world.feed(e.OrderAccepted(entry.id))
    world.wait(31_000)
    gone = e.OrderGone(entry.id, OrderState.CANCELED, "deadline", filled_qty=D(4))
    for _ in range(20):
        world.feed(gone, seen(world, positions=(), fills=()))
    assert (asked(world, i.CancelOrder), asked(world, i.FindOrder)) == (1, 1)
    late = fill(id=f"{entry.id}:1", order_id=entry.id, qty=D(4), price=D(103))
    world.feed(e.FillSeen(late), gone)
    assert world.engine.ledger.positions[0].qty == D(4)
    assert world.facts(f.OrderEnded)[-1].state is OrderState.CANCELED


def test_an_order_the_exchange_cut_and_called_filled_is_over() -> None:
    world = entered()
    world.is_cut_off = True
    world.feed(e.Close(command_id="c", by="@ann", position_id=1))
    leaving = world.facts(f.OrderPlaced)[-1].order
    by_hand = fill(
        Purpose.EXIT, id="h:1", order_id="h", qty=D(10), cause="by hand", exchange_ms=world.now
    )
    ours = fill(Purpose.EXIT, id="x:1", order_id=leaving.id, qty=D("77.5"), price=D(103))
    filled = e.OrderGone(leaving.id, OrderState.FILLED, "", filled_qty=D("77.5"))
    world.feed(e.FillSeen(by_hand), e.FillSeen(ours), filled)
    assert len(world.facts(f.PositionClosed)) == 1
    assert not [o for o in world.engine.ledger.state.orders.values() if o.order.id == leaving.id]


def test_what_was_given_up_long_ago_hides_no_stranger() -> None:
    world = entering()
    entry = world.facts(f.OrderPlaced)[0].order
    world.wait(ABSENT_MS)
    world.feed(e.OrderMissing(entry.id), e.OrderMissing(entry.id))
    foreign = seen(world, positions=(odd(Side.LONG, "5", None),))
    world.feed(foreign)
    assert "unreconciled" not in world.gates
    world.wait(STRAY_MS + 1)
    world.feed(foreign)
    assert "unreconciled" in world.gates
    assert [x.code for x in world.facts(f.Incident)] == ["position_mismatch"]


def test_an_order_that_is_not_ours_is_told_when_it_stays() -> None:
    world = entered()
    strange = seen(world, order_ids=(*world.matching.account().order_ids, "manual-7"))
    world.feed(strange)
    assert world.gates == set()
    world.now += RECENT_MS
    world.feed(strange)
    assert world.gates == {"unreconciled"}
    assert [x.detail for x in world.facts(f.Incident)] == [
        "order manual-7 works on the exchange and is not ours"
    ]
    world.feed(seen(world))
    assert (world.gates, world.engine._odd) == (set(), {})


def test_the_stop_of_the_other_side_is_not_ours() -> None:
    world = entered()
    world.feed(seen(world, positions=(odd(Side.SHORT, "5", "108"),)))
    (position,) = world.engine.ledger.positions
    assert (position.stop, position.asked_stop) == (D("101.48"), D("101.48"))


def test_a_stop_that_closed_more_than_ours_closes_what_was_ours() -> None:
    world = entered()
    world.quote(101.6, 101.61)
    order = world.facts(f.OrderPlaced)[0].order
    by_hand = msgspec.structs.replace(
        order, id="hand", qty=D(5), kind=OrderKind.IOC, price=D(103), stop=None
    )
    world.now += 1000
    world.matching.place(by_hand, world.now)
    world.matching.see_quote(e.QuoteSeen("SOLUSDT", 101.3, 101.31, 101.3, world.now), world.now)
    (spent,) = [x for x in world.matching.account().fills if x.purpose is Purpose.STOP]
    assert spent.qty == D("92.5")
    world.feed(e.FillSeen(spent))
    for _ in range(40):
        world.wait(1000)
    (closed,) = world.facts(f.PositionClosed)
    assert closed.rule == "more than ours"
    assert closed.gross == D("87.5") * (spent.price - D("103.05"))
    codes = {x.code for x in world.facts(f.Incident)}
    assert {"foreign_fill", "outside_fill"} <= codes


def test_refused_orders_are_tried_again_with_patience() -> None:
    world = entered()
    world.is_cut_off = True
    for _ in range(300):
        targets = [
            e.OrderRefused(o.order.id, Refusal.PRICE_BAND, "far")
            for o in world.engine.ledger.orders_of(1)
            if o.is_live and o.order.purpose is Purpose.TARGET
        ]
        world.feed(*targets)
        world.wait(1000)
    placed = [x for x in world.facts(f.OrderPlaced) if x.order.purpose is Purpose.TARGET]
    assert 10 < len(placed) < 24
    assert world.engine.ledger.positions[0].state is PositionState.PROTECTED


def test_an_exit_that_was_acknowledged_and_vanished_is_replaced_soon() -> None:
    world = entered()
    world.is_cut_off = True
    world.feed(e.Close(command_id="c", by="@ann", position_id=1))
    leaving = world.facts(f.OrderPlaced)[-1].order
    world.feed(e.OrderAccepted(leaving.id))
    world.is_cut_off = False
    for _ in range(10):
        world.wait(1000)
    assert [x.rule for x in world.facts(f.PositionClosed)] == ["operator"]
    assert world.matching.account().positions == ()


def test_an_older_word_about_the_stop_does_not_hide_that_it_is_gone() -> None:
    world = entered()
    bare = msgspec.structs.replace(odd(Side.LONG, "87.5", None), updated_ms=world.now + 2000)
    world.now += 2000
    world.is_cut_off = True
    world.feed(seen(world, positions=(bare,)))
    world.feed(e.StopSet(1, D("101.48"), world.now - 2000))
    states = [world.engine.ledger.positions[0].state]
    world.is_cut_off = False
    world.wait(2000)
    states.append(world.engine.ledger.positions[0].state)
    assert states == [PositionState.EXPOSED, PositionState.PROTECTED]


def test_money_is_judged_after_the_first_look_at_the_account() -> None:
    world = entered()
    again = world.reborn()
    again.is_cut_off = True
    again.now += 86_400_000
    again.feed(e.Started("test", "paper", was_clean=False, balance=D(10_000)))
    again.quote(80.0, 80.01, 101.6)
    again.wait(1000)
    assert "kill_switch" not in again.gates
    rolled = len(again.facts(f.DayRolled))
    again.feed(again.matching.account())
    again.wait(1000)
    assert len(again.facts(f.DayRolled)) == rolled + 1


def test_a_late_fill_of_a_replaced_target_is_not_sold_again() -> None:
    world = entered()
    first = next(x.order for x in world.facts(f.OrderPlaced) if x.order.purpose is Purpose.TARGET)
    world.feed(e.OrderGone(first.id, OrderState.CANCELED, "by hand"))
    world.wait(2000)
    late = fill(Purpose.TARGET, id="late:1", order_id=first.id, qty=D(10), price=first.price)
    world.feed(e.FillSeen(late))
    world.wait(2000)
    (position,) = world.engine.ledger.positions
    working = [
        o.left_qty
        for o in world.engine.ledger.orders_of(1)
        if o.is_live and o.order.price == first.price
    ]
    assert (position.rungs[0].filled_qty, working) == (D(10), [D(25)])


def test_an_exit_that_is_refused_keeps_its_position_under_a_stop() -> None:
    world = entered()
    world.feed(e.Pause(command_id="p", by="@ann"))
    world.is_cut_off = True
    world.feed(e.Close(command_id="c", by="@ann", position_id=1))
    leaving = world.facts(f.OrderPlaced)[-1].order
    world.feed(e.OrderRefused(leaving.id, Refusal.PRICE_BAND, "halted"))
    before = asked(world, i.SetStop)
    world.now += 1000
    bare = msgspec.structs.replace(odd(Side.LONG, "87.5", None), updated_ms=world.now)
    world.feed(seen(world, positions=(bare,)))
    for _ in range(6):
        world.wait(1000)
    assert world.engine.ledger.positions[0].state is PositionState.EXITING
    assert asked(world, i.SetStop) >= before + 2
    assert [x.code for x in world.facts(f.Incident)] == ["order_refused"]


def test_a_mark_between_two_ticks_closes_the_kill_switch() -> None:
    world = entered()
    world.engine.ledger.state.peak = D(12_150)
    world.quote(102.99, 103.0, 103.0)
    assert world.gates == set()
    world.quote(102.0, 102.01, 102.0)
    world.quote(103.0, 103.01, 103.0)
    assert world.gates == {"kill_switch"}


def test_a_market_that_is_not_listed_any_more_is_told() -> None:
    world = entered()
    world.feed(e.InstrumentsLoaded(()), e.InstrumentsLoaded(()))
    assert [x.detail for x in world.facts(f.Incident)] == [
        "#1 SOLUSDT is not listed any more: close it"
    ]


def test_an_order_that_executes_after_its_position_was_closed_is_over() -> None:
    world = entered()
    world.is_cut_off = True
    world.feed(e.Close(command_id="c", by="@ann", position_id=1))
    leaving = world.facts(f.OrderPlaced)[-1].order
    by_hand = fill(
        Purpose.EXIT, id="h:1", order_id="h", qty=D("87.5"), cause="by hand", exchange_ms=world.now
    )
    world.feed(e.FillSeen(by_hand))
    assert len(world.facts(f.PositionClosed)) == 1
    world.feed(e.OrderGone(leaving.id, OrderState.FILLED, "", filled_qty=D(5)))
    assert world.engine.ledger.state.orders.get(leaving.id) is None


def test_what_a_stranger_closed_before_our_entry_closes_nothing_of_ours() -> None:
    world = entered()
    began_ms = world.engine.ledger.positions[0].held_ms
    sold = fill(
        Purpose.EXIT, id="h:1", order_id="h", qty=D(20), cause="by hand", exchange_ms=began_ms - 1
    )
    more = msgspec.structs.replace(sold, id="h:2", qty=D(500))
    world.feed(seen(world, fills=(sold, more)), e.FillSeen(sold))
    world.wait(RECENT_MS + 1)
    world.feed(seen(world, fills=(sold, more), positions=()))
    (position,) = world.engine.ledger.positions
    assert position.qty == D("87.5")
    assert "outside_fill" not in {x.code for x in world.facts(f.Incident)}


def test_strangers_fills_are_told_once_a_symbol() -> None:
    world = entered()
    strange = [
        fill(id=f"s:{n}", order_id=f"s{n}", symbol="XRPUSDT", exchange_ms=world.now)
        for n in range(300)
    ]
    world.feed(seen(world, fills=tuple(strange)))
    world.feed(seen(world, fills=tuple(strange)))
    assert [x.code for x in world.facts(f.Incident)] == ["foreign_fill"]


def test_what_a_stranger_added_and_took_away_again_leaves_ours_whole() -> None:
    world = entered()
    (shown,) = world.matching.account().positions
    out = fill(Purpose.EXIT, id="h:1", order_id="h", qty=D(5), price=D(103), cause="by hand")
    out = msgspec.structs.replace(out, exchange_ms=world.now)
    world.feed(seen(world, positions=(shown,), fills=(out,)))
    (held,) = world.engine.ledger.positions
    assert held.qty == shown.qty
    left = msgspec.structs.replace(shown, qty=shown.qty - 5)
    world.feed(seen(world, positions=(left,), fills=(out,)))  # had lagged: a hand did close it
    assert world.engine.ledger.positions[0].qty == left.qty


def test_our_own_exit_is_booked_before_what_others_did_is_judged() -> None:
    world = entered()
    (before,) = world.matching.account().positions
    world.is_cut_off = True
    world.feed(e.Close(command_id="c", by="@ann", position_id=1, share=D("0.2")))
    order = world.facts(f.OrderPlaced)[-1].order
    assert order.purpose is Purpose.EXIT
    own = fill(Purpose.EXIT, id="o:1", order_id=order.id, qty=order.qty, price=D(103))
    own = msgspec.structs.replace(own, exchange_ms=world.now)
    out = fill(Purpose.EXIT, id="h:1", order_id="h", qty=D(5), price=D(103), cause="by hand")
    left = msgspec.structs.replace(before, qty=before.qty - order.qty)
    world.feed(seen(world, positions=(left,), fills=(out, own)))
    assert world.engine.ledger.positions[0].qty == left.qty


def test_the_kill_switch_is_not_reset_on_a_guess() -> None:
    world = entered()
    world.feed(e.Panic(command_id="p", by="@ann"))
    again = world.reborn()
    again.is_cut_off = True
    again.feed(e.Started("test", "paper", was_clean=False, balance=D(10_000)))
    again.quote(120.0, 120.01)
    told = again.feed(e.Resume(command_id="r", by="@ann", reason="calm"))
    assert [r.fact for r in told] == [
        f.CommandRefused(
            "r", "@ann", "resume", "the account is not compared yet: resume in a moment"
        )
    ]


def test_a_part_nobody_answers_for_does_not_hold_up_the_whole_exit() -> None:
    world = entered()
    world.is_cut_off = True
    world.feed(e.Close(command_id="c1", by="@ann", position_id=1, share=D("0.2")))
    part = world.facts(f.OrderPlaced)[-1].order
    world.feed(e.OrderUnknown(part.id, "late"), e.Panic(command_id="p", by="@ann"))
    for _ in range(16):
        world.wait(1000)
    leaving = [x.order for x in world.facts(f.OrderPlaced) if x.order.purpose is Purpose.EXIT]
    assert [(o.qty, o.reason) for o in leaving] == [(D("17.5"), "operator"), (D("87.5"), "panic")]
