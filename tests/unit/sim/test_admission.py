from decimal import Decimal

import msgspec
import pytest
from unit.contracts import INSTRUMENT, SYMBOL, addon, entry, market_exit, target

from engine.core.events import QuoteSeen
from engine.core.values import Order, OrderKind, OrderSide, Refusal, Side
from engine.sim.admission import find_problem, is_multiple, touch_of

D = Decimal
LONG, SHORT = Side.LONG, Side.SHORT
QUOTE = QuoteSeen(SYMBOL, 99.9, 100.1, 100, 1)

ALONE = (Refusal.OTHER, "AAAUSDT: expected an add-on to grow a position")
LONG_ENTRY = entry(LONG, "10", "101", "98")


def but(order: Order, **changes: object) -> Order:
    return msgspec.structs.replace(order, **changes)


@pytest.mark.parametrize(
    ("order", "held"),
    [
        (LONG_ENTRY, None),
        (LONG_ENTRY, LONG),
        (entry(SHORT, "10", "99", "102"), None),
        (entry(LONG, "0.2", "101", None), None),
        (but(LONG_ENTRY, kind=OrderKind.MARKET, price=None), None),
        (market_exit(LONG, "0.1"), LONG),
        (target(SHORT, "0.1", "0.01"), SHORT),
        (addon(LONG, "1", "101"), None),
        (addon(LONG, "1", "101"), LONG),
        (addon(SHORT, "1", "99"), SHORT),
        (but(target(LONG, "1", "99"), kind=OrderKind.IOC), LONG),
    ],
)
def test_taken(order: Order, held: Side | None) -> None:
    assert find_problem(order, INSTRUMENT, held, QUOTE) is None


@pytest.mark.parametrize(
    ("order", "held", "problem"),
    [
        (
            entry(LONG, "10.05", "101", "98"),
            None,
            (Refusal.OTHER, "qty 10.05: expected a positive multiple of 0.1"),
        ),
        (
            entry(LONG, "0", "101", "98"),
            None,
            (Refusal.OTHER, "qty 0: expected a positive multiple of 0.1"),
        ),
        (
            market_exit(LONG, "-1"),
            LONG,
            (Refusal.OTHER, "qty -1: expected a positive multiple of 0.1"),
        ),
        (
            market_exit(LONG, "NaN"),
            LONG,
            (Refusal.OTHER, "qty NaN: expected a positive multiple of 0.1"),
        ),
        (
            but(LONG_ENTRY, price=None),
            None,
            (Refusal.OTHER, "price None: expected with LIMIT and IOC only"),
        ),
        (
            but(market_exit(LONG, "1"), price=D(100)),
            LONG,
            (Refusal.OTHER, "price 100: expected with LIMIT and IOC only"),
        ),
        (
            entry(LONG, "10", "101.005", "98"),
            None,
            (Refusal.OTHER, "price 101.005: expected a positive multiple of 0.01"),
        ),
        (
            entry(LONG, "10", "101", "98.001"),
            None,
            (Refusal.OTHER, "stop 98.001: expected a positive multiple of 0.01"),
        ),
        (
            market_exit(LONG, "1"),
            None,
            (Refusal.REDUCE_ONLY, "AAAUSDT: expected a position to reduce"),
        ),
        (
            market_exit(LONG, "1"),
            SHORT,
            (Refusal.REDUCE_ONLY, "AAAUSDT: expected a position to reduce"),
        ),
        (
            but(market_exit(LONG, "1"), stop=D(98)),
            LONG,
            (Refusal.OTHER, "stop 98: expected none with reduce-only"),
        ),
        (
            but(LONG_ENTRY, kind=OrderKind.LIMIT),
            None,
            (Refusal.OTHER, "AAAUSDT: expected LIMIT to be reduce-only"),
        ),
        (
            LONG_ENTRY,
            SHORT,
            (Refusal.OTHER, "AAAUSDT: expected reduce-only against a position"),
        ),
        (addon(LONG, "1", "101"), SHORT, ALONE),
        (but(addon(LONG, "1", "101"), reduce_only=True), LONG, ALONE),
        (
            but(addon(LONG, "1", "101"), kind=OrderKind.LIMIT),
            LONG,
            (Refusal.OTHER, "LIMIT: expected IOC for an add-on"),
        ),
        (
            but(addon(LONG, "1", "101"), stop=D(98)),
            LONG,
            (Refusal.OTHER, "stop 98: expected none with an add-on"),
        ),
        (
            addon(LONG, "0.1", "101"),
            LONG,
            (Refusal.OTHER, "qty 0.1: expected at least 0.2"),
        ),
        (
            entry(LONG, "0.1", "101", "98"),
            None,
            (Refusal.OTHER, "qty 0.1: expected at least 0.2"),
        ),
        (
            entry(SHORT, "0.2", "24.99", None),
            None,
            (Refusal.MIN_NOTIONAL, "notional 4.998: expected at least 5"),
        ),
        (
            entry(LONG, "10", "101", "100"),
            None,
            (Refusal.STOP_SIDE, "stop 100: expected on the losing side of 100.0 and 100.1"),
        ),
        (
            entry(SHORT, "10", "99", "99.9"),
            None,
            (Refusal.STOP_SIDE, "stop 99.9: expected on the losing side of 100.0 and 99.9"),
        ),
    ],
)
def test_refused(order: Order, held: Side | None, problem: tuple[Refusal, str]) -> None:
    assert find_problem(order, INSTRUMENT, held, QUOTE) == problem


def test_a_market_order_is_measured_at_the_touch() -> None:
    order = but(LONG_ENTRY, kind=OrderKind.MARKET, price=None, qty=D("0.2"), stop=None)
    cheap = QuoteSeen(SYMBOL, 24.9, 24.99, 24.95, 1)
    problem = (Refusal.MIN_NOTIONAL, "notional 4.998: expected at least 5")
    assert find_problem(order, INSTRUMENT, None, cheap) == problem


def test_an_unknown_symbol_is_refused() -> None:
    problem = (Refusal.SYMBOL, "AAAUSDT: expected a tradable symbol")
    assert find_problem(LONG_ENTRY, None, None, QUOTE) == problem


def test_what_takes_needs_a_quote_and_what_rests_does_not() -> None:
    problem = (Refusal.OTHER, "AAAUSDT: expected a quote, none seen yet")
    assert find_problem(LONG_ENTRY, INSTRUMENT, None, None) == problem
    assert find_problem(market_exit(LONG, "1"), INSTRUMENT, LONG, None) == problem
    assert find_problem(target(LONG, "1", "103"), INSTRUMENT, LONG, None) is None


def test_the_touch_is_the_side_that_is_taken() -> None:
    assert touch_of(QUOTE, OrderSide.BUY) == D("100.1")
    assert touch_of(QUOTE, OrderSide.SELL) == D("99.9")


@pytest.mark.parametrize(
    ("x", "expected"),
    [("0.3", True), ("0.30", True), ("0.35", False), ("0", False), ("-0.1", False)],
)
def test_multiples(x: str, *, expected: bool) -> None:
    assert is_multiple(D(x), D("0.1")) is expected
