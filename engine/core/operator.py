"""People's commands: each becomes facts, or a refusal with its reason.

It exists so that a command takes effect exactly once, in the turn that consumed it. Authority is
checked before it gets here; a command must never do what a closed gate protects against.
"""

from decimal import Decimal

from engine.core import events as e
from engine.core import facts as f
from engine.core import gates, guard, targets, wishes
from engine.core import wish_events as we
from engine.core.exits import Protection
from engine.core.exposure import equity_now, mark_of
from engine.core.intents import FetchAccount
from engine.core.positions import Position
from engine.core.state import Gate
from engine.core.turn import Turn
from engine.core.values import GateName, StopKind, exact

PAUSED = "paused"
STOPPED = "stopped"
PANIC = "panic"
IGNORED_MAX = 50
NOTES_MAX = 200
NOTE_MAX = 500  # characters
CRASHED = "three crashes in ten minutes"
LIVE_PAUSED = "live starts paused"
UNARMED = "live trading is not armed for this venue"
OTHER_PRESET = "the chosen preset is not in force"

Answer = tuple[bool, str]  # whether it was done, and the words for the person


def obey(turn: Turn, command: e.Command) -> None:
    """Carry out one command; its last fact is CommandDone or CommandRefused.

    The same `command_id` again gets the same answer and does nothing.
    """
    verb = type(command).__name__.lower()
    known = turn.ledger.state.commands.get(command.command_id)
    done, words = _do(turn, command) if known is None else (known.is_done, known.words)
    if done:
        turn.tell(f.CommandDone(command.command_id, command.by, verb, words))
    else:
        turn.tell(f.CommandRefused(command.command_id, command.by, verb, words))


def _do(turn: Turn, command: e.Command) -> Answer:
    match command:
        case e.Pause():
            answer = _pause(turn, command)
        case e.Resume():
            answer = _resume(turn, command)
        case e.Stop():
            answer = _stop(turn, command)
        case e.Close():
            answer = _close(turn, command)
        case e.MoveStop():
            answer = _move_stop(turn, command)
        case we.TakeTarget():
            answer = targets.take(turn, command.position_id, command.rank, command.by)
        case e.Panic():
            answer = _panic(turn, command)
        case _:
            answer = _do_rest(turn, command)
    return answer


def _do_rest(turn: Turn, command: e.Command) -> Answer:
    match command:
        case e.Rescan():
            return True, "the universe is chosen anew; markets are judged as their bars close"
        case e.Ignore():
            return _ignore(turn, command)
        case e.UsePreset():
            return _use_preset(turn, command)
        case e.Note():
            return _note(turn, command)
        case we.Tune() | we.BarSymbol() | we.WatchSymbol():
            return wishes.grant(turn, command)
        case _:
            return _shutdown(turn)


def _pause(turn: Turn, command: e.Pause) -> Answer:
    if command.until_ms is not None and command.until_ms <= turn.at_ms:
        return False, "the end of that pause has passed already"
    gate = turn.ledger.state.gates.get(GateName.OPERATOR)
    if gate is not None and gate.why != PAUSED:  # a pause would end by itself
        return False, "stopped already: entries stay off until resume"
    turn.tell(f.GateClosed(GateName.OPERATOR, command.by, PAUSED, command.until_ms))
    return True, "no new entries; open positions stay managed"


def lock(turn: Turn, why: str) -> None:
    """Entries off until a person resumes; the end of a pause must not open them."""
    gate = turn.ledger.state.gates.get(GateName.OPERATOR)
    if gate is None or gate.why == PAUSED:
        turn.tell(f.GateClosed(GateName.OPERATOR, gates.ENGINE, why))


def _stop(turn: Turn, command: e.Stop) -> Answer:
    turn.tell(f.GateClosed(GateName.OPERATOR, command.by, STOPPED))
    held = turn.ledger.positions
    if not command.close_all:
        return True, f"no new entries; {len(held)} positions stay managed"
    for position in held:
        guard.ask_exit(turn, position, "operator")
    return True, f"no new entries; closing {len(held)} positions"


def _resume(turn: Turn, command: e.Resume) -> Answer:
    lock = turn.ledger.state.gates.get(GateName.KILL_SWITCH)
    equity = equity_now(turn.ledger, turn.market)
    problem = _lock_problem(turn, lock, command) if lock is not None else None
    problem = problem if turn.is_armed else UNARMED
    if problem is not None:
        return False, problem
    why = command.reason.strip() or "resumed"
    for gate in (GateName.KILL_SWITCH, GateName.OPERATOR):
        if turn.is_closed(gate):
            turn.tell(f.GateOpened(gate, command.by, why))
    if lock is not None and equity is not None:
        turn.tell(f.EquityPeaked(equity))  # drawdown counts from here
    left = ", ".join(turn.ledger.state.gates)
    return True, f"still waiting: {left}" if left else "entries are on"


def _lock_problem(turn: Turn, lock: Gate, command: e.Resume) -> str | None:
    """Why the kill switch cannot be lifted now."""
    if not command.reason.strip():
        return "the kill switch is closed: resume needs a reason"
    if lock.flatten and turn.ledger.positions:
        return "positions are still being closed: resume after the account is flat"
    if not turn.is_compared:
        return "the account is not compared yet: resume in a moment"
    if equity_now(turn.ledger, turn.market) is None:  # it would close again at the next mark
        return "an open position has no price yet: resume when the equity is known"
    return None


def _close(turn: Turn, command: e.Close) -> Answer:
    position = turn.ledger.state.positions.get(command.position_id)
    if position is None:
        return False, f"#{command.position_id} is not open"
    if position.exit_rule is not None:
        return False, f"#{position.id} is being closed already"
    if command.share >= 1 or not position.entry_qty:
        guard.ask_exit(turn, position, "operator")
        return True, f"closing #{position.id} {position.symbol}"
    return _close_part(turn, command)


def _close_part(turn: Turn, command: e.Close) -> Answer:
    position = turn.ledger.state.positions[command.position_id]
    instrument = turn.market.instrument(position.symbol)
    if instrument is None:
        return False, f"the trading rules of {position.symbol} are not loaded yet"
    if guard.is_exiting(turn, position):
        return False, f"an exit of #{position.id} is under way: ask again when it has ended"
    if targets.is_taking(position):
        return False, f"a target of #{position.id} is being taken: ask again when it is sold"
    qty = instrument.qty(position.qty * command.share)
    if qty < instrument.qty_min:
        return False, f"{qty} is below the exchange's least {instrument.qty_min}"
    guard.ask_exit(turn, position, "operator", qty)
    return True, f"closing {qty} of #{position.id} {position.symbol}"


def _move_stop(turn: Turn, command: e.MoveStop) -> Answer:
    position = turn.ledger.state.positions.get(command.position_id)
    if position is None or position.entry is None:
        return False, f"#{command.position_id} is not open"
    if position.exit_rule is not None:
        return False, f"#{position.id} is being closed already"
    problem = _stop_problem(turn, position, command.price)
    if problem is not None:
        return False, problem
    guard.move_stop(turn, position, Protection(command.price, StopKind.MANUAL))
    return True, f"moving the stop of #{position.id} to {command.price}"


def _stop_problem(turn: Turn, position: Position, price: Decimal) -> str | None:
    """Why a stop may not stand there: off the tick, looser, or passed already."""
    if position.exposed_ms is not None:  # another wish would give the exchange more time
        return f"the stop at {position.asked_stop} is not confirmed yet: move it in a moment"
    instrument, mark = turn.market.instrument(position.symbol), mark_of(turn.market, position)
    if instrument is None or mark is None:
        missing = "trading rules" if instrument is None else "price"
        return f"the {missing} of {position.symbol} is not known yet"
    if price % instrument.tick:
        return f"expected a multiple of the tick {instrument.tick}, found {price}"
    if position.side.sign * (price - position.asked_stop) <= 0:
        return f"a stop only tightens: it stands at {position.asked_stop}, found {price}"
    if position.side.sign * (exact(mark) - price) <= 0:
        return f"the price {exact(mark)} is there already: close the position instead"
    return None


def _panic(turn: Turn, command: e.Panic) -> Answer:
    """Lock first; exits and cancels follow in the same turn, neither waiting for the other."""
    turn.tell(f.GateClosed(GateName.KILL_SWITCH, command.by, PANIC, flatten=True))
    held = turn.ledger.positions
    return True, f"entries locked; closing {len(held)} positions"


def _use_preset(turn: Turn, command: e.UsePreset) -> Answer:
    """Choose a preset; another base frame would count the bars of open trades wrongly."""
    now_s, then_s = turn.settings.market.frame_s, command.settings.market.frame_s
    if now_s != then_s and turn.ledger.positions:
        held = ", ".join(f"#{p.id} {p.symbol}" for p in turn.ledger.positions)
        return False, f"its bars are {then_s} s, now {now_s} s: close {held} first"
    wishes.hold_limit(turn, command.settings, command.by)
    turn.tell(f.PresetChosen(command.name, command.by))
    if now_s != then_s:
        return True, f"{command.name} is in force from the next start on: its bars are {then_s} s"
    return True, f"{command.name} is in force"


def _ignore(turn: Turn, command: e.Ignore) -> Answer:
    """Leave a stranger's position alone, or count it again; the account is read at once."""
    symbol, state = command.symbol, turn.ledger.state
    held = turn.ledger.position_in(symbol)
    if (symbol in state.ignored) is command.is_on:
        return False, f"{symbol} is {'ignored already' if command.is_on else 'not ignored'}"
    if command.is_on and held is not None:
        return False, f"#{held.id} in {symbol} is ours"
    if command.is_on and symbol not in turn.foreign:
        return False, f"the exchange shows no position in {symbol} that is not ours"
    if command.is_on and len(state.ignored) >= IGNORED_MAX:
        return False, f"{IGNORED_MAX} symbols are ignored already"
    turn.tell(f.SymbolIgnored(symbol, command.by, command.is_on))
    turn.ask(FetchAccount())
    if command.is_on:
        return True, f"{symbol} is left alone, and nothing is entered there"
    return True, f"{symbol} counts again"


def _note(turn: Turn, command: e.Note) -> Answer:
    """Keep it, if it is short and one of a few: the state is written whole."""
    notes = turn.ledger.state.notes
    if max(len(command.key), len(command.value)) > NOTE_MAX:
        return False, f"expected at most {NOTE_MAX} characters to remember, found more"
    if command.value and command.key not in notes and len(notes) >= NOTES_MAX:
        return False, f"expected at most {NOTES_MAX} notes, found them all used"
    turn.tell(f.Noted(command.key, command.value, command.by))
    return True, f"{command.key} = {command.value or '-'}"


def _shutdown(turn: Turn) -> Answer:
    gates.close(turn, GateName.SHUTTING_DOWN, "the process is stopping")
    return True, "stops stay on the exchange"
