"""Paper and live in the chat: explained, and changed only by the phrase the asker types."""

import re
from typing import Any

import msgspec
import pytest
from desks import HEALTH, PROSPECT, FakeDesk, body_of, gate, position, settle, trade, view
from talk import talking
from telegram_wire import GROUP, OWNER, T_S, TRADER, buttons, message

from bot.views import mode as cards
from engine.core.values import GateName
from engine.errors import Denied

OVER = [("live", "@u11 (11)"), ("over", "")]


def phrase(said: dict[str, Any]) -> str:
    """What must be typed, as the card shows it."""
    (words,) = re.findall(r"<b>(LIVE alpha \d{4})</b>", said["text"])
    return str(words)


def live() -> FakeDesk:
    desk = FakeDesk()
    desk.show(mode="live")
    return desk


async def test_the_mode_says_what_is_missing() -> None:
    async with talking() as talk:
        assert "an owner sends <code>/mode live</code>" in (await talk.say("/mode"))["text"]
        talk.desk.modes.lacking = ("ALLOW_LIVE: expected 1", "EXCHANGE_API_KEY: expected a key")
        said = (await talk.say("/mode"))["text"]
        assert said == (
            "<b>Mode</b> 🧪 PAPER\nLive trading is not possible here:\n"
            "✖ ALLOW_LIVE: expected 1\n✖ EXCHANGE_API_KEY: expected a key"
        )
        talk.desk.show(mode="live")
        assert "<b>Mode</b> 💵 LIVE\nReal orders." in (await talk.say("/mode"))["text"]


async def test_the_whole_way_to_live() -> None:
    async with talking() as talk:
        asked = await talk.say("/mode live")
        assert asked["text"].startswith("⚠️ <b>Trade real money</b>? · 💵 LIVE\n")
        assert body_of(asked) == [
            "Exchange bybit",
            "Account  -",
            "Equity   10000.00 USDT",
            "Preset   breakout_v1",
            "A trade  150.00, 1.5%",
            "         first day 50% of it",
            "A day    800.00, 8%",
            "Open     0 live positions",
        ]
        assert "\n✔ Clock: 3 ms from the exchange's\n✔ Stops: each entry " in asked["text"]
        assert "\n⚠️ Paper trades closed: 0; 20 are a fair start\n" in asked["text"]
        assert [b["text"] for b in buttons(asked)] == ["Cancel"]
        assert talk.desk.modes.done == []
        done = await talk.say(phrase(asked))
        assert done["text"].startswith("✔ <b>Changing over to 💵 LIVE</b>, in a few seconds.")
        assert talk.desk.modes.done == OVER
        assert "Commands start" in (await talk.say(phrase(asked)))["text"]  # used up
        assert talk.desk.modes.done == OVER


async def test_each_card_has_a_code_of_its_own() -> None:
    async with talking() as talk:
        codes = {phrase(await talk.say("/mode live")) for _ in range(8)}
        assert len(codes) > 1


async def test_warnings_are_shown_and_refusals_end_it() -> None:
    async with talking() as talk:
        talk.desk.modes.looked = msgspec.structs.replace(
            PROSPECT, warnings=("the key has no addresses",)
        )
        assert "⚠️ the key has no addresses" in (await talk.say("/mode live"))["text"]
        talk.desk.modes.looked = msgspec.structs.replace(PROSPECT, refusals=("hedge mode",))
        said = await talk.say("/mode live")
        assert said["text"] == "Live trading is not possible here:\n✖ hedge mode"
        talk.desk.modes.looked = Denied("10003 invalid key")
        said = await talk.say("/mode live")
        assert "✖ the account cannot be looked at: 10003 invalid key" in said["text"]


async def test_what_the_machine_lacks_and_open_positions_stand_in_the_way() -> None:
    async with talking() as talk:
        talk.desk.show(positions=(position(17),))
        talk.desk.modes.lacking = ("ALLOW_LIVE: expected 1",)
        talk.desk.modes.looked = AssertionError("nobody looks before")
        said = (await talk.say("/mode live"))["text"]
        assert "✖ ALLOW_LIVE: expected 1\n✖ 1 open (#17 SOLUSDT): close them first" in said


async def test_a_clock_that_is_off_stands_in_the_way() -> None:
    async with talking() as talk:
        talk.desk.show(gates=(gate(GateName.CLOCK_BAD, "the clock is 3 s off"),))
        assert "✖ clock: the clock is 3 s off" in (await talk.say("/mode live"))["text"]


def test_what_was_checked_is_told_as_it_is() -> None:
    traded = view(trades=(trade(1, "5", 1),) * 20)
    unknown = msgspec.structs.replace(HEALTH, clock_skew_ms=None)
    clock, stops, trades = cards.checks(traded, unknown)
    assert clock == "⚠️ Clock: not compared yet"
    assert stops.startswith("✔ Stops: ")
    assert trades == "✔ Paper trades closed: 20"


async def test_a_trade_taken_meanwhile_stops_the_phrase() -> None:
    async with talking() as talk:
        asked = await talk.say("/mode live")
        talk.desk.show(positions=(position(17),))
        assert "close them first" in (await talk.say(phrase(asked)))["text"]
        assert talk.desk.modes.done == []


async def test_three_tries() -> None:
    async with talking() as talk:
        asked = await talk.say("/mode live")
        right = phrase(asked)
        for wrong, left in (("LIVE alpha", "2 tries"), (right.lower(), "1 try")):
            again = await talk.say(wrong)
            assert "That was not it" in again["text"]
            assert f"{left} left" in again["text"]
            assert phrase(again) == right
        said = await talk.say(f"{right} now")
        assert said["text"].startswith("✖ the phrase was not typed; ask for a new one.")
        await talk.say(right)
        assert talk.desk.modes.done == []


async def test_a_wrong_try_may_be_followed_by_the_right_one() -> None:
    async with talking() as talk:
        asked = await talk.say("/mode live")
        await talk.say("LIVE")
        await talk.say(f"  {phrase(asked)} ")
        assert talk.desk.modes.done == OVER


async def test_after_its_time_the_phrase_is_only_words() -> None:
    async with talking() as talk:
        asked = await talk.say("/mode live")
        talk.desk.now_real.now += 40
        again = await talk.say("LIVE alpha")
        assert "within 20 s" in again["text"]
        talk.desk.now_real.now += 20.5  # the first card's minute is over
        now = {"date": int(talk.desk.now_real.now)}
        assert "Commands start" in (await talk.say(phrase(asked), **now))["text"]
        await talk.dispatch.tidy()
        await settle()
        assert "expired, nothing done" in talk.wire.named("editMessageText")[-1]["text"]
        assert talk.desk.modes.done == []


async def test_the_last_second_is_no_time_to_try_again() -> None:
    async with talking() as talk:
        await talk.say("/mode live")
        talk.desk.now_real.now += 59.5
        assert "ask for a new one" in (await talk.say("LIVE"))["text"]


async def test_nobody_else_and_nowhere_else() -> None:
    async with talking() as talk:
        asked = await talk.say("/mode live")
        words = phrase(asked)
        assert "Commands start" in (await talk.say(words, TRADER))["text"]
        assert await talk.say(words, OWNER, chat=GROUP) == {}
        assert talk.desk.modes.done == []
        await talk.say(words)
        assert talk.desk.modes.done == OVER


async def test_another_command_cancels_the_question() -> None:
    async with talking() as talk:
        asked = await talk.say("/mode live")
        await talk.hear(message("/status"))
        await talk.say(phrase(asked))
        assert talk.desk.modes.done == []


async def test_after_a_restart_the_phrase_means_nothing() -> None:
    async with talking() as talk:
        words = phrase(await talk.say("/mode live"))
    async with talking() as fresh:
        assert "Commands start" in (await fresh.say(words))["text"]
        assert fresh.desk.modes.done == []


async def test_a_mode_that_cannot_be_written_changes_nothing() -> None:
    async with talking() as talk:
        asked = await talk.say("/mode live")
        talk.desk.modes.unwritable = "mode.json: expected to write it, found: read-only"
        said = await talk.say(phrase(asked))
        assert "read-only. Nothing was changed." in said["text"]
        assert talk.desk.modes.done == []


async def test_back_to_paper_is_one_tap_while_flat() -> None:
    async with talking(live()) as talk:
        asked = await talk.say("/mode paper")
        assert "Back to 🧪 PAPER" in asked["text"]
        await talk.tap(asked, "Back to paper")
        assert talk.desk.modes.done == [("paper", "@u11 (11)"), ("over", "")]


async def test_back_to_paper_waits_for_what_is_open() -> None:
    async with talking(live()) as talk:
        asked = await talk.say("/mode paper")
        talk.desk.show(positions=(position(17),))
        assert "close them first" in (await talk.tap(asked, "Back to paper"))["text"]
        said = await talk.say("/mode paper")
        assert said["text"] == "✖ 1 open (#17 SOLUSDT): close them first. Nothing was changed."
        assert talk.desk.modes.done == []


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("/mode real", "a mode is paper or live"),
        ("/mode live now", "more than this command takes"),
        ("/mode paper", "it is paper already"),
    ],
)
async def test_what_is_not_understood(words: str, answer: str) -> None:
    async with talking() as talk:
        assert answer in (await talk.say(words))["text"]


async def test_an_owner_now_and_nobody_later() -> None:
    async with talking() as talk:
        assert "for the role owner" in (await talk.say("/mode live", TRADER))["text"]
        assert "too old to act on" in (await talk.say("/mode live", date=T_S - 120))["text"]
        assert talk.desk.modes.done == []
