"""What became of an order: looked up by our own id in every place the venue keeps it.

It exists because an order can end and leave the open list before anybody looked, and because reads
lag writes. It must never call an order missing unless every source answered and had nothing, and
never take the word of a status for how much was executed.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from engine.core.events import OrderAccepted, OrderGone, OrderMissing
from engine.core.values import Fill, Order, OrderState
from engine.errors import Transient
from engine.live.rows import Names, OrderRow, PositionRow, execution_of, order_of, position_of
from engine.live.wire import PrivateWire, Result

LINEAR = "linear"
REALTIME, HISTORY = "v5/order/realtime", "v5/order/history"
EXECUTIONS, POSITIONS = "v5/execution/list", "v5/position/list"
PAGE = 100  # most rows of executions one call returns
PAGES_MAX = 200  # more than an account has: a cursor that leads in a circle


class Track(NamedTuple):
    """What the venue shows of one order: its row, if any, and its executions."""

    row: OrderRow | None
    fills: tuple[Fill, ...]

    @property
    def filled_qty(self) -> Decimal:
        """What was executed, as far as either of the two knows."""
        executed = sum((fill.qty for fill in self.fills), Decimal(0))
        return executed if self.row is None else max(executed, self.row.filled_qty)

    def ending(self, order_id: str) -> OrderGone | None:
        """How the order ended; None while it works."""
        if self.row is None or self.row.state in (None, OrderState.OPEN):
            return None
        state = self.row.state
        assert state is not None
        return OrderGone(order_id, state, self.row.detail, self.filled_qty)


class Lookup:
    """Asks for orders and positions; raises `Transient` or `Denied`."""

    def __init__(self, wire: PrivateWire, names: Names) -> None:
        self._wire = wire
        self._names = names

    async def find(self, order: Order) -> OrderAccepted | OrderGone | OrderMissing:
        """Working, ended with what was filled, or in none of the three places."""
        row = await self._row(REALTIME, order) or await self._row(HISTORY, order)
        if row is not None and row.state is OrderState.OPEN:
            return OrderAccepted(order.id, row.venue_id)
        track = Track(row, await self.fills(order))
        ending = track.ending(order.id)
        if ending is not None:
            return ending
        if row is not None:
            raise Transient(f"{order.id}: expected a state we know, found {row.detail!r}")
        if track.fills:
            raise Transient(f"{order.id}: expected its record beside its executions, found none")
        return OrderMissing(order.id)

    async def track(self, order: Order) -> Track:
        """What is there of an order that was accepted a moment ago."""
        row = await self._row(REALTIME, order)
        return Track(row, await self.fills(order))

    async def fills(self, order: Order) -> tuple[Fill, ...]:
        """Its executions, every page of them, oldest first."""
        query = {"category": LINEAR, "symbol": order.symbol, "orderLinkId": order.id}
        rows = await pages(self._wire, EXECUTIONS, query | {"limit": str(PAGE)})
        # The venue lists the newest first; what shares a millisecond keeps its order.
        rows = [row for row in reversed(rows) if row.get("orderLinkId")]
        found = (execution_of(row, self._names) for row in rows)
        ours = [x for x in found if isinstance(x, Fill) and x.order_id == order.id]
        return tuple(sorted(ours, key=lambda fill: fill.exchange_ms))

    async def positions(self, symbol: str) -> tuple[PositionRow, ...]:
        """Every row of a symbol, those without quantity too."""
        query = {"category": LINEAR, "symbol": symbol, "limit": "200"}
        rows = await pages(self._wire, POSITIONS, query)
        return tuple(position_of(row) for row in rows if row.get("symbol") == symbol)

    async def _row(self, path: str, order: Order) -> OrderRow | None:
        query = {"category": LINEAR, "symbol": order.symbol, "orderLinkId": order.id}
        result = await self._wire.ask(path, query)
        rows = [order_of(row) for row in result["list"] if row.get("orderLinkId") == order.id]
        return rows[0] if rows else None


async def pages(
    wire: PrivateWire, path: str, query: Mapping[str, str], *, is_optional: bool = False
) -> list[Result]:
    """The rows of all pages; one page that fails voids them all."""
    rows: list[Result] = []
    cursor: dict[str, str] = {}
    for _ in range(PAGES_MAX):
        result = await wire.ask(path, {**query, **cursor}, is_optional=is_optional)
        rows += result["list"]
        following = result.get("nextPageCursor")
        if not isinstance(following, str | None):
            raise Transient(f"{path}: expected a cursor, found {str(following)[:40]!r}")
        if not following or not result["list"]:
            return rows
        cursor = {"cursor": following}
    raise Transient(f"{path}: expected at most {PAGES_MAX} pages, found more")
