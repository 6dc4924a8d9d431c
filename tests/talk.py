"""A conversation without a network: gate, dispatch and outbox over a fake desk and a fake wire."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from desks import PULSE, FakeDesk, settle
from telegram_wire import GROUP, OWNER, TRADER, VIEWER, Wire, bot, buttons, message, tap, update

from bot.conversation import Room
from bot.dispatch import Dispatch
from bot.ear import Dial
from bot.gate import Gate, Role
from bot.outbox import Outbox
from bot.sender import Sender
from bot.views import layout
from builders import D
from engine.core.facts import DayRolled

USERS = {OWNER: Role.OWNER, TRADER: Role.TRADER, VIEWER: Role.VIEWER}


def outbox(desk: FakeDesk, wire: Wire, places: Sequence[int] = (OWNER,)) -> Outbox:
    """An outbox whose waits move the desk's clock instead of taking time."""

    async def wait(event: asyncio.Event, seconds: float | None) -> None:
        if box.depth and box.is_connected and seconds:
            await asyncio.sleep(0)  # a picture that is drawn at once takes no time
            if not event.is_set():
                desk.now_real.now += seconds
        else:
            await event.wait()

    box = Outbox(desk, Sender(bot(wire), lambda _old, _new: None), places, "alpha", wait)
    desk.on_record = lambda record: box.offer([record])
    return box


@asynccontextmanager
async def running(box: Outbox) -> AsyncIterator[Outbox]:
    """The outbox at work, until the block ends: then it is killed, as by kill -9."""
    task = asyncio.create_task(box.run())
    box.connected()
    await settle()
    try:
        yield box
    finally:
        task.cancel()
        await asyncio.wait([task])


def words_of(wire: Wire) -> list[str]:
    """New messages as a person reads them."""
    return [layout.plain(str(said.get("text") or said.get("caption"))) for said in wire.sent]


async def later(desk: FakeDesk, seconds: float) -> None:
    """Everything there is gets done; time goes by, and the outbox looks up."""
    await settle()
    desk.now_real.now += seconds
    desk.show(at_ms=desk.shown.at_ms + int(seconds * 1000))
    desk.tell(DayRolled("2025-10-10", D(10_000)))
    await settle()


class Talk:
    """What people can do, and what they see."""

    def __init__(self, desk: FakeDesk, wire: Wire, box: Outbox) -> None:
        self.desk, self.wire, self.box = desk, wire, box
        self.gate = Gate(USERS, [GROUP])
        self.dial = Dial(desk.now_real)
        self.dispatch = Dispatch(Room(desk, box, lambda: PULSE), self.dial)
        self.dispatch.name = "break_bot"

    async def hear(self, raw: dict[str, Any]) -> list[dict[str, Any]]:
        """Put an update through gate and dispatch; new messages and edits that followed."""
        before = len(self.wire.calls)
        admitted = self.gate.admit(update(raw))
        if admitted is not None:
            task = asyncio.create_task(self.dispatch.handle(admitted))
            await settle()
            if not task.done():
                self._rest = task
        shown = ("sendMessage", "sendPhoto", "sendDocument", "editMessageText")
        return [said for name, said in self.wire.calls[before:] if name in shown]

    async def say(self, words: str, by: int = OWNER, **changes: object) -> dict[str, Any]:
        """Type something; the one answer, {} when there is none."""
        answers = await self.hear(message(words, by, **changes))
        assert len(answers) <= 1, answers
        return answers[0] if answers else {}

    async def tap(
        self, asked: dict[str, Any], label: str, by: int = OWNER, number: int | None = None
    ) -> dict[str, Any]:
        """Tap a button of a message by its label; the message as it reads afterwards."""
        data = next(b["callback_data"] for b in buttons(asked) if label in b["text"])
        answers = await self.hear(tap(data, number or asked["id"], by, self.chat(asked)))
        return answers[0] if answers else {}

    @staticmethod
    def chat(said: dict[str, Any]) -> int:
        return int(said["chat_id"])

    @property
    def answers(self) -> list[dict[str, Any]]:
        """What taps were answered with."""
        return self.wire.named("answerCallbackQuery")


@asynccontextmanager
async def talking(desk: FakeDesk | None = None) -> AsyncIterator[Talk]:
    """A conversation at work."""
    desk, wire = desk or FakeDesk(), Wire()
    async with running(outbox(desk, wire, ())) as box:
        yield Talk(desk, wire, box)
