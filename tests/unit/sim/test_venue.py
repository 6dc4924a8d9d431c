import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import (
    ClientSession,
    ClientWebSocketResponse,
    WSCloseCode,
    WSMsgType,
    WSServerHandshakeError,
)

from engine.errors import DataError
from engine.sim.venue import Venue
from markets import FIRST_MS, FIVE_MS, recorded
from serving import WAIT_S, serving

FAST = 1000.0  # 25 s of market time every 25 ms
OPEN_MS = FIRST_MS + 351 * FIVE_MS
STREAM = "/v5/public/linear"


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


async def subscribe(socket: ClientWebSocketResponse, *topics: str) -> None:
    """Subscribe and read the answer."""
    await socket.send_json({"op": "subscribe", "args": topics})
    answer = await socket.receive_json(timeout=WAIT_S)
    assert answer["success"], answer


async def next_ping(socket: ClientWebSocketResponse) -> bytes:
    """The payload of the next ping; messages before it are skipped."""
    while True:
        message = await socket.receive(timeout=WAIT_S)
        if message.type is WSMsgType.PING:
            return bytes(message.data)
        assert message.type is WSMsgType.TEXT


@pytest.mark.parametrize(
    ("speed", "step_s"), [(0.5, 1), (1, 1), (7.9, 1), (60, 15), (100, 25), (5000, 25)]
)
def test_steps_are_bounded(speed: float, step_s: int) -> None:
    assert Venue(recorded(), speed=speed)._step_ms() == step_s * 1000


def test_a_step_never_jumps_over_the_close_of_a_bar() -> None:
    assert Venue(recorded(), speed=60, start_ms=OPEN_MS - 4000)._step_ms() == 4000
    assert Venue(recorded(), speed=60, start_ms=OPEN_MS)._step_ms() == 15_000


async def test_books_and_trades_do_not_leap_though_the_rest_does(session: ClientSession) -> None:
    close_ms = OPEN_MS + FIVE_MS
    venue = Venue(recorded(), speed=FAST, start_ms=close_ms - 60_000, hold_until_client=True)
    topics = ("orderbook.50.AAAUSDT", "publicTrade.AAAUSDT", "tickers.AAAUSDT")
    times: dict[str, list[int]] = {topic: [] for topic in topics}
    async with serving(venue, is_running=True) as url, session.ws_connect(url + STREAM) as socket:
        await subscribe(socket, *topics)
        while not times["tickers.AAAUSDT"] or times["tickers.AAAUSDT"][-1] < 0:
            message = await socket.receive_json(timeout=WAIT_S)
            times[message["topic"]].append((message["ts"] - close_ms) // 1000)
    assert times["tickers.AAAUSDT"] == [-60, -33, -6, 0]
    assert times["orderbook.50.AAAUSDT"] == list(range(-60, 1, 3))
    assert len(times["publicTrade.AAAUSDT"]) > 10


def test_the_clock_starts_where_it_is_told_in_whole_seconds() -> None:
    feed = recorded()
    assert Venue(feed).now_ms == feed.begin_ms
    assert Venue(feed, start_ms=OPEN_MS + 1999).now_ms == OPEN_MS + 1000
    assert Venue(feed, start_ms=feed.end_ms).at_end


@pytest.mark.parametrize("start_ms", [0, FIRST_MS - 1, FIRST_MS + 400 * FIVE_MS + 1])
def test_a_start_outside_the_recording_is_an_error(start_ms: int) -> None:
    end_ms = FIRST_MS + 400 * FIVE_MS
    with pytest.raises(DataError) as error:
        Venue(recorded(), start_ms=start_ms)
    assert str(error.value) == (
        f"market start: expected {FIRST_MS} or later, up to {end_ms}, found {start_ms}"
    )


async def test_the_market_keeps_its_pace_and_ends_with_the_recording() -> None:
    feed = recorded()
    assert feed.end_ms is not None
    venue = Venue(feed, speed=FAST, start_ms=feed.end_ms - 90_000)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.wait_for(venue.run(), WAIT_S)
    assert loop.time() - began >= 0.09  # 90 s at a thousand times real time
    assert venue.at_end
    assert venue.now_ms == feed.end_ms


async def test_the_market_stands_until_somebody_subscribes(session: ClientSession) -> None:
    venue = Venue(recorded(), speed=FAST, start_ms=OPEN_MS, hold_until_client=True)
    async with serving(venue, is_running=True) as url, session.ws_connect(url + STREAM) as socket:
        await socket.send_json({"op": "ping"})
        await socket.receive_json(timeout=WAIT_S)
        async with session.get(url + "/v5/market/time") as answer:
            assert (await answer.json())["time"] == OPEN_MS
        await subscribe(socket, "tickers.AAAUSDT")
        while (await socket.receive_json(timeout=WAIT_S))["ts"] == OPEN_MS:
            pass
        assert venue.now_ms > OPEN_MS


async def test_messages_of_a_bar_end_with_its_close(session: ClientSession) -> None:
    venue = Venue(recorded(), speed=FAST, start_ms=OPEN_MS - 40_000, hold_until_client=True)
    async with serving(venue, is_running=True) as url, session.ws_connect(url + STREAM) as socket:
        await subscribe(socket, "kline.5.AAAUSDT")
        seen = [await socket.receive_json(timeout=WAIT_S) for _ in range(5)]
    assert [(m["ts"] - OPEN_MS) // 1000 for m in seen] == [-40, -15, 0, 25, 50]
    assert [m["data"][0]["confirm"] for m in seen] == [False, False, True, False, False]


async def test_the_clock_waits_for_a_slow_client(session: ClientSession) -> None:
    venue = Venue(recorded(), speed=FAST, start_ms=OPEN_MS, hold_until_client=True)
    async with (
        serving(venue, is_running=True) as url,
        session.ws_connect(url + STREAM, autoping=False) as slow,
        session.ws_connect(url + STREAM) as quick,
    ):
        await subscribe(slow, "tickers.AAAUSDT")
        for step in range(1, 4):
            ping = await next_ping(slow)
            for _ in range(3):  # the venue itself is alive and answers
                await quick.send_json({"op": "ping"})
                await quick.receive_json(timeout=WAIT_S)
                assert venue.now_ms == OPEN_MS + step * 25_000
            await slow.pong(b"not this one")
            await slow.pong(ping)


@pytest.mark.e2e
async def test_a_deaf_client_is_cut_off_and_the_market_goes_on(session: ClientSession) -> None:
    venue = Venue(recorded(), speed=FAST, start_ms=OPEN_MS, patience_s=1.0, hold_until_client=True)
    async with (
        serving(venue, is_running=True) as url,
        session.ws_connect(url + STREAM, autoping=False) as deaf,
        session.ws_connect(url + STREAM) as other,
    ):
        await subscribe(other, "kline.5.AAAUSDT")
        seen = [await other.receive_json(timeout=WAIT_S) for _ in range(4)]
        assert [m["ts"] - OPEN_MS for m in seen] == [0, 25_000, 50_000, 75_000]
        await next_ping(deaf)
        message = await deaf.receive(timeout=WAIT_S)
        assert message.type in (WSMsgType.CLOSED, WSMsgType.ERROR)
        assert venue.clients == 1


async def test_a_client_that_leaves_holds_nobody_up(session: ClientSession) -> None:
    venue = Venue(recorded(), speed=FAST, start_ms=OPEN_MS)
    async with serving(venue, is_running=True) as url:
        async with session.ws_connect(url + STREAM, autoping=False) as leaving:
            await next_ping(leaving)
            left_ms = venue.now_ms
        async with session.ws_connect(url + STREAM) as other:
            await subscribe(other, "tickers.AAAUSDT")
            while (await other.receive_json(timeout=WAIT_S))["ts"] <= left_ms:
                pass
            assert venue.clients == 1


async def test_closing_says_goodbye(session: ClientSession) -> None:
    venue = Venue(recorded())
    async with serving(venue) as url, session.ws_connect(url + STREAM) as socket:
        await subscribe(socket, "tickers.AAAUSDT")
        await socket.receive_json(timeout=WAIT_S)
        closing = asyncio.create_task(venue.close())
        message = await socket.receive(timeout=WAIT_S)
        await asyncio.wait_for(closing, WAIT_S)
        assert (message.type, message.data) == (WSMsgType.CLOSE, WSCloseCode.GOING_AWAY)
        assert venue.clients == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:1234"}, 200),
        ({"Host": "[::1]:1234"}, 200),
        ({"Origin": "http://localhost:8090"}, 200),
        ({"Host": "example.com"}, 403),
        ({"Host": "127.0.0.1.example.com"}, 403),
        ({"Host": "[::1"}, 403),
        ({"Origin": "https://example.com"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_only_this_machine_is_answered(
    session: ClientSession, headers: dict[str, str], status: int
) -> None:
    async with serving(Venue(recorded())) as url:
        async with session.get(url + "/v5/market/time", headers=headers) as answer:
            assert answer.status == status
        if status == 200:
            async with session.ws_connect(url + STREAM, headers=headers) as socket:
                assert not socket.closed
        else:
            with pytest.raises(WSServerHandshakeError):
                await session.ws_connect(url + STREAM, headers=headers)


async def test_market_data_is_json(session: ClientSession) -> None:
    venue = Venue(recorded())
    query: dict[str, Any] = {"category": "linear", "symbol": "AAAUSDT"}
    async with serving(venue) as url:
        async with session.get(url + "/v5/market/tickers", params=query) as answer:
            body = await answer.json()
        async with session.get(url + "/v5/market/unknown") as missing:
            assert missing.status == 404
    assert (body["retCode"], body["time"]) == (0, venue.now_ms)
    assert [t["symbol"] for t in body["result"]["list"]] == ["AAAUSDT"]
