"""The commands about money: profit and loss, the account, and how much may still be lost.

They exist so that what was won, what is held and what is at stake are one word each. The only one
that changes anything asks for an owner, a reason and a tap.
"""

from bot.commands_gates import gate, unlock
from bot.commands_read import no_more
from bot.conversation import Ask, Room
from bot.dialogs import Answer
from bot.parsing import Unclear
from bot.views import balance as account
from bot.views import pnl as table
from bot.views import risk as limits
from engine.core.values import GateName

RESET = "reset"


async def pnl(room: Room, ask: Ask) -> Answer:
    """Closed trades of a period, cut into days, weeks or months; or drawn as a curve."""
    no_more(ask, 2)
    view, zone = room.desk.view(), room.settings.risk.day_zone
    if ask.args and ask.args[0].lower() == "chart":
        return table.curve(view, _span(ask.args[1:], "all").period, zone)
    return table.pnl(view, _span(ask.args), zone)


def _span(args: tuple[str, ...], usual: str = "7d") -> table.Span:
    """`30d`, `week`, or both in any order."""
    period = step = ""
    for word in map(str.lower, args):
        if word in table.PERIODS and not period:
            period = word
        elif word in table.STEPS and not step:
            step = word
        else:
            known = (*table.PERIODS, *table.STEPS)
            raise Unclear("a period is one of " + ", ".join(known))
    return table.Span(period or table.STEPS.get(step, usual), step)


async def balance(room: Room, ask: Ask) -> Answer:
    """What the account holds."""
    no_more(ask, 0)
    return account.balance(room.desk.view(), room.settings)


async def risk(room: Room, ask: Ask) -> Answer:
    """The limits and how much of each is used; `reset` lifts the lock of the kill switch."""
    if not ask.args:
        return limits.risk(room.desk.view(), room.settings)
    if ask.args[0].lower() != RESET:
        raise Unclear("only reset is understood here")
    if gate(room, GateName.KILL_SWITCH) is None:
        return limits.NO_LOCK
    return unlock(room, ask.caller, " ".join(ask.args[1:]))
