"""Cards about the market: candidates, the reasons for and against a trade, the chart's contents.

They exist because "why did it not trade?" is the question an operator asks most. Rows are those the
engine judged; a check without a value says so and why.
"""

from collections import Counter
from collections.abc import Sequence

from bot.trades import Trade
from bot.views.layout import (
    NONE,
    Text,
    badge,
    coin,
    compact,
    keyboard,
    label,
    percent,
    pre,
    price,
    read,
    row,
    short,
    span,
    turn,
    when,
)
from engine.chart import Kind, Line, Mark, Picture
from engine.core.values import Check, CheckStatus, Level, Ms, Side, Verdict
from engine.core.view import CandlesView, PositionView, View

SCAN_ROWS = 12
SCAN_MAX = 30
WHY_ROWS = 40
CHART_BARS = 120
LEVELS_A_SIDE = 3
_RESULTS = {
    CheckStatus.PASS: "ok",
    CheckStatus.FAIL: "NO",
    CheckStatus.UNKNOWN: "?",
    CheckStatus.EXCLUDED: "excl",
}
_HOT = {"TAKEN": 0, "SIGNAL": 1, "REFUSED": 2}


def scan(view: View, count: int = SCAN_ROWS) -> Text:
    """The candidates nearest to a trade, by their last verdicts."""
    ranked = sorted(view.verdicts.values(), key=_nearness)
    newest = view.last_batch_ms
    as_of = NONE if newest is None else when(newest + view.frame_s * 1000)
    frame = span(view.frame_s)
    head = f"🔎 <b>{len(ranked)} markets judged</b> · {frame} bars, closed {as_of}"
    refresh = (turn("⟳ Refresh", "scan", str(count)), read("❓ Why so few", "why"))
    if not ranked:
        words = "No bar of a watched market has closed yet."
        return Text(f"{head} · {badge(view.mode)}\n{words}", keyboard(refresh))
    rows = [row(("market", 10), ("s", 1), ("dist", -7), ("blocked by", 12))]
    rows += [_scan_row(v) for v in ranked[:count]]
    picks = [read(f"❓ {label(coin(v.symbol), 12)}", "why", v.symbol) for v in ranked[:6]]
    return Text(
        f"{head} · {badge(view.mode)}\n{pre(rows)}", keyboard(picks[:3], picks[3:], refresh)
    )


def nearest(view: View, count: int = 6) -> list[str]:
    """Symbols nearest to a trade."""
    return [v.symbol for v in sorted(view.verdicts.values(), key=_nearness)[:count]]


def _nearness(verdict: Verdict) -> tuple[int, float, str]:
    distance = verdict.distance_atr
    far = float("inf") if distance is None else abs(distance)
    return _HOT.get(verdict.outcome, len(_HOT)), far, verdict.symbol


def _scan_row(verdict: Verdict) -> str:
    side = NONE if verdict.level is None else verdict.level.side[0]
    blocked = verdict.outcome if verdict.outcome in _HOT else verdict.blocked_by or "nothing near"
    distance = percent(verdict.distance_pct)
    return row((coin(verdict.symbol), 10), (side, 1), (distance, -7), (blocked, 12))


def why_symbol(verdict: Verdict, view: View) -> Text:
    """Each check of a symbol with value, need and result (chat.md 3.3.5)."""
    outcome = "no trade" if verdict.outcome in ("QUIET", "FAILED") else verdict.outcome.lower()
    closed_ms = verdict.open_ms + view.frame_s * 1000
    frame = span(view.frame_s)
    head = (
        f"❓ <b>{short(verdict.symbol, 30)}</b> {short(outcome, 20)} · {frame} · {when(closed_ms)}"
    )
    parts = [head, pre(check_rows(verdict.checks)), _conclusion(verdict, view)]
    parts += _reasons(verdict.checks)
    buttons = keyboard((read("📊 Chart", "chart", verdict.symbol), read("🔎 Scan", "scan")))
    return Text("\n".join(p for p in parts if p), buttons)


def _conclusion(verdict: Verdict, view: View) -> str:
    words = []
    if verdict.blocked_by is not None:
        words.append(f"Blocked by <b>{short(verdict.blocked_by, 40)}</b>.")
    if verdict.level is not None:
        side = "resistance" if verdict.level.side is Side.LONG else "support"
        words.append(
            f"Nearest {side} {price(verdict.level.price)}, {percent(verdict.distance_pct)}."
        )
    wait_ms = verdict.open_ms + 2 * view.frame_s * 1000 - view.at_ms
    if wait_ms > 0:
        words.append(f"Next check in {span(wait_ms / 1000)}.")
    return " ".join(words)


def check_rows(checks: Sequence[Check]) -> list[str]:
    """The table of checks, one row each."""
    rows = [row(("gate", 13), ("value", 7), ("need", 7), ("", 4))]
    rows += [_check_row(c) for c in checks[:WHY_ROWS]]
    return rows if len(checks) <= WHY_ROWS else [*rows, f"and {len(checks) - WHY_ROWS} more"]


def _check_row(check: Check) -> str:
    result = _RESULTS[check.status]
    is_soft = check.is_advisory and check.status is not CheckStatus.EXCLUDED
    mark = f"({result})" if is_soft else result
    name = check.name.replace("_", " ")
    return row((name, 13), (compact(check.value), 7), (_need(check), 7), (mark, 4))


def _need(check: Check) -> str:
    need = check.need
    if isinstance(need, tuple):
        return "-".join(compact(bound) for bound in need)
    return compact(need)


def _reasons(checks: Sequence[Check]) -> list[str]:
    """Words of the checks that have some: why a value is missing, or what does not fit a column."""
    told = [c for c in checks if c.reason and c.status is not CheckStatus.PASS]
    return [
        f"<i>{short(c.name.replace('_', ' '), 30)}: {short(c.reason, 120)}</i>" for c in told[:8]
    ]


def why_trade(trade: Trade, view: View) -> Text:
    """The checks stored with a trade's signal."""
    signal, number = trade.taken.signal, trade.taken.position_id
    closed_ms = signal.open_ms + view.frame_s * 1000
    name = f"<b>{short(signal.symbol, 30)} {signal.side}</b> <code>#{number}</code>"
    head = f"❓ {name} taken · {when(closed_ms)} · {badge(view.mode)}"
    level = signal.level
    words = (
        f"Broke {price(level.price)} ({level.touches} touches), closed at {price(signal.price)}."
    )
    buttons = keyboard((read("📊 Chart", "chart", signal.symbol), read("Positions", "positions")))
    return Text(f"{head}\n{pre(check_rows(signal.checks))}\n{words}", buttons)


def why_overview(view: View) -> Text:
    """What stands between the markets and a trade, at their last closed bar."""
    verdicts = view.verdicts.values()
    head = f"❓ <b>Why so few trades</b> · {len(verdicts)} markets at their last bar"
    blocked = Counter(v.blocked_by or v.outcome.lower() for v in verdicts)
    rows = [
        row((name.replace("_", " "), 24), (count, -9)) for name, count in blocked.most_common(14)
    ]
    parts = [f"{head} · {badge(view.mode)}"]
    parts.append(pre([row(("blocked by", 24), ("markets", -9)), *rows]) if rows else "None judged.")
    parts += [f"🔒 {short(g.name, 30)}: {short(g.why)}" for g in view.gates]
    parts += [_skip_line(s.signal_id, s.reason, s.at_ms) for s in view.skipped[-3:]]
    return Text("\n".join(parts), keyboard((turn("⟳ Refresh", "why"), read("🔎 Scan", "scan"))))


def _skip_line(signal_id: str, reason: str, at_ms: Ms) -> str:
    symbol = short(signal_id.partition(":")[0], 30)
    return f"{when(at_ms)} skipped <b>{symbol}</b>: {short(reason, 80)}"


def chart(
    candles: CandlesView, mode: str, position: PositionView | None, trade: Trade | None
) -> Picture:
    """The picture behind `/chart`: candles, nearest levels, and the open trade's lines."""
    lines = _level_lines(candles)
    if position is not None:
        lines += _position_lines(position)
    marks = _marks(trade) if trade is not None else ()
    return _picture(candles, mode, tuple(lines), marks)


def signal_chart(candles: CandlesView, mode: str, trade: Trade) -> Picture | None:
    """The picture of a signal, as of the bar that decided; None when that bar is not there."""
    fact, signal = trade.taken, trade.taken.signal
    shown = candles.open_ms <= signal.open_ms
    if not shown.any() or int(candles.open_ms[shown][-1]) != signal.open_ms:
        return None
    lines = [
        _line(signal.level.price, "level", "level"),
        _line(signal.price, "entry", "entry"),
        _line(float(fact.stop), "stop", "stop"),
        *[_line(float(t.price), f"TP{i}", "target") for i, t in enumerate(fact.targets, 1)],
    ]
    then = CandlesView(
        candles.symbol, candles.frame_s, candles.open_ms[shown], candles.ohlcv[shown], ()
    )
    return _picture(then, mode, tuple(lines), ())


def _picture(
    candles: CandlesView, mode: str, lines: tuple[Line, ...], marks: tuple[Mark, ...]
) -> Picture:
    open_ms, ohlcv = candles.open_ms[-CHART_BARS:], candles.ohlcv[-CHART_BARS:]
    since = int(open_ms[0]) if len(open_ms) else 0
    return Picture(
        symbol=candles.symbol,
        frame_s=candles.frame_s,
        open_ms=open_ms,
        ohlcv=ohlcv,
        lines=lines,
        marks=tuple(m for m in marks if m.at_ms >= since),
        title=f"{candles.symbol} {span(candles.frame_s)}",
        subtitle=mode.upper(),
    )


def _line(at: float, label: str, kind: Kind) -> Line:
    return Line(at, label, kind)


def _level_lines(candles: CandlesView) -> list[Line]:
    """The nearest levels of each side; they come nearest first."""
    kept: dict[Side, list[Level]] = {Side.LONG: [], Side.SHORT: []}
    for level in candles.levels:
        if len(kept[level.side]) < LEVELS_A_SIDE:
            kept[level.side].append(level)
    levels = kept[Side.LONG] + kept[Side.SHORT]
    return [_line(x.price, f"{x.touches} touches", "level") for x in levels]


def _position_lines(position: PositionView) -> list[Line]:
    lines = []
    if position.entry is not None:
        lines.append(_line(float(position.entry), "entry", "entry"))
    if position.stop is not None:
        lines.append(_line(float(position.stop), "stop", "stop"))
    working = [t for t in position.targets if t.state != "filled"]
    return lines + [_line(float(t.price), f"{t.r:g}R", "target") for t in working]


def _marks(trade: Trade) -> tuple[Mark, ...]:
    return tuple(Mark(f.exchange_ms, float(f.price), f.side) for f in trade.fills)


def chart_caption(picture: Picture, mode: str) -> Text:
    """The words under a chart."""
    last = float(picture.ohlcv[-1, 3]) if len(picture.ohlcv) else None
    closed_ms = int(picture.open_ms[-1]) + picture.frame_s * 1000 if len(picture.open_ms) else 0
    name = f"📊 <b>{short(picture.symbol, 30)}</b> {span(picture.frame_s)} · {badge(mode)}"
    words = f"{name}\nLast close {price(last)} at {when(closed_ms)}"
    again = (read("⟳ Again", "chart", picture.symbol), read("❓ Why", "why", picture.symbol))
    return Text(words, keyboard(again))
