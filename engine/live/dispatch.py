"""Carrying out intents: each one a call with a deadline that ends in exactly one event.

It exists so that an exit never waits for an entry, and neither waits for candles. It must never
retry a write, never invent an answer, and never swallow an exception that is not the port's own:
that one ends the process.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Literal, NamedTuple

from engine.core import events as e
from engine.core import intents as i
from engine.core.values import Order, Refusal
from engine.errors import Denied, ExchangeError, RefusedByExchange, Transient
from engine.live.inbox import Inbox
from engine.ports import Exchange, MarketData, MarketReader

SLOTS = 8  # orders and account
RESERVED = 2  # of these, kept free for exits and protection
FIND_SLOTS = 4  # look-ups of orders
READ_SLOTS = 4  # candles, tickers, instruments

Lane = Literal["urgent", "normal", "find", "read"]

DEADLINES_S: Mapping[type[i.Intent], float] = {
    i.PlaceOrder: 10.0,
    i.CancelOrder: 10.0,
    i.SetStop: 5.0,
    i.FindOrder: 10.0,
    i.FetchAccount: 15.0,
    i.FetchTickers: 20.0,
    i.FetchInstruments: 60.0,
    i.FetchHistory: 60.0,
    i.FetchInterest: 60.0,
}


class World(NamedTuple):
    """The ports that intents speak to."""

    exchange: Exchange
    reader: MarketReader
    data: MarketData


class _Job(NamedTuple):
    intent: i.Intent
    lane: Lane
    key: str  # jobs of one key run one after another, in order
    call: Callable[[], Awaitable[e.Event]]
    failed: Callable[[Exception], e.Event]


class Dispatch:
    """Starts intents in the order that matters, inside the task that runs `run`."""

    def __init__(
        self, world: World, inbox: Inbox, deadlines_s: Mapping[type[i.Intent], float] = DEADLINES_S
    ) -> None:
        self._world = world
        self._inbox = inbox
        self._deadlines_s = deadlines_s
        self._waiting: list[_Job] = []
        self._running: dict[asyncio.Task[None], _Job] = {}
        self._takes_reads = True
        self._group: asyncio.TaskGroup | None = None
        self._stopped = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """Intents that have not ended in an event yet."""
        return len(self._waiting) + len(self._running)

    def start(self, intents: Sequence[i.Intent]) -> None:
        """Take intents on; never blocks. After `stop` they are dropped: start-up asks again."""
        for intent in () if self._stopped.is_set() else intents:
            if isinstance(intent, i.Subscribe):
                self._world.data.subscribe(intent.symbols, intent.deep)
                continue
            if isinstance(intent, i.CancelOrder) and self._withdraw(intent.order):
                continue
            job = _job(intent, self._world)
            if (self._takes_reads or job.lane != "read") and not self._is_asked(job):
                self._waiting.append(job)
        self._pump()

    async def run(self) -> None:
        """Carry out until `stop`; an exception that is not the port's own comes out here."""
        async with asyncio.TaskGroup() as self._group:
            self._pump()
            await self._stopped.wait()

    def drop_reads(self) -> None:
        """From here on orders and account alone: nobody on the way out waits for candles."""
        self._takes_reads = False
        self._waiting = [job for job in self._waiting if job.lane != "read"]
        for task, job in self._running.items():
            if job.lane == "read":
                task.cancel()

    def stop(self) -> None:
        """End `run` once what is under way has ended; what still waits is dropped."""
        self._waiting.clear()
        self._stopped.set()

    def _withdraw(self, order: Order) -> bool:
        """Whether the entry to be canceled still waited here: then it never leaves."""
        sent = i.PlaceOrder(order)
        waits = [job for job in self._waiting if job.intent == sent and order.purpose.is_growing]
        for job in waits:
            self._waiting.remove(job)
            self._inbox.put(e.OrderRefused(order.id, Refusal.OTHER, "not sent: canceled before"))
        return bool(waits)

    def _is_asked(self, job: _Job) -> bool:
        """Whether the same question waits already, or is being answered: one answer is enough.

        A read of the account that runs may be older than the reason to read it again.
        """
        if not isinstance(job.intent, i.FindOrder | i.CancelOrder | i.FetchAccount):
            return False
        running = self._running.values() if not isinstance(job.intent, i.FetchAccount) else ()
        return any(other.intent == job.intent for other in (*self._waiting, *running))

    def _pump(self) -> None:
        while self._group is not None and (job := self._next()) is not None:
            self._waiting.remove(job)
            task = self._group.create_task(self._carry(job), name=type(job.intent).__name__)
            self._running[task] = job

    def _next(self) -> _Job | None:
        """The most urgent job, oldest first, whose key is idle and whose lane has a slot."""
        if not self._waiting:
            return None  # after nearly every turn
        taken = {job.key for job in self._running.values()}
        urgent_keys = {job.key for job in self._waiting if job.lane == "urgent"}
        ready: list[_Job] = []
        for job in self._waiting:
            is_free = job.key not in taken and not self._is_being_placed(job)
            if is_free and self._has_slot(job, is_urgent=job.key in urgent_keys):
                ready.append(job)
            taken.add(job.key)
        return min(ready, key=lambda job: job.key not in urgent_keys, default=None)

    def _is_being_placed(self, job: _Job) -> bool:
        """Whether the order asked about is on its way: it would be found missing."""
        if not isinstance(job.intent, i.FindOrder):
            return False
        sent = i.PlaceOrder(job.intent.order)
        return any(other.intent == sent for other in (*self._waiting, *self._running.values()))

    def _has_slot(self, job: _Job, *, is_urgent: bool) -> bool:
        """An entry in front of an exit of its own symbol is as urgent as that exit."""
        used = Counter(other.lane for other in self._running.values())
        if job.lane == "read":
            return used["read"] < READ_SLOTS
        if job.lane == "find":
            return used["find"] < FIND_SLOTS
        orders = used["urgent"] + used["normal"]
        return orders < (SLOTS if is_urgent else SLOTS - RESERVED)

    async def _carry(self, job: _Job) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            await self._deliver(await self._answer(job))
        except asyncio.CancelledError:
            if self._takes_reads:  # not by `drop_reads`: everything ends
                raise
            self._inbox.put(job.failed(Transient("stopping")))
        finally:
            del self._running[task]
        self._pump()

    async def _answer(self, job: _Job) -> e.Event:
        try:
            async with asyncio.timeout(self._deadlines_s[type(job.intent)]):
                return await job.call()
        except (ExchangeError, TimeoutError) as problem:
            return job.failed(problem)

    async def _deliver(self, event: e.Event) -> None:
        if isinstance(event, e.HistoryLoaded):
            await self._inbox.put_market(event)
        else:
            self._inbox.put(event)


def _job(intent: i.Intent, world: World) -> _Job:
    exchange = world.exchange
    match intent:
        case i.PlaceOrder(order):
            lane: Lane = "normal" if order.purpose.is_growing else "urgent"
            failed = _place_failed(order.id)
            return _Job(intent, lane, order.symbol, lambda: exchange.place(order), failed)
        case i.CancelOrder(order):
            # That of an entry follows its placing; that of a target holds up no exit.
            key = order.symbol if order.purpose.is_growing else f"cancel {order.id}"
            failed = _read_failed(f"cancel {order.id}")
            return _Job(intent, "urgent", key, lambda: exchange.cancel(order), failed)
        case i.FindOrder(order):
            key = f"find {order.id}"  # an exit of the symbol does not wait for an answer
            return _Job(intent, "find", key, lambda: exchange.find(order), _read_failed(key))
        case i.SetStop(position_id, symbol, side, price):
            return _Job(
                intent,
                "urgent",
                symbol,
                lambda: exchange.set_stop(position_id, symbol, side, price),
                _stop_failed(intent),
            )
        case _:
            return _reading(intent, world)


def _reading(intent: i.Intent, world: World) -> _Job:
    reader = world.reader
    match intent:
        case i.FetchAccount():
            call = world.exchange.account
            return _Job(intent, "urgent", "account", call, _read_failed("account"))
        case i.FetchTickers():
            return _Job(intent, "read", "tickers", reader.tickers, _read_failed("tickers"))
        case i.FetchInstruments():
            failed = _read_failed("instruments")
            return _Job(intent, "read", "instruments", reader.instruments, failed)
        case i.FetchHistory(symbol, since_ms):
            key = f"history {symbol}"
            fetch = partial(reader.history, symbol, since_ms)
            return _Job(intent, "read", key, fetch, _read_failed(key))
        case i.FetchInterest(symbol, since_ms):
            key = f"interest {symbol}"
            ask = partial(reader.interest, symbol, since_ms)
            return _Job(intent, "read", key, ask, _read_failed(key))
        case _:
            raise AssertionError(f"an intent nobody carries out: {intent!r}")


def _place_failed(order_id: str) -> Callable[[Exception], e.Event]:
    """Only proof is a refusal; anything else may have reached the exchange."""

    def failed(problem: Exception) -> e.Event:
        if isinstance(problem, RefusedByExchange):
            return e.OrderRefused(order_id, problem.refusal, _words(problem))
        if isinstance(problem, Denied):
            return e.OrderRefused(order_id, Refusal.OTHER, _words(problem))
        return e.OrderUnknown(order_id, _words(problem))

    return failed


def _stop_failed(intent: i.SetStop) -> Callable[[Exception], e.Event]:
    """The same of a stop: it may stand although nobody said so."""

    def failed(problem: Exception) -> e.Event:
        is_proof = isinstance(problem, RefusedByExchange | Denied)
        answer = e.StopRefused if is_proof else e.StopUnknown
        return answer(intent.position_id, intent.price, _words(problem))

    return failed


def _read_failed(what: str) -> Callable[[Exception], e.Event]:
    return lambda problem: e.FetchFailed(what, _words(problem))


def _words(problem: Exception) -> str:
    return "no answer in time" if isinstance(problem, TimeoutError) else str(problem)
