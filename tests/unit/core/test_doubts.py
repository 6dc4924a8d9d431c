"""Orders nobody answers for: sent again under their own id, given up in time, or adopted."""

import msgspec
import pytest

from builders import D, fill
from engine.core import events as e
from engine.core import facts as f
from engine.core import intents as i
from engine.core.guard import ABSENT_MS
from engine.core.values import Funding, Order, OrderSide, OrderState, Purpose
from world import World, entered, entering


def sent(world: World, purpose: Purpose) -> list[Order]:
    return [
        x.order for x in world.intents if isinstance(x, i.PlaceOrder) and x.order.purpose is purpose
    ]


def missed(world: World, order_id: str, times: int = 1) -> None:
    for _ in range(times):
        world.feed(e.OrderMissing(order_id))


def test_an_entry_is_given_up_after_two_misses_and_fifteen_seconds() -> None:
    world = entering()
    (entry,) = sent(world, Purpose.ENTRY)
    missed(world, entry.id, 3)
    assert not world.facts(f.OrderEnded)
    world.wait(ABSENT_MS)
    missed(world, entry.id)
    assert world.facts(f.OrderEnded) == [
        f.OrderEnded(entry.id, OrderState.EXPIRED, "never arrived")
    ]
    assert world.engine.ledger.positions == ()
    assert sent(world, Purpose.ENTRY) == [entry]  # never a second one


def test_one_miss_is_no_proof_however_old() -> None:
    world = entering()
    (entry,) = sent(world, Purpose.ENTRY)
    world.wait(ABSENT_MS)
    missed(world, entry.id)
    assert not world.facts(f.OrderEnded)


def test_a_signal_whose_entry_ended_with_nothing_is_not_taken_again() -> None:
    world = entering()
    (entry,) = sent(world, Purpose.ENTRY)
    world.feed(e.OrderGone(entry.id, OrderState.CANCELED, "nothing there", filled_qty=D(0)))
    assert world.engine.ledger.positions == ()
    world.engine._watch._wait(int(world.open_ms[300]), "SOLUSDT")  # the bar comes up again
    world.feed(e.Tick())
    assert [x.check for x in world.facts(f.SignalSkipped)] == ["busy"]
    assert len(world.facts(f.SignalTaken)) == 1


def test_an_entry_given_up_keeps_its_symbol_busy_for_a_while() -> None:
    world = entering()
    (entry,) = sent(world, Purpose.ENTRY)
    world.wait(ABSENT_MS)
    missed(world, entry.id, 2)
    ledger = world.engine.ledger
    assert ledger.stray_in("SOLUSDT", world.now - 1)
    assert not ledger.stray_in("SOLUSDT", world.now + 1)
    assert not ledger.stray_in("ETHUSDT", 0)


def test_an_entry_that_was_given_up_and_filled_is_adopted_protected_and_closed() -> None:
    world = entering()
    (entry,) = sent(world, Purpose.ENTRY)
    world.wait(ABSENT_MS)
    missed(world, entry.id, 2)
    world.is_cut_off = False
    world.quote(102.99, 103.0, 103.0)
    world.feed(*world.matching.place(entry, world.now))
    assert [x.order_id for x in world.facts(f.OrderAdopted)] == [entry.id]
    world.wait(3000)
    (closed,) = world.facts(f.PositionClosed)
    assert (closed.rule, closed.position_id) == ("stray", 2)
    assert world.matching.account().positions == ()
    assert world.engine.ledger.balance == world.matching.account().balance
    assert (world.engine.ledger.state.strays, world.engine.ledger.state.orders) == ({}, {})


def test_an_entry_that_was_given_up_and_works_after_all_is_canceled() -> None:
    world = entering()
    (entry,) = sent(world, Purpose.ENTRY)
    world.wait(ABSENT_MS)
    missed(world, entry.id, 2)
    read = msgspec.structs.replace(world.matching.account(), order_ids=(entry.id,))
    world.feed(read)
    assert [x.order.id for x in world.intents if isinstance(x, i.CancelOrder)] == [entry.id]


def test_an_exit_without_an_answer_is_sent_again_at_once_under_its_id() -> None:
    world = entered()
    world.is_cut_off = True
    world.feed(e.Close(command_id="c", by="@ann", position_id=1))
    (leaving,) = sent(world, Purpose.EXIT)
    world.feed(e.OrderUnknown(leaving.id, "no answer in time"))
    assert sent(world, Purpose.EXIT) == [leaving, leaving]
    world.wait(2000)
    assert sent(world, Purpose.EXIT) == [leaving] * 3
    world.is_cut_off = False
    world.wait(2000)
    world.wait(2000)
    assert [x.rule for x in world.facts(f.PositionClosed)] == ["operator"]
    assert {o.id for o in sent(world, Purpose.EXIT)} == {leaving.id}
    assert world.matching.account().positions == ()


def test_an_exit_decided_before_a_crash_and_never_sent_goes_out_under_its_id() -> None:
    world = entered()
    world.is_cut_off = True
    world.feed(e.Close(command_id="c", by="@ann", position_id=1))
    (leaving,) = sent(world, Purpose.EXIT)
    again = world.reborn()
    again.start()
    again.wait(3000)
    assert {o.id for o in sent(again, Purpose.EXIT)} == {leaving.id}
    assert [x.rule for x in again.facts(f.PositionClosed)] == ["operator"]


def test_a_lost_target_is_sent_again_and_one_that_worked_before_is_replaced() -> None:
    world = entered()
    nearest, farther = sent(world, Purpose.TARGET)
    world.is_cut_off = True
    world.feed(e.OrderUnknown(nearest.id, "late"), e.OrderMissing(nearest.id))
    assert sent(world, Purpose.TARGET).count(nearest) == 2
    world.wait(ABSENT_MS)
    missed(world, farther.id, 2)  # it was open: whatever took it, it is gone
    replaced = sent(world, Purpose.TARGET)[-1]
    assert (replaced.price, replaced.qty) == (farther.price, farther.qty)
    assert replaced.id not in (nearest.id, farther.id)


def test_what_is_said_to_be_executed_must_be_here_before_the_order_ends() -> None:
    world = entering()
    (entry,) = sent(world, Purpose.ENTRY)
    gone = e.OrderGone(entry.id, OrderState.CANCELED, "the rest", filled_qty=D(30))
    world.feed(gone)
    assert not world.facts(f.OrderEnded)
    assert isinstance(world.intents[-1], i.FetchAccount)
    part = fill(id=f"{entry.id}:1", order_id=entry.id, qty=D(30), price=D(103))
    world.feed(e.FillSeen(part), gone)
    assert [(x.order_id, x.state) for x in world.facts(f.OrderEnded)] == [
        (entry.id, OrderState.CANCELED)
    ]
    (position,) = world.engine.ledger.positions
    assert (position.qty, position.qty0, position.entry) == (D(30), D(30), D(103))


@pytest.mark.parametrize("cause", ["adl", "by hand"])
def test_what_a_stranger_closes_is_booked_with_its_cause(cause: str) -> None:
    world = entered()
    taken = fill(
        Purpose.EXIT,
        id="venue-1",
        order_id="somebody",
        side=OrderSide.SELL,
        qty=D("87.5"),
        price=D(103),
        cause=cause,
        exchange_ms=world.now,
    )
    world.feed(e.FillSeen(taken), e.FillSeen(taken))
    (closed,) = world.facts(f.PositionClosed)
    assert (closed.rule, closed.gross) == (cause, D("87.5") * (D(103) - D("103.05")))
    assert [x.code for x in world.facts(f.Incident)] == ["outside_fill"]


def test_a_stop_without_an_answer_is_looked_at_and_asked_again() -> None:
    world = entered()
    world.is_cut_off = True
    world.feed(e.MoveStop(command_id="m", by="@ann", position_id=1, price=D("101.60")))
    (asked,) = [x for x in world.intents if isinstance(x, i.SetStop)]
    assert world.feed(e.StopUnknown(1, asked.price, "late")) == []
    assert isinstance(world.intents[-1], i.FetchAccount)
    world.is_cut_off = False
    world.wait(2000)
    (position,) = world.engine.ledger.positions
    assert (position.stop, position.stop_kind) == (D("101.60"), "MANUAL")


@pytest.mark.parametrize(
    ("price", "words"),
    [
        ("101.40", "a stop only tightens: it stands at 101.48, found 101.40"),
        ("101.605", "expected a multiple of the tick 0.01, found 101.605"),
        ("103.50", "the price 102.99 is there already: close the position instead"),
    ],
)
def test_a_person_may_only_tighten_a_stop(price: str, words: str) -> None:
    world = entered()
    told = world.feed(e.MoveStop(command_id="m", by="@ann", position_id=1, price=D(price)))
    assert [r.fact for r in told] == [f.CommandRefused("m", "@ann", "movestop", words)]


def test_a_wish_for_the_stop_gives_the_exchange_no_more_time() -> None:
    world = entered()
    world.is_cut_off = True
    bare = msgspec.structs.replace(
        world.matching.account().positions[0], stop=None, updated_ms=world.now
    )
    world.feed(msgspec.structs.replace(world.matching.account(), positions=(bare,)))
    for second in range(11):
        wish = e.MoveStop(command_id=f"m{second}", by="@ann", position_id=1, price=D("101.60"))
        world.wait(1000)
        world.feed(wish)
    assert [x.rule for x in world.facts(f.ExitAsked)] == ["unprotected"]
    assert world.facts(f.CommandRefused)[0].reason == (
        "the stop at 101.48 is not confirmed yet: move it in a moment"
    )


def test_a_quote_is_enough_to_miss_a_stop() -> None:
    world = entered()
    world.is_cut_off = True
    bare = msgspec.structs.replace(
        world.matching.account().positions[0], stop=None, updated_ms=world.now
    )
    world.feed(msgspec.structs.replace(world.matching.account(), positions=(bare,)))
    for _ in range(6):  # the ticks stand still
        world.now += 2500
        world.quote(103.0, 103.01)
    assert [x.rule for x in world.facts(f.ExitAsked)] == ["unprotected"]


def test_a_stop_cannot_be_moved_where_nothing_is_open_or_known() -> None:
    world = entered()
    moves = [
        e.MoveStop(command_id="m1", by="@ann", position_id=9, price=D("101.60")),
        e.MoveStop(command_id="m2", by="@ann", position_id=1, price=D("101.60")),
    ]
    world.engine.market.set_instruments(())
    world.feed(*moves)
    world.is_cut_off = True
    world.feed(
        e.Close(command_id="c", by="@ann", position_id=1),
        e.MoveStop(command_id="m3", by="@ann", position_id=1, price=D("101.60")),
    )
    assert [x.reason for x in world.facts(f.CommandRefused)] == [
        "#9 is not open",
        "the trading rules of SOLUSDT is not known yet",
        "#1 is being closed already",
    ]


def test_funding_is_booked_once_and_belongs_to_its_trade() -> None:
    world = entered()
    (position,) = world.engine.ledger.positions
    paid = e.FundingSeen(Funding("f1", "SOLUSDT", D("1.5"), world.now))
    early = e.FundingSeen(Funding("f0", "SOLUSDT", D("0.5"), position.funded_ms - 1))
    assert len(world.feed(paid, paid, early)) == 2
    assert [x.position_id for x in world.facts(f.FundingPaid)] == [1, None]
    world.quote(101.40, 101.41)
    (closed,) = world.facts(f.PositionClosed)
    assert closed.funding == D("1.5")
    assert closed.net == closed.gross - closed.fees - D("1.5")
    assert world.engine.ledger.balance == D(10_000) + closed.net - D("0.5")
