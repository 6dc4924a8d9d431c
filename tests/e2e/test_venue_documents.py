"""Rows of the simulated exchange beside the examples of the exchange's own documents."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from trading_client import SYMBOL, Trader, request, trading

from engine.sim.venue import Venue
from markets import DATA, FIRST_MS, FIVE_MS, recorded
from serving import WAIT_S

pytestmark = pytest.mark.e2e

EXAMPLES = DATA / "bybit_v5_doc_examples.json.gz"
OPEN_MS = FIRST_MS + 351 * FIVE_MS


@pytest.fixture(scope="module")
def documents() -> dict[str, list[Any]]:
    """Examples by page."""
    if not EXAMPLES.exists():
        pytest.skip("the documents' examples are not beside this repository")
    found: dict[str, list[Any]] = json.loads(gzip.decompress(EXAMPLES.read_bytes()))
    return found


@pytest.fixture
async def trader() -> AsyncIterator[Trader]:
    async with trading(Venue(recorded(), start_ms=OPEN_MS)) as trader:
        yield trader


def differences(theirs: object, ours: object, name: str = "") -> dict[str, str]:
    """Fields of the example that we lack or show as another JSON type."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        found: dict[str, str] = {}
        for key, value in theirs.items():
            path = f"{name}.{key}".lstrip(".")
            found |= differences(value, ours[key], path) if key in ours else {path: "missing"}
        return found
    if isinstance(theirs, list) and isinstance(ours, list):
        pair = theirs and ours
        return differences(theirs[0], ours[0], f"{name}[]") if pair else {}
    kinds = kind(theirs), kind(ours)
    return {} if kinds[0] == kinds[1] else {name: f"{kinds[0]} != {kinds[1]}"}


def kind(value: object) -> str:
    return "number" if type(value) in (int, float) else type(value).__name__


READS = {
    "order/open-order": ("order/realtime", {"symbol": SYMBOL}),
    "order/order-list": ("order/history", {"symbol": SYMBOL}),
    "order/execution": ("execution/list", {"symbol": SYMBOL}),
    "position/position": ("position/list", {"symbol": SYMBOL}),
    "position/close-pnl": ("position/closed-pnl", {"symbol": SYMBOL}),
    "account/wallet-balance": ("account/wallet-balance", {"accountType": "UNIFIED"}),
    "account/account-info": ("account/info", {}),
    "account/fee-rate": ("account/fee-rate", {"symbol": SYMBOL}),
    "account/transaction-log": ("account/transaction-log", {}),
    "user/apikey-info": ("user/query-api", {}),
    "market/time": ("market/time", {}),
    "market/instrument": ("market/instruments-info", {"symbol": SYMBOL}),
    "market/tickers": ("market/tickers", {"symbol": SYMBOL}),
    "market/kline": ("market/kline", {"symbol": SYMBOL, "interval": "5"}),
    "market/orderbook": ("market/orderbook", {"symbol": SYMBOL}),
    "market/open-interest": ("market/open-interest", {"symbol": SYMBOL, "intervalTime": "5min"}),
    "market/recent-trade": ("market/recent-trade", {"symbol": SYMBOL}),
    "market/history-fund-rate": ("market/funding/history", {"symbol": SYMBOL}),
}


STREAMS = {
    "websocket/private/order": "order",
    "websocket/private/execution": "execution",
    "websocket/private/position": "position",
    "websocket/private/wallet": "wallet",
    "websocket/public/kline": f"kline.5.{SYMBOL}",
    "websocket/public/ticker": f"tickers.{SYMBOL}",
    "websocket/public/trade": f"publicTrade.{SYMBOL}",
    "websocket/public/orderbook": f"orderbook.50.{SYMBOL}",
}

# What the examples have and we do not: of spot and options, of other coins, or read by no client.
ABSENT = {
    "order/open-order": {"cumFeeDetail.MNT"},
    "order/order-list": {
        *("cumFeeDetail.MNT", "extraFees", "rpiMatchedQty", "rpiTakerAccess"),
        *("slippageTolerance", "slippageToleranceType"),
    },
    "position/position": {"mmrSysUpdateTime"},  # elsewhere it is mmrSysUpdatedTime
    "user/apikey-info": {
        *("affiliateIDInt64", "inviterIDInt64", "userIDInt64", "permissions.BitCard"),
        *("permissions.ByXPost", "permissions.FiatBitPay", "permissions.FiatConvertBroker"),
        *("permissions.FiatGlobalPay", "permissions.FiatP2P"),
    },
    "market/instrument": {
        *("displayName", "optionsType", "innovation", "marginTrading", "stTag"),
        *("lotSizeFilter.basePrecision", "lotSizeFilter.quotePrecision"),
        *("lotSizeFilter.maxLimitOrderQty", "lotSizeFilter.maxMarketOrderQty"),
        *("lotSizeFilter.maxOrderAmt", "lotSizeFilter.minOrderAmt"),
        "lotSizeFilter.postOnlyMaxLimitOrderSize",
    },
    "market/tickers": {
        *("ask1Iv", "bid1Iv", "markIv", "delta", "gamma", "theta", "vega", "underlyingPrice"),
        *("change24h", "totalTurnover", "totalVolume", "usdIndexPrice"),
    },
    "market/open-interest": {"singleOpenInterest"},
    "websocket/private/order": {"cumFeeDetail.MNT", "rpiMatchedQty", "rpiTakerAccess"},
    "websocket/private/execution": {"extraFees", "marketUnit"},  # extraFees is a list there
    "websocket/public/ticker": {
        *("askIv", "bidIv", "markPriceIv", "delta", "gamma", "theta", "vega", "underlyingPrice"),
        *("askPrice", "askSize", "bidPrice", "bidSize", "id", "change24h"),
        *("totalTurnover", "totalVolume", "usdIndexPrice"),
    },
}


def unexpected(page: str, examples: list[Any], ours: object) -> list[str]:
    """Differences to the replies and pushes among the examples that are not listed above."""
    seen = [e for e in examples if "result" in e or "topic" in e]
    assert seen, f"{page} has no example of an answer"
    found = {path: text for example in seen for path, text in differences(example, ours).items()}
    short = {
        path.split("[].")[-1].removeprefix("data.").removeprefix("result."): path for path in found
    }
    return [
        f"{path} {found[path]}" for name, path in short.items() if name not in ABSENT.get(page, ())
    ]


@pytest.mark.parametrize("page", READS)
async def test_replies(page: str, trader: Trader, documents: dict[str, list[Any]]) -> None:
    await trader.buy("2", stopLoss="1")
    exit_ = {"side": "Sell", "orderType": "Market", "qty": "1", "reduceOnly": True}
    await trader.post("order/create", symbol=SYMBOL, **exit_)
    trader.venue._step(1000)
    path, query = READS[page]
    ours = await trader.get(path, **query)
    assert ours["retCode"] == 0
    assert unexpected(page, documents[page], ours) == []


@pytest.mark.parametrize("page", [page for page in STREAMS if "private" in page])
async def test_private_pushes(page: str, trader: Trader, documents: dict[str, list[Any]]) -> None:
    async with trader.listening(STREAMS[page]) as socket:
        await trader.buy("2", stopLoss="1")
        ours = await socket.receive_json(timeout=WAIT_S)
    assert unexpected(page, documents[page], ours) == []


@pytest.mark.parametrize("page", [page for page in STREAMS if "public" in page])
async def test_public_pushes(page: str, trader: Trader, documents: dict[str, list[Any]]) -> None:
    async with trader.session.ws_connect(trader.url + "/v5/public/linear") as socket:
        await request(socket, {"op": "subscribe", "args": [STREAMS[page]]})
        trader.venue._step(5000)
        publishing = asyncio.create_task(trader.venue._stream.publish())
        ours = await socket.receive_json(timeout=WAIT_S)
        while not publishing.done():  # it waits until all is read
            await request(socket, {"op": "ping"})
    assert unexpected(page, documents[page], ours) == []
