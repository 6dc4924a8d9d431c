"""Checks of money: quantities, entries, results, days and streaks, summed up anew from the facts.

They exist because a wrong sum is believed by everybody after it. They must compare with what the
exchange really executed, never with the ledger alone.
"""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from engine.core import events as e
from engine.core import facts as f
from engine.core.values import GateName, Ms, exact
from engine.sim.scene import Scene, at_end, at_fact, at_step
from engine.sim.shadow import Held

NEAR = Decimal("1e-9")
TINY_R = 1e-6


def is_near(one: Decimal, other: Decimal) -> bool:
    """Equal but for the last digits of a division."""
    return abs(one - other) <= NEAR * max(abs(one), abs(other), Decimal(1))


@at_fact("I08", f.OrderFilled)
def really_filled(scene: Scene, fact: f.OrderFilled, _: Ms) -> str | None:
    """Each booked execution happened, as booked, once, in the symbol of its position."""
    fill = fact.fill
    if fill.id in scene.shadow.fills:
        return f"execution {fill.id} is booked twice"
    if scene.truth.fills.get(fill.id) != fill:
        return f"{fill} is booked, really it was {scene.truth.fills.get(fill.id)}"
    held = scene.shadow.held.get(fact.position_id)
    if held is None or held.symbol != fill.symbol:
        return f"{fill} is booked to {held}"
    return None


@at_step("I08")
def same_quantities(scene: Scene) -> str | None:
    """The ledger holds what the executions make."""
    ours = {p.id: (p.symbol, p.side, p.qty) for p in scene.ledger.positions}
    facts = {h.id: (h.symbol, h.side, h.qty) for h in scene.shadow.held.values()}
    return None if ours == facts else f"the ledger holds {ours}, the facts make {facts}"


@at_end("I08")
def nothing_missed(scene: Scene) -> str | None:
    """At the end every execution is known."""
    missed = [fill_id for fill_id in scene.truth.fills if fill_id not in scene.shadow.fills]
    return f"executions {missed} are not booked" if missed else None


@at_fact("I09", f.PositionOpened)
def opened_right(scene: Scene, fact: f.PositionOpened, _: Ms) -> str | None:
    """Entry, risk and ladder follow from the executions and the stop the entry was sent with."""
    held = scene.shadow.held[fact.position_id]
    rules = scene.truth.instruments[held.symbol]
    entry = held.entered_value / held.entered
    dist0 = abs(entry - held.first_stop)
    fees = (entry + held.first_stop) * rules.taker_bps / 10_000
    is_right = (
        held.opened is None
        and abs(fact.entry - entry) < rules.tick
        and fact.qty0 == held.entered
        and is_near(fact.dist0, dist0)
        and is_near(fact.risk0_usd, fact.qty0 * (dist0 + fees))
        and sum(t.qty for t in fact.targets) <= fact.qty0
        and all(held.side.sign * (t.price - fact.entry) > 0 for t in fact.targets)
    )
    return None if is_right else f"{fact} of {held}"


@at_fact("I10", f.PositionClosed)
def closed_right(scene: Scene, fact: f.PositionClosed, _: Ms) -> str | None:
    """The result is what the executions made, and R is the initial risk, whatever moved since."""
    held = scene.shadow.held[fact.position_id]
    net = held.realized - held.fees - held.funding
    if held.qty or held.opened is None:
        return f"#{held.id} is closed with {held.qty} held, opened {held.opened}"
    risk = held.opened.risk0_usd
    result_r = float(net / risk) if risk else 0.0
    is_right = (
        is_near(fact.gross, held.realized)
        and fact.fees == held.fees
        and fact.funding == held.funding
        and is_near(fact.net, net)
        and abs(fact.result_r - result_r) < TINY_R
        and fact.mae_r <= min(0.0, fact.mfe_r) <= fact.mfe_r
    )
    return None if is_right else f"{fact} of {held}"


@at_step("I10")
def same_balance(scene: Scene) -> str | None:
    """The ledger's cash is what the facts sum up to."""
    ours, facts = scene.ledger.balance, scene.shadow.balance
    return None if is_near(ours, facts) else f"the ledger has {ours}, the facts make {facts}"


@at_end("I10")
def same_money(scene: Scene) -> str | None:
    """At the end ledger and exchange have the same cash."""
    ours, theirs = scene.shadow.balance, scene.truth.matching.account().balance
    return None if is_near(ours, theirs) else f"the facts make {ours}, the exchange has {theirs}"


@at_step("I10")
def same_anchors(scene: Scene) -> str | None:
    """Peak, day and streak are what the facts said last, across every start."""
    state, shadow = scene.ledger.state, scene.shadow
    ours = (state.day, state.day_start, state.peak, state.streak)
    facts = (shadow.day, shadow.day_start, shadow.peak, shadow.streak)
    return None if ours == facts else f"the ledger anchors at {ours}, the facts at {facts}"


# -- days --------------------------------------------------------------------------------------


@at_fact("I13", f.DayRolled)
def day_rolled(scene: Scene, fact: f.DayRolled, at_ms: Ms) -> str | None:
    """Once a day, at its beginning or the first look after, at the equity of that moment."""
    zone = ZoneInfo(scene.settings.risk.day_zone)
    date = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).date().isoformat()
    if fact.date != date or fact.date <= scene.shadow.day:
        return f"{fact} at {at_ms}, on {date} after {scene.shadow.day}"
    equity = scene.equity()
    if equity is not None and not is_near(equity, fact.equity):
        return f"the day begins at {fact.equity}, the equity is {equity}"
    return None


@at_fact("I13", f.GateOpened)
def day_gate_opened(scene: Scene, fact: f.GateOpened, at_ms: Ms) -> str | None:
    """Only a new day opens what a day has closed."""
    if fact.gate not in (GateName.DAILY_LOSS, GateName.LOSING_STREAK):
        return None
    rolls = [r for r in scene.step.records if isinstance(r.fact, f.DayRolled)]
    return None if rolls else f"{fact.gate} opened at {at_ms} without a new day"


@at_fact("I13", f.OrderPlaced)
def day_is_good(scene: Scene, fact: f.OrderPlaced, _: Ms) -> str | None:
    """No entry once the day has lost its limit, gate or no gate."""
    anchor, equity = scene.shadow.day_start, scene.equity()
    if not fact.order.purpose.is_growing or anchor is None or equity is None or anchor <= 0:
        return None
    lost = (anchor - equity) / anchor * 100
    limit = exact(scene.settings.risk.daily_loss_limit_pct)
    return f"{fact.order.id} placed after a loss of {lost:.3f}%" if lost >= limit else None


# -- streak, cooldown, kill switch -----------------------------------------------------------------


@at_fact("I15", f.PositionClosed)
def streak_counts(scene: Scene, fact: f.PositionClosed, _: Ms) -> str | None:
    """Losses add one, wins clear, what is next to nothing leaves it alone."""
    scratch, so_far = scene.settings.risk.scratch_r, scene.shadow.streak
    wanted = so_far
    if fact.result_r < -scratch:
        wanted = so_far + 1
    elif fact.result_r > scratch:
        wanted = 0
    return None if fact.streak == wanted else f"streak {fact.streak}, expected {wanted}: {fact}"


@at_fact("I15", f.GateOpened)
def kill_switch_opened(scene: Scene, fact: f.GateOpened, _: Ms) -> str | None:
    """Only a person with a reason opens it."""
    if fact.gate is not GateName.KILL_SWITCH:
        return None
    event = scene.step.event
    is_right = isinstance(event, e.Resume) and event.by == fact.by and event.reason.strip()
    return None if is_right else f"{fact} on {event}"


@at_fact("I15", f.SignalTaken)
def cooled_down(scene: Scene, fact: f.SignalTaken, at_ms: Ms) -> str | None:
    """No entry in a symbol before its cooldown is over."""
    ended_ms = scene.shadow.cooling.get(fact.signal.symbol)
    wait_ms = 1000 * scene.settings.signals.cooldown_s
    if ended_ms is None or at_ms - ended_ms >= wait_ms:
        return None
    return f"{fact.signal.id} taken {at_ms - ended_ms} ms after a trade there closed"


@at_fact("I15", f.OrderPlaced)
def limits_hold(scene: Scene, fact: f.OrderPlaced, _: Ms) -> str | None:
    """No entry after too many losses in a row, or too far below the peak."""
    risk, shadow, equity = scene.settings.risk, scene.shadow, scene.equity()
    if not fact.order.purpose.is_growing:
        return None
    if shadow.streak >= risk.max_losing_streak:
        return f"{fact.order.id} placed after {shadow.streak} losses in a row"
    if equity is None or shadow.peak is None or shadow.peak <= 0:
        return None
    fell = (shadow.peak - equity) / shadow.peak * 100
    if fell < exact(risk.kill_switch_pct):
        return None
    return f"{fact.order.id} placed {fell:.3f}% below the peak"


@at_step("I15")
def limits_close(scene: Scene) -> str | None:
    """A limit that is reached closes its gate, at the next tick at the latest."""
    equity, shadow, risk = scene.equity(), scene.shadow, scene.settings.risk
    if equity is None or not shadow.is_reconciled or not isinstance(scene.step.event, e.Tick):
        return None
    is_due = {
        GateName.DAILY_LOSS: _fell(shadow.day_start, equity, risk.daily_loss_limit_pct),
        GateName.KILL_SWITCH: _fell(shadow.peak, equity, risk.kill_switch_pct),
        GateName.LOSING_STREAK: shadow.streak >= risk.max_losing_streak,
    }
    missing = [gate for gate, due in is_due.items() if due and gate not in shadow.gates]
    return f"{missing} not closed at an equity of {equity}" if missing else None


def _fell(top: Decimal | None, equity: Decimal, limit: float) -> bool:
    return top is not None and top > 0 and (top - equity) / top * 100 >= exact(limit)


@at_fact("I15", f.EquityPeaked)
def peak_rises(scene: Scene, fact: f.EquityPeaked, _: Ms) -> str | None:
    """The peak only rises, but for a person's reset; and somebody really had it."""
    peak, equity = scene.shadow.peak, scene.equity()
    if equity is not None and not is_near(equity, fact.equity):
        return f"the peak is {fact.equity}, the equity is {equity}"
    if peak is None or fact.equity > peak or isinstance(scene.step.event, e.Resume):
        return None
    return f"the peak fell from {peak} to {fact.equity}"


@at_step("I15")
def same_gates(scene: Scene) -> str | None:
    """The closed gates are those the facts left closed, across every start."""
    ours, facts = set(scene.ledger.state.gates), set(scene.shadow.gates)
    return None if ours == facts else f"the ledger has {ours} closed, the facts {facts}"


def planned_loss(scene: Scene, held: Held) -> Decimal:
    """What a position would lose at its stop, fees of leaving included."""
    rules = scene.truth.instruments[held.symbol]
    stop = held.shown if held.shown is not None else held.asked
    avg = held.cost / held.qty
    loss = max(Decimal(0), held.side.sign * (avg - stop))
    return held.qty * (loss + stop * rules.taker_bps / 10_000)
