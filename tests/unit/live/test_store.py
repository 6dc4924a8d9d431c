import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import Disk

from engine.core.facts import Incident, Record
from engine.errors import JournalCorrupt, StoreError, StoreLocked
from engine.live.store import FileStore, Loaded
from engine.ports import Store


def some(first: int, last: int) -> tuple[Record, ...]:
    return tuple(Record(n, 1000 + n, Incident("odd", str(n))) for n in range(first, last + 1))


def state(seq: int) -> dict[str, Any]:
    return {"seq": seq, "rows": [{"n": seq}]}


@contextmanager
def opened(folder: Path, kind: str = "paper") -> Iterator[FileStore]:
    store = FileStore(folder, kind)
    try:
        yield store
    finally:
        store.close()


def reload(folder: Path) -> Loaded:
    with opened(folder) as store:
        return store.load()


async def aged(folder: Path) -> None:
    """Records 1..7, with checkpoints at 3 and 5."""
    with opened(folder) as store:
        store.load()
        await store.append(some(1, 3))
        await store.checkpoint(state(3), 3)
        await store.append(some(4, 5))
        await store.checkpoint(state(5), 5)
        await store.append(some(6, 7))


def content(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "lock"}


async def use(port: Store, records: tuple[Record, ...]) -> None:
    await port.append(records)


async def test_it_is_a_store(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        assert store.load() == Loaded(None, ())
        await use(store, some(1, 1))
    assert reload(tmp_path) == Loaded(None, some(1, 1))


async def test_a_start_reads_the_checkpoint_and_what_is_newer(tmp_path: Path) -> None:
    await aged(tmp_path)

    assert reload(tmp_path) == Loaded(state(5), some(6, 7))
    assert sorted(content(tmp_path)) == [
        "journal-000000000001.jsonl",
        "journal-000000000004.jsonl",
        "journal-000000000006.jsonl",
        "kind",
        "reserve",
        "state.json",
        "state.json.1",
    ]


async def test_records_are_read_over_all_kept_journals(tmp_path: Path) -> None:
    await aged(tmp_path)
    with opened(tmp_path) as store:
        store.load()
        await store.append(some(8, 8))

        assert tuple(store.records()) == some(1, 8)
        assert tuple(store.records(4)) == some(5, 8)
        assert tuple(store.records(8)) == ()


async def test_records_shows_only_what_is_acknowledged(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.load()
        await store.append(some(1, 1))
        with (tmp_path / "journal-000000000001.jsonl").open("ab") as file:
            file.write(b"half a li")
        assert tuple(store.records()) == some(1, 1)


async def test_a_checkpoint_may_be_older_than_the_journal(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.load()
        await store.append(some(1, 4))
        await store.checkpoint(state(2), 2)

        with pytest.raises(AssertionError):
            await store.checkpoint(state(5), 5)

    assert reload(tmp_path) == Loaded(state(2), some(3, 4))


def test_nothing_is_appended_before_load(tmp_path: Path) -> None:
    with opened(tmp_path) as store, pytest.raises(AssertionError, match="load"):
        tuple(store.records())


async def test_a_crash_between_checkpoint_and_rotation_loses_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.load()
        await store.append(some(1, 3))
        await store.checkpoint(state(3), 3)
    with opened(tmp_path) as store:  # as if the rotation had not happened: go on in the old file
        assert store.load() == Loaded(state(3), ())
        await store.append(some(4, 4))
    assert reload(tmp_path) == Loaded(state(3), some(4, 4))
    assert "journal-000000000004.jsonl" not in content(tmp_path)


async def test_an_empty_new_journal_is_gone_on_with(tmp_path: Path) -> None:
    await aged(tmp_path)
    (tmp_path / "journal-000000000008.jsonl").write_bytes(b"")

    with opened(tmp_path) as store:
        assert store.load() == Loaded(state(5), some(6, 7))
        await store.append(some(8, 8))
    assert reload(tmp_path) == Loaded(state(5), some(6, 8))


async def test_a_torn_last_line_is_cut_off_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await aged(tmp_path)
    path = tmp_path / "journal-000000000006.jsonl"
    with path.open("ab") as file:
        file.write(b'{"crc":')

    assert reload(tmp_path) == Loaded(state(5), some(6, 7))
    assert [(r.levelname, r.getMessage(), vars(r)["fields"]) for r in caplog.records] == [
        ("WARNING", "journal.torn", {"path": path, "dropped_bytes": 7})
    ]
    assert reload(tmp_path) == Loaded(state(5), some(6, 7))
    assert len(caplog.records) == 1


async def test_a_damaged_journal_is_refused_and_left_alone(tmp_path: Path) -> None:
    await aged(tmp_path)
    path = tmp_path / "journal-000000000006.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"6"', b'"9"'))
    before = content(tmp_path)

    with pytest.raises(JournalCorrupt) as caught:
        reload(tmp_path)

    assert (caught.value.path, caught.value.line) == (path, 1)
    assert content(tmp_path) == before


@pytest.mark.parametrize("damage", [b"", b"[]", b"\x00" * 100])
async def test_a_damaged_checkpoint_falls_back_loudly_to_the_one_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: bytes
) -> None:
    await aged(tmp_path)
    (tmp_path / "state.json").write_bytes(damage)

    with opened(tmp_path) as store:
        assert store.load() == Loaded(state(3), some(4, 7))
        assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
            ("ERROR", "checkpoint.damaged")
        ]
        assert (tmp_path / "state.json.damaged").read_bytes() == damage
        await store.checkpoint(state(7), 7)

    assert reload(tmp_path) == Loaded(state(7), ())
    (tmp_path / "state.json").unlink()
    assert reload(tmp_path) == Loaded(state(3), some(4, 7))


async def test_without_any_checkpoint_the_whole_journal_tells(tmp_path: Path) -> None:
    await aged(tmp_path)
    (tmp_path / "state.json").write_bytes(b"")
    (tmp_path / "state.json.1").unlink()

    assert reload(tmp_path) == Loaded(None, some(1, 7))


async def test_damaged_checkpoints_are_not_touched_when_the_journals_do_not_tell(
    tmp_path: Path,
) -> None:
    await aged(tmp_path)
    (tmp_path / "state.json").write_bytes(b"")
    (tmp_path / "state.json.1").write_bytes(b"")
    (tmp_path / "journal-000000000001.jsonl").unlink()
    before = content(tmp_path)

    with pytest.raises(StoreError, match="expected a journal with record 1, found records from 4"):
        reload(tmp_path)
    assert content(tmp_path) == before


def test_an_empty_checkpoint_alone_is_not_a_fresh_start(tmp_path: Path) -> None:
    reload(tmp_path)
    (tmp_path / "state.json").write_bytes(b"")
    with pytest.raises(StoreError, match="found it damaged and no journal"):
        reload(tmp_path)
    assert (tmp_path / "state.json").exists()


async def test_journals_that_end_before_the_checkpoint_are_refused(tmp_path: Path) -> None:
    await aged(tmp_path)
    for first in (4, 6):
        (tmp_path / f"journal-{first:012d}.jsonl").unlink()
    with pytest.raises(StoreError, match="up to record 5 of the checkpoint, found them up to 3"):
        reload(tmp_path)

    (tmp_path / "journal-000000000001.jsonl").unlink()
    with pytest.raises(StoreError, match="up to record 5 of the checkpoint, found them up to 0"):
        reload(tmp_path)


async def test_another_kind_and_another_owner_are_refused(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(StoreLocked):
        FileStore(tmp_path, "paper")
    with pytest.raises(StoreError, match="expected a sandbox directory, found 'paper'"):
        FileStore(tmp_path, "sandbox")


def test_it_knows_how_the_last_owner_ended(tmp_path: Path) -> None:
    seen = []
    for is_clean in (True, False, True):
        store = FileStore(tmp_path, "paper")
        seen.append(store.was_clean)
        store.close(is_clean=is_clean)
    assert seen == [True, True, False]


async def test_a_full_disk_refuses_and_keeps_what_was_there(tmp_path: Path, disk: Disk) -> None:
    await aged(tmp_path)
    with opened(tmp_path) as store:
        store.load()
        disk.room = 5
        with pytest.raises(StoreError, match="No space left"):
            await store.append(some(8, 8))
        with pytest.raises(StoreError, match="No space left"):
            await store.checkpoint(state(7), 7)
        disk.room = None
        await store.append(some(8, 9))
    assert reload(tmp_path) == Loaded(state(5), some(6, 9))


async def test_a_torn_line_that_cannot_be_cut_off_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await aged(tmp_path)
    with (tmp_path / "journal-000000000006.jsonl").open("ab") as file:
        file.write(b"torn")

    def fsync(_: int) -> None:
        raise OSError(5, "Input/output error")

    store = FileStore(tmp_path, "paper")
    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(StoreError, match=r"expected to go on here, found: .*Input/output error"):
        store.load()
    store.close()


async def test_the_cost_of_a_write_does_not_grow_with_age(tmp_path: Path) -> None:
    written: list[int] = []
    with opened(tmp_path) as store:
        store.load()
        for first in range(1, 101, 10):
            await store.append(some(first, first + 9))
            await store.checkpoint(state(first + 9), first + 9)
            written.append(
                (tmp_path / "state.json").stat().st_size
                + (tmp_path / f"journal-{first:012d}.jsonl").stat().st_size
            )
    assert max(written) - min(written) < 60  # digits of the numbers


async def test_a_damaged_checkpoint_that_cannot_be_set_aside_is_an_error(tmp_path: Path) -> None:
    await aged(tmp_path)
    (tmp_path / "state.json").write_bytes(b"")
    (tmp_path / "state.json.damaged").mkdir()
    with pytest.raises(StoreError, match="expected to read the state, found: Is a directory"):
        reload(tmp_path)
