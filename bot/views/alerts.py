"""The sentences of alerts, and of what people changed for good.

They exist apart so that what is said of each stands in one place. An alert must never look like a
trade: it moves no money.
"""

from bot.views.layout import Text, esc, icon, keyboard, price, read, short, when, who
from engine.core.wish_facts import AlertRaised, SymbolBarred, Tuned

Wished = Tuned | SymbolBarred | AlertRaised

_WORDS = {
    "price": "crossed {level}",
    "near": "is near its level {level}",
    "broken": "closed beyond its level {level}",
}


def alert(fact: AlertRaised, mode: str) -> Text:
    """The symbol and what happened first: that is what a phone shows."""
    symbol = fact.symbol
    words = _WORDS.get(fact.kind, "is at {level}").format(level=price(fact.price))
    html = f"🔔 <b>{esc(symbol)}</b> {words}, now {price(fact.last)} · {icon(mode)}"
    row = (read("📊 Chart", "chart", symbol), read("❓ Why", "why", symbol))
    return Text(html, keyboard((*row, read("🔔 Watched", "watch"))))


def wished(fact: Wished, mode: str) -> Text:
    """Who changed what, for those who did not do it themselves."""
    if isinstance(fact, AlertRaised):
        return alert(fact, mode)
    if isinstance(fact, Tuned):
        rows = ", ".join(f"{key} = {value or 'as configured'}" for key, value in fact.changes)
        html = f"⚙️ <b>Settings changed</b> by {who(fact.by)}: {short(rows, 400)} · {icon(mode)}"
        return Text(html, keyboard((read("Config", "config"),)))
    symbol = f"<b>{esc(fact.symbol)}</b>"
    if not fact.is_on:
        return Text(f"🚫 {symbol} may be traded again, by {who(fact.by)} · {icon(mode)}", _LISTED)
    until = f"until {when(fact.until_ms, 'dt')}" if fact.until_ms is not None else "for good"
    why = f": {short(fact.reason)}" if fact.reason else ""
    html = f"🚫 {symbol} is never traded {until}, by {who(fact.by)}{why} · {icon(mode)}"
    return Text(html, _LISTED)


_LISTED = keyboard((read("Blacklist", "blacklist"),))
