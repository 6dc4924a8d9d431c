"""Reading the journal from the chat: from a place on, with pauses, so that trading goes on.

It exists because a year of records takes longer to read than a turn may wait. It must never read
what the chat already remembers, and never change anything.
"""

import asyncio
from collections.abc import AsyncIterator

from bot.desk import Desk
from engine.core.facts import PositionClosed, Record

CHUNK = 200  # records between two breaths of the loop


async def read(desk: Desk, after_seq: int = 0) -> AsyncIterator[Record]:
    """The records after a sequence number, oldest first."""
    for number, record in enumerate(desk.records(after_seq)):
        yield record
        if number % CHUNK == 0:
            await asyncio.sleep(0)


async def life(desk: Desk, position_id: int, after_seq: int) -> list[Record]:
    """What happened to one position, until it was flat."""
    story = []
    async for record in read(desk, after_seq):
        if getattr(record.fact, "position_id", None) == position_id:
            story.append(record)
            if isinstance(record.fact, PositionClosed):
                break
    return story
