"""How far the chat was dealt with: the last update that was handled, kept over a restart.

It exists because Telegram hands out again what was not confirmed, and a read leaves no trace in the
journal: it would be answered twice. It must never pass over what is new: where it is not sure, an
update counts, and commands are told apart by their own ids.
"""

from bot.conversation import put
from bot.desk import Desk
from engine.core.events import Note

KEY = "update"
EVERY_S = 60.0
NEAR = 10_000  # Telegram keeps a day of updates: what is farther back is another count of ids
BY = "Telegram"


class Bookmark:
    """Takes note of updates as they are begun and ended."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._open: set[int] = set()
        self._last = 0  # the newest one that was ended
        self._before, self._before_s = 0, 0.0  # what an earlier process had ended, by when
        self._kept, self._kept_s = 0, desk.now_real()

    def recall(self) -> None:
        """Read what an earlier process kept."""
        number, _, at_s = self._desk.view().notes.get(KEY, "").partition("@")
        if number.isdecimal() and at_s.isdecimal():
            self._before, self._before_s = int(number), float(at_s)

    def is_past(self, update_id: int, sent_s: float) -> bool:
        """Whether an earlier process dealt with it.

        Ids may begin anew: what was sent later is new whatever its id, and so is a tap, which
        carries no time (`sent_s` is 0); what a tap could change died with its question.
        """
        was_there = 0 < sent_s <= self._before_s
        return was_there and 0 <= self._before - update_id < NEAR

    def begin(self, update_id: int) -> None:
        """An update is being handled."""
        self._open.add(update_id)

    def end(self, update_id: int) -> None:
        """It was handled, well or not."""
        self._open.discard(update_id)
        self._last = max(self._last, update_id)

    async def tidy(self) -> None:
        """Write down how far it came, now and then."""
        if self._desk.now_real() - self._kept_s >= EVERY_S:
            await self.keep()

    async def keep(self) -> None:
        """Write it down, where there is news; what is still being handled stays before it."""
        last = min((self._last, *(number - 1 for number in self._open)))
        if last <= self._kept:
            return
        self._kept, self._kept_s = last, self._desk.now_real()
        value = f"{last}@{self._kept_s:.0f}"
        await put(self._desk, Note(command_id=f"{KEY}:{value}", by=BY, key=KEY, value=value))
