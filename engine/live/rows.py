"""Rows of the venue's private replies, turned into our values.

It exists so that a number is judged once, where it comes in: what is missing or cannot be true is
named with its row and field and voids the whole read. It must never guess a value, nor take a word
it does not know for one it does.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import msgspec

from engine.core.events import AccountPosition, TransferSeen
from engine.core.guard import LETTERS
from engine.core.values import Fill, Funding, Ms, OrderSide, OrderState, Purpose, Side
from engine.errors import Transient

Row = Mapping[str, Any]
W = TypeVar("W")

WORKING = frozenset(
    {"New", "PartiallyFilled", "Untriggered", "Triggered", "Created", "Active", "PendingCancel"}
)
ENDED = {
    "Filled": OrderState.FILLED,
    "PartiallyFilledCanceled": OrderState.CANCELED,
    "Cancelled": OrderState.CANCELED,
    "Deactivated": OrderState.CANCELED,
    "Rejected": OrderState.REFUSED,
}
CAUSES = {  # executions that no order of anybody's asked for
    "BustTrade": "liquidation",
    "AdlTrade": "adl",
    "Settle": "settlement",
    "Delivery": "settlement",
}
BY_HAND = "by hand"
FUNDING = "Funding"
STOP_LOSS = "StopLoss"
POSITION_SIDES = {"Buy": Side.LONG, "Sell": Side.SHORT}
ORDER_SIDES = {"Buy": OrderSide.BUY, "Sell": OrderSide.SELL}
PURPOSES = {letter: purpose for purpose, letter in LETTERS.items()}


class PositionRow(msgspec.Struct, frozen=True):
    """One row of the position list; `side` is None where there is nothing."""

    symbol: str
    side: Side | None
    qty: Decimal
    avg_price: Decimal
    stop: Decimal | None
    updated_ms: Ms
    seq: int  # grows with every change of the symbol
    idx: int  # 0 in one-way mode
    leverage: Decimal | None  # None where the venue does not say

    def seen(self) -> AccountPosition | None:
        """What the account shows of it; None when flat."""
        if self.side is None:
            return None
        return AccountPosition(
            self.symbol, self.side, self.qty, self.avg_price, self.stop, self.updated_ms
        )


class OrderRow(msgspec.Struct, frozen=True):
    """One row of an order list; `state` is `OPEN` while it works, None for an unknown word."""

    id: str  # ours; empty for orders of the exchange or of others
    venue_id: str
    state: OrderState | None
    filled_qty: Decimal
    detail: str


class Names:
    """Which order ids are ours: instance, ledger, boot, sequence, purpose.

    `stamp` is of the ledger: the orders of another one under our name are not ours.
    """

    def __init__(self, instance: str, stamp: Callable[[], str] = str) -> None:
        letters = "".join(PURPOSES)
        self._pattern = re.compile(rf"{re.escape(instance)}-((?:[0-9a-z]+_)?)\d+-\d+([{letters}])")
        self._stamp = stamp

    def purpose_of(self, order_id: str) -> Purpose | None:
        """What an order of ours was for; None when the id is not ours."""
        match = self._pattern.fullmatch(order_id)
        is_ours = match is not None and match[1] == self._stamp()
        return PURPOSES[match[2]] if match is not None and is_ours else None


def position_of(row: Row) -> PositionRow:
    """A row of the position list."""
    qty = number(row, "size", least=Decimal(0))
    is_flat = qty == 0
    side = None if is_flat else _word(row, "side", POSITION_SIDES)
    avg = Decimal(0) if is_flat else number(row, "avgPrice", above=Decimal(0))
    return PositionRow(
        symbol=text(row, "symbol"),
        side=side,
        qty=qty,
        avg_price=avg,
        stop=None if is_flat else optional(row, "stopLoss"),
        updated_ms=0 if is_flat else moment(row, "updatedTime"),
        seq=whole(row, "seq"),
        idx=whole(row, "positionIdx"),
        leverage=optional(row, "leverage"),
    )


def order_of(row: Row) -> OrderRow:
    """A row of an order list."""
    word = text(row, "orderStatus")
    state = OrderState.OPEN if word in WORKING else ENDED.get(word)
    filled = number(row, "cumExecQty", least=Decimal(0))
    if state is OrderState.REFUSED and filled:
        state = OrderState.CANCELED  # the word does not decide whether we hold something
    reasons = (row.get("rejectReason"), row.get("cancelType"))
    told = [str(r)[:60] for r in reasons if r not in (None, "", "EC_NoError", "UNKNOWN")]
    return OrderRow(
        id=_maybe_text(row, "orderLinkId"),
        venue_id=text(row, "orderId"),
        state=state,
        filled_qty=filled,
        detail=" ".join(told) or word,
    )


def execution_of(row: Row, names: Names) -> Fill | Funding:
    """A row of the execution list: a fill, ours or another's, or a funding settlement."""
    kind, symbol, at_ms = text(row, "execType"), text(row, "symbol"), moment(row, "execTime")
    exec_id, fee = text(row, "execId"), number(row, "execFee")
    if kind == FUNDING:
        return Funding(exec_id, symbol, fee, at_ms)
    purpose, cause = _why(row, kind, names)
    is_ours = names.purpose_of(_maybe_text(row, "orderLinkId")) is not None
    return Fill(
        id=exec_id,
        order_id=text(row, "orderLinkId") if is_ours else text(row, "orderId"),
        symbol=symbol,
        purpose=purpose,
        side=_word(row, "side", ORDER_SIDES),
        qty=number(row, "execQty", above=Decimal(0)),
        price=number(row, "execPrice", above=Decimal(0)),
        fee=fee,
        is_maker=_flag(row, "isMaker"),
        exchange_ms=at_ms,
        cause=cause,
    )


def _why(row: Row, kind: str, names: Names) -> tuple[Purpose, str]:
    """Purpose and cause; a kind of execution that we do not know is its own cause."""
    if kind != "Trade":
        return Purpose.EXIT, CAUSES.get(kind, kind[:40])
    ours = names.purpose_of(_maybe_text(row, "orderLinkId"))
    if ours is not None:
        return ours, ""
    if row.get("stopOrderType") == STOP_LOSS or row.get("createType") == "CreateByStopLoss":
        return Purpose.STOP, ""
    # Where the venue leaves it out, the ledger sees whether the side reduces what we hold.
    is_told = row.get("closedSize") != ""
    is_opening = is_told and not number(row, "closedSize", least=Decimal(0))
    return (Purpose.ENTRY if is_opening else Purpose.EXIT), BY_HAND


def transfer_of(row: Row) -> TransferSeen:
    """A row of the transaction log that moved money in or out."""
    return TransferSeen(text(row, "id"), number(row, "change"))


# -- fields ----------------------------------------------------------------------------------------


def text(row: Row, name: str) -> str:
    """A text that must be there."""
    value = row.get(name)
    if not isinstance(value, str) or not value:
        raise _odd(row, name, "a text")
    return value


def number(
    row: Row, name: str, *, least: Decimal | None = None, above: Decimal | None = None
) -> Decimal:
    """A finite number, exact; numbers come as texts, and a float would not be exact."""
    value = row.get(name)
    try:
        found = Decimal(value) if isinstance(value, str | int) else Decimal("NaN")
    except InvalidOperation:
        found = Decimal("NaN")
    if isinstance(value, bool) or not found.is_finite():
        raise _odd(row, name, "a number")
    if least is not None and found < least:
        raise _odd(row, name, f"at least {least}")
    if above is not None and found <= above:
        raise _odd(row, name, f"more than {above}")
    return found


def optional(row: Row, name: str) -> Decimal | None:
    """A positive number, or None where the venue says that there is none."""
    if row.get(name) == "":
        return None
    return number(row, name, least=Decimal(0)) or None


def whole(row: Row, name: str) -> int:
    """A whole number, as text or not."""
    found = number(row, name)
    if found != int(found):
        raise _odd(row, name, "a whole number")
    return int(found)


def moment(row: Row, name: str) -> Ms:
    """A point in time."""
    found = whole(row, name)
    if found <= 0:
        raise _odd(row, name, "a time")
    return found


def _word(row: Row, name: str, words: Mapping[str, W]) -> W:
    value = row.get(name)
    if not isinstance(value, str) or value not in words:
        raise _odd(row, name, " or ".join(words))
    return words[value]


def _flag(row: Row, name: str) -> bool:
    value = row.get(name)
    if not isinstance(value, bool):
        raise _odd(row, name, "true or false")
    return value


def _maybe_text(row: Row, name: str) -> str:
    value = row.get(name, "")
    if not isinstance(value, str):
        raise _odd(row, name, "a text")
    return value


def _odd(row: Row, name: str, expected: str) -> Transient:
    """An error that names row and field; what was found is cut short."""
    keys = ("symbol", "execId", "orderLinkId", "orderId", "coin", "id")
    which = next((f"{k} {str(row[k])[:40]}" for k in keys if row.get(k)), "a row")
    return Transient(f"{which}: {name}: expected {expected}, found {str(row.get(name))[:40]!r}")
