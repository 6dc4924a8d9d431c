"""How many closed trades ended where, in R.

It exists because a mean hides whether few large wins pay for many small losses. Bins are those of
the statistics; it must never choose its own.
"""

from engine.chart import frame
from engine.chart.canvas import Canvas, Font, rounded
from engine.chart.frame import DOWN, EDGE, GRID, INK, MUTED, TEXT, UP
from engine.chart.pictures import WIDTH, RHistogram
from engine.chart.scales import Pane

_BOTTOM, _EDGES, _UNIT = 150.0, 112.0, 48.0
_GAP = 5.0  # pixels at each side of a bar


def draw(picture: RHistogram) -> bytes:
    """The PNG; raises ValueError when the counts do not fit the edges."""
    if len(picture.counts) != len(picture.edges) + 1 or min(picture.counts) < 0:
        raise ValueError(
            f"{picture.title}: expected {len(picture.edges) + 1} counts from 0 on, "
            f"found {picture.counts}"
        )
    canvas = frame.sheet()
    head = frame.Head(picture.title, picture.words, picture.mode, picture.at_ms)
    top = frame.draw_head(canvas, head)
    most = max(*picture.counts, 1)
    pane = Pane(EDGE, WIDTH - EDGE, _BOTTOM, top - 60, 0.0, float(most))
    _draw_bars(canvas, picture, pane)
    _draw_edges(canvas, picture, pane)
    return canvas.png()


def _draw_bars(canvas: Canvas, picture: RHistogram, pane: Pane) -> None:
    width = (pane.right - pane.left) / len(picture.counts)
    lefts = (float("-inf"), *picture.edges)
    for place, (count, left) in enumerate(zip(picture.counts, lefts, strict=True)):
        x, color = pane.left + place * width, UP if left >= 0 else DOWN
        if count:
            box = (x + _GAP, pane.bottom, x + width - _GAP, max(pane.y(count), pane.bottom + 16))
            canvas.shapes([rounded(box, 8)], color)
            font = Font(TEXT, INK, is_bold=True)
            canvas.text((x + width / 2, box[3] + 30), str(count), font, "center")
    line = ((pane.left, pane.bottom), (pane.right, pane.bottom))
    canvas.strokes([line], MUTED, width=3)


def _draw_edges(canvas: Canvas, picture: RHistogram, pane: Pane) -> None:
    width = (pane.right - pane.left) / len(picture.counts)
    for place, edge in enumerate(picture.edges, 1):
        x = pane.left + place * width
        canvas.strokes([((x, pane.bottom), (x, pane.bottom - 14))], MUTED, width=3)
        if edge == 0:
            canvas.strokes([((x, pane.bottom), (x, pane.top + 50))], GRID, width=3, dashed=True)
        canvas.text((x, _EDGES), f"{edge:+g}" if edge else "0", frame.plain(), "center")
    middle = (pane.left + pane.right) / 2
    canvas.text(
        (middle, _UNIT),
        "result in R, each bar up to and with its right edge",
        frame.plain(),
        "center",
    )
