"""The outbox: what is told, in which order, and what every failure of Telegram leads to."""

import asyncio

import pytest
from desks import FakeDesk, candles, settle, taken
from talk import outbox, running
from telegram_wire import (
    GROUP,
    OWNER,
    Wire,
    buttons,
)

from bot.post import pause
from bot.views.layout import Text
from bot.waiting import MOST
from builders import D, fill, order
from engine.chart import CandleChart
from engine.core import facts as f
from engine.core.facts import AnyFact
from engine.core.values import GateName, OrderState, Purpose, Side, StopKind
from engine.core.view import CandlesView

WORDS = Text("<b>hello</b>")
TAIL = "<code>#17</code> · 🧪"
BOOT = f.Booted(boot=1, version="0.1.0", mode="paper", was_clean=True)
INCIDENT = f.Incident("position_mismatch", "too <small>", "SOLUSDT")
STOP_MISSING = f.StopMissing(17, "the exchange shows no stop")


def closed(number: int = 17) -> f.PositionClosed:
    return f.PositionClosed(
        position_id=number,
        symbol="SOLUSDT",
        side=Side.LONG,
        rule="INITIAL",
        gross=D(-10),
        fees=D(1),
        net=D(-11),
        result_r=-1.02,
        mfe_r=0.2,
        mae_r=-1.0,
        opened_ms=0,
    )


def trade() -> list[AnyFact]:
    """A whole trade: signal, entry in two parts, target, breakeven, stop, closed."""
    first = fill(qty=D(4), price=D(103), id="a")
    rest = fill(qty=D(6), price=D("103.1"), id="b")
    aim = fill(Purpose.TARGET, order_id="t", qty=D(5), price=D("105.28"), id="c")
    out = fill(Purpose.STOP, order_id="s", qty=D(5), price=D("103.2"), id="d")
    return [
        taken(),
        f.OrderPlaced(order(position_id=17)),
        f.OrderFilled(17, first),
        f.OrderFilled(17, rest),
        f.StopMoved(17, D("101.48"), StopKind.INITIAL),
        f.OrderFilled(17, aim),
        f.StopMoved(17, D("103.3"), StopKind.BREAKEVEN),
        f.OrderFilled(17, out),
        closed(),
    ]


def texts(wire: Wire) -> list[str]:
    return [str(said.get("text") or said.get("caption")) for said in wire.sent]


async def test_a_trade_is_told_as_a_chain_of_replies() -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire)) as box:
        for fact in [BOOT, *trade()]:
            desk.show(at_ms=desk.shown.at_ms + 5000)
            box.offer([desk.tell(fact)])  # offered twice: that changes nothing
            await settle()

    said = wire.sent[1:]
    assert [words.split("\n")[0] for words in texts(wire)[1:]] == [
        "🚀 <b>SOLUSDT LONG</b> breakout · 🧪 <code>#17</code>",
        f"🚀 <b>SOLUSDT LONG</b> filled: bought 4 of 10 @ 103.00 (slip +0.0 bps) · {TAIL}",
        "🚀 <b>SOLUSDT LONG</b> filled: bought 10 @ 103.06 (slip +5.8 bps) · <code>#17</code> · 🧪",
        "🎯 <b>SOLUSDT LONG</b> target: sold 5 @ 105.28, 5 left · <code>#17</code> · 🧪",
        "🛑 <b>SOLUSDT LONG</b> stop to breakeven 103.30 · <code>#17</code> · 🧪",
        "🛑 <b>SOLUSDT LONG</b> breakeven stop: sold 5 @ 103.20, 0 left · <code>#17</code> · 🧪",
        "🛑 <b>SOLUSDT LONG</b> closed <b>-1.02R</b>, -11.00 USDT · 🧪",
    ]
    assert said[0]["photo"] == "attached"
    assert [s["reply_parameters"]["message_id"] for s in said[1:]] == [said[0]["id"]] * 6
    is_silent = [s["disable_notification"] for s in said]
    assert is_silent == [True, False, False, False, True, False, False]


async def test_what_happens_in_one_turn_is_told_in_one_message() -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire)):
        for fact in trade():
            desk.tell(fact)
        await settle()
    kinds = [words.split("</b> ")[1].split(" ")[0].strip(":") for words in texts(wire)]
    assert kinds == ["breakout", "filled", "target", "stop", "closed"]
    assert sorted(seq for seq, _, _ in desk.told) == [1, 3, 4, 6, 7, 8, 9]


async def test_a_kill_loses_nothing_and_repeats_nothing() -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire, (OWNER, GROUP))):
        desk.tell(BOOT)
        desk.tell(INCIDENT)
        await settle()
    assert len(wire.sent) == 4
    desk.on_record = lambda _record: None  # nobody listens: the process is dead
    for fact in trade():
        desk.tell(fact)
    again, third = Wire(), Wire()
    async with running(outbox(desk, again, (OWNER, GROUP))):
        await settle()
    assert len(again.sent) == 10  # five messages for each of two places
    async with running(outbox(desk, third, (OWNER, GROUP))):
        await settle()
    assert third.sent == []


async def test_replies_find_their_signal_after_a_restart() -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire)):
        desk.tell(taken())
        await settle()
    again = Wire()
    async with running(outbox(desk, again)):
        desk.tell(f.OrderFilled(17, fill()))
        await settle()
    assert again.sent[0]["reply_parameters"]["message_id"] == wire.sent[0]["id"]


async def test_a_new_place_hears_nothing_old() -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire)):
        desk.tell(INCIDENT)
        await settle()
    desk.tell(BOOT)
    again = Wire()
    async with running(outbox(desk, again, (OWNER, GROUP))):
        await settle()
    assert [int(s["chat_id"]) for s in again.sent] == [OWNER, GROUP]
    assert all("started" in words for words in texts(again))


async def test_news_that_waited_say_how_late_they_are() -> None:
    desk, wire = FakeDesk(), Wire()
    desk.tell(INCIDENT, at_ms=desk.shown.at_ms - 14 * 60_000)
    async with running(outbox(desk, wire)):
        await settle()
    assert texts(wire)[0].endswith("<i>14m late</i>")


async def test_the_chart_of_a_signal_ends_at_its_bar_and_never_holds_words_back() -> None:
    class Blind(FakeDesk):
        async def chart(  # type: ignore[explicit-override] # typing: 3.12
            self, picture: object
        ) -> bytes:
            raise ValueError(picture)

    for desk in (FakeDesk(), Blind()):
        wire = Wire()
        desk.history = candles(desk.shown.at_ms + 600_000)
        async with running(outbox(desk, wire)):
            desk.tell(taken())
            await settle()
        assert ("photo" in wire.sent[0]) is not isinstance(desk, Blind)
        for picture in desk.pictures:
            assert isinstance(picture, CandleChart)
            assert int(picture.open_ms[-1]) == taken().signal.open_ms


@pytest.mark.parametrize("history", [None, candles(0)])
async def test_a_signal_without_candles_goes_out_in_words(history: CandlesView | None) -> None:
    desk, wire = FakeDesk(), Wire()
    desk.history = history
    async with running(outbox(desk, wire)):
        desk.tell(taken())
        await settle()
    assert [name for name, _ in wire.calls] == ["sendMessage"]


# Urgency and pace


async def test_safety_goes_first_after_a_silence() -> None:
    desk, wire = FakeDesk(), Wire()
    box = outbox(desk, wire)
    for fact in (BOOT, f.OrderFilled(9, fill()), INCIDENT):
        desk.tell(fact)
    async with running(box):
        await settle()
    assert [words[0] for words in texts(wire)] == ["❗", "🚀", "🟢"]


async def test_a_private_chat_gets_a_burst_of_three_then_one_a_second() -> None:
    desk, wire = FakeDesk(), Wire()
    start = desk.now_real.now
    async with running(outbox(desk, wire)):
        for _ in range(7):
            desk.tell(INCIDENT)
        await settle()
    assert len(wire.sent) == 7
    assert desk.now_real.now - start == pytest.approx(4.0, abs=0.01)


async def test_a_full_queue_drops_old_news_but_never_money() -> None:
    desk, wire = FakeDesk(), Wire()
    box = outbox(desk, wire)
    for number in range(MOST + 5):
        desk.tell(BOOT if number < 10 else INCIDENT)
    task = asyncio.create_task(box.run())
    await settle()
    assert (box.depth, box.dropped) == (MOST, 5)
    for _ in range(10):
        desk.tell(INCIDENT)
    await settle()
    assert box.depth == MOST + 5
    task.cancel()


# The machinery


async def test_nothing_leaves_before_telegram_knows_us() -> None:
    desk, wire = FakeDesk(), Wire()
    box = outbox(desk, wire)
    task = asyncio.create_task(box.run())
    desk.tell(INCIDENT)
    await settle()
    assert (wire.calls, box.depth, box.oldest_s) == ([], 1, 0.0)
    await box.flush(1.0)
    box.connected()
    await settle()
    assert (len(wire.calls), box.depth, box.oldest_s) == (1, 0, None)
    task.cancel()


async def test_the_last_words_leave_at_once() -> None:
    desk, wire = FakeDesk(), Wire()
    box = outbox(desk, wire)
    async with running(box):
        pass
    desk.tell(f.GateClosed(GateName.SHUTTING_DOWN, "engine", "stopping"))
    await box.flush(1.0)
    assert "is stopping. Nothing is open." in texts(wire)[0]


async def test_a_message_under_way_is_noted_when_everything_ends() -> None:
    desk, wire = FakeDesk(), Wire()
    box = outbox(desk, wire)
    box.connected()
    task = asyncio.create_task(box.run())
    wire.answering.clear()
    desk.tell(INCIDENT)
    await settle()
    task.cancel()
    await settle()
    assert (len(wire.sent), desk.told, task.done()) == (1, [], False)
    wire.answering.set()
    await asyncio.wait({task})
    await box.flush(1.0)
    assert (len(wire.sent), len(desk.told), box.depth) == (1, 1, 0)


async def test_the_real_wait_ends_with_the_event_or_the_time() -> None:
    event = asyncio.Event()
    await pause(event, 0.001)
    event.set()
    await pause(event, None)
    assert event.is_set()


async def test_a_long_journal_lets_others_breathe() -> None:
    desk, wire = FakeDesk(), Wire()
    for _ in range(450):
        desk.tell(f.NoticeSent(1, OWNER, 1))
    box = outbox(desk, wire)
    turns = 0
    task = asyncio.create_task(box.run())
    while not box.recovered.is_set():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 3
    task.cancel()


async def test_conditions_are_told_when_they_last_and_paired() -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire)):
        closing = f.GateClosed(GateName.STALE_DATA, "engine", "all silent")
        opening = f.GateOpened(GateName.STALE_DATA, "engine", "data flows")
        desk.tell(closing)
        desk.tell(opening)
        await settle()
        assert wire.sent == []
        desk.tell(closing)
        desk.show(at_ms=desk.shown.at_ms + 61_000)
        desk.tell(f.NoticeSent(99, OWNER, 1))
        await settle()
        desk.show(at_ms=desk.shown.at_ms + 120_000)
        desk.tell(opening)
        await settle()
    first, second = texts(wire)
    assert "Market data is stale" in first
    assert "stale data is over</b> after 3m: data flows" in second
    assert all(s["disable_notification"] for s in wire.sent)


@pytest.mark.parametrize(("boot", "is_new"), [(1, True), (2, False)])
async def test_only_the_first_start_says_what_to_try(boot: int, *, is_new: bool) -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire)):
        desk.tell(f.Booted(boot=boot, version="0.1.0", mode="paper", was_clean=True))
        await settle()
    assert ("New here? Try /status, /scan or <code>/why BTC</code>" in texts(wire)[0]) is is_new
    assert ("r|scan" in [b["callback_data"] for b in buttons(wire.sent[0])]) is is_new


async def test_everybody_but_the_actor_hears_of_a_gate() -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire, (OWNER, GROUP))) as box:
        desk.tell(f.GateClosed(GateName.OPERATOR, "@u11 (11)", "paused"))
        desk.tell(f.GateOpened(GateName.OPERATOR, "@u11 (11)", "resumed"))
        desk.tell(f.GateOpened(GateName.OPERATOR, "engine", "the pause is over"))
        await settle()
        assert box.depth == 0
    assert sorted(int(s["chat_id"]) for s in wire.sent) == [GROUP, GROUP, GROUP, OWNER]


async def test_a_stop_that_went_missing_rings_and_its_return_is_told() -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire)):
        desk.tell(taken())
        desk.tell(STOP_MISSING)
        desk.tell(f.StopMoved(17, D("101.48"), StopKind.INITIAL))
        await settle()
    said = wire.sent[0]
    assert "stop MISSING on the exchange" in said["text"]
    assert said["disable_notification"] is False
    assert [b["callback_data"] for b in buttons(said)] == ["r|seen 2", "r|positions #17"]
    assert "stop is back at 101.48" in texts(wire)[-1]


async def test_an_entry_that_never_filled_is_told() -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(outbox(desk, wire)):
        desk.tell(taken())
        desk.tell(f.OrderPlaced(order(position_id=17)))
        desk.tell(f.OrderEnded("alpha-1-1E", OrderState.CANCELED, ""))
        desk.tell(f.OrderEnded("unknown", OrderState.CANCELED, ""))
        await settle()
    assert "not filled: canceled" in texts(wire)[-1]
    assert len(wire.sent) == 2
