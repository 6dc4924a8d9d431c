"""What a command is, and how one is found among all: by name, by alias, by what it looks like.

It exists so that actions can speak of other commands without importing them all: the table is put
in once, at the start. It must never run anything.
"""

import difflib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

import msgspec
from telegram import BotCommand

from bot.content import Photo
from bot.conversation import Ask, Room
from bot.dialogs import Answer
from bot.gate import Caller, Role
from bot.views.age import dated
from bot.views.layout import Text

Action = Callable[[Room, Ask], Awaitable[Answer]]


class Stale(StrEnum):
    """What becomes of a command that was typed long ago."""

    SKIP = "skip"
    RUN = "run"
    ASK = "ask"
    REFUSE = "refuse"


class Verb(msgspec.Struct, frozen=True):
    """One command."""

    name: str
    role: Role
    action: Action
    brief: str  # at most 40 characters, for the menu
    usage: str
    examples: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    shortcuts: Mapping[str, tuple[str, ...]] = MappingProxyType({})  # alias -> words it stands for
    stale: Stale = Stale.SKIP
    in_menu: bool = True
    group: str = "Look"
    is_urgent: bool = False  # it protects money: its answer leaves before all that waits
    has_prices: bool = False  # its answer says so where prices are old


class Verbs:
    """All commands, in the order of help and menu."""

    def __init__(self, table: Iterable[Verb]) -> None:
        self.all = tuple(table)
        self._by_name = {
            name: verb for verb in self.all for name in (verb.name, *verb.aliases, *verb.shortcuts)
        }

    def find(self, name: str) -> Verb | None:
        """The command of this name or alias."""
        return self._by_name.get(name)

    def nearest(self, name: str) -> str | None:
        """The command that was probably meant."""
        close_by = difflib.get_close_matches(name[:32], list(self._by_name), 1, 0.6)
        return self._by_name[close_by[0]].name if close_by else None

    def of(self, role: Role) -> tuple[Verb, ...]:
        """What this role may use."""
        return tuple(verb for verb in self.all if verb.role <= role)

    def menu(self, role: Role) -> list[BotCommand]:
        """What the client's menu shows to this role; the gate does not depend on it."""
        shown = self.of(role) if role < Role.TRADER else self.all
        return [BotCommand(v.name, v.brief) for v in shown if v.in_menu]


def spelled(verb: Verb, name: str, ask: Ask) -> Ask:
    """The request with the words its alias stands for, in front of those that were typed."""
    return msgspec.structs.replace(ask, args=(*verb.shortcuts.get(name, ()), *ask.args))


async def answer(room: Room, verb: Verb, ask: Ask) -> Answer:
    """What the command says to a request; old prices are said to be old in this one place."""
    said = await verb.action(room, ask)
    view = room.desk.view()
    if not verb.has_prices:
        return said
    if isinstance(said, Text):
        return dated(said, view)
    if isinstance(said, Photo):
        return msgspec.structs.replace(said, caption=dated(said.caption, view))
    return said


def allowed(verb: Verb, caller: Caller) -> bool:
    """Whether this person may use it."""
    return caller.role >= verb.role
