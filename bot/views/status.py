"""Cards about the state of things: status, positions, health.

They exist so that one look answers "is it running, what does it hold, is it protected". A value
that is not known is a dash; nothing here is computed that the engine did not state.
"""

from collections.abc import Callable, Iterable, Sequence

from bot.desk import Health, Pulse
from bot.trades import Trade
from bot.views import words
from bot.views.layout import (
    NONE,
    Text,
    badge,
    clock,
    coin,
    decimals,
    icon,
    in_r,
    keyboard,
    label,
    money,
    percent,
    pre,
    price,
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
from engine.core.values import GateName, PositionState, StopKind
from engine.core.view import GateView, PositionView, TargetView, View

ROWS = 12  # positions or errors in one table
MS_MAX = 1000
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
_KINDS = {
    StopKind.BREAKEVEN: "breakeven",
    StopKind.TRAILING: "trailing",
    StopKind.MANUAL: "by hand",
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


def status(view: View, health: Health, limits: Risk) -> Text:
    """The live card."""
    numbers = [*_money_rows(view, limits), *_machine_rows(view, health)]
    parts = [header(view, health), *_reduced(view), _equity(view), pre(numbers)]
    if view.positions:
        parts.append(pre(_position_rows(view)))
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
    feed = f"ws {_brief(health.feed_age_ms)} api {_brief(health.api_latency_ms)}"
    return [
        row(("Scan", 6), (f"{_scan_age(view)} ago", 7), (_markets(view), 19)),
        row(("Feed", 6), (f"{feed} skew {_brief(health.clock_skew_ms)}", 27)),
        row(("Up", 6), (span(health.uptime_s), 7), (f"start {view.boot}", 12)),
        *_preset_rows(view),
    ]


def _preset_rows(view: View) -> list[str]:
    rows = [row(("Preset", 6), (view.preset or NONE, 27))]
    if view.next_preset:
        rows.append(row(("Restart", 7), (view.next_preset, 26)))
    return rows


def _brief(value: float | None) -> str:
    """Milliseconds in at most six characters."""
    if value is None:
        return NONE
    return f"{value:.0f}ms" if abs(value) < MS_MAX else f"{value / 1000:.1f}s"


def _scan_age(view: View) -> str:
    if view.last_batch_ms is None:
        return NONE
    return span((view.at_ms - view.last_batch_ms) / 1000 - view.frame_s)


def _markets(view: View) -> str:
    near = f", {sum(v.stage >= NEAR for v in view.verdicts.values())} near" if view.verdicts else ""
    return f"{len(view.universe)} mkts{near}"


def _position_rows(view: View) -> list[str]:
    rows = [_position_row(p, view.at_ms) for p in view.positions[:ROWS]]
    more = len(view.positions) - ROWS
    return [*rows, f"and {more} more"] if more > 0 else rows


def _position_row(position: PositionView, at_ms: int) -> str:
    age = span((at_ms - position.opened_ms) / 1000).split(" ")[0]
    return row(
        (coin(position.symbol), 10),
        (position.side[0], 1),
        (in_r(position.move_r), -7),
        (money(position.unrealized), -8),
        (age, -4),
    )


def positions(view: View) -> Text:
    """Open positions as a table, one button each."""
    word = f"<b>{len(view.positions)} open</b> of {view.max_positions}"
    head = f"📊 {word} · {badge(view.mode)} · {when(view.at_ms, 'T')}"
    refresh = (turn("⟳ Refresh", "positions"), read("🔎 Scan", "scan"))
    if not view.positions:
        nothing = "Nothing is open. Scan shows the markets nearest to a trade."
        return Text(f"{head}\n{nothing}", keyboard(refresh))
    one_each = [read(_label(p), "positions", f"#{p.id}") for p in view.positions[:ROWS]]
    lines = [one_each[i : i + 3] for i in range(0, len(one_each), 3)]
    return Text(f"{head}\n{pre(_position_rows(view))}", keyboard(*lines, refresh))


def _label(position: PositionView) -> str:
    return f"#{position.id} {label(coin(position.symbol), 12)}"


def position_card(position: PositionView, view: View, trade: Trade | None = None) -> Text:
    """One position with its protection; `trade` is what the chat remembers of it."""
    number = f"<code>#{position.id}</code>"
    name = f"<b>{short(position.symbol, 30)} {position.side}</b>"
    mark = "🟢" if _is_protected(position) else "⚠️"
    head = f"{mark} {name} {number} · {in_r(position.move_r)} · {icon(view.mode)}"
    at = f"#{position.id}"
    breakeven = (
        [read("🛡 Stop to breakeven", "positions", at, "be")] if _may_tighten(position) else []
    )
    buttons = keyboard(
        (
            read("✖ Close", "close", at),
            read("✂ 25%", "close", at, "25"),
            read("✂ 50%", "close", at, "50"),
        ),
        breakeven,
        (
            turn("⟳ Refresh", "positions", at),
            read("📊 Chart", "chart", position.symbol),
            read("❓ Why", "why", at),
        ),
    )
    rows = [*_price_rows(position), *_exit_rows(position, trade), *_end_rows(position, view, trade)]
    return Text(f"{head}\n{pre(rows)}", buttons)


def _is_protected(position: PositionView) -> bool:
    return position.stop is not None and position.state is PositionState.PROTECTED


def _may_tighten(position: PositionView) -> bool:
    """Whether the stop still stands where the entry put it."""
    return _is_protected(position) and position.stop_kind is StopKind.INITIAL


def _price_rows(position: PositionView) -> list[str]:
    entry, digits, change = position.entry, digits_of(position), None
    if entry and position.mark is not None:
        change = position.side.sign * (position.mark - float(entry)) / float(entry) * 100
    now, paid = price(position.mark, digits), price(entry, digits)
    gain, move = money(position.unrealized), in_r(position.move_r)
    return [
        row(("Now", 5), (now, -10), ("entry", -7), (paid, -9)),
        row(("uPnL", 5), (gain, -10), (percent(change), -7), (move, -9)),
        row(("Net if closed", 13), (money(position.net_if_closed), -10), ("all costs", -9)),
    ]


def _exit_rows(position: PositionView, trade: Trade | None) -> list[str]:
    """Where it ends: the stop, what that keeps, the rungs."""
    digits, stop = digits_of(position), position.stop
    rows = [row(("Stop", 5), (price(stop, digits), -10), (_stop_words(position), -17))]
    kind = _KINDS.get(position.stop_kind)
    if kind is not None and stop is not None:
        keeps = None if trade is None else trade.move_r(stop)
        rows.append(row(("Kind", 5), (kind, -10), ("keeps", -7), (in_r(keeps), -9)))
    return rows + [_target_row(rank, t, position) for rank, t in enumerate(position.targets, 1)]


def _end_rows(position: PositionView, view: View, trade: Trade | None) -> list[str]:
    # the extremes are those of closed candles and fills: the price of now may be beyond them
    best, worst = _extreme(max, position.mfe_r, position), _extreme(min, position.mae_r, position)
    held = f"{position.qty} of {position.qty0} {coin(position.symbol)}"
    age = span((view.at_ms - position.opened_ms) / 1000)
    most = span(trade.taken.exits.max_hold_s) if trade is not None else NONE
    rows = [
        row(("Best", 5), (best, -10), ("worst", -7), (worst, -9)),
        row(("Qty", 5), (held, 28)),
        row(("Age", 5), (age, -10), ("max", -7), (most, -9)),
    ]
    if position.funding:
        rows.insert(2, row(("Fund", 5), (money(-position.funding), -10)))
    return rows


def _extreme(
    pick: Callable[[Iterable[float]], float], seen_r: float | None, position: PositionView
) -> str:
    known = [r for r in (seen_r, position.move_r) if r is not None]
    return in_r(pick(known) if known else None)


def digits_of(position: PositionView) -> int:
    """How many decimals the prices of its market have."""
    legal = [p for p in (position.stop, *(t.price for t in position.targets)) if p is not None]
    return decimals(*legal) if legal else decimals(position.level_price, position.mark)


def _stop_words(position: PositionView) -> str:
    if position.stop is None:
        return "MISSING" if position.qty else "not yet"
    ok = "ok" if _is_protected(position) else position.state.lower()
    return f"on exchange {ok}" if ok == "ok" else ok


def _target_row(rank: int, target: TargetView, position: PositionView) -> str:
    share = f"{target.qty / position.qty0:.0%}" if position.qty0 else NONE
    at = price(target.price, digits_of(position))
    is_part = 0 < target.filled_qty < target.qty
    state = f"{target.filled_qty / target.qty:.0%} hit" if is_part else target.state
    return row((f"TP{rank}", 5), (at, -10), (state, -7), (f"{target.r:g}R {share}", -9))


def health_card(view: View, health: Health, pulse: Pulse) -> Text:
    """How the machinery is doing."""
    head = f"🩺 <b>{headline(view)}</b> · {badge(view.mode)} · {short(health.source, 60)}"
    parts = [f"{head} · <b>{short(view.instance, 20)}</b>", pre(_health_rows(view, health, pulse))]
    parts += [gate_line(gate) for gate in view.gates]
    if pulse.trouble:
        parts.append(f"Telegram: {short(pulse.trouble)}")
    parts += [f"{when(at_ms)} {short(said)}" for at_ms, said in health.errors[-5:]]
    return Text("\n".join(parts), keyboard((turn("⟳ Refresh", "health"), read("Status", "status"))))


def _health_rows(view: View, health: Health, pulse: Pulse) -> list[str]:
    facts = [
        ("Version", health.version),
        ("Up", f"{span(health.uptime_s)}, start {health.restarts}"),
        ("Stream", health.stream_state),
        ("Feed age", _milliseconds(health.feed_age_ms)),
        ("Stale", f"{len(view.stale_symbols)} of {len(view.universe)} mkts"),
        ("API", _milliseconds(health.api_latency_ms)),
        ("Clock skew", _milliseconds(health.clock_skew_ms)),
        ("Chat poll", span(pulse.poll_age_s) if pulse.poll_age_s is not None else NONE),
        ("Outbox", _queue(pulse)),
        *((("Dropped", f"{pulse.outbox_dropped} messages"),) if pulse.outbox_dropped else ()),
        ("Strangers", str(pulse.strangers)),
        ("Market time", clock(view.at_ms)),
    ]
    return [row((name, 11), (said, 22)) for name, said in facts]


def _queue(pulse: Pulse) -> str:
    if not pulse.outbox_depth:
        return "0 waiting"
    return f"{pulse.outbox_depth} waiting, oldest {span(pulse.outbox_oldest_s)}"


def _milliseconds(value: float | None) -> str:
    if value is None:
        return NONE
    return f"{value:.0f} ms" if abs(value) < FAR_MS else span(abs(value) / 1000)


def panic_rows(lines: Sequence[tuple[str, int | str | None]]) -> list[str]:
    """A checklist: words on the left; on the right when it happened, or what is going on."""
    ends = [(said, clock(end) if isinstance(end, int) else end or "") for said, end in lines]
    return [row((said, 25), (end, -8)) for said, end in ends]
