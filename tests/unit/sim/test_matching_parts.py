"""When not everything is there: what fills, what works on, what ends and what stands bare."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from accounts import LONG, SHORT, START, D, brief, fills, gone, listed, long_100, positions, quote
from unit.contracts import SYMBOL, entry, market_exit, target

from engine.core.events import AccountPosition, OrderAccepted, OrderMissing, StopSet
from engine.core.values import Order, OrderState, Side
from engine.sim.matching import Holding, Liquidity, Matching


class Depth:
    """Everything is there, or this much; remembers what was asked."""

    def __init__(self, there: str | None = None) -> None:
        self.there = None if there is None else D(there)
        self.asked: list[tuple[str, Decimal]] = []

    def __call__(self, order: Order, wanted: Decimal) -> Decimal:
        self.asked.append((order.id, wanted))
        return wanted if self.there is None else min(wanted, self.there)


@pytest.mark.parametrize(("side", "limit"), [(LONG, "101"), (SHORT, "99")])
def test_an_entry_takes_what_is_there_under_its_stop_and_ends(side: Side, limit: str) -> None:
    matching = listed(Matching(START, D(0), liquidity=Depth("4")), 100, 100, 100)
    stop = D(98) if side is LONG else D(102)
    _, *events = matching.place(entry(side, "10", limit, str(stop)), 2)
    assert brief(events) == [("e1", D(4), D(100), False)]
    ended = gone("e1", OrderState.CANCELED, "4", "4 of 10 was there")
    assert events[1:] == [StopSet(1, stop, 2), ended]
    assert positions(matching) == (AccountPosition(SYMBOL, side, D(4), D(100), stop, 2),)
    assert matching.find("e1") == matching.cancel("e1") == ended
    assert matching.place(entry(side, "10", limit, str(stop)), 3) == (OrderAccepted("e1"), ended)


def test_an_order_that_finds_nothing_there_fills_nothing() -> None:
    depth = Depth("0")
    matching = listed(Matching(START, D(0), liquidity=depth), 100, 100, 100)
    assert matching.place(entry(LONG, "10", "101", "98"), 2) == (
        OrderAccepted("e1"),
        gone("e1", OrderState.CANCELED, "0", "0 of 10 was there"),
    )
    assert (positions(matching), matching.account().fills) == ((), ())
    assert depth.asked == [("e1", D(10))]


@pytest.mark.parametrize(
    ("qty", "there", "detail"),
    [("15", "4", "4 of 10 was there"), ("15", "10", "cut to the position's 10")],
)
def test_an_exit_wants_no_more_than_the_position(qty: str, there: str, detail: str) -> None:
    depth = Depth()
    matching = long_100("10", depth)
    depth.there = D(there)
    _, *events = matching.place(market_exit(LONG, qty), 3)
    assert [f.qty for f in fills(events)] == [D(there)]
    assert events[1] == gone("x1", OrderState.CANCELED, there, detail)
    assert depth.asked[-1] == ("x1", D(10))
    assert [p.qty for p in positions(matching)] == ([D(6)] if there == "4" else [])


def test_a_target_fills_in_parts_and_works_until_it_is_done() -> None:
    depth = Depth()
    matching = long_100("10", depth)
    matching.place(target(LONG, "5", "103"), 3)
    told = []
    for ms, there in ((4, "1.5"), (5, "0"), (6, "2"), (7, "9")):
        depth.there = D(there)
        told.append(matching.see_quote(quote(103.5, 103.51, 103.5), ms))
    assert [[(f.id, f.qty, f.price) for f in fills(events)] for events in told] == [
        [("t1:1", D("1.5"), D(103))],
        [],
        [("t1:16", D(2), D(103))],
        [("t1:36", D("1.5"), D(103))],
    ]
    assert [len(events) for events in told] == [1, 0, 1, 2]
    assert told[-1][-1] == gone("t1", OrderState.FILLED, "5")
    assert positions(matching)[0].qty == D(5)
    assert matching.see_quote(quote(103.5, 103.51, 103.5), 8) == ()


def test_a_target_filled_in_part_is_found_working_and_canceled_with_what_it_got() -> None:
    depth = Depth()
    matching = long_100("10", depth)
    matching.place(target(LONG, "5", "103"), 3)
    depth.there = D(2)
    matching.see_quote(quote(103.5, 103.51, 103.5), 4)
    assert matching.find("t1") == OrderAccepted("t1")
    assert matching.place(target(LONG, "5", "103"), 5) == (OrderAccepted("t1"),)
    assert matching.cancel("t1") == gone("t1", OrderState.CANCELED, "2")
    assert matching.account().order_ids == ()


def test_a_target_filled_in_part_is_cut_when_the_rest_of_the_position_went() -> None:
    depth = Depth()
    matching = long_100("10", depth)
    matching.place(target(LONG, "8", "103"), 3)
    depth.there = D(2)
    matching.see_quote(quote(103.5, 103.51, 103.5), 4)
    depth.there = D(5)
    matching.place(market_exit(LONG, "5"), 5)
    events = matching.see_quote(quote(103.5, 103.51, 103.5), 6)
    assert [(f.id, f.qty) for f in fills(events)] == [("t1:21", D(3))]
    assert events[1:] == (gone("t1", OrderState.CANCELED, "5", "cut to the position's 3"),)
    assert depth.asked[-1] == ("t1", D(3))


def test_a_triggered_stop_is_spent_on_what_is_there() -> None:
    depth = Depth()
    matching = long_100("10", depth)
    matching.place(target(LONG, "8", "103"), 3)
    depth.there = D(4)
    events = matching.see_quote(quote(98, 98.01, 98), 4)
    assert brief(events) == [("1-stop-4-1", D(4), D("97.96"), False)]
    assert len(events) == 1  # the target works on for what is left
    assert depth.asked[-1] == ("1-stop-4-1", D(10))
    bare = AccountPosition(SYMBOL, LONG, D(6), D(100), None, 4)
    assert (positions(matching), matching.account().order_ids) == ((bare,), ("t1",))
    assert matching.see_quote(quote(90, 90.01, 90), 5) == ()

    assert matching.set_stop(1, SYMBOL, LONG, D(89), 6) == StopSet(1, D(89), 6)
    depth.there = None
    events = matching.see_quote(quote(88, 88.01, 88), 7)
    assert brief(events) == [("1-stop-7-2", D(6), D("87.96"), False)]
    assert events[-1] == gone("t1", OrderState.CANCELED, "0", "the position is flat")


def test_a_stop_that_finds_nothing_is_spent_all_the_same() -> None:
    depth = Depth()
    matching = long_100("10", depth)
    depth.there = D(0)
    assert matching.see_quote(quote(98, 98.01, 98), 4) == ()
    assert positions(matching) == (AccountPosition(SYMBOL, LONG, D(10), D(100), None, 4),)


def test_parts_of_a_position_realize_their_share_to_the_last_digit() -> None:
    depth = Depth()
    matching = listed(Matching(START, D(0), liquidity=depth), 100, 100, 100)
    matching.place(entry(LONG, "1", "101", "98"), 2)
    matching.see_quote(quote(100.01, 100.01, 100.01), 3)
    matching.place(entry(LONG, "2", "101", None, "e2"), 4)
    depth.there = D("0.7")
    for n in range(5):
        matching.place(market_exit(LONG, "3", f"x{n}"), 5)
    assert positions(matching) == ()
    assert matching.statement().realized == D("0.01")  # 3 * 100.01 - 100 - 2 * 100.01


def restored(orders: list[tuple[Order, Decimal]], liquidity: Liquidity | None = None) -> Matching:
    matching = Matching(D(1), D(4), liquidity=liquidity)
    matching.restore(START, [Holding(1, SYMBOL, LONG, D(6), D(100), D(98), 1)], orders)
    return listed(matching, 99.95, 99.96, 99.96)


def test_a_restart_forgets_no_part() -> None:
    matching = restored([(target(LONG, "8", "103"), D("2.5"))], Depth("1"))
    events = matching.see_quote(quote(104, 104.01, 104), 4)
    assert [(f.id, f.qty) for f in fills(events)] == [("t1:26", D(1))]
    assert matching.cancel("t1") == gone("t1", OrderState.CANCELED, "3.5")


BEFORE = "ended before the restart"


@pytest.mark.parametrize(
    ("order", "filled", "state"),
    [
        (entry(LONG, "10", "101", "98"), "6", OrderState.CANCELED),
        (market_exit(LONG, "10"), "4", OrderState.CANCELED),
        (market_exit(LONG, "4"), "4", OrderState.FILLED),
        (target(LONG, "4", "103"), "4", OrderState.FILLED),
        (target(SHORT, "4", "97"), "1", OrderState.CANCELED),
    ],
)
def test_what_had_fills_before_a_restart_arrived_and_fills_no_more(
    order: Order, filled: str, state: OrderState
) -> None:
    matching = restored([(order, D(filled))])
    ended = gone(order.id, state, filled, BEFORE)
    assert (matching.find(order.id), matching.account().order_ids) == (ended, ())
    assert matching.place(order, 4) == (OrderAccepted(order.id), ended)


def test_what_had_no_fills_and_cannot_rest_is_unknown_after_a_restart() -> None:
    matching = restored([(market_exit(LONG, "6"), D(0))])
    assert matching.find("x1") == OrderMissing("x1")
    assert [f.id for f in fills(matching.place(market_exit(LONG, "6"), 4))] == ["x1:1"]


@pytest.mark.parametrize(
    ("there", "words"),
    [
        (lambda _: D(-1), "expected 0 to 10, found -1"),
        (lambda wanted: wanted + 1, "expected 0 to 10, found 11"),
        (lambda _: D("0.25"), "expected a multiple of 0.1, found 0.25"),
    ],
)
def test_liquidity_that_cannot_be_is_our_bug(
    there: Callable[[Decimal], Decimal], words: str
) -> None:
    matching = Matching(START, D(4), liquidity=lambda _, wanted: there(wanted))
    listed(matching, 100, 100, 100)
    with pytest.raises(AssertionError, match=words):
        matching.place(entry(LONG, "10", "101", "98"), 2)
