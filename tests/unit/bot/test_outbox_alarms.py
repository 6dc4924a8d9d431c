"""What rings until somebody has seen it, or until it is over."""

from datetime import UTC, datetime

import pytest
from desks import FakeDesk, settle, taken
from talk import later, outbox, running, talking, words_of
from telegram_wire import GROUP, OWNER, VIEWER, Wire, buttons

from bot.alarms import AGAIN_S
from builders import D, fill
from engine.core import facts as f
from engine.core.facts import AnyFact
from engine.core.values import GateName, OrderState, Purpose, StopKind

NIGHT = datetime(2025, 10, 9, 23, 30, tzinfo=UTC).timestamp()
QUIET = {"quiet": "22:00-07:00"}
MISSING = f.StopMissing(17, "the exchange shows no stop")
BACK = f.StopMoved(17, D("101.48"), StopKind.INITIAL)
KILLED = f.GateClosed(GateName.KILL_SWITCH, "engine", "drawdown 18%", flatten=True)


def at(desk: FakeDesk, now_s: float) -> FakeDesk:
    desk.now_real.now = now_s
    return desk


async def test_an_alarm_rings_at_night_and_again_until_it_is_over() -> None:
    desk, wire = at(FakeDesk(), NIGHT), Wire()
    desk.show(notes=QUIET)
    async with running(outbox(desk, wire, (OWNER, GROUP))):
        desk.tell(taken())
        desk.tell(MISSING)
        await settle()
        wire.calls.clear()
        await later(desk, AGAIN_S - 1)
        assert wire.sent == []
        await later(desk, 1)
        await later(desk, AGAIN_S)
        assert [int(s["chat_id"]) for s in wire.sent] == [OWNER, GROUP] * 2
        assert not any(s["disable_notification"] for s in wire.sent)
        assert words_of(wire)[0].endswith("repeated until it is seen or over")
        desk.tell(BACK)
        await settle()
        wire.calls.clear()
        await later(desk, AGAIN_S)
    assert wire.sent == []
    assert [told for told in desk.told if told[0] == 2] == [(2, OWNER, 1000), (2, GROUP, 1001)]


@pytest.mark.parametrize(
    ("alarm", "end"),
    [
        (KILLED, f.GateOpened(GateName.KILL_SWITCH, "@u22 (22)", "checked")),
        (f.Incident("position_mismatch", "XRPUSDT LONG 5"), f.Reconciled(())),
        (f.Incident("stop_refused", "stop 9 of #17 refused", "SOLUSDT"), BACK),
        (f.Incident("unprotected", "#17: no stop", "SOLUSDT"), BACK),
        (
            f.Incident("order_refused", "EXIT x refused, FUNDS", "SOLUSDT"),
            f.OrderFilled(17, fill(Purpose.EXIT, order_id="x")),
        ),
    ],
)
async def test_what_ends_an_alarm(alarm: AnyFact, end: AnyFact) -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire)):
        desk.tell(taken())
        desk.tell(alarm)
        await later(desk, AGAIN_S)
        assert sum("repeated until" in words for words in words_of(wire)) == 1
        desk.tell(end)
        await settle()
        await later(desk, AGAIN_S)
    assert sum("repeated until" in words for words in words_of(wire)) == 1


async def test_a_person_who_saw_it_ends_the_ringing() -> None:
    desk = FakeDesk()
    async with talking(desk) as talk:
        talk.box._editor._places = (OWNER,)
        desk.tell(KILLED)
        await settle()
        (said,) = talk.wire.sent
        assert "It no longer rings" in (await talk.tap(said, "Seen"))["text"]
        talk.wire.calls.clear()
        await later(desk, AGAIN_S)
        assert talk.wire.sent == []
        now = int(desk.now_real())
        assert (await talk.say("/seen", date=now))["text"] == "👁 Nothing rings now."
        assert "the number of an event" in (await talk.say("/seen it", date=now))["text"]
        assert "is for the role" in (await talk.say("/seen", VIEWER, date=now))["text"]
        desk.tell(KILLED)
        desk.tell(MISSING)
        await settle()
        assert "2 alarms no longer ring" in (await talk.say("/seen", date=now))["text"]


async def test_an_alarm_that_could_not_be_sent_does_not_pile_up() -> None:
    desk, wire = FakeDesk(), Wire()
    box = outbox(desk, wire)
    box.is_connected = False
    async with running(box):
        box.is_connected = False
        desk.tell(KILLED)
        for _ in range(5):
            await later(desk, AGAIN_S)
        assert box.depth == 1
        box.connected()
        await settle()
        assert len(wire.sent) == 1
        assert words_of(wire)[0].endswith("25m late")


async def test_a_repeat_that_waits_is_taken_back_when_it_is_over() -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire)) as box:
        desk.tell(KILLED)
        await settle()
        box.is_connected = False
        await later(desk, AGAIN_S)
        assert box.depth == 1
        desk.tell(f.GateOpened(GateName.KILL_SWITCH, "@u11 (11)", "checked"))
        await settle()
        assert box.depth == 0


async def test_each_new_word_of_an_alarm_can_be_seen_by_its_own_button() -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire)) as box:
        desk.tell(f.Incident("position_mismatch", "XRPUSDT LONG 5"))
        desk.tell(f.Incident("position_mismatch", "XRPUSDT LONG 6"))
        await settle()
        assert len(wire.sent) == 2  # never merged
        await later(desk, AGAIN_S)
        assert "LONG 6" in words_of(wire)[2]
        assert len(wire.sent) == 3
        assert (box.see(1), box.see(2), box.see(None)) == (1, 0, 0)


async def test_an_exit_that_is_refused_does_not_hide_behind_a_target() -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire)):
        for words in ("TARGET a", "TARGET b", "EXIT c", "EXIT d"):
            desk.tell(f.Incident("order_refused", f"{words} refused, FUNDS", "SOLUSDT"))
            await settle()
        desk.tell(f.OrderEnded("x", OrderState.CANCELED, ""))
    heads = [words.split("\n")[1] for words in words_of(wire)]
    assert heads == ["TARGET a refused, FUNDS", "EXIT c refused, FUNDS"]
    assert buttons(wire.sent[1])[0]["text"] == "👁 Seen"
