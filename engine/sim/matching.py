"""The venue's matching rules on a single account: books nothing it did not see, forgets no fill.

It exists so that paper trading, the embedded exchange and the simulator fill, charge and refuse
alike: stop before target, taker fills slip and round against us, a resting limit needs a trade
through it, reduce-only never flips. Fees are always the `Instrument`'s own; whoever reads the
instruments puts the configured defaults in where the venue names none.

It must never read a clock (the time comes with each call), round in our favor, fill an order or a
stop twice, or keep a reduce-only order or a stop beyond the position it belongs to.
"""

import math
from collections import deque
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from engine.core.events import (
    AccountPosition,
    AccountSeen,
    Event,
    FillSeen,
    OrderAccepted,
    OrderGone,
    OrderRefused,
    QuoteSeen,
    StopRefused,
    StopSet,
)
from engine.core.values import (
    Fill,
    Instrument,
    Ms,
    Order,
    OrderKind,
    OrderSide,
    OrderState,
    Purpose,
    Side,
    exact,
)
from engine.sim.admission import find_problem, is_multiple, side_problem, touch_of

_BPS = Decimal("0.0001")
_FINEST = Decimal("1e-16")  # money below this is rounded once, so that every later sum is exact
_FILLS_KEPT = 200  # reported with the account
_ENDED_KEPT = 2000  # ended orders still known by id


class Holding(msgspec.Struct, frozen=True):
    """A position as the ledger knows it: what `Matching.restore` rebuilds from; `qty` unsigned."""

    position_id: int
    symbol: str
    side: Side
    qty: Decimal
    avg_price: Decimal
    stop: Decimal | None


class Statement(msgspec.Struct, frozen=True):
    """The account in quote currency since start or restore; `unrealized` None without a price."""

    start: Decimal
    realized: Decimal
    fees: Decimal
    unrealized: Decimal | None

    @property
    def balance(self) -> Decimal:
        """Cash: start plus realized minus fees."""
        return self.start + self.realized - self.fees

    @property
    def equity(self) -> Decimal | None:
        """Balance plus unrealized, or None while a position has no price."""
        return None if self.unrealized is None else self.balance + self.unrealized


class _Position(msgspec.Struct):
    """Net quantity in one symbol; `cost` is the sum of quantity times price still in it."""

    id: int
    symbol: str
    side: Side
    qty: Decimal
    cost: Decimal
    stop: Decimal | None


class Matching:
    """One account in one-way mode, one position per symbol, fed with quotes and orders."""

    def __init__(self, balance: Decimal, slippage_bps: Decimal) -> None:
        self._slippage = slippage_bps * _BPS
        self._instruments: dict[str, Instrument] = {}
        self._quotes: dict[str, QuoteSeen] = {}
        self._stops = 0
        self.restore(balance, (), ())

    def restore(
        self, balance: Decimal, positions: Iterable[Holding], orders: Iterable[Order]
    ) -> None:
        """Forget the account and take this one; the next quotes decide what was passed meanwhile.

        Of `orders` only those that can rest here are kept: reduce-only limits of these positions.
        `find` says of all others that they never arrived.
        """
        self._start, self._realized, self._fees = balance, Decimal(0), Decimal(0)
        self._positions = {
            h.symbol: _Position(
                h.position_id, h.symbol, h.side, h.qty, _settled(h.avg_price * h.qty), h.stop
            )
            for h in positions
        }
        self._working = {
            o.id: o
            for o in orders
            if o.kind is OrderKind.LIMIT and side_problem(o, self._held(o.symbol)) is None
        }
        self._ended: dict[str, OrderGone] = {}
        self._fills: deque[Fill] = deque(maxlen=_FILLS_KEPT)

    def set_instruments(self, instruments: Iterable[Instrument]) -> None:
        """Replace the tradable list; the rules of a symbol we hold stay known if it is gone."""
        held = {s: i for s, i in self._instruments.items() if s in self._positions}
        self._instruments = held | {i.symbol: i for i in instruments}
        self._quotes = {s: q for s, q in self._quotes.items() if s in self._instruments}

    def statement(self) -> Statement:
        """Where the money is; unrealized at the closing side's touch."""
        open_results = [self._unrealized(p) for p in self._positions.values()]
        known = [r for r in open_results if r is not None]
        total = sum(known, Decimal(0)) if len(known) == len(open_results) else None
        return Statement(self._start, self._realized, self._fees, total)

    def account(self) -> AccountSeen:
        """Balance, positions with their stops, working orders and the last 200 fills."""
        return AccountSeen(
            balance=self.statement().balance,
            positions=tuple(
                AccountPosition(p.symbol, p.side, p.qty, p.cost / p.qty, p.stop)
                for p in self._positions.values()
            ),
            order_ids=tuple(self._working),
            fills=tuple(self._fills),
        )

    def find(self, order_id: str) -> OrderAccepted | OrderGone:
        """Working, ended with its state, or EXPIRED because it never arrived."""
        if order_id in self._working:
            return OrderAccepted(order_id)
        never = OrderGone(order_id, OrderState.EXPIRED, "never arrived")
        return self._ended.get(order_id, never)

    def see_quote(self, quote: QuoteSeen, at_ms: Ms) -> tuple[Event, ...]:
        """Take the newest prices: stop first, on the last trade; else the targets traded through.

        A quote that is crossed, not positive, not a number, or of an unknown symbol has no effect.
        """
        if quote.symbol not in self._instruments or not _is_sane(quote):
            return ()
        self._quotes[quote.symbol] = quote
        position = self._positions.get(quote.symbol)
        if position is None:  # everything that rests is reduce-only
            return ()
        if position.stop is not None and _room(position.side, quote.last, position.stop) <= 0:
            return tuple(self._stop_out(position, position.stop, at_ms))
        return tuple(self._reach(position, quote.last, at_ms))

    def place(self, order: Order, at_ms: Ms) -> tuple[Event, ...]:
        """Take an order: `OrderRefused`, or `OrderAccepted` and then what follows at once.

        A known id yields no second order: what is known of it is answered again. A refused order
        never existed, so its id may be used again. A LIMIT rests, MARKET and IOC end at once.
        """
        if order.id in self._working:
            return (OrderAccepted(order.id),)
        if order.id in self._ended:
            return (OrderAccepted(order.id), self._ended[order.id])
        problem = find_problem(
            order,
            self._instruments.get(order.symbol),
            self._held(order.symbol),
            self._quotes.get(order.symbol),
        )
        if problem is not None:
            return (OrderRefused(order.id, *problem),)
        accepted = OrderAccepted(order.id)
        if order.kind is OrderKind.LIMIT:
            self._working[order.id] = order
            return (accepted,)
        return (accepted, *self._take(order, at_ms))

    def cancel(self, order_id: str) -> OrderGone:
        """End a working order; an ended or unknown one is answered as `find` does."""
        known = self.find(order_id)
        if isinstance(known, OrderGone):
            return known
        return self._end(order_id, OrderState.CANCELED)

    def set_stop(
        self, position_id: int, symbol: str, side: Side, price: Decimal
    ) -> StopSet | StopRefused:
        """Amend the stop in place; refused when flat, off tick, or passed by the last trade.

        Like the venue it knows a position by symbol and side; the id is only answered.
        """
        position = self._positions.get(symbol)
        if position is None or position.side is not side:
            return StopRefused(position_id, price, f"{symbol}: expected a {side} position")
        instrument, quote = self._instruments.get(symbol), self._quotes.get(symbol)
        if instrument is None or not is_multiple(price, instrument.tick):
            return StopRefused(position_id, price, f"stop {price}: expected a price on the tick")
        if quote is not None and _room(side, quote.last, price) <= 0:
            detail = f"stop {price}: expected on the losing side of the last trade {quote.last}"
            return StopRefused(position_id, price, detail)
        position.stop = price
        return StopSet(position_id, price)

    def _held(self, symbol: str) -> Side | None:
        position = self._positions.get(symbol)
        return None if position is None else position.side

    def _take(self, order: Order, at_ms: Ms) -> list[Event]:
        """Fill at the touch plus slippage; an IOC never worse than its limit, or not at all."""
        touch, sign = touch_of(self._quotes[order.symbol], order.side), order.side.sign
        price = self._slipped(order.symbol, touch, order.side)
        if order.kind is OrderKind.IOC:
            limit = _limit(order)
            if sign * (touch - limit) > 0:
                detail = f"touch {touch} is beyond the limit {limit}"
                return [self._end(order.id, OrderState.CANCELED, detail)]
            price = min(price, limit) if sign > 0 else max(price, limit)
        return self._execute(order, price, at_ms)

    def _stop_out(self, position: _Position, stop: Decimal, at_ms: Ms) -> list[Event]:
        """All out at market: from the stop or, where the market gapped past it, from the touch."""
        self._stops += 1
        order = Order(
            id=f"{position.id}-stop-{at_ms}-{self._stops}",
            position_id=position.id,
            symbol=position.symbol,
            purpose=Purpose.STOP,
            side=position.side.exit,
            kind=OrderKind.MARKET,
            qty=position.qty,
            reduce_only=True,
            reason="stop",
        )
        touch = touch_of(self._quotes[order.symbol], order.side)
        worse = max(stop, touch) if order.side is OrderSide.BUY else min(stop, touch)
        return self._execute(order, self._slipped(order.symbol, worse, order.side), at_ms)

    def _reach(self, position: _Position, last: float, at_ms: Ms) -> list[Event]:
        """Fill the limits that were traded through, nearest first, at exactly their price."""
        resting = [o for o in self._working.values() if o.symbol == position.symbol]
        reached = [o for o in resting if _room(position.side, last, _limit(o)) > 0]
        reached.sort(key=lambda o: position.side.sign * _limit(o))
        events: list[Event] = []
        for order in reached:
            if order.id in self._working:  # going flat ends the ones behind
                events += self._execute(order, _limit(order), at_ms)
        return events

    def _slipped(self, symbol: str, price: Decimal, side: OrderSide) -> Decimal:
        """What a taker gets from `price`: slippage on top, rounded to the tick against us."""
        instrument = self._instruments[symbol]
        slipped = price * (1 + side.sign * self._slippage)
        if side is OrderSide.BUY:
            return instrument.price_up(slipped)
        return max(instrument.price_down(slipped), instrument.tick)

    def _execute(self, order: Order, price: Decimal, at_ms: Ms) -> list[Event]:
        """The one fill of an order and everything that follows from it."""
        instrument, held = self._instruments[order.symbol], self._positions.get(order.symbol)
        is_maker = order.kind is OrderKind.LIMIT
        qty = min(order.qty, held.qty) if held and order.reduce_only else order.qty
        fee_bps = instrument.maker_bps if is_maker else instrument.taker_bps
        fill = Fill(
            id=f"{order.id}:1",  # an order fills once here: whole, or cut to the position
            order_id=order.id,
            symbol=order.symbol,
            purpose=order.purpose,
            side=order.side,
            qty=qty,
            price=price,
            fee=instrument.notional(price, qty) * fee_bps * _BPS,
            is_maker=is_maker,
            exchange_ms=at_ms,
        )
        self._fills.append(fill)
        self._fees += fill.fee
        events: list[Event] = [FillSeen(fill), *self._book(order, fill, held)]
        if order.purpose is not Purpose.STOP:  # a stop belongs to the position, not to our orders
            state = OrderState.FILLED if qty == order.qty else OrderState.CANCELED
            detail = "" if qty == order.qty else f"cut to the position's {qty}"
            events.append(self._end(order.id, state, detail))
        return events + self._end_orphans(order.symbol)

    def _book(self, order: Order, fill: Fill, held: _Position | None) -> list[Event]:
        """Let the fill change the position; a first stop stands with the fill that brings it."""
        if held is not None and order.reduce_only:
            self._reduce(held, fill)
            return []
        if held is None:
            side = Side.LONG if fill.side is OrderSide.BUY else Side.SHORT
            held = _Position(order.position_id, fill.symbol, side, Decimal(0), Decimal(0), None)
            self._positions[fill.symbol] = held
        held.qty += fill.qty
        held.cost += fill.qty * fill.price
        if held.stop is not None or order.stop is None:
            return []
        held.stop = order.stop
        return [StopSet(held.id, order.stop)]

    def _reduce(self, held: _Position, fill: Fill) -> None:
        """Realize the share of the cost that leaves; what stays is exact, so nothing drifts."""
        is_flat = fill.qty == held.qty
        share = held.cost if is_flat else _settled(held.cost * fill.qty / held.qty)
        result = held.side.sign * (fill.qty * fill.price - share)
        self._realized += result * self._instruments[held.symbol].contract_size
        held.qty -= fill.qty
        held.cost -= share
        if is_flat:
            del self._positions[held.symbol]

    def _end_orphans(self, symbol: str) -> list[Event]:
        if symbol in self._positions:
            return []
        orphans = [o.id for o in self._working.values() if o.symbol == symbol]
        return [self._end(i, OrderState.CANCELED, "the position is flat") for i in orphans]

    def _end(self, order_id: str, state: OrderState, detail: str = "") -> OrderGone:
        self._working.pop(order_id, None)
        self._ended[order_id] = OrderGone(order_id, state, detail)
        if len(self._ended) > _ENDED_KEPT:
            del self._ended[next(iter(self._ended))]
        return self._ended[order_id]

    def _unrealized(self, position: _Position) -> Decimal | None:
        quote = self._quotes.get(position.symbol)
        if quote is None:
            return None
        value = position.qty * touch_of(quote, position.side.exit)
        size = self._instruments[position.symbol].contract_size
        return position.side.sign * (value - position.cost) * size


def _is_sane(quote: QuoteSeen) -> bool:
    """Positive, finite, not crossed; a NaN fails every comparison."""
    return 0 < quote.bid <= quote.ask < math.inf and 0 < quote.last < math.inf


def _room(side: Side, last: float, price: Decimal) -> Decimal:
    """How far the last trade is beyond `price` in favor of the side; negative when against it."""
    return side.sign * (exact(last) - price)


def _limit(order: Order) -> Decimal:
    """The limit price, which admission demanded."""
    assert order.price is not None, order
    return order.price


def _settled(amount: Decimal) -> Decimal:
    """The amount unchanged where it is short enough, else rounded once."""
    rounded = amount.quantize(_FINEST)
    return amount if amount == rounded else rounded
