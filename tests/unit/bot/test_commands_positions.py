"""The card's breakeven button: a question that names the price, and a stop that only tightens."""

import pytest
from desks import FakeDesk, body_of, position
from talk import talking
from telegram_wire import TRADER, VIEWER, buttons

from builders import D, fill, order
from engine.core import events as e
from engine.core import facts as f
from engine.core.targets import TAKEN
from engine.core.values import OrderKind, OrderState, PositionState, Purpose, Side, StopKind
from engine.core.view import Quote, TargetView
from engine.core.wish_events import TakeTarget

BUTTON = "Stop->BE"


def held(**changes: object) -> FakeDesk:
    desk = FakeDesk()
    desk.show(positions=(position(**changes),))
    return desk


async def test_the_stop_goes_to_breakeven_after_a_question() -> None:
    async with talking(held()) as talk:
        card = await talk.say("/positions sol", TRADER)
        asked = await talk.tap(card, BUTTON, TRADER)
        assert "<b>SOLUSDT LONG</b> <code>#17</code>?" in asked["text"]
        assert "Stop      179.85      to    182.64" in asked["text"]
        assert "It never moves back. Expires in 30 s." in asked["text"]
        assert talk.desk.commands == []
        done = await talk.tap(asked, "Move stop", TRADER)
        assert done["text"] == "✔ movestop is done. Once it stands, that is told here."
        [command] = talk.desk.commands
        assert isinstance(command, e.MoveStop)
        assert (command.position_id, command.price, command.by) == (17, D("182.64"), "@u22 (22)")


async def test_the_stop_of_a_short_goes_down_to_breakeven() -> None:
    desk = held(side=Side.SHORT, mark=180.0, stop=D("185.00"), breakeven=D("182.24"))
    async with talking(desk) as talk:
        asked = await talk.say("/positions #17 be")
        assert "to    182.24" in asked["text"]
        await talk.tap(asked, "Move stop")
        assert [getattr(c, "price", None) for c in desk.commands] == [D("182.24")]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"stop": D("182.64")}, "it never loosens"),
        ({"mark": 182.64}, "has not passed breakeven"),
        ({"mark": None}, "has not passed breakeven"),
        ({"stop": None}, "not known yet"),
        ({"breakeven": None}, "not known yet"),
    ],
)
async def test_what_cannot_be_is_not_asked(changes: dict[str, object], words: str) -> None:
    async with talking(held(**changes)) as talk:
        said = await talk.say("/positions #17 BE")
        assert words in said["text"]
        assert talk.desk.commands == []


@pytest.mark.parametrize(
    "changes",
    [{"stop_kind": StopKind.BREAKEVEN}, {"state": PositionState.EXITING}, {"stop": None}],
)
async def test_the_button_is_there_only_while_the_first_stop_stands(
    changes: dict[str, object],
) -> None:
    async with talking(held(**changes)) as talk:
        card = await talk.say("/positions #17")
        assert [b["text"] for b in buttons(card) if BUTTON in b["text"]] == []


async def test_a_stop_is_not_moved_by_a_viewer_for_nothing_or_by_other_words() -> None:
    async with talking(held()) as talk:
        assert "for the role trader" in (await talk.say("/positions #17 be", VIEWER))["text"]
        assert "Already closed" in (await talk.say("/positions #18 be"))["text"]
        assert "only the word be or tp" in (await talk.say("/positions #17 182.5"))["text"]
        assert "more than this" in (await talk.say("/positions #17 be now"))["text"]


async def test_a_refusal_of_the_engine_is_told() -> None:
    async with talking(held()) as talk:
        asked = await talk.say("/positions #17 be")
        talk.desk.refusal = "the price is beyond it"
        moved = await talk.tap(asked, "Move stop")
        assert "Not done: the price is beyond it" in moved["text"]


async def test_a_name_is_looked_for_and_several_are_offered() -> None:
    desk = FakeDesk()
    desk.show(
        positions=(position(), position(18, symbol="SOLVUSDT"), position(19, symbol="XRPUSDT"))
    )
    async with talking(desk) as talk:
        for words in ("sol", "SOLUSDT", "SOL/USDT:USDT", "#17"):
            assert "<code>#17</code>" in (await talk.say(f"/positions {words}"))["text"]
        assert "<code>#19</code>" in (await talk.say("/p x"))["text"]
        several = await talk.say("/positions so")
        assert [b["callback_data"] for b in buttons(several)] == [
            "r|positions #17",
            "r|positions #18",
        ]
        for words in ("#99", "doge", "\u0405OL"):
            said = (await talk.say(f"/positions {words}"))["text"]
            assert said.startswith("No open position is called that.\n📊 <b>3 open</b>")
        assert "3 open" in (await talk.say("/positions page 2"))["text"]
        assert "a count is" in (await talk.say("/positions page two"))["text"]


RUNGS = (
    TargetView(1.5, D("186.22"), D("6.1"), "filled", D("6.1")),
    TargetView(2.8, D("189.54"), D("3.7"), "working", D("1.0")),
)


async def test_a_target_is_taken_now_after_a_question() -> None:
    desk = held(qty=D("5.2"), targets=RUNGS)
    desk.follow_up = [
        f.CancelAsked("t2", TAKEN),
        f.OrderFilled(17, fill(Purpose.TARGET, order_id="t2", qty=D("0.5"), price=D("184.01"))),
        f.OrderEnded("t2", OrderState.CANCELED, ""),
        f.OrderPlaced(
            order(Purpose.TARGET, id="x1", position_id=17, kind=OrderKind.MARKET, qty=D("2.2"))
        ),
        f.OrderFilled(17, fill(Purpose.TARGET, order_id="x1", qty=D("2.2"), price=D("184.01"))),
    ]
    async with talking(desk) as talk:
        card = await talk.say("/positions sol", TRADER)
        asked = await talk.tap(card, "TP now", TRADER)
        assert asked["text"].startswith("🎯 <b>Take TP2 now of SOLUSDT LONG</b>")
        assert body_of(asked) == [
            "Sell  2.7 SOL at market",
            "Now   183.98      spread 1.1 bps",
            "Est.  - net of fees -",
            "Left  2.5 SOL stop 179.85",
        ]
        done = await talk.tap(asked, "Take it now", TRADER)
        assert "Sold 2.7 SOL @ 184.01" in done["text"]
        [command] = desk.commands
        assert isinstance(command, TakeTarget)
        assert (command.position_id, command.rank, command.by) == (17, 2, "@u22 (22)")


async def test_a_target_that_filled_before_its_cancel_is_reported_as_sold() -> None:
    desk = held(qty=D("5.2"), targets=RUNGS)
    desk.follow_up = [
        f.CancelAsked("t2", TAKEN),
        f.OrderFilled(17, fill(Purpose.TARGET, order_id="t2", qty=D("2.7"), price=D("189.54"))),
        f.OrderEnded("t2", OrderState.FILLED, ""),
    ]
    async with talking(desk) as talk:
        asked = await talk.say("/positions #17 tp")
        assert "Sold 2.7 SOL @ 189.54" in (await talk.tap(asked, "Take it now"))["text"]


async def test_a_target_that_was_sold_meanwhile_is_not_taken_again() -> None:
    desk = held(targets=RUNGS[1:])
    async with talking(desk) as talk:
        asked = await talk.say("/positions #17 tp")
        desk.show(positions=(position(targets=RUNGS[:1]),))
        assert "TP1 was sold meanwhile" in (await talk.tap(asked, "Take it now"))["text"]
        assert "no target of it is left" in (await talk.say("/positions #17 tp"))["text"]
        card = await talk.say("/positions #17")
        assert [b for b in buttons(card) if "TP now" in b["text"]] == []
        assert desk.commands == []


async def test_a_target_whose_price_moved_is_quoted_again() -> None:
    desk = held()
    async with talking(desk) as talk:
        asked = await talk.say("/positions #17 tp")
        desk.quotes["SOLUSDT"] = Quote(180.0, 180.1, 180.0, 0)
        again = await talk.tap(asked, "Take it now")
        assert "moved since you asked" in again["text"]
        assert "Take TP1 now of" in again["text"]
        assert desk.commands == []


@pytest.mark.parametrize(
    ("words", "is_first"),
    [
        ("/close sol", True),
        ("/close all", True),
        ("/panic", True),
        ("/stop", True),
        ("/positions #17 tp", True),
        ("/positions #17 be", True),
        ("/preset conservative", False),
    ],
)
async def test_only_what_protects_money_is_answered_before_all_else(
    words: str, *, is_first: bool
) -> None:
    async with talking(held()) as talk:
        asked = await talk.say(words)
        nonce = buttons(asked)[0]["callback_data"].removeprefix("c|")
        assert talk.dispatch._dialogs.hurries(nonce) is is_first
