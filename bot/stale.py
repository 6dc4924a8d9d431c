"""What a command may do that was typed long ago, or before this start knows what is open.

It exists so that an old word neither vanishes nor acts on a market that has moved: the safe
direction runs, what would close asks first, what would add risk is refused. Reads are skipped
before they get here.
"""

from bot import texts
from bot.commands_gates import do_pause, do_resume, gate
from bot.commands_panic import do_panic
from bot.conversation import Ask, Room
from bot.dialogs import Answer, Choice, Question, Tap
from bot.verbs import Stale, Verb
from bot.views.layout import Text
from engine.core.values import GateName

STALE_TTL_S = 60.0
FIRST = "starting"  # so the engine calls an account that this start has not compared yet


def starting(room: Room, verb: Verb) -> int | None:
    """Which step of the start a command has to wait for; None when it may run.

    What only looks may always, and what only locks once turns are made.
    """
    if verb.stale is Stale.SKIP:
        return None
    if not room.desk.health().has_begun:
        return 1
    compared = gate(room, GateName.UNRECONCILED)
    locks = verb.stale is Stale.RUN or verb.name == "panic"
    return 2 if compared is not None and compared.why.startswith(FIRST) and not locks else None


async def run_stale(room: Room, verb: Verb, ask: Ask, age_s: float) -> Answer:
    """What an old command may still do; reads were skipped before."""
    if verb.stale is Stale.RUN:
        return await do_pause(room, ask.tap, None, was_late=True)
    if verb.stale is Stale.REFUSE:
        return texts.stale_refused(verb.name, age_s)
    return await _lock_and_ask(room, verb, ask, age_s)


async def _lock_and_ask(room: Room, verb: Verb, ask: Ask, age_s: float) -> Answer:
    """An old close, stop or panic: entries off at once, and a question before any close."""
    was_open = gate(room, GateName.OPERATOR) is None
    locked = await do_pause(room, ask.tap, None)
    if isinstance(locked, Text) and was_open:  # it did not work: that is the news
        return locked

    async def do_it(tap: Tap) -> Answer:
        if verb.name == "panic":
            return await do_panic(room, tap)
        return await verb.action(room, Ask(tap.caller, tap.update_id, ask.args, is_button=True))

    async def ignore(tap: Tap) -> Answer:
        return await do_resume(room, tap, "")

    row = [Choice(texts.DO_IT, do_it, "danger"), Choice(texts.STAY, _stay)]
    if was_open:
        row.append(Choice(texts.IGNORE, ignore))
    words = texts.stale_act(" ".join((verb.name, *ask.args))[:60], age_s, _exposure(room))
    return Question(words, (tuple(row),), STALE_TTL_S)


async def _stay(_tap: Tap) -> Answer:
    return texts.STAYS


def _exposure(room: Room) -> str:
    held = room.desk.view().positions
    known = [p.move_r for p in held if p.move_r is not None]
    return texts.exposure(len(held), sum(known) if len(known) == len(held) else None)
