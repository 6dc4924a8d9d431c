"""ccxt, its REST half and its streams, trading at the simulated exchange."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import ccxt
import ccxt.pro
import pytest

from engine.sim.sources import feed_from
from engine.sim.synthetic import SyntheticFeed
from engine.sim.venue import Venue
from serving import WAIT_S, serving

pytestmark = pytest.mark.e2e

PAIR, SYMBOL = "SOL/USDT:USDT", "SOLUSDT"


def opened(speed: float = 50, start_ms: int | None = None) -> Venue:
    feed = feed_from(None, 1)
    return Venue(feed, speed=speed, start_ms=start_ms or feed.begin_ms + 50_000)


@asynccontextmanager
async def connected(venue: Venue, **config: Any) -> AsyncIterator[Any]:  # noqa: ANN401 -- ccxt's
    """ccxt.pro aimed at the venue, which runs; its own clock is not touched."""
    async with serving(venue, is_running=True) as url:
        client = ccxt.pro.bybit({"apiKey": "sandbox", "secret": "sandbox", **config})
        rest = dict.fromkeys(("spot", "futures", "v2", "public", "private"), url)
        base = url.replace("http", "ws") + "/v5"
        streams = {"public": {"linear": f"{base}/public/linear"}}
        private = dict.fromkeys(("contract", "spot", "usdc"), f"{base}/private")
        client.urls["api"] = {**rest, "ws": {**streams, "private": private}}
        try:
            yield client
        finally:
            await client.close()


@pytest.fixture
def venue() -> Venue:
    return opened()


@pytest.fixture
async def client(venue: Venue) -> AsyncIterator[Any]:
    """A client that keeps the venue's time, at any speed."""
    async with connected(venue, options={"fetchMarkets": {"types": ["linear"]}}) as client:
        client.has["fetchCurrencies"] = False
        client.milliseconds = lambda: venue._clock.now_ms
        client.enableRateLimit = False
        await client.load_markets()
        yield client


async def price(client: Any, share: float) -> float:  # noqa: ANN401 -- ccxt has no types
    """A share of the bid, on the grid."""
    ticker = await client.fetch_ticker(PAIR)
    return float(client.price_to_precision(PAIR, ticker["bid"] * share))


async def test_markets_load_by_default_with_keys_and_an_own_clock() -> None:
    """A market in real time, and nothing turned off."""
    venue = opened(1, (int(time.time()) + 3) * 1000)  # a client may be late, hardly early
    async with connected(venue) as client:
        markets = await client.load_markets()
        assert {m["id"] for m in markets.values()} == {
            i.symbol for i in SyntheticFeed(1).instruments
        }
        assert client.currencies["USDT"]["code"] == "USDT"
        balance = await client.fetch_balance()
        assert balance["USDT"]["total"] == 10_000.0
        order = await client.create_order(PAIR, "market", "buy", 1)
        assert order["id"]


async def test_the_account_is_read(client: Any) -> None:  # noqa: ANN401 -- ccxt has no types
    balance = await client.fetch_balance()
    seen = {name: balance["USDT"][name] for name in ("free", "used", "total")}
    assert seen == {"free": 10_000.0, "used": 0.0, "total": 10_000.0}
    assert await client.is_unified_enabled() == [False, True]
    fee = await client.fetch_trading_fee(PAIR)
    assert (fee["taker"], fee["maker"]) == (0.00055, 0.0002)
    assert await client.fetch_positions() == []
    position = await client.fetch_position(PAIR)
    assert position["contracts"] in (0, None)
    assert await client.fetch_open_orders(PAIR) == []


async def test_what_has_no_need_to_change(client: Any) -> None:  # noqa: ANN401 -- ccxt has no types
    await client.set_leverage(5, PAIR)
    with pytest.raises(ccxt.BadRequest, match="110043"):
        await client.set_leverage(5, PAIR)
    with pytest.raises(ccxt.ExchangeError, match="110025"):
        await client.set_position_mode(False, PAIR)  # noqa: FBT003 -- ccxt's own way
    await client.set_margin_mode("isolated", PAIR)
    assert (await client.fetch_position(PAIR))["leverage"] == 5


async def test_a_resting_order_is_placed_changed_and_canceled(
    client: Any,  # noqa: ANN401 -- ccxt has no types
) -> None:
    low = await price(client, 0.97)
    link = {"clientOrderId": "bo-1"}
    order = await client.create_order(PAIR, "limit", "buy", 2, low, link)
    [resting] = await client.fetch_open_orders(PAIR)
    assert (resting["id"], resting["clientOrderId"], resting["status"]) == (
        order["id"],
        "bo-1",
        "open",
    )
    assert (resting["price"], resting["amount"], resting["filled"]) == (low, 2.0, 0.0)
    with pytest.raises(ccxt.InvalidOrder, match="110072"):
        await client.create_order(PAIR, "limit", "buy", 2, low, link)
    lower = await price(client, 0.96)
    await client.edit_order(order["id"], PAIR, "limit", "buy", 3, lower)
    [resting] = await client.fetch_open_orders(PAIR, params={"orderLinkId": "bo-1"})
    assert (resting["price"], resting["amount"]) == (lower, 3.0)
    balance = await client.fetch_balance()
    assert balance["USDT"]["used"] > 0
    await client.cancel_order(None, PAIR, {"orderLinkId": "bo-1"})
    assert await client.fetch_open_orders(PAIR) == []
    with pytest.raises(ccxt.InvalidOrder, match="110010"):
        await client.cancel_order(order["id"], PAIR)
    with pytest.raises(ccxt.OrderNotFound):
        await client.cancel_order("no", PAIR)
    seen = await client.fetch_order(order["id"], PAIR, {"acknowledged": True})
    assert seen["status"] == "canceled"
    gone = await client.fetch_canceled_and_closed_orders(PAIR, params={"orderLinkId": "bo-1"})
    assert [o["status"] for o in gone] == ["canceled"]


async def test_a_position_is_opened_protected_and_closed(
    client: Any,  # noqa: ANN401 -- ccxt has no types
) -> None:
    stop, higher = await price(client, 0.95), await price(client, 0.96)
    attached = {"stopLoss": {"triggerPrice": stop}, "tpslMode": "Full", "positionIdx": 0}
    order = await client.create_order(PAIR, "market", "buy", 2, None, attached)
    [position] = await client.fetch_positions([PAIR])
    assert (position["side"], position["contracts"], position["stopLossPrice"]) == ("long", 2, stop)
    trades = await client.fetch_my_trades(PAIR)
    assert sum(Decimal(str(t["amount"])) for t in trades) == 2
    assert {t["order"] for t in trades} == {order["id"]}
    assert all(t["fee"]["cost"] > 0 and t["fee"]["currency"] == "USDT" for t in trades)
    assert await client.fetch_order_trades(None, PAIR, params={"orderLinkId": "no"}) == []
    [conditional] = await client.fetch_open_orders(PAIR, params={"trigger": True})
    assert (conditional["stopLossPrice"] or conditional["triggerPrice"]) == stop
    assert conditional["reduceOnly"] is True
    raw = {"category": "linear", "symbol": SYMBOL, "tpslMode": "Full", "positionIdx": 0}
    moved = {**raw, "stopLoss": str(higher), "slTriggerBy": "LastPrice"}
    await client.private_post_v5_position_trading_stop(moved)
    assert (await client.fetch_position(PAIR))["stopLossPrice"] == higher
    with pytest.raises(ccxt.BaseError, match="34040"):
        await client.private_post_v5_position_trading_stop(moved)
    await client.create_order(PAIR, "market", "sell", 2, None, {"reduceOnly": True})
    assert await client.fetch_positions() == []
    with pytest.raises(ccxt.InvalidOrder, match="110017"):
        await client.create_order(PAIR, "market", "sell", 2, None, {"reduceOnly": True})
    assert await client.fetch_open_orders(PAIR) == []
    closed = await client.fetch_closed_orders(PAIR)
    assert [o["filled"] for o in closed] == [2.0, 2.0]


async def test_all_orders_are_canceled_stops_too(
    client: Any,  # noqa: ANN401 -- ccxt has no types
) -> None:
    low, stop = await price(client, 0.97), await price(client, 0.9)
    await client.create_order(PAIR, "market", "buy", 1, None, {"stopLoss": {"triggerPrice": stop}})
    for _ in range(3):
        await client.create_order(PAIR, "limit", "buy", 1, low)
    await client.cancel_all_orders(PAIR, {"orderFilter": "Order"})
    assert len(await client.fetch_open_orders(PAIR)) == 1
    await client.cancel_all_orders(PAIR)
    assert await client.fetch_open_orders(PAIR) == []
    assert (await client.fetch_position(PAIR))["stopLossPrice"] is None


async def test_market_history(client: Any) -> None:  # noqa: ANN401 -- ccxt has no types
    rows = await client.fetch_open_interest_history(PAIR, "1h", limit=5)
    assert len(rows) == 5
    assert all(row["openInterestAmount"] > 0 or row["openInterestValue"] > 0 for row in rows)
    ticker = await client.fetch_ticker(PAIR)
    trades = await client.fetch_trades(PAIR, limit=10)
    assert trades[-1]["price"] == pytest.approx(ticker["last"], rel=0.01)
    funding = await client.fetch_funding_rate_history(PAIR, limit=3)
    assert [row["fundingRate"] for row in funding] == [0.0001] * 3
    book = await client.fetch_order_book(PAIR, 1000)
    assert len(book["bids"]) == len(book["asks"]) == 1000


async def test_private_streams(client: Any, venue: Venue) -> None:  # noqa: ANN401 -- as above
    stop = await price(client, 0.95)

    async def watch(method: Any) -> Any:  # noqa: ANN401 -- ccxt has no types
        return await asyncio.wait_for(method, WAIT_S)

    watching = [
        asyncio.create_task(watch(method))
        for method in (
            client.watch_orders(PAIR),
            client.watch_my_trades(PAIR),
            client.watch_positions([PAIR]),
            client.watch_balance(),
        )
    ]
    # The account's own snapshot of positions comes first: it is empty.
    assert await watching[2] == []
    watching[2] = asyncio.create_task(watch(client.watch_positions([PAIR])))
    while sum(len(topics) for topics in venue._bell._heard.values()) < len(watching):
        await client.fetch_time()
    attached = {"stopLoss": {"triggerPrice": stop}}
    order = await client.create_order(PAIR, "market", "buy", 2, None, attached)
    orders, trades, positions, balance = await asyncio.gather(*watching)
    assert order["id"] in {o["id"] for o in orders}
    assert {t["order"] for t in trades} == {order["id"]}
    assert [(p["side"], p["contracts"]) for p in positions if p["contracts"]][-1] == ("long", 2)
    assert 9_990 < balance["USDT"]["total"] < 10_000


async def test_a_book_that_is_watched_never_crosses(
    client: Any,  # noqa: ANN401 -- ccxt has no types
) -> None:
    times = []
    for _ in range(8):
        book = await asyncio.wait_for(client.watch_order_book(PAIR, 50), WAIT_S)
        times.append(book["timestamp"])
        assert book["bids"][0][0] < book["asks"][0][0]
        assert (len(book["bids"]), len(book["asks"])) == (50, 50)
    assert len(set(times)) == 8
    assert times == sorted(times)


async def test_too_many_visits() -> None:
    venue = opened(speed=1e-6)
    async with connected(venue, enableRateLimit=False) as slow:
        slow.milliseconds = lambda: venue._clock.now_ms
        body = {"category": "linear", "symbol": SYMBOL, "buyLeverage": "3", "sellLeverage": "3"}
        answers = await asyncio.gather(
            *(slow.private_post_v5_position_set_leverage(body) for _ in range(11)),
            return_exceptions=True,
        )
    assert [type(a) for a in answers].count(ccxt.RateLimitExceeded) == 1
    assert [type(a) for a in answers].count(dict) == 1  # the others change nothing


async def test_wrong_keys_and_wrong_times(client: Any) -> None:  # noqa: ANN401 -- ccxt has no types
    right = client.milliseconds
    client.milliseconds = lambda: right() - 60_000
    with pytest.raises(ccxt.InvalidNonce):
        await client.fetch_positions()
    client.milliseconds = right
    client.secret = "other"
    with pytest.raises(ccxt.AuthenticationError):
        await client.fetch_positions()
    with pytest.raises(ccxt.AuthenticationError):
        await asyncio.wait_for(client.watch_my_trades(), WAIT_S)
