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
from engine.chart.frame import GROUND
from engine.core.values import OrderSide

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


@pytest.mark.e2e
def test_importing_the_chart_does_not_import_matplotlib() -> None:
    code = "import sys, engine.chart; sys.exit('matplotlib' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603 -- our own text
