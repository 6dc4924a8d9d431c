"""The commands that only look: they answer in every state and change nothing.

They exist as short functions from a request to an answer; what they show comes from the frozen
view. None of them may put a command to the engine.
"""

from bot import texts
from bot.conversation import Ask, Room
from bot.dialogs import Answer, Photo
from bot.parsing import Unclear, count, find_symbols, position_number
from bot.views import market, money, status
from engine.core.view import View


async def start(room: Room, ask: Ask) -> Answer:
    """Who is this, what runs here; it never starts trading."""
    view = room.desk.view()
    head = status.header(view, room.desk.health())
    return texts.welcome(head, ask.caller.name, ask.caller.role.name.lower())


async def status_(room: Room, ask: Ask) -> Answer:
    """The live card."""
    no_more(ask, 0)
    return status.status(room.desk.view(), room.desk.health(), room.settings.risk)


async def health(room: Room, ask: Ask) -> Answer:
    """How the machinery is doing."""
    no_more(ask, 0)
    return status.health_card(room.desk.view(), room.desk.health(), room.pulse())


async def scan(room: Room, ask: Ask) -> Answer:
    """Candidates, nearest first."""
    no_more(ask, 1)
    rows = count(ask.args[0], market.SCAN_MAX) if ask.args else market.SCAN_ROWS
    return market.scan(room.desk.view(), rows)


async def why(room: Room, ask: Ask) -> Answer:
    """The checks of a symbol, of a trade, or of the whole market."""
    no_more(ask, 1)
    view = room.desk.view()
    if not ask.args:
        return market.why_overview(view)
    number = position_number(ask.args[0])
    if number is not None:
        trade = room.book.trades.get(number)
        return texts.NO_TRADE if trade is None else market.why_trade(trade, view)
    found = find_symbols(ask.args[0], _known(room))
    if len(found) != 1:
        return _which(view, found, "why")
    verdict = view.verdicts.get(found[0])
    return texts.not_judged(found[0]) if verdict is None else market.why_symbol(verdict, view)


async def chart(room: Room, ask: Ask) -> Answer:
    """Candles with levels and the trade's lines."""
    no_more(ask, 1)
    view = room.desk.view()
    if not ask.args:
        picks = [*(p.symbol for p in view.positions), *market.nearest(view)]
        return texts.which_symbol(picks, "chart", texts.PICK_MARKET)
    found = find_symbols(ask.args[0], _known(room))
    if len(found) != 1:
        return _which(view, found, "chart")
    candles = room.desk.candles(found[0], market.CHART_BARS)
    if candles is None or not len(candles.open_ms):
        return texts.NO_CHART
    held = next((p for p in view.positions if p.symbol == found[0]), None)
    trade = room.book.trades.get(held.id) if held is not None else None
    picture = market.chart(candles, view.mode, held, trade)
    return Photo(picture, market.chart_caption(picture, view.mode))


async def pnl(room: Room, ask: Ask) -> Answer:
    """Closed trades of a period."""
    no_more(ask, 1)
    period = ask.args[0].lower() if ask.args else "today"
    if period not in money.PERIODS:
        raise Unclear("a period is one of " + ", ".join(money.PERIODS))
    return money.pnl(room.desk.view(), period, room.settings.risk.day_zone)


def no_more(ask: Ask, most: int) -> None:
    """Refuse words that would be ignored."""
    if len(ask.args) > most:
        raise Unclear("that is more than this command takes")


def _which(view: View, found: list[str], verb: str) -> Answer:
    """Ask which of several markets is meant; when none is, offer those near a trade."""
    if found:
        return texts.which_symbol(found, verb)
    return texts.which_symbol(market.nearest(view), verb, texts.UNKNOWN_MARKET)


def _known(room: Room) -> set[str]:
    view = room.desk.view()
    return {*view.universe, *view.verdicts, *(p.symbol for p in view.positions)}
