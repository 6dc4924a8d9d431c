"""The command that says of a position in the account: not ours, leave it alone.

It exists so that somebody's own trade stops entries only until a person has looked. A symbol is
taken exactly as the exchange names it, never by likeness.
"""

from bot import texts
from bot.commands_gates import cancel, failed
from bot.commands_read import no_more
from bot.conversation import Ask, Room, command_id, put
from bot.dialogs import Answer, Choice, Question, Tap
from bot.parsing import Unclear, canonical
from bot.views import strangers
from engine.core.events import Ignore

OFF = "off"


async def ignore(room: Room, ask: Ask) -> Answer:
    """List what is not ours, or ask whether a symbol shall be left alone."""
    no_more(ask, 2)
    view = room.desk.view()
    if not ask.args:
        return strangers.strangers(view)
    is_on = len(ask.args) == 1
    if not is_on and ask.args[1].lower() != OFF:
        raise Unclear("after a symbol only the word off is understood")
    foreign = {p.symbol: p for p in view.foreign}
    name = canonical(ask.args[0])
    symbol = next((s for s in (*foreign, *view.ignored) if s in (name, f"{name}USDT")), None)
    if symbol is None:
        return strangers.strangers(view)

    async def act(tap: Tap) -> Answer:
        return await _ignore(room, tap, symbol, is_on=is_on)

    seconds = room.settings.bot.confirm_s
    words = strangers.question(symbol, foreign.get(symbol), view, is_on=is_on)
    row = (Choice(texts.LEAVE_ALONE if is_on else texts.COUNT, act, "primary"), cancel())
    return Question(words + texts.expires_unread(seconds), (row,), seconds)


async def _ignore(room: Room, tap: Tap, symbol: str, *, is_on: bool) -> Answer:
    key, by = command_id(tap), tap.caller.by
    command = Ignore(command_id=key, by=by, symbol=symbol, is_on=is_on)
    result = await put(room.desk, command)
    if not result.is_done:
        return failed(result.words, is_known=result.is_done is False)
    return strangers.done(result.words)
