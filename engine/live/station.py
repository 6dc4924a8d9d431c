"""The trading half of the process: engine, inbox, turn, dispatch, stream and timers as one thing.

It exists so that the composition root picks the world's adapters and nothing else; the same station
trades on paper and live. It must never know which world it is in, and never know the chat.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from decimal import Decimal
from typing import NamedTuple, Protocol

from engine.core import events as e
from engine.core.engine import Engine
from engine.core.facts import Record
from engine.core.intents import FetchInstruments
from engine.core.ledger import Ledger
from engine.core.settings import Settings
from engine.core.values import Arm
from engine.errors import Denied, ExchangeError, StoreError
from engine.live.clock import VenueClock
from engine.live.dispatch import Dispatch, World
from engine.live.inbox import Inbox
from engine.live.recorder import Recorder, Snapshot
from engine.live.runner import Runner
from engine.live.store import FileStore
from engine.live.timers import Timers, pulse
from engine.log import Log
from engine.ports import Exchange, MarketData

INSTRUMENTS_MS = 6 * 3600 * 1000  # trading rules older than this are read again
CLOCK_MS = 60_000
CLOCK_SCALED_S = 0.5  # real, where only the venue's words move our time: a silent stream has none
CLOCK_AGAIN_S = 1.0  # real time between two questions to a venue that must answer first
BEAT_MIN_S = 0.05  # real time between two ticks, however fast the market's clock runs

_log = Log(__name__)


class Watcher(Protocol):
    """Somebody in the shell who sees each market event before the inbox merges quotes."""

    def see(self, event: e.Event) -> None:
        """Look at one market event."""
        ...


class Ports(NamedTuple):
    """The adapters of one world."""

    exchange: Exchange
    data: MarketData
    store: FileStore
    clock: VenueClock
    inbox: Inbox
    watcher: Watcher


class Start(NamedTuple):
    """What the engine is told when it wakes."""

    version: str
    mode: str
    balance: Decimal  # of the account, when the ledger is new
    venue: str = ""  # where orders go
    arm: Arm | None = None  # who allowed that
    is_paused: bool = False  # entries wait for a person
    account: str = ""  # the exchange's name of it
    untuned: str = ""  # why values chosen in the chat are not in force


class Station:
    """Build, `run`, `stop`; in between `submit` commands, `listen` to records, read `engine`."""

    def __init__(self, settings: Settings, ledger: Ledger, ports: Ports, start: Start) -> None:
        self.engine = Engine(settings, ledger, start.mode)
        self._ports = ports
        self._start = start
        self._heard_s: float | None = None  # monotonic, of the newest market event
        self.latency_ms: float | None = None  # of the last time request, real milliseconds
        self.has_begun = False  # turns are being made; before that there is nothing to bring down
        self._settings = settings
        self._dispatch = Dispatch(World(ports.exchange, ports.exchange, ports.data), ports.inbox)
        self._recorder = Recorder(
            ports.store, self._snapshot, ports.inbox.put, settings.store.checkpoint_facts
        )
        self.runner = Runner(self.engine, ports.inbox, ports.clock, self._recorder, self._dispatch)
        self._timers = Timers(ports.clock.speed)
        every_ms = settings.store.checkpoint_every_s * 1000
        self._timers.add("checkpoint", every_ms, self._recorder.request_checkpoint)
        self._timers.add("instruments", INSTRUMENTS_MS, self._read_instruments)
        speed = ports.clock.speed
        every_ms = CLOCK_MS if speed == 1 else min(CLOCK_MS, int(1000 * CLOCK_SCALED_S * speed))
        self._timers.add("clock", every_ms, self.set_clock)

    def listen(self, listener: Callable[[Sequence[Record]], None]) -> Callable[[], None]:
        """Hand every turn's records to `listener`; returns the way to end that."""
        return self.runner.listen(listener)

    async def submit(self, command: e.Command) -> tuple[Record, ...]:
        """Put a person's command in; the records of the turn that consumed it."""
        return await self.runner.submit(command)

    async def set_clock(self) -> None:
        """Ask the venue for its time; a venue that does not answer changes nothing."""
        asked_s = time.monotonic()
        try:
            venue_ms = await self._ports.exchange.time_ms()
        except ExchangeError as problem:
            if isinstance(problem, Denied) and not (self.has_begun or self.engine.ledger.positions):
                raise  # nothing is at risk and no retry will help: say so and end
            _log.warning("clock.unset", problem=problem)
            return
        self.latency_ms = (time.monotonic() - asked_s) * 1000
        # The venue read its clock about half a round trip ago.
        half_ms = self.latency_ms / 2 if self._ports.clock.speed == 1 else 0.0
        self._ports.clock.observe(int(venue_ms + half_ms))
        skew_ms = self._ports.clock.skew_ms
        if self.has_begun and self._ports.clock.speed == 1 and skew_ms is not None:
            self._ports.inbox.put(e.ClockSeen(skew_ms))

    async def _first_clock(self) -> None:
        """At a scaled pace only the venue knows the time: without it nothing can begin."""
        await self.set_clock()
        while self._ports.clock.speed != 1 and not self._ports.clock.is_anchored:
            await asyncio.sleep(CLOCK_AGAIN_S)
            await self.set_clock()

    @property
    def feed_age_s(self) -> float | None:
        """Real seconds since the newest market event; None before the first."""
        return None if self._heard_s is None else time.monotonic() - self._heard_s

    @property
    def failing(self) -> tuple[str, ...]:
        """Timers whose last runs all failed."""
        return self._timers.failing

    async def run(self) -> None:
        """Trade until `stop`; any exception ends everything, and a restart recovers."""
        await self._first_clock()
        self.has_begun = True
        self._ports.inbox.put(self._started())
        async with asyncio.TaskGroup() as group:
            dispatch = group.create_task(self._dispatch.run(), name="dispatch")
            helpers = [
                group.create_task(self._pump(), name="stream"),
                group.create_task(self._tick(), name="ticks"),
                group.create_task(self._timers.run(), name="timers"),
            ]
            await self.runner.run(self.engine.ledger.state.at_ms)
            for task in helpers:
                task.cancel()
            self._dispatch.stop()
            await dispatch
        if self._recorder.unsaved:
            raise StoreError(
                f"{self._recorder.unsaved} records could not be written before the stop; make room "
                f"on the disk, start again and compare the account"
            )

    def _started(self) -> e.Started:
        start = self._start
        return e.Started(
            version=start.version,
            mode=start.mode,
            was_clean=self._ports.store.was_clean,
            balance=start.balance,
            venue=start.venue,
            arm=start.arm,
            is_paused=start.is_paused,
            account=start.account,
            untuned=start.untuned,
        )

    async def stop(self, farewell: Callable[[], Awaitable[None]] | None = None) -> None:
        """No more entries, the answers under way booked, the last checkpoint written.

        What `farewell` still says is noted as said: turns are made until it ends.
        """
        boot = self.engine.ledger.state.boot
        await self.submit(e.Shutdown(command_id=f"shutdown:{boot}", by="system"))
        if farewell is not None:
            await farewell()
        self._dispatch.drop_reads()
        self.runner.stop()

    async def _pump(self) -> None:
        """Market events into the inbox; at a scaled pace the market waits until we are done."""
        ports = self._ports
        async with aclosing(ports.data.events()) as events:
            async for event in events:
                self._heard_s = time.monotonic()
                ports.watcher.see(event)
                await ports.inbox.put_market(event)
                if ports.clock.speed != 1:
                    await self.runner.settled()

    async def _tick(self) -> None:
        every_ms = self._settings.schedule.tick_every_s * 1000
        speed = self._ports.clock.speed
        beat_ms = max(every_ms, BEAT_MIN_S * 1000 * speed)
        await pulse(int(beat_ms), speed, lambda: self._ports.inbox.put(e.Tick()))

    async def _read_instruments(self) -> None:
        self._dispatch.start([FetchInstruments()])

    def _snapshot(self) -> Snapshot:
        return Snapshot(self.engine.ledger.seq, self.engine.ledger.dump())
