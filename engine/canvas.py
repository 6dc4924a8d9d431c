"""A sheet of pixels to draw on: strokes, shapes, literal text, PNG.

It exists so that matplotlib is known in one place; import it only when a picture is really drawn,
for it brings 60 MB. It must never touch pyplot's global state and never read text as markup.
"""

import re
import unicodedata
from bisect import bisect
from collections.abc import Sequence
from functools import cache
from io import BytesIO
from typing import Literal

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.text import Text
from matplotlib.transforms import IdentityTransform
from numpy.typing import NDArray

Points = Sequence[tuple[float, float]]
Shapes = Sequence[Points] | NDArray[np.float64]  # the array is (shapes, corners, 2)

_DPI = 72  # so that a point of a font is a pixel


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
        self._add(LineCollection(points, colors=color, linewidths=width, linestyles=[style]))

    def shapes(self, points: Shapes, color: str, *, rim: str = "none", alpha: float = 1) -> None:
        """Filled polygons of one look."""
        corners = [np.asarray(shape) for shape in points]
        self._add(PolyCollection(corners, facecolors=color, edgecolors=rim, alpha=alpha))

    def text(
        self,
        place: tuple[float, float],
        text: str,
        size: int,
        color: str,
        align: Literal["left", "center", "right"] = "left",
    ) -> None:
        """One line of literal text, its middle at the height of `place`."""
        x, y = place
        self._add(
            Text(
                x,
                y,
                literal(text),
                color=color,
                fontsize=size,
                horizontalalignment=align,
                verticalalignment="center_baseline",
                parse_math=False,
            )
        )

    def width(self, text: str, size: int) -> float:
        """Width of a text in pixels."""
        renderer = self._agg.get_renderer()  # type: ignore[no-untyped-call]  # the same gap
        font = FontProperties(size=size)
        return float(renderer.get_text_width_height_descent(literal(text), font, ismath=False)[0])

    def fitted(self, text: str, size: int, width: float) -> str:
        """The text, cut to fit into `width` pixels."""
        text = literal(text)
        if self.width(text, size) <= width:
            return text
        lengths = range(len(text))
        cut = bisect(lengths, width, key=lambda length: self.width(f"{text[:length]}...", size))
        return f"{text[: max(cut - 1, 0)]}..."

    def png(self) -> bytes:
        """The picture; lightly compressed, because the chat compresses it again."""
        out = BytesIO()
        self._agg.print_png(  # type: ignore[no-untyped-call]  # matplotlib's own gap
            out, pil_kwargs={"compress_level": 1}
        )
        return out.getvalue()

    def _add(self, artist: Artist) -> None:
        self._layer += 1
        artist.set_zorder(self._layer)
        artist.set_transform(IdentityTransform())
        self._figure.add_artist(artist)


def literal(text: str) -> str:
    """The text on one line; what the font cannot show is a box, invisible characters are gone."""
    line = re.sub(r"\s+", " ", text).strip()
    shown = (c for c in line if unicodedata.category(c)[0] != "C")
    return "".join(c if _has_glyph(c) else "\N{WHITE SQUARE}" for c in shown)


@cache
def _has_glyph(character: str) -> bool:
    return bool(get_font(findfont(FontProperties())).get_char_index(ord(character)))
