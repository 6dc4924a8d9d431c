"""How loudly a notice is told now: what the owner chose, and the hours of the night.

It exists so that the notification matrix is one table and one function. It must never silence
what is a matter of safety.
"""

from collections.abc import Mapping
from datetime import time
from enum import Enum
from types import MappingProxyType

from bot.notices import Notice
from bot.preferences import Kind, Preferences, Volume
from engine.core.values import Ms


class Loudness(Enum):
    """What becomes of a notice."""

    LOUD = "loud"
    SILENT = "silent"
    HELD = "held"  # until the quiet hours end, then in one message with the others
    OFF = "off"


AT_NIGHT: Mapping[Kind, Loudness] = MappingProxyType(
    {
        Kind.SAFETY: Loudness.LOUD,
        Kind.FILL: Loudness.SILENT,
        Kind.SIGNAL: Loudness.SILENT,
        Kind.SKIPPED: Loudness.OFF,
        Kind.ALERT: Loudness.HELD,
        Kind.WARNING: Loudness.HELD,
        Kind.ERROR: Loudness.HELD,
        Kind.STEER: Loudness.SILENT,
        Kind.PROCESS: Loudness.SILENT,
        Kind.REPORT: Loudness.SILENT,
    }
)


def loudness(notice: Notice, preferences: Preferences, at_ms: Ms, at: time) -> Loudness:
    """How this notice is told at that local time of day; a muted error is not."""
    if notice.kind is Kind.SAFETY:
        return Loudness.LOUD
    volume = preferences.volume(notice.kind)
    if volume is Volume.OFF or (notice.code and preferences.is_muted(notice.code, at_ms)):
        return Loudness.OFF
    if preferences.is_quiet(at):
        return AT_NIGHT[notice.kind]
    if notice.is_silent or (volume is Volume.SILENT and not notice.is_grave):
        return Loudness.SILENT
    return Loudness.LOUD
