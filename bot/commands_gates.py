"""The commands that switch entries off and on: pause, resume, stop.

They exist so that the safe direction is one word and the other direction asks. None of them may
touch an exit; a lock is lifted by an owner, with a reason, on purpose.
"""

from bot import texts
from bot.commands_read import no_more
from bot.conversation import Ask, Room, command_id, put
from bot.dialogs import Answer, Choice, Question, Tap
from bot.gate import Caller, Role
from bot.parsing import pause_end
from bot.views import status
from bot.views.layout import Text
from engine.core.events import Pause, Resume, Stop
from engine.core.values import GateName, Ms
from engine.core.view import GateView

REASON_S = 120.0


async def pause(room: Room, ask: Ask) -> Answer:
    """No new entries, at once, with a way back."""
    view = room.desk.view()
    until_ms = pause_end(ask.args, view.at_ms, room.settings.bot.zone)
    if not ask.is_button:
        return await do_pause(room, ask.tap, until_ms)

    async def act(tap: Tap) -> Answer:
        return await do_pause(room, tap, until_ms)

    row = (Choice(texts.PAUSE, act, "primary"), cancel())
    return Question(texts.PAUSE_QUESTION, (row,), room.settings.bot.confirm_s)


async def do_pause(room: Room, tap: Tap, until_ms: Ms | None, *, was_late: bool = False) -> Answer:
    """Close the operator gate; Undo is offered only for what this very pause did."""
    was_closed = gate(room, GateName.OPERATOR) is not None
    result = await put(
        room.desk, Pause(command_id=command_id(tap), by=tap.caller.by, until_ms=until_ms)
    )
    if not result.is_done:
        return failed(result.words, is_known=result.is_done is False)
    words = texts.paused(result.words, until_ms, was_late=was_late)
    if was_closed:
        return Text(words)

    async def undo(tap: Tap) -> Answer:
        return await do_resume(room, tap, "")

    rows = ((Choice(texts.UNDO, undo),),)
    return Question(words, rows, room.settings.bot.confirm_s, ending="")


async def resume(room: Room, ask: Ask) -> Answer:
    """Entries on; a lock wants an owner, a reason and a tap."""
    reason = " ".join(ask.args)
    if gate(room, GateName.KILL_SWITCH) is not None:
        return unlock(room, ask.caller, reason)
    view = room.desk.view()
    if not view.gates:
        return texts.ALREADY_ON
    if ask.is_button or view.mode != "paper":
        return _resume_question(room, reason)
    return await do_resume(room, ask.tap, reason)


def unlock(room: Room, caller: Caller, reason: str) -> Answer:
    """The way out of a panic or a kill switch."""
    if caller.role < Role.OWNER:
        return texts.refused_role("resume", Role.OWNER.name.lower())
    if reason:
        return _resume_question(room, reason)
    locked = gate(room, GateName.KILL_SWITCH)
    why = locked.why if locked is not None else ""

    async def heard(_tap: Tap, words: str) -> Answer:
        return _resume_question(room, words)

    words = texts.reason_question(why, REASON_S)
    return Question(words, ((cancel(),),), REASON_S, on_text=heard)


def _resume_question(room: Room, reason: str) -> Question:
    async def act(tap: Tap) -> Answer:
        return await do_resume(room, tap, reason)

    state = status.header(room.desk.view(), room.desk.health())
    row = (Choice(texts.RESUME, act, "danger"), cancel())
    words = texts.resume_question(state, reason)
    return Question(words, (row,), room.settings.bot.confirm_s)


async def do_resume(room: Room, tap: Tap, reason: str) -> Answer:
    """Open the gates a person may open; without a reason a lock stays."""
    command = Resume(command_id=command_id(tap), by=tap.caller.by, reason=reason)
    result = await put(room.desk, command)
    if not result.is_done:
        return failed(result.words, is_known=result.is_done is False)
    return texts.resumed([status.gate_line(gate) for gate in room.desk.view().gates])


async def stop(room: Room, ask: Ask) -> Answer:
    """Ask which of the two ways to stop is meant."""
    no_more(ask, 0)

    async def keep(tap: Tap) -> Answer:
        return await _stop(room, tap, close_all=False)

    async def close_all(tap: Tap) -> Answer:
        return await _stop(room, tap, close_all=True)

    words = texts.stop_question(len(room.desk.view().positions))
    rows = (
        (Choice(texts.KEEP, keep, "primary"),),
        (Choice(texts.CLOSE_ALL, close_all, "danger"), cancel()),
    )
    return Question(words, rows, room.settings.bot.confirm_s)


async def _stop(room: Room, tap: Tap, *, close_all: bool) -> Answer:
    command = Stop(command_id=command_id(tap), by=tap.caller.by, close_all=close_all)
    result = await put(room.desk, command)
    if not result.is_done:
        return failed(result.words, is_known=result.is_done is False)
    return texts.stopped(result.words)


def gate(room: Room, name: GateName) -> GateView | None:
    """The gate of this name, when it is closed."""
    return next((g for g in room.desk.view().gates if g.name is name), None)


def failed(words: str, *, is_known: bool) -> Text:
    """The engine refused, or nobody knows."""
    return texts.not_done(words) if is_known else texts.doubtful(words)


def cancel() -> Choice:
    """The way out of every question."""
    return Choice(texts.CANCEL, _cancel)


async def _cancel(_tap: Tap) -> Answer:
    return texts.CANCELED
