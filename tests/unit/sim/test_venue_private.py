import json
from collections.abc import AsyncIterator
from itertools import groupby

import pytest
from aiohttp import ClientPayloadError, ServerDisconnectedError, WSMsgType
from trading_client import SYMBOL, Trader, signed, trading

from engine.sim.venue import Venue
from markets import FIRST_MS, FIVE_MS, recorded
from serving import WAIT_S

OPEN_MS = FIRST_MS + 351 * FIVE_MS
SLOW = 1e-6  # a clock of limits that stands still


@pytest.fixture
async def trader() -> AsyncIterator[Trader]:
    """A client of a market that stands still."""
    async with trading(Venue(recorded(), start_ms=OPEN_MS)) as trader:
        yield trader


async def orders(trader: Trader) -> list[str]:
    return [order["orderLinkId"] for order in (await trader.truth())["orders"]]


# -- the gate ------------------------------------------------------------------------------------


async def test_a_signed_call_is_answered_in_the_envelope(trader: Trader) -> None:
    answer = await trader.buy(orderLinkId="one")
    assert sorted(answer) == ["result", "retCode", "retExtInfo", "retMsg", "time"]
    assert (answer["retCode"], answer["retMsg"], answer["time"]) == (0, "OK", OPEN_MS)
    assert answer["result"]["orderLinkId"] == "one"
    assert (await orders(trader)) == ["one"]
    read = await trader.get("order/realtime", symbol=SYMBOL, orderLinkId="one")
    assert read["result"]["list"][0]["orderStatus"] == "Filled"


async def test_a_refusal_of_the_account_is_its_code(trader: Trader) -> None:
    answer = await trader.post("position/trading-stop", symbol=SYMBOL, stopLoss="1", positionIdx=0)
    assert answer["retCode"] == 10001
    assert answer["result"] == {}
    assert trader.status == 200
    assert trader.headers["X-Bapi-Limit-Status"] == "9"


async def test_a_body_that_is_no_object_is_refused_after_its_signature(trader: Trader) -> None:
    async def post(body: str, **changes: str) -> int:
        headers = signed(body, OPEN_MS) | changes
        url = trader.url + "/v5/order/create"
        async with trader.session.post(url, data=body, headers=headers) as answer:
            code: int = (await answer.json())["retCode"]
            return code

    assert await post("{") == await post("[]") == 10001
    assert await post("{", **{"X-BAPI-SIGN": "0"}) == 10004
    assert await post("{", **{"X-BAPI-API-KEY": "0"}) == 10003
    assert await post("{", **{"X-BAPI-TIMESTAMP": "0"}) == 10002


async def test_nothing_is_held_in_other_categories(trader: Trader) -> None:
    await trader.buy()
    answer = await trader.get("position/list", category="inverse", settleCoin="USDT")
    assert answer["result"] == {"category": "inverse", "list": [], "nextPageCursor": ""}
    assert (await trader.get("position/list", category="coins"))["retCode"] == 10001


async def test_only_this_machine_may_trade(trader: Trader) -> None:
    for headers in ({"Host": "example.com"}, {"Origin": "https://example.com"}):
        for path in ("/v5/order/create", "/venue/faults"):
            async with trader.session.post(trader.url + path, headers=headers) as answer:
                assert answer.status == 403
    assert (await trader.truth())["requests"] == {}


async def test_what_is_left_of_a_limit_is_told() -> None:
    async with trading(Venue(recorded(), start_ms=OPEN_MS, speed=SLOW)) as trader:
        seen, text = [], ""
        for _ in range(11):
            answer = await trader.post("order/cancel", symbol=SYMBOL, orderLinkId="no")
            limit = [
                trader.headers[f"X-Bapi-Limit{name}"]
                for name in ("", "-Status", "-Reset-Timestamp")
            ]
            seen.append((answer["retCode"], *limit))
            text = answer["retMsg"]
        now, later = str(OPEN_MS), str(OPEN_MS + 1000)
        assert seen[:10] == [(110001, "10", str(left), now) for left in range(9, -1, -1)]
        assert seen[10] == (10006, "10", "0", later)
        assert text == "Too many visits!"
        truth = await trader.truth()
    assert truth["refused"] == {"order/cancel": 1}
    assert truth["requests"] == {"order/cancel": 11}


@pytest.mark.e2e
async def test_an_address_is_shut_out() -> None:
    async with trading(Venue(recorded(), start_ms=OPEN_MS, speed=SLOW)) as trader:
        url = trader.url + "/v5/market/time"
        for _ in range(600):
            async with trader.session.get(url) as answer:
                assert answer.status == 200
        async with trader.session.get(url) as answer:
            assert (answer.status, await answer.text()) == (403, "access too frequent")
        assert (await trader.truth())["refused"] == {"market/time": 1}


async def test_time_flows_between_the_steps_of_a_running_market() -> None:
    venue = Venue(recorded(), start_ms=OPEN_MS)
    async with trading(venue, is_running=True) as trader:
        seen: list[int] = []
        while not seen or seen[-1] == seen[0]:
            async with trader.session.get(trader.url + "/v5/market/time") as answer:
                body = await answer.json()
            seen.append(body["time"])
            assert seen[-1] - int(body["result"]["timeNano"]) // 1_000_000 in (0, 1, 2, 3)
        assert seen == sorted(seen)
        assert OPEN_MS < seen[-1] < OPEN_MS + 1000
        assert (await trader.get("account/info"))["retCode"] == 0


# -- faults of the wire --------------------------------------------------------------------------


async def lost(trader: Trader, link: str) -> None:
    with pytest.raises(ServerDisconnectedError):
        await trader.buy(orderLinkId=link)


async def test_a_lost_request_never_came(trader: Trader) -> None:
    await trader.fault({"target": "order/create", "kind": "lose_request", "times": 1})
    await lost(trader, "one")
    assert await orders(trader) == []
    assert (await trader.buy(orderLinkId="one"))["retCode"] == 0
    assert await trader.fired() == [1]


async def test_a_lost_response_was_carried_out(trader: Trader) -> None:
    await trader.fault({"target": SYMBOL, "kind": "lose_response", "times": 1})
    await lost(trader, "one")
    assert await orders(trader) == ["one"]
    assert (await trader.buy(orderLinkId="one"))["retCode"] == 110072


async def test_a_late_call_is_carried_out_later(trader: Trader) -> None:
    await trader.fault({"target": "order/create", "kind": "late_apply", "delay_s": 2, "times": 2})
    await lost(trader, "one")
    await lost(trader, "")
    trader.venue._step(1000)
    assert await orders(trader) == []
    trader.venue._step(1000)
    assert sorted(await orders(trader)) == ["", "one"]


async def test_a_late_call_that_is_refused_never_comes(trader: Trader) -> None:
    await trader.fault({"target": "order/create", "kind": "late_apply"})
    with pytest.raises(ServerDisconnectedError):
        async with trader.session.post(trader.url + "/v5/order/create", data=b"{}"):
            pass
    await lost(trader, "bad link!")
    trader.venue._step(1000)
    assert await orders(trader) == []


@pytest.mark.parametrize("is_applied", [False, True])
async def test_another_reply(trader: Trader, *, is_applied: bool) -> None:
    fault = {"target": "order/create", "kind": "reply", "apply": is_applied}
    await trader.fault(fault | {"ret_code": 10016, "headers": {"X-Test": "1"}})
    answer = await trader.buy(orderLinkId="one")
    assert (answer["retCode"], answer["retMsg"], answer["result"]) == (10016, "fault", {})
    assert trader.headers["X-Test"] == "1"
    assert await orders(trader) == ["one"] * is_applied
    await trader.fault(fault | {"ret_code": 10006, "body": "Too many visits!", "status": 429})
    answer = await trader.buy(orderLinkId="one")
    assert (trader.status, answer["retCode"], answer["retMsg"]) == (429, 10006, "Too many visits!")


@pytest.mark.parametrize(
    ("body", "text"), [("<html>", "<html>"), ({"result": None}, '{"result":null}'), (None, "")]
)
async def test_another_body(trader: Trader, body: object, text: str) -> None:
    await trader.fault({"target": "public", "kind": "reply", "status": 502, "body": body})
    async with trader.session.get(trader.url + "/v5/market/time") as answer:
        assert (answer.status, await answer.text()) == (502, text)
    assert (await trader.get("account/info"))["retCode"] == 0


async def test_half_an_answer(trader: Trader) -> None:
    await trader.fault({"target": "order/create", "kind": "cut"})
    with pytest.raises(ClientPayloadError):
        await trader.buy(orderLinkId="one")
    assert await orders(trader) == ["one"]


async def test_a_slow_answer(trader: Trader) -> None:
    await trader.fault({"target": "market/time", "kind": "slow", "delay_s": 0.05})
    async with trader.session.get(trader.url + "/v5/market/time") as answer:
        assert answer.status == 200  # the headers are here
        trader.venue._step(1000)
        assert (await answer.json())["time"] == OPEN_MS  # as it was when it was asked


async def test_reads_that_lag(trader: Trader) -> None:
    await trader.buy(orderLinkId="one")
    trader.venue._step(1000)
    await trader.fault({"target": "private", "kind": "stale_reads", "delay_s": 2, "times": 1})

    async def size() -> str:
        answer = await trader.get("position/list", symbol=SYMBOL)
        size: str = answer["result"]["list"][0]["size"]
        return size

    assert float(await size()) == 0
    assert float(await size()) == 1


async def test_a_lost_page(trader: Trader) -> None:
    await trader.fault({"target": "*", "kind": "page_lost", "times": 1})
    for cursor, status in (("", 200), ("1", 502), ("1", 200)):
        query = {"category": "linear", "limit": "1", "cursor": cursor}
        query = {name: text for name, text in query.items() if text}
        url = trader.url + "/v5/market/instruments-info"
        async with trader.session.get(url, params=query) as answer:
            assert answer.status == status


# -- control -------------------------------------------------------------------------------------


async def test_a_list_that_is_wrong_leaves_the_old_one(trader: Trader) -> None:
    listed = await trader.fault({"target": "*", "kind": "cut"})
    assert listed == [{"target": "*", "kind": "cut", "fired": 0}]
    problem = await trader.fault({"target": "*", "kind": "cuts"})
    assert trader.status == 400
    assert problem.startswith("faults[0].kind: expected one of")
    assert await trader.fired() == [0]
    assert await trader.fault() == []


async def test_a_wrong_clock_refuses_who_keeps_the_right_time(trader: Trader) -> None:
    await trader.fault({"target": "*", "kind": "skew", "delay_s": 6})
    assert trader.venue._clock.now_ms == OPEN_MS + 6000
    async with trader.session.get(trader.url + "/v5/market/time") as answer:
        body = await answer.json()
    assert (body["time"], body["result"]["timeSecond"]) == (
        OPEN_MS + 6000,
        str(OPEN_MS // 1000 + 6),
    )
    query = "category=linear"
    url = f"{trader.url}/v5/account/info?{query}"
    async with trader.session.get(url, headers=signed(query, OPEN_MS)) as answer:
        assert (await answer.json())["retCode"] == 10002
    await trader.fault()
    assert (await trader.get("account/info"))["time"] == OPEN_MS


async def test_hands_of_the_exchange(trader: Trader) -> None:
    await trader.buy("4", stopLoss="1")
    await trader.fault({"target": "*", "kind": "transfer", "amount": 250})
    await trader.fault({"target": SYMBOL, "kind": "adl", "amount": "1"})
    truth = await trader.truth()
    assert float(truth["balance"]) == pytest.approx(10_250, abs=5)
    assert float(truth["positions"][0]["size"]) == 3
    assert float(truth["positions"][0]["stopLoss"]) == 1
    await trader.fault({"target": SYMBOL, "kind": "drop_stop"})
    assert (await trader.truth())["positions"][0]["stopLoss"] == ""
    await trader.fault({"target": SYMBOL, "kind": "liquidate"})
    assert (await trader.truth())["positions"] == []
    await trader.buy("1")
    listed = await trader.fault({"target": SYMBOL, "kind": "settle"})
    truth = await trader.truth()
    assert truth["positions"] == []
    kinds = ["Trade", "AdlTrade", "BustTrade", "Trade", "Settle"]
    assert [kind for kind, _ in groupby(e["execType"] for e in truth["executions"])] == kinds
    assert [row["fired"] for row in listed] == [1]


@pytest.mark.parametrize(
    ("fault", "size", "status", "stop"),
    [
        ({"kind": "no_attach"}, 4, "Filled", ""),
        ({"kind": "no_fill"}, 0, "Cancelled", ""),
        ({"kind": "partial", "p": 0.25}, 1, "Cancelled", "1.00"),
        ({"kind": "reject_after_ack"}, 0, "Rejected", ""),
    ],
)
async def test_a_bad_day_of_one_order(
    trader: Trader, fault: dict[str, object], size: float, status: str, stop: str
) -> None:
    await trader.fault({"target": "order/create", "times": 1, **fault})
    assert (await trader.buy("4", stopLoss="1", orderLinkId="one"))["retCode"] == 0
    truth = await trader.truth()
    held = truth["positions"][0] if truth["positions"] else {"size": "0", "stopLoss": ""}
    assert (float(held["size"]), held["stopLoss"]) == (size, stop)
    assert truth["orders"][0]["orderStatus"] == status
    assert await trader.fired() == [1]
    await trader.buy("4", stopLoss="1", orderLinkId="two")
    assert float((await trader.truth())["positions"][0]["size"]) == size + 4


async def test_a_stop_that_does_not_fill(trader: Trader) -> None:
    quirks = trader.venue._account.desk.quirks
    await trader.fault(
        {"target": "*", "kind": "stop_no_fill"}, {"target": "*", "kind": "twice_filled"}
    )
    assert (quirks.stop_no_fill, quirks.twice_filled) == (True, True)
    await trader.fault()
    assert (quirks.stop_no_fill, quirks.twice_filled) == (False, False)


async def test_a_restart_forgets_closes_and_is_down_for_a_while() -> None:
    async with trading(Venue(recorded(), start_ms=OPEN_MS, speed=SLOW)) as trader:
        await trader.buy(orderLinkId="one")
        async with trader.listening("order") as private:
            await trader.fault({"target": "*", "kind": "restart", "delay_s": 1})
            message = await private.receive(timeout=WAIT_S)
            assert (message.type, message.data) == (WSMsgType.CLOSE, 1012)
        assert (await trader.get("account/info"))["retCode"] == 10016
        await trader.fault({"target": "*", "kind": "restart"})
        read = await trader.get("order/realtime", symbol=SYMBOL, orderLinkId="one")
        assert read["result"]["list"] == []
        kept = await trader.get("order/history", symbol=SYMBOL, orderLinkId="one")
        assert len(kept["result"]["list"]) == 1
        assert json.dumps((await trader.truth())["connects"]) == "1"
