"""One unified account at the embedded exchange: orders, positions, executions and wallet.

It exists so that live trading meets, on this machine, an account that accepts, fills, protects and
refuses as the exchange does. It has no clock and no socket: the board says what time it is, whoever
moves the board calls `step`. It must never invent a price, or lose or double a fill.
"""

from decimal import Decimal

from engine.sim.account import FUNDING_MS
from engine.sim.board import Board
from engine.sim.trading.accounting import Accounting
from engine.sim.trading.filling import Filling
from engine.sim.trading.ledger import Ledger, News
from engine.sim.trading.market import Market
from engine.sim.trading.positions import Position
from engine.sim.trading.quirks import Quirks
from engine.sim.trading.records import (
    CANCELLED,
    REJECTED,
    UNTRIGGERED,
    Fill,
    Life,
    Order,
    Stop,
)
from engine.sim.trading.rows import Json, plain

__all__ = ["Desk", "News", "Quirks"]


class Desk:
    """The account; `quirks` are switched from outside, other hands are methods.

    Endpoints read and write through `ledger`, `accounting` and `filling`.
    """

    def __init__(self, board: Board, balance: Decimal = Decimal(10_000)) -> None:
        self.market = Market(board)
        self.ledger = Ledger(self.market, balance)
        self.accounting = Accounting(self.ledger)
        self.filling = Filling(self.ledger, self.accounting)
        self._funded_ms = self.market.now_ms // FUNDING_MS * FUNDING_MS

    @property
    def quirks(self) -> Quirks:
        """The switches; set their fields."""
        return self.ledger.quirks

    def step(self) -> None:
        """The board moved on: what it passed over wakes, fills and funds."""
        for symbol in [s for s, orders in self.ledger.open.items() if orders]:
            for tick in self.market.ticks(symbol):
                self.filling.pass_price(symbol, tick)
        boundary = self.market.now_ms // FUNDING_MS * FUNDING_MS
        if boundary > self._funded_ms:
            self._funded_ms = boundary
            for held in list(self.ledger.held()):
                self.accounting.fund(held, boundary)
        self._liquidate_if_lost()

    def news(self) -> list[News]:
        """What the private stream has to say since the last call, in order."""
        return self.ledger.take_news()

    def submit(self, order: Order) -> None:
        """Take an order that the entrance let pass: it fills, rests, waits, or ends."""
        self.ledger.add(order)
        order.attaches = self.quirks.attach
        if self.quirks.reject_after_ack:
            self.ledger.end(order, REJECTED, reason="EC_ReachRiskPriceLimit")
        elif order.trigger is not None:
            order.status = UNTRIGGERED
            self.ledger.touch(order)
            self.filling.stops.refresh(self.ledger.position(order.symbol, order.idx))
        else:
            self.filling.arrive(order)

    def cancel(self, order: Order, cancel_type: str = "CancelByUser") -> None:
        """End an open order; a stop that goes leaves its position bare."""
        self.ledger.end(order, CANCELLED, cancel_type)
        held = self.ledger.position(order.symbol, order.idx)
        if order.stop is not Stop.NONE:
            self.filling.stops.refresh(held)
            self.ledger.change(held)
            self.ledger.tell_position(held)

    def truth(self) -> Json:
        """All there is, for judges: rows as REST shows them, and how long positions stood bare."""
        ledger, sums = self.ledger, self.accounting.margins()
        return {
            "at_ms": self.market.now_ms,
            "balance": plain(sums.balance),
            "equity": plain(sums.equity),
            "positions": [ledger.position_row(p) for p in ledger.held()],
            "orders": [ledger.rows.order(o) for o in ledger.orders.values()],
            "executions": [ledger.rows.execution(e) for e in ledger.executions],
            "unprotected_ms": {
                symbol: [self._life(life) for life in lives]
                for symbol, lives in ledger.lives.items()
            },
        }

    # -- other hands -----------------------------------------------------------------------------

    def adl(self, symbol: str, qty: Decimal) -> None:
        """Auto-deleveraging takes up to `qty` of each position in a symbol, free of charge."""
        for held in self._held(symbol):
            fill = Fill(self._last(held), min(qty, held.size), kind="AdlTrade", is_free=True)
            self._close(held, fill, "CreateByAdl_PassThrough")

    def liquidate(self, symbol: str) -> None:
        """The exchange cancels what rests and takes all of each position in a symbol."""
        for order in self.ledger.active(symbol):
            self.cancel(order, "CancelAllBeforeLiq")
        for held in self._held(symbol):
            self._close(held, Fill(self._last(held), held.size, kind="BustTrade"), "CreateByLiq")

    def settle(self, symbol: str) -> None:
        """The contract is settled: orders are canceled and positions closed, free of charge."""
        for order in self.ledger.active(symbol):
            self.cancel(order, "CancelBySettle")
        for held in self._held(symbol):
            fill = Fill(self._last(held), held.size, kind="Settle", is_free=True)
            self._close(held, fill, "CreateBySettle")

    def drop_stop(self, symbol: str) -> None:
        """Somebody removed the stops of a symbol, or the exchange lost them."""
        for order in self.ledger.active(symbol):
            if order.stop.protects:
                self.cancel(order)

    def transfer(self, amount: Decimal) -> None:
        """Money comes in (positive) or leaves."""
        self.accounting.transfer(amount)

    def forget_closed(self) -> None:
        """The service restarted: order/realtime knows no ended order any more."""
        for order in self.ledger.orders.values():
            order.is_forgotten = order.is_forgotten or not order.is_open

    def _liquidate_if_lost(self) -> None:
        """An account worth no more than its maintenance margin loses all positions."""
        symbols = dict.fromkeys(p.symbol for p in self.ledger.held())
        if not symbols:
            return
        sums = self.accounting.margins()
        if sums.equity <= sums.maintenance:
            for symbol in symbols:
                self.liquidate(symbol)

    def _held(self, symbol: str) -> list[Position]:
        return [p for p in self.ledger.held() if p.symbol == symbol]

    def _last(self, held: Position) -> Decimal:
        return self.market.last(held.symbol) or held.average

    def _close(self, held: Position, fill: Fill, create_type: str) -> None:
        order_id, number = self.ledger.new_id()
        order = Order(
            id=order_id,
            number=number,
            link="",
            symbol=held.symbol,
            side=held.exit_side,
            qty=fill.qty,
            price=fill.price,
            created_ms=self.market.now_ms,
            idx=held.idx,
            is_reducing=True,
            create_type=create_type,
        )
        self.filling.close(order, fill)

    def _life(self, life: Life) -> Json:
        since, now_ms = life.bare_since_ms, self.market.now_ms
        current = 0 if since is None else now_ms - since
        return {
            "positionIdx": life.idx,
            "opened_ms": life.opened_ms,
            "closed_ms": life.closed_ms,
            "now_ms": current,
            "total_ms": life.bare_ms + current,
            "longest_ms": max(life.longest_ms, current),
        }
