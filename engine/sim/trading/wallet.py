"""The money of the account: cash, and every entry that changed it.

It exists so that balance = start + realized - fees - funding + transfers holds to the last digit.
It must never know a position or a price.
"""

from decimal import Decimal

import msgspec

from engine.core.values import Ms
from engine.sim.trading.records import ZERO, Execution


class Entry(msgspec.Struct, frozen=True):
    """A change of cash; `execution` is what it comes from, None for a transfer."""

    number: int
    kind: str  # TRADE, SETTLEMENT, LIQUIDATION, ADL, TRANSFER_IN, TRANSFER_OUT
    change: Decimal
    balance: Decimal  # after it
    at_ms: Ms
    execution: Execution | None = None
    size: Decimal = ZERO  # signed position after it


_KINDS = {"Funding": "SETTLEMENT", "BustTrade": "LIQUIDATION", "AdlTrade": "ADL"}


class Wallet:
    """Sums in the settlement coin since the account was opened."""

    def __init__(self, balance: Decimal) -> None:
        self.start = balance
        self.realized = self.fees = self.funding = self.transfers = ZERO
        self.entries: list[Entry] = []

    @property
    def balance(self) -> Decimal:
        """Cash, without what open positions are worth."""
        return self.start + self.realized - self.fees - self.funding + self.transfers

    def book(self, execution: Execution, size: Decimal) -> None:
        """Take or give what an execution is worth; `size` is the signed position after it."""
        self.realized += execution.closed.gross
        if execution.kind == "Funding":
            self.funding += execution.fee
        else:
            self.fees += execution.fee
        change = execution.closed.gross - execution.fee
        kind = _KINDS.get(execution.kind, "TRADE")
        self._enter(kind, change, execution.at_ms, execution, size)

    def transfer(self, amount: Decimal, at_ms: Ms) -> None:
        """Money comes in (positive) or leaves."""
        self.transfers += amount
        self._enter("TRANSFER_IN" if amount > 0 else "TRANSFER_OUT", amount, at_ms)

    def _enter(
        self,
        kind: str,
        change: Decimal,
        at_ms: Ms,
        execution: Execution | None = None,
        size: Decimal = ZERO,
    ) -> None:
        number = len(self.entries) + 1
        self.entries.append(
            Entry(number, kind, change, self.balance, at_ms, execution, size),
        )
