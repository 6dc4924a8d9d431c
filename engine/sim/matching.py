"""The venue's matching rules on a single account: books nothing it did not see, forgets no fill.

It exists so that paper trading, the embedded exchange and the simulator fill, charge and refuse
alike: stop before target, taker fills slip and round against us, a resting limit needs a trade
through it, reduce-only never flips. Fees are always the `Instrument`'s own; whoever reads the
instruments puts the configured defaults in where the venue names none. Funding is always paid by
us. A real venue has hands beside ours on the account: they are methods here.

It must never read a clock (the time comes with each call), round in our favor, fill an order or a
stop twice, or keep a reduce-only order or a stop beyond the position it belongs to.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal

import msgspec

from engine.core.events import (
    AccountPosition,
    AccountSeen,
    Event,
    FillSeen,
    FundingSeen,
    OrderAccepted,
    OrderGone,
    OrderMissing,
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
from engine.sim.account import Account, Holding, Position, Statement
from engine.sim.admission import find_problem, is_sane, side_problem, stop_problem, touch_of

__all__ = ["Holding", "Liquidity", "Matching", "Statement"]

# How much of the wanted quantity is there now: a multiple of the lot, at most what is wanted.
Liquidity = Callable[[Order, Decimal], Decimal]

_BPS = Decimal("0.0001")
_ENDED_KEPT = 2000  # ended orders still known by id


class _Progress(msgspec.Struct):
    """An order on its way: ours, or the exchange's own for a stop or another hand."""

    order: Order
    filled_qty: Decimal = Decimal(0)
    cause: str = ""

    @property
    def left_qty(self) -> Decimal:
        return self.order.qty - self.filled_qty


class Matching:
    """One account in one-way mode, one position per symbol, fed with quotes and orders.

    `liquidity` is asked for each order or triggered stop that could fill: by default all is there.
    """

    def __init__(
        self,
        balance: Decimal,
        slippage_bps: Decimal,
        funding_bps: Decimal = Decimal(0),
        liquidity: Liquidity | None = None,
    ) -> None:
        self._slippage = slippage_bps * _BPS
        self._funding = funding_bps * _BPS
        self._liquidity = liquidity
        self._instruments: dict[str, Instrument] = {}
        self._quotes: dict[str, QuoteSeen] = {}
        self._own_orders = 0
        self.restore(balance, (), ())

    def restore(
        self,
        balance: Decimal,
        positions: Iterable[Holding],
        orders: Iterable[tuple[Order, Decimal]],
    ) -> None:
        """Forget the account and take this one; the next quotes decide what was passed meanwhile.

        `orders` are the live ones with what was filled of each. Reduce-only limits of these
        positions work on; any other that had fills arrived and ended; the rest are unknown here.
        """
        self._account = Account(balance, positions)
        self._positions = self._account.positions
        self._working: dict[str, _Progress] = {}
        self._ended: dict[str, OrderGone] = {}
        for order, filled_qty in orders:
            progress = _Progress(order, filled_qty)
            can_rest = order.kind is OrderKind.LIMIT and progress.left_qty > 0
            if can_rest and side_problem(order, self._held(order.symbol)) is None:
                self._working[order.id] = progress
            elif filled_qty:
                is_whole = progress.left_qty <= 0
                state = OrderState.FILLED if is_whole else OrderState.CANCELED
                self._end(progress, state, "ended before the restart")

    def set_instruments(self, instruments: Iterable[Instrument]) -> None:
        """Replace the tradable list; the rules of a symbol we hold stay known if it is gone."""
        held = {s: i for s, i in self._instruments.items() if s in self._positions}
        self._instruments = held | {i.symbol: i for i in instruments}
        self._quotes = {s: q for s, q in self._quotes.items() if s in self._instruments}

    # -- what the account shows ------------------------------------------------------------------

    def statement(self) -> Statement:
        """Where the money is; unrealized at the closing side's touch."""
        open_results = [self._unrealized(p) for p in self._positions.values()]
        known = [r for r in open_results if r is not None]
        is_known = len(known) == len(open_results)
        return self._account.statement(sum(known, Decimal(0)) if is_known else None)

    def account(self) -> AccountSeen:
        """Balance, positions with stops, working orders, the last 200 fills and fundings."""
        return AccountSeen(
            balance=self._account.statement(None).balance,
            positions=tuple(
                AccountPosition(p.symbol, p.side, p.qty, p.cost / p.qty, p.stop, p.updated_ms)
                for p in self._positions.values()
            ),
            order_ids=tuple(self._working),
            fills=tuple(self._account.fills),
            funding=tuple(self._account.funding),
        )

    def find(self, order_id: str) -> OrderAccepted | OrderGone | OrderMissing:
        """Working, ended with its state and what was filled, or nowhere."""
        if order_id in self._working:
            return OrderAccepted(order_id)
        return self._ended.get(order_id) or OrderMissing(order_id)

    # -- the market ------------------------------------------------------------------------------

    def see_quote(self, quote: QuoteSeen, at_ms: Ms) -> tuple[Event, ...]:
        """Take the newest prices: funding due, then the stop, on the last trade; else the targets.

        A target needs a trade through it. Funding is that of every boundary (00, 08, 16 UTC)
        passed since it was last settled, on what is held now at these prices. A quote that is
        crossed, not positive, not a number, or of an unknown symbol has no effect.
        """
        if quote.symbol not in self._instruments or not is_sane(quote):
            return ()
        self._quotes[quote.symbol] = quote
        position = self._positions.get(quote.symbol)
        if position is None:  # everything that rests is reduce-only
            return ()
        events = self._fund(position, at_ms)
        last = exact(quote.last)
        if position.stop is not None and position.side.sign * (last - position.stop) <= 0:
            return (*events, *self._stop_out(position, position.stop, at_ms))
        return (*events, *self._reach(position, last, at_ms))

    # -- our orders ------------------------------------------------------------------------------

    def place(self, order: Order, at_ms: Ms) -> tuple[Event, ...]:
        """Take an order: `OrderRefused`, or `OrderAccepted` and then what follows at once.

        A known id yields no second order: what is known of it is answered again. A refused order
        never existed, so its id may be used again. A LIMIT rests until it is filled, in parts
        perhaps; MARKET and IOC end at once with what was there.
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
        accepted, progress = OrderAccepted(order.id), _Progress(order)
        if order.kind is OrderKind.LIMIT:
            self._working[order.id] = progress
            return (accepted,)
        return (accepted, *self._take(progress, at_ms))

    def cancel(self, order_id: str) -> OrderGone | OrderMissing:
        """End a working order; an ended or unknown one is answered as `find` does."""
        if order_id in self._working:
            return self._end(self._working[order_id], OrderState.CANCELED)
        return self._ended.get(order_id) or OrderMissing(order_id)

    def set_stop(
        self, position_id: int, symbol: str, side: Side, price: Decimal, at_ms: Ms = 0
    ) -> StopSet | StopRefused:
        """Amend the stop in place; refused when flat, off tick, or passed by the last trade.

        Like the venue it knows a position by symbol and side; the id is only answered. A caller
        that does not say when is answered without a time, as some venues do.
        """
        position = self._positions.get(symbol)
        if position is None or position.side is not side:
            return StopRefused(position_id, price, f"{symbol}: expected a {side} position")
        instrument, quote = self._instruments.get(symbol), self._quotes.get(symbol)
        problem = stop_problem(side, price, instrument, quote)
        if problem is not None:
            return StopRefused(position_id, price, problem)
        position.put_stop(price, at_ms)
        return StopSet(position_id, price, at_ms)

    # -- other hands -----------------------------------------------------------------------------

    def reduce(self, symbol: str, qty: Decimal, cause: str, at_ms: Ms) -> tuple[Event, ...]:
        """Take `qty`, or all there is, at market under the exchange's own id; none when flat.

        `cause` tells whose act it is: adl, liquidation, by hand. Needs a price seen before.
        """
        position = self._positions.get(symbol)
        if position is None:
            return ()
        order = self._own_order(position, Purpose.EXIT, cause, at_ms)
        price = self._slipped(symbol, touch_of(self._quotes[symbol], order.side), order.side)
        taken = min(qty, position.qty)
        events = self._execute(_Progress(order, cause=cause), taken, price, at_ms)
        return (*events, *self._end_orphans(symbol))

    def put_stop(self, symbol: str, price: Decimal, at_ms: Ms) -> None:
        """Somebody moved the stop, looser even, or past the market; the position must be there."""
        self._positions[symbol].put_stop(price, at_ms)

    def drop_stop(self, symbol: str, at_ms: Ms) -> None:
        """Somebody removed the stop, or the venue lost it; the position must be there."""
        self._positions[symbol].put_stop(None, at_ms)

    def transfer(self, amount: Decimal) -> None:
        """Money comes in (positive) or leaves."""
        self._account.start += amount

    # -- filling ---------------------------------------------------------------------------------

    def _held(self, symbol: str) -> Side | None:
        position = self._positions.get(symbol)
        return None if position is None else position.side

    def _take(self, progress: _Progress, at_ms: Ms) -> list[Event]:
        """Fill at the touch plus slippage; an IOC never worse than its limit, or not at all."""
        order = progress.order
        touch, sign = touch_of(self._quotes[order.symbol], order.side), order.side.sign
        price = self._slipped(order.symbol, touch, order.side)
        if order.kind is OrderKind.IOC:
            limit = _limit(order)
            if sign * (touch - limit) > 0:
                detail = f"touch {touch} is beyond the limit {limit}"
                return [self._end(progress, OrderState.CANCELED, detail)]
            price = min(price, limit) if sign > 0 else max(price, limit)
        return self._fill(progress, price, at_ms)

    def _stop_out(self, position: Position, stop: Decimal, at_ms: Ms) -> list[Event]:
        """Out at market: from the stop or, where the market gapped past it, from the touch.

        A triggered stop is spent: what it found no liquidity for stands without one.
        """
        position.put_stop(None, at_ms)
        order = self._own_order(position, Purpose.STOP, "stop", at_ms)
        touch = touch_of(self._quotes[order.symbol], order.side)
        worse = max(stop, touch) if order.side is OrderSide.BUY else min(stop, touch)
        price = self._slipped(order.symbol, worse, order.side)
        there = self._there(order, position.qty)
        events = self._execute(_Progress(order), there, price, at_ms)
        return events + self._end_orphans(order.symbol)

    def _own_order(self, position: Position, purpose: Purpose, why: str, at_ms: Ms) -> Order:
        """An order of the exchange itself on all of the position, under an id of its making."""
        self._own_orders += 1
        order_id = f"{position.id}-{why.replace(' ', '-')}-{at_ms}-{self._own_orders}"
        return position.exit_order(order_id, purpose, why)

    def _reach(self, position: Position, last: Decimal, at_ms: Ms) -> list[Event]:
        """Fill the limits that were traded through, nearest first, at exactly their price."""
        sign = position.side.sign
        reached = [
            p
            for p in self._working.values()
            if p.order.symbol == position.symbol and sign * (last - _limit(p.order)) > 0
        ]
        reached.sort(key=lambda p: sign * _limit(p.order))
        events: list[Event] = []
        for progress in reached:
            if progress.order.id in self._working:  # going flat ends the ones behind
                events += self._fill(progress, _limit(progress.order), at_ms)
        return events

    def _slipped(self, symbol: str, price: Decimal, side: OrderSide) -> Decimal:
        """What a taker gets from `price`: slippage on top, rounded to the tick against us."""
        instrument = self._instruments[symbol]
        slipped = price * (1 + side.sign * self._slippage)
        if side is OrderSide.BUY:
            return instrument.price_up(slipped)
        return max(instrument.price_down(slipped), instrument.tick)

    def _there(self, order: Order, wanted: Decimal) -> Decimal:
        """How much of the wanted quantity can be filled now."""
        if self._liquidity is None:
            return wanted
        there, lot = self._liquidity(order, wanted), self._instruments[order.symbol].lot
        assert 0 <= there <= wanted, f"expected 0 to {wanted}, found {there}"
        assert there % lot == 0, f"expected a multiple of {lot}, found {there}"
        return there

    def _fill(self, progress: _Progress, price: Decimal, at_ms: Ms) -> list[Event]:
        """Fill what is there of one of our orders, and end it unless it may rest on."""
        order, wanted = progress.order, progress.left_qty
        if order.reduce_only:
            wanted = min(wanted, self._positions[order.symbol].qty)
        there = self._there(order, wanted)
        events = self._execute(progress, there, price, at_ms)
        if progress.left_qty <= 0:
            events.append(self._end(progress, OrderState.FILLED))
        elif there == wanted:
            events.append(
                self._end(progress, OrderState.CANCELED, f"cut to the position's {wanted}")
            )
        elif order.kind is not OrderKind.LIMIT:
            detail = f"{there} of {wanted} was there"
            events.append(self._end(progress, OrderState.CANCELED, detail))
        return events + self._end_orphans(order.symbol)

    def _execute(self, progress: _Progress, qty: Decimal, price: Decimal, at_ms: Ms) -> list[Event]:
        """One execution booked; none of nothing."""
        if not qty:
            return []
        order, rules = progress.order, self._instruments[progress.order.symbol]
        is_maker = order.kind is OrderKind.LIMIT
        fee_bps = rules.maker_bps if is_maker else rules.taker_bps
        # Numbered by the lots filled before, so that no number comes twice after a restore.
        number = 1 + int(progress.filled_qty / rules.lot)
        fill = Fill(
            id=f"{order.id}:{number}",
            order_id=order.id,
            symbol=order.symbol,
            purpose=order.purpose,
            side=order.side,
            qty=qty,
            price=price,
            fee=rules.notional(price, qty) * fee_bps * _BPS,
            is_maker=is_maker,
            exchange_ms=at_ms,
            cause=progress.cause,
        )
        progress.filled_qty += qty
        return [FillSeen(fill), *self._account.book(order, fill, rules)]

    def _fund(self, position: Position, at_ms: Ms) -> list[FundingSeen]:
        if not self._funding:
            return []
        rules, quote = self._instruments[position.symbol], self._quotes[position.symbol]
        mark = touch_of(quote, position.side.exit)
        return self._account.fund(position, mark, self._funding, rules, at_ms)

    def _end_orphans(self, symbol: str) -> list[OrderGone]:
        if symbol in self._positions:
            return []
        orphans = [p for p in self._working.values() if p.order.symbol == symbol]
        return [self._end(p, OrderState.CANCELED, "the position is flat") for p in orphans]

    def _end(self, progress: _Progress, state: OrderState, detail: str = "") -> OrderGone:
        order_id = progress.order.id
        self._working.pop(order_id, None)
        self._ended[order_id] = OrderGone(order_id, state, detail, progress.filled_qty)
        if len(self._ended) > _ENDED_KEPT:
            del self._ended[next(iter(self._ended))]
        return self._ended[order_id]

    def _unrealized(self, position: Position) -> Decimal | None:
        quote = self._quotes.get(position.symbol)
        if quote is None:
            return None
        touch = touch_of(quote, position.side.exit)
        return position.result_at(touch, self._instruments[position.symbol])


def _limit(order: Order) -> Decimal:
    """The limit price, which admission demanded."""
    assert order.price is not None, order
    return order.price
