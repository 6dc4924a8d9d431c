"""What the exchange and other people do to the account beside us."""

import pytest
from accounts import LONG, SHORT, START, D, gone, long_100, positions, quote, short_50
from unit.contracts import SYMBOL, target

from engine.core.events import AccountPosition, FillSeen
from engine.core.values import Fill, OrderSide, OrderState, Purpose
from engine.sim.matching import Statement


@pytest.mark.parametrize(
    ("cause", "order_id"),
    [
        ("adl", "1-adl-5-1"),
        ("liquidation", "1-liquidation-5-1"),
        ("by hand", "1-by-hand-5-1"),
    ],
)
def test_what_others_take_is_a_fill_with_its_cause(cause: str, order_id: str) -> None:
    matching = long_100("10")
    matching.place(target(LONG, "8", "103"), 3)
    assert matching.reduce(SYMBOL, D(4), cause, 5) == (
        FillSeen(
            Fill(
                id=f"{order_id}:1",
                order_id=order_id,
                symbol=SYMBOL,
                purpose=Purpose.EXIT,
                side=OrderSide.SELL,
                qty=D(4),
                price=D("99.91"),  # 99.95 less 4 bps, down
                fee=4 * D("99.91") * D("0.00055"),
                is_maker=False,
                exchange_ms=5,
                cause=cause,
            )
        ),
    )
    assert positions(matching) == (AccountPosition(SYMBOL, LONG, D(6), D(100), D(98), 5),)
    assert matching.account().order_ids == ("t1",)


def test_taking_all_ends_what_rests() -> None:
    matching = short_50()
    matching.place(target(SHORT, "40", "49.10"), 3)
    seen, ended = matching.reduce(SYMBOL, D(500), "liquidation", 5)
    assert isinstance(seen, FillSeen)
    assert (seen.fill.side, seen.fill.qty) == (OrderSide.BUY, D(100))
    assert ended == gone("t1", OrderState.CANCELED, "0", "the position is flat")
    assert matching.account().fills[-1] == seen.fill
    assert (positions(matching), matching.account().order_ids) == ((), ())
    assert matching.reduce(SYMBOL, D(1), "adl", 6) == ()


def test_a_removed_stop_does_not_wake() -> None:
    matching = long_100("10")
    matching.drop_stop(SYMBOL, 5)
    bare = AccountPosition(SYMBOL, LONG, D(10), D(100), None, 5)
    assert positions(matching) == (bare,)
    assert matching.see_quote(quote(90, 90.01, 90), 6) == ()


@pytest.mark.parametrize("price", ["97", "99", "120"])
def test_a_hand_puts_the_stop_anywhere(price: str) -> None:
    matching = long_100("10")
    matching.put_stop(SYMBOL, D(price), 5)
    assert positions(matching) == (AccountPosition(SYMBOL, LONG, D(10), D(100), D(price), 5),)
    (seen,) = matching.see_quote(quote(float(price), float(price), float(price)), 6)
    assert isinstance(seen, FillSeen)
    assert (seen.fill.purpose, seen.fill.qty) == (Purpose.STOP, D(10))


def test_a_transfer_changes_the_balance_and_nothing_else() -> None:
    matching = long_100("10")
    before = matching.account()
    matching.transfer(D(500))
    matching.transfer(D(-200))
    assert matching.statement() == Statement(START + 300, D(0), D("0.55"), D(0), D("-0.5"))
    after = matching.account()
    assert after.balance == before.balance + 300
    assert (after.positions, after.fills) == (before.positions, before.fills)
