"""The outbox: notices and answers on their way to Telegram, in order of urgency, never in the way.

It exists because Telegram is slow, strict and sometimes gone, and trading must not notice. It is a
cursor into the journal: what no `NoticeSent` covers is told after a restart, once. `offer` must
never block, raise or do work.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from bot.content import Content
from bot.desk import Desk
from bot.easel import Easel
from bot.editor import Editor
from bot.letters import Writer
from bot.notices import Notice, Teller, Urgency
from bot.post import EditTerms, Post, pause
from bot.preferences import Kind
from bot.recovery import read
from bot.sender import Delivered, Outcome, Refused, Retry, Sender
from bot.texts_notices import untellable
from bot.trades import TradeBook
from bot.tray import TAPPED, Tray
from bot.waiting import LOOK_S
from engine.core.facts import Record
from engine.log import Log

_log = Log(__name__)
BACKOFF_MAX_S = 60.0
DOUBTS_MAX = 3  # repeats of a message whose answer got lost, and only of what must arrive
ANSWER_TRIES = 3
WHOLE_S = 1.0  # for the answer to a message under way, when everything ends

Wait = Callable[[asyncio.Event, float | None], Awaitable[None]]


class Outbox:
    """The `Notifier` of the engine, and the only way for the chat to send anything."""

    def __init__(
        self, desk: Desk, sender: Sender, places: Sequence[int], name: str, wait: Wait = pause
    ) -> None:
        self.book = TradeBook()
        self.trouble = ""  # the last complaint of Telegram, "" after a success
        self.is_connected = False
        self._desk, self._sender, self._wait = desk, sender, wait
        self._teller = Teller(self.book, name)
        self._tray = Tray(desk)
        self.shown = self._tray.shown
        self._editor = Editor(desk, self._tray, places)
        self._writer = Writer(desk)
        self._easel = Easel(desk, self._tray.wake.set)
        self._offered: deque[Record] = deque()
        self._seq = 0
        self._gone: set[int] = set()
        self._is_doubtful = False
        self.recovered = asyncio.Event()  # the journal was read once

    # The engine's side

    def offer(self, records: Sequence[Record]) -> None:
        """Take note of new records; never blocks, never raises."""
        self._offered.extend(records)
        self._tray.wake.set()

    # The chat's side

    @property
    def depth(self) -> int:
        """Messages waiting."""
        return len(self._tray.waiting)

    @property
    def oldest_s(self) -> float | None:
        """Age of the oldest message waiting."""
        born = self._tray.waiting.born_s
        return None if born is None else self._desk.now_real() - born

    @property
    def dropped(self) -> int:
        """Messages given up because too many waited, since the start."""
        return self._tray.waiting.dropped

    async def say(
        self,
        chat_id: int,
        content: Content,
        *,
        reply_to: int | None = None,
        is_silent: bool = False,
        is_urgent: bool = False,
    ) -> int | None:
        """Send an answer; its message id, or None when it could not be delivered.

        One that is urgent leaves before all that waits.
        """
        done: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        urgency = Urgency.NOW if is_urgent else Urgency.ANSWER
        post = Post(chat_id, content, urgency, self._desk.now_real(), reply_to=reply_to)
        post.is_silent = is_silent
        post.done = done
        self._tray.put(post)
        return await done

    def edit(
        self,
        chat_id: int,
        message_id: int,
        content: Content | None,
        *,
        is_photo: bool = False,
        terms: EditTerms = TAPPED,
    ) -> None:
        """Change a message; a newer change replaces one that waits. None takes its buttons away.

        What is a photo gets words as its caption, or another picture with its caption. What cannot
        be edited any more is sent anew, and `terms.on_moved` hears the new id.
        """
        self._tray.edit((chat_id, message_id), content, is_photo=is_photo, terms=terms)

    async def answer(self, query_id: str, words: str = "", *, is_alert: bool = False) -> None:
        """Stop the spinner of a tapped button, at once."""
        await self._sender.answer(query_id, words, is_alert=is_alert)

    async def react(self, chat_id: int, message_id: int, emoji: str) -> None:
        """Put one reaction under a message, at once, in place of the one before."""
        await self._sender.react(chat_id, message_id, emoji)

    async def pin(self, chat_id: int, message_id: int, instead_of: int | None = None) -> None:
        """Pin a message without a sound, at once, in place of another."""
        await self._sender.pin(chat_id, message_id, instead_of)

    def see(self, seq: int | None) -> int:
        """A person saw the alarm of this record, or every alarm; how many stop to ring."""
        return self._editor.see(seq)

    def connected(self) -> None:
        """Telegram knows us: sending may begin."""
        self.is_connected = True
        self._tray.wake.set()

    def revive(self, chat_id: int, *, is_place: bool = False) -> None:
        """Somebody wrote from there: a chat that refused us takes messages again, a place news."""
        if is_place:
            self._editor.welcome(chat_id)
        if chat_id in self._gone:
            self._gone.discard(chat_id)
            self._tray.wake.set()

    # The task

    async def run(self) -> None:
        """Deliver until canceled."""
        if not self.recovered.is_set():
            records = self._desk.records(self._seq)
            self._editor.recover(await read(records, self._take, self._tray.shown))
            self.recovered.set()
        while True:
            self._tray.wake.clear()
            self._fold_offered()
            post, wait_s = self._next()
            if post is None:
                await self._wait(self._tray.wake, wait_s)
            else:
                await self._send_whole(post)

    async def flush(self, seconds: float) -> None:
        """Begin to send what may leave now, for so long; for the last words before a stop."""
        self._fold_offered()
        ends = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < ends:
            post, _ = self._next(is_last=True)
            if post is None:
                return
            await self._send_safely(post)

    async def _send_whole(self, post: Post) -> None:
        """A cancelation does not tear a message under way: nobody would know if it arrived."""
        sending = asyncio.ensure_future(self._send_safely(post))
        try:
            await asyncio.shield(sending)
        except asyncio.CancelledError:
            await asyncio.wait({sending}, timeout=WHOLE_S)
            sending.cancel()
            raise

    def _take(self, record: Record) -> list[Notice]:
        self._seq = max(self._seq, record.seq)
        self.book.fold(record)
        try:
            return self._teller.take(record)
        except Exception:  # noqa: BLE001 -- a fact without a sentence is still told
            _log.error("outbox.untellable", seq=record.seq, exc_info=True)
            text, seqs = untellable(record), (record.seq,)
            urgency, kind = Urgency.MONEY, Kind.ERROR
            return [Notice(seqs, record.at_ms, urgency, is_silent=False, text=text, kind=kind)]

    def _fold_offered(self) -> None:
        while self._offered:
            record = self._offered.popleft()
            if record.seq > self._seq:
                self._editor.tell(self._take(record))
        if self._teller.is_holding:
            self._editor.tell(self._teller.due(self._desk.view().at_ms))
        self._editor.on_time()

    def _next(self, *, is_last: bool = False) -> tuple[Post | None, float]:
        """The message to send now, or how long to wait for one; at the last, without pictures."""
        if not self.is_connected:
            return None, LOOK_S
        is_ready = (lambda _: True) if is_last else self._easel.is_ready
        return self._tray.waiting.pick(self._desk.now_real(), self._gone, is_ready)

    async def _send_safely(self, post: Post) -> None:
        self._tray.waiting.in_flight = post
        try:
            await self._send(post)
        except Exception:  # noqa: BLE001 -- one bad message must not silence all others
            _log.error("outbox.send_failed", exc_info=True)
            self.trouble = "a message failed inside; see the log"
            self._tray.give_up(post)
        finally:
            self._tray.waiting.in_flight = None

    async def _send(self, post: Post) -> None:
        if self._is_doubtful:
            self._is_doubtful = not await self._sender.is_reachable()
            if self._is_doubtful:
                self._tray.pacer.freeze(self._backoff(post))
                post.tries += 1
            return  # something may have changed meanwhile
        letter = self._writer.write(post, self._easel.take(post))
        self._tray.pacer.spend(post.chat_id)
        sent = post.content
        self._settle(post, await self._sender.deliver(letter), sent)

    def _settle(self, post: Post, outcome: Outcome, sent: Content | None) -> None:
        match outcome:
            case Delivered(message_id):
                self.trouble = ""
                self._delivered(post, message_id, sent)
            case Refused(why, is_chat):
                self.trouble = why
                _log.error("outbox.refused", chat=post.chat_id, reason=why)
                self._refused(post, is_chat=is_chat)
            case Retry():
                self.trouble = outcome.why
                _log.warning("outbox.retry", chat=post.chat_id, reason=outcome.why)
                self._retry(post, outcome)

    def _delivered(self, post: Post, message_id: int, sent: Content | None) -> None:
        shown, is_edit = self._tray.shown, post.edit_id is not None
        at_s = self._desk.now_real()
        if is_edit:
            shown.show(post.chat_id, message_id, sent, at_s)
        if post.edit_id is not None and message_id != post.edit_id:
            shown.move(post.chat_id, post.edit_id, message_id)
            post.edit_id = message_id
            if post.terms.on_moved is not None:
                post.terms.on_moved(message_id)
        if is_edit and post.content is not sent:  # changed while it was on its way
            post.not_before_s = at_s + post.terms.gap_s
            return
        self._tray.end(post, message_id)
        for seq in post.covers:
            self.book.remember_root(seq, post.chat_id, message_id)

    def _refused(self, post: Post, *, is_chat: bool) -> None:
        if is_chat:
            self._gone.add(post.chat_id)
        if not is_chat or post.notice is None:
            self._tray.end(post)

    def _retry(self, post: Post, outcome: Retry) -> None:
        is_told_when = outcome.after_s is not None  # no failure of ours: it does not count
        post.tries += not is_told_when
        self._tray.pacer.freeze(self._backoff(post) if outcome.after_s is None else outcome.after_s)
        if outcome.is_unknown:
            self._is_doubtful = True
            post.doubts += 1
        is_answer = post.notice is None
        has_doubt = post.doubts > (DOUBTS_MAX if post.urgency < Urgency.NEWS else 0)
        if has_doubt or (is_answer and (post.doubts or post.tries >= ANSWER_TRIES)):
            self._tray.end(post)

    def _backoff(self, post: Post) -> float:
        return float(min(BACKOFF_MAX_S, 2.0 ** min(post.tries, 10)))
