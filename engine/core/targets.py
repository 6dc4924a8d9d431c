"""The ladder of an open position: its resting orders, and the rungs a person takes early.

It exists so that each unit is sold once: a rung taken early ends its resting order before anything
else is sent, and what a person sold is given up by the farthest rungs. It must never send an order
that is not reduce-only, and never two for one rung.
"""

from collections.abc import Iterable
from decimal import Decimal

from engine.core import guard
from engine.core import wish_facts as w
from engine.core.exits import breakeven
from engine.core.exposure import mark_of
from engine.core.orders import Progress
from engine.core.positions import Position, Rung
from engine.core.turn import Turn
from engine.core.values import Instrument, Ms, Order, OrderKind, PositionState, Purpose, exact

PATIENCE_MS: Ms = 60_000  # longest wait between two tries of a resting target
TAKEN = "taken early"  # why the resting order of a rung ends
HELD = (PositionState.EXPOSED, PositionState.PROTECTED)  # with quantity, and not leaving

Answer = tuple[bool, str]


def work(turn: Turn, position: Position) -> None:
    """Each rung with something to sell has one order: a resting limit, or a market when taken."""
    if position.entry is None or position.qty <= 0 or position.state not in HELD:
        return
    instrument = turn.market.instrument(position.symbol)
    if instrument is not None:
        _cut(turn, position, instrument)
    for rung in position.rungs:
        _end(turn, rung)
    resting, taken = _tries(turn, position, OrderKind.LIMIT), _tries(turn, position)
    may_rest = _is_due(turn, resting, PATIENCE_MS)
    may_take = _is_due(turn, taken, guard.PATIENCE_MS)
    for rung in position.rungs:
        if rung.order_id is None and not rung.is_done and (may_take if rung.is_taken else may_rest):
            guard.place(turn, _target_order(turn, position, rung))


def take(turn: Turn, position_id: int, rank: int, by: str) -> Answer:
    """Decide that a rung is taken early; the rest follows from that."""
    position = turn.ledger.state.positions.get(position_id)
    if position is None or position.entry is None:
        return False, f"#{position_id} is not open"
    if position.exit_rule is not None:
        return False, f"#{position.id} is being closed already"
    problem = _problem(turn, position, rank) or _price_problem(turn, position)
    if problem:
        return False, problem
    turn.tell(w.TargetTaken(position.id, rank, by))
    left = position.rungs[rank - 1].left_qty
    return True, f"taking TP{rank} of #{position.id} {position.symbol}: {left} at market"


def _problem(turn: Turn, position: Position, rank: int) -> str:
    """Why this rung cannot be taken now."""
    instrument = turn.market.instrument(position.symbol)
    least = Decimal(0) if instrument is None else instrument.qty_min
    if not 1 <= rank <= len(position.rungs):
        return f"#{position.id} has no TP{rank}"
    rung = position.rungs[rank - 1]
    if rung.is_done:
        return f"TP{rank} of #{position.id} has nothing left to sell"
    if rung.is_taken:
        return f"TP{rank} of #{position.id} is being taken already"
    if guard.is_exiting(turn, position):
        return f"an exit of #{position.id} is under way: ask again when it has ended"
    if rung.left_qty < least:
        return f"{rung.left_qty} is below the exchange's least {least}"
    return ""


def _price_problem(turn: Turn, position: Position) -> str:
    """A target is a gain: below breakeven the stop that follows from it would sell the rest too."""
    instrument, mark = turn.market.instrument(position.symbol), mark_of(turn.market, position)
    if instrument is None:
        return f"the trading rules of {position.symbol} are not loaded yet"
    if mark is None:
        return f"the price of {position.symbol} is not known yet"
    at = breakeven(position.side, position.avg, instrument, position.exits)
    if position.side.sign * (exact(mark) - at) <= 0:
        return f"the price {exact(mark)} has not passed breakeven {at}: close a part instead"
    return ""


def is_taking(position: Position) -> bool:
    """Whether a rung that is taken early still has something to sell."""
    return any(rung.is_taken and not rung.is_done for rung in position.rungs)


def _cut(turn: Turn, position: Position, instrument: Instrument) -> None:
    """The ladder never sells more than is held: the farthest rungs give up what is gone.

    Not while an exit is under way: only its end tells what is left.
    """
    ranks = range(len(position.rungs), 0, -1)
    for rank in ranks:
        rung = position.rungs[rank - 1]
        is_crumb = rung.order_id is None and rung.left_qty < instrument.qty_min
        if rung.is_taken and is_crumb and not rung.is_done:
            turn.tell(w.TargetCut(position.id, rank, rung.left_qty))
    if guard.is_exiting(turn, position):
        return
    for rank in ranks:
        rung, excess = position.rungs[rank - 1], _excess(position)
        if excess > 0 and not rung.is_done:
            left = max(Decimal(0), rung.left_qty - excess)
            kept = left if _can_stand(rung, left, instrument) else Decimal(0)
            turn.tell(w.TargetCut(position.id, rank, rung.left_qty - kept))


def _excess(position: Position) -> Decimal:
    """How much more the ladder would sell than is held."""
    planned = sum((r.left_qty for r in position.rungs if not r.is_done), Decimal(0))
    return planned - position.qty


def _can_stand(rung: Rung, qty: Decimal, instrument: Instrument) -> bool:
    """Whether the exchange would take this much at the rung's price."""
    is_worth = instrument.notional(rung.target.price, qty) >= instrument.notional_min
    return qty >= instrument.qty_min and is_worth


def _end(turn: Turn, rung: Rung) -> None:
    """Cancel the resting order of a rung that is taken, or has less to sell than it offers.

    It may be filled meanwhile: what follows waits until the exchange said how it ended.
    """
    progress = turn.ledger.state.orders.get(rung.order_id or "")
    if progress is None or progress.order.kind is not OrderKind.LIMIT:
        return
    if rung.is_taken:
        guard.cancel(turn, progress, TAKEN)
    elif progress.left_qty > rung.left_qty:
        guard.cancel(turn, progress, "more than its rung has left")


def _tries(turn: Turn, position: Position, kind: OrderKind = OrderKind.MARKET) -> list[Progress]:
    orders = turn.ledger.orders_of(position.id)
    return [o for o in orders if o.order.purpose is Purpose.TARGET and o.order.kind is kind]


def _is_due(turn: Turn, tries: Iterable[Progress], most_ms: Ms) -> bool:
    """Whether enough time passed since the newest of these tries."""
    tried = max((o.placed_ms for o in tries), default=0)
    return not tried or turn.at_ms - tried >= guard.patience(tries, most_ms)


def _target_order(turn: Turn, position: Position, rung: Rung) -> Order:
    return Order(
        id=guard.new_order_id(turn, Purpose.TARGET),
        position_id=position.id,
        symbol=position.symbol,
        purpose=Purpose.TARGET,
        side=position.side.exit,
        kind=OrderKind.MARKET if rung.is_taken else OrderKind.LIMIT,
        qty=min(rung.left_qty, position.qty),
        reduce_only=True,
        reason=rung.target.name,
        price=None if rung.is_taken else rung.target.price,
    )
