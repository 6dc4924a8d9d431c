"""A full disk: exits are recorded in the room kept for them, entries wait until it is whole."""

import errno
import stat
from pathlib import Path

import pytest
from disk_log import DiskLog

from engine.core.events import DiskSeen, Event, FetchFailed, Tick
from engine.core.facts import Incident, Record
from engine.errors import StoreError
from engine.live.recorder import LOW, Recorder, Snapshot
from engine.live.reserve import Reserve
from engine.live.store import FileStore

WHOLE, SHARE = 4096, 1024  # as the tests' reserve is, see conftest
OTHER = FetchFailed("tickers", "no")


def record(seq: int, size: int = 100) -> Record:
    return Record(seq, 1000 + seq, Incident("odd", "x" * size))


def size_of(folder: Path) -> int:
    return (folder / "reserve").stat().st_size


def used(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_room_is_taken_once_and_private(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "reserve")
    assert not reserve.is_whole
    reserve.fill()
    before = (tmp_path / "reserve").stat()
    reserve.fill()
    assert reserve.is_whole
    assert (tmp_path / "reserve").stat().st_mtime_ns == before.st_mtime_ns
    assert (before.st_size, stat.S_IMODE(before.st_mode)) == (WHOLE, 0o600)
    assert before.st_blocks * 512 >= WHOLE  # real room, no promise


def test_it_is_given_back_share_by_share_and_filled_again(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "reserve")
    reserve.fill()
    sizes = []
    while reserve.give_back():
        assert not reserve.is_whole
        sizes.append(size_of(tmp_path))
    assert sizes == [3072, 2048, 1024, 0]
    reserve.fill()
    assert (reserve.is_whole, size_of(tmp_path)) == (True, WHOLE)

    (tmp_path / "reserve").unlink()
    assert not reserve.give_back()
    assert not reserve.is_whole


def test_what_it_cannot_have_as_a_whole_stays_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = DiskLog(tmp_path).watch(monkeypatch)
    log.room = 1000
    reserve = Reserve(tmp_path / "reserve")
    with pytest.raises(StoreError, match="expected room for 4096 bytes, found: No space left"):
        reserve.fill()
    assert (reserve.is_whole, size_of(tmp_path)) == (False, 0)


async def test_a_full_disk_takes_exits_from_the_reserve_until_that_is_used_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = DiskLog(tmp_path).watch(monkeypatch)
    store = FileStore(tmp_path, "paper")
    store.load()
    await store.append([record(1)])
    log.room = used(tmp_path)
    assert not store.is_low

    seq = 1
    while size_of(tmp_path):
        await store.append([record(seq + 1)])
        seq += 1
        assert store.is_low
    assert seq > 10
    with pytest.raises(StoreError, match="No space left"):
        await store.append([record(seq + 1, SHARE)])
    with pytest.raises(StoreError, match="expected room for 4096 bytes"):
        await store.checkpoint({"seq": seq}, seq)  # what is left is the journal's
    assert not (tmp_path / "state.json").exists()

    log.room = None
    await store.append([record(seq + 1)])
    assert store.is_low
    await store.checkpoint({"seq": seq + 1}, seq + 1)
    assert (store.is_low, size_of(tmp_path)) == (False, WHOLE)
    assert tuple(store.records()) == tuple(map(record, range(1, seq + 2)))
    store.close()


async def test_another_error_does_not_touch_the_reserve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileStore(tmp_path, "paper")
    store.load()
    log = DiskLog(tmp_path).watch(monkeypatch)
    log.fails_at = dict.fromkeys(range(1, 99), errno.EIO)
    with pytest.raises(StoreError, match="Input/output error"):
        await store.append([record(1)])
    assert (store.is_low, size_of(tmp_path)) == (False, WHOLE)
    store.close()


def test_a_start_without_room_for_it_is_said_and_low(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log = DiskLog(tmp_path).watch(monkeypatch)
    log.room = 200
    store = FileStore(tmp_path, "paper")
    assert store.load() == (None, ())
    assert store.is_low
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("WARNING", "reserve.missing")
    ]
    store.close()


class Desk:
    """A recorder on a real store, whose ledger only counts."""

    def __init__(self, folder: Path) -> None:
        self.store = FileStore(folder, "paper")
        self.store.load()
        self.seq = 0
        self.events: list[Event] = []
        self.recorder = Recorder(self.store, self.snapshot, self.events.append, 1000)

    def snapshot(self) -> Snapshot:
        return Snapshot(self.seq, {"seq": self.seq})

    async def turn(self, count: int = 1, event: Event = OTHER) -> bool:
        records = [record(self.seq + n) for n in range(1, count + 1)]
        self.seq += count
        return await self.recorder.save(event, records)


async def test_entries_stay_off_from_the_first_use_of_the_reserve_until_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log = DiskLog(tmp_path).watch(monkeypatch)
    desk = Desk(tmp_path)
    assert await desk.turn()
    log.room = used(tmp_path)

    assert [await desk.turn(), await desk.turn(0), await desk.turn(0, Tick())] == [False] * 3
    assert (desk.recorder.unsaved, desk.events) == (0, [DiskSeen(LOW)])
    await desk.recorder.finish()  # takes no checkpoint: there is no room for the reserve
    assert await desk.turn() is False

    while not desk.recorder.unsaved:  # used up: from now on records wait in memory
        await desk.turn()
    assert desk.events[1:] == [DiskSeen(desk.recorder._refusal)]
    log.room = None
    assert [await desk.turn(0, Tick()), desk.recorder.unsaved] == [False, 0]
    assert desk.events[2:] == [DiskSeen(LOW)]

    await desk.recorder.finish()
    assert await desk.turn(0) is True
    assert desk.events[3:] == [DiskSeen(None)]
    assert [r.getMessage() for r in caplog.records] == [
        *("journal.low", "checkpoint.refused", "journal.refused", "journal.low"),
        "journal.recovered",
    ]
    desk.store.close()
