"""The list of signals: what was found, and what became of each.

It exists so that a trade that did not happen is as easy to find as one that did. It must never show
a signal without its outcome.
"""

from bot.signals import Heard, Page
from bot.views import words
from bot.views.layout import (
    Button,
    Text,
    coin,
    icon,
    keyboard,
    label,
    read,
    short,
    turn,
    when,
)
from engine.core.facts import SignalTaken
from engine.core.values import Ms
from engine.core.view import View

ROWS = 8
ROWS_MAX = 20
OPENED = 6  # rows that have buttons of their own
DAY_MS: Ms = 86_400_000
_NONE = "No signal yet: that is a market that passed every check. /scan shows who is near one."


def signals(page: Page, view: View, asked: tuple[str, ...] = ()) -> Text:
    """One page, newest first; `asked` are the words that led here, without the page's own."""
    head = f"📡 <b>Signals</b>{_of(asked)} · {icon(view.mode)}"
    again = [turn("⟳ Newest", "signals", *asked)]
    if page.older is not None:
        again.append(turn("◀ Older", "signals", *asked, f"s{page.older}"))
    again.append(read("❓ Why so few", "why"))
    if not page.rows:
        return Text(f"{head}\n{_NONE}", keyboard(again))
    lines = [_line(i, heard, view.at_ms) for i, heard in enumerate(page.rows, 1)]
    return Text("\n".join([head, *lines]), keyboard(*_opened(page.rows[:OPENED]), again))


def _of(asked: tuple[str, ...]) -> str:
    named = [word for word in asked if not word.isdecimal()]
    return f" of {short(named[0], 30)}" if named else ""


def _line(number: int, heard: Heard, at_ms: Ms) -> str:
    signal = heard.signal
    at = when(heard.at_ms, "t" if at_ms - heard.at_ms < DAY_MS else "dt")
    mark = "🚀" if isinstance(heard.fact, SignalTaken) else "✖"
    name = f"<b>{short(coin(signal.symbol), 16)} {signal.side}</b> {signal.setup.lower()}"
    return f"{number}. {at} {name}\n{mark} {short(words.became(heard.fact), 50)}"


def _opened(rows: tuple[Heard, ...]) -> list[list[Button]]:
    """Why and chart of each row, three a line."""
    why = [
        read(f"❓ {i} {label(coin(heard.signal.symbol), 10)}", "why", f"s{heard.seq}")
        for i, heard in enumerate(rows, 1)
    ]
    symbols = dict.fromkeys(heard.signal.symbol for heard in rows)
    charts = [read(f"📊 {label(coin(symbol), 12)}", "chart", symbol) for symbol in symbols]
    return [line[i : i + 3] for line in (why, charts) for i in range(0, len(line), 3)]
