"""engine.chart: the equity curve with its drawdown, the histogram of results, and the PNG."""

import io

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageColor

from engine.chart import HEIGHT, WIDTH, EquityChart, Picture, RHistogram, render
from engine.chart.equity_chart import amount
from engine.chart.frame import DOWN, EDGE, GROUND, UP
from engine.chart.png import png

START_MS, HOUR_MS = 1_760_000_100_000, 3_600_000
EDGES = (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0)


def curve(*equity: float) -> EquityChart:
    at_ms = START_MS + np.arange(len(equity), dtype=np.int64) * HOUR_MS
    return EquityChart("Net today", at_ms, np.array(equity), "paper", "3 trades closed · +1.00R")


def histogram(*counts: int) -> RHistogram:
    return RHistogram("Results", EDGES, counts, START_MS, "paper", "mean +0.10R · 50% won")


def pixels(picture: Picture) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(render(picture))).convert("RGB"))


def is_color(shown: NDArray[np.uint8], color: str) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = (shown == ImageColor.getrgb(color)).all(axis=2)
    return same


def test_pixels_come_back_from_the_png() -> None:
    colors = np.random.default_rng(1).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    assert (np.asarray(Image.open(io.BytesIO(png(colors)))) == colors).all()


@pytest.mark.parametrize(
    "picture",
    [
        curve(0, 30, 15, -15, 105),
        curve(0, 0),
        curve(0, -0.004),
        curve(0, 1e7, -2e7, 3e12),
        curve(10_000, 10_050, 9_900),
        histogram(2, 31, 9, 4, 7, 8, 14, 9, 3),
        histogram(*(0,) * 9),
    ],
)
def test_nothing_is_clipped_at_the_rim(picture: Picture) -> None:
    shown = pixels(picture)
    assert shown.shape == (HEIGHT, WIDTH, 3)
    for rim in (shown[:, :4], shown[:, -4:], shown[:4], shown[-4:]):
        assert is_color(rim, GROUND).all()
    assert render(picture) == render(picture)


def test_a_gain_is_green_and_its_fall_is_red_below() -> None:
    won, lost = pixels(curve(0, 30, 15, -15, 105)), pixels(curve(0, 30, 15, -15, -5))
    assert is_color(won[150:740], UP).sum() > 2000
    assert is_color(lost[150:740], UP).sum() < 100
    for shown in (won, lost):
        below = is_color(shown[750:990, EDGE:800], DOWN)
        assert below.sum() > 1000


def test_the_deepest_fall_is_where_it_was() -> None:
    shown = is_color(pixels(curve(0, 100, 40, 100, 100))[790:990, EDGE:760], DOWN)
    columns = np.flatnonzero(shown[20:].any(axis=0))
    assert columns[0] / 760 == pytest.approx(0.5, abs=0.1)


def test_without_a_fall_nothing_below_is_red() -> None:
    assert is_color(pixels(curve(0, 10, 20))[750:], DOWN).sum() == 0


@pytest.mark.parametrize(
    ("value", "decimals", "words"),
    [
        (0.0, 2, "0"),
        (-0.001, 2, "0"),
        (12.345, 2, "+12.35"),
        (-1234.5, 2, "-1,234.50"),
        (43_210.98, 2, "+43,211"),
        (-2_345_678.0, 2, "-2,346k"),
        (-0.0041, 4, "-0.0041"),
    ],
)
def test_amounts_are_short(value: float, decimals: int, words: str) -> None:
    assert amount(value, decimals) == words


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (curve(0), "expected at least two points of time and equity, found (1,) for 1"),
        (
            msgspec.structs.replace(curve(0, 1), equity=np.zeros(3)),
            "expected at least two points of time and equity, found (3,) for 2",
        ),
        (curve(0, float("nan")), "expected finite amounts, found nan or inf"),
        (histogram(1, 2), "expected 9 counts from 0 on, found (1, 2)"),
        (
            histogram(*(0,) * 8, -1),
            "expected 9 counts from 0 on, found (0, 0, 0, 0, 0, 0, 0, 0, -1)",
        ),
    ],
)
def test_nothing_to_draw(picture: Picture, message: str) -> None:
    with pytest.raises(ValueError, match=r"^(Net today|Results): ") as caught:
        render(picture)
    assert str(caught.value).endswith(message)


def test_bars_are_as_high_as_their_counts() -> None:
    shown = pixels(histogram(0, 10, 5, 0, 0, 0, 20, 0, 0))
    width = (WIDTH - 2 * EDGE) / 9
    heights = [
        int(is_color(shown[:, int(EDGE + (place + 0.5) * width)][:, None], color).sum())
        for place, color in ((1, DOWN), (2, DOWN), (6, UP), (4, UP))
    ]
    assert heights[0] == pytest.approx(heights[2] / 2, abs=3)
    assert heights[1] == pytest.approx(heights[2] / 4, abs=3)
    assert heights[3] == 0
