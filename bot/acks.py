"""Reactions under commands that act: seen at once, then done or refused.

They exist so that a thumb that typed a command knows it was heard, without a message and without a
sound. Commands that only look get none: their answer is there as fast, and every reaction is paid
from the same budget. They must never hold up an answer.
"""

import asyncio
from collections.abc import Coroutine, Iterator
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
        self.is_open = False  # another question took the place of the answered one

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
        if not self._begin(self._react(chat_id, message_id, (ack, over))):
            yield ack
            return
        stop = self._desk.listen(ack.hear)
        try:
            yield ack
        finally:
            stop()
            over.set()

    @contextmanager
    def after(self, chat_id: int, message_id: int | None, update_id: int) -> Iterator[Ack]:
        """Its question is being answered: at the end done, refused, or nothing where nothing is."""
        ack = Ack(update_id)
        stop = self._desk.listen(ack.hear)
        try:
            yield ack
        finally:
            stop()
            if message_id is not None and not ack.is_open:
                self.put(chat_id, message_id, ack.emoji)

    def put(self, chat_id: int, message_id: int, emoji: str = "") -> None:
        """Put one reaction in place of the one before, or take that away."""
        self._begin(self._outbox.react(chat_id, message_id, emoji))

    def _begin(self, reacting: Coroutine[None, None, None]) -> bool:
        """Beside everything else, unless too many wait."""
        if len(self._tasks) >= MOST:
            reacting.close()
            return False
        task = asyncio.create_task(reacting)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return True

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
