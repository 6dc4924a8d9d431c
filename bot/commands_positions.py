"""The command for what is open: the table, a card, and a stop that a person pulls to breakeven.

It exists so that a stop moves by hand only after a question that names the price. It must never
loosen one: the engine refuses that too, and it judges the price once more.
"""

from decimal import Decimal

from bot import texts
from bot.commands_gates import cancel, failed
from bot.commands_read import no_more
from bot.conversation import Ask, Room, command_id, put
from bot.dialogs import Answer, Choice, Question, Tap
from bot.gate import Role
from bot.parsing import Unclear, find_position
from bot.views import status
from engine.core.events import MoveStop
from engine.core.view import PositionView

BREAKEVEN = "be"  # what the card's button says


async def positions(room: Room, ask: Ask) -> Answer:
    """The table, or one card, or the question of its breakeven button."""
    no_more(ask, 2)
    view = room.desk.view()
    found = find_position(ask.args[0], view.positions) if ask.args else None
    if len(ask.args) > 1:
        return _tighten(room, ask, found)
    if found is None:
        return status.positions(view)
    return status.position_card(found, view, room.book.trades.get(found.id))


def _tighten(room: Room, ask: Ask, position: PositionView | None) -> Answer:
    """Ask whether the stop shall go to breakeven, naming the price."""
    if ask.args[1].lower() != BREAKEVEN:
        raise Unclear("after a position only the word be is understood")
    if ask.caller.role < Role.TRADER:
        return texts.refused_role("positions", Role.TRADER.name.lower())
    if position is None:
        return texts.GONE
    at = position.breakeven
    if at is None or position.stop is None:
        return texts.not_done("the entry, the stop or the trading rules are not known yet")
    sign = position.side.sign
    if sign * (at - position.stop) <= 0:
        return texts.not_done("the stop stands there already, or closer; it never loosens")
    if position.mark is None or sign * (position.mark - float(at)) <= 0:
        return texts.not_done("the price has not passed breakeven: a stop there would sell at once")
    number = position.id

    async def act(tap: Tap) -> Answer:
        return await _move(room, tap, number, at)

    seconds = room.settings.bot.confirm_s
    html = texts.move_question(position, at, seconds)
    return Question(html, ((Choice(texts.MOVE_STOP, act, "primary"), cancel()),), seconds)


async def _move(room: Room, tap: Tap, position_id: int, price: Decimal) -> Answer:
    key, by = command_id(tap), tap.caller.by
    command = MoveStop(command_id=key, by=by, position_id=position_id, price=price)
    result = await put(room.desk, command)
    if not result.is_done:
        return failed(result.words, is_known=result.is_done is False)
    return texts.stop_sent(result.words)
