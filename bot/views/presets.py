"""Cards about presets: all of them, and what one would change.

They exist so that nobody changes a strategy blindly: every key that differs is named with its value
before and after.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby

from bot.views.layout import THIN, Text, badge, esc, fold, keyboard, label, read, short, units
from engine.core.tuning import DAY_LIMIT
from engine.core.view import View
from engine.preset import Change

OPEN_ROWS = 25  # a longer difference opens on a tap
UNITS_MAX = 3300  # of all keys; any two presets differ by 2500
PROBLEMS = 6
NEXT_DAY = "A looser daily loss limit holds from the next day on."
_VALUE = 60  # characters of one


def presets(characters: Mapping[str, str], view: View) -> Text:
    """Names and characters, the one in force marked."""
    lines = [f"⚙️ <b>Presets</b> · {badge(view.mode)}"]
    for name, character in characters.items():
        mark = "🟢 " if name == view.preset else ""
        lines.append(f"{mark}<b>{short(name, 40)}</b>{_standing(name, view)}\n{short(character)}")
    buttons = [
        read(label(name.replace("_", " "), 24), "preset", name)
        for name in characters
        if name != view.preset
    ]
    pairs = [buttons[i : i + 2] for i in range(0, len(buttons), 2)]
    return Text("\n".join(lines), keyboard(*pairs))


def _standing(name: str, view: View) -> str:
    if name == view.next_preset:
        return " · from the next start on"
    return " · in force" if name == view.preset else ""


def question(name: str, character: str, changes: Sequence[Change], view: View) -> str:
    """What the preset would change against what is in force."""
    head = f"⚙️ <b>Trade by {short(name, 40)}</b>? · {badge(view.mode)}\n{short(character)}"
    if not changes:
        return f"{head}\nNo key changes."
    told = "1 key changes" if len(changes) == 1 else f"{len(changes)} keys change"
    lines = "\n".join(difference(changes))
    body = fold(lines) if len(changes) > OPEN_ROWS else lines
    words = f"{head}\n{told}, against {short(view.preset, 40)} as it runs:\n{body}"
    return f"{words}\n{NEXT_DAY}" if any(map(_is_looser_day, changes)) else words


def _is_looser_day(change: Change) -> bool:
    return change.path == DAY_LIMIT and float(change.after) > float(change.before)


def difference(changes: Sequence[Change]) -> list[str]:
    """One line a key, by section; values of any length stay inside what a message holds."""
    lines, room, told = [], UNITS_MAX, 0
    for section, keys in groupby(changes, lambda c: c.path.partition(".")[0]):
        lines.append(f"<b>{esc(section)}</b>")
        for line in map(_line, keys):
            room -= units(line)
            if room < 0:
                return [*lines, f"and {len(changes) - told} more"]
            lines.append(line)
            told += 1
    return lines


def _line(change: Change) -> str:
    key = change.path.partition(".")[2]
    before, after = (_grouped(short(value, _VALUE)) for value in (change.before, change.after))
    return f"{esc(key)}: {before} → {after} {esc(change.unit)}".rstrip()


def _grouped(value: str) -> str:
    """A whole number with its thousands apart: nobody counts zeros at night."""
    return f"{int(value):,}".replace(",", THIN) if value.isdecimal() else value


def used(words: str) -> str:
    """The engine took it; the words say from when on."""
    return f"⚙️ {short(words)}. Open trades keep the exits they began with."


def in_force(name: str) -> Text:
    """Nothing to do."""
    return Text(f"⚙️ <b>{short(name, 40)}</b> is in force already.", _ALL)


def unknown(problem: str) -> Text:
    """No such preset; the words name the nearest."""
    return Text(f"✖ {short(problem, 500)}", _ALL)


def refused(name: str, problems: Sequence[str]) -> Text:
    """With this preset the configuration would not hold together."""
    head = f"✖ <b>{short(name, 40)}</b> cannot be used with this configuration:"
    lines = [short(problem, 300) for problem in problems[:PROBLEMS]]
    more = len(problems) - PROBLEMS
    lines += [f"and {more} more"] if more > 0 else []
    return Text("\n".join([head, *lines]), _ALL)


_ALL = keyboard((read("⚙️ Presets", "preset"),))
