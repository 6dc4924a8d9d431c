"""Checks of limits: what is decided is legal on the exchange, within every cap, past no gate.

They exist because a cap is only one if somebody else counts as well. They must compute from facts
and quotes with Decimals, without the core's risk and plan.
"""

from decimal import Decimal

from engine.core import facts as f
from engine.core.values import Instrument, Ms, Order, Purpose, exact
from engine.sim.invariants_money import planned_loss
from engine.sim.scene import Scene, at_fact
from engine.sim.shadow import Held, Sent

SLACK = 1 + Decimal("1e-9")


@at_fact("I12", f.OrderPlaced)
def legal(scene: Scene, fact: f.OrderPlaced, _: Ms) -> str | None:
    """Steps and minima of the exchange."""
    order = fact.order
    rules = scene.truth.instruments[order.symbol]
    prices = [price for price in (order.price, order.stop) if price is not None]
    is_legal = (
        order.qty > 0
        and order.qty % rules.lot == 0
        and all(price > 0 and price % rules.tick == 0 for price in prices)
    )
    if order.purpose.is_growing:
        worth = (order.price or Decimal(0)) * order.qty
        # A limit below the decision price (a short's) may be worth a little less.
        is_legal &= order.qty >= rules.qty_min and worth >= rules.notional_min * Decimal("0.99")
        is_legal &= order.price is not None and (order.purpose is Purpose.ADDON) == (
            order.stop is None
        )
    return None if is_legal else f"{order} breaks the rules {rules}"


@at_fact("I12", f.OrderPlaced)
def within_caps(scene: Scene, fact: f.OrderPlaced, _: Ms) -> str | None:
    """Slots, notional, leverage, risk of the trade and of everything open."""
    order, equity = fact.order, scene.equity()
    held = scene.shadow.held.get(order.position_id)
    if not order.purpose.is_growing or equity is None or held is None:
        return None
    if order.purpose is Purpose.ADDON:
        return _addon(scene, order, held, equity)
    if held.taken is None:
        return f"{order.id} follows from no signal"
    return _entry(scene, order, exact(held.taken.signal.price), equity)


def _entry(scene: Scene, order: Order, price: Decimal, equity: Decimal) -> str | None:
    risk, stop = scene.settings.risk, order.stop or Decimal(0)
    loss = order.qty * _unit_loss(price, stop, scene.truth.instruments[order.symbol])
    open_risk = _open_risk(scene, order)
    sums = {
        "slots": (Decimal(len(scene.shadow.held)), Decimal(risk.max_open_positions)),
        "notional": (order.qty * price, exact(risk.max_notional_usd)),
        "leverage": (
            order.qty * price + _notional(scene, order),
            equity * exact(risk.leverage_max),
        ),
        "risk": (loss, equity * exact(risk.risk_per_trade_pct) / 100),
        "open risk": (loss + open_risk, equity * exact(risk.open_risk_max_pct) / 100),
        "floor": (_floor(scene), _worst(scene, order)),
    }
    if scene.is_one_bet:
        share = exact(risk.correlated_share_max_frac) / 100
        sums["one bet"] = (loss + open_risk, equity * exact(risk.open_risk_max_pct) * share)
    over = {name: pair for name, pair in sums.items() if pair[0] > pair[1] * SLACK}
    return f"{order.id} {order.qty} at {price}: {over}" if over else None


def _addon(scene: Scene, order: Order, held: Held, equity: Decimal) -> str | None:
    """An add-on is a share of the first quantity, and within notional and leverage."""
    mark, risk = scene.mark(held), scene.settings.risk
    if held.opened is None or mark is None or held.taken is None:
        return f"an add-on {order.id} to {held}"
    most = held.opened.qty0 * exact(held.taken.exits.addon_frac)
    worth = (held.qty + order.qty) * mark
    # The mark may have moved a little since the close that was judged.
    slack = Decimal("1.02")
    is_over = (
        order.qty > most
        or worth > exact(risk.max_notional_usd) * slack
        or _notional(scene, order) + order.qty * mark > equity * exact(risk.leverage_max) * slack
    )
    return f"{order.id} {order.qty} to {held}" if is_over else None


def _unit_loss(price: Decimal, stop: Decimal, rules: Instrument) -> Decimal:
    return abs(price - stop) + (price + stop) * rules.taker_bps / 10_000


def _pending(scene: Scene, order: Order) -> list[Sent]:
    """What may still grow something, `order` aside."""
    live = scene.shadow.live()
    return [s for s in live if s.order.purpose.is_growing and s.order.id != order.id]


def _notional(scene: Scene, order: Order) -> Decimal:
    """Value of everything open at its mark, and of everything pending but `order` at its limit."""
    total = Decimal(0)
    for held in scene.shadow.held.values():
        total += held.qty * (scene.mark(held) or Decimal(0))
    for sent in _pending(scene, order):
        total += (sent.order.qty - sent.filled) * (sent.order.price or Decimal(0))
    return total


def _open_risk(scene: Scene, order: Order) -> Decimal:
    held = [h for h in scene.shadow.held.values() if h.qty]
    return sum((planned_loss(scene, h) for h in held), _pending_risk(scene, order))


def _pending_risk(scene: Scene, order: Order) -> Decimal:
    total = Decimal(0)
    for sent in _pending(scene, order):
        held = scene.shadow.held.get(sent.order.position_id)
        if held is None:
            continue
        rules = scene.truth.instruments[held.symbol]
        left = sent.order.qty - sent.filled
        total += left * _unit_loss(sent.order.price or held.asked, held.asked, rules)
    return total


def _floor(scene: Scene) -> Decimal:
    """What no new trade may be able to cross."""
    risk, shadow = scene.settings.risk, scene.shadow
    day = (shadow.day_start or Decimal(0)) * (1 - exact(risk.daily_loss_limit_pct) / 100)
    return max(day, (shadow.peak or Decimal(0)) * (1 - exact(risk.kill_switch_pct) / 100))


def _worst(scene: Scene, order: Order) -> Decimal:
    """Equity if every stop were hit, this order's too, filled at its limit."""
    rules, stop = scene.truth.instruments[order.symbol], order.stop or Decimal(0)
    total = scene.shadow.balance - _pending_risk(scene, order)
    total -= order.qty * _unit_loss(order.price or stop, stop, rules)
    for held in scene.shadow.held.values():
        at = held.shown if held.shown is not None else held.asked
        fee = at * scene.truth.instruments[held.symbol].taker_bps / 10_000
        total += held.side.sign * (at * held.qty - held.cost) - held.qty * fee
    return total


@at_fact("I14", f.OrderPlaced, f.SignalTaken)
def past_no_gate(scene: Scene, fact: f.OrderPlaced | f.SignalTaken, _: Ms) -> str | None:
    """Nothing grows while a gate is closed."""
    is_growing = isinstance(fact, f.SignalTaken) or fact.order.purpose.is_growing
    closed = sorted(scene.shadow.gates)
    return f"{fact} past {closed}" if is_growing and closed else None


@at_fact("I17", f.OrderPlaced)
def market_speaks(scene: Scene, fact: f.OrderPlaced, at_ms: Ms) -> str | None:
    """Nothing grows where the last word is older than allowed."""
    order, limit_ms = fact.order, 1000 * scene.settings.market.stale_after_s
    heard_ms = scene.heard.get(order.symbol)
    if not order.purpose.is_growing or (heard_ms is not None and at_ms - heard_ms <= limit_ms):
        return None
    return f"{order.id} in {order.symbol}, last heard of at {heard_ms}"
