"""A group that got a new id: followed at once, and after a restart."""

import asyncio

from desks import FakeDesk, settle
from telegram_wire import GROUP, OWNER, Wire, bot, message, refuse, update

from bot.gate import Gate, Role
from bot.moving import Moves, known
from bot.outbox import Outbox
from bot.sender import Sender
from bot.views.layout import Text
from engine.core.events import Note

NEW = -777


def test_notes_that_are_no_ids_are_passed_over() -> None:
    notes = {"moved.-500": "-777", "moved.x": "-1", "moved.-1": "", "quiet": "1", "moved.-2": "²"}
    assert known(notes) == {-500: -777}


async def test_a_move_is_followed_noted_and_recalled() -> None:
    desk, wire = FakeDesk(), Wire()
    gate = Gate({OWNER: Role.OWNER}, [GROUP])
    moves = Moves(desk, gate)
    box = Outbox(desk, Sender(bot(wire), moves.note), (GROUP,), "alpha")
    wire.faults["sendMessage"] = [refuse(400, "moved", migrate_to_chat_id=NEW)]
    box.connected()
    task = asyncio.create_task(box.run())
    await box.say(GROUP, Text("words"))
    await settle()
    task.cancel()
    assert [int(s["chat_id"]) for s in wire.sent] == [GROUP, NEW]
    assert gate.admit(update(message("/status", OWNER, chat=NEW))) is not None
    (note,) = desk.commands
    assert isinstance(note, Note)
    assert (note.key, note.value) == (f"moved.{GROUP}", str(NEW))

    desk.show(notes={note.key: note.value})
    again, later = Wire(), Gate({OWNER: Role.OWNER}, [GROUP])
    sender = Sender(bot(again), moves.note)
    Moves(desk, later).recall(sender)
    box = Outbox(desk, sender, (GROUP,), "alpha")
    box.connected()
    task = asyncio.create_task(box.run())
    await box.say(GROUP, Text("words"))
    task.cancel()
    assert [int(s["chat_id"]) for s in again.sent] == [NEW]
    assert later.admit(update(message("/status", OWNER, chat=NEW))) is not None
