"""Bybit v5 market history other than candles: open interest, trades, funding.

It exists so that a client can look back at what the tickers showed. It must never tell a number
that the board did not show, or will show only later.
"""

import numpy as np

from engine.core.values import Ms
from engine.sim.account import FUNDING_MS
from engine.sim.board import Board
from engine.sim.feed import DAY_MS, MINUTE_MS
from engine.sim.venue_rest import (
    FUNDING_RATE,
    PARAMETER_ERROR,
    Endpoint,
    Json,
    Query,
    Refused,
    check_category,
    is_served,
    number,
    row_of,
)
from engine.sim.venue_topics import trade_id

INTERVALS = {f"{n}min": n * MINUTE_MS for n in (5, 15, 30)}
INTERVALS |= {"1h": 60 * MINUTE_MS, "4h": 240 * MINUTE_MS, "1d": DAY_MS}
ROWS_MAX = 200
TRADES_MAX = 1000


class History:
    """The endpoints of the past, by path below `/v5/market/`."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self.paths: dict[str, Endpoint] = {
            "open-interest": self._interest,
            "recent-trade": self._trades,
            "funding/history": self._funding,
        }

    def _interest(self, query: Query) -> Json:
        check_category(query)
        row, frame_ms = row_of(self._board, query), INTERVALS.get(query.get("intervalTime", ""), 0)
        if not is_served(self._board, frame_ms):
            raise Refused(PARAMETER_ERROR, "params error: intervalTime invalid")
        first_ms, count = self._span(query, frame_ms, default=50)
        values = self._board.interest(row, first_ms, frame_ms, count) if count else np.empty(0)
        lot = self._board.lot_decimals[row]
        shown = [
            {"openInterest": f"{value:.{lot}f}", "timestamp": str(first_ms + i * frame_ms)}
            for i, value in enumerate(values)
            if not np.isnan(value)
        ]
        return {
            "symbol": query["symbol"],
            "category": "linear",
            "list": shown[::-1],
            "nextPageCursor": "",
        }

    def _funding(self, query: Query) -> Json:
        check_category(query)
        row_of(self._board, query)
        first_ms, count = self._span(query, FUNDING_MS, default=ROWS_MAX)
        shown = [
            {
                "symbol": query["symbol"],
                "fundingRate": FUNDING_RATE,
                "fundingRateTimestamp": str(first_ms + i * FUNDING_MS),
            }
            for i in range(count)
        ]
        return {"category": "linear", "list": shown[::-1]}

    def _trades(self, query: Query) -> Json:
        check_category(query)
        row = row_of(self._board, query)
        limit = max(1, min(number(query, "limit", 500), TRADES_MAX))
        price, lot = self._board.decimals[row], self._board.lot_decimals[row]
        shown = [
            {
                "execId": trade_id(trade, row),
                "symbol": query["symbol"],
                "price": f"{trade.price:.{price}f}",
                "size": f"{trade.qty:.{lot}f}",
                "side": "Buy" if trade.is_buy else "Sell",
                "time": str(trade.at_ms),
                "isBlockTrade": False,
                "isRPITrade": False,
                "seq": str(trade.at_ms),
            }
            for trade in self._board.trades(row)
        ]
        return {"category": "linear", "list": shown[::-1][:limit]}

    def _span(self, query: Query, frame_ms: int, *, default: int) -> tuple[Ms, int]:
        """First moment and count, the latest ones of `startTime .. endTime`, at most `limit`."""
        limit = max(1, min(number(query, "limit", default), ROWS_MAX))
        now_ms = self._board.shown.at_ms
        last_ms = min(number(query, "endTime", now_ms), now_ms) // frame_ms * frame_ms
        first_ms = max(number(query, "startTime", 0), self._board.feed.start_ms)
        first_ms = max(-(-first_ms // frame_ms) * frame_ms, last_ms - (limit - 1) * frame_ms)
        return first_ms, max(0, (last_ms - first_ms) // frame_ms + 1)
