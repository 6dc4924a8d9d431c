"""A position's life: its transition table, its stop, and its result in money and in R.

It exists so that what we hold changes only through fills and what protects it only through the
exchange's answers. Entry, initial risk and targets are fixed once and must never
be recomputed from a moved stop.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from engine.core.values import (
    Fill,
    Ms,
    PositionState,
    Purpose,
    Setup,
    Side,
    StopKind,
    Target,
    exact,
)


class PositionInput(StrEnum):
    """What can happen to a position."""

    GREW = "GREW"
    NEVER_FILLED = "NEVER_FILLED"
    STOP_SHOWN = "STOP_SHOWN"
    STOP_LOST = "STOP_LOST"
    EXIT_ASKED = "EXIT_ASKED"
    FLAT = "FLAT"


_S, _I = PositionState, PositionInput

TABLE: dict[tuple[PositionState, PositionInput], PositionState] = {
    (_S.ENTERING, _I.GREW): _S.EXPOSED,
    (_S.ENTERING, _I.NEVER_FILLED): _S.CLOSED,
    (_S.EXPOSED, _I.GREW): _S.EXPOSED,
    (_S.EXPOSED, _I.STOP_SHOWN): _S.PROTECTED,
    (_S.EXPOSED, _I.EXIT_ASKED): _S.EXITING,
    (_S.EXPOSED, _I.FLAT): _S.CLOSED,
    (_S.PROTECTED, _I.GREW): _S.EXPOSED,  # until the stop is seen to cover the whole again
    (_S.PROTECTED, _I.STOP_LOST): _S.EXPOSED,
    (_S.PROTECTED, _I.EXIT_ASKED): _S.EXITING,
    (_S.PROTECTED, _I.FLAT): _S.CLOSED,
    (_S.EXITING, _I.FLAT): _S.CLOSED,
}

IGNORED: dict[tuple[PositionState, PositionInput], str] = {
    (_S.ENTERING, _I.STOP_SHOWN): "attached to the order, nothing to protect yet",
    (_S.ENTERING, _I.STOP_LOST): "nothing to protect yet",
    (_S.ENTERING, _I.EXIT_ASKED): "the entry is canceled instead; what fills is exited then",
    (_S.ENTERING, _I.FLAT): "nothing held yet",
    (_S.EXPOSED, _I.STOP_LOST): "already exposed",
    (_S.PROTECTED, _I.STOP_SHOWN): "moved or shown again",
    (_S.EXITING, _I.GREW): "a late entry fill: the exit covers it",
    (_S.EXITING, _I.STOP_SHOWN): "the exit goes on",
    (_S.EXITING, _I.STOP_LOST): "the exit goes on",
    (_S.EXITING, _I.EXIT_ASKED): "one closing intent per position",
    **{
        (state, _I.NEVER_FILLED): "it holds quantity"
        for state in (_S.EXPOSED, _S.PROTECTED, _S.EXITING)
    },
    **{(_S.CLOSED, given): "late: the position is closed" for given in _I},
}


class Rung(msgspec.Struct):
    """A target of an open position and the order that works for it."""

    target: Target
    order_id: str | None = None
    is_filled: bool = False


class Position(msgspec.Struct):
    """Net quantity in one symbol from entry to flat: mutable, owned by the ledger alone."""

    id: int
    symbol: str
    side: Side
    setup: Setup
    signal_id: str
    level_price: float
    state: PositionState = PositionState.ENTERING
    entry_order_id: str = ""
    entry_qty: Decimal = Decimal(0)
    entry_value: Decimal = Decimal(0)
    exit_qty: Decimal = Decimal(0)
    exit_value: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    stop: Decimal | None = None  # as the exchange showed it last
    stop_kind: StopKind = StopKind.INITIAL
    asked_stop: Decimal = Decimal(0)
    asked_kind: StopKind = StopKind.INITIAL
    asked_ms: Ms = 0
    exposed_ms: Ms | None = None  # since when it holds quantity without a shown stop
    # fixed when the entry order ended
    entry: Decimal | None = None
    qty0: Decimal = Decimal(0)
    dist0: Decimal = Decimal(0)
    risk0_usd: Decimal = Decimal(0)
    rungs: list[Rung] = msgspec.field(default_factory=list)
    # progress
    opened_ms: Ms = 0
    bars_held: int = 0
    last_bar_ms: Ms = 0
    best: float | None = None
    worst: float | None = None
    exit_rule: str | None = None
    last_exit_ms: Ms = 0
    last_rule: str = ""  # of the newest exit fill

    @property
    def qty(self) -> Decimal:
        """What is held now, unsigned."""
        return self.entry_qty - self.exit_qty

    @property
    def avg(self) -> Decimal:
        """Average entry price; only asked for when something was filled."""
        return self.entry_value / self.entry_qty

    @property
    def gross(self) -> Decimal:
        """Realized by exits, before fees; exact (no division) once flat."""
        sold = self.entry_value if self.qty == 0 else self.avg * self.exit_qty
        return self.side.sign * (self.exit_value - sold)

    @property
    def targets_filled(self) -> int:
        """How many rungs are done."""
        return sum(rung.is_filled for rung in self.rungs)

    def feed(self, given: PositionInput) -> None:
        """Advance the state; an ignored input changes nothing."""
        self.state = TABLE.get((self.state, given), self.state)

    def book(self, fill: Fill, at_ms: Ms) -> None:
        """Add one execution to quantity, money and extremes."""
        self.fees += fill.fee
        self.see_price(float(fill.price))
        if fill.purpose is Purpose.ENTRY:
            self._grow(fill, at_ms)
            return
        self.exit_qty += fill.qty
        self.exit_value += fill.price * fill.qty
        self.last_rule = self._rule_of(fill)
        if self.qty <= 0:
            self.exposed_ms = None

    def _grow(self, fill: Fill, at_ms: Ms) -> None:
        self.opened_ms = self.opened_ms or at_ms
        self.entry_qty += fill.qty
        self.entry_value += fill.price * fill.qty
        self.feed(PositionInput.GREW)
        if self.state is PositionState.EXPOSED and self.exposed_ms is None:
            self.exposed_ms = at_ms

    def _rule_of(self, fill: Fill) -> str:
        if fill.purpose is Purpose.STOP:
            return self.stop_kind.value
        if fill.purpose is Purpose.TARGET:
            number = next(
                (i for i, rung in enumerate(self.rungs, 1) if rung.order_id == fill.order_id), 1
            )
            return f"target_{number}"
        return self.exit_rule or "operator"

    def see_price(self, price: float) -> None:
        """Widen the extremes seen while the position lived, in favor and against."""
        d = self.side.sign
        if self.best is None or d * price > d * self.best:
            self.best = price
        if self.worst is None or d * price < d * self.worst:
            self.worst = price

    def show_stop(self, price: Decimal, kind: StopKind) -> None:
        """The exchange shows this stop; a tighter one than we asked for is wanted from now on."""
        self.stop, self.stop_kind = price, kind
        if self.side.sign * (price - self.asked_stop) > 0:
            self.asked_stop, self.asked_kind = price, kind
        self.exposed_ms = None
        self.feed(PositionInput.STOP_SHOWN)

    def lose_stop(self, at_ms: Ms) -> None:
        """The exchange shows the position without a stop."""
        self.stop = None
        if self.exposed_ms is None:
            self.exposed_ms = at_ms
        self.feed(PositionInput.STOP_LOST)

    def fix(
        self, entry: Decimal, risk: tuple[Decimal, Decimal], targets: tuple[Target, ...]
    ) -> None:
        """Fix entry, `risk` = (dist0, risk0_usd) and targets for good."""
        self.entry, self.qty0 = entry, self.entry_qty
        self.dist0, self.risk0_usd = risk
        self.rungs = [Rung(target) for target in targets]

    def move_r(self, price: float) -> float | None:
        """A price move in units of the initial stop distance; None before it is fixed."""
        if self.entry is None or self.dist0 == 0:
            return None
        return self.side.sign * (price - float(self.entry)) / float(self.dist0)

    def unrealized(self, mark: float) -> Decimal:
        """Open result at a mark, before the fees of leaving."""
        return self.side.sign * (exact(mark) - self.avg) * self.qty if self.qty else Decimal(0)
