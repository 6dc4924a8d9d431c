"""The command for what is open: the table, a card, and the questions its buttons ask.

It exists so that a stop moves by hand, or a target is taken early, only after a question that
names the price. It must never loosen a stop: the engine refuses that too, and it judges the price
once more.
"""

from decimal import Decimal

from bot import texts
from bot.commands_close import ask_rung
from bot.commands_gates import cancel, failed
from bot.commands_read import no_more
from bot.conversation import Ask, Room, command_id, put
from bot.dialogs import Answer, Choice, Question, Tap
from bot.gate import Role
from bot.parsing import Unclear, canonical, count, find_position
from bot.views import positions as cards
from engine.core.events import MoveStop
from engine.core.view import PositionView

BREAKEVEN, TAKE = "be", "tp"  # what the card's buttons say
PAGE = "page"
PAGES_MAX = 99


async def positions(room: Room, ask: Ask) -> Answer:
    """The table, or one card, or the question of one of its buttons."""
    no_more(ask, 2)
    view = room.desk.view()
    if not ask.args:
        return cards.positions(view)
    if ask.args[0].lower() == PAGE and len(ask.args) > 1:
        return cards.positions(view, count(ask.args[1], PAGES_MAX))
    found = find_position(ask.args[0], view.positions)
    if len(ask.args) > 1:
        return _act(room, ask, found)
    meant = [found] if found is not None else _meant(ask.args[0], view.positions)
    if len(meant) == 1:
        return cards.position_card(meant[0], view, room.book.trades.get(meant[0].id))
    return cards.which(meant) if meant else cards.not_open(cards.positions(view))


def _meant(raw: str, held: tuple[PositionView, ...]) -> list[PositionView]:
    """Whose names begin so: looking is forgiving."""
    name = canonical(raw)
    return [p for p in held if name and p.symbol.lstrip("0123456789").startswith(name)]


def _act(room: Room, ask: Ask, position: PositionView | None) -> Answer:
    """What a button of the card asks for."""
    word = ask.args[1].lower()
    if word not in (BREAKEVEN, TAKE):
        raise Unclear("after a position only the word be or tp is understood")
    if ask.caller.role < Role.TRADER:
        return texts.refused_role("positions", Role.TRADER.name.lower())
    if position is None:
        return texts.GONE
    return ask_rung(room, position) if word == TAKE else _tighten(room, position)


def _tighten(room: Room, position: PositionView) -> Answer:
    """Ask whether the stop shall go to breakeven, naming the price."""
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
    row = (Choice(texts.MOVE_STOP, act, "primary"), cancel())
    return Question(html, (row,), seconds, is_urgent=True)


async def _move(room: Room, tap: Tap, position_id: int, price: Decimal) -> Answer:
    key, by = command_id(tap), tap.caller.by
    command = MoveStop(command_id=key, by=by, position_id=position_id, price=price)
    result = await put(room.desk, command)
    if not result.is_done:
        return failed(result.words, is_known=result.is_done is False)
    return texts.stop_sent(result.words)
