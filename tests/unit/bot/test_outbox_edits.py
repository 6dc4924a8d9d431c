"""Edits: what replaces what, how soon, and what becomes of a message that is gone."""

import asyncio

import pytest
from desks import FakeDesk, a_trade, candles, settle
from talk import outbox, running
from telegram_wire import GROUP, OWNER, Fault, Wire, lost_answer, no_network, refuse

from bot.content import Photo
from bot.notices import Urgency
from bot.outbox import Outbox
from bot.post import ANSWER_GAP_S, EDIT_GAP_S, EditTerms
from bot.shown import KEPT, Shown
from bot.views.chart import signal_chart
from bot.views.layout import Text
from engine.core import facts as f
from engine.core.settings import Levels

WORDS = Text("<b>hello</b>")
CARD = EditTerms(Urgency.CARD)
GONE = refuse(400, "Bad Request: message to edit not found")


def edited(wire: Wire) -> list[str]:
    return [str(said["text"]) for said in wire.named("editMessageText")]


@pytest.mark.parametrize(("terms", "gap_s"), [(CARD, EDIT_GAP_S), (EditTerms(), ANSWER_GAP_S)])
async def test_edits_coalesce_and_keep_apart(terms: EditTerms, gap_s: float) -> None:
    desk, wire = FakeDesk(), Wire()
    start = desk.now_real.now
    async with running(outbox(desk, wire)) as box:
        for words in "abcd":
            box.edit(OWNER, 5, Text(words), terms=terms)
        await settle()
        for words in "efg":
            box.edit(OWNER, 5, Text(words), terms=terms)
        await settle()
    assert edited(wire) == ["d", "g"]
    assert gap_s <= desk.now_real.now - start < gap_s + 1


async def test_a_group_gets_at_most_twenty_edits_a_minute() -> None:
    desk, wire = FakeDesk(), Wire()
    start = desk.now_real.now
    async with running(outbox(desk, wire)) as box:
        for number in range(30):
            box.edit(GROUP, number, WORDS, terms=CARD)
        await settle()
    assert len(edited(wire)) == 30
    assert desk.now_real.now - start >= (30 - 3) * 60 / 20


async def test_what_reads_so_already_is_not_sent() -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire)) as box:
        for words in ("a", "a", "b", "a"):
            box.edit(OWNER, 5, Text(words))
            await settle()
        box.edit(OWNER, 6, Text("a"))
        await settle()
    assert edited(wire) == ["a", "b", "a", "a"]


async def test_buttons_that_were_taken_away_can_come_back() -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire)) as box:
        for content in (WORDS, None, WORDS):
            box.edit(OWNER, 5, content)
            await settle()
    assert [name for name, _ in wire.calls] == [
        "editMessageText",
        "editMessageReplyMarkup",
        "editMessageText",
    ]


async def test_a_card_waits_for_every_new_message() -> None:
    desk, wire = FakeDesk(), Wire()
    box = outbox(desk, wire)
    box.edit(OWNER, 5, Text("card"), terms=CARD)
    desk.tell(f.Booted(boot=2, version="0.1.0", mode="paper", was_clean=True))
    desk.tell(f.Incident("foreign_fill", "x", "SOLUSDT"))
    async with running(box):
        await settle()
    assert [name for name, _ in wire.calls] == ["sendMessage", "sendMessage", "editMessageText"]
    assert edited(wire) == ["card"]


async def test_a_tap_hurries_a_card_that_waits() -> None:
    desk, wire = FakeDesk(), Wire()
    box = outbox(desk, wire)
    box.edit(OWNER, 5, Text("card"), terms=CARD)
    desk.tell(f.Incident("foreign_fill", "x", "SOLUSDT"))
    box.edit(OWNER, 5, Text("tapped"))
    async with running(box):
        await settle()
    assert [name for name, _ in wire.calls] == ["editMessageText", "sendMessage"]
    assert edited(wire) == ["tapped"]


async def test_an_edit_that_changes_on_its_way_is_sent_again() -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire)) as box:

        def meanwhile() -> tuple[int, object]:
            box.edit(OWNER, 5, Text("newer"))
            return 200, {"ok": True, "result": True}

        wire.faults["editMessageText"] = [meanwhile]
        box.edit(OWNER, 5, Text("older"))
        await settle()
        assert box.depth == 0
    assert edited(wire) == ["older", "newer"]


@pytest.mark.parametrize(
    ("fault", "calls"),
    [
        (refuse(400, "Bad Request: message is not modified"), ["editMessageText"]),
        (GONE, ["editMessageText", "sendMessage"]),
        (refuse(400, "message can't be edited"), ["editMessageText", "sendMessage"]),
        (lost_answer, ["editMessageText", "editMessageText"]),
    ],
)
async def test_failed_edits(fault: Fault, calls: list[str]) -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["editMessageText"] = [fault]
    async with running(outbox(desk, wire)) as box:
        box.edit(OWNER, 5, WORDS)
        await settle()
        assert box.depth == 0
    assert [name for name, _ in wire.calls] == calls


async def test_a_card_that_was_deleted_comes_anew_silently_and_is_found_again() -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["editMessageText"] = [GONE]
    moved: list[int] = []
    terms = EditTerms(Urgency.CARD, moved.append)
    async with running(outbox(desk, wire)) as box:
        box.edit(OWNER, 5, Text("one"), terms=terms)
        await settle()
        box.edit(OWNER, 5, Text("two"), terms=terms)  # by its old id
        await settle()
    (anew,) = wire.sent
    assert (moved, anew["disable_notification"]) == ([anew["id"]], True)
    assert [(s["text"], int(s["message_id"])) for s in wire.named("editMessageText")] == [
        ("one", 5),
        ("two", anew["id"]),
    ]


async def test_a_message_that_moved_while_it_changed_is_changed_where_it_is() -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire)) as box:

        def meanwhile() -> tuple[int, object]:
            box.edit(OWNER, 5, Text("newer"))
            return GONE()

        wire.faults["editMessageText"] = [meanwhile]
        box.edit(OWNER, 5, Text("older"))
        await settle()
    assert [int(s["message_id"]) for s in wire.named("editMessageText")] == [5, wire.sent[0]["id"]]
    assert edited(wire) == ["older", "newer"]


DRAWN = signal_chart(candles(), "paper", a_trade(), Levels())
assert DRAWN is not None
PICTURE = Photo(DRAWN, Text("caption"))


async def _change(box: Outbox, content: Text | Photo) -> None:
    box.edit(OWNER, 5, content, is_photo=True)
    await settle()


async def test_a_photo_gets_another_caption_or_another_picture() -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire)) as box:
        await _change(box, Text("words"))
        await _change(box, PICTURE)
    assert [name for name, _ in wire.calls] == ["editMessageCaption", "editMessageMedia"]


async def test_a_caption_that_is_gone_comes_anew_as_words() -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["editMessageCaption"] = [GONE]
    wire.faults["editMessageMedia"] = [GONE]
    async with running(outbox(desk, wire)) as box:
        await _change(box, Text("words"))
        await _change(box, PICTURE)
    assert [name for name, _ in wire.calls] == [
        "editMessageCaption",
        "sendMessage",
        "editMessageMedia",
        "sendPhoto",
    ]


async def test_buttons_are_taken_away_or_it_is_let_be() -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["editMessageReplyMarkup"] = [refuse(400, "Bad Request: gone")]
    async with running(outbox(desk, wire)) as box:
        box.edit(OWNER, 5, None)
        await settle()
        box.edit(OWNER, 6, None)
        await settle()
        assert box.depth == 0
    assert [int(s["message_id"]) for s in wire.named("editMessageReplyMarkup")] == [5, 6]


async def test_taking_buttons_away_does_not_undo_a_waiting_edit() -> None:
    desk, wire = FakeDesk(), Wire()
    box = outbox(desk, wire)
    box.edit(OWNER, 5, Text("words"))
    box.edit(OWNER, 5, None)
    async with running(box):
        await settle()
    assert [name for name, _ in wire.calls] == ["editMessageText"]


async def test_an_edit_nobody_can_deliver_is_given_up() -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["editMessageText"] = [no_network] * 3
    async with running(outbox(desk, wire)) as box:
        box.edit(OWNER, 5, WORDS)
        await settle()
        assert box.depth == 0


async def test_a_late_answer_to_a_tap_is_no_harm() -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["answerCallbackQuery"] = [refuse(400, "Bad Request: query is too old")]
    box = outbox(desk, wire)
    await asyncio.gather(box.answer("q1", "words", is_alert=True))
    assert wire.calls[0][1]["show_alert"] is True


def test_memory_of_messages_is_bounded() -> None:
    shown = Shown()
    for number in range(KEPT + 1):
        shown.show(OWNER, number, WORDS, 7.0)
        shown.tell(OWNER, number, 10_000 + number)
        shown.move(OWNER, number, 20_000 + number)
    assert shown.changed_s(OWNER, 0) == 0.0
    assert shown.changed_s(OWNER, 1) == 7.0
    assert (shown.message_of(OWNER, 0), shown.message_of(OWNER, 1)) == (None, 10_001)
    assert (shown.here(OWNER, 0), shown.here(OWNER, 1)) == (0, 20_001)


def test_a_message_of_several_records_belongs_to_none() -> None:
    shown = Shown()
    shown.tell(OWNER, 1, 100)
    shown.tell(OWNER, 1, 100)
    assert shown.message_of(OWNER, 1) == 100
    shown.tell(OWNER, 2, 100)
    assert (shown.message_of(OWNER, 1), shown.message_of(OWNER, 2)) == (None, None)
