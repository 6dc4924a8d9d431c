"""Reports: at their time in the owner's zone, once, late after a stop, and loud for a limit."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from desks import PULSE, FakeDesk, body_of, position, settle, skipped, trade
from talk import outbox, running
from telegram_wire import GROUP, OWNER, Wire

from bot.conversation import Room
from bot.days import DayBook
from bot.reports import Reports, last_moment
from engine.chart import EquityChart
from engine.core import facts as f
from engine.core.settings import Bot, Settings
from engine.core.values import GateName

DAY_S = 86_400


def stamp(words: str) -> float:
    return datetime.fromisoformat(words).replace(tzinfo=UTC).timestamp()


class Office:
    """Reports over a fake desk whose clocks, real and the market's, move together."""

    def __init__(self, desk: FakeDesk, wire: Wire, room: Room) -> None:
        self.desk, self.wire = desk, wire
        self._room = room
        self.pulse = PULSE
        self.reports = Reports(Room(desk, room.outbox, lambda: self.pulse), lambda: (OWNER, GROUP))

    async def at(self, words: str) -> list[dict[str, Any]]:
        """Look at that time; the messages that followed."""
        before = len(self.wire.sent)
        self.desk.now_real.now = stamp(words)
        self.desk.show(at_ms=int(stamp(words) * 1000))
        await self.reports.look()
        await settle()
        return self.wire.sent[before:]

    def again(self) -> None:
        """The process starts anew: what is left are the notes."""
        self.reports = Reports(
            Room(self.desk, self._room.outbox, lambda: self.pulse), lambda: (OWNER,)
        )


@asynccontextmanager
async def office(zone: str = "UTC", began: str = "2030-01-01") -> AsyncIterator[Office]:
    """An account that began then; told are the owner and a group."""
    desk, wire = FakeDesk(), Wire()
    desk.chosen = msgspec.structs.replace(Settings(), bot=Bot(zone=zone))
    desk.journal = [f.Record(1, int(stamp(began) * 1000), f.Funded(desk.shown.balance))]
    async with running(outbox(desk, wire, ())) as box:
        yield Office(desk, wire, Room(desk, box, lambda: PULSE))


async def test_the_day_is_told_after_midnight_once_and_silently() -> None:
    async with office() as desk:
        desk.desk.show(notes={"report.weekly": "2031-06-09 00:05"})
        assert await desk.at("2031-06-12 00:04:59") != []  # the one of the 11th, late
        assert await desk.at("2031-06-12 00:04:59") == []
        sent = await desk.at("2031-06-12 00:05:07")  # the loop was blocked for some seconds
        assert [s["chat_id"] for s in sent] == [str(OWNER), str(GROUP)]
        assert all(s["disable_notification"] for s in sent)
        assert "<b>Daily report</b> Wed 11 Jun · 🧪 PAPER · <b>alpha</b>" in sent[0]["text"]
        assert await desk.at("2031-06-12 00:06:07") == []
        assert await desk.at("2031-06-12 23:59:59") == []
        assert len(await desk.at("2031-06-13 00:05:00")) == 2


async def test_a_step_of_the_clock_over_the_time_loses_nothing() -> None:
    async with office() as desk:
        await desk.at("2031-06-11 12:00:00")
        [daily, _] = await desk.at("2031-06-12 05:00:00")
        assert "Wed 11 Jun" in daily["text"]
        assert await desk.at("2031-06-12 00:04:00") == []  # and back again


async def test_what_was_missed_while_down_comes_at_the_start_and_never_twice() -> None:
    async with office() as desk:
        await desk.at("2031-06-11 12:00:00")
        desk.again()
        [late] = await desk.at("2031-06-12 23:00:00")
        assert "Wed 11 Jun" in late["text"]
        desk.again()
        assert await desk.at("2031-06-12 23:30:00") == []
        desk.again()
        sent = await desk.at("2031-06-17 10:00:00")  # down for days: the newest alone, no week
        assert ["Mon 16 Jun" in s["text"] for s in sent] == [True]


async def test_the_week_is_told_on_monday() -> None:
    async with office() as desk:
        sent = await desk.at("2031-06-16 00:05:30")
        names = [s["text"].partition("report")[0].rpartition(">")[2] for s in sent]
        assert sorted(set(names)) == ["Daily ", "Weekly "]
        assert "09 Jun - 15 Jun" in sent[-1]["text"]


async def test_the_content_is_of_that_day_alone() -> None:
    async with office() as desk:
        yesterday = int(stamp("2031-06-11 15:00:00") * 1000)
        for n, check in enumerate(("slots", "slots", "cost", "stop", "busy", "busy", "busy")):
            desk.desk.tell(skipped(check, check), yesterday + n)
        desk.desk.tell(skipped("slots", "slots"), yesterday - DAY_S * 1000)
        desk.desk.tell(f.Booted(2, "1", "paper", was_clean=True), yesterday)
        desk.desk.tell(f.GateClosed(GateName.OPERATOR, "@ann", "x"), yesterday)
        trades = (
            trade(1, "-60", yesterday - DAY_S * 1000),
            trade(2, "57", yesterday, symbol="XRPUSDT"),
            trade(3, "-30", yesterday + 1000),
            trade(4, "90", yesterday + DAY_S * 1000),
        )
        desk.desk.show(trades=trades, positions=(position(),))
        await settle()
        photo = (await desk.at("2031-06-12 00:05:00"))[0]
        assert photo["photo"] == "attached"
        curve = desk.desk.pictures[0]
        assert isinstance(curve, EquityChart)
        assert curve.title == "Net, last 30 days"
        said = {"text": photo["caption"]}
        assert "\n<b>+27.00</b> USDT · <b>+0.90R</b> · 2 trades, 1 won\n" in said["text"]
        assert "Limit hit" not in said["text"]
        assert body_of(said) == [
            "Best   XRP        +1.90R    +57.00",
            "Worst  SOL        -1.00R    -30.00",
            "Fees   -2.00        fund     +0.00",
            "Fall   -1.00R     of closed trades",
            "Open   1         at risk     1.10R",
            "Up     6d 04h              1 start",
        ]
        tail = said["text"].rpartition("</pre>\n")[2]
        words = "a trade was open there 3, all slots were taken 2, costs too high 1"
        assert tail == f"Skipped signals: 7 ({words})"


async def test_a_day_that_hit_a_limit_rings() -> None:
    async with office() as desk:
        at_ms = int(stamp("2031-06-11 15:00:00") * 1000)
        desk.desk.tell(f.GateClosed(GateName.DAILY_LOSS, "engine", "8.1%"), at_ms)
        await settle()
        said = (await desk.at("2031-06-12 00:05:00"))[0]
        assert not said.get("disable_notification")
        assert "⚠️ Limit hit: daily loss limit" in said["text"]


async def test_the_owner_s_zone_and_time_of_day() -> None:
    async with office("Asia/Tokyo") as desk:
        await desk.at("2031-06-11 14:00:00")
        assert await desk.at("2031-06-11 15:04:59") == []
        assert "Wed 11 Jun" in (await desk.at("2031-06-11 15:05:00"))[0]["text"]
        desk.desk.show(notes={**desk.desk.shown.notes, "digest": "20:00"})
        evening = await desk.at("2031-06-12 11:00:00")  # 20:00 in Tokyo: the day that ends
        assert "Thu 12 Jun" in evening[0]["text"]


@pytest.mark.parametrize(
    ("volume", "count", "is_silent"), [("off", 0, None), ("silent", 2, True), ("on", 2, False)]
)
async def test_the_matrix_decides_how_loudly(
    volume: str, count: int, *, is_silent: bool | None
) -> None:
    async with office() as desk:
        weekly = {"report.weekly": "2031-06-09 00:05"}
        desk.desk.show(notes={"notify.report": volume, **weekly})
        sent = await desk.at("2031-06-12 00:05:00")
        assert len(sent) == count
        assert all(bool(s.get("disable_notification")) is is_silent for s in sent)
        desk.desk.show(notes={**desk.desk.shown.notes, "notify.report": "on"})
        assert await desk.at("2031-06-12 00:06:00") == []


async def test_nothing_is_sent_to_a_telegram_that_is_away_nor_by_a_stuck_engine() -> None:
    async with office() as desk:
        desk.pulse = msgspec.structs.replace(PULSE, poll_age_s=400.0)
        assert await desk.at("2031-06-12 00:05:00") == []
        desk.pulse = msgspec.structs.replace(PULSE, poll_age_s=None)
        assert await desk.at("2031-06-12 00:06:00") == []
        desk.pulse = PULSE
        desk.desk.refusal = "the disk is full"
        assert await desk.at("2031-06-12 00:07:00") == []
        desk.desk.refusal = ""
        assert "Wed 11 Jun" in (await desk.at("2031-06-12 03:00:00"))[0]["text"]


async def test_an_account_that_is_younger_has_no_report() -> None:
    async with office(began="2031-06-12 08:00") as desk:
        assert await desk.at("2031-06-12 09:00:00") == []
        assert len(await desk.at("2031-06-13 00:05:00")) == 2


def test_what_is_older_than_a_week_and_a_bit_is_forgotten() -> None:
    book = DayBook()
    for days in (0, 1, 12):
        book.fold(f.Record(1, days * DAY_S * 1000, skipped("slots", "slots")))
    assert book.skipped(0, 20 * DAY_S * 1000).total() == 1
    assert book.first_ms == 0


def test_moments_exist_in_every_zone_and_on_every_day() -> None:
    zone = ZoneInfo("Europe/Berlin")
    at = last_moment(stamp("2031-03-30 12:00"), time(2, 30), zone, None)  # a time that was skipped
    assert at.timestamp() <= stamp("2031-03-30 12:00")
    assert f"{at:%Y-%m-%d}" == "2031-03-30"
    monday = last_moment(stamp("2031-06-15 23:00"), time(0, 5), zone, 0)
    assert f"{monday:%Y-%m-%d %H:%M}" == "2031-06-16 00:05"
    sunday = last_moment(stamp("2031-06-15 21:00"), time(0, 5), zone, 0)
    assert f"{sunday:%Y-%m-%d}" == "2031-06-09"
