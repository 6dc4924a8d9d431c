import asyncio

import numpy as np
import pytest

from engine.core.events import (
    CandlesClosed,
    Event,
    FetchFailed,
    HistoryLoaded,
    QuoteSeen,
    StreamDown,
    StreamUp,
    Tick,
)
from engine.core.values import Bar
from engine.live.inbox import Inbox, InboxFull


def quote(symbol: str, bid: float) -> QuoteSeen:
    return QuoteSeen(symbol, bid, bid + 1, bid, 1000)


def bar(symbol: str, open_ms: int = 0) -> Bar:
    return Bar(symbol, open_ms, 1.0, 2.0, 0.5, 1.5, 10.0)


def closed(*symbols: str) -> CandlesClosed:
    return CandlesClosed(tuple(bar(symbol) for symbol in symbols))


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
