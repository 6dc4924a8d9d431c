"""The store: journal and checkpoint of one state directory behind the `Store` port.

It exists so that nothing else knows file names, threads or fsync. After `append` returns, a crash
at any later instant preserves the records. It must never repair damage silently, never start empty
where state was, and never block the event loop.
"""

import asyncio
import errno
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from engine.core.facts import Record
from engine.errors import StoreError
from engine.live.checkpoint import (
    CURRENT,
    PREVIOUS,
    Checkpoint,
    CheckpointDamaged,
    read_checkpoint,
    write_checkpoint,
)
from engine.live.claim import Claim
from engine.live.journal import Journal, Scan, journal_files, read_after
from engine.live.reserve import Reserve
from engine.log import Log

_FULL = (errno.ENOSPC, errno.EDQUOT)

_log = Log(__name__)


class Loaded(NamedTuple):
    """What a directory holds: the checkpoint's state (None without one) and all newer records."""

    state: dict[str, Any] | None
    records: tuple[Record, ...]


class FileStore:
    """One state directory, owned from construction to `close`; `load` comes before `append`."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder = folder
        self._claim = Claim(folder, kind)
        self._reserve = Reserve(folder / "reserve")
        self._journal: Journal | None = None
        # Journal and checkpoint never touch the same file, so neither waits for the other.
        self._journal_thread = ThreadPoolExecutor(1, "journal")
        self._checkpoint_thread = ThreadPoolExecutor(1, "checkpoint")

    @property
    def was_clean(self) -> bool:
        """Whether the last owner of the directory ended in order (true for a new one)."""
        return self._claim.was_clean

    @property
    def is_low(self) -> bool:
        """Whether the disk is so full that what is left is kept for exits."""
        return not self._reserve.is_whole

    def load(self) -> Loaded:
        """Read and prove everything since the checkpoint; raises `StoreError`, changing nothing."""
        try:
            loaded = self._load()
        except OSError as problem:
            found = problem.strerror or str(problem)
            raise StoreError(
                f"{self.folder}: expected to read the state, found: {found}"
            ) from problem
        try:
            self._reserve.fill()
        except StoreError as problem:
            _log.warning("reserve.missing", problem=problem)
        return loaded

    def _load(self) -> Loaded:
        checkpoint, damaged = self._newest_checkpoint()
        after_seq = checkpoint.seq if checkpoint else 0
        files = journal_files(self.folder)
        scans = tuple(read_after(files, after_seq))
        last_seq = scans[-1].last_seq if scans else 0
        if last_seq < after_seq:
            raise StoreError(
                f"{self.folder}: expected journals up to record {after_seq} of the checkpoint, "
                f"found them up to {last_seq}; restore the directory from a copy"
            )
        self._journal = Journal(self.folder, last_seq)
        if scans:
            self._resume(self._journal, scans[-1])
        for path in damaged:  # set aside, so that it never becomes the previous generation
            path.rename(path.with_name(path.name + ".damaged"))
        newer = tuple(r for scan in scans for r in scan.records if r.seq > after_seq)
        if scans and not last_seq:
            _log.warning("journal.empty", path=scans[-1].file.path)
        return Loaded(checkpoint.state if checkpoint else None, newer)

    def _resume(self, journal: Journal, scan: Scan) -> None:
        path = scan.file.path
        if scan.torn:
            _log.warning("journal.torn", path=path, dropped_bytes=scan.torn)
        try:
            journal.resume(scan)
        except OSError as problem:
            raise StoreError(f"{path}: expected to go on here, found: {problem}") from problem

    def _newest_checkpoint(self) -> tuple[Checkpoint | None, list[Path]]:
        """The newest believable checkpoint, and the damaged ones; None = fold from the start."""
        damaged: list[Path] = []
        for path in (self.folder / CURRENT, self.folder / PREVIOUS):
            if not path.exists():
                continue
            try:
                return read_checkpoint(path), damaged
            except CheckpointDamaged as problem:
                _log.error("checkpoint.damaged", path=path, problem=problem)
                damaged.append(path)
        if damaged and not journal_files(self.folder):
            raise StoreError(
                f"{damaged[0]}: expected a checkpoint or journals, found it damaged and no "
                f"journal; restore the directory from a copy"
            )
        return None, damaged

    async def append(self, records: Sequence[Record]) -> None:
        """Write and fsync on the journal's thread; raises `StoreError`, and may be tried again."""
        await self._on(self._journal_thread, partial(self._append, tuple(records)))

    def _append(self, records: Sequence[Record]) -> None:
        try:
            self._opened.append(records)
        except StoreError as problem:
            if not (_is_full(problem) and self._reserve.give_back()):
                raise
            self._opened.append(records)

    async def checkpoint(self, state: dict[str, Any], seq: int) -> None:
        """Make `state` as of record `seq` the place where a start begins; raises `StoreError`.

        On a full disk the reserve comes first: until it is whole, the journal needs what is left.
        """
        assert seq <= self._opened.last_seq, (seq, self._opened.last_seq)
        if self.is_low:
            await self._on(self._journal_thread, self._reserve.fill)
        write = partial(write_checkpoint, self.folder, Checkpoint(seq, state))
        await self._on(self._checkpoint_thread, write)
        await self._on(self._journal_thread, self._opened.rotate)

    def records(self, after_seq: int = 0) -> Iterator[Record]:
        """Acknowledged records newer than `after_seq`, oldest first; raises `StoreError`."""
        last_seq = self._opened.last_seq
        for scan in read_after(journal_files(self.folder), after_seq):
            yield from (r for r in scan.records if after_seq < r.seq <= last_seq)

    def close(self, *, is_clean: bool = False) -> None:
        """Finish what was handed over, release files and lock."""
        self._journal_thread.shutdown()
        self._checkpoint_thread.shutdown()
        if self._journal is not None:
            self._journal.close()
        self._claim.release(is_clean=is_clean)

    @property
    def _opened(self) -> Journal:
        assert self._journal is not None, "load() comes first"
        return self._journal

    async def _on(self, thread: ThreadPoolExecutor, work: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(thread, work)


def _is_full(problem: StoreError) -> bool:
    cause = problem.__cause__
    return isinstance(cause, OSError) and cause.errno in _FULL
