"""The faults FT16 to FT27 of a market data stream, each acted out by a venue on loopback.

What the engine makes of candles that come twice or late (FT22) and of a hole in them (FT23) is in
test_market.py and test_engine_clock.py; FT21 in full is in test_bybit_book.py.
"""

from collections.abc import AsyncIterator

import pytest
from stream_venue import Station, at_venue, book, kline, rest, soon, ticker, trades
from websockets.asyncio.server import ServerConnection

from engine.core.events import (
    BookLost,
    BookSeen,
    CandlesClosed,
    Event,
    FlowDown,
    FlowUp,
    PrintsSeen,
    QuoteSeen,
    StreamDown,
    StreamUp,
)
from engine.live.pacing import DIALS_MAX, DIALS_WINDOW_S
from engine.live.session import PING_S
from engine.live.venues.bybit_rows import REMEMBERED
from engine.live.wire import FRAME_MAX_BYTES

PONG = '{"success":true,"ret_msg":"pong","conn_id":"c","req_id":"","op":"ping"}'
PONGS = (PONG, '{"args":["1"],"op":"pong"}', '{"req_id":"t","op":"pong","args":["1"]}')


@pytest.fixture
async def station() -> AsyncIterator[Station]:
    async with at_venue() as station:
        yield station


def kinds(events: list[Event]) -> list[type[Event]]:
    return [type(event) for event in events]


async def gone(station: Station, words: str) -> None:
    """The next two events tell that nothing is delivered any more, and why."""
    down, flow_down = await station.next(2)
    assert isinstance(down, StreamDown)
    assert isinstance(flow_down, FlowDown)
    assert down.symbols == flow_down.symbols == ("AUSDT",)
    assert words in down.reason
    assert words in flow_down.reason


async def asked(station: Station, op: str) -> list[str]:
    """The topics of the next request but pings."""
    while (message := await soon(station.venue.received.get()))["op"] == "ping":
        pass
    assert message["op"] == op
    names: list[str] = message["args"]
    return names


async def test_ft16_a_stall_of_everything_is_a_dead_connection_whatever_pongs(
    station: Station,
) -> None:
    await station.flowing("AUSDT")
    station.time.move(PING_S)
    found = await station.next()
    assert found == [FlowDown(("AUSDT",), "orderbook.50.AUSDT: no data for 15 s")]
    station.time.move(10.5)
    assert await station.next() == [StreamDown(("AUSDT",), "no data for 30 s")]


async def test_ft16_a_topic_that_stalls_is_asked_for_anew_then_by_a_new_connection(
    station: Station,
) -> None:
    ws = await station.up("AUSDT", "BUSDT")
    reason = "tickers.BUSDT: no data for 60 s"

    async def only_a_delivers() -> None:
        for _ in range(2):
            station.time.move(20.5)
            await station.venue.asked("ping")
            await ws.send(ticker("AUSDT"))
            await station.next()
        station.time.move(20.5)

    async def b_is_asked_for_anew() -> None:
        assert await asked(station, "unsubscribe") == ["tickers.BUSDT"]
        assert await asked(station, "subscribe") == ["tickers.BUSDT"]
        await station.venue.asked("ping")
        await ws.send(ticker("AUSDT"))
        await station.next()

    await only_a_delivers()
    assert await station.next() == [StreamDown(("BUSDT",), reason)]
    await b_is_asked_for_anew()
    await only_a_delivers()
    assert await station.next() == [StreamDown(("AUSDT",), reason)]
    await station.time.nap()
    ws = await soon(station.venue.arrived.get())
    assert len(await asked(station, "subscribe")) == 4
    await ws.send(ticker("AUSDT"))
    await station.next(2)
    for _ in range(2):  # one connection was enough of an attempt: the others need theirs
        await only_a_delivers()
        await b_is_asked_for_anew()
    assert station.is_quiet
    await ws.send(ticker("BUSDT"))
    assert kinds(await station.next(2)) == [StreamUp, QuoteSeen]


async def test_ft17_a_storm_stays_within_the_connects_we_allow_ourselves(station: Station) -> None:
    async def slam(ws: ServerConnection) -> None:
        dialed.append(station.time.now)
        await ws.close()

    dialed: list[float] = []
    station.venue.greet = slam
    station.listen("AUSDT")
    while len(dialed) < 2 * DIALS_MAX:
        await station.time.nap()
    windows = zip(dialed, dialed[DIALS_MAX:], strict=False)
    assert all(late - early >= DIALS_WINDOW_S for early, late in windows)
    assert kinds(await station.next()) == [StreamDown]
    assert station.is_quiet


async def test_ft18_a_refused_handshake_never_ends_the_stream(station: Station) -> None:
    station.venue.refusals = [403] * 14  # a quarter of an hour
    station.listen("AUSDT")
    waits = [await station.time.nap() for _ in range(14)]
    assert min(waits) >= 60
    ws = await station.accept()
    await ws.send(ticker("AUSDT"))
    assert kinds(await station.next(3)) == [StreamDown, StreamUp, QuoteSeen]


@pytest.mark.parametrize("pong", PONGS)
async def test_ft19_a_pong_of_any_shape_is_an_answer_and_no_data(
    station: Station, pong: str
) -> None:
    station.venue.answers_pings = False
    ws = await station.up("AUSDT")
    for _ in range(3):
        station.time.move(PING_S)
        await station.venue.asked("ping")
        await ws.send(pong)
        await ws.send(ticker("AUSDT"))
        assert kinds(await station.next()) == [QuoteSeen]
    station.time.move(PING_S)
    await station.venue.asked("ping")
    await ws.send(ticker("AUSDT"))
    await station.next()
    station.time.move(10.5)
    assert await station.next() == [StreamDown(("AUSDT",), "no pong for 10 s")]


async def test_ft20_neither_a_lost_nor_a_good_nor_a_bad_answer_is_believed(
    station: Station,
) -> None:
    station.listen("AUSDT", deep=("AUSDT",))
    ws = await station.accept()
    await ws.send('{"success":true,"ret_msg":"","req_id":"1","op":"subscribe"}')
    await ws.send('{"success":false,"ret_msg":"error:x","op":"subscribe"}')  # without its request
    await rest()
    assert station.is_quiet
    await ws.send(book("AUSDT", "snapshot", 1))
    await ws.send(ticker("AUSDT"))
    assert kinds(await station.next(4)) == [FlowUp, BookSeen, StreamUp, QuoteSeen]


async def test_ft21_a_book_with_a_hole_is_lost_and_asked_for_anew(station: Station) -> None:
    ws = await station.flowing("AUSDT")
    await ws.send(book("AUSDT", "delta", 10, 99))  # repeated: ignored, however crossed
    await ws.send(book("AUSDT", "delta", 11, 99))
    assert await station.next() == [BookLost("AUSDT", "crossed book")]
    assert await asked(station, "unsubscribe") == ["orderbook.50.AUSDT"]
    assert await asked(station, "subscribe") == ["orderbook.50.AUSDT"]
    await ws.send(book("AUSDT", "delta", 12))
    await ws.send(book("AUSDT", "snapshot", 1))
    assert kinds(await station.next()) == [BookSeen]


async def test_ft22_only_a_closed_candle_is_told(station: Station) -> None:
    ws = await station.up("AUSDT")
    for confirm in (False, False, True):
        await ws.send(kline("AUSDT", confirm=confirm))
    await ws.send(ticker("AUSDT"))
    assert kinds(await station.next(2)) == [CandlesClosed, QuoteSeen]


async def test_ft23_a_gap_is_told_before_newer_data(station: Station) -> None:
    ws = await station.flowing("AUSDT")
    await ws.close(1001, "away")
    await gone(station, "1001")
    station.time.move(7 * 60)
    ws = await station.accept()
    await ws.send(kline("AUSDT", 900_000))
    await ws.send(book("AUSDT", "snapshot", 1, ts=900_000))
    assert kinds(await station.next(4)) == [StreamUp, CandlesClosed, FlowUp, BookSeen]


async def test_ft24_a_price_that_was_not_sent_is_unchanged(station: Station) -> None:
    ws = await station.up("AUSDT")
    await ws.send('{"topic":"tickers.AUSDT","type":"delta","data":{"bid1Price":"9"},"ts":8}')
    await ws.send('{"topic":"tickers.AUSDT","type":"delta","data":{"openInterest":"9"},"ts":9}')
    found = await station.next(2)
    assert found == [QuoteSeen("AUSDT", 9.0, 11.0, 10.5, ts) for ts in (8, 9)]


async def test_ft25_a_burst_of_trades_arrives_once_each_and_in_order(station: Station) -> None:
    ws = await station.flowing("AUSDT")
    for first in range(0, 5000, 100):
        numbers = range(first + 1, first + 101)
        await ws.send(trades("AUSDT", *numbers, ts=first + 1))
        await ws.send(trades("AUSDT", *reversed(numbers), ts=first + 1))
    found = [event.prints for event in await station.next(50) if isinstance(event, PrintsSeen)]
    assert [p.qty for prints in found for p in prints] == list(range(1, 5001))
    assert station.is_quiet
    assert REMEMBERED < 5000  # it was not by remembering them all


async def test_ft26_what_is_late_is_conflated_and_what_is_very_late_ends_the_connection(
    station: Station,
) -> None:
    ws = await station.flowing("AUSDT")
    station.ms = 303_001
    await ws.send(ticker("AUSDT", ts=301_000))
    await ws.send(book("AUSDT", "delta", 11, 9.0, ts=301_000))
    await ws.send(trades("AUSDT", 1, ts=301_000))
    await ws.send(kline("AUSDT", 0))
    await ws.send(ticker("AUSDT", ts=301_001))
    assert kinds(await station.next(3)) == [PrintsSeen, CandlesClosed, QuoteSeen]
    station.time.move(1)
    await rest()
    for _ in range(2):
        station.ms += 5000
        await ws.send(ticker("AUSDT", ts=station.ms - 5001))
        await ws.send(trades("AUSDT", station.ms, ts=station.ms - 5001))
        assert kinds(await station.next()) == [PrintsSeen]
        station.time.move(1)
        await rest()
    await gone(station, "data is 5.0 s old")
    await station.time.nap()
    await station.accept()


async def test_ft26_one_old_snapshot_among_fresh_data_is_no_lag(station: Station) -> None:
    ws = await station.flowing("AUSDT")
    for number in range(4):
        station.ms = 100_000 + number
        await ws.send(book("AUSDT", "snapshot", 5, ts=1000))
        if number != 2:
            await ws.send(ticker("AUSDT", ts=station.ms))
            assert kinds(await station.next()) == [QuoteSeen]
        await rest()
        station.time.move(1)
        await rest()
    assert station.is_quiet


async def test_ft27_a_bad_frame_is_skipped_and_a_huge_one_means_a_new_connection(
    station: Station,
) -> None:
    ws = await station.flowing("AUSDT")
    await ws.send(b"\xff\xfe")
    await ws.send("[" * 1000)
    await ws.send('{"topic":"tickers.AUSDT","ts":1,"data":{"bid1Price":NaN}}')
    await ws.send(b"\x00" * 1000, text=True)
    await ws.send(ticker("AUSDT"))
    assert kinds(await station.next()) == [QuoteSeen]
    await ws.send("x" * (FRAME_MAX_BYTES + 1))
    await gone(station, "1009")
    assert station.stream.skipped == {"unreadable": 4}
    await station.time.nap()
    ws = await station.accept()
    await ws.send(book("AUSDT", "snapshot", 1))
    assert kinds(await station.next(2)) == [FlowUp, BookSeen]
