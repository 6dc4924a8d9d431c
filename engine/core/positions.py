"""A position's life: its transition table, its stop, and its result in money and in R.

It exists so that what we hold changes only through fills and what protects it only through the
exchange's answers. Entry, initial risk and targets are fixed once and must never
be recomputed from a moved stop.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from engine.core.terms import UNRECORDED, ExitPlan
from engine.core.values import (
    Fill,
    Ms,
    Order,
    PositionState,
    Purpose,
    Setup,
    Side,
    StopKind,
    Target,
    exact,
    settled,
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
    (_S.EXITING, _I.STOP_LOST): "the exit goes on, and the stop is asked for again",
    (_S.EXITING, _I.EXIT_ASKED): "one closing intent per position",
    **{
        (state, _I.NEVER_FILLED): "it holds quantity"
        for state in (_S.EXPOSED, _S.PROTECTED, _S.EXITING)
    },
    **{(_S.CLOSED, given): "late: the position is closed" for given in _I},
}


class Rung(msgspec.Struct):
    """A target of an open position, the order that works for it, and how far it got."""

    target: Target
    order_id: str | None = None
    filled_qty: Decimal = Decimal(0)
    cut_qty: Decimal = Decimal(0)  # what it gave up: it was sold otherwise, or is too little
    is_taken: bool = False  # a person takes it early: the rest of it goes at market

    @property
    def left_qty(self) -> Decimal:
        """What it still has to sell."""
        return self.target.qty - self.filled_qty - self.cut_qty

    @property
    def is_done(self) -> bool:
        """Whether it has nothing left to sell."""
        return self.left_qty <= 0

    @property
    def is_filled(self) -> bool:
        """Whether it sold what it had to; one that gave up everything did not."""
        return self.is_done and self.filled_qty > 0


class Position(msgspec.Struct):
    """Net quantity in one symbol from entry to flat: mutable, owned by the ledger alone."""

    id: int
    symbol: str
    side: Side
    setup: Setup
    signal_id: str
    level_price: float
    # as the signal said; fixed
    atr0: float | None = None
    vol0: float | None = None
    obstacles: tuple[float, ...] = ()
    exits: ExitPlan = UNRECORDED
    frame_s: int = 0  # 0 = it was not recorded yet
    # quantity and money
    state: PositionState = PositionState.ENTERING
    entry_order_id: str = ""
    entry_qty: Decimal = Decimal(0)
    entry_value: Decimal = Decimal(0)
    exit_qty: Decimal = Decimal(0)
    exit_value: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)  # of what is held now
    fees: Decimal = Decimal(0)
    funding: Decimal = Decimal(0)
    funded_ms: Ms = 0  # exchange time from which on funding is owed
    held_ms: Ms = 0  # exchange time of the first fill of what is held: no older one reduced it
    # protection
    stop: Decimal | None = None  # as the exchange showed it last
    stop_kind: StopKind = StopKind.INITIAL
    asked_stop: Decimal = Decimal(0)
    asked_kind: StopKind = StopKind.INITIAL
    asked_ms: Ms = 0
    exposed_ms: Ms | None = None  # since when it holds quantity without a shown stop
    seen_ms: Ms = 0  # exchange time of the newest thing known: an older view is no news
    changed_ms: Ms = 0  # when its quantity or stop last changed, or was about to grow
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
    best: float | None = None  # over the closed bars held
    worst: float | None = None
    best_fill: float | None = None
    worst_fill: float | None = None
    atr: float | None = None  # at the newest of them
    has_addon: bool = False
    exit_rule: str | None = None
    last_exit_ms: Ms = 0
    last_rule: str = ""  # of the newest exit fill

    @property
    def qty(self) -> Decimal:
        """What is held now, unsigned."""
        return self.entry_qty - self.exit_qty

    @property
    def avg(self) -> Decimal:
        """Average price of what is held, or was; only asked for when something was filled."""
        return self.cost / self.qty if self.qty else self.entry_value / self.entry_qty

    @property
    def gross(self) -> Decimal:
        """Realized by exits, before fees and funding; no division is left in it once flat."""
        return self.side.sign * (self.exit_value - (self.entry_value - self.cost))

    @property
    def realized(self) -> Decimal:
        """What it added to the balance so far."""
        return self.gross - self.fees - self.funding

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
        self.seen_ms = max(self.seen_ms, fill.exchange_ms)
        d, price = self.side.sign, float(fill.price)
        self.best_fill = _better(d, self.best_fill, price)
        self.worst_fill = _better(-d, self.worst_fill, price)
        if fill.purpose.is_growing:
            self._grow(fill, at_ms)
        else:
            self._shrink(fill, at_ms)

    def _grow(self, fill: Fill, at_ms: Ms) -> None:
        if self.entry_qty and not self.qty:
            self.exit_rule = self.exit_rule or "stray"  # it was over: what came late must go
        if not self.qty:
            self.funded_ms = self.held_ms = fill.exchange_ms
        self.held_ms = min(self.held_ms, fill.exchange_ms)
        self.opened_ms = self.opened_ms or at_ms
        self.entry_qty += fill.qty
        self.entry_value += fill.price * fill.qty
        self.cost += fill.price * fill.qty
        self.feed(PositionInput.GREW)
        if self.state is PositionState.EXPOSED and self.exposed_ms is None:
            self.exposed_ms = at_ms

    def _shrink(self, fill: Fill, at_ms: Ms) -> None:
        share = self.cost if fill.qty == self.qty else settled(self.cost * fill.qty / self.qty)
        self.cost -= share
        self.exit_qty += fill.qty
        self.exit_value += fill.price * fill.qty
        self.last_rule = self._rule_of(fill)
        if self.qty <= 0:
            self.exposed_ms = None
        elif fill.purpose is Purpose.STOP:
            self.lose_stop(at_ms)  # it was spent on a part: the rest stands without one

    def _rule_of(self, fill: Fill) -> str:
        if fill.cause:
            return fill.cause
        if fill.purpose is Purpose.STOP:
            return self.stop_kind.value
        if fill.purpose is Purpose.TARGET:
            number = next(
                (i for i, rung in enumerate(self.rungs, 1) if rung.order_id == fill.order_id), 1
            )
            return f"target_{number}"
        return self.exit_rule or "operator"

    def credit(self, order: Order, qty: Decimal) -> None:
        """A target order sold this much of its rung, even after another took its place."""
        for rung in self.rungs:
            is_its = rung.order_id == order.id or rung.target.price == order.price
            is_its = is_its or rung.target.name == order.reason
            if order.purpose is Purpose.TARGET and is_its:
                rung.filled_qty += qty
                return

    def hold(self, best: float, worst: float, atr: float | None) -> None:
        """One more closed bar with its extremes, in favor and against."""
        d = self.side.sign
        self.bars_held += 1
        self.best, self.worst = _better(d, self.best, best), _better(-d, self.worst, worst)
        self.atr = atr if atr is not None else self.atr

    @property
    def extremes(self) -> tuple[float | None, float | None]:
        """The best and the worst price of closed bars and fills."""
        d = self.side.sign
        best = _best(d, self.best, self.best_fill)
        return best, _best(-d, self.worst, self.worst_fill)

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
        return self.side.sign * (exact(mark) * self.qty - self.cost)


def _better(sign: int, known: float | None, price: float) -> float:
    """The larger of the two in the direction of `sign`."""
    return price if known is None or sign * price > sign * known else known


def _best(sign: int, one: float | None, other: float | None) -> float | None:
    return one if other is None else _better(sign, one, other)
