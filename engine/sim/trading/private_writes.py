"""The endpoints that act: create, amend, cancel, cancel all, and the stops of a position.

It exists so that what a request says becomes calls on the desk, or one refusal. It must never act
on part of a request and then refuse the rest.
"""

import copy

import msgspec

from engine.sim.trading.asked import TRIGGERS_BY, Asked, invalid
from engine.sim.trading.desk import Desk
from engine.sim.trading.entrance import NO_PROTECTION, Entrance
from engine.sim.trading.positions import Position
from engine.sim.trading.records import (
    CANCELLED,
    FILLED,
    UNTRIGGERED,
    ZERO,
    Order,
    Protection,
    Stop,
)
from engine.sim.trading.rows import COIN, Json
from engine.sim.trading.stops import Wish
from engine.sim.venue_rest import PARAMETER_ERROR, Refused

CANCELED_MAX = 500  # orders of one cancel-all
PARTS_MAX = 20  # partial stops, and partial targets, of one position
_UNCHANGED = "The order remains unchanged as the parameters entered match the existing ones."
_PRICED = ("stopLoss", "takeProfit", "trailingStop")


class Writes:
    """Bodies of one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ledger = desk.ledger
        self._stops = desk.filling.stops
        self._entrance = Entrance(desk.ledger, desk.accounting)

    def create(self, asked: Asked) -> Json:
        """order/create."""
        order = self._entrance.read(asked)
        self._desk.submit(order)
        return _named(order)

    def cancel(self, asked: Asked) -> Json:
        """order/cancel, by orderId before orderLinkId."""
        order = self._open(asked, "cancel")
        self._desk.cancel(order)
        return _named(order)

    def cancel_all(self, asked: Asked) -> Json:
        """order/cancel-all: without `orderFilter` stops and targets of positions go too."""
        symbol = asked.text("symbol")
        if not symbol and not asked.text("settleCoin") and not asked.text("baseCoin"):
            raise Refused(PARAMETER_ERROR, "params error: symbol, settleCoin or baseCoin is needed")
        which = asked.one_of("orderFilter", ("", "Order", "StopOrder"))
        only_users = asked.text("stopOrderType") == Stop.USER
        symbols = [self._desk.market.rules(symbol).symbol] if symbol else self._symbols(asked)
        wanted = [
            order
            for name in symbols
            for order in self._ledger.active(name)
            if _fits(order, which) and (not only_users or order.stop is Stop.USER)
        ]
        for order in wanted[:CANCELED_MAX]:
            self._desk.cancel(order)
        return {"list": [_named(order) for order in wanted[:CANCELED_MAX]], "success": "1"}

    def amend(self, asked: Asked) -> Json:
        """order/amend: quantity, price, trigger, and the stop and target an order brings."""
        order = self._open(asked, "replace")
        changed = self._amended(order, asked)
        if changed == order:
            raise Refused(PARAMETER_ERROR, _UNCHANGED)
        for name in ("qty", "price", "trigger", "protection"):
            setattr(order, name, getattr(changed, name))
        held = self._ledger.position(order.symbol, order.idx)
        if order.status == UNTRIGGERED:
            self._ledger.change(held)
            self._stops.refresh(held)
            self._ledger.touch(order)
        else:
            self._desk.filling.arrive(order)
        return _named(order)

    def trading_stop(self, asked: Asked) -> Json:
        """position/trading-stop: Full amends in place and "0" cancels, Partial only adds."""
        symbol = self._desk.market.rules(asked.text("symbol")).symbol
        held = self._ledger.position(symbol, self._entrance.index(asked, symbol))
        if not held.size:
            raise Refused(PARAMETER_ERROR, "can not set tp/sl/ts for zero position")
        if not any(name in asked for name in _PRICED):
            raise Refused(PARAMETER_ERROR, "params error: tp/sl/ts is required")
        stop, profit = asked.positive("stopLoss"), asked.positive("takeProfit")
        for name in (*_PRICED, "activePrice"):
            self._entrance.check_tick(symbol, name, asked.decimal(name))
        self._entrance.check_sides(symbol, held.sign, stop, profit)
        if asked.one_of("tpslMode", ("Full", "Partial"), "Full") == "Partial":
            self._add_parts(held, asked)
        else:
            self._set_whole(held, asked)
        self._ledger.tell_position(held)
        return {}

    # -- orders ----------------------------------------------------------------------------------

    def _open(self, asked: Asked, verb: str) -> Order:
        """The open order that is meant; refused with what became of it otherwise."""
        order_id = asked.text("orderId") or self._ledger.links.get(asked.text("orderLinkId"), "")
        if "orderId" not in asked and "orderLinkId" not in asked:
            raise Refused(PARAMETER_ERROR, "params error: orderId or orderLinkId is required")
        order = self._ledger.orders.get(order_id)
        self._desk.market.rules(asked.text("symbol"))
        if order is None or order.symbol != asked.text("symbol"):
            raise Refused(110001, f"order not exists or too late to {verb}")
        if order.status == FILLED:
            raise Refused(110008, "Order has been finished or canceled")
        if order.status == CANCELLED:
            raise Refused(110010, "Order has been canceled")
        if not order.is_open:
            raise Refused(110001, f"order not exists or too late to {verb}")
        return order

    def _symbols(self, asked: Asked) -> list[str]:
        base, coin = asked.text("baseCoin"), asked.text("settleCoin", COIN)
        rules = self._desk.market.instruments.values()
        return [r.symbol for r in rules if r.quote == coin and (not base or r.base == base)]

    def _amended(self, order: Order, asked: Asked) -> Order:
        """The order as it would be, checked."""
        changed = copy.copy(order)
        qty, price = asked.positive("qty"), asked.positive("price")
        changed.qty = order.qty if qty is None else qty
        if qty is not None and (qty <= order.filled or order.stop.is_whole):
            raise invalid("qty")
        if price is not None and order.kind == "Limit":
            changed.price = price
        level = asked.positive("triggerPrice")
        if level is not None and order.trigger is not None and order.status == UNTRIGGERED:
            by = asked.one_of("triggerBy", TRIGGERS_BY, order.trigger.by)
            changed.trigger = msgspec.structs.replace(order.trigger, price=level, by=by)
            self._entrance.check_trigger(order.symbol, changed.trigger)
        changed.protection = self._amended_protection(changed, asked)
        if order.is_reduce_only:
            held = self._ledger.position(order.symbol, order.idx)
            changed.qty = min(changed.qty, order.filled + held.size)
        if changed != order:
            is_exempt = order.is_reduce_only
            self._entrance.check_size(changed, is_exempt=is_exempt)
            self._entrance.check_growth(order, changed)
        return changed

    def _amended_protection(self, order: Order, asked: Asked) -> Protection | None:
        given = order.protection or Protection()
        stop = asked.positive("stopLoss") if "stopLoss" in asked else given.stop
        profit = asked.positive("takeProfit") if "takeProfit" in asked else given.profit
        if (stop, profit) == (given.stop, given.profit):
            return order.protection
        if order.is_reducing:
            raise Refused(PARAMETER_ERROR, NO_PROTECTION)
        for name, price in (("stopLoss", stop), ("takeProfit", profit)):
            self._entrance.check_tick(order.symbol, name, price)
        self._entrance.check_sides(order.symbol, order.sign, stop, profit)
        if stop is None and profit is None:
            return None
        return msgspec.structs.replace(
            given,
            stop=stop,
            profit=profit,
            stop_by=asked.one_of("slTriggerBy", TRIGGERS_BY, given.stop_by),
            profit_by=asked.one_of("tpTriggerBy", TRIGGERS_BY, given.profit_by),
        )

    # -- stops of positions ----------------------------------------------------------------------

    def _set_whole(self, held: Position, asked: Asked) -> None:
        """Amend, add or cancel whole-size stops; refused if nothing would change."""
        self._entrance.follow_up(asked, "sl")
        self._entrance.follow_up(asked, "tp")
        wishes = [
            Wish(kind, asked.decimal(name) or ZERO, asked.one_of(by, TRIGGERS_BY, "LastPrice"))
            for kind, name, by in _WHOLE
            if name in asked
        ]
        changed = [wish for wish in wishes if self._differs(held, wish)]
        is_trailing = "trailingStop" in asked and self._trails_anew(held, asked)
        if not changed and not is_trailing:
            raise Refused(34040, "not modified")
        for wish in changed:
            if wish.price:
                self._stops.put(held, wish)
            else:
                self._stops.drop(held, wish.kind)
        if is_trailing:
            self._trail(held, asked)

    def _differs(self, held: Position, wish: Wish) -> bool:
        standing = self._stops.whole(held, wish.kind)
        if standing is None or standing.trigger is None:
            return bool(wish.price)
        return (standing.trigger.price, standing.trigger.by) != (wish.price, wish.by)

    def _trails_anew(self, held: Position, asked: Asked) -> bool:
        standing = self._stops.whole(held, Stop.TRAILING)
        distance = None if standing is None else standing.distance
        return "activePrice" in asked or distance != asked.positive("trailingStop")

    def _trail(self, held: Position, asked: Asked) -> None:
        distance = asked.positive("trailingStop")
        if distance is not None:
            self._stops.trail(held, distance, asked.positive("activePrice"))
        else:
            self._stops.drop(held, Stop.TRAILING)

    def _add_parts(self, held: Position, asked: Asked) -> None:
        """Add a partial stop, a partial target, or both."""
        wishes = []
        for kind, name, which in _PARTS:
            price = asked.positive(name)
            if price is None:
                continue
            qty = asked.positive(f"{which}Size")
            if qty is None or qty % self._desk.market.rules(held.symbol).lot or qty > held.size:
                raise invalid(f"{which}Size")
            by = asked.one_of(f"{which}TriggerBy", TRIGGERS_BY, "LastPrice")
            limit = self._entrance.follow_up(asked, which)
            wishes.append(Wish(kind, price, by, qty, limit))
            if sum(o.stop is kind for o in self._stops.of(held)) >= PARTS_MAX:
                raise Refused(110061, "Cannot set more than 20 partial TP/SL orders")
        if not wishes:
            raise Refused(34040, "not modified")
        if len({wish.qty for wish in wishes}) > 1:
            raise Refused(PARAMETER_ERROR, "params error: tpSize must be equal to slSize")
        for wish in wishes:
            self._stops.put(held, wish)


_WHOLE = (
    (Stop.LOSS, "stopLoss", "slTriggerBy"),
    (Stop.PROFIT, "takeProfit", "tpTriggerBy"),
)
_PARTS = ((Stop.PART_LOSS, "stopLoss", "sl"), (Stop.PART_PROFIT, "takeProfit", "tp"))


def _fits(order: Order, which: str) -> bool:
    """Whether an order filter means this order; the empty one means all."""
    is_conditional = order.status == UNTRIGGERED
    return not which or is_conditional == (which == "StopOrder")


def _named(order: Order) -> Json:
    return {"orderId": order.id, "orderLinkId": order.link}
