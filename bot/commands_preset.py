"""The command that shows presets, what one would change, and puts it in force.

It exists so that a strategy is changed on purpose: after its whole difference was shown, and only
if that is still the difference when it is confirmed. It must never change a single key.
"""

from bot import texts
from bot.commands_gates import cancel, failed
from bot.commands_read import no_more
from bot.conversation import Ask, Room, command_id, put
from bot.dialogs import Answer, Choice, Question, Tap
from bot.views import presets as cards
from engine import preset as known
from engine.core.events import UsePreset
from engine.core.settings import Settings
from engine.errors import ConfigError

READ_S = 120.0  # a difference of sixty keys takes longer to read than a price


async def preset(room: Room, ask: Ask) -> Answer:
    """All presets, or the question whether one shall be in force."""
    no_more(ask, 1)
    if not ask.args:
        characters = {name: known.character(name) for name in known.names()}
        return cards.presets(characters, room.desk.view())
    name = ask.args[0].lower()
    problem = known.unknown(name)
    if problem is not None:
        return cards.unknown(problem)
    return _question(room, name)


def _question(room: Room, name: str, prefix: str = "") -> Answer:
    """What the preset would change, to be confirmed."""
    view = room.desk.view()
    try:
        then = room.desk.preset(name)
    except ConfigError as error:
        return cards.refused(name, error.problems)
    shown = known.diff(room.desk.settings(), then)
    if not shown and name == view.preset and not view.next_preset:
        return cards.in_force(name)

    async def act(tap: Tap) -> Answer:
        return await _use(room, tap, name, shown)

    words = cards.question(name, known.character(name), shown, view)
    row = (Choice(texts.APPLY, act, "primary"), cancel())
    return Question(prefix + words + texts.expires_unread(READ_S), (row,), READ_S)


async def _use(room: Room, tap: Tap, name: str, shown: tuple[known.Change, ...]) -> Answer:
    """Put it to the engine, unless it means something else by now."""
    try:
        settings = room.desk.preset(name)
    except ConfigError as error:
        return cards.refused(name, error.problems)
    if known.diff(room.desk.settings(), settings) != shown:
        return _question(room, name, texts.CHANGED)
    return await _put(room, tap, name, settings)


async def _put(room: Room, tap: Tap, name: str, settings: Settings) -> Answer:
    """Put it to the engine; the way back is the preset that was chosen before."""
    view, by = room.desk.view(), tap.caller.by
    before = view.next_preset or view.preset
    command = UsePreset(command_id=command_id(tap), by=by, name=name, settings=settings)
    result = await put(room.desk, command)
    if not result.is_done:
        return failed(result.words, is_known=result.is_done is False)

    async def undo(tap: Tap) -> Answer:
        try:
            return await _put(room, tap, before, room.desk.preset(before))
        except ConfigError as error:
            return cards.refused(before, error.problems)

    words = cards.used(result.words)
    return Question(words, ((Choice(texts.UNDO, undo),),), READ_S, ending="")
