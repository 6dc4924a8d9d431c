"""Commands about what people want for good: each becomes facts, or a refusal with its reason.

It exists so that a wish is judged once more where it takes effect: the caps hold whatever the chat
let through. It must never touch an open position.
"""

from operator import attrgetter

from engine.core import gates
from engine.core import wish_events as e
from engine.core import wish_facts as w
from engine.core.settings import Settings
from engine.core.tuning import DAY_LIMIT, FRAME, is_fixed, over_caps
from engine.core.turn import Turn
from engine.core.values import Ms, exact
from engine.core.wish_folds import watch_key

BARRED_MAX = 200
WATCHING_MAX = 50
REASON_MAX = 200  # characters
TUNED_MAX = 200

Answer = tuple[bool, str]
Wish = e.Tune | e.BarSymbol | e.WatchSymbol


def grant(turn: Turn, command: Wish) -> Answer:
    """Carry out one wish."""
    match command:
        case e.Tune():
            return _tune(turn, command)
        case e.BarSymbol():
            return _bar(turn, command)
        case _:
            return _watch(turn, command)


# Settings


def hold_limit(turn: Turn, settings: Settings, by: str) -> None:
    """A looser daily loss limit waits for the next day: nobody wins back a bad day by it."""
    now, held = turn.settings.risk.daily_loss_limit_pct, turn.ledger.state.limit_held
    if settings.risk.daily_loss_limit_pct > now != held:
        turn.tell(w.LimitHeld(now, by))


def _tune(turn: Turn, command: e.Tune) -> Answer:
    then = command.settings
    problem = _tune_problem(turn, command)
    if problem:
        return False, problem
    hold_limit(turn, then, command.by)
    turn.tell(w.Tuned(command.changes, command.by))
    words = [_told(turn, key, then) for key, _ in command.changes]
    return True, "; ".join(words)


def _tune_problem(turn: Turn, command: e.Tune) -> str:
    now, then = turn.settings, command.settings
    fixed = next((key for key, _ in command.changes if is_fixed(key)), None)
    if fixed is not None or then.caps != now.caps:
        return f"{fixed or 'caps'} is set in the file only"
    if over := next(over_caps(then), None):
        return over
    keys = {*turn.ledger.state.tuned, *(key for key, _ in command.changes)}
    if len(keys) > TUNED_MAX:
        return f"expected at most {TUNED_MAX} chosen values, found them all used"
    frame_s, held = then.market.frame_s, turn.ledger.positions
    if frame_s != now.market.frame_s and held:
        names = ", ".join(f"#{p.id} {p.symbol}" for p in held)
        return f"its bars are {frame_s} s, now {now.market.frame_s} s: close {names} first"
    return ""


def _told(turn: Turn, key: str, then: Settings) -> str:
    before, after = (_shown(attrgetter(key)(s)) for s in (turn.settings, then))
    if before == after:
        return f"{key} stays {after}"
    words = f"{key}: {before} -> {after}"
    if key == FRAME:
        return f"{words} from the next start on"
    is_held = key == DAY_LIMIT and turn.ledger.state.limit_held is not None
    return f"{words} from the next day on" if is_held and before < after else words


def _shown(value: object) -> str:
    return str(value).removesuffix(".0")


# Markets


def _bar(turn: Turn, command: e.BarSymbol) -> Answer:
    symbol, barred = command.symbol, turn.ledger.state.barred
    if not command.is_on and symbol not in barred:
        return False, f"{symbol} is not on the list of the chat"
    if command.is_on:
        problem = _bar_problem(turn, command)
        if problem:
            return False, problem
    turn.tell(w.SymbolBarred(symbol, command.by, command.reason, command.until_ms, command.is_on))
    if not command.is_on:
        return True, f"{symbol} may be traded again"
    held = turn.ledger.position_in(symbol)
    tail = "" if held is None else f"; #{held.id} stays managed"
    return True, f"nothing is entered in {symbol}{tail}"


def _bar_problem(turn: Turn, command: e.BarSymbol) -> str:
    symbol, barred = command.symbol, turn.ledger.state.barred
    if turn.market.instrument(symbol) is None:
        return f"{symbol} is not traded here"
    if command.until_ms is not None and command.until_ms <= turn.at_ms:
        return "the end of that has passed already"
    if len(command.reason) > REASON_MAX:
        return f"expected a reason of at most {REASON_MAX} characters, found more"
    if symbol not in barred and len(barred) >= BARRED_MAX:
        return f"{BARRED_MAX} symbols are on the list already"
    return ""


def let_go(turn: Turn) -> bool:
    """Take those off the list whose time is over; whether there was one."""
    over = [s for s, b in turn.ledger.state.barred.items() if _is_over(b.until_ms, turn.at_ms)]
    for symbol in over:
        turn.tell(w.SymbolBarred(symbol, gates.ENGINE, "its time is over", is_on=False))
    return bool(over)


def _is_over(until_ms: Ms | None, at_ms: Ms) -> bool:
    return until_ms is not None and at_ms >= until_ms


# Alerts


def _watch(turn: Turn, command: e.WatchSymbol) -> Answer:
    if not command.is_on:
        return _unwatch(turn, command)
    last = last_price(turn, command.symbol)
    problem = _watch_problem(turn, command, last)
    if problem:
        return False, problem
    turn.tell(w.SymbolWatched(command.symbol, command.by, command.price, last))
    return True, f"watching {watch_key(command.symbol, command.price)}"


def _watch_problem(turn: Turn, command: e.WatchSymbol, last: float | None) -> str:
    symbol, price, watching = command.symbol, command.price, turn.ledger.state.watching
    problem = ""
    if turn.market.instrument(symbol) is None:
        problem = f"{symbol} is not traded here"
    elif watch_key(symbol, price) in watching:
        problem = f"{watch_key(symbol, price)} is watched already"
    elif len(watching) >= WATCHING_MAX:
        problem = f"{WATCHING_MAX} things are watched already"
    elif price is not None and last is None:
        problem = f"the price of {symbol} is not known yet: ask again in a moment"
    elif price is not None and last is not None and (price <= 0 or price == exact(last)):
        problem = f"expected a price above 0, and other than {last:g} as it is now, found {price}"
    return problem


def last_price(turn: Turn, symbol: str) -> float | None:
    """The last trade as far as it is known: of the stream, else of the last read of the market."""
    quote, ticker = turn.market.quote(symbol), turn.market.ticker(symbol)
    return quote.last if quote is not None else ticker.last if ticker is not None else None


def _unwatch(turn: Turn, command: e.WatchSymbol) -> Answer:
    key = watch_key(command.symbol, command.price)
    if key not in turn.ledger.state.watching:
        return False, f"{key} is not watched"
    turn.tell(w.SymbolWatched(command.symbol, command.by, command.price, is_on=False))
    return True, f"no more alerts of {key}"
