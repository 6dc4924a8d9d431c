"""What is not ours, in the chat: listed, asked about by its exact name, confirmed by an owner."""

import pytest
from desks import FakeDesk
from talk import talking
from telegram_wire import T_S, TRADER, buttons

from builders import D
from engine.core import events as e
from engine.core.values import Side
from engine.core.view import ForeignView

ODD = ForeignView("XRPUSDT", Side.SHORT, D(500))


def watched() -> FakeDesk:
    """A desk whose account shows a stranger's position."""
    desk = FakeDesk()
    desk.show(foreign=(ODD,), ignored=("DOGEUSDT",))
    return desk


async def test_what_is_not_ours_is_listed_with_buttons() -> None:
    async with talking(watched()) as talk:
        said = await talk.say("/ignore")
        assert said["text"] == (
            "👤 <b>Not ours</b> · 🧪 PAPER\n<b>XRPUSDT SHORT</b> 500\n"
            "<b>DOGEUSDT</b> left alone, nothing open"
        )
        data = [b["callback_data"] for b in buttons(said)]
        assert data == ["r|ignore XRPUSDT", "r|ignore DOGEUSDT off"]
        talk.desk.show(ignored=("XRPUSDT",))
        assert "<b>XRPUSDT SHORT</b> 500 · left alone" in (await talk.say("/ignore"))["text"]
        talk.desk.show(foreign=(), ignored=())
        assert "nothing that is not ours" in (await talk.say("/ignore xrp"))["text"]


async def test_of_many_those_that_count_come_first_and_the_rest_is_counted() -> None:
    desk = watched()
    odd = tuple(ForeignView(f"C{n}USDT", Side.LONG, D(n + 1)) for n in range(23))
    desk.show(foreign=odd, ignored=("C0USDT", "C1USDT"))
    async with talking(desk) as talk:
        lines = (await talk.say("/ignore"))["text"].splitlines()
        assert lines[1] == "<b>C2USDT LONG</b> 3"
        assert lines[-1] == "and 3 more"
        assert len(lines) == 22


@pytest.mark.parametrize("words", ["/ignore xrp", "/ignore XRPUSDT", "/ignore XRP/USDT:USDT"])
async def test_an_owner_confirms_and_the_engine_is_told(words: str) -> None:
    async with talking(watched()) as talk:
        asked = await talk.say(words)
        assert "<b>XRPUSDT SHORT</b> 500\nIt is never touched" in asked["text"]
        assert asked["text"].endswith("Expires in 30 s.")
        assert talk.desk.commands == []
        done = await talk.tap(asked, "Leave it alone")
        assert done["text"] == "👤 ignore is done."
        (command,) = talk.desk.commands
        assert isinstance(command, e.Ignore)
        assert (command.symbol, command.is_on, command.by) == ("XRPUSDT", True, "@u11 (11)")


async def test_taking_it_back() -> None:
    async with talking(watched()) as talk:
        asked = await talk.say("/ignore doge OFF")
        assert "stops entries everywhere" in asked["text"]
        await talk.tap(asked, "Count again")
        (command,) = talk.desk.commands
        assert isinstance(command, e.Ignore)
        assert (command.symbol, command.is_on) == ("DOGEUSDT", False)
        asked = await talk.say("/ignore doge")  # nothing open there, asked all the same
        assert "leave it alone</b>? · 🧪 PAPER\nDOGEUSDT\n" in asked["text"]


async def test_what_is_refused() -> None:
    async with talking(watched()) as talk:
        assert "only the word off" in (await talk.say("/ignore xrp on"))["text"]
        assert "for the role owner" in (await talk.say("/ignore xrp", TRADER))["text"]
        assert "<b>Not ours</b>" in (await talk.say("/ignore xrq"))["text"]  # never by likeness
        assert "too old" in (await talk.say("/ignore xrp", date=T_S - 900))["text"]
        asked = await talk.say("/ignore xrp")
        talk.desk.refusal = "#1 in XRPUSDT is ours"
        assert "Not done: #1 in XRPUSDT is ours" in (await talk.tap(asked, "Leave"))["text"]
