"""What the owner wants to hear, how loudly and when: read from the notes of the ledger.

It exists so that the outbox asks one question of one value, and a restart changes nothing. It must
never silence what is a matter of safety.
"""

from collections.abc import Mapping
from datetime import time
from enum import StrEnum
from types import MappingProxyType

import msgspec

from engine.core.values import Ms


class Kind(StrEnum):
    """What a message is about; the rows of the notification matrix."""

    SAFETY = "safety"  # always loud, also at night
    FILL = "fill"
    SIGNAL = "signal"
    SKIPPED = "skipped"
    ALERT = "alert"
    WARNING = "warning"
    ERROR = "error"
    STEER = "steer"  # mode, settings, pause, roles
    PROCESS = "process"  # start, stop, crash
    REPORT = "report"


class Volume(StrEnum):
    """How loudly."""

    ON = "on"
    SILENT = "silent"
    OFF = "off"


DEFAULTS: Mapping[Kind, Volume] = MappingProxyType(
    {
        Kind.SAFETY: Volume.ON,
        Kind.FILL: Volume.ON,
        Kind.SIGNAL: Volume.SILENT,
        Kind.SKIPPED: Volume.OFF,
        Kind.ALERT: Volume.ON,
        Kind.WARNING: Volume.SILENT,
        Kind.ERROR: Volume.ON,
        Kind.STEER: Volume.ON,
        Kind.PROCESS: Volume.SILENT,
        Kind.REPORT: Volume.SILENT,
    }
)
DIGEST = time(0, 5)
MUTED = "mute."


class Preferences(msgspec.Struct, frozen=True):
    """The matrix, the quiet hours and the time of the daily report, in the owner's zone."""

    volumes: Mapping[Kind, Volume] = DEFAULTS
    quiet: tuple[time, time] | None = None  # from, until; may wrap midnight
    digest: time = DIGEST
    mutes: Mapping[str, Ms] = MappingProxyType({})  # code of an incident -> until when

    def is_muted(self, code: str, at_ms: Ms) -> bool:
        """Whether a person does not want to hear of this error now."""
        return at_ms < self.mutes.get(code, 0)

    def over(self, at_ms: Ms) -> tuple[str, ...]:
        """Keys of notes about mutes that have ended."""
        return tuple(f"{MUTED}{code}" for code, until in self.mutes.items() if until <= at_ms)

    def volume(self, kind: Kind) -> Volume:
        """How loudly this kind is told."""
        return Volume.ON if kind is Kind.SAFETY else self.volumes[kind]

    def is_quiet(self, at: time) -> bool:
        """Whether that local time of day is within the quiet hours."""
        if self.quiet is None:
            return False
        begin, end = self.quiet
        if begin <= end:
            return begin <= at < end
        return at >= begin or at < end


def read(notes: Mapping[str, str]) -> Preferences:
    """The preferences these notes hold; a note that means nothing leaves its default.

    Keys: `notify.<kind>`, `quiet` (HH:MM-HH:MM), `digest` (HH:MM), `mute.<code>` (epoch ms).
    """
    volumes = {kind: _volume(notes.get(f"notify.{kind}", ""), kind) for kind in Kind}
    begin, _, end = notes.get("quiet", "").partition("-")
    opens, closes = _time(begin), _time(end)
    quiet = None if opens is None or closes is None else (opens, closes)
    mutes = {
        key.removeprefix(MUTED): int(until)
        for key, until in notes.items()
        if key.startswith(MUTED) and until.isdecimal()
    }
    digest = _time(notes.get("digest", ""))
    return Preferences(volumes, quiet, DIGEST if digest is None else digest, mutes)


def _volume(word: str, kind: Kind) -> Volume:
    try:
        return Volume(word)
    except ValueError:
        return DEFAULTS[kind]


def _time(word: str) -> time | None:
    try:
        return time.fromisoformat(word)
    except ValueError:
        return None
