"""engine.chart: what stands where in the picture of a market."""

import io
import subprocess
import sys

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageColor

from engine.chart import HEIGHT, WIDTH, CandleChart, Line, Mark, candle_chart, render
from engine.chart.frame import DOWN, EDGE, GROUND
from engine.core.values import OrderSide, Side

START_MS = 1_760_000_100_000  # 2025-10-09 08:55 UTC


def candles(bars: int, price: float, frame_s: int = 300) -> CandleChart:
    """A slow wave around `price`, two per cent high."""
    steps = np.arange(bars)
    close = price * (1 + 0.01 * np.sin(steps / 7))
    opened = np.concatenate([[price], close[:-1]])
    high, low = np.maximum(opened, close) * 1.001, np.minimum(opened, close) * 0.999
    ohlcv = np.stack([opened, high, low, close, 100.0 + steps % 11], axis=1)
    return CandleChart(
        symbol="SOLUSDT",
        frame_s=frame_s,
        open_ms=(START_MS + steps * frame_s * 1000).astype(np.int64),
        ohlcv=ohlcv,
    )


def pixels(png: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def rows_of(png: bytes, color: str, columns: slice = slice(30, 400)) -> list[int]:
    """Heights from the bottom where most of the columns have that color."""
    same = (pixels(png)[:, columns] == ImageColor.getrgb(color)).all(axis=2)
    return [HEIGHT - 1 - int(row) for row in np.flatnonzero(same.mean(axis=1) > 0.5)]


def test_a_png_of_the_promised_size_twice_the_same() -> None:
    picture = candles(120, 182.0)

    png = render(picture)

    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert pixels(png).shape == (HEIGHT, WIDTH, 3)
    assert render(picture) == png


@pytest.mark.parametrize("price", [0.00001234, 0.5, 182.0, 65_000.0])
@pytest.mark.parametrize("bars", [1, 2, 60, 300])
def test_lines_of_a_trade_are_inside_at_every_scale(price: float, bars: int) -> None:
    lines = (
        Line(price, "entry", "entry"),
        Line(price * 0.9, "stop", "stop"),
        Line(price * 1.2, "target 1.5R", "target"),
    )
    picture = msgspec.structs.replace(candles(bars, price), lines=lines)

    png = render(picture)

    entry, stop, target = (rows_of(png, candle_chart.COLORS[line.kind]) for line in lines)
    assert candle_chart.PRICE_BOTTOM < stop[0] < entry[0] < target[0] < HEIGHT - 150
    # a price axis is linear: the entry lies a third of the way up
    assert entry[0] == pytest.approx(stop[0] + (target[0] - stop[0]) / 3, abs=2)


def test_far_levels_are_left_out_and_near_ones_are_dashed() -> None:
    color = candle_chart.COLORS["level"]
    far = Line(182 * 1.5, "far", "level")
    near = Line(182 * 1.012, "near", "level")

    only_far = render(msgspec.structs.replace(candles(60, 182.0), lines=(far,)))
    both = render(msgspec.structs.replace(candles(60, 182.0), lines=(far, near)))

    assert only_far == render(candles(60, 182.0))
    row = HEIGHT - 1 - rows_of(both, color)[0]
    dashes = (pixels(both)[row, 30:400] == ImageColor.getrgb(color)).all(axis=1)
    assert 0.5 < dashes.mean() < 0.9


def test_only_the_nearest_levels_are_drawn() -> None:
    near = [Line(182 * (1 + n / 2000), f"{n}", "level") for n in range(candle_chart.LEVELS_MAX)]
    more = Line(182 * 1.011, "one too many", "level")
    picture = candles(60, 182.0)
    picture.ohlcv[-1, 3] = 182.0

    some = render(msgspec.structs.replace(picture, lines=tuple(near)))
    all_of_them = render(msgspec.structs.replace(picture, lines=(more, *near)))

    assert all_of_them == some


def test_fills_point_at_their_price() -> None:
    picture = candles(60, 182.0)
    at_ms = START_MS + 30 * 300_000 + 1234
    buy, sell = (Mark(at_ms, 182.0, side) for side in (OrderSide.BUY, OrderSide.SELL))
    plain = pixels(render(picture))

    def changed(mark: Mark) -> NDArray[np.intp]:
        drawn = pixels(render(msgspec.structs.replace(picture, marks=(mark,))))
        return np.flatnonzero((drawn != plain).any(axis=(1, 2)))

    bought, sold = changed(buy), changed(sell)
    assert bought[0] == pytest.approx(sold[-1], abs=4)  # both tips touch the price
    assert 30 <= bought[-1] - bought[0] <= 44  # the buy lies below it
    assert 30 <= sold[-1] - sold[0] <= 44  # the sell above


@pytest.mark.parametrize("at_ms", [START_MS - 1, START_MS + 60 * 300_000])
def test_fills_outside_of_the_time_are_left_out(at_ms: int) -> None:
    picture = candles(60, 182.0)
    marks = (Mark(at_ms, 500.0, OrderSide.BUY),)

    assert render(msgspec.structs.replace(picture, marks=marks)) == render(picture)


def test_hostile_words_are_drawn_without_a_warning() -> None:
    words = "$x$ \\frac{ \u202e字😀\n<b>&" * 20
    lines = (Line(182.0, words, "entry"),)

    png = render(
        msgspec.structs.replace(
            candles(60, 182.0), symbol=words, mode=words, words=words, lines=lines
        )
    )

    shown = pixels(png)
    ground = ImageColor.getrgb(GROUND)
    for rim in (shown[:, :4], shown[:, -4:], shown[:4], shown[-4:]):
        assert (rim == ground).all(), "nothing is clipped at the rim"


def test_flat_prices_and_no_volume_make_a_picture() -> None:
    picture = candles(20, 5.0)
    picture.ohlcv[:, :4] = 5.0
    picture.ohlcv[:, 4] = 0.0
    empty = msgspec.structs.replace(picture, ohlcv=np.zeros((20, 5)))

    assert pixels(render(picture)).shape == pixels(render(empty)).shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"open_ms": np.array([], dtype=np.int64), "ohlcv": np.empty((0, 5))},
            r"expected candles of shape \(bars, 5\) for at least one bar, found \(0, 5\) for 0",
        ),
        (
            {"ohlcv": np.ones((60, 4))},
            r"expected candles of shape \(bars, 5\) for at least one bar, found \(60, 4\) for 60",
        ),
        ({"ohlcv": np.full((60, 5), np.nan)}, "expected finite prices, found nan or inf"),
        ({"lines": (Line(np.inf, "x", "stop"),)}, "expected finite prices, found nan or inf"),
    ],
)
def test_nothing_to_draw(change: dict[str, object], message: str) -> None:
    picture = msgspec.structs.replace(candles(60, 1.0), **change)

    with pytest.raises(ValueError, match=f"^SOLUSDT: {message}$"):
        render(picture)


def test_the_newest_fill_of_an_open_trade_lies_beside_the_candles() -> None:
    picture = msgspec.structs.replace(candles(60, 182.0), opened_ms=START_MS + 60 * 300_000)
    mark = Mark(START_MS + 60 * 300_000 + 9, 182.0, OrderSide.BUY)
    later = msgspec.structs.replace(mark, at_ms=START_MS + 90 * 300_000)

    assert render(msgspec.structs.replace(picture, marks=(mark,))) != render(picture)
    assert render(msgspec.structs.replace(picture, marks=(later,))) == render(picture)


def test_a_trade_that_ended_just_now_shows_its_end() -> None:
    now_ms = START_MS + 60 * 300_000
    picture = msgspec.structs.replace(
        candles(60, 182.0), opened_ms=now_ms + 1, closed_ms=now_ms + 60_000
    )
    mark = Mark(now_ms + 60_000, 182.0, OrderSide.SELL)

    assert render(msgspec.structs.replace(picture, marks=(mark,))) != render(picture)


def test_touches_are_ringed_where_candles_are_shown() -> None:
    touch = (START_MS + 30 * 300_000, 183.0)
    old = (START_MS - 1, 183.0)

    def ringed(*touches: tuple[int, float]) -> NDArray[np.uint8]:
        lines = (Line(183.5, "4 hits", "level", touches),)
        return pixels(render(msgspec.structs.replace(candles(60, 182.0), lines=lines)))

    changed = (ringed(touch, old) != ringed()).any(axis=2)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    assert 20 <= rows[-1] - rows[0] <= 30
    assert 20 <= columns[-1] - columns[0] <= 30
    assert (ringed(old) == ringed()).all()


def geometry(**changes: object) -> NDArray[np.uint8]:
    """Entry, stop and target of a long, drawn over flat candles."""
    lines = (
        Line(100.0, "entry", "entry"),
        Line(95.0, "stop", "stop"),
        Line(105.0, "TP1", "target"),
        Line(110.0, "TP2", "target"),
    )
    picture = candles(60, 100.0)
    picture.ohlcv[:, :4] = 100.0
    return pixels(render(msgspec.structs.replace(picture, lines=lines, **changes)))


def test_risk_and_reward_are_shaded_while_the_trade_lives() -> None:
    ground = geometry()
    opened_ms, closed_ms = START_MS + 20 * 300_000, START_MS + 40 * 300_000
    lived = (geometry(opened_ms=opened_ms, closed_ms=closed_ms) != ground).any(axis=2)
    columns = np.flatnonzero(lived.mean(axis=0) > 0.3)
    share = (columns[0] - EDGE) / (columns[-1] - EDGE)
    assert share == pytest.approx(20.5 / 40.5, abs=0.02)

    shaded = geometry(opened_ms=opened_ms, closed_ms=closed_ms)[:, int(columns.mean())]
    rows = np.flatnonzero(lived[:, int(columns.mean())])
    above, below = shaded[rows[len(rows) // 4]], shaded[rows[-20]]
    assert above[1] > above[0], "what is aimed at is green"
    assert below[0] > below[1], "what is risked is red"


@pytest.mark.parametrize("opened", [-20, 30])
def test_a_life_before_the_picture_or_of_a_moment_shades_nothing(opened: int) -> None:
    begun = START_MS + opened * 300_000
    assert (geometry(opened_ms=begun, closed_ms=begun + 1) == geometry()).all()


def test_a_trade_without_prices_shades_nothing() -> None:
    picture = msgspec.structs.replace(candles(60, 182.0), opened_ms=START_MS)
    closed = msgspec.structs.replace(picture, closed_ms=START_MS + 30 * 300_000)
    assert render(closed) == render(candles(60, 182.0))


def test_the_head_says_whose_money_and_which_side() -> None:
    picture = candles(60, 182.0)
    heads = {
        render(msgspec.structs.replace(picture, mode=mode, side=side))
        for mode in ("", "paper", "live", "strange")
        for side in (None, Side.LONG, Side.SHORT)
    }
    assert len(heads) == 12
    live = pixels(render(msgspec.structs.replace(picture, mode="live")))
    badge = (live[:120, 900:] == ImageColor.getrgb(DOWN)).all(axis=2)
    assert badge.sum() > 2000, "live is red"


def test_the_moment_it_was_known_is_written() -> None:
    picture = candles(60, 182.0)
    ends_ms = START_MS + 60 * 300_000
    assert render(msgspec.structs.replace(picture, at_ms=ends_ms)) == render(picture)
    assert render(msgspec.structs.replace(picture, at_ms=ends_ms - 60_000)) != render(picture)


@pytest.mark.parametrize(
    ("price", "decimals", "finest"), [(98_765.4, 0, 1), (182.25, 2, 2), (0.0000123456, 9, 9)]
)
def test_tags_tell_prices_in_full_where_they_fit(price: float, decimals: int, finest: int) -> None:
    assert candle_chart.finest_of(np.array([[price]]), decimals) == finest


@pytest.mark.e2e
def test_importing_the_chart_does_not_import_matplotlib() -> None:
    code = "import sys, engine.chart; sys.exit('matplotlib' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603 -- our own text
