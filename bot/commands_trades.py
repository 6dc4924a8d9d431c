"""The command that shows closed trades: page by page, one from its signal to flat, or as a file.

It exists so that every result can be followed back. It changes nothing.
"""

import re

from bot import texts
from bot.commands_read import no_more
from bot.content import File
from bot.conversation import Ask, Room
from bot.dialogs import Answer
from bot.export import trades_csv
from bot.journal import life
from bot.parsing import Unclear, count, find_symbols, is_count, position_number
from bot.trades import Trade
from bot.views import trades as listing
from bot.views.layout import Text
from engine.core.facts import PositionClosed, SignalTaken
from engine.core.view import View

COUNT_MAX = 500
_PAGE = re.compile(r"[pP](\d{1,3})", re.ASCII)
_HINT = "a page is written p2; the trades can be had as csv"


async def trades(room: Room, ask: Ask) -> Answer:
    """Closed trades, newest first: all, the last few, or those of a market; or one of them."""
    no_more(ask, 2)
    number = position_number(ask.args[0]) if ask.args else None
    if number is not None:
        no_more(ask, 1)
        return await _life(room, number)
    words, page, is_csv = _paged(ask.args)
    view = room.desk.view()
    pick = _pick(view, words, page)
    if isinstance(pick, Text):
        return pick
    if is_csv:
        caption = texts.trades_file(len(pick.trades), view.mode)
        return File("trades.csv", trades_csv(reversed(pick.trades)), caption)
    return listing.trades(pick, view)


def _paged(args: tuple[str, ...]) -> tuple[tuple[str, ...], int, bool]:
    """What chooses trades, which page, and whether a file is wanted."""
    if args and args[-1].lower() == "csv":
        return args[:-1], 1, True
    found = _PAGE.fullmatch(args[-1]) if args else None
    words = args if found is None else args[:-1]
    if len(words) > 1:
        raise Unclear(_HINT)
    return words, 1 if found is None else max(1, int(found[1])), False


def _pick(view: View, words: tuple[str, ...], page: int) -> listing.Pick | Text:
    newest = tuple(reversed(view.trades))
    if not words:
        return listing.Pick(newest, (), page)
    if is_count(words[0]):
        most = count(words[0], COUNT_MAX)
        return listing.Pick(newest[:most], (str(most),), page)
    found = find_symbols(words[0], {*view.universe, *(t.symbol for t in newest)})
    if len(found) != 1:
        return texts.which_symbol(found, "trades", texts.WHICH if found else texts.NO_SUCH_MARKET)
    return listing.Pick(tuple(t for t in newest if t.symbol == found[0]), (found[0],), page)


async def _life(room: Room, number: int) -> Answer:
    """The whole of one trade, from the journal; an open one has a card of its own."""
    view = room.desk.view()
    if view.position(number) is not None:
        return texts.still_open(number)
    known = room.book.trades.get(number)
    story = await life(room.desk, number, 0 if known is None else known.taken_seq - 1)
    trade = known
    for record in story:
        if trade is None and isinstance(record.fact, SignalTaken):
            trade = Trade(record.fact, record.seq)
    if trade is None or not story or not isinstance(story[-1].fact, PositionClosed):
        return texts.NO_TRADE
    return listing.life(trade, story[-1].fact, story[-1].at_ms, story)
