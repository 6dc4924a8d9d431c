"""What is in the pictures of a market, a trade and a signal."""

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from desks import FRAME_MS, a_trade, candles, level, position

from bot.trades import Trade
from bot.views import chart as charts
from bot.views import money
from bot.views.chart import CHART_BARS, LEVELS_A_SIDE, Scene, caption, chart, signal_chart
from builders import T0, D, fill, signal
from engine.chart import CandleChart, Mark, render
from engine.core.indicators import atr
from engine.core.levels import find_levels
from engine.core.settings import Levels
from engine.core.values import Level, OrderSide, Setup, Side, Target
from engine.core.view import CandlesView, TargetView

RULES = Levels()


def scene(shown: CandlesView | None = None, frame_s: int = 300, **changes: object) -> Scene:
    made = Scene(candles() if shown is None else shown, "paper", RULES, frame_s)
    return msgspec.structs.replace(made, **changes)


def waves(bars: int = 500) -> CandlesView:
    """A market that turns at the same prices again and again, its last bar opened at T0."""
    random = np.random.default_rng(7)
    close = 100 + 2 * np.sin(np.arange(bars) / 9) + random.normal(0, 0.15, bars)
    opened = np.concatenate([[100.0], close[:-1]])
    high = np.maximum(opened, close) + random.random(bars) / 5
    low = np.minimum(opened, close) - random.random(bars) / 5
    ohlcv = np.stack([opened, high, low, close, random.random(bars)], axis=1)
    open_ms = T0 + (np.arange(bars, dtype=np.int64) - bars + 1) * FRAME_MS
    return CandlesView("SOLUSDT", 300, open_ms, ohlcv, ())


def until(shown: CandlesView, end: int) -> CandlesView:
    """The same market, earlier."""
    return msgspec.structs.replace(shown, open_ms=shown.open_ms[:end], ohlcv=shown.ohlcv[:end])


def found(shown: CandlesView, side: Side = Side.LONG) -> Level:
    """The strongest level the next bar is tested against."""
    mean = float(atr(*shown.ohlcv[:, 1:4].T)[-1])
    n = RULES.window_bars
    return find_levels(side, shown.open_ms[-n:], shown.ohlcv[-n:].T, mean, RULES)[0]


def labels(picture: CandleChart) -> list[tuple[str, str]]:
    return [(line.label, line.kind) for line in picture.lines]


def test_a_market_shows_the_nearest_levels_of_each_side() -> None:
    many = msgspec.structs.replace(candles(), levels=(level(), level(Side.SHORT)) * 9)
    picture = chart(scene(many))
    assert labels(picture) == [("4 hits", "level")] * 2 * LEVELS_A_SIDE
    assert (picture.side, picture.mode, picture.opened_ms) == (None, "paper", None)
    assert picture.words == "last 100.5 · level +1.69%"
    none = msgspec.structs.replace(candles(), levels=())
    assert chart(scene(none)).words == "last 100.5"


def test_levels_show_the_touches_that_were_counted() -> None:
    shown = waves()
    best = found(shown)
    picture = chart(scene(msgspec.structs.replace(shown, levels=(best,))))
    [line] = picture.lines
    assert len(line.touches) == best.touches > 1
    foreign = msgspec.structs.replace(best, touches=best.touches + 1)
    [other] = chart(scene(msgspec.structs.replace(shown, levels=(foreign,)))).lines
    assert other.touches == ()


def test_a_held_market_shows_its_trade_and_fewer_levels() -> None:
    held = position(targets=(
        TargetView(1.5, D(105), D(5), "filled"), TargetView(2.8, D(108), D(5), "working")
    ))  # fmt: skip
    done = a_trade()
    done.fills = [fill(exchange_ms=T0), fill(exchange_ms=1)]
    other = msgspec.structs.replace(level(), price=104.0)
    many = msgspec.structs.replace(candles(), levels=(level(), other, other, level(Side.SHORT)))
    picture = chart(scene(many, position=held, trade=done))
    assert labels(picture) == [
        ("4 hits", "level"),  # the own level is not told twice
        ("level", "level"),
        ("entry", "entry"),
        ("stop", "stop"),
        ("2.8R", "target"),
    ]
    assert picture.lines[0].price == 104.0
    assert picture.marks[0] == Mark(T0, 100.0, OrderSide.BUY)
    assert picture.words == "breakout #17 · +0.62R"
    assert (picture.side, picture.opened_ms) == (Side.LONG, T0)


def test_a_position_without_a_trade_or_prices_is_shown_as_far_as_known() -> None:
    bare = position(entry=None, stop=None, targets=(), move_r=None)
    picture = chart(scene(position=bare))
    assert labels(picture) == [("4 hits", "level")] * 2
    assert picture.words == "breakout #17 · -"
    assert picture.opened_ms == bare.opened_ms


def test_a_trade_that_never_filled_shows_its_plan() -> None:
    picture = chart(scene(trade=a_trade()))
    assert labels(picture) == [
        ("level", "level"),
        ("entry", "entry"),
        ("stop", "stop"),
        ("TP1", "target"),
    ]
    assert (picture.words, picture.opened_ms) == ("breakout #17", None)


def test_the_last_candle_may_still_grow() -> None:
    shown = waves()
    picture = chart(scene(shown, 14_400))
    newest_ms = int(picture.open_ms[-1])
    assert picture.at_ms == T0 + FRAME_MS < newest_ms + 14_400_000
    said = caption(scene(shown, 14_400), picture).html
    assert "<i>The last candle is still growing.</i>" in said
    assert f"<i>Only {len(picture.open_ms)} candles: 500 of 5m are kept.</i>" in said


def test_the_caption_of_a_whole_picture_says_no_more() -> None:
    shown = waves()
    picture = chart(scene(shown))
    said = caption(scene(shown), picture)
    assert len(picture.open_ms) == CHART_BARS
    assert said.html.startswith("📊 <b>SOLUSDT</b> 5m · 🧪 PAPER\nLast close ")
    assert "<i>" not in said.html
    rows = [[b.label for b in row] for row in said.buttons]
    assert rows == [["• 5m •", "15m", "1h", "4h"], ["📐 Levels", "❓ Why"]]


def test_a_trade_older_than_the_picture_is_said() -> None:
    shown, old = waves(), position(opened_ms=T0 - 400 * FRAME_MS)
    picture = chart(scene(shown, position=old))
    assert "began before the first candle" in caption(scene(shown, position=old), picture).html


# The signal's picture


def claimed(
    shown: CandlesView,
    at: int,
    broke_at: int,
    setup: Setup = Setup.MOMENTUM,
    break_ms: int | None = None,
) -> Trade:
    """A trade taken at a bar, on a level that another bar broke."""
    price = float(shown.ohlcv[at, 3])
    claim = signal(
        open_ms=int(shown.open_ms[at]),
        level=found(until(shown, broke_at)),
        price=price,
        setup=setup,
        break_ms=break_ms,
    )
    return a_trade(
        signal=claim,
        stop=D(str(round(price - 1, 3))),
        targets=(Target(1.5, D(str(round(price + 1.5, 3))), D(5)),),
    )


def picture_of(shown: CandlesView, trade: Trade) -> CandleChart:
    picture = signal_chart(shown, "paper", trade, RULES)
    assert picture is not None
    return picture


def test_a_signal_shows_what_decided() -> None:
    shown = waves()
    trade = claimed(shown, 450, 450)
    picture = picture_of(shown, trade)

    assert int(picture.open_ms[-1]) == trade.taken.signal.open_ms
    assert len(picture.open_ms) == CHART_BARS
    assert labels(picture) == [
        ("level", "level"),
        ("entry", "entry"),
        ("stop", "stop"),
        ("TP1", "target"),
    ]
    assert len(picture.lines[0].touches) == trade.taken.signal.level.touches > 0
    assert (picture.side, picture.mode, picture.words) == (Side.LONG, "paper", "breakout #17")
    assert picture.opened_ms == trade.taken.signal.open_ms + FRAME_MS
    assert picture.marks == ()


def test_later_candles_fills_and_levels_alter_no_byte_of_a_signal() -> None:
    shown = waves()
    trade = claimed(shown, 450, 450)
    then = render(picture_of(until(shown, 451), trade))

    later = msgspec.structs.replace(shown, levels=(level(), level(Side.SHORT)))
    later.ohlcv[451:] *= 3
    trade.fills.append(fill(exchange_ms=T0))

    assert render(picture_of(later, trade)) == then


def test_a_retest_shows_the_level_as_it_was_broken() -> None:
    shown = waves()
    back_ms = int(shown.open_ms[440])
    recorded = claimed(shown, 450, 440, Setup.RETEST, back_ms)
    assert len(picture_of(shown, recorded).lines[0].touches) > 0
    assert picture_of(shown, recorded).words == "retest #17"
    assert money.signal_taken(recorded, "paper").html.startswith(
        "🚀 <b>SOLUSDT LONG</b> retest · 🧪 <code>#17</code>"
    )
    unrecorded = claimed(shown, 450, 440, Setup.RETEST)
    assert picture_of(shown, unrecorded).lines[0].touches == ()


@pytest.mark.parametrize("frame_s", [60, 900])
def test_a_signal_of_another_frame_has_no_picture(frame_s: int) -> None:
    trade = a_trade(frame_s=frame_s)
    assert signal_chart(candles(), "paper", trade, RULES) is None
    assert signal_chart(candles(), "paper", a_trade(frame_s=300), RULES) is not None


@pytest.mark.parametrize("shown", [candles(bars=0), candles(T0 - FRAME_MS), candles(T0 + 9)])
def test_without_its_bar_a_signal_has_no_picture(shown: CandlesView) -> None:
    assert signal_chart(shown, "paper", a_trade(), RULES) is None


@pytest.mark.parametrize(
    ("base_s", "names"),
    [
        (60, ["1m", "3m", "5m", "15m", "1h", "4h"]),
        (180, ["3m", "15m", "1h", "4h"]),
        (300, ["5m", "15m", "1h", "4h"]),
        (900, ["15m", "1h", "4h"]),
    ],
)
def test_frames_are_multiples_of_the_base_frame(base_s: int, names: Sequence[str]) -> None:
    assert list(charts.frames_of(base_s)) == names
