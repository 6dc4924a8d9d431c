"""Stops and targets of positions: put, amended in place, following the size, gone when flat.

It exists so that what protects a position changes in one place, however it was asked for. It must
never place a second whole-size stop beside the first, nor leave one to a position that is gone.
"""

from decimal import Decimal
from typing import NamedTuple

from engine.sim.trading.ledger import Ledger
from engine.sim.trading.positions import Position
from engine.sim.trading.records import CANCELLED, RESTING, UNTRIGGERED, Order, Stop, Trigger

_CREATED = {
    Stop.LOSS: "CreateByStopLoss",
    Stop.PROFIT: "CreateByTakeProfit",
    Stop.TRAILING: "CreateByTrailingStop",
    Stop.PART_LOSS: "CreateByPartialStopLoss",
    Stop.PART_PROFIT: "CreateByPartialTakeProfit",
}


class Wish(NamedTuple):
    """A stop or target somebody asks for."""

    kind: Stop
    price: Decimal
    by: str = "LastPrice"
    qty: Decimal | None = None  # of a partial one
    limit: Decimal | None = None  # a limit order follows the trigger, not one at market
    parent: Order | None = None  # what it came with


class Stops:
    """Keeps the conditional orders that belong to positions."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def of(self, held: Position) -> list[Order]:
        """Stops and targets that wait at a position."""
        active = self._ledger.active(held.symbol, held.idx)
        return [o for o in active if o.stop.is_own and o.status == UNTRIGGERED]

    def whole(self, held: Position, kind: Stop) -> Order | None:
        """The whole-size stop, target or trailing stop that stands."""
        return next((o for o in self.of(held) if o.stop is kind), None)

    def put(self, held: Position, wish: Wish) -> None:
        """Let a stop or target stand: a whole-size one is amended in place."""
        rises = (held.sign > 0) == (wish.kind in (Stop.PROFIT, Stop.PART_PROFIT))
        trigger = Trigger(wish.price, 1 if rises else 2, wish.by)
        order = None if wish.kind.is_partial else self.whole(held, wish.kind)
        if order is None:
            order = self._new(held, wish)
            self._ledger.add(order)
        order.trigger = trigger
        self._changed(held, order)

    def trail(self, held: Position, distance: Decimal, active_price: Decimal | None) -> None:
        """Follow the best price at a distance, from now on or once `active_price` is reached."""
        order = self.whole(held, Stop.TRAILING)
        if order is None:
            order = self._new(held, Wish(Stop.TRAILING, distance))
            self._ledger.add(order)
        order.distance, order.trigger, order.wakes = distance, None, None
        if active_price is not None:
            order.wakes = Trigger(active_price, 1 if held.sign > 0 else 2)
        else:
            self._pull(held, order, self._ledger.market.last(held.symbol) or held.average)
        self._changed(held, order)

    def drop(self, held: Position, kind: Stop) -> None:
        """What stands of a kind is taken away."""
        self._ledger.change(held)
        for order in self.of(held):
            if order.stop is kind:
                self._ledger.end(order, CANCELLED, "CancelByUser")
        self.refresh(held)

    def attach(self, order: Order) -> None:
        """What came with an order stands at the position its first fill made."""
        given, held = order.protection, self._ledger.position(order.symbol, order.idx)
        if given is None or order.is_attached or not order.filled or held.sign != order.sign:
            return
        order.is_attached, is_partial = True, given.mode == "Partial"
        qty = order.filled if is_partial else None
        if given.stop is not None and order.attaches:
            kind = Stop.PART_LOSS if is_partial else Stop.LOSS
            limit = given.stop_limit
            self.put(held, Wish(kind, given.stop, given.stop_by, qty, limit, order))
        if given.profit is not None:
            kind = Stop.PART_PROFIT if is_partial else Stop.PROFIT
            limit = given.profit_limit
            self.put(held, Wish(kind, given.profit, given.profit_by, qty, limit, order))

    def grow_parts(self, order: Order) -> None:
        """Partial stops that came with an order cover all that was filled of it."""
        if order.protection is None or order.protection.mode != "Partial":
            return
        for part in self.of(self._ledger.position(order.symbol, order.idx)):
            if part.parent_id == order.id and part.qty < order.filled:
                part.qty = order.filled
                self._ledger.touch(part)

    def follow(self, held: Position, *, is_over: bool) -> None:
        """After fills: whole stops take the size, and nothing stays of a position that ended."""
        for order in self.of(held):
            if is_over:
                self._ledger.end(order, CANCELLED, "CancelByTpSlTsClear")
            elif (order.stop.is_whole and order.qty != held.size) or order.qty > held.size:
                order.qty = held.size
                self._ledger.touch(order)
        self._trim(held)
        self.refresh(held)

    def refresh(self, held: Position) -> None:
        """Show at the position what stands, and whether its loss is bounded."""
        own = {o.stop: o for o in self.of(held)}
        loss, profit, trail = (own.get(k) for k in (Stop.LOSS, Stop.PROFIT, Stop.TRAILING))
        held.stop = loss.trigger.price if loss and loss.trigger else None
        held.profit = profit.trigger.price if profit and profit.trigger else None
        held.trail = trail.distance if trail else None
        held.mode = "Partial" if any(kind.is_partial for kind in own) else "Full"
        if held.life is not None:
            is_bare = not self._is_covered(held)
            held.life.see(is_bare=is_bare, at_ms=self._ledger.market.now_ms)

    def pull(self, order: Order, price: Decimal) -> None:
        """The market passed a price: a trailing stop wakes, or comes closer."""
        held = self._ledger.position(order.symbol, order.idx)
        if order.wakes is not None and order.wakes.is_hit(price):
            order.wakes = None
            self._pull(held, order, price)
            self._changed(held, order)
        elif order.wakes is None:
            self._pull(held, order, price)

    def _pull(self, held: Position, order: Order, price: Decimal) -> None:
        assert order.distance is not None, order
        level = price - held.sign * order.distance
        direction = 2 if held.sign > 0 else 1
        if order.trigger is None or held.sign * (level - order.trigger.price) > 0:
            order.trigger = Trigger(level, direction)

    def _new(self, held: Position, wish: Wish) -> Order:
        order_id, number = self._ledger.new_id()
        return Order(
            id=order_id,
            number=number,
            link="",
            symbol=held.symbol,
            side=held.exit_side,
            qty=held.size if wish.qty is None else wish.qty,
            price=wish.limit or Decimal(0),
            created_ms=self._ledger.market.now_ms,
            kind="Market" if wish.limit is None else "Limit",
            lifetime="IOC" if wish.limit is None else "GTC",
            idx=held.idx,
            is_reducing=True,
            closes_on_trigger=True,
            stop=wish.kind,
            create_type=_CREATED[wish.kind],
            parent_id=wish.parent.id if wish.parent else "",
            parent_link=wish.parent.link if wish.parent else "",
            status=UNTRIGGERED,
        )

    def _changed(self, held: Position, order: Order) -> None:
        self._ledger.change(held)
        self.refresh(held)
        self._ledger.touch(order)

    def _trim(self, held: Position) -> None:
        """Resting reduce-only orders never exceed what there is to reduce."""
        for order in self._ledger.active(held.symbol, held.idx):
            if not order.is_reduce_only or order.status not in RESTING:
                continue
            if held.sign != -order.sign:
                self._ledger.end(order, CANCELLED, "CancelByReduceOnly")
            elif order.left > held.size:
                order.qty = order.filled + held.size
                self._ledger.touch(order)

    def _is_covered(self, held: Position) -> bool:
        """Whether stops on the losing side hold for all of the size."""
        covered = Decimal(0)
        losing = 2 if held.sign > 0 else 1
        for order in self._ledger.active(held.symbol, held.idx):
            is_users = order.stop is Stop.USER and order.is_reduce_only
            is_waiting = order.status == UNTRIGGERED and order.side == held.exit_side
            if not is_waiting or order.trigger is None or order.trigger.direction != losing:
                continue
            if order.stop.protects or is_users:
                covered += order.qty or held.size
        return covered >= held.size
