"""One message on its way: what the outbox holds of it until Telegram has it.

It exists so that the outbox reads as a queue. It must never know Telegram.
"""

import asyncio
from contextlib import suppress

import msgspec

from bot.content import Content
from bot.notices import Notice, Urgency


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
    is_silent: bool = False
    reply_to: int | None = None
    not_before_s: float = 0.0
    lag_s: float = 0.0  # age it already had when it was found in the journal
    tries: int = 0
    doubts: int = 0
    done: asyncio.Future[int | None] | None = None


async def pause(wake: asyncio.Event, seconds: float | None) -> None:
    """Wait for the event, at most `seconds`.

    Not with `wait_for`: until Python 3.12 it swallows a cancelation that meets the event.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await wake.wait()
