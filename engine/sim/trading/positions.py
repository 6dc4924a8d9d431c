"""One position of the account: size, cost and what it has realized, exactly.

It exists so that a fill is booked in one place: it grows, reduces, or flips. It must never decide
whether something fills, and never lose a fraction of the cost.
"""

from decimal import Decimal

import msgspec

from engine.core.values import Ms, settled
from engine.sim.trading.records import BUY, SELL, ZERO, Closed, Life


class Position(msgspec.Struct):
    """Net quantity in one symbol and index; `cost` and `size` are unsigned, `sign` says the side.

    It stays when flat: leverage, sums and numbers go on.
    """

    symbol: str
    idx: int
    sign: int = 0
    size: Decimal = ZERO
    cost: Decimal = ZERO
    fees: Decimal = ZERO  # paid on the entries still in it
    realized: Decimal = ZERO  # of this life, fees and funding taken off
    realized_ever: Decimal = ZERO
    status: str = "Normal"
    seq: int = 0
    created_ms: Ms = 0
    updated_ms: Ms = 0
    opened_ms: Ms = 0
    life: Life | None = None
    stop: Decimal | None = None  # price of its whole-size stop
    profit: Decimal | None = None
    trail: Decimal | None = None
    mode: str = "Full"

    @property
    def side(self) -> str:
        """Buy, Sell, or empty when flat."""
        return {1: BUY, -1: SELL, 0: ""}[self.sign]

    @property
    def exit_side(self) -> str:
        """The side of an order that reduces it."""
        return SELL if self.sign > 0 else BUY

    @property
    def average(self) -> Decimal:
        """Average entry price; zero when flat."""
        return self.cost / self.size if self.size else ZERO

    def result_at(self, price: Decimal) -> Decimal:
        """What closing all of it there would realize before fees."""
        return self.sign * (self.size * price - self.cost)

    def book(self, sign: int, qty: Decimal, price: Decimal, fee: Decimal) -> Closed:
        """Let a fill change it; what exceeds the other side opens the new one."""
        if self.sign in (0, sign):
            self._open(sign, qty, price, fee)
            return Closed()
        size = min(qty, self.size)
        exit_fee = settled(fee * size / qty)
        closed = self._close(size, price, exit_fee)
        if closed.is_over:
            self.sign = 0
        if qty > size:
            self._open(sign, qty - size, price, fee - exit_fee)
        return closed

    def pay(self, amount: Decimal) -> None:
        """Money that left by it (funding), or came if negative."""
        self.realized -= amount
        self.realized_ever -= amount

    def _open(self, sign: int, qty: Decimal, price: Decimal, fee: Decimal) -> None:
        if not self.size:
            self.realized = ZERO
        self.sign = sign
        self.size += qty
        self.cost += qty * price
        self.fees += fee
        self.pay(fee)

    def _close(self, size: Decimal, price: Decimal, fee: Decimal) -> Closed:
        is_over = size == self.size
        cost = self.cost if is_over else settled(self.cost * size / self.size)
        entry_fee = self.fees if is_over else settled(self.fees * size / self.size)
        gross = self.sign * (size * price - cost)
        self.size -= size
        self.cost -= cost
        self.fees -= entry_fee
        self.pay(fee - gross)
        return Closed(size, cost, entry_fee, fee, gross, is_over)
