"""The live card on demand, and the button that makes the newest one the pinned one.

It exists so that the pinned card can be brought to the end of a long chat. Pinning moves no money
and no state of trading, so it is done at once; it must never be done for a viewer.
"""

from bot import texts
from bot.cards import pin_new
from bot.conversation import Ask, Room
from bot.dialogs import Answer
from bot.gate import Role
from bot.parsing import Unclear
from bot.views import status

PIN = "pin"


async def status_(room: Room, ask: Ask) -> Answer:
    """The live card; with the word pin a new one is pinned and kept up to date from then on."""
    if ask.args not in ((), (PIN,)):
        raise Unclear("status takes the word pin, or nothing")
    is_viewer = ask.caller.role < Role.TRADER
    if not ask.args:
        view, health, limits = room.desk.view(), room.desk.health(), room.settings.risk
        return status.status(view, health, limits, may_pin=not is_viewer)
    if is_viewer:
        return texts.refused_role("status pin", Role.TRADER.name.lower())
    await pin_new(room.desk, room.outbox, ask.caller.chat_id)
    return None
