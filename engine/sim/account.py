"""The money of one account: what is held, what it cost, and what was realized and paid.

It exists so that every sum is exact: fills change quantities, one rounded share of the cost leaves
with each exit, and nothing drifts. It must never decide whether or where something fills.
"""

from collections import deque
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from engine.core.events import FundingSeen, StopSet
from engine.core.values import (
    Fill,
    Funding,
    Instrument,
    Ms,
    Order,
    OrderKind,
    OrderSide,
    Purpose,
    Side,
    settled,
)

FUNDING_MS = 8 * 3_600_000  # settled at 00, 08 and 16 UTC
_KEPT = 200  # fills and fundings reported with the account


class Holding(msgspec.Struct, frozen=True):
    """A position as the ledger knows it: what `Matching.restore` rebuilds from; `qty` unsigned."""

    position_id: int
    symbol: str
    side: Side
    qty: Decimal
    avg_price: Decimal
    stop: Decimal | None
    funded_ms: Ms  # since when funding is owed: its last settlement, else the opening


class Statement(msgspec.Struct, frozen=True):
    """The account in quote currency since start or restore; `unrealized` None without a price."""

    start: Decimal  # transfers included
    realized: Decimal
    fees: Decimal
    funding: Decimal
    unrealized: Decimal | None

    @property
    def balance(self) -> Decimal:
        """Cash: start plus realized minus fees minus funding."""
        return self.start + self.realized - self.fees - self.funding

    @property
    def equity(self) -> Decimal | None:
        """Balance plus unrealized, or None while a position has no price."""
        return None if self.unrealized is None else self.balance + self.unrealized


class Position(msgspec.Struct):
    """Net quantity in one symbol; `cost` is the sum of quantity times price still in it."""

    id: int
    symbol: str
    side: Side
    qty: Decimal
    cost: Decimal
    stop: Decimal | None
    funded_ms: Ms
    updated_ms: Ms = 0  # of the last fill or stop; 0 = before the restore

    def put_stop(self, stop: Decimal | None, at_ms: Ms) -> None:
        """Let the stop stand here, or nowhere."""
        self.stop, self.updated_ms = stop, max(self.updated_ms, at_ms)

    def result_at(self, price: Decimal, rules: Instrument) -> Decimal:
        """What closing all of it at this price would realize."""
        return self.side.sign * (self.qty * price - self.cost) * rules.contract_size

    def exit_order(self, order_id: str, purpose: Purpose, reason: str) -> Order:
        """The exchange's own order to close all of it at market."""
        return Order(
            id=order_id,
            position_id=self.id,
            symbol=self.symbol,
            purpose=purpose,
            side=self.side.exit,
            kind=OrderKind.MARKET,
            qty=self.qty,
            reduce_only=True,
            reason=reason,
        )


class Account:
    """Positions by symbol, and the sums over their fills; mutable, owned by the matching."""

    def __init__(self, balance: Decimal, positions: Iterable[Holding]) -> None:
        self.start = balance
        self.realized = self.fees = self.paid = Decimal(0)
        self.positions = {
            h.symbol: Position(
                h.position_id,
                h.symbol,
                h.side,
                h.qty,
                settled(h.avg_price * h.qty),
                h.stop,
                h.funded_ms,
            )
            for h in positions
        }
        self.fills: deque[Fill] = deque(maxlen=_KEPT)
        self.funding: deque[Funding] = deque(maxlen=_KEPT)

    def statement(self, unrealized: Decimal | None) -> Statement:
        """The sums, beside what the caller says is open."""
        return Statement(self.start, self.realized, self.fees, self.paid, unrealized)

    def book(self, order: Order, fill: Fill, rules: Instrument) -> list[StopSet]:
        """Let a fill change position and money; the stop it brought stands with it."""
        self.fills.append(fill)
        self.fees += fill.fee
        if order.reduce_only:
            self._reduce(self.positions[fill.symbol], fill, rules)
            return []
        return self._grow(order, fill)

    def fund(
        self, held: Position, mark: Decimal, rate: Decimal, rules: Instrument, at_ms: Ms
    ) -> list[FundingSeen]:
        """Pay `rate` of the notional at `mark` for each boundary passed up to now, once."""
        due_ms = (held.funded_ms // FUNDING_MS + 1) * FUNDING_MS
        return [
            FundingSeen(self._pay(held, settled(rules.notional(mark, held.qty) * rate), boundary))
            for boundary in range(due_ms, at_ms + 1, FUNDING_MS)
        ]

    def _pay(self, held: Position, amount: Decimal, boundary: Ms) -> Funding:
        held.funded_ms = boundary
        funding = Funding(f"{held.symbol}-funding-{boundary}", held.symbol, amount, boundary)
        self.paid += amount
        self.funding.append(funding)
        return funding

    def _grow(self, order: Order, fill: Fill) -> list[StopSet]:
        """Open or add; of the stop that stands and the one that comes the tighter one stands."""
        held = self.positions.get(fill.symbol)
        if held is None:
            side = Side.LONG if fill.side is OrderSide.BUY else Side.SHORT
            zero, now = Decimal(0), fill.exchange_ms
            held = Position(order.position_id, fill.symbol, side, zero, zero, None, now)
            self.positions[fill.symbol] = held
        held.qty += fill.qty
        held.cost += fill.qty * fill.price
        held.updated_ms = fill.exchange_ms
        stop, sign = order.stop, held.side.sign
        if stop is None or (held.stop is not None and sign * stop <= sign * held.stop):
            return []
        held.put_stop(stop, fill.exchange_ms)
        return [StopSet(held.id, stop, fill.exchange_ms)]

    def _reduce(self, held: Position, fill: Fill, rules: Instrument) -> None:
        """Realize the share of the cost that leaves; what stays is exact, so nothing drifts."""
        is_flat = fill.qty == held.qty
        share = held.cost if is_flat else settled(held.cost * fill.qty / held.qty)
        result = held.side.sign * (fill.qty * fill.price - share)
        self.realized += result * rules.contract_size
        held.qty -= fill.qty
        held.cost -= share
        held.updated_ms = fill.exchange_ms
        if is_flat:
            del self.positions[held.symbol]
