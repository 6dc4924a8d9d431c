"""Settings in the chat: shown, judged, changed once, undone, by an owner only."""

import pytest
from desks import FakeDesk
from talk import Talk, talking
from telegram_wire import T_S, TRADER, buttons, tap

from engine import config, preset
from engine.core.settings import Market, Settings
from engine.core.wish_events import Tune

OLD = {"date": T_S - 840}
SLOTS = "risk.max_open_positions"
DAY = "risk.daily_loss_limit_pct"


def chosen(desk: FakeDesk, **tuned: str) -> None:
    """What the chat chose before, in force."""
    values = {f"risk.{key}": value for key, value in tuned.items()}
    desk.show(tuned=values)
    desk.chosen = config.load(None, [], {}, None, values)


def wish(talk: Talk, number: int = -1) -> Tune:
    command = talk.desk.commands[number]
    assert isinstance(command, Tune)
    return command


async def test_sections_keys_and_one_key() -> None:
    async with talking() as talk:
        said = await talk.say("/set")
        assert "<b>risk</b> How much may be lost." in said["text"]
        assert "Nothing is changed in the chat." in said["text"]
        data = [b["callback_data"] for b in buttons(said)]
        assert "e|set risk" in data
        assert not {"e|set caps", "e|set exchange", "e|set store", "e|set log", "e|set sim"} & {
            *data
        }
        said = await talk.say("/set risk")
        assert "\nmax_open_positions = 3 count\n" in said["text"]
        assert "r|set risk.day_zone" in [b["callback_data"] for b in buttons(said)]
        rows = said["reply_markup"]["inline_keyboard"]
        labels = [[b["text"] for b in row] for row in rows]
        assert ["correlated_share_max_frac"] in labels
        assert max(len(row) for row in labels) == 2
        assert all(len(b) <= 18 for row in labels if len(row) == 2 for b in row)
        said = await talk.say("/set MAX_open_positions")
        assert "slots, open plus pending\nTakes a whole number 1..10 count" in said["text"]
        assert "Now <b>3</b> count\nDefault 3 · breakout_v1 3" in said["text"]
        assert talk.desk.commands == []


async def test_a_key_with_few_values_offers_the_others_as_questions() -> None:
    async with talking() as talk:
        said = await talk.say("/set signals.sides")
        assert [b["text"] for b in buttons(said)] == ["long", "short", "All of signals"]
        asked = await talk.tap(said, "long")
        assert 'sides: "both" → "long"' in asked["text"]
        done = await talk.tap(asked, "Apply")
        assert done["text"].startswith("⚙️ <b>Changed</b>: tune is done.")
        assert wish(talk).changes == (("signals.sides", '"long"'),)
        assert wish(talk).settings.signals.sides == "long"
        said = await talk.say("/set risk.kill_flatten")
        assert next(b["text"] for b in buttons(said)) == "true"


async def test_a_change_is_shown_applied_and_undone() -> None:
    async with talking() as talk:
        asked = await talk.say(f"/set {SLOTS} 4")
        assert asked["text"].startswith("⚙️ <b>Change the settings</b>? · 🧪 PAPER\n<b>risk</b>\n")
        assert "max_open_positions: 3 → 4 count\nExpires in 120 s." in asked["text"]
        assert talk.desk.commands == []
        done = await talk.tap(asked, "Apply")
        assert wish(talk).changes == ((SLOTS, "4"),)
        assert wish(talk).settings == config.load(None, [], {}, None, {SLOTS: "4"})
        chosen(talk.desk, max_open_positions="4")
        undone = await talk.tap(done, "Undo")
        assert undone["text"].startswith("⚙️ <b>Undone</b>")
        assert wish(talk).changes == ((SLOTS, ""),)
        assert wish(talk).settings == Settings()
        chosen(talk.desk)
        await talk.tap(undone, "Redo")
        assert wish(talk).changes == ((SLOTS, "4"),)


async def test_less_risk_needs_no_question_unless_a_button_asks() -> None:
    async with talking() as talk:
        done = await talk.say("/set max_open_positions 2")
        assert done["text"].startswith("⚙️ <b>Changed</b>")
        assert wish(talk).changes == ((SLOTS, "2"),)
        [asked] = await talk.hear(tap(f"r|set {SLOTS} 1", 5))
        assert "max_open_positions: 3 → 1 count" in asked["text"]
        assert len(talk.desk.commands) == 1


async def test_cancel_changes_nothing() -> None:
    async with talking() as talk:
        asked = await talk.say(f"/set {SLOTS} 4")
        assert "nothing done" in (await talk.tap(asked, "Cancel"))["text"]
        assert talk.desk.commands == []


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("risk.max_open_positions 99", "expected a whole number 1..10, found 99 (/set)"),
        ("risk.max_open_positions many", 'expected a whole number 1..10, found "many" (/set)'),
        ("risk.leverage_max 5", "expected risk.leverage_max at most caps.leverage, found 5 and 3"),
        ("risk.daily_loss_limit_pct 18", "at most caps.daily_loss_pct, found 18 and 10"),
        ('checks.excluded ["nope"]', "expected names of checks"),
        ('universe.whitelist ["8261734955:AAH9dK2mVq_Zr5xW8yT3bN6cJ1pL4sG7fUo"]', "secret"),
    ],
)
async def test_what_does_not_hold_is_told_and_changes_nothing(words: str, problem: str) -> None:
    async with talking() as talk:
        said = await talk.say(f"/set {words}")
        assert problem in said["text"]
        assert said["text"].endswith("\nNothing was changed.")
        assert "AAH9dK2mVq" not in said["text"]
        assert talk.desk.commands == []


@pytest.mark.parametrize("key", ["caps.leverage", "bot.name", "exchange.rest_url", "sim.taker_bps"])
async def test_what_belongs_to_the_machine_is_only_shown(key: str) -> None:
    async with talking() as talk:
        said = await talk.say(f"/set {key} 1")
        assert "Set in the file only; no chat changes it." in said["text"]
        assert talk.desk.commands == []


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("risk.max_open_position", "did you mean risk.max_open_positions"),
        ("max_positions", "did you mean risk.max_open_positions"),
        ("excluded_x", "did you mean checks.excluded"),
        ("zzz", "No such key"),
    ],
)
async def test_an_unknown_key_gets_the_nearest(word: str, hint: str) -> None:
    async with talking() as talk:
        said = await talk.say(f"/set {word} 1")
        assert hint.lower() in said["text"].lower()


async def test_a_looser_day_is_told_to_wait() -> None:
    async with talking() as talk:
        asked = await talk.say(f"/set {DAY} 9.5")
        assert "A looser daily loss limit holds from the next day on." in asked["text"]
        chosen(talk.desk, daily_loss_limit_pct="9.5")
        talk.desk.chosen = Settings()  # held
        talk.desk.show(next_day={DAY: 9.5})
        shown = (await talk.say("/set risk"))["text"]
        assert "daily_loss_limit_pct = 8 pct ✎\n    → 9.5 from the next day on" in shown
        assert "\n→ 9.5 from the next day on\n" in (await talk.say(f"/set {DAY}"))["text"]
        other = await talk.say(f"/set {SLOTS} 4")
        assert "daily_loss_limit_pct" not in other["text"]
        assert "next day" not in other["text"]


async def test_another_frame_waits_and_holds_up_no_other_key() -> None:
    async with talking() as talk:
        asked = await talk.say("/set market.frame_s 900")
        assert "from the next start on, with nothing open" in asked["text"]
        await talk.tap(asked, "Apply")
        assert wish(talk).settings.market.frame_s == 900
        talk.desk.show(tuned={"market.frame_s": "900"})
        card = (await talk.say("/set market.frame_s"))["text"]
        assert "→ 900 from the next start on" in card
        assert "[Take back]" not in card
        await talk.say(f"/set {SLOTS} 2")
        assert wish(talk).settings.market.frame_s == 300
        assert wish(talk).changes == ((SLOTS, "2"),)
        talk.desk.chosen = Settings(market=Market(frame_s=900))
        await talk.tap(await talk.say("/set market.frame_s reset"), "Apply")
        assert wish(talk).changes == (("market.frame_s", "300"),)


async def test_values_are_taken_back_one_or_all() -> None:
    async with talking() as talk:
        chosen(talk.desk, max_open_positions="2", leverage_max="1")
        said = await talk.say("/set")
        assert "\nrisk.max_open_positions = 2\n" in said["text"]
        asked = await talk.tap(said, "Take all back")
        assert "max_open_positions: 2 → 3 count" in asked["text"]
        await talk.tap(asked, "Apply")
        assert dict(wish(talk).changes) == {SLOTS: "", "risk.leverage_max": ""}
        card = await talk.say(f"/set {SLOTS}")
        asked = await talk.tap(card, "Take back")
        assert "leverage_max" not in asked["text"]


async def test_a_value_that_is_configured_anyway_can_be_taken_back() -> None:
    async with talking() as talk:
        talk.desk.show(tuned={SLOTS: "3"})
        done = await talk.say(f"/set {SLOTS} reset")
        assert done["text"].startswith("⚙️ <b>Changed</b>")


async def test_what_is_so_already_is_not_put_again() -> None:
    async with talking() as talk:
        said = await talk.say(f"/set {SLOTS} 3")
        assert said["text"] == f"⚙️ <b>{SLOTS}</b> is so already."
        assert "is so already" in (await talk.say("/set reset"))["text"]
        assert talk.desk.commands == []


async def test_a_difference_that_changed_is_shown_again() -> None:
    async with talking() as talk:
        asked = await talk.say(f"/set {SLOTS} 4")
        chosen(talk.desk, max_open_positions="2")
        again = await talk.tap(asked, "Apply")
        assert again["text"].startswith("⚠️ The settings changed since you asked")
        assert talk.desk.commands == []
        talk.desk.misconfigured = "risk.x expected nothing"
        said = await talk.tap(again, "Apply")
        assert said["text"] == "✖ risk.x expected nothing\nNothing was changed."


async def test_an_undo_that_does_not_hold_any_more_is_told() -> None:
    async with talking() as talk:
        done = await talk.say(f"/set {SLOTS} 2")
        talk.desk.misconfigured = "risk.x expected nothing"
        assert "risk.x expected nothing" in (await talk.tap(done, "Undo"))["text"]
        assert len(talk.desk.commands) == 1


async def test_the_waiting_preset_is_judged_too() -> None:
    async with talking() as talk:
        talk.desk.show(next_preset="nope")
        said = await talk.say(f"/set {SLOTS} 2")
        assert "bot.preset expected the name of a preset" in said["text"]


async def test_live_allows_no_check_to_be_left_out() -> None:
    async with talking() as talk:
        talk.desk.show(mode="live")
        said = await talk.say('/set checks.excluded ["oi"]')
        assert "checks.excluded: expected no names in live mode" in said["text"]
        assert talk.desk.commands == []


async def test_the_engine_s_refusal_is_told() -> None:
    async with talking() as talk:
        talk.desk.refusal = "its bars are 900 s"
        said = await talk.say(f"/set {SLOTS} 2")
        assert said["text"] == "✖ Not done: its bars are 900 s."


async def test_settings_are_for_owners_and_never_late() -> None:
    async with talking() as talk:
        assert "is for the role owner" in (await talk.say(f"/set {SLOTS} 1", TRADER))["text"]
        assert "too old to act on" in (await talk.say(f"/set {SLOTS} 1", **OLD))["text"]
        assert talk.desk.commands == []


async def test_many_problems_and_many_changes_fit() -> None:
    async with talking() as talk:
        every = preset.names()
        worst = max((config.load(None, [], {}, name) for name in every), key=_distance)
        talk.desk.chosen = worst
        asked = await talk.say(f"/set {SLOTS} 4")
        assert "<blockquote expandable>" in asked["text"]


def _distance(settings: Settings) -> int:
    return len(preset.diff(Settings(), settings))
