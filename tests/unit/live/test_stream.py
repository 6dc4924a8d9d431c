import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from stream_venue import Listener, Station, at_venue, kline, soon, ticker
from websockets.asyncio.server import ServerConnection

from engine.core.events import CandlesClosed, QuoteSeen, StreamDown, StreamUp
from engine.core.values import Bar
from engine.live.stream import PublicStream
from engine.live.venues.bybit import ARGS_MAX_CHARS, topics
from engine.live.wire import FRAME_MAX_BYTES


@pytest.fixture
async def station() -> AsyncIterator[Station]:
    async with at_venue() as station:
        yield station


def quote(symbol: str, ts: int = 7) -> QuoteSeen:
    return QuoteSeen(symbol, 10.0, 11.0, 10.5, ts)


def down(reason: str, *symbols: str) -> StreamDown:
    return StreamDown(symbols, reason)


async def test_data_makes_a_symbol_live_and_the_acknowledgment_does_not(station: Station) -> None:
    station.listen("AUSDT", "BUSDT")
    ws = await soon(station.venue.arrived.get())
    asked = await station.venue.asked("subscribe")
    assert asked["args"] == ["kline.5.AUSDT", "tickers.AUSDT", "kline.5.BUSDT", "tickers.BUSDT"]
    await ws.send('{"success":true,"ret_msg":"","conn_id":"c","req_id":"1","op":"subscribe"}')
    await ws.send(kline("AUSDT", confirm=False))
    await ws.send(ticker("AUSDT", ts=600_001))
    await ws.send(kline("AUSDT"))
    await ws.send(kline("BUSDT"))
    bars = [Bar(s, 300_000, 10.0, 12.0, 9.0, 11.0, 3.0) for s in ("AUSDT", "BUSDT")]
    assert await station.next(5) == [
        StreamUp(("AUSDT",)),
        quote("AUSDT", 600_001),
        CandlesClosed((bars[0],)),
        StreamUp(("BUSDT",)),
        CandlesClosed((bars[1],)),
    ]
    assert max(station.stamps) == 600_001


async def test_a_closed_connection_is_told_and_everything_subscribed_again(
    station: Station,
) -> None:
    ws = await station.up("AUSDT", "BUSDT")
    await ws.close(1012, "restart")
    (event,) = await station.next()
    assert isinstance(event, StreamDown)
    assert (event.symbols, "1012" in event.reason) == (("AUSDT", "BUSDT"), True)
    assert await station.time.nap() == 0.2
    ws = await soon(station.venue.arrived.get())
    assert len((await station.venue.asked("subscribe"))["args"]) == 4
    await ws.send(ticker("AUSDT", kind="delta"))  # before its snapshot: alive, and no price
    await ws.send(ticker("AUSDT"))
    assert await station.next(2) == [StreamUp(("AUSDT",)), quote("AUSDT")]


async def test_a_storm_is_answered_by_a_growing_wait(station: Station) -> None:
    async def slam(ws: ServerConnection) -> None:
        await ws.close()

    station.venue.greet = slam
    station.listen("AUSDT")
    waits = [await station.time.nap() for _ in range(9)]
    assert waits == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 15.0, 15.0]
    (event,) = await station.next()
    assert isinstance(event, StreamDown)
    assert station.listener is not None
    assert station.listener.events.empty()  # told once


async def test_only_lasting_health_makes_the_wait_short_again(station: Station) -> None:
    async def slam(ws: ServerConnection) -> None:
        await ws.close()

    station.venue.greet = slam
    station.listen("AUSDT")
    assert [await station.time.nap() for _ in range(2)] == [0.2, 0.4]
    station.venue.greet = None
    _, _, ws = [await soon(station.venue.arrived.get()) for _ in range(3)]
    await ws.send(ticker("AUSDT"))
    await station.next(3)
    station.time.move(29)
    await ws.send(ticker("AUSDT"))
    await station.next()
    await ws.close()
    assert await station.time.nap() == 0.8  # 29 s were not enough
    ws = await soon(station.venue.arrived.get())
    await ws.send(ticker("AUSDT"))
    await station.next(3)
    station.time.move(15)
    await ws.send(ticker("AUSDT"))
    await station.next()
    station.time.move(15)
    await ws.send(ticker("AUSDT"))
    await station.next()
    await ws.close()
    assert await station.time.nap() == 0.2


@pytest.mark.parametrize("status", [403, 404, 429, 451])
async def test_a_refused_handshake_is_tried_slowly_until_it_works(
    station: Station, status: int
) -> None:
    station.venue.refusals = [status, status]
    station.listen("AUSDT")
    assert await station.next() == [down(f"handshake refused with HTTP {status}", "AUSDT")]
    assert [await station.time.nap() for _ in range(2)] == [60.2, 60.4]
    ws = await station.accept()
    await ws.send(ticker("AUSDT"))
    assert await station.next(2) == [StreamUp(("AUSDT",)), quote("AUSDT")]


@pytest.mark.parametrize("status", [302, 503])
async def test_other_refusals_and_redirects_are_tried_again_soon(
    station: Station, status: int
) -> None:
    station.venue.refusals = [status]
    station.listen("AUSDT")
    assert await station.next() == [down(f"handshake refused with HTTP {status}", "AUSDT")]
    assert await station.time.nap() == 0.2
    await station.accept()


async def test_a_handshake_that_hangs_ends(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.live.wire.OPEN_TIMEOUT_S", 0.02)
    hung = asyncio.Event()

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hung.wait()
        writer.close()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        stream = station.to(f"ws://127.0.0.1:{port}")
        stream.subscribe(("AUSDT",))
        station.listener = Listener(stream)
        assert await station.next() == [down("timed out during opening handshake", "AUSDT")]
        hung.set()


async def test_a_stall_is_noticed_although_the_venue_still_answers_pings(
    station: Station,
) -> None:
    await station.up("AUSDT")
    station.time.move(20)
    await station.venue.asked("ping")
    station.time.move(10.5)
    assert await station.next() == [down("no data for 30 s", "AUSDT")]
    await station.time.nap()
    ws = await station.accept()
    await ws.send(ticker("AUSDT"))
    assert await station.next(2) == [StreamUp(("AUSDT",)), quote("AUSDT")]


async def test_a_missing_pong_is_noticed_although_data_flows(station: Station) -> None:
    station.venue.answers_pings = False
    ws = await station.up("AUSDT")
    station.time.move(20)
    await station.venue.asked("ping")
    await ws.send(ticker("AUSDT"))
    await station.next()
    station.time.move(10.5)
    assert await station.next() == [down("no pong for 10 s", "AUSDT")]


async def test_pings_go_on_and_their_pongs_are_neither_data_nor_errors(station: Station) -> None:
    ws = await station.up("AUSDT")
    for _ in range(4):
        station.time.move(20)
        await station.venue.asked("ping")
        await ws.send('{"req_id":"t","op":"pong","args":["1"],"conn_id":"c"}')
        await ws.send(ticker("AUSDT"))
        assert await station.next() == [quote("AUSDT")]


async def test_the_difference_of_two_subscriptions_is_sent(station: Station) -> None:
    ws = await station.up("AUSDT", "BUSDT")
    station.stream.subscribe(("BUSDT", "CUSDT", "CUSDT"))
    station.time.move(1)
    gone = await station.venue.asked("unsubscribe")
    new = await station.venue.asked("subscribe")
    assert gone["args"] == ["kline.5.AUSDT", "tickers.AUSDT"]
    assert new["args"] == ["kline.5.CUSDT", "tickers.CUSDT"]
    for symbol in ("AUSDT", "BUSDT", "CUSDT"):
        await ws.send(ticker(symbol))
    assert await station.next(3) == [quote("BUSDT"), StreamUp(("CUSDT",)), quote("CUSDT")]
    await ws.close()
    (event,) = await station.next()
    assert isinstance(event, StreamDown)
    assert event.symbols == ("BUSDT", "CUSDT")


async def test_without_symbols_nothing_is_dialed_and_nothing_is_missed(station: Station) -> None:
    ws = await station.up("AUSDT")
    station.stream.subscribe(())
    station.time.move(1)
    await station.venue.asked("unsubscribe")
    for _ in range(3):
        station.time.move(20)
        await station.venue.asked("ping")
    await ws.close()
    await soon(ws.wait_closed())
    station.stream.subscribe(("BUSDT",))
    assert await station.time.nap() == 0.2
    ws = await station.accept()
    await ws.send(ticker("BUSDT"))
    events = await station.next(2)
    if isinstance(events[0], StreamDown):  # asked for before the old connection was seen to end
        events = [*events[1:], *await station.next()]
    assert events == [StreamUp(("BUSDT",)), quote("BUSDT")]


async def test_a_refused_batch_is_asked_for_one_by_one(station: Station) -> None:
    station.listen("AUSDT", "BADUSDT")
    ws = await station.accept()
    await ws.send('{"success":false,"ret_msg":"error:x","req_id":"1","op":"subscribe"}')
    alone = [await station.venue.asked("subscribe") for _ in range(4)]
    names = ["kline.5.AUSDT", "tickers.AUSDT", "kline.5.BADUSDT", "tickers.BADUSDT"]
    assert [m["args"] for m in alone] == [[name] for name in names]
    refused = f'{{"success":false,"ret_msg":"no such","req_id":"{alone[3]["req_id"]}"}}'
    await ws.send(refused)
    await ws.send(ticker("AUSDT"))
    assert await station.next(3) == [
        down("tickers.BADUSDT: no such", "BADUSDT"),
        StreamUp(("AUSDT",)),
        quote("AUSDT"),
    ]
    await ws.send(ticker("BADUSDT"))  # and yet it comes: data is believed
    assert await station.next(2) == [StreamUp(("BADUSDT",)), quote("BADUSDT")]


async def test_a_topic_that_went_silent_is_subscribed_again_alone(station: Station) -> None:
    ws = await station.up("AUSDT", "BUSDT")
    for _ in range(2):
        station.time.move(20.5)
        await station.venue.asked("ping")
        await ws.send(ticker("AUSDT"))
        await station.next()
    station.time.move(20.5)
    assert await station.next() == [down("tickers.BUSDT: no data for 60 s", "BUSDT")]
    assert (await station.venue.asked("unsubscribe"))["args"] == ["tickers.BUSDT"]
    assert (await station.venue.asked("subscribe"))["args"] == ["tickers.BUSDT"]
    await ws.send(kline("BUSDT", confirm=False))  # not what was missing
    await ws.send(ticker("AUSDT"))
    assert await station.next() == [quote("AUSDT")]
    await ws.send(ticker("BUSDT"))
    assert await station.next(2) == [StreamUp(("BUSDT",)), quote("BUSDT")]


async def test_garbage_is_counted_and_survived(station: Station) -> None:
    ws = await station.up("AUSDT")
    await ws.send(b"\xff\xfe")
    await ws.send("[" * 10_000)
    await ws.send('{"topic":"orderbook.1.AUSDT","ts":5,"data":{"u":1}}')
    await ws.send(ticker("AUSDT") * 2)
    await ws.send(ticker("AUSDT"))
    await ws.send(ticker("AUSDT"))  # a repetition is the engine's to judge
    assert await station.next(2) == [quote("AUSDT")] * 2
    await ws.send("x" * (FRAME_MAX_BYTES + 1))
    (event,) = await station.next()
    assert isinstance(event, StreamDown)
    assert "1009" in event.reason
    assert station.stream.skipped == {"unreadable": 3, "unknown topic": 1}


async def test_topics_are_spread_over_connections_by_the_venues_limit(station: Station) -> None:
    symbols = [f"LONGNAME{i:04}USDT" for i in range(500)]
    station.listen(*symbols)
    names: dict[ServerConnection, list[str]] = {}
    for _ in range(2):
        names[await soon(station.venue.arrived.get())] = []
    found: list[str] = []
    while len(found) < 2 * len(symbols):
        found += (await station.venue.asked("subscribe"))["args"]
    assert sorted(found) == sorted(topics(symbols, 300))
    assert [link.chars <= ARGS_MAX_CHARS for link in station.stream._links] == [True, True]
    assert sum(link.chars for link in station.stream._links) > ARGS_MAX_CHARS
    for ws in names:
        await ws.send(ticker(symbols[0]))
        await ws.send(ticker(symbols[-1]))
    got = await station.next(4)
    assert {type(e) for e in got} == {StreamUp, QuoteSeen}
    assert station.listener is not None
    assert station.listener.events.empty()  # each symbol from its own connection only
    station.stream.subscribe((symbols[-1], "NEWUSDT"))
    assert [list(link.symbols) for link in station.stream._links] == [["NEWUSDT"], [symbols[-1]]]


async def test_a_slow_reader_slows_the_venue_down(station: Station) -> None:
    station.stream.subscribe(("AUSDT",))
    async with aclosing(station.stream.events()) as events:
        first = asyncio.create_task(anext(events))
        ws = await station.accept()
        sending = asyncio.create_task(_send_and_ping(ws, 20))
        assert await soon(first) == StreamUp(("AUSDT",))
        for ts in range(5):
            assert await soon(anext(events)) == quote("AUSDT", ts + 1)
        for _ in range(100):
            await asyncio.sleep(0)
        assert not sending.done()  # neither the rest nor the ping was read
        station.time.move(500)  # and that is nobody's silence
        for ts in range(5, 20):
            assert await soon(anext(events)) == quote("AUSDT", ts + 1)
        last = asyncio.create_task(anext(events))
        await soon(sending)
        last.cancel()
        await asyncio.wait([last])


async def _send_and_ping(ws: ServerConnection, number: int) -> None:
    for i in range(number):
        await ws.send(ticker("AUSDT", ts=i + 1, padding=500_000))
    await (await ws.ping())


async def test_closing_ends_connections_and_tasks_and_the_stream_may_start_again(
    station: Station,
) -> None:
    before = asyncio.all_tasks()
    ws = await station.up("AUSDT")
    assert station.listener is not None
    await station.listener.stop()
    await soon(ws.wait_closed())
    assert ws.close_code == 1000
    assert {t for t in asyncio.all_tasks() if "stream" in repr(t)} <= before
    ws = await station.up("AUSDT")
    await ws.send(ticker("AUSDT"))
    assert await station.next() == [quote("AUSDT")]


async def test_a_second_reader_is_a_mistake(station: Station) -> None:
    await station.up("AUSDT")
    with pytest.raises(AssertionError, match="already has a reader"):
        await anext(station.stream.events())


async def test_a_defect_reaches_the_reader_and_is_no_silent_end(station: Station) -> None:
    def broken(_: int) -> None:
        raise RuntimeError("clock")

    stream = PublicStream(station.venue.url, 300, broken, lambda: 0, station.time.timing())
    stream.subscribe(("AUSDT",))
    async with aclosing(stream.events()) as events:
        first = asyncio.create_task(anext(events))
        ws = await station.accept()
        await ws.send(ticker("AUSDT"))
        with pytest.raises(ExceptionGroup) as caught:
            await soon(first)
        assert caught.group_contains(RuntimeError, match="clock")
