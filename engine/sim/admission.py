"""Which orders the venue takes: steps, minima, sides and prices, judged before anything is booked.

It exists so that a wrong order is refused on paper for the same reason as on the real venue. It
must never change anything: each rule is a pure function of the order and what it meets.
"""

import math
from decimal import Decimal

from engine.core.events import QuoteSeen
from engine.core.values import (
    Instrument,
    Order,
    OrderKind,
    OrderSide,
    Purpose,
    Refusal,
    Side,
    exact,
)

Problem = tuple[Refusal, str]


def find_problem(
    order: Order, instrument: Instrument | None, held: Side | None, quote: QuoteSeen | None
) -> Problem | None:
    """Why the venue would refuse this order, first reason found; `held` is the position's side."""
    if instrument is None:
        return Refusal.SYMBOL, f"{order.symbol}: expected a tradable symbol"
    problem = _number_problem(order, instrument) or side_problem(order, held)
    if problem is not None or order.kind is OrderKind.LIMIT:
        return problem
    if quote is None:
        return Refusal.OTHER, f"{order.symbol}: expected a quote, none seen yet"
    return None if order.reduce_only else _entry_problem(order, instrument, quote)


def side_problem(order: Order, held: Side | None) -> Problem | None:
    """What would flip, grow or hang beside the one position of the symbol."""
    if order.purpose is Purpose.ADDON:
        return _addon_problem(order, held)
    if order.reduce_only:
        return _reducing_problem(order, held)
    if order.kind is OrderKind.LIMIT:
        return Refusal.OTHER, f"{order.symbol}: expected LIMIT to be reduce-only"
    if held is not None and order.side is held.exit:
        return Refusal.OTHER, f"{order.symbol}: expected reduce-only against a position"
    return None


def stop_problem(
    side: Side, price: Decimal, instrument: Instrument | None, quote: QuoteSeen | None
) -> str | None:
    """Why the stop of a position cannot be moved there: off tick, or passed by the last trade."""
    if instrument is None or not is_multiple(price, instrument.tick):
        return f"stop {price}: expected a price on the tick"
    if quote is not None and side.sign * (exact(quote.last) - price) <= 0:
        return f"stop {price}: expected on the losing side of the last trade {quote.last}"
    return None


def _reducing_problem(order: Order, held: Side | None) -> Problem | None:
    if held is None or order.side is not held.exit:
        return Refusal.REDUCE_ONLY, f"{order.symbol}: expected a position to reduce"
    if order.stop is not None:
        return Refusal.OTHER, f"stop {order.stop}: expected none with reduce-only"
    return None


def _addon_problem(order: Order, held: Side | None) -> Problem | None:
    """An add-on takes what is there or nothing, under the stop that stands already.

    Like the venue we do not ask why it comes: without a position it opens one, and no stop.
    """
    if order.reduce_only or (held is not None and order.side is held.exit):
        return Refusal.OTHER, f"{order.symbol}: expected an add-on to grow a position"
    if order.kind is not OrderKind.IOC:
        return Refusal.OTHER, f"{order.kind}: expected IOC for an add-on"
    if order.stop is not None:
        return Refusal.OTHER, f"stop {order.stop}: expected none with an add-on"
    return None


def touch_of(quote: QuoteSeen, side: OrderSide) -> Decimal:
    """The best price an order of this side takes."""
    return exact(quote.ask if side is OrderSide.BUY else quote.bid)


def is_sane(quote: QuoteSeen) -> bool:
    """Whether prices are positive, finite and not crossed; a NaN fails every comparison."""
    return 0 < quote.bid <= quote.ask < math.inf and 0 < quote.last < math.inf


def is_multiple(x: Decimal, step: Decimal) -> bool:
    """Whether `x` is a finite positive multiple of `step`."""
    return x.is_finite() and x > 0 and x % step == 0


def _number_problem(order: Order, instrument: Instrument) -> Problem | None:
    """Quantity and prices that are missing, too much, or off their steps."""
    if not is_multiple(order.qty, instrument.lot):
        return Refusal.OTHER, f"qty {order.qty}: expected a positive multiple of {instrument.lot}"
    if (order.price is None) is not (order.kind is OrderKind.MARKET):
        return Refusal.OTHER, f"price {order.price}: expected with LIMIT and IOC only"
    for name, price in (("price", order.price), ("stop", order.stop)):
        if price is not None and not is_multiple(price, instrument.tick):
            detail = f"{name} {price}: expected a positive multiple of {instrument.tick}"
            return Refusal.OTHER, detail
    return None


def _entry_problem(order: Order, instrument: Instrument, quote: QuoteSeen) -> Problem | None:
    """Minima, and an attached stop the market has already passed; reduce-only is exempt."""
    touch = touch_of(quote, order.side)
    if order.qty < instrument.qty_min:
        return Refusal.OTHER, f"qty {order.qty}: expected at least {instrument.qty_min}"
    notional = instrument.notional(order.price or touch, order.qty)
    if notional < instrument.notional_min:
        detail = f"notional {notional}: expected at least {instrument.notional_min}"
        return Refusal.MIN_NOTIONAL, detail
    sign, last = order.side.sign, exact(quote.last)
    if order.stop is not None and sign * order.stop >= min(sign * last, sign * touch):
        detail = f"stop {order.stop}: expected on the losing side of {last} and {touch}"
        return Refusal.STOP_SIDE, detail
    return None
