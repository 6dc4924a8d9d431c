"""engine.chart.canvas: literal text, measured and cut."""

import io

import pytest
from PIL import Image

from engine.chart.canvas import Canvas, Font, Rim, literal, rounded

WHITE = Font(20, "#ffffff")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("SOLUSDT", "SOLUSDT"),
        ("$x$ \\frac{1}{2} <b>", "$x$ \\frac{1}{2} <b>"),
        ("  two\n\tlines \r\n", "two lines"),
        ("over\u202eride\u200b\x00", "override"),
        ("字", "\N{WHITE SQUARE}"),
        ("", ""),
    ],
)
def test_literal(text: str, shown: str) -> None:
    assert literal(text) == shown


def test_text_is_cut_to_its_room() -> None:
    canvas = Canvas(200, 40, "#000000")

    cut = canvas.fitted("abcdefghijklmnopqrstuvwxyz", WHITE, 120)

    assert cut.startswith("abcde")
    assert cut.endswith("...")
    assert canvas.width(cut, WHITE) <= 120
    assert canvas.fitted("abc", WHITE, 120) == "abc"
    assert canvas.fitted("abcdefgh", WHITE, 1) == "..."


def test_markup_is_drawn_as_it_stands() -> None:
    pictures = []
    for text in ("$x$", "x"):
        canvas = Canvas(100, 40, "#000000")
        canvas.text((10, 20), text, WHITE)
        pictures.append(Image.open(io.BytesIO(canvas.png())).convert("L").getbbox())

    literal_box, plain_box = pictures
    assert literal_box is not None
    assert plain_box is not None
    assert literal_box[2] - literal_box[0] > 2 * (plain_box[2] - plain_box[0])


def test_later_lies_on_top() -> None:
    canvas = Canvas(20, 20, "#000000")
    square = ((5, 5), (15, 5), (15, 15), (5, 15))
    canvas.shapes([square], "#ff0000")
    canvas.strokes([((0, 10), (20, 10))], "#0000ff", width=4)
    canvas.shapes([square], "#00ff00")

    image = Image.open(io.BytesIO(canvas.png())).convert("RGB")

    assert image.size == (20, 20)
    assert image.getpixel((10, 10)) == (0, 255, 0)
    assert image.getpixel((2, 10)) == (0, 0, 255)
    assert image.getpixel((2, 2)) == (0, 0, 0)


def test_rims_and_round_corners() -> None:
    canvas = Canvas(40, 40, "#000000")
    outline = rounded((4, 4, 36, 36), 10)
    canvas.shapes([outline], "none", rim=Rim("#ff0000", 4))

    image = Image.open(io.BytesIO(canvas.png())).convert("RGB")

    assert image.getpixel((20, 4)) == (255, 0, 0)
    assert image.getpixel((20, 20)) == image.getpixel((2, 2)) == (0, 0, 0)
    assert outline.min() == pytest.approx(4)
    assert outline.max() == pytest.approx(36)


def test_bold_is_wider() -> None:
    canvas = Canvas(40, 40, "#000000")
    bold = Font(20, "#ffffff", is_bold=True)
    assert canvas.width("breakout", bold) > canvas.width("breakout", WHITE)
