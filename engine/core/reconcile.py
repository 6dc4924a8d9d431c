"""Making the ledger agree with what the exchange shows, by facts.

It exists because every stream and every answer can be lost: one complete read of the account
settles it. A difference we cannot explain is never repaired silently: entries stop and a person is
told. What the account does not show is never taken for proof while something of ours is in flight.
"""

from decimal import Decimal

import msgspec

from engine.core import answers, gates, guard
from engine.core import facts as f
from engine.core.events import AccountPosition, AccountSeen
from engine.core.intents import CancelOrder
from engine.core.positions import Position
from engine.core.risk import STRAY_MS
from engine.core.turn import Turn
from engine.core.values import Fill, GateName, Ms, OrderKind, OrderState, settled

AGAIN_MS: Ms = 5000  # while ledger and account may disagree
MOVING_MS: Ms = 2000  # while something is on its way into or out of a position
RECENT_MS: Ms = 30_000  # a read may be this old: what changed since proves no difference


class Findings(msgspec.Struct):
    """What a read of the account showed against the ledger."""

    corrections: list[str] = msgspec.field(default_factory=list)
    differences: list[str] = msgspec.field(default_factory=list)
    foreign: list[AccountPosition] = msgspec.field(default_factory=list)  # not ours
    is_unclear: bool = False  # something differs that may only be on its way


def reconcile(turn: Turn, seen: AccountSeen) -> None:
    """Book missed fills, compare positions, stops and orders, then open or close the gate."""
    found = Findings()
    shown = {p.symbol: p for p in seen.positions}
    for fill in sorted(seen.fills, key=lambda x: _turn_of(turn, x)):
        if not _is_of_others(turn, fill, shown.get(fill.symbol)) and answers.book(turn, fill):
            found.corrections.append(f"fill {fill.id}")
    found.corrections += _book_excess(turn, seen)
    funding = [x for x in seen.funding if not _is_left_alone(turn, x.symbol)]
    found.corrections += [f"funding {x.id}" for x in funding if answers.funded(turn, x)]
    _compare_foreign(turn, shown, found)
    for position in turn.ledger.positions:
        _compare_stop(turn, position, shown.get(position.symbol), found)
        _compare_quantity(turn, position, shown.get(position.symbol), found)
    _look_for_orders(turn, seen, found)
    _conclude(turn, found)


def _turn_of(turn: Turn, fill: Fill) -> tuple[bool, Ms, bool]:
    """Our own first: what is left to explain is then another's, or done to us."""
    return not _is_our_order(turn, fill), fill.exchange_ms, not fill.purpose.is_growing


def _is_our_order(turn: Turn, fill: Fill) -> bool:
    state = turn.ledger.state
    return fill.order_id in state.orders or fill.order_id in state.strays


def _is_of_others(turn: Turn, fill: Fill, shown: AccountPosition | None) -> bool:
    """Whether somebody took away what they had added: all of ours is still there."""
    held = turn.ledger.position_in(fill.symbol)
    if held is None or shown is None or _is_our_order(turn, fill):
        return False
    is_leaving = fill.side is held.side.exit and shown.side is held.side
    return is_leaving and shown.qty >= held.qty


def _book_excess(turn: Turn, seen: AccountSeen) -> list[str]:
    """A fill that reduced more than we knew of: our part of it is ours, the rest a stranger's.

    Only when the exchange shows that nothing of ours is left, and no missing entry explains it.
    """
    shown = {(p.symbol, p.side) for p in seen.positions}
    booked = []
    for fill in seen.fills:
        held = turn.ledger.position_in(fill.symbol)
        is_old = turn.at_ms - fill.exchange_ms >= RECENT_MS
        if held is None or turn.ledger.knows_fill(fill.id) or (held.symbol, held.side) in shown:
            continue
        is_its = fill.side is held.side.exit and fill.exchange_ms >= held.held_ms
        if is_old and is_its and 0 < held.qty < fill.qty:
            fee = settled(fill.fee * held.qty / fill.qty)
            cause = fill.cause or "more than ours"
            answers.book(turn, msgspec.structs.replace(fill, qty=held.qty, fee=fee, cause=cause))
            booked.append(f"part of fill {fill.id}")
    return booked


def _conclude(turn: Turn, found: Findings) -> None:
    if found.differences or found.foreign:
        _alarm(turn, found)
    elif not found.is_unclear and (found.corrections or turn.is_closed(GateName.UNRECONCILED)):
        turn.tell(f.Reconciled(tuple(found.corrections)))
        gates.reopen(turn, GateName.UNRECONCILED, "ledger and exchange agree")


def _alarm(turn: Turn, found: Findings) -> None:
    """Say it once, with what can be done; the next read that agrees opens the gate again."""
    words = "; ".join([*_foreign_words(found.foreign), *found.differences])
    ways = _ways(found.foreign)
    gate = turn.ledger.state.gates.get(GateName.UNRECONCILED)
    if gate is None or gate.why != words:
        turn.alarm(f.Incident("position_mismatch", words + ways))
        turn.tell(f.GateClosed(gate=GateName.UNRECONCILED, by=gates.ENGINE, why=words))


def _foreign_words(foreign: list[AccountPosition]) -> tuple[str, ...]:
    """All of them in one sentence: a message is cut where it gets long."""
    if not foreign:
        return ()
    is_are = "is" if len(foreign) == 1 else "are"
    names = ", ".join(f"{p.symbol} {p.side} {p.qty}" for p in foreign)
    return (f"{names} {is_are} on the exchange and not ours",)


def _ways(foreign: list[AccountPosition]) -> str:
    if len(foreign) > 1:
        return f"; to leave one alone send /ignore and its symbol: /ignore {foreign[0].symbol}"
    return "".join(f"; to leave it alone send /ignore {p.symbol}" for p in foreign)


def _compare_foreign(turn: Turn, shown: dict[str, AccountPosition], found: Findings) -> None:
    ours = {p.symbol for p in turn.ledger.positions}
    turn.foreign.clear()
    turn.foreign.update((symbol, p) for symbol, p in shown.items() if symbol not in ours)
    for p in turn.foreign.values():
        if _is_left_alone(turn, p.symbol):
            continue
        ended_ms = turn.ledger.state.cooling.get(p.symbol)
        if _is_recent(turn, ended_ms) or turn.ledger.stray_in(p.symbol, turn.at_ms - STRAY_MS):
            found.is_unclear = True
        else:
            found.foreign.append(p)


def _is_left_alone(turn: Turn, symbol: str) -> bool:
    """Whether a person said that what happens in this symbol is not ours, and we hold nothing."""
    return symbol in turn.ledger.state.ignored and turn.ledger.position_in(symbol) is None


def _compare_quantity(
    turn: Turn, position: Position, shown: AccountPosition | None, found: Findings
) -> None:
    qty = shown.qty if shown is not None else Decimal(0)
    if qty == position.qty and (shown is None or shown.side is position.side):
        return
    if _is_moving(turn, position) or _is_recent(turn, position.changed_ms):
        found.is_unclear = True
    elif shown is None:
        words = f"#{position.id} {position.symbol} {position.qty} is not on the exchange"
        found.differences.append(words)
    else:
        ours, theirs = f"{position.side} {position.qty}", f"{shown.side} {shown.qty}"
        words = f"#{position.id} {position.symbol}: ours {ours}, exchange {theirs}"
        found.differences.append(words)


def _is_recent(turn: Turn, at_ms: Ms | None) -> bool:
    return at_ms is not None and turn.at_ms - at_ms < RECENT_MS


def _is_moving(turn: Turn, position: Position) -> bool:
    """Whether an entry or exit of it is in flight, so that a read may be older than the truth."""
    orders = turn.ledger.orders_of(position.id)
    moving = [o for o in orders if o.is_live and o.order.kind is not OrderKind.LIMIT]
    return any(_is_recent(turn, o.placed_ms) for o in moving)


def _compare_stop(
    turn: Turn, position: Position, shown: AccountPosition | None, found: Findings
) -> None:
    """A stop that vanished makes the position exposed; the guard puts it back."""
    if shown is None or not position.qty:
        return
    if shown.side is not position.side:
        return  # not ours any more: that is a difference in quantity
    if shown.updated_ms and shown.updated_ms < position.seen_ms:
        return  # an older view than what we know already
    if shown.stop is None:
        if position.exposed_ms is None:
            words = "the exchange shows no stop"
            turn.tell(f.StopMissing(position.id, words, shown.updated_ms))
            found.corrections.append(f"stop of #{position.id} missing")
        return
    if shown.stop == position.stop and position.exposed_ms is None:
        return
    kind = answers.kind_of(position, shown.stop)
    turn.tell(f.StopMoved(position.id, shown.stop, kind, shown.updated_ms))
    found.corrections.append(f"stop of #{position.id} is {shown.stop}")


def _look_for_orders(turn: Turn, seen: AccountSeen, found: Findings) -> None:
    """Working orders the account does not list are looked up by id, never presumed gone.

    One that shall end and is still listed is asked to end again.
    """
    state, listed = turn.ledger.state, set(seen.order_ids)
    for progress in state.orders.values():
        if progress.state not in (OrderState.OPEN, OrderState.CANCELING):
            continue
        if progress.order.id not in listed:
            guard.look_up(turn, progress)
        elif progress.state is OrderState.CANCELING:
            turn.ask(CancelOrder(progress.order))
    for progress in state.orders.values():  # given up or refused when sent again: there after all
        is_over = progress.state in (OrderState.EXPIRED, OrderState.REFUSED)
        if is_over and progress.order.id in listed:
            turn.ask(CancelOrder(progress.order))
    _look_at_odd_orders(turn, listed, found)


def _look_at_odd_orders(turn: Turn, listed: set[str], found: Findings) -> None:
    """Working orders we do not know of: those we gave up are canceled, others are for a person."""
    state = turn.ledger.state
    unknown = sorted(listed - state.orders.keys())
    for gone in turn.odd.keys() - unknown:
        del turn.odd[gone]
    for order_id in unknown:
        first_ms = turn.odd.setdefault(order_id, turn.at_ms)
        if order_id in state.strays:  # given up, and there after all
            turn.ask(CancelOrder(state.strays[order_id].order))
        if _is_recent(turn, first_ms):
            found.is_unclear = True
        else:
            found.differences.append(f"order {order_id} works on the exchange and is not ours")


def account_every_ms(turn: Turn) -> Ms:
    """How old a read of the account may be: the more moves there, the younger."""
    schedule = turn.settings.schedule
    every_ms = schedule.reconcile_every_s * 1000
    if turn.is_closed(GateName.UNRECONCILED):
        every_ms = min(every_ms, AGAIN_MS)
    if guard.is_anything_resting(turn):
        every_ms = min(every_ms, schedule.orders_every_s * 1000)
    return min(every_ms, MOVING_MS) if guard.is_anything_moving(turn) else every_ms
