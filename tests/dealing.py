"""An account at the embedded exchange on a market of few, known bars, asked as a client asks."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from engine.core.values import Ms
from engine.sim.board import Board
from engine.sim.feed import COLUMNS, DAY_MS, TURNOVER
from engine.sim.recorded import RecordedFeed, Recording
from engine.sim.trading import Desk, Private
from engine.sim.venue_rest import Refused
from markets import FIRST_MS, FIVE_MS

D = Decimal
SYMBOL, OTHER = "AAAUSDT", "BBBUSDT"
LINEAR = {"category": "linear", "symbol": SYMBOL}
START_MS = FIRST_MS + DAY_MS  # a day of bars that stand still lies before it
QUIET = (100.0, 100.0, 100.0, 100.0)

Bar = tuple[float, float, float, float]
Row = dict[str, Any]


def market(*bars: Bar, volume: float = 5000.0) -> RecordedFeed:
    """AAAUSDT stands at 100.00 for a day and then goes through `bars`; BBBUSDT stays at 2.0000."""
    days = [QUIET] * (DAY_MS // FIVE_MS)
    candles = np.empty((2, len(days) + len(bars) + 2 * len(days), COLUMNS))
    path = [*days, *bars]
    still = (path[-1][3],) * 4
    candles[0, :, :4] = [*path, *[still] * (candles.shape[1] - len(path))]
    candles[1, :, :4] = 2.0
    candles[:, :, 4] = [[volume], [50 * volume]]
    candles[:, :, TURNOVER] = candles[:, :, 4] * candles[:, :, 3]
    names = (SYMBOL, OTHER)
    return RecordedFeed(Recording(names, (2, 4), FIRST_MS, FIVE_MS, candles), Path("memory"), 1)


class Dealing:
    """A desk, its endpoints, and the hand that moves the board."""

    def __init__(
        self,
        *bars: Bar,
        volume: float = 5000.0,
        balance: str = "10000",
        begin_ms: Ms = START_MS,
    ) -> None:
        self.take(Board(market(*bars, volume=volume), begin_ms), balance)

    def take(self, board: Board, balance: str = "10000") -> None:
        """Open an account on a market."""
        self.board = board
        self.desk = Desk(board, D(balance))
        self.private = Private(self.desk)

    @property
    def now_ms(self) -> Ms:
        return self.board.shown.at_ms

    def run(self, seconds: int, step_s: int = 20) -> None:
        """Let time pass; the board is moved in steps that stop at each bar's close."""
        until_ms = self.now_ms + seconds * 1000
        while self.now_ms < until_ms:
            close_ms = (self.now_ms // FIVE_MS + 1) * FIVE_MS
            self.board.seek(min(self.now_ms + step_s * 1000, close_ms, until_ms))
            self.desk.step()

    def get(self, path: str, **params: str) -> Any:  # noqa: ANN401 -- JSON
        return self.private.answer("GET", f"/v5/{path}", {"category": "linear", **params})

    def rows(self, path: str, **params: str) -> list[Row]:
        return list(self.get(path, **params)["list"])

    def rows_at(self, as_of_ms: Ms | None, path: str, **params: str) -> list[Row]:
        """What a reader is shown who is answered late."""
        asked = {"category": "linear", **params}
        return list(self.private.answer("GET", f"/v5/{path}", asked, as_of_ms)["list"])

    def post(self, path: str, **params: object) -> Any:  # noqa: ANN401 -- JSON
        return self.private.answer("POST", f"/v5/{path}", {"category": "linear", **params})

    def refusal(self, path: str, **params: object) -> tuple[int, str]:
        """Code and text of a write that must be refused."""
        before = self.desk.truth()
        try:
            found = self.post(path, **params)
        except Refused as e:
            assert self.desk.truth() == before
            return e.code, str(e)
        raise AssertionError(found)

    def create(self, side: str, qty: str, **params: object) -> Row:
        """Send an order, a market one unless it has a price; its row right after."""
        kind = "Limit" if "price" in params else "Market"
        asked = {"symbol": SYMBOL, "side": side, "orderType": kind, "qty": qty, **params}
        return self.order(self.post("order/create", **asked)["orderId"])

    def create_refused(self, side: str, qty: str, **params: object) -> tuple[int, str]:
        kind = "Limit" if "price" in params else "Market"
        asked = {"symbol": SYMBOL, "side": side, "orderType": kind, "qty": qty, **params}
        return self.refusal("order/create", **asked)

    def order(self, order_id: str) -> Row:
        return self.desk.ledger.rows.order(self.desk.ledger.orders[order_id])

    def depth(self, levels: int = 1) -> str:
        """Quantity that buyers find at the first levels."""
        asks = self.board.book(0, levels)[1]
        return f"{sum(qty for _, qty in asks):.3f}"

    def open(self, symbol: str = SYMBOL) -> list[Row]:
        """Open orders, oldest first."""
        return self.rows("order/realtime", symbol=symbol, limit="50")[::-1]

    def position(self, symbol: str = SYMBOL, row: int = 0) -> Row:
        return self.rows("position/list", symbol=symbol)[row]

    def hear(self) -> list[tuple[str, Row]]:
        """News since the last time."""
        return [(item.topic, item.row) for item in self.desk.news()]

    def balance(self) -> Decimal:
        return D(self.desk.truth()["balance"])
