"""Crashes and power cuts at every step the disk is asked to take.

| fault | test |
|---|---|
| FT54 kill at each step | test_a_kill_at_any_step_keeps_what_was_acknowledged |
| FT54 crash while recovering | test_a_crash_while_recovering_changes_nothing_that_is_found |
| FT54, then FT57 | test_what_a_killed_process_left_unsynced_... |
| FT57 power cut | test_a_power_cut_at_any_step_leaves_the_old_or_the_new |
| FT57 a new directory | test_files.py |
| FT57 sectors out of order | test_missing_sectors_of_..., test_a_hole_..., all above |
"""

import asyncio
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from disk_log import DiskLog, Image, Op, after_kill, after_power_cut

from engine.core.facts import Incident, Record
from engine.errors import JournalCorrupt
from engine.live.journal import JournalFile, line_of, read_journal
from engine.live.store import FileStore

END = 13  # records in the whole history


def record(seq: int) -> Record:
    """Mostly short; 4 and 5 are larger than a sector each."""
    return Record(seq, 1000 + seq, Incident("odd", "x" * (700 if seq in (4, 5) else seq)))


def some(first: int, last: int) -> tuple[Record, ...]:
    return tuple(map(record, range(first, last + 1)))


def state(seq: int) -> dict[str, Any]:
    return {"seq": seq, "rows": [{"n": n} for n in range(seq)]}


class Stand(NamedTuple):
    """What was promised and begun when the crash came, and whether somebody owned the folder."""

    acknowledged: int
    begun: int
    is_owned: bool


async def _work(log: DiskLog) -> None:
    """Two lives: appends of one and of many, checkpoints, rotations, ends in order."""
    lives = (((2, 0), (3, 0), (7, 7), (8, 0), (9, 8), (10, 0)), ((12, 0), (13, 13)))
    seq = 0
    for life in lives:
        store = FileStore(log.folder, "paper")
        log.mark(Stand(seq, seq, is_owned=True))
        store.load()
        for last, covered in life:
            log.mark(Stand(seq, last, is_owned=True))
            await store.append(some(seq + 1, last))
            seq = last
            log.mark(Stand(seq, seq, is_owned=True))
            if covered:
                await store.checkpoint(state(covered), covered)
        log.mark(Stand(seq, seq, is_owned=False))
        store.close(is_clean=True)


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> DiskLog:
    """The notes on the whole history."""
    log = DiskLog(tmp_path_factory.mktemp("worked"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.live.reserve.RESERVE_BYTES", 1024)
        asyncio.run(_work(log.watch(patch)))
    return log


Crash = Callable[[DiskLog, int], Iterable[Image]]


def crashes(log: DiskLog, crash: Crash) -> dict[Image, Stand]:
    """Every image a crash may leave; one that several moments share must satisfy them all."""
    found: dict[Image, Stand] = {}
    stand = Stand(0, 0, is_owned=False)
    for count, op in enumerate([*log.ops, None]):
        for image in crash(log, count):
            old = found.get(image, stand)
            found[image] = Stand(
                max(old.acknowledged, stand.acknowledged),
                min(old.begun, stand.begun),
                old.is_owned and stand.is_owned,
            )
        if op is not None and op.mark is not None:
            stand = op.mark
    return found


def lay(image: Image, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in image:
        (folder / name).write_bytes(content)
    return folder


def recover(folder: Path, stand: Stand) -> int:
    """Start as after the crash; the number of the newest record, proven to be in its place."""
    store = FileStore(folder, "paper")
    try:
        loaded = store.load()
        everything = tuple(store.records())
        seq = len(everything)
        assert stand.acknowledged <= seq <= stand.begun, stand
        assert everything == some(1, seq)
        covered = loaded.state["seq"] if loaded.state else 0
        assert loaded.state in (None, state(covered))
        assert loaded.records == some(covered + 1, seq)
        assert not (stand.is_owned and store.was_clean)
    finally:
        store.close()
    return seq


async def go_on(folder: Path, seq: int) -> None:
    """The next life works as if nothing had been."""
    store = FileStore(folder, "paper")
    store.load()
    await store.append(some(seq + 1, seq + 2))
    await store.checkpoint(state(seq + 1), seq + 1)
    store.close(is_clean=True)
    after = FileStore(folder, "paper")
    loaded = after.load()
    assert (loaded.state, loaded.records) == (state(seq + 1), some(seq + 2, seq + 2))
    assert tuple(after.records()) == some(1, seq + 2)
    assert after.was_clean
    after.close(is_clean=True)


def prove(found: dict[Image, Stand], folder: Path, patch: pytest.MonkeyPatch) -> set[int]:
    """Every one of them is recovered from and gone on with; the ends that were seen."""
    patch.setattr(os, "fsync", lambda _: None)
    seen = set()
    with asyncio.Runner() as runner:
        for image, stand in found.items():
            lay(image, folder)
            seq = recover(folder, stand)
            runner.run(go_on(folder, seq))
            seen.add(seq)
    return seen


@pytest.mark.e2e
def test_a_kill_at_any_step_keeps_what_was_acknowledged(
    worked: DiskLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = crashes(worked, after_kill)
    assert len(found) > 80
    assert prove(found, tmp_path / "crashed", monkeypatch) == {0, 2, 3, 7, 8, 9, 10, 12, 13}


@pytest.mark.e2e
def test_a_power_cut_at_any_step_leaves_the_old_or_the_new(
    worked: DiskLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = crashes(worked, after_power_cut)
    assert len(found) > 300
    assert prove(found, tmp_path / "crashed", monkeypatch) == {0, 2, 3, 7, 8, 9, 10, 12, 13}


@pytest.mark.e2e
def test_a_crash_while_recovering_changes_nothing_that_is_found(
    worked: DiskLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = {**crashes(worked, after_kill), **crashes(worked, after_power_cut)}
    seen: dict[Image, int] = {}
    for image, stand in list(first.items())[::6]:
        log = DiskLog(lay(image, tmp_path / "crashed"))
        with monkeypatch.context() as patch:
            seq = recover(log.watch(patch).folder, stand)
        for crash in (after_kill, after_power_cut):
            for again in crashes(log, crash):
                assert seen.setdefault(again, seq) == seq
    monkeypatch.setattr(os, "fsync", lambda _: None)
    for image, seq in seen.items():
        assert recover(lay(image, tmp_path / "again"), Stand(seq, seq, is_owned=False)) == seq
    assert len(seen) > 500


def test_what_a_killed_process_left_unsynced_is_durable_once_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        store = FileStore(tmp_path / "state", "paper")
        store.load()
        asyncio.run(store.append(some(1, 3)))
        store.close()
    log = DiskLog(tmp_path / "state")
    file = log.names["journal-000000000001.jsonl"]
    log.ops = [Op("write", file, 0, log.base[1][file])]  # in the kernel's memory only
    log.base[1][file] = b""
    with monkeypatch.context() as patch:
        store = FileStore(log.watch(patch).folder, "paper")
        assert store.load() == (None, some(1, 3))
        store.close()
    for image in after_power_cut(log, len(log.ops)):
        assert recover(lay(image, tmp_path / "crashed"), Stand(3, 3, is_owned=True)) == 3


BATCH = b"".join(line_of(record(seq), 5 - seq) for seq in (4, 5))
BEFORE = b"".join(map(line_of, some(1, 3)))


def holed(first: int, last: int, content: bytes = BEFORE + BATCH) -> bytes:
    return content[:first] + bytes(last - first) + content[last:]


def scan(folder: Path, content: bytes) -> tuple[int, int]:
    """How many records are read, and how many bytes are dropped."""
    file = JournalFile(1, folder / "journal-000000000001.jsonl")
    file.path.write_bytes(content)
    found = read_journal(file, is_last=True)
    assert found.records == some(1, len(found.records))
    return len(found.records), found.torn


@pytest.mark.parametrize(
    ("first", "last"),
    [
        *((512, 1024), (1024, 1536), (1536, 2048), (512, 2048)),
        *((len(BEFORE), 512), (1536, len(BEFORE + BATCH))),
    ],
)
def test_missing_sectors_of_the_last_append_were_never_acknowledged(
    tmp_path: Path, first: int, last: int
) -> None:
    content = holed(first, last)
    assert scan(tmp_path, content) == (3, len(BATCH))
    assert scan(tmp_path, content[:-3]) == (3, len(BATCH) - 3)


def damaged(folder: Path, content: bytes) -> None:
    with pytest.raises(JournalCorrupt, match=r"expected (crc|a line with crc and record)"):
        scan(folder, content)


def test_a_hole_that_is_not_of_the_last_append_is_damage(tmp_path: Path) -> None:
    whole = BEFORE + BATCH
    damaged(tmp_path, holed(512, 1024) + line_of(record(6)))  # an append began after it
    damaged(tmp_path, holed(512, 1023))  # no sector ends there
    damaged(tmp_path, holed(513, 1024))
    damaged(tmp_path, holed(len(BEFORE) - 1, 512))  # durable before this append began
    damaged(tmp_path, whole[:600] + b"y" + whole[601:])  # no zeros


def test_a_hole_over_the_head_of_an_append_tells_only_with_its_begin(tmp_path: Path) -> None:
    long = Record(3, 1003, Incident("odd", "x" * 95))
    before = b"".join((line_of(record(1)), line_of(record(2)), line_of(long)))
    assert len(before) == 482
    damaged(tmp_path, holed(512, 1024, before + BATCH))  # record 5 may be an append of its own

    file = JournalFile(1, tmp_path / "journal-000000000001.jsonl")
    file.path.write_bytes(holed(482, 512, before + BATCH))
    assert read_journal(file, is_last=True).torn == len(BATCH)
    with pytest.raises(JournalCorrupt):
        read_journal(file, is_last=False)
