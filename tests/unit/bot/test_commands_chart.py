"""The /chart command: markets and trades, timeframes that turn the picture in place."""

from typing import Any

import msgspec
import pytest
from desks import FRAME_MS, FakeDesk, candles, position, taken, trade
from talk import Talk, talking
from telegram_wire import buttons, tap

from builders import T0, D, fill
from engine.chart import CandleChart, EquityChart, RHistogram
from engine.core import facts as f
from engine.core.values import Purpose, Side


def desk(bars: int = 300, **changes: object) -> FakeDesk:
    made = FakeDesk()
    made.history = candles(bars=bars)
    made.show(**changes)
    return made


def last(talk: Talk) -> CandleChart:
    picture = talk.desk.pictures[-1]
    assert isinstance(picture, CandleChart)
    return picture


async def turn(talk: Talk, said: dict[str, Any], label: str) -> list[dict[str, Any]]:
    """Tap a button under a photo; the pictures that were put in its place."""
    data = next(b["callback_data"] for b in buttons(said) if label in b["text"])
    raw = tap(data, said["id"])
    raw["callback_query"]["message"]["photo"] = [
        {"file_id": "a", "file_unique_id": "a", "width": 1, "height": 1}
    ]
    await talk.hear(raw)
    return talk.wire.named("editMessageMedia")


async def test_a_market_in_its_own_timeframe() -> None:
    async with talking(desk()) as talk:
        said = await talk.say("/chart sol")
        assert said["photo"] == "attached"
        assert [b["callback_data"] for b in buttons(said)] == [
            "e|chart SOLUSDT 5m",
            "e|chart SOLUSDT 15m",
            "e|chart SOLUSDT 1h",
            "e|chart SOLUSDT 4h",
            "r|levels SOLUSDT",
            "r|why SOLUSDT",
        ]
        assert buttons(said)[0]["text"] == "• 5m •"
        assert last(talk).frame_s == 300


async def test_timeframes_turn_the_same_photo() -> None:
    async with talking(desk()) as talk:
        said = await talk.say("/chart sol/usdt 15m")
        assert last(talk).frame_s == 900
        edits = await turn(talk, said, "1h")
        assert [edit["message_id"] for edit in edits] == [str(said["id"])]
        assert last(talk).frame_s == 3600
        assert len(talk.wire.sent) == 1
        assert "• 1h •" in str(edits[0])


@pytest.mark.parametrize(
    ("base_s", "word", "said"),
    [
        (300, "3m", "a timeframe is one of 5m, 15m, 1h, 4h"),
        (180, "5m", "a timeframe is one of 3m, 15m, 1h, 4h"),
        (900, "5m", "a timeframe is one of 15m, 1h, 4h"),
        (60, "2h", "a timeframe is one of 1m, 3m, 5m, 15m, 1h, 4h"),
    ],
)
async def test_only_multiples_of_the_base_frame(base_s: int, word: str, said: str) -> None:
    async with talking(desk(frame_s=base_s)) as talk:
        assert said in (await talk.say(f"/chart sol {word}"))["text"]
        assert "that is more" in (await talk.say("/chart sol 1h now"))["text"]


async def test_a_held_market_shows_its_trade() -> None:
    async with talking(desk(positions=(position(),))) as talk:
        talk.desk.tell(taken())
        talk.desk.tell(f.OrderFilled(17, fill(exchange_ms=T0 - FRAME_MS, price=D("182.44"))))
        for words in ("/chart sol", "/chart #17"):
            said = await talk.say(words)
            assert [line.kind for line in last(talk).lines] == [
                *("level", "entry", "stop", "target"),
            ]
            assert last(talk).side is Side.LONG
            assert [m.price for m in last(talk).marks] == [182.44]
            assert buttons(said)[1]["callback_data"] == "e|chart SOLUSDT 15m"
            assert buttons(said)[-1]["callback_data"] == "r|why #17"


async def closed(talk: Talk, exit_ms: int) -> None:
    talk.desk.tell(taken())
    talk.desk.tell(f.OrderFilled(17, fill(exchange_ms=exit_ms - 10 * FRAME_MS)))
    talk.desk.tell(f.OrderFilled(17, fill(Purpose.EXIT, exchange_ms=exit_ms)))
    done = f.PositionClosed(
        position_id=17, symbol="SOLUSDT", side=Side.LONG, rule="INITIAL", gross=D(1), fees=D(1),
        net=D(0), result_r=-0.5, mfe_r=0.0, mae_r=0.0, opened_ms=exit_ms - 10 * FRAME_MS,
    )  # fmt: skip
    talk.desk.tell(done)


async def test_a_closed_trade_ends_its_picture() -> None:
    async with talking(desk()) as talk:
        await closed(talk, T0 - 100 * FRAME_MS)
        said = await talk.say("/chart #17")
        assert int(last(talk).open_ms[-1]) == T0 - 76 * FRAME_MS
        assert last(talk).words == "breakout #17 · closed -0.50R"
        assert buttons(said)[1]["callback_data"] == "e|chart #17 15m"
        assert len(await turn(talk, said, "15m")) == 1


async def test_what_candles_no_longer_tell() -> None:
    async with talking(desk(30)) as talk:
        assert "No trade of that number" in (await talk.say("/chart #17"))["text"]
        await closed(talk, T0 - 100 * FRAME_MS)
        assert "not kept any more" in (await talk.say("/chart #17"))["text"]
        talk.desk.history = candles(T0 + FRAME_MS, bars=1)
        assert "No candle of that" in (await talk.say("/chart sol 4h"))["text"]
        for nothing in (None, candles(bars=0)):
            talk.desk.history = nothing
            assert "No candles" in (await talk.say("/chart sol"))["text"]


async def test_too_few_candles_are_said() -> None:
    async with talking(desk(300)) as talk:
        said = await talk.say("/chart sol 4h")
        assert "<i>Only 6 candles: 300 of 5m are kept.</i>" in said["caption"]


async def test_a_market_with_a_strange_name_offers_no_broken_button() -> None:
    strange = msgspec.structs.replace(candles(), symbol="<b>Ж")
    made = desk(universe=("SOLUSDT",))
    made.history = strange
    async with talking(made) as talk:
        said = await talk.say("/chart sol")
        assert "&lt;b&gt;" in said["caption"]
        assert buttons(said) == []


async def test_what_was_won_and_lost_is_drawn() -> None:
    async with talking(desk()) as talk:
        for word in ("equity", "R"):
            assert "No trade closed yet" in (await talk.say(f"/chart {word}"))["text"]
        talk.desk.show(trades=(trade(1, "30", T0), trade(2, "-15", T0 + 1)))
        for word, kind in (("Equity", EquityChart), ("r", RHistogram)):
            assert (await talk.say(f"/chart {word}"))["photo"] == "attached"
            assert isinstance(talk.desk.pictures[-1], kind)
        assert "No market of ours" in (await talk.say("/chart equity 1h"))["text"]
