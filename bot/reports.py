"""The daily and the weekly report: when one is due, for which days, and that it goes out once.

It exists so that the owner is told what a day came to without asking. What was sent is a note in
the ledger, written before the message leaves: a report may get lost with the process, and must
never be sent twice.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from bot.content import Photo
from bot.conversation import Room, put
from bot.preferences import Kind, Volume
from bot.views import report as card
from bot.views.equity import equity_chart
from bot.views.pnl import TITLES, closed_within
from engine.core.events import Note
from engine.core.values import Ms
from engine.log import Log

_log = Log(__name__)
EVERY_S = 60.0  # how often a look is taken
LATE_S = 86_400.0  # a report later than this is not sent any more
REACHED_S = 60.0  # Telegram answers a poll every 25 s
NOON = timedelta(hours=12)  # a report before noon tells the day before
BY = "reports"
CURVE = "30d"  # under the words
Places = Callable[[], Sequence[int]]


class Kept(msgspec.Struct, frozen=True):
    """One kind of report."""

    name: str
    days: int
    weekday: int | None = None  # when it comes, Monday = 0; None = each day

    @property
    def key(self) -> str:
        """Of the note that says which one was sent last."""
        return f"report.{self.name.lower()}"


KINDS = (Kept("Daily", 1), Kept("Weekly", 7, 0))


class Reports:
    """Looks at the clock, and sends what is due."""

    def __init__(self, room: Room, places: Places) -> None:
        self._room = room
        self._places = places

    async def look(self) -> None:
        """Send each report whose time has come; a stall, a stop or a new time loses none."""
        room = self._room
        age_s = room.pulse().poll_age_s
        if not room.outbox.recovered.is_set() or age_s is None or age_s > REACHED_S:
            return  # what was sent is not known yet, or nobody would get it
        for kind in KINDS:
            await self._if_due(kind)

    async def _if_due(self, kind: Kept) -> None:
        room, now_s = self._room, self._room.desk.now_real()
        zone = ZoneInfo(room.settings.bot.zone)
        planned = last_moment(now_s, room.preferences.digest, zone, kind.weekday)
        late_s = now_s - planned.timestamp()
        stamp = f"{planned:%Y-%m-%d %H:%M}"
        view = room.desk.view()
        if late_s > LATE_S or view.notes.get(kind.key, "") >= stamp:
            return
        first_ms = room.book.days.first_ms
        moment_ms = view.at_ms - int(late_s * 1000)  # the same, on the market's clock
        if first_ms is None or first_ms >= moment_ms:
            return  # there was no account then
        command = Note(command_id=f"{kind.key}:{stamp}", by=BY, key=kind.key, value=stamp)
        result = await put(room.desk, command)
        if result.is_done:
            await self._send(kind, moment_ms, zone)
        else:
            _log.warning("report.held", kind=kind.name, reason=result.words)

    async def _send(self, kind: Kept, moment_ms: Ms, zone: ZoneInfo) -> None:
        room = self._room
        volume = room.preferences.volume(Kind.REPORT)
        if volume is Volume.OFF:
            return
        account = self._account(kind, moment_ms, zone)
        view = room.desk.view()
        said = card.report(account, view, room.desk.health())
        drawn = closed_within(view, CURVE, room.settings.bot.zone)
        words = TITLES[CURVE]
        content = Photo(equity_chart(drawn, view.mode, words), said) if drawn else said
        is_silent = volume is Volume.SILENT and not account.limits
        say = room.outbox.say
        await asyncio.gather(*(say(p, content, is_silent=is_silent) for p in self._places()))
        _log.info("report.sent", kind=kind.name, period=account.title)

    def _account(self, kind: Kept, moment_ms: Ms, zone: ZoneInfo) -> card.Account:
        at = datetime.fromtimestamp(moment_ms / 1000, UTC).astimezone(zone)
        last = (at.replace(tzinfo=None) - NOON).date()
        first = last - timedelta(days=kind.days - 1)
        begin_ms = midnight_ms(first, zone)
        end_ms = min(midnight_ms(last + timedelta(days=1), zone), moment_ms)
        days = self._room.book.days
        title = f"{last:%a %d %b}" if kind.days == 1 else f"{first:%d %b} - {last:%d %b}"
        return card.Account(
            name=kind.name,
            title=title,
            begin_ms=begin_ms,
            end_ms=end_ms,
            starts=days.starts(begin_ms, end_ms),
            limits=days.limits(begin_ms, end_ms),
            skipped=days.skipped(begin_ms, end_ms),
        )


def last_moment(now_s: float, at: time, zone: ZoneInfo, weekday: int | None) -> datetime:
    """The newest time, not after now, at which a wall clock showed `at`, on that weekday."""
    today = datetime.fromtimestamp(now_s, UTC).astimezone(zone).date()
    days = (today - timedelta(days=back) for back in range(9))
    planned = (datetime.combine(d, at, zone) for d in days if weekday in (None, d.weekday()))
    return next(moment for moment in planned if moment.timestamp() <= now_s)


def midnight_ms(day: date, zone: ZoneInfo) -> Ms:
    """When a day begins there."""
    return int(datetime.combine(day, time(), zone).timestamp() * 1000)
