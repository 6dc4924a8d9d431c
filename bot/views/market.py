"""Cards about the market: candidates and levels.

They exist so that what the engine looks at can be looked at. Numbers are those that decided; they
are rounded here and never computed anew.
"""

from collections.abc import Sequence

from bot.views import checks, flow
from bot.views.layout import (
    NONE,
    Text,
    coin,
    decimals,
    fixed,
    icon,
    keyboard,
    label,
    pre,
    price,
    read,
    row,
    short,
    span,
    turn,
    when,
)
from engine.core.checks import BROKE, KINDS, STAGES
from engine.core.values import Level, Ms, Side, Verdict
from engine.core.view import CandlesView, FlowView, View, ranked

SCAN_ROWS = 12
SCAN_MAX = 30
LEVELS = 14  # in one table
FAR_PCT = 10.0  # from here on one decimal less fits


def best(view: View, count: int = 6) -> list[str]:
    """Symbols that are most promising now."""
    return [v.symbol for v in ranked(view.verdicts.values())[:count]]


def scan(rows: Sequence[Verdict], view: View, count: int = SCAN_ROWS) -> Text:
    """The best `rows` by their last verdicts, in the order given."""
    newest = view.last_batch_ms
    as_of = NONE if newest is None else when(newest + view.frame_s * 1000)
    name = f"<b>{len(view.verdicts)} markets</b> · {span(view.frame_s)} bars to {as_of}"
    head = f"🔎 {name} · {icon(view.mode)}"
    refresh = (turn("⟳ Refresh", "scan", str(count)), read("❓ Why so few", "why"))
    if not rows:
        nothing = "No bar of a watched market has closed yet."
        return Text(f"{head}\n{nothing}", keyboard(refresh))
    table = [row(("#", -2), ("market", 8), ("score", -5), ("s", 1), ("dist%", -5), ("state", 8))]
    for place, verdict in enumerate(rows, 1):
        is_first = verdict.rank is None and (place == 1 or rows[place - 2].rank is not None)
        table += ["not watched:"] if is_first else []
        table.append(_scan_row(place, verdict))
    picks = [read(f"❓ {label(coin(v.symbol), 12)}", "why", v.symbol) for v in rows[:6]]
    card = f"{head}\n{pre(table)}\n<i>{_legend(len(view.watched))}</i>"
    return Text(card, keyboard(picks[:3], picks[3:], refresh))


def _legend(watched: int) -> str:
    who = f"{watched} watched: they may be traded at the next bar. "
    state = "state: how far it came, or what is in the way."
    return f"{who}dist%: from the close to the trigger, minus = beyond it; {state}"


def _scan_row(place: int, verdict: Verdict) -> str:
    score, gap = verdict.score, verdict.distance_pct
    return row(
        (place, -2),
        (coin(verdict.symbol), 8),
        (NONE if score is None else fixed(score, 2), -5),
        (NONE if verdict.level is None else verdict.level.side[0], 1),
        (NONE if gap is None else fixed(gap, 2 if abs(gap) < FAR_PCT else 1), -5),
        (_standing(verdict), 8),
    )


def _standing(verdict: Verdict) -> str:
    """What blocks it; of a market where nothing broke, how far it came."""
    blocked = verdict.blocked_by
    if blocked is None:
        return verdict.outcome.lower()
    kind = KINDS.get(blocked)
    if kind is not None and kind.stage == BROKE:
        return STAGES[verdict.stage]
    return checks.brief(blocked)


def levels(candles: CandlesView, view: View, order_flow: FlowView | None = None) -> Text:
    """What the next bar is tested against, both kinds, nearest first; then the order flow."""
    symbol, last = candles.symbol, float(candles.ohlcv[-1, 3])
    digits = decimals(*candles.ohlcv[-20:, :4].ravel().tolist())
    name = f"<b>{short(symbol, 30)}</b> levels · {span(candles.frame_s)}"
    head = f"📊 {name} · last close {price(last, digits)}"
    buttons = keyboard(
        (turn("⟳ Refresh", "levels", symbol), read("📊 Chart", "chart", symbol)),
        (read("❓ Why", "why", symbol), read("🔎 Scan", "scan")),
    )
    below = flow.section(order_flow, last)
    if not candles.levels:
        nothing = "No level stands: too few extremes agree on a price."
        return Text(f"{head}\n{nothing}\n{below}", buttons)
    table = [row(("", 1), ("price", -10), ("dist%", -6), ("hit", -3), ("age", -5), ("str", -4))]
    table += [_level_row(x, last, digits, view.at_ms) for x in candles.levels[:LEVELS]]
    more = len(candles.levels) - LEVELS
    table += [f"and {more} farther away"] if more > 0 else []
    legend = "R resistance, S support; hit: touches; age of the last one; str: strength 0 to 1"
    return Text(f"{head}\n{pre(table)}\n<i>{legend}</i>\n{below}", buttons)


def _level_row(level: Level, last: float, digits: int, at_ms: Ms) -> str:
    away = 100 * (level.price - last) / last
    return row(
        ("R" if level.side is Side.LONG else "S", 1),
        (price(level.price, digits), -10),
        (f"{away:+.{2 if abs(away) < FAR_PCT else 1}f}", -6),
        (level.touches, -3),
        (span((at_ms - level.last_ms) / 1000).split(" ")[0], -5),
        (fixed(level.strength, 2), -4),
    )
