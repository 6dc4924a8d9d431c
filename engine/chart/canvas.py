"""A sheet of pixels to draw on: strokes, shapes, literal text, PNG.

It exists so that matplotlib is known in one place; import it only when a picture is really drawn,
for it brings 60 MB. It must never touch pyplot's global state and never read text as markup.
"""

import re
import unicodedata
from bisect import bisect
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Literal

import msgspec
import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.text import Text
from matplotlib.transforms import IdentityTransform
from numpy.typing import NDArray

from engine.chart.png import png

Points = Sequence[tuple[float, float]] | NDArray[np.float64]  # the array is (points, 2)
Shapes = Sequence[Points] | NDArray[np.float64]  # the array is (shapes, corners, 2)

_DPI = 72  # so that a point of a font is a pixel
_CORNER = np.linspace(0, np.pi / 2, 5)  # angles of a rounded corner


class Font(msgspec.Struct, frozen=True):
    """How words look; the size is in pixels."""

    size: int
    color: str
    is_bold: bool = False

    @property
    def weight(self) -> Literal["bold", "normal"]:
        """In the words of the library."""
        return "bold" if self.is_bold else "normal"


class Rim(msgspec.Struct, frozen=True):
    """The line around a shape."""

    color: str
    width: float


class Canvas:
    """Pixels with the origin at the bottom left; what is drawn later lies on top."""

    def __init__(self, width: int, height: int, ground: str) -> None:
        self._figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, facecolor=ground)
        self._agg = FigureCanvasAgg(self._figure)
        self._layer = 0

    def strokes(
        self, points: Sequence[Points], color: str, *, width: float = 1, dashed: bool = False
    ) -> None:
        """Straight strokes of one look."""
        style = (0, (7, 5)) if dashed else "solid"
        self._add(
            LineCollection(
                [np.asarray(p) for p in points], colors=color, linewidths=width, linestyles=[style]
            )
        )

    def shapes(
        self, points: Shapes, color: str, *, rim: Rim | None = None, alpha: float = 1
    ) -> None:
        """Filled polygons of one look; the color `none` leaves them open."""
        corners = [np.asarray(shape) for shape in points]
        edge, width = (rim.color, rim.width) if rim else ("none", 0)
        self._add(
            PolyCollection(
                corners, facecolors=color, edgecolors=edge, linewidths=width, alpha=alpha
            )
        )

    def text(
        self,
        place: tuple[float, float],
        words: str,
        font: Font,
        align: Literal["left", "center", "right"] = "left",
    ) -> None:
        """One line of literal text, its middle at the height of `place`."""
        x, y = place
        self._add(
            Text(
                x,
                y,
                literal(words),
                color=font.color,
                fontsize=font.size,
                fontweight=font.weight,
                horizontalalignment=align,
                verticalalignment="center_baseline",
                parse_math=False,
            )
        )

    def width(self, words: str, font: Font) -> float:
        """Width of a text in pixels."""
        return _width(literal(words), font.size, font.weight)

    def fitted(self, words: str, font: Font, width: float) -> str:
        """The text, cut to fit into `width` pixels."""
        words = literal(words)
        if self.width(words, font) <= width:
            return words
        lengths = range(len(words))
        cut = bisect(lengths, width, key=lambda length: self.width(f"{words[:length]}...", font))
        return f"{words[: max(cut - 1, 0)]}..."

    def png(self) -> bytes:
        """The picture."""
        self._agg.draw()  # type: ignore[no-untyped-call]  # matplotlib's own gap
        colors = self._agg.buffer_rgba()  # type: ignore[no-untyped-call]  # the same gap
        return png(np.asarray(colors)[:, :, :3])

    def _add(self, artist: Artist) -> None:
        self._layer += 1
        artist.set_zorder(self._layer)
        artist.set_transform(IdentityTransform())
        self._figure.add_artist(artist)


def rounded(box: tuple[float, float, float, float], radius: float) -> NDArray[np.float64]:
    """The outline of a box `(left, bottom, right, top)` with round corners, `(corners, 2)`."""
    left, bottom, right, top = box
    x = np.array([right - radius, left + radius, left + radius, right - radius])
    y = np.array([top - radius, top - radius, bottom + radius, bottom + radius])
    turn = _CORNER + np.pi / 2 * np.arange(4)[:, None]
    around = np.stack([x[:, None] + radius * np.cos(turn), y[:, None] + radius * np.sin(turn)], -1)
    outline: NDArray[np.float64] = around.reshape(-1, 2)
    return outline


def literal(text: str) -> str:
    """The text on one line; what the font cannot show is a box, invisible characters are gone."""
    line = re.sub(r"\s+", " ", text).strip()
    shown = (c for c in line if unicodedata.category(c)[0] != "C")
    return "".join(c if _has_glyph(c) else "\N{WHITE SQUARE}" for c in shown)


@cache
def _has_glyph(character: str) -> bool:
    return bool(get_font(findfont(FontProperties())).get_char_index(ord(character)))


@lru_cache(maxsize=2000)  # words of pictures come again and again, and measuring is dear
def _width(words: str, size: int, weight: Literal["bold", "normal"]) -> float:
    font = get_font(findfont(FontProperties(weight=weight)))
    font.set_size(size, _DPI)
    font.set_text(words, 0.0)
    return float(font.get_width_height()[0] / 64)  # in the units of the font's outlines
