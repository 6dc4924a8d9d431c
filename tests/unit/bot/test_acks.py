"""Reactions: under commands that act, never under looks and taps, never in the way."""

import asyncio
import json
from typing import Any

import pytest
from desks import FakeDesk, position, settle
from talk import Talk, talking
from telegram_wire import TRADER, VIEWER, Wire, message, no_network, tap

from bot import acks
from engine.core import events as e
from engine.core import facts as f
from engine.core.values import GateName
from engine.core.view import GateView, Quote


def reactions(wire: Wire) -> list[str]:
    """What was put so far, in order."""
    names = {acks.SEEN: "seen", acks.DONE: "done", acks.REFUSED: "refused"}
    put = [json.loads(said["reaction"])[0] for said in wire.named("setMessageReaction")]
    return [names[one["emoji"]] for one in put]


@pytest.mark.parametrize(
    ("words", "by", "expected"),
    [
        ("/pause", TRADER, ["seen", "done"]),
        ("/pause never", TRADER, ["seen", "refused"]),
        ("/stop", TRADER, ["seen", "refused"]),
        ("/close sol", TRADER, ["seen"]),
        ("/status", TRADER, []),
        ("/why sol", VIEWER, []),
        ("/nonsense", TRADER, []),
        ("hello", TRADER, []),
    ],
)
async def test_commands_that_act_are_acknowledged(words: str, by: int, expected: list[str]) -> None:
    desk = FakeDesk()
    desk.show(positions=(position(),))
    async with talking(desk) as talk:
        raw = message(words, by)
        await talk.hear(raw)
        assert reactions(talk.wire) == expected
        numbers = {int(s["message_id"]) for s in talk.wire.named("setMessageReaction")}
        assert numbers <= {raw["message"]["message_id"]}
        assert desk.listening == 0


async def test_what_the_engine_refuses_is_refused() -> None:
    async with talking() as talk:
        talk.desk.refusal = "no"
        await talk.say("/pause")
        assert reactions(talk.wire) == ["seen", "refused"]


def under(talk: Talk, raw: dict[str, Any]) -> list[str]:
    """The reactions this command got, "" for one that was taken away."""
    number = raw["message"]["message_id"]
    put = [x for x in talk.wire.named("setMessageReaction") if int(x["message_id"]) == number]
    said = [json.loads(x.get("reaction") or "[]") for x in put]
    return [one[0]["emoji"] if one else "" for one in said]


@pytest.mark.parametrize(
    ("button", "refusal", "last"),
    [("Close", "", acks.DONE), ("Close", "no", acks.REFUSED), ("Cancel", "", "")],
)
async def test_the_command_hears_what_became_of_its_question(
    button: str, refusal: str, last: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.commands_close.FILL_S", 0.0)
    desk = FakeDesk()
    desk.show(positions=(position(),))
    desk.refusal = refusal
    async with talking(desk) as talk:
        raw = message("/close sol", TRADER)
        [asked] = await talk.hear(raw)
        assert under(talk, raw) == [acks.SEEN]
        await talk.tap(asked, button, TRADER)
        await settle()
        assert under(talk, raw) == [acks.SEEN, last]


async def test_a_question_asked_again_or_left_alone_keeps_its_command_in_mind() -> None:
    desk = FakeDesk()
    desk.show(positions=(position(),))
    async with talking(desk) as talk:
        raw = message("/close sol", TRADER)
        [asked] = await talk.hear(raw)
        desk.quotes["SOLUSDT"] = Quote(180.0, 180.1, 180.0, 0)
        again = await talk.tap(asked, "Close", TRADER)
        assert "moved since you asked" in again["text"]
        assert under(talk, raw) == [acks.SEEN]
        desk.now_real.now += 31
        await talk.dispatch.tidy()
        await settle()
        assert under(talk, raw) == [acks.SEEN, ""]


async def test_a_question_asked_by_a_button_gets_no_reaction() -> None:
    async with talking() as talk:
        [asked] = await talk.hear(tap("r|stop", 77))
        await talk.tap(asked, "Keep")
        assert [type(c) for c in talk.desk.commands] == [e.Stop]
        assert talk.wire.named("setMessageReaction") == []


async def test_a_question_answered_in_words_or_passed_over_is_over() -> None:
    desk = FakeDesk()
    desk.show(gates=(GateView(GateName.KILL_SWITCH, 0, "@u", "panic", None),))
    async with talking(desk) as talk:
        first, again = message("/resume"), message("/resume")
        await talk.hear(first)
        await talk.hear(again)
        await settle()
        assert under(talk, first) == [acks.SEEN, ""]
        asked = await talk.say("calm again")
        assert under(talk, again) == [acks.SEEN]
        await talk.tap(asked, "Resume")
        await settle()
        assert under(talk, again) == [acks.SEEN, acks.DONE]
        assert [getattr(c, "reason", "") for c in desk.commands] == ["calm again"]


async def test_a_reaction_that_hangs_or_fails_holds_nothing_up() -> None:
    async with talking() as talk:
        talk.wire.faults["setMessageReaction"] = [no_network]
        assert "Paused" in (await talk.say("/pause"))["text"]
        assert reactions(talk.wire) == ["seen", "done"]


async def test_only_so_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acks, "MOST", 1)
    async with talking() as talk:
        seen = acks.Acks(talk.desk, talk.box)
        with seen.under(11, 1, 1) as first, seen.under(11, 2, 2) as second:
            await settle()
            assert len(talk.wire.named("setMessageReaction")) == 1
            first.hear(f.Record(1, 0, f.CommandDone("tg:1:pause", "@u", "pause", "")))
            first.hear(f.Record(2, 0, f.CommandDone("tg:12", "@u", "pause", "")))
            assert (first.emoji, second.emoji) == (acks.DONE, "")
            first.hear(f.Record(3, 0, f.CommandRefused("tg:1:9", "@u", "close", "")))
            first.hear(f.Record(4, 0, f.CommandDone("tg:1:8", "@u", "close", "")))
        await settle()
        assert reactions(talk.wire) == ["seen", "refused"]


async def test_a_fault_inside_is_only_noted(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with talking() as talk:
        seen = acks.Acks(talk.desk, talk.box)

        async def broken(*_: object) -> None:
            raise RuntimeError

        monkeypatch.setattr(talk.box, "react", broken)
        with seen.under(11, 1, 1):
            await asyncio.sleep(0)
        await settle()
    assert "chat.ack_failed" in caplog.text
