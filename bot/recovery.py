"""After a restart: the journal read once, for what was told of it and what was not.

It exists because the outbox's memory dies with the process and the journal does not. It must never
hold up the loop, and never tell a chat that is new the news of others.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence

import msgspec

from bot.notices import FLEETING, Notice
from bot.shown import Shown
from engine.core.facts import Booted, NoticeSent, Record

CHUNK = 200  # journal records between two breaths of the loop

Take = Callable[[Record], Sequence[Notice]]


class Past(msgspec.Struct):
    """What the journal says: all notices of it, and which records each chat was told."""

    notices: list[Notice] = msgspec.field(default_factory=list)
    told: dict[int, set[int]] = msgspec.field(default_factory=dict)
    boot_seq: int = 0

    def untold(self, notice: Notice, chat_id: int) -> tuple[int, ...]:
        """The records of a notice that this chat never heard of."""
        told = self.told.get(chat_id, ())
        # a chat that was never told anything, while others were, is new: no old news for it
        since = self.boot_seq if self.told and chat_id not in self.told else 0
        return tuple(seq for seq in notice.seqs if seq not in told and seq >= since)


async def read(records: Iterable[Record], take: Take, shown: Shown) -> Past:
    """Fold the whole journal; news that are old by nature are left out."""
    past = Past()
    for number, record in enumerate(records):
        past.notices += [n for n in take(record) if n.kind not in FLEETING]
        match record.fact:
            case NoticeSent(of_seq=seq, chat_id=chat_id, message_id=message_id):
                past.told.setdefault(chat_id, set()).add(seq)
                shown.tell(chat_id, seq, message_id)
            case Booted():
                past.boot_seq = record.seq
        if number % CHUNK == 0:
            await asyncio.sleep(0)
    return past
