"""The long poll: one bot at a time waits for updates.

It exists because waiting is the only thing in the Bot API that takes time, and because Telegram
lets the newer of two pollers win: the elder is told 409. It must never lose or reorder an update.
"""

import asyncio

from bot.sandbox.asks import GetUpdates
from bot.sandbox.room import Chat
from bot.sandbox.wire import Ask, Refused

POLL_S_MAX = 50.0


class Bell:
    """Wakes whoever waits for a change of the room."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.is_closed = False

    def ring(self) -> None:
        """Something changed."""
        self._event.set()
        self._event = asyncio.Event()

    def close(self) -> None:
        """We are stopping: nobody waits any longer."""
        self.is_closed = True
        self.ring()

    async def wait(self, seconds: float) -> bool:
        """Whether it rang before the time was up; what rang before this call is past."""
        if self.is_closed or seconds <= 0:
            return False
        try:
            await asyncio.wait_for(self._event.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def rest(self, seconds: float) -> None:
        """Let so much time pass, or less when we are stopping."""
        clock = asyncio.get_running_loop()
        until = clock.time() + seconds
        while await self.wait(until - clock.time()):
            pass


class Poll:
    """`getUpdates` on a room."""

    def __init__(self, room: Chat, bell: Bell) -> None:
        self._room = room
        self._bell = bell
        self._turn = 0
        self._unrest = 0

    def disturb(self) -> None:
        """End the poll under way without news: the next one meets what has changed."""
        self._unrest += 1
        self._bell.ring()

    async def get_updates(self, ask: Ask) -> list[dict[str, object]]:
        """Updates from the offset on, as soon as there are any; raises `Refused` 409."""
        wanted = ask.read(GetUpdates)
        self._turn += 1
        turn, unrest = self._turn, self._unrest
        self._bell.ring()
        self._room.updates.allow(wanted.allowed_updates)
        clock = asyncio.get_running_loop()
        until = clock.time() + min(wanted.timeout, POLL_S_MAX)
        found = self._room.updates.take(wanted.offset, wanted.limit)
        while not found and await self._bell.wait(until - clock.time()):
            if unrest != self._unrest:
                break
            if turn != self._turn:
                raise Refused(
                    409,
                    "Conflict: terminated by other getUpdates request; make sure that only one "
                    "bot instance is running",
                )
            found = self._room.updates.take(wanted.offset, wanted.limit)
        return found
