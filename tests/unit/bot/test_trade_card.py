"""The message of a signal follows its trade: placed, filled, so many R, closed; never a sound."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from desks import FakeDesk, a_trade, position, settle, taken
from talk import outbox, running
from telegram_wire import GROUP, OWNER, Wire, buttons, lost_answer, refuse

from bot.outbox import Outbox
from bot.trade_card import LIVE_S, LOOK_S, OVER_MS, TradeCards
from bot.views.life import life
from builders import T0, D, fill, order
from engine.core import facts as f
from engine.core.values import OrderState, Purpose, Side, StopKind

ENTRY = fill(id="e1", order_id="o1", qty=D(10), price=D("103.05"))


class Following:
    """Cards at work; `later` lets real time pass."""

    def __init__(self, desk: FakeDesk, wire: Wire, box: Outbox) -> None:
        self.desk, self.wire, self.box = desk, wire, box
        self._turn = asyncio.Event()

    async def wait(self, _never: asyncio.Event, _seconds: float | None) -> None:
        await self._turn.wait()
        self._turn.clear()

    async def later(self, seconds: float) -> None:
        self.desk.now_real.now += seconds
        await settle()
        self._turn.set()
        await settle()

    @property
    def captions(self) -> list[str]:
        """The second lines of the edits so far."""
        edits = self.wire.named("editMessageCaption")
        return [said["caption"].split("<pre>")[0].split("\n", 1)[1].strip() for said in edits]


@asynccontextmanager
async def following(
    desk: FakeDesk, wire: Wire, places: tuple[int, ...] = (OWNER,)
) -> AsyncIterator[Following]:
    async with running(outbox(desk, wire, places)) as box:
        here = Following(desk, wire, box)
        task = asyncio.create_task(TradeCards(desk, box, here.wait).run())
        await settle()
        try:
            yield here
        finally:
            task.cancel()
            await asyncio.wait([task])


def closed(**changes: object) -> f.PositionClosed:
    fact = f.PositionClosed(
        position_id=17, symbol="SOLUSDT", side=Side.LONG, rule="TRAILING", gross=D(60), fees=D(3),
        net=D(57), result_r=1.82, mfe_r=2.1, mae_r=-0.2, opened_ms=T0 - 18_720_000,
    )  # fmt: skip
    return msgspec.structs.replace(fact, **changes)


def begin(desk: FakeDesk) -> None:
    """A signal, its order and the fill of it."""
    desk.tell(taken())
    desk.tell(f.OrderPlaced(order(id="o1", position_id=17)))


async def test_a_trade_is_one_message_from_placed_to_closed() -> None:
    desk, wire = FakeDesk(), Wire()
    async with following(desk, wire) as here:
        begin(desk)
        await here.later(LOOK_S)
        [root] = wire.sent
        assert here.captions == ["⏳ <b>Placed</b>, limit 103.15"]
        desk.tell(f.OrderFilled(17, ENTRY))
        desk.show(positions=(position(),))
        await here.later(LOOK_S)
        await here.later(LOOK_S)
        assert len(here.captions) == 2
        filled, live = here.captions[-1].split("\n")
        assert filled == "✔ <b>Filled 103.05</b> (slip +4.9 bps)"
        assert live.startswith("📈 <b>+0.62R</b> at 184.00, stop 179.85 · <tg-time ")
        desk.show(positions=(position(move_r=0.7),))
        await here.later(LIVE_S - 10)
        assert len(here.captions) == 2
        await here.later(10)
        assert "+0.70R" in here.captions[-1]
        desk.show(positions=())
        desk.tell(closed())
        await here.later(LOOK_S)
        assert here.captions[-1].split("\n")[1] == (
            "✅ <b>+1.82R</b> in 5h12, +57.00 USDT net · trailing stop"
        )
        last = wire.named("editMessageCaption")[-1]
        assert [b["text"] for b in buttons(last)] == ["📊 Chart", "📊 1h", "❓ Why"]
        await here.later(LIVE_S)
        await here.later(LIVE_S)
        assert len(here.captions) == 4
        assert {int(s["message_id"]) for s in wire.named("editMessageCaption")} == {root["id"]}
        replies = wire.sent[1:]
        assert {s["reply_parameters"]["message_id"] for s in replies} == {root["id"]}


async def test_what_was_told_late_stays_marked_through_the_edits() -> None:
    desk, wire = FakeDesk(), Wire()
    desk.tell(taken(), at_ms=desk.shown.at_ms - 14 * 60_000)
    desk.tell(f.OrderPlaced(order(id="o1", position_id=17)))
    async with following(desk, wire) as here:
        assert wire.sent[0]["caption"].endswith("<i>14m late</i>")
        for fact in (f.OrderFilled(17, ENTRY), closed()):
            desk.tell(fact)
            await here.later(LOOK_S)
            assert here.captions[-1].endswith("<i>told 14m late</i>")


async def test_a_root_that_may_have_come_twice_says_so_for_good() -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["sendPhoto"] = [lost_answer]
    async with following(desk, wire) as here:
        begin(desk)
        await here.later(LOOK_S)
        assert "<i>(again) event 1</i>" in wire.sent[-1]["caption"]
        assert here.captions[-1].endswith("<i>(again) event 1</i>")


async def test_every_place_has_its_own_and_a_stop_that_is_missing_is_shown_at_once() -> None:
    desk, wire = FakeDesk(), Wire()
    async with following(desk, wire, (OWNER, GROUP)) as here:
        begin(desk)
        desk.tell(f.OrderFilled(17, ENTRY))
        desk.show(positions=(position(),))
        await here.later(LOOK_S)
        await here.later(LOOK_S)
        chats = {int(s["chat_id"]) for s in wire.named("editMessageCaption")}
        assert chats == {OWNER, GROUP}
        desk.show(positions=(position(stop=None, qty=D(6)),))
        await here.later(LOOK_S)
        assert "stop <b>MISSING</b>, 6 of 12.3 left" in here.captions[-1]


async def test_an_entry_that_never_filled_says_so() -> None:
    desk, wire = FakeDesk(), Wire()
    async with following(desk, wire) as here:
        begin(desk)
        desk.tell(f.OrderEnded("o1", OrderState.CANCELED, ""))
        await here.later(LOOK_S)
        assert here.captions == ["✖ <b>Not filled</b>: canceled, nothing is held."]


async def test_a_trade_given_up_and_filled_after_all_goes_on_under_its_new_number() -> None:
    desk, wire = FakeDesk(), Wire()
    async with following(desk, wire) as here:
        begin(desk)
        desk.tell(f.OrderEnded("o1", OrderState.CANCELED, ""))
        desk.tell(f.OrderAdopted("o1", 18))
        desk.tell(f.OrderFilled(18, ENTRY))
        await here.later(LOOK_S)
        assert [c.split(" (")[0] for c in here.captions] == ["✔ <b>Filled 103.05</b>"]
        assert "<code>#18</code>" in wire.named("editMessageCaption")[-1]["caption"]


async def test_a_root_without_a_chart_is_edited_as_words() -> None:
    desk, wire = FakeDesk(), Wire()
    desk.history = None
    none = refuse(400, "Bad Request: there is no caption in the message to edit")
    wire.faults["editMessageCaption"] = [none]
    async with following(desk, wire) as here:
        begin(desk)
        await here.later(LOOK_S)
        [root] = wire.sent
        [edit] = wire.named("editMessageText")
        assert int(edit["message_id"]) == root["id"]
        assert "Placed" in edit["text"]


async def test_answers_go_to_the_message_that_took_a_lost_one_s_place() -> None:
    desk, wire = FakeDesk(), Wire()
    gone = refuse(400, "Bad Request: message to edit not found")
    wire.faults["editMessageCaption"] = [gone]
    async with following(desk, wire) as here:
        begin(desk)
        await here.later(LOOK_S)
        _, anew = wire.sent
        assert anew["disable_notification"]
        await here.later(LOOK_S)
        desk.tell(f.OrderFilled(17, ENTRY))
        await here.later(LOOK_S)
        assert wire.sent[-1]["reply_parameters"]["message_id"] == anew["id"]


async def test_what_ended_long_ago_is_left_alone_after_a_restart() -> None:
    for age_ms, edits in ((OVER_MS + 1, 0), (OVER_MS, 1)):
        desk, wire = FakeDesk(), Wire()
        root = desk.tell(taken(), T0 - age_ms)
        desk.delivered(root.seq, OWNER, 500)
        desk.tell(f.OrderFilled(17, ENTRY), T0 - age_ms)
        last = desk.tell(closed(), T0 - age_ms)
        desk.delivered(last.seq, OWNER, 501)
        async with following(desk, wire) as here:
            assert len(here.captions) == edits


async def test_what_the_book_forgets_is_followed_no_more() -> None:
    desk, wire = FakeDesk(), Wire()
    async with following(desk, wire) as here:
        begin(desk)
        await here.later(LOOK_S)
        here.box.book.trades.clear()
        await here.later(LOOK_S)
        desk.tell(taken())
        await here.later(LOOK_S)
        assert here.captions == ["⏳ <b>Placed</b>, limit 103.15"] * 2


def test_the_lines_of_a_short_that_lost_in_part() -> None:
    trade = a_trade()
    trade.taken = taken(qty=D(12), signal=msgspec.structs.replace(trade.taken.signal))
    trade.fills = [ENTRY, fill(Purpose.EXIT, id="x", qty=D(10))]
    assert life(trade, None, T0) == "✔ <b>Filled 10 of 12 103.05</b> (slip +4.9 bps)"
    trade.closed, trade.stop_kind = closed(net=D(-3), result_r=-1.0), StopKind.INITIAL
    assert life(trade, None, T0).split("\n")[1].startswith("🛑 <b>-1.00R</b> in 0s, -3.00 USDT net")
