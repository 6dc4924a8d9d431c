"""Making the ledger agree with what the exchange shows, by facts.

It exists because every stream and every answer can be lost: one complete read of the account
settles it. A difference we cannot explain is never repaired silently: entries stop and a person is
told. What the account does not show is never taken for proof while something of ours is in flight.
"""

from engine.core import answers, gates, guard
from engine.core import facts as f
from engine.core.events import AccountPosition, AccountSeen
from engine.core.intents import CancelOrder
from engine.core.positions import Position
from engine.core.turn import Turn
from engine.core.values import GateName, OrderState, PositionState, Purpose


def reconcile(turn: Turn, seen: AccountSeen) -> None:
    """Book missed fills, compare positions, stops and orders, then open or close the gate."""
    fills = sorted(seen.fills, key=lambda x: (x.exchange_ms, x.purpose is not Purpose.ENTRY))
    corrections = [f"fill {fill.id}" for fill in fills if answers.book(turn, fill)]
    shown = {p.symbol: p for p in seen.positions}
    differences = _foreign(turn, shown)
    for position in turn.ledger.positions:
        corrections += _compare_stop(turn, position, shown.get(position.symbol))
        differences += _compare_quantity(turn, position, shown.get(position.symbol))
    _look_for_orders(turn, seen)
    if differences:
        _alarm(turn, differences)
    elif corrections or turn.is_closed(GateName.UNRECONCILED):
        turn.tell(f.Reconciled(tuple(corrections)))
        gates.reopen(turn, GateName.UNRECONCILED, "ledger and exchange agree")


def _alarm(turn: Turn, differences: list[str]) -> None:
    """Say it once; the next read that agrees opens the gate again."""
    words = "; ".join(differences)
    gate = turn.ledger.state.gates.get(GateName.UNRECONCILED)
    if gate is None or gate.why != words:
        turn.alarm(f.Incident("position_mismatch", words))
        turn.tell(f.GateClosed(gate=GateName.UNRECONCILED, by=gates.ENGINE, why=words))


def _foreign(turn: Turn, shown: dict[str, AccountPosition]) -> list[str]:
    ours = {p.symbol for p in turn.ledger.positions}
    return [
        f"{p.symbol} {p.side} {p.qty} is on the exchange and not ours"
        for p in shown.values()
        if p.symbol not in ours
    ]


def _compare_quantity(turn: Turn, position: Position, shown: AccountPosition | None) -> list[str]:
    if _is_moving(turn, position):
        return []
    if shown is None and position.qty == 0:
        return []
    if shown is None:
        return [f"#{position.id} {position.symbol} {position.qty} is not on the exchange"]
    if shown.side is position.side and shown.qty == position.qty:
        return []
    ours = f"{position.side} {position.qty}"
    return [f"#{position.id} {position.symbol}: ours {ours}, exchange {shown.side} {shown.qty}"]


def _is_moving(turn: Turn, position: Position) -> bool:
    """Whether an entry or exit of it is in flight, so that a read may be older than the truth."""
    moving = (Purpose.ENTRY, Purpose.EXIT)
    orders = turn.ledger.orders_of(position.id)
    return any(o.is_live and o.order.purpose in moving for o in orders)


def _compare_stop(turn: Turn, position: Position, shown: AccountPosition | None) -> list[str]:
    """A stop that vanished makes the position exposed; the guard puts it back."""
    if shown is None or not position.qty or position.state is PositionState.EXITING:
        return []
    if shown.stop is None:
        if position.exposed_ms is None:
            turn.tell(f.StopMissing(position.id, "the exchange shows no stop"))
            return [f"stop of #{position.id} missing"]
        return []
    if shown.stop == position.stop and position.state is PositionState.PROTECTED:
        return []
    kind = position.asked_kind if shown.stop == position.asked_stop else position.stop_kind
    turn.tell(f.StopMoved(position.id, shown.stop, kind))
    return [f"stop of #{position.id} is {shown.stop}"]


def _look_for_orders(turn: Turn, seen: AccountSeen) -> None:
    """Working orders the account does not list are looked up by id, never presumed gone.

    One that shall end and is still listed is asked to end again.
    """
    listed = set(seen.order_ids)
    for progress in turn.ledger.state.orders.values():
        if progress.state not in (OrderState.OPEN, OrderState.CANCELING):
            continue
        if progress.order.id not in listed:
            guard.look_up(turn, progress)
        elif progress.state is OrderState.CANCELING:
            turn.ask(CancelOrder(progress.order))
