"""The command for what is open: the table, a card, and a stop that a person pulls to breakeven.

It exists so that a stop moves by hand only after a question that names the price. It must never
loosen one: the engine refuses that too, and it judges the price once more.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from math import gcd

from bot import texts
from bot.commands_gates import cancel, failed
from bot.commands_read import no_more
from bot.conversation import Ask, Room, command_id, put
from bot.dialogs import Answer, Choice, Question, Tap
from bot.gate import Role
from bot.parsing import Unclear, find_position
from bot.trades import Trade
from bot.views import status
from bot.views.layout import decimals
from engine.core.events import MoveStop
from engine.core.values import Side, exact
from engine.core.view import PositionView, Quote

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
    at = _breakeven(room, position, room.book.trades.get(position.id))
    if at is None or position.stop is None:
        return texts.not_done("the entry, the stop or the market's price step is not known yet")
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


def _breakeven(room: Room, position: PositionView, trade: Trade | None) -> Decimal | None:
    """Entry plus costs, on the price grid of its market; never tighter than computed."""
    if position.entry is None:
        return None
    exits = room.settings.exits if trade is None else trade.taken.exits
    buffer_bps = max(exact(exits.be_buffer_bps), 2 * exact(room.settings.sim.taker_bps))
    raw = position.entry * (1 + position.side.sign * buffer_bps / 10_000)
    grid = _grid(position, room.desk.quote(position.symbol))
    rounding = ROUND_FLOOR if position.side is Side.LONG else ROUND_CEILING
    at = None if grid is None else (raw / grid).to_integral_value(rounding) * grid
    return at if at is not None and position.side.sign * (at - position.entry) > 0 else None


def _grid(position: PositionView, quote: Quote | None) -> Decimal | None:
    """The widest step that all legal prices in sight lie on: the tick, or a multiple of it."""
    legal = [*(t.price for t in position.targets), *([position.stop] if position.stop else [])]
    legal += [] if quote is None else [exact(quote.bid), exact(quote.ask)]
    digits = decimals(*legal)
    step = gcd(*(int(price.scaleb(digits)) for price in legal))
    return Decimal(step).scaleb(-digits) if step else None


async def _move(room: Room, tap: Tap, position_id: int, price: Decimal) -> Answer:
    key, by = command_id(tap), tap.caller.by
    command = MoveStop(command_id=key, by=by, position_id=position_id, price=price)
    result = await put(room.desk, command)
    if not result.is_done:
        return failed(result.words, is_known=result.is_done is False)
    return texts.stop_sent(result.words)
