"""From an admitted update to an answer in the chat: one path for words, one for taps.

It exists so that rights, age, single use and failure are handled in one place for every command.
It must never raise into the library, never act on a button's data alone, and never let one
person's slow chart hold up another's panic.
"""

import asyncio
import secrets
from collections.abc import Sequence
from functools import partial

from bot import texts, texts_guard
from bot.acks import Ack, Acks
from bot.commands import VERBS
from bot.commands_panic import going_on
from bot.content import File, Photo
from bot.conversation import Ask, Room
from bot.dialogs import Answer, Dialogs, Followed, Miss, Open, Question, Tap
from bot.ear import Dial
from bot.gate import STALE_S, Admitted, Caller, Role
from bot.parsing import Unclear, split
from bot.post import URGENT, EditTerms
from bot.stage import Stage
from bot.stale import run_stale, starting
from bot.tray import TAPPED
from bot.verbs import Stale, Verb, allowed, answer, spelled
from bot.views.layout import Text
from engine.log import Log

_log = Log(__name__)
BURST_S = 1.0  # skipped requests are counted together for this long


class Dispatch:
    """The conversation with everybody who was admitted."""

    def __init__(self, room: Room, dial: Dial | None = None) -> None:
        self.name = ""  # the bot's user name, known once connected
        self._room = room
        self._dial = dial or Dial(room.desk.now_real)
        self._dialogs = Dialogs(room.desk.now_real)
        self._acks = Acks(room.desk, room.outbox)
        self._skipped: dict[int, tuple[int, float]] = {}  # chat -> how many, when last

    async def handle(self, admitted: Admitted) -> None:
        """Answer one update; a failure inside is told with a trace id."""
        self._room.outbox.revive(admitted.caller.chat_id)
        try:
            if admitted.query_id is None:
                await self._hear(admitted)
            else:
                await self._tapped(admitted, admitted.query_id)
        except Exception:  # noqa: BLE001 -- the person is told, the log has the trace
            trace = secrets.token_hex(3)
            _log.error("chat.failed", trace=trace, exc_info=True)
            text = Text(texts.BROKEN.format(trace=trace))
            await self._room.outbox.say(admitted.caller.chat_id, text)

    async def tidy(self) -> None:
        """What time changes: questions expire, skipped requests are summed up."""
        for opened in self._dialogs.sweep():
            if opened.message_id is not None:
                self._room.outbox.edit(opened.chat_id, opened.message_id, opened.closing)
            if opened.command_id is not None:
                self._acks.put(opened.chat_id, opened.command_id)
        now = self._room.desk.now_real()
        for chat_id, (count, at_s) in list(self._skipped.items()):
            if now - at_s >= BURST_S:
                del self._skipped[chat_id]
                await self._room.outbox.say(chat_id, texts.skipped(count))

    async def go_on(self, places: Sequence[int], owner: int | None) -> None:
        """Follow anew, in every place, a panic that the end of the process cut off."""
        await self._room.outbox.recovered.wait()
        async with asyncio.TaskGroup() as group:
            for place in places:  # its button is the owner's, wherever it is
                caller = Caller(owner or 0, place, "", Role.OWNER, is_private=place == owner)
                group.create_task(self._go_on_in(caller))

    async def _go_on_in(self, caller: Caller) -> None:
        try:
            nothing_said = Admitted(caller, update_id=0, message_id=0, words="")
            await self._reply(going_on(self._room), nothing_said, is_urgent=True)
        except Exception:  # noqa: BLE001 -- the engine closes all the same, the log has the trace
            _log.error("chat.panic_unfollowed", exc_info=True)

    # Words

    async def _hear(self, admitted: Admitted) -> None:
        name, bot_name, args = split(admitted.words)
        if bot_name and bot_name.lower() != self.name.lower():
            return
        waiting = self._dialogs.take_text(admitted.caller)
        if waiting is not None and waiting.message_id is not None:
            self._room.outbox.edit(waiting.chat_id, waiting.message_id, None)
            if name and waiting.command_id is not None:
                self._acks.put(waiting.chat_id, waiting.command_id)
        if not name:
            await self._hear_text(admitted, waiting)
            return
        ask = Ask(admitted.caller, admitted.update_id, args)
        verb = VERBS.find(name)
        # Telegram dated the message: its clock says how old it is, ours may be wrong.
        age_s = self._room.desk.now_real() + self._dial.ahead_s - admitted.sent_s
        chat_id, number = admitted.caller.chat_id, admitted.message_id
        if verb is None or verb.role < Role.TRADER:
            answer = await self._run(name, ask, age_s)
            await self._reply(answer, admitted, is_urgent=_is_urgent(verb, admitted))
            return
        with self._acks.under(chat_id, number, ask.update_id) as ack:
            answer = await self._run(name, ask, age_s, ack)
        is_urgent = _is_urgent(verb, admitted)
        await self._reply(answer, admitted, is_urgent=is_urgent, command_id=number)

    async def _hear_text(self, admitted: Admitted, waiting: Open | None) -> None:
        caller, command_id = admitted.caller, None if waiting is None else waiting.command_id
        answer: Answer = texts.HINT if caller.is_private else None
        if waiting is not None and waiting.question.on_text is not None:
            tap = Tap(caller, admitted.update_id)
            with self._acks.after(caller.chat_id, command_id, tap.update_id) as ack:
                answer = await waiting.question.on_text(tap, admitted.words[:300])
                ack.is_open = isinstance(answer, Question)
        await self._reply(answer, admitted, command_id=command_id)

    async def _run(self, name: str, ask: Ask, age_s: float, ack: Ack | None = None) -> Answer:
        verb = VERBS.find(name)
        if verb is None:
            return texts.unknown(VERBS.nearest(name))
        if not allowed(verb, ask.caller):
            if ack is not None:
                ack.refuse()
            return texts.refused_role(verb.name, verb.role.name.lower())
        ask = spelled(verb, name, ask)
        try:
            if age_s <= STALE_S:
                return await self._act(verb, ask)
            if verb.stale is Stale.SKIP:
                self._skip(ask.caller.chat_id)
                return None
            return await run_stale(self._room, verb, ask, age_s)
        except Unclear as error:
            if ack is not None:
                ack.refuse()
            return texts.unclear(str(error), verb.usage)

    async def _act(self, verb: Verb, ask: Ask) -> Answer:
        """Carry it out, unless this start does not know yet what is open."""
        step = starting(self._room, verb)
        return texts_guard.starting(step) if step else await answer(self._room, verb, ask)

    def _skip(self, chat_id: int) -> None:
        count, _ = self._skipped.get(chat_id, (0, 0.0))
        self._skipped[chat_id] = (count + 1, self._room.desk.now_real())

    # Taps

    async def _tapped(self, admitted: Admitted, query_id: str) -> None:
        kind, _, words = admitted.words.partition("|")
        if kind == "c":
            await self._choose(admitted, words, query_id)
            return
        name, *args = words.split()[:4] or [""]
        verb = VERBS.find(name)
        if kind not in ("r", "e") or verb is None:
            await self._expire(admitted, query_id)
            return
        if not allowed(verb, admitted.caller):
            await self._room.outbox.answer(query_id, texts.NOT_YOURS, is_alert=True)
            return
        await self._room.outbox.answer(query_id)
        ask = Ask(admitted.caller, admitted.update_id, tuple(args), is_button=True)
        answer = await self._run(name, ask, 0.0)
        is_same_kind = isinstance(answer, Photo if admitted.is_photo else Text)
        if kind == "e" and is_same_kind and isinstance(answer, Photo | Text):
            message = admitted.caller.chat_id, admitted.message_id
            self._room.outbox.edit(*message, answer, is_photo=admitted.is_photo)
        else:
            await self._reply(answer, admitted, is_urgent=_is_urgent(verb, admitted))

    async def _choose(self, admitted: Admitted, nonce: str, query_id: str) -> None:
        """A tap on a question: used up before anything happens, then answered, then acted on."""
        command_id = self._dialogs.command_of(nonce)
        terms = URGENT if self._dialogs.hurries(nonce) else TAPPED
        taken = self._dialogs.take(nonce, admitted.caller, admitted.message_id)
        if taken is Miss.FOREIGN:
            await self._room.outbox.answer(query_id, taken.value, is_alert=True)
            return
        if isinstance(taken, Miss):
            await self._expire(admitted, query_id)
            return
        answering = asyncio.create_task(self._room.outbox.answer(query_id))
        with self._acks.after(admitted.caller.chat_id, command_id, admitted.update_id) as ack:
            answer = await taken.act(Tap(admitted.caller, admitted.update_id))
            ack.is_open = isinstance(answer, Question)
        await answering
        await self._replace(answer, admitted, command_id, terms)

    async def _expire(self, admitted: Admitted, query_id: str) -> None:
        await self._room.outbox.answer(query_id, Miss.EXPIRED.value)
        self._room.outbox.edit(admitted.caller.chat_id, admitted.message_id, None)

    # Answers

    async def _reply(
        self,
        answer: Answer,
        admitted: Admitted,
        *,
        is_urgent: bool = False,
        command_id: int | None = None,
    ) -> None:
        caller, to = admitted.caller, admitted.message_id
        say = partial(self._room.outbox.say, caller.chat_id, reply_to=to, is_urgent=is_urgent)
        match answer:
            case None:
                return
            case Text() | Photo() | File():
                await say(answer)
            case Question():
                text, opened = self._dialogs.ask(answer, caller)
                opened.command_id = command_id
                opened.is_urgent = is_urgent or answer.is_urgent
                self._dialogs.shown(opened, await say(text))
            case Followed():
                try:
                    message_id = await say(answer.text)
                    if message_id is not None:
                        await answer.follow(self._stage(caller, message_id))
                finally:
                    answer.close()

    def _stage(self, caller: Caller, message_id: int) -> Stage:
        return Stage(self._room.outbox, self._dialogs, caller, message_id)

    async def _replace(
        self, answer: Answer, admitted: Admitted, command_id: int | None, terms: EditTerms
    ) -> None:
        """The answer to a choice takes the place of its question, as urgent as that was."""
        caller, message_id = admitted.caller, admitted.message_id
        edit = partial(self._room.outbox.edit, caller.chat_id, message_id, terms=terms)
        match answer:
            case Text():
                edit(answer)
            case Question():
                text, opened = self._dialogs.ask(answer, caller)
                opened.command_id = command_id
                opened.is_urgent = terms is URGENT or answer.is_urgent
                self._dialogs.shown(opened, message_id)
                edit(text)
            case Followed():
                edit(answer.text)
                try:
                    await answer.follow(self._stage(caller, message_id))
                finally:
                    answer.close()
            case _:
                edit(None)
                await self._reply(answer, admitted, is_urgent=terms is URGENT)


def _is_urgent(verb: Verb | None, admitted: Admitted) -> bool:
    """Whether the answer goes first; nobody gets ahead by what they may not do."""
    return verb is not None and verb.is_urgent and allowed(verb, admitted.caller)
