"""The command for alerts: a price that is crossed, or the levels of a market, without a trade.

It exists so that nobody has to stare at a chart. It must never place anything.
"""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from bot import texts
from bot.commands_gates import cancel, failed
from bot.conversation import Ask, Room, command_id, put
from bot.dialogs import Answer, Choice, Question, Tap
from bot.parsing import Unclear, exact_symbol
from bot.views import markets as cards
from bot.views.layout import Text, label
from engine.core.view import WatchedView
from engine.core.wish_events import WatchSymbol

REMOVE, CLEAR = "rm", "clear"
READ_S = 120.0
AT_ONCE = 10  # symbols in one message

Aim = tuple[str, Decimal | None]


async def watch(room: Room, ask: Ask) -> Answer:
    """What is watched, more of it, or less."""
    words = ask.args
    if not words:
        return _list(room)
    if words[0].lower() == CLEAR:
        return await _asked(room, ask, [(w.symbol, w.price) for w in _all(room)], is_on=False)
    is_on = words[0].lower() != REMOVE
    aims = _aims(room, words if is_on else words[1:])
    if not is_on:
        aims = [(w.symbol, w.price) for w in _all(room) if _is_meant(w, aims)]
    return await _asked(room, ask, aims, is_on=is_on)


def _all(room: Room) -> Sequence[WatchedView]:
    return room.desk.view().alerts


def _is_meant(watched: WatchedView, aims: Sequence[Aim]) -> bool:
    return any(s == watched.symbol and p in (None, watched.price) for s, p in aims)


def _aims(room: Room, words: Sequence[str]) -> list[Aim]:
    """`SYM price`, or symbols whose levels are meant; raises Unclear."""
    if not words or len(words) > AT_ONCE:
        raise Unclear(f"expected one to {AT_ONCE} symbols, or a symbol and a price")
    known = {*room.desk.view().universe, *(w.symbol for w in _all(room))}
    price = _price(words[1]) if len(words) == 2 else None  # noqa: PLR2004 -- symbol and price
    if price is not None:
        return [(exact_symbol(words[0], known), price)]
    return [(exact_symbol(word, known), None) for word in words]


def _price(word: str) -> Decimal | None:
    """A price as it is typed; None for what is no number."""
    try:
        value = Decimal(word)
    except InvalidOperation:
        return None
    if not value.is_finite() or value <= 0:
        raise Unclear("a price is a number above 0, for example 182.5")
    return value


def _list(room: Room) -> Answer:
    view = room.desk.view()
    seen = {w.symbol: _seen(room, w.symbol) for w in view.alerts}
    words = cards.watchlist(view, seen)
    rows = tuple((_removal(room, w),) for w in view.alerts[: cards.ROWS])
    return Question(words, rows, READ_S, ending="") if rows else Text(words)


def _seen(room: Room, symbol: str) -> tuple[float | None, float | None]:
    """Last price and nearest level, as far as they are known."""
    quote, candles = room.desk.quote(symbol), room.desk.candles(symbol, 1)
    level = candles.levels[0].price if candles is not None and candles.levels else None
    return None if quote is None else quote.last, level


def _removal(room: Room, watched: WatchedView) -> Choice:
    async def act(tap: Tap) -> Answer:
        return await _put(room, tap, [(watched.symbol, watched.price)], is_on=False)

    return Choice(label(f"Remove {_named((watched.symbol, watched.price))}", 36), act)


def _named(aim: Aim) -> str:
    symbol, price = aim
    return symbol if price is None else f"{symbol} {price:f}"


async def _asked(room: Room, ask: Ask, aims: Sequence[Aim], *, is_on: bool) -> Answer:
    """At once when it was typed; a plain button only asks."""
    if not aims:
        return texts.not_done("nothing of that is watched")
    if not ask.is_button:
        return await _put(room, ask.tap, aims, is_on=is_on)

    async def act(tap: Tap) -> Answer:
        return await _put(room, tap, aims, is_on=is_on)

    words = cards.watch_question([_named(aim) for aim in aims], room.desk.view())
    return Question(words, ((Choice(texts.APPLY, act, "primary"), cancel()),), READ_S)


async def _put(room: Room, tap: Tap, aims: Sequence[Aim], *, is_on: bool) -> Answer:
    """One command each; what was done has a way back, what was not says why."""
    done, words = [], []
    for number, (symbol, price) in enumerate(aims):
        key = command_id(tap, f"watch{number}")
        command = WatchSymbol(
            command_id=key, by=tap.caller.by, symbol=symbol, price=price, is_on=is_on
        )
        result = await put(room.desk, command)
        words.append(result.words)
        if result.is_done:
            done.append((symbol, price))
        elif len(aims) == 1:
            return failed(result.words, is_known=result.is_done is False)

    async def undo(tap: Tap) -> Answer:
        return await _put(room, tap, done, is_on=not is_on)

    row = (Choice(texts.UNDO, undo),) if done else ()
    return Question(cards.done("; ".join(words)), (row,), READ_S, ending="")
