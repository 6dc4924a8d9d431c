"""What the owner wants to hear, read from notes."""

from datetime import time

import pytest

from bot.preferences import DEFAULTS, DIGEST, Kind, Preferences, Volume, read


def test_without_notes_everything_is_as_shipped() -> None:
    assert read({}) == Preferences(dict(DEFAULTS), None, DIGEST)


def test_notes_change_rows_and_hours() -> None:
    notes = {"notify.fill": "silent", "quiet": "22:00-07:00", "digest": "08:30"}
    found = read(notes)
    assert found.volume(Kind.FILL) is Volume.SILENT
    assert found.volume(Kind.ALERT) is Volume.ON
    assert found.quiet == (time(22), time(7))
    assert found.digest == time(8, 30)


def test_a_note_without_meaning_leaves_its_default() -> None:
    notes = {"notify.fill": "loud", "quiet": "22:00", "digest": "25:00"}
    assert read(notes) == Preferences(dict(DEFAULTS), None, DIGEST)


def test_safety_cannot_be_silenced() -> None:
    assert read({"notify.safety": "off"}).volume(Kind.SAFETY) is Volume.ON


@pytest.mark.parametrize(
    ("hours", "at", "is_quiet"),
    [
        ("22:00-07:00", "21:59", False),
        ("22:00-07:00", "22:00", True),
        ("22:00-07:00", "06:59", True),
        ("22:00-07:00", "07:00", False),
        ("12:00-13:00", "12:30", True),
        ("12:00-13:00", "13:00", False),
    ],
)
def test_quiet_hours_may_wrap_midnight(hours: str, at: str, *, is_quiet: bool) -> None:
    assert read({"quiet": hours}).is_quiet(time.fromisoformat(at)) is is_quiet
