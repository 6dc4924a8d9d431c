import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from engine.core.events import DiskSeen, Event, FetchFailed, Tick
from engine.core.facts import Incident, Record
from engine.errors import StoreError
from engine.live import recorder as module
from engine.live.recorder import Recorder, Snapshot

OTHER = FetchFailed("tickers", "no")


class Disk:
    """A store whose disk is full while `problem` says so."""

    def __init__(self) -> None:
        self.problem: str | None = None
        self.is_low = False
        self.records: list[Record] = []
        self.attempts = 0
        self.checkpoints: list[Snapshot] = []
        self.may_write = asyncio.Event()
        self.may_write.set()

    async def append(self, records: Sequence[Record]) -> None:
        self.attempts += 1
        if self.problem is not None:
            raise StoreError(self.problem)
        self.records.extend(records)

    async def checkpoint(self, state: dict[str, Any], seq: int) -> None:
        await self.may_write.wait()
        if self.problem is not None:
            raise StoreError(self.problem)
        self.checkpoints.append(Snapshot(seq, state))


class Desk:
    """A recorder with its disk, what it put in the inbox, and a ledger that counts."""

    def __init__(self, checkpoint_facts: int = 1000) -> None:
        self.disk = Disk()
        self.events: list[Event] = []
        self.seq = 0
        self.recorder = Recorder(self.disk, self.snapshot, self.events.append, checkpoint_facts)

    def snapshot(self) -> Snapshot:
        return Snapshot(self.seq, {"seq": self.seq})

    async def turn(self, count: int, event: Event = OTHER) -> bool:
        records = [Record(self.seq + n, 1, Incident("odd", "")) for n in range(1, count + 1)]
        self.seq += count
        is_saved = await self.recorder.save(event, records)
        self.recorder.between_turns()
        await asyncio.sleep(0)
        return is_saved

    def saved(self) -> list[int]:
        return [r.seq for r in self.disk.records]


async def test_records_are_appended_and_a_turn_without_any_writes_nothing() -> None:
    desk = Desk()
    assert await desk.turn(2)
    assert await desk.turn(0)
    assert await desk.turn(0, Tick())
    assert (desk.saved(), desk.disk.attempts, desk.events) == ([1, 2], 1, [])


async def test_a_refusing_disk_is_told_once_and_everything_is_written_in_order_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk()
    await desk.turn(1)
    desk.disk.problem = "disk full"

    assert [await desk.turn(2), await desk.turn(0), await desk.turn(1)] == [False, False, False]
    assert await desk.turn(0, Tick()) is False
    assert (desk.recorder.unsaved, desk.saved(), desk.disk.attempts) == (3, [1], 4)
    assert desk.events == [DiskSeen("disk full")]

    desk.disk.problem = None
    assert await desk.turn(0) is False  # asked again with a record or a tick only
    assert await desk.turn(0, Tick()) is True
    assert await desk.turn(1) is True
    assert (desk.recorder.unsaved, desk.saved()) == (0, [1, 2, 3, 4, 5])
    assert desk.events == [DiskSeen("disk full"), DiskSeen(None)]
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("ERROR", "journal.refused"),
        ("WARNING", "journal.recovered"),
    ]


async def test_a_new_record_takes_the_waiting_ones_along() -> None:
    desk = Desk()
    desk.disk.problem = "disk full"
    await desk.turn(2)
    desk.disk.problem = None
    assert await desk.turn(1) is True
    assert desk.saved() == [1, 2, 3]


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "UNSAVED_MAX", 3)
    desk = Desk()
    desk.disk.problem = "disk full"
    await desk.turn(3)
    with pytest.raises(StoreError, match="4 records wait for the disk, expected at most 3"):
        await desk.turn(1)


async def test_a_checkpoint_is_taken_when_asked_and_only_with_news() -> None:
    desk = Desk()
    desk.recorder.request_checkpoint()
    await desk.turn(0)
    await desk.turn(2)
    assert desk.disk.checkpoints == []

    desk.recorder.request_checkpoint()
    await desk.turn(0)
    desk.recorder.request_checkpoint()
    await desk.turn(0)
    assert desk.disk.checkpoints == [Snapshot(2, {"seq": 2})]


async def test_a_checkpoint_is_taken_after_so_many_records() -> None:
    desk = Desk(checkpoint_facts=3)
    for _ in range(7):
        await desk.turn(1)
    assert [c.seq for c in desk.disk.checkpoints] == [3, 6]


async def test_turns_go_on_while_a_checkpoint_is_written_and_none_overlap() -> None:
    desk = Desk(checkpoint_facts=1)
    desk.disk.may_write.clear()
    await desk.turn(1)
    await desk.turn(1)
    await desk.turn(1)
    assert (desk.saved(), desk.disk.checkpoints) == ([1, 2, 3], [])

    desk.disk.may_write.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await desk.turn(0)
    assert [c.seq for c in desk.disk.checkpoints] == [1, 3]


async def test_no_checkpoint_covers_what_the_journal_does_not() -> None:
    desk = Desk()
    desk.disk.problem = "disk full"
    await desk.turn(1)
    desk.recorder.request_checkpoint()
    await desk.turn(0)
    await desk.recorder.finish()
    assert (desk.disk.checkpoints, desk.recorder.unsaved) == ([], 1)


async def test_a_failed_checkpoint_is_told_and_tried_again_when_next_due(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk()
    await desk.turn(1)
    desk.disk.problem = "disk full"
    desk.recorder.request_checkpoint()
    await desk.turn(0)
    await desk.turn(0)
    assert [r.getMessage() for r in caplog.records] == ["checkpoint.refused"]

    desk.disk.problem = None
    await desk.recorder.finish()
    assert [c.seq for c in desk.disk.checkpoints] == [1]


async def test_an_unexpected_end_of_a_checkpoint_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_: dict[str, Any], __: int) -> None:
        raise ZeroDivisionError

    desk = Desk(checkpoint_facts=1)
    monkeypatch.setattr(desk.disk, "checkpoint", broken)
    await desk.turn(1)
    with pytest.raises(ZeroDivisionError):
        await desk.turn(1)


async def test_finish_waits_for_the_one_under_way_and_takes_the_last() -> None:
    desk = Desk(checkpoint_facts=1)
    desk.disk.may_write.clear()
    await desk.turn(1)
    await desk.turn(1)
    ending = asyncio.create_task(desk.recorder.finish())
    await asyncio.sleep(0)
    desk.disk.may_write.set()
    await asyncio.wait_for(ending, 1)
    assert [c.seq for c in desk.disk.checkpoints] == [1, 2]
