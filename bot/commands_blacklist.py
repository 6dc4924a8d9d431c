"""The command that keeps a market from being traded, for a while or for good.

It exists so that a bad market is one word away from silence. It must never touch what is open, and
takes a symbol exactly as it is named, never by likeness.
"""

from bot import texts
from bot.commands_gates import cancel, failed
from bot.conversation import Ask, Room, command_id, put
from bot.dialogs import Answer, Choice, Question, Tap
from bot.parsing import Unclear, exact_symbol, period
from bot.views import markets as cards
from bot.views.layout import Text, label
from engine.core.view import BarredView
from engine.core.wish_events import BarSymbol

REMOVE = "rm"
READ_S = 120.0
REASON_MAX = 200


async def blacklist(room: Room, ask: Ask) -> Answer:
    """The list, one more, or one less."""
    if not ask.args:
        return _list(room)
    first, *rest = ask.args
    if first.lower() == REMOVE:
        if len(rest) != 1:
            raise Unclear("after rm comes one symbol")
        command = BarSymbol(command_id="", by="", symbol=_symbol(room, rest[0]), is_on=False)
        return await _asked(room, ask, command)
    length_ms = period(rest[0]) if rest else None
    words = rest if length_ms is None else rest[1:]
    until_ms = None if length_ms is None else room.desk.view().at_ms + length_ms
    command = BarSymbol(
        command_id="",
        by="",
        symbol=_symbol(room, first),
        reason=" ".join(words)[:REASON_MAX],
        until_ms=until_ms,
    )
    return await _asked(room, ask, command)


def _symbol(room: Room, raw: str) -> str:
    view = room.desk.view()
    return exact_symbol(raw, {*view.universe, *(b.symbol for b in view.barred)})


def _list(room: Room) -> Answer:
    view = room.desk.view()
    words = cards.blacklist(view, room.settings.universe.blacklist)
    rows = tuple((_removal(room, b),) for b in view.barred[: cards.ROWS])
    return Question(words, rows, READ_S, ending="") if rows else Text(words)


def _removal(room: Room, barred: BarredView) -> Choice:
    async def act(tap: Tap) -> Answer:
        off = BarSymbol(command_id="", by="", symbol=barred.symbol, is_on=False)
        return await _bar(room, tap, off)

    return Choice(label(f"Remove {barred.symbol}", 30), act)


async def _asked(room: Room, ask: Ask, command: BarSymbol) -> Answer:
    """At once when it was typed; a plain button only asks."""
    if not ask.is_button:
        return await _bar(room, ask.tap, command)

    async def act(tap: Tap) -> Answer:
        return await _bar(room, tap, command)

    words = cards.bar_question(command.symbol, room.desk.view())
    return Question(words, ((Choice(texts.APPLY, act, "primary"), cancel()),), READ_S)


async def _bar(room: Room, tap: Tap, wanted: BarSymbol) -> Answer:
    """Put it to the engine; the way back is what stood there before."""
    before = _before(room, wanted.symbol)
    command = BarSymbol(
        command_id=command_id(tap),
        by=tap.caller.by,
        symbol=wanted.symbol,
        reason=wanted.reason,
        until_ms=wanted.until_ms,
        is_on=wanted.is_on,
    )
    result = await put(room.desk, command)
    if not result.is_done:
        return failed(result.words, is_known=result.is_done is False)

    async def undo(tap: Tap) -> Answer:
        return await _bar(room, tap, before)

    return Question(cards.done(result.words), ((Choice(texts.UNDO, undo),),), READ_S, ending="")


def _before(room: Room, symbol: str) -> BarSymbol:
    """The command that brings back what is there now."""
    barred = next((b for b in room.desk.view().barred if b.symbol == symbol), None)
    if barred is None:
        return BarSymbol(command_id="", by="", symbol=symbol, is_on=False)
    reason, until_ms = barred.reason, barred.until_ms
    return BarSymbol(command_id="", by="", symbol=symbol, reason=reason, until_ms=until_ms)
