import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError
from trading_client import SYMBOL, Trader, request, trading

from engine.sim.venue import Venue
from markets import FIRST_MS, FIVE_MS, recorded
from serving import WAIT_S

OPEN_MS = FIRST_MS + 351 * FIVE_MS
STREAM = "/v5/public/linear"
BOOK = f"orderbook.50.{SYMBOL}"
TICKER = f"tickers.{SYMBOL}"


@pytest.fixture
async def trader() -> AsyncIterator[Trader]:
    """A client of a market that moves when it is told to."""
    async with trading(Venue(recorded(), start_ms=OPEN_MS)) as trader:
        yield trader


@pytest.fixture
async def socket(trader: Trader) -> AsyncIterator[ClientWebSocketResponse]:
    async with trader.session.ws_connect(trader.url + STREAM, max_msg_size=0) as socket:
        yield socket


async def subscribe(socket: ClientWebSocketResponse, *topics: str) -> None:
    answer = await request(socket, {"op": "subscribe", "args": topics})
    assert answer["success"] is True


async def heartbeat(socket: ClientWebSocketResponse) -> list[Any]:
    """All data that was sent before the answer to a heartbeat."""
    await socket.send_json({"op": "ping"})
    seen = []
    while (message := await socket.receive_json(timeout=WAIT_S)).get("ret_msg") != "pong":
        seen.append(message)
    return seen


async def move(trader: Trader, socket: ClientWebSocketResponse, steps: int = 1) -> list[Any]:
    """Steps of the market: what they send."""
    seen = []
    for _ in range(steps):
        trader.venue._step(1000)
        publishing = asyncio.create_task(trader.venue._stream.publish())
        while not publishing.done():
            seen += await heartbeat(socket)
    return seen + await heartbeat(socket)


async def test_a_topic_stands_still_and_others_go_on(
    trader: Trader, socket: ClientWebSocketResponse
) -> None:
    await trader.fault({"target": "tickers", "kind": "stall"})
    await subscribe(socket, TICKER, BOOK)
    seen = await move(trader, socket, 3)
    assert {m["topic"] for m in seen} == {BOOK}
    [fired] = await trader.fired()
    assert fired >= 2
    await trader.fault()
    assert TICKER in {m["topic"] for m in await move(trader, socket, 3)}


async def test_all_stands_still_but_heartbeats(
    trader: Trader, socket: ClientWebSocketResponse
) -> None:
    await subscribe(socket, TICKER)
    await heartbeat(socket)
    await trader.fault({"target": "public", "kind": "stall"})
    await socket.send_json({"op": "subscribe", "args": [BOOK]})
    assert await move(trader, socket, 3) == []


async def test_a_closed_symbol_has_no_feed(trader: Trader, socket: ClientWebSocketResponse) -> None:
    await trader.fault({"target": SYMBOL, "kind": "closed"})
    await subscribe(socket, TICKER, "tickers.BBBUSDT")
    seen = await move(trader, socket, 3)
    assert {m["topic"] for m in seen} == {"tickers.BBBUSDT"}
    query = {"category": "linear", "symbol": SYMBOL}
    url = trader.url + "/v5/market/instruments-info"
    async with trader.session.get(url, params=query) as answer:
        assert (await answer.json())["result"]["list"][0]["status"] == "Closed"


async def test_update_ids_advance_by_one_and_a_gap_shows(
    trader: Trader, socket: ClientWebSocketResponse
) -> None:
    await subscribe(socket, BOOK)
    seen = await move(trader, socket, 4)
    ids = [m["data"]["u"] for m in seen]
    assert len(ids) > 2
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert [m["type"] for m in seen] == ["snapshot"] + ["delta"] * (len(ids) - 1)
    await trader.fault({"target": "orderbook", "kind": "gap", "times": 1})
    after = await move(trader, socket, 4)
    assert after[0]["data"]["u"] == ids[-1] + 2
    assert await trader.fired() == [1]


async def test_a_gap_never_takes_a_snapshot(
    trader: Trader, socket: ClientWebSocketResponse
) -> None:
    await trader.fault({"target": "orderbook", "kind": "gap", "times": 1})
    await subscribe(socket, BOOK)
    [snapshot] = await heartbeat(socket)
    assert snapshot["type"] == "snapshot"


async def test_a_crossed_book(trader: Trader, socket: ClientWebSocketResponse) -> None:
    await trader.fault({"target": BOOK, "kind": "crossed", "times": 1})
    await subscribe(socket, BOOK)
    [book] = await heartbeat(socket)
    assert float(book["data"]["b"][0][0]) > float(book["data"]["a"][0][0])


async def test_two_messages_change_places(trader: Trader, socket: ClientWebSocketResponse) -> None:
    await subscribe(socket, BOOK)
    await heartbeat(socket)
    await trader.fault({"target": BOOK, "kind": "reorder", "times": 1})
    ids = [m["data"]["u"] for m in await move(trader, socket, 5)]
    assert ids[:2] == [ids[1] + 1, ids[0] - 1]
    assert ids[2:] == sorted(ids[2:])


async def test_slow_messages_come_late_in_order_and_hold_nobody(
    trader: Trader, socket: ClientWebSocketResponse
) -> None:
    await subscribe(socket, BOOK, TICKER)
    await heartbeat(socket)
    await trader.fault({"target": BOOK, "kind": "slow", "delay_s": 0.1, "times": 1})
    early = await move(trader, socket, 3)
    assert {m["topic"] for m in early} <= {TICKER, BOOK}
    late = [m for m in early if m["topic"] == BOOK]
    while len(late) < 2:
        message = await socket.receive_json(timeout=WAIT_S)
        late.append(message)
    assert [m["data"]["u"] for m in late] == sorted(m["data"]["u"] for m in late)
    assert late[0]["ts"] <= OPEN_MS + 2000 < trader.venue.now_ms


async def test_slow_messages_of_who_left_are_not_sent(trader: Trader) -> None:
    await trader.fault({"target": "public", "kind": "slow", "delay_s": 60})
    async with trader.session.ws_connect(trader.url + STREAM) as socket:
        await subscribe(socket, TICKER)
        [client] = trader.venue._stream.crowd.clients
        [task] = client._tasks
    await asyncio.wait([task], timeout=WAIT_S)
    assert task.cancelled()


async def test_garbage_comes_before_the_message(
    trader: Trader, socket: ClientWebSocketResponse
) -> None:
    await subscribe(socket, BOOK)
    await heartbeat(socket)
    await trader.fault({"target": BOOK, "kind": "garbage"})
    client = next(iter(trader.venue._stream.crowd.clients))
    client._garbled = 1  # the first kind is bad UTF-8: this client would hang up
    trader.venue._step(1000)
    publishing = asyncio.create_task(trader.venue._stream.publish())
    bad, good = [await socket.receive(timeout=WAIT_S) for _ in range(2)]
    assert "NaN" in bad.data
    assert json.loads(good.data)["topic"] == BOOK
    assert await heartbeat(socket) == []
    await asyncio.wait_for(publishing, WAIT_S)


async def test_bad_utf8_is_really_sent(trader: Trader, socket: ClientWebSocketResponse) -> None:
    await trader.fault({"target": TICKER, "kind": "garbage", "times": 1})
    await subscribe(socket, TICKER)
    message = await socket.receive(timeout=WAIT_S)
    assert message.type is WSMsgType.ERROR
    assert "utf-8" in str(message.data).lower()


@pytest.mark.parametrize(("status", "seen"), [(None, 403), (429, 429)])
async def test_handshakes_are_refused(trader: Trader, status: int | None, seen: int) -> None:
    fault = {"target": "public", "kind": "refuse", "times": 1}
    await trader.fault(fault if status is None else fault | {"status": status})
    with pytest.raises(WSServerHandshakeError) as error:
        await trader.session.ws_connect(trader.url + STREAM)
    assert error.value.status == seen
    assert (await trader.truth())["connects"] == 0
    async with trader.session.ws_connect(trader.url + STREAM) as socket:
        assert not socket.closed


async def test_connections_are_accepted_and_closed_at_once(trader: Trader) -> None:
    await trader.fault({"target": "public", "kind": "close", "status": 1012})
    for count in (1, 2):
        async with trader.session.ws_connect(trader.url + STREAM) as socket:
            message = await socket.receive(timeout=WAIT_S)
            assert (message.type, message.data) == (WSMsgType.CLOSE, 1012)
        assert await trader.fired() == [count]


async def test_a_connection_is_closed_after_it_subscribed(
    trader: Trader, socket: ClientWebSocketResponse
) -> None:
    await trader.fault({"target": TICKER, "kind": "close", "times": 1})
    await heartbeat(socket)
    await socket.send_json({"op": "subscribe", "args": [TICKER]})
    seen = [(await socket.receive(timeout=WAIT_S)).type for _ in range(2)]
    assert seen == [WSMsgType.TEXT, WSMsgType.CLOSE]


async def test_heartbeats_stay_without_an_answer(
    trader: Trader, socket: ClientWebSocketResponse
) -> None:
    await trader.fault({"target": "*", "kind": "no_pong", "times": 1})
    await socket.send_json({"op": "ping", "req_id": "lost"})
    assert (await request(socket, {"op": "ping", "req_id": "kept"}))["req_id"] == "kept"


async def test_a_failing_topic_is_refused_alone(
    trader: Trader, socket: ClientWebSocketResponse
) -> None:
    await trader.fault({"target": BOOK, "kind": "sub_fail", "times": 1})
    answer = await request(socket, {"op": "subscribe", "args": [BOOK], "req_id": "1"})
    assert (answer["success"], answer["req_id"]) == (False, "1")
    assert BOOK in answer["ret_msg"]
    await subscribe(socket, BOOK)
    assert [m["type"] for m in await heartbeat(socket)] == ["snapshot"]


async def test_books_of_a_restarted_service_count_from_one(
    trader: Trader, socket: ClientWebSocketResponse
) -> None:
    await subscribe(socket, BOOK)
    [before] = await heartbeat(socket)
    await trader.fault({"target": "*", "kind": "restart"})
    assert (await socket.receive(timeout=WAIT_S)).data == 1012
    async with trader.session.ws_connect(trader.url + STREAM) as again:
        await subscribe(again, BOOK)
        seen = await heartbeat(again) + await move(trader, again, 2)
    assert before["data"]["u"] > 1_000_000
    assert [m["data"]["u"] for m in seen] == [1, 2, 3]
    assert [m["type"] for m in seen] == ["snapshot", "delta", "delta"]


async def test_levels_of_five_hundred_are_no_longer_offered(
    socket: ClientWebSocketResponse,
) -> None:
    asked = {"op": "subscribe", "args": [f"orderbook.500.{SYMBOL}"]}
    assert (await request(socket, asked))["success"] is False
    await subscribe(socket, f"orderbook.1000.{SYMBOL}")
    [book] = await heartbeat(socket)
    assert len(book["data"]["a"]) == 1000
