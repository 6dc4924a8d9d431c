"""An order's life: one table of legal transitions, and the progress the ledger keeps beside it.

It exists so that late, duplicate and early answers of the exchange each have a named line. It must
never decide to send anything; a pair missing from both tables is illegal and the caller says so.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from engine.core.values import Fill, Ms, Order, OrderState


class OrderInput(StrEnum):
    """What can happen to an order."""

    ACKED = "ACKED"
    DOUBTED = "DOUBTED"
    FILLED_PART = "FILLED_PART"
    FILLED_ALL = "FILLED_ALL"
    CANCEL_ASKED = "CANCEL_ASKED"
    CANCELED = "CANCELED"
    REFUSED = "REFUSED"
    EXPIRED = "EXPIRED"


_S, _I = OrderState, OrderInput

TERMINAL = frozenset({_S.FILLED, _S.CANCELED, _S.REFUSED, _S.EXPIRED})

TABLE: dict[tuple[OrderState, OrderInput], OrderState] = {
    (_S.PLACED, _I.ACKED): _S.OPEN,
    (_S.PLACED, _I.DOUBTED): _S.UNKNOWN,
    (_S.PLACED, _I.FILLED_PART): _S.OPEN,  # a fill may overtake the acknowledgment
    (_S.PLACED, _I.FILLED_ALL): _S.FILLED,
    (_S.PLACED, _I.CANCEL_ASKED): _S.CANCELING,
    (_S.PLACED, _I.CANCELED): _S.CANCELED,
    (_S.PLACED, _I.REFUSED): _S.REFUSED,
    (_S.PLACED, _I.EXPIRED): _S.EXPIRED,
    (_S.OPEN, _I.FILLED_PART): _S.OPEN,
    (_S.OPEN, _I.FILLED_ALL): _S.FILLED,
    (_S.OPEN, _I.CANCEL_ASKED): _S.CANCELING,
    (_S.OPEN, _I.CANCELED): _S.CANCELED,
    (_S.OPEN, _I.REFUSED): _S.REFUSED,  # acknowledged is not accepted
    (_S.OPEN, _I.EXPIRED): _S.EXPIRED,
    (_S.OPEN, _I.DOUBTED): _S.UNKNOWN,  # vanished from the open list
    (_S.CANCELING, _I.FILLED_PART): _S.CANCELING,
    (_S.CANCELING, _I.FILLED_ALL): _S.FILLED,
    (_S.CANCELING, _I.CANCELED): _S.CANCELED,
    (_S.CANCELING, _I.REFUSED): _S.REFUSED,
    (_S.CANCELING, _I.EXPIRED): _S.EXPIRED,
    (_S.CANCELING, _I.DOUBTED): _S.UNKNOWN,
    (_S.UNKNOWN, _I.ACKED): _S.OPEN,
    (_S.UNKNOWN, _I.FILLED_PART): _S.UNKNOWN,
    (_S.UNKNOWN, _I.FILLED_ALL): _S.FILLED,
    (_S.UNKNOWN, _I.CANCEL_ASKED): _S.CANCELING,
    (_S.UNKNOWN, _I.CANCELED): _S.CANCELED,
    (_S.UNKNOWN, _I.REFUSED): _S.REFUSED,
    (_S.UNKNOWN, _I.EXPIRED): _S.EXPIRED,
}

# Pairs without effect, each with its reason.
IGNORED: dict[tuple[OrderState, OrderInput], str] = {
    (_S.OPEN, _I.ACKED): "a second acknowledgment",
    (_S.CANCELING, _I.ACKED): "acknowledged after we asked to cancel",
    (_S.CANCELING, _I.CANCEL_ASKED): "asked twice",
    (_S.UNKNOWN, _I.DOUBTED): "still unknown",
    **{
        (state, given): "late: the order is final"
        for state in TERMINAL
        for given in _I
        if given not in (_I.FILLED_PART, _I.FILLED_ALL)
    },
    # A fill that arrives after the end is booked by the ledger; the state has nothing to add.
    **{
        (state, given): "booked, the order stays final"
        for state in TERMINAL
        for given in (_I.FILLED_PART, _I.FILLED_ALL)
    },
}


class Progress(msgspec.Struct):
    """An order and how far it got: mutable, owned by the ledger alone."""

    order: Order
    placed_ms: Ms
    state: OrderState = OrderState.PLACED
    filled_qty: Decimal = Decimal(0)
    filled_value: Decimal = Decimal(0)  # sum of price * qty
    fees: Decimal = Decimal(0)
    venue_id: str | None = None

    @property
    def is_live(self) -> bool:
        """Whether the exchange may still act on it."""
        return self.state not in TERMINAL

    @property
    def left_qty(self) -> Decimal:
        """What is not filled yet."""
        return self.order.qty - self.filled_qty

    def feed(self, given: OrderInput) -> None:
        """Advance the state; an ignored or late input changes nothing."""
        self.state = TABLE.get((self.state, given), self.state)

    def book(self, fill: Fill) -> None:
        """Add one execution."""
        self.filled_qty += fill.qty
        self.filled_value += fill.price * fill.qty
        self.fees += fill.fee
        done = self.left_qty <= 0
        self.feed(OrderInput.FILLED_ALL if done else OrderInput.FILLED_PART)


ENDINGS = {
    OrderState.FILLED: OrderInput.FILLED_ALL,
    OrderState.CANCELED: OrderInput.CANCELED,
    OrderState.REFUSED: OrderInput.REFUSED,
    OrderState.EXPIRED: OrderInput.EXPIRED,
}
