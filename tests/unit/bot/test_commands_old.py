"""Commands that were typed long ago: what they may still do, and what they must ask."""

import asyncio

import msgspec
import pytest
from desks import HEALTH, FakeDesk, gate, position, settle
from talk import talking
from telegram_wire import (
    T_S,
    VIEWER,
    buttons,
    message,
)

from engine.core import events as e
from engine.core.values import GateName


def held(**changes: object) -> FakeDesk:
    desk = FakeDesk()
    desk.show(positions=(position(**changes),))
    return desk


OLD = {"date": T_S - 840}


async def test_old_reads_are_skipped_with_one_line() -> None:
    async with talking() as talk:
        for words in ("/status", "/scan", "/help", "/pnl"):
            assert await talk.say(words, **OLD) == {}
        await talk.dispatch.tidy()
        talk.desk.now_real.now += 2
        tidying = asyncio.create_task(talk.dispatch.tidy())
        await settle()
        await tidying
        assert [s["text"] for s in talk.wire.sent] == ["Skipped 4 old requests."]


async def test_an_old_pause_runs_anyway_and_an_old_resume_never() -> None:
    async with talking() as talk:
        assert "your message was old" in (await talk.say("/pause", **OLD))["text"]
        assert "too old to act on" in (await talk.say("/resume", **OLD))["text"]
        assert [type(c) for c in talk.desk.commands] == [e.Pause]


@pytest.mark.parametrize("words", ["/panic now", "/close all", "/close sol", "/stop"])
async def test_an_old_close_locks_entries_and_asks(words: str) -> None:
    async with talking(held()) as talk:
        said = await talk.say(words, **OLD)
        assert f"You sent <b>{words[1:]}</b> 14m ago. It was not carried out." in said["text"]
        assert "Now: 1 open, +0.62R." in said["text"]
        assert [b["text"] for b in buttons(said)] == [
            "Do it now",
            "Keep, stay paused",
            "Ignore, resume",
        ]
        assert [type(c) for c in talk.desk.commands] == [e.Pause]


async def test_the_three_ways_out_of_an_old_close() -> None:
    desk = held(move_r=None)
    async with talking(desk) as talk:
        stay = await talk.tap(await talk.say("/close all", **OLD), "Keep")
        assert "entries stay paused" in stay["text"]
        ignored = await talk.tap(await talk.say("/close all", **OLD), "Ignore")
        assert "Resumed" in ignored["text"]
        asked = await talk.tap(await talk.say("/close all", **OLD), "Do it")
        assert "Close all" in asked["text"]
        assert [type(c) for c in desk.commands] == [e.Pause, e.Pause, e.Resume, e.Pause]
        panicked = await talk.tap(await talk.say("/panic", **OLD), "Do it")
        assert "PANIC" in panicked["text"]
        assert isinstance(desk.commands[-1], e.Panic)


async def test_an_old_close_offers_no_resume_over_an_older_pause() -> None:
    desk = FakeDesk()
    desk.show(gates=(gate(GateName.OPERATOR),))
    async with talking(desk) as talk:
        said = await talk.say("/close all", **OLD)
        assert [b["text"] for b in buttons(said)] == ["Do it now", "Keep, stay paused"]
        assert "Now: nothing open." in said["text"]


async def test_an_old_close_whose_lock_fails_says_so() -> None:
    async with talking() as talk:
        talk.desk.refusal = "no"
        assert "Not done: no" in (await talk.say("/close all", **OLD))["text"]


async def test_roles_come_before_age() -> None:
    async with talking() as talk:
        assert "for the role" in (await talk.say("/panic now", VIEWER, **OLD))["text"]
        assert talk.desk.commands == []


@pytest.mark.parametrize("ours_s", [0.0, 7200.0, -7200.0])
async def test_a_wrong_clock_of_ours_makes_no_command_old_or_new(ours_s: float) -> None:
    desk = held()
    desk.now_real.now += ours_s
    async with talking(desk) as talk:
        talk.dial.ahead_s = -ours_s  # as the dates of Telegram's answers say
        assert "too old" not in (await talk.say("/resume"))["text"]
        assert "too old to act on" in (await talk.say("/resume", **OLD))["text"]


def unready(*, has_begun: bool, why: str = "") -> FakeDesk:
    """A desk whose start is at that step."""
    desk = held()
    desk.now_health = msgspec.structs.replace(HEALTH, has_begun=has_begun)
    desk.show(gates=(gate(GateName.UNRECONCILED, why, "engine"),) if why else ())
    return desk


FIRST = "starting: the account is not compared yet"


@pytest.mark.parametrize(
    ("has_begun", "why", "waits"),
    [
        (False, "", ("1 of 3", {"/pause", "/panic now", "/close all", "/resume"})),
        (True, FIRST, ("2 of 3", {"/close all", "/resume"})),
        (True, "SOLUSDT is not ours", ("", set())),  # it was compared: people must be able to act
        (True, "", ("", set())),
    ],
)
async def test_a_command_waits_until_the_account_is_compared(
    *, has_begun: bool, why: str, waits: tuple[str, set[str]]
) -> None:
    async with talking(unready(has_begun=has_begun, why=why)) as talk:
        step, expected = waits
        waiting = set()
        for words in ("/status", "/pause", "/close all", "/resume", "/panic now"):
            said = (await talk.hear(message(words)))[-1]["text"]
            if said.startswith("Starting"):
                assert step in said
                waiting.add(words)
        assert waiting == expected
