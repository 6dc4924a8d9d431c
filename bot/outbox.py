"""The outbox: notices and answers on their way to Telegram, in order of urgency, never in the way.

It exists because Telegram is slow, strict and sometimes gone, and trading must not notice. It is a
cursor into the journal: what no `NoticeSent` covers is told after a restart, once. `offer` must
never block, raise or do work.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from bot.content import Content, File, Photo, words_of
from bot.desk import Desk
from bot.notices import Notice, Teller, Urgency
from bot.pacing import Pacer
from bot.post import Post, pause
from bot.sender import Delivered, Letter, Outcome, Refused, Retry, Sender
from bot.texts_notices import AGAIN, late, untellable
from bot.trades import TradeBook
from bot.views.layout import Text
from bot.views.market import CHART_BARS, signal_chart
from engine.core.facts import Booted, NoticeSent, Record
from engine.log import Log

_log = Log(__name__)
MOST = 1000  # messages waiting; news beyond that are dropped, the oldest first
EDIT_GAP_S = 3.0  # between two edits of one message
LATE_S = 60.0
BACKOFF_MAX_S = 60.0
DOUBTS_MAX = 3  # repeats of a message whose answer got lost
ANSWER_TRIES = 3
LOOK_S = 1.0  # how often held conditions are looked at
WHOLE_S = 1.0  # for the answer to a message under way, when everything ends
CHUNK = 200  # journal records between two breaths of the loop

Wait = Callable[[asyncio.Event, float | None], Awaitable[None]]


class Outbox:
    """The `Notifier` of the engine, and the only way for the chat to send anything."""

    def __init__(
        self, desk: Desk, sender: Sender, places: Sequence[int], name: str, wait: Wait = pause
    ) -> None:
        self.book = TradeBook()
        self.trouble = ""  # the last complaint of Telegram, "" after a success
        self.is_connected = False
        self._desk, self._sender, self._places, self._wait = desk, sender, tuple(places), wait
        self._teller = Teller(self.book, name)
        self._pacer = Pacer(desk.now_real)
        self._offered: deque[Record] = deque()
        self._seq = 0
        self._posts: list[Post] = []
        self._edited: dict[tuple[int, int], float] = {}
        self._gone: set[int] = set()
        self._wake = asyncio.Event()
        self._is_doubtful = False
        self.recovered = asyncio.Event()  # the journal was read once
        self._in_flight: Post | None = None

    # The engine's side

    def offer(self, records: Sequence[Record]) -> None:
        """Take note of new records; never blocks, never raises."""
        self._offered.extend(records)
        self._wake.set()

    # The chat's side

    @property
    def depth(self) -> int:
        """Messages waiting."""
        return len(self._posts)

    @property
    def oldest_s(self) -> float | None:
        """Age of the oldest message waiting."""
        born = min((p.born_s - p.lag_s for p in self._posts), default=None)
        return None if born is None else self._desk.now_real() - born

    async def say(
        self,
        chat_id: int,
        content: Content,
        *,
        reply_to: int | None = None,
        is_silent: bool = False,
    ) -> int | None:
        """Send an answer; its message id, or None when it could not be delivered."""
        done: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        post = Post(chat_id, content, Urgency.ANSWER, self._desk.now_real(), reply_to=reply_to)
        post.is_silent = is_silent
        post.done = done
        self._enqueue(post)
        return await done

    def edit(
        self, chat_id: int, message_id: int, content: Content | None, *, is_photo: bool = False
    ) -> None:
        """Change a message; a newer change replaces one that waits. None takes its buttons away.

        What is a photo gets words as its caption, or another picture with its caption.
        """
        for post in self._posts:
            if (post.chat_id, post.edit_id) == (chat_id, message_id):
                post.content = content if content is not None else post.content
                return
        now = self._desk.now_real()
        post = Post(chat_id, content, Urgency.ANSWER, now, edit_id=message_id, is_photo=is_photo)
        post.not_before_s = self._edited.get((chat_id, message_id), 0.0) + EDIT_GAP_S
        self._enqueue(post)

    async def answer(self, query_id: str, words: str = "", *, is_alert: bool = False) -> None:
        """Stop the spinner of a tapped button, at once."""
        await self._sender.answer(query_id, words, is_alert=is_alert)

    async def react(self, chat_id: int, message_id: int, emoji: str) -> None:
        """Put one reaction under a message, at once, in place of the one before."""
        await self._sender.react(chat_id, message_id, emoji)

    async def pin(self, chat_id: int, message_id: int) -> None:
        """Pin a message without a sound, at once."""
        await self._sender.pin(chat_id, message_id)

    def connected(self) -> None:
        """Telegram knows us: sending may begin."""
        self.is_connected = True
        self._wake.set()

    def revive(self, chat_id: int) -> None:
        """Somebody wrote from there: a chat that refused us takes messages again."""
        if chat_id in self._gone:
            self._gone.discard(chat_id)
            self._wake.set()

    def welcome(self, place: int) -> None:
        """Tell this chat the news from now on."""
        if place not in self._places:
            self._places = (place, *self._places)

    # The task

    async def run(self) -> None:
        """Deliver until canceled."""
        if not self.recovered.is_set():
            await self._recover()
            self.recovered.set()
        while True:
            self._wake.clear()
            self._fold_offered()
            post, wait_s = self._next()
            if post is None:
                await self._wait(self._wake, wait_s)
            else:
                await self._send_whole(post)

    async def flush(self, seconds: float) -> None:
        """Begin to send what may leave now, for so long; for the last words before a stop."""
        self._fold_offered()
        ends = asyncio.get_running_loop().time() + seconds
        post, _ = self._next()
        while post is not None and asyncio.get_running_loop().time() < ends:
            await self._send_safely(post)
            post, _ = self._next()

    async def _send_whole(self, post: Post) -> None:
        """A cancelation does not tear a message under way: nobody would know if it arrived."""
        sending = asyncio.ensure_future(self._send_safely(post))
        try:
            await asyncio.shield(sending)
        except asyncio.CancelledError:
            await asyncio.wait({sending}, timeout=WHOLE_S)
            sending.cancel()
            raise

    async def _recover(self) -> None:
        """Read the journal once: what was told, and what was not."""
        told: dict[int, set[int]] = {}
        notices: list[Notice] = []
        boot_seq = 0
        for number, record in enumerate(self._desk.records(self._seq)):
            notices += self._take(record)
            if isinstance(record.fact, NoticeSent):
                told.setdefault(record.fact.chat_id, set()).add(record.fact.of_seq)
            elif isinstance(record.fact, Booted):
                boot_seq = record.seq
            if number % CHUNK == 0:
                await asyncio.sleep(0)
        now_ms = self._desk.view().at_ms
        for place in self._places:
            # a chat that was never told anything, while others were, is new: no old news for it
            since = boot_seq if told and place not in told else 0
            for notice in notices:
                untold = tuple(
                    s for s in notice.seqs if s not in told.get(place, ()) and s >= since
                )
                if untold:
                    self._post(notice, place, untold, max(0, now_ms - notice.at_ms) / 1000)

    def _take(self, record: Record) -> list[Notice]:
        self._seq = max(self._seq, record.seq)
        self.book.fold(record)
        try:
            return self._teller.take(record)
        except Exception:  # noqa: BLE001 -- a fact without a sentence is still told
            _log.error("outbox.untellable", seq=record.seq, exc_info=True)
            text = untellable(record)
            return [Notice((record.seq,), record.at_ms, Urgency.MONEY, is_silent=False, text=text)]

    def _fold_offered(self) -> None:
        while self._offered:
            record = self._offered.popleft()
            if record.seq > self._seq:
                self._tell(self._take(record))
        if self._teller.is_holding:
            self._tell(self._teller.due(self._desk.view().at_ms))

    def _tell(self, notices: Sequence[Notice]) -> None:
        for notice in notices:
            for place in self._places:
                self._post(notice, place, notice.seqs, 0.0)

    def _post(self, notice: Notice, place: int, covers: tuple[int, ...], lag_s: float) -> None:
        if notice.not_for == place:
            return
        now = self._desk.now_real()
        post = Post(place, notice.text, notice.urgency, now, notice, covers, lag_s=lag_s)
        older = self._same(post)
        if older is not None:
            post.covers = older.covers + covers
            post.doubts = older.doubts
            self._posts.remove(older)
        self._enqueue(post)

    def _same(self, post: Post) -> Post | None:
        key = post.notice.key if post.notice else ""
        if not key:
            return None
        waiting = (p for p in self._posts if p is not self._in_flight and p.notice)
        same = (p for p in waiting if p.chat_id == post.chat_id)
        return next((p for p in same if p.notice and p.notice.key == key), None)

    def _enqueue(self, post: Post) -> None:
        self._posts.append(post)
        if len(self._posts) > MOST:
            self._drop_one()
        self._wake.set()

    def _drop_one(self) -> None:
        """The queue is full: the oldest of the least important goes; money and safety never."""
        least = max(self._posts, key=lambda p: p.urgency)
        if least.urgency >= Urgency.NEWS:
            self._posts.remove(least)
            self.trouble = "messages were dropped, too many wait"
            _log.warning("outbox.dropped", waiting=len(self._posts))

    def _next(self) -> tuple[Post | None, float | None]:
        """The message to send now, or how long to wait for one."""
        if not self.is_connected:
            return None, LOOK_S
        shortest = LOOK_S
        now = self._desk.now_real()
        for post in sorted(self._posts, key=lambda p: p.urgency):
            if post.chat_id in self._gone:
                continue
            wait_s = max(self._pacer.wait_s(post.chat_id), post.not_before_s - now)
            if wait_s <= 0:
                return post, None
            shortest = min(shortest, wait_s)
        return None, shortest

    async def _send_safely(self, post: Post) -> None:
        self._in_flight = post
        try:
            await self._send(post)
        except Exception:  # noqa: BLE001 -- one bad message must not silence all others
            _log.error("outbox.send_failed", exc_info=True)
            self.trouble = "a message failed inside; see the log"
            self._forget(post)
        finally:
            self._in_flight = None

    async def _send(self, post: Post) -> None:
        if self._is_doubtful and not await self._sender.is_reachable():
            self._pacer.freeze(self._backoff(post))
            post.tries += 1
            return
        self._is_doubtful = False
        letter = await self._letter(post)
        self._pacer.spend(post.chat_id)
        sent = post.content
        outcome = await self._sender.deliver(letter)
        self._settle(post, outcome, is_newest=post.content is sent)

    def _settle(self, post: Post, outcome: Outcome, *, is_newest: bool) -> None:
        match outcome:
            case Delivered(message_id):
                self.trouble = ""
                self._delivered(post, message_id, is_newest=is_newest)
            case Refused(why, is_chat):
                self.trouble = why
                _log.error("outbox.refused", chat=post.chat_id, reason=why)
                self._refused(post, is_chat=is_chat)
            case Retry():
                self.trouble = outcome.why
                _log.warning("outbox.retry", chat=post.chat_id, reason=outcome.why)
                self._retry(post, outcome)

    def _delivered(self, post: Post, message_id: int, *, is_newest: bool) -> None:
        if post.edit_id is not None:
            self._edited[post.chat_id, post.edit_id] = self._desk.now_real()
            if not is_newest:  # changed while it was on its way
                post.not_before_s = self._desk.now_real() + EDIT_GAP_S
                return
            while len(self._edited) > MOST:
                self._edited.pop(next(iter(self._edited)))
        self._end(post, message_id)

    def _end(self, post: Post, message_id: int) -> None:
        """Out of the queue, told; id 0 says that nobody confirmed it."""
        self._forget(post, message_id)
        for seq in post.covers:
            self.book.remember_root(seq, post.chat_id, message_id)
            self._desk.delivered(seq, post.chat_id, message_id)

    def _forget(self, post: Post, message_id: int = 0) -> None:
        if post in self._posts:
            self._posts.remove(post)
        if post.done is not None and not post.done.done():
            post.done.set_result(message_id or None)

    def _refused(self, post: Post, *, is_chat: bool) -> None:
        if is_chat:
            self._gone.add(post.chat_id)
        if not is_chat or post.done is not None or not post.covers:
            self._end(post, 0)

    def _retry(self, post: Post, outcome: Retry) -> None:
        post.tries += 1
        after = self._backoff(post) if outcome.after_s is None else outcome.after_s
        self._pacer.freeze(after)
        if outcome.is_unknown:
            self._is_doubtful = True
            post.doubts += 1
        is_answer = not post.covers
        has_doubt = post.doubts > (0 if post.urgency >= Urgency.NEWS else DOUBTS_MAX)
        if has_doubt or (is_answer and (post.doubts or post.tries >= ANSWER_TRIES)):
            self._end(post, 0)

    def _backoff(self, post: Post) -> float:
        return float(min(BACKOFF_MAX_S, 2.0 ** min(post.tries, 10)))

    async def _letter(self, post: Post) -> Letter:
        notice, reply_to = post.notice, post.reply_to
        if notice is not None and notice.trade is not None and not notice.has_chart:
            reply_to = notice.trade.roots.get(post.chat_id)
        photo = await self._photo(post)
        content = post.content
        return Letter(
            chat_id=post.chat_id,
            text=self._tagged(post),
            photo=photo,
            file=(content.name, content.content) if isinstance(content, File) else None,
            edit_id=post.edit_id,
            is_photo=post.is_photo,
            reply_to=reply_to,
            is_silent=post.is_silent or (notice is not None and notice.is_silent),
        )

    def _tagged(self, post: Post) -> Text | None:
        text = None if post.content is None else words_of(post.content)
        if text is None or post.notice is None:
            return text
        age_s = self._desk.now_real() - post.born_s + post.lag_s
        words = text.html + (late(age_s) if age_s > LATE_S else "")
        return Text(words + (AGAIN if post.doubts else ""), text.buttons)

    async def _photo(self, post: Post) -> bytes | None:
        """The chart, drawn off the loop; a chart that fails never holds a message back."""
        picture = post.content.picture if isinstance(post.content, Photo) else None
        try:
            if post.notice is not None and post.notice.has_chart and post.notice.trade is not None:
                trade = post.notice.trade
                candles = self._desk.candles(trade.symbol, 2 * CHART_BARS)
                mode = self._desk.view().mode
                picture = None if candles is None else signal_chart(candles, mode, trade)
            return None if picture is None else await self._desk.chart(picture)
        except Exception:  # noqa: BLE001 -- whatever drawing raises, the words must go out
            _log.error("outbox.chart_failed", exc_info=True)
            return None
