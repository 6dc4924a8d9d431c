"""What the exchange remembers of one account: orders, positions and executions as they stand.

They exist so that every part of the account speaks of the same things, and every endpoint renders
the same fields. They must never know the market, the time or each other.
"""

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

import msgspec

from engine.core.values import Ms

ZERO = Decimal(0)
BUY, SELL = "Buy", "Sell"

NEW, PART_FILLED, UNTRIGGERED = "New", "PartiallyFilled", "Untriggered"
TRIGGERED, FILLED, CANCELLED, REJECTED = "Triggered", "Filled", "Cancelled", "Rejected"
OPEN = frozenset({NEW, PART_FILLED, UNTRIGGERED, TRIGGERED})
RESTING = frozenset({NEW, PART_FILLED})

NO_ERROR, NOTHING_THERE = "EC_NoError", "EC_NoImmediateQtyToFill"


class Stop(StrEnum):
    """Which kind of conditional an order is, as `stopOrderType` names it; NONE is not one."""

    NONE = ""
    USER = "Stop"
    LOSS = "StopLoss"
    PROFIT = "TakeProfit"
    TRAILING = "TrailingStop"
    PART_LOSS = "PartialStopLoss"
    PART_PROFIT = "PartialTakeProfit"

    @property
    def is_own(self) -> bool:
        """Whether it belongs to a position and ends with it."""
        return self not in (Stop.NONE, Stop.USER)

    @property
    def is_partial(self) -> bool:
        """Whether it has a quantity of its own."""
        return self in (Stop.PART_LOSS, Stop.PART_PROFIT)

    @property
    def is_whole(self) -> bool:
        """Whether it follows the size of its position."""
        return self.is_own and not self.is_partial

    @property
    def protects(self) -> bool:
        """Whether it bounds the loss of its position."""
        return self in (Stop.LOSS, Stop.PART_LOSS, Stop.TRAILING)


class Trigger(msgspec.Struct, frozen=True):
    """When a conditional order wakes: `direction` 1 on a rise to the price, 2 on a fall to it."""

    price: Decimal
    direction: int
    by: str = "LastPrice"

    def is_hit(self, price: Decimal) -> bool:
        """Whether this price wakes it."""
        return price >= self.price if self.direction == 1 else price <= self.price


class Protection(msgspec.Struct, frozen=True):
    """Stop and target that come with an order, for the position its first fill makes."""

    stop: Decimal | None = None
    profit: Decimal | None = None
    stop_by: str = "LastPrice"
    profit_by: str = "LastPrice"
    mode: str = "Full"
    stop_limit: Decimal | None = None  # a limit order follows the trigger, not one at market
    profit_limit: Decimal | None = None


class Order(msgspec.Struct):
    """An order from its acceptance on; mutable. `price` of a market order bounds what it takes."""

    id: str
    number: int  # in the order of creation
    link: str  # the caller's own id, may be empty
    symbol: str
    side: str
    qty: Decimal
    price: Decimal
    created_ms: Ms
    kind: str = "Market"
    lifetime: str = "IOC"
    idx: int = 0
    is_reducing: bool = False
    closes_on_trigger: bool = False
    trigger: Trigger | None = None
    stop: Stop = Stop.NONE
    distance: Decimal | None = None  # of a trailing stop: its trigger follows the best price
    wakes: Trigger | None = None  # of a trailing stop that does not follow yet
    create_type: str = "CreateByUser"
    parent_id: str = ""  # of the order a stop or target came with
    parent_link: str = ""
    protection: Protection | None = None
    attaches: bool = True  # False: the stop that came with it gets lost on the way
    is_attached: bool = False  # its stop and target stand at the position
    status: str = NEW
    cancel_type: str = "UNKNOWN"
    reject_reason: str = NO_ERROR
    filled: Decimal = ZERO
    value: Decimal = ZERO
    fee: Decimal = ZERO
    closed_pnl: Decimal = ZERO
    seen_price: Decimal = ZERO  # last price when it came
    updated_ms: Ms = 0
    is_forgotten: bool = False  # ended before a restart of the service

    @property
    def sign(self) -> int:
        """+1 for Buy, -1 for Sell."""
        return 1 if self.side == BUY else -1

    @property
    def left(self) -> Decimal:
        """What is still wanted; of an ended order what never came."""
        return self.qty - self.filled

    @property
    def is_open(self) -> bool:
        """Whether anything may still happen to it."""
        return self.status in OPEN

    @property
    def is_reduce_only(self) -> bool:
        """Whether it can never grow a position: asked for, or the closing side of a hedge."""
        return self.is_reducing or (self.idx, self.side) in ((1, SELL), (2, BUY))


class Life(msgspec.Struct):
    """How long one position stood without a stop, from opening to flat, in market time."""

    opened_ms: Ms
    idx: int
    closed_ms: Ms | None = None
    bare_since_ms: Ms | None = None  # None = protected, or over
    bare_ms: Ms = 0  # stretches that ended
    longest_ms: Ms = 0

    def see(self, *, is_bare: bool, at_ms: Ms) -> None:
        """A stop is there, or is not, from now on."""
        if self.bare_since_ms is not None and not is_bare:
            stretch = at_ms - self.bare_since_ms
            self.bare_ms += stretch
            self.longest_ms = max(self.longest_ms, stretch)
            self.bare_since_ms = None
        elif self.bare_since_ms is None and is_bare:
            self.bare_since_ms = at_ms

    def end(self, at_ms: Ms) -> None:
        """The position is flat."""
        self.see(is_bare=False, at_ms=at_ms)
        self.closed_ms = at_ms


class Closed(NamedTuple):
    """What the closing part of an execution realized; all zero where it only opened."""

    size: Decimal = ZERO
    entry_value: Decimal = ZERO
    entry_fee: Decimal = ZERO
    exit_fee: Decimal = ZERO
    gross: Decimal = ZERO
    is_over: bool = False  # the position went flat, perhaps to open on the other side

    @property
    def net(self) -> Decimal:
        """What it left after the fees of both ends."""
        return self.gross - self.entry_fee - self.exit_fee


class Fill(NamedTuple):
    """What the matching says happened."""

    price: Decimal
    qty: Decimal
    is_maker: bool = False
    kind: str = "Trade"
    is_free: bool = False  # no fee is due


class Execution(msgspec.Struct, frozen=True):
    """One execution; of a funding `fee` is what was paid and `qty` what it was paid on."""

    id: str
    number: int
    order: Order  # as it stood right after
    kind: str  # Trade, Funding, AdlTrade, BustTrade, Settle
    side: str
    price: Decimal
    qty: Decimal
    fee: Decimal
    fee_rate: Decimal
    is_maker: bool
    mark: Decimal
    closed: Closed
    seq: int
    at_ms: Ms
