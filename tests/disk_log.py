"""A disk that notes what is asked of it, may refuse, and shows what a crash would leave of it.

`DiskLog` stands between the program and one folder: changes reach the real folder too, syncs do
not, so that thousands of crashes are quick. `after_kill` and `after_power_cut` rebuild from the
notes what the next process may find: what was synced is there, and of the rest any part may be.
"""

import errno
import os
import threading
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import pytest

SECTOR = 512  # bytes that a disk writes as a whole or not at all
SUBSETS_MAX = 4  # of so many unsynced names every subset is tried; of more, each one missing

CALLS = (
    *("open", "close", "write", "fsync", "ftruncate", "truncate"),
    *("replace", "rename", "link", "unlink"),
)
FREEING = ("close", "ftruncate", "truncate", "unlink", "rename", "replace")  # work on a full disk

Image = tuple[tuple[str, bytes], ...]  # what a folder holds: names, sorted, with content
Names = dict[str, int]  # which file a name leads to
Files = dict[int, bytes]


class Op(NamedTuple):
    """One change; which fields count depends on `what`: names, write, size, sync, or a mark."""

    what: str
    file: int = 0  # 0 = the folder
    at: int = 0  # offset of a write, or the new size
    content: bytes = b""
    names: tuple[tuple[str, int | None], ...] = ()  # that come, or go (None)
    mark: Any = None


class Call(NamedTuple):
    """What was asked of which file, and by which thread."""

    what: str
    name: str
    thread: str


class DiskLog:
    """The notes on one folder since `watch`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ops: list[Op] = []
        self.calls: list[Call] = []
        self.fails_at: dict[int, int] = {}  # number of the call, from 1 -> errno
        self.full_from: int | None = None  # number of the call that finds no room, as all after it
        self.room: int | None = None  # bytes that all files together may have
        paths = sorted(folder.iterdir())
        self.names: Names = {path.name: number for number, path in enumerate(paths, 1)}
        self.files: Files = {self.names[path.name]: path.read_bytes() for path in paths}
        self.base = dict(self.names), dict(self.files)
        self._opened: dict[int, tuple[int, str]] = {}  # descriptor -> file and its name
        self._real: dict[str, Any] = {call: getattr(os, call) for call in CALLS}

    def watch(self, patch: pytest.MonkeyPatch) -> "DiskLog":
        """Stand between the program and the folder until `patch` is undone."""
        for call in CALLS:
            patch.setattr(os, call, getattr(self, call))
        return self

    def mark(self, mark: object) -> None:
        """Note something of the test's own at this point of the history."""
        self.ops.append(Op("mark", mark=mark))

    def _asked(self, call: str, name: str) -> None:
        self.calls.append(Call(call, name, threading.current_thread().name))
        problem = self.fails_at.get(len(self.calls), 0)
        if self.full_from and len(self.calls) >= self.full_from and call not in FREEING:
            problem = errno.ENOSPC
        if problem:
            raise OSError(problem, os.strerror(problem))

    def _fitting(self) -> int | None:
        """How much of a write there is room for."""
        if len(self.calls) + 1 == self.full_from:
            return 5  # the beginning of the write after which nothing goes
        if self.room is None:
            return None
        left = self.room - sum(len(self.files[file]) for file in set(self.names.values()))
        if left <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return left

    def _is_ours(self, path: str | Path) -> bool:
        return Path(path).parent == self.folder

    def _note(self, op: Op) -> None:
        self.ops.append(op)
        _change(self.names, self.files, op)

    # -- the calls, as in `os` -------------------------------------------------------------------

    def open(self, path: str | Path, flags: int, mode: int = 0o777, **rest: int) -> int:
        folder, name = Path(path) == self.folder, Path(path).name
        if not (folder or self._is_ours(path)):
            return int(self._real["open"](path, flags, mode, **rest))
        self._asked("open", "" if folder else name)
        fd = int(self._real["open"](path, flags, mode, **rest))
        if folder:
            self._opened[fd] = (0, "")
            return fd
        if name not in self.names:
            file = max(self.files, default=0) + 1
            self.files[file] = b""
            self._note(Op("names", names=((name, file),)))
        elif flags & os.O_TRUNC:
            self._note(Op("size", self.names[name], 0))
        self._opened[fd] = (self.names[name], name)
        return fd

    def close(self, fd: int) -> None:
        self._opened.pop(fd, None)
        self._real["close"](fd)

    def write(self, fd: int, content: bytes | memoryview) -> int:
        if fd not in self._opened:
            return int(self._real["write"](fd, content))
        file, name = self._opened[fd]
        self._asked("write", name)
        taken = int(self._real["write"](fd, content[: self._fitting()]))
        at = os.lseek(fd, 0, os.SEEK_CUR) - taken
        self._note(Op("write", file, at, bytes(content[:taken])))
        return taken

    def fsync(self, fd: int) -> None:
        if fd in self._opened:  # and in no case for real
            file, name = self._opened[fd]
            self._asked("fsync", name)
            self._note(Op("sync", file))

    def ftruncate(self, fd: int, length: int) -> None:
        if fd in self._opened:
            file, name = self._opened[fd]
            self._asked("ftruncate", name)
            self._note(Op("size", file, length))
        self._real["ftruncate"](fd, length)

    def truncate(self, path: str | Path, length: int) -> None:
        self._asked("truncate", Path(path).name)
        self._real["truncate"](path, length)
        self._note(Op("size", self.names[Path(path).name], length))

    def replace(self, old: str | Path, new: str | Path) -> None:
        self._move("replace", old, new)

    def rename(self, old: str | Path, new: str | Path) -> None:
        self._move("rename", old, new)

    def _move(self, call: str, old: str | Path, new: str | Path) -> None:
        if self._is_ours(old):
            source, target = Path(old).name, Path(new).name
            self._asked(call, target)
            file = self.names[source]
            if self.names.get(target) != file:  # one file under both names: nothing happens
                self._note(Op("names", names=((target, file), (source, None))))
        self._real[call](old, new)

    def link(self, old: str | Path, new: str | Path) -> None:
        self._asked("link", Path(new).name)
        self._real["link"](old, new)
        self._note(Op("names", names=((Path(new).name, self.names[Path(old).name]),)))

    def unlink(self, path: str | Path, **rest: int) -> None:
        if self._is_ours(path):
            self._asked("unlink", Path(path).name)
        self._real["unlink"](path, **rest)  # raises where there is none
        if self._is_ours(path):
            self._note(Op("names", names=((Path(path).name, None),)))


def _change(names: Names, files: Files, op: Op) -> None:
    """Apply one change to what a folder holds."""
    old = files.get(op.file, b"")
    if op.what == "write":
        files[op.file] = (
            old[: op.at].ljust(op.at, b"\0") + op.content + old[op.at + len(op.content) :]
        )
    elif op.what == "size":
        files[op.file] = old[: op.at].ljust(op.at, b"\0")
    for name, file in op.names:
        if file is None:
            names.pop(name, None)
        else:
            names[name] = file


def _image(names: Names, files: Files) -> Image:
    return tuple(sorted((name, files.get(file, b"")) for name, file in names.items()))


class _Held(NamedTuple):
    """What is durable, and the changes since that may or may not be."""

    names: Names
    files: Files
    moves: list[Op]  # of names
    writes: dict[int, list[Op]]  # by file

    def take(self, op: Op) -> None:
        if op.what in ("write", "size"):
            self.writes.setdefault(op.file, []).append(op)
        elif op.what == "names":
            self.moves.append(op)
        elif op.what == "sync":
            changes = self.moves if not op.file else self.writes.pop(op.file, [])
            for change in changes:
                _change(self.names, self.files, change)
            if not op.file:
                self.moves.clear()

    def named(self, moves: tuple[Op, ...] | list[Op]) -> Names:
        names = dict(self.names)
        for move in moves:
            _change(names, {}, move)
        return names


def after_kill(log: DiskLog, count: int) -> Iterator[Image]:
    """After a kill at call `count` everything before is there, and of a write under way a part."""
    names, files = dict(log.base[0]), dict(log.base[1])
    for op in log.ops[:count]:
        _change(names, files, op)
    yield _image(names, files)
    if count < len(log.ops) and log.ops[count].what == "write":
        op = log.ops[count]
        for cut in sorted({1, len(op.content) // 2, len(op.content) - 1}):
            torn = dict(files)
            _change(names, torn, op._replace(content=op.content[:cut]))
            yield _image(names, torn)


def after_power_cut(log: DiskLog, count: int) -> Iterator[Image]:
    """Whatever may be left when the power goes after `count` changes."""
    held = _Held(dict(log.base[0]), dict(log.base[1]), [], {})
    for op in log.ops[:count]:
        held.take(op)
    variants = [held.files, *_contents(held)]
    for moves in _subsets(held.moves):
        names = held.named(moves)
        for files in variants:
            yield _image(names, files)


def _subsets(moves: list[Op]) -> Iterator[tuple[Op, ...]]:
    sizes = range(len(moves) + 1)
    if len(moves) > SUBSETS_MAX:
        yield from (tuple(moves[:n]) for n in sizes)
        sizes = range(len(moves) - 1, len(moves))
    for size in sizes:
        yield from combinations(moves, size)


def _contents(held: _Held) -> Iterator[Files]:
    """Every file with its unsynced changes made up to some point, the last one in part."""
    for changes in held.writes.values():
        for count, change in enumerate(changes):
            files = dict(held.files)
            for whole in changes[:count]:
                _change({}, files, whole)
            for part in _parts(change):
                found = dict(files)
                _change({}, found, part)
                yield found


def _parts(change: Op) -> Iterator[Op]:
    """A write cut short or with sectors missing; anything else whole."""
    yield change
    if change.what != "write":
        return
    content, end = change.content, change.at + len(change.content)
    for cut in sorted({0, 1, len(content) // 3, len(content) // 2, len(content) - 1}):
        yield change._replace(content=content[:cut])
    edges = [change.at, *range(change.at // SECTOR * SECTOR + SECTOR, end, SECTOR), end]
    for first in range(len(edges) - 1):
        for last in range(first + 1, len(edges)):
            a, b = edges[first] - change.at, edges[last] - change.at
            yield change._replace(content=content[:a] + bytes(b - a) + content[b:])
