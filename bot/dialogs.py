"""Questions with buttons: each nonce acts once, in time, for the one who asked.

It exists because a button lives for ever on a phone: what a tap does is kept here, in memory, and
is gone after one use, after its deadline and after a restart. A nonce carries no meaning of its
own, so a forged one can do nothing.
"""

import math
import secrets
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Protocol

import msgspec

from bot.content import File, Photo
from bot.gate import Caller
from bot.views.layout import Button, Style, Text, keyboard

MOST = 200  # open questions; beyond that the oldest expire early
EXPIRED = "\n<i>expired, nothing done</i>"


class Choice(msgspec.Struct, frozen=True):
    """A button of a question, and what it does."""

    label: str
    act: "Act"
    style: Style | None = None


class Question(msgspec.Struct, frozen=True):
    """Words with choices that end after `ttl_s` real seconds."""

    html: str
    rows: tuple[tuple[Choice, ...], ...]
    ttl_s: float
    on_text: "TextAct | None" = None  # also takes the next plain message of the asker
    ending: str = EXPIRED  # appended when nobody answered
    is_urgent: bool = False  # its choices protect money, whichever command asked it


class Stage(Protocol):
    """The message of an answer while it is followed."""

    def show(self, content: Text | Question) -> None:
        """Put this in its place; a question shown before goes on in these words, or is over."""
        ...

    def ring(self, text: Text) -> None:
        """Answer it loudly."""
        ...


class Followed(msgspec.Struct, frozen=True):
    """An answer whose message is kept up to date until `follow` returns; `close` always runs."""

    text: Text
    follow: Callable[[Stage], Awaitable[None]]
    close: Callable[[], None]


class Tap(msgspec.Struct, frozen=True):
    """A choice that was made, by whom, with the key that makes its effect happen once."""

    caller: Caller
    update_id: int


Answer = Text | Photo | File | Question | Followed | None
Act = Callable[[Tap], Awaitable[Answer]]
TextAct = Callable[[Tap, str], Awaitable[Answer]]


class Miss(Enum):
    """Why a tap does nothing."""

    EXPIRED = "expired, nothing done"
    FOREIGN = "only the person who asked can answer"


class Open(msgspec.Struct, eq=False):
    """A question that waits for its answer."""

    question: Question
    user_id: int
    chat_id: int
    expires_s: float
    choices: dict[str, Choice]
    message_id: int | None = None
    is_urgent: bool = True  # what its choices say leaves before all that waits
    command_id: int | None = None  # the message whose command asked it, and was seen to be heard

    @property
    def text(self) -> Text:
        """The question with its buttons."""
        nonces = iter(self.choices)
        lines = (
            [Button(c.label, f"c|{next(nonces)}", c.style) for c in line]
            for line in self.question.rows
        )
        return Text(self.question.html, keyboard(*lines))

    @property
    def closing(self) -> Text:
        """What its message says when nobody answered."""
        return Text(self.question.html + self.question.ending)


class Dialogs:
    """Open questions, by nonce."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._open: list[Open] = []

    def ask(self, question: Question, caller: Caller) -> tuple[Text, Open]:
        """Register a question; the text carries the buttons, the handle wants its message.

        Its time begins once it is `shown`.
        """
        choices = {secrets.token_urlsafe(12): choice for line in question.rows for choice in line}
        opened = Open(question, caller.user_id, caller.chat_id, math.inf, choices)
        self._open.append(opened)
        return opened.text, opened

    def reword(self, question: Question, chat_id: int, message_id: int) -> Text | None:
        """The same question in that message, in other words; None when none like it is open.

        Its buttons stay: one that is tapped while the words change must not have expired.
        """
        where, new = (chat_id, message_id), [c for line in question.rows for c in line]
        for opened in self._open:
            if (opened.chat_id, opened.message_id) == where and len(opened.choices) == len(new):
                opened.choices = dict(zip(opened.choices, new, strict=True))
                opened.question = question
                return opened.text
        return None

    def shown(self, opened: Open, message_id: int | None) -> None:
        """It stands in the chat under this id: from now on its time runs; None: it never will."""
        opened.message_id = message_id
        opened.expires_s = self._now() + (0.0 if message_id is None else opened.question.ttl_s)

    def command_of(self, nonce: str) -> int | None:
        """The message whose command asked the question of this nonce."""
        return next((o.command_id for o in self._open if nonce in o.choices), None)

    def hurries(self, nonce: str) -> bool:
        """Whether the answer to a choice of this nonce goes first."""
        return any(o.is_urgent for o in self._open if nonce in o.choices)

    def take(self, nonce: str, caller: Caller, message_id: int) -> Choice | Miss:
        """Use a nonce up; the whole question is gone with it."""
        opened = next((o for o in self._open if nonce in o.choices), None)
        if opened is None or opened.chat_id != caller.chat_id:
            return Miss.EXPIRED
        if opened.message_id is not None and opened.message_id != message_id:
            return Miss.EXPIRED
        if opened.user_id != caller.user_id:
            return Miss.FOREIGN
        if self._now() >= opened.expires_s:
            return Miss.EXPIRED  # left for the sweep, which rewrites its message
        self._open.remove(opened)
        return opened.choices[nonce]

    def take_text(self, caller: Caller) -> Open | None:
        """The question that waits for this person's next words; used up."""
        for opened in self._open:
            is_theirs = (opened.user_id, opened.chat_id) == (caller.user_id, caller.chat_id)
            if opened.question.on_text and is_theirs and self._now() < opened.expires_s:
                self._open.remove(opened)
                return opened
        return None

    def drop(self, chat_id: int, message_id: int) -> None:
        """What was asked in that message is over."""
        where = (chat_id, message_id)
        self._open = [o for o in self._open if (o.chat_id, o.message_id) != where]

    def sweep(self) -> list[Open]:
        """Remove and return what nobody answered in time."""
        now = self._now()
        crowd = self._open[:-MOST] if len(self._open) > MOST else []
        gone = [o for o in self._open if now >= o.expires_s or o in crowd]
        self._open = [o for o in self._open if o not in gone]
        return gone
