"""Scan, signals and levels: what the words ask for, and choosing the markets anew."""

import msgspec
import pytest
from desks import FakeDesk, body_of, level, skipped, taken, verdict
from talk import talking
from telegram_wire import OWNER, TRADER, VIEWER, buttons, message, tap

from engine.core import events as e
from engine.core.values import Verdict


async def test_scan_completes_the_rows_it_shows() -> None:
    class Looking(FakeDesk):
        asked: list[str] = []  # noqa: RUF012 -- of this test alone

        def verdict(self, symbol: str) -> Verdict | None:  # type: ignore[explicit-override] # typing: 3.12
            self.asked.append(symbol)
            return verdict(symbol, level=level(), distance_pct=0.5) if symbol == "B" else None

    desk = Looking()
    bare = {s: verdict(s, level=None, distance_pct=None) for s in "ABC"}
    bare["C"] = msgspec.structs.replace(bare["C"], rank=1)
    desk.show(verdicts=bare)
    async with talking(desk) as talk:
        said = await talk.say("/scan 2")
        assert desk.asked == ["C", "A"]
        await talk.say("/scan 3")
        assert "not watched:" in said["text"]
        assert body_of(said)[1] == " 1 C         1.23 -     - vol. bar"
        assert body_of(await talk.say("/scan"))[4] == " 3 B         1.23 L  0.50 vol. bar"


async def test_scan_now_has_the_markets_chosen_anew() -> None:
    async with talking() as talk:
        raw = message("/scan NOW", TRADER)
        [said] = await talk.hear(raw)
        assert said["text"] == "🔎 rescan is done."
        key = f"tg:{raw['update_id']}"
        assert talk.desk.commands == [e.Rescan(command_id=key, by="@u22 (22)")]
        talk.desk.refusal = "no"
        assert "Not done: no" in (await talk.say("/scan now"))["text"]


async def test_scan_now_is_for_traders_and_a_button_only_asks() -> None:
    async with talking() as talk:
        refused = "<code>/scan now</code> is for the role trader."
        assert (await talk.say("/scan now", VIEWER))["text"] == refused
        [tapped] = await talk.hear(tap("r|scan now", 5, VIEWER))
        assert tapped["text"] == refused
        [asked] = await talk.hear(tap("r|scan now", 5, OWNER))
        assert "Choose the markets anew?" in asked["text"]
        assert talk.desk.commands == []
        assert "rescan is done" in (await talk.tap(asked, "Scan now"))["text"]
        assert [type(c) for c in talk.desk.commands] == [e.Rescan]


def remembering(count: int = 3) -> FakeDesk:
    """A journal with some skipped signals, then a trade."""
    desk = FakeDesk()
    for number in range(count):
        desk.tell(skipped("slots", symbol=f"C{number}USDT"))
    desk.tell(taken())
    return desk


async def test_signals_are_remembered_over_a_restart_and_told_live() -> None:
    desk = remembering()
    async with talking(desk) as talk:
        assert "taken #17" in (await talk.say("/signals"))["text"]
        desk.tell(skipped("cost", "cost", symbol="NEWUSDT"))
        said = (await talk.say("/signals 1"))["text"]
        assert "NEW LONG" in said
        assert "skipped: costs too high" in said


async def test_signals_of_a_market_and_older_ones() -> None:
    async with talking(remembering()) as talk:
        page = await talk.say("/signals 2")
        assert "C2 LONG" in page["text"]
        older = await talk.tap(page, "Older")
        assert older["id"] == page["id"]
        assert "C1 LONG" in older["text"]
        assert "C2 LONG" not in older["text"]
        one = await talk.say("/signals c1")
        assert "Signals</b> of C1USDT" in one["text"]
        assert "C0 LONG" not in one["text"]
        assert "C0 LONG" in (await talk.say("/signals s2"))["text"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("/signals nonsense", "No market of ours"),
        ("/signals c", "Which one?"),
        ("/signals 0", "a count is a whole number from 1 to 20"),
        ("/signals sol c1", "only a signal like s1234 is understood"),
        ("/signals sol 1 s3", "more than this command takes"),
        ("/signals arb", "No signal yet"),
        ("/why s4", "taken #17"),
        ("/why S1", "✖ skipped: all slots were taken"),
        ("/why s77", "No signal of that number is remembered."),
        ("/why #17", "taken #17"),
        ("/levels", "Which market?"),
        ("/levels sol", "📊 <b>SOLUSDT</b> levels · 5m"),
        ("/levels nonsense", "No market of ours"),
        ("/levels a b", "more than this command takes"),
    ],
)
async def test_what_the_words_ask_for(words: str, expected: str) -> None:
    async with talking(remembering()) as talk:
        assert expected in (await talk.say(words, VIEWER))["text"]


async def test_a_market_may_be_called_like_a_signal() -> None:
    desk = remembering()
    desk.show(verdicts={"S77USDT": verdict("S77USDT")})
    async with talking(desk) as talk:
        assert "<b>S77USDT</b>" in (await talk.say("/why s77"))["text"]


async def test_every_button_of_the_lists_leads_somewhere() -> None:
    desk = remembering()
    async with talking(desk) as talk:
        for words in ("/signals", "/scan", "/levels sol", "/why", "/why sol", "/why s1"):
            for button in buttons(await talk.say(words)):
                assert len(await talk.hear(tap(button["callback_data"], 5))) == 1


async def test_levels_without_candles() -> None:
    desk = FakeDesk()
    desk.history = None
    async with talking(desk) as talk:
        assert "No candles" in (await talk.say("/levels sol"))["text"]
