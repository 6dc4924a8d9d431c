"""What we hold and what it may cost: equity, open risk, and the room above the floor.

It exists so that sizing, gates and views read the same numbers. It must never decide anything and
never invent one: without a price or an anchor the answer is None, or the term is left out.
"""

from decimal import Decimal

from engine.core.ledger import Ledger
from engine.core.market import Market
from engine.core.orders import Progress
from engine.core.positions import Position
from engine.core.terms import Risk
from engine.core.values import DAY_MS, Instrument, Ms, OrderSide, exact

BPS = Decimal(10_000)
DEPTH_BPS = 30


def equity_now(ledger: Ledger, market: Market) -> Decimal | None:
    """Balance plus open results at the closing side; None while a mark is missing."""
    total = ledger.balance
    for position in (p for p in ledger.positions if p.qty):
        mark = mark_of(market, position)
        if mark is None:
            return None
        total += position.unrealized(mark)
    return total


def mark_of(market: Market, position: Position) -> float | None:
    """The price at which the position could be closed now; the last close without a quote."""
    quote = market.quote(position.symbol)
    if quote is not None:
        return quote.bid if position.side.exit is OrderSide.SELL else quote.ask
    _, ohlcv = market.candles(position.symbol, 1)
    return float(ohlcv[-1, 3]) if len(ohlcv) else None


def spread_of(market: Market, symbol: str) -> float | None:
    """Ask minus bid; None without a quote."""
    quote = market.quote(symbol)
    return None if quote is None else quote.ask - quote.bid


def depth_of(market: Market, symbol: str, taken: OrderSide, at_ms: Ms) -> Decimal | None:
    """USD within 30 bps of the middle on the side of the book that is taken; None = unknown.

    Where the book ends before, what it shows: more than that is not counted on.
    """
    follow = market.flow.get(symbol)
    depth = None if follow is None else follow.depth(at_ms)
    return None if depth is None else exact(depth.side(taken, DEPTH_BPS).usd)


def open_risk(ledger: Ledger, market: Market) -> Decimal:
    """What all stops together would lose, pending orders included."""
    return sum((risk_of(ledger, market, p) for p in ledger.positions), Decimal(0))


def risk_of(ledger: Ledger, market: Market, position: Position) -> Decimal:
    """What one stop would lose, and its pending orders with it.

    `qty*max(0, d*(avg - stop)) + qty*stop*taker`; without the fee while the instrument is unknown.
    """
    taker = _taker(market.instrument(position.symbol))
    pending = _planned(ledger, position, taker)
    if not position.qty:
        return pending
    stop = _stop_of(position)
    loss = max(Decimal(0), position.side.sign * (position.avg - stop))
    return pending + position.qty * (loss + stop * taker)


def gross_notional(ledger: Ledger, market: Market) -> Decimal:
    """Value of all positions at their marks, and of what is pending at its limits."""
    total = Decimal(0)
    for position in ledger.positions:
        mark = mark_of(market, position)
        if position.qty and mark is not None:
            total += position.qty * exact(mark)
        for order in _growing(ledger, position):
            total += order.left_qty * _price_of(order, position)
    return total


def worst_equity(ledger: Ledger, market: Market) -> Decimal:
    """Equity if every stop were hit now, at its price: profits behind a stop count as well.

    `balance + sum(qty*d*(stop - avg) - qty*stop*taker)`, less the planned risk of what is pending.
    """
    total = ledger.balance
    for position in ledger.positions:
        taker, stop = _taker(market.instrument(position.symbol)), _stop_of(position)
        total -= _planned(ledger, position, taker)
        if position.qty:
            won = position.side.sign * (stop - position.avg)
            total += position.qty * (won - stop * taker)
    return total


def floor_equity(ledger: Ledger, risk: Risk) -> Decimal | None:
    """What no new trade may be able to cross: the nearer of the daily and the kill limit.

    None while neither the day's anchor nor the peak is known.
    """
    limits = (
        (ledger.state.day_start, risk.daily_loss_limit_pct),
        (ledger.state.peak, risk.kill_switch_pct),
    )
    floors = [top * (1 - exact(limit) / 100) for top, limit in limits if top is not None]
    return max(floors, default=None)


def headroom(ledger: Ledger, market: Market, risk: Risk) -> Decimal | None:
    """How much a new trade may lose before equity could cross the floor; None without a floor."""
    floor = floor_equity(ledger, risk)
    return None if floor is None else worst_equity(ledger, market) - floor


def soft_mult(ledger: Ledger, equity: Decimal, risk: Risk, at_ms: Ms) -> Decimal:
    """What the intended risk is multiplied by: less than 1 for as long as a reason stands."""
    return exact(risk.soft_mult) if reduced_why(ledger, equity, risk, at_ms) else Decimal(1)


def reduced_why(ledger: Ledger, equity: Decimal, risk: Risk, at_ms: Ms) -> str:
    """Why new trades are smaller: a limit is near, or live trading is new; empty while not."""
    state = ledger.state
    if _fell_beyond(state.day_start, equity, (risk.soft_daily_frac, risk.daily_loss_limit_pct)):
        return "the day's loss is near its limit"
    if _fell_beyond(state.peak, equity, (risk.soft_drawdown_frac, risk.kill_switch_pct)):
        return "the drawdown is near the kill switch"
    is_new = state.arm is not None and at_ms - state.armed_ms < DAY_MS
    return "the first day of live trading" if is_new else ""


def _fell_beyond(top: Decimal | None, equity: Decimal, limit: tuple[float, float]) -> bool:
    """Whether the fall from `top` exceeds this share of this percentage."""
    share, pct = limit
    return top is not None and (top - equity) * 100 > exact(share) * exact(pct) * top


def _planned(ledger: Ledger, position: Position, taker: Decimal) -> Decimal:
    """What pending orders would lose at the stop, filled at the worst price they accept."""
    stop, total = _stop_of(position), Decimal(0)
    for order in _growing(ledger, position):
        price = _price_of(order, position)
        total += order.left_qty * (abs(price - stop) + (price + stop) * taker)
    return total


def _growing(ledger: Ledger, position: Position) -> list[Progress]:
    """Entries and add-ons the exchange may still fill."""
    orders = ledger.orders_of(position.id)
    return [o for o in orders if o.is_live and o.order.purpose.is_growing]


def _price_of(order: Progress, position: Position) -> Decimal:
    return order.order.price or _stop_of(position)


def _stop_of(position: Position) -> Decimal:
    """The stop the exchange shows, or else the one it was asked for."""
    return position.stop if position.stop is not None else position.asked_stop


def _taker(instrument: Instrument | None) -> Decimal:
    return instrument.taker_bps / BPS if instrument is not None else Decimal(0)
