"""The daily and the weekly report: what a period came to, on one screen.

It exists so that a day can be judged without asking for it. It must never show a number of another
period than the one it names.
"""

from collections import Counter
from collections.abc import Sequence

import msgspec

from bot.desk import Health
from bot.views import words
from bot.views.layout import (
    Text,
    amount,
    badge,
    coin,
    in_r,
    keyboard,
    money,
    pre,
    read,
    row,
    short,
    span,
)
from engine.core.performance import performance
from engine.core.values import GateName, Ms
from engine.core.view import TradeView, View

REASONS = 3  # of skipped signals


class Account(msgspec.Struct, frozen=True):
    """What happened in a period, beside its trades."""

    name: str  # of the report: Daily, Weekly
    title: str  # of the period
    begin_ms: Ms
    end_ms: Ms
    starts: int
    limits: tuple[GateName, ...]
    skipped: Counter[str]


def report(account: Account, view: View, health: Health) -> Text:
    """One period."""
    trades = [t for t in view.trades if account.begin_ms <= t.closed_ms < account.end_ms]
    sums = performance(trades)
    head = f"🗓 <b>{account.name} report</b> {short(account.title, 40)} · {badge(view.mode)}"
    result = f"<b>{money(sums.net, thin=True)}</b> USDT · <b>{in_r(sums.total_r)}</b>"
    count = f"{sums.trades} trade{'' if sums.trades == 1 else 's'}"
    won = f", {sums.wins} won" if sums.trades else ""
    parts = [f"{head} · <b>{short(view.instance, 20)}</b>", f"{result} · {count}{won}"]
    parts += [f"⚠️ Limit hit: {short(words.GATES[gate].lower(), 60)}" for gate in account.limits]
    parts.append(pre(_rows(account, trades, view, health)))
    parts += _skipped(account.skipped)
    ways = (read("💰 PnL", "pnl"), read("📒 Trades", "trades"), read("Status", "status"))
    return Text("\n".join(parts), keyboard(ways))


def _rows(account: Account, trades: Sequence[TradeView], view: View, health: Health) -> list[str]:
    sums = performance(trades)
    ranked = sorted(trades, key=lambda t: t.result_r)
    ends = [("Best", ranked[-1]), ("Worst", ranked[0])] if ranked else []
    rows = [
        row((name, 6), (coin(t.symbol), 9), (in_r(t.result_r), -7), (amount(t.net, 9), -9))
        for name, t in ends
    ]
    costs = (amount(-sums.fees, 9), 9), ("fund", -7), (amount(-sums.funding, 9), -9)
    unit = view.risk_unit_usd
    carried = in_r(float(view.open_risk_usd / unit) if unit else None)
    starts = f"{account.starts} start{'' if account.starts == 1 else 's'}"
    return [
        *rows,
        row(("Fees", 6), *costs),
        row(("Fall", 6), (in_r(-sums.drawdown_r), 9), ("of closed trades", -17)),
        row(("Open", 6), (len(view.positions), 9), ("at risk", -7), (carried.lstrip("+"), -9)),
        row(("Up", 6), (span(health.uptime_s), 9), (starts, -17)),
    ]


def _skipped(skipped: Counter[str]) -> list[str]:
    if not skipped:
        return []
    shown = ", ".join(f"{words.refusal(c)} {n}" for c, n in skipped.most_common(REASONS))
    return [f"Skipped signals: {skipped.total()} ({short(shown, 160)})"]
