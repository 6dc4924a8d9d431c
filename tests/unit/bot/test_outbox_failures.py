"""The outbox against every failure of Telegram."""

import asyncio

import pytest
from desks import FakeDesk, settle, taken
from talk import outbox, running
from telegram_wire import (
    GROUP,
    OWNER,
    Fault,
    Wire,
    lost_answer,
    no_network,
    refuse,
    wait,
)

from bot.views.layout import Text
from builders import fill
from engine.core import facts as f

WORDS = Text("<b>hello</b>")
BOOT = f.Booted(boot=1, version="0.1.0", mode="paper", was_clean=True)
INCIDENT = f.Incident("foreign_fill", "too <small>", "SOLUSDT")
STOP_MISSING = f.StopMissing(17, "the exchange shows no stop")


def texts(wire: Wire) -> list[str]:
    return [str(said.get("text") or said.get("caption")) for said in wire.sent]


@pytest.mark.parametrize(
    ("faults", "sent", "again"),
    [
        ([wait(35)], 2, False),
        ([no_network], 2, False),
        ([refuse(502, "Bad Gateway")], 2, False),
        ([lost_answer], 2, True),
        ([wait(3), no_network, lost_answer], 4, True),
    ],
)
async def test_money_is_sent_until_it_arrives(
    faults: list[Fault], sent: int, *, again: bool
) -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["sendMessage"] = list(faults)
    async with running(outbox(desk, wire)) as box:
        desk.tell(INCIDENT)
        await settle()
        assert box.trouble == ""
    assert len(wire.sent) == sent
    assert texts(wire)[-1].endswith("<i>(again) event 1</i>") is again
    assert [t[:2] for t in desk.told] == [(1, OWNER)]


async def test_a_wait_is_obeyed_to_the_second() -> None:
    desk, wire = FakeDesk(), Wire()
    start = desk.now_real.now
    wire.faults["sendMessage"] = [wait(35)]
    async with running(outbox(desk, wire)):
        desk.tell(INCIDENT)
        await settle()
    assert desk.now_real.now - start >= 35


async def test_a_lost_answer_is_repeated_only_when_telegram_is_there_and_not_for_ever() -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["sendMessage"] = [lost_answer] * 4
    wire.faults["getMe"] = [no_network, no_network]
    async with running(outbox(desk, wire)):
        desk.tell(INCIDENT)
        await settle()
    assert len(wire.sent) == 4
    assert [said.endswith("<i>(again) event 1</i>") for said in texts(wire)] == [False, *[True] * 3]
    assert desk.told == [(1, OWNER, 0)]


async def test_a_third_repeat_that_is_confirmed_is_known() -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["sendMessage"] = [lost_answer] * 3
    async with running(outbox(desk, wire)):
        desk.tell(STOP_MISSING)
        await settle()
    assert desk.told == [(1, OWNER, wire.sent[-1]["id"])]


async def test_news_with_a_lost_answer_are_not_repeated() -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["sendMessage"] = [lost_answer]
    async with running(outbox(desk, wire)):
        desk.tell(BOOT)
        await settle()
    assert len(wire.sent) == 1
    assert desk.told == [(1, OWNER, 0)]


async def test_refused_markup_is_sent_as_words() -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["sendMessage"] = [refuse(400, "Bad Request: can't parse entities")]
    async with running(outbox(desk, wire)):
        desk.tell(INCIDENT)
        await settle()
    assert "too <small>" in texts(wire)[-1]
    assert "parse_mode" not in wire.sent[-1]


async def test_what_telegram_refuses_for_good_is_not_repeated() -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["sendMessage"] = [refuse(400, "Bad Request: odd")] * 2
    async with running(outbox(desk, wire)) as box:
        desk.tell(INCIDENT)
        await settle()
        assert box.trouble == "Odd"
    assert desk.told == [(1, OWNER, 0)]


async def test_words_follow_markup_refusal_through_a_retry() -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["sendMessage"] = [refuse(400, "Bad Request: can't parse entities"), wait(2)]
    async with running(outbox(desk, wire)):
        desk.tell(INCIDENT)
        await settle()
    assert [t[:2] for t in desk.told] == [(1, OWNER)]


async def test_a_photo_that_is_refused_becomes_words() -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["sendPhoto"] = [refuse(400, "Bad Request: IMAGE_PROCESS_FAILED")]
    async with running(outbox(desk, wire)):
        desk.tell(taken())
        await settle()
    assert [name for name, _ in wire.calls] == ["sendPhoto", "sendMessage"]


@pytest.mark.parametrize(
    "fault",
    [refuse(403, "Forbidden: bot was blocked"), refuse(400, "Bad Request: chat not found")],
)
async def test_a_chat_that_refuses_us_is_left_alone_until_it_speaks(fault: Fault) -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["sendMessage"] = [fault]
    async with running(outbox(desk, wire)) as box:
        desk.tell(INCIDENT)
        desk.tell(INCIDENT)
        await settle()
        assert (len(wire.sent), box.depth, desk.told) == (1, 2, [])
        box.revive(OWNER)
        box.revive(OWNER)
        await settle()
    assert len(wire.sent) == 3


async def test_a_group_that_moved_is_followed() -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["sendMessage"] = [refuse(400, "moved", migrate_to_chat_id=-777)]
    async with running(outbox(desk, wire, (GROUP,))):
        desk.tell(INCIDENT)
        await settle()
    assert [int(s["chat_id"]) for s in wire.sent] == [GROUP, -777]
    assert [t[:2] for t in desk.told] == [(1, GROUP)]


async def test_a_refused_token_waits_and_never_shows_the_token() -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["sendMessage"] = [refuse(401, "Unauthorized")]
    start = desk.now_real.now
    async with running(outbox(desk, wire)) as box:
        task = asyncio.create_task(box.say(OWNER, WORDS))
        await settle()
        assert await task == 1000
    assert desk.now_real.now - start >= 15


async def test_answers_give_up_where_notices_do_not() -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["sendMessage"] = [no_network] * 3
    async with running(outbox(desk, wire)) as box:
        task = asyncio.create_task(box.say(OWNER, WORDS))
        await settle()
        assert await task is None
        wire.faults["sendMessage"] = [lost_answer]
        task = asyncio.create_task(box.say(OWNER, WORDS))
        await settle()
        assert await task is None


async def test_an_answer_nobody_waits_for_any_more_is_still_sent() -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire)) as box:
        task = asyncio.create_task(box.say(OWNER, WORDS))
        await asyncio.sleep(0)
        task.cancel()
        await settle()
    assert len(wire.sent) == 1


async def test_a_fault_inside_does_not_stop_the_other_messages() -> None:
    class Clumsy(FakeDesk):
        def delivered(  # type: ignore[explicit-override] # typing: 3.12
            self, of_seq: int, chat_id: int, message_id: int
        ) -> None:
            if of_seq == 1:
                raise RuntimeError(message_id)
            super().delivered(of_seq, chat_id, message_id)

    desk, wire = Clumsy(), Wire()
    async with running(outbox(desk, wire)) as box:
        desk.tell(INCIDENT)
        desk.tell(INCIDENT)
        await settle()
        assert box.depth == 0
    assert [t[:2] for t in desk.told] == [(2, OWNER)]


async def test_answers_overtake_a_backlog_of_notices() -> None:
    desk, wire = FakeDesk(), Wire()
    box = outbox(desk, wire)
    for number in range(5):
        at_ms = desk.shown.at_ms + number * 10_000
        desk.tell(f.OrderFilled(number, fill(order_id=str(number))), at_ms)
    task = asyncio.create_task(box.say(OWNER, WORDS))
    await asyncio.sleep(0)
    async with running(box):
        assert await task is not None
    assert (len(texts(wire)), texts(wire)[0]) == (6, WORDS.html)


async def test_a_fact_without_a_sentence_is_still_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Text:
        raise KeyError("no sentence")

    monkeypatch.setattr("bot.texts_notices.incident", broken)
    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire)):
        desk.tell(INCIDENT)
        await settle()
    assert "<b>Incident</b> · record 1" in texts(wire)[0]
