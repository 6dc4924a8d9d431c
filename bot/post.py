"""One message on its way: what the outbox holds of it until Telegram has it.

It exists so that the outbox reads as a queue. It must never know Telegram.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import msgspec

from bot.content import Content
from bot.notices import Notice, Urgency

ANSWER_GAP_S = 1.0  # between two edits of one message somebody looks at
EDIT_GAP_S = 3.0  # between any other two


class EditTerms(msgspec.Struct, frozen=True):
    """How an edit travels: its rank, and who is told when the message had to be sent anew."""

    urgency: Urgency = Urgency.ANSWER  # CARD: nobody waits for it
    on_moved: Callable[[int], None] | None = None  # gets the new message id

    @property
    def gap_s(self) -> float:
        """Seconds from one edit of a message to the next."""
        return EDIT_GAP_S if self.urgency > Urgency.ANSWER else ANSWER_GAP_S


class Drawing(msgspec.Struct, eq=False):
    """A picture on its way."""

    of: object  # what it shows: a change of it is another picture
    begun_s: float
    task: asyncio.Task[bytes | None]


URGENT = EditTerms(Urgency.NOW)


class Post(msgspec.Struct, eq=False):
    """A message waiting to be delivered to one chat, or a change of one that stands there."""

    chat_id: int
    content: Content | None  # None: only take the buttons of `edit_id` away
    urgency: Urgency
    born_s: float
    notice: Notice | None = None
    covers: tuple[int, ...] = ()  # records this message tells
    edit_id: int | None = None
    is_photo: bool = False  # what is edited is a photo
    terms: EditTerms = EditTerms()
    is_silent: bool = False
    reply_to: int | None = None
    not_before_s: float = 0.0
    lag_s: float = 0.0  # age it already had when it was found in the journal
    tries: int = 0
    doubts: int = 0
    drawing: Drawing | None = None  # its picture, on its way
    done: asyncio.Future[int | None] | None = None

    @property
    def thread(self) -> tuple[int, int] | None:
        """The chain of replies it belongs to, where order matters."""
        trade = None if self.notice is None else self.notice.trade
        return None if trade is None else (self.chat_id, id(trade))

    def is_edit_of(self, chat_id: int, message_id: int) -> bool:
        """Whether it changes that message."""
        return (self.chat_id, self.edit_id) == (chat_id, message_id)


async def pause(wake: asyncio.Event, seconds: float | None) -> None:
    """Wait for the event, at most `seconds`.

    Not with `wait_for`: until Python 3.12 it swallows a cancelation that meets the event.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await wake.wait()
