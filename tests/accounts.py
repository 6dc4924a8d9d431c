"""Small matchings for tests: a quoted market, a long from 100, a short from 50."""

from collections.abc import Iterable
from decimal import Decimal

from unit.contracts import INSTRUMENT, SYMBOL, entry

from engine.core.events import (
    AccountPosition,
    Event,
    FillSeen,
    OrderGone,
    QuoteSeen,
)
from engine.core.values import Fill, OrderState, Side
from engine.sim.matching import Liquidity, Matching

D = Decimal
LONG, SHORT = Side.LONG, Side.SHORT
START = D(10_000)


def quote(bid: float, ask: float, last: float) -> QuoteSeen:
    return QuoteSeen(SYMBOL, bid, ask, last, 1)


def listed(matching: Matching, bid: float, ask: float, last: float) -> Matching:
    matching.set_instruments([INSTRUMENT])
    assert matching.see_quote(quote(bid, ask, last), 1) == ()
    return matching


def opened_market(bid: float, ask: float, last: float, slippage: str = "4") -> Matching:
    return listed(Matching(START, D(slippage)), bid, ask, last)


def long_100(qty: str = "12.3", liquidity: Liquidity | None = None) -> Matching:
    """Long at exactly 100.00 with a stop at 98: 99.96 and 4 bps."""
    matching = listed(Matching(START, D(4), liquidity=liquidity), 99.95, 99.96, 99.96)
    matching.place(entry(LONG, qty, "101", "98"), 2)
    return matching


def short_50() -> Matching:
    """Short 100 at exactly 50.00 with a stop at 50.60: 50.03 less 4 bps."""
    matching = opened_market(50.03, 50.04, 50.03)
    matching.place(entry(SHORT, "100", "49.9", "50.60"), 2)
    return matching


def fills(events: Iterable[Event]) -> list[Fill]:
    return [e.fill for e in events if isinstance(e, FillSeen)]


def brief(events: Iterable[Event]) -> list[tuple[str, Decimal, Decimal, bool]]:
    return [(f.order_id, f.qty, f.price, f.is_maker) for f in fills(events)]


def positions(matching: Matching) -> tuple[AccountPosition, ...]:
    return matching.account().positions


def gone(order_id: str, state: OrderState, filled: str = "0", detail: str = "") -> OrderGone:
    return OrderGone(order_id, state, detail, D(filled))
