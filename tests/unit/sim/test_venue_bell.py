import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType
from trading_client import SYMBOL, Trader, login, request, trading

from engine.sim.venue import Venue
from markets import FIRST_MS, FIVE_MS, recorded
from serving import WAIT_S

OPEN_MS = FIRST_MS + 351 * FIVE_MS
ALL = ("order", "execution", "position", "wallet")


@pytest.fixture
async def trader() -> AsyncIterator[Trader]:
    """A client of a market that stands still."""
    async with trading(Venue(recorded(), start_ms=OPEN_MS)) as trader:
        yield trader


@pytest.fixture
async def socket(trader: Trader) -> AsyncIterator[ClientWebSocketResponse]:
    """A private stream that has proven nothing yet."""
    async with trader.session.ws_connect(trader.url + "/v5/private", autoping=False) as socket:
        yield socket


async def told(socket: ClientWebSocketResponse, count: int) -> list[Any]:
    """The next messages."""
    return [await socket.receive_json(timeout=WAIT_S) for _ in range(count)]


async def until_pong(socket: ClientWebSocketResponse) -> list[Any]:
    """All that was sent before the answer to a heartbeat."""
    await socket.send_json({"op": "ping"})
    seen = []
    while (message := await socket.receive_json(timeout=WAIT_S)).get("op") != "pong":
        seen.append(message)
    return seen


async def heartbeat(socket: ClientWebSocketResponse) -> None:
    """Nothing was sent before the answer to this."""
    assert await until_pong(socket) == []


# -- opening -------------------------------------------------------------------------------------


async def test_a_stream_is_opened_and_subscribed(socket: ClientWebSocketResponse) -> None:
    answer = await login(socket, OPEN_MS + 1000)
    assert len(answer.pop("conn_id")) == 36
    assert answer == {"success": True, "ret_msg": "", "op": "auth"}
    asked = {"op": "subscribe", "args": ALL, "req_id": "s1"}
    answer = await request(socket, asked)
    del answer["conn_id"]
    assert answer == {"success": True, "ret_msg": "", "op": "subscribe", "req_id": "s1"}
    await heartbeat(socket)  # no snapshot


async def test_a_stream_of_nobody_hears_nothing(
    trader: Trader, socket: ClientWebSocketResponse
) -> None:
    answer = await login(socket, OPEN_MS - 1)
    assert answer["success"] is False
    assert "expired" in answer["ret_msg"]
    answer = await request(socket, {"op": "subscribe", "args": ["order"]})
    assert (answer["success"], answer["ret_msg"]) == (False, "Request not authorized")
    await trader.buy()
    await heartbeat(socket)


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"op": "subscribe", "args": ["order", "greeks"]}, "handler not found,topic:greeks"),
        ({"op": "subscribe", "args": ["wallet.linear"]}, "topic:wallet.linear"),
        ({"op": "subscribe", "args": ["order", "position.linear"]}, "in one request"),
        ({"op": "dance"}, "error:unknown op,op:dance"),
        ({"args": []}, "Request body is invalid"),
    ],
)
async def test_what_is_not_understood_is_refused(
    trader: Trader, asked: object, problem: str
) -> None:
    async with trader.listening() as socket:
        answer = await request(socket, asked)
        assert answer["success"] is False
        assert problem in answer["ret_msg"]
        await trader.buy()
        await heartbeat(socket)


async def test_a_heartbeat_is_answered_in_the_private_shape(
    socket: ClientWebSocketResponse,
) -> None:
    answer = await request(socket, {"op": "ping", "req_id": "7"})
    del answer["conn_id"]
    assert answer == {"req_id": "7", "op": "pong", "args": [str(OPEN_MS)]}


# -- news ----------------------------------------------------------------------------------------


async def test_what_an_order_caused_is_told_after_its_reply(trader: Trader) -> None:
    async with trader.listening(*ALL) as socket:
        answer = await trader.buy("2", orderLinkId="one")
        messages = await told(socket, 4)
    assert {m["topic"] for m in messages} == set(ALL)
    assert len({m["id"] for m in messages}) == 4
    for message in messages:
        assert sorted(message) == ["creationTime", "data", "id", "topic"]
        assert message["creationTime"] == OPEN_MS
    by_topic = {m["topic"]: m["data"] for m in messages}
    assert by_topic["order"][-1]["orderId"] == answer["result"]["orderId"]
    assert by_topic["order"][-1]["orderStatus"] == "Filled"
    assert sum(float(e["execQty"]) for e in by_topic["execution"]) == 2
    assert float(by_topic["position"][-1]["size"]) == 2
    assert by_topic["wallet"][0]["accountType"] == "UNIFIED"


async def test_categorized_topics_are_told_under_their_name(trader: Trader) -> None:
    async with trader.listening("order.linear", "execution.spot") as socket:
        await trader.buy()
        [message] = await told(socket, 1)
        assert message["topic"] == "order.linear"
        await heartbeat(socket)


async def test_every_connection_is_told(trader: Trader) -> None:
    async with trader.listening("order") as first, trader.listening("wallet") as second:
        await trader.buy()
        assert (await told(first, 1))[0]["topic"] == "order"
        assert (await told(second, 1))[0]["topic"] == "wallet"
        answer = await request(first, {"op": "unsubscribe", "args": ["order"]})
        assert (answer["success"], answer["op"]) == (True, "unsubscribe")
        await trader.buy()
        await told(second, 1)
        await heartbeat(first)
    assert (await trader.truth())["connects"] == 2


async def test_nothing_is_repeated_for_who_comes_later(trader: Trader) -> None:
    await trader.buy()
    async with trader.listening(*ALL) as socket:
        await heartbeat(socket)


async def test_what_the_market_does_is_told(trader: Trader) -> None:
    price = f"{trader.venue._board.shown.ask[0]:.2f}"
    order = {"symbol": SYMBOL, "side": "Buy", "orderType": "Limit", "qty": "1"}
    low = f"{float(price) * 0.9995:.2f}"
    await trader.post("order/create", **order, price=low)
    async with trader.listening("execution") as socket:
        seen: list[Any] = []
        while not seen:
            trader.venue._step(1000)
            publishing = asyncio.create_task(trader.venue._bell.publish())
            while not publishing.done():
                seen += await until_pong(socket)
    assert [e["isMaker"] for e in seen[0]["data"]] == [True]
    assert int(seen[0]["data"][0]["execTime"]) == trader.venue.now_ms > OPEN_MS


async def test_the_market_waits_for_who_was_told_something(trader: Trader) -> None:
    async with (
        trader.listening("order") as quick,
        trader.session.ws_connect(trader.url + "/v5/private", autoping=False) as slow,
    ):
        await login(slow, OPEN_MS + 1000)
        await asyncio.wait_for(trader.venue._bell.publish(), WAIT_S)  # nobody is behind
        await request(slow, {"op": "subscribe", "args": ["order"]})
        await trader.buy()
        await told(quick, 1)
        publishing = asyncio.create_task(trader.venue._bell.publish())
        assert (await told(slow, 1))[0]["topic"] == "order"
        ping = await slow.receive(timeout=WAIT_S)
        assert ping.type is WSMsgType.PING
        await heartbeat(quick)
        assert not publishing.done()
        await slow.pong(bytes(ping.data))
        await asyncio.wait_for(publishing, WAIT_S)


async def test_who_leaves_is_forgotten(trader: Trader) -> None:
    async with trader.listening("order"):
        assert trader.venue.clients == 1
    await trader.buy()
    await asyncio.wait_for(trader.venue._bell.publish(), WAIT_S)
    assert trader.venue._bell._heard == {}


# -- faults of the stream ------------------------------------------------------------------------


async def test_messages_are_lost_and_doubled(trader: Trader) -> None:
    async with trader.listening("order", "wallet") as socket:
        await trader.fault(
            {"target": "order", "kind": "drop", "times": 1},
            {"target": SYMBOL, "kind": "dup", "times": 1},
        )
        await trader.buy()
        assert [m["topic"] for m in await told(socket, 1)] == ["wallet"]
        await trader.buy()
        first, second, wallet = await told(socket, 3)
        assert first == second
        assert (first["topic"], wallet["topic"]) == ("order", "wallet")
        assert await trader.fired() == [1, 1]


async def test_a_private_stream_that_stands_still_still_pongs(trader: Trader) -> None:
    async with trader.listening("order") as socket:
        await trader.fault({"target": "private", "kind": "stall"})
        await trader.buy()
        await heartbeat(socket)
        await socket.send_json({"op": "subscribe", "args": ["wallet"]})
        await heartbeat(socket)
        await trader.fault()
        await trader.buy()
        assert {m["topic"] for m in await told(socket, 2)} == {"order", "wallet"}


async def test_a_subscription_fails_or_its_answer_is_lost(trader: Trader) -> None:
    async with trader.listening() as socket:
        await trader.fault(
            {"target": "order", "kind": "sub_fail", "times": 1},
            {"target": "order", "kind": "ack_lost", "times": 1},
        )
        await socket.send_json({"op": "subscribe", "args": ["order"]})  # fails, and nobody says so
        await heartbeat(socket)
        await trader.buy()
        await heartbeat(socket)
        assert (await request(socket, {"op": "subscribe", "args": ["order"]}))["success"] is True
        assert await trader.fired() == [1, 1]


async def test_a_stream_is_closed_with_the_code_of_the_fault(trader: Trader) -> None:
    async with trader.listening("order") as first, trader.listening("wallet") as second:
        await trader.fault({"target": "private", "kind": "close", "status": 4001, "times": 1})
        for socket in (first, second):
            message = await socket.receive(timeout=WAIT_S)
            assert (message.type, message.data) == (WSMsgType.CLOSE, 4001)
        assert await trader.fired() == [1]
    async with trader.listening("order") as socket:
        await heartbeat(socket)


async def test_a_stream_is_closed_when_it_has_something_to_say(trader: Trader) -> None:
    async with trader.listening("order") as socket:
        await trader.fault({"target": "order", "kind": "close", "times": 1})
        await heartbeat(socket)
        await trader.buy()
        message = await socket.receive(timeout=WAIT_S)
        assert (message.type, message.data) == (WSMsgType.CLOSE, 1001)
