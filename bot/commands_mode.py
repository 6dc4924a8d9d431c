"""The command that shows paper or live, and changes between them.

It exists so that real money needs two channels: what the machine permits, and a phrase that an
owner types, with a code that was never shown before. It must never change anything while a position
is open, and never take a tap for the phrase.
"""

import secrets

import msgspec

from bot import texts
from bot.commands_gates import cancel, gate
from bot.commands_read import no_more
from bot.conversation import Ask, Room
from bot.dialogs import Answer, Choice, Followed, Question, Stage, Tap
from bot.parsing import Unclear
from bot.views import mode as cards
from engine.core.values import LIVE, PAPER, GateName
from engine.errors import EngineError

TYPE_S = 60.0
CODES = 10_000


class Phrase(msgspec.Struct, frozen=True):
    """What must be typed, by when, and how many tries are left."""

    words: str
    until_s: float
    left: int = cards.TRIES


async def mode(room: Room, ask: Ask) -> Answer:
    """Show the mode, or ask for another one."""
    no_more(ask, 1)
    view = room.desk.view()
    if not ask.args:
        return cards.standing(view, room.desk.modes.problems())
    wanted = ask.args[0].lower()
    if wanted not in (PAPER, LIVE):
        raise Unclear("a mode is paper or live")
    if wanted == view.mode:
        return cards.gone(f"it is {wanted} already")
    return await _ask_live(room) if wanted == LIVE else _ask_paper(room)


def _held(room: Room) -> str:
    """Why what is open stands in the way; empty when nothing is."""
    held = room.desk.view().positions
    names = ", ".join(f"#{p.id} {p.symbol}" for p in held[:5])
    return f"{len(held)} open ({names}): close them first" if held else ""


# Live


async def _ask_live(room: Room) -> Answer:
    """What speaks against it, or the card with the phrase."""
    problems = _obstacles(room)
    if problems:
        return cards.refused(problems)
    try:
        prospect = await room.desk.modes.prospect()
    except EngineError as problem:
        return cards.refused((f"the account cannot be looked at: {problem}",))
    if prospect.refusals:
        return cards.refused(prospect.refusals)
    settings = room.settings
    words = f"LIVE {settings.bot.name} {secrets.randbelow(CODES):04d}"
    phrase = Phrase(words, room.desk.now_real() + TYPE_S)
    seen = cards.checks(room.desk.view(), room.desk.health())
    return _listen(room, phrase, cards.question(prospect, settings, words, TYPE_S, seen))


def _obstacles(room: Room) -> tuple[str, ...]:
    held = _held(room)
    clock = gate(room, GateName.CLOCK_BAD)
    wrong = (held, "" if clock is None else f"clock: {clock.why}")
    return (*room.desk.modes.problems(), *(words for words in wrong if words))


def _listen(room: Room, phrase: Phrase, html: str) -> Question:
    """Wait for the phrase from the one who asked, until its time is over."""

    async def heard(tap: Tap, words: str) -> Answer:
        return _hear(room, phrase, tap, words)

    left_s = phrase.until_s - room.desk.now_real()
    return Question(html, ((cancel(),),), left_s, on_text=heard)


def _hear(room: Room, phrase: Phrase, tap: Tap, words: str) -> Answer:
    left_s = phrase.until_s - room.desk.now_real()
    if words.strip() != phrase.words:
        if phrase.left <= 1 or left_s <= 1:
            return cards.gone("the phrase was not typed; ask for a new one")
        again = msgspec.structs.replace(phrase, left=phrase.left - 1)
        return _listen(room, again, cards.wrong(again.left, phrase.words, left_s))
    problems = _obstacles(room)
    return cards.refused(problems) if problems else _change(room, LIVE, tap)


def _change(room: Room, mode: str, tap: Tap) -> Answer:
    """Write it down, answer, and only then let everything end."""
    try:
        room.desk.modes.choose(mode, tap.caller.by)
    except EngineError as problem:
        return cards.gone(str(problem))

    async def nothing_more(_stage: Stage) -> None:
        return

    return Followed(cards.changing(mode), nothing_more, room.desk.modes.change_over)


# Paper


def _ask_paper(room: Room) -> Answer:
    held = _held(room)
    if held:
        return cards.gone(held)

    async def act(tap: Tap) -> Answer:
        held = _held(room)
        return cards.gone(held) if held else _change(room, PAPER, tap)

    row = (Choice(texts.BACK_TO_PAPER, act, "primary"), cancel())
    return Question(cards.paper_question(), (row,), room.settings.bot.confirm_s)
