"""What a person chose before the start, against what could be loaded.

It exists so that a choice which does not fit any more is never followed silently, nor forgotten.
It must never open a gate.
"""

from engine.core import operator
from engine.core.facts import Incident
from engine.core.turn import Turn

OTHER_VALUES = "the chosen settings are not in force"


def compare(turn: Turn, untuned: str) -> None:
    """Where something chosen is not in force, nothing is entered until a person looked."""
    chosen, used = turn.ledger.state.preset, turn.settings.bot.preset
    if chosen not in ("", used):
        words = f"{chosen} was chosen and does not fit the configuration; {used} is in force"
        turn.alarm(Incident("preset_refused", words))
        operator.lock(turn, operator.OTHER_PRESET)
    if untuned:
        words = f"values chosen in the chat do not fit the configuration: {untuned}"
        turn.alarm(Incident("settings_refused", words))
        operator.lock(turn, OTHER_VALUES)
