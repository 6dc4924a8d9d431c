"""What lies ready to be sent, and what stands in the chats already.

It exists so that new messages, edits and what is given up go through one door. It must never send,
and never block.
"""

import asyncio

import msgspec

from bot.content import Content
from bot.desk import Desk
from bot.pacing import Pacer
from bot.pages import pages
from bot.post import EditTerms, Post
from bot.shown import Shown
from bot.waiting import Waiting
from engine.log import Log

_log = Log(__name__)
TAPPED = EditTerms()


class Tray:
    """The queue with its bounds, and the memory of what was delivered."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.pacer = Pacer(desk.now_real)
        self.waiting = Waiting(self.pacer)
        self.shown = Shown()
        self.wake = asyncio.Event()

    def put(self, post: Post) -> None:
        """Take a message in, as pages if it is too long; the last one stands for all."""
        if post.content is None or post.edit_id is not None:
            self._put(post)
            return
        *first, last = pages(post.content)
        for content in first:
            self._put(msgspec.structs.replace(post, content=content, covers=(), done=None))
            post.reply_to = None
        post.content = last
        self._put(post)

    def _put(self, post: Post) -> None:
        dropped = self.waiting.put(post)  # not `post`: it may be what was dropped
        if dropped is not None:
            _log.warning("outbox.dropped", dropped=self.waiting.dropped)
            self.end(dropped)
        self.wake.set()

    def edit(
        self,
        place: tuple[int, int],
        content: Content | None,
        *,
        is_photo: bool = False,
        terms: EditTerms = TAPPED,
    ) -> None:
        """Change a message, unless it reads so already; a change that waits is replaced."""
        chat_id, message_id = place[0], self.shown.here(*place)
        older = self.waiting.edit_of(chat_id, message_id)
        if older is not None:
            older.content = content if content is not None else older.content
            older.urgency = min(older.urgency, terms.urgency)
            older.terms = terms if terms.on_moved is not None else older.terms
            return
        if self.shown.reads(chat_id, message_id, content):
            return
        now = self._desk.now_real()
        post = Post(chat_id, content, terms.urgency, now, edit_id=message_id, is_photo=is_photo)
        post.terms, post.is_silent = terms, terms.urgency > TAPPED.urgency
        post.not_before_s = self.shown.changed_s(chat_id, message_id) + terms.gap_s
        self.put(post)

    def give_up(self, post: Post, message_id: int = 0) -> None:
        """Out of the queue, whoever waits for it is told."""
        self.waiting.remove(post)
        if post.done is not None and not post.done.done():
            post.done.set_result(message_id or None)

    def end(self, post: Post, message_id: int = 0) -> None:
        """Out of the queue, its records told; id 0 says that nobody confirmed it."""
        self.give_up(post, message_id)
        for seq in post.covers:
            self.cover(seq, post.chat_id, message_id)

    def cover(self, seq: int, chat_id: int, message_id: int = 0) -> None:
        """Write down that a record needs no more telling; id 0 when no message tells it."""
        self.shown.tell(chat_id, seq, message_id)
        self._desk.delivered(seq, chat_id, message_id)
