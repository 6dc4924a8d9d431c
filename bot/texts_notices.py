"""The sentences of notices: what is pushed when a fact becomes true.

They exist so that the first words of a push name symbol, side and what happened. Sentences are
pure; they must never decide anything, and data enters them escaped.
"""

from collections.abc import Sequence
from decimal import Decimal

from bot.trades import Trade
from bot.views.layout import (
    Text,
    badge,
    decimals,
    keyboard,
    price,
    read,
    short,
    span,
    when,
    who,
)
from engine.core.facts import (
    Booted,
    GateClosed,
    GateOpened,
    Incident,
    OrderEnded,
    OrderFilled,
    Record,
    StopMissing,
    StopMoved,
)
from engine.core.values import GateName, Ms, OrderSide, Purpose

SOLD = {OrderSide.BUY: "bought", OrderSide.SELL: "sold"}
GATES = {
    GateName.STALE_DATA: "Market data is stale",
    GateName.UNRECONCILED: "Ledger and exchange are not compared",
    GateName.KILL_SWITCH: "Entries locked",
    GateName.OPERATOR: "Entries paused",
    GateName.DISK_BAD: "The disk does not take our records",
}


def _head(trade: Trade | None, position_id: int) -> str:
    if trade is None:
        return f"<b>position</b> <code>#{position_id}</code>"
    return f"<b>{short(trade.symbol, 30)} {trade.side}</b>"


# Notices


def filled(fact: OrderFilled, trade: Trade | None) -> Text:
    """An execution; the numbers are those of the whole order so far."""
    fill, number = fact.fill, fact.position_id
    qty, average = (fill.qty, fill.price) if trade is None else trade.filled(fill.order_id)
    digits = decimals(fill.price) if trade is None else trade.decimals
    what = f"{SOLD[fill.side]} {qty} @ {price(average, digits)}"
    head, tag = _head(trade, number), f"<code>#{number}</code>"
    if fill.purpose is Purpose.ENTRY:
        return Text(f"🚀 {head} filled: {what}{_slip(trade, average)} · {tag}")
    left = "" if trade is None else f", {trade.left} left"
    if fill.purpose is Purpose.TARGET:
        return Text(f"🎯 {head} target: {what}{left} · {tag}")
    mark = "🛑" if fill.purpose is Purpose.STOP else "✖"
    word = "stop" if fill.purpose is Purpose.STOP else "exit"
    return Text(f"{mark} {head} {word}: {what}{left} · {tag}")


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


def stop_moved(fact: StopMoved, trade: Trade | None, *, is_back: bool) -> Text:
    """The stop stands somewhere new, or stands again."""
    number = fact.position_id
    words = "stop is back at" if is_back else "stop to breakeven"
    head = _head(trade, number)
    return Text(f"🛑 {head} {words} {price(fact.price)} · <code>#{number}</code>")


def stop_missing(fact: StopMissing, trade: Trade | None) -> Text:
    """A position without its stop: the loudest sentence there is."""
    number = fact.position_id
    head = f"❗ {_head(trade, number)} <b>stop MISSING on the exchange</b> · <code>#{number}</code>"
    after = "It is being put back; if that fails within seconds the position is closed."
    buttons = keyboard((read("📊 Position", "positions", f"#{number}"),))
    return Text(f"{head}\n{short(fact.detail)}\n{after}", buttons)


def incident(fact: Incident, mode: str, unsaid: int, since_ms: Ms) -> Text:
    """Something a person must know about now; `unsaid` ones like it came since it was last told."""
    symbol = f" {short(fact.symbol, 30)}" if fact.symbol else ""
    title = fact.code.replace("_", " ").capitalize()
    head = f"❗ <b>{short(title, 60)}</b>{symbol} · {badge(mode)}"
    again = f"\nSeen {unsaid + 2}x since {when(since_ms)}." if unsaid else ""
    buttons = keyboard((read("Status", "status"), read("Positions", "positions")))
    return Text(f"{head}\n<code>{short(fact.detail, 1500)}</code>{again}", buttons)


def gate_closed(fact: GateClosed, mode: str) -> Text:
    """Entries went off for a lasting reason."""
    mark = "🟡" if fact.gate is GateName.OPERATOR else "🔒"
    title = GATES.get(fact.gate, fact.gate)
    until = f" until {when(fact.until_ms)}" if fact.until_ms is not None else ""
    close = " Every position is being closed." if fact.flatten else ""
    words = f"{mark} <b>{title}</b>{until} by {who(fact.by)} · {badge(mode)}"
    rest = "Exits and stops go on."
    return Text(f"{words}\n{short(fact.why)}. {rest}{close}", keyboard((read("Status", "status"),)))


def gate_opened(fact: GateOpened, mode: str) -> Text:
    """A lasting reason ended."""
    title = {GateName.OPERATOR: "Pause ended", GateName.KILL_SWITCH: "Lock lifted"}
    name = fact.gate.replace("_", " ")
    head = f"🟢 <b>{title.get(fact.gate, short(name, 40) + ' is over')}</b>"
    words = f"{head} by {who(fact.by)} · {badge(mode)}\n{short(fact.why)}"
    return Text(words, keyboard((read("Status", "status"),)))


def condition(fact: GateClosed, at_ms: Ms) -> Text:
    """Entries are off because of a condition."""
    head = f"⚠️ <b>{GATES[fact.gate]}</b> since {when(at_ms)}, no entries"
    return Text(f"{head}\n{short(fact.why)}")


def recovered(fact: GateOpened, lasted_ms: Ms) -> Text:
    """A condition that was told is over."""
    name = short(fact.gate.replace("_", " "), 40)
    return Text(f"🟢 <b>{name} is over</b> after {span(lasted_ms / 1000)}: {short(fact.why)}")


def booted(fact: Booted, name: str, held: Sequence[Trade]) -> Text:
    """The process is up."""
    holding = ", ".join(f"{short(t.symbol, 20)} {t.side} #{t.taken.position_id}" for t in held[:10])
    tail = f", holding {holding}" if held else ""
    mark, what = ("🟢", "started") if fact.was_clean else ("⚠️", "is back after a crash")
    head = f"{mark} <b>{short(name, 20)}</b> {what}{tail} · {badge(fact.mode)}"
    words = f"Version {short(fact.version, 40)}, start {fact.boot}. Comparing with the exchange."
    buttons = (read("Status", "status"), read("🔎 Scan", "scan"), read("Help", "help"))
    if fact.boot > 1:
        return Text(f"{head}\n{words}", keyboard(buttons[:1]))
    return Text(f"{head}\n{words}\n{HINT}", keyboard(buttons))


HINT = "New here? Try /status, /scan or <code>/why BTC</code>; trades are told by themselves."


def stopping(name: str, held: Sequence[Trade]) -> Text:
    """The process is going down on purpose."""
    stops = f" {len(held)} open, their stops stay on the exchange." if held else " Nothing is open."
    return Text(f"🔴 <b>{short(name, 20)}</b> is stopping.{stops}")


def late(age_s: float) -> str:
    """The mark of a message that could not be sent in time."""
    return f"\n<i>{span(age_s)} late</i>"


AGAIN = "\n<i>(again)</i>"


def untellable(record: Record) -> Text:
    """A fact that has no sentence because of a fault of ours."""
    name = short(type(record.fact).__name__, 40)
    return Text(f"❗ <b>{name}</b> · record {record.seq}; its sentence failed, see the log")
