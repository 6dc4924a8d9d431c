"""From a claim about the market to legal numbers: entry limit, stop, loss per unit, quantity.

It exists as the only seam where a signal's floats become Decimals. A quantity is
never bumped up to a minimum and a stop is never tighter than computed.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from engine.core.settings import Settings
from engine.core.terms import Risk
from engine.core.values import Instrument, OrderSide, Plan, Side, Signal, exact

BPS = Decimal(10_000)


class Bound(StrEnum):
    """What keeps a quantity as small as it is: a cap, or another reason why it is refused."""

    RISK = "risk"
    NOTIONAL = "notional"
    LEVERAGE = "leverage"
    DEPTH = "depth"
    OPEN_RISK = "open_risk"
    CORRELATED = "correlated"
    FLOOR = "floor"
    MINIMUM = "minimum"  # the whole intended risk buys less than the exchange's least
    CRUMB = "crumb"  # of the whole intended risk the lot leaves too little
    UNKNOWN = "unknown"  # the instrument, a mark or the book is


class Account(msgspec.Struct, frozen=True):
    """What sizing may know of our money, all in quote currency."""

    equity: Decimal
    notional: Decimal  # sum over open positions and pending orders
    open_risk: Decimal  # the same
    bet_risk: Decimal  # the part of it that is the same bet
    headroom: Decimal | None  # what may be lost above the floor; None without a floor
    soft_mult: Decimal  # reduces the intended risk
    depth: Decimal | None = None  # of the side taken, within 30 bps; None = no cap


class Priced(msgspec.Struct, frozen=True):
    """A signal in legal prices, before a quantity exists."""

    price: Decimal
    limit: Decimal
    stop: Decimal
    distance: Decimal  # price to stop; not positive when the stop is on the wrong side
    unit_loss: Decimal  # loss per unit at the stop, costs included
    limit_loss: Decimal  # the same for an entry at the limit and a stop at its price, fees alone
    cost_frac: Decimal | None  # costs over distance; None without a distance


class Size(msgspec.Struct, frozen=True):
    """The quantity that survives every cap, and which cap bound it."""

    qty: Decimal
    bound_by: Bound
    refusal: str | None = None  # words, when the quantity may not be traded
    refused_by: Bound | None = None  # the same, to count by


def priced(
    signal: Signal, instrument: Instrument, spread: float | None, settings: Settings
) -> Priced:
    """Entry, worst entry, stop and loss per unit; `spread` in price units, if known."""
    price = exact(signal.price)
    stop = _stop(signal, instrument, spread, settings)
    distance = signal.side.sign * (price - stop)
    cost = (price + stop) * (instrument.taker_bps + _slip_bps(signal, spread, settings)) / BPS
    limit = worst_entry(signal.side.entry, price, instrument, settings)
    return Priced(
        price=price,
        limit=limit,
        stop=stop,
        distance=distance,
        unit_loss=abs(price - stop) + cost,
        limit_loss=abs(limit - stop) + (limit + stop) * instrument.taker_bps / BPS,
        cost_frac=cost / distance if distance > 0 else None,
    )


def worst_entry(
    side: OrderSide, price: Decimal, instrument: Instrument, settings: Settings
) -> Decimal:
    """The entry limit: never pays more than `execution.slippage_max_bps` beyond the decision."""
    raw = price * (1 + side.sign * exact(settings.execution.slippage_max_bps) / BPS)
    return instrument.price_down(raw) if side is OrderSide.BUY else instrument.price_up(raw)


def least_distance(
    atr: float, instrument: Instrument, spread: float | None, settings: Settings
) -> Decimal:
    """The nearest a stop may stand; without the spread term while the spread is unknown."""
    signals = settings.signals
    by_atr = exact(signals.stop_min_atr * atr)
    by_spread = exact(signals.stop_min_spreads * spread) if spread is not None else Decimal(0)
    return max(by_atr, by_spread, signals.stop_min_ticks * instrument.tick)


def size(plan: Priced, account: Account, instrument: Instrument, settings: Settings) -> Size:
    """The lot-floored minimum of all caps, or the words of its refusal."""
    risk = settings.risk
    intended = account.equity * exact(risk.risk_per_trade_pct) / 100 * account.soft_mult
    caps = _caps(plan, account, intended, risk)
    bound_by, cap = min(caps.items(), key=lambda item: item[1])
    if cap <= 0:
        return Size(Decimal(0), bound_by, f"nothing left under the {bound_by} cap", bound_by)
    qty = instrument.qty(cap)
    least = exact(risk.min_risk_frac) * intended
    small = _too_small(qty, plan, instrument, least)
    if small is None:
        return Size(qty, bound_by)
    why, words = small
    refused_by = why if bound_by is Bound.RISK else bound_by
    return Size(qty, bound_by, f"{words}, bound by {bound_by}", refused_by)


def _caps(plan: Priced, account: Account, intended: Decimal, risk: Risk) -> dict[Bound, Decimal]:
    """The largest quantity under each cap; of equals the first one names the refusal."""
    equity, loss = account.equity, plan.unit_loss
    open_risk_max = exact(risk.open_risk_max_pct) / 100 * equity
    bet_max = exact(risk.correlated_share_max_frac) * open_risk_max
    caps = {
        Bound.RISK: intended / loss,
        Bound.NOTIONAL: exact(risk.max_notional_usd) / plan.price,
        Bound.LEVERAGE: (exact(risk.leverage_max) * equity - account.notional) / plan.price,
    }
    if account.depth is not None:
        caps[Bound.DEPTH] = exact(risk.depth_max_frac) * account.depth / plan.price
    caps[Bound.OPEN_RISK] = (open_risk_max - account.open_risk) / loss
    caps[Bound.CORRELATED] = (bet_max - account.bet_risk) / loss
    if account.headroom is not None:
        # The floor must hold wherever the entry fills, so also at the limit.
        caps[Bound.FLOOR] = account.headroom / max(loss, plan.limit_loss)
    return caps


def legal(signal: Signal, plan: Priced, sized: Size) -> Plan:
    """The finished plan."""
    return Plan(
        signal_id=signal.id,
        symbol=signal.symbol,
        side=signal.side,
        qty=sized.qty,
        price=plan.price,
        limit=plan.limit,
        stop=plan.stop,
        risk_usd=sized.qty * plan.unit_loss,
        bound_by=sized.bound_by.value,
    )


def _too_small(
    qty: Decimal, plan: Priced, instrument: Instrument, least: Decimal
) -> tuple[Bound, str] | None:
    notional = instrument.notional(plan.price, qty)
    if qty < instrument.qty_min:
        words = f"quantity {qty} is below the exchange's least {instrument.qty_min}"
        return Bound.MINIMUM, words
    if notional < instrument.notional_min:
        words = f"value {notional} is below the exchange's least {instrument.notional_min}"
        return Bound.MINIMUM, words
    if qty * plan.unit_loss < least:
        return Bound.CRUMB, "too small a part of the intended risk is left"
    return None


def _slip_bps(signal: Signal, spread: float | None, settings: Settings) -> Decimal:
    estimate = settings.execution.slippage_est_bps
    half = spread / signal.price * 1e4 / 2 if spread is not None else 0.0
    return exact(max(estimate, half))


def _stop(
    signal: Signal, instrument: Instrument, spread: float | None, settings: Settings
) -> Decimal:
    """The signal's stop on the tick, moved away to the least distance where it is nearer."""
    is_long = signal.side is Side.LONG
    snap = instrument.price_down if is_long else instrument.price_up
    stop = snap(signal.stop)
    least = least_distance(signal.atr, instrument, spread, settings)
    price = exact(signal.price)
    if 0 < signal.side.sign * (price - stop) < least:
        stop = snap(price - signal.side.sign * least)
    return stop
