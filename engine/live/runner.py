"""The turn: one event in, its facts made durable and told, its intents carried out.

It exists so that there is one consumer and one order of things: stamp, step, save, tell, act. It
must never let an intent leave before the facts of its step are durable, never run two steps at
once, and never go on after a step failed: the process ends, stops stay on the exchange, start-up
is recovery.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from engine.core.events import Command, Event, OrderRefused, Tick
from engine.core.facts import Record
from engine.core.intents import Intent, Outcome, PlaceOrder
from engine.core.values import Ms, Refusal
from engine.errors import EngineError
from engine.live.factlog import event_name, log_fact
from engine.live.inbox import Inbox
from engine.live.recorder import Recorder
from engine.log import Log
from engine.ports import Clock

DRAIN_S = 5.0  # real seconds that answers under way may take when we stop
LAST_FACTS = 20
EVENT_SHOWN_MAX = 2000  # characters of the event in the last words

Listener = Callable[[Sequence[Record]], None]

_log = Log(__name__)


class EngineStopped(EngineError):
    """A command came too late: no turn will consume it."""


class Stepper(Protocol):
    """The engine, as far as the turn knows it."""

    def step(self, at_ms: Ms, event: Event) -> Outcome:
        """Decide on one event."""
        ...


class Carrier(Protocol):
    """What carries out intents, as far as the turn knows it."""

    @property
    def in_flight(self) -> int:
        """Intents that have not ended yet."""
        ...

    def start(self, intents: Sequence[Intent]) -> None:
        """Take these on; each ends in one event."""
        ...


class Runner:
    """The one consumer of the inbox."""

    def __init__(
        self, engine: Stepper, inbox: Inbox, clock: Clock, recorder: Recorder, carrier: Carrier
    ) -> None:
        self._engine = engine
        self._inbox = inbox
        self._clock = clock
        self._recorder = recorder
        self._carrier = carrier
        self._at_ms: Ms = 0
        self._is_stopping = False
        self._is_over = False
        self._quiet = asyncio.Event()  # set after a turn that left nothing to do
        self._listeners: list[Listener] = []
        self._watchers: list[Callable[[Ms], None]] = []
        self._answers: dict[str, asyncio.Future[tuple[Record, ...]]] = {}
        self._last_facts: deque[str] = deque(maxlen=LAST_FACTS)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Hand every turn's records to `listener`, in order; returns the way to end that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def after_turn(self, watcher: Callable[[Ms], None]) -> None:
        """Call `watcher` with the stamp of every turn; an exception of it ends the process."""
        self._watchers.append(watcher)

    async def settled(self) -> None:
        """Wait until nothing is in the inbox, in a turn or under way.

        At a scaled pace the market waits for this: its clock would outrun our answers otherwise.
        """
        while not (self._is_over or (self._is_idle and self._quiet.is_set())):
            self._quiet.clear()
            await self._quiet.wait()

    @property
    def _is_idle(self) -> bool:
        return self._inbox.is_empty and not self._carrier.in_flight

    async def submit(self, command: Command) -> tuple[Record, ...]:
        """Put a command in and wait for the records of its turn; raises `EngineStopped`.

        The same `command_id` again, while the first waits, gets the same answer.
        """
        if self._is_over:
            raise EngineStopped(f"{type(command).__name__}: the engine has stopped")
        if command.command_id not in self._answers:
            self._inbox.put(command)
            self._answers[command.command_id] = asyncio.get_running_loop().create_future()
        return await asyncio.shield(self._answers[command.command_id])

    async def run(self, floor_ms: Ms = 0) -> None:
        """Turn until `stop`, then drain; `floor_ms` is the stamp of the newest known record."""
        self._at_ms = floor_ms
        try:
            while not self._is_stopping:
                event = await self._inbox.get()
                self._quiet.clear()
                await self._turn(event)
                if self._is_idle:
                    self._quiet.set()
            await self._drain()
        finally:
            self._is_over = True
            self._quiet.set()
            self._release_waiters()

    def stop(self) -> None:
        """End `run` after the answers under way and the last checkpoint."""
        if not self._is_stopping:
            self._is_stopping = True
            self._inbox.put(Tick())  # wakes a turn that waits for its event

    async def _turn(self, event: Event) -> None:
        outcome = self._step(event)
        is_saved = await self._recorder.save(event, outcome.records)
        if outcome.records:
            self._tell(outcome.records)
        intents = outcome.intents and tuple(self._allowed(outcome.intents, is_saved=is_saved))
        self._carrier.start(intents)
        self._answer(event, outcome.records)
        self._recorder.between_turns()
        for watcher in self._watchers:
            watcher(self._at_ms)

    def _step(self, event: Event) -> Outcome:
        self._at_ms = max(self._at_ms, self._clock.now_ms())
        try:
            return self._engine.step(self._at_ms, event)
        except Exception:
            _log.critical(
                "engine.crashed",
                at_ms=self._at_ms,
                on=repr(event)[:EVENT_SHOWN_MAX],
                last_facts=" ".join(self._last_facts),
                exc_info=True,
            )
            raise

    def _tell(self, records: Sequence[Record]) -> None:
        for record in records:
            log_fact(record)
            self._last_facts.append(f"{record.seq}:{event_name(record.fact)}")
        for listener in tuple(self._listeners):
            try:
                listener(records)
            except Exception:  # noqa: BLE001 -- chat and charts must never be able to stop trading
                _log.error("listener.failed", listener=listener, exc_info=True)

    def _allowed(self, intents: Sequence[Intent], *, is_saved: bool) -> Iterator[Intent]:
        """Without a journal no entry leaves; exits and protection do."""
        for intent in intents:
            is_entry = isinstance(intent, PlaceOrder) and intent.order.purpose.is_growing
            if is_saved or not is_entry:
                yield intent
            else:
                assert isinstance(intent, PlaceOrder)
                detail = "journal not written"
                self._inbox.put(OrderRefused(intent.order.id, Refusal.OTHER, detail))

    def _answer(self, event: Event, records: tuple[Record, ...]) -> None:
        if isinstance(event, Command):
            answer = self._answers.pop(event.command_id, None)
            if answer is not None:
                answer.set_result(records)

    async def _drain(self) -> None:
        """Book the answers that are under way, bounded in time; then the last checkpoint."""
        ends = asyncio.get_running_loop().time() + DRAIN_S
        while self._carrier.in_flight or self._inbox.account_waiting:
            event = await self._get_until(ends)
            if event is None:
                _log.warning("drain.ended", in_flight=self._carrier.in_flight, after_s=DRAIN_S)
                break
            await self._turn(event)
        await self._recorder.finish()

    async def _get_until(self, ends: float) -> Event | None:
        """The next event, or None when the time is over, however many wait."""
        if asyncio.get_running_loop().time() >= ends:
            return None
        try:
            async with asyncio.timeout_at(ends):  # around the wait alone, never a turn
                return await self._inbox.get()
        except TimeoutError:
            return None

    def _release_waiters(self) -> None:
        for command_id, answer in self._answers.items():
            answer.set_exception(EngineStopped(f"command {command_id}: the engine has stopped"))
            answer.exception()  # seen, even when nobody waits any more
        self._answers.clear()
