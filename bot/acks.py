"""Reactions under commands that act: seen at once, then done or refused.

They exist so that a thumb that typed a command knows it was heard, without a message and without a
sound. Commands that only look get none: their answer is there as fast, and every reaction is paid
from the same budget. They must never hold up an answer.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from bot.desk import Desk
from bot.outbox import Outbox
from engine.core.facts import CommandDone, CommandRefused, Record
from engine.log import Log

_log = Log(__name__)
SEEN, DONE, REFUSED = "👀", "👌", "👎"
MOST = 20  # reactions on their way; beyond that none is begun


class Ack:
    """What became of one command, as far as it is known."""

    def __init__(self, update_id: int) -> None:
        self._origin = f"tg:{update_id}"
        self.emoji = ""  # "" = a question is open, or nobody knows

    def refuse(self) -> None:
        """It was not even tried."""
        self.emoji = REFUSED

    def hear(self, record: Record) -> None:
        """The engine's own word on it; one refusal outweighs what was done."""
        fact = record.fact
        if not isinstance(fact, CommandDone | CommandRefused):
            return
        if fact.command_id == self._origin or fact.command_id.startswith(f"{self._origin}:"):
            is_bad = isinstance(fact, CommandRefused) or self.emoji == REFUSED
            self.emoji = REFUSED if is_bad else DONE


class Acks:
    """Puts reactions, beside everything else."""

    def __init__(self, desk: Desk, outbox: Outbox) -> None:
        self._desk, self._outbox = desk, outbox
        self._tasks: set[asyncio.Task[None]] = set()

    @contextmanager
    def under(self, chat_id: int, message_id: int, update_id: int) -> Iterator[Ack]:
        """Seen now; at the end of the block done, refused, or left as it is."""
        ack, over = Ack(update_id), asyncio.Event()
        if len(self._tasks) >= MOST:
            yield ack
            return
        task = asyncio.create_task(self._react(chat_id, message_id, (ack, over)))
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        stop = self._desk.listen(ack.hear)
        try:
            yield ack
        finally:
            stop()
            over.set()

    async def _react(self, chat_id: int, message_id: int, end: tuple[Ack, asyncio.Event]) -> None:
        ack, over = end
        await self._outbox.react(chat_id, message_id, SEEN)
        await over.wait()
        if ack.emoji:
            await self._outbox.react(chat_id, message_id, ack.emoji)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.warning("chat.ack_failed", reason=type(task.exception()).__name__)
