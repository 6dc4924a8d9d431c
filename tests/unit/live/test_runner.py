import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from engine.core.events import DiskSeen, Event, FetchFailed, OrderRefused, Pause, Tick
from engine.core.facts import CommandDone, Incident, Record
from engine.core.intents import FetchAccount, FetchTickers, Intent, Outcome, PlaceOrder
from engine.core.values import Ms, Order, OrderKind, OrderSide, Purpose, Refusal
from engine.errors import StoreError
from engine.live import runner as module
from engine.live.inbox import Inbox
from engine.live.recorder import Recorder, Snapshot
from engine.live.runner import EngineStopped, Runner

FAILED = FetchFailed("tickers", "no")
PAUSE = Pause(command_id="c1", by="me")


def order(purpose: Purpose) -> Order:
    return Order(
        id=f"o-{purpose}",
        position_id=1,
        symbol="A",
        purpose=purpose,
        side=OrderSide.BUY,
        kind=OrderKind.MARKET,
        qty=Decimal(1),
        reduce_only=False,
        reason="because",
    )


class Script:
    """An engine that answers each kind of event as written down, and notes what it saw."""

    def __init__(self, diary: list[str]) -> None:
        self.diary = diary
        self.seen: list[tuple[Ms, Event]] = []
        self.answers: dict[type[Event], tuple[list[Incident | CommandDone], list[Intent]]] = {}
        self.problem: Exception | None = None
        self.seq = 0

    def step(self, at_ms: Ms, event: Event) -> Outcome:
        self.seen.append((at_ms, event))
        if self.problem is not None:
            raise self.problem
        facts, intents = self.answers.get(type(event), ([], []))
        records = tuple(Record(self.seq + n, at_ms, fact) for n, fact in enumerate(facts, 1))
        self.seq += len(records)
        self.diary.append("step")
        return Outcome(records, tuple(intents))


class Disk:
    """A store that notes; refuses while `problem` says so."""

    is_low = False

    def __init__(self, diary: list[str]) -> None:
        self.diary = diary
        self.problem: str | None = None
        self.records: list[Record] = []
        self.checkpoints: list[int] = []

    async def append(self, records: Sequence[Record]) -> None:
        await asyncio.sleep(0)
        if self.problem is not None:
            raise StoreError(self.problem)
        self.diary.append("durable")
        self.records.extend(records)

    async def checkpoint(self, state: dict[str, Any], seq: int) -> None:
        assert state == {"seq": seq}
        self.checkpoints.append(seq)


class Carrier:
    """Notes the intents it is given."""

    def __init__(self, diary: list[str]) -> None:
        self.diary = diary
        self.intents: list[Intent] = []
        self.in_flight = 0

    def start(self, intents: Sequence[Intent]) -> None:
        self.intents.extend(intents)
        self.diary.append("act")


class HandClock:
    """A clock moved by hand, also backward."""

    def __init__(self) -> None:
        self.ms: Ms = 1000

    def now_ms(self) -> Ms:
        return self.ms


class Room:
    """A runner with everything around it."""

    def __init__(self) -> None:
        self.diary: list[str] = []
        self.engine, self.disk = Script(self.diary), Disk(self.diary)
        self.carrier, self.clock, self.inbox = Carrier(self.diary), HandClock(), Inbox()
        recorder = Recorder(self.disk, self.snapshot, self.inbox.put, 1000)
        self.runner = Runner(self.engine, self.inbox, self.clock, recorder, self.carrier)
        self.turns: list[Ms] = []
        self.turned = asyncio.Event()
        self.runner.after_turn(self.note)

    def snapshot(self) -> Snapshot:
        return Snapshot(self.engine.seq, {"seq": self.engine.seq})

    @asynccontextmanager
    async def at_work(self, floor_ms: Ms = 0) -> AsyncIterator["Room"]:
        running = asyncio.create_task(self.runner.run(floor_ms))
        yield self
        self.runner.stop()
        await asyncio.wait_for(running, 1)

    async def turn(self, *events: Event) -> None:
        for event in events:
            self.inbox.put(event)
        await self.reach(len(self.turns) + len(events))

    def note(self, at_ms: Ms) -> None:
        self.turns.append(at_ms)
        self.turned.set()

    async def reach(self, turns: int) -> None:
        while len(self.turns) < turns:
            self.turned.clear()
            await asyncio.wait_for(self.turned.wait(), 1)


async def test_a_turn_steps_saves_tells_and_acts_in_this_order(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "engine.facts")
    async with Room().at_work() as room:
        told: list[Record] = []

        def tell(records: Sequence[Record]) -> None:
            told.extend(records)
            room.diary.append("tell")

        room.runner.listen(tell)
        room.engine.answers[FetchFailed] = ([Incident("a", "b")], [FetchTickers()])

        await room.turn(FAILED)

        assert room.diary == ["step", "durable", "tell", "act"]
        assert room.engine.seen == [(1000, FAILED)]
        record = Record(1, 1000, Incident("a", "b"))
        assert (room.disk.records, told) == ([record], [record])
        assert room.carrier.intents == [FetchTickers()]
        assert [r.getMessage() for r in caplog.records] == ["incident"]


async def test_a_turn_without_records_writes_and_tells_nothing() -> None:
    async with Room().at_work() as room:
        room.runner.listen(lambda _: room.diary.append("tell"))
        await room.turn(FAILED)
        assert room.diary == ["step", "act"]


async def test_the_stamp_never_decreases() -> None:
    async with Room().at_work(floor_ms=5000) as room:
        await room.turn(FAILED)
        room.clock.ms = 7000
        await room.turn(FAILED)
        room.clock.ms = 6000
        await room.turn(FAILED)
        assert [at_ms for at_ms, _ in room.engine.seen] == [5000, 7000, 7000]
        assert room.turns == [5000, 7000, 7000]


async def test_who_no_longer_listens_is_not_called() -> None:
    async with Room().at_work() as room:
        room.engine.answers[FetchFailed] = ([Incident("a", "b")], [])
        seen: list[int] = []
        unsubscribe = room.runner.listen(lambda records: seen.append(records[0].seq))
        await room.turn(FAILED)
        unsubscribe()
        await room.turn(FAILED)
        assert seen == [1]


async def test_a_listener_that_fails_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async with Room().at_work() as room:
        room.engine.answers[FetchFailed] = ([Incident("a", "b")], [])
        seen: list[int] = []

        def broken(_: Sequence[Record]) -> None:
            raise ZeroDivisionError

        room.runner.listen(broken)
        room.runner.listen(lambda records: seen.append(records[0].seq))
        await room.turn(FAILED)
        assert seen == [1]
        assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == [
            "listener.failed"
        ]


async def test_a_command_is_answered_with_the_records_of_its_turn() -> None:
    async with Room().at_work() as room:
        done = CommandDone("c1", "me", "pause", "")
        room.engine.answers[Pause] = ([done], [])
        first = asyncio.create_task(room.runner.submit(PAUSE))
        again = asyncio.create_task(room.runner.submit(PAUSE))
        expected = (Record(1, 1000, done),)

        assert await asyncio.wait_for(first, 1) == expected
        assert await asyncio.wait_for(again, 1) == expected
        assert room.engine.seen == [(1000, PAUSE)]


async def test_who_gives_up_waiting_changes_nothing_for_others() -> None:
    async with Room().at_work() as room:
        first = asyncio.create_task(room.runner.submit(PAUSE))
        again = asyncio.create_task(room.runner.submit(PAUSE))
        await asyncio.sleep(0)  # both have put their question
        first.cancel()
        assert await asyncio.wait_for(again, 1) == ()
        await room.turn(PAUSE)  # nobody waits for this one
        assert len(room.engine.seen) == 2


async def test_without_a_journal_exits_leave_and_entries_do_not() -> None:
    async with Room().at_work() as room:
        told: list[Record] = []
        room.runner.listen(told.extend)
        intents = [PlaceOrder(order(p)) for p in (Purpose.ENTRY, Purpose.EXIT, Purpose.STOP)]
        room.engine.answers[FetchFailed] = ([Incident("a", "b")], [*intents, FetchAccount()])
        room.disk.problem = "disk full"

        await room.turn(FAILED)
        await room.reach(3)

        assert room.carrier.intents == [*intents[1:], FetchAccount()]
        assert [event for _, event in room.engine.seen] == [
            FAILED,
            DiskSeen("disk full"),
            OrderRefused("o-ENTRY", Refusal.OTHER, "journal not written"),
        ]
        assert [r.seq for r in told] == [1]

        room.disk.problem = None
        await room.turn(FAILED)
        await room.reach(5)
        assert [r.seq for r in room.disk.records] == [1, 2]
        assert room.carrier.intents[3:] == [*intents, FetchAccount()]
        assert room.engine.seen[-1][1] == DiskSeen(None)


async def test_a_failed_step_ends_the_process_with_its_last_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    room = Room()
    room.engine.answers[FetchFailed] = ([Incident("a", "b")], [])
    running = asyncio.create_task(room.runner.run())
    await room.turn(FAILED)
    waiting = asyncio.create_task(room.runner.submit(PAUSE))
    room.engine.problem = AssertionError("impossible")

    with pytest.raises(AssertionError, match="impossible"):
        await asyncio.wait_for(running, 1)

    (last,) = (r for r in caplog.records if r.levelno == logging.CRITICAL)
    fields = vars(last)["fields"]
    assert (last.getMessage(), fields["last_facts"]) == ("engine.crashed", "1:incident")
    assert fields["on"] == repr(PAUSE)
    assert last.exc_info is not None
    with pytest.raises(EngineStopped, match="command c1: the engine has stopped"):
        await waiting
    with pytest.raises(EngineStopped, match="Pause: the engine has stopped"):
        await room.runner.submit(PAUSE)


async def test_settled_waits_for_the_turn_and_for_what_is_under_way() -> None:
    room = Room()
    async with room.at_work():
        room.carrier.in_flight = 1
        settled = asyncio.create_task(room.runner.settled())
        await room.turn(Tick())
        assert not settled.done()

        room.carrier.in_flight = 0
        await room.turn(FAILED)
        await asyncio.wait_for(settled, 1)


async def test_nobody_waits_for_a_runner_that_has_ended() -> None:
    room = Room()
    async with room.at_work():
        await room.turn(Tick())
    await asyncio.wait_for(room.runner.settled(), 1)


async def test_a_checkpoint_follows_the_turn_in_which_it_was_asked_for() -> None:
    room = Room()
    async with room.at_work():
        room.engine.answers[FetchFailed] = ([Incident("a", "b")], [])
        await room.turn(FAILED)
        assert room.disk.checkpoints == []
    assert room.disk.checkpoints == [1]


async def test_stop_books_the_answers_under_way_before_the_last_checkpoint() -> None:
    room = Room()
    running = asyncio.create_task(room.runner.run())
    room.engine.answers[FetchFailed] = ([Incident("a", "b")], [])
    room.carrier.in_flight = 1
    room.runner.stop()
    room.runner.stop()
    await room.reach(1)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not running.done()

    room.carrier.in_flight = 0
    await room.turn(FAILED)
    await asyncio.wait_for(running, 1)
    assert [event for _, event in room.engine.seen] == [Tick(), FAILED]
    assert room.disk.checkpoints == [1]


async def test_stop_does_not_wait_for_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "DRAIN_S", 0.01)
    room = Room()
    room.carrier.in_flight = 1
    async with room.at_work():
        pass
    assert [r.getMessage() for r in caplog.records] == ["drain.ended"]


async def test_stop_does_not_follow_events_that_never_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "DRAIN_S", 0.01)
    room = Room()
    flood: list[Tick] = []

    def pour(_: int) -> None:
        for tick in flood:
            room.inbox.put(tick)

    room.runner.after_turn(pour)
    async with room.at_work():
        await room.turn(Tick())
        flood.append(Tick())
    assert "drain.ended" in [r.getMessage() for r in caplog.records]
