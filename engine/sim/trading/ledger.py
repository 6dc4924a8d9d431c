"""The books of one account: every order, position and execution, and what was said about them.

It exists so that a change is numbered, dated, remembered for late readers and told in one place.
It must never decide what happens: whoever matches orders calls it with what happened.
"""

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from engine.sim.trading.market import Market
from engine.sim.trading.past import Past
from engine.sim.trading.positions import Position
from engine.sim.trading.quirks import Quirks
from engine.sim.trading.records import FILLED, NO_ERROR, ZERO, Execution, Life, Order
from engine.sim.trading.rows import Json, Rows
from engine.sim.trading.wallet import Wallet

DEFAULT_LEVERAGE = Decimal(10)
_ORDER, _EXECUTION = 1, 2  # what an id is for


class News(NamedTuple):
    """An item of the private stream: topic `order`, `execution`, `position` or `wallet`."""

    topic: str
    row: Json


class Ledger:
    """Mutable books; `market` tells the time and how numbers are written."""

    def __init__(self, market: Market, balance: Decimal) -> None:
        self.market = market
        self.quirks = Quirks()
        self.rows = Rows(market)
        self.wallet = Wallet(balance)
        self.orders: dict[str, Order] = {}
        self.links: dict[str, str] = {}  # the caller's id to ours
        self.open: dict[str, dict[str, Order]] = defaultdict(dict)  # by symbol
        self.positions: dict[tuple[str, int], Position] = {}
        self.executions: list[Execution] = []
        self.lives: dict[str, list[Life]] = defaultdict(list)
        self.leverage: dict[str, Decimal] = {}
        self.hedged: set[str] = set()
        self.margin_mode = "REGULAR_MARGIN"
        self.past = Past()
        self._news: list[News] = []
        self._seq = market.now_ms
        self._salt = market.now_ms << 64  # another exchange, opened later, has other ids

    # -- orders ----------------------------------------------------------------------------------

    def add(self, order: Order) -> None:
        """An order exists from now on; `touch` tells of it."""
        assert order.id not in self.orders, order
        order.seen_price = self.market.last(order.symbol) or ZERO
        self.orders[order.id] = order
        self.open[order.symbol][order.id] = order
        if order.link:
            self.links[order.link] = order.id

    def new_id(self) -> tuple[str, int]:
        """The id and number of the next order."""
        number = len(self.orders) + 1
        return self._id(_ORDER, number), number

    def touch(self, order: Order) -> None:
        """The order changed: remember it and say so, with its position as the exchange does."""
        order.updated_ms = self.market.now_ms
        if not order.is_open:
            self.open[order.symbol].pop(order.id, None)
        self.past.see_order(order)
        row = self.rows.order_news(order)
        self._news.append(News("order", row))
        if self.quirks.twice_filled and order.status == FILLED:
            self._news.append(News("order", self.rows.second_filled(row)))
        self.tell_position(self.position(order.symbol, order.idx))

    def end(
        self, order: Order, status: str, cancel_type: str = "UNKNOWN", reason: str = NO_ERROR
    ) -> None:
        """The order is over."""
        order.status, order.cancel_type, order.reject_reason = status, cancel_type, reason
        self.touch(order)

    def active(self, symbol: str, idx: int | None = None) -> list[Order]:
        """Open orders of a symbol, oldest first."""
        return [o for o in self.open[symbol].values() if idx is None or o.idx == idx]

    # -- positions -------------------------------------------------------------------------------

    def position(self, symbol: str, idx: int) -> Position:
        """The position of a symbol and index, flat perhaps."""
        key = (symbol, idx)
        if key not in self.positions:
            self.positions[key] = Position(symbol, idx)
        return self.positions[key]

    def held(self) -> Iterator[Position]:
        """Positions that are not flat."""
        return (p for p in self.positions.values() if p.size)

    def lever(self, symbol: str) -> Decimal:
        """The leverage set for a symbol."""
        return self.leverage.get(symbol, DEFAULT_LEVERAGE)

    def position_row(self, held: Position) -> Json:
        """The row of position/list as of now."""
        symbol = held.symbol
        return self.rows.position(held, self.lever(symbol), self.market.mark(symbol))

    def tell_position(self, held: Position) -> None:
        """Say where the position stands, changed or not."""
        row = self.position_row(held)
        self.past.see_position((held.symbol, held.idx), row, self.market.now_ms)
        self._news.append(News("position", self.rows.position_news(row)))

    def change(self, held: Position) -> int:
        """The position changed: the number of the change, which links it to its execution."""
        self._seq += 1
        held.seq, held.updated_ms = self._seq, self.market.now_ms
        return self._seq

    def execution_id(self) -> tuple[str, int]:
        """The id and number of the next execution."""
        number = len(self.executions) + 1
        return self._id(_EXECUTION, number), number

    # -- news ------------------------------------------------------------------------------------

    def tell(self, topic: str, row: Json) -> None:
        """Say something on the private stream."""
        self._news.append(News(topic, row))

    def take_news(self) -> list[News]:
        """What was said since the last call, in order."""
        news, self._news = self._news, []
        return news

    def _id(self, kind: int, number: int) -> str:
        return str(UUID(int=self._salt | kind << 48 | number))
