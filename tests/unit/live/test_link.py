"""Books and trades of followed symbols: when they are told to flow, and when not any more."""

from collections.abc import AsyncIterator

import pytest
from stream_venue import Station, at_venue, book, kline, rest, soon, ticker, trades

from engine.core.events import (
    BookLost,
    BookSeen,
    Event,
    FlowDown,
    FlowUp,
    PrintsSeen,
    QuoteSeen,
    StreamDown,
    StreamUp,
)
from engine.core.values import OrderSide, Print
from engine.live.session import BOOK_SILENCE_S, REFUSED_TRADES_S, RESYNC_S

DEEP = ["publicTrade.AUSDT", "orderbook.50.AUSDT"]


@pytest.fixture
async def station() -> AsyncIterator[Station]:
    async with at_venue() as station:
        yield station


def kinds(events: list[Event]) -> list[type[Event]]:
    return [type(event) for event in events]


def prints(*numbers: int, ts: int = 7) -> PrintsSeen:
    return PrintsSeen("AUSDT", tuple(Print(ts, 10.5, float(n), OrderSide.BUY) for n in numbers))


async def test_followed_symbols_are_asked_for_book_and_trades_too(station: Station) -> None:
    station.listen("AUSDT", "BUSDT", deep=("BUSDT", "OTHERUSDT"))
    await soon(station.venue.arrived.get())
    asked = await station.venue.asked("subscribe")
    base = ["kline.5.AUSDT", "tickers.AUSDT", "kline.5.BUSDT", "tickers.BUSDT"]
    assert asked["args"] == [*base, "publicTrade.BUSDT", "orderbook.50.BUSDT"]


async def test_the_books_snapshot_proves_that_both_flow(station: Station) -> None:
    station.listen("AUSDT", deep=("AUSDT",))
    ws = await station.accept()
    await ws.send(trades("AUSDT", 1))
    await ws.send(book("AUSDT", "delta", 11))  # no snapshot: nothing is known of the book
    await ws.send(book("AUSDT", "snapshot", 12, ts=8))
    await ws.send(trades("AUSDT", 1, 2, ts=9))
    found = await station.next(4)
    assert kinds(found) == [PrintsSeen, FlowUp, BookSeen, PrintsSeen]
    assert found[:2] == [prints(1), FlowUp(("AUSDT",), 8)]
    assert found[3] == prints(2, ts=9)
    await ws.send(ticker("AUSDT"))
    assert (await station.next(2))[0] == StreamUp(("AUSDT",))  # flowing is not being up


async def test_a_lost_book_is_asked_for_anew_alone_and_the_trades_flow_on(
    station: Station,
) -> None:
    ws = await station.flowing("AUSDT")
    await ws.send(book("AUSDT", "delta", 13))
    assert await station.next() == [BookLost("AUSDT", "gap: 11 to 13")]
    assert (await station.venue.asked("unsubscribe"))["args"] == DEEP[1:]
    assert (await station.venue.asked("subscribe"))["args"] == DEEP[1:]
    await ws.send(book("AUSDT", "delta", 14))
    await ws.send(trades("AUSDT", 3))
    assert await station.next() == [prints(3)]
    await ws.send(book("AUSDT", "snapshot", 20))
    assert kinds(await station.next()) == [BookSeen]


async def test_a_book_that_is_lost_again_and_again_is_asked_for_no_more_often(
    station: Station,
) -> None:
    ws = await station.flowing("AUSDT")
    await ws.send(book("AUSDT", "delta", 13))
    await station.next()
    for op in ("unsubscribe", "subscribe"):
        await station.venue.asked(op)
    for _ in range(3):
        await ws.send(book("AUSDT", "snapshot", 10))
        await ws.send(book("AUSDT", "delta", 13))
        assert kinds(await station.next(2)) == [BookSeen, BookLost]
        station.time.move(1)
        await rest()
    assert station.venue.received.empty()
    station.time.move(RESYNC_S)
    assert (await station.venue.asked("unsubscribe"))["args"] == DEEP[1:]


async def test_the_last_change_of_a_book_is_shown_within_a_tick(station: Station) -> None:
    ws = await station.flowing("AUSDT", "BUSDT")
    for symbol in ("AUSDT", "BUSDT"):
        await ws.send(book(symbol, "delta", 11, 9.5, ts=8))
    await ws.send(ticker("AUSDT"))
    await station.next()
    station.stream.subscribe(("AUSDT", "BUSDT"), ("AUSDT",))
    station.time.move(1)
    found = await station.next(2)
    assert kinds(found) == [FlowDown, BookSeen]
    assert isinstance(found[1], BookSeen)
    assert (found[1].symbol, found[1].bids.tolist()) == ("AUSDT", [[10, 3], [9.5, 3]])


async def test_following_no_more_is_told_at_once(station: Station) -> None:
    ws = await station.flowing("AUSDT")
    station.stream.subscribe(("AUSDT",))
    assert await station.next() == [FlowDown(("AUSDT",), "unsubscribed")]
    await ws.send(book("AUSDT", "delta", 11))
    station.time.move(1)
    assert (await station.venue.asked("unsubscribe"))["args"] == DEEP
    await ws.send(trades("AUSDT", 4))
    await ws.send(ticker("AUSDT"))
    assert (await station.next())[0] != prints(4)
    station.stream.subscribe(())
    await rest()
    assert station.is_quiet


async def test_whoever_is_followed_again_within_a_tick_begins_anew(station: Station) -> None:
    ws = await station.flowing("AUSDT")
    station.stream.subscribe(("AUSDT",))
    station.stream.subscribe(("AUSDT",), ("AUSDT",))
    assert await station.next() == [FlowDown(("AUSDT",), "unsubscribed")]
    await ws.send(trades("AUSDT", 4))  # between the two nobody listened: this is not complete
    await ws.send(book("AUSDT", "snapshot", 11))
    await ws.send(ticker("AUSDT"))
    await station.next()
    station.time.move(1)
    assert (await station.venue.asked("unsubscribe"))["args"] == DEEP
    assert (await station.venue.asked("subscribe"))["args"] == DEEP
    await ws.send(book("AUSDT", "snapshot", 12))
    assert kinds(await station.next(2)) == [FlowUp, BookSeen]


async def test_a_closed_connection_ends_what_flowed(station: Station) -> None:
    ws = await station.flowing("AUSDT")
    await ws.close(1012, "restart")
    found = await station.next(2)
    assert kinds(found) == [StreamDown, FlowDown]
    await station.time.nap()
    ws = await station.accept()
    await ws.close(1012, "restart")
    await station.time.nap()
    assert station.is_quiet  # told once
    ws = await station.accept()
    await ws.send(book("AUSDT", "snapshot", 1))
    assert kinds(await station.next(2)) == [FlowUp, BookSeen]


async def test_refused_trades_do_not_flow_and_are_asked_for_later(station: Station) -> None:
    station.listen("AUSDT", deep=("AUSDT",))
    ws = await station.accept()
    await ws.send('{"success":false,"ret_msg":"error:x","req_id":"1","op":"subscribe"}')
    alone = [await station.venue.asked("subscribe") for _ in range(4)]
    assert [m["args"] for m in alone[2:]] == [[name] for name in DEEP]
    refusal = f'{{"success":false,"ret_msg":"no","req_id":"{alone[2]["req_id"]}","op":"subscribe"}}'
    await ws.send(refusal)
    await ws.send(book("AUSDT", "snapshot", 1))
    await ws.send(ticker("AUSDT"))
    assert kinds(await station.next(3)) == [BookSeen, StreamUp, QuoteSeen]
    for u in range(2, 2 + int(REFUSED_TRADES_S / 10)):
        station.time.move(10)
        await ws.send(book("AUSDT", "delta", u, ts=1000 * u))
        await ws.send(ticker("AUSDT"))
        await ws.send(kline("AUSDT", confirm=False))
        await station.next(2)
    station.time.move(1)
    while (asked := await soon(station.venue.received.get()))["op"] == "ping":
        pass
    assert (asked["op"], asked["args"]) == ("unsubscribe", DEEP)
    await ws.send(book("AUSDT", "snapshot", 1))
    assert kinds(await station.next(2)) == [FlowUp, BookSeen]


async def test_a_refusal_after_the_snapshot_ends_what_flowed(station: Station) -> None:
    station.listen("AUSDT", deep=("AUSDT",))
    ws = await station.accept()
    station.stream.subscribe(("AUSDT", "BUSDT"), ("AUSDT",))
    await ws.send(book("AUSDT", "snapshot", 1))
    await station.next(2)
    await ws.send(
        '{"success":true,"type":"COMMAND_RESP","req_id":"1","ret_msg":"no",'
        '"data":{"failTopics":["orderbook.50.AUSDT"]}}'
    )
    await ws.send('{"success":false,"op":"subscribe","ret_msg":"?","req_id":"9"}')  # of nothing
    assert await station.next() == [FlowDown(("AUSDT",), "orderbook.50.AUSDT: no")]


async def test_a_silent_book_judges_both_and_a_second_silence_the_connection(
    station: Station,
) -> None:
    ws = await station.flowing("AUSDT")
    for is_first in (True, False):
        station.time.move(BOOK_SILENCE_S - 1)
        await ws.send(ticker("AUSDT"))
        await station.next()
        station.time.move(2)
        if is_first:
            reason = "orderbook.50.AUSDT: no data for 15 s"
            assert await station.next() == [FlowDown(("AUSDT",), reason)]
            while (asked := await soon(station.venue.received.get()))["op"] == "ping":
                pass
            assert (asked["op"], asked["args"]) == ("unsubscribe", DEEP)
            assert (await station.venue.asked("subscribe"))["args"] == DEEP
    (event,) = await station.next()
    assert event == StreamDown(("AUSDT",), "orderbook.50.AUSDT: no data for 15 s")
