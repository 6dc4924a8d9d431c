"""A panic that was going on when the process ended: told anew and followed after the start."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from desks import FakeDesk, gate, position, settle
from talk import Talk, talking
from telegram_wire import GROUP, OWNER, buttons

from bot.commands_panic import RING_S
from builders import T0, D, fill, order
from engine.core import events as e
from engine.core import facts as f
from engine.core.values import GateName, Purpose, Side
from engine.core.view import GateView

LOCK = f.GateClosed(GateName.KILL_SWITCH, "@u11 (11)", "panic", flatten=True)


async def catch_up() -> None:
    """Let the checklists catch up: their next look and the gap between edits."""
    for _ in range(8):
        await settle()


@asynccontextmanager
async def started_in(desk: FakeDesk) -> AsyncIterator[Talk]:
    """A chat that starts with this desk, in the owner's own chat and a group."""
    async with talking(desk) as talk:
        task = asyncio.create_task(talk.dispatch.go_on((OWNER, GROUP), OWNER))
        await settle()
        yield talk
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() or task.exception() is None
    assert desk.listening == 0


FLATTEN = GateView(GateName.KILL_SWITCH, T0, "@u11 (11)", "panic", None, flatten=True)


async def test_a_panic_cut_off_by_a_restart_is_followed_anew_in_every_place() -> None:
    desk = FakeDesk()
    desk.show(gates=(FLATTEN,), positions=(position(),))
    async with started_in(desk) as talk:
        assert [int(s["chat_id"]) for s in talk.wire.sent] == [OWNER, GROUP]
        first = talk.wire.sent[0]
        assert first["text"].startswith("🔴 <b>PANIC</b> by @u11 <tg-time ")
        assert "SOLUSDT closing" in first["text"]
        assert not first.get("disable_notification")
        for name in ("x0", "x1"):
            desk.tell(f.OrderPlaced(order(Purpose.EXIT, id=name, position_id=17)))
        desk.now_real.now += RING_S
        desk.tell(LOCK)
        await catch_up()
        rings = [s for s in talk.wire.sent if "is not done" in s["text"]]
        assert {int(s["chat_id"]) for s in rings} == {OWNER, GROUP}
        shown = next(s for s in talk.wire.named("editMessageText") if buttons(s))
        await talk.tap(shown, "Retry now", number=int(shown["message_id"]))
        assert [type(c) for c in desk.commands] == [e.Panic]
        desk.show(positions=())
        sold = f.OrderFilled(17, fill(Purpose.EXIT, order_id="x1", qty=D("12.3"), price=D(183)))
        closed = f.PositionClosed(
            position_id=17, symbol="SOLUSDT", side=Side.LONG, rule="panic", gross=D(20), fees=D(1),
            net=D(19), result_r=0.5, mfe_r=0.9, mae_r=-0.1, opened_ms=0,
        )  # fmt: skip
        for fact in (sold, closed):
            desk.tell(fact)
        await catch_up()
        assert "exchange flat, verified" in talk.wire.named("editMessageText")[-1]["text"]


@pytest.mark.parametrize(
    "changes",
    [
        {"gates": (FLATTEN,), "positions": ()},
        {"gates": (), "positions": (position(),)},
        {"gates": (gate(GateName.KILL_SWITCH),), "positions": (position(),)},
    ],
)
async def test_without_a_panic_going_on_a_start_is_quiet(changes: dict[str, object]) -> None:
    desk = FakeDesk()
    desk.show(**changes)
    async with started_in(desk) as talk:
        assert talk.wire.sent == []


async def test_a_checklist_that_breaks_at_the_start_ends_nothing_else(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_room: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("bot.dispatch.going_on", broken)
    async with started_in(FakeDesk()) as talk:
        assert talk.wire.sent == []
    assert "chat.panic_unfollowed" in caplog.text
