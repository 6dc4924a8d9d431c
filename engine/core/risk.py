"""May this signal become a trade, and how large: limits judged in a fixed order.

It exists so that nothing places an entry without an approved plan in hand. A refusal is a value
with its rows, shown verbatim by `/why`; exits and protection never pass through here.
"""

from decimal import Decimal

import msgspec

from engine.core.ledger import Ledger
from engine.core.market import Market
from engine.core.plan import Account, Priced, legal, priced, size
from engine.core.positions import Position
from engine.core.scan import build_check
from engine.core.turn import Turn
from engine.core.values import (
    Check,
    GateName,
    Instrument,
    OrderSide,
    Plan,
    Signal,
    exact,
)


class Review(msgspec.Struct, frozen=True):
    """The risk rows of a signal, and the plan if all of them passed."""

    rows: tuple[Check, ...]
    plan: Plan | None

    @property
    def refusal(self) -> str:
        """The first failing row in words."""
        bad = next(row for row in self.rows if row.blocks)
        return f"{bad.name}: {bad.reason}" if bad.reason else bad.name


def review(turn: Turn, signal: Signal) -> Review:
    """Judge a signal against gates, slots, costs and caps, in the order of 10.5."""
    rows = [_gates(turn, signal.symbol), _expired(turn, signal), *_occupancy(turn, signal.symbol)]
    instrument = turn.market.instrument(signal.symbol)
    equity = equity_now(turn.ledger, turn.market)
    if instrument is None or equity is None:
        missing = "instrument" if instrument is None else "mark of an open position"
        return Review((*rows, _row("size", None, reason=f"the {missing} is unknown")), None)
    plan = priced(signal, instrument, spread_of(turn.market, signal.symbol), turn.settings)
    account = Account(equity, _notional(turn), open_risk(turn.ledger, turn.market))
    rows += [_stop(plan), _cost(plan, turn)]
    if any(row.blocks for row in rows):
        return Review(tuple(rows), None)
    sized = size(plan, account, instrument, turn.settings)
    rows.append(_size(sized.qty, sized.bound_by, sized.refusal))
    return Review(tuple(rows), None if sized.refusal else legal(signal, plan, sized))


def equity_now(ledger: Ledger, market: Market) -> Decimal | None:
    """Balance plus open results at the closing side; None while a mark is missing."""
    total = ledger.balance
    for position in ledger.positions:
        mark = mark_of(market, position)
        if position.qty and mark is None:
            return None
        total += position.unrealized(mark) if mark is not None else Decimal(0)
    return total


def mark_of(market: Market, position: Position) -> float | None:
    """The price at which the position could be closed now."""
    quote = market.quote(position.symbol)
    if quote is None:
        return None
    return quote.bid if position.side.exit is OrderSide.SELL else quote.ask


def spread_of(market: Market, symbol: str) -> float | None:
    """Ask minus bid; None without a quote."""
    quote = market.quote(symbol)
    return None if quote is None else quote.ask - quote.bid


def open_risk(ledger: Ledger, market: Market) -> Decimal:
    """What all stops together would lose, pending entries included (10.4)."""
    return sum((_risk_of(ledger, market, p) for p in ledger.positions), Decimal(0))


def _risk_of(ledger: Ledger, market: Market, position: Position) -> Decimal:
    instrument = market.instrument(position.symbol)
    stop = position.stop if position.stop is not None else position.asked_stop
    taker = _taker(instrument)
    if not position.entry_qty:
        entry = ledger.state.orders.get(position.entry_order_id)
        if entry is None:
            return Decimal(0)
        price = entry.order.price or stop
        return entry.order.qty * (abs(price - stop) + (price + stop) * taker)
    loss = max(Decimal(0), position.side.sign * (position.avg - stop))
    return position.qty * (loss + stop * taker)


def _taker(instrument: Instrument | None) -> Decimal:
    return instrument.taker_bps / 10_000 if instrument is not None else Decimal(0)


def _notional(turn: Turn) -> Decimal:
    total = Decimal(0)
    for position in turn.ledger.positions:
        mark = mark_of(turn.market, position)
        if position.qty and mark is not None:
            total += position.qty * exact(mark)
        elif entry := turn.ledger.state.orders.get(position.entry_order_id):
            total += entry.left_qty * (entry.order.price or Decimal(0))
    return total


def _gates(turn: Turn, symbol: str) -> Check:
    """No gate is closed, and this symbol itself delivers: its silence is nobody else's."""
    closed = turn.ledger.state.gates
    first = next((name for name in GateName if name in closed), None)
    reason = "" if first is None else f"{first}, {closed[first].why}"
    if not reason and turn.market.is_stale(symbol, turn.at_ms):
        reason = f"{GateName.STALE_DATA}, {symbol} is silent"
    return _row("gates", not reason, reason=reason)


def _expired(turn: Turn, signal: Signal) -> Check:
    fresh = turn.at_ms <= signal.expires_ms
    return _row("expiry", fresh, reason="" if fresh else "the signal expired")


def _occupancy(turn: Turn, symbol: str) -> list[Check]:
    ledger, risk = turn.ledger, turn.settings.risk
    busy = ledger.position_in(symbol)
    ended = ledger.state.cooling.get(symbol)
    waited = None if ended is None else (turn.at_ms - ended) / 1000
    cooldown = turn.settings.signals.cooldown_s
    used = len(ledger.positions)
    return [
        _row("busy", busy is None, reason="" if busy is None else f"position #{busy.id} is open"),
        _row(
            "cooldown",
            waited is None or waited >= cooldown,
            value=waited,
            need=float(cooldown),
            reason="no trade here yet" if waited is None else "",
        ),
        _row(
            "slots",
            used < risk.max_open_positions,
            value=float(used),
            need=float(risk.max_open_positions),
        ),
    ]


def _stop(plan: Priced) -> Check:
    good = plan.distance > 0
    return _row("stop", good, reason="" if good else "the stop is not on the losing side")


def _cost(plan: Priced, turn: Turn) -> Check:
    need = turn.settings.risk.cost_max_frac
    if plan.cost_frac is None:
        return _row("cost", None, need=need, reason="no stop distance")
    return _row("cost", plan.cost_frac <= exact(need), value=float(plan.cost_frac), need=need)


def _size(qty: Decimal, bound_by: str, refusal: str | None) -> Check:
    words = refusal or f"bound by {bound_by}"
    return _row("size", refusal is None, value=float(qty), reason=words)


def _row(
    name: str,
    passed: bool | None,  # noqa: FBT001 -- the outcome of the row is its second word
    *,
    value: float | None = None,
    need: float | None = None,
    reason: str = "",
) -> Check:
    return msgspec.structs.replace(build_check(name, "risk", value, need, passed), reason=reason)
