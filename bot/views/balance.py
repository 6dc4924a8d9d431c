"""What the account holds and what hangs on it: balance, equity, exposure, what is not known.

It exists so that money in the account and money at stake stand side by side. What the exchange is
not asked for is a dash with its reason, never an estimate.
"""

from decimal import Decimal

from bot.views import pnl
from bot.views.layout import (
    NONE,
    Text,
    badge,
    keyboard,
    money,
    percent,
    pre,
    read,
    row,
    turn,
    when,
)
from engine.core.performance import performance
from engine.core.settings import Settings
from engine.core.values import exact
from engine.core.view import View

NO_MARGIN = "Margin in use is not read: sizes are bounded by exposure, which is known."
NO_MARK = "An open position has no price now, so equity is not known."
QUOTE = "USDT"


def balance(view: View, settings: Settings) -> Text:
    """The account, in its one currency."""
    head = f"🏦 <b>Balance</b> · {badge(view.mode)} · {when(view.at_ms, 'T')}"
    equity, used = view.equity, exposure(view)
    open_net = None if equity is None else equity - view.balance
    most = None if equity is None else equity * exact(settings.risk.leverage_max)
    free = None if most is None or used is None else max(most - used, Decimal(0))
    today = performance(pnl.closed_within(view, "today", settings.risk.day_zone))
    rows = [
        ("Equity", money(equity, signed=False), QUOTE),
        ("Balance", money(view.balance, signed=False), QUOTE),
        ("Open", money(open_net), "not booked yet"),
        ("Exposure", money(used, signed=False), _times(used, equity)),
        ("Room", money(free, signed=False), f"to {settings.risk.leverage_max:g}x"),
        ("Margin", NONE, "not read"),
        ("At risk", money(view.open_risk_usd, signed=False), _share(view.open_risk_usd, equity)),
        ("Today", money(today.net), f"{today.trades} closed"),
    ]
    lines = [row((name, 8), (value, -12), (more, -12)) for name, value, more in rows]
    why = [NO_MARGIN, *([NO_MARK] if equity is None or used is None else [])]
    foreign = len(view.foreign)
    if foreign:
        why.append(f"Not ours in the account: {foreign} position{'' if foreign == 1 else 's'}.")
    ways = (turn("⟳ Refresh", "balance"), read("💰 PnL", "pnl"), read("⚖️ Risk", "risk"))
    return Text("\n".join([head, pre(lines), *why]), keyboard(ways))


def exposure(view: View) -> Decimal | None:
    """The notional of all open positions; None while one has no price."""
    total = Decimal(0)
    for position in view.positions:
        if position.qty and position.mark is None:
            return None
        total += position.qty * exact(position.mark or 0.0)
    return total


def _times(used: Decimal | None, equity: Decimal | None) -> str:
    return NONE if used is None or not equity else f"{float(used / equity):.2f}x"


def _share(risk: Decimal, equity: Decimal | None) -> str:
    return percent(risk / equity * 100).lstrip("+") if equity else NONE
