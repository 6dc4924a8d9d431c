"""Cards about the market: candidates, the reasons for and against a trade, the chart's contents.

They exist because "why did it not trade?" is the question an operator asks most. Rows are those the
engine judged; a check without a value says so and why.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bot.trades import Trade
from bot.views import checks, words
from bot.views.layout import (
    NONE,
    Text,
    badge,
    coin,
    decimals,
    fixed,
    icon,
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
from bot.views.status import gate_line
from engine.chart import Kind, Line, Mark, Picture
from engine.core.values import Check, CheckStatus, Level, Ms, Side, Verdict
from engine.core.view import CandlesView, PositionView, View

SCAN_ROWS = 12
SCAN_MAX = 30
CHART_BARS = 120
LEVELS_A_SIDE = 3
GATES = 4  # under a table
_HOT = {"TAKEN": 0, "SIGNAL": 1, "REFUSED": 2}


def scan(view: View, count: int = SCAN_ROWS) -> Text:
    """The candidates nearest to a trade, by their last verdicts."""
    ranked = sorted(view.verdicts.values(), key=_nearness)
    newest = view.last_batch_ms
    as_of = NONE if newest is None else when(newest + view.frame_s * 1000)
    frame = span(view.frame_s)
    head = f"🔎 <b>{len(ranked)} markets</b> · {frame} bars to {as_of} · {icon(view.mode)}"
    refresh = (turn("⟳ Refresh", "scan", str(count)), read("❓ Why so few", "why"))
    if not ranked:
        nothing = "No bar of a watched market has closed yet."
        return Text(f"{head}\n{nothing}", keyboard(refresh))
    rows = [row(("market", 8), ("s", 1), ("dist", -6), ("ATR", -5), ("blocked by", 10))]
    rows += [_scan_row(v) for v in ranked[:count]]
    legend = "dist to the trigger; minus = beyond it"
    picks = [read(f"❓ {label(coin(v.symbol), 12)}", "why", v.symbol) for v in ranked[:6]]
    card = f"{head}\n{pre(rows)}\n<i>{legend}</i>"
    return Text(card, keyboard(picks[:3], picks[3:], refresh))


def nearest(view: View, count: int = 6) -> list[str]:
    """Symbols nearest to a trade."""
    return [v.symbol for v in sorted(view.verdicts.values(), key=_nearness)[:count]]


def _nearness(verdict: Verdict) -> tuple[int, float, str]:
    distance = verdict.distance_atr
    far = float("inf") if distance is None else abs(distance)
    return _HOT.get(verdict.outcome, len(_HOT)), far, verdict.symbol


def _scan_row(verdict: Verdict) -> str:
    side = NONE if verdict.level is None else verdict.level.side[0]
    is_hot = verdict.outcome in _HOT and verdict.outcome != "REFUSED"
    blocked = verdict.outcome.lower() if is_hot else checks.label(verdict.blocked_by)
    atr = verdict.distance_atr
    return row(
        (coin(verdict.symbol), 8),
        (side, 1),
        (percent(verdict.distance_pct, 1), -6),
        (NONE if atr is None else fixed(atr, 1), -5),
        (blocked, 10),
    )


def why_symbol(verdict: Verdict, view: View) -> Text:
    """Each check of a symbol with value, need and result."""
    outcome = "no trade" if verdict.outcome in ("QUIET", "FAILED") else verdict.outcome.lower()
    closed_ms = verdict.open_ms + view.frame_s * 1000
    frame = span(view.frame_s)
    head = (
        f"❓ <b>{short(verdict.symbol, 30)}</b> {short(outcome, 20)} · {frame} · {when(closed_ms)}"
    )
    parts = [head, pre(checks.table(verdict.checks)), _conclusion(verdict, view)]
    parts += _reasons(verdict.checks)
    parts += [f"📊 {p.side} <code>#{p.id}</code> is open here." for p in _held(verdict, view)]
    parts += _gate_lines(view)
    buttons = keyboard((read("📊 Chart", "chart", verdict.symbol), read("🔎 Scan", "scan")))
    return Text("\n".join(p for p in parts if p), buttons)


def _gate_lines(view: View) -> list[str]:
    lines = [gate_line(gate) for gate in view.gates[:GATES]]
    more = len(view.gates) - GATES
    return [*lines, f"🔒 and {more} more"] if more > 0 else lines


def _held(verdict: Verdict, view: View) -> list[PositionView]:
    return [p for p in view.positions if p.symbol == verdict.symbol]


def _conclusion(verdict: Verdict, view: View) -> str:
    said = []
    if verdict.blocked_by is not None:
        said.append(f"Blocked by <b>{short(checks.label(verdict.blocked_by), 40)}</b>.")
    if verdict.level is not None:
        side = "resistance" if verdict.level.side is Side.LONG else "support"
        digits = decimals(verdict.price, verdict.level.price)
        gap = verdict.distance_pct
        said.append(f"Nearest {side} {price(verdict.level.price, digits)}, {_gap(gap)}.")
    wait_ms = verdict.open_ms + 2 * view.frame_s * 1000 - view.at_ms
    if wait_ms > 0:
        said.append(f"Next check in {span(wait_ms / 1000)}.")
    return " ".join(said)


def _gap(distance_pct: float | None) -> str:
    """How far the trigger is, in words."""
    if distance_pct is None:
        return "distance unknown"
    side = "beyond its trigger" if distance_pct < 0 else "to its trigger"
    return f"{fixed(abs(distance_pct), 2)}% {side}"


def _reasons(found: Sequence[Check]) -> list[str]:
    """Words of the checks that have some: why a value is missing, or what does not fit a column."""
    told = [c for c in found if c.reason and c.status is not CheckStatus.PASS]
    return [f"<i>{short(checks.label(c.name), 30)}: {short(c.reason, 120)}</i>" for c in told[:8]]


def why_trade(trade: Trade, view: View) -> Text:
    """The checks stored with a trade's signal."""
    signal, number = trade.taken.signal, trade.taken.position_id
    closed_ms = signal.open_ms + view.frame_s * 1000
    name = f"<b>{short(signal.symbol, 30)} {signal.side}</b> <code>#{number}</code>"
    head = f"❓ {name} taken · {when(closed_ms)} · {icon(view.mode)}"
    level = signal.level
    digits = decimals(trade.taken.stop)
    broke = f"Broke {price(level.price, digits)} ({level.touches} touches)"
    said = f"{broke}, closed at {price(signal.price, digits)}."
    buttons = keyboard((read("📊 Chart", "chart", signal.symbol), read("Positions", "positions")))
    return Text(f"{head}\n{pre(checks.table(signal.checks))}\n{said}", buttons)


def why_overview(view: View) -> Text:
    """What stands between the markets and a trade: at their last bar, and for a day of signals."""
    verdicts = view.verdicts.values()
    head = f"❓ <b>Why so few trades</b> · {len(verdicts)} markets at their last bar"
    blocked = Counter(
        checks.label(v.blocked_by) if v.blocked_by else v.outcome.lower() for v in verdicts
    )
    rows = _counted("blocked by", "markets", blocked.most_common(14))
    parts = [f"{head} · {badge(view.mode)}", pre(rows) if blocked else "None judged."]
    parts.append(_refusals(view))
    parts += _gate_lines(view)
    parts += [_skip_line(s.signal_id, s.reason, s.at_ms) for s in view.skipped[-3:]]
    return Text("\n".join(parts), keyboard((turn("⟳ Refresh", "why"), read("🔎 Scan", "scan"))))


def _refusals(view: View) -> str:
    """Complete signals that risk refused in the last 24 h, by name."""
    if not view.refused:
        return "No signal was refused in the last 24 h."
    counts = Counter(view.refused).most_common(10)
    named = [(words.refusal(check), count) for check, count in counts]
    return pre(_counted("refused in 24 h", "signals", named))


def _counted(name: str, unit: str, counts: Sequence[tuple[str, int]]) -> list[str]:
    rows = [row((said, 24), (count, -9)) for said, count in counts]
    return [row((name, 24), (unit, -9)), *rows]


def _skip_line(signal_id: str, reason: str, at_ms: Ms) -> str:
    symbol = short(signal_id.partition(":")[0], 30)
    check, _, detail = reason.partition(": ")
    return f"{when(at_ms)} skipped <b>{symbol}</b>: {short(detail or words.refusal(check), 80)}"


def chart(
    candles: CandlesView, mode: str, position: PositionView | None, trade: Trade | None
) -> Picture:
    """The picture behind `/chart`: candles, nearest levels, and the open trade's lines."""
    lines = _level_lines(candles)
    said = [mode.upper(), *_last(candles)]
    if position is not None:
        lines += _position_lines(position)
        said.append(f"{position.side} #{position.id}")
    marks = _marks(trade) if trade is not None else ()
    return _picture(candles, " · ".join(said), tuple(lines), marks)


def _last(candles: CandlesView) -> list[str]:
    """The last close, and the nearest level with its distance."""
    if not len(candles.open_ms):
        return []
    last, digits = float(candles.ohlcv[-1, 3]), _digits(candles.ohlcv)
    said = [f"last {price(last, digits)}"]
    for level in candles.levels[:1]:
        away = percent((level.price - last) / last * 100)
        said.append(f"level {price(level.price, digits)} ({away})")
    return said


def _digits(ohlcv: NDArray[np.float64]) -> int:
    """Decimals of the last few candles' prices."""
    return decimals(*ohlcv[-20:, :4].ravel().tolist())


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
    said = f"{mode.upper()} · {signal.side} breakout #{fact.position_id}"
    return _picture(then, said, tuple(lines), ())


def _picture(
    candles: CandlesView, said: str, lines: tuple[Line, ...], marks: tuple[Mark, ...]
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
        title=said,
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
    has_bars = len(picture.open_ms) > 0
    last = price(float(picture.ohlcv[-1, 3]), _digits(picture.ohlcv)) if has_bars else NONE
    closed_ms = int(picture.open_ms[-1]) + picture.frame_s * 1000 if has_bars else 0
    name = f"📊 <b>{short(picture.symbol, 30)}</b> {span(picture.frame_s)} · {badge(mode)}"
    said = f"{name}\nLast close {last} at {when(closed_ms)}"
    again = (read("⟳ Again", "chart", picture.symbol), read("❓ Why", "why", picture.symbol))
    return Text(said, keyboard(again))
