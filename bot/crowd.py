"""Fills that come thick: three are told one by one, more within ten seconds in one message.

It exists because a market that moves fills many orders at once, and a phone that rings ten times
says less than one list. It must never lose a line: a list tells the records of all its notices.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence

import msgspec

from bot import texts_notices as texts
from bot.notices import FILLS, Notice, Urgency
from bot.post import Post
from bot.preferences import Kind
from engine.core.values import Ms

SINGLE_MAX = 3
SPAN_MS: Ms = 10_000


class _List(msgspec.Struct):
    post: Post
    began_ms: Ms
    notices: list[Notice]


class Crowd:
    """The last fills of each chat, and the list that is being gathered."""

    def __init__(self) -> None:
        self._recent: dict[int, deque[Ms]] = defaultdict(deque)
        self._lists: dict[int, _List] = {}

    def join(self, post: Post, notice: Notice, waiting: Iterable[Post]) -> bool:
        """Whether the fill went into a list that waits: then it has no message of its own."""
        gathered = self._lists.get(post.chat_id)
        is_fill = notice.key.startswith(FILLS)
        if not is_fill or gathered is None or gathered.post not in waiting:
            return False
        if notice.at_ms - gathered.began_ms >= SPAN_MS:
            return False
        _add(gathered, post, notice)
        return True

    def count(self, post: Post, notice: Notice) -> None:
        """A fill that gets a message; the fourth in ten seconds waits for what else these bring."""
        if not notice.key.startswith(FILLS):
            return
        recent = self._recent[post.chat_id]
        while recent and notice.at_ms - recent[0] >= SPAN_MS:
            recent.popleft()
        if len(recent) >= SINGLE_MAX:
            self._lists[post.chat_id] = _List(post, notice.at_ms, [notice])
            post.not_before_s = post.born_s + max(0.0, SPAN_MS / 1000 - post.lag_s)
        recent.append(notice.at_ms)


def _add(gathered: _List, post: Post, notice: Notice) -> None:
    notices, listed = gathered.notices, gathered.post
    same = next((n for n in notices if n.key == notice.key), None)
    if same is not None:  # of one order: the newer sentence speaks of all its fills
        notices.remove(same)
    notices.append(notice)
    listed.covers += post.covers
    listed.notice = listing(notices)
    listed.content = listed.notice.text
    listed.is_silent = listed.is_silent and post.is_silent


def listing(notices: Sequence[Notice]) -> Notice:
    """One notice for all; an answer to the signal only if all are of one trade."""
    if len(notices) == 1:
        return notices[0]
    first = notices[0]
    seqs = tuple(seq for notice in notices for seq in notice.seqs)
    is_one = all(notice.trade is first.trade for notice in notices)
    text = texts.fills([notice.text for notice in notices])
    return Notice(
        seqs,
        first.at_ms,
        Urgency.MONEY,
        is_silent=False,
        text=text,
        kind=Kind.FILL,
        trade=first.trade if is_one else None,
    )
