"""What every picture has: its colors, its head of words, tags beside an axis.

It exists so that all pictures look alike and tell the same things in the same place: what it is,
whose money, as of when. It must never know what the picture is about.
"""

from typing import TYPE_CHECKING

import msgspec

from engine.chart.canvas import Canvas, Font, rounded
from engine.chart.pictures import HEIGHT, WIDTH
from engine.chart.scales import stamp

if TYPE_CHECKING:
    from engine.core.values import Ms

GROUND, GRID, INK, MUTED = "#0e1621", "#1d2a39", "#e9eff5", "#93a4b5"
UP, DOWN, LEVEL, ENTRY, LAST = "#2ec4a0", "#f0564f", "#e8b84a", "#5aa9ff", "#c9d4de"
STOP, TARGET = "#ff7b92", "#56d364"
EDGE = 24  # pixels to the rim
TEXT = 36  # font size in pixels: 12 where the picture is 360 wide
TAG = 48  # height of a tag
_BADGES = {"live": (DOWN, "#ffffff"), "paper": ("#2b4258", "#a9d3ff")}
_TITLES = (56, 48, 40, TEXT)  # the largest that fits


class Head(msgspec.Struct, frozen=True):
    """The words on top: a title with more and an accent behind it, one line below."""

    title: str
    words: str
    mode: str
    at_ms: "Ms"
    more: str = ""  # always in full, muted
    accent: tuple[str, str] | None = None  # always in full, in a color


def sheet() -> Canvas:
    """An empty picture."""
    return Canvas(WIDTH, HEIGHT, GROUND)


def plain(color: str = MUTED) -> Font:
    """The font of most words."""
    return Font(TEXT, color)


def draw_head(canvas: Canvas, head: Head) -> float:
    """Draws the words on top; returns where the rest of the picture may begin."""
    y = HEIGHT - 58.0
    left = _draw_badge(canvas, head.mode, y)
    parts = [(f" {head.more}", MUTED)] if head.more else []
    parts += [(f" {head.accent[0]}", head.accent[1])] if head.accent else []

    def rest(size: int) -> float:
        return sum(canvas.width(said, _bold(size, color)) + size / 4 for said, color in parts)

    sizes = (s for s in _TITLES if canvas.width(head.title, _bold(s)) + rest(s) <= left - EDGE)
    size = next(sizes, _TITLES[-1])
    title = canvas.fitted(head.title, _bold(size), left - EDGE - rest(size))
    x = float(EDGE)
    for said, color in [(title, INK), *parts]:
        canvas.text((x, y), said, _bold(size, color))
        x += canvas.width(said, _bold(size, color)) + size / 3
    _draw_second(canvas, head, y - 62)
    return y - 62 - 44


def _bold(size: int, color: str = INK) -> Font:
    return Font(size, color, is_bold=True)


def _draw_badge(canvas: Canvas, mode: str, y: float) -> float:
    """Whose money it is about, at the right; returns what is left of the line."""
    if not mode:
        return WIDTH - EDGE
    fill, ink = _BADGES.get(mode, (GRID, INK))
    font = Font(TEXT, ink, is_bold=True)
    said = canvas.fitted(mode.upper(), font, WIDTH / 4)
    left = WIDTH - EDGE - canvas.width(said, font) - 36
    canvas.shapes([rounded((left, y - 30, WIDTH - EDGE, y + 30), 14)], fill)
    canvas.text((left + 18, y), said, font)
    return left - 24


def _draw_second(canvas: Canvas, head: Head, y: float) -> None:
    clock = stamp(head.at_ms)
    canvas.text((WIDTH - EDGE, y), clock, plain(), "right")
    room = WIDTH - 2 * EDGE - canvas.width(clock, plain()) - 30
    canvas.text((EDGE, y), canvas.fitted(head.words, plain(INK), room), plain(INK))


def draw_tag(canvas: Canvas, place: tuple[float, float], words: str, color: str) -> None:
    """A value beside an axis: dark on color, from `place` to the right."""
    x, y = place
    font = Font(TEXT, GROUND, is_bold=False)
    half, right = TAG / 2 - 1, x + canvas.width(words, font) + 20
    canvas.shapes([rounded((x, y - half, right, y + half), 8)], color)
    canvas.text((x + 10, y), words, font)
