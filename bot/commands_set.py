"""The command that shows a setting, and changes it.

It exists so that a value is changed on purpose: judged against its range, the rules and the caps
before anything happens, shown as a difference, with a way back. What only takes risk away is done
at once. It must never change what belongs to the machine, and never go on from a plain button.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from operator import attrgetter

from msgspec.structs import replace

from bot import texts
from bot.commands_gates import cancel, failed
from bot.conversation import Ask, Room, command_id, put
from bot.dialogs import Answer, Choice, Question, Tap
from bot.parsing import Unclear
from bot.views import settings as cards
from bot.views.presets import NEXT_DAY
from engine import catalog, preset
from engine.consistency import live_problems
from engine.core.settings import Settings
from engine.core.tuning import DAY_LIMIT, FRAME, is_fixed, is_safer
from engine.core.values import LIVE
from engine.core.wish_events import Tune
from engine.errors import ConfigError

READ_S = 120.0
UNDO_S = 120.0

Changes = Mapping[str, str]  # key -> TOML; empty = back to what is configured


async def set_(room: Room, ask: Ask) -> Answer:
    """Sections, one section, one key, or the change of a value."""
    view = room.desk.view()
    if not ask.args:
        return cards.picker(view)
    name, value = ask.args[0].lower(), " ".join(ask.args[1:])
    if name == cards.RESET:
        return await _wish(room, ask, dict.fromkeys(view.tuned, ""))
    if name in cards.editable() and not value:
        return cards.section(name, room.settings, view)
    path = _path(name)
    if not value or is_fixed(path):
        return cards.key(path, room.settings, view)
    return await _wish(room, ask, {path: "" if value.lower() == cards.RESET else value})


def _path(name: str) -> str:
    """The key that is named, with or without its section; raises Unclear."""
    known = [f"{section}.{key}" for section, keys in catalog.key_names().items() for key in keys]
    if name in known:
        return name
    owners = [path for path in known if path.partition(".")[2] == name]
    if len(owners) == 1:
        return owners[0]
    near = owners or get_close_matches(name, known, 3, 0.6)
    if not near:
        near = [p for p in known if get_close_matches(name, [p.partition(".")[2]], 1, 0.7)][:3]
    raise Unclear(f"no such key; did you mean {' or '.join(near)}?" if near else "no such key")


async def _wish(room: Room, ask: Ask, changes: Changes) -> Answer:
    """At once where risk only shrinks, else after a question."""
    try:
        then = _proposed(room, changes)
    except ConfigError as error:
        return cards.refused(error.problems)
    shown = preset.diff(_wanted(room), then)
    if not shown and not _takes_back(room, changes):
        return cards.same(tuple(changes))
    if not ask.is_button and all(is_safer(c.path, room.settings, then) for c in shown):
        return await _tune(room, ask.tap, changes, then)
    return _question(room, changes, then)


def _takes_back(room: Room, changes: Changes) -> bool:
    """Whether a choice of the chat ends that says what is configured anyway."""
    tuned = room.desk.view().tuned
    return any(not value and key in tuned for key, value in changes.items())


def _proposed(room: Room, changes: Changes) -> Settings:
    """The configuration with these changes; raises `ConfigError` where it does not hold."""
    view, settings = room.desk.view(), room.settings
    tuned = {key: value for key, value in {**view.tuned, **changes}.items() if value}
    if FRAME in tuned and FRAME not in changes:
        tuned[FRAME] = str(settings.market.frame_s)  # the other one waits for the next start
    then = room.desk.preset(view.preset, tuned)
    if view.next_preset:
        room.desk.preset(view.next_preset, tuned)
    problems = live_problems(then) if view.mode == LIVE else []
    if problems:
        raise ConfigError("live mode", problems)
    return then


def _wanted(room: Room) -> Settings:
    """What is in force, with what comes by itself tomorrow."""
    settings, later = room.settings, room.desk.view().next_day
    values = {key.partition(".")[2]: value for key, value in later.items()}
    return replace(settings, risk=replace(settings.risk, **values))


def _question(room: Room, changes: Changes, then: Settings, prefix: str = "") -> Question:
    shown = preset.diff(_wanted(room), then)

    async def act(tap: Tap) -> Answer:
        try:
            again = _proposed(room, changes)
        except ConfigError as error:
            return cards.refused(error.problems)
        if preset.diff(_wanted(room), again) != shown:
            return _question(room, changes, again, texts.CHANGED)
        return await _tune(room, tap, changes, again)

    words = cards.question(shown, _notes(room, then), room.desk.view())
    row = (Choice(texts.APPLY, act, "primary"), cancel())
    return Question(prefix + words + texts.expires_unread(READ_S), (row,), READ_S)


def _notes(room: Room, then: Settings) -> list[str]:
    now, notes = _wanted(room), []
    if attrgetter(DAY_LIMIT)(then) > attrgetter(DAY_LIMIT)(now):
        notes.append(NEXT_DAY)
    if then.market.frame_s != now.market.frame_s:
        notes.append("Another base frame holds from the next start on, with nothing open.")
    return notes


async def _tune(
    room: Room, tap: Tap, changes: Changes, then: Settings, *, is_undo: bool = False
) -> Answer:
    """Put it to the engine; its way back is what the chat had chosen before."""
    before = {key: room.desk.view().tuned.get(key, "") for key in changes}
    values = tuple((key, _stored(key, value, then)) for key, value in changes.items())
    command = Tune(command_id=command_id(tap), by=tap.caller.by, changes=values, settings=then)
    result = await put(room.desk, command)
    if not result.is_done:
        return failed(result.words, is_known=result.is_done is False)

    async def undo(tap: Tap) -> Answer:
        try:
            back = _proposed(room, before)
        except ConfigError as error:
            return cards.refused(error.problems)
        return await _tune(room, tap, before, back, is_undo=True)

    words = cards.done(result.words, is_undone=is_undo)
    label = texts.REDO if is_undo else texts.UNDO
    return Question(words, ((Choice(label, undo),),), UNDO_S, ending="")


def _stored(key: str, value: str, then: Settings) -> str:
    """The value as it is kept; a frame always by name, since what is configured may differ."""
    return catalog.toml(attrgetter(key)(then)) if value or key == FRAME else ""
