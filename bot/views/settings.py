"""Cards about settings: all sections, one section, one key, what a change would mean.

They exist so that a value is changed with its meaning, its range and its consequence in sight. They
must never show what looks like a secret.
"""

from collections.abc import Sequence
from operator import attrgetter

from bot.views.layout import Button, Text, badge, esc, fold, keyboard, label, read, short, turn
from bot.views.markets import within
from bot.views.presets import difference
from engine import catalog, config
from engine.core.settings import Settings
from engine.core.tuning import DAY_LIMIT, FRAME, is_fixed
from engine.core.view import View
from engine.preset import Change

RESET = "reset"
OPEN_ROWS = 25  # a longer difference opens on a tap
PROBLEMS = 6
CHOSEN_UNITS, SECTION_UNITS = 1500, 3300
_VALUE = 60  # characters of one
_CHOICES = 4
_HALF = 18  # letters of a label that half a row of a phone shows
_NEXT_DAY = "from the next day on"


def editable() -> dict[str, tuple[str, ...]]:
    """The keys a chat may change, by section."""
    found = {}
    for section, keys in catalog.key_names().items():
        own = tuple(key for key in keys if not is_fixed(f"{section}.{key}"))
        if own:
            found[section] = own
    return found


def picker(view: View) -> Text:
    """Sections with keys to change."""
    lines = [f"⚙️ <b>Settings to change</b> · {badge(view.mode)}"]
    lines += [f"<b>{esc(name)}</b> {short(_about(name), 80)}" for name in editable()]
    lines += [*_chosen(view), "Or type <code>/set key value</code>."]
    tail = [read("Take all back", "set", RESET)] if view.tuned else []
    return Text("\n".join(lines), keyboard(*_pages("set", ""), tail))


def _about(section: str) -> str:
    return (catalog.SECTIONS[section].__doc__ or "").partition("\n")[0]


def _chosen(view: View) -> list[str]:
    """What the chat put above the configuration."""
    if not view.tuned:
        return ["Nothing is changed in the chat."]
    later = dict.fromkeys(view.next_day, f" {_NEXT_DAY}")
    rows = [f"{esc(key)} = {_cut(v)}{later.get(key, '')}" for key, v in view.tuned.items()]
    return ["Changed in the chat:", *within(rows, CHOSEN_UNITS)]


def _pages(verb: str, current: str) -> list[list[Button]]:
    names = list(catalog.SECTIONS if verb == "config" else editable())
    buttons = [turn(f"· {n} ·" if n == current else n, verb, n) for n in names]
    return [buttons[i : i + 4] for i in range(0, len(buttons), 4)]


def section(name: str, settings: Settings, view: View) -> Text:
    """The keys of a section that can be changed, one button each."""
    keys = editable()[name]
    lines = [f"⚙️ <b>{esc(name)}</b> {short(_about(name), 80)}"]
    lines += within([_row(f"{name}.{key}", settings, view) for key in keys], SECTION_UNITS)
    buttons = [read(label(key, 28), "set", f"{name}.{key}") for key in keys]
    return Text(
        "\n".join([*lines, _LEGEND]), keyboard(*_paired(buttons), [turn("All sections", "set")])
    )


def _paired(buttons: Sequence[Button]) -> list[list[Button]]:
    """Two a row, where both labels can be read on a phone."""
    lines: list[list[Button]] = []
    for button in buttons:
        last = lines[-1] if lines else []
        if len(last) == 1 and all(len(b.label) <= _HALF for b in (*last, button)):
            last.append(button)
        else:
            lines.append([button])
    return lines


_LEGEND = "<i>* differs from the preset · ✎ changed in the chat</i>"


def _row(path: str, settings: Settings, view: View) -> str:
    """One key: its value, where it comes from, and what comes later."""
    value, preset = (attrgetter(path)(s) for s in (settings, _preset_of(settings)))
    marks = ("*" if value != preset else "") + (" ✎" if path in view.tuned else "")
    unit = catalog.declaration(path).unit
    later = _later(path, settings, view)
    words = f"{esc(path.partition('.')[2])} = {_cut(config.shown(value))} {esc(unit)}".rstrip()
    return f"{words} {marks.strip()}".rstrip() + (f"\n    {later}" if later else "")


def _preset_of(settings: Settings) -> Settings:
    return config.of_preset(settings.bot.preset)


def _later(path: str, settings: Settings, view: View) -> str:
    """What was chosen and is not in force yet; empty where nothing waits."""
    if path in view.next_day:
        return f"→ {catalog.toml(view.next_day[path])} {_NEXT_DAY}"
    chosen = view.tuned.get(path)
    if chosen is None or chosen == catalog.toml(attrgetter(path)(settings)) or path == DAY_LIMIT:
        return ""
    when = "from the next start on" if path == FRAME else "chosen, not in force"
    return f"→ {_cut(chosen)} {when}"


def _cut(value: str) -> str:
    return short(value, _VALUE)


def key(path: str, settings: Settings, view: View) -> Text:
    """One key: what it means, what it takes, what it is."""
    declared = catalog.declaration(path)
    value, preset = (attrgetter(path)(s) for s in (settings, _preset_of(settings)))
    unit = f" {esc(declared.unit)}" if declared.unit else ""
    by_preset = f"{short(settings.bot.preset, 40)} {_cut(catalog.toml(preset))}"
    lines = [
        f"⚙️ <b>{esc(path)}</b> · {badge(view.mode)}",
        short(declared.meaning, 200),
        f"Takes {esc(declared.expected)}{unit}",
        f"Now <b>{_cut(config.shown(value))}</b>{unit}",
        f"Default {_cut(declared.default)} · {by_preset}",
    ]
    later = _later(path, settings, view)
    lines += [later] if later else []
    if is_fixed(path):
        lines.append("Set in the file only; no chat changes it.")
        return Text("\n".join(lines), keyboard([turn("All sections", "set")]))
    lines.append(f"<code>/set {esc(path)} value</code> changes it.")
    return Text("\n".join(lines), keyboard(*_key_buttons(path, value, view)))


def _key_buttons(path: str, value: object, view: View) -> list[list[Button]]:
    now = catalog.toml(value)
    others = [v.strip('"') for v in catalog.choices(path) if v != now]
    row = [read(label(v), "set", path, v) for v in others[:_CHOICES]]
    name = path.partition(".")[0]
    back = [turn(f"All of {name}", "set", name)]
    return [row, back + ([read("Take back", "set", path, RESET)] if path in view.tuned else [])]


def question(changes: Sequence[Change], notes: Sequence[str], view: View) -> str:
    """What would change, and what to know about it."""
    head = f"⚙️ <b>Change the settings</b>? · {badge(view.mode)}"
    lines = "\n".join(difference(changes))
    body = fold(lines) if len(changes) > OPEN_ROWS else lines
    return "\n".join([head, body, *(short(note, 300) for note in notes)])


def done(words: str, *, is_undone: bool = False) -> str:
    """The engine took it."""
    head = "Undone" if is_undone else "Changed"
    tail = "It comes back after a restart."
    return f"⚙️ <b>{head}</b>: {short(words, 500)}. Open trades keep their exits. {tail}"


def same(paths: Sequence[str]) -> Text:
    """Nothing to do."""
    names = ", ".join(paths[:5]) or "the configuration"
    return Text(f"⚙️ <b>{short(names)}</b> is so already.", _ALL)


def refused(problems: Sequence[str]) -> Text:
    """With this value the configuration would not hold together."""
    lines = [f"✖ {short(' '.join(problem.split()), 300)}" for problem in problems[:PROBLEMS]]
    more = len(problems) - PROBLEMS
    lines += [f"and {more} more"] if more > 0 else []
    return Text("\n".join([*lines, "Nothing was changed."]), _ALL)


_ALL = keyboard((turn("⚙️ Settings", "set"), read("Config", "config")))


# Effective configuration


def overview(settings: Settings, view: View) -> Text:
    """What is in force, in short."""
    preset = _preset_of(settings)
    counts = {
        name: sum(
            attrgetter(f"{name}.{key}")(settings) != attrgetter(f"{name}.{key}")(preset)
            for key in keys
        )
        for name, keys in catalog.key_names().items()
    }
    told = ", ".join(f"{name} {count}" for name, count in counts.items() if count)
    lines = [
        f"🔧 <b>Configuration</b> · {badge(view.mode)}",
        f"Preset <b>{short(settings.bot.preset, 40)}</b>",
        f"Keys that differ from it: {esc(told) if told else 'none'}",
        *_chosen(view),
        *_waiting(view),
    ]
    return Text("\n".join(lines), keyboard(*_pages("config", ""), [_EXPORT]))


_EXPORT = read("Export", "config", "export")


def _waiting(view: View) -> list[str]:
    """Limits of a preset that wait for the next day."""
    return [
        f"{esc(key)} = {catalog.toml(v)} {_NEXT_DAY}"
        for key, v in view.next_day.items()
        if key not in view.tuned
    ]


def configuration(name: str, settings: Settings, view: View) -> Text:
    """One section as it is in force."""
    head = f"🔧 <b>{esc(name)}</b> {short(_about(name), 80)} · {badge(view.mode)}"
    rows = [_row(f"{name}.{key}", settings, view) for key in catalog.key_names()[name]]
    pages = _pages("config", name)
    shown = within(rows, SECTION_UNITS)
    return Text("\n".join([head, *shown, _LEGEND]), keyboard(*pages, [_EXPORT]))


def exported(view: View) -> Text:
    """The words beside the file."""
    words = "without secrets; comments name what differs from the default"
    return Text(f"🔧 <b>The configuration in force</b> · {badge(view.mode)}\n{words}")
