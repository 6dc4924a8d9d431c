"""The command that shows the configuration in force, and exports it.

It exists so that nobody has to guess which of file, preset and chat won. It must never change
anything, nor show a secret.
"""

from difflib import get_close_matches

from bot.commands_read import no_more
from bot.content import File
from bot.conversation import Ask, Room
from bot.dialogs import Answer
from bot.parsing import Unclear
from bot.views import settings as cards
from engine import catalog, config

EXPORT = "export"
NAME = "breakout-config.toml"


async def config_(room: Room, ask: Ask) -> Answer:
    """All in short, one section, or everything as a file."""
    no_more(ask, 1)
    view, settings = room.desk.view(), room.settings
    if not ask.args:
        return cards.overview(settings, view)
    name = ask.args[0].lower()
    if name == EXPORT:
        content = "\n".join([*config.effective(settings), ""]).encode()
        return File(NAME, content, cards.exported(view))
    if name not in catalog.SECTIONS:
        near = get_close_matches(name, list(catalog.SECTIONS), 1)
        raise Unclear(f"no such section; did you mean {near[0]}?" if near else "no such section")
    return cards.configuration(name, settings, view)
