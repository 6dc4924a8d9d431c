"""Cards about positions in the account that are not ours.

They exist so that a person sees what stands there, and what leaving it alone means, before saying
so. Nothing here may decide anything.
"""

from bot.views.layout import Text, badge, keyboard, label, read, short
from engine.core.view import ForeignView, View

ROWS = 20


def strangers(view: View) -> Text:
    """What is not ours, and what is left alone already."""
    lines = [f"👤 <b>Not ours</b> · {badge(view.mode)}"]
    for position in sorted(view.foreign, key=lambda p: p.symbol in view.ignored)[:ROWS]:
        mark = " · left alone" if position.symbol in view.ignored else ""
        lines.append(f"{_named(position)}{mark}")
    if len(view.foreign) > ROWS:
        lines.append(f"and {len(view.foreign) - ROWS} more")
    shown = {position.symbol for position in view.foreign}
    quiet = [symbol for symbol in view.ignored if symbol not in shown]
    lines += [f"<b>{short(symbol, 30)}</b> left alone, nothing open" for symbol in quiet[:ROWS]]
    if len(lines) == 1:
        return Text(f"{lines[0]}\nThe account shows nothing that is not ours.")
    open_ = [p.symbol for p in view.foreign if p.symbol not in view.ignored]
    buttons = [read(f"Leave alone {label(s, 12)}", "ignore", s) for s in open_]
    buttons += [read(f"Count again {label(s, 12)}", "ignore", s, "off") for s in view.ignored]
    pairs = [buttons[i : i + 2] for i in range(0, len(buttons), 2)]
    return Text("\n".join(lines), keyboard(*pairs[:ROWS]))


def question(symbol: str, position: ForeignView | None, view: View, *, is_on: bool) -> str:
    """What leaving a symbol alone means, or taking that back."""
    if not is_on:
        return (
            f"👤 <b>Count {short(symbol, 30)} again</b>? · {badge(view.mode)}\n"
            f"A position there that is not ours stops entries everywhere."
        )
    found = short(symbol, 30) if position is None else _named(position)
    return (
        f"👤 <b>Not ours, leave it alone</b>? · {badge(view.mode)}\n{found}\n"
        f"It is never touched and no longer stops entries; nothing is entered in this symbol. "
        f"Its margin is used all the same."
    )


def _named(position: ForeignView) -> str:
    return f"<b>{short(position.symbol, 30)} {position.side}</b> {position.qty}"


def done(words: str) -> Text:
    """The engine took it."""
    return Text(f"👤 {short(words)}.", keyboard((read("Status", "status"),)))
