"""The room: four people, one bot, their messages and what the bot has yet to hear.

It exists so that everything Telegram would decide is decided in one place without I/O: who may be
written to, what an update looks like, which message can be changed. It must never know about
sockets, and it takes its time from the clock it was given.
"""

import re
import time
from collections.abc import Callable

import msgspec

from bot.sandbox.groups import Group, Groups, Invite
from bot.sandbox.history import History
from bot.sandbox.markup import spoken, utf16_len
from bot.sandbox.menu import Menus
from bot.sandbox.message import Content, Message
from bot.sandbox.people import BY_ID, PEOPLE, Person, PersonKey
from bot.sandbox.shelf import Shelf
from bot.sandbox.taps import Tap, Taps
from bot.sandbox.updates import Updates
from bot.sandbox.wire import Refused, bad_request

TEXT_MAX = 4096
CAPTION_MAX = 1024
DATA_MAX = 64

_TOKEN = re.compile(r"(\d{1,16}):[A-Za-z0-9_-]{20,}")
# Ids go on after a restart because they start from the clock: a bot that remembers the last update
# or a pinned message must not meet the same number again.
_EPOCH_S = 1_750_000_000


class Say(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person says."""

    text: str
    user: PersonKey = "owner"
    reply_to: int | None = None
    edit: int | None = None  # an earlier message of the same person
    forwarded: bool = False


class Press(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tap on a button; like a real client's, its data is not believed by anybody."""

    message_id: int
    data: str
    user: PersonKey = "owner"


class Chat:
    """The room. `token` None lets the first well-formed one in, and then only that one."""

    def __init__(
        self,
        token: str | None = None,
        *,
        name: str = "Breakout",
        clock: Callable[[], float] = time.time,
    ) -> None:
        first_id = max(1, int(clock()) - _EPOCH_S)
        self._token = token
        self._clock = clock
        self._name = name
        self._met = {person.id for person in PEOPLE.values() if person.is_known}
        self._watchers: list[Callable[[], None]] = []
        self.history = History(first_id, self._ring)
        self.updates = Updates(first_id, clock, self._ring)
        self.taps = Taps(first_id, clock, self._ring)
        self.menus = Menus()
        self.groups = Groups(first_id)
        self.shelf = Shelf()

    def watch(self, ring: Callable[[], None]) -> None:
        """Call `ring` after each change of messages, updates or taps."""
        self._watchers.append(ring)

    @property
    def now_s(self) -> int:
        """Epoch seconds."""
        return int(self._clock())

    @property
    def me(self) -> dict[str, object]:
        """The bot as a `User` object."""
        bot_id = self._token.partition(":")[0] if self._token else "0"
        return {
            "id": int(bot_id),
            "is_bot": True,
            "first_name": self._name,
            "username": "breakout_sandbox_bot",
        }

    def admits(self, token: str) -> bool:
        """Whether this token is the room's; the first good one of an open room becomes it."""
        if not _TOKEN.fullmatch(token):
            return False
        if self._token is None:
            self._token = token
        return token == self._token

    def say(self, said: Say) -> Message:
        """A person says something, or changes what was said; raises `Refused` 400."""
        person = PEOPLE[said.user]
        _check_said(said.text)
        if said.edit is not None:
            return self._reword(person, said)
        replied = self.history.find(said.reply_to, person.id)
        if said.reply_to is not None and replied is None:
            raise bad_request("message to be replied not found")
        self._met.add(person.id)
        message = Message(
            person=person,
            is_bot=False,
            date=self.now_s,
            content=Content(spoken(said.text.strip())),
            reply_to=said.reply_to,
            is_forwarded=said.forwarded,
        )
        self.history.add(message)
        self.updates.put("message", self.told(message))
        return message

    def tap(self, press: Press) -> Tap:
        """A person taps a button; raises `Refused` 400 for a message or data that cannot be."""
        message = self.history.find(press.message_id)
        if message is None or not message.is_bot:
            raise bad_request(
                f"message_id: expected a message of the bot, found {press.message_id}"
            )
        if not 1 <= len(press.data.encode()) <= DATA_MAX:
            raise bad_request(f"data: expected 1 to {DATA_MAX} bytes")
        tap = self.taps.open()
        self.updates.put(
            "callback_query",
            {
                "id": tap.id,
                "from": PEOPLE[press.user].user(),
                "chat_instance": str(message.person.id),
                "data": press.data,
                "message": self.told(message),
            },
        )
        return tap

    def invite(self, invite: Invite) -> Group:
        """A person puts the bot into a group, and it hears of that."""
        group = self.groups.add(invite.title)
        change = {
            "chat": group.chat(),
            "from": PEOPLE[invite.user].user(),
            "date": self.now_s,
            "old_chat_member": {"status": "left", "user": self.me},
            "new_chat_member": {"status": "member", "user": self.me},
        }
        self.updates.put("my_chat_member", change)
        return group

    def known(self, chat_id: int | str | None) -> Person:
        """Whose private chat it is, written to or not; raises `Refused` 400."""
        person = BY_ID.get(int(str(chat_id))) if str(chat_id).lstrip("-").isdecimal() else None
        if person is None:
            raise bad_request("chat not found")
        return person

    def reach(self, chat_id: int | str) -> Person:
        """Whom the bot may write to; raises `Refused` 400 or 403."""
        person = self.known(chat_id)
        if person.id not in self._met:
            raise Refused(403, "Forbidden: bot can't initiate conversation with a user")
        return person

    def post(self, message: Message) -> Message:
        """The bot says something; raises `Refused` 400 for what does not fit."""
        check_fits(message.content)
        replied = self.history.find(message.reply_to, message.person.id)
        message.is_answer = replied is not None and not replied.is_bot
        return self.history.add(message)

    def rewrite(self, message: Message, content: Content) -> Message:
        """The bot edits a message of its own; raises `Refused` 400."""
        if not message.is_bot:
            raise bad_request("message can't be edited")
        check_fits(content)
        if content == message.content:
            raise bad_request(
                "message is not modified: specified new message content and reply markup are "
                "exactly the same as a current content and reply markup of the message"
            )
        self._change(message, content)
        return message

    def told(self, message: Message) -> dict[str, object]:
        """The message as the bot sees it, with the one it replies to."""
        return message.api(self.me, self.history.find(message.reply_to))

    def _ring(self) -> None:
        for ring in self._watchers:
            ring()

    def _reword(self, person: Person, said: Say) -> Message:
        message = self.history.find(said.edit, person.id)
        if message is None or message.is_bot:
            raise bad_request(f"edit: expected an own message, found {said.edit}")
        self._change(message, Content(spoken(said.text.strip())))
        self.updates.put("edited_message", self.told(message))
        return message

    def _change(self, message: Message, content: Content) -> None:
        message.content = content
        message.edits += 1
        message.edit_date = self.now_s
        self.history.touch(message)


def check_fits(content: Content) -> None:
    """Hold a content against Telegram's limits; lengths count after parsing, in UTF-16 units."""
    size = utf16_len(content.body.text)
    is_text = content.photo is None and content.document is None
    if is_text and size == 0:
        raise bad_request("message text is empty")
    if is_text and size > TEXT_MAX:
        raise bad_request("message is too long")
    if not is_text and size > CAPTION_MAX:
        raise bad_request("message caption is too long")


def _check_said(text: str) -> None:
    size = utf16_len(text.strip())
    if not 1 <= size <= TEXT_MAX:
        raise bad_request(f"text: expected 1 to {TEXT_MAX} characters, found {size}")
