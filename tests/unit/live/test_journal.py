import math
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Disk

from engine.core.facts import BarsHeld, GateOpened, Incident, Record
from engine.core.values import GateName
from engine.errors import JournalCorrupt, StoreError
from engine.live.journal import (
    Journal,
    JournalFile,
    files_holding,
    journal_files,
    line_of,
    read_after,
    read_journal,
)


def record(seq: int) -> Record:
    if seq % 2:
        return Record(seq, 1000 + seq, Incident("odd", f"détail {seq} {{}}"))
    return Record(seq, 1000 + seq, GateOpened(GateName.OPERATOR, "me", "done"))


def some(first: int, last: int) -> tuple[Record, ...]:
    return tuple(map(record, range(first, last + 1)))


def path_of(folder: Path, first: int) -> Path:
    return folder / f"journal-{first:012d}.jsonl"


def write(folder: Path, *ranges: tuple[int, int]) -> None:
    for first, last in ranges:
        path_of(folder, first).write_bytes(b"".join(map(line_of, some(first, last))))


def read(folder: Path, after_seq: int = 0) -> list[Record]:
    return [r for scan in read_after(journal_files(folder), after_seq) for r in scan.records]


def test_a_line_is_json_with_a_checksum() -> None:
    assert line_of(record(2)) == (
        b'{"crc":"6b28e8b5","record":{"seq":2,"at_ms":1002,"fact":{"type":"GateOpened",'
        b'"gate":"operator","by":"me","why":"done"}}}\n'
    )


def test_what_is_appended_is_read_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 0)
    journal.append(some(1, 2))
    journal.append(some(3, 3))
    journal.rotate()
    journal.rotate()
    journal.append(some(4, 5))
    journal.close()

    assert [f.path for f in journal_files(tmp_path)] == [path_of(tmp_path, n) for n in (1, 4)]
    assert stat.S_IMODE(path_of(tmp_path, 1).stat().st_mode) == 0o600
    assert read(tmp_path) == list(some(1, 5))
    assert read(tmp_path, 2) == list(some(1, 5))
    assert read(tmp_path, 3) == list(some(4, 5))
    assert journal.last_seq == 5


def test_a_gap_in_what_is_appended_is_our_bug(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 0)
    with pytest.raises(AssertionError):
        journal.append(some(2, 2))
    assert list(tmp_path.iterdir()) == []


def test_cut_at_every_byte_it_is_an_exact_prefix(tmp_path: Path) -> None:
    lines = [line_of(r) for r in some(1, 3)]
    whole = b"".join(lines)
    ends = [sum(map(len, lines[:n])) for n in range(4)]
    file = JournalFile(1, path_of(tmp_path, 1))
    for cut in range(len(whole) + 1):
        file.path.write_bytes(whole[:cut])
        scan = read_journal(file, is_last=True)

        complete = sum(end <= cut for end in ends[1:])
        assert scan.records == some(1, complete), cut
        assert (scan.end, scan.torn) == (ends[complete], cut - ends[complete]), cut


def test_a_flipped_bit_anywhere_is_found(tmp_path: Path) -> None:
    whole = b"".join(map(line_of, some(1, 2)))
    file = JournalFile(1, path_of(tmp_path, 1))
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        file.path.write_bytes(damaged)
        with pytest.raises(JournalCorrupt):
            read_journal(file, is_last=True)
        assert file.path.read_bytes() == bytes(damaged)


def repeated(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[0], lines[2]]


def missing(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[2]]


def garbage(lines: list[bytes]) -> list[bytes]:
    return [lines[0], b"\x00\xff garbage\n", lines[2]]


def empty_line(lines: list[bytes]) -> list[bytes]:
    return [lines[0], b"\n", lines[2]]


def unknown_fact(lines: list[bytes]) -> list[bytes]:
    return [lines[0], b'{"crc":"8ea4efae","record":{"seq":2}}\n']


@pytest.mark.parametrize(
    ("damage", "expected", "found"),
    [
        (repeated, "expected record 2, found", '"seq":1'),
        (missing, "expected record 2, found", '"seq":3'),
        (garbage, "expected a line with crc and record, found", "garbage"),
        (empty_line, "expected a line with crc and record, found", "an empty line"),
        (unknown_fact, "expected a known fact (Object missing", '"seq":2'),
    ],
)
def test_damage_names_file_and_line(
    tmp_path: Path, damage: Callable[[list[bytes]], list[bytes]], expected: str, found: str
) -> None:
    path = path_of(tmp_path, 1)
    path.write_bytes(b"".join(damage([line_of(r) for r in some(1, 3)])))

    with pytest.raises(JournalCorrupt) as caught:
        read(tmp_path)

    assert (caught.value.path, caught.value.line) == (path, 2)
    assert expected in str(caught.value)
    assert found in str(caught.value)


def test_a_torn_line_is_dropped_only_in_the_newest_journal(tmp_path: Path) -> None:
    write(tmp_path, (1, 2), (3, 4))
    with path_of(tmp_path, 3).open("ab") as file:
        file.write(line_of(record(5))[:-1])
    assert read(tmp_path) == list(some(1, 4))

    with path_of(tmp_path, 1).open("ab") as file:
        file.write(b"torn")
    with pytest.raises(JournalCorrupt, match="line 3: expected a complete line, found 'torn'"):
        read(tmp_path)


@pytest.mark.parametrize("second", [(4, 5), (2, 5)])
def test_a_gap_or_overlap_between_journals_is_damage(
    tmp_path: Path, second: tuple[int, int]
) -> None:
    write(tmp_path, (1, 2), second)
    with pytest.raises(JournalCorrupt, match=f"expected record 3, found record {second[0]}"):
        read(tmp_path)


def test_a_missing_first_journal_is_said(tmp_path: Path) -> None:
    write(tmp_path, (3, 4))
    assert read(tmp_path, 2) == list(some(3, 4))
    with pytest.raises(StoreError, match="expected a journal with record 2, found records from 3"):
        read(tmp_path, 1)


def test_only_the_journals_that_matter_are_opened(tmp_path: Path) -> None:
    write(tmp_path, (1, 2), (3, 4), (5, 6))
    (tmp_path / "journal-1.jsonl").write_bytes(b"not ours")
    files = journal_files(tmp_path)

    assert [f.first for f in files_holding(files, 0)] == [1, 3, 5]
    assert [f.first for f in files_holding(files, 3)] == [3, 5]
    assert [f.first for f in files_holding(files, 4)] == [5]
    assert [f.first for f in files_holding(files, 99)] == [5]
    assert list(files_holding((), 5)) == []


def test_a_torn_line_is_cut_off_before_the_next_one(tmp_path: Path) -> None:
    write(tmp_path, (1, 2))
    path = path_of(tmp_path, 1)
    with path.open("ab") as file:
        file.write(b'{"crc":"torn')
    (scan,) = read_after(journal_files(tmp_path), 0)

    journal = Journal(tmp_path, 2)
    journal.resume(scan)
    assert path.read_bytes() == b"".join(map(line_of, some(1, 2)))
    journal.append(some(3, 3))
    journal.close()
    assert read(tmp_path) == list(some(1, 3))


def test_a_full_disk_refuses_and_later_takes_everything(tmp_path: Path, disk: Disk) -> None:
    journal = Journal(tmp_path, 0)
    journal.append(some(1, 1))
    disk.room = len(line_of(record(1))) + 7  # the next line tears after 7 bytes

    for _ in range(2):
        with pytest.raises(StoreError, match="expected to append to the journal, found: No space"):
            journal.append(some(2, 3))
    assert journal.last_seq == 1
    journal.rotate()  # not while what was written is in doubt

    disk.room = None
    journal.append(some(2, 4))
    journal.close()
    assert read(tmp_path) == list(some(1, 4))
    assert len(journal_files(tmp_path)) == 1


def test_a_failed_sync_proves_nothing_so_the_line_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = path_of(tmp_path, 1)
    problems = [OSError(5, "Input/output error"), OSError(5, "Input/output error")]

    def fsync(fd: int) -> None:
        if Path(f"/proc/self/fd/{fd}").readlink() == path and problems:
            raise problems.pop()

    monkeypatch.setattr(os, "fsync", fsync)
    journal = Journal(tmp_path, 0)
    for _ in range(2):
        with pytest.raises(StoreError, match="Input/output error"):
            journal.append(some(1, 2))
    journal.append(some(1, 3))
    journal.close()

    assert read(tmp_path) == list(some(1, 3))


def test_a_folder_that_vanished_refuses(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    journal = Journal(folder, 0)
    folder.rmdir()
    with pytest.raises(StoreError, match="No such file or directory"):
        journal.append(some(1, 1))

    folder.mkdir()
    path_of(folder, 1).write_bytes(b"left by the attempt before")
    journal.append(some(1, 1))
    journal.close()
    assert read(folder) == list(some(1, 1))


def test_a_new_name_that_is_not_durable_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sync_folder(_: Path) -> None:
        raise OSError(5, "Input/output error")

    journal = Journal(tmp_path, 0)
    with monkeypatch.context() as patch:
        patch.setattr("engine.live.journal.sync_folder", sync_folder)
        with pytest.raises(StoreError, match="Input/output error"):
            journal.append(some(1, 1))
    journal.append(some(1, 1))
    journal.close()
    assert read(tmp_path) == list(some(1, 1))


def test_an_append_is_read_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 0)
    journal.append(some(1, 2))
    journal.append(some(3, 5))
    journal.close()
    file = JournalFile(1, path_of(tmp_path, 1))
    content = file.path.read_bytes()
    first = content.index(b"\n", content.index(b"\n") + 1) + 1  # bytes of the first append
    for cut in range(len(content) + 1):
        file.path.write_bytes(content[:cut])
        scan = read_journal(file, is_last=True)

        count, end = (5, cut) if cut == len(content) else (2, first) if cut >= first else (0, 0)
        assert (scan.records, scan.end, scan.torn) == (some(1, count), end, cut - end), cut


def test_after_half_an_append_the_journal_goes_on_before_it(tmp_path: Path) -> None:
    path = path_of(tmp_path, 1)
    path.write_bytes(line_of(record(1)) + line_of(record(2), 1))
    file = JournalFile(1, path)
    journal = Journal(tmp_path, 1)
    journal.resume(read_journal(file, is_last=True))
    journal.append(some(2, 3))
    journal.close()
    assert read(tmp_path) == list(some(1, 3))


def test_half_an_append_inside_the_history_is_damage(tmp_path: Path) -> None:
    path_of(tmp_path, 1).write_bytes(line_of(record(1), 1))
    write(tmp_path, (2, 3))
    with pytest.raises(JournalCorrupt, match="the last of its append"):
        read(tmp_path)


def test_a_flipped_bit_in_a_batch_is_found(tmp_path: Path) -> None:
    whole = line_of(record(1), 1) + line_of(record(2))
    file = JournalFile(1, path_of(tmp_path, 1))
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        file.path.write_bytes(damaged)
        with pytest.raises(JournalCorrupt):
            read_journal(file, is_last=True)


def test_a_record_that_would_not_read_back_is_refused_before_it_is_written(
    tmp_path: Path,
) -> None:
    journal = Journal(tmp_path, 0)
    for seen in (BarsHeld(1, 5, math.nan, 1.0), BarsHeld(1, 5, 1.0, 1.0, math.inf)):
        with pytest.raises(StoreError, match="record 1: expected finite numbers, found BarsHeld"):
            journal.append((Record(1, 1000, seen),))
    assert list(tmp_path.iterdir()) == []
    journal.append(some(1, 1))
    journal.close()
    assert read(tmp_path) == list(some(1, 1))


def test_a_journal_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    path_of(tmp_path, 1).mkdir()
    with pytest.raises(StoreError, match="expected to read the journal, found: Is a directory"):
        read(tmp_path)
