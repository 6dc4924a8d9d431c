"""The commands that only look: they answer in every state and change nothing.

They exist as short functions from a request to an answer; what they show comes from the frozen
view. None of them may put a command to the engine.
"""

from bot import texts
from bot.conversation import Ask, Room
from bot.dialogs import Answer
from bot.gate import Role
from bot.parsing import (
    Unclear,
    count,
    find_symbols,
    is_count,
    position_number,
    signal_number,
)
from bot.views import health as machine
from bot.views import market, status
from bot.views import signals as listing
from bot.views import why as reasons
from bot.views.layout import Text
from bot.views.markets import why_barred
from engine.core.values import Setup
from engine.core.view import CandlesView, View

LEVEL_BARS = 20  # candles beside the levels: the last close, and how prices are written


async def start(room: Room, ask: Ask) -> Answer:
    """Who is this, what runs here, and the live card; it never starts trading."""
    card = status.status(room.desk.view(), room.desk.health(), room.settings.risk)
    return texts.welcome(card, ask.caller.name, ask.caller.role.name.lower())


async def health(room: Room, ask: Ask) -> Answer:
    """How the machinery is doing."""
    no_more(ask, 0)
    is_owner = ask.caller.role is Role.OWNER
    card = machine.health_card(room.desk.view(), room.desk.health(), room.pulse())
    return machine.with_logs(card) if is_owner else card


async def why(room: Room, ask: Ask) -> Answer:
    """The checks of a symbol, of a trade, of a signal, or where markets dropped out."""
    no_more(ask, 1)
    view = room.desk.view()
    if not ask.args:
        return reasons.why_overview(view)
    barred = {b.symbol: b for b in view.barred}
    found = find_symbols(ask.args[0], known(room) | set(barred))
    numbered = _numbered(room, ask.args[0], is_market=bool(found))
    if numbered is not None:
        return numbered
    if len(found) != 1:
        return which(view, found, "why")
    if found[0] in barred:
        return why_barred(barred[found[0]], view)
    verdict = room.desk.verdict(found[0])
    if verdict is None:
        return texts.not_judged(found[0])
    tried = [Setup[name] for name in room.settings.signals.setups]
    last = next(iter(room.signals.page(1, found[0]).rows), None)
    return reasons.why_symbol(verdict, view, tried, last)


def _numbered(room: Room, word: str, *, is_market: bool) -> Answer:
    """The reasons of `#17` or `s1234`; None where the word is none of these, or rather a market."""
    trade_id, seq = position_number(word), signal_number(word)
    trade = None if trade_id is None else room.book.trades.get(trade_id)
    heard = None if seq is None else room.signals.get(seq)
    fact = trade.taken if trade is not None else heard.fact if heard is not None else None
    if fact is not None:
        return reasons.why_signal(fact, room.desk.view())
    if trade_id is not None:
        return texts.NO_TRADE
    return texts.NO_SIGNAL if seq is not None and not is_market else None


async def signals(room: Room, ask: Ask) -> Answer:
    """The last signals and what became of them; a last word `s1234` asks for older ones."""
    no_more(ask, 2)
    words, before = ask.args, None
    if words and (before := signal_number(words[-1])) is not None:
        words = words[:-1]
    if len(words) > 1:
        raise Unclear("after a count or a market only a signal like s1234 is understood")
    rows, symbol = listing.ROWS, None
    if words and is_count(words[0]):
        rows = count(words[0], listing.ROWS_MAX)
    elif words:
        found = find_symbols(words[0], known(room) | room.signals.symbols)
        if len(found) != 1:
            return which(room.desk.view(), found, "signals")
        symbol, words = found[0], (found[0],)
    return listing.signals(room.signals.page(rows, symbol, before), room.desk.view(), words)


async def levels(room: Room, ask: Ask) -> Answer:
    """What the next bar of a market is tested against."""
    candles = _candles(room, ask, "levels")
    if not isinstance(candles, CandlesView):
        return candles
    return market.levels(candles, room.desk.view(), room.desk.flow(candles.symbol))


def no_more(ask: Ask, most: int) -> None:
    """Refuse words that would be ignored."""
    if len(ask.args) > most:
        raise Unclear("that is more than this command takes")


def _candles(room: Room, ask: Ask, verb: str) -> CandlesView | Answer:
    """The candles of the market that is named, or the answer that asks for one."""
    no_more(ask, 1)
    view = room.desk.view()
    if not ask.args:
        return pick(view, verb)
    found = find_symbols(ask.args[0], known(room))
    if len(found) != 1:
        return which(view, found, verb)
    candles = room.desk.candles(found[0], LEVEL_BARS)
    return candles if candles is not None and len(candles.open_ms) else texts.NO_CHART


def pick(view: View, verb: str) -> Text:
    """Offer markets where none was named."""
    picks = [*(p.symbol for p in view.positions), *market.best(view)]
    return texts.which_symbol(picks, verb, texts.PICK_MARKET)


def which(view: View, found: list[str], verb: str) -> Answer:
    """Ask which of several markets is meant; when none is, offer the best."""
    if found:
        return texts.which_symbol(found, verb)
    return texts.which_symbol(market.best(view), verb, texts.UNKNOWN_MARKET)


def known(room: Room) -> set[str]:
    """Symbols a person may mean."""
    view = room.desk.view()
    return {*view.universe, *view.verdicts, *(p.symbol for p in view.positions)}
