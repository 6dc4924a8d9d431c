"""Cards that give reasons: of a market now, of a signal then, of a day with few trades.

They exist because "why did it not trade?" is the question an operator asks most. Rows are those the
engine judged; a check without a value says so and why.
"""

from collections import Counter
from collections.abc import Sequence

from bot.signals import Heard
from bot.views import checks, words
from bot.views.layout import (
    Text,
    badge,
    decimals,
    fixed,
    icon,
    keyboard,
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
from engine.core.diagnosis import Miss, concerns, misses, near_miss
from engine.core.facts import SignalSkipped, SignalTaken
from engine.core.values import Check, CheckStatus, Ms, Setup, Side, Signal, Verdict
from engine.core.view import FunnelView, PositionView, View

GATES = 4  # under a table
REASONS = 6
MISSES = 3
COUNTED = 5  # checks named in one sentence
SHORT_MS: Ms = 23 * 3_600_000  # a funnel counts whole hours: this much is a day of it
_BRIEF = 80


def why_symbol(
    verdict: Verdict, view: View, tried: Sequence[Setup], last: Heard | None = None
) -> Text:
    """Each check of a symbol with value, need and result; `tried` are the configured setups.

    `last` is the last complete signal of the symbol that is remembered.
    """
    outcome = "no trade" if verdict.outcome in ("QUIET", "FAILED") else verdict.outcome.lower()
    closed_ms = verdict.open_ms + view.frame_s * 1000
    name = f"<b>{short(verdict.symbol, 30)}</b> {short(outcome, 20)}"
    head = f"❓ {name} · {span(view.frame_s)} · {when(closed_ms)} · {icon(view.mode)}"
    parts = [head, pre(checks.table(verdict.checks, verdict.setup, tried))]
    parts += [_came(verdict), _conclusion(verdict, view), _passed(last, view)]
    parts.append(_missed(verdict.checks, verdict.setup))
    parts += _reasons(verdict.checks, verdict.setup)
    parts += [f"📊 {p.side} <code>#{p.id}</code> is open here." for p in _held(verdict, view)]
    parts += _gate_lines(view)
    symbol = verdict.symbol
    buttons = keyboard(
        (read("📊 Chart", "chart", symbol), read("Levels", "levels", symbol)),
        (turn("⟳ Refresh", "why", symbol), read("🔎 Scan", "scan")),
    )
    return Text("\n".join(p for p in parts if p), buttons)


def _gate_lines(view: View) -> list[str]:
    lines = [gate_line(gate) for gate in view.gates[:GATES]]
    more = len(view.gates) - GATES
    return [*lines, f"🔒 and {more} more"] if more > 0 else lines


def _held(verdict: Verdict, view: View) -> list[PositionView]:
    return [p for p in view.positions if p.symbol == verdict.symbol]


def _came(verdict: Verdict) -> str:
    """How far the setup that came farthest got, and where the symbol ranks."""
    said = []
    if verdict.setup is not None:
        stage = words.STAGES[verdict.stage]
        said.append(f"{verdict.setup.capitalize()} came farthest: <b>{stage}</b>.")
    if verdict.score is not None:
        score = fixed(verdict.score, 2)
        watched = "not watched" if verdict.rank is None else f"watched, rank {verdict.rank}"
        said.append(f"Score {score}, {watched}.")
    return " ".join(said)


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


def _passed(last: Heard | None, view: View) -> str:
    """When all checks of the market passed before, as far as it is remembered."""
    if last is None:
        return "Last time all passed: none remembered."
    bar_ms = last.signal.open_ms + view.frame_s * 1000
    return f"Last time all passed: {when(bar_ms, 'dt')}, {short(words.became(last.fact), 80)}."


def _gap(distance_pct: float | None) -> str:
    """How far the trigger is, in words."""
    if distance_pct is None:
        return "distance unknown"
    side = "beyond its trigger" if distance_pct < 0 else "to its trigger"
    return f"{fixed(abs(distance_pct), 2)}% {side}"


def _missed(found: Sequence[Check], setup: Setup | None) -> str:
    """By how much the numbers in the way missed; "" when none of them is a matter of numbers."""
    if setup is None:
        return ""
    only = near_miss(found, setup)
    if only is not None:
        return f"<b>Near miss</b>: only {_miss(only)} was missing."
    nearest = misses(found, setup)
    if not nearest:
        return ""
    more = f", and {len(nearest) - MISSES} more" if len(nearest) > MISSES else ""
    return f"Nearest miss: {', '.join(map(_miss, nearest[:MISSES]))}{more}."


def _miss(miss: Miss) -> str:
    return f"{short(checks.label(miss.name), 30)} by {fixed(miss.pct, 1)}%"


def _reasons(found: Sequence[Check], setup: Setup | None) -> list[str]:
    """Words of the checks that have some: why a value is missing, or what does not fit a column."""
    told: dict[str, list[str]] = {}
    for check in found:
        is_mine = setup is None or concerns(check.name, setup)
        if is_mine and check.reason and check.status is not CheckStatus.PASS:
            told.setdefault(check.reason, []).append(checks.label(check.name))
    lines = [f"{short(', '.join(x), _BRIEF)}: {short(why, _BRIEF)}" for why, x in told.items()]
    lines = lines[:REASONS]
    left_out = short(checks.excluded(found), 400)
    return [f"<i>{line}</i>" for line in [*lines, left_out] if line]


def why_signal(fact: SignalTaken | SignalSkipped, view: View) -> Text:
    """The checks stored with a signal, and what became of it."""
    signal = fact.signal
    closed_ms = signal.open_ms + view.frame_s * 1000
    name = f"<b>{short(signal.symbol, 30)} {signal.side}</b>"
    is_taken = isinstance(fact, SignalTaken)
    became = short(words.became(fact), 200)
    head = f"❓ {name} {became if is_taken else 'not traded'} · {when(closed_ms)}"
    parts = [f"{head} · {icon(view.mode)}", pre(checks.table(signal.checks, signal.setup))]
    parts += [_broke(signal, _decimals(fact), _frame_s(fact, view)), _merits(signal)]
    if not is_taken:
        parts += [f"✖ {became}", _missed(signal.checks, signal.setup)]
    parts += _reasons(signal.checks, signal.setup)
    symbol = signal.symbol
    buttons = keyboard(
        (read("📊 Chart", "chart", symbol), read("❓ Now", "why", symbol)),
        (read("📡 Signals", "signals"), read("📊 Positions", "positions")),
    )
    return Text("\n".join(p for p in parts if p), buttons)


def _decimals(fact: SignalTaken | SignalSkipped) -> int:
    if isinstance(fact, SignalTaken):
        return decimals(fact.stop)
    return decimals(fact.signal.price, fact.signal.level.price)


def _frame_s(fact: SignalTaken | SignalSkipped, view: View) -> int:
    return (fact.frame_s if isinstance(fact, SignalTaken) else 0) or view.frame_s


def _broke(signal: Signal, digits: int, frame_s: int) -> str:
    level = signal.level
    about = f"{level.touches} touches, strength {fixed(level.strength, 2)}"
    broke = f"Broke {price(level.price, digits)} ({about})"
    closed = f"closed at {price(signal.price, digits)}"
    if signal.setup is Setup.MOMENTUM:
        return f"{broke}, {closed}."
    ago = ""
    if signal.break_ms is not None:
        bars = (signal.open_ms - signal.break_ms) // (1000 * frame_s)
        ago = f" {bars} bar{'' if bars == 1 else 's'} before"
    return f"{broke}{ago}, came back, {closed}."


def _merits(signal: Signal) -> str:
    said = [f"Setup {signal.setup.lower()}"]
    if signal.score is not None:
        said.append(f"score {fixed(signal.score, 2)}")
    if signal.confidence is not None:
        said.append(f"confidence {fixed(signal.confidence, 2)}")
    return ", ".join(said) + "."


def why_overview(view: View) -> Text:
    """Where markets dropped out within a day, and what became of the signals."""
    parts = [_heading(view), _funnel(view.funnel), _blocked(view), _refusals(view)]
    parts += _gate_lines(view)
    parts += [_skip_line(s.signal_id, s.reason, s.at_ms) for s in view.skipped[-3:]]
    buttons = keyboard(
        (turn("⟳ Refresh", "why"), read("🔎 Scan", "scan"), read("📡 Signals", "signals"))
    )
    return Text("\n".join(p for p in parts if p), buttons)


def _heading(view: View) -> str:
    since_ms = view.funnel.since_ms
    is_day = view.at_ms - since_ms >= SHORT_MS
    since = "last 24 h" if is_day else f"since {when(since_ms)}"
    return f"❓ <b>Why so few trades</b> · {since} · {badge(view.mode)}"


def _funnel(funnel: FunnelView) -> str:
    """How many markets reached each stage, and how many were lost before it."""
    reached = funnel.reached
    if not reached[0]:
        return "No bar was judged yet."
    names = ("markets seen", *words.STAGES[1:])
    rows = [row((names[0], 20), (reached[0], -6))]
    for name, before, count in zip(names[1:], reached, reached[1:], strict=False):
        rows.append(row((name, 20), (count, -6), (count - before, -6)))
    return f"{pre(rows)}\n{_tightest(funnel)}"


def _tightest(funnel: FunnelView) -> str:
    stage = funnel.tightest
    if stage is None:
        return "No gate held any back."
    kept, of = funnel.reached[stage], funnel.reached[stage - 1]
    return f"Tightest gate: <b>{words.STAGES[stage]}</b> (kept {kept} of {of})."


def _blocked(view: View) -> str:
    """What stopped most of them at their last bar."""
    names = (checks.label(v.blocked_by) for v in view.verdicts.values() if v.blocked_by)
    counts = Counter(names).most_common(COUNTED)
    said = ", ".join(f"{short(name, 30)} {count}" for name, count in counts)
    return f"Blocked at the last bar: {said}." if said else ""


def _refusals(view: View) -> str:
    """Complete signals that risk refused in the last 24 h, by name."""
    if not view.refused:
        return "No signal was refused in the last 24 h."
    counts = Counter(view.refused).most_common(COUNTED)
    said = ", ".join(f"{short(words.refusal(check), 40)} {count}" for check, count in counts)
    more = f", and {len(view.refused) - COUNTED} more reasons" * (len(view.refused) > COUNTED)
    return f"Refused in 24 h: {said}{more}."


def _skip_line(signal_id: str, reason: str, at_ms: Ms) -> str:
    symbol = short(signal_id.partition(":")[0], 30)
    return f"{when(at_ms)} skipped <b>{symbol}</b>: {short(words.skipped(reason), 80)}"
