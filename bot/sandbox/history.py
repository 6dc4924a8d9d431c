"""The messages of the room and the order in which they changed.

It exists because the page asks one question, "what changed since N": every change gives the room
and the message a new version. It keeps a bounded number of messages and must never reuse an id.
"""

from collections.abc import Callable
from typing import NotRequired, TypedDict

from bot.sandbox.message import Content, Message
from bot.sandbox.people import PEOPLE, PersonKey

MESSAGES_MAX = 2000


class News(TypedDict):
    """What a page is told."""

    messages: list[dict[str, object]]
    next: int  # the `after` of the next question
    room: int
    action: NotRequired[str]


class History:
    """Messages by id; ids grow over all chats, as they do for a bot."""

    def __init__(self, first_id: int, ring: Callable[[], None], keep: int = MESSAGES_MAX) -> None:
        self._ring = ring
        self.room = first_id  # tells a page that this is another room than it knew
        self._next_id = first_id
        self._keep = keep
        self._messages: dict[int, Message] = {}
        self._actions: dict[PersonKey, tuple[int, str]] = {}
        self.version = 0

    def add(self, message: Message) -> Message:
        """Number a new message; the oldest unpinned one makes room."""
        message.message_id = self._next_id
        self._next_id += 1
        self._messages[message.message_id] = message
        self.touch(message)
        message.born = message.version
        if len(self._messages) > self._keep:
            loose = (m.message_id for m in self._messages.values() if not m.is_pinned)
            self._messages.pop(next(loose, message.message_id - self._keep), None)
        return message

    def touch(self, message: Message) -> None:
        """The message changed."""
        message.version = self._turn()

    def find(self, message_id: int | None, chat_id: int | None = None) -> Message | None:
        """The message, if it is still there (and in that chat)."""
        found = self._messages.get(message_id or 0)
        if found is None or found.is_deleted or chat_id not in (None, found.person.id):
            return None
        return found

    def remove(self, message: Message) -> None:
        """Delete a message; a gravestone tells the pages."""
        message.is_deleted, message.is_pinned, message.content = True, False, Content()
        self.touch(message)

    def pinned(self, chat_id: int) -> list[Message]:
        """Pinned messages of a chat, oldest first."""
        return [m for m in self._messages.values() if m.is_pinned and m.person.id == chat_id]

    def act(self, user: PersonKey, action: str) -> None:
        """The bot is typing, or the like."""
        self._actions[user] = (self._turn(), action)

    def since(self, after: int, user: PersonKey | None = None) -> News:
        """What changed after a version: `messages` in order of last change, and `next`.

        With a user, that person's chat. Without, the owner's chat, what others said, and the bot's
        answers to it. An `after` this room never gave out (it restarted) counts as 0.
        """
        after = after if after <= self.version else 0
        found = [m for m in self._messages.values() if m.version > after and _is_news(m, after)]
        found.sort(key=lambda m: m.version)
        said: News = {
            "messages": [m.row() for m in found if _is_shown(m, user)],
            "next": self.version,
            "room": self.room,
        }
        at, action = self._actions.get(user or "owner", (0, ""))
        if at > after > 0:
            said["action"] = action
        return said

    def _turn(self) -> int:
        self.version += 1
        self._ring()
        return self.version


def _is_news(message: Message, after: int) -> bool:
    """A gravestone means nothing to who never saw the message."""
    return not message.is_deleted or message.born <= after


def _is_shown(message: Message, user: PersonKey | None) -> bool:
    if user is not None:
        return message.person is PEOPLE[user]
    is_owners = message.person is PEOPLE["owner"]
    return is_owners or not message.is_bot or message.is_answer
