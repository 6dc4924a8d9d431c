"""Presets in the chat: listed, shown as a difference, confirmed once, by an owner only."""

import pytest
from desks import FakeDesk, settle, view
from talk import talking
from telegram_wire import OWNER, T_S, TRADER, VIEWER, buttons, tap

from bot.views import presets as cards
from engine import config, preset
from engine.core import events as e
from engine.preset import Change

OLD = {"date": T_S - 840}


def configured() -> FakeDesk:
    """A desk that knows every preset as its file says."""
    desk = FakeDesk()
    for name in preset.names():
        desk.configured[name] = config.load(None, [], {}, name)
    desk.chosen = desk.configured["breakout_v1"]
    return desk


async def test_the_list_marks_the_one_in_force() -> None:
    async with talking() as talk:
        said = await talk.say("/preset")
        assert said["text"].startswith("⚙️ <b>Presets</b> · 🧪 PAPER\n<b>aggressive</b>\n")
        assert "🟢 <b>breakout_v1</b> · in force\nThe default: " in said["text"]
        data = [b["callback_data"] for b in buttons(said)]
        others = [name for name in preset.names() if name != "breakout_v1"]
        assert data == [f"r|preset {name}" for name in others]
        talk.desk.show(next_preset="swing_levels")
        waiting = (await talk.say("/preset"))["text"]
        assert "<b>swing_levels</b> · from the next start on" in waiting


async def test_a_preset_is_shown_confirmed_and_put_to_the_engine() -> None:
    desk = configured()
    async with talking(desk) as talk:
        asked = await talk.say("/preset Conservative")
        words = asked["text"]
        assert words.startswith("⚙️ <b>Trade by conservative</b>? · 🧪 PAPER\nRetest first")
        assert "keys change, against breakout_v1 as it runs:\n<blockquote expandable>" in words
        assert '\nsetups: ["MOMENTUM", "RETEST"] → ["RETEST", "MOMENTUM"]\n' in words
        assert words.endswith("\nExpires in 120 s.")
        assert desk.commands == []
        done = await talk.tap(asked, "Apply")
        assert done["text"] == ("⚙️ usepreset is done. Open trades keep the exits they began with.")
        [command] = desk.commands
        assert isinstance(command, e.UsePreset)
        assert (command.name, command.by) == ("conservative", "@u11 (11)")
        assert command.settings == desk.configured["conservative"]
        desk.show(preset="conservative")
        await talk.tap(done, "Undo")
        back = desk.commands[-1]
        assert isinstance(back, e.UsePreset)
        assert (back.name, back.settings) == ("breakout_v1", desk.configured["breakout_v1"])


async def test_the_way_back_is_what_was_chosen_before_and_may_fit_no_more() -> None:
    desk = configured()
    async with talking(desk) as talk:
        desk.show(next_preset="swing_levels")
        done = await talk.tap(await talk.say("/preset scalping"), "Apply")
        desk.misconfigured = "risk.x expected nothing"
        said = await talk.tap(done, "Undo")
        assert "<b>swing_levels</b> cannot be used" in said["text"]
        assert len(desk.commands) == 1


def test_a_looser_daily_limit_is_told_to_wait() -> None:
    for after, is_told in (("10", True), ("5", False)):
        changes = [Change("risk.daily_loss_limit_pct", "8", after, "pct")]
        assert ("from the next day on" in cards.question("x", "y", changes, view())) is is_told


async def test_cancel_and_the_deadline_change_nothing() -> None:
    async with talking(configured()) as talk:
        asked = await talk.say("/preset scalping")
        assert "nothing done" in (await talk.tap(asked, "Cancel"))["text"]
        asked = await talk.say("/preset scalping")
        talk.desk.now_real.now += 121
        await talk.tap(asked, "Apply")
        await talk.dispatch.tidy()
        await settle()
        assert talk.answers[-1]["text"] == "expired, nothing done"
        assert talk.wire.named("editMessageText")[-1]["text"].endswith("nothing done</i>")
        assert talk.desk.commands == []


async def test_a_difference_that_changed_is_shown_again() -> None:
    desk = configured()
    async with talking(desk) as talk:
        asked = await talk.say("/preset scalping")
        desk.chosen = desk.configured["aggressive"]
        again = await talk.tap(asked, "Apply")
        assert again["text"].startswith("⚠️ The settings changed since you asked")
        assert desk.commands == []
        assert "usepreset is done" in (await talk.tap(again, "Apply"))["text"]


async def test_what_is_in_force_already_is_not_put_again() -> None:
    async with talking(configured()) as talk:
        said = await talk.say("/preset breakout_v1")
        assert said["text"] == "⚙️ <b>breakout_v1</b> is in force already."
        talk.desk.show(next_preset="swing_levels")  # this takes the choice back
        assert "No key changes." in (await talk.say("/preset breakout_v1"))["text"]


async def test_an_unknown_name_gets_the_nearest() -> None:
    async with talking() as talk:
        said = await talk.say("/preset conservativ")
        assert "did you mean conservative?" in said["text"]
        assert [b["callback_data"] for b in buttons(said)] == ["r|preset"]
        assert "one of aggressive, " in (await talk.say("/preset <x>"))["text"]
        assert "more than this command takes" in (await talk.say("/preset a b"))["text"]


async def test_a_preset_that_conflicts_with_the_file_is_told_in_words() -> None:
    desk = configured()
    async with talking(desk) as talk:
        asked = await talk.say("/preset scalping")
        desk.misconfigured = "risk.risk_per_trade_pct expected at most <cap>, found 5"
        for said in (await talk.tap(asked, "Apply"), await talk.say("/preset scalping")):
            assert said["text"] == (
                "✖ <b>scalping</b> cannot be used with this configuration:\n"
                "risk.risk_per_trade_pct expected at most &lt;cap&gt;, found 5"
            )
        assert desk.commands == []


async def test_the_engine_s_refusal_is_told() -> None:
    desk = configured()
    desk.refusal = "its bars are 900 s, now 300 s: close #17 SOLUSDT first"
    async with talking(desk) as talk:
        done = await talk.tap(await talk.say("/preset swing_levels"), "Apply")
        assert done["text"] == f"✖ Not done: {desk.refusal}."


@pytest.mark.parametrize("person", [VIEWER, TRADER])
@pytest.mark.parametrize("words", ["/preset", "/preset scalping"])
async def test_presets_are_for_owners(person: int, words: str) -> None:
    async with talking(configured()) as talk:
        assert "is for the role owner" in (await talk.say(words, person))["text"]
        assert await talk.hear(tap(f"r|{words[1:]}", 5, person)) == []
        assert talk.answers[-1]["text"] == "Not allowed for your role."
        asked = await talk.say("/preset scalping", OWNER)
        await talk.tap(asked, "Apply", person)
        assert talk.desk.commands == []


async def test_an_old_preset_is_refused() -> None:
    async with talking(configured()) as talk:
        said = await talk.say("/preset scalping", **OLD)
        assert said["text"] == (
            "Your <code>/preset</code> is 14m old: too old to act on. Ask again."
        )
        assert talk.desk.commands == []


def test_few_changes_are_open_many_fold_and_all_are_there() -> None:
    few = cards.question("x", "y", [Change("exits.trail_atr", "2", "2.8", "atr")], view())
    assert few.endswith(
        "\n1 key changes, against breakout_v1 as it runs:\n<b>exits</b>\ntrail_atr: 2 → 2.8 atr"
    )
    large = [Change("universe.volume_24h_min_usd", "5000000", "200000000", "usd")]
    assert "volume_24h_min_usd: 5\u2009000\u2009000 → 200\u2009000\u2009000 usd" in cards.question(
        "x", "y", large, view()
    )
    some = [Change(f"risk.k{n}", "1", "2", "") for n in range(26)]
    many = cards.question("x", "y", some, view())
    assert "26 keys change" in many
    assert many.count("→") == 26
    assert many.endswith("</blockquote>")


def test_a_difference_of_long_values_ends_in_time() -> None:
    long = [Change(f"risk.k{n}", "x" * 99, "y" * 99, "") for n in range(60)]
    words = cards.question("x", "y", long, view())
    assert words.count("→") == 25
    assert words.endswith("\nand 35 more</blockquote>")


def test_many_problems_are_counted() -> None:
    assert cards.refused("x", ["p"] * 8).html.endswith("\np\nand 2 more")


def test_every_difference_between_presets_fits_a_message() -> None:
    loaded = {name: config.load(None, [], {}, name) for name in preset.names()}
    for before in loaded.values():
        for name, after in loaded.items():
            changes = preset.diff(before, after)
            words = cards.question(name, preset.character(name), changes, view())
            assert len(words) < 4000
            assert words.count("→") == len(changes)
