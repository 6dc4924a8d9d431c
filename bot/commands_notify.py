"""The command that says what is told, how loudly, and when not.

It exists so that noise is turned down on purpose and kind by kind. It must never touch what is a
matter of safety, and keeps everything in the notes of the ledger, so a restart changes nothing.
"""

import re
from datetime import time

from bot import texts
from bot.commands_gates import cancel, failed
from bot.commands_read import no_more
from bot.conversation import Ask, Room, command_id, put
from bot.dialogs import Answer, Choice, Question, Tap
from bot.parsing import Unclear
from bot.preferences import Kind, Volume
from bot.views import notify as cards
from engine.core.events import Note
from engine.core.values import Ms

READ_S = 300.0
MUTE_MS: Ms = 3_600_000
_NEXT = {Volume.ON: Volume.SILENT, Volume.SILENT: Volume.OFF, Volume.OFF: Volume.ON}
_CODE = re.compile(r"[a-z][a-z0-9_]{1,39}", re.ASCII)
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)


async def notify(room: Room, ask: Ask) -> Answer:
    """The matrix, or one thing changed."""
    no_more(ask, 2)
    if not ask.args:
        return _matrix(room)
    what, value = ask.args[0].lower(), ask.args[1].lower() if len(ask.args) > 1 else ""
    match what:
        case "quiet":
            key, note = "quiet", _quiet(value)
        case "digest":
            key, note = "digest", _clock(value)
        case "mute":
            until_ms = room.desk.view().at_ms + MUTE_MS
            key, note = f"mute.{_code(value)}", str(until_ms)
        case _:
            raise Unclear("expected quiet, digest or mute")
    return await _asked(room, ask, key, note)


def _quiet(value: str) -> str:
    """`22:00-07:00` as it is kept; empty for off."""
    if value == "off":
        return ""
    begin, _, end = value.partition("-")
    if _clock(begin) == _clock(end):
        raise Unclear("quiet hours have some length, for example 22:00-07:00")
    return value


def _clock(value: str) -> str:
    if not _CLOCK.fullmatch(value):
        raise Unclear("a time is written 22:00, quiet hours 22:00-07:00 or off")
    return f"{time.fromisoformat(value):%H:%M}"


def _code(value: str) -> str:
    if not _CODE.fullmatch(value):
        raise Unclear("a code is one word, as a message about trouble names it: order_refused")
    return value


def _matrix(room: Room) -> Question:
    """The card; each button moves one kind to its next volume, in place."""
    preferences = room.preferences
    words = cards.matrix(preferences, room.desk.view(), room.settings.bot.zone)
    cells = [_cell(room, kind, preferences.volume(kind)) for kind in Kind if kind != Kind.SAFETY]
    rows = tuple(tuple(cells[i : i + 2]) for i in range(0, len(cells), 2))
    return Question(words, rows, READ_S, ending="")


def _cell(room: Room, kind: Kind, volume: Volume) -> Choice:
    async def act(tap: Tap) -> Answer:
        return await _note(room, tap, f"notify.{kind}", _NEXT[volume].value)

    return Choice(cards.cell(kind, volume), act)


async def _asked(room: Room, ask: Ask, key: str, value: str) -> Answer:
    """At once when it was typed; a plain button only asks."""
    if not ask.is_button:
        return await _note(room, ask.tap, key, value)

    async def act(tap: Tap) -> Answer:
        return await _note(room, tap, key, value)

    words = cards.question(key, value)
    return Question(words, ((Choice(texts.APPLY, act, "primary"), cancel()),), READ_S)


async def _note(room: Room, tap: Tap, key: str, value: str) -> Answer:
    """Keep it, forget what is over, and show how it stands."""
    notes = {key: value, **dict.fromkeys(room.preferences.over(room.desk.view().at_ms), "")}
    for number, (name, word) in enumerate(notes.items()):
        note = Note(
            command_id=command_id(tap, f"n{number}"), by=tap.caller.by, key=name, value=word
        )
        result = await put(room.desk, note)
        if not result.is_done:
            return failed(result.words, is_known=result.is_done is False)
    return _matrix(room)
