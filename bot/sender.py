"""One attempt to put one message into Telegram, and what its outcome means.

It exists so that the whole map of Telegram's errors is one short table. It must never retry by
itself, except once as plain words when the markup was refused, and never repeat a refused request.
"""

import os
from collections.abc import Callable
from datetime import timedelta

import msgspec
from telegram import (
    Bot,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    Message,
    ReplyParameters,
)
from telegram.constants import ParseMode
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from bot.views.layout import CAPTION_MAX, TEXT_MAX, Button, Text, fit, plain
from engine.log import Log

os.environ.setdefault("PTB_TIMEDELTA", "true")  # else PTB warns at each 429, by its constructor

_log = Log(__name__)
_NOT_SENT = frozenset({"ConnectTimeout", "PoolTimeout", "ConnectError"})
_GONE = ("chat not found", "bot was kicked", "user is deactivated", "not enough rights")
_NO_EDIT = (
    "message to edit not found",
    "message can't be edited",
    "message_id_invalid",
    "no media in the message",
)
_OTHER_KIND = ("no text in the message", "no caption in the message")
_NO_REPLY = ("message to be replied not found", "replied message not found", "reply message not")
TOKEN_WAIT_S = 15.0


class Letter(msgspec.Struct, frozen=True):
    """What shall stand in a chat: a new message, a photo, or a message changed (`edit_id`)."""

    chat_id: int
    text: Text | None  # None: only take the buttons of `edit_id` away
    photo: bytes | None = None
    file: tuple[str, bytes] | None = None  # name and content
    edit_id: int | None = None
    is_photo: bool = False  # what is edited is a photo
    reply_to: int | None = None
    is_silent: bool = False

    @property
    def has_caption(self) -> bool:
        """Whether its words are a caption, which is shorter."""
        return self.photo is not None or self.file is not None or self.is_photo


class Delivered(msgspec.Struct, frozen=True):
    """Telegram has it, under this id."""

    message_id: int


class Retry(msgspec.Struct, frozen=True):
    """Not now; `is_unknown` when it may have arrived all the same."""

    after_s: float | None  # None: the caller's backoff
    why: str
    is_unknown: bool = False


class Refused(msgspec.Struct, frozen=True):
    """Telegram will never take it; `is_chat` when it takes nothing for this chat."""

    why: str
    is_chat: bool = False


Outcome = Delivered | Retry | Refused


class Sender:
    """Letters in, outcomes out; remembers where groups moved to."""

    def __init__(self, bot: Bot, on_migrated: Callable[[int, int], None]) -> None:
        self._bot = bot
        self._on_migrated = on_migrated
        self._moved: dict[int, int] = {}

    def follow(self, old: int, new: int) -> None:
        """A group moved before we were started."""
        self._moved[old] = new

    async def deliver(self, letter: Letter) -> Outcome:
        """Try once."""
        try:
            return Delivered(await self._put(letter, ParseMode.HTML))
        except BadRequest as error:
            return await self._repair(letter, error)
        except TelegramError as error:
            return self._judge(letter, error)

    async def is_reachable(self) -> bool:
        """Whether Telegram answers at all."""
        try:
            await self._bot.get_me()
        except TelegramError:
            return False
        return True

    async def answer(self, query_id: str, words: str, *, is_alert: bool) -> None:
        """Stop the spinner of a tapped button; too late is no harm."""
        try:
            await self._bot.answer_callback_query(query_id, words or None, show_alert=is_alert)
        except TelegramError as error:
            _log.info("chat.answer_lost", reason=_words(error))

    async def react(self, chat_id: int, message_id: int, emoji: str) -> None:
        """One reaction under a message, or none (""); a lost one is no harm."""
        try:
            await self._bot.set_message_reaction(self._here(chat_id), message_id, emoji or None)
        except TelegramError as error:
            _log.info("chat.reaction_lost", reason=_words(error))

    async def pin(self, chat_id: int, message_id: int, instead_of: int | None) -> None:
        """Pin a message silently; one that cannot be pinned still stands in the chat."""
        try:
            if instead_of is not None:
                await self._bot.unpin_chat_message(self._here(chat_id), instead_of)
        except TelegramError as error:
            _log.info("chat.unpin_failed", reason=_words(error))
        try:
            await self._bot.pin_chat_message(
                self._here(chat_id), message_id, disable_notification=True
            )
        except TelegramError as error:
            _log.warning("chat.pin_failed", reason=_words(error))

    def _here(self, chat_id: int) -> int:
        """Where that chat is now."""
        return self._moved.get(chat_id, chat_id)

    def _judge(self, letter: Letter, error: TelegramError) -> Outcome:
        match error:
            case RetryAfter():
                return Retry(_seconds(error), f"Telegram asks to wait {_seconds(error):.0f} s")
            case Forbidden():
                return Refused(_words(error), is_chat=True)
            case ChatMigrated():
                self._moved[letter.chat_id] = error.new_chat_id
                self._on_migrated(letter.chat_id, error.new_chat_id)
                return Retry(0.0, "the group got a new id")
            case InvalidToken():
                return Retry(TOKEN_WAIT_S, _words(error))
            case _:
                return Retry(None, _words(error), is_unknown=_may_have_arrived(letter, error))

    async def _repair(self, letter: Letter, error: BadRequest) -> Outcome:
        reason = error.message.lower()
        if letter.edit_id is not None and "not modified" in reason:
            return Delivered(letter.edit_id)
        if any(words in reason for words in _GONE):
            return Refused(error.message, is_chat=True)
        if letter.text is None:
            return Refused(error.message)
        other = _instead(letter, reason)
        if other is not None:
            return await self._plainly(other, "HTML")
        _log.error("chat.markup_refused", reason=error.message)
        return await self._plainly(letter, None)

    async def _plainly(self, letter: Letter, mode: str | None) -> Outcome:
        try:
            return Delivered(await self._put(letter, mode))
        except BadRequest as error:
            return Refused(error.message)
        except TelegramError as error:
            return self._judge(letter, error)

    async def _put(self, letter: Letter, mode: str | None) -> int:
        chat_id = self._here(letter.chat_id)
        if letter.text is None:
            await self._bot.edit_message_reply_markup(chat_id, letter.edit_id, reply_markup=None)
            return letter.edit_id or 0
        text = fit(letter.text, CAPTION_MAX if letter.has_caption else TEXT_MAX)
        text = Text(text.html if mode else plain(text.html), text.buttons)
        if letter.edit_id is not None:
            await self._edit(letter, chat_id, text, mode)
            return letter.edit_id
        sent = await self._send(letter, chat_id, text, mode)
        return sent.message_id

    async def _edit(self, letter: Letter, chat_id: int, text: Text, mode: str | None) -> None:
        bot, message_id, markup = self._bot, letter.edit_id, _markup(text)
        if letter.photo is not None:
            media = InputMediaPhoto(letter.photo, text.html, parse_mode=mode)
            await bot.edit_message_media(media, chat_id, message_id, reply_markup=markup)
        elif letter.is_photo:
            await bot.edit_message_caption(
                chat_id, message_id, caption=text.html, parse_mode=mode, reply_markup=markup
            )
        else:
            await bot.edit_message_text(
                text.html, chat_id, message_id, parse_mode=mode, reply_markup=markup
            )

    async def _send(self, letter: Letter, chat_id: int, text: Text, mode: str | None) -> Message:
        reply = None
        if letter.reply_to:
            reply = ReplyParameters(letter.reply_to, allow_sending_without_reply=True)
        if letter.photo is not None:
            return await self._bot.send_photo(
                chat_id,
                letter.photo,
                text.html,
                disable_notification=letter.is_silent,
                reply_markup=_markup(text),
                parse_mode=mode,
                reply_parameters=reply,
            )
        if letter.file is not None:
            name, content = letter.file
            return await self._bot.send_document(
                chat_id,
                content,
                text.html,
                disable_notification=letter.is_silent,
                reply_markup=_markup(text),
                parse_mode=mode,
                reply_parameters=reply,
                filename=name,
            )
        return await self._bot.send_message(
            chat_id,
            text.html,
            parse_mode=mode,
            disable_notification=letter.is_silent,
            reply_markup=_markup(text),
            reply_parameters=reply,
        )


def _instead(letter: Letter, reason: str) -> Letter | None:
    """The letter without what was refused; None when it was the markup, or nobody knows what."""
    is_edit = letter.edit_id is not None
    if is_edit and any(words in reason for words in _OTHER_KIND):  # drawing failed, or did not
        return msgspec.structs.replace(letter, is_photo=not letter.is_photo, photo=None)
    if is_edit and any(words in reason for words in _NO_EDIT):
        return msgspec.structs.replace(letter, edit_id=None, is_photo=False)
    if letter.reply_to is not None and any(words in reason for words in _NO_REPLY):
        return msgspec.structs.replace(letter, reply_to=None)
    if letter.photo is not None and letter.edit_id is None and "parse" not in reason:
        return msgspec.structs.replace(letter, photo=None)
    return None


def _markup(text: Text) -> InlineKeyboardMarkup | None:
    if not text.buttons:
        return None
    return InlineKeyboardMarkup([[_button(b) for b in line] for line in text.buttons])


def _button(button: Button) -> InlineKeyboardButton:
    return InlineKeyboardButton(button.label, callback_data=button.data, style=button.style)


def _may_have_arrived(letter: Letter, error: TelegramError) -> bool:
    """A lost answer to a new message is the one doubtful case; an edit may simply be repeated."""
    if letter.edit_id is not None or not isinstance(error, NetworkError):
        return False
    if error.__cause__ is None:  # the server answered, with an error
        return isinstance(error, TimedOut)
    return type(error.__cause__).__name__ not in _NOT_SENT


def _seconds(error: RetryAfter) -> float:
    after = error.retry_after
    return after.total_seconds() if isinstance(after, timedelta) else float(after)


def _words(error: TelegramError) -> str:
    """The complaint without the token, which PTB puts into one of its messages."""
    if isinstance(error, InvalidToken):
        return "Telegram refused the token"
    return f"{type(error).__name__}: {error.message}"
