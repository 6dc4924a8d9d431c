"""Groups that got a new id: where they are now, kept over a restart.

It exists because Telegram tells the new id once, in place of a message. It must never let in a
group that nobody listed: the gate follows only those it knew.
"""

import asyncio
from collections.abc import Mapping

from bot.conversation import put
from bot.desk import Desk
from bot.gate import Gate
from bot.sender import Sender
from engine.core.events import Note
from engine.log import Log

_log = Log(__name__)
KEY = "moved."  # how the keys of the notes begin; the old id follows
BY = "Telegram"


class Moves:
    """Follows groups, and writes down where they went."""

    def __init__(self, desk: Desk, gate: Gate) -> None:
        self._desk, self._gate = desk, gate
        self._writing: set[asyncio.Task[None]] = set()

    def recall(self, sender: Sender) -> None:
        """Follow the moves the notes remember."""
        for old, new in known(self._desk.view().notes).items():
            self._gate.migrate(old, new)
            sender.follow(old, new)

    def note(self, old: int, new: int) -> None:
        """Telegram says that a group moved: the gate follows, the notes follow soon."""
        self._gate.migrate(old, new)
        task = asyncio.get_running_loop().create_task(self._write(old, new))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write(self, old: int, new: int) -> None:
        key = f"{KEY}{old}"
        result = await put(
            self._desk, Note(command_id=f"{key}:{new}", by=BY, key=key, value=str(new))
        )
        _log.warning("chat.moved", old=old, new=new, noted=result.words)


def known(notes: Mapping[str, str]) -> dict[int, int]:
    """New ids by old ones; a note that is no number is passed over."""
    pairs = ((key.removeprefix(KEY), new) for key, new in notes.items() if key.startswith(KEY))
    return {int(old): int(new) for old, new in pairs if _is_id(old) and _is_id(new)}


def _is_id(words: str) -> bool:
    digits = words.removeprefix("-")
    return digits.isascii() and digits.isdecimal()
