"""May this signal become a trade, and how large: limits judged in a fixed order.

It exists so that nothing places an entry without an approved plan in hand. A refusal is a value
with its rows, shown verbatim by `/why`; exits and protection never pass through here.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from engine.core.bets import bet_risk
from engine.core.checks import build_check
from engine.core.exposure import (
    depth_of,
    equity_now,
    gross_notional,
    headroom,
    open_risk,
    reduced_why,
    soft_mult,
    spread_of,
)
from engine.core.plan import Account, Bound, Priced, Size, legal, priced, size
from engine.core.settings import Settings
from engine.core.turn import Turn
from engine.core.values import Check, GateName, Ms, Plan, Signal, exact

STRAY_MS: Ms = 600_000  # how long an entry given up keeps its symbol busy: it may still fill


class RiskCheck(StrEnum):
    """The rows of a review, in the order in which they refuse."""

    GATES = "gates"
    EXPIRY = "expiry"
    BUSY = "busy"
    COOLDOWN = "cooldown"
    SLOTS = "slots"
    STOP = "stop"
    COST = "cost"
    SIZE = "size"


# Every name a refusal can have: what is counted stays a closed set.
REFUSALS = (
    *(f"{RiskCheck.GATES}({gate})" for gate in GateName),
    *(check.value for check in RiskCheck if check not in (RiskCheck.GATES, RiskCheck.SIZE)),
    *(f"{RiskCheck.SIZE}({bound})" for bound in Bound),
)


class Review(msgspec.Struct, frozen=True):
    """The risk rows of a signal, and the plan if all of them passed."""

    rows: tuple[Check, ...]
    plan: Plan | None
    gate: GateName | None = None  # the first closed one
    bound: Bound | None = None  # what refused the size

    @property
    def refusal(self) -> str:
        """The first failing row in words."""
        bad = next(row for row in self.rows if row.blocks)
        return f"{bad.name}: {bad.reason}" if bad.reason else bad.name

    @property
    def check(self) -> str:
        """The name of the refusal, one of `REFUSALS`; empty for an approval."""
        name = next((row.name for row in self.rows if row.blocks), "")
        details = {RiskCheck.GATES.value: self.gate, RiskCheck.SIZE.value: self.bound}
        detail = details.get(name)
        return f"{name}({detail})" if detail else name

    @property
    def outcome(self) -> str:
        """What became of the signal, as its verdict says it."""
        if self.plan is not None:
            return "TAKEN"
        return "EXPIRED" if self.check == RiskCheck.EXPIRY else "REFUSED"


def review(turn: Turn, signal: Signal) -> Review:
    """Judge a signal against gates, slots, costs and caps, in the order of `RiskCheck`."""
    gate, why = _closed_gate(turn, signal.symbol)
    rows = [
        _row(RiskCheck.GATES, gate is None, reason=why),
        _expiry(turn, signal),
        _busy(turn, signal),
        _cooldown(turn, signal.symbol),
        _slots(turn),
    ]
    instrument = turn.market.instrument(signal.symbol)
    if instrument is None:
        unknown = _row(RiskCheck.SIZE, None, reason="the instrument is unknown")
        return Review((*rows, unknown), None, gate, Bound.UNKNOWN)
    plan = priced(signal, instrument, spread_of(turn.market, signal.symbol), turn.settings)
    rows += [_stop(plan), _cost(plan, turn)]
    if any(row.blocks for row in rows):
        return Review(tuple(rows), None, gate)
    account, ledger = _account(turn, signal), turn.ledger
    if isinstance(account, str):
        unknown = _row(RiskCheck.SIZE, None, reason=account)
        return Review((*rows, unknown), None, gate, Bound.UNKNOWN)
    sized = size(plan, account, instrument, turn.settings)
    approved = None if sized.refusal else legal(signal, plan, sized)
    why = reduced_why(ledger, account.equity, turn.settings.risk, turn.at_ms)
    return Review((*rows, _size(sized, why)), approved, gate, sized.refused_by)


def _account(turn: Turn, signal: Signal) -> Account | str:
    """What sizing needs to know, or what of it is unknown, in words."""
    ledger, market, risk = turn.ledger, turn.market, turn.settings.risk
    equity = equity_now(ledger, market)
    if equity is None:
        return "the mark of an open position is unknown"
    depth = _depth(turn, signal)
    if depth is None and _needs_depth(turn.settings):
        return "how much rests in the book is unknown"
    return Account(
        equity=equity,
        notional=gross_notional(ledger, market),
        open_risk=open_risk(ledger, market),
        bet_risk=bet_risk(turn, signal.symbol, signal.side, signal.open_ms),
        headroom=headroom(ledger, market, risk),
        soft_mult=soft_mult(ledger, equity, risk, turn.at_ms),
        depth=depth,
    )


def _depth(turn: Turn, signal: Signal) -> Decimal | None:
    """What may be taken from the book; None where it is unknown or excluded with its check."""
    if "depth_30" in turn.settings.checks.excluded:
        return None
    return depth_of(turn.market, signal.symbol, signal.side.exit, turn.at_ms)


def _needs_depth(settings: Settings) -> bool:
    """Whether an unknown depth stands in the way, as it does in the check `depth_30`."""
    is_checked = settings.universe.depth_30bps_min_usd > 0
    is_excluded = "depth_30" in settings.checks.excluded
    return is_checked and not is_excluded and settings.checks.unknown_policy == "fail"


def _closed_gate(turn: Turn, symbol: str) -> tuple[GateName | None, str]:
    """The first gate that stops this symbol, and why: its own silence is nobody else's."""
    closed = {name: gate.why for name, gate in turn.ledger.state.gates.items()}
    if turn.market.is_stale(symbol, turn.at_ms):
        closed.setdefault(GateName.STALE_DATA, f"{symbol} is silent")
    if not turn.is_armed:  # whatever opened the gate
        closed[GateName.OPERATOR] = "live trading is not armed"
    first = next((name for name in GateName if name in closed), None)
    return first, "" if first is None else f"{first}, {closed[first]}"


def _expiry(turn: Turn, signal: Signal) -> Check:
    fresh = turn.at_ms <= signal.expires_ms
    return _row(RiskCheck.EXPIRY, fresh, reason="" if fresh else "the signal expired")


def _busy(turn: Turn, signal: Signal) -> Check:
    """Nothing is open in the symbol, nothing works there, nothing came of this signal before."""
    ledger, symbol = turn.ledger, signal.symbol
    held = ledger.position_in(symbol)
    orders = ledger.state.orders.values()
    works = next((o for o in orders if o.is_live and o.order.symbol == symbol), None)
    reason = ""
    if symbol in ledger.state.ignored:
        reason = f"{symbol} is ignored: what is open there is not ours"
    elif symbol in ledger.state.barred:
        reason = "it is on the blacklist"
    elif held is not None:
        reason = f"position #{held.id} is open"
    elif works is not None:
        reason = f"order {works.order.id} still works"
    elif ledger.stray_in(symbol, turn.at_ms - STRAY_MS):
        reason = "an entry given up less than 10 minutes ago may still be filled"
    elif signal.id in ledger.state.taken:
        reason = "this signal was taken already"
    return _row(RiskCheck.BUSY, not reason, reason=reason)


def _cooldown(turn: Turn, symbol: str) -> Check:
    ended = turn.ledger.state.cooling.get(symbol)
    waited = None if ended is None else (turn.at_ms - ended) / 1000
    need = turn.settings.signals.cooldown_s
    return _row(
        RiskCheck.COOLDOWN,
        waited is None or waited >= need,
        value=waited,
        need=float(need),
        reason="no trade here yet" if waited is None else "",
    )


def _slots(turn: Turn) -> Check:
    used, slots = len(turn.ledger.positions), turn.settings.risk.max_open_positions
    return _row(RiskCheck.SLOTS, used < slots, value=float(used), need=float(slots))


def _stop(plan: Priced) -> Check:
    reason = ""
    if plan.distance <= 0:
        reason = "the stop is not on the losing side"
    elif plan.stop <= 0:
        reason = "the stop is not above 0"
    return _row(RiskCheck.STOP, not reason, reason=reason)


def _cost(plan: Priced, turn: Turn) -> Check:
    need = turn.settings.risk.cost_max_frac
    if plan.cost_frac is None:
        return _row(RiskCheck.COST, None, need=need, reason="no stop distance")
    passed = plan.cost_frac <= exact(need)
    return _row(RiskCheck.COST, passed, value=float(plan.cost_frac), need=need)


def _size(sized: Size, reduced: str) -> Check:
    words = sized.refusal or f"bound by {sized.bound_by}"
    words += f"; risk reduced: {reduced}" if reduced else ""
    return _row(RiskCheck.SIZE, sized.refusal is None, value=float(sized.qty), reason=words)


def _row(
    name: RiskCheck,
    passed: bool | None,  # noqa: FBT001 -- the outcome of the row is its second word
    *,
    value: float | None = None,
    need: float | None = None,
    reason: str = "",
) -> Check:
    row = build_check(name.value, "risk", value, need, passed)
    return msgspec.structs.replace(row, reason=reason)
