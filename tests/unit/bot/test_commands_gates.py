"""Pause, resume and stop: the safe direction at once, the other one asked for."""

import pytest
from desks import FakeDesk, gate, position, settle
from talk import talking
from telegram_wire import (
    TRADER,
    buttons,
    message,
)

from engine.core import events as e
from engine.core.values import GateName


def held(**changes: object) -> FakeDesk:
    desk = FakeDesk()
    desk.show(positions=(position(**changes),))
    return desk


async def test_pause_acts_at_once_and_can_be_undone_once() -> None:
    async with talking() as talk:
        raw = message("/pause 4h", TRADER)
        [said] = await talk.hear(raw)
        until_ms = talk.desk.shown.at_ms + 4 * 3_600_000
        key = f"tg:{raw['update_id']}"
        assert talk.desk.commands == [e.Pause(command_id=key, by="@u22 (22)", until_ms=until_ms)]
        undone = await talk.tap(said, "Undo", TRADER)
        assert "Resumed" in undone["text"]
        assert await talk.tap(said, "Undo", TRADER) == {}
        assert [type(c) for c in talk.desk.commands] == [e.Pause, e.Resume]
        assert talk.answers[-1]["text"] == "expired, nothing done"


async def test_undo_is_not_offered_for_an_older_pause() -> None:
    desk = FakeDesk()
    desk.show(gates=(gate(GateName.OPERATOR, "stopped"),))
    async with talking(desk) as talk:
        assert buttons(await talk.say("/pause")) == []


async def test_the_undo_button_vanishes_without_claiming_anything() -> None:
    async with talking() as talk:
        await talk.say("/pause")
        talk.desk.now_real.now += 31
        await talk.dispatch.tidy()
        await settle()
        [edit] = talk.wire.named("editMessageText")
        assert "expired" not in edit["text"]
        assert buttons(edit) == []


@pytest.mark.parametrize("words", ["1,5h", "-1h", "\uff14h", "4h 5h", "until 25:00", "0m", "99d"])
async def test_unclear_pauses_change_nothing(words: str) -> None:
    async with talking() as talk:
        said = await talk.say(f"/pause {words}")
        assert "Usage: <code>/pause [30m, 4h, until 08:00]</code>" in said["text"]
        assert talk.desk.commands == []


async def test_a_pause_button_asks_first() -> None:
    async with talking() as talk:
        status = await talk.say("/status")
        asked = await talk.tap(status, "Pause")
        assert talk.desk.commands == []
        assert "Paused" in (await talk.tap(asked, "Pause"))["text"]
        assert [type(c) for c in talk.desk.commands] == [e.Pause]


async def test_resume_is_plain_after_a_pause_and_needless_when_on() -> None:
    async with talking() as talk:
        assert "on already" in (await talk.say("/resume"))["text"]
        talk.desk.show(gates=(gate(GateName.OPERATOR),))
        raw = message("/resume", TRADER)
        assert "Resumed" in (await talk.hear(raw))[0]["text"]
        key = f"tg:{raw['update_id']}"
        assert talk.desk.commands == [e.Resume(command_id=key, by="@u22 (22)")]


async def test_resume_says_what_still_keeps_entries_off() -> None:
    desk = FakeDesk()
    desk.show(gates=(gate(GateName.STALE_DATA, "no market data yet", "engine"),))
    async with talking(desk) as talk:
        said = (await talk.say("/resume"))["text"].split(", since")[0]
        assert said == "🟡 <b>Resumed</b>, but entries wait.\n🔒 no market data yet"


async def test_resume_by_button_or_with_real_money_is_confirmed() -> None:
    desk = FakeDesk()
    desk.show(gates=(gate(GateName.OPERATOR),))
    async with talking(desk) as talk:
        asked = await talk.tap(await talk.say("/status"), "Resume")
        assert desk.commands == []
        assert "Resumed" in (await talk.tap(asked, "Resume"))["text"]
        desk.show(mode="live")
        assert "Entries on again?" in (await talk.say("/resume"))["text"]


def locked_desk() -> FakeDesk:
    desk = FakeDesk()
    desk.show(gates=(gate(GateName.KILL_SWITCH, "panic"),))
    return desk


async def test_a_lock_is_lifted_by_the_owner_with_a_reason_and_a_tap() -> None:
    async with talking(locked_desk()) as talk:
        assert "for the role owner" in (await talk.say("/resume why not", TRADER))["text"]
        asked = await talk.say("/resume")
        assert "Write the reason" in asked["text"]
        again = (await talk.hear(message("the feed is fine <now>")))[-1]
        assert "Reason: the feed is fine &lt;now&gt;" in again["text"]
        assert talk.desk.commands == []
        assert "Resumed" in (await talk.tap(again, "Resume"))["text"]
        [done] = talk.desk.commands
        assert isinstance(done, e.Resume)
        assert done.reason == "the feed is fine <now>"


async def test_a_reason_may_come_with_the_command() -> None:
    async with talking(locked_desk()) as talk:
        asked = await talk.say("/resume glitch in the feed")
        await talk.tap(asked, "Resume")
        assert [getattr(c, "reason", None) for c in talk.desk.commands] == ["glitch in the feed"]


async def test_a_reason_is_only_awaited_from_the_asker_until_the_next_command() -> None:
    async with talking(locked_desk()) as talk:
        await talk.say("/resume")
        assert "slash" in (await talk.say("not mine", TRADER))["text"]
        await talk.hear(message("/status"))
        assert "slash" in (await talk.say("too late"))["text"]
        await talk.say("/resume")
        talk.desk.now_real.now += 121
        assert "slash" in (await talk.say("too late"))["text"]


async def test_refusals_of_the_engine_are_told() -> None:
    async with talking() as talk:
        talk.desk.show(gates=(gate(GateName.OPERATOR),))
        talk.desk.refusal = "not <now>"
        for words in ("/pause", "/resume"):
            assert "Not done: not &lt;now&gt;" in (await talk.say(words))["text"]


async def test_stop_asks_which_way() -> None:
    async with talking(held()) as talk:
        asked = await talk.say("/stop")
        assert [b["text"] for b in buttons(asked)] == [
            "Keep positions managed",
            "Close all",
            "Cancel",
        ]
        assert "Stopped" in (await talk.tap(asked, "Keep"))["text"]
        await talk.tap(await talk.say("/stop"), "Close all")
        assert "nothing done" in (await talk.tap(await talk.say("/stop"), "Cancel"))["text"]
        stops = [c for c in talk.desk.commands if isinstance(c, e.Stop)]
        assert [c.close_all for c in stops] == [False, True]
        assert len(talk.desk.commands) == 2


async def test_a_refused_stop_is_told() -> None:
    async with talking() as talk:
        asked = await talk.say("/stop")
        talk.desk.refusal = "no"
        assert "Not done" in (await talk.tap(asked, "Keep"))["text"]
