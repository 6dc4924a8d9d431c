"""A disk that lies, refuses or is shared: what the store does about each fault.

| fault | test, here unless a file is named |
|---|---|
| FT54 crash, FT57 power cut | test_power_cut.py |
| FT55 damaged checkpoint | test_a_damaged_checkpoint_is_never_a_fresh_start |
| FT55 damaged journal | test_a_journal_cut_anywhere_..., test_garbage_after_the_journal_... |
| FT56 full, broken | test_one_refused_call_..., test_a_disk_full_from_any_call_on_... |
| FT56 the reserve | test_reserve.py |
| FT58 two processes | test_claim.py, e2e/test_exit_codes.py |
| FT59 threads, tasks | test_each_file_has_one_writer_..., test_turns_that_overlap_... |
| FT60 half a change | test_one_change_is_one_write |
| FT61 schema | core/test_migrations.py, test_checkpoint.py |
| FT62 aliases, NaN | test_what_is_read_is_a_copy, test_nan_is_refused_..., test_journal.py |
| FT63 no writable disk | test_a_start_on_a_disk_that_refuses_..., test_claim.py |
"""

import asyncio
import errno
import math
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from disk_log import DiskLog

from engine.core.facts import Incident, Record
from engine.errors import JournalCorrupt, StoreError
from engine.live.checkpoint import read_checkpoint
from engine.live.claim import Claim
from engine.live.store import FileStore, Loaded


def some(first: int, last: int) -> tuple[Record, ...]:
    return tuple(Record(n, 1000 + n, Incident("odd", str(n))) for n in range(first, last + 1))


def state(seq: int) -> dict[str, Any]:
    return {"seq": seq, "rows": [{"n": seq}]}


def reload(folder: Path) -> tuple[Loaded, tuple[Record, ...]]:
    """What a start finds, and everything there is."""
    store = FileStore(folder, "paper")
    try:
        return store.load(), tuple(store.records())
    finally:
        store.close()


async def aged(folder: Path) -> None:
    """Records 1..7, with checkpoints at 3 and 5."""
    store = FileStore(folder, "paper")
    store.load()
    await store.append(some(1, 3))
    await store.checkpoint(state(3), 3)
    await store.append(some(4, 5))
    await store.checkpoint(state(5), 5)
    await store.append(some(6, 7))
    store.close()


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def damages(whole: bytes) -> Iterator[bytes]:
    """Cut, with more behind it, bits turned here and there, other roots; all: test_checkpoint."""
    yield from (whole[:cut] for cut in (0, 1, 2, *range(3, len(whole) - 1, 5), len(whole) - 2))
    yield from (whole + tail for tail in (b"}", b"\0" * 512, whole))
    for place in range(0, len(whole) - 1, 7):
        yield whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :]
    yield from (b"[]", b"{}", b"null", b'{"_default":{}}', b"\0" * len(whole))


@pytest.mark.e2e
async def test_a_damaged_checkpoint_is_never_a_fresh_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    origin, folder = tmp_path / "origin", tmp_path / "state"
    await aged(origin)
    whole = (origin / "state.json").read_bytes()
    for damaged in damages(whole):
        shutil.copytree(origin, folder)
        (folder / "state.json").write_bytes(damaged)

        assert reload(folder) == (Loaded(state(3), some(4, 7)), some(1, 7)), damaged
        assert (folder / "state.json.damaged").read_bytes() == damaged
        shutil.rmtree(folder)


async def test_a_journal_cut_anywhere_is_a_prefix_that_the_checkpoint_covers_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    await aged(tmp_path)
    newest = tmp_path / "journal-000000000006.jsonl"
    whole = newest.read_bytes()
    for cut in range(0, len(whole), 11):
        newest.write_bytes(whole[:cut])
        assert reload(tmp_path) == (Loaded(state(5), ()), some(1, 5))  # 6 and 7 are one append

    newest.unlink()
    older = tmp_path / "journal-000000000004.jsonl"
    whole = older.read_bytes()
    for cut in range(0, len(whole), 11):
        older.write_bytes(whole[:cut])
        with pytest.raises(StoreError, match="up to record 5 of the checkpoint, found"):
            reload(tmp_path)
        assert older.read_bytes() == whole[:cut]


@pytest.mark.parametrize("tail", [b"[]\n", b"\0\0\n", b"}\n", b"\xff" * 600 + b"\n"])
async def test_garbage_after_the_journal_is_refused_and_left_alone(
    tmp_path: Path, tail: bytes
) -> None:
    await aged(tmp_path)
    path = tmp_path / "journal-000000000006.jsonl"
    path.write_bytes(path.read_bytes() + tail)
    before = path.read_bytes()
    with pytest.raises(JournalCorrupt, match="line 3: expected a line with crc and record"):
        reload(tmp_path)
    assert path.read_bytes() == before


def test_a_journal_without_a_record_is_no_silent_fresh_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reload(tmp_path)
    path = tmp_path / "journal-000000000001.jsonl"
    path.write_bytes(b"")
    assert reload(tmp_path) == (Loaded(None, ()), ())
    assert [(r.levelname, r.getMessage(), vars(r)["fields"]) for r in caplog.records] == [
        ("WARNING", "journal.empty", {"path": path})
    ]


class Life:
    """Four appends and two checkpoints on a disk that may refuse; then it is well again."""

    def __init__(self, log: DiskLog, copy: Path) -> None:
        self.log = log
        self.copy = copy
        self.saved = 0
        self.problems = 0
        self.store = FileStore(log.folder, "paper")
        self.store.load()
        self.begun = len(log.calls)

    async def run(self) -> None:
        for last, is_covered in ((2, False), (5, True), (7, True), (8, False)):
            await self.attempt(last, is_covered=is_covered)
        self.log.fails_at, self.log.full_from = {}, None
        if self.saved < 8:
            await self.store.append(some(self.saved + 1, 8))
        await self.store.checkpoint(state(8), 8)
        assert not self.store.is_low
        self.store.close(is_clean=True)

    async def attempt(self, last: int, *, is_covered: bool) -> None:
        try:
            await self.store.append(some(self.saved + 1, last))
            self.saved = last
            if is_covered:
                await self.store.checkpoint(state(last), last)
        except StoreError:
            self.problems += 1
            self.prove()

    def prove(self) -> None:
        """A crash now finds everything that was acknowledged, in order."""
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.copytree(self.log.folder, self.copy)
        loaded, everything = reload(self.copy)
        assert everything == some(1, len(everything))
        assert self.saved <= len(everything) <= 8
        assert loaded.state in (None, state(2), state(5), state(7))


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Life]]:
    """Begin a life in a new directory."""

    def begin() -> Life:
        monkeypatch.undo()
        monkeypatch.setattr("engine.live.reserve.RESERVE_BYTES", 4096)
        monkeypatch.setattr(os, "fsync", lambda _: None)
        for name in ("state", "copy"):
            shutil.rmtree(tmp_path / name, ignore_errors=True)
        (tmp_path / "state").mkdir()
        log = DiskLog(tmp_path / "state")
        return Life(log.watch(monkeypatch), tmp_path / "copy")

    yield begin
    monkeypatch.undo()


async def calls_of(life: Life) -> int:
    """How often the disk is asked in such a life, when it never refuses."""
    await life.run()
    assert life.problems == 0
    return len(life.log.calls) - life.begun


@pytest.mark.e2e
@pytest.mark.parametrize("problem", [errno.ENOSPC, errno.EIO, errno.EROFS])
async def test_one_refused_call_loses_nothing_and_everything_is_written_in_order_later(
    begin: Callable[[], Life], problem: int
) -> None:
    seen = []
    for number in range(1, await calls_of(begin()) + 1):
        life = begin()
        life.log.fails_at = {life.begun + number: problem}
        await life.run()
        assert reload(life.log.folder) == (Loaded(state(8), ()), some(1, 8)), number
        seen.append(life.problems)
    assert set(seen) == {0, 1}
    assert sum(seen) > 10


@pytest.mark.e2e
async def test_a_disk_full_from_any_call_on_keeps_the_old_state_and_takes_all_later(
    begin: Callable[[], Life],
) -> None:
    seen = []
    for number in range(1, await calls_of(begin()) + 1):
        life = begin()
        life.log.full_from = life.begun + number
        await life.run()
        assert reload(life.log.folder) == (Loaded(state(8), ()), some(1, 8)), number
        seen.append(life.problems)
    assert set(seen) == {0, 1, 2, 3, 4}


async def worked(folder: Path, patch: pytest.MonkeyPatch) -> tuple[DiskLog, list[int]]:
    """What an append of five and a checkpoint ask of the disk, and where each of them begins."""
    store = FileStore(folder, "paper")
    store.load()
    log = DiskLog(folder).watch(patch)
    await store.append(some(1, 1))
    marks = [len(log.calls)]
    await store.append(some(2, 6))
    marks.append(len(log.calls))
    await store.checkpoint(state(6), 6)
    store.close()
    return log, marks


async def test_one_change_is_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        log, marks = await worked(tmp_path, patch)

    name = "journal-000000000001.jsonl"
    append = [(c.what, c.name) for c in log.calls[marks[0] : marks[1]]]
    assert append == [("write", name), ("fsync", name)]
    later = log.calls[marks[1] :]
    assert [c.what for c in later if c.name == "state.json"] == ["replace"]
    assert [c.what for c in later if c.name == "state.json.tmp"] == [
        *("unlink", "open", "write", "fsync"),
    ]


async def test_each_file_has_one_writer_and_never_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        log, _ = await worked(tmp_path, patch)

    def writers(name: str) -> set[str]:
        return {c.thread for c in log.calls if c.name.startswith(name)}

    assert (writers("journal"), writers("state")) == ({"journal_0"}, {"checkpoint_0"})


async def test_turns_that_overlap_are_written_one_after_the_other(tmp_path: Path) -> None:
    store = FileStore(tmp_path, "paper")
    store.load()
    await asyncio.gather(*(store.append(some(n, n)) for n in range(1, 21)))
    store.close()
    assert reload(tmp_path) == (Loaded(None, some(1, 20)), some(1, 20))


async def test_nan_is_refused_and_what_stood_stands(tmp_path: Path) -> None:
    await aged(tmp_path)
    store = FileStore(tmp_path, "paper")
    store.load()
    with pytest.raises(StoreError, match="expected to write a checkpoint, found: Out of range"):
        await store.checkpoint({"n": math.nan}, 7)
    store.close()
    assert reload(tmp_path) == (Loaded(state(5), some(6, 7)), some(1, 7))


async def test_what_is_read_is_a_copy(tmp_path: Path) -> None:
    await aged(tmp_path)
    path = tmp_path / "state.json"
    first = read_checkpoint(path)
    first.state["rows"][0]["n"] = 99
    first.state["seq"] = 99
    assert read_checkpoint(path).state == state(5)

    store = FileStore(tmp_path, "paper")
    loaded = store.load()
    assert loaded.state is not None
    await store.checkpoint(loaded.state, 7)
    loaded.state["rows"].clear()
    store.close()
    assert read_checkpoint(path).state == state(5)


@pytest.mark.parametrize("problem", [errno.EROFS, errno.EACCES, errno.ENOSPC, errno.EIO])
async def test_a_start_on_a_disk_that_refuses_ends_with_one_error_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: int
) -> None:
    await aged(tmp_path)
    (tmp_path / "lock").write_bytes(b"4711\n")
    with monkeypatch.context() as patch:
        log = DiskLog(tmp_path).watch(patch)
        Claim(tmp_path, "paper").release(is_clean=False)
    (tmp_path / "lock").write_bytes(b"4711\n")
    before = content(tmp_path)
    for number in range(1, len(log.calls)):  # all but the last, which syncs our own name
        with monkeypatch.context() as patch:
            refusing = DiskLog(tmp_path).watch(patch)
            refusing.fails_at = dict.fromkeys(range(number, 99), problem)
            with pytest.raises(StoreError, match="expected a directory we can write to, found"):
                Claim(tmp_path, "paper")
        after = content(tmp_path)
        assert after.pop("lock").strip() in (b"4711", b"%d" % os.getpid())
        assert {k: v for k, v in after.items() if "probe" not in k} == {
            k: v for k, v in before.items() if k != "lock"
        }
    claim = Claim(tmp_path, "paper")
    assert not claim.was_clean
    claim.release(is_clean=True)
    assert content(tmp_path) == {**before, "lock": b""}


def test_a_disk_that_gives_back_something_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda _fd, content: len(content))
        with pytest.raises(StoreError, match="expected a directory we can write to, found"):
            Claim(tmp_path, "paper")
    assert content(tmp_path) == {"lock": b""}
