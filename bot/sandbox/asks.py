"""The parameters of each Bot API method, one frozen shape per group of methods.

They exist so that a missing or mistyped parameter is refused by its shape, not deep in a method.
Parameters we do not act on are accepted and left unread. They must never carry behavior.
"""

import msgspec

from bot.sandbox.keyboard import Markup
from bot.sandbox.menu import Command, Scope

ChatId = int | str


class ReplyParameters(msgspec.Struct, frozen=True):
    """What a message replies to."""

    message_id: int
    allow_sending_without_reply: bool = False


class Nothing(msgspec.Struct, frozen=True):
    """A method without parameters that matter."""


class GetUpdates(msgspec.Struct, frozen=True):
    """The long poll; `timeout` in seconds."""

    offset: int = 0
    limit: int = 100
    timeout: float = 0
    allowed_updates: tuple[str, ...] | None = None


class DeleteWebhook(msgspec.Struct, frozen=True):
    """There is never a webhook; what is pending can still be dropped."""

    drop_pending_updates: bool = False


class Send(msgspec.Struct, frozen=True):
    """A new message: text, photo or document, by method."""

    chat_id: ChatId
    text: str = ""
    photo: str | None = None
    document: str | None = None
    caption: str = ""
    parse_mode: str | None = None
    disable_notification: bool = False
    reply_parameters: ReplyParameters | None = None
    reply_to_message_id: int | None = None
    allow_sending_without_reply: bool = False
    reply_markup: Markup | None = None


class Media(msgspec.Struct, frozen=True):
    """The new media of a message."""

    type: str
    media: str
    caption: str = ""
    parse_mode: str | None = None


class Edit(msgspec.Struct, frozen=True):
    """Another text, caption, media or keyboard, by method."""

    chat_id: ChatId
    message_id: int
    text: str = ""
    caption: str = ""
    media: Media | None = None
    parse_mode: str | None = None
    reply_markup: Markup | None = None


class OneMessage(msgspec.Struct, frozen=True):
    """A method about one message; without an id it means the latest pinned one."""

    chat_id: ChatId
    message_id: int | None = None


class Emoji(msgspec.Struct, frozen=True):
    """One reaction."""

    type: str
    emoji: str = ""


class React(msgspec.Struct, frozen=True):
    """The reactions that replace the bot's earlier ones."""

    chat_id: ChatId
    message_id: int
    reaction: tuple[Emoji, ...] = ()


class AnswerQuery(msgspec.Struct, frozen=True):
    """The answer to a tap."""

    callback_query_id: str
    text: str = ""
    show_alert: bool = False


class ChatAction(msgspec.Struct, frozen=True):
    """What the bot is doing."""

    chat_id: ChatId
    action: str


class OneChat(msgspec.Struct, frozen=True):
    """A method about a chat."""

    chat_id: ChatId


class OneFile(msgspec.Struct, frozen=True):
    """A method about a file."""

    file_id: str


class Commands(msgspec.Struct, frozen=True):
    """A menu and whom it is for."""

    commands: tuple[Command, ...] = ()
    scope: Scope = Scope()
    language_code: str = ""
