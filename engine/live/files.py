"""Writing files so that a crash at any instant leaves the old content or the new, never a mix.

It exists because checkpoint, heartbeat and markers all need the same few system calls in the same
order. It must never leave a temporary file behind after an error, nor follow a half-written one.
"""

import contextlib
import os
from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def write_all(fd: int, content: bytes) -> None:
    """Write every byte: the kernel may take less than it was given."""
    left = memoryview(content)
    while left:
        left = left[os.write(fd, left) :]


def sync_folder(folder: Path) -> None:
    """Make names created, replaced or removed in `folder` durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_folder(folder: Path) -> None:
    """Create `folder`, private, and what leads to it; the new names are durable."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    for path in missing:
        sync_folder(path.parent)


def write_atomic(path: Path, content: bytes, *, is_durable: bool) -> None:
    """Replace `path` in one instant, readable by us alone; raises `OSError`, changing nothing."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.unlink(missing_ok=True)  # left by a crash; the folder's lock makes it ours
    try:
        _write_new(temporary, content, is_durable=is_durable)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    if is_durable:
        sync_folder(path.parent)


def _write_new(path: Path, content: bytes, *, is_durable: bool) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    try:
        write_all(fd, content)
        if is_durable:
            os.fsync(fd)
    finally:
        os.close(fd)


def keep_previous(path: Path, previous: Path) -> None:
    """Give the file at `path` the second name `previous`; the older bearer of it goes."""
    if not path.exists() or (previous.exists() and previous.samefile(path)):
        return  # one file under two names already: replacing one by the other would do nothing
    link = previous.with_name(previous.name + ".tmp")
    link.unlink(missing_ok=True)
    os.link(path, link)
    link.replace(previous)
