"""The sentences of the help: what there is, group by group, and one command with examples.

They exist so that every command explains itself in the chat. What acts is never printed as
something a tap would send.
"""

from collections.abc import Mapping, Sequence

from bot.views.layout import Button, Text, esc, keyboard, read, short, turn

ACTS = frozenset({"Steer", "Emergency"})
ABOUT = {
    "Look": "the market, positions, signals, and why",
    "Money": "results, trades, account, risk",
    "Steer": "entries on and off, closes, settings",
    "Machine": "how the program does, and this help",
    "Emergency": "out of everything, now",
}
Briefs = Sequence[tuple[str, str]]


def help_all(groups: Mapping[str, Briefs], name: str) -> Text:
    """The groups, one line each, and a tab for each."""
    lines = [f"<b>{short(name, 20)}</b> understands"]
    for group, verbs in groups.items():
        names = " ".join(_verb(verb, group) for verb, _ in verbs)
        lines.append(f"<b>{esc(group)}</b>: {esc(ABOUT.get(group, ''))}\n{names}")
    lines.append("<code>/help close</code> explains one of them.")
    return Text("\n".join(lines), keyboard(*tabs(groups)))


def help_group(group: str, groups: Mapping[str, Briefs]) -> Text:
    """The commands of one group with what they do."""
    lines = [f"<b>{esc(group)}</b>: {esc(ABOUT.get(group, ''))}"]
    lines += [f"{_verb(verb, group)}  {esc(brief)}" for verb, brief in groups[group]]
    verbs = [turn(f"? {verb}", "help", verb) for verb, _ in groups[group]]
    rows = [verbs[i : i + 4] for i in range(0, len(verbs), 4)]
    return Text("\n".join(lines), keyboard(*rows, *tabs(groups)))


def tabs(groups: Mapping[str, Briefs]) -> list[list[Button]]:
    """A button for each group, answered in place."""
    names = [turn(group, "help", group.lower()) for group in groups]
    return [names[:3], [*names[3:], turn("All", "help")]]


def _verb(name: str, group: str) -> str:
    return f"<code>/{esc(name)}</code>" if group in ACTS else f"/{esc(name)}"


def help_verb(usage: str, brief: str, examples: Sequence[str], role: str, also: str) -> Text:
    """One command: how it is written, what for, by whom, with examples and its other names."""
    lines = [f"<code>{esc(usage)}</code>", f"{short(brief)}; for the role {esc(role)}."]
    lines += [f"<code>{esc(example)}</code>" for example in examples]
    if also:
        lines.append(f"Also <code>{esc(also)}</code>.")
    return Text("\n".join(lines), keyboard((turn("◀ Help", "help"), read("Status", "status"))))
