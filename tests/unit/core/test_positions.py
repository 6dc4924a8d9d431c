from itertools import product

import pytest

from builders import T0, D, fill
from engine.core.positions import IGNORED, TABLE, Position, PositionInput, Rung
from engine.core.values import OrderSide, PositionState, Purpose, Setup, Side, StopKind, Target


def position(side: Side = Side.LONG) -> Position:
    return Position(
        id=1,
        symbol="SOLUSDT",
        side=side,
        setup=Setup.MOMENTUM,
        signal_id="s",
        level_price=99.5,
        asked_stop=D(98),
    )


@pytest.mark.parametrize("pair", list(product(PositionState, PositionInput)))
def test_each_pair_is_classified_once(pair: tuple[PositionState, PositionInput]) -> None:
    assert (pair in TABLE) != (pair in IGNORED)


def test_growth_exposes_until_the_stop_is_shown_again() -> None:
    held = position()
    held.book(fill(), T0)
    assert (held.state, held.exposed_ms, held.opened_ms) == (PositionState.EXPOSED, T0, T0)
    held.show_stop(D(98), StopKind.INITIAL)
    assert (held.state, held.exposed_ms) == (PositionState.PROTECTED, None)
    held.book(fill(id="f2"), T0 + 1)
    assert (held.state, held.exposed_ms, held.qty) == (PositionState.EXPOSED, T0 + 1, D(20))


def test_a_lost_stop_exposes_and_keeps_the_first_instant() -> None:
    held = position()
    held.book(fill(), T0)
    held.show_stop(D(98), StopKind.INITIAL)
    held.lose_stop(T0 + 5)
    held.lose_stop(T0 + 9)
    assert (held.state, held.stop, held.exposed_ms) == (PositionState.EXPOSED, None, T0 + 5)


def test_realized_is_exact_when_flat_though_the_average_is_not() -> None:
    held = position()
    held.book(fill(qty=D(1), price=D("100.01"), fee=D(0)), T0)
    held.book(fill(qty=D(2), price=D("100.02"), fee=D(0), id="f2"), T0)
    for n, price in enumerate(("101.1", "101.2", "101.3")):
        held.book(fill(Purpose.EXIT, qty=D(1), price=D(price), fee=D("0.1"), id=f"x{n}"), T0)
    assert held.gross == D("303.6") - D("300.05")
    assert (held.qty, held.fees, held.exposed_ms) == (D(0), D("0.3"), None)


def test_a_short_gains_when_price_falls() -> None:
    held = position(Side.SHORT)
    held.book(fill(side=OrderSide.SELL), T0)
    held.fix(D(100), (D(2), D(20)), ())
    assert held.unrealized(99.0) == D(10)
    assert held.move_r(99.0) == 0.5
    held.hold(97.0, 101.0, 1.5)
    held.hold(98.0, 100.0, None)
    assert (held.best, held.worst, held.atr, held.bars_held) == (97.0, 101.0, 1.5, 2)
    assert held.extremes == (97.0, 101.0)


def test_the_rule_of_a_trade_is_that_of_its_last_fill() -> None:
    held = position()
    held.book(fill(qty=D(30)), T0)
    held.fix(D(100), (D(2), D(60)), (Target(1.5, D(103), D(10)),))
    held.rungs = [Rung(held.rungs[0].target, order_id="t")]
    held.book(fill(Purpose.TARGET, order_id="t", id="a"), T0)
    assert held.last_rule == "target_1"
    held.exit_rule = "time_stop"
    held.book(fill(Purpose.EXIT, id="b"), T0)
    assert held.last_rule == "time_stop"
    held.show_stop(D(101), StopKind.BREAKEVEN)
    held.book(fill(Purpose.STOP, id="c"), T0)
    assert held.last_rule == "BREAKEVEN"


def test_r_is_unknown_before_the_entry_is_fixed() -> None:
    held = position()
    assert held.move_r(101.0) is None
    assert held.unrealized(101.0) == 0
