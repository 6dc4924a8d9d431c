"""A market for a phone: candles, volume, levels with their touches, the trade's lines and fills.

It exists because a picture answers "why here?" faster than a table. It must never let a level far
away flatten the candles, and never draw a price that nobody recorded.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.chart import frame
from engine.chart.canvas import Canvas, Points, Rim, rounded
from engine.chart.frame import DOWN, EDGE, ENTRY, GRID, INK, LAST, LEVEL, TAG, UP
from engine.chart.pictures import WIDTH, CandleChart, Kind, Line, Mark
from engine.chart.scales import (
    Pane,
    decimals_of,
    frame_name,
    padded,
    spread,
    ticks,
    time_label,
    time_ticks,
)
from engine.core.values import Ms, OrderSide, Side

LEVELS_MAX = 6  # more than that is a fence
COLORS: dict[Kind, str] = {
    "level": LEVEL,
    "entry": ENTRY,
    "stop": frame.STOP,
    "target": frame.TARGET,
}
PRICE_BOTTOM = 250.0
_VOLUME_BOTTOM, _VOLUME_TOP, _CLOCK = 90.0, 230.0, 46.0
_NAME_WIDTH_MAX = 230
_PRICE_MAX = 9  # characters of a price written in full
_KNEE = 22  # pixels between a line's end and its tag's leader
_TICK, _HOUR_ROOM = 100, 160  # pixels between ticks of price and of time
_AHEAD = 0.08  # room for what is to come, of the candles' width


class Tag(msgspec.Struct, frozen=True):
    """A price at the right edge, with a name when it is a line."""

    price: float
    color: str
    line: Line | None = None

    @property
    def name(self) -> str:
        """What the line is called."""
        return self.line.label if self.line else ""


class Plot(msgspec.Struct, frozen=True):
    """Where prices and candles lie."""

    pane: Pane
    first_ms: Ms
    slot_ms: int
    slots: int
    edge: float  # behind it the prices
    decimals: int  # of ticks
    finest: int  # of tags

    @property
    def slot(self) -> float:
        """Width of a candle with its gap."""
        return (self.pane.right - self.pane.left) / self.slots

    def x(self, at_ms: Ms) -> float:
        """Middle of the candle that opens then."""
        return self.pane.left + ((at_ms - self.first_ms) / self.slot_ms + 0.5) * self.slot

    def middle(self, at_ms: Ms) -> float:
        """Middle of the candle that holds that moment."""
        return self.x(at_ms - (at_ms - self.first_ms) % self.slot_ms)


def draw(picture: CandleChart) -> bytes:
    """The PNG; raises ValueError when there is nothing finite to draw."""
    _check(picture)
    canvas = frame.sheet()
    top = frame.draw_head(canvas, _head(picture))
    tags = tags_of(picture)
    plot = _plot(canvas, picture, tags, top)
    pane = plot.pane
    bounds = pane.bottom + TAG / 2, pane.top - TAG / 2
    places = spread([pane.y(tag.price) for tag in tags], TAG + 4, bounds)
    _draw_grid(canvas, plot, places)
    _draw_trade(canvas, plot, picture)
    _draw_lines(canvas, plot, tags)
    _draw_candles(canvas, plot, picture)
    _draw_touches(canvas, plot, tags)
    _draw_tags(canvas, plot, tags, places)
    _draw_marks(canvas, plot, picture)
    return canvas.png()


def _check(picture: CandleChart) -> None:
    bars = len(picture.open_ms)
    if bars == 0 or picture.ohlcv.shape != (bars, 5):
        raise ValueError(
            f"{picture.symbol}: expected candles of shape (bars, 5) for at least one bar, "
            f"found {picture.ohlcv.shape} for {bars}"
        )
    prices = [line.price for line in picture.lines] + [mark.price for mark in picture.marks]
    if not (np.isfinite(picture.ohlcv).all() and np.isfinite(prices).all()):
        raise ValueError(f"{picture.symbol}: expected finite prices, found nan or inf")


def _closed_ms(picture: CandleChart) -> Ms:
    return int(picture.open_ms[-1]) + picture.frame_s * 1000


def _head(picture: CandleChart) -> frame.Head:
    side, accent = picture.side, None
    if side is not None:
        accent = side.value, UP if side is Side.LONG else DOWN
    return frame.Head(
        title=picture.symbol,
        words=picture.words,
        mode=picture.mode,
        at_ms=_closed_ms(picture) if picture.at_ms is None else picture.at_ms,
        more=frame_name(picture.frame_s),
        accent=accent,
    )


def tags_of(picture: CandleChart) -> list[Tag]:
    """What is named beside the axis: near levels, the lines of the trade, the last price."""
    highs, lows, last = picture.ohlcv[:, 1], picture.ohlcv[:, 2], float(picture.ohlcv[-1, 3])
    low, high = float(lows.min()), float(highs.max())
    slack = (high - low) / 2
    near = sorted(
        (n for n in picture.lines if n.kind == "level" and low - slack <= n.price <= high + slack),
        key=lambda n: abs(n.price - last),
    )
    trade = [n for n in picture.lines if n.kind != "level"]
    lines = [*near[:LEVELS_MAX], *trade]
    return [*(Tag(n.price, COLORS[n.kind], n) for n in lines), Tag(last, LAST)]


def _plot(canvas: Canvas, picture: CandleChart, tags: Sequence[Tag], top: float) -> Plot:
    candles = picture.ohlcv[:, :4]
    others = [*(tag.price for tag in tags), *(mark.price for mark in _seen(picture))]
    low, high = padded([float(candles.min()), float(candles.max()), *others], 0.04)
    decimals = decimals_of(candles, (high - low) / (top - PRICE_BOTTOM))
    finest = finest_of(candles, decimals)
    written = (f"{p:.{finest}f}" for p in (low, high))
    edge = WIDTH - 28 - max(canvas.width(words, frame.plain()) for words in written)
    names = [min(canvas.width(t.name, frame.plain()), _NAME_WIDTH_MAX) for t in tags if t.name]
    right = edge - (max(names) + _KNEE + 24 if names else 30)
    pane = Pane(EDGE, right, PRICE_BOTTOM, top, low, high)
    slot_ms = picture.frame_s * 1000
    return Plot(pane, int(picture.open_ms[0]), slot_ms, _slots(picture), edge, decimals, finest)


def finest_of(candles: NDArray[np.float64], decimals: int) -> int:
    """Decimals of prices in full, unless that is too wide for a phone."""
    finest = decimals_of(candles, 1e-12)
    return finest if len(f"{candles.max():.{finest}f}") <= _PRICE_MAX else decimals


def _slots(picture: CandleChart) -> int:
    """Candles side by side; beside a trade that lives there is room for those to come."""
    end_ms, slot_ms = _closed_ms(picture), picture.frame_s * 1000
    bars = (end_ms - int(picture.open_ms[0])) // slot_ms
    closed_ms = end_ms if picture.closed_ms is None else picture.closed_ms
    lives = picture.opened_ms is not None and closed_ms >= end_ms - slot_ms
    return bars + (max(round(bars * _AHEAD), 2) if lives else 0)


def _seen(picture: CandleChart) -> list[Mark]:
    """Fills within the picture; the newest may be newer than the last closed candle."""
    start = int(picture.open_ms[0])
    end = start + _slots(picture) * picture.frame_s * 1000
    return [mark for mark in picture.marks if start <= mark.at_ms < end]


def _draw_grid(canvas: Canvas, plot: Plot, tags: Sequence[float]) -> None:
    pane = plot.pane
    values = ticks(pane, _TICK, plot.decimals)
    span = plot.slots * plot.slot_ms
    most = (pane.right - pane.left) / _HOUR_ROOM
    times = [(ms, plot.x(ms)) for ms in time_ticks(plot.first_ms, span, most)]
    rows: list[Points] = [((pane.left, pane.y(p)), (pane.right, pane.y(p))) for p in values]
    columns: list[Points] = [((x, _VOLUME_BOTTOM), (x, pane.top)) for _, x in times]
    canvas.strokes([*rows, *columns], GRID, width=2)
    for price in values:
        y = pane.y(price)
        if all(abs(y - tag) > TAG for tag in tags):
            canvas.text((plot.edge + 10, y), f"{price:.{plot.decimals}f}", frame.plain())
    for ms, x in times:
        canvas.text((max(x, EDGE + 55), _CLOCK), time_label(ms), frame.plain(), "center")


def _draw_trade(canvas: Canvas, plot: Plot, picture: CandleChart) -> None:
    """What is risked and what is aimed at, from when the trade began."""
    if picture.opened_ms is None:
        return
    pane = plot.pane
    left = max(plot.middle(picture.opened_ms), pane.left)
    end_ms = picture.closed_ms
    right = pane.right if end_ms is None else min(plot.middle(end_ms), pane.right)
    if right <= left:
        return
    entries = [line.price for line in picture.lines if line.kind == "entry"]
    for entry in entries[:1]:
        ends = (("stop", DOWN), ("target", UP))
        for price, color in ((_farthest(picture, kind, entry), color) for kind, color in ends):
            low, high = pane.y(entry), pane.y(price)
            box = ((left, low), (right, low), (right, high), (left, high))
            canvas.shapes([box], color, alpha=0.14)


def _farthest(picture: CandleChart, kind: str, entry: float) -> float:
    """The price of that kind farthest from the entry; the entry itself without any."""
    prices = (line.price for line in picture.lines if line.kind == kind)
    return max(prices, key=lambda price: abs(price - entry), default=entry)


def _draw_candles(canvas: Canvas, plot: Plot, picture: CandleChart) -> None:
    opens, highs, lows, closes, volumes = picture.ohlcv.T
    ys = plot.pane.ys
    x = np.round([plot.x(int(ms)) for ms in picture.open_ms])
    half = float(min(max(round(plot.slot * 0.36), 1), 16))
    body_low, body_high = (ys(f(opens, closes)) for f in (np.minimum, np.maximum))
    body_high = np.maximum(body_high, body_low + 2)
    bodies = _boxes(x - half, x + half, body_low, body_high)
    wicks = _boxes(x - 1, x + 1, ys(lows), ys(highs))
    heights = volumes / (volumes.max() or 1.0) * (_VOLUME_TOP - _VOLUME_BOTTOM)
    bars = _boxes(x - half, x + half, np.full_like(x, _VOLUME_BOTTOM), _VOLUME_BOTTOM + heights)
    is_up = closes >= opens
    for chosen, color in ((is_up, UP), (~is_up, DOWN)):
        canvas.shapes(np.concatenate([wicks[chosen], bodies[chosen]]), color)
        canvas.shapes(bars[chosen], color, alpha=0.5)


def _boxes(
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Rectangles on whole pixels, `(n, 4, 2)`."""
    corners = [(left, low), (right, low), (right, high), (left, high)]
    return np.rint(np.stack([np.stack(c, axis=-1) for c in corners], axis=1))


def _draw_lines(canvas: Canvas, plot: Plot, tags: Sequence[Tag]) -> None:
    pane = plot.pane
    for tag in reversed(tags):  # the last price lies below the others
        y, kind = pane.y(tag.price), tag.line.kind if tag.line else None
        ends = ((pane.left, y), (pane.right, y))
        width = 3 if kind else 1.5
        canvas.strokes([ends], tag.color, width=width, dashed=kind in ("level", None))


def _draw_touches(canvas: Canvas, plot: Plot, tags: Sequence[Tag]) -> None:
    """A ring around each extreme that made a level."""
    end = plot.first_ms + plot.slots * plot.slot_ms
    rings: list[Points] = [
        _ring(plot.middle(at_ms), plot.pane.y(price))
        for tag in tags
        if tag.line is not None
        for at_ms, price in tag.line.touches
        if plot.first_ms <= at_ms < end
    ]
    if rings:
        canvas.shapes(rings, "none", rim=Rim(LEVEL, 3))


def _ring(x: float, y: float) -> NDArray[np.float64]:
    return rounded((x - 11, y - 11, x + 11, y + 11), 11)


def _draw_tags(canvas: Canvas, plot: Plot, tags: Sequence[Tag], places: Sequence[float]) -> None:
    right = plot.pane.right
    for tag, y in zip(tags, places, strict=True):
        end = right + _KNEE if tag.name else plot.edge
        knee = ((right, plot.pane.y(tag.price)), (right + _KNEE, y), (end, y))
        canvas.strokes([knee], tag.color, width=2.5)
        frame.draw_tag(canvas, (plot.edge, y), f"{tag.price:.{plot.finest}f}", tag.color)
        if tag.name:
            font = frame.plain(tag.color)
            canvas.text(
                (right + _KNEE + 8, y), canvas.fitted(tag.name, font, _NAME_WIDTH_MAX), font
            )


def _draw_marks(canvas: Canvas, plot: Plot, picture: CandleChart) -> None:
    """A buy points up from below its price, a sell down from above."""
    for mark in _seen(picture):
        x, y = plot.middle(mark.at_ms), plot.pane.y(mark.price)
        foot = y - mark.side.sign * 34
        shape = ((x, y), (x - 20, foot), (x + 20, foot))
        canvas.shapes([shape], UP if mark.side is OrderSide.BUY else DOWN, rim=Rim(INK, 3))
