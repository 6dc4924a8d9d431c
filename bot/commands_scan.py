"""The command for the most promising markets, and for choosing anew which ones are looked at.

It exists apart from the reads because `now` is a command to the engine. It must never open or close
anything: markets with an open position stay followed.
"""

from bot import texts
from bot.commands_gates import cancel, failed
from bot.commands_read import no_more
from bot.conversation import Ask, Room, command_id, put
from bot.dialogs import Answer, Choice, Question, Tap
from bot.gate import Role
from bot.parsing import count
from bot.views import market
from engine.core.events import Rescan
from engine.core.view import ranked

NOW = "now"


async def scan(room: Room, ask: Ask) -> Answer:
    """The most promising markets, best first; `now` has them chosen anew."""
    no_more(ask, 1)
    if ask.args and ask.args[0].lower() == NOW:
        return await _scan_now(room, ask)
    most = count(ask.args[0], market.SCAN_MAX) if ask.args else market.SCAN_ROWS
    view = room.desk.view()
    shown = ranked(view.verdicts.values())[:most]
    rows = [room.desk.verdict(verdict.symbol) or verdict for verdict in shown]
    return market.scan(rows, view, most)


async def _scan_now(room: Room, ask: Ask) -> Answer:
    if ask.caller.role < Role.TRADER:
        return texts.refused_role("scan now", Role.TRADER.name.lower())
    if not ask.is_button:
        return await _rescan(room, ask.tap)

    async def act(tap: Tap) -> Answer:
        return await _rescan(room, tap)

    row = (Choice(texts.RESCAN, act, "primary"), cancel())
    return Question(texts.RESCAN_QUESTION, (row,), room.settings.bot.confirm_s)


async def _rescan(room: Room, tap: Tap) -> Answer:
    result = await put(room.desk, Rescan(command_id=command_id(tap), by=tap.caller.by))
    if not result.is_done:
        return failed(result.words, is_known=result.is_done is False)
    return texts.rescanned(result.words)
