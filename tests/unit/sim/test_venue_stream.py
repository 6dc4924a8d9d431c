import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from engine.sim.venue import Venue
from markets import recorded
from serving import WAIT_S, serving


@pytest.fixture
async def socket() -> AsyncIterator[ClientWebSocketResponse]:
    """A client of a market that stands still."""
    async with (
        serving(Venue(recorded())) as url,
        ClientSession() as session,
        session.ws_connect(url + "/v5/public/linear", autoping=False) as socket,
    ):
        yield socket


async def ask(socket: ClientWebSocketResponse, request: object) -> Any:  # noqa: ANN401 -- JSON
    await socket.send_json(request)
    return await socket.receive_json(timeout=WAIT_S)


async def test_a_subscription_is_acknowledged_before_its_first_message(
    socket: ClientWebSocketResponse,
) -> None:
    args = ["kline.5.AAAUSDT", "tickers.BBBUSDT", "orderbook.1.AAAUSDT", "publicTrade.AAAUSDT"]
    answer = await ask(socket, {"req_id": "s1", "op": "subscribe", "args": args})
    connection = answer.pop("conn_id")
    assert len(connection) == 36
    assert answer == {"success": True, "ret_msg": "", "req_id": "s1", "op": "subscribe"}
    first = [await socket.receive_json(timeout=WAIT_S) for _ in range(3)]
    assert [m["topic"] for m in first] == args[:3]
    assert {m["type"] for m in first} == {"snapshot"}


async def test_a_heartbeat_is_answered_in_the_shape_of_linear(
    socket: ClientWebSocketResponse,
) -> None:
    answer = await ask(socket, {"op": "ping"})
    del answer["conn_id"]
    assert answer == {"success": True, "ret_msg": "pong", "req_id": "", "op": "ping"}
    numbered = await ask(socket, {"req_id": 7, "op": "ping"})
    assert numbered["req_id"] == 7


async def test_a_protocol_ping_is_answered(socket: ClientWebSocketResponse) -> None:
    await socket.ping(b"hello")
    message = await socket.receive(timeout=WAIT_S)
    assert (message.type, bytes(message.data)) == (WSMsgType.PONG, b"hello")


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (
            {"op": "subscribe", "args": ["tickers.AAAUSDT", "nothing.AAAUSDT"]},
            "error:handler not found,topic:nothing.AAAUSDT",
        ),
        ({"op": "subscribe", "args": ["kline.1.AAAUSDT"]}, "topic:kline.1.AAAUSDT"),
        ({"op": "subscribe", "args": ["tickers." + "A" * 21_000]}, "longer than 21000 characters"),
        ({"op": "dance"}, "error:unknown op,op:dance"),
        ({"args": []}, "Request body is invalid"),
        (["op"], "Request body is invalid"),
        ({"op": "subscribe", "args": [1]}, "Request body is invalid"),
    ],
)
async def test_what_is_not_understood_is_refused_and_changes_nothing(
    socket: ClientWebSocketResponse, request_: object, problem: str
) -> None:
    answer = await ask(socket, request_)
    assert answer["success"] is False
    assert problem in answer["ret_msg"]
    assert (await ask(socket, {"op": "ping"}))["ret_msg"] == "pong"  # and no data in between


async def test_text_that_is_not_json_is_refused(socket: ClientWebSocketResponse) -> None:
    await socket.send_str("{")
    answer = await socket.receive_json(timeout=WAIT_S)
    assert (answer["success"], answer["ret_msg"]) == (False, "Request body is invalid")


async def test_binary_messages_are_ignored(socket: ClientWebSocketResponse) -> None:
    await socket.send_bytes(b"\x00")
    assert (await ask(socket, {"op": "ping"}))["ret_msg"] == "pong"


async def test_subscribing_twice_sends_one_snapshot(socket: ClientWebSocketResponse) -> None:
    subscribe = {"op": "subscribe", "args": ["tickers.AAAUSDT"]}
    await ask(socket, subscribe)
    assert (await socket.receive_json(timeout=WAIT_S))["type"] == "snapshot"
    assert (await ask(socket, subscribe))["success"] is True
    assert (await ask(socket, {"op": "ping"}))["ret_msg"] == "pong"


async def test_unsubscribing_ends_the_messages_of_a_topic() -> None:
    venue = Venue(recorded(), speed=1000)
    async with (
        serving(venue, is_running=True) as url,
        ClientSession() as session,
        session.ws_connect(url + "/v5/public/linear") as socket,
    ):
        await ask(socket, {"op": "subscribe", "args": ["tickers.AAAUSDT", "tickers.BBBUSDT"]})
        await socket.send_json(
            {"op": "unsubscribe", "args": ["tickers.AAAUSDT", "tickers.AAAUSDT"], "req_id": "u"}
        )
        answer = await socket.receive_json(timeout=WAIT_S)
        while "topic" in answer:
            answer = await socket.receive_json(timeout=WAIT_S)
        assert (answer["op"], answer["success"], answer["req_id"]) == ("unsubscribe", True, "u")
        after = [await socket.receive_json(timeout=WAIT_S) for _ in range(4)]
        assert {m["topic"] for m in after} == {"tickers.BBBUSDT"}


async def test_a_market_that_stands_repeats_its_prices() -> None:
    venue = Venue(recorded())
    async with (
        serving(venue) as url,
        ClientSession() as session,
        session.ws_connect(url + "/v5/public/linear") as socket,
    ):
        await ask(socket, {"op": "subscribe", "args": ["tickers.AAAUSDT", "kline.5.AAAUSDT"]})
        first = [await socket.receive_json(timeout=WAIT_S) for _ in range(2)]
        standing = asyncio.create_task(venue.stand())
        again = await socket.receive_json(timeout=WAIT_S)
        standing.cancel()
        with suppress(asyncio.CancelledError):
            await standing
    assert again == first[0]
