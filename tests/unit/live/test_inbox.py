import asyncio

import numpy as np
import pytest

from engine.core.events import (
    BookLost,
    BookSeen,
    CandlesClosed,
    Event,
    FetchFailed,
    FlowDown,
    FlowUp,
    HistoryLoaded,
    MarketEvent,
    PrintsSeen,
    QuoteSeen,
    StreamDown,
    StreamUp,
    Tick,
)
from engine.core.values import Bar, OrderSide, Print
from engine.live.inbox import BUSY_S, Inbox, InboxFull


def quote(symbol: str, bid: float) -> QuoteSeen:
    return QuoteSeen(symbol, bid, bid + 1, bid, 1000)


def bar(symbol: str, open_ms: int = 0) -> Bar:
    return Bar(symbol, open_ms, 1.0, 2.0, 0.5, 1.5, 10.0)


def closed(*symbols: str) -> CandlesClosed:
    return CandlesClosed(tuple(bar(symbol) for symbol in symbols))


def book(symbol: str, at: int) -> BookSeen:
    return BookSeen(symbol, np.array([[1.0, 2.0]]), np.array([[3.0, 2.0]]), at)


def printed(symbol: str, *times: int) -> PrintsSeen:
    return PrintsSeen(symbol, tuple(Print(at, 1.0, 2.0, OrderSide.BUY) for at in times))


async def fill(inbox: Inbox, *events: MarketEvent) -> None:
    for event in events:
        await inbox.put_market(event)


async def drain(inbox: Inbox, count: int) -> list[Event]:
    return [await asyncio.wait_for(inbox.get(), 1) for _ in range(count)]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_account_lane_goes_first_and_keeps_its_order() -> None:
    inbox = Inbox()
    await inbox.put_market(quote("A", 1))
    inbox.put(Tick())
    inbox.put(FetchFailed("tickers", "no"))

    assert inbox.account_waiting == 2
    assert await drain(inbox, 3) == [Tick(), FetchFailed("tickers", "no"), quote("A", 1)]
    assert inbox.account_waiting == 0


async def test_a_newer_quote_takes_the_place_of_the_older() -> None:
    inbox = Inbox()
    for event in (quote("A", 1), quote("B", 1), quote("A", 2), quote("C", 1), quote("A", 3)):
        await inbox.put_market(event)

    assert await drain(inbox, 3) == [quote("A", 3), quote("B", 1), quote("C", 1)]


async def test_all_bars_waiting_are_one_event() -> None:
    inbox = Inbox()
    await inbox.put_market(closed("A", "B"))
    await inbox.put_market(quote("A", 1))
    await inbox.put_market(closed("C"))

    assert await drain(inbox, 2) == [closed("A", "B", "C"), quote("A", 1)]
    await inbox.put_market(closed("D"))
    assert await drain(inbox, 1) == [closed("D")]


async def test_what_happened_to_the_stream_keeps_its_place_among_the_bars() -> None:
    inbox = Inbox()
    history = HistoryLoaded("A", np.array([0]), np.ones((1, 5)))
    events = [closed("A"), StreamDown(("A",), "cut"), history, StreamUp(("A",)), closed("A")]
    for event in events:
        await inbox.put_market(event)  # type: ignore[arg-type]  # a list of mixed market events
    await inbox.put_market(closed("B"))

    got = await drain(inbox, 5)
    assert got == [*events[:2], history, events[3], closed("A", "B")]
    assert got[2] is history


async def test_who_waits_for_an_event_is_woken_by_either_lane() -> None:
    inbox = Inbox()
    first = asyncio.create_task(inbox.get())
    await settle()
    inbox.put(Tick())
    assert await asyncio.wait_for(first, 1) == Tick()

    second = asyncio.create_task(inbox.get())
    await settle()
    await inbox.put_market(quote("A", 1))
    assert await asyncio.wait_for(second, 1) == quote("A", 1)


async def test_a_busy_market_lets_answers_that_are_ready_overtake() -> None:
    inbox = Inbox()
    for symbol in "ABC":
        await inbox.put_market(quote(symbol, 1))

    async def answer() -> None:
        inbox.put(Tick())

    task = asyncio.create_task(answer())
    assert await drain(inbox, 2) == [Tick(), quote("A", 1)]
    await task


async def test_too_many_bars_make_their_source_wait_and_quotes_do_not() -> None:
    inbox = Inbox(market_slots=3)
    await inbox.put_market(closed("A", "B"))
    await inbox.put_market(closed("C", "D"))
    waiting = [
        asyncio.create_task(inbox.put_market(event))
        for event in (StreamUp(("E",)), closed("F"), StreamUp(("G",)), StreamUp(("H",)))
    ]
    await settle()
    assert not any(task.done() for task in waiting)
    await inbox.put_market(quote("A", 1))

    assert await drain(inbox, 1) == [closed("A", "B", "C", "D")]
    await settle()
    assert [task.done() for task in waiting] == [True, True, True, False]
    assert await drain(inbox, 2) == [quote("A", 1), StreamUp(("E",))]
    await asyncio.wait_for(asyncio.gather(*waiting), 1)
    assert await drain(inbox, 3) == [closed("F"), StreamUp(("G",)), StreamUp(("H",))]


async def test_a_full_account_lane_is_an_error() -> None:
    inbox = Inbox(account_slots=2)
    inbox.put(Tick())
    inbox.put(Tick())
    with pytest.raises(InboxFull, match="expected at most 2 events, found it full at Tick"):
        inbox.put(Tick())


async def test_market_events_have_their_own_door() -> None:
    with pytest.raises(AssertionError):
        Inbox().put(quote("A", 1))


async def test_a_newer_book_takes_the_place_of_the_older() -> None:
    inbox = Inbox()
    old, new = book("A", 1), book("A", 2)
    await fill(inbox, old, quote("A", 1), book("B", 1), new)
    got = await drain(inbox, 3)
    assert [type(event) for event in got] == [BookSeen, QuoteSeen, BookSeen]
    assert got[0] is new
    assert inbox.is_empty


async def test_a_lost_book_is_not_followed_by_what_was_before_it() -> None:
    inbox = Inbox()
    lost, after, other = BookLost("A", "gap"), book("A", 2), book("B", 1)
    await fill(inbox, book("A", 1), other, lost, after)
    got = await drain(inbox, 3)
    assert got[1] is lost
    assert (got[0] is other, got[2] is after, inbox.is_empty) == (True, True, True)


async def test_what_flows_is_parted_by_its_ups_and_downs() -> None:
    inbox = Inbox()
    down, up, after = FlowDown(("A",), "cut"), FlowUp(("A",), 5), book("A", 6)
    before: list[MarketEvent] = [printed("A", 1), printed("B", 1), book("A", 1)]
    await fill(inbox, *before, down, book("A", 2), up, after, printed("A", 6), printed("B", 6))
    got = await drain(inbox, 6)
    assert got == [printed("A", 1), printed("B", 1, 6), down, up, after, printed("A", 6)]
    assert inbox.is_empty


async def test_all_prints_of_a_symbol_that_wait_are_one_event() -> None:
    inbox = Inbox()
    await fill(inbox, printed("A", 1, 2), printed("B", 1), closed("A"), printed("A", 3))
    assert await drain(inbox, 2) == [printed("A", 1, 2, 3), printed("B", 1)]
    await fill(inbox, printed("A", 4), printed("B", 4))
    assert await drain(inbox, 3) == [closed("A"), printed("A", 4), printed("B", 4)]


async def test_too_many_prints_make_their_source_wait_and_none_is_dropped() -> None:
    inbox = Inbox(print_slots=3)
    await fill(inbox, printed("A", 1, 2), printed("B", 3, 4))
    late = asyncio.create_task(inbox.put_market(printed("A", 5)))
    await fill(inbox, book("A", 1), quote("A", 1))
    await settle()
    assert not late.done()
    assert await drain(inbox, 1) == [printed("A", 1, 2)]
    await asyncio.wait_for(late, 1)
    assert (await drain(inbox, 4))[::3] == [printed("B", 3, 4), printed("A", 5)]


async def test_a_market_that_is_busy_for_long_lets_others_go_on() -> None:
    times = iter([0.0, 0.0, BUSY_S / 2, 1.5 * BUSY_S, 1.5 * BUSY_S, 1.5 * BUSY_S])
    inbox = Inbox(monotonic=lambda: next(times))
    await fill(inbox, *(quote(symbol, 1) for symbol in "ABCD"))
    done: list[str] = []

    async def other() -> None:
        for number in range(2):
            done.append(f"other {number}")
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    for _ in range(4):
        event = await inbox.get()
        assert isinstance(event, QuoteSeen)
        done.append(event.symbol)
    await task
    assert done == ["other 0", "A", "B", "other 1", "C", "D"]
