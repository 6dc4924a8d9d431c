"""The tail of our own log, folded, or what to say over it as a file.

It exists so that a look at the log is one tap. It must never be given a line that did not pass the
redactor.
"""

from collections.abc import Sequence

from bot.views.layout import Button, Text, clip, esc, fold, icon, keyboard, read, short, turn

LINE_MAX = 300  # characters of a line inside a message
_TROUBLE = ("WARNING", "ERROR", "CRITICAL")


def is_trouble(line: str) -> bool:
    """Whether a line was written as a warning or worse."""
    return line.partition(" ")[2].startswith(_TROUBLE)


def logs(lines: Sequence[str], word: str, mode: str) -> Text:
    """The lines, the newest last."""
    head = caption(lines, word, mode).html
    if not lines:
        return Text(head, keyboard(_buttons(word)))
    body = fold("\n".join(esc(clip(line, LINE_MAX)) for line in lines))
    return Text(f"{head}\n{body}", keyboard(_buttons(word)))


def caption(lines: Sequence[str], word: str, mode: str) -> Text:
    """What these lines are."""
    of = f" · {short(word, 30)}" if word else ""
    said = f"{len(lines)} line{'' if len(lines) == 1 else 's'}" if lines else "no line"
    return Text(f"🗒 <b>Log</b>{of} · {said}, UTC · {icon(mode)}")


def _buttons(word: str) -> list[Button]:
    asked = (word,) if word else ()
    return [
        turn("⟳ Refresh", "logs", *asked),
        turn("All", "logs"),
        turn("❗ Errors", "logs", "errors"),
        read("File", "logs", *asked, "file"),
    ]
