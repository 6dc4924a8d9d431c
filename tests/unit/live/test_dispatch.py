import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial

import numpy as np
import pytest

from engine.core.events import (
    AccountSeen,
    Event,
    FetchFailed,
    HistoryLoaded,
    InstrumentsLoaded,
    InterestLoaded,
    MarketEvent,
    OrderAccepted,
    OrderGone,
    OrderRefused,
    OrderUnknown,
    StopRefused,
    StopSet,
    StopUnknown,
    TickersLoaded,
)
from engine.core.intents import (
    CancelOrder,
    FetchAccount,
    FetchHistory,
    FetchInstruments,
    FetchInterest,
    FetchTickers,
    FindOrder,
    Intent,
    PlaceOrder,
    SetStop,
    Subscribe,
)
from engine.core.values import (
    Book,
    Ms,
    Order,
    OrderKind,
    OrderSide,
    OrderState,
    Purpose,
    Refusal,
    Side,
)
from engine.errors import Denied, OutcomeUnknown, RateLimited, RefusedByExchange, Transient
from engine.live.dispatch import DEADLINES_S, Dispatch, World
from engine.live.inbox import Inbox

HISTORY = HistoryLoaded("A", np.array([0]), np.ones((1, 5)))
ACCOUNT = AccountSeen(Decimal(1), (), (), ())


def order(symbol: str, purpose: Purpose = Purpose.ENTRY, number: int = 1) -> Order:
    return Order(
        id=f"{symbol}-{purpose}-{number}",
        position_id=1,
        symbol=symbol,
        purpose=purpose,
        side=OrderSide.BUY,
        kind=OrderKind.IOC,
        qty=Decimal(1),
        reduce_only=not purpose.is_growing,
        reason="because",
    )


ENTRY = order("A")
STOP = SetStop(7, "A", Side.LONG, Decimal(90))


class Venue:
    """Every port at once: calls are noted, and wait for `open` while it is shut."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.problem: Exception | None = None
        self.wanted: Sequence[str] = ()
        self.open = asyncio.Event()
        self.open.set()

    async def _call(self, what: str, event: Event) -> Event:
        self.calls.append(what)
        await self.open.wait()
        if self.problem is not None:
            raise self.problem
        return event

    async def place(self, order: Order) -> Event:
        return await self._call(f"place {order.id}", OrderAccepted(order.id, "v1"))

    async def cancel(self, order: Order) -> Event:
        return await self._call(f"cancel {order.id}", OrderGone(order.id, OrderState.CANCELED))

    async def set_stop(self, position_id: int, symbol: str, side: Side, price: Decimal) -> Event:
        return await self._call(f"stop {symbol} {side}", StopSet(position_id, price))

    async def find(self, order: Order) -> Event:
        return await self._call(f"find {order.id}", OrderGone(order.id, OrderState.FILLED))

    async def account(self) -> AccountSeen:
        await self._call("account", ACCOUNT)
        return ACCOUNT

    async def instruments(self) -> InstrumentsLoaded:
        await self._call("instruments", ACCOUNT)
        return InstrumentsLoaded(())

    async def tickers(self) -> TickersLoaded:
        await self._call("tickers", ACCOUNT)
        return TickersLoaded(())

    async def history(self, symbol: str, since_ms: Ms) -> HistoryLoaded:
        await self._call(f"history {symbol} {since_ms}", ACCOUNT)
        return HISTORY

    async def interest(self, symbol: str, since_ms: Ms) -> InterestLoaded:
        await self._call(f"interest {symbol} {since_ms}", ACCOUNT)
        return InterestLoaded(symbol, ())

    async def book(self, symbol: str, depth: int) -> Book:
        raise NotImplementedError

    async def time_ms(self) -> Ms:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError

    def subscribe(self, symbols: Sequence[str], deep: Sequence[str] = ()) -> None:
        self.wanted = (*symbols, *deep)

    def events(self) -> AsyncGenerator[MarketEvent, None]:
        raise NotImplementedError


class Room:
    """A dispatch at work, with its venue and inbox."""

    def __init__(self, deadline_s: float | None = None, market_slots: int = 100) -> None:
        self.venue, self.inbox = Venue(), Inbox(market_slots=market_slots)
        world = World(self.venue, self.venue, self.venue)
        deadlines = DEADLINES_S if deadline_s is None else dict.fromkeys(DEADLINES_S, deadline_s)
        self.dispatch = Dispatch(world, self.inbox, deadlines)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator["Room"]:
        running = asyncio.create_task(self.dispatch.run())
        yield self
        self.venue.open.set()
        self.dispatch.stop()
        await asyncio.wait_for(running, 1)

    async def events(self, count: int) -> list[Event]:
        return [await asyncio.wait_for(self.inbox.get(), 1) for _ in range(count)]

    async def calls(self, *intents: Intent) -> list[str]:
        """What the venue is asked at first, when it answers nothing."""
        self.venue.open.clear()
        self.dispatch.start(intents)
        await settle()
        return self.venue.calls


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("intent", "call", "event"),
    [
        (PlaceOrder(ENTRY), f"place {ENTRY.id}", OrderAccepted(ENTRY.id, "v1")),
        (CancelOrder(ENTRY), f"cancel {ENTRY.id}", OrderGone(ENTRY.id, OrderState.CANCELED)),
        (FindOrder(ENTRY), f"find {ENTRY.id}", OrderGone(ENTRY.id, OrderState.FILLED)),
        (STOP, "stop A LONG", StopSet(7, Decimal(90))),
        (FetchAccount(), "account", ACCOUNT),
        (FetchTickers(), "tickers", TickersLoaded(())),
        (FetchInstruments(), "instruments", InstrumentsLoaded(())),
        (FetchHistory("A", 5), "history A 5", HISTORY),
        (FetchInterest("A", 5), "interest A 5", InterestLoaded("A", ())),
    ],
)
async def test_each_intent_is_one_call_and_one_event(
    intent: Intent, call: str, event: Event
) -> None:
    async with Room().at_work() as room:
        room.dispatch.start([intent])
        assert room.dispatch.in_flight == 1
        assert await room.events(1) == [event]
        await settle()
        assert (room.venue.calls, room.dispatch.in_flight) == ([call], 0)


async def test_subscribe_is_handed_over_at_once() -> None:
    room = Room()
    room.dispatch.start([Subscribe(("A", "B"))])
    assert (room.venue.wanted, room.dispatch.in_flight) == (("A", "B"), 0)


LATE = "no answer in time"
Failure = Callable[[str], Event]
FAILURES: list[tuple[Intent, Failure]] = [
    (PlaceOrder(ENTRY), partial(OrderUnknown, ENTRY.id)),
    (CancelOrder(ENTRY), partial(FetchFailed, f"cancel {ENTRY.id}")),
    (FindOrder(ENTRY), partial(FetchFailed, f"find {ENTRY.id}")),
    (STOP, partial(StopUnknown, 7, Decimal(90))),
    (FetchAccount(), partial(FetchFailed, "account")),
    (FetchTickers(), partial(FetchFailed, "tickers")),
    (FetchInstruments(), partial(FetchFailed, "instruments")),
    (FetchHistory("A", 5), partial(FetchFailed, "history A")),
    (FetchInterest("A", 5), partial(FetchFailed, "interest A")),
]


@pytest.mark.parametrize(
    "problem",
    [OutcomeUnknown("reset"), Transient("502"), RateLimited("tickers", 5), TimeoutError()],
)
@pytest.mark.parametrize(("intent", "failure"), FAILURES)
async def test_a_failed_call_is_one_event_too(
    intent: Intent, failure: Failure, problem: Exception
) -> None:
    async with Room().at_work() as room:
        room.venue.problem = problem
        room.dispatch.start([intent])
        assert await room.events(1) == [failure(str(problem) or LATE)]


@pytest.mark.parametrize(("intent", "failure"), FAILURES)
async def test_a_call_without_an_answer_ends_at_its_deadline(
    intent: Intent, failure: Failure
) -> None:
    async with Room(deadline_s=0.001).at_work() as room:
        room.venue.open.clear()
        room.dispatch.start([intent])
        assert await room.events(1) == [failure(LATE)]


POOR, EXPIRED = RefusedByExchange(Refusal.FUNDS, "too poor"), Denied("key expired")


@pytest.mark.parametrize(
    ("intent", "problem", "event"),
    [
        (PlaceOrder(ENTRY), POOR, OrderRefused(ENTRY.id, Refusal.FUNDS, "FUNDS: too poor")),
        (PlaceOrder(ENTRY), EXPIRED, OrderRefused(ENTRY.id, Refusal.OTHER, "key expired")),
        (STOP, POOR, StopRefused(7, Decimal(90), "FUNDS: too poor")),
        (STOP, EXPIRED, StopRefused(7, Decimal(90), "key expired")),
    ],
)
async def test_a_proven_refusal_is_final(intent: Intent, problem: Exception, event: Event) -> None:
    async with Room().at_work() as room:
        room.venue.problem = problem
        room.dispatch.start([intent])
        assert await room.events(1) == [event]


async def test_symbols_run_side_by_side_and_each_in_order() -> None:
    async with Room().at_work() as room:
        exits = [PlaceOrder(order(s, Purpose.EXIT, n)) for s in "AB" for n in (1, 2)]
        assert await room.calls(*exits) == ["place A-EXIT-1", "place B-EXIT-1"]
        room.venue.open.set()
        await room.events(4)
        assert room.venue.calls[2:] == ["place A-EXIT-2", "place B-EXIT-2"]


async def test_at_most_eight_run_and_entries_leave_two_places_free() -> None:
    async with Room().at_work() as room:
        entries = [PlaceOrder(order(f"E{n}")) for n in range(9)]
        exits = [PlaceOrder(order(f"X{n}", Purpose.EXIT)) for n in range(4)]
        assert await room.calls(*entries) == [f"place E{n}-ENTRY-1" for n in range(6)]
        assert (await room.calls(*exits))[6:] == ["place X0-EXIT-1", "place X1-EXIT-1"]
        assert room.dispatch.in_flight == 13

        room.venue.open.set()
        await room.events(13)
        assert room.venue.calls[8:10] == ["place X2-EXIT-1", "place X3-EXIT-1"]
        assert len(room.venue.calls) == 13


async def test_exits_and_protection_start_before_entries() -> None:
    async with Room().at_work() as room:
        intents: list[Intent] = [PlaceOrder(order("A")), FetchTickers(), FetchAccount()]
        intents += [PlaceOrder(order("D", Purpose.ADDON))]
        intents += [PlaceOrder(order("B", Purpose.EXIT)), SetStop(1, "C", Side.SHORT, Decimal(1))]
        assert await room.calls(*intents) == [
            "account",
            "place B-EXIT-1",
            "stop C SHORT",
            "place A-ENTRY-1",
            "tickers",
            "place D-ADDON-1",
        ]


async def test_an_entry_in_front_of_an_exit_of_its_symbol_does_not_hold_it_up() -> None:
    async with Room().at_work() as room:
        entries = [PlaceOrder(order(f"E{n}")) for n in range(7)]
        await room.calls(*entries, PlaceOrder(order("E6", Purpose.EXIT)))
        assert room.venue.calls[0] == "place E6-ENTRY-1"


async def test_candles_take_no_place_of_an_order_and_wait_for_each_other() -> None:
    async with Room().at_work() as room:
        reads = [FetchHistory(f"H{n}", 0) for n in range(20)]
        exits = [PlaceOrder(order(f"X{n}", Purpose.EXIT)) for n in range(8)]
        calls = await room.calls(*reads, *exits)
        assert sorted(calls) == [
            *(f"history H{n} 0" for n in range(4)),
            *(f"place X{n}-EXIT-1" for n in range(8)),
        ]


async def test_intents_from_before_the_start_are_not_lost() -> None:
    room = Room()
    room.dispatch.start([FetchAccount()])
    assert room.venue.calls == []
    async with room.at_work():
        assert await room.events(1) == [ACCOUNT]


async def test_history_waits_for_room_in_the_inbox() -> None:
    async with Room(market_slots=1).at_work() as room:
        room.dispatch.start([FetchHistory("A", 0), FetchHistory("B", 0)])
        await settle()
        assert room.dispatch.in_flight == 1
        assert await room.events(2) == [HISTORY, HISTORY]


async def test_what_is_no_error_of_the_port_ends_the_process() -> None:
    room = Room()
    room.venue.problem = ZeroDivisionError()
    running = asyncio.create_task(room.dispatch.run())
    room.dispatch.start([FetchAccount()])
    with pytest.raises(ExceptionGroup) as caught:
        await asyncio.wait_for(running, 1)
    assert [type(problem) for problem in caught.value.exceptions] == [ZeroDivisionError]


async def test_stop_waits_for_what_is_under_way_and_drops_the_rest() -> None:
    room = Room()
    running = asyncio.create_task(room.dispatch.run())
    exits = [PlaceOrder(order("A", Purpose.EXIT, n)) for n in (1, 2)]
    assert await room.calls(*exits) == ["place A-EXIT-1"]
    room.dispatch.stop()
    room.dispatch.start([FetchAccount()])
    await settle()
    assert not running.done()

    room.venue.open.set()
    await asyncio.wait_for(running, 1)
    assert await room.events(1) == [OrderAccepted("A-EXIT-1", "v1")]
    assert room.venue.calls == ["place A-EXIT-1"]


async def test_on_the_way_out_reads_end_at_once_and_orders_do_not() -> None:
    async with Room(market_slots=0).at_work() as room:
        reads = [FetchTickers(), FetchHistory("A", 5), FetchInstruments(), FetchHistory("B", 5)]
        assert len(await room.calls(*reads, FetchHistory("C", 5), PlaceOrder(ENTRY))) == 5
        room.dispatch.drop_reads()
        room.dispatch.start([FetchTickers()])
        assert await room.events(4) == [
            FetchFailed(what, "stopping")
            for what in ("tickers", "history A", "instruments", "history B")
        ]
        assert room.dispatch.in_flight == 1
        room.venue.open.set()
        assert await room.events(1) == [OrderAccepted(ENTRY.id, "v1")]


async def test_a_history_that_waits_for_room_does_not_hold_up_the_end() -> None:
    async with Room(market_slots=0).at_work() as room:
        room.dispatch.start([FetchHistory("A", 5)])
        await settle()
        room.dispatch.drop_reads()
        assert await room.events(1) == [FetchFailed("history A", "stopping")]


async def test_an_end_from_outside_is_not_taken_for_a_dropped_read() -> None:
    room = Room()
    running = asyncio.create_task(room.dispatch.run())
    await room.calls(FetchTickers())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert room.inbox.is_empty


async def test_an_unknown_intent_is_our_bug() -> None:
    class Odd(Intent, frozen=True):
        pass

    with pytest.raises(AssertionError, match="nobody carries out"):
        Room().dispatch.start([Odd()])
