"""The pinned card of every place: one message, edited for ever, silent.

It exists so that one glance at the top of the chat tells the state; when it is old, the process is
dead. It must never ring, never hold up what somebody waits for, and never be sent twice while the
first one can still be edited.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence

from bot.conversation import put
from bot.desk import Desk
from bot.notices import Urgency
from bot.outbox import Outbox, Wait
from bot.post import EditTerms, pause
from bot.views import status
from bot.views.layout import Text
from engine.core import facts as f
from engine.core.events import Note
from engine.log import Log

_log = Log(__name__)
BUSY_S, IDLE_S = 30.0, 300.0  # real seconds between two edits, with and without a position
Work = Callable[[int], Coroutine[object, object, None]]
LOOK_S = 2.0  # how often a card that was sent anew is looked for
AGAIN_S = 60.0  # before a card that could not be sent is tried again
KEY = "card."
STATE = (f.GateClosed, f.GateOpened, f.PositionOpened, f.PositionClosed, f.PresetChosen)


def key_of(chat_id: int) -> str:
    """The note that keeps the card's message."""
    return f"{KEY}{chat_id}"


async def remember(desk: Desk, chat_id: int, message_id: int) -> None:
    """Keep it over a restart."""
    command_id = f"card:{chat_id}:{message_id}"
    note = Note(command_id=command_id, by="chat", key=key_of(chat_id), value=str(message_id))
    result = await put(desk, note)
    if not result.is_done:
        _log.warning("card.not_kept", chat=chat_id, reason=result.words)


def kept_in(desk: Desk, chat_id: int) -> int | None:
    """The message that is the card of this chat; a note that means nothing is none."""
    value = desk.view().notes.get(key_of(chat_id), "")
    return int(value) if value.isdecimal() else None


async def pin_new(desk: Desk, outbox: Outbox, chat_id: int) -> int | None:
    """Send a card, pin and remember it, in place of an older one; None when it was not sent."""
    old = kept_in(desk, chat_id)
    message_id = await outbox.say(chat_id, _card(desk), is_silent=True)
    if message_id is None:
        return None
    await outbox.pin(chat_id, message_id, old)
    await remember(desk, chat_id, message_id)
    if old is not None:
        outbox.edit(chat_id, old, None)  # what is no longer kept up to date has no buttons
    return message_id


def _card(desk: Desk) -> Text:
    return status.status(desk.view(), desk.health(), desk.settings().risk)


class StatusCards:
    """Keeps a card in each place, and in each chat where somebody pinned one."""

    def __init__(
        self,
        desk: Desk,
        outbox: Outbox,
        places: Callable[[], Sequence[int]],
        wait: Wait = pause,
    ) -> None:
        self._desk, self._outbox, self._places, self._wait = desk, outbox, places, wait
        self._wake = asyncio.Event()
        self._is_news = True  # the state changed since the last edits
        self._edited_s = 0.0
        self._sent: dict[int, int] = {}  # chat -> the card, where no note tells of it
        self._tasks: dict[int, tuple[asyncio.Task[None], float]] = {}  # chat -> what, since when

    async def run(self) -> None:
        """Keep the cards until canceled."""
        await self._outbox.recovered.wait()
        stop = self._desk.listen(self._hear)
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._wake.clear()
                    self._look(group)
                    await self._wait(self._wake, LOOK_S)
        finally:
            stop()

    def _hear(self, record: f.Record) -> None:
        fact = record.fact
        is_pinned = isinstance(fact, f.Noted) and fact.key.startswith(KEY)
        if is_pinned or isinstance(fact, STATE):
            self._is_news = True
            self._wake.set()

    def _look(self, group: asyncio.TaskGroup) -> None:
        """Edit what is due; send what is missing."""
        if not self._outbox.is_connected:  # what is put together now would be old by then
            return
        now, kept = self._desk.now_real(), self._kept()
        every_s = BUSY_S if self._desk.view().positions else IDLE_S
        is_due = self._is_news or now >= self._edited_s + every_s
        if is_due:
            self._is_news, self._edited_s = False, now
        for chat_id in dict.fromkeys((*self._places(), *kept)):
            message_id = kept.get(chat_id)
            if message_id is None:
                self._begin(group, chat_id, self._anew)
                continue
            if self._outbox.shown.here(chat_id, message_id) != message_id:
                self._begin(group, chat_id, self._adopt)
            if is_due:
                card = _card(self._desk)
                self._outbox.edit(chat_id, message_id, card, terms=EditTerms(Urgency.CARD))

    def _kept(self) -> dict[int, int]:
        """The cards that are there, by chat."""
        found = dict(self._sent)
        named = (key.removeprefix(KEY) for key in self._desk.view().notes if key.startswith(KEY))
        for chat_id in [int(name) for name in named if name.removeprefix("-").isdecimal()]:
            message_id = kept_in(self._desk, chat_id)
            if message_id is not None:
                found[chat_id] = message_id
        return found

    def _begin(self, group: asyncio.TaskGroup, chat_id: int, work: Work) -> None:
        """One thing at a time for a chat, and not again at once."""
        now = self._desk.now_real()
        task, since_s = self._tasks.get(chat_id, (None, -AGAIN_S))
        if (task is None or task.done()) and now >= since_s + AGAIN_S:
            self._tasks[chat_id] = group.create_task(work(chat_id)), now

    async def _anew(self, chat_id: int) -> None:
        """There is no card yet."""
        message_id = await pin_new(self._desk, self._outbox, chat_id)
        if message_id is not None:
            self._sent[chat_id] = message_id

    async def _adopt(self, chat_id: int) -> None:
        """The old card was lost, another stands in its place."""
        message_id = self._outbox.shown.here(chat_id, self._kept()[chat_id])
        await self._outbox.pin(chat_id, message_id)
        await remember(self._desk, chat_id, message_id)
