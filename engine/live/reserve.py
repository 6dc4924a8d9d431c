"""The reserve: room on the disk that is taken before it is needed.

It exists so that exits can still be recorded when the disk is full. It must never serve entries:
from the first share that is given back until the reserve is whole again, they stay off.
"""

import os
from pathlib import Path

from engine.errors import StoreError
from engine.live.files import PRIVATE_FILE, write_all

RESERVE_BYTES = 8 * 1024 * 1024
SHARE_BYTES = 256 * 1024  # given back at a time: whoever else fills the disk gets the rest of it


class Reserve:
    """A file of zeros; its methods block and belong on the journal's thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.is_whole = False

    def fill(self) -> None:
        """Take what is missing; raises `StoreError`, and then what was free stays free."""
        try:
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE_FILE)
            try:
                _grow(fd, RESERVE_BYTES)
            finally:
                os.close(fd)
        except OSError as problem:
            found = problem.strerror or str(problem)
            raise StoreError(
                f"{self._path}: expected room for {RESERVE_BYTES} bytes, found: {found}; "
                f"make room on this disk"
            ) from problem
        self.is_whole = True

    def give_back(self) -> bool:
        """Free a share of it; False when there is none left."""
        self.is_whole = False
        try:
            size = self._path.stat().st_size
            os.truncate(self._path, max(size - SHARE_BYTES, 0))
        except OSError:
            return False
        return size > 0


def _grow(fd: int, size: int) -> None:
    # Zeros are written, not asked for: preallocation is not to be had on every system.
    before = os.fstat(fd).st_size
    try:
        write_all(fd, bytes(max(size - before, 0)))
    except OSError:
        os.ftruncate(fd, before)
        raise
