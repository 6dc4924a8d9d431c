"""Owning a state directory: it exists, is ours alone, of our kind, and takes writes.

It exists because two processes on one directory would trade twice, and because a sandbox must
never mix with money. It must never wait for a lock, and never create state where state of another
kind lies.
"""

import errno
import fcntl
import os
from pathlib import Path

from engine.errors import StoreError, StoreLocked
from engine.live.checkpoint import CURRENT, PREVIOUS
from engine.live.files import PRIVATE_FILE, make_folder, write_all, write_atomic
from engine.live.journal import journal_files

_LOCK = "lock"
_KIND = "kind"
_PROBE = "probe"


class Claim:
    """A directory that is ours until `release`; raises `StoreError` or `StoreLocked`."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder = folder
        try:
            make_folder(folder)
            self._fd = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        except OSError as problem:
            raise _unwritable(folder, problem) from problem
        try:
            self._lock()
            _check_kind(folder, kind)
            _probe(folder)
            _mark_kind(folder, kind)
            self.was_clean = os.fstat(self._fd).st_size == 0
            self._write_pid()
        except OSError as problem:
            os.close(self._fd)
            raise _unwritable(folder, problem) from problem
        except StoreError:
            os.close(self._fd)
            raise

    def release(self, *, is_clean: bool) -> None:
        """Give the directory back; `is_clean` says that nothing was left undone."""
        if is_clean:
            os.ftruncate(self._fd, 0)
        os.close(self._fd)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(self._fd, 20, 0).decode("ascii", "replace").strip()
            raise StoreLocked(self.folder, f"process {pid}" if pid else "a process") from None

    def _write_pid(self) -> None:
        """Say who we are; never empty in between, that would read as an end in order."""
        pid = b"%d\n" % os.getpid()
        write_all(self._fd, pid)
        os.ftruncate(self._fd, len(pid))
        os.fsync(self._fd)


def _check_kind(folder: Path, kind: str) -> None:
    marker = folder / _KIND
    if marker.exists():
        found = marker.read_text("utf-8", "replace").strip()
        if found != kind:
            raise StoreError(
                f"{folder}: expected a {kind} directory, found {found!r}; "
                f"choose another --state-dir"
            )
    elif _has_state(folder):
        raise StoreError(
            f"{marker}: expected the kind of this directory, found no such file beside its state; "
            f"restore it from a copy or choose another --state-dir"
        )


def _probe(folder: Path) -> None:
    """Write, sync and read back, before anything of value is touched."""
    path, content = folder / _PROBE, b"%d\n" % os.getpid()
    write_atomic(path, content, is_durable=True)
    found = path.read_bytes()
    path.unlink()
    if found != content:
        raise OSError(errno.EIO, f"wrote {content!r} and read {found!r}")


def _mark_kind(folder: Path, kind: str) -> None:
    if not (folder / _KIND).exists():
        write_atomic(folder / _KIND, f"{kind}\n".encode(), is_durable=True)


def _has_state(folder: Path) -> bool:
    return any((folder / name).exists() for name in (CURRENT, PREVIOUS)) or bool(
        journal_files(folder)
    )


def _unwritable(folder: Path, problem: OSError) -> StoreError:
    return StoreError(
        f"{folder}: expected a directory we can write to, found: {problem.strerror or problem}; "
        f"check owner and free space, or choose another --state-dir"
    )
