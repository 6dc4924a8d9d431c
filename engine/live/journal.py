"""The journal: facts as lines that only ever get appended, and how they are read back.

It exists because it is the truth: everything else on disk can be rebuilt from it. A line is
`{"crc":"<8 hex>","record":{...}}`, with `"left":n` where n more of the same append follow: a turn
is there as a whole or not at all. A file is named by the sequence number of its first record, so a
missing file shows as a gap. It must never change a line that was acknowledged, and never skip one
it cannot read: only a last append without its end, or with the holes a power cut leaves, is
dropped, because it was never acknowledged.
"""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import msgspec

from engine.core.facts import Record, decode, encode
from engine.errors import JournalCorrupt, StoreError
from engine.live.files import PRIVATE_FILE, sync_folder, write_all

_NAME = re.compile(r"^journal-(\d{12,})\.jsonl$")
_LINE = re.compile(
    rb'\{"crc":"([0-9a-f]{8})",(?:"left":([1-9][0-9]{0,8}),)?"record":(\{.*\})\}', re.DOTALL
)
_HEAD = re.compile(
    rb'\{"crc":"[0-9a-f]{8}",(?:"left":([1-9][0-9]{0,8}),)?"record":\{"seq":([0-9]{1,18}),'
)
_SECTOR = 512  # bytes a disk writes as a whole or not at all
_FOUND_MAX = 80  # characters of a damaged line shown to a person


class JournalFile(NamedTuple):
    """A journal on disk; `first` is the sequence number its name promises."""

    first: int
    path: Path


class Scan(NamedTuple):
    """A journal as read: its records, where the good bytes end, and bytes of a torn last append."""

    file: JournalFile
    records: tuple[Record, ...]
    end: int
    torn: int

    @property
    def last_seq(self) -> int:
        """Sequence number of the newest record in it or before it."""
        return self.file.first + len(self.records) - 1


def line_of(record: Record, left: int = 0) -> bytes:
    """A record as its line in the journal, newline included; `left` more of its append follow."""
    return _line(encode(record), left)


def _line(body: bytes, left: int) -> bytes:
    more = b'"left":%d,' % left if left else b""
    return b'{"crc":"%08x",%s"record":%s}\n' % (crc32(body, left), more, body)


def _proven(record: Record, left: int) -> bytes:
    """The line of a record that reads back unchanged: NaN would be written as null."""
    body = encode(record)
    try:
        is_same = decode(body) == record
    except msgspec.DecodeError:
        is_same = False
    if not is_same:
        raise StoreError(f"record {record.seq}: expected finite numbers, found {record.fact!r}")
    return _line(body, left)


def journal_files(folder: Path) -> tuple[JournalFile, ...]:
    """The journals kept in `folder`, oldest first."""
    matches = ((_NAME.match(path.name), path) for path in folder.iterdir())
    return tuple(sorted(JournalFile(int(m[1]), path) for m, path in matches if m))


def files_holding(files: Sequence[JournalFile], after_seq: int) -> Sequence[JournalFile]:
    """The journals that hold every record newer than `after_seq`; raises `StoreError` on a gap."""
    begins = [file.first <= after_seq + 1 for file in files]
    if files and not begins[0]:
        raise StoreError(
            f"{files[0].path.parent}: expected a journal with record {after_seq + 1}, found "
            f"records from {files[0].first} on; restore the older journals from a copy"
        )
    return files[max(sum(begins) - 1, 0) :]


def read_journal(file: JournalFile, *, is_last: bool) -> Scan:
    """Read a whole journal and prove it undamaged; raises `StoreError`, changes nothing."""
    content = _content(file.path)
    *lines, tail = content.split(b"\n")
    read: list[tuple[Record, int]] = []
    try:
        for number, line in enumerate(lines, 1):
            read.append(_read_line(file, number, line))
        _check_tail(file, len(lines) + 1, tail, is_last=is_last)
    except JournalCorrupt:
        if not (is_last and _has_lost_power(lines, tail, read)):
            raise
    count = _acknowledged(read)
    if count < len(read) and not is_last:
        raise _corrupt(file, len(read), "the last of its append", lines[-1])
    end = _size(lines[:count])
    return Scan(file, tuple(record for record, _ in read[:count]), end, len(content) - end)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        found = problem.strerror or str(problem)
        raise StoreError(f"{path}: expected to read the journal, found: {found}") from problem


def _check_tail(file: JournalFile, number: int, tail: bytes, *, is_last: bool) -> None:
    """What follows the last newline may be torn, and only in the newest journal."""
    if tail and not is_last:
        raise _corrupt(file, number, "a complete line", tail)
    if _is_whole(tail[:-1]):  # a line, then something that is not its end: damage, not a tear
        raise _corrupt(file, number, "the end of the line", tail)


def _acknowledged(read: Sequence[tuple[Record, int]]) -> int:
    """How many of these lines belong to appends that are there to their end."""
    return max((n for n, (_, left) in enumerate(read, 1) if not left), default=0)


def _size(lines: Sequence[bytes]) -> int:
    return sum(len(line) + 1 for line in lines)


def _has_lost_power(
    lines: Sequence[bytes], tail: bytes, read: Sequence[tuple[Record, int]]
) -> bool:
    """Whether the first unreadable line is a hole that a power cut left in the last append.

    Sectors of one append reach the disk in any order; those that did not read as zeros. An append
    only begins when the one before it is durable, so nothing of a second one may follow the hole.
    """
    first = _acknowledged(read)
    begin, bad = _size(lines[:first]), _size(lines[: len(read)])
    line, size = (*lines, tail)[len(read)], _size(lines) + len(tail)
    runs = [(bad + m.start(), bad + m.end()) for m in re.finditer(rb"\0+", line)]
    holes = [a for a, b in runs if _is_edge(a, begin) and _is_edge(b, size)]
    heads = [_HEAD.match(line) for line in (*lines[first:], tail)]
    ends = {int(head[2]) + int(head[1] or 0) for head in heads if head}
    is_known = heads[0] is not None or not ends or begin in holes
    return bool(holes) and is_known and len(ends) <= 1


def _is_edge(place: int, own: int) -> bool:
    """Whether sectors begin or end here, or the append or the file itself (`own`)."""
    return place % _SECTOR == 0 or place == own


def _is_whole(line: bytes) -> bool:
    match = _LINE.fullmatch(line)
    return match is not None and int(match[1], 16) == _crc(match)


def _crc(match: re.Match[bytes]) -> int:
    return crc32(match[3], int(match[2] or 0))


def _read_line(file: JournalFile, number: int, line: bytes) -> tuple[Record, int]:
    """The record of a line, and how many of its append follow."""
    match = _LINE.fullmatch(line)
    if match is None:
        raise _corrupt(file, number, "a line with crc and record", line)
    if int(match[1], 16) != _crc(match):
        raise _corrupt(file, number, f"crc {_crc(match):08x}", line)
    try:
        record = decode(match[3])
    except msgspec.DecodeError as problem:
        raise _corrupt(file, number, f"a known fact ({problem})", line) from None
    expected = file.first + number - 1
    if record.seq != expected:
        raise _corrupt(file, number, f"record {expected}", line)
    return record, int(match[2] or 0)


def _corrupt(file: JournalFile, number: int, expected: str, line: bytes) -> JournalCorrupt:
    shown = ascii(line[:_FOUND_MAX].decode("utf-8", "replace"))
    return JournalCorrupt(file.path, number, expected, shown if line else "an empty line")


def read_after(files: Sequence[JournalFile], after_seq: int) -> Iterator[Scan]:
    """Scans of the journals that hold records newer than `after_seq`, proven without gaps."""
    held = files_holding(files, after_seq)
    ends = after_seq  # sequence number the next journal has to continue
    for file in held:
        if file is not held[0] and file.first != ends + 1:
            raise JournalCorrupt(file.path, 1, f"record {ends + 1}", f"record {file.first}")
        scan = read_journal(file, is_last=file is held[-1])
        ends = scan.last_seq
        yield scan


class Journal:
    """The open end of the journal; its methods block and belong on one thread."""

    def __init__(self, folder: Path, last_seq: int) -> None:
        self._folder = folder
        self._fd: int | None = None
        self._end = 0  # bytes of the open file known to be durable
        self._is_dirty = False  # bytes after `_end` may exist: a write failed
        self.last_seq = last_seq

    def resume(self, scan: Scan) -> None:
        """Go on in the newest journal; a torn last append is cut off; raises `OSError`.

        It is synced in any case: a process that was killed may have left what we read in memory.
        """
        self._open(scan.file.path, is_new=False)
        self._end = scan.end
        self._is_dirty = True
        self._repair()

    def append(self, records: Sequence[Record]) -> None:
        """Write and fsync; raises `StoreError`, and the next call starts from the same place."""
        assert [r.seq for r in records] == list(
            range(self.last_seq + 1, self.last_seq + 1 + len(records))
        ), (self.last_seq, records)
        lines = b"".join(_proven(r, len(records) - n) for n, r in enumerate(records, 1))
        try:
            self._repair()
            self._write(lines)
        except OSError as problem:
            found = problem.strerror or str(problem)
            raise StoreError(
                f"{self._folder}: expected to append to the journal, found: {found}"
            ) from problem
        self._end += len(lines)
        self.last_seq += len(records)

    def _write(self, lines: bytes) -> None:
        if self._fd is None:
            path = self._folder / f"journal-{self.last_seq + 1:012d}.jsonl"
            self._open(path, is_new=True)
        assert self._fd is not None
        self._is_dirty = True
        write_all(self._fd, lines)
        os.fsync(self._fd)
        self._is_dirty = False

    def rotate(self) -> None:
        """The next record begins a new file; the old one is kept."""
        if self._end and not self._is_dirty:
            self.close()

    def close(self) -> None:
        """Release the file."""
        if self._fd is not None:
            os.close(self._fd)
        self._fd, self._end = None, 0

    def _open(self, path: Path, *, is_new: bool) -> None:
        # An attempt to begin this file may have failed before: nothing in it was acknowledged.
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | (os.O_TRUNC if is_new else 0)
        self._fd = os.open(path, flags, PRIVATE_FILE)
        try:
            sync_folder(self._folder)
        except OSError:
            self.close()
            raise

    def _repair(self) -> None:
        """Cut off what a failed write left: after a failed fsync its pages prove nothing."""
        if self._fd is not None and self._is_dirty:
            os.ftruncate(self._fd, self._end)
            os.fsync(self._fd)
            self._is_dirty = False
