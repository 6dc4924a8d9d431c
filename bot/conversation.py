"""What an action may use, and how it puts a command to the engine and hears what became of it.

It exists so that actions stay short functions of a request and a room. It must never decide who
may do what: the table of commands does.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

import msgspec

from bot.desk import Desk, Pulse
from bot.dialogs import Tap
from bot.gate import Caller
from bot.outbox import Outbox
from bot.preferences import Preferences, read
from bot.signals import SignalBook
from bot.trades import TradeBook
from engine.core.events import Command
from engine.core.facts import CommandDone, CommandRefused, Record
from engine.core.settings import Settings
from engine.errors import EngineError

ANSWER_S = 10.0  # the engine answers within a turn; longer means it is stuck


class Ask(msgspec.Struct, frozen=True):
    """One request of an authorized person."""

    caller: Caller
    update_id: int
    args: tuple[str, ...] = ()
    is_button: bool = False  # a button without a nonce may read or ask, never act

    @property
    def tap(self) -> Tap:
        """The request as something that acts."""
        return Tap(self.caller, self.update_id)


class Room(msgspec.Struct, frozen=True):
    """What actions may use."""

    desk: Desk
    outbox: Outbox
    pulse: Callable[[], Pulse]

    @property
    def settings(self) -> Settings:
        """What is in force now: a preset may have changed it."""
        return self.desk.settings()

    @property
    def preferences(self) -> Preferences:
        """What the owner wants to hear, and when."""
        return read(self.desk.view().notes)

    @property
    def book(self) -> TradeBook:
        """Trades as the chat remembers them."""
        return self.outbox.book

    @property
    def signals(self) -> SignalBook:
        """Signals as the chat remembers them."""
        return self.outbox.book.signals


class Result(msgspec.Struct, frozen=True):
    """What became of a command; `is_done` None when no answer came in time."""

    is_done: bool | None
    words: str
    records: tuple[Record, ...] = ()


def command_id(tap: Tap, part: str = "") -> str:
    """The idempotency key: the update that asked, and which part of it."""
    return f"tg:{tap.update_id}" + (f":{part}" if part else "")


async def put(desk: Desk, command: Command) -> Result:
    """Put a command to the engine and wait for the facts of its turn."""
    try:
        async with asyncio.timeout(ANSWER_S):
            records = await desk.command(command)
    except TimeoutError:
        return Result(
            is_done=None, words=f"no answer within {ANSWER_S:.0f} s; it may still take effect"
        )
    except EngineError as error:
        return Result(is_done=False, words=str(error))
    for record in records:
        match record.fact:
            case CommandDone(command_id=key, detail=words) if key == command.command_id:
                return Result(is_done=True, words=words, records=records)
            case CommandRefused(command_id=key, reason=words) if key == command.command_id:
                return Result(is_done=False, words=words, records=records)
    return Result(is_done=None, words="the engine took it and said nothing", records=records)


class Watch:
    """Records as they become true, from the moment it is entered."""

    def __init__(self, desk: Desk) -> None:
        self._records: asyncio.Queue[Record] = asyncio.Queue()
        self._stop = desk.listen(self._records.put_nowait)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening."""
        self._stop()

    async def next(self, seconds: float) -> Record | None:
        """The next record, or None when none came in time."""
        try:
            async with asyncio.timeout(seconds):
                return await self._records.get()
        except TimeoutError:
            return None

    def ready(self) -> Record | None:
        """The next record that is here already."""
        return None if self._records.empty() else self._records.get_nowait()
