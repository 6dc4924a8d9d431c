"""The exchange's answers about orders, fills and stops, turned into facts.

It exists so that late, doubled and early answers all end here and nowhere else. An answer must
never be believed twice, and one that names nothing of ours must never be booked silently.
"""

from decimal import Decimal

from engine.core import events as e
from engine.core import facts as f
from engine.core import guard
from engine.core.exposure import mark_of
from engine.core.intents import FetchAccount
from engine.core.orders import Progress
from engine.core.positions import Position
from engine.core.turn import Turn
from engine.core.values import (
    Fill,
    Funding,
    OrderState,
    PositionState,
    StopKind,
    exact,
)


def accepted(turn: Turn, event: e.OrderAccepted) -> None:
    """The exchange took the order."""
    progress = turn.ledger.state.orders.get(event.order_id)
    if progress is not None and progress.state in (OrderState.PLACED, OrderState.UNKNOWN):
        turn.tell(f.OrderAcked(event.order_id, event.venue_id))


def refused(turn: Turn, event: e.OrderRefused) -> None:
    """The exchange will not take it; a person hears of exits and targets that were refused."""
    progress = _live(turn, event.order_id)
    if progress is None:
        return
    detail = f"{event.refusal}: {event.detail}" if event.detail else str(event.refusal)
    turn.tell(f.OrderEnded(event.order_id, OrderState.REFUSED, detail))
    order = progress.order
    words = f"{order.purpose} {order.id} refused, {detail}"
    cause = f"{order.position_id} {order.purpose} {event.refusal}"
    turn.alarm(f.Incident("order_refused", words, order.symbol, cause))
    turn.ask(FetchAccount())


def doubted(turn: Turn, event: e.OrderUnknown) -> None:
    """Nobody knows: look it up."""
    progress = _live(turn, event.order_id)
    if progress is None:
        return
    if progress.state is not OrderState.UNKNOWN:
        turn.tell(f.OrderDoubted(event.order_id, event.detail))
    guard.look_up(turn, progress)


def gone(turn: Turn, event: e.OrderGone) -> None:
    """The order is final; what it is said to have executed must be here before that is believed."""
    progress = _live(turn, event.order_id)
    if progress is None:
        return
    is_whole = event.state is OrderState.FILLED and event.filled_qty is None
    executed = progress.order.qty if is_whole else event.filled_qty
    is_owned = progress.order.position_id in turn.ledger.state.positions  # else nobody can book it
    if is_owned and executed is not None and executed > progress.filled_qty:
        if progress.state not in (OrderState.UNKNOWN, OrderState.CANCELING):
            turn.tell(f.OrderDoubted(event.order_id, "ended, and its executions are not here yet"))
        turn.ask(FetchAccount())
        return
    turn.tell(f.OrderEnded(event.order_id, event.state, event.detail))


def missing(turn: Turn, event: e.OrderMissing) -> None:
    """Nobody has heard of the order: no proof that nobody ever will."""
    progress = _live(turn, event.order_id)
    if progress is not None:
        guard.miss(turn, progress)


def filled(turn: Turn, event: e.FillSeen) -> None:
    """Book one execution, once; one that overtook the fills before it comes with the account."""
    fill = event.fill
    if not turn.ledger.knows_fill(fill.id) and not book(turn, fill):
        turn.ask(FetchAccount())


def book(turn: Turn, fill: Fill) -> bool:
    """Book a fill that is new and ours; False when it was known already, or is too early.

    What leaves must have come before: an exit of more than is held waits for the missing fill.
    """
    if turn.ledger.knows_fill(fill.id):
        return False
    position = _owner(turn, fill) or _adopted(turn, fill)
    if position is None:
        _tell_foreign(turn, fill)
        return False
    if not fill.purpose.is_growing and fill.qty > position.qty:
        return False
    turn.tell(f.OrderFilled(position.id, fill))
    if fill.cause:
        words = f"#{position.id}: {fill.qty} closed by the exchange or by hand: {fill.cause}"
        turn.alarm(f.Incident("outside_fill", words, fill.symbol, fill.id))
    progress = turn.ledger.state.orders.get(fill.order_id)
    if progress is not None and progress.is_live and progress.left_qty <= 0:
        turn.tell(f.OrderEnded(fill.order_id, OrderState.FILLED, ""))
    return True


def _tell_foreign(turn: Turn, fill: Fill) -> None:
    """Somebody else trades here: told once a symbol, and never of what was before our time."""
    words = f"fill {fill.id} of {fill.qty} {fill.symbol} belongs to no order of ours"
    incident = f.Incident("foreign_fill", words, fill.symbol, "not ours")
    is_told = incident.key in turn.ledger.state.alarms
    is_ours_to_tell = not is_told and fill.symbol not in turn.ledger.state.ignored
    if is_ours_to_tell and fill.exchange_ms >= turn.ledger.state.began_ms:
        turn.alarm(incident)


def funded(turn: Turn, funding: Funding) -> bool:
    """Book a funding settlement, once; of a position closed meanwhile it is money all the same."""
    if turn.ledger.knows_fill(funding.id):
        return False
    position = turn.ledger.position_in(funding.symbol)
    is_its = position is not None and funding.exchange_ms >= position.funded_ms > 0
    turn.tell(f.FundingPaid(position.id if position is not None and is_its else None, funding))
    return True


def transferred(turn: Turn, event: e.TransferSeen) -> None:
    """Money came or went by somebody's hand, once."""
    if not turn.ledger.knows_fill(event.id):
        turn.tell(f.Transferred(event.id, event.amount))


def stop_set(turn: Turn, event: e.StopSet) -> None:
    """The exchange shows a stop; an older, looser one that arrives late changes nothing."""
    position = turn.ledger.state.positions.get(event.position_id)
    if position is None:
        return
    if event.exchange_ms and event.exchange_ms < position.seen_ms:
        turn.ask(FetchAccount())  # something newer is known: only a look can tell
        return
    is_news = position.stop != event.price or position.state is PositionState.EXPOSED
    if not is_news or _is_looser(position, event):
        return
    turn.tell(
        f.StopMoved(position.id, event.price, kind_of(position, event.price), event.exchange_ms)
    )


def kind_of(position: Position, price: Decimal) -> StopKind:
    """The rule behind a stop the exchange shows; one we never asked for was put there by hand."""
    if price == position.asked_stop:
        return position.asked_kind
    return position.stop_kind if price == position.stop else StopKind.MANUAL


def stop_unknown(turn: Turn) -> None:
    """Only the account knows whether the stop stands; the guard asks again in any case."""
    turn.ask(FetchAccount())


def stop_refused(turn: Turn, event: e.StopRefused) -> None:
    """A stop the price has passed already cannot rest: exit.

    Otherwise the wish stands, a person is told, and the guard asks again.
    """
    position = turn.ledger.state.positions.get(event.position_id)
    if position is None or position.state is PositionState.EXITING:
        return
    mark = mark_of(turn.market, position)
    if mark is not None and position.side.sign * (exact(mark) - event.price) <= 0:
        guard.ask_exit(turn, position, position.asked_kind.value)
        return
    words = f"stop {event.price} of #{position.id} refused: {event.detail}"
    turn.alarm(f.Incident("stop_refused", words, position.symbol, f"{position.id} {event.price}"))


def _live(turn: Turn, order_id: str) -> Progress | None:
    progress = turn.ledger.state.orders.get(order_id)
    return progress if progress is not None and progress.is_live else None


def _owner(turn: Turn, fill: Fill) -> Position | None:
    """Whose fill it is; one that reduces what we hold is ours, whoever ordered it."""
    progress = turn.ledger.state.orders.get(fill.order_id)
    if progress is not None:
        return turn.ledger.state.positions.get(progress.order.position_id)
    held = turn.ledger.position_in(fill.symbol)
    return held if held is not None and _may_reduce(fill, held) else None


def _may_reduce(fill: Fill, held: Position) -> bool:
    """Whether it could have closed a part of this; what was before it closed something else."""
    is_closing = not fill.purpose.is_growing and fill.side is held.side.exit
    return is_closing and fill.exchange_ms >= held.held_ms


def _adopted(turn: Turn, fill: Fill) -> Position | None:
    """An order given up that was filled after all: its position begins, and shall end at once."""
    stray = turn.ledger.state.strays.get(fill.order_id)
    if stray is None or turn.ledger.position_in(fill.symbol) is not None:
        return None
    position_id = turn.ledger.state.next_position_id
    turn.tell(f.OrderAdopted(fill.order_id, position_id))
    return turn.ledger.state.positions[position_id]


def _is_looser(position: Position, event: e.StopSet) -> bool:
    if position.stop is None:
        return False
    return position.side.sign * (event.price - position.stop) < 0
