"""The add-on: once a position, more of what wins, without ever risking more than at the start.

It exists apart because it is the one rule that grows a position after its entry. It must never act
while a gate is closed, nor add what the caps of a new entry would refuse.
"""

from decimal import Decimal

from engine.core import guard
from engine.core.bets import bet_risk
from engine.core.exits import addon_qty, wants_addon
from engine.core.exposure import equity_now, gross_notional, headroom, open_risk
from engine.core.indicators import EMA_TAPS, ema9, obv12
from engine.core.plan import BPS, worst_entry
from engine.core.positions import Position
from engine.core.results import snapshot
from engine.core.turn import Turn
from engine.core.values import Instrument, Order, OrderKind, PositionState, Purpose, exact


def consider(turn: Turn, position: Position, close: float) -> None:
    """At a bar close: add to the position if it earned it."""
    instrument = turn.market.instrument(position.symbol)
    is_barred = position.symbol in turn.ledger.state.barred
    is_calm = position.state is PositionState.PROTECTED and not guard.is_growing(turn, position)
    is_open = not turn.ledger.state.gates and not turn.market.is_stale(position.symbol, turn.at_ms)
    if (
        is_barred
        or not (position.exits.addon_enabled and is_calm and is_open)
        or instrument is None
    ):
        return
    _, ohlcv = turn.market.candles(position.symbol, EMA_TAPS)
    trend = ema9(ohlcv[:, 3])[-1], obv12(ohlcv[:, 3], ohlcv[:, 4])[-1]
    seen = snapshot(position)
    if not wants_addon(seen, close, float(trend[0]), float(trend[1]), position.exits):
        return
    limit = worst_entry(position.side.entry, exact(close), instrument, turn.settings)
    room = _room(turn, position, (limit, instrument))
    qty = instrument.qty(min(addon_qty(seen, close, instrument, position.exits), room))
    is_worth = instrument.notional(exact(close), qty) >= instrument.notional_min
    if is_worth and qty >= instrument.qty_min:
        guard.place(turn, _order(turn, position, qty, limit))


def _room(turn: Turn, position: Position, terms: tuple[Decimal, Instrument]) -> Decimal:
    """What the caps of a new entry leave, in units; none while equity is unknown."""
    ledger, market, risk = turn.ledger, turn.market, turn.settings.risk
    (limit, instrument), equity = terms, equity_now(ledger, market)
    if equity is None or position.stop is None:
        return Decimal(0)
    unit_loss = abs(limit - position.stop)
    unit_loss += (limit + position.stop) * instrument.taker_bps / BPS
    above_floor = headroom(ledger, market, risk)
    most = exact(risk.open_risk_max_pct) / 100 * equity
    in_bet = bet_risk(turn, position.symbol, position.side, position.last_bar_ms)
    caps = [
        (exact(risk.max_notional_usd) - position.qty * limit) / limit,
        (exact(risk.leverage_max) * equity - gross_notional(ledger, market)) / limit,
        (most - open_risk(ledger, market)) / unit_loss,
        (exact(risk.correlated_share_max_frac) * most - in_bet) / unit_loss,
        *([] if above_floor is None else [above_floor / unit_loss]),
    ]
    return max(Decimal(0), min(caps))


def _order(turn: Turn, position: Position, qty: Decimal, limit: Decimal) -> Order:
    """Like an entry, but under the stop that stands already."""
    return Order(
        id=guard.new_order_id(turn, Purpose.ADDON),
        position_id=position.id,
        symbol=position.symbol,
        purpose=Purpose.ADDON,
        side=position.side.entry,
        kind=OrderKind.IOC,
        qty=qty,
        reduce_only=False,
        reason="addon",
        price=limit,
    )
