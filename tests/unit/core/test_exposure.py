"""Equity, open risk and headroom: golden numbers, what is pending, and what is not known."""

from decimal import Decimal

import msgspec
import numpy as np
import pytest
from holdings import Trade, ledger_of

from builders import INSTRUMENT, T0, D
from engine.core import facts as f
from engine.core.events import QuoteSeen
from engine.core.exposure import (
    equity_now,
    floor_equity,
    gross_notional,
    headroom,
    mark_of,
    open_risk,
    risk_of,
    soft_mult,
    spread_of,
    worst_equity,
)
from engine.core.ledger import Ledger
from engine.core.market import Market
from engine.core.settings import Settings
from engine.core.terms import Risk
from engine.core.values import OrderState, Purpose, Side, StopKind

RISK = Risk()
LONG = Trade()
SHORT = Trade(2, "ETHUSDT", Side.SHORT, stop=D(102))
TAKER = D("0.00055")


def market(quotes: dict[str, tuple[float, float]] | None = None) -> Market:
    """Both symbols with the golden rules; each quote is a bid and an ask."""
    found = Market(Settings())
    names = ("SOLUSDT", "ETHUSDT")
    found.set_instruments([msgspec.structs.replace(INSTRUMENT, symbol=s) for s in names])
    found.set_universe(names)
    for symbol, (bid, ask) in (quotes or {}).items():
        found.see_quote(QuoteSeen(symbol, bid, ask, bid, T0), T0)
    return found


def anchored(day: int | None, peak: int | None, *facts: f.AnyFact) -> Ledger:
    anchors = (
        () if day is None else (f.DayRolled("2025-06-15", D(day)),),
        () if peak is None else (f.EquityPeaked(D(peak)),),
    )
    return ledger_of(D(9500), *facts, *anchors[0], *anchors[1])


def test_golden_headroom() -> None:
    ledger = anchored(10_000, 10_400, *LONG.held())
    assert worst_equity(ledger, market()) == D("9479.461")
    assert floor_equity(ledger, RISK) == D(9200)
    assert headroom(ledger, market(), RISK) == D("279.461")


def test_golden_open_risk() -> None:
    first = Trade(qty=D("87.5"), price=D("103.00"), stop=D("101.48"))
    assert open_risk(ledger_of(D(10_000), *first.held()), market()) == D("137.883725")


@pytest.mark.parametrize(
    ("day", "peak", "floor"),
    [
        (None, None, None),
        (10_000, None, D(9200)),
        (None, 10_400, D(8528)),
        (10_000, 10_400, D(9200)),
        (9_000, 10_400, D(8528)),
    ],
)
def test_an_unknown_anchor_sets_no_floor(
    day: int | None, peak: int | None, floor: Decimal | None
) -> None:
    ledger = anchored(day, peak)
    assert floor_equity(ledger, RISK) == floor
    room = headroom(ledger, market(), RISK)
    assert room == (None if floor is None else 9500 - floor)


@pytest.mark.parametrize("trade", [LONG, SHORT])
def test_what_is_pending_counts_at_its_limit(trade: Trade) -> None:
    ledger = ledger_of(D(10_000), *trade.entering())
    planned = 10 * (2 + (100 + trade.stop) * TAKER)
    assert open_risk(ledger, market()) == planned
    assert worst_equity(ledger, market()) == 10_000 - planned
    assert gross_notional(ledger, market()) == 1000
    assert equity_now(ledger, market()) == 10_000


@pytest.mark.parametrize("trade", [LONG, SHORT])
def test_an_entry_filled_in_part_counts_both_ways(trade: Trade) -> None:
    ledger = ledger_of(D(10_000), *trade.entering(), trade.filled(D(4)))
    quotes = market({trade.symbol: (101.0, 101.0)})
    held, rest = 4 * (2 + trade.stop * TAKER), 6 * (2 + (100 + trade.stop) * TAKER)
    assert risk_of(ledger, quotes, ledger.positions[0]) == held + rest
    assert worst_equity(ledger, quotes) == 10_000 - held - rest
    assert gross_notional(ledger, quotes) == 4 * 101 + 6 * 100


def test_an_entry_that_ended_is_not_pending_any_more() -> None:
    ended = f.OrderEnded("alpha-1-1E", OrderState.CANCELED, "deadline")
    ledger = ledger_of(D(10_000), *LONG.entering(), LONG.filled(D(4)), ended)
    assert open_risk(ledger, market()) == 4 * (2 + 98 * TAKER)


@pytest.mark.parametrize("trade", [LONG, SHORT])
def test_an_add_on_is_pending_to_the_stop_that_stands(trade: Trade) -> None:
    d = trade.side.sign
    better = f.StopMoved(trade.id, D(100 + d), StopKind.TRAILING)
    ledger = ledger_of(D(10_000), *trade.held(), better, trade.adding(D(3), D(100 + 4 * d)))
    quotes = market({trade.symbol: (100.0, 100.0)})
    fee, planned = 10 * (100 + d) * TAKER, 3 * (3 + (200 + 5 * d) * TAKER)
    assert open_risk(ledger, quotes) == fee + planned
    # the profit behind the stop is there when the stop is hit
    assert worst_equity(ledger, quotes) == 10_000 + 10 - fee - planned
    assert gross_notional(ledger, quotes) == 1000 + 3 * (100 + 4 * d)


def test_an_order_without_a_price_is_taken_at_the_stop() -> None:
    entry = LONG.entering()
    market_order = msgspec.structs.replace(LONG.adding(D(1), D(1)).order, price=None)
    ledger = ledger_of(D(0), *entry, LONG.filled(D(10)), f.OrderPlaced(market_order))
    assert open_risk(ledger, market()) == 10 * (2 + 98 * TAKER) + 1 * 2 * 98 * TAKER


def test_the_stop_that_was_asked_for_stands_in_for_one_not_shown_yet() -> None:
    ledger = ledger_of(D(0), *LONG.entering(), LONG.filled(D(10)))
    assert ledger.positions[0].stop is None
    assert open_risk(ledger, market()) == 10 * (2 + 98 * TAKER)
    asked = f.StopAsked(1, D(99), StopKind.TRAILING)  # on its way: the one shown still counts
    moving = ledger_of(D(0), *LONG.held(), asked)
    assert open_risk(moving, market()) == 10 * (2 + 98 * TAKER)


def test_a_fee_nobody_knows_is_left_out() -> None:
    blind = Market(Settings())
    ledger = ledger_of(D(0), *LONG.held(), *SHORT.entering())
    assert open_risk(ledger, blind) == 40
    assert worst_equity(ledger, blind) == -40


def test_long_and_short_are_worth_the_same_mirrored() -> None:
    quotes = market({"SOLUSDT": (101.0, 101.5), "ETHUSDT": (98.5, 99.0)})
    long, short = (ledger_of(D(0), *trade.held()) for trade in (LONG, SHORT))
    assert equity_now(long, quotes) == equity_now(short, quotes) == 10
    assert [mark_of(quotes, x.positions[0]) for x in (long, short)] == [101.0, 99.0]
    assert spread_of(quotes, "SOLUSDT") == 0.5
    assert spread_of(market(), "SOLUSDT") is None


def test_a_position_is_marked_at_the_last_close_where_nobody_quotes() -> None:
    ledger, closes = ledger_of(D(0), *LONG.held()), market()
    assert equity_now(ledger, closes) is None
    bars = np.array([[100.0, 103.0, 99.0, 101.0, 5.0], [101.0, 103.0, 99.0, 102.5, 5.0]])
    closes.load_history("SOLUSDT", np.array([0, 300_000]), bars)
    assert mark_of(closes, ledger.positions[0]) == 102.5
    assert equity_now(ledger, closes) == 25
    assert gross_notional(ledger, closes) == 1025


def test_a_flat_position_needs_no_mark() -> None:
    gone = LONG.filled(D(10), Purpose.EXIT)
    ledger = ledger_of(D(50), *LONG.held(), gone)
    assert equity_now(ledger, market()) == 50
    assert (open_risk(ledger, market()), worst_equity(ledger, market())) == (D(0), D(50))
    assert gross_notional(ledger, market()) == 0


@pytest.mark.parametrize(
    ("day", "peak", "equity", "mult"),
    [
        (None, None, "1", "1"),
        (10_000, None, "9360.00", "1"),  # 6.4 % is 0.8 of 8 %
        (10_000, None, "9359.99", "0.5"),
        (None, 10_000, "9100.00", "1"),  # 9 % is half of 18 %
        (None, 10_000, "9099.99", "0.5"),
        (9_200, 10_000, "9100.00", "1"),
        (10_000, 10_000, "9000", "0.5"),
        (10_000, 10_000, "12000", "1"),
    ],
)
def test_risk_is_reduced_once_a_limit_is_near(
    day: int | None, peak: int | None, equity: str, mult: str
) -> None:
    assert soft_mult(anchored(day, peak), D(equity), RISK, 0) == D(mult)
