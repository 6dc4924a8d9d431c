"""pybit, the exchange's own client, trading at the simulated exchange."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from typing import Any

import pybit._http_manager
import pybit._websocket_stream
import pybit.unified_trading
import pytest
from pybit.exceptions import InvalidRequestError
from pybit.unified_trading import HTTP, WebSocket

from engine.sim.sources import feed_from
from engine.sim.venue import Venue
from serving import WAIT_S, serving

pytestmark = pytest.mark.e2e

SYMBOL = "SOLUSDT"
LINEAR = {"category": "linear", "symbol": SYMBOL}
KEYS = {"api_key": "sandbox", "api_secret": "sandbox"}


@pytest.fixture
def venue() -> Venue:
    feed = feed_from(None, 1)
    return Venue(feed, speed=50, start_ms=feed.begin_ms + 50_000)


@pytest.fixture
async def url(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The venue, whose time pybit keeps and whose streams it finds."""
    helpers = pybit._http_manager._helpers
    monkeypatch.setattr(helpers, "generate_timestamp", lambda: venue._clock.now_ms)
    async with serving(venue, is_running=True) as url:
        stream = url.replace("http", "ws") + "/v5"
        monkeypatch.setattr(pybit.unified_trading, "PRIVATE_WSS", f"{stream}/private")
        public = f"{stream}/public/{{CHANNEL_TYPE}}"
        monkeypatch.setattr(pybit.unified_trading, "PUBLIC_WSS", public)
        yield url


class Session:
    """pybit's blocking session, kept off the loop that serves it."""

    def __init__(self, url: str) -> None:
        self.http = HTTP(**KEYS, max_retries=1, return_response_headers=False)
        self.http.endpoint = url
        self.http.client.trust_env = False

    async def do(self, method: str, **params: object) -> Any:  # noqa: ANN401 -- JSON
        """The result of a call."""
        answer = await asyncio.to_thread(getattr(self.http, method), **params)
        assert answer["retCode"] == 0
        return answer["result"]

    async def refused(self, method: str, **params: object) -> int:
        """The code a call is refused with."""
        with pytest.raises(InvalidRequestError) as error:
            await asyncio.to_thread(getattr(self.http, method), **params)
        code: int = error.value.status_code
        return code


@pytest.fixture
async def session(url: str) -> AsyncIterator[Session]:
    session = Session(url)
    yield session
    session.http.client.close()


class Ear:
    """Listens to a stream of pybit; its callbacks come from another thread."""

    def __init__(self, stream: Any) -> None:  # noqa: ANN401 -- pybit has no types
        self.stream = stream
        self.heard: dict[str, list[Any]] = defaultdict(list)
        self._came = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def hear(self, message: Any) -> None:  # noqa: ANN401 -- JSON
        """The callback of every topic."""
        self.heard[message["topic"]].append(message)
        self._loop.call_soon_threadsafe(self._came.set)

    async def until(self, is_done: Callable[[dict[str, list[Any]]], bool]) -> None:
        """Wait until what was heard is enough."""
        async with asyncio.timeout(WAIT_S):
            while not is_done(self.heard):
                self._came.clear()
                await self._came.wait()


async def opened(channel: str, **keys: str) -> Ear:
    """A stream that is connected. Subscribe on the loop: pybit would miss a quicker answer."""
    return Ear(await asyncio.to_thread(WebSocket, channel_type=channel, testnet=False, **keys))


async def price(session: Session, share: float) -> str:
    """A share of the bid, on the grid."""
    ticker = (await session.do("get_tickers", **LINEAR))["list"][0]
    return f"{float(ticker['bid1Price']) * share:.2f}"


async def test_the_market_is_read(session: Session, venue: Venue) -> None:
    assert int((await session.do("get_server_time"))["timeSecond"]) <= venue.now_ms // 1000
    [instrument] = (await session.do("get_instruments_info", **LINEAR))["list"]
    assert instrument["status"] == "Trading"
    candles = (await session.do("get_kline", **LINEAR, interval=5, limit=10))["list"]
    assert len(candles) == 10
    book = await session.do("get_orderbook", **LINEAR, limit=1000)
    assert len(book["a"]) == 1000
    interest = await session.do("get_open_interest", **LINEAR, intervalTime="5min", limit=3)
    assert len(interest["list"]) == 3
    trades = await session.do("get_public_trade_history", **LINEAR, limit=5)
    assert len(trades["list"]) == 5
    funding = await session.do("get_funding_rate_history", **LINEAR, limit=2)
    assert len(funding["list"]) == 2


async def test_an_order_is_placed_changed_and_canceled(session: Session) -> None:
    order = {**LINEAR, "side": "Buy", "orderType": "Limit", "orderLinkId": "pb-1"}
    placed = await session.do("place_order", **order, qty=2, price=await price(session, 0.97))
    assert placed["orderLinkId"] == "pb-1"
    assert await session.refused("place_order", **order, qty=2, price="90") == 110072
    lower = await price(session, 0.96)
    await session.do("amend_order", **LINEAR, orderId=placed["orderId"], price=lower, qty=3)
    [resting] = (await session.do("get_open_orders", **LINEAR))["list"]
    assert (resting["price"], float(resting["qty"]), resting["orderStatus"]) == (lower, 3, "New")
    await session.do("cancel_order", **LINEAR, orderLinkId="pb-1")
    [ended] = (await session.do("get_order_history", **LINEAR))["list"]
    assert (ended["orderStatus"], ended["cancelType"]) == ("Cancelled", "CancelByUser")
    assert await session.refused("cancel_order", **LINEAR, orderId="no") == 110001


async def test_a_position_is_protected_and_closed(session: Session) -> None:
    market = {**LINEAR, "orderType": "Market", "qty": 2}
    await session.do("place_order", **market, side="Buy", stopLoss=await price(session, 0.9))
    higher = await price(session, 0.95)
    stop = {**LINEAR, "tpslMode": "Full", "positionIdx": 0, "stopLoss": higher}
    await session.do("set_trading_stop", **stop)
    assert await session.refused("set_trading_stop", **stop) == 34040
    [position] = (await session.do("get_positions", **LINEAR))["list"]
    assert (position["side"], float(position["size"]), position["stopLoss"]) == ("Buy", 2, higher)
    await session.do("place_order", **market, side="Sell", reduceOnly=True)
    assert (await session.do("get_positions", category="linear", settleCoin="USDT"))["list"] == []
    executions = (await session.do("get_executions", **LINEAR))["list"]
    assert {e["side"] for e in executions} == {"Buy", "Sell"}
    [closed] = (await session.do("get_closed_pnl", **LINEAR))["list"]
    assert float(closed["closedSize"]) == 2
    log = (await session.do("get_transaction_log", category="linear"))["list"]
    assert len(log) == len(executions)


async def test_the_account_is_read_and_set(session: Session) -> None:
    [wallet] = (await session.do("get_wallet_balance", accountType="UNIFIED"))["list"]
    assert float(wallet["totalEquity"]) == 10_000
    assert (await session.do("get_account_info"))["marginMode"] == "REGULAR_MARGIN"
    [fees] = (await session.do("get_fee_rates", **LINEAR))["list"]
    assert fees["takerFeeRate"] == "0.00055"
    assert (await session.do("get_api_key_information"))["readOnly"] == 0
    await session.do("set_leverage", **LINEAR, buyLeverage="5", sellLeverage="5")
    again = {"buyLeverage": "5", "sellLeverage": "5"}
    assert await session.refused("set_leverage", **LINEAR, **again) == 110043
    await session.do("cancel_all_orders", **LINEAR)


async def test_public_streams(url: str) -> None:
    assert url
    ear = await opened("linear")
    ear.stream.orderbook_stream(50, SYMBOL, ear.hear)
    ear.stream.trade_stream(SYMBOL, ear.hear)
    ear.stream.ticker_stream(SYMBOL, ear.hear)
    ear.stream.kline_stream(5, SYMBOL, ear.hear)
    topics = [f"orderbook.50.{SYMBOL}", f"publicTrade.{SYMBOL}", f"tickers.{SYMBOL}"]
    topics.append(f"kline.5.{SYMBOL}")
    await ear.until(lambda heard: all(len(heard[topic]) > 2 for topic in topics))
    book = ear.heard[topics[0]][-1]["data"]  # pybit applied the deltas
    assert max(float(p) for p, _ in book["b"]) < min(float(p) for p, _ in book["a"])
    assert (len(book["b"]), len(book["a"])) == (50, 50)
    assert float(ear.heard[topics[2]][-1]["data"]["markPrice"]) > 0
    await asyncio.to_thread(ear.stream.exit)


async def test_private_streams(session: Session, venue: Venue) -> None:
    ear = await opened("private", **KEYS)
    stream = ear.stream
    for subscribe in (
        stream.order_stream,
        stream.execution_stream,
        stream.position_stream,
        stream.wallet_stream,
    ):
        subscribe(ear.hear)
    while sum(len(topics) for topics in venue._bell._heard.values()) < 4:
        await session.do("get_server_time")
    placed = await session.do("place_order", **LINEAR, side="Buy", orderType="Market", qty=2)
    await ear.until(lambda heard: len(heard) == 4)
    order = ear.heard["order"][0]["data"][-1]
    assert (order["orderId"], order["orderStatus"]) == (placed["orderId"], "Filled")
    assert sum(float(e["execQty"]) for e in ear.heard["execution"][0]["data"]) == 2
    assert float(ear.heard["position"][0]["data"][-1]["size"]) == 2
    assert float(ear.heard["wallet"][0]["data"][0]["coin"][0]["walletBalance"]) < 10_000
    await asyncio.to_thread(stream.exit)
