"""The outbox against the chat rows of the fault table: FT64, FT70, FT71, FT72, FT75."""

import asyncio
import time
from itertools import chain

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

from bot.notices import Urgency
from bot.pages import NAME
from bot.post import EditTerms
from bot.views import layout
from bot.views.layout import TEXT_MAX, Text
from builders import D, fill
from engine.core import facts as f
from engine.core.facts import AnyFact
from engine.core.values import Purpose, Side

WORDS = Text("<b>hello</b>")
BOOT = f.Booted(boot=2, version="0.1.0", mode="paper", was_clean=True)
MISMATCH = f.Incident("position_mismatch", "XRPUSDT LONG 5 is not ours")
BAD_GATEWAY = refuse(502, "Bad Gateway")
REVOKED = refuse(401, "Unauthorized")


def texts(wire: Wire) -> list[str]:
    return [layout.plain(str(said.get("text") or said.get("caption"))) for said in wire.sent]


def filled(number: int) -> f.OrderFilled:
    return f.OrderFilled(number, fill(order_id=f"o{number}", id=str(number)))


def closed(number: int) -> f.PositionClosed:
    return f.PositionClosed(
        position_id=number,
        symbol="SOLUSDT",
        side=Side.LONG,
        rule="INITIAL",
        gross=D(-10),
        fees=D(1),
        net=D(-11),
        result_r=-1.02,
        mfe_r=0.2,
        mae_r=-1.0,
        opened_ms=0,
    )


def a_trade(number: int) -> list[AnyFact]:
    leaving = fill(Purpose.STOP, order_id=f"x{number}", id=f"x{number}")
    return [taken(number), filled(number), f.OrderFilled(number, leaving), closed(number)]


# FT64


async def test_ft64_an_hour_without_telegram_ends_with_everything_told_once_and_in_order() -> None:
    desk, wire = FakeDesk(), Wire()
    box = outbox(desk, wire)
    task = asyncio.create_task(box.run())
    slowest_s = 0.0
    for number in range(30):
        for fact in a_trade(number):
            desk.show(at_ms=desk.shown.at_ms + 30_000)
            desk.now_real.now += 30
            begun_s = time.perf_counter()
            desk.tell(fact)
            slowest_s = max(slowest_s, time.perf_counter() - begun_s)
        await settle()
    desk.tell(MISMATCH)
    await settle()
    assert (wire.calls, slowest_s < 1.0) == ([], True)  # the journal's turn never waits
    box.connected()
    for _ in range(10):
        await settle()
    task.cancel()
    first, *trades = texts(wire)
    assert first.startswith("❗ Position mismatch")
    assert all(words.split("\n")[-1].endswith("late") for words in trades[:-3])
    numbers = [words.split("#")[1].split(" ")[0].split("\n")[0] for words in trades]
    assert [int(n) for n in numbers] == sorted(chain(*[range(30)] * 3))
    assert ["breakout" in w for w in trades] == [True, False, False] * 30
    told = [seq for seq, _, _ in desk.told]
    assert sorted(told) == list(range(1, 122))
    again = Wire()
    async with running(outbox(desk, again)):
        await settle()
    assert again.sent == []


async def test_ft64_the_same_hour_with_a_kill_in_the_middle() -> None:
    desk, wire = FakeDesk(), Wire()
    for number in range(30):
        for fact in a_trade(number):
            desk.tell(fact, desk.shown.at_ms - (3_600_000 - 40_000 * number))
    desk.tell(MISMATCH)
    async with running(outbox(desk, wire)):
        for _ in range(10):
            await settle()
    assert texts(wire)[0].startswith("❗ Position mismatch")
    assert sorted(seq for seq, _, _ in desk.told) == list(range(1, 122))
    assert "breakout" in texts(wire)[1]
    assert texts(wire)[1].endswith("1h00 late")


@pytest.mark.parametrize("fault", [no_network, BAD_GATEWAY, lost_answer, REVOKED])
async def test_ft64_a_storm_ends_and_nothing_was_lost(fault: Fault) -> None:
    desk, wire = FakeDesk(), Wire()
    start = desk.now_real.now

    def storm() -> tuple[int, object]:
        if desk.now_real.now < start + 600:
            wire.faults["sendMessage"].append(storm)
            wire.faults["getMe"] = [no_network] * 9 if fault is lost_answer else []
            return fault()
        wire.faults["getMe"] = []
        return 200, wire._done("sendMessage", wire.calls[-1][1])

    wire.faults["sendMessage"] = [storm]
    async with running(outbox(desk, wire)) as box:
        for number in range(3):
            desk.tell(filled(number))
        for _ in range(5):
            await settle()
        assert box.depth == 0
    assert sorted({seq for seq, _, _ in desk.told}) == [1, 2, 3]
    assert len(wire.sent) < 60  # backed off, no busy loop


# FT70


async def test_ft70_a_lost_answer_is_repeated_once_and_says_which_event_it_is() -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["sendMessage"] = [lost_answer]
    async with running(outbox(desk, wire)):
        desk.tell(BOOT)  # news: sent in its turn
        desk.tell(filled(1))
        desk.tell(filled(2))
        await settle()
    heads = [words.split("\n")[0][:14] for words in texts(wire)]
    assert heads[0] == heads[1]
    assert [words.endswith("(again) event 2") for words in texts(wire)] == [
        False,
        True,
        False,
        False,
    ]
    assert "#2" in texts(wire)[2]  # the order of the chat is kept


@pytest.mark.parametrize("fact", [BOOT, f.Transferred("t1", D(5))])
async def test_ft70_what_may_be_lost_is_not_repeated(fact: AnyFact) -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["sendMessage"] = [lost_answer]
    async with running(outbox(desk, wire)) as box:
        desk.tell(fact)
        await settle()
        assert box.depth == 0
    assert (len(wire.sent), desk.told) == (1, [(1, OWNER, 0)])


# FT71


@pytest.mark.parametrize("detail", ["1000<b>&", "<html><body>502</body>", "\U0001f680" * 900])
async def test_ft71_hostile_words_arrive_as_they_are(detail: str) -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire)):
        desk.tell(f.Incident("position_mismatch", detail, "1000<b>&"))
        await settle()
    (said,) = wire.sent
    assert detail in layout.plain(said["text"])
    assert "1000&lt;b&gt;&amp;" in said["text"]


async def test_ft71_a_refused_markup_is_sent_as_words_and_no_400_is_repeated() -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["sendMessage"] = [refuse(400, "Bad Request: can't parse entities")]
    async with running(outbox(desk, wire)):
        desk.tell(f.Incident("position_mismatch", "1000<b>&", "SOLUSDT"))
        await settle()
    first, second = wire.sent
    assert "parse_mode" in first
    assert "parse_mode" not in second
    assert "1000<b>&" in second["text"]


async def test_ft71_a_long_answer_comes_in_pages_and_its_last_carries_buttons_and_id() -> None:
    desk, wire = FakeDesk(), Wire()
    rows = ((layout.read("Status", "status"),),)
    async with running(outbox(desk, wire)) as box:
        task = asyncio.create_task(box.say(OWNER, Text("x" * (TEXT_MAX + 1), rows), reply_to=7))
        await settle()
        assert await task == wire.sent[1]["id"]
    assert [len(s["text"]) for s in wire.sent] == [TEXT_MAX, 1]
    assert ["reply_markup" in s for s in wire.sent] == [False, True]
    assert ["reply_parameters" in s for s in wire.sent] == [True, False]


async def test_ft71_what_would_be_many_pages_is_a_document() -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire)) as box:
        task = asyncio.create_task(box.say(OWNER, Text("line\n" * 4000)))
        await settle()
        task.cancel()
    assert [name for name, _ in wire.calls] == ["sendDocument"]
    assert wire.calls[0][1]["caption"].startswith("line\nline")
    assert NAME == "message.txt"


async def test_ft71_a_message_to_answer_that_is_gone_does_not_hold_the_answer() -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["sendMessage"] = [refuse(400, "Bad Request: message to be replied not found")]
    async with running(outbox(desk, wire)) as box:
        task = asyncio.create_task(box.say(OWNER, WORDS, reply_to=7))
        await settle()
        assert await task == wire.sent[1]["id"]
    assert ["reply_parameters" in s for s in wire.sent] == [True, False]
    assert "allow_sending_without_reply" in wire.sent[0]["reply_parameters"]


# FT72


async def test_ft72_a_wait_in_a_burst_of_two_hundred() -> None:
    desk, wire = FakeDesk(), Wire()
    start = desk.now_real.now
    wire.faults["sendMessage"] = [wait(35)]
    async with running(outbox(desk, wire)) as box:
        for number in range(200):
            desk.tell(filled(number), desk.shown.at_ms + number * 20_000)
            box.edit(OWNER, 5, Text(f"card {number}"), terms=EditTerms(Urgency.CARD))
        await settle()
        desk.tell(MISMATCH)
        for _ in range(20):
            await settle()
        assert box.depth == 0
    assert desk.now_real.now - start >= 35
    said = texts(wire)
    assert len(said) == 202  # one of them twice
    mismatch = next(i for i, words in enumerate(said) if "mismatch" in words)
    assert mismatch < 150
    assert [s["text"] for s in wire.named("editMessageText")] == ["card 199"]
    assert len(wire.calls) == 203


async def test_ft72_a_minute_of_429_tells_safety_first_and_each_thing_once() -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["sendMessage"] = [wait(10)] * 6
    start = desk.now_real.now
    async with running(outbox(desk, wire)) as box:
        desk.tell(filled(1))
        await asyncio.sleep(0)
        desk.tell(MISMATCH)
        answer = asyncio.create_task(box.say(OWNER, WORDS))
        for _ in range(3):
            await settle()
        assert await answer is not None  # a wait that Telegram asked for is no failure
    assert desk.now_real.now - start >= 60
    assert [words[:12] for words in texts(wire)[-3:]] == [
        "❗ Position m",
        "hello",
        "🚀 position #",
    ]


async def test_ft72_an_answer_leaves_within_a_second_of_a_burst() -> None:
    for fact in (filled, lambda number: f.Incident("position_mismatch", f"XRPUSDT {number}")):
        desk, wire = FakeDesk(), Wire()
        async with running(outbox(desk, wire)) as box:
            for number in range(40):
                desk.tell(fact(number), desk.shown.at_ms + number * 20_000)
            async with asyncio.timeout(10):
                for _ in range(8):
                    wire.called.clear()
                    await wire.called.wait()
            asked_s = desk.now_real.now
            assert await box.say(OWNER, WORDS) is not None
            assert desk.now_real.now - asked_s <= 2.0
            assert box.depth > 20


async def test_ft72_a_flood_of_news_drops_the_oldest_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bot.waiting.MOST", 40)
    desk, wire = FakeDesk(), Wire()
    box = outbox(desk, wire)
    task = asyncio.create_task(box.run())
    for _ in range(52):
        desk.tell(BOOT)
    desk.tell(MISMATCH)
    await settle()
    assert (box.depth, box.dropped) == (40, 13)
    box.connected()
    for _ in range(3):
        await settle()
    task.cancel()
    said = texts(wire)
    assert said[0].startswith("❗ Position mismatch")
    assert [w.split("\n")[0] for w in said if "dropped" in w] == [
        "⚠️ 13 messages were dropped, too many waited"
    ]
    again = Wire()
    async with running(outbox(desk, again)):
        await settle()
    assert again.sent == []  # dropped is dropped: a restart does not dig it out


# FT75


@pytest.mark.parametrize(
    "fault",
    [refuse(403, "Forbidden: bot was kicked"), refuse(400, "Bad Request: chat not found")],
)
async def test_ft75_a_place_that_refuses_us_keeps_its_posts_and_the_owner_hears_all(
    fault: Fault,
) -> None:
    desk, wire = FakeDesk(), Wire()

    def by_chat() -> tuple[int, object]:
        wire.faults["sendMessage"].append(by_chat)
        said = wire.calls[-1][1]
        if int(said["chat_id"]) == GROUP:
            return fault()
        return 200, wire._done("sendMessage", said)

    wire.faults["sendMessage"] = [by_chat]
    async with running(outbox(desk, wire, (GROUP, OWNER))) as box:
        for number in range(3):
            desk.tell(filled(number))
        await settle()
        assert [int(s["chat_id"]) for s in wire.sent].count(GROUP) == 1
        assert box.depth == 3
        wire.faults.clear()
        box.revive(GROUP)
        await settle()
        await settle()
        assert box.depth == 0
    assert sorted(t[:2] for t in desk.told) == sorted(
        (s, c) for s in (1, 2, 3) for c in (GROUP, OWNER)
    )
