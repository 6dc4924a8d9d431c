"""The button under an alarm that says: somebody has seen it.

It exists because an alarm rings until one did. It changes nothing but the ringing: the alarm's
condition goes on, and so does what the engine does about it.
"""

from bot import texts_notices as texts
from bot.commands_read import no_more
from bot.conversation import Ask, Room
from bot.dialogs import Answer
from bot.parsing import Unclear


async def seen(room: Room, ask: Ask) -> Answer:
    """Stop the repeats of one alarm, or of all."""
    no_more(ask, 1)
    number = ask.args[0] if ask.args else ""
    if number and not (number.isascii() and number.isdecimal()):
        raise Unclear("expected the number of an event")
    count = room.outbox.see(int(number) if number else None)
    return texts.seen(count, ask.caller.by)
