"""What stands in the chats: which message tells which record, and how it reads now.

It exists so that a later word finds the message it belongs to, and no edit is sent that would
change nothing. Its memory is bounded; what it forgot must cost an edit at most.
"""

from typing import TypeVar

from bot.content import Content
from bot.views.layout import Text

KEPT = 1000

_V = TypeVar("_V")
Place = tuple[int, int]  # chat, and message or record


class Shown:
    """Messages that were delivered, the newest of them."""

    def __init__(self) -> None:
        self._told: dict[Place, int] = {}  # chat and record: the message
        self._tells: dict[Place, int | None] = {}  # chat and message: its record; None: several
        self._words: dict[Place, tuple[Text | None, float]] = {}  # words (None: not known), when
        self._moved: dict[Place, int] = {}  # sent anew: the new id

    def tell(self, chat_id: int, seq: int, message_id: int) -> None:
        """A message told a record."""
        if message_id:
            _keep(self._told, (chat_id, seq), message_id)
            only = self._tells.get((chat_id, message_id), seq)
            _keep(self._tells, (chat_id, message_id), seq if only == seq else None)

    def message_of(self, chat_id: int, seq: int) -> int | None:
        """The message that told this record and no other; None when that is not known."""
        message_id = self._told.get((chat_id, seq), 0)
        return message_id if self._tells.get((chat_id, message_id)) == seq else None

    def show(self, chat_id: int, message_id: int, content: Content | None, at_s: float) -> None:
        """A message was changed, and reads like this from now on."""
        words = content if isinstance(content, Text) else None
        _keep(self._words, (chat_id, message_id), (words, at_s))

    def reads(self, chat_id: int, message_id: int, content: Content | None) -> bool:
        """Whether a message is known to read like this already."""
        words, _ = self._words.get((chat_id, message_id), (None, 0.0))
        return words is not None and words == content

    def changed_s(self, chat_id: int, message_id: int) -> float:
        """When a message was last changed; long ago when that is not known."""
        return self._words.get((chat_id, message_id), (None, 0.0))[1]

    def move(self, chat_id: int, old: int, new: int) -> None:
        """A message that could not be edited stands under another id."""
        _keep(self._moved, (chat_id, old), new)

    def here(self, chat_id: int, message_id: int) -> int:
        """The id a message has now."""
        while (chat_id, message_id) in self._moved:
            message_id = self._moved[chat_id, message_id]
        return message_id


def _keep(memory: dict[Place, _V], key: Place, value: _V) -> None:
    memory.pop(key, None)
    memory[key] = value
    while len(memory) > KEPT:
        memory.pop(next(iter(memory)))
