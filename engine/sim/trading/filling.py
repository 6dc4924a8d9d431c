"""How orders meet the market: takers walk the book, resting ones wait until it trades through.

It exists so that an order of the caller, a triggered stop and a limit that rests fill by one set of
rules. It must never fill beyond a limit, let a reduce-only order grow or flip a position, or fill
anything the market did not offer.
"""

from collections.abc import Iterable
from decimal import Decimal

from engine.sim.trading.accounting import Accounting
from engine.sim.trading.ledger import Ledger
from engine.sim.trading.market import Tick
from engine.sim.trading.records import (
    CANCELLED,
    FILLED,
    NEW,
    NO_ERROR,
    NOTHING_THERE,
    PART_FILLED,
    RESTING,
    TRIGGERED,
    UNTRIGGERED,
    ZERO,
    Fill,
    Order,
    Stop,
)
from engine.sim.trading.stops import Stops


class Filling:
    """Matches the orders of one account against the board."""

    def __init__(self, ledger: Ledger, accounting: Accounting) -> None:
        self.stops = Stops(ledger)
        self._ledger = ledger
        self._market = ledger.market
        self._accounting = accounting

    def arrive(self, order: Order, base: Decimal | None = None) -> None:
        """An accepted or triggered order meets the book: that of now, or that around `base`."""
        if order.kind == "Limit" and order.lifetime == "PostOnly":
            self._rest_or_leave(order)
            return
        wanted = self._wanted(order)
        levels = self._market.walk(order.symbol, order.side, wanted, order.price, base)
        if order.lifetime == "FOK" and sum(qty for _, qty in levels) < order.left:
            self._ledger.end(order, CANCELLED, reason="EC_CancelForNoFullFill")
            return
        self._execute(order, [Fill(price, qty) for price, qty in levels])

    def pass_price(self, symbol: str, tick: Tick) -> None:
        """The market passed a price: conditionals wake, limits it traded through fill."""
        for order in self._ledger.active(symbol):
            if order.status != UNTRIGGERED:
                continue
            if order.distance is not None:
                self.stops.pull(order, tick.price)
            if self._is_hit(order, tick):
                self._wake(order, tick.price)
        self._fill_resting(symbol, tick)

    def close(self, order: Order, fill: Fill) -> None:
        """The exchange itself takes from a position, whatever the book says."""
        self._ledger.add(order)
        self._execute(order, [fill])

    # -- how much, and what then -----------------------------------------------------------------

    def _wanted(self, order: Order) -> Decimal:
        """What a taker asks for: cut to the position if reduce-only, and by a bad day."""
        wanted = self._reducible(order)
        if order.lifetime != "IOC":
            return wanted
        if self._ledger.quirks.no_fill and order.stop is Stop.NONE:
            return ZERO
        if self._ledger.quirks.fill_frac is not None:
            wanted = self._market.rules(order.symbol).qty(wanted * self._ledger.quirks.fill_frac)
        return wanted

    def _reducible(self, order: Order) -> Decimal:
        if not order.is_reduce_only:
            return order.left
        held = self._ledger.position(order.symbol, order.idx)
        return min(order.left, held.size) if held.sign == -order.sign else ZERO

    def _execute(self, order: Order, fills: Iterable[Fill]) -> None:
        """Book the fills, then let everything that hangs on the position follow."""
        is_over, before = False, order.filled
        for fill in fills:
            is_over |= self._accounting.fill(order, fill).is_over
        held = self._ledger.position(order.symbol, order.idx)
        self._state(order)
        if order.filled == before:
            return
        self.stops.follow(held, is_over=is_over)
        self.stops.attach(order)
        self.stops.grow_parts(order)
        self.stops.refresh(held)
        self._ledger.tell_position(held)
        self._accounting.tell_wallet()

    def _state(self, order: Order) -> None:
        """Filled, over with a rest, or resting on."""
        if order.left <= 0:
            self._ledger.end(order, FILLED)
        elif order.lifetime == "IOC":
            self._ledger.end(order, CANCELLED, reason=NOTHING_THERE)
        else:
            order.status = PART_FILLED if order.filled else NEW
            self._ledger.touch(order)

    # -- conditionals ----------------------------------------------------------------------------

    def _is_hit(self, order: Order, tick: Tick) -> bool:
        if order.trigger is None or order.status != UNTRIGGERED:
            return False
        if order.trigger.by == "LastPrice":
            return order.trigger.is_hit(tick.price)
        return tick.is_now and order.trigger.is_hit(self._market.mark(order.symbol))

    def _wake(self, order: Order, price: Decimal) -> None:
        """A conditional order triggers: from here on it is an order like any other."""
        held = self._ledger.position(order.symbol, order.idx)
        order.status = TRIGGERED
        self.stops.refresh(held)
        if order.closes_on_trigger and not order.qty:
            largest = self._market.largest(order.symbol, is_market=True)
            order.qty = min(held.size, largest) if held.sign == -order.sign else ZERO
        if order.is_reduce_only:
            order.qty = min(order.qty, order.filled + self._reducible(order))
        if order.kind == "Market":
            order.price = self._market.bound(order.symbol, order.side, price)
        self._ledger.touch(order)
        cancel_type, reason = self._obstacle(order, price)
        if cancel_type != "UNKNOWN" or reason != NO_ERROR:
            self._ledger.end(order, CANCELLED, cancel_type, reason)
        else:
            self.arrive(order, price)

    def _obstacle(self, order: Order, price: Decimal) -> tuple[str, str]:
        """Why a triggered order ends at once: cancel type and reason."""
        if order.is_reduce_only and not order.qty:
            return "CancelByReduceOnly", NO_ERROR
        if self._ledger.quirks.stop_no_fill:
            return "UNKNOWN", "EC_ReachMarketPriceLimit"
        needed = self._accounting.needed(order, None if order.kind == "Limit" else price)
        if needed > self._accounting.margins().available:
            return "CancelByCannotAffordOrderCost", NO_ERROR
        return "UNKNOWN", NO_ERROR

    # -- resting ---------------------------------------------------------------------------------

    def _rest_or_leave(self, order: Order) -> None:
        touch = self._market.touch(order.symbol, order.side)
        if touch is not None and order.sign * (order.price - touch) >= 0:
            self._ledger.end(order, CANCELLED, reason="EC_PostOnlyWillTakeLiquidity")
        else:
            self._state(order)

    def _fill_resting(self, symbol: str, tick: Tick) -> None:
        """Fill what was traded through, best price first, at most what was traded in all."""
        reached = [
            o
            for o in self._ledger.active(symbol)
            if o.status in RESTING and o.sign * (o.price - tick.price) > 0
        ]
        reached.sort(key=lambda o: (-o.sign * o.price, o.number))
        there = tick.qty
        for order in reached:
            qty = self._reducible(order) if order.is_open else ZERO
            qty = qty if there is None else min(qty, there)
            if qty > 0:
                self._execute(order, [Fill(order.price, qty, is_maker=True)])
                there = None if there is None else there - qty
