"""The equity curve of closed trades, and below it how far it fell from its highest point.

It exists so that a good sum cannot hide a deep fall. It must never smooth: between two closes
nothing is known, so the line steps.
"""

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.chart import frame
from engine.chart.canvas import Canvas
from engine.chart.frame import DOWN, EDGE, GRID, MUTED, TAG, UP
from engine.chart.pictures import WIDTH, EquityChart
from engine.chart.scales import Pane, decimals_of, padded, ticks, time_label, time_ticks

_FALL_BOTTOM, _FALL_TOP, _CURVE_BOTTOM, _CLOCK = 96.0, 290.0, 340.0, 50.0
_WHOLE, _IN_THOUSANDS = 1e4, 1e6


def draw(picture: EquityChart) -> bytes:
    """The PNG; raises ValueError when there is nothing finite to draw."""
    _check(picture)
    canvas = frame.sheet()
    head = frame.Head(picture.title, picture.words, picture.mode, int(picture.at_ms[-1]))
    top = frame.draw_head(canvas, head)
    curve = Pane(EDGE, WIDTH, _CURVE_BOTTOM, top, *padded(picture.equity.tolist(), 0.06))
    right = _edge(canvas, picture, curve) - 14
    curve = msgspec.structs.replace(curve, right=right)
    fall = Pane(EDGE, right, _FALL_BOTTOM, _FALL_TOP, *_depth(picture))
    _draw_times(canvas, picture, curve)
    _draw_curve(canvas, picture, curve)
    _draw_fall(canvas, picture, fall)
    return canvas.png()


def _check(picture: EquityChart) -> None:
    points = len(picture.at_ms)
    if points < 2 or picture.equity.shape != (points,):  # noqa: PLR2004 -- a beginning and a close
        raise ValueError(
            f"{picture.title}: expected at least two points of time and equity, "
            f"found {picture.equity.shape} for {points}"
        )
    if not np.isfinite(picture.equity).all():
        raise ValueError(f"{picture.title}: expected finite amounts, found nan or inf")


def _depth(picture: EquityChart) -> tuple[float, float]:
    deepest = picture.fall or abs(float(picture.equity[-1])) or 1.0
    return -deepest * 1.15, 0.0


def amount(value: float, decimals: int) -> str:
    """Money beside an axis; large amounts in thousands or without decimals."""
    if abs(value) >= _IN_THOUSANDS:
        return f"{value / 1e3:+,.0f}k"
    rounded = round(value, 0 if abs(value) >= _WHOLE else decimals)
    return f"{rounded:+,.{0 if abs(value) >= _WHOLE else decimals}f}" if rounded else "0"


def _cents(picture: EquityChart) -> int:
    """Two decimals, or more where all of it is about less than a unit."""
    span = float(np.ptp(picture.equity))
    return 2 if span >= 1 or span == 0 else min(2 - math.floor(math.log10(span)), 12)


def _edge(canvas: Canvas, picture: EquityChart, pane: Pane) -> float:
    """Where the amounts begin."""
    said = [amount(v, _cents(picture)) for v in (float(picture.equity[-1]), -picture.fall)]
    said += [words for _, words in _ticks(picture, pane)]
    return WIDTH - 28 - max(canvas.width(words, frame.plain()) for words in said)


def _ticks(picture: EquityChart, pane: Pane) -> list[tuple[float, str]]:
    values = ticks(pane, 110, _cents(picture))
    digits = decimals_of(np.array(values), pane.pixel)
    return [(value, amount(value, digits)) for value in values]


def _draw_times(canvas: Canvas, picture: EquityChart, pane: Pane) -> None:
    first, span = int(picture.at_ms[0]), _span(picture)
    for at_ms in time_ticks(first, span, (pane.right - pane.left) / 180):
        x = _x(pane, picture, np.array([at_ms]))[0]
        canvas.strokes([((x, _FALL_BOTTOM), (x, pane.top))], GRID, width=2)
        canvas.text((max(x, EDGE + 55), _CLOCK), time_label(at_ms), frame.plain(), "center")


def _span(picture: EquityChart) -> int:
    return max(int(picture.at_ms[-1] - picture.at_ms[0]), 1)


def _x(pane: Pane, picture: EquityChart, at_ms: NDArray[np.int64]) -> NDArray[np.float64]:
    share = (at_ms - picture.at_ms[0]) / _span(picture)
    xs: NDArray[np.float64] = pane.left + share * (pane.right - pane.left)
    return xs


def _steps(pane: Pane, picture: EquityChart, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """A line that holds each value until the next is known, `(points, 2)`."""
    x = np.repeat(_x(pane, picture, picture.at_ms), 2)[1:]
    return np.stack([x, np.repeat(pane.ys(values), 2)[:-1]], axis=1)


def _draw_curve(canvas: Canvas, picture: EquityChart, pane: Pane) -> None:
    last, start = float(picture.equity[-1]), float(picture.equity[0])
    edge, color, tag = pane.right + 14, UP if last >= start else DOWN, pane.y(last)
    for value, words in _ticks(picture, pane):
        y = pane.y(value)
        canvas.strokes([((pane.left, y), (pane.right, y))], GRID, width=2)
        if abs(y - tag) > TAG:
            canvas.text((edge + 10, y), words, frame.plain())
    line, ground = _steps(pane, picture, picture.equity), pane.y(start)
    canvas.strokes([((pane.left, ground), (pane.right, ground))], MUTED, width=2)
    for side, limit in ((UP, np.maximum), (DOWN, np.minimum)):
        part = np.stack([line[:, 0], limit(line[:, 1], ground)], axis=1)
        canvas.shapes([_closed(part, ground)], side, alpha=0.18)
    canvas.strokes([line], color, width=5)
    frame.draw_tag(canvas, (edge, tag), amount(last, _cents(picture)), color)


def _closed(line: NDArray[np.float64], ground: float) -> NDArray[np.float64]:
    """The area between a line and a height."""
    ends = np.array([[line[-1, 0], ground], [line[0, 0], ground]])
    return np.concatenate([line, ends])


def _draw_fall(canvas: Canvas, picture: EquityChart, pane: Pane) -> None:
    canvas.strokes([((pane.left, pane.top), (pane.right, pane.top))], MUTED, width=2)
    canvas.text((pane.left + 6, pane.bottom + 26), "drawdown", frame.plain())
    if not picture.fall:
        canvas.text((pane.right + 24, pane.top - 24), "0", frame.plain())
        return
    line = _steps(pane, picture, picture.drawdown)
    canvas.shapes([_closed(line, pane.top)], DOWN, alpha=0.35)
    canvas.strokes([line], DOWN, width=3)
    lowest = int(picture.drawdown.argmin())
    y = max(pane.y(-picture.fall), pane.bottom + TAG / 2)
    x = float(_x(pane, picture, picture.at_ms[lowest : lowest + 1])[0])
    canvas.strokes([((x, y), (pane.right + 14, y))], DOWN, width=2, dashed=True)
    frame.draw_tag(canvas, (pane.right + 14, y), amount(-picture.fall, _cents(picture)), DOWN)
