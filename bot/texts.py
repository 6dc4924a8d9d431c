"""The sentences of answers: questions, refusals, results of commands, help.

They exist so that wording lives in one place and a second language is cheap. Sentences are pure;
they must never decide anything, and data enters them escaped.
"""

from collections.abc import Sequence
from decimal import Decimal

from bot.trades import Trade
from bot.views.layout import (
    Text,
    badge,
    coin,
    decimals,
    esc,
    icon,
    in_r,
    keyboard,
    label,
    money,
    pre,
    price,
    read,
    row,
    short,
    span,
    when,
    who,
)
from engine.core.facts import PositionClosed
from engine.core.values import Fill, Ms, OrderSide
from engine.core.view import PositionView

SOLD = {OrderSide.BUY: "Bought", OrderSide.SELL: "Sold"}
CANCELED = Text("Canceled, nothing done.")
NO_CHART = Text("No candles of this market are loaded yet.")
NO_CHART_ANY_MORE = Text("The candles of that trade are not kept any more.")
NO_WHOLE_CANDLE = Text("No candle of that timeframe is whole yet.")
NOTHING_OPEN = Text("Nothing is open.", keyboard((read("Status", "status"),)))
HINT = Text(
    "Commands start with a slash.", keyboard((read("Help", "help"), read("Status", "status")))
)
BROKEN = "Something went wrong inside (trace {trace}). See /status for what is true now."
NOT_YOURS = "Not allowed for your role."


NO_SIGNAL = Text(
    "No signal of that number is remembered.", keyboard((read("📡 Signals", "signals"),))
)
NO_TRADE = Text("No trade of that number is remembered.", keyboard((read("PnL", "pnl"),)))
EXPORT_WHICH = Text(
    "Which document? A period may follow: <code>/export trades 30d</code>.",
    keyboard(
        (read("Trades", "export", "trades"), read("Signals", "export", "signals")),
        (read("Settings", "export", "config"), read("Log", "export", "logs")),
        (read("All in one", "export", "all"),),
    ),
)


def exported(name: str, period: str, mode: str) -> Text:
    """What a document is."""
    of = "" if period == "all" else f", {esc(period)}"
    return Text(f"🗂 <b>{short(name, 40)}</b>{of} · {icon(mode)}")


def trades_file(count: int, mode: str) -> Text:
    """Closed trades as a file."""
    return Text(f"📒 <b>{count} closed trade{'' if count == 1 else 's'}</b> · {icon(mode)}")


def still_open(number: int) -> Text:
    """A trade that is not closed yet."""
    card = read(f"📊 #{number}", "positions", f"#{number}")
    return Text(f"<code>#{number}</code> is open: its life is not over.", keyboard((card,)))


def welcome(card: Text, name: str, role: str) -> Text:
    """The first message, above the live card; it starts nothing."""
    who = f"Hello {short(name, 40)}, you are {esc(role)} here."
    words = "This chat watches and steers a breakout trader. Opening it starts nothing."
    buttons = (*card.buttons, *keyboard((read("❔ Help", "help"),)))
    return Text(f"{who} {words}\n\n{card.html}", buttons)


def not_judged(symbol: str) -> Text:
    """A market without a verdict."""
    name = short(symbol, 30)
    return Text(f"<b>{name}</b> has no judged bar yet.", keyboard((read("🔎 Scan", "scan"),)))


def which_position(positions: Sequence[PositionView], *, is_named: bool) -> Text:
    """Open positions as buttons that ask to close one."""
    if not positions:
        return NOTHING_OPEN
    picks = [read(f"✖ #{p.id} {label(coin(p.symbol), 12)}", "close", f"#{p.id}") for p in positions]
    lines = [picks[i : i + 2] for i in range(0, len(picks), 2)]
    words = "No open position is called exactly that. " if is_named else ""
    return Text(f"{words}Close which one?", keyboard(*lines, (read("✖ All", "close", "all"),)))


def refused_role(verb: str, needs: str) -> Text:
    """Politely: not with this role; who wants to panic is shown what they may do."""
    ways = keyboard((read("⏸ Pause", "pause"), read("✖ Close all", "close", "all")))
    words = f"<code>/{esc(verb)}</code> is for the role {esc(needs)}."
    return Text(words, ways if verb == "panic" else ())


def unknown(nearest: str | None) -> Text:
    """No such command; what was typed is not repeated."""
    if nearest is None:
        return Text("No such command.", keyboard((read("Help", "help"),)))
    label = f"/{nearest}"
    return Text(
        "No such command. Did you mean", keyboard((read(label, nearest), read("Help", "help")))
    )


def unclear(why: str, usage: str) -> Text:
    """Arguments that do not say one thing."""
    return Text(f"{short(why)}.\nUsage: <code>{esc(usage)}</code>")


def skipped(count: int) -> Text:
    """Requests that waited too long to be worth an answer."""
    return Text(f"Skipped {count} old request{'' if count == 1 else 's'}.")


def stale_refused(verb: str, age_s: float) -> Text:
    """An old command that never runs."""
    words = f"Your <code>/{esc(verb)}</code> is {span(age_s)} old: too old to act on. Ask again."
    return Text(words, keyboard((read(f"/{verb}", verb), read("Status", "status"))))


def stale_act(words: str, age_s: float, state: str) -> str:
    """An old command that would have closed something: entries are off, nothing was closed."""
    sent = f"⚠️ You sent <b>{esc(words)}</b> {span(age_s)} ago. It was not carried out."
    return f"{sent}\nEntries are paused now. {state}"


WHICH = "Which one?"
NO_SUCH_MARKET = "No market of ours is called that."
UNKNOWN_MARKET = "No market of ours is called that. Most promising now:"
PICK_MARKET = "Which market? Open positions first, then the most promising."


def which_symbol(symbols: Sequence[str], verb: str, words: str = WHICH) -> Text:
    """Markets to choose from."""
    picks = [read(label(coin(s)), verb, s) for s in dict.fromkeys(symbols)][:6]
    return Text(words, keyboard(picks[:3], picks[3:], (read("🔎 Scan", "scan"),)))


RESCAN_QUESTION = "🔎 <b>Choose the markets anew?</b> Open positions stay as they are."
RESCAN = "🔎 Scan now"


def rescanned(words: str) -> Text:
    """The engine looks at all markets again."""
    return Text(f"🔎 {short(words)}.", keyboard((read("🔎 Scan", "scan"),)))


def paused(words: str, until_ms: Ms | None, *, was_late: bool = False) -> str:
    """Entries are off by the operator."""
    until = f" until {when(until_ms)}" if until_ms is not None else ""
    late_words = " (your message was old; pausing is always safe)" if was_late else ""
    return f"🟡 <b>Paused</b>{until}: {short(words)}{late_words}."


PAUSE_QUESTION = "🟡 <b>Pause entries?</b> Exits and stops go on."
UNDO, REDO = "Undo", "Redo"
PAUSE, RESUME, CANCEL = "⏸ Pause", "▶ Resume", "Cancel"


def resume_question(state: str, reason: str) -> str:
    """What resuming will do."""
    why = f"\nReason: {short(reason)}" if reason else ""
    return f"▶ <b>Entries on again?</b>\n{state}{why}"


def reason_question(gate_words: str, ttl_s: float) -> str:
    """A lock asks why it may go."""
    return (
        f"🔒 <b>Entries are locked</b>: {short(gate_words)}\n"
        f"Why is it safe to go on? Write the reason as your next message within {ttl_s:.0f} s."
    )


def resumed(left: Sequence[str]) -> Text:
    """Entries are on, or what still keeps them off."""
    mark, words = ("🟡", "but entries wait") if left else ("🟢", "entries are on")
    head = f"{mark} <b>Resumed</b>, {words}."
    return Text("\n".join([head, *left]), keyboard((read("Status", "status"),)))


ALREADY_ON = Text("Entries are on already.", keyboard((read("Status", "status"),)))


def stop_question(count: int) -> str:
    """The two ways to stop."""
    held = f"{count} position{'' if count == 1 else 's'} open"
    return f"🔴 <b>Stop?</b> {held}. No new entries until resume, in both cases."


KEEP, CLOSE_ALL = "Keep positions managed", "Close all"
DO_IT, STAY, IGNORE = "Do it now", "Keep, stay paused", "Ignore, resume"
PANIC_NOW = "🔴 PANIC: lock, cancel, close all"


def stopped(words: str) -> Text:
    """Stopped, process and chat stay up."""
    tail = "Process and chat stay up; <code>/resume</code> runs again."
    return Text(f"🔴 <b>Stopped</b>: {short(words)}. {tail}", keyboard((read("Status", "status"),)))


def not_done(words: str) -> Text:
    """The engine refused, or nobody knows."""
    return Text(f"✖ Not done: {short(words)}.", keyboard((read("Status", "status"),)))


def doubtful(words: str) -> Text:
    """The engine did not answer in time."""
    return Text(f"⚠️ {short(words)}.", keyboard((read("Status", "status"),)))


def expires(seconds: float) -> str:
    """The last line of a question about a price."""
    return f"\nExpires in {seconds:.0f} s. Price is re-checked on tap."


def close_label(share: Decimal) -> str:
    """The red button of a close."""
    return "✅ Close" if share >= 1 else f"✅ Close {share:.0%}"


def close_all_question(lines: Sequence[str], share: Decimal) -> str:
    """Every open position at once."""
    what = "all" if share >= 1 else f"{share:.0%} of all"
    return f"✖ <b>Close {what}</b>? Entries are paused first.\n{pre(lines)}"


TAKE = "🎯 Take it now"
BACK_TO_PAPER = "✅ Back to paper"
LEAVE_ALONE, COUNT = "✅ Leave it alone", "✅ Count again"
APPLY = "✅ Apply"
CHANGED = "⚠️ The settings changed since you asked; here is the new difference.\n"


def expires_unread(seconds: float) -> str:
    """The last line of a question that takes a while to read."""
    return f"\nExpires in {seconds:.0f} s."


MOVE_STOP = "🛡 Move stop"


def move_question(position: PositionView, at: Decimal, seconds: float) -> str:
    """Where a stop is about to go, and that there is no way back."""
    name = f"<b>{short(position.symbol, 30)} {position.side}</b> <code>#{position.id}</code>"
    digits = decimals(at, position.stop)
    rows = [
        row(("Stop", 5), (price(position.stop, digits), -10), ("to", -7), (price(at, digits), -9)),
        row(("Now", 5), (price(position.mark, digits), -10)),
    ]
    tail = f"It never moves back. Expires in {seconds:.0f} s."
    return f"🛡 <b>Stop to breakeven</b>: {name}?\n{pre(rows)}\n{tail}"


def stop_sent(words: str) -> Text:
    """The exchange says whether it stands; that is told on its own."""
    return Text(f"✔ {short(words)}. Once it stands, that is told here.")


MOVED = "⚠️ Price or size moved since you asked; here is the new quote.\n"
GONE = Text("Already closed, nothing done.", keyboard((read("Status", "status"),)))


def close_sent(words: str) -> Text:
    """The exit is on its way; the fills are told on their own."""
    return Text(f"✔ {short(words)}. The fills are told here.")


def sold(fills: Sequence[Fill], trade: Trade | None, who_when: tuple[str, Ms]) -> Text:
    """The exit order of a close, filled: what it brought, where its entry is remembered."""
    (by, at_ms), first = who_when, fills[0]
    qty = sum((f.qty for f in fills), Decimal(0))
    average = sum((f.qty * f.price for f in fills), Decimal(0)) / qty
    digits = decimals(first.price) if trade is None else trade.decimals
    net = "" if trade is None else f", {money(trade.banked_with(fills), thin=True)} net"
    deal = f"{SOLD[first.side]} {qty} {short(coin(first.symbol), 20)} @ {price(average, digits)}"
    return Text(f"✔ {deal}{net} · by {who(by)} · {when(at_ms, 'T')}")


def ended(fact: PositionClosed, at_ms: Ms, by: str) -> Text:
    """A close that made the position flat."""
    result = f"<b>{in_r(fact.result_r)}</b>, {money(fact.net, thin=True)} USDT net"
    head = f"✔ <b>{short(fact.symbol, 30)} {fact.side}</b> closed {result}"
    return Text(f"{head} · by {who(by)} · {when(at_ms, 'T')}")


def closing_all(done: int, refused: Sequence[str]) -> Text:
    """Every close that was put, and those that were refused."""
    tail = "".join(f"\n{short(words)}" for words in refused)
    head = f"✔ Entries paused, closing {done} position{'' if done == 1 else 's'}."
    return Text(f"{head} Entries stay paused until <code>/resume</code>.{tail}")


def panic_question(count: int) -> str:
    """The red button."""
    return (
        f"🔴 <b>PANIC?</b> {count} position{'' if count == 1 else 's'} open.\n"
        "Locks entries, cancels entry orders, closes everything at market, verifies."
    )


def panic(lines: Sequence[str], by_when: tuple[str, Ms | None], mode: str, realized: str) -> Text:
    """The checklist."""
    by, at_ms = by_when
    since = "" if at_ms is None else f" {when(at_ms, 'T')}"
    head = f"🔴 <b>PANIC</b> by {who(by)}{since} · {badge(mode)}"
    tail = "Entries stay locked until <code>/resume</code>, with a reason."
    return Text(f"{head}\n{pre(lines)}\n{realized}{tail}")


RETRY = "🔴 Retry now"


def panic_open(legs: Sequence[str], mode: str) -> Text:
    """What rings while a panic is not done."""
    what = ", ".join(short(leg, 60) for leg in legs[:5]) or "the exchange does not show it flat"
    words = f"🔴 <b>PANIC is not done</b>: {what} · {icon(mode)}"
    tail = "It is tried again every few seconds; the list above has a button to try at once."
    return Text(f"{words}\n{tail}", keyboard((read("📊 Positions", "positions"),)))


def given_up(checklist: Text) -> Text:
    """A checklist that is not kept up to date any longer, though it is not finished."""
    words = "⚠️ <b>This list is no longer updated</b>; closing goes on. See the positions."
    buttons = keyboard((read("📊 Positions", "positions"), read("Status", "status")))
    return Text(f"{checklist.html}\n{words}", buttons)


def realized(net: Decimal, result_r: float) -> str:
    """What the closed legs brought."""
    return f"Realized <b>{money(net, thin=True)}</b> USDT ({in_r(result_r)}). "


def exposure(count: int, open_r: float | None) -> str:
    """How much is open, in one sentence."""
    if not count:
        return "Now: nothing open."
    return f"Now: {count} open, {in_r(open_r)}."


STAYS = Text("Nothing was closed; entries stay paused until <code>/resume</code>.")
