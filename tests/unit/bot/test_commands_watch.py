"""Alerts in the chat: asked for, listed with their distance, removed, undone; never a trade."""

import pytest
from desks import view
from talk import Talk, talking
from telegram_wire import TRADER, VIEWER, buttons, tap

from bot.views import markets as cards
from bot.views.alerts import wished
from bot.views.layout import plain
from builders import T0, D
from engine.core.view import WatchedView
from engine.core.wish_events import WatchSymbol
from engine.core.wish_facts import AlertRaised, SymbolBarred, Tuned

LEVELS = WatchedView("SOLUSDT", None, "@ann (11)", T0, None)
PRICED = WatchedView("SOLUSDT", D("190"), "@ann (11)", T0, T0)


def wishes(talk: Talk) -> list[tuple[str, str, bool]]:
    return [
        (c.symbol, "" if c.price is None else str(c.price), c.is_on)
        for c in talk.desk.commands
        if isinstance(c, WatchSymbol)
    ]


async def test_an_empty_list_says_how() -> None:
    async with talking() as talk:
        said = await talk.say("/watch", TRADER)
        assert "<code>/watch SOL 190</code> of a price." in said["text"]
        assert buttons(said) == []


async def test_rows_show_the_distance_and_can_be_removed() -> None:
    async with talking() as talk:
        unknown = WatchedView("NEWUSDT", D("1.5"), "@ann (11)", T0, None)
        talk.desk.show(alerts=(LEVELS, PRICED, unknown))
        said = await talk.say("/watch")
        lines = plain(said["text"]).split("\n")
        assert lines[1] == "SOLUSDT levels, nearest 102.2 · now 184 · -44.46% away"
        assert lines[2].startswith("SOLUSDT 190 · now 184 · +3.26% away · told ")
        assert lines[3] == "NEWUSDT 1.5 · now - · - away"
        done = await talk.tap(said, "Remove SOLUSDT 190")
        assert wishes(talk) == [("SOLUSDT", "190", False)]
        await talk.tap(done, "Undo")
        assert wishes(talk)[1:] == [("SOLUSDT", "190", True)]


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("sol arb", [("SOLUSDT", "", True), ("ARBUSDT", "", True)]),
        ("sol 190.5", [("SOLUSDT", "190.5", True)]),
        ("sol", [("SOLUSDT", "", True)]),
    ],
)
async def test_levels_of_some_or_a_price_of_one(
    words: str, asked: list[tuple[str, str, bool]]
) -> None:
    async with talking() as talk:
        done = await talk.say(f"/watch {words}", TRADER)
        assert wishes(talk) == asked
        assert len({c.command_id for c in talk.desk.commands}) == len(asked)
        await talk.tap(done, "Undo", TRADER)
        assert wishes(talk)[len(asked) :] == [(s, p, False) for s, p, _ in asked]


@pytest.mark.parametrize(
    ("words", "ended"),
    [
        ("rm sol", ["", "190"]),
        ("rm sol 190", ["190"]),
        ("clear", ["", "190"]),
    ],
)
async def test_removing_one_all_of_a_symbol_or_all(words: str, ended: list[str]) -> None:
    async with talking() as talk:
        talk.desk.show(alerts=(LEVELS, PRICED))
        await talk.say(f"/watch {words}")
        assert wishes(talk) == [("SOLUSDT", price, False) for price in ended]


async def test_nothing_to_remove_and_words_that_say_nothing() -> None:
    async with talking() as talk:
        assert "nothing of that is watched" in (await talk.say("/watch rm sol"))["text"]
        assert "nothing of that is watched" in (await talk.say("/watch clear"))["text"]
        assert "above 0" in (await talk.say("/watch sol -5"))["text"]
        assert "one to 10 symbols" in (await talk.say("/watch rm"))["text"]
        assert wishes(talk) == []


async def test_a_plain_button_only_asks() -> None:
    async with talking() as talk:
        [asked] = await talk.hear(tap("r|watch SOLUSDT 190", 5))
        assert "Watch SOLUSDT 190" in asked["text"]
        assert wishes(talk) == []
        await talk.tap(asked, "Apply")
        assert wishes(talk) == [("SOLUSDT", "190", True)]


async def test_refusals_and_roles() -> None:
    async with talking() as talk:
        assert "is for the role trader" in (await talk.say("/watch sol", VIEWER))["text"]
        talk.desk.refusal = "NOPEUSDT is not traded here"
        assert (await talk.say("/watch nope"))["text"] == f"✖ Not done: {talk.desk.refusal}."
        said = await talk.say("/watch nope nada")
        assert said["text"] == f"✔ {talk.desk.refusal}; {talk.desk.refusal}."
        assert buttons(said) == []


def test_a_long_list_ends_in_time() -> None:
    words = cards.watchlist(view(alerts=(LEVELS,) * 200), {})
    assert len(words) < 4000
    assert words.count("SOLUSDT") + int(words.rsplit("and ", 1)[1].split()[0]) == 200


@pytest.mark.parametrize(
    ("fact", "words"),
    [
        (AlertRaised("SOLUSDT", "price", 190.0, 190.4), "🔔 SOLUSDT crossed 190, now 190.4 · 🧪"),
        (
            AlertRaised("SOLUSDT", "near", 190.0, 189.9),
            "🔔 SOLUSDT is near its level 190, now 189.9 · 🧪",
        ),
        (
            AlertRaised("SOLUSDT", "broken", 190.0, 191.0),
            "🔔 SOLUSDT closed beyond its level 190, now 191 · 🧪",
        ),
        (AlertRaised("SOLUSDT", "new", 190.0, 191.0), "🔔 SOLUSDT is at 190, now 191 · 🧪"),
        (
            Tuned((("risk.x", "2"), ("risk.y", "")), "@ann (11)"),
            "⚙️ Settings changed by @ann: risk.x = 2, risk.y = as configured · 🧪",
        ),
        (
            SymbolBarred("SOLUSDT", "@ann (11)", "thin"),
            "🚫 SOLUSDT is never traded for good, by @ann: thin · 🧪",
        ),
        (
            SymbolBarred("SOLUSDT", "@ann (11)", until_ms=0),
            "🚫 SOLUSDT is never traded until 01-01 00:00, by @ann · 🧪",
        ),
        (
            SymbolBarred("SOLUSDT", "@ann (11)", is_on=False),
            "🚫 SOLUSDT may be traded again, by @ann · 🧪",
        ),
    ],
)
def test_what_is_told(fact: AlertRaised | Tuned | SymbolBarred, words: str) -> None:
    assert plain(wished(fact, "paper").html) == words
