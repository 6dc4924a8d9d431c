"""Who may do what: every command and every kind of button, against every kind of person."""

import asyncio

import pytest
from desks import FakeDesk, gate, position, settle
from talk import Talk, talking
from telegram_wire import (
    GROUP,
    OWNER,
    STRANGER,
    T_S,
    TRADER,
    VIEWER,
    buttons,
    message,
    tap,
    update,
    user,
)

from bot.commands import TABLE
from bot.gate import Role
from bot.verbs import Stale, Verb
from engine.core import events as e
from engine.core.values import GateName

PEOPLE = {VIEWER: Role.VIEWER, TRADER: Role.TRADER, OWNER: Role.OWNER}
CASES = [(verb, person) for verb in TABLE for person in PEOPLE]
NAMES = [f"{verb.name}-{PEOPLE[person].name}" for verb, person in CASES]
READS = (e.Note,)  # what the chat keeps for itself moves nothing


def held() -> FakeDesk:
    desk = FakeDesk()
    desk.show(positions=(position(),))
    return desk


def moved(talk: Talk) -> list[str]:
    """Commands that reached the engine."""
    return [type(c).__name__ for c in talk.desk.commands if not isinstance(c, READS)]


@pytest.mark.parametrize(("verb", "person"), CASES, ids=NAMES)
async def test_each_command_runs_for_its_roles_alone(verb: Verb, person: int) -> None:
    async with talking(held()) as talk:
        said = await talk.hear(message(f"/{verb.name}", person))
        refused = [s for s in said if "is for the role" in s.get("text", "")]
        assert bool(refused) is (PEOPLE[person] < verb.role)
        assert said
        if refused:
            assert moved(talk) == []


@pytest.mark.parametrize(("verb", "person"), CASES, ids=NAMES)
async def test_each_plain_button_reads_or_asks_for_its_roles_alone(verb: Verb, person: int) -> None:
    async with talking(held()) as talk:
        for kind in ("r", "e"):
            await talk.hear(tap(f"{kind}|{verb.name}", 7, person))
        alerts = [a for a in talk.answers if a.get("show_alert")]
        assert len(alerts) == (2 if PEOPLE[person] < verb.role else 0)
        assert moved(talk) == []  # a button without a nonce never acts


@pytest.mark.parametrize("verb", TABLE, ids=[verb.name for verb in TABLE])
async def test_strangers_move_nothing_and_hear_nothing(verb: Verb) -> None:
    async with talking(held()) as talk:
        await talk.hear(message(f"/{verb.name}", STRANGER))
        await talk.hear(message(f"/{verb.name}", STRANGER, chat=GROUP))
        await talk.hear(tap(f"r|{verb.name}", 7, STRANGER))
        await talk.hear(tap(f"e|{verb.name}", 7, STRANGER, GROUP))
        assert talk.wire.calls == []
        assert moved(talk) == []


@pytest.mark.parametrize("verb", TABLE, ids=[verb.name for verb in TABLE])
async def test_edited_and_forwarded_commands_are_dead(verb: Verb) -> None:
    origin = {"type": "user", "date": T_S, "sender_user": user(OWNER)}
    async with talking(held()) as talk:
        raw = message(f"/{verb.name} now", OWNER)
        await talk.hear({"update_id": raw["update_id"], "edited_message": raw["message"]})
        await talk.hear(message(f"/{verb.name} now", OWNER, forward_origin=origin))
        assert talk.wire.calls == []
        assert moved(talk) == []


@pytest.mark.parametrize(
    "verb",
    [v for v in TABLE if v.stale is not Stale.SKIP],
    ids=[v.name for v in TABLE if v.stale is not Stale.SKIP],
)
async def test_the_same_update_acts_once(verb: Verb) -> None:
    async with talking(held()) as talk:
        raw = message(f"/{verb.name} now", OWNER)
        await talk.hear(raw)
        done, said = moved(talk), len(talk.wire.sent)
        await talk.hear(raw)
        talk.gate.mark_handled([raw["update_id"]])
        await talk.hear(raw)
        assert (moved(talk), len(talk.wire.sent)) == (done, said)


async def test_two_taps_at_once_are_one_order() -> None:
    async with talking(held()) as talk:
        asked = await talk.say("/close #17")
        (data,) = [b["callback_data"] for b in buttons(asked) if "Cancel" not in b["text"]][:1]
        taps = [update(tap(data, asked["id"], OWNER)) for _ in range(2)]
        admitted = [found for raw in taps if (found := talk.gate.admit(raw)) is not None]
        tasks = [asyncio.create_task(talk.dispatch.handle(found)) for found in admitted]
        await settle()
        assert len(tasks) == 2
        assert moved(talk) == ["Close"]


@pytest.mark.parametrize("by", [TRADER, VIEWER, STRANGER])
async def test_nobody_else_confirms_what_the_owner_asked(by: int) -> None:
    desk = held()
    desk.show(gates=(gate(GateName.OPERATOR),), mode="live")
    async with talking(desk) as talk:
        asked = await talk.hear(message("/resume", OWNER, chat=GROUP))
        data = buttons(asked[0])[0]["callback_data"]
        await talk.hear(tap(data, asked[0]["id"], by, GROUP))
        assert moved(talk) == []
        await talk.hear(tap(data, asked[0]["id"] + 1, OWNER, GROUP))  # hung on another message
        assert moved(talk) == []
        await talk.hear(tap(data, asked[0]["id"], OWNER, GROUP))
        assert moved(talk) == ["Resume"]
        await talk.hear(tap(data, asked[0]["id"], OWNER, GROUP))
        assert moved(talk) == ["Resume"]


@pytest.mark.parametrize(
    "data", ["", "c|", "c|forged", "c", "x|panic", "r|", "r|nothing", "panic", "r|panic now", "|||"]
)
async def test_forged_data_does_nothing(data: str) -> None:
    async with talking(held()) as talk:
        await talk.say("/panic")
        await talk.hear(tap(data or "c|", 7, OWNER))
        assert moved(talk) == []


async def test_a_tap_after_a_restart_is_expired() -> None:
    async with talking(held()) as before:
        asked = await before.say("/panic")
        data = buttons(asked)[0]["callback_data"]
    async with talking(held()) as talk:
        await talk.hear(tap(data, asked["id"], OWNER))
        assert [a["text"] for a in talk.answers] == ["expired, nothing done"]
        assert moved(talk) == []


async def test_a_question_waits_for_its_delivery_before_its_time_runs() -> None:
    async with talking(held()) as talk:
        talk.wire.answering.clear()
        await talk.hear(message("/close #17", OWNER))
        talk.desk.now_real.now += 3600
        await talk.dispatch.tidy()
        talk.wire.answering.set()
        await settle()
        asked = talk.wire.sent[-1]
        await talk.hear(tap(buttons(asked)[0]["callback_data"], asked["id"], OWNER))
        assert moved(talk) == ["Close"]
