"""Cards about the state of things: status and health.

They exist so that one look answers "is it running, what does it hold, is it protected". A value
that is not known is a dash; nothing here is computed that the engine did not state.
"""

from collections.abc import Sequence

from bot.desk import Health
from bot.views import positions, words
from bot.views.layout import (
    NONE,
    Text,
    badge,
    clock,
    in_r,
    keyboard,
    money,
    percent,
    pre,
    read,
    row,
    short,
    span,
    turn,
    when,
    who,
)
from engine.core.checks import NEAR
from engine.core.gates import ENGINE
from engine.core.operator import STOPPED
from engine.core.terms import Risk
from engine.core.values import GateName
from engine.core.view import GateView, View

MS_MAX = 1000
WHOLE_FROM_S, LONG_S = 9.95, 999.5
FEED_WIDTH = 27
FAR_MS = 86_400_000  # a clock or feed further off than this is shown as a duration
_WIDE_R = 10  # from here on decimals do not fit their column
_WORDS = {
    "RUNNING": "🟢",
    "STARTING": "🟡",
    "PAUSED": "🟡",
    "STOPPED": "🔴",
    "LOCKED": "🔴",
}
_STARTING = (GateName.STALE_DATA, GateName.UNRECONCILED)  # hold at every start for a moment
_GATES = {
    GateName.DAILY_LOSS: "daily loss limit, ",
    GateName.LOSING_STREAK: "losing streak, ",
    GateName.KILL_SWITCH: "entries locked, ",
    GateName.EXCHANGE_DOWN: "the exchange cannot be relied on: ",
    GateName.DISK_BAD: "the disk does not take our records: ",
}


def headline(view: View) -> str:
    """The word for the whole state, from the gates."""
    gates = {gate.name: gate for gate in view.gates}
    operator = gates.get(GateName.OPERATOR)
    if GateName.KILL_SWITCH in gates:
        return "LOCKED"
    if operator is not None and operator.why == STOPPED:
        return "STOPPED"
    if not gates:
        return "RUNNING"
    is_new = all(g.name in _STARTING and g.since_ms <= view.started_ms for g in view.gates)
    return "STARTING" if is_new else "PAUSED"


def header(view: View, health: Health) -> str:
    """First lines of the status card: state, money, market, name, and why entries are off."""
    word, source = headline(view), short(health.source.partition(",")[0], 40)
    first = f"{_WORDS[word]} <b>{word}</b> · {badge(view.mode)} · {source} · "
    first += f"<b>{short(view.instance, 20)}</b>"
    return "\n".join([first, *(gate_line(gate) for gate in view.gates)])


def gate_line(gate: GateView) -> str:
    """Why entries are off, since when, by whom and until when."""
    until = f", {words.NEXT_DAY}" if gate.name in words.DAILY else ""
    if gate.until_ms is not None:
        until = f", until {when(gate.until_ms)}"
    by = "" if gate.by == ENGINE else f" by {who(gate.by)}"
    why = f"{_GATES.get(gate.name, '')}{short(gate.why, 120)}{by}"
    return f"🔒 {why}, since {when(gate.since_ms)}{until}"


def status(view: View, health: Health, limits: Risk, *, may_pin: bool = False) -> Text:
    """The live card; with `may_pin` it offers to become the pinned one."""
    numbers = [*_money_rows(view, limits), *_machine_rows(view, health)]
    parts = [header(view, health), *_reduced(view), _equity(view), pre(numbers)]
    if view.positions:
        parts.append(pre(positions.rows(view.positions, view.at_ms)))
    parts.append(f"<i>updated {when(view.at_ms, 'T')}</i>")
    lasting = (GateName.OPERATOR, GateName.KILL_SWITCH)
    by_hand = any(gate.name in lasting for gate in view.gates)
    switch = read("▶ Resume", "resume") if by_hand else read("⏸ Pause", "pause")
    buttons = keyboard(
        (
            turn("⟳ Refresh", "status"),
            read("📊 Positions", "positions"),
            read("📡 Signals", "signals"),
        ),
        (read("💰 PnL", "pnl"), read("🩺 Health", "health"), switch),
        (read("📌 Pin", "status", "pin"),) if may_pin else (),
    )
    return Text("\n".join(parts), buttons)


def _reduced(view: View) -> list[str]:
    """That new trades are smaller, and why."""
    if view.risk_mult >= 1:
        return []
    return [
        f"⚠️ New trades risk {view.risk_mult:.0%} of normal: {short(view.risk_reduced_why, 120)}"
    ]


def _equity(view: View) -> str:
    now, start = view.equity, view.day_start_equity
    equity = f"Equity <b>{money(now, signed=False, thin=True)}</b> USDT"
    if now is None or start is None or start == 0:
        return equity
    change = now - start
    return f"{equity}  {money(change, thin=True)} ({percent(change / start * 100)}) today"


def _money_rows(view: View, limits: Risk) -> list[str]:
    """What is at stake, each with the limit that ends it."""
    unit, one_r = view.risk_unit_usd, limits.risk_per_trade_pct
    most = limits.open_risk_max_pct / one_r
    digits = 2 if most < _WIDE_R else 0
    at_risk = f"{view.open_risk_usd / unit:.{digits}f}R" if unit else NONE
    slots = f"{len(view.positions)}/{view.max_positions}"
    today, fall = view.day_loss_pct, view.drawdown_pct
    rows = [
        ("Open", slots, f"risk {at_risk} of {most:.{digits}f}R"),
        (
            "Today",
            in_r(None if today is None else -today / one_r),
            f"stop at {in_r(-limits.daily_loss_limit_pct / one_r)}",
        ),
        (
            "Peak",
            percent(None if fall is None else -fall),
            f"lock at {percent(-limits.kill_switch_pct)}",
        ),
    ]
    if view.losing_streak:
        lost = f"{view.losing_streak} lost"
        rows.append(("Streak", lost, f"stop at {limits.max_losing_streak}"))
    return [row((name, 6), (now, 7), (limit, 19)) for name, now, limit in rows]


def _machine_rows(view: View, health: Health) -> list[str]:
    return [
        row(("Scan", 6), (f"{_scan_age(view)} ago", 7), (_markets(view), 19)),
        row(("Feed", 6), (_feed(health), FEED_WIDTH)),
        row(("Up", 6), (span(health.uptime_s), 7), (f"start {view.boot}", 12)),
        *_preset_rows(view),
    ]


def _preset_rows(view: View) -> list[str]:
    rows = [row(("Preset", 6), (view.preset or NONE, 27))]
    if view.next_preset:
        rows.append(row(("Restart", 7), (view.next_preset, 26)))
    return rows


def _feed(health: Health) -> str:
    """Three times in one line; all of them in seconds where it would get too long."""
    times = health.feed_age_ms, health.api_latency_ms, health.clock_skew_ms
    line = ""
    for is_exact in (True, False):
        said = [_brief(ms, is_exact=is_exact) for ms in times]
        line = "ws {} api {} skew {}".format(*said)
        if len(line) <= FEED_WIDTH:
            break
    return line


def _brief(value: float | None, *, is_exact: bool) -> str:
    """A time in at most five characters: milliseconds where they are wanted and say more."""
    if value is None:
        return NONE
    if is_exact and abs(value) < MS_MAX:
        return f"{value:.0f}ms"
    seconds = value / 1000
    if abs(seconds) < WHOLE_FROM_S:
        return f"{round(seconds, 1) + 0.0:.1f}s"
    if abs(seconds) < LONG_S:
        return f"{seconds:.0f}s"
    return ("-" if seconds < 0 else "") + span(abs(seconds)).partition(" ")[0]


def _scan_age(view: View) -> str:
    if view.last_batch_ms is None:
        return NONE
    return span((view.at_ms - view.last_batch_ms) / 1000 - view.frame_s)


def _markets(view: View) -> str:
    near = f", {sum(v.stage >= NEAR for v in view.verdicts.values())} near" if view.verdicts else ""
    return f"{len(view.universe)} mkts{near}"


def panic_rows(lines: Sequence[tuple[str, int | str | None]]) -> list[str]:
    """A checklist: words on the left; on the right when it happened, or what is going on."""
    ends = [(said, clock(end) if isinstance(end, int) else end or "") for said, end in lines]
    return [row((said, 25), (end, -8)) for said, end in ends]
