"""What the exchange checks before it accepts or amends an order, in its words and codes.

It exists so that nothing enters the books that the venue would refuse. It must never change the
books itself.
"""

import re
from decimal import Decimal
from typing import NoReturn

from engine.sim.trading.accounting import Accounting
from engine.sim.trading.asked import TRIGGERS_BY, Asked
from engine.sim.trading.ledger import Ledger
from engine.sim.trading.records import (
    BUY,
    RESTING,
    SELL,
    UNTRIGGERED,
    ZERO,
    Order,
    Protection,
    Stop,
    Trigger,
)
from engine.sim.venue_rest import PARAMETER_ERROR, Refused

CONDITIONALS_MAX = 10  # waiting ones of one symbol
ACTIVE_MAX = 500
NO_PROTECTION = "params error: tp/sl can not be set for reduce-only order"
_LINK = re.compile(r"[A-Za-z0-9_-]{1,36}")
_LIFETIMES = ("GTC", "IOC", "FOK", "PostOnly")


class Entrance:
    """Reads orders out of requests; every method raises `Refused`."""

    def __init__(self, ledger: Ledger, accounting: Accounting) -> None:
        self._ledger = ledger
        self._market = ledger.market
        self._accounting = accounting

    def read(self, asked: Asked) -> Order:
        """The order that order/create asks for, checked as far as it can be."""
        order = self._read(asked)
        order.protection = self.protection(asked, order.side, order.symbol)
        is_closing_all = order.is_reducing and order.closes_on_trigger and not order.qty
        if order.is_reducing and order.protection is not None:
            _refuse(NO_PROTECTION)
        if order.is_reduce_only:
            self._reduce(order)
        self.check_size(order, is_exempt=is_closing_all or order.is_reduce_only)
        if order.link in self._ledger.links:
            raise Refused(110072, "OrderLinkedID is duplicate")
        self._check_counts(order)
        self._check_margin(order)
        return order

    def index(self, asked: Asked, symbol: str) -> int:
        """The position index, which must fit the position mode."""
        idx = asked.whole("positionIdx")
        if idx not in ((1, 2) if symbol in self._ledger.hedged else (0,)):
            _refuse("position idx not match position mode")
        return idx

    def protection(self, asked: Asked, side: str, symbol: str) -> Protection | None:
        """Stop and target that come with an order, on their right sides of the last price."""
        stop, profit = asked.positive("stopLoss"), asked.positive("takeProfit")
        if stop is None and profit is None:
            return None
        for name, price in (("stopLoss", stop), ("takeProfit", profit)):
            self.check_tick(symbol, name, price)
        self.check_sides(symbol, 1 if side == BUY else -1, stop, profit)
        return Protection(
            stop=stop,
            profit=profit,
            stop_by=asked.one_of("slTriggerBy", TRIGGERS_BY, "LastPrice"),
            profit_by=asked.one_of("tpTriggerBy", TRIGGERS_BY, "LastPrice"),
            mode=asked.one_of("tpslMode", ("Full", "Partial"), "Full"),
            stop_limit=self.follow_up(asked, "sl"),
            profit_limit=self.follow_up(asked, "tp"),
        )

    def follow_up(self, asked: Asked, which: str) -> Decimal | None:
        """The limit that follows a trigger, if a limit order was asked for instead of a market."""
        if asked.one_of(f"{which}OrderType", ("Market", "Limit"), "Market") == "Market":
            return None
        limit = asked.positive(f"{which}LimitPrice")
        if limit is None or asked.text("tpslMode") != "Partial":
            _refuse(f"params error: {which}LimitPrice invalid")
        return limit

    def check_sides(
        self, symbol: str, sign: int, stop: Decimal | None, profit: Decimal | None
    ) -> None:
        """A stop lies on the losing side of the last price, a target on the winning one."""
        last, side = self._market.last(symbol), "Buy" if sign > 0 else "Sell"
        if last is None:
            return
        base = f"base_price:{self._market.price_text(symbol, last)}??LastPrice"
        if stop is not None and sign * (last - stop) <= 0:
            need = "lower than" if sign > 0 else "greater"
            text = self._market.price_text(symbol, stop)
            _refuse(f"sl:{text} set for {side} position should {need} {base}")
        if profit is not None and sign * (profit - last) <= 0:
            need = "higher than" if sign > 0 else "lower than"
            text = self._market.price_text(symbol, profit)
            _refuse(f"tp:{text} set for {side} position should be {need} {base}")

    def check_tick(self, symbol: str, name: str, price: Decimal | None) -> None:
        """A price is a multiple of the tick."""
        if price is not None and price % self._market.rules(symbol).tick:
            _refuse(f"params error: {name} invalid")

    def check_size(self, order: Order, *, is_exempt: bool) -> None:
        """Price and quantity fit the filters; `is_exempt` from the least value."""
        rules, is_market = self._market.rules(order.symbol), order.kind == "Market"
        if order.qty % rules.lot:
            _refuse("Qty invalid")
        if order.qty > self._market.largest(order.symbol, is_market=is_market):
            _refuse("The number of contracts exceeds maximum limit allowed: too large")
        if not is_exempt and order.qty < rules.qty_min:
            _refuse("The number of contracts exceeds minimum limit allowed")
        if not is_market:
            self._check_price(order)
        value = order.qty * self._likely_price(order)
        if not is_exempt and value and value < rules.notional_min:
            least = f"{rules.notional_min.normalize():f}{rules.quote}"
            raise Refused(110094, f"Order does not meet minimum order value {least}")

    def check_growth(self, before: Order, after: Order) -> None:
        """What an amended order binds more is there."""
        more = self._bound_by(after) - self._bound_by(before)
        if after.trigger is None and more > 0 and more > self._accounting.margins().available:
            raise Refused(110007, "ab not enough for new order")

    def check_trigger(self, symbol: str, trigger: Trigger) -> None:
        """A trigger price lies where the last price has not been yet."""
        self.check_tick(symbol, "triggerPrice", trigger.price)
        last = self._market.last(symbol)
        if last is None:
            return
        last = last if trigger.by == "LastPrice" else self._market.mark(symbol)
        if not trigger.is_hit(last):
            return
        told = self._market.price_text(symbol, trigger.price)
        now = self._market.price_text(symbol, last)
        code, words = (110092, "Rising") if trigger.direction == 1 else (110093, "Falling")
        sign = "<=" if trigger.direction == 1 else ">="
        raise Refused(code, f"expect {words}, but trigger_price[{told}] {sign} current[{now}]")

    def _read(self, asked: Asked) -> Order:
        symbol, link = asked.text("symbol"), asked.text("orderLinkId")
        self._market.rules(symbol)
        if link and not _LINK.fullmatch(link):
            _refuse("params error: OrderLinkId invalid")
        qty = asked.decimal("qty")
        if qty is None:
            _refuse("Qty invalid")
        trigger = self._trigger(asked, symbol)
        order_id, number = self._ledger.new_id()
        order = Order(
            id=order_id,
            number=number,
            link=link,
            symbol=symbol,
            side=asked.one_of("side", (BUY, SELL)),
            qty=qty,
            price=ZERO,
            created_ms=self._market.now_ms,
            kind=asked.one_of("orderType", ("Market", "Limit")),
            idx=self.index(asked, symbol),
            is_reducing=asked.flag("reduceOnly"),
            closes_on_trigger=asked.flag("closeOnTrigger"),
            trigger=trigger,
            stop=Stop.NONE if trigger is None else Stop.USER,
            seen_price=self._market.last(symbol) or ZERO,
        )
        self._price(asked, order)
        return order

    def _price(self, asked: Asked, order: Order) -> None:
        """A limit order names its price; a market one is bounded around the last."""
        if order.kind == "Limit":
            price = asked.positive("price")
            if price is None:
                _refuse("params error: price invalid")
            order.price = price
            order.lifetime = asked.one_of("timeInForce", _LIFETIMES, "GTC")
        elif order.seen_price and order.trigger is None:
            order.price = self._market.bound(order.symbol, order.side, order.seen_price)

    def _trigger(self, asked: Asked, symbol: str) -> Trigger | None:
        price = asked.positive("triggerPrice")
        if price is None:
            return None
        direction = asked.whole("triggerDirection")
        if direction not in (1, 2):
            _refuse("params error: triggerDirection invalid")
        trigger = Trigger(price, direction, asked.one_of("triggerBy", TRIGGERS_BY, "LastPrice"))
        self.check_trigger(symbol, trigger)
        return trigger

    def _reduce(self, order: Order) -> None:
        """A reduce-only order needs something to reduce, and is cut to it."""
        held = self._ledger.position(order.symbol, order.idx)
        if not held.size:
            raise Refused(110017, "current position is zero, cannot fix reduce-only order qty")
        if held.sign == order.sign:
            raise Refused(110017, "Reduce-only rule not satisfied")
        is_all = order.closes_on_trigger and not order.qty
        if is_all and order.trigger is None:
            order.qty = min(held.size, self._market.largest(order.symbol, is_market=True))
        elif not order.qty and not is_all:
            raise Refused(110017, "orderQty will be truncated to zero")
        order.qty = min(order.qty, held.size)

    def _check_price(self, order: Order) -> None:
        self.check_tick(order.symbol, "price", order.price)
        base = order.seen_price if order.trigger is None else order.trigger.price
        if not base:
            return
        bound = self._market.bound(order.symbol, order.side, base)
        if order.sign * (order.price - bound) > 0:
            raise Refused(110003, "Order price exceeds the allowable range.")

    def _check_counts(self, order: Order) -> None:
        active = self._ledger.active(order.symbol)
        waiting = sum(o.status == UNTRIGGERED and o.stop is Stop.USER for o in active)
        if order.trigger is not None and waiting >= CONDITIONALS_MAX:
            raise Refused(110009, "The number of stop orders exceeds maximum limit allowed")
        resting = sum(o.status in RESTING for o in active)
        if order.trigger is None and resting >= ACTIVE_MAX:
            raise Refused(110020, f"You can't have more than {ACTIVE_MAX} active orders")

    def _check_margin(self, order: Order) -> None:
        """Initial margin and the fee to open are there."""
        if order.trigger is not None or order.is_reduce_only:
            return
        needed = self._bound_by(order)
        if needed > 0 and needed > self._accounting.margins().available:
            raise Refused(110007, "ab not enough for new order")

    def _likely_price(self, order: Order) -> Decimal:
        """What it will be worth: a market order names no price, and nobody knows one at first."""
        if order.kind == "Limit":
            return order.price
        return order.seen_price if order.trigger is None else order.trigger.price

    def _bound_by(self, order: Order) -> Decimal:
        rate = self._market.rate(order.symbol, is_maker=False)
        margin = self._accounting.needed(order, self._likely_price(order))
        return margin * (1 + self._ledger.lever(order.symbol) * rate)


def _refuse(message: str) -> NoReturn:
    raise Refused(PARAMETER_ERROR, message)
