"""From notices to messages: whether each is sent, where, how loudly, and in which message.

It exists so that the outbox only delivers and the teller only tells. It must never decide that a
matter of safety is not sent; what it does not send on purpose it writes down as told.
"""

from collections.abc import Sequence
from datetime import datetime, time
from zoneinfo import ZoneInfo

import msgspec

from bot import texts_notices as texts
from bot.alarms import Alarms
from bot.crowd import Crowd
from bot.desk import Desk
from bot.held import Held, digest
from bot.loudness import Loudness, loudness
from bot.notices import Notice, Urgency
from bot.post import EditTerms, Post
from bot.preferences import Kind, read
from bot.recovery import Past
from bot.tray import Tray

AMENDING = EditTerms(Urgency.CARD)


class Editor:
    """Applies the owner's wishes; what it holds back it keeps itself."""

    def __init__(self, desk: Desk, tray: Tray, places: Sequence[int]) -> None:
        self._desk, self._tray, self._places = desk, tray, tuple(places)
        self._alarms, self._held, self._crowd = Alarms(), Held(), Crowd()

    def tell(self, notices: Sequence[Notice]) -> None:
        """New ones, to every place."""
        for notice in notices:
            self._hear(notice)
            for place in self._places:
                self._post(notice, place, notice.seqs, 0.0)

    def recover(self, past: Past) -> None:
        """Those of the journal that a place never heard of; they know their age."""
        now_ms = self._desk.view().at_ms
        for notice in past.notices:
            lag_s = max(0, now_ms - notice.at_ms) / 1000
            untold = {place: past.untold(notice, place) for place in self._places}
            if notice.over or notice.amends is not None or any(untold.values()):
                self._hear(notice)
            for place, seqs in untold.items():
                if seqs or self._is_unsent(notice, place):
                    self._post(notice, place, seqs, lag_s)

    def welcome(self, place: int) -> None:
        """Tell this chat the news from now on."""
        if place not in self._places:
            self._places = (place, *self._places)

    def see(self, seq: int | None) -> int:
        """A person saw the alarm of this record, or all; how many no longer ring."""
        names = self._alarms.see(seq)
        self._take_back(names)
        return len(names)

    def on_time(self) -> None:
        """What time alone brings: alarms again, the end of the quiet hours, room after a flood."""
        now = self._desk.now_real()
        for notice in self._alarms.due(now):
            for place in self._places:
                if not self._tray.waiting.has_alarm(place, notice.alarm):
                    self._post(notice, place, (), 0.0)
        if len(self._held) and not self._is_quiet:
            self._end_quiet(now)
        for chat_id in tuple(self._tray.waiting.untold):
            self._admit(chat_id, now)

    def _hear(self, notice: Notice) -> None:
        self._alarms.hear(notice, self._desk.now_real())
        self._take_back(notice.over)

    def _take_back(self, names: Sequence[str]) -> None:
        """Repeats that are not sent yet are not needed any more."""
        for post in tuple(self._tray.waiting):
            if post.notice is not None and post.notice.is_repeat and post.notice.alarm in names:
                self._tray.end(post)

    def _post(self, notice: Notice, place: int, covers: tuple[int, ...], lag_s: float) -> None:
        if notice.not_for == place:
            return
        if notice.amends is not None:
            self._amend(notice, notice.amends, place)
        else:
            self._send(notice, place, covers, lag_s)

    def _send(self, notice: Notice, place: int, covers: tuple[int, ...], lag_s: float) -> None:
        how = self._loudness(notice)
        if how is Loudness.OFF:
            for seq in covers if notice.kind is not Kind.SKIPPED else ():
                self._tray.cover(seq, place)
        elif how is Loudness.HELD:
            self._held.keep(place, msgspec.structs.replace(notice, seqs=covers))
        else:
            now = self._desk.now_real()
            post = Post(place, notice.text, notice.urgency, now, notice, covers, lag_s=lag_s)
            post.is_silent = how is Loudness.SILENT
            self._enter(post, notice)

    def _enter(self, post: Post, notice: Notice) -> None:
        """Into the queue: in place of an older one of its key, in a list, or by itself."""
        waiting = self._tray.waiting
        if self._crowd.join(post, notice, waiting):
            return
        older = waiting.same(post.chat_id, notice.key)
        if older is None:
            self._crowd.count(post, notice)
        else:
            post.covers = older.covers + post.covers
            post.doubts = older.doubts
            waiting.remove(older)
        self._tray.put(post)

    def _amend(self, notice: Notice, seq: int, place: int) -> None:
        """Change the message of an earlier record, wherever it is by now."""
        if self._held.holds(place, notice.key):
            self._held.keep(place, notice)
            return
        unsent = self._tray.waiting.same(place, notice.key)
        if unsent is not None and unsent.notice is not None:
            unsent.content = notice.text
            unsent.notice = msgspec.structs.replace(unsent.notice, text=notice.text)
            return
        message_id = self._tray.shown.message_of(place, seq)
        if message_id is not None:
            self._tray.edit((place, message_id), notice.text, terms=AMENDING)
        elif not notice.over:  # it was muted, or in a list
            anew = msgspec.structs.replace(notice, seqs=(seq,), amends=None)
            self._send(anew, place, anew.seqs, 0.0)

    def _is_unsent(self, notice: Notice, place: int) -> bool:
        is_held = self._held.holds(place, notice.key)
        return is_held or self._tray.waiting.same(place, notice.key) is not None

    def _loudness(self, notice: Notice) -> Loudness:
        view = self._desk.view()
        return loudness(notice, read(view.notes), view.at_ms, self._local())

    @property
    def _is_quiet(self) -> bool:
        return read(self._desk.view().notes).is_quiet(self._local())

    def _local(self) -> time:
        """The time of day where the owner is; quiet hours are a person's, so real time counts."""
        zone = ZoneInfo(self._desk.settings().bot.zone)
        return datetime.fromtimestamp(self._desk.now_real(), zone).time()

    def _end_quiet(self, now: float) -> None:
        """The night is over: one message for each chat, loud if any of it would have been."""
        for place, notices in self._held.release().items():
            is_loud = any(self._loudness(notice) is Loudness.LOUD for notice in notices)
            notice = digest(notices)
            post = Post(place, notice.text, notice.urgency, now, notice, notice.seqs)
            post.is_silent = not is_loud
            self._tray.put(post)

    def _admit(self, chat_id: int, now: float) -> None:
        """Say once that messages were dropped."""
        count = self._tray.waiting.admits(chat_id)
        if not count:
            return
        at_ms, text = self._desk.view().at_ms, texts.dropped(count)
        notice = Notice((), at_ms, Urgency.NEWS, is_silent=True, text=text, kind=Kind.WARNING)
        self._tray.put(Post(chat_id, text, notice.urgency, now, notice, is_silent=True))
