"""Keeping records when the disk does not: what to do before and after `Store.append`.

It exists because a full disk must stop entries and nothing else: facts that could not be written
wait here, in order, while exits and protection go on from memory. It must never write a newer
record before an older one, nor take a checkpoint that the journal does not cover.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from engine.core.events import DiskSeen, Event, Tick
from engine.core.facts import Record
from engine.errors import StoreError
from engine.log import Log

UNSAVED_MAX = 50_000  # records; far beyond what exits alone can produce
LOW = "the disk is full: what is left of it is kept for exits"

_log = Log(__name__)


class CheckpointStore(Protocol):
    """What the recorder asks of a store."""

    @property
    def is_low(self) -> bool:
        """Whether what is left of the disk is kept for exits."""
        ...

    async def append(self, records: Sequence[Record]) -> None:
        """Write and fsync; raises `StoreError`."""
        ...

    async def checkpoint(self, state: dict[str, Any], seq: int) -> None:
        """Write the state as of `seq`; raises `StoreError`."""
        ...


class Snapshot(NamedTuple):
    """The ledger as of record `seq`, JSON-ready."""

    seq: int
    state: dict[str, Any]


class Recorder:
    """The store as the turn sees it: records wait here while the disk refuses them."""

    def __init__(
        self,
        store: CheckpointStore,
        snapshot: Callable[[], Snapshot],
        put: Callable[[Event], None],
        checkpoint_facts: int,
    ) -> None:
        self._store = store
        self._snapshot = snapshot
        self._put = put
        self._checkpoint_facts = checkpoint_facts
        self._unsaved: list[Record] = []
        self._refusal: str | None = None  # what the disk said last, while records wait
        self._told: str | None = None  # the problem that the engine knows of
        self._has_news = False  # records that no checkpoint covers
        self._since_attempt = 0  # records saved since a checkpoint was last tried
        self._is_due = False
        self._writing: asyncio.Task[None] | None = None

    @property
    def unsaved(self) -> int:
        """Records that are not on disk yet."""
        return len(self._unsaved)

    async def save(self, event: Event, records: Sequence[Record]) -> bool:
        """Make the records of this event durable, older ones first.

        False while no entry may leave: something is not on disk, or the disk is full.
        """
        self._unsaved.extend(records)
        if records or (self._unsaved and isinstance(event, Tick)):
            await self._append()  # a refusing disk is asked again with each record and each tick
        problem = self._refusal or (LOW if self._store.is_low else None)
        self._tell(problem)
        if len(self._unsaved) > UNSAVED_MAX:
            raise StoreError(
                f"{len(self._unsaved)} records wait for the disk, expected at most {UNSAVED_MAX}; "
                f"make room and start again, stops stay on the exchange"
            )
        return problem is None

    async def _append(self) -> None:
        try:
            await self._store.append(tuple(self._unsaved))
        except StoreError as problem:
            self._refusal = str(problem)
            return
        self._refusal = None
        self._since_attempt += len(self._unsaved)
        self._has_news = True
        self._unsaved.clear()

    def _tell(self, problem: str | None) -> None:
        """Say what changed, once: fine, low, or refusing, however the refusals are worded."""
        if (problem is None, problem == LOW) == (self._told is None, self._told == LOW):
            return
        self._told = problem
        if problem is None:
            _log.warning("journal.recovered")
        elif problem == LOW:
            _log.error("journal.low", problem=problem)
        else:
            _log.error("journal.refused", problem=problem)
        self._put(DiskSeen(problem))

    def request_checkpoint(self) -> None:
        """Take a checkpoint after the next turn, if there is anything new."""
        self._is_due = True

    def between_turns(self) -> None:
        """Start a checkpoint when one is due; raises what an earlier one ended with."""
        if self._writing is not None and self._writing.done():
            done, self._writing = self._writing, None
            done.result()
        is_due = self._is_due or self._since_attempt >= self._checkpoint_facts
        if is_due and self._writing is None and not self._unsaved:
            self._is_due, self._since_attempt = False, 0
            if self._has_news:
                self._writing = asyncio.create_task(self._checkpoint(self._snapshot()))

    async def finish(self) -> None:
        """One last checkpoint, after the last turn."""
        await self._settle()
        self.request_checkpoint()
        self.between_turns()
        await self._settle()

    async def _settle(self) -> None:
        if self._writing is not None:
            await self._writing
            self._writing = None

    async def _checkpoint(self, snapshot: Snapshot) -> None:
        self._has_news = False
        try:
            await self._store.checkpoint(snapshot.state, snapshot.seq)
        except StoreError as problem:  # no harm yet, the journal tells everything: later again
            self._has_news = True
            _log.error("checkpoint.refused", problem=problem)
        else:
            _log.info("checkpoint.written", seq=snapshot.seq)
