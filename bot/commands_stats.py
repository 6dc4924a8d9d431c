"""The command that judges closed trades: all of them, or by symbol, setup, exit, hour, side.

It exists so that "does it work" has a number. It changes nothing.
"""

from bot.commands_read import no_more
from bot.conversation import Ask, Room
from bot.dialogs import Answer
from bot.parsing import Unclear
from bot.views import stats as cards
from bot.views.equity import r_histogram_photo
from engine.core.performance import SPLITS


async def stats(room: Room, ask: Ask) -> Answer:
    """Statistics of the closed trades that are kept; the word `by` may stand before the split."""
    words = ask.args[1:] if ask.args and ask.args[0].lower() == "by" else ask.args
    by = words[0].lower() if words else ""
    no_more(ask, 1 + len(ask.args) - len(words))
    if by == cards.HISTOGRAM:
        return r_histogram_photo(room.desk.view(), cards.BACK)
    if by and by not in SPLITS:
        raise Unclear("statistics go by " + ", ".join(SPLITS))
    return cards.stats(room.desk.view(), by)
