"""The card's breakeven button: a question that names the price, and a stop that only tightens."""

import pytest
from desks import FakeDesk, position
from talk import talking
from telegram_wire import TRADER, VIEWER, buttons

from builders import D
from engine.core import events as e
from engine.core.values import PositionState, Side, StopKind

BUTTON = "Stop to breakeven"


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
        assert "only the word be" in (await talk.say("/positions #17 182.5"))["text"]
        assert "more than this" in (await talk.say("/positions #17 be now"))["text"]


async def test_a_refusal_of_the_engine_is_told() -> None:
    async with talking(held()) as talk:
        asked = await talk.say("/positions #17 be")
        talk.desk.refusal = "the price is beyond it"
        moved = await talk.tap(asked, "Move stop")
        assert "Not done: the price is beyond it" in moved["text"]
