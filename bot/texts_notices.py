"""The sentences of notices: what is pushed when a fact becomes true.

They exist so that the first words of a push name symbol, side and what happened. Sentences are
pure; they must never decide anything, and data enters them escaped.
"""

from collections.abc import Sequence
from decimal import Decimal

from bot.complaints import Complaint
from bot.trades import Trade
from bot.views import words
from bot.views.layout import (
    Button,
    Text,
    badge,
    decimals,
    fold,
    in_r,
    keyboard,
    money,
    price,
    read,
    short,
    span,
    when,
    who,
)
from engine.core.facts import (
    Booted,
    FundingPaid,
    GateClosed,
    GateOpened,
    LiveArmed,
    OrderAdopted,
    OrderEnded,
    OrderFilled,
    PresetChosen,
    Record,
    SignalSkipped,
    StopMissing,
    StopMoved,
    SymbolIgnored,
    Transferred,
)
from engine.core.gates import ENGINE
from engine.core.values import LIVE, Fill, GateName, Ms, OrderSide, Purpose, StopKind

SAFETY_MAX, ERROR_MAX = 1500, 150  # characters of a detail that stand unfolded
FILLS_S = 10  # executions within so many seconds share a message
LINES_MAX = 20  # lines of a message that tells many

SOLD = {OrderSide.BUY: "bought", OrderSide.SELL: "sold"}
MOVES = {
    StopKind.INITIAL: "stop at",
    StopKind.BREAKEVEN: "stop to breakeven",
    StopKind.TRAILING: "stop trails to",
    StopKind.MANUAL: "stop moved by hand to",
}


def _head(trade: Trade | None, position_id: int) -> str:
    if trade is None:
        return f"<b>position</b> <code>#{position_id}</code>"
    return f"<b>{short(trade.symbol, 30)} {trade.side}</b>"


# Notices


def filled(fact: OrderFilled, trade: Trade | None) -> Text:
    """An execution; the numbers are those of the whole order so far."""
    fill, number = fact.fill, fact.position_id
    head, tag = _head(trade, number), f"<code>#{number}</code>"
    qty, average = (fill.qty, fill.price) if trade is None else trade.filled(fill.order_id)
    digits = decimals(fill.price) if trade is None else trade.decimals
    deal = f"{SOLD[fill.side]} {qty}{_asked(fill, trade, qty)} @ {price(average, digits)}"
    if fill.purpose is Purpose.ENTRY:
        return Text(f"🚀 {head} filled: {deal}{_slip(trade, average)} · {tag}")
    if fill.purpose is Purpose.ADDON:
        held = "" if trade is None else f", {trade.left} held"
        return Text(f"🚀 {head} added: {deal}{held} · {tag}")
    left = "" if trade is None else f"{_worth(fill, trade, average)}, {trade.left} left"
    mark = {Purpose.TARGET: "🎯", Purpose.STOP: "🛑"}.get(fill.purpose, "✖")
    return Text(f"{mark} {head} {_why_sold(fill, trade)}: {deal}{left} · {tag}")


def _worth(fill: Fill, trade: Trade, average: Decimal) -> str:
    """What a target brought, as multiples of the risk of the entry."""
    result = trade.move_r(average) if fill.purpose is Purpose.TARGET else None
    return "" if result is None else f" ({in_r(result)})"


def _asked(fill: Fill, trade: Trade | None, qty: Decimal) -> str:
    """Of how much, while a part is missing."""
    order = None if trade is None else trade.orders.get(fill.order_id)
    return "" if order is None or qty >= order.qty else f" of {order.qty}"


def _why_sold(fill: Fill, trade: Trade | None) -> str:
    if fill.cause:
        return short(words.end(fill.cause), 60)
    if fill.purpose is Purpose.STOP:
        return words.STOPS[StopKind.INITIAL if trade is None else trade.stop_kind]
    if fill.purpose is Purpose.TARGET:
        rung = None if trade is None else trade.rung(fill.order_id)
        return "target" if rung is None else f"target {rung[0]} of {rung[1]}"
    order = None if trade is None else trade.orders.get(fill.order_id)
    return "exit" if order is None else short(words.end(order.reason), 60)


def _slip(trade: Trade | None, average: Decimal) -> str:
    if trade is None:
        return ""
    decided = trade.taken.signal.price
    bps = trade.side.sign * (float(average) - decided) / decided * 1e4
    return f" (slip {bps:+.1f} bps)"


def unfilled(fact: OrderEnded, trade: Trade) -> Text:
    """An entry ended without quantity."""
    number = trade.taken.position_id
    why = short(fact.detail or fact.state.lower(), 120)
    return Text(f"✖ {_head(trade, number)} not filled: {why} · <code>#{number}</code>")


def adopted(fact: OrderAdopted, trade: Trade | None, seq: int) -> Text:
    """A fill of an entry that was given up."""
    number = fact.position_id
    head = f"❗ {_head(trade, number)} <b>filled late</b> · <code>#{number}</code>"
    why = "An entry that was given up was filled after all. It gets its stop and is being closed."
    buttons = keyboard((_seen(seq), read("📊 Position", "positions", f"#{number}")))
    return Text(f"{head}\n{why}", buttons)


def stop_moved(fact: StopMoved, trade: Trade | None, *, is_back: bool) -> Text:
    """The stop stands somewhere new, or stands again."""
    number = fact.position_id
    moved = "stop is back at" if is_back else MOVES[fact.kind]
    at = price(fact.price, None if trade is None else trade.decimals)
    result = None if trade is None else trade.move_r(fact.price)
    has_gain = fact.kind is not StopKind.INITIAL and result is not None
    keeps = f" ({in_r(result)})" if has_gain else ""
    return Text(f"🛑 {_head(trade, number)} {moved} {at}{keeps} · <code>#{number}</code>")


def stop_missing(fact: StopMissing, trade: Trade | None, seq: int) -> Text:
    """A position without its stop: the loudest sentence there is."""
    number = fact.position_id
    head = f"❗ {_head(trade, number)} <b>stop MISSING on the exchange</b> · <code>#{number}</code>"
    after = "It is being put back; if that fails within seconds the position is closed."
    buttons = keyboard((_seen(seq), read("📊 Position", "positions", f"#{number}")))
    return Text(f"{head}\n{short(fact.detail)}\n{after}", buttons)


def incident(
    complaint: Complaint, mode: str, *, is_safety: bool, over_ms: Ms | None = None
) -> Text:
    """Something a person must know about: what, how often, and the whole of it folded away."""
    fact, number = complaint.fact, complaint.seq
    symbol = f" {short(fact.symbol, 30)}" if fact.symbol else ""
    title = short(fact.code.replace("_", " ").capitalize(), 60)
    parts = [f"{'❗' if over_ms is None else '✔'} <b>{title}</b>{symbol} · {badge(mode)}"]
    parts.append(f"<code>{short(fact.detail, SAFETY_MAX if is_safety else ERROR_MAX)}</code>")
    if complaint.count > 1:
        parts.append(f"Seen {complaint.count}x since {when(complaint.since_ms)}.")
    if over_ms is not None:
        parts.append(f"Resolved {when(over_ms)}.")
    if not is_safety:
        whole = f"\n{short(fact.detail, 1500)}" if len(fact.detail) > ERROR_MAX else ""
        parts.append(fold(f"event {number}, {short(fact.code, 60)}{whole}"))
    return Text(
        "\n".join(parts), _ways(complaint, is_safety=is_safety, is_over=over_ms is not None)
    )


def _ways(
    complaint: Complaint, *, is_safety: bool, is_over: bool
) -> tuple[tuple[Button, ...], ...]:
    if is_safety:
        seen = () if is_over else (_seen(complaint.seq),)
        return keyboard((*seen, read("Status", "status"), read("Positions", "positions")))
    mute = () if is_over else (read("Mute 1h", "notify", "mute", complaint.fact.code),)
    return keyboard((read("Logs", "logs"), *mute))


def _seen(seq: int) -> Button:
    """Stops the ringing of an alarm, and nothing else."""
    return read("👁 Seen", "seen", str(seq))


def gate_closed(fact: GateClosed, mode: str, alarm: int | None = None) -> Text:
    """Entries went off for a lasting reason; `alarm` is the record that rings until seen."""
    mark = "🟡" if fact.gate is GateName.OPERATOR else "🔒"
    title = words.GATES.get(fact.gate, fact.gate)
    until = f" until {when(fact.until_ms)}" if fact.until_ms is not None else ""
    by = "" if fact.by == ENGINE else f" by {who(fact.by)}"
    head = f"{mark} <b>{title}</b>{until}{by} · {badge(mode)}"
    close = " Every position is being closed." if fact.flatten else ""
    tail = f"{short(fact.why)}. Exits and stops go on.{close}{_way_back(fact)}"
    seen = () if alarm is None else (_seen(alarm),)
    return Text(f"{head}\n{tail}", keyboard((*seen, read("Status", "status"))))


def _way_back(fact: GateClosed) -> str:
    """How entries come on again, where it is not plain."""
    if fact.gate in words.DAILY:
        return f" No entries {words.NEXT_DAY}; <code>/resume</code> does not change that."
    if fact.gate is GateName.KILL_SWITCH:
        return " Only an owner lifts it, with <code>/resume</code> and a reason."
    return ""


def gate_opened(fact: GateOpened, mode: str) -> Text:
    """A lasting reason ended."""
    title = {GateName.OPERATOR: "Pause ended", GateName.KILL_SWITCH: "Lock lifted"}
    name = words.GATES.get(fact.gate, fact.gate)
    by = "" if fact.by == ENGINE else f" by {who(fact.by)}"
    head = f"🟢 <b>{title.get(fact.gate, f'{name}: over')}</b>{by} · {badge(mode)}"
    return Text(f"{head}\n{short(fact.why)}", keyboard((read("Status", "status"),)))


def preset_chosen(fact: PresetChosen, mode: str) -> Text:
    """Somebody chose another strategy."""
    head = f"⚙️ <b>Preset {short(fact.name, 40)}</b> by {who(fact.by)} · {badge(mode)}"
    tail = "It holds from the next bar on, or from the next start if its bars are of another size."
    return Text(f"{head}\n{tail}", keyboard((read("Presets", "preset"), read("Status", "status"))))


def live_armed(fact: LiveArmed) -> Text:
    """Real orders are allowed from here on."""
    head = f"⚠️ <b>Armed</b> by {who(fact.arm.by)} · {badge(LIVE)}"
    tail = f"Real orders may go to {short(fact.arm.venue, 60)}. For a day new trades risk less."
    return Text(f"{head}\n{tail}", keyboard((read("Status", "status"), read("Mode", "mode"))))


def symbol_ignored(fact: SymbolIgnored, mode: str) -> Text:
    """Somebody said whose a position is."""
    what = "is left alone" if fact.is_on else "counts again"
    head = f"👤 <b>{short(fact.symbol, 30)}</b> {what}, by {who(fact.by)} · {badge(mode)}"
    tail = "What is open there is not ours." if fact.is_on else "A position there must be ours."
    return Text(f"{head}\n{tail}", keyboard((read("Status", "status"),)))


def no_result(fact: Transferred | FundingPaid, mode: str) -> Text:
    """Money that moved and belongs to no open trade."""
    if isinstance(fact, FundingPaid):
        funding = fact.funding
        amount = f"{money(-funding.amount, thin=True)} USDT"
        head = f"💰 <b>{short(funding.symbol, 30)}</b> funding {amount} · {badge(mode)}"
        return Text(f"{head}\nIts trade was closed before; the balance has it.")
    way = "came in" if fact.amount > 0 else "went out"
    amount = money(abs(fact.amount), signed=False, thin=True)
    head = f"💰 <b>{amount} USDT {way}</b> · {badge(mode)}"
    return Text(f"{head}\nNo result: the day's start and the peak moved by it.")


def condition(fact: GateClosed, at_ms: Ms) -> Text:
    """Entries are off because of a condition."""
    head = f"⚠️ <b>{words.GATES[fact.gate]}</b> since {when(at_ms)}, no entries"
    return Text(f"{head}\n{short(fact.why)}")


def recovered(fact: GateOpened, lasted_ms: Ms) -> Text:
    """A condition that was told is over."""
    name = short(fact.gate.replace("_", " "), 40)
    return Text(f"🟢 <b>{name} is over</b> after {span(lasted_ms / 1000)}: {short(fact.why)}")


def booted(fact: Booted, name: str, held: Sequence[Trade]) -> Text:
    """The process is up."""
    holding = ", ".join(f"{short(t.symbol, 20)} {t.side} #{t.taken.position_id}" for t in held[:10])
    holds = f", holding {holding}" if held else ""
    mark, what = ("🟢", "started") if fact.was_clean else ("⚠️", "is back after a crash")
    head = f"{mark} <b>{short(name, 20)}</b> {what}{holds} · {badge(fact.mode)}"
    tail = f"Version {short(fact.version, 40)}, start {fact.boot}. Comparing with the exchange."
    buttons = (read("Status", "status"), read("🔎 Scan", "scan"), read("Help", "help"))
    if fact.boot > 1:
        return Text(f"{head}\n{tail}", keyboard(buttons[:1]))
    return Text(f"{head}\n{tail}\n{HINT}", keyboard(buttons))


HINT = "New here? Try /status, /scan or <code>/why BTC</code>; trades are told by themselves."


def stopping(name: str, held: Sequence[Trade]) -> Text:
    """The process is going down on purpose."""
    stops = f" {len(held)} open, their stops stay on the exchange." if held else " Nothing is open."
    return Text(f"🔴 <b>{short(name, 20)}</b> is stopping.{stops}")


def late(age_s: float) -> str:
    """The mark of a message that could not be sent in time."""
    return f"\n<i>{span(age_s)} late</i>"


def told_late(age_s: float) -> str:
    """The same, where the message lives on: it is not what it tells now that is late."""
    return f"\n<i>told {span(age_s)} late</i>"


def again(seq: int | None) -> str:
    """The mark of a message that may have come before: the number tells which it is."""
    return "\n<i>(again)</i>" if seq is None else f"\n<i>(again) event {seq}</i>"


def seen(count: int, by: str) -> Text:
    """Somebody looked: the ringing ends, not what it was about."""
    if not count:
        return Text("👁 Nothing rings now.")
    what = "It no longer rings" if count == 1 else f"{count} alarms no longer ring"
    return Text(f"👁 Seen by {who(by)}. {what}; what it was about may go on: see /status.")


REPEATED = "\n<i>repeated until it is seen or over</i>"


def dropped(count: int) -> Text:
    """Messages were given up; where what they said can be read."""
    what = "1 message was" if count == 1 else f"{count} messages were"
    head = f"⚠️ <b>{what} dropped</b>, too many waited"
    return Text(f"{head}\nNone was of money or safety. /status shows how things are.")


def fills(told: Sequence[Text]) -> Text:
    """Executions that came together, one line each, as far as they fit."""
    lines = [text.html.partition("\n")[0] for text in told[:LINES_MAX]]
    more = len(told) - len(lines)
    tail = [f"<i>and {more} more: /positions</i>"] if more else []
    return Text("\n".join([f"⚡ <b>{len(told)} fills</b> in {FILLS_S} s", *lines, *tail]))


def morning(told: Sequence[tuple[Ms, Text]]) -> Text:
    """What the quiet hours held back, one line each."""
    what = "1 message" if len(told) == 1 else f"{len(told)} messages"
    lines = [
        f"{when(at_ms)} {text.html.partition(chr(10))[0]}" for at_ms, text in told[-LINES_MAX:]
    ]
    more = len(told) - len(lines)
    tail = [f"<i>and {more} older ones</i>"] if more else []
    return Text("\n".join([f"🌅 <b>Held in the quiet hours</b>: {what}", *lines, *tail]))


def skipped(fact: SignalSkipped) -> Text:
    """A signal that was not taken, and why."""
    signal = fact.signal
    head = f"⏭ <b>{short(signal.symbol, 30)} {signal.side}</b> skipped"
    buttons = keyboard((read("❓ Why", "why", signal.symbol),))
    return Text(f"{head}: {short(words.skipped(fact.reason, fact.check), 120)}", buttons)


def untellable(record: Record) -> Text:
    """A fact that has no sentence because of a fault of ours."""
    name = short(type(record.fact).__name__, 40)
    return Text(f"❗ <b>{name}</b> · record {record.seq}; its sentence failed, see the log")
