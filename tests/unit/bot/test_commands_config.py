"""The configuration in force: in short, by section, as a file; nothing secret, nothing changed."""

import tomllib
from pathlib import Path

import msgspec
from desks import FakeDesk, view
from talk import talking
from telegram_wire import VIEWER, buttons

from bot.commands_config import NAME
from bot.views import settings as cards
from engine import config
from engine.core.settings import Settings, Universe

TUNED = {"risk.max_open_positions": "2"}
TOKEN = "8261734955:AAH9dK2mVq_Zr5xW8yT3bN6cJ1pL4sG7fUo"


def tuned() -> FakeDesk:
    desk = FakeDesk()
    desk.show(tuned=TUNED)
    desk.chosen = config.load(None, [], {}, None, TUNED)
    return desk


async def test_in_short_and_by_section_in_place() -> None:
    async with talking(tuned()) as talk:
        said = await talk.say("/config", VIEWER)
        assert "Preset <b>breakout_v1</b>\nKeys that differ from it: risk 1\n" in said["text"]
        assert "Changed in the chat:\nrisk.max_open_positions = 2" in said["text"]
        shown = await talk.tap(said, "risk", VIEWER)
        assert "\nmax_open_positions = 2 count * ✎\n" in shown["text"]
        assert "\nleverage_max = 3 mult\n" in shown["text"]
        assert "e|config caps" in [b["callback_data"] for b in buttons(shown)]
        assert talk.wire.named("editMessageText")
        plain = await talk.say("/config caps")
        assert "\nleverage = 3 mult\n" in plain["text"]
        assert "did you mean risk?" in (await talk.say("/config rusk"))["text"]
        assert "o such section" in (await talk.say("/config zzz"))["text"]


async def test_the_export_is_a_file_that_can_be_loaded(tmp_path: Path) -> None:
    async with talking(tuned()) as talk:
        await talk.say("/config export")
        [sent] = talk.wire.named("sendDocument")
        assert "The configuration in force" in sent["caption"]
    path = tmp_path / NAME
    path.write_text("\n".join(config.effective(tuned().chosen)), encoding="utf-8")
    assert config.load(path, [], {}) == tuned().chosen


def test_nothing_secret_is_shown() -> None:
    settings = Settings(universe=Universe(whitelist=(TOKEN,)))
    words = cards.configuration("universe", settings, view()).html
    assert "whitelist = " in words
    assert "AAH9dK2mVq" not in words
    assert "AAH9dK2mVq" not in cards.key("universe.whitelist", settings, view()).html
    lines = "\n".join(config.effective(settings))
    assert "AAH9dK2mVq" not in lines
    assert tomllib.loads(lines)["universe"]["whitelist"] == "(not shown)"


def test_what_waits_is_told_where_it_was_not_chosen_here() -> None:
    waiting = view(next_day={"risk.daily_loss_limit_pct": 10.0})
    words = cards.overview(Settings(), waiting).html
    assert "risk.daily_loss_limit_pct = 10 from the next day on" in words
    chosen = msgspec.structs.replace(waiting, tuned={"risk.daily_loss_limit_pct": "10"})
    words = cards.overview(Settings(), chosen).html
    assert words.count("from the next day on") == 1


def test_a_value_that_is_not_in_force_says_so() -> None:
    shown = view(tuned={"risk.max_open_positions": "99"})
    words = cards.configuration("risk", Settings(), shown).html
    assert "max_open_positions = 3 count ✎\n    → 99 chosen, not in force" in words


def test_many_choices_are_counted() -> None:
    shown = view(tuned={f"risk.k{number}": "1" * 60 for number in range(100, 125)})
    assert "\nand 5 more\n" in cards.picker(shown).html


def test_many_problems_are_counted() -> None:
    assert cards.refused(["p"] * 8).html.endswith("\nand 2 more\nNothing was changed.")
