"""The command that draws: a market or a trade, in one of several timeframes.

It exists so that a picture is asked for and turned in one place. It only looks; drawing happens
when the message leaves.
"""

from collections.abc import Callable

from bot import texts
from bot.commands_read import known, no_more, pick, which
from bot.content import Photo
from bot.conversation import Ask, Room
from bot.dialogs import Answer
from bot.parsing import Unclear, find_symbols, position_number
from bot.trades import Trade
from bot.views.chart import BARS_KEPT, Scene, caption, chart, frames_of, is_told
from bot.views.equity import equity_photo, r_histogram_photo
from bot.views.layout import Text, keyboard, read
from engine.core.view import PositionView, View


async def chart_(room: Room, ask: Ask) -> Answer:
    """Candles with levels and the trade's lines, of a market or of a trade."""
    no_more(ask, 2)
    view = room.desk.view()
    if not ask.args:
        return _pick(view)
    name, *rest = ask.args
    if name.lower() in RESULTS and not rest:
        return RESULTS[name.lower()](view)
    frame_s = _frame(rest[0], view.frame_s) if rest else view.frame_s
    number = position_number(name)
    if number is not None:
        return _trade(room, number, frame_s)
    found = find_symbols(name, known(room))
    if len(found) != 1:
        return which(view, found, "chart")
    held = next((p for p in view.positions if p.symbol == found[0]), None)
    trade = room.book.trades.get(held.id) if held is not None else None
    return _photo(room, found[0], frame_s, held, trade)


def _equity(view: View) -> Photo | Text:
    return equity_photo(view, view.trades, "all trades kept", _WAYS)


def _in_r(view: View) -> Photo | Text:
    return r_histogram_photo(view, _WAYS)


RESULTS: dict[str, Callable[[View], Photo | Text]] = {"equity": _equity, "r": _in_r}
_DRAWN = (read("📈 Equity", "chart", "equity"), read("📊 Results in R", "chart", "r"))
_WAYS = keyboard(_DRAWN, (read("💰 PnL", "pnl"),))


def _pick(view: View) -> Text:
    """Markets to choose from, and the pictures of what was won and lost."""
    markets = pick(view, "chart")
    return Text(markets.html, (*markets.buttons, _DRAWN))


def _frame(word: str, base_s: int) -> int:
    offered = frames_of(base_s)
    if word.lower() not in offered:
        raise Unclear("a timeframe is one of " + ", ".join(offered))
    return offered[word.lower()]


def _trade(room: Room, number: int, frame_s: int) -> Answer:
    """A trade by its number, open or closed."""
    held, trade = room.desk.view().position(number), room.book.trades.get(number)
    if held is not None:
        return _photo(room, held.symbol, frame_s, held, trade)
    if trade is None:
        return texts.NO_TRADE
    return _photo(room, trade.symbol, frame_s, None, trade)


def _photo(
    room: Room, symbol: str, frame_s: int, held: PositionView | None, trade: Trade | None
) -> Answer:
    candles = room.desk.candles(symbol, BARS_KEPT)
    if candles is None or not len(candles.open_ms):
        return texts.NO_CHART
    scene = Scene(
        candles, room.desk.view().mode, room.settings.levels, frame_s, position=held, trade=trade
    )
    if not is_told(scene):
        return texts.NO_CHART_ANY_MORE
    picture = chart(scene)
    if not len(picture.open_ms):
        return texts.NO_WHOLE_CANDLE
    return Photo(picture, caption(scene, picture))
