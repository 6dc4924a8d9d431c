"""Profit and loss of a period: by day, week or month, with its costs and its course.

It exists so that what was won can be read at a glance and adds up. It must never add up what the
engine did not state, except sums over the trades shown.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from bot.content import Photo
from bot.views.equity import equity_photo
from bot.views.layout import (
    NONE,
    Text,
    amount,
    icon,
    in_r,
    keyboard,
    money,
    pre,
    read,
    row,
    turn,
)
from engine.core.performance import Performance, performance
from engine.core.values import Ms
from engine.core.view import TradeView, View

ROWS = 31  # of a table
PERIODS = {"today": 1, "7d": 7, "30d": 30, "all": None}
STEPS = {"day": "7d", "week": "all", "month": "all"}  # how rows are cut, and of which period then
KEPT = 500  # closed trades the engine remembers
TITLES = {"today": "today", "7d": "last 7 days", "30d": "last 30 days", "all": "all trades kept"}
_BARS = "▁▂▃▄▅▆▇█"
_POINTS = 24  # of the line
_GLUED = "\u00a0·\u00a0"  # the icon wraps with the word before it, never alone


class Span(msgspec.Struct, frozen=True):
    """Which trades, and how they are cut into rows; no step = whichever fits."""

    period: str = "7d"
    step: str = ""


def pnl(view: View, asked: Span, zone: str) -> Text:
    """Closed trades of a period, cut into days, weeks or months of the trading day's zone."""
    trades = closed_within(view, asked.period, zone)
    sums = performance(trades)
    title = title_of(view, asked.period)
    head = f"💰 <b>Net {money(sums.net, thin=True)}</b> USDT · {in_r(sums.total_r)} · {title}"
    count = len(view.trades)
    none = f"No trade closed in this period, {count} before." if count else "No trade closed yet."
    body = pre(_table(trades, asked.step, ZoneInfo(zone))) + course(trades) if trades else none
    card = f"{head}{_GLUED}{icon(view.mode)}\n{body}{_open_line(view)}"
    tabs = [turn(step.capitalize(), "pnl", step) for step in STEPS]
    tabs += [turn("All", "pnl", "all")]
    ways = (
        read("📈 Chart", "pnl", "chart", asked.period),
        read("📒 Trades", "trades"),
        read("📐 Stats", "stats"),
    )
    return Text(card, keyboard(tabs, ways))


def curve(view: View, period: str, zone: str) -> Photo | Text:
    """The same as a curve; its tabs turn it in place."""
    tabs = [turn(TITLES[p].capitalize(), "pnl", "chart", p) for p in ("7d", "30d", "all")]
    buttons = keyboard(tabs, (read("💰 PnL", "pnl"), read("📐 Stats", "stats")))
    trades = closed_within(view, period, zone)
    return equity_photo(view, trades, title_of(view, period), buttons)


def title_of(view: View, period: str) -> str:
    """What a period is called; all there is may be only the newest."""
    if period == "all" and len(view.trades) >= KEPT:
        return f"last {len(view.trades)} trades"
    return TITLES[period]


def closed_within(view: View, period: str, zone: str) -> list[TradeView]:
    """The trades that closed in a period of days, which end with the one of now."""
    days, at = PERIODS[period], ZoneInfo(zone)
    if days is None:
        return list(view.trades)
    first = day_of(view.at_ms, at) - timedelta(days=days - 1)
    return [t for t in view.trades if day_of(t.closed_ms, at) >= first]


def day_of(at_ms: Ms, zone: ZoneInfo) -> date:
    """The day a moment belongs to."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).date()


def _open_line(view: View) -> str:
    held = [p.net_if_closed for p in view.positions if p.entry is not None]
    if not held:
        return ""
    known = [net for net in held if net is not None]
    total = money(sum(known, Decimal(0)), thin=True) if len(known) == len(held) else NONE
    return f"\nOpen: {len(held)}, net if closed now {total} USDT"


def _table(trades: Sequence[TradeView], asked: str, zone: ZoneInfo) -> list[str]:
    """Newest first, then the sum and what it cost."""
    step = asked or next(
        (s for s in STEPS if len(_cut(trades, s, zone)) <= ROWS),
        "month",
    )
    parts = _cut(trades, step, zone)
    rows = [row((step, 6), ("net", -9), ("R", -7), ("tr", -4), ("win", -4))]
    rows += [_sum_row(_name(d, step), performance(t)) for d, t in list(parts.items())[:ROWS]]
    if len(parts) > ROWS:
        rows.append("...")
    sums = performance(trades)
    costs = ("fees", 6), (amount(-sums.fees, 9), -9), ("fund", -5), (amount(-sums.funding, 9), -9)
    gross = row(("gross", 6), (amount(sums.gross, 9), -9))
    return [*rows, _sum_row("sum", sums), gross, row(*costs)]


def _cut(trades: Sequence[TradeView], step: str, zone: ZoneInfo) -> dict[date, list[TradeView]]:
    parts: dict[date, list[TradeView]] = {}
    for trade in reversed(trades):
        parts.setdefault(_first(day_of(trade.closed_ms, zone), step), []).append(trade)
    return {day: part[::-1] for day, part in parts.items()}


def _first(day: date, step: str) -> date:
    """The first day of the week or month a day lies in."""
    if step == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if step == "month" else day


def _name(day: date, step: str) -> str:
    return f"{day:{ {'day': '%a %d', 'week': '%b %d', 'month': '%b %y'}[step] }}"


def _sum_row(name: str, sums: Performance) -> str:
    won = NONE if sums.win_rate is None else f"{sums.win_rate:.0%}"
    cells = (name, 6), (amount(sums.net, 9), -9), (amount(sums.total_r, 7), -7)
    return row(*cells, (sums.trades, -4), (won, -4))


def course(trades: Iterable[TradeView]) -> str:
    """The running sum of net as a line of blocks; empty where there is none to draw."""
    total, sums = Decimal(0), [Decimal(0)]
    for trade in trades:
        total += trade.net
        sums.append(total)
    low, high = min(sums), max(sums)
    if len(sums) < 3 or low == high:  # noqa: PLR2004 -- a start and two trades
        return ""
    last = len(sums) - 1
    count = min(len(sums), _POINTS)
    shown = [sums[round(i * last / (count - 1))] for i in range(count)]
    bars = "".join(_BARS[int((x - low) / (high - low) * (len(_BARS) - 1))] for x in shown)
    return f"\n{bars} net by trade"
