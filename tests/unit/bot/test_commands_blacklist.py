"""The blacklist in the chat: listed, added with a reason and a term, taken off, undone."""

import pytest
from desks import position, view
from talk import Talk, talking
from telegram_wire import T_S, TRADER, VIEWER, buttons, tap

from bot.views import markets as cards
from builders import T0
from engine.core.view import BarredView
from engine.core.wish_events import BarSymbol

OLD = {"date": T_S - 840}
DOGE = BarredView("DOGEUSDT", "@ann (11)", "thin <book>", T0, T0 + 604_800_000)


def wish(talk: Talk) -> BarSymbol:
    command = talk.desk.commands[-1]
    assert isinstance(command, BarSymbol)
    return command


async def test_an_empty_list_says_how_and_shows_that_of_the_file() -> None:
    async with talking() as talk:
        said = await talk.say("/blacklist", TRADER)
        assert "<code>/blacklist SYM 7d reason</code> adds." in said["text"]
        assert "not removable here: USDC*, FDUSD*, TUSD*, USDE*, DAI*" in said["text"]
        assert buttons(said) == []


async def test_rows_say_who_why_until_and_can_be_removed() -> None:
    async with talking() as talk:
        talk.desk.show(barred=(DOGE, BarredView("XRPUSDT", "@bob (12)", "", T0, None)))
        said = await talk.say("/blacklist")
        assert "<b>DOGEUSDT</b> blacklisted by @ann until <tg-time" in said["text"]
        assert " · thin &lt;book&gt;\n" in said["text"]
        assert "<b>XRPUSDT</b> blacklisted by @bob for good\n" in said["text"]
        done = await talk.tap(said, "Remove DOGEUSDT")
        assert done["text"] == "✔ barsymbol is done."
        assert (wish(talk).symbol, wish(talk).is_on) == ("DOGEUSDT", False)
        await talk.tap(done, "Undo")
        back = wish(talk)
        assert (back.symbol, back.is_on, back.reason) == ("DOGEUSDT", True, "thin <book>")
        assert back.until_ms == DOGE.until_ms


@pytest.mark.parametrize(
    ("words", "symbol", "reason", "until_ms"),
    [
        ("sol", "SOLUSDT", "", None),
        ("SOL/USDT:USDT 7d", "SOLUSDT", "", T0 + 604_800_000),
        ("pepe2 4h bad fills", "PEPE2USDT", "bad fills", T0 + 14_400_000),
        ("solusdt bad fills", "SOLUSDT", "bad fills", None),
        ("sol 0d", "SOLUSDT", "0d", None),
    ],
)
async def test_a_symbol_with_a_term_and_a_reason(
    words: str, symbol: str, reason: str, until_ms: int | None
) -> None:
    async with talking() as talk:
        done = await talk.say(f"/blacklist {words}", TRADER)
        got = wish(talk)
        assert (got.symbol, got.reason, got.until_ms, got.is_on) == (symbol, reason, until_ms, True)
        assert got.by == f"@u{TRADER} ({TRADER})"
        await talk.tap(done, "Undo", TRADER)
        assert (wish(talk).symbol, wish(talk).is_on) == (symbol, False)


async def test_rm_takes_one_off() -> None:
    async with talking() as talk:
        talk.desk.show(barred=(DOGE,))
        await talk.say("/blacklist rm doge")
        assert (wish(talk).symbol, wish(talk).is_on) == ("DOGEUSDT", False)
        assert "after rm comes one symbol" in (await talk.say("/blacklist rm"))["text"].lower()
        assert "a market is written" in (await talk.say("/blacklist <x>"))["text"].lower()
        assert len(talk.desk.commands) == 1


async def test_a_plain_button_only_asks() -> None:
    async with talking() as talk:
        [asked] = await talk.hear(tap("r|blacklist SOLUSDT", 5))
        assert "Never trade SOLUSDT" in asked["text"]
        assert talk.desk.commands == []
        await talk.tap(asked, "Apply")
        assert wish(talk).symbol == "SOLUSDT"


async def test_refusals_roles_and_age() -> None:
    async with talking() as talk:
        assert "is for the role trader" in (await talk.say("/blacklist", VIEWER))["text"]
        assert "too old to act on" in (await talk.say("/blacklist rm sol", **OLD))["text"]
        talk.desk.refusal = "NOPEUSDT is not traded here"
        assert (await talk.say("/blacklist nope"))["text"] == f"✖ Not done: {talk.desk.refusal}."


async def test_why_names_the_blacklist() -> None:
    async with talking() as talk:
        talk.desk.show(barred=(DOGE,))
        said = await talk.say("/why doge", VIEWER)
        assert said["text"].startswith(
            "❓ <b>DOGEUSDT</b> no trade · 🧪 PAPER\nBlacklisted by @ann"
        )


def test_why_names_what_is_open_there() -> None:
    shown = view(positions=(position(symbol="DOGEUSDT"),))
    assert cards.why_barred(DOGE, shown).html.endswith("\n#17 is open and stays managed.")


def test_a_long_list_ends_in_time() -> None:
    rows = tuple(BarredView(f"S{n}USDT", "@a", "", T0, None) for n in range(200))
    words = cards.blacklist(view(barred=rows), ())
    assert len(words) < 4000
    assert words.count("blacklisted by") + int(words.rsplit("and ", 1)[1].split()[0]) == 200
