"""Stories of the whole core against the real matching: what happens, in order, to our money."""

import msgspec

from builders import D, fill
from engine.core import events as e
from engine.core import facts as f
from engine.core import intents as i
from engine.core.guard import ABSENT_MS
from engine.core.settings import Settings
from engine.core.terms import Execution, Exits
from engine.core.values import OrderState, PositionState, Purpose, Refusal, Side
from world import World, entered, instruments, total

THREE = ("SOLUSDT", "ETHUSDT", "BTCUSDT")


def three_positions() -> World:
    settings = msgspec.structs.replace(
        Settings(), risk=msgspec.structs.replace(Settings().risk, risk_per_trade_pct=0.5)
    )
    world = World(settings, instruments(*THREE))
    world.start()
    for symbol in THREE:
        world.quote(102.99, 103.0, 103.0, symbol)
    world.close_bar(300, THREE)
    assert [p.symbol for p in world.engine.ledger.positions] == list(THREE)
    return world


def test_a_break_is_taken_with_its_stop_attached_and_its_ladder_working() -> None:
    world = entered()
    (placed, *targets) = world.facts(f.OrderPlaced)
    assert (placed.order.qty, placed.order.price, placed.order.stop) == (
        D("87.5"),
        D("103.15"),
        D("101.48"),
    )
    (position,) = world.engine.ledger.positions
    assert (position.state, position.stop) == (PositionState.PROTECTED, D("101.48"))
    assert (position.entry, position.dist0, position.qty0) == (D("103.05"), D("1.57"), D("87.5"))
    assert all(target.order.reduce_only for target in targets)
    assert [(target.order.price, target.order.qty) for target in targets] == [
        (D("105.40"), D("35.0")),
        (D("107.44"), D("30.6")),
    ]


def test_a_price_through_the_stop_closes_once_by_a_reduce_only_order() -> None:
    world = entered()
    world.quote(101.40, 101.41)
    world.quote(101.30, 101.31)
    (closed,) = world.facts(f.PositionClosed)
    assert (closed.rule, closed.side) == ("INITIAL", Side.LONG)
    exits = [x.fill for x in world.facts(f.OrderFilled) if x.fill.purpose is Purpose.STOP]
    assert [x.qty for x in exits] == [D("87.5")]
    assert exits[0].price <= D("101.40")
    assert closed.net == closed.gross - closed.fees
    assert -1.1 < closed.result_r < -1.0
    assert world.engine.ledger.positions == ()
    assert world.engine.ledger.state.orders == {}


def test_target_then_breakeven_then_out_without_a_loss() -> None:
    world = entered()
    world.wait(3000)
    world.quote(105.45, 105.46, 105.45)
    (moved,) = [m for m in world.facts(f.StopMoved) if m.kind == "BREAKEVEN"]
    assert moved.price == D("103.16")  # 103.05 plus 11 bps, down to the tick
    (position,) = world.engine.ledger.positions
    assert (position.qty, position.targets_filled) == (D("52.5"), 1)
    world.quote(103.10, 103.11)
    (closed,) = world.facts(f.PositionClosed)
    assert closed.rule == "BREAKEVEN"
    assert closed.net > 0
    assert position.dist0 == D("1.57")


def test_equity_change_is_the_sum_of_fills_and_fees_to_the_last_digit() -> None:
    world = entered()
    world.wait(3000)
    world.quote(105.45, 105.46, 105.45)
    world.quote(103.10, 103.11)
    fills = [x.fill for x in world.facts(f.OrderFilled)]
    flow = total(-x.side.sign * x.price * x.qty - x.fee for x in fills)
    assert world.engine.ledger.balance - D(10_000) == flow
    assert world.engine.ledger.balance == world.matching.account().balance


def test_the_time_stop_leaves_a_losing_trade_at_market() -> None:
    settings = msgspec.structs.replace(Settings(), exits=Exits(time_stop_s=600))
    world = World(settings)
    world.start()
    world.enter()
    world.quote(102.9, 102.91)
    world.bar(102.9)
    assert not world.facts(f.ExitAsked)
    world.bar(102.9)
    (closed,) = world.facts(f.PositionClosed)
    assert closed.rule == "time_stop"
    assert [b.open_ms for b in world.facts(f.BarsHeld)] == [
        int(world.open_ms[301]),
        int(world.open_ms[302]),
    ]


def test_panic_locks_first_then_flattens_all_and_the_lock_survives_a_restart() -> None:
    world = three_positions()
    new = world.feed(e.Panic(command_id="c1", by="@ann"))
    kinds = [type(r.fact) for r in new]
    assert kinds[0] is f.GateClosed
    assert kinds.index(f.CommandDone) < kinds.index(f.ExitAsked)
    assert kinds.count(f.PositionClosed) == 3
    assert {c.rule for c in world.facts(f.PositionClosed)} == {"panic"}
    orders = [x.order for x in world.facts(f.OrderPlaced) if x.order.purpose is Purpose.EXIT]
    assert all(x.reduce_only for x in orders)
    assert world.matching.account().positions == ()

    again = world.reborn()
    again.start()
    assert again.gates == {"kill_switch"}
    again.close_bar(301, THREE)
    assert len(again.facts(f.SignalTaken)) == 3


def test_resume_after_panic_needs_a_reason_and_restarts_the_peak() -> None:
    world = three_positions()
    world.feed(e.Panic(command_id="c1", by="@ann"))
    refused = world.feed(e.Resume(command_id="c2", by="@ann"))
    assert [type(r.fact) for r in refused] == [f.CommandRefused]
    done = world.feed(e.Resume(command_id="c3", by="@ann", reason="news is out"))
    opened = [r.fact for r in done if isinstance(r.fact, f.GateOpened)]
    assert [(g.gate, g.by, g.why) for g in opened] == [("kill_switch", "@ann", "news is out")]
    assert world.engine.ledger.state.peak == world.engine.ledger.balance
    assert world.gates == set()


def test_a_panic_interrupted_by_a_crash_resumes_by_itself() -> None:
    world = three_positions()
    world.is_cut_off = True
    world.feed(e.Panic(command_id="c1", by="@ann"))
    assert len(world.engine.ledger.positions) == 3
    again = world.reborn()
    again.start()
    again.wait(3000)
    assert len(again.facts(f.PositionClosed)) == 3
    assert again.matching.account().positions == ()


def test_a_restart_continues_with_the_same_position_stop_and_no_second_order() -> None:
    world = entered()
    before = world.engine.ledger.positions[0]
    again = world.reborn()
    placed = len(again.facts(f.OrderPlaced))
    again.start()
    (after,) = again.engine.ledger.positions
    assert (after.id, after.qty, after.stop, after.rungs) == (
        before.id,
        before.qty,
        before.stop,
        before.rungs,
    )
    assert len(again.facts(f.OrderPlaced)) == placed
    again.quote(101.40, 101.41)
    assert len(again.facts(f.PositionClosed)) == 1


def test_an_entry_that_was_never_answered_is_looked_up_and_given_up() -> None:
    world = World()
    world.start()
    world.is_cut_off = True
    world.enter()
    again = world.reborn()
    again.start()
    assert not again.facts(f.OrderEnded)  # it may still be on its way
    again.wait(ABSENT_MS)
    assert again.engine.ledger.positions == ()
    (ended,) = again.facts(f.OrderEnded)
    assert (ended.state, ended.detail) == (OrderState.EXPIRED, "never arrived")


def test_an_unknown_outcome_is_looked_up_until_somebody_knows() -> None:
    world = World()
    world.start()
    world.is_cut_off = True
    world.enter()
    order_id = world.facts(f.OrderPlaced)[0].order.id
    world.feed(e.OrderUnknown(order_id, "timeout"), e.OrderUnknown(order_id, "timeout"))
    assert len(world.facts(f.OrderDoubted)) == 1
    world.wait(2500)
    asked = [x for x in world.intents if isinstance(x, i.FindOrder)]
    assert len(asked) == 2  # the second doubt came too soon after the first look-up
    world.is_cut_off = False
    for _ in range(6):
        world.wait(2500)
    assert world.engine.ledger.positions == ()


def test_a_fill_without_an_acknowledged_stop_is_repaired_then_flattened() -> None:
    world = World()
    world.start()
    world.is_cut_off = True
    world.enter()
    entry = world.facts(f.OrderPlaced)[0].order
    world.feed(e.FillSeen(fill(order_id=entry.id, qty=entry.qty, price=D("103.00"))))
    (position,) = world.engine.ledger.positions
    assert position.state is PositionState.EXPOSED
    assert world.engine.view().positions[0].stop is None
    world.wait(2500)
    assert [x.price for x in world.intents if isinstance(x, i.SetStop)] == [D("101.48")]
    world.wait(8000)
    assert [x.code for x in world.facts(f.Incident)] == ["unprotected"]
    last = world.facts(f.OrderPlaced)[-1].order
    assert (last.purpose, last.qty, last.reduce_only) == (Purpose.EXIT, entry.qty, True)


def test_an_entry_still_open_at_its_deadline_is_canceled() -> None:
    settings = msgspec.structs.replace(Settings(), execution=Execution(entry_deadline_s=5))
    world = World(settings)
    world.start()
    world.is_cut_off = True
    world.enter()
    world.feed(e.OrderAccepted(world.facts(f.OrderPlaced)[0].order.id))
    world.wait(5000)
    world.wait(1000)
    assert [x.reason for x in world.facts(f.CancelAsked)] == ["entry deadline"]


def test_what_fills_after_a_close_was_asked_is_exited() -> None:
    world = World()
    world.start()
    world.is_cut_off = True
    world.enter()
    entry = world.facts(f.OrderPlaced)[0].order
    world.feed(e.Close(command_id="c", by="@ann", position_id=1))
    assert [x.order_id for x in world.facts(f.CancelAsked)] == [entry.id]
    world.feed(e.FillSeen(fill(order_id=entry.id, qty=D(5))))
    last = world.facts(f.OrderPlaced)[-1].order
    assert (last.purpose, last.qty, last.reason) == (Purpose.EXIT, D(5), "operator")


def test_a_foreign_fill_is_told_not_booked_and_the_account_is_read() -> None:
    world = World()
    world.start()
    reads = sum(isinstance(x, i.FetchAccount) for x in world.intents)
    world.feed(e.FillSeen(fill(order_id="somebody-else", exchange_ms=world.now)))
    assert [x.code for x in world.facts(f.Incident)] == ["foreign_fill"]
    assert sum(isinstance(x, i.FetchAccount) for x in world.intents) == reads + 1
    assert world.engine.ledger.balance == D(10_000)


def test_the_same_fill_twice_changes_the_position_once() -> None:
    world = entered()
    again = world.facts(f.OrderFilled)[0].fill
    assert world.feed(e.FillSeen(again)) == []


def test_late_and_doubled_answers_change_nothing() -> None:
    world = entered()
    entry = world.facts(f.OrderPlaced)[0].order
    late: tuple[e.Event, ...] = (
        e.OrderAccepted(entry.id),
        e.OrderUnknown(entry.id),
        e.OrderRefused(entry.id, Refusal.OTHER),
        e.OrderGone(entry.id, OrderState.CANCELED),
        e.OrderAccepted("nobody"),
        e.OrderGone("nobody", OrderState.FILLED),
        e.StopSet(99, D(1)),
        e.StopSet(1, D("101.48")),
        e.StopSet(1, D("101.00")),  # an older, looser stop
        e.StopRefused(99, D(1)),
    )
    assert world.feed(*late) == []


def test_filled_without_fills_asks_for_the_account_instead_of_believing() -> None:
    world = World()
    world.start()
    world.is_cut_off = True
    world.enter()
    entry = world.facts(f.OrderPlaced)[0].order
    asked = len([x for x in world.intents if isinstance(x, i.FetchAccount)])
    (doubted,) = world.feed(e.OrderGone(entry.id, OrderState.FILLED))
    assert doubted.fact == f.OrderDoubted(entry.id, "ended, and its executions are not here yet")
    assert world.feed(e.OrderGone(entry.id, OrderState.FILLED)) == []
    assert len([x for x in world.intents if isinstance(x, i.FetchAccount)]) == asked + 2


def test_a_refused_target_is_told_and_tried_again_later() -> None:
    world = entered()
    target = world.facts(f.OrderPlaced)[-1].order
    world.matching.cancel(target.id)
    world.feed(e.OrderRefused(target.id, Refusal.OTHER, "busy"))
    assert world.facts(f.Incident)[0].code == "order_refused"
    world.wait(3000)
    assert world.facts(f.OrderPlaced)[-1].order.price == target.price
    assert world.facts(f.OrderPlaced)[-1].order.id != target.id


def test_a_refused_stop_move_is_told_and_the_old_stop_stands() -> None:
    world = entered()
    world.is_cut_off = True
    world.feed(e.StopRefused(1, D("102.00"), "no"))
    assert world.facts(f.Incident)[0].code == "stop_refused"
    (position,) = world.engine.ledger.positions
    assert (position.stop, position.asked_stop) == (D("101.48"), D("101.48"))


def test_a_stop_the_price_has_passed_cannot_rest_so_the_position_is_left() -> None:
    world = entered()
    world.wait(3000)
    fills = world.matching.see_quote(
        e.QuoteSeen("SOLUSDT", 105.45, 105.46, 105.45, world.now), world.now
    )
    world.matching.see_quote(e.QuoteSeen("SOLUSDT", 103.0, 103.01, 103.0, world.now), world.now)
    world.feed(*fills)
    (closed,) = world.facts(f.PositionClosed)
    assert closed.rule == "BREAKEVEN"
