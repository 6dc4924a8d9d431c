"""Close: quoted, confirmed once by the asker, in time, at a price that still holds."""

import asyncio

import pytest
from desks import FakeDesk, body_of, position, settle, taken
from talk import talking
from telegram_wire import (
    GROUP,
    OWNER,
    TRADER,
    buttons,
    tap,
)

from builders import D, fill, order
from engine.core import events as e
from engine.core import facts as f
from engine.core.values import OrderState, Purpose
from engine.core.view import Quote


def held(**changes: object) -> FakeDesk:
    desk = FakeDesk()
    desk.show(positions=(position(**changes),))
    return desk


def closed(number: int = 17) -> f.PositionClosed:
    return f.PositionClosed(
        position_id=number,
        symbol="SOLUSDT",
        side=position().side,
        rule="operator",
        gross=D(20),
        fees=D(3),
        net=D(17),
        result_r=0.54,
        mfe_r=0.9,
        mae_r=-0.1,
        opened_ms=0,
    )


async def test_close_is_quoted_confirmed_and_reported() -> None:
    desk = held()
    desk.follow_up = [closed()]
    async with talking(desk) as talk:
        asked = await talk.say("/close sol", TRADER)
        assert "Close SOLUSDT LONG" in asked["text"]
        assert "12.3 SOL at market" in asked["text"]
        assert "Expires in 30 s" in asked["text"]
        done = await talk.tap(asked, "Close", TRADER)
        assert "closed <b>+0.54R</b>, +17.00 USDT net" in done["text"]
        assert "by @u22 ·" in done["text"]
        assert buttons(done) == []
        [command] = desk.commands
        assert isinstance(command, e.Close)
        assert (command.position_id, command.share) == (17, D(1))
        assert desk.listening == 0


async def test_a_share_is_reported_by_its_fills() -> None:
    desk = held()
    leaving = order(Purpose.EXIT, id="x1", position_id=17, qty=D("6.2"))
    part = fill(Purpose.EXIT, order_id="x1", qty=D("6.1"), price=D("183.97"))
    desk.follow_up = [
        f.OrderPlaced(order(Purpose.TARGET, id="t", position_id=17)),
        f.OrderPlaced(leaving),
        f.OrderFilled(17, part),
        f.OrderEnded("x1", OrderState.CANCELED, "the rest found nobody"),
    ]
    async with talking(desk) as talk:
        asked = await talk.say("/close #17 50%")
        assert "Close 50% of" in asked["text"]
        done = await talk.tap(asked, "Close 50%")
        assert done["text"].startswith("✔ Sold 6.1 SOL @ 183.97 · by @u11 · <tg-time")
        assert [getattr(c, "share", None) for c in desk.commands] == [D("0.5")]


async def test_what_a_share_brought_is_told_where_its_entry_is_remembered() -> None:
    desk = held()
    desk.tell(taken())
    entry = fill(id="e1", qty=D("12.3"), price=D("182.44"), fee=D("1.23"))
    desk.tell(f.OrderFilled(17, entry))
    part = fill(Purpose.EXIT, id="f1", order_id="x1", qty=D("6.15"), price=D("183.97"), fee=D(1))
    desk.follow_up = [
        f.OrderPlaced(order(Purpose.EXIT, id="x1", position_id=17, qty=D("6.15"))),
        f.OrderFilled(17, part),  # filled whole: nothing else is told of the order
    ]
    async with talking(desk) as talk:
        asked = await talk.say("/close #17 50%")
        assert "Est.  +8.35 net of fees +0.27R" in asked["text"]
        done = await talk.tap(asked, "Close 50%")
        # 6.15 * 1.53 = 9.4095, less the fee of the exit and half of the entry's
        assert "Sold 6.15 SOL @ 183.97, +7.79 net · by @u11" in done["text"]


async def test_a_close_whose_fills_take_long_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = held()
    desk.follow_up = [closed(99)]
    async with talking(desk) as talk:
        asked = await talk.say("/close #17")
        monkeypatch.setattr("bot.commands_close.FILL_S", 0.0005)
        await talk.tap(asked, "Close")
        async with asyncio.timeout(5):
            while not talk.wire.named("editMessageText"):
                talk.wire.called.clear()
                await talk.wire.called.wait()
        said = talk.wire.named("editMessageText")[-1]["text"]
        assert said == "✔ close is done. The fills are told here."
        assert desk.listening == 0


async def test_a_double_tap_closes_once() -> None:
    desk = held()
    desk.follow_up = [closed()]
    async with talking(desk) as talk:
        asked = await talk.say("/close #17")
        data = buttons(asked)[0]["callback_data"]
        both = [tap(data, 1000), tap(data, 1000)]
        await asyncio.gather(*(talk.hear(raw) for raw in both))
        assert len(desk.commands) == 1


async def test_only_the_asker_may_confirm_and_only_on_that_message() -> None:
    async with talking(held()) as talk:
        asked = await talk.say("/close #17", TRADER, chat=GROUP)
        await talk.tap(asked, "Close", OWNER)
        assert talk.answers[-1]["text"] == "only the person who asked can answer"
        await talk.tap(asked, "Close", TRADER, number=4)
        assert talk.answers[-1]["text"] == "expired, nothing done"
        assert talk.desk.commands == []
        assert "sent" not in (await talk.tap(asked, "Cancel", TRADER))["text"]


async def test_an_expired_question_does_nothing_and_says_so() -> None:
    async with talking(held()) as talk:
        asked = await talk.say("/close #17")
        talk.desk.now_real.now += 31
        await talk.tap(asked, "Close")
        assert talk.answers[-1]["text"] == "expired, nothing done"
        await talk.dispatch.tidy()
        await settle()
        last = talk.wire.named("editMessageText")[-1]
        assert last["text"].endswith("<i>expired, nothing done</i>")
        assert buttons(last) == []
        assert talk.desk.commands == []


@pytest.mark.parametrize("data", ["c|forged", "x|panic now", "r|nonsense", "r|", "", "e|zzz"])
async def test_old_and_forged_buttons_do_nothing(data: str) -> None:
    async with talking(held()) as talk:
        assert await talk.hear(tap(data, 77)) == []
        assert [a["text"] for a in talk.answers] == ["expired, nothing done"]
        [strip] = talk.wire.named("editMessageReplyMarkup")
        assert int(strip["message_id"]) == 77
        assert talk.desk.commands == []


@pytest.mark.parametrize("data", ["r|panic now", "r|close #17", "r|stop", "r|pause", "r|close all"])
async def test_a_button_without_a_nonce_can_only_ask(data: str) -> None:
    async with talking(held()) as talk:
        [asked] = await talk.hear(tap(data, 77))
        assert asked["text"].count("?") == 1
        assert talk.desk.commands == []


async def test_a_moved_price_or_size_is_quoted_again() -> None:
    desk = held()
    desk.follow_up = [closed()]
    async with talking(desk) as talk:
        asked = await talk.say("/close #17")
        desk.quotes["SOLUSDT"] = Quote(180.0, 180.1, 180.0, 0)
        again = await talk.tap(asked, "Close")
        assert "moved since you asked" in again["text"]
        desk.show(positions=(position(qty=D(6)),))
        again = await talk.tap(again, "Close")
        assert "6 SOL at market" in again["text"]
        desk.quotes.clear()
        again = await talk.tap(again, "Close")
        assert "moved" in again["text"]
        desk.show(positions=(position(qty=D(6), mark=None),))
        again = await talk.tap(again, "Close")
        assert desk.commands == []
        assert "closed" in (await talk.tap(again, "Close"))["text"]


async def test_a_position_gone_meanwhile_is_not_closed() -> None:
    async with talking(held()) as talk:
        asked = await talk.say("/close #17")
        talk.desk.show(positions=())
        assert "Already closed" in (await talk.tap(asked, "Close"))["text"]
        assert talk.desk.commands == []


async def test_close_picks_only_exact_open_positions() -> None:
    async with talking(held()) as talk:
        for words in ("/close", "/close s", "/close arb", "/close #99", "/close \u0405OL"):
            said = await talk.say(words)
            data = [b["callback_data"] for b in buttons(said)]
            assert data == ["r|close #17", "r|close all"]
        talk.desk.show(positions=())
        assert "Nothing is open" in (await talk.say("/close"))["text"]
        assert "Nothing is open" in (await talk.say("/close all"))["text"]


@pytest.mark.parametrize("part", ["1,5", "1.000", "1e9", "\uff10.\uff15", "-1", "50%%", "0", "101"])
async def test_shares_are_never_guessed(part: str) -> None:
    async with talking(held()) as talk:
        said = await talk.say(f"/close sol {part}")
        assert "a share is a whole percentage from 1 to 100, for example 50" in said["text"]


async def test_close_all_pauses_first_and_closes_what_was_asked() -> None:
    desk = FakeDesk()
    second = position(18, symbol="XRPUSDT")
    desk.show(positions=(position(), second))
    async with talking(desk) as talk:
        asked = await talk.say("/close all")
        assert "Entries are paused first" in asked["text"]
        assert body_of(asked)[0] == "sym        side        R       net"
        desk.show(positions=(position(), second, position(19, symbol="ARBUSDT")))
        done = await talk.tap(asked, "Close")
        assert "closing 2 positions" in done["text"]
        kinds = [(type(c), getattr(c, "position_id", None)) for c in desk.commands]
        assert kinds == [(e.Pause, None), (e.Close, 17), (e.Close, 18)]
        assert len({c.command_id for c in desk.commands}) == 3


async def test_close_all_is_quoted_again_and_refusals_are_listed() -> None:
    desk = held()
    async with talking(desk) as talk:
        asked = await talk.say("/close all 50")
        desk.quotes["SOLUSDT"] = Quote(190.0, 190.1, 190.0, 0)
        again = await talk.tap(asked, "Close")
        assert "moved since you asked" in again["text"]
        desk.refusal = "no"
        assert "Not done: no" in (await talk.tap(again, "Close"))["text"]
        assert [type(c) for c in desk.commands] == [e.Pause]


async def test_a_refused_leg_of_close_all_is_named() -> None:
    class Stubborn(FakeDesk):
        async def command(  # type: ignore[explicit-override] # typing: 3.12
            self, command: e.Command
        ) -> tuple[f.Record, ...]:
            self.refusal = "being closed already" if isinstance(command, e.Close) else ""
            return await super().command(command)

    desk = Stubborn()
    desk.show(positions=(position(),))
    async with talking(desk) as talk:
        done = await talk.tap(await talk.say("/close all"), "Close")
        assert "closing 0 positions" in done["text"]
        assert "#17: being closed already" in done["text"]


async def test_a_refused_close_is_told() -> None:
    desk = held()
    desk.refusal = "below the least quantity"
    async with talking(desk) as talk:
        done = await talk.tap(await talk.say("/close #17 1"), "Close 1%")
        assert "Not done: below the least quantity" in done["text"]
