"""The pinned card: one message a place, edited for ever, found again after a restart, silent."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType

import pytest
from desks import FakeDesk, position, settle
from talk import outbox, running, talking
from telegram_wire import GROUP, OWNER, TRADER, VIEWER, Wire, buttons, refuse

from bot.cards import AGAIN_S, BUSY_S, IDLE_S, LOOK_S, StatusCards
from bot.outbox import Outbox
from engine.core import events as e
from engine.core import facts as f
from engine.core.values import GateName

GONE = refuse(400, "Bad Request: message to edit not found")


class Noting(FakeDesk):
    """A desk that keeps notes, as the engine does."""

    async def command(  # type: ignore[explicit-override] # typing: 3.12
        self, command: e.Command
    ) -> tuple[f.Record, ...]:
        done = await super().command(command)
        if isinstance(command, e.Note) and not self.refusal:
            self.note({command.key: command.value})
            self.tell(f.Noted(command.key, command.value, command.by))
        return done

    def note(self, notes: Mapping[str, str]) -> None:
        self.show(notes=MappingProxyType({**self.shown.notes, **notes}))


class Pinned:
    """Cards at work; `later` lets real time pass."""

    def __init__(self, desk: FakeDesk, wire: Wire, box: Outbox) -> None:
        self.desk, self.wire, self.box = desk, wire, box
        self.turn = asyncio.Event()

    async def wait(self, wake: asyncio.Event, _seconds: float | None) -> None:
        """Until there is news, or a test lets time pass."""
        waiting = [asyncio.ensure_future(event.wait()) for event in (wake, self.turn)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.turn.clear()
            for one in waiting:
                one.cancel()

    async def later(self, seconds: float) -> None:
        self.desk.now_real.now += seconds
        self.desk.show(at_ms=self.desk.shown.at_ms + int(seconds * 1000))
        self.turn.set()
        await settle()

    @property
    def edits(self) -> list[int]:
        return [int(s["message_id"]) for s in self.wire.named("editMessageText")]


@asynccontextmanager
async def pinned(
    desk: FakeDesk, wire: Wire, places: tuple[int, ...] = (OWNER,)
) -> AsyncIterator[Pinned]:
    async with running(outbox(desk, wire, ())) as box:
        here = Pinned(desk, wire, box)
        task = asyncio.create_task(StatusCards(desk, box, lambda: places, here.wait).run())
        await settle()
        try:
            yield here
        finally:
            task.cancel()
            await asyncio.wait([task])


async def test_the_first_card_is_sent_pinned_and_kept_in_silence() -> None:
    desk, wire = Noting(), Wire()
    async with pinned(desk, wire, (OWNER, GROUP)):
        assert [int(s["chat_id"]) for s in wire.sent] == [OWNER, GROUP]
        assert all(s["disable_notification"] for s in wire.sent)
        assert wire.sent[0]["text"].startswith("🟢 <b>RUNNING</b>")
        ids = [s["id"] for s in wire.sent]
        pins = wire.named("pinChatMessage")
        assert [int(p["message_id"]) for p in pins] == ids
        assert all(p["disable_notification"] for p in pins)
        assert desk.shown.notes == {f"card.{OWNER}": str(ids[0]), f"card.{GROUP}": str(ids[1])}


async def test_it_is_edited_often_while_something_is_open_and_now_and_then_else() -> None:
    desk, wire = Noting(), Wire()
    desk.note({f"card.{OWNER}": "77"})
    async with pinned(desk, wire) as here:
        assert (wire.sent, here.edits) == ([], [77])
        await here.later(IDLE_S - 1)
        assert here.edits == [77]
        await here.later(1)
        assert here.edits == [77] * 2
        desk.show(positions=(position(),))
        await here.later(BUSY_S)
        assert here.edits == [77] * 3
        assert "SOL        L" in wire.named("editMessageText")[-1]["text"]
        await here.later(LOOK_S)
        assert here.edits == [77] * 3
        assert wire.sent == []


@pytest.mark.parametrize(
    ("fact", "is_news"),
    [
        (f.GateClosed(GateName.OPERATOR, "@u", "paused"), True),
        (f.GateOpened(GateName.OPERATOR, "@u", "resumed"), True),
        (f.Noted(f"card.{OWNER}", "78", "chat"), True),
        (f.Noted("quiet", "22:00-07:00", "@u"), False),
        (f.Incident("x", "y"), False),
    ],
)
async def test_a_change_of_state_is_shown_at_once(fact: f.AnyFact, *, is_news: bool) -> None:
    desk, wire = Noting(), Wire()
    desk.note({f"card.{OWNER}": "77"})
    async with pinned(desk, wire) as here:
        desk.show(at_ms=desk.shown.at_ms + 1000)  # else it would read as before
        desk.tell(fact)
        await settle()
        assert here.edits == [77] * (2 if is_news else 1)
    assert desk.listening == 0


async def test_a_card_that_is_gone_is_sent_anew_pinned_and_kept() -> None:
    desk, wire = Noting(), Wire()
    desk.note({f"card.{OWNER}": "77"})
    wire.faults["editMessageText"] = [GONE]
    async with pinned(desk, wire) as here:
        [anew] = wire.sent
        assert anew["disable_notification"]
        await here.later(LOOK_S)
        assert [int(p["message_id"]) for p in wire.named("pinChatMessage")] == [anew["id"]]
        assert desk.shown.notes == {f"card.{OWNER}": str(anew["id"])}
        await here.later(IDLE_S)
        assert here.edits[-1] == anew["id"]
        assert len(wire.sent) == 1


async def test_notes_that_mean_nothing_are_no_card() -> None:
    desk, wire = Noting(), Wire()
    desk.note({"card.x": "7", f"card.{TRADER}": "", "card.": "1", f"card.{OWNER}": "77"})
    async with pinned(desk, wire) as here:
        assert (wire.sent, here.edits) == ([], [77])


async def test_a_card_nobody_can_keep_is_still_one_card() -> None:
    desk, wire = Noting(), Wire()
    desk.refusal = "all notes are used"
    async with pinned(desk, wire) as here:
        await here.later(AGAIN_S)
        await here.later(IDLE_S)
        assert len(wire.sent) == 1
        assert here.edits[-1] == wire.sent[0]["id"]


async def test_a_card_that_cannot_be_sent_is_tried_again_later() -> None:
    desk, wire = Noting(), Wire()
    wire.faults["sendMessage"] = [refuse(400, "Bad Request: something odd")] * 2
    async with pinned(desk, wire) as here:
        tried = len(wire.sent)
        assert desk.shown.notes == {}
        await here.later(LOOK_S)
        assert len(wire.sent) == tried
        await here.later(AGAIN_S)
        assert desk.shown.notes == {f"card.{OWNER}": str(wire.sent[-1]["id"])}


async def test_nothing_is_put_together_before_there_is_a_connection() -> None:
    desk, wire = Noting(), Wire()
    async with pinned(desk, wire) as here:
        here.box.is_connected = False
        count = len(here.edits)
        desk.tell(f.GateClosed(GateName.OPERATOR, "@u", "paused"))
        await settle()
        assert len(here.edits) == count
        assert here.box.depth == 0


async def test_the_pin_button_moves_the_card_to_the_end() -> None:
    async with talking(Noting()) as talk:
        card = await talk.say("/status", TRADER)
        assert [b["text"] for b in buttons(card)][-1] == "📌 Pin"
        pinned_card = await talk.tap(card, "Pin", TRADER)
        assert pinned_card["disable_notification"]
        [pin] = talk.wire.named("pinChatMessage")
        assert int(pin["message_id"]) == pinned_card["id"]
        assert talk.desk.shown.notes == {f"card.{TRADER}": str(pinned_card["id"])}
        assert "📌 Pin" not in [b["text"] for b in buttons(pinned_card)]
        assert talk.wire.named("unpinChatMessage") == []
        newer = await talk.tap(card, "Pin", TRADER)
        [unpin] = talk.wire.named("unpinChatMessage")
        [strip] = talk.wire.named("editMessageReplyMarkup")
        assert {int(s["message_id"]) for s in (unpin, strip)} == {pinned_card["id"]}
        assert talk.desk.shown.notes == {f"card.{TRADER}": str(newer["id"])}


async def test_a_pin_that_is_gone_is_no_reason_to_pin_nothing() -> None:
    desk = Noting()
    desk.note({f"card.{TRADER}": "77"})
    async with talking(desk) as talk:
        talk.wire.faults["unpinChatMessage"] = [GONE]
        said = await talk.say("/status pin", TRADER)
        assert [int(p["message_id"]) for p in talk.wire.named("pinChatMessage")] == [said["id"]]


async def test_a_viewer_pins_nothing() -> None:
    async with talking(Noting()) as talk:
        card = await talk.say("/status", VIEWER)
        assert "📌 Pin" not in [b["text"] for b in buttons(card)]
        assert "for the role trader" in (await talk.say("/status pin", VIEWER))["text"]
        assert talk.wire.named("pinChatMessage") == []
