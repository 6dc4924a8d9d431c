"""Faults that once lost, doubled or hid something: each is a case of its own from here on."""

from decimal import Decimal

import msgspec
import pytest

from builders import D, fill
from engine.core import events as e
from engine.core import facts as f
from engine.core import intents as i
from engine.core.folds import COMMANDS_KEPT, ENDED_KEPT
from engine.core.ledger import Ledger
from engine.core.settings import Settings
from engine.core.terms import Sim
from engine.core.values import OrderState, PositionState, Purpose, Refusal, StopKind
from world import World, entered, entering, seen


def asked(world: World, kind: type[i.Intent]) -> list[i.Intent]:
    return [x for x in world.intents if isinstance(x, kind)]


def exits(world: World) -> list[Decimal]:
    placed = [x.order for x in world.facts(f.OrderPlaced)]
    return [x.qty for x in placed if x.purpose is Purpose.EXIT]


def entry_fill(world: World, qty: str = "87.5") -> e.FillSeen:
    order_id = world.facts(f.OrderPlaced)[0].order.id
    return e.FillSeen(fill(order_id=order_id, qty=D(qty), price=D("103.05")))


# -- fills -------------------------------------------------------------------------------------


def test_a_stop_fill_that_overtakes_the_entrys_fill_waits_for_it() -> None:
    world = entering()
    out = e.FillSeen(fill(Purpose.STOP, id="s:1", order_id="1-stop", qty=D("87.5"), price=D(101)))
    assert world.feed(out) == []
    assert isinstance(world.intents[-1], i.FetchAccount)
    world.wait(1000)  # equity was a division by nothing
    world.feed(entry_fill(world), out)
    (closed,) = world.facts(f.PositionClosed)
    assert closed.gross == D("87.5") * (D(101) - D("103.05"))


def test_fills_of_the_account_are_booked_in_the_order_they_happened() -> None:
    world = entering()
    out = fill(Purpose.STOP, id="s:1", order_id="1-stop", qty=D("87.5"), price=D(101))
    world.feed(seen(world, positions=(), fills=(out, entry_fill(world).fill)))
    assert len(world.facts(f.PositionClosed)) == 1


def test_nothing_is_exited_while_we_are_flat_and_the_entry_still_works() -> None:
    world = entering()
    world.feed(entry_fill(world, "40"))
    world.feed(e.Panic(command_id="p", by="@ann"))
    (sent,) = [x.order for x in world.facts(f.OrderPlaced) if x.order.purpose is Purpose.EXIT]
    world.feed(e.FillSeen(fill(Purpose.EXIT, id="x:1", order_id=sent.id, qty=D(40))))
    world.wait(3000)
    assert exits(world) == [D(40)]


def test_a_foreign_fill_is_told_once_and_the_gate_does_not_flap() -> None:
    world = entered()
    before = fill(id="old:1", order_id="somebody", exchange_ms=world.now - 1_000_000)
    stray = fill(id="stray:1", order_id="somebody-else", exchange_ms=world.now)
    for _ in range(30):
        world.feed(seen(world, fills=(before, stray)))
        world.wait(60_000)
    assert [x.detail for x in world.facts(f.Incident)] == [
        "fill stray:1 of 10 SOLUSDT belongs to no order of ours"
    ]
    assert len([x for x in world.facts(f.GateClosed) if x.gate == "unreconciled"]) == 1


def test_an_order_said_to_be_filled_without_fills_is_not_chased_in_circles() -> None:
    world = entering()
    order_id = world.facts(f.OrderPlaced)[0].order.id
    world.feed(e.OrderAccepted(order_id))
    for _ in range(5):
        world.feed(e.OrderGone(order_id, OrderState.FILLED), seen(world, positions=(), fills=()))
    assert len(asked(world, i.FindOrder)) == 0
    for asked_before in range(2):
        world.wait(2000)
        world.feed(seen(world, positions=(), fills=()))
        assert len(asked(world, i.FindOrder)) == asked_before + 1


# -- stops -------------------------------------------------------------------------------------


def test_a_stop_asked_for_before_a_crash_is_asked_for_again() -> None:
    world = entered()
    world.wait(3000)
    out = world.matching.see_quote(
        e.QuoteSeen("SOLUSDT", 105.45, 105.46, 105.45, world.now), world.now
    )
    world.is_cut_off = True
    world.feed(*out)
    assert world.facts(f.StopAsked)[-1].kind is StopKind.BREAKEVEN
    again = world.reborn()
    again.start()
    again.quote(105.45, 105.46)
    again.wait(2000)
    (position,) = again.engine.ledger.positions
    assert (position.stop, position.stop_kind) == (D("103.16"), StopKind.BREAKEVEN)
    assert again.matching.account().positions[0].stop == D("103.16")


@pytest.mark.parametrize(("by_hand", "after"), [("101.20", "101.48"), ("101.90", "101.90")])
def test_a_stop_moved_by_hand_is_kept_when_tighter_and_put_back_when_looser(
    by_hand: str, after: str
) -> None:
    world = entered()
    world.matching._positions["SOLUSDT"].stop = D(by_hand)
    world.feed(seen(world))
    assert world.engine.ledger.positions[0].stop == D(by_hand)
    world.wait(3000)
    world.wait(3000)
    assert world.engine.ledger.positions[0].stop == D(after)
    assert world.matching.account().positions[0].stop == D(after)


def test_after_a_restart_the_exchange_gets_its_time_to_show_the_stop() -> None:
    world = entering()
    world.feed(entry_fill(world))
    world.now += 600_000
    again = world.reborn()
    again.start()
    assert [x.code for x in again.facts(f.Incident)] == []
    (position,) = again.engine.ledger.positions
    assert (position.state, position.stop) == (PositionState.PROTECTED, D("101.48"))


# -- orders ------------------------------------------------------------------------------------


def test_an_order_without_any_answer_is_looked_up_once_it_is_overdue() -> None:
    world = entered()
    world.is_cut_off = True
    world.feed(e.Close(command_id="c", by="@ann", position_id=1))
    again = world.reborn()
    again.is_cut_off = True
    again.start()
    again.wait(14_000)
    before = len(asked(again, i.FindOrder))
    again.is_cut_off = False
    again.wait(3000)
    assert len(asked(again, i.FindOrder)) > before
    again.wait(2000)
    assert [c.rule for c in again.facts(f.PositionClosed)] == ["operator"]


def test_doubts_do_not_chase_each_other() -> None:
    world = entering()
    order_id = world.facts(f.OrderPlaced)[0].order.id
    for _ in range(5):
        world.feed(e.OrderUnknown(order_id, "still nothing"))
    assert len(asked(world, i.FindOrder)) == 1


def test_an_order_that_shall_end_and_still_works_is_canceled_again() -> None:
    world = entering()
    entry = world.facts(f.OrderPlaced)[0].order
    world.feed(e.OrderAccepted(entry.id), e.Close(command_id="c", by="@ann", position_id=1))
    world.feed(e.FetchFailed(f"cancel {entry.id}", "timeout"))
    world.feed(seen(world, order_ids=(entry.id,)))
    assert asked(world, i.CancelOrder) == [i.CancelOrder(entry)] * 2


def refuse_exits(world: World, seconds: int) -> None:
    for _ in range(seconds):
        refused = [
            e.OrderRefused(o.order.id, Refusal.OTHER, f"try {o.order.id}")
            for o in world.engine.ledger.orders_of(1)
            if o.is_live and o.order.purpose is Purpose.EXIT
        ]
        world.feed(*refused)
        world.wait(1000)


def test_an_exit_refused_forever_is_told_once_a_quarter_and_kept_in_bounds() -> None:
    world = entered()
    world.is_cut_off = True
    world.feed(e.Close(command_id="c", by="@ann", position_id=1))
    refuse_exits(world, 1000)
    told = world.facts(f.Incident)
    assert [x.code for x in told] == ["order_refused"] * 2
    assert 90 < len(exits(world)) < 110  # patient, not forever silent
    assert len(world.engine.ledger.state.orders) <= ENDED_KEPT + 4


def test_a_late_fill_of_a_canceled_exit_still_counts() -> None:
    world = entered()
    world.is_cut_off = True
    world.feed(e.Close(command_id="c", by="@ann", position_id=1))
    (sent,) = [x.order for x in world.facts(f.OrderPlaced) if x.order.purpose is Purpose.EXIT]
    world.feed(e.OrderGone(sent.id, OrderState.CANCELED))
    late = fill(Purpose.EXIT, id="x:1", order_id=sent.id, qty=D("87.5"), price=D(103))
    world.feed(e.FillSeen(late))
    assert len(world.facts(f.PositionClosed)) == 1


# -- people ------------------------------------------------------------------------------------


def close(share: str, number: int = 1) -> e.Close:
    return e.Close(command_id=f"c{number}", by="@ann", position_id=1, share=D(share))


def test_a_command_heard_twice_acts_once_and_gets_the_same_answer_even_after_a_restart() -> None:
    world = entered()
    first = world.feed(close("0.5"))
    second = world.feed(close("0.5"))
    told = next(r.fact for r in first if isinstance(r.fact, f.CommandDone))
    assert [r.fact for r in second] == [told]
    again = world.reborn()
    again.start()
    assert [r.fact for r in again.feed(close("0.5"))] == [told]
    assert again.engine.ledger.positions[0].qty == D("43.8")


def test_a_refused_command_heard_again_stays_refused() -> None:
    world = World()
    world.start()
    refused = [world.feed(close("1"))[-1].fact for _ in range(2)]
    world.enter()
    assert [*refused, world.feed(close("1"))[-1].fact] == [
        f.CommandRefused("c1", "@ann", "close", "#1 is not open")
    ] * 3


def test_the_memory_of_commands_is_bounded() -> None:
    ledger = Ledger()
    for seq in range(1, COMMANDS_KEPT + 3):
        ledger.apply(f.Record(seq, seq, f.CommandDone(f"c{seq}", "@ann", "pause", "")))
    assert next(iter(ledger.state.commands)) == "c3"
    assert len(ledger.state.commands) == COMMANDS_KEPT


def test_a_whole_exit_right_after_a_part_does_not_wait() -> None:
    world = entered()
    world.feed(close("0.5", 1), close("1", 2))
    assert exits(world) == [D("43.7"), D("43.8")]
    assert len(world.facts(f.PositionClosed)) == 1


def test_a_part_is_refused_while_an_exit_is_under_way() -> None:
    world = entered()
    world.is_cut_off = True
    world.feed(close("0.6", 1))
    last = world.feed(close("0.6", 2))[-1].fact
    assert isinstance(last, f.CommandRefused)
    assert exits(world) == [D("52.5")]


def test_a_pause_that_is_over_already_is_refused() -> None:
    world = World()
    world.start()
    last = world.feed(e.Pause(command_id="p", by="@ann", until_ms=world.now))[-1].fact
    assert isinstance(last, f.CommandRefused)
    assert world.gates == set()


def test_resume_after_panic_waits_for_an_entry_that_may_still_fill() -> None:
    world = entering()
    world.feed(e.Panic(command_id="p", by="@ann"))
    last = world.feed(e.Resume(command_id="r", by="@ann", reason="calm"))[-1].fact
    assert isinstance(last, f.CommandRefused)
    world.feed(entry_fill(world))
    assert exits(world) == [D("87.5")]


def test_resume_of_the_kill_switch_waits_for_a_price() -> None:
    world = World()
    world.start()
    world.enter()
    world.engine.ledger.state.peak = D(12_500)
    world.wait(1000)
    assert world.gates == {"kill_switch"}
    again = World(ledger=Ledger.load(world.engine.ledger.dump()))
    again.is_cut_off = True
    again.feed(e.Started("test", "paper", was_clean=False, balance=D(10_000)))
    resume = e.Resume(command_id="r", by="@ann", reason="calm")
    assert [type(r.fact) for r in again.feed(resume)] == [f.CommandRefused]


def test_no_share_of_a_peak_of_nothing_is_taken() -> None:
    world = World()
    world.start()
    world.engine.ledger.state.peak, world.engine.ledger.state.settled = D(0), D(-1)
    world.wait(1000)
    assert world.gates == {"daily_loss"}


# -- trading rules -----------------------------------------------------------------------------


def test_a_position_that_ended_before_its_rules_were_known_is_closed() -> None:
    world = entering()
    world.engine.market.set_instruments(())
    world.feed(entry_fill(world))
    out = fill(Purpose.STOP, id="s:1", order_id="1-stop", qty=D("87.5"), price=D("101.48"))
    world.feed(e.FillSeen(out))
    (closed,) = world.facts(f.PositionClosed)
    assert world.facts(f.PositionOpened)[0].targets == ()
    assert -1.1 < closed.result_r < -0.9
    assert world.engine.ledger.positions == ()


def test_a_trade_without_initial_risk_is_booked_all_the_same() -> None:
    settings = msgspec.structs.replace(Settings(), sim=Sim(taker_bps=0))
    world = World(settings)
    world.start()
    world.is_cut_off = True
    world.enter()
    world.engine.market.set_instruments(())
    at_stop = msgspec.structs.replace(entry_fill(world).fill, price=D("101.48"))
    out = fill(Purpose.STOP, id="s:1", order_id="1-stop", qty=D("87.5"), price=D("101.48"))
    world.feed(e.FillSeen(at_stop), e.FillSeen(out))
    assert [c.result_r for c in world.facts(f.PositionClosed)] == [0.0]


def test_rules_of_what_we_hold_outlive_its_delisting() -> None:
    world = entered()
    world.feed(e.InstrumentsLoaded(()))
    assert world.engine.market.instrument("SOLUSDT") is not None
    world.wait(3000)
    world.quote(105.45, 105.46, 105.45)
    assert world.engine.ledger.positions[0].stop_kind is StopKind.BREAKEVEN


def test_initial_risk_is_that_of_the_stop_the_entry_was_sent_with() -> None:
    world = entering()
    world.feed(e.StopSet(1, D("101.90")), entry_fill(world))
    assert world.facts(f.PositionOpened)[0].dist0 == D("1.57")
