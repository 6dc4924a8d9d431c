"""One message of the chat, as the Bot API and as the page tell it.

It exists so that both sides look at the same thing: Telegram's object for the bot, a flat row for
the page. It must never be sent to anybody but through these two renderings.
"""

from enum import Enum

import msgspec

from bot.sandbox.keyboard import Keyboard
from bot.sandbox.markup import EMPTY, Formatted
from bot.sandbox.people import Person
from bot.sandbox.shelf import Stored


class Kind(Enum):
    """What a message mainly is; the Bot API edits each kind by another method."""

    TEXT = "text"
    PHOTO = "photo"
    DOCUMENT = "document"


class Content(msgspec.Struct, frozen=True):
    """What an edit can change."""

    body: Formatted = EMPTY  # the text, or the caption of a file
    keyboard: Keyboard = ()
    photo: Stored | None = None
    document: Stored | None = None

    @property
    def kind(self) -> Kind:
        """Which of the three it is."""
        if self.photo is not None:
            return Kind.PHOTO
        return Kind.TEXT if self.document is None else Kind.DOCUMENT


class Message(msgspec.Struct, kw_only=True):
    """A message in somebody's private chat with the bot."""

    person: Person
    is_bot: bool
    date: int  # epoch seconds
    content: Content
    reply_to: int | None = None
    is_answer: bool = False  # the bot replying to something this person said
    is_forwarded: bool = False
    is_silent: bool = False
    message_id: int = 0  # the history numbers messages
    edit_date: int | None = None
    edits: int = 0
    is_pinned: bool = False
    is_deleted: bool = False
    reactions: tuple[str, ...] = ()
    born: int = 0  # version of the room when it came
    version: int = 0  # version of the room when it last changed

    def api(self, me: dict[str, object], replied: "Message | None" = None) -> dict[str, object]:
        """The `Message` object of the Bot API."""
        found: dict[str, object] = {
            "message_id": self.message_id,
            "from": me if self.is_bot else self.person.user(),
            "chat": self.person.chat(),
            "date": self.date,
            **_content(self.content),
        }
        if self.edit_date is not None:
            found["edit_date"] = self.edit_date
        if replied is not None:
            found["reply_to_message"] = replied.api(me)
        if self.is_forwarded:
            found["forward_origin"] = {
                "type": "hidden_user",
                "date": self.date,
                "sender_user_name": "Somebody",
            }
        return found

    def row(self) -> dict[str, object]:
        """The message as `GET /chat/messages` tells it."""
        content = self.content
        photo, document = content.photo, content.document
        return {
            "message_id": self.message_id,
            "from": "bot" if self.is_bot else "user",
            "user": self.person.key,
            "date": self.date,
            "text": content.body.text,
            "html": content.body.html,
            "buttons": [[button.shown() for button in row] for row in content.keyboard],
            "photo": photo.url if photo else None,
            "photo_size": [photo.width, photo.height] if photo else None,
            "document": document.url if document else None,
            "document_name": document.name if document else None,
            "document_size": len(document.content) if document else None,
            "reply_to": self.reply_to,
            "edits": self.edits,
            "pinned": self.is_pinned,
            "silent": self.is_silent,
            "forwarded": self.is_forwarded,
            "deleted": self.is_deleted,
            "reactions": list(self.reactions),
            "version": self.version,
        }


def _content(content: Content) -> dict[str, object]:
    text, marks = ("text", "entities")
    found: dict[str, object] = {}
    if content.kind is not Kind.TEXT:
        text, marks = ("caption", "caption_entities")
    if content.photo is not None:
        found["photo"] = content.photo.photo()
    if content.document is not None:
        found["document"] = content.document.document()
    if content.body.text:
        found[text] = content.body.text
        found[marks] = [msgspec.to_builtins(entity) for entity in content.body.entities]
    if content.keyboard:
        found["reply_markup"] = {"inline_keyboard": msgspec.to_builtins(content.keyboard)}
    return found
