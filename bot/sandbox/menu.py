"""The command menus a bot sets, by scope.

It exists so that each person's menu is the one Telegram would show: the narrowest scope wins. It
must never decide what a person may do; menus are cosmetic.
"""

import re

import msgspec

from bot.sandbox.people import Person
from bot.sandbox.wire import bad_request

COMMANDS_MAX = 100
OPEN_SCOPES = frozenset(
    {"default", "all_private_chats", "all_group_chats", "all_chat_administrators"}
)
CHAT_SCOPES = frozenset({"chat", "chat_administrators", "chat_member"})
DESCRIPTION_MAX = 256


class Command(msgspec.Struct, frozen=True):
    """One line of a menu."""

    command: str
    description: str


class Scope(msgspec.Struct, frozen=True):
    """Whom a menu is for."""

    type: str = "default"
    chat_id: int | str | None = None
    user_id: int | None = None


class Menus:
    """Menus by scope and language."""

    def __init__(self) -> None:
        self._menus: dict[tuple[Scope, str], tuple[Command, ...]] = {}

    def put(self, scope: Scope, language: str, commands: tuple[Command, ...]) -> None:
        """Replace a menu; raises `Refused` 400 for what Telegram would not take."""
        if len(commands) > COMMANDS_MAX:
            raise bad_request("BOT_COMMANDS_TOO_MUCH")
        bare = tuple(Command(c.command.removeprefix("/"), c.description) for c in commands)
        for item in bare:
            if not re.fullmatch(r"[\da-z_]{1,32}", item.command, re.ASCII):
                raise bad_request("BOT_COMMAND_INVALID")
            if not 1 <= len(item.description) <= DESCRIPTION_MAX:
                raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
        self._menus[scope, language] = bare

    def get(self, scope: Scope, language: str) -> tuple[Command, ...]:
        """Exactly this scope's menu."""
        return self._menus.get((scope, language), ())

    def drop(self, scope: Scope, language: str) -> None:
        """Forget a menu."""
        self._menus.pop((scope, language), None)

    def shown_to(self, person: Person) -> tuple[Command, ...]:
        """The menu a person sees in the private chat."""
        scopes = (Scope("chat", person.id), Scope("all_private_chats"), Scope())
        keys = [(scope, language) for scope in scopes for language in ("en", "")]
        return next((self._menus[key] for key in keys if self._menus.get(key)), ())
