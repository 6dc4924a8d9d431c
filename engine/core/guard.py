"""The guard of open positions: desired against actual orders, and the difference as intents.

It exists so that protection is level-triggered: whatever was lost, late or doubled, the next look
sees what is missing and asks for it. It must never loosen a stop, never place an exit that is not
reduce-only, and never wait for an entry.
"""

from collections.abc import Iterable
from decimal import Decimal

from engine.core import facts as f
from engine.core.exits import Protection, protect
from engine.core.gates import ENGINE
from engine.core.intents import CancelOrder, FindOrder, PlaceOrder, SetStop
from engine.core.orders import Progress
from engine.core.positions import Position
from engine.core.results import close_trade, open_trade, snapshot
from engine.core.turn import Look, Turn
from engine.core.values import (
    GateName,
    Ms,
    Order,
    OrderKind,
    OrderState,
    Plan,
    PositionState,
    Purpose,
    exact,
)

RETRY_MS: Ms = 2000  # wait before an exit, a stop or a look-up is asked for again
ANSWER_MS: Ms = 15_000  # beyond any deadline of the shell: the answer to an order was lost
ABSENT_MS: Ms = 15_000  # beyond what the exchange still accepts: a request that old never arrives
ABSENT_MISSES = 2
HUNG_MS: Ms = 5000  # an order that cannot rest has long ended by then
PATIENCE_MS: Ms = 10_000  # longest wait between two tries of an exit
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
LETTERS = {
    Purpose.ENTRY: "E",
    Purpose.ADDON: "A",
    Purpose.TARGET: "T",
    Purpose.EXIT: "X",
    Purpose.STOP: "S",
}


def look_after(turn: Turn, position: Position) -> None:
    """Bring one position's orders in line with what it needs, in order of urgency."""
    _expire_entry(turn, position)
    if not position.entry_qty:
        return
    if position.entry is None and not _entry_is_live(turn, position):
        open_trade(turn, position)
    if position.qty <= 0:
        if position.entry is not None and not is_growing(turn, position):
            _finish(turn, position)
        return  # flat, while more may still be filled
    _resume_exit(turn, position)
    _protect(turn, position)
    if position.state is PositionState.EXITING:
        _exit(turn, position)
        return
    if position.entry is not None:
        _tighten(turn, position)


def look_up_unknown(turn: Turn) -> None:
    """Ask about each order whose outcome nobody knows, until somebody does."""
    orders = turn.ledger.state.orders
    for order_id in turn.looked.keys() - orders.keys():
        del turn.looked[order_id]
    for progress in orders.values():
        if _is_unanswered(turn, progress) or _is_hung(turn, progress):
            look_up(turn, progress)


def _is_unanswered(turn: Turn, progress: Progress) -> bool:
    is_silent = turn.at_ms - progress.placed_ms >= ANSWER_MS
    is_placed = progress.state is OrderState.PLACED
    return progress.state is OrderState.UNKNOWN or (is_placed and is_silent)


def is_anything_moving(turn: Turn) -> bool:
    """Whether an order that cannot rest is live, or a position is bare, stopped or leaving."""
    states = {position.state for position in turn.ledger.positions}
    is_bare = bool(states & {PositionState.EXPOSED, PositionState.EXITING})
    is_stopped = any(_is_passed(turn, position) for position in turn.ledger.positions)
    return (
        is_bare
        or is_stopped
        or any(
            o.is_live and o.order.kind is not OrderKind.LIMIT
            for o in turn.ledger.state.orders.values()
        )
    )


def _is_passed(turn: Turn, position: Position) -> bool:
    """Whether the last trade is at or beyond the stop: it has triggered, and may find nobody."""
    quote = turn.market.quote(position.symbol)
    if position.stop is None or quote is None:
        return False
    return position.side.sign * (exact(quote.last) - position.stop) <= 0


def is_anything_resting(turn: Turn) -> bool:
    """Whether a limit of ours works on the exchange, and may be filled at any moment."""
    orders = turn.ledger.state.orders.values()
    return any(o.is_live and o.order.kind is OrderKind.LIMIT for o in orders)


def _is_hung(turn: Turn, progress: Progress) -> bool:
    is_open = progress.state in (OrderState.OPEN, OrderState.CANCELING)
    is_resting = progress.order.kind is OrderKind.LIMIT
    return is_open and not is_resting and turn.at_ms - progress.placed_ms >= HUNG_MS


def look_up(turn: Turn, progress: Progress) -> None:
    """Ask what became of an order, but not again at once: answers must not chase each other.

    An exit does not wait for the answer: it is sent again under its own id, which the exchange
    takes at most once.
    """
    look = turn.looked.get(progress.order.id)
    if look is not None and turn.at_ms - look.asked_ms < RETRY_MS:
        return
    turn.looked[progress.order.id] = Look(turn.at_ms, look.misses if look else 0)
    turn.ask(FindOrder(progress.order))
    is_lost_exit = progress.order.purpose is Purpose.EXIT and progress.state is OrderState.UNKNOWN
    if is_lost_exit and _is_wanted(turn, progress):
        turn.ask(PlaceOrder(progress.order))


def miss(turn: Turn, progress: Progress) -> None:
    """A look-up found it nowhere: send again what only reduces, give up the rest in time."""
    look = turn.looked.setdefault(progress.order.id, Look(turn.at_ms))
    look.misses += 1
    is_wanted = _is_wanted(turn, progress)
    # One that was acknowledged did arrive; another exit in its place can only reduce, too.
    is_exit = progress.order.purpose is Purpose.EXIT
    is_gone = is_exit and progress.state is OrderState.OPEN
    is_old = is_gone or turn.at_ms - progress.placed_ms >= ABSENT_MS
    if is_wanted:
        turn.ask(PlaceOrder(progress.order))
    elif is_old and look.misses >= ABSENT_MISSES:
        turn.tell(f.OrderEnded(progress.order.id, OrderState.EXPIRED, "never arrived"))


def _is_wanted(turn: Turn, progress: Progress) -> bool:
    """Whether an order that may not have arrived shall go out again: it only reduces what is held.

    Its id stays, so that the exchange takes it once however often it is sent.
    """
    position = turn.ledger.state.positions.get(progress.order.position_id)
    is_open = progress.state in (OrderState.PLACED, OrderState.UNKNOWN)
    return is_open and progress.order.reduce_only and position is not None and position.qty > 0


def new_order_id(turn: Turn, purpose: Purpose) -> str:
    """Instance, ledger, boot, sequence, purpose: computed, so a retry is the same order."""
    state = turn.ledger.state
    run = f"{stamp_of(state.began_ms)}{state.boot}"
    return f"{turn.settings.bot.name}-{run}-{state.seq + 1}{LETTERS[purpose]}"


def stamp_of(began_ms: Ms) -> str:
    """The ledger's birth in an order id, base 36; empty before it.

    Another ledger on the same account would count from one again: the exchange takes an id once,
    and what it shows under an old one is an old order.
    """
    digits = ""
    while began_ms:
        began_ms, digit = divmod(began_ms, len(DIGITS))
        digits = DIGITS[digit] + digits
    return digits and f"{digits}_"


def place(turn: Turn, order: Order) -> None:
    """State the order, then ask for it."""
    turn.tell(f.OrderPlaced(order))
    turn.ask(PlaceOrder(order))


def cancel(turn: Turn, progress: Progress, reason: str) -> None:
    """Ask once for the end of a working order."""
    if progress.is_live and progress.state is not OrderState.CANCELING:
        turn.tell(f.CancelAsked(progress.order.id, reason))
        turn.ask(CancelOrder(progress.order))


def ask_exit(turn: Turn, position: Position, rule: str, qty: Decimal | None = None) -> None:
    """Decide to close the position, or `qty` of it, once; the guard carries it out."""
    if position.state is PositionState.EXITING:
        return
    whole = qty is None or qty >= position.qty
    turn.tell(f.ExitAsked(position.id, rule, position.qty if qty is None else qty))
    if not whole and qty is not None:
        place(turn, _exit_order(turn, position, rule, qty))


def _entry_is_live(turn: Turn, position: Position) -> bool:
    entry = turn.ledger.state.orders.get(position.entry_order_id)
    return entry is not None and entry.is_live


def is_growing(turn: Turn, position: Position) -> bool:
    """Whether an entry or add-on of it may still be filled."""
    orders = turn.ledger.orders_of(position.id)
    return any(o.is_live and o.order.purpose.is_growing for o in orders)


def _expire_entry(turn: Turn, position: Position) -> None:
    """An entry ends at its deadline, and at once when panic or a full exit was asked for."""
    for entry in turn.ledger.orders_of(position.id):
        if not (entry.is_live and entry.order.purpose.is_growing):
            continue
        age_ms = turn.at_ms - entry.placed_ms
        if turn.is_closed(GateName.KILL_SWITCH):
            cancel(turn, entry, "kill_switch")
        elif position.exit_rule is not None:
            cancel(turn, entry, position.exit_rule)
        elif position.symbol in turn.ledger.state.barred:
            cancel(turn, entry, "blacklisted")
        elif age_ms >= turn.settings.execution.entry_deadline_s * 1000:
            cancel(turn, entry, "entry deadline")


def _finish(turn: Turn, position: Position) -> None:
    """Flat: cancel what still works for it, then book the result."""
    for progress in turn.ledger.orders_of(position.id):
        cancel(turn, progress, "position is flat")
    close_trade(turn, position)


def _resume_exit(turn: Turn, position: Position) -> None:
    """A panic, or an exit asked for while entering, is a level: it survives crash and late fill."""
    gate = turn.ledger.state.gates.get(GateName.KILL_SWITCH)
    if gate is not None and gate.flatten:
        ask_exit(turn, position, "kill" if gate.by == ENGINE else "panic")
    elif position.exit_rule is not None:
        ask_exit(turn, position, position.exit_rule)


def _protect(turn: Turn, position: Position) -> None:
    """No quantity without a shown stop: ask again, and leave when the deadline passes."""
    if position.exposed_ms is None:
        return
    # While we were down nobody could ask: the exchange gets its time to answer.
    since_ms = max(position.exposed_ms, turn.ledger.state.started_ms)
    left_ms = since_ms + turn.settings.execution.protect_deadline_s * 1000 - turn.at_ms
    is_asked = position.asked_ms >= position.exposed_ms
    is_due = turn.at_ms - max(position.exposed_ms, position.asked_ms) >= RETRY_MS
    if position.state is PositionState.EXITING:  # it may be refused for long: not without a stop
        if is_due:
            _ask_stop(turn, position)
    elif is_asked and left_ms <= 0 and is_due:
        words = f"#{position.id}: no stop was acknowledged in time"
        turn.alarm(f.Incident("unprotected", words, position.symbol))
        ask_exit(turn, position, "unprotected")
    elif _shall_ask(position, left_ms, is_asked=is_asked, is_due=is_due):
        _ask_stop(turn, position)


def _shall_ask(position: Position, left_ms: Ms, *, is_asked: bool, is_due: bool) -> bool:
    """Ask in time for the answer: at once, but for the stop that comes with its entry's fill."""
    if is_asked:
        return is_due and left_ms >= RETRY_MS
    is_coming = position.entry is None and position.stop is None
    return is_due or left_ms <= 0 or not is_coming


def _ask_stop(turn: Turn, position: Position) -> None:
    """Ask for the stop once more where it is wanted already."""
    move_stop(turn, position, Protection(position.asked_stop, position.asked_kind))


def _exit(turn: Turn, position: Position) -> None:
    """One working reduce-only order for the whole rest, until flat."""
    tries = [o for o in turn.ledger.orders_of(position.id) if o.order.purpose is Purpose.EXIT]
    wait_ms = patience(tries, PATIENCE_MS)
    waited = turn.at_ms - position.last_exit_ms >= wait_ms or not position.last_exit_ms
    if waited and not _is_leaving(turn, position):
        rule = position.exit_rule or "operator"
        place(turn, _exit_order(turn, position, rule, position.qty))


def patience(tries: Iterable[Progress], most_ms: Ms) -> Ms:
    """How long to wait before the next try: longer with each that was refused."""
    refused = [o for o in tries if o.state is OrderState.REFUSED]
    return min(RETRY_MS << max(0, min(len(refused), 6) - 1), most_ms)


def _is_leaving(turn: Turn, position: Position) -> bool:
    """Whether an exit for the whole rest works; one for a part may not hold it up for long."""
    exits = _exits(turn, position)
    is_whole = any(o.left_qty >= position.qty for o in exits)
    return is_whole or any(turn.at_ms - o.placed_ms < ANSWER_MS for o in exits)


def is_exiting(turn: Turn, position: Position) -> bool:
    """Whether an exit order of it works, for the whole or a part."""
    return bool(_exits(turn, position))


def _exits(turn: Turn, position: Position) -> list[Progress]:
    orders = turn.ledger.orders_of(position.id)
    return [o for o in orders if o.is_live and o.order.purpose is Purpose.EXIT]


def entry_order(turn: Turn, plan: Plan, position_id: int) -> Order:
    """The entry: a limit at the worst price, the rest canceled at once, its stop attached."""
    return Order(
        id=new_order_id(turn, Purpose.ENTRY),
        position_id=position_id,
        symbol=plan.symbol,
        purpose=Purpose.ENTRY,
        side=plan.side.entry,
        kind=OrderKind.IOC,
        qty=plan.qty,
        reduce_only=False,
        reason=plan.signal_id,
        price=plan.limit,
        stop=plan.stop,
    )


def _exit_order(turn: Turn, position: Position, rule: str, qty: Decimal) -> Order:
    return Order(
        id=new_order_id(turn, Purpose.EXIT),
        position_id=position.id,
        symbol=position.symbol,
        purpose=Purpose.EXIT,
        side=position.side.exit,
        kind=OrderKind.MARKET,
        qty=qty,
        reduce_only=True,
        reason=rule,
    )


def _tighten(turn: Turn, position: Position) -> None:
    """Move the stop where the rules want it; the exchange says whether it can rest there."""
    if position.exposed_ms is not None or turn.at_ms - position.asked_ms < RETRY_MS:
        return
    if position.asked_stop != position.stop:  # an answer was lost, or somebody loosened it
        _ask_stop(turn, position)
        return
    instrument = turn.market.instrument(position.symbol)
    if instrument is None:
        return
    terms = (instrument, position.exits)
    wanted = protect(snapshot(position), position.atr, None, terms)
    if isinstance(wanted, Protection):
        move_stop(turn, position, wanted)


def move_stop(turn: Turn, position: Position, wanted: Protection) -> None:
    """Decide where the stop shall stand, and ask for it."""
    turn.tell(f.StopAsked(position.id, wanted.stop, wanted.kind))
    turn.ask(SetStop(position.id, position.symbol, position.side, wanted.stop))
