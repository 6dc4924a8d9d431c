"""How much may still be lost: every limit beside what is used of it, and what keeps entries off.

It exists so that a person sees how near the brakes are before they bite. It must never compute a
limit of its own: what is shown are the numbers that decide.
"""

from bot.views.balance import exposure
from bot.views.layout import (
    NONE,
    Button,
    Text,
    badge,
    in_r,
    keyboard,
    money,
    pre,
    read,
    row,
    short,
    turn,
)
from bot.views.status import gate_line
from engine.core.settings import Settings
from engine.core.terms import Risk
from engine.core.values import GateName
from engine.core.view import View

NO_LOCK = Text(
    "The kill switch has not fired and nothing is locked: there is nothing to reset.",
    keyboard((read("⚖️ Risk", "risk"), read("Status", "status"))),
)


def risk(view: View, settings: Settings) -> Text:
    """Use and limit, row by row."""
    limits = settings.risk
    is_locked = any(gate.name is GateName.KILL_SWITCH for gate in view.gates)
    lock = "🔴 kill switch: locked" if is_locked else "🟢 kill switch: armed"
    head = f"⚖️ <b>Risk</b> · {lock} · {badge(view.mode)}"
    parts = [head, pre(_rows(view, limits))]
    if view.risk_mult < 1:
        why = short(view.risk_reduced_why, 120)
        parts.append(f"⚠️ New trades risk {view.risk_mult:.0%} of normal: {why}")
    parts.append(_one_bet(limits))
    parts += [gate_line(gate) for gate in view.gates]
    caps = settings.caps
    parts.append(
        f"Caps of the file: {caps.risk_per_trade_pct:g}% a trade, {caps.leverage:g}x, "
        f"{caps.daily_loss_pct:g}% a day."
    )
    return Text("\n".join(parts), keyboard(*_buttons(is_locked=is_locked)))


def _rows(view: View, limits: Risk) -> list[str]:
    unit = view.risk_unit_usd
    fall, loss = view.drawdown_pct, view.day_loss_pct
    per_trade = limits.risk_per_trade_pct
    rows = [
        ("A trade", _pct(per_trade * view.risk_mult), f"of {_pct(per_trade)}"),
        ("Open", _pct(_open_pct(view)), f"of {_pct(limits.open_risk_max_pct)}"),
        ("in R", in_r(float(view.open_risk_usd / unit) if unit else None), "1R = " + _unit(view)),
        ("Slots", str(len(view.positions)), f"of {view.max_positions}"),
        ("Day loss", _pct(loss), f"of {_pct(limits.daily_loss_limit_pct)}"),
        ("Fall", _pct(fall), f"of {_pct(limits.kill_switch_pct)}"),
        ("Streak", f"{view.losing_streak} lost", f"of {limits.max_losing_streak}"),
        ("Exposure", _times(view), f"of {limits.leverage_max:g}x equity"),
    ]
    return [row((name, 8), (used, -9), (limit, -15)) for name, used, limit in rows]


def _open_pct(view: View) -> float | None:
    return float(view.open_risk_usd / view.equity * 100) if view.equity else None


def _times(view: View) -> str:
    used = exposure(view)
    return NONE if used is None or not view.equity else f"{float(used / view.equity):.2f}x"


def _unit(view: View) -> str:
    return money(view.risk_unit_usd, signed=False)


def _pct(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f}%"


def _one_bet(limits: Risk) -> str:
    """What correlation may cost; which positions are one bet is judged at each entry."""
    return (
        f"Positions that move together by more than {limits.pair_corr_max_frac:g} share "
        f"{limits.correlated_share_max_frac:.0%} of the open risk."
    )


def _buttons(*, is_locked: bool) -> list[list[Button]]:
    ways = [
        turn("⟳ Refresh", "risk"),
        read("🏦 Balance", "balance"),
        read("📊 Positions", "positions"),
    ]
    reset = [read("🔓 Reset kill-switch", "risk", "reset")] if is_locked else []
    return [ways, reset]
