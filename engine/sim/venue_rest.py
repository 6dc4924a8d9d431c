"""Bybit v5 market data over REST: queries in, JSON out, all from one board.

Field names, types and error codes follow the exchange's documents, so that clients we did not write
read it. It must never touch a socket, and never answer with a number the board does not show.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from engine.core.values import Instrument, Ms
from engine.sim.account import FUNDING_MS
from engine.sim.board import HOUR_MS, Board, Depth
from engine.sim.feed import CLOSE, DAY_MS, HIGH, LOW, MINUTE_MS, OPEN, TURNOVER, VOLUME

FRAMES = {str(n): n * MINUTE_MS for n in (1, 3, 5, 15, 30, 60, 120, 240, 360, 720)}
FRAMES["D"] = DAY_MS

PARAMETER_ERROR = 10001
DIGITS_MAX = 18  # of a number that somebody asks for
FUNDING_RATE, FUNDING_CAP = "0.0001", "0.005"
MAX_LOTS, MAX_MARKET_LOTS = 2_000_000, 500_000
BOOK_MAX = 1000
EMPTY_CATEGORIES = frozenset(
    {"spot", "inverse", "option"}
)  # of the exchange, without a market here

Query = Mapping[str, str]
Json = dict[str, Any]
Endpoint = Callable[[Query], Json]


class Refused(Exception):
    """A query the exchange answers with an error code."""

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        super().__init__(message)


class Rest:
    """The market endpoints, by path below `/v5/market/`."""

    def __init__(self, board: Board) -> None:
        self.closed: frozenset[str] = frozenset()  # symbols whose trading has ended: a fault
        self._board = board
        self.paths: dict[str, Endpoint] = {
            "instruments-info": self._instruments,
            "tickers": self._tickers,
            "kline": self._kline,
            "orderbook": self._orderbook,
        }

    def _instruments(self, query: Query) -> Json:
        if query.get("category") in EMPTY_CATEGORIES:
            return {"category": query["category"], "list": [], "nextPageCursor": ""}
        check_category(query)
        wanted = list(self._board.feed.instruments)
        if "symbol" in query:
            wanted = [wanted[row_of(self._board, query)]]
        if "status" in query:
            wanted = [i for i in wanted if self._status(i) == query["status"]]
        first = number(query, "cursor", 0)
        last = first + max(1, min(number(query, "limit", 500), 1000))
        return {
            "category": "linear",
            "list": [self._instrument(i) for i in wanted[first:last]],
            "nextPageCursor": str(last) if last < len(wanted) else "",
        }

    def _status(self, instrument: Instrument) -> str:
        return "Closed" if instrument.symbol in self.closed else "Trading"

    def _instrument(self, instrument: Instrument) -> Json:
        row = self._board.rows[instrument.symbol]
        lots = {"qtyStep": 1, "maxOrderQty": MAX_LOTS}
        lots |= {"postOnlyMaxOrderQty": MAX_LOTS, "maxMktOrderQty": MAX_MARKET_LOTS}
        return {
            "symbol": instrument.symbol,
            "symbolId": row + 1,
            "contractType": "LinearPerpetual",
            "status": self._status(instrument),
            "baseCoin": instrument.base,
            "quoteCoin": instrument.quote,
            "settleCoin": instrument.quote,
            "symbolType": "",
            "launchTime": str(self._board.feed.start_ms),
            "deliveryTime": "0",
            "deliveryFeeRate": "",
            "priceScale": str(self._board.decimals[row]),
            "leverageFilter": {"minLeverage": "1", "maxLeverage": "50.00", "leverageStep": "0.01"},
            "priceFilter": {
                "minPrice": f"{instrument.tick:f}",
                "maxPrice": f"{instrument.tick * 1_000_000_000:f}",
                "tickSize": f"{instrument.tick:f}",
            },
            "lotSizeFilter": {
                "minOrderQty": f"{instrument.qty_min:f}",
                **{name: f"{instrument.lot * count:f}" for name, count in lots.items()},
                "minNotionalValue": f"{instrument.notional_min:f}",
            },
            "unifiedMarginTrade": True,
            "fundingInterval": FUNDING_MS // MINUTE_MS,
            "copyTrading": "none",
            "isPreListing": False,
            "preListingInfo": None,
            "riskParameters": {"priceLimitRatioX": "0.05", "priceLimitRatioY": "0.1"},
        }

    def _tickers(self, query: Query) -> Json:
        check_category(query)
        rows = [row_of(self._board, query)] if "symbol" in query else self._board.rows.values()
        tickers = (ticker(self._board, row) for row in rows)
        return {"category": "linear", "list": [t for t in tickers if t is not None]}

    def _kline(self, query: Query) -> Json:
        check_category(query)
        row, frame_ms = row_of(self._board, query), FRAMES.get(query.get("interval", ""), 0)
        if not is_served(self._board, frame_ms):
            raise Refused(PARAMETER_ERROR, "Invalid period!")
        limit = max(1, min(number(query, "limit", 200), 1000))
        first_ms, count = self._span(query, frame_ms, limit)
        rows = self._board.candles(row, frame_ms, first_ms, count) if count else ()
        known = [
            [str(first_ms + i * frame_ms), *candle_texts(self._board, row, candle)]
            for i, candle in enumerate(rows)
            if not np.isnan(candle[OPEN])
        ]
        return {"symbol": query["symbol"], "category": "linear", "list": known[::-1]}

    def _span(self, query: Query, frame_ms: int, limit: int) -> tuple[Ms, int]:
        """First open and count: from `start` on, or up to `end` or now, at most `limit`."""
        feed, last = self._board.feed, self._board.shown.at_ms // frame_ms * frame_ms
        start = max(number(query, "start", 0), feed.start_ms // frame_ms * frame_ms)
        first = -(-start // frame_ms) * frame_ms
        if "end" in query:
            last = min(last, number(query, "end", 0) // frame_ms * frame_ms)
        elif "start" in query:
            last = min(last, first + (limit - 1) * frame_ms)
        first = max(first, last - (limit - 1) * frame_ms)
        return first, max(0, (last - first) // frame_ms + 1)

    def _orderbook(self, query: Query) -> Json:
        check_category(query)
        row = row_of(self._board, query)
        sides = book_of(self._board, row, max(1, min(number(query, "limit", 25), BOOK_MAX)))
        bids, asks = (book_texts(self._board, row, side) for side in sides)
        now_ms = self._board.shown.at_ms
        numbers = {"ts": now_ms, "cts": now_ms, "u": now_ms // 1000, "seq": now_ms}
        return {"s": query["symbol"], "b": bids, "a": asks, **numbers}


def is_served(board: Board, frame_ms: int) -> bool:
    """Whether candles of this frame can be made from the base bars."""
    return frame_ms > 0 and frame_ms % board.feed.step_ms == 0


def candle_texts(board: Board, row: int, candle: "np.typing.NDArray[np.float64]") -> list[str]:
    """Open, high, low, close, volume, turnover as the exchange writes them.

    What is read back is the very candle that a file holds, or that its bars add up to: whoever
    judges candles of this market and whoever judges the file must come to the same numbers.
    """
    price = board.decimals[row]
    return [
        *(f"{candle[column]:.{price}f}" for column in (OPEN, HIGH, LOW, CLOSE)),
        _exact(candle[VOLUME], board.lot_decimals[row]),
        f"{candle[TURNOVER]:.4f}",
    ]


def _exact(quantity: float, decimals: int) -> str:
    """In lots where that says all of it, else every digit: recorded volumes know no lots."""
    text = f"{quantity:.{decimals}f}"
    return text if float(text) == quantity else np.format_float_positional(quantity, trim="-")


def book_of(board: Board, row: int, depth: int) -> tuple[Depth, Depth]:
    """Bids and asks, best first; both empty before the first trade."""
    return ((), ()) if np.isnan(board.shown.last[row]) else board.book(row, depth)


def book_texts(board: Board, row: int, levels: Iterable[tuple[float, float]]) -> list[list[str]]:
    """Levels as `[price, size]`, in the exchange's words."""
    price, lot = board.decimals[row], board.lot_decimals[row]
    return [[f"{p:.{price}f}", f"{q:.{lot}f}" if q else "0"] for p, q in levels]


def ticker(board: Board, row: int) -> dict[str, str] | None:
    """All fields of one ticker; None before the first trade."""
    shown, price, lot = board.shown, board.decimals[row], board.lot_decimals[row]
    last = shown.last[row]
    if np.isnan(last):
        return None
    before, mark = shown.price_24h_ago[row], shown.mark[row]
    texts = {
        "lastPrice": last,
        "indexPrice": mark,
        "markPrice": mark,
        "prevPrice24h": before,
        "highPrice24h": shown.high_24h[row],
        "lowPrice24h": shown.low_24h[row],
        "prevPrice1h": shown.price_1h_ago[row],
        "bid1Price": shown.bid[row],
        "ask1Price": shown.ask[row],
    }
    sizes = {
        "bid1Size": shown.bid_size[row],
        "ask1Size": shown.ask_size[row],
        "volume24h": shown.volume_24h[row],
        "openInterest": shown.interest[row],
    }
    return {
        "symbol": board.feed.instruments[row].symbol,
        **{name: f"{value:.{price}f}" for name, value in texts.items()},
        **{name: f"{value:.{lot}f}" for name, value in sizes.items()},
        "price24hPcnt": f"{last / before - 1:.6f}",
        "openInterestValue": f"{shown.interest[row] * mark:.2f}",
        "turnover24h": f"{shown.turnover_24h[row]:.4f}",
        "fundingRate": FUNDING_RATE,
        "fundingCap": FUNDING_CAP,
        "fundingIntervalHour": str(FUNDING_MS // HOUR_MS),
        "nextFundingTime": str((shown.at_ms // FUNDING_MS + 1) * FUNDING_MS),
        **_UNUSED_FIELDS,
    }


# A perpetual has none of these; the exchange sends the keys all the same.
_UNUSED_FIELDS = {
    "deliveryTime": "0",
    "deliveryFeeRate": "",
    "basis": "",
    "basisRate": "",
    "basisRateYear": "",
    "predictedDeliveryPrice": "",
    "preOpenPrice": "",
    "preQty": "",
    "curPreListingPhase": "",
}


def check_category(query: Query) -> None:
    """Raise `Refused` unless linear contracts are asked for."""
    if query.get("category") != "linear":
        raise Refused(PARAMETER_ERROR, "params error: Category is invalid")


def row_of(board: Board, query: Query) -> int:
    """The row of the symbol that is asked for; raises `Refused`."""
    symbol = query.get("symbol", "")
    if symbol not in board.rows:
        raise Refused(PARAMETER_ERROR, f"params error: symbol invalid {symbol}".rstrip())
    return board.rows[symbol]


def number(query: Query, name: str, default: int) -> int:
    """A whole number that is asked for, or the default; raises `Refused`."""
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX):
        raise Refused(PARAMETER_ERROR, f"params error: {name} invalid")
    return int(text)
