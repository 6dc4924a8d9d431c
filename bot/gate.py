"""The gate in front of every handler: who may speak, where, and which updates count at all.

It exists because a check in each handler is one day forgotten: here nothing passes unless a listed
user wrote it, in a listed place, now and for the first time. It must never answer a stranger.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum

import msgspec
from telegram import CallbackQuery, Chat, Message, Update, User

from bot.knocks import Knock

REMEMBERED = 2000  # update ids and strangers kept
STALE_S = 60  # a command older than this was meant for another market


class Role(IntEnum):
    """What a person may do; each includes the ones before."""

    VIEWER = 1
    TRADER = 2
    OWNER = 3


class Caller(msgspec.Struct, frozen=True):
    """An authorized person in an authorized chat."""

    user_id: int
    chat_id: int
    name: str
    role: Role
    is_private: bool

    @property
    def by(self) -> str:
        """How facts name this person."""
        return f"{self.name} ({self.user_id})"


class Admitted(msgspec.Struct, frozen=True):
    """An update that may be handled."""

    caller: Caller
    update_id: int
    message_id: int
    words: str  # of the message, or the data of the tapped button
    query_id: str | None = None  # set for taps
    is_photo: bool = False  # the tapped message is a photo: it is edited by its caption
    sent_s: float = 0.0  # epoch seconds; of messages only, taps carry no time


class Gate:
    """Deny by default; counts strangers, drops replays.

    Chats in `announce` are told things, and nothing said or tapped in them counts.
    """

    def __init__(
        self, users: Mapping[int, Role], chats: Iterable[int] = (), announce: Iterable[int] = ()
    ) -> None:
        self.users = dict(users)
        self._announce = set(announce)
        self._chats = {*chats, *self._announce}
        self._strangers: OrderedDict[int, None] = OrderedDict()
        self._seen: OrderedDict[int, None] = OrderedDict()
        self.stranger_count = 0
        self.on_knock: Callable[[Knock], None] = _ignore  # first contact of somebody unknown

    @property
    def owner(self) -> int | None:
        """The first owner; None where nobody is."""
        return next((u for u, role in self.users.items() if role is Role.OWNER), None)

    @property
    def places(self) -> tuple[int, ...]:
        """Chats that are told things: the first owner's own, then the listed ones."""
        owner = self.owner
        return ((owner,) if owner is not None else ()) + tuple(sorted(self._chats))

    @property
    def hearing(self) -> tuple[int, ...]:
        """Listed chats in which commands count."""
        return tuple(sorted(self._chats - self._announce))

    def lists(self, chat_id: int) -> bool:
        """Whether the bot belongs into this group or channel."""
        return chat_id in self._chats

    def pair(self, user_id: int) -> None:
        """Somebody proved to be the owner."""
        self.users[user_id] = Role.OWNER

    def migrate(self, old: int, new: int) -> None:
        """A listed group got a new id."""
        if old in self._chats:
            self._chats.add(new)
        if old in self._announce:
            self._announce.add(new)

    def admit(self, update: Update) -> Admitted | None:
        """The update as something to act on, once; None means silence."""
        found = self._check(update)
        if found is not None and not self._is_new(found.update_id):
            return None
        return found

    def _check(self, update: Update) -> Admitted | None:
        if update.callback_query is not None:
            return self._check_tap(update.update_id, update.callback_query)
        message = update.message  # edited and channel posts live in other fields
        if message is None or message.forward_origin is not None:
            return None
        caller = self._caller(message.from_user, message.chat, message)
        if caller is None or message.text is None:
            return None
        return Admitted(
            caller=caller,
            update_id=update.update_id,
            message_id=message.message_id,
            words=message.text,
            sent_s=message.date.timestamp(),
        )

    def _check_tap(self, update_id: int, query: CallbackQuery) -> Admitted | None:
        if query.message is None or query.data is None:
            return None
        caller = self._caller(query.from_user, query.message.chat, None)
        if caller is None:
            return None
        return Admitted(
            caller=caller,
            update_id=update_id,
            message_id=query.message.message_id,
            words=query.data,
            query_id=query.id,
            is_photo=isinstance(query.message, Message) and bool(query.message.photo),
        )

    def _caller(self, user: User | None, chat: Chat, message: Message | None) -> Caller | None:
        is_hidden = message is not None and message.sender_chat is not None
        if user is None or user.is_bot or is_hidden:
            return None
        role = self.users.get(user.id)
        is_private = chat.type == Chat.PRIVATE and chat.id == user.id
        is_heard = is_private or chat.id in self._chats - self._announce
        if role is None or not is_heard:
            if role is None:
                self._count(user, chat)
            return None
        name = f"@{user.username}" if user.username else "user"
        return Caller(user.id, chat.id, name, role, is_private)

    def _count(self, user: User, chat: Chat) -> None:
        if user.id in self._strangers:
            return
        self.stranger_count += 1
        _remember(self._strangers, user.id)
        self.on_knock(Knock(user.id, user.full_name, chat.type))

    def mark_handled(self, update_ids: Iterable[int]) -> None:
        """Updates that took effect before a restart: they are dead when Telegram repeats them."""
        for update_id in update_ids:
            _remember(self._seen, update_id)

    def _is_new(self, update_id: int) -> bool:
        if update_id in self._seen:
            return False
        _remember(self._seen, update_id)
        return True


def _ignore(_knock: Knock) -> None:
    """Nobody wants to know."""


def _remember(ring: OrderedDict[int, None], key: int) -> None:
    ring[key] = None
    while len(ring) > REMEMBERED:
        ring.popitem(last=False)
