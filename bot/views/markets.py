"""Cards about markets that are never traded, and markets that are watched.

They exist so that a list shows why each row is there and until when. They must never claim a price
or a distance that is not known.
"""

from collections.abc import Mapping, Sequence

from bot.views.layout import (
    NONE,
    Text,
    badge,
    keyboard,
    percent,
    price,
    read,
    short,
    units,
    when,
    who,
)
from engine.core.view import BarredView, View, WatchedView

ROWS = 20  # with a button each
_NAME, _REASON = 30, 60  # characters
UNITS_MAX = 3300  # of all rows


def within(rows: Sequence[str], most: int) -> list[str]:
    """As many rows as fit into so many units, and how many are left."""
    kept: list[str] = []
    for row in rows:
        most -= units(row)
        if most < 0:
            return [*kept, f"and {len(rows) - len(kept)} more"]
        kept.append(row)
    return kept


def bar_line(barred: BarredView) -> str:
    """Who, until when, why."""
    until = f"until {when(barred.until_ms, 'dt')}" if barred.until_ms is not None else "for good"
    why = f" · {short(barred.reason, _REASON)}" if barred.reason else ""
    return f"blacklisted by {who(barred.by)} {until}{why}"


def blacklist(view: View, configured: Sequence[str]) -> str:
    """Both lists: the chat's own, and that of the file."""
    lines = [f"🚫 <b>Never traded</b> · {badge(view.mode)}"]
    rows = [f"<b>{short(b.symbol, _NAME)}</b> {bar_line(b)}" for b in view.barred]
    lines += within(rows, UNITS_MAX)
    if not view.barred:
        lines.append("Nothing from the chat: <code>/blacklist SYM 7d reason</code> adds.")
    if configured:
        names = ", ".join(configured)
        lines.append(f"In the configuration, not removable here: {short(names)}")
    return "\n".join(lines)


def bar_question(symbol: str, view: View) -> str:
    """Asked when a button was the one who spoke."""
    head = f"🚫 <b>Never trade {short(symbol, _NAME)}</b>? · {badge(view.mode)}"
    return f"{head}\nWhat is open stays managed."


def done(words: str) -> str:
    """The engine took it."""
    return f"✔ {short(words, 300)}."


def why_barred(barred: BarredView, view: View) -> Text:
    """The reason why a market is not traded at all."""
    held = next((p for p in view.positions if p.symbol == barred.symbol), None)
    lines = [
        f"❓ <b>{short(barred.symbol, _NAME)}</b> no trade · {badge(view.mode)}",
        _upper(barred),
    ]
    lines += [f"#{held.id} is open and stays managed."] if held is not None else []
    return Text("\n".join(lines), keyboard((read("Blacklist", "blacklist"),)))


def _upper(barred: BarredView) -> str:
    words = bar_line(barred)
    return f"{words[0].upper()}{words[1:]}."


# Watched


def watchlist(view: View, seen: Mapping[str, tuple[float | None, float | None]]) -> str:
    """What is watched, and how far it is: `seen` holds last price and nearest level by symbol."""
    lines = [f"🔔 <b>Watched</b> · {badge(view.mode)}"]
    rows = [_watched(w, seen.get(w.symbol, (None, None))) for w in view.alerts]
    lines += within(rows, UNITS_MAX)
    if not view.alerts:
        lines.append("Nothing. <code>/watch SOL</code> tells of its levels, ")
        lines[-1] += "<code>/watch SOL 190</code> of a price."
    return "\n".join(lines)


def _watched(watched: WatchedView, seen: tuple[float | None, float | None]) -> str:
    last, level = seen
    aim = level if watched.price is None else float(watched.price)
    what = "levels" if watched.price is None else price(watched.price)
    nearest = f", nearest {price(aim)}" if watched.price is None else ""
    off = None if last is None or aim is None or not last else (aim / last - 1) * 100
    told = f" · told {when(watched.told_ms)}" if watched.told_ms is not None else ""
    now = NONE if last is None else price(last)
    name = f"<b>{short(watched.symbol, _NAME)}</b>"
    return f"{name} {what}{nearest} · now {now} · {percent(off)} away{told}"


def watch_question(names: Sequence[str], view: View) -> str:
    """Asked when a button was the one who spoke."""
    told = short(", ".join(names))
    return f"🔔 <b>Watch {told}</b>? · {badge(view.mode)}\nAn alert never trades."
