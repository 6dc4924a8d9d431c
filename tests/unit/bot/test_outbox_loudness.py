"""Who hears what, and when: the notification matrix, quiet hours, mutes, lists of fills."""

from collections.abc import Mapping
from datetime import UTC, datetime, time

import msgspec
import pytest
from desks import FakeDesk, settle, skipped, taken
from talk import later, outbox, running, words_of
from telegram_wire import Wire, buttons

from bot.loudness import AT_NIGHT, Loudness, loudness
from bot.notices import Notice, Urgency
from bot.preferences import DEFAULTS, Kind, Preferences, read
from bot.views import layout
from bot.views.layout import Text
from builders import D, fill
from engine.core import facts as f
from engine.core.settings import Settings
from engine.core.values import GateName, Purpose, StopKind

NIGHT = datetime(2025, 10, 9, 23, 30, tzinfo=UTC).timestamp()
MORNING = datetime(2025, 10, 10, 7, 0, 1, tzinfo=UTC).timestamp()
QUIET = {"quiet": "22:00-07:00"}
BOOT = f.Booted(boot=2, version="0.1.0", mode="paper", was_clean=True)
ERROR = f.Incident("foreign_fill", "fill x of 5 XRPUSDT", "XRPUSDT")
MISSING = f.StopMissing(17, "the exchange shows no stop")
BACK = f.StopMoved(17, D("101.48"), StopKind.INITIAL)
KILLED = f.GateClosed(GateName.KILL_SWITCH, "engine", "drawdown 18%", flatten=True)


def filled(number: int, qty: int = 1) -> f.OrderFilled:
    return f.OrderFilled(number, fill(order_id=f"o{number}", id=f"{number}-{qty}", qty=D(qty)))


def at(desk: FakeDesk, now_s: float) -> FakeDesk:
    desk.now_real.now = now_s
    return desk


# The matrix


def notice(kind: Kind, *, is_silent: bool = False, is_grave: bool = False) -> Notice:
    text = Text("x")
    found = Notice((1,), 0, Urgency.NEWS, is_silent=is_silent, text=text, kind=kind)
    return msgspec.structs.replace(found, is_grave=is_grave)


@pytest.mark.parametrize("kind", Kind)
def test_the_matrix_by_day_and_by_night(kind: Kind) -> None:
    day, night = time(12), time(23)
    preferences = read(QUIET)
    by_volume = {"on": Loudness.LOUD, "silent": Loudness.SILENT, "off": Loudness.OFF}
    assert loudness(notice(kind), preferences, 0, day) is by_volume[DEFAULTS[kind]]
    asleep = Loudness.OFF if DEFAULTS[kind] == "off" else AT_NIGHT[kind]
    assert loudness(notice(kind), preferences, 0, night) is asleep
    spared = read({**QUIET, f"notify.{kind}": "off"})
    silenced = Loudness.LOUD if kind is Kind.SAFETY else Loudness.OFF
    assert {loudness(notice(kind), spared, 0, at) for at in (day, night)} == {silenced}


def test_a_grave_start_rings_and_a_minor_fill_does_not() -> None:
    preferences = Preferences()
    assert loudness(notice(Kind.PROCESS, is_grave=True), preferences, 0, time(1)) is Loudness.LOUD
    assert loudness(notice(Kind.FILL, is_silent=True), preferences, 0, time(1)) is Loudness.SILENT


@pytest.mark.parametrize(
    ("notes", "silent"),
    [
        ({}, [False]),
        ({"notify.fill": "silent"}, [True]),
        ({"notify.fill": "off"}, []),
        (QUIET, [True]),
        ({"quiet": "12:00-13:00"}, [False]),
    ],
)
async def test_a_fill_rings_as_its_owner_wants(
    notes: Mapping[str, str], silent: list[bool]
) -> None:
    desk, wire = at(FakeDesk(), NIGHT), Wire()
    desk.show(notes=notes)
    async with running(outbox(desk, wire)):
        desk.tell(filled(9))
        await settle()
    assert [s["disable_notification"] for s in wire.sent] == silent
    assert [told[0] for told in desk.told] == [1]  # also what was not sent needs no more telling


async def test_quiet_hours_are_those_of_the_owners_zone() -> None:
    desk, wire = at(FakeDesk(), NIGHT), Wire()
    desk.show(notes=QUIET)
    there = msgspec.structs.replace(Settings().bot, zone="America/New_York")
    desk.chosen = msgspec.structs.replace(Settings(), bot=there)
    async with running(outbox(desk, wire)):
        desk.tell(filled(9))
        await settle()
    assert [s["disable_notification"] for s in wire.sent] == [False]


async def test_skipped_signals_are_told_to_whom_wants_them_and_never_from_the_journal() -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire)):
        desk.tell(skipped())
        await settle()
        assert (wire.sent, desk.told) == ([], [])
        desk.show(notes={"notify.skipped": "on"})
        desk.tell(skipped("correlation: 0.8 with BTCUSDT"))
        await settle()
    assert words_of(wire) == ["⏭ SOLUSDT LONG skipped: 0.8 with BTCUSDT"]
    assert [b["callback_data"] for b in buttons(wire.sent[0])] == ["r|why SOLUSDT"]
    again = Wire()
    async with running(outbox(desk, again)):
        await settle()
    assert again.sent == []


# The night


async def test_the_night_is_told_in_the_morning_in_one_message() -> None:
    desk, wire = at(FakeDesk(), NIGHT), Wire()
    desk.show(notes=QUIET)
    async with running(outbox(desk, wire)):
        desk.tell(f.GateClosed(GateName.STALE_DATA, "engine", "all silent"))
        await later(desk, 61)
        desk.tell(ERROR)
        await settle()
        assert (wire.sent, desk.told) == ([], [])
        desk.tell(filled(9))
        await settle()
        assert len(wire.sent) == 1
        await later(desk, MORNING - desk.now_real.now)
        await later(desk, 1)
    _, morning = wire.sent
    assert layout.plain(morning["text"]).split("\n")[0] == "🌅 Held in the quiet hours: 2 messages"
    assert ["Market data is stale" in words_of(wire)[1], "Foreign fill" in words_of(wire)[1]] == [
        True
    ] * 2
    assert morning["disable_notification"] is False
    assert {told[2] for told in desk.told if told[0] in (1, 3)} == {morning["id"]}


async def test_a_restart_at_night_forgets_nothing() -> None:
    desk, wire = at(FakeDesk(), NIGHT), Wire()
    desk.show(notes=QUIET)
    async with running(outbox(desk, wire)):
        desk.tell(ERROR)
        await settle()
    again = Wire()
    async with running(outbox(desk, again)):
        await settle()
        assert (wire.sent, again.sent) == ([], [])
        await later(desk, MORNING - desk.now_real.now)
    assert "Foreign fill" in words_of(again)[0]


async def test_a_night_of_silent_things_does_not_ring_in_the_morning() -> None:
    desk, wire = at(FakeDesk(), NIGHT), Wire()
    desk.show(notes={**QUIET, "notify.error": "silent"})
    async with running(outbox(desk, wire)):
        for _ in range(25):
            desk.tell(ERROR)
        await later(desk, MORNING - desk.now_real.now)
    assert wire.sent[0]["disable_notification"] is True
    assert words_of(wire)[0].endswith("and 5 older ones")


# Mutes


async def test_a_muted_error_is_not_told_until_the_mute_ends() -> None:
    def refused(number: int) -> f.Incident:
        return f.Incident("order_refused", f"TARGET t{number} refused, FUNDS", "SOLUSDT")

    desk, wire = FakeDesk(), Wire()
    desk.show(notes={"mute.order_refused": str(desk.shown.at_ms + 60_000)})
    async with running(outbox(desk, wire)):
        desk.tell(refused(1))
        desk.tell(ERROR)
        await settle()
        assert [words[:14] for words in words_of(wire)] == ["❗ Foreign fill"[:14]]
        await later(desk, 61)
        desk.tell(refused(2))
        await settle()
        desk.tell(refused(3))
        await settle()
    assert "Seen 2x" in words_of(wire)[1]
    assert "Seen 3x" in wire.named("editMessageText")[0]["text"]


async def test_safety_is_never_muted() -> None:
    desk, wire = FakeDesk(), Wire()
    desk.show(notes={"mute.position_mismatch": str(desk.shown.at_ms + 60_000), **QUIET})
    async with running(outbox(at(desk, NIGHT), wire)):
        desk.tell(f.Incident("position_mismatch", "XRPUSDT LONG 5 is not ours"))
        await settle()
    assert wire.sent[0]["disable_notification"] is False


# Errors that repeat


async def test_an_error_is_told_once_then_counted_in_its_message_then_resolved() -> None:
    def refusal(number: int) -> f.Incident:
        return f.Incident("order_refused", f"TARGET t{number} refused, FUNDS", "SOLUSDT")

    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire)):
        desk.tell(BOOT)
        for number in range(4):
            desk.tell(refusal(number))
            await later(desk, 30)
        desk.tell(filled(9))  # an entry says nothing about targets
        desk.tell(f.OrderFilled(9, fill(Purpose.TARGET, order_id="t9", id="9")))
        await later(desk, 30)
    said = next(s for s in wire.sent if "refused" in s["text"])
    assert layout.plain(said["text"]).split("\n") == [
        "❗ Order refused SOLUSDT · 🧪 PAPER",
        "TARGET t0 refused, FUNDS",
        "event 2, order_refused",
    ]
    assert "<blockquote expandable>" in said["text"]
    data = [b["callback_data"] for b in buttons(said)]
    assert data == ["r|logs", "r|notify mute order_refused"]
    edits = wire.named("editMessageText")
    assert {int(s["message_id"]) for s in edits} == {said["id"]}
    assert "Seen 2x since " in edits[0]["text"]
    assert layout.plain(edits[-1]["text"]).split("\n")[:4] == [
        "✔ Order refused SOLUSDT · 🧪 PAPER",
        "TARGET t3 refused, FUNDS",
        "Seen 4x since 15:06.",
        "Resolved 15:08.",
    ]
    assert [b["callback_data"] for b in buttons(edits[-1])] == ["r|logs"]


async def test_a_count_reaches_a_message_that_waits_or_is_held() -> None:
    repeat = f.Incident("clock_off", "2 s ahead")
    for notes in ({}, QUIET):
        desk, wire = at(FakeDesk(), NIGHT), Wire()
        desk.show(notes=notes)
        box = outbox(desk, wire)
        for _ in range(4):
            desk.tell(repeat)
        async with running(box):
            await later(desk, MORNING - desk.now_real.now)
        (said,) = words_of(wire)
        assert ("Seen 4x" in said) is not bool(notes)  # the morning has one line for each
        assert [told[0] for told in desk.told if told[0] < 10] == [1]


# Fills that come thick


async def test_more_than_three_fills_in_ten_seconds_share_a_message() -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire)):
        for number in range(8):
            desk.tell(filled(number))
        desk.tell(filled(7, 2))  # the same order again: still one line
        await later(desk, 11)
        desk.tell(filled(20))
        await settle()
    assert [words.split(" ")[1] for words in words_of(wire)] == ["position"] * 3 + ["5", "position"]
    assert words_of(wire)[3].split("\n")[0] == "⚡ 5 fills in 10 s"
    fills = [record.seq for record in desk.journal if isinstance(record.fact, f.OrderFilled)]
    assert sorted(told[0] for told in desk.told) == fills


async def test_a_list_of_one_trade_answers_its_signal() -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire)):
        desk.tell(taken())
        for number in range(6):
            part = fill(order_id=f"o{number}", id=str(number), qty=D(1))
            desk.tell(f.OrderFilled(17, part))
        await later(desk, 11)
    assert words_of(wire)[-1].startswith("⚡ 3 fills")
    assert wire.sent[-1]["reply_parameters"]["message_id"] == wire.sent[0]["id"]


async def test_a_single_fourth_fill_is_told_in_its_own_words() -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire)):
        for number in range(4):
            desk.tell(filled(number))
            await settle()
    assert words_of(wire)[3].startswith("🚀 position #3 filled")


async def test_a_list_that_could_not_leave_does_not_swallow_later_fills() -> None:
    desk, wire = FakeDesk(), Wire()
    box = outbox(desk, wire)
    for number in range(6):
        desk.tell(filled(number))
    desk.tell(filled(9), desk.shown.at_ms + 10_000)
    async with running(box):
        await settle()
    assert [words.split(" ")[1] for words in words_of(wire)] == ["position"] * 4 + ["3"]


async def test_a_long_list_says_how_many_more() -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire)):
        for number in range(30):
            desk.tell(filled(number))
        await settle()
        await later(desk, 11)
    assert words_of(wire)[3].endswith("and 7 more: /positions")
