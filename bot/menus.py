"""The menus of commands that Telegram's own client shows, one for each person in each place.

It exists because a menu stays with Telegram for ever: what is stale is taken away at a start, and
nothing is sent that stands there already. Menus are cosmetics: the gate never asks them.
"""

from collections.abc import Iterable, Mapping, Sequence

from telegram import (
    Bot,
    BotCommand,
    BotCommandScope,
    BotCommandScopeAllChatAdministrators,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    BotCommandScopeChatMember,
    BotCommandScopeDefault,
)
from telegram.error import TelegramError

from bot.conversation import put
from bot.desk import Desk
from bot.gate import Role
from bot.verbs import Verbs
from engine.core.events import Note
from engine.log import Log

_log = Log(__name__)
NOTE = "menus"  # where menus were set
NOTE_MAX = 500  # characters
BY = "menus"
EVERYBODY = (
    BotCommandScopeDefault(),
    BotCommandScopeAllPrivateChats(),
    BotCommandScopeAllGroupChats(),
    BotCommandScopeAllChatAdministrators(),
)


class Menus:
    """Sets what people see, and remembers where."""

    def __init__(self, bot: Bot, verbs: Verbs, desk: Desk) -> None:
        self._bot, self._verbs, self._desk = bot, verbs, desk

    async def set(self, users: Mapping[int, Role], places: Iterable[int]) -> None:
        """Strangers see nothing, each person what the role may use; failures change nothing."""
        groups = [place for place in places if place not in users]
        wanted: dict[str, Sequence[BotCommand]] = {}
        for user, role in users.items():
            keys = (f"{user}", *(f"{group}:{user}" for group in groups))
            wanted.update(dict.fromkeys(keys, self._verbs.menu(role)))
        before = self._desk.view().notes.get(NOTE, "").split()
        for scope in (*EVERYBODY, *(_scope(key) for key in before if key not in wanted)):
            await self._show(scope, ())
        for key, menu in wanted.items():
            await self._show(_scope(key), menu)
        await self._remember(" ".join(before), list(wanted))

    async def _show(self, scope: BotCommandScope, menu: Sequence[BotCommand]) -> None:
        try:
            if list(await self._bot.get_my_commands(scope=scope)) == list(menu):
                return
            if menu:
                await self._bot.set_my_commands(menu, scope=scope)
            else:
                await self._bot.delete_my_commands(scope=scope)
        except TelegramError as error:
            _log.warning("chat.menu_failed", reason=type(error).__name__)

    async def _remember(self, before: str, keys: Sequence[str]) -> None:
        kept = ""
        for key in keys:
            longer = f"{kept} {key}".strip()
            kept = longer if len(longer) <= NOTE_MAX else kept
        if kept != before:
            command_id = f"{NOTE}:{self._desk.view().boot}:{self._desk.now_real():.0f}"
            await put(self._desk, Note(command_id=command_id, by=BY, key=NOTE, value=kept))


def _scope(key: str) -> BotCommandScope:
    """`11` is a person's own chat, `-500:11` a person in a group."""
    chat, _, user = key.partition(":")
    return (
        BotCommandScopeChatMember(int(chat), int(user)) if user else BotCommandScopeChat(int(chat))
    )
