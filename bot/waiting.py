"""The messages that wait: bounded, in order of urgency, and none in the way of an answer.

It exists so that what leaves next, and what is given up when too many wait, is decided in one
place. It must never drop an answer, money or safety, and never send.
"""

import math
from collections import Counter
from collections.abc import Callable, Container, Iterator
from functools import partial
from types import MappingProxyType

from bot.notices import Urgency
from bot.pacing import Pacer
from bot.post import Post

MOST = 1000  # beyond that the oldest of the least important are dropped
LOOK_S = 1.0  # how often held conditions are looked at
# After so many seconds a message takes turns with answers: somebody may ask without end.
OVERDUE_S = MappingProxyType({Urgency.MONEY: 3.0, Urgency.NEWS: 15.0, Urgency.CARD: 15.0})


class Waiting:
    """Posts in the order they came."""

    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer
        self._posts: list[Post] = []
        self._last: Urgency | None = None  # of the message that left last
        self.in_flight: Post | None = None
        self.dropped = 0
        self.untold: Counter[int] = Counter()  # by chat: dropped, and not yet admitted

    def __len__(self) -> int:
        return len(self._posts)

    def __iter__(self) -> Iterator[Post]:
        """Those that can still be changed."""
        return (post for post in self._posts if post is not self.in_flight)

    def has_alarm(self, chat_id: int, name: str) -> bool:
        """Whether a message of that alarm is still to be sent there."""
        mine = (p.notice for p in self._posts if p.chat_id == chat_id)
        return any(notice is not None and notice.alarm == name for notice in mine)

    @property
    def born_s(self) -> float | None:
        """When the oldest came to be."""
        return min((p.born_s - p.lag_s for p in self._posts), default=None)

    def put(self, post: Post) -> Post | None:
        """Take it in; the one that was dropped for it, if any."""
        self._posts.append(post)
        return self._drop() if len(self._posts) > MOST else None

    def remove(self, post: Post) -> None:
        """Over and done with; one that is gone already is no harm."""
        if post in self._posts:
            self._posts.remove(post)
            self._last = post.urgency if post is self.in_flight else self._last

    def same(self, chat_id: int, key: str) -> Post | None:
        """The message that a newer one of this key replaces."""
        mine = (p for p in self if p.notice and p.chat_id == chat_id and p.edit_id is None)
        return next((p for p in mine if key and p.notice and p.notice.key == key), None)

    def edit_of(self, chat_id: int, message_id: int) -> Post | None:
        """The change of a message that is on its way, or still waits."""
        return next((p for p in self._posts if p.is_edit_of(chat_id, message_id)), None)

    def _drop(self) -> Post | None:
        least = max(self, key=lambda p: p.urgency)  # the first of them is the oldest
        if least.urgency < Urgency.NEWS:
            return None
        self._posts.remove(least)
        self.dropped += 1
        self.untold[least.chat_id] += 1
        return least

    def admits(self, chat_id: int) -> int:
        """How many were dropped there, to be said once now that there is room again."""
        return self.untold.pop(chat_id, 0) if len(self._posts) < MOST // 2 else 0

    def pick(
        self, now: float, shut: Container[int], is_ready: Callable[[Post], bool]
    ) -> tuple[Post | None, float]:
        """The message to send now, or how long to wait for one; nothing goes to shut chats.

        What is not ready is passed over, and with it only the later notices of its trade: they
        answer it.
        """
        shortest = LOOK_S
        paced: dict[tuple[int, Urgency], float] = {}  # the same for all of a chat
        held: set[tuple[int, int] | None] = set()
        for post in sorted(self._posts, key=partial(self._rank, now)):
            if post.chat_id in shut:
                continue
            key = post.chat_id, self._urgency(now, post)
            if key not in paced:
                paced[key] = self._pacer.wait_s(*key)
            wait_s = max(paced[key], post.not_before_s - now)
            if wait_s > 0:
                shortest = min(shortest, wait_s)
            elif post.thread is None or post.thread not in held:
                if is_ready(post):
                    return post, 0.0
                held.add(post.thread)
        return None, shortest

    def _rank(self, now: float, post: Post) -> float:
        """By urgency; but after each alarm an answer has its turn, or a storm would mute us.

        After an answer it is the turn of what waits too long.
        """
        is_answer, after_alarm = post.urgency is Urgency.ANSWER, self._last is Urgency.SAFETY
        if is_answer and after_alarm:
            return Urgency.SAFETY - 0.5
        is_turn = self._last is Urgency.ANSWER and _is_overdue(now, post)
        return Urgency.ANSWER - 1 / (1 + post.urgency) if is_turn else post.urgency

    def _urgency(self, now: float, post: Post) -> Urgency:
        """As the pacer sees it: what waits too long needs no reserve."""
        is_turn = self._last is Urgency.ANSWER and _is_overdue(now, post)
        return Urgency.ANSWER if is_turn else post.urgency


def _is_overdue(now: float, post: Post) -> bool:
    return now - post.born_s >= OVERDUE_S.get(post.urgency, math.inf)
