"""The add-on: once a position, more of what wins, without ever risking more than at the start.

It exists apart because it is the one rule that grows a position after its entry. It must never act
while a gate is closed, nor add what the caps of a new entry would refuse.
"""

from decimal import Decimal

from engine.core import guard
from engine.core.exits import addon_qty, wants_addon
from engine.core.exposure import equity_now, gross_notional
from engine.core.indicators import EMA_TAPS, ema9, obv12
from engine.core.plan import worst_entry
from engine.core.positions import Position
from engine.core.results import snapshot
from engine.core.turn import Turn
from engine.core.values import Instrument, Order, OrderKind, PositionState, Purpose, exact


def consider(turn: Turn, position: Position, close: float) -> None:
    """At a bar close: add to the position if it earned it."""
    instrument = turn.market.instrument(position.symbol)
    is_calm = position.state is PositionState.PROTECTED and not guard.is_growing(turn, position)
    is_open = not turn.ledger.state.gates and not turn.market.is_stale(position.symbol, turn.at_ms)
    if not (position.exits.addon_enabled and is_calm and is_open) or instrument is None:
        return
    _, ohlcv = turn.market.candles(position.symbol, EMA_TAPS)
    trend = ema9(ohlcv[:, 3])[-1], obv12(ohlcv[:, 3], ohlcv[:, 4])[-1]
    seen = snapshot(position)
    if not wants_addon(seen, close, float(trend[0]), float(trend[1]), position.exits):
        return
    qty = min(addon_qty(seen, close, instrument, position.exits), _room(turn, position, close))
    qty = instrument.qty(qty)
    if (
        qty >= instrument.qty_min
        and instrument.notional(exact(close), qty) >= instrument.notional_min
    ):
        guard.place(turn, _order(turn, position, qty, (close, instrument)))


def _room(turn: Turn, position: Position, close: float) -> Decimal:
    """What the caps on notional and leverage leave, in units; none while equity is unknown."""
    equity, risk, price = equity_now(turn.ledger, turn.market), turn.settings.risk, exact(close)
    if equity is None:
        return Decimal(0)
    own = exact(risk.max_notional_usd) - position.qty * price
    all_of_it = exact(risk.leverage_max) * equity - gross_notional(turn.ledger, turn.market)
    return max(Decimal(0), min(own, all_of_it) / price)


def _order(turn: Turn, position: Position, qty: Decimal, terms: tuple[float, Instrument]) -> Order:
    """Like an entry, but under the stop that stands already."""
    close, instrument = terms
    side = position.side.entry
    return Order(
        id=guard.new_order_id(turn, Purpose.ADDON),
        position_id=position.id,
        symbol=position.symbol,
        purpose=Purpose.ADDON,
        side=side,
        kind=OrderKind.IOC,
        qty=qty,
        reduce_only=False,
        reason="addon",
        price=worst_entry(side, exact(close), instrument, turn.settings),
    )
