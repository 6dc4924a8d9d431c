import msgspec
import pytest
from accounts import (
    LONG,
    SHORT,
    START,
    D,
    brief,
    fills,
    gone,
    long_100,
    opened_market,
    quote,
    short_50,
)
from unit.contracts import INSTRUMENT, SYMBOL, entry, market_exit, target

from engine.core.events import (
    AccountPosition,
    AccountSeen,
    OrderMissing,
    OrderRefused,
    StopRefused,
    StopSet,
)
from engine.core.values import Order, OrderState, Refusal
from engine.sim.matching import Holding, Matching, Statement

# --- restart


def held(stop: str | None) -> Holding:
    return Holding(17, SYMBOL, LONG, D(10), D(100), None if stop is None else D(stop), 1)


def restored(stop: str | None, *orders: Order, filled: str = "0") -> Matching:
    matching = Matching(D(1), D(4))
    matching.restore(START, [held(stop)], [(order, D(filled)) for order in orders])
    matching.set_instruments([INSTRUMENT])
    return matching


def test_a_stop_passed_while_we_were_away_fills_at_the_market_we_find() -> None:
    matching = restored("98", target(LONG, "4", "103"))
    assert matching.account() == AccountSeen(
        balance=START,
        positions=(AccountPosition(SYMBOL, LONG, D(10), D(100), D(98)),),
        order_ids=("t1",),
        fills=(),
    )
    events = matching.see_quote(quote(95, 95.01, 95), 50)
    assert brief(events) == [("17-stop-50-1", D(10), D("94.96"), False)]
    assert events[1:] == (gone("t1", OrderState.CANCELED, "0", "the position is flat"),)
    fee = D("949.6") * D("0.00055")
    assert matching.account().balance == START - D("50.4") - fee


def test_a_target_passed_while_we_were_away_fills_at_its_own_price() -> None:
    matching = restored("98", target(LONG, "4", "103"))
    events = matching.see_quote(quote(110, 110.01, 110), 50)
    assert brief(events) == [("t1", D(4), D(103), True)]


def test_a_position_restored_without_a_stop_can_be_given_one() -> None:
    matching = restored(None)
    assert matching.set_stop(17, SYMBOL, LONG, D(98), 49) == StopSet(17, D(98), 49)
    assert matching.see_quote(quote(98.5, 98.51, 98.5), 50) == ()
    assert brief(matching.see_quote(quote(98, 98.01, 98), 51)) == [
        ("17-stop-51-1", D(10), D("97.96"), False)
    ]


def test_a_position_without_a_stop_takes_that_of_the_next_entry() -> None:
    matching = restored(None)
    matching.see_quote(quote(99.95, 99.96, 99.96), 50)
    assert StopSet(17, D(98), 51) in matching.place(entry(LONG, "1", "101", "98"), 51)


def test_only_what_can_rest_is_restored() -> None:
    matching = restored(
        "98",
        target(LONG, "4", "103", "good"),
        target(SHORT, "4", "97", "other side"),
        entry(LONG, "4", "101", "98", "entry"),
        market_exit(LONG, "4", "exit"),
    )
    assert matching.account().order_ids == ("good",)
    assert matching.find("entry") == OrderMissing("entry")


def test_rules_are_needed_before_a_restored_position_moves() -> None:
    matching = Matching(START, D(4))
    matching.restore(START, [held("98")], [])
    assert matching.see_quote(quote(95, 95.01, 95), 50) == ()
    assert isinstance(matching.set_stop(17, SYMBOL, LONG, D(97), 50), StopRefused)
    assert matching.statement() == Statement(START, D(0), D(0), D(0), None)
    matching.set_instruments([INSTRUMENT])
    assert len(fills(matching.see_quote(quote(95, 95.01, 95), 51))) == 1


# --- quotes and instruments


@pytest.mark.parametrize(
    ("bid", "ask", "last"),
    [
        (97.0, 96.9, 97.0),
        (0.0, 97.0, 97.0),
        (-1.0, 97.0, 97.0),
        (97.0, 97.01, 0.0),
        (97.0, 97.01, -97.0),
        (float("nan"), 97.0, 97.0),
        (97.0, float("nan"), 97.0),
        (97.0, 97.01, float("nan")),
        (97.0, float("inf"), 97.0),
        (97.0, 97.01, float("inf")),
    ],
)
def test_an_absurd_quote_has_no_effect(bid: float, ask: float, last: float) -> None:
    matching = long_100()
    before = matching.account(), matching.statement()
    assert matching.see_quote(quote(bid, ask, last), 3) == ()
    assert (matching.account(), matching.statement()) == before


def test_an_unlisted_symbol_keeps_its_rules_while_held_and_loses_its_quote_after() -> None:
    matching = long_100()
    matching.set_instruments([])
    assert brief(matching.see_quote(quote(98, 98.01, 98), 3))[0][2] == D("97.96")
    matching.set_instruments([])
    (refused,) = matching.place(entry(LONG, "1", "101", "97", "e2"), 4)
    assert isinstance(refused, OrderRefused)
    assert refused.refusal is Refusal.SYMBOL
    matching.set_instruments([INSTRUMENT])
    (refused,) = matching.place(entry(LONG, "1", "101", "97", "e2"), 5)
    assert isinstance(refused, OrderRefused)
    assert refused.detail == "AAAUSDT: expected a quote, none seen yet"


# --- money


def test_golden_long_stopped_out() -> None:
    matching = long_100()
    matching.place(target(LONG, "4.9", "103"), 3)
    matching.see_quote(quote(98.0, 98.01, 97.9), 4)
    assert matching.statement() == Statement(
        start=START, realized=D("-25.092"), fees=D("1.3391994"), funding=D(0), unrealized=D(0)
    )
    assert matching.account().balance - START == D("-26.4311994")


def test_golden_long_gap() -> None:
    matching = long_100()
    matching.see_quote(quote(97.0, 97.01, 97.0), 4)
    assert matching.account().balance - START == D("-38.7244344")


def test_golden_short_with_a_target_and_breakeven() -> None:
    matching = short_50()
    matching.place(target(SHORT, "40", "49.10"), 3)
    matching.place(target(SHORT, "35", "48.32", "t2"), 3)
    assert brief(matching.see_quote(quote(49.08, 49.09, 49.09), 4)) == [
        ("t1", D(40), D("49.10"), True)
    ]
    assert matching.set_stop(1, SYMBOL, SHORT, D("49.95"), 4) == StopSet(1, D("49.95"), 4)
    assert brief(matching.see_quote(quote(49.94, 49.95, 49.95), 5)) == [
        ("1-stop-5-1", D(60), D("49.97"), False)
    ]
    assert matching.account().balance - START == D("33.00819")
    assert matching.find("t2") == gone("t2", OrderState.CANCELED, "0", "the position is flat")


def test_unrealized_is_marked_at_the_closing_touch() -> None:
    matching = short_50()
    matching.see_quote(quote(49.00, 49.05, 49.2), 3)
    statement = matching.statement()
    assert statement == Statement(START, D(0), D("2.75"), D(0), D(95))
    assert (statement.balance, statement.equity) == (START - D("2.75"), START + D("92.25"))


def test_equity_is_unknown_without_a_price() -> None:
    matching = restored("98")
    statement = matching.statement()
    assert statement == Statement(START, D(0), D(0), D(0), None)
    assert (statement.balance, statement.equity) == (START, None)


def test_a_contract_is_worth_its_size() -> None:
    sized = msgspec.structs.replace(INSTRUMENT, contract_size=D(10))
    matching = Matching(START, D(0))
    matching.set_instruments([sized])
    matching.see_quote(quote(100, 100, 100), 1)
    matching.place(entry(LONG, "2", "101", "98"), 2)
    matching.see_quote(quote(103, 103, 103), 3)
    assert matching.statement() == Statement(START, D(0), D("1.1"), D(0), D(60))
    matching.place(market_exit(LONG, "2"), 4)
    assert matching.statement() == Statement(START, D(60), D("2.233"), D(0), D(0))


def test_an_average_that_never_ends_loses_nothing() -> None:
    matching = opened_market(100, 100, 100, slippage="0")
    matching.place(entry(LONG, "1", "101", "98"), 2)
    matching.see_quote(quote(100.01, 100.01, 100.01), 3)
    matching.place(entry(LONG, "2", "101", None, "e2"), 4)
    for n in range(3):
        matching.place(market_exit(LONG, "1", f"x{n}"), 5)
    assert matching.statement().realized == D("0.01")  # 3 * 100.01 - 100 - 2 * 100.01
