"""Notifications: a matrix whose cells turn in place, quiet hours, report time, mutes."""

import pytest
from desks import FakeDesk, body_of
from talk import Talk, talking
from telegram_wire import TRADER, buttons, tap

from bot import preferences
from bot.commands_notify import MUTE_MS
from builders import T0
from engine.core.events import Note


def notes(talk: Talk) -> dict[str, str]:
    return {c.key: c.value for c in talk.desk.commands if isinstance(c, Note)}


def keep(desk: FakeDesk) -> None:
    """What was noted is there at the next look."""
    known = {c.key: c.value for c in desk.commands if isinstance(c, Note)}
    desk.show(notes=known)


async def test_the_matrix_shows_every_kind_and_turns_in_place() -> None:
    async with talking() as talk:
        said = await talk.say("/notify")
        rows = body_of(said)
        assert rows[0].split() == ["safety", "on", "stops,", "locks"]
        assert all(len(line) <= 34 for line in rows)
        assert "Quiet hours off · report 00:05 · UTC" in said["text"]
        labels = [b["text"] for b in buttons(said)]
        assert len(labels) == len(preferences.Kind) - 1
        assert not any("safety" in label for label in labels)
        shown = said
        for volume in ("silent", "off", "on"):
            before = len(talk.desk.commands)
            talk.wire.calls.clear()
            await talk.tap(shown, "fill:", number=said["id"])
            assert notes(talk)["notify.fill"] == volume
            assert len(talk.desk.commands) == before + 1
            keep(talk.desk)
            shown = await talk.say("/notify")
            said = shown
            assert f"fill: {volume}" in next(
                b["text"] for b in buttons(shown) if "fill" in b["text"]
            )


async def test_a_tap_edits_the_same_message() -> None:
    async with talking() as talk:
        said = await talk.say("/notify")
        after = await talk.tap(said, "alert: on")
        assert int(after["message_id"]) == said["id"]
        assert "alert: silent" not in after["text"]  # the notes of this desk do not change


@pytest.mark.parametrize(
    ("words", "key", "value"),
    [
        ("quiet 22:00-07:00", "quiet", "22:00-07:00"),
        ("quiet off", "quiet", ""),
        ("digest 06:30", "digest", "06:30"),
        ("mute Order_Refused", "mute.order_refused", str(T0 + MUTE_MS)),
    ],
)
async def test_words_are_kept_as_notes(words: str, key: str, value: str) -> None:
    async with talking() as talk:
        said = await talk.say(f"/notify {words}")
        assert notes(talk) == {key: value}
        assert "<b>Notifications</b>" in said["text"]
        keep(talk.desk)
        shown = (await talk.say("/notify"))["text"]
        told = {
            "quiet": "Quiet hours " + (value or "off"),
            "digest": "report 06:30",
            "mute.order_refused": "Muted <b>order_refused</b> until ",
        }
        assert told[key] in shown


@pytest.mark.parametrize(
    "words",
    [
        "quiet",
        "quiet 22:00",
        "quiet 22:00-22:00",
        "quiet 25:00-07:00",
        "digest soon",
        "mute <x>",
        "mute",
        "loud",
        "quiet 22:00-07:00 x",
    ],
)
async def test_words_that_say_nothing_change_nothing(words: str) -> None:
    async with talking() as talk:
        said = await talk.say(f"/notify {words}")
        assert "/notify [quiet" in said["text"]
        assert notes(talk) == {}


async def test_mutes_that_are_over_are_forgotten() -> None:
    async with talking() as talk:
        talk.desk.show(notes={"mute.old_one": str(T0 - 1), "mute.odd": "x"})
        assert "Muted" not in (await talk.say("/notify"))["text"]
        await talk.say("/notify mute order_refused")
        assert notes(talk)["mute.old_one"] == ""


async def test_a_plain_button_only_asks() -> None:
    async with talking() as talk:
        for words, question in (
            ("mute order_refused", "Mute order_refused"),
            ("quiet off", "quiet"),
        ):
            [asked] = await talk.hear(tap(f"r|notify {words}", 5))
            assert question in asked["text"].replace("<b>", "").replace("</b>", "")
            assert notes(talk) == {} or "quiet" not in notes(talk)
            await talk.tap(asked, "Apply")
        assert set(notes(talk)) == {"mute.order_refused", "quiet"}


async def test_refusals_and_roles() -> None:
    async with talking() as talk:
        assert "is for the role owner" in (await talk.say("/notify", TRADER))["text"]
        talk.desk.refusal = "expected at most 200 notes, found them all used"
        said = await talk.say("/notify quiet off")
        assert said["text"] == f"✖ Not done: {talk.desk.refusal}."


def test_mutes_are_read_from_the_notes() -> None:
    read = preferences.read({"mute.order_refused": "100", "mute.x": "y", "digest": "00:00"})
    assert dict(read.mutes) == {"order_refused": 100}
    assert read.over(99) == ()
    assert read.over(100) == ("mute.order_refused",)
    assert f"{read.digest:%H:%M}" == "00:00"
