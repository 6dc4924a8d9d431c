"""Statistics of closed trades: one card of all, one table for each way to split them.

They exist so that a person sees whether it works, and where. They must never round an undefined
value to a number: it is a dash.
"""

import math
from collections.abc import Sequence

from bot.views import words
from bot.views.layout import (
    NONE,
    Button,
    Text,
    amount,
    coin,
    fixed,
    icon,
    in_r,
    keyboard,
    pre,
    read,
    row,
    span,
    turn,
)
from engine.core.performance import SPLITS, Performance, performance, split
from engine.core.values import Setup
from engine.core.view import TradeView, View

ROWS = 20
HISTOGRAM = "histogram"
BACK = keyboard((read("📐 Stats", "stats"), read("💰 PnL", "pnl")))


def stats(view: View, by: str = "") -> Text:
    """All closed trades that are kept, or split by one of `SPLITS`."""
    closed = view.trades
    what = f"by {by}" if by else f"{len(closed)} trade{'' if len(closed) == 1 else 's'}"
    head = f"📐 <b>Statistics</b> · {what} · {icon(view.mode)}"
    if not closed:
        return Text(f"{head}\nNo trade closed yet.", keyboard(*_tabs()))
    if by == "hour":
        head += "\nHour of the entry, UTC"
    rows = _groups(closed, by) if by else _card(performance(closed))
    return Text(f"{head}\n{pre(rows)}", keyboard(*_tabs()))


def _tabs() -> list[list[Button]]:
    splits = [turn(by.capitalize(), "stats", by) for by in SPLITS]
    ways = [turn("All", "stats"), read("📊 Histogram", "stats", HISTOGRAM)]
    return [splits, ways, [read("📒 Trades", "trades"), read("💰 PnL", "pnl")]]


def _card(sums: Performance) -> list[str]:
    """The definitions are those of the manual's statistics."""
    counts = f"{sums.wins} won {sums.losses} lost"
    rows = [
        ("Trades", str(sums.trades), counts),
        ("Win rate", share(sums.win_rate), f"flat {sums.scratches}"),
        ("Expectancy", in_r(sums.expectancy_r), amount(sums.expectancy_usd, 12)),
        ("Avg win", in_r(sums.average_win_r), f"loss {in_r(sums.average_loss_r)}"),
        ("Payoff", ratio(sums.payoff), _factor(sums.profit_factor)),
        ("Sum", in_r(sums.total_r), amount(sums.net, 12)),
        ("Max fall", in_r(-sums.drawdown_r), ""),
        ("Sharpe", ratio(sums.sharpe_r), f"SQN {ratio(sums.sqn)}"),
        ("Hold", _held(sums.hold_mean_ms), f"median {_held(sums.hold_median_ms)}"),
        ("In a row", f"{sums.win_streak} won", f"{sums.loss_streak} lost"),
        ("Costs", amount(-sums.fees, 8), f"fund {amount(-sums.funding, 8)}"),
    ]
    return [row((name, 10), (value, -8), (more, -14)) for name, value, more in rows]


def _held(ms: float | None) -> str:
    return NONE if ms is None else span(ms / 1000)


def share(value: float | None) -> str:
    """A share as per cent."""
    return NONE if value is None else f"{value:.0%}"


def ratio(value: float | None) -> str:
    """A number without a unit; a profit factor without losses is none."""
    return NONE if value is None or math.isinf(value) else fixed(value, 2)


def _factor(value: float | None) -> str:
    """Why there is none is said where there is room for it."""
    has_no_loss = value is not None and math.isinf(value)
    return "no loss yet" if has_no_loss else f"factor {ratio(value)}"


def _groups(closed: Sequence[TradeView], by: str) -> list[str]:
    """The largest groups first; hours in their order."""
    groups = split(closed, by)
    names = sorted(groups) if by == "hour" else sorted(groups, key=lambda n: -groups[n].trades)
    head = row((by, 10), ("tr", -4), ("win", -4), ("exp", -6), ("PF", -6))
    rows = [_group(_named(name, by), groups[name]) for name in names[:ROWS]]
    more = [f"and {len(names) - ROWS} more"] if len(names) > ROWS else []
    return [head, *rows, *more]


def _group(name: str, sums: Performance) -> str:
    expected = in_r(sums.expectancy_r).removesuffix("R")
    cells = (name, 10), (sums.trades, -4), (share(sums.win_rate), -4)
    return row(*cells, (expected, -6), (ratio(sums.profit_factor), -6))


def _named(name: str, by: str) -> str:
    if by == "symbol":
        return coin(name)
    if by == "setup":
        return words.SETUPS[Setup(name)]
    return words.end(name) if by == "exit" else name
