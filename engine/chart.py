"""A chart for a phone: candles, volume, levels, the trade's lines and its fills, as one PNG.

It exists because a picture answers "why here?" faster than a table. It must never decide anything,
never read the clock, and never let a level far away flatten the candles.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.core.values import Ms, OrderSide

if TYPE_CHECKING:
    from engine.canvas import Canvas, Points

WIDTH, HEIGHT = 1080, 1080  # pixels; a phone shows about a third of them

Kind = Literal["level", "entry", "stop", "target"]

_GROUND, _GRID, _INK, _MUTED = "#0e1621", "#1c2835", "#e6edf3", "#8b9bab"
_UP, _DOWN, _LAST = "#2bb39a", "#e5534b", "#c9d4de"
_COLORS: dict[Kind, str] = {
    "level": "#e3b341",
    "entry": "#58a6ff",
    "stop": "#ff7b92",
    "target": "#56d364",
}
_EDGE = 24  # pixels to the rim
_TEXT, _SMALL = 29, 25  # font sizes in pixels
_TITLES = (46, 38, 31)  # the largest that fits
_TAG_HEIGHT = 38
_NAME_WIDTH_MAX = 230
_LEVELS_MAX = 8  # more than that is a fence
_VOLUME_BOTTOM, _VOLUME_TOP, _PRICE_BOTTOM = 70, 220, 246
_STEPS_MIN = (5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440, 2880, 7200, 14_400, 43_200)
_MINUTE_MS, _DAY_MS = 60_000, 86_400_000


class Line(msgspec.Struct, frozen=True):
    """A horizontal line with a short label."""

    price: float
    label: str
    kind: Kind


class Mark(msgspec.Struct, frozen=True):
    """A fill."""

    at_ms: Ms
    price: float
    side: OrderSide


class Picture(msgspec.Struct, frozen=True, eq=False):
    """What is drawn; candles oldest first, `open_ms` int64 `(bars,)`, `ohlcv` float64 `(bars, 5)`.

    Lines of a trade are always inside the picture; levels farther from the candles than half their
    height are left out, and so are fills outside of the candles' time.
    """

    symbol: str
    frame_s: int
    open_ms: NDArray[np.int64]
    ohlcv: NDArray[np.float64]
    lines: tuple[Line, ...] = ()
    marks: tuple[Mark, ...] = ()
    title: str = ""
    subtitle: str = ""


def render(picture: Picture) -> bytes:
    """The PNG, `WIDTH` x `HEIGHT`; raises ValueError when there is nothing finite to draw."""
    from engine.canvas import Canvas  # noqa: PLC0415 -- matplotlib is dear, and few draw

    _check(picture)
    canvas = Canvas(WIDTH, HEIGHT, _GROUND)
    top = _draw_header(canvas, picture)
    tags = _tags(picture)
    scale = _scale(canvas, picture, tags, top)
    places = spread(
        [scale.y(tag.price) for tag in tags],
        _TAG_HEIGHT + 4,
        (scale.bottom + _TAG_HEIGHT / 2, scale.top - _TAG_HEIGHT / 2),
    )
    _draw_grid(canvas, scale, places)
    _draw_candles(canvas, scale, picture)
    _draw_lines(canvas, scale, tags)
    _draw_tags(canvas, scale, tags, places)
    _draw_marks(canvas, scale, picture)
    return canvas.png()


def spread(wanted: Sequence[float], gap: float, within: tuple[float, float]) -> list[float]:
    """The places nearest to those wanted, at least `gap` apart and `within` two bounds.

    Least squares by pooling neighbors; when they cannot all fit, the gap shrinks until they do.
    """
    low, high = within
    if len(wanted) > 1:
        gap = min(gap, (high - low) / (len(wanted) - 1))
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    pools: list[tuple[float, int]] = []  # mean of (wanted - rank * gap), size
    for rank, i in enumerate(order):
        mean, size = wanted[i] - rank * gap, 1
        while pools and pools[-1][0] > mean:
            other, others = pools.pop()
            mean, size = (mean * size + other * others) / (size + others), size + others
        pools.append((mean, size))
    means = [mean for mean, size in pools for _ in range(size)]
    top = high - (len(wanted) - 1) * gap
    found = {
        i: min(max(mean, low), top) + rank * gap
        for rank, (i, mean) in enumerate(zip(order, means, strict=True))
    }
    return [found[i] for i in range(len(wanted))]


class _Tag(msgspec.Struct, frozen=True):
    """A price at the right edge, with a name when it is a line."""

    price: float
    name: str
    color: str
    is_level: bool = False


class _Scale(msgspec.Struct, frozen=True):
    """Where prices and times lie; the price pane is `left..right` x `bottom..top` in pixels."""

    low: float
    high: float
    first_ms: Ms
    slot_ms: int
    slots: int
    right: float  # behind it the names of the lines
    edge: float  # behind it the prices
    top: float
    decimals: int
    left: float = _EDGE
    bottom: float = _PRICE_BOTTOM

    def y(self, price: float) -> float:
        """Height of a price."""
        return float(self.ys(np.float64(price)))

    def ys(self, prices: NDArray[np.float64] | np.float64) -> NDArray[np.float64]:
        """Heights of prices."""
        share = (prices - self.low) / (self.high - self.low)
        return np.asarray(self.bottom + share * (self.top - self.bottom))

    def x(self, at_ms: Ms) -> float:
        """Middle of the candle that opens then."""
        return self.left + ((at_ms - self.first_ms) / self.slot_ms + 0.5) * self.slot

    @property
    def slot(self) -> float:
        """Width of a candle with its gap."""
        return (self.right - self.left) / self.slots


def _check(picture: Picture) -> None:
    bars = len(picture.open_ms)
    if bars == 0 or picture.ohlcv.shape != (bars, 5):
        raise ValueError(
            f"{picture.symbol}: expected candles of shape (bars, 5) for at least one bar, "
            f"found {picture.ohlcv.shape} for {bars}"
        )
    prices = [line.price for line in picture.lines] + [mark.price for mark in picture.marks]
    if not (np.isfinite(picture.ohlcv).all() and np.isfinite(prices).all()):
        raise ValueError(f"{picture.symbol}: expected finite prices, found nan or inf")


def _tags(picture: Picture) -> list[_Tag]:
    highs, lows, last = picture.ohlcv[:, 1], picture.ohlcv[:, 2], float(picture.ohlcv[-1, 3])
    low, high = float(lows.min()), float(highs.max())
    slack = (high - low) / 2
    near = sorted(
        (n for n in picture.lines if n.kind == "level" and low - slack <= n.price <= high + slack),
        key=lambda n: abs(n.price - last),
    )
    trade = [n for n in picture.lines if n.kind != "level"]
    return [
        *(_Tag(n.price, n.label, _COLORS["level"], is_level=True) for n in near[:_LEVELS_MAX]),
        *(_Tag(n.price, n.label, _COLORS[n.kind]) for n in trade),
        _Tag(last, "", _LAST),
    ]


def _scale(canvas: "Canvas", picture: Picture, tags: Sequence[_Tag], top: float) -> _Scale:
    candles = picture.ohlcv[:, :4]
    others = [*(tag.price for tag in tags), *(mark.price for mark in _seen(picture))]
    low, high = min(float(candles.min()), *others), max(float(candles.max()), *others)
    pad = (high - low) * 0.04 or abs(high) * 1e-3 or 1.0
    decimals = _decimals(candles, (high - low + 2 * pad) / (top - _PRICE_BOTTOM))
    edge = WIDTH - 24 - max(canvas.width(f"{p:.{decimals}f}", _TEXT) for p in (low, high))
    names = [min(canvas.width(tag.name, _SMALL), _NAME_WIDTH_MAX) for tag in tags if tag.name]
    first, last = int(picture.open_ms[0]), int(picture.open_ms[-1])
    return _Scale(
        low=low - pad,
        high=high + pad,
        first_ms=first,
        slot_ms=picture.frame_s * 1000,
        slots=(last - first) // (picture.frame_s * 1000) + 1,
        right=edge - (max(names) + 44 if names else 30),
        edge=edge,
        top=top,
        decimals=decimals,
    )


def _decimals(prices: NDArray[np.float64], pixel: float) -> int:
    """As many as the candles have, but no finer than a pixel of the picture."""
    finest = max(0, math.ceil(-math.log10(pixel)))
    exact = (
        decimals
        for decimals in range(finest)
        if np.allclose(np.round(prices, decimals), prices, rtol=1e-12, atol=0)
    )
    return next(exact, finest)


def _seen(picture: Picture) -> list[Mark]:
    start, end = int(picture.open_ms[0]), int(picture.open_ms[-1]) + picture.frame_s * 1000
    return [mark for mark in picture.marks if start <= mark.at_ms < end]


def _draw_header(canvas: "Canvas", picture: Picture) -> float:
    """Draws the words on top; returns where the price pane may begin."""
    closed = datetime.fromtimestamp(int(picture.open_ms[-1]) / 1000 + picture.frame_s, UTC)
    clock = f"{closed:%Y-%m-%d %H:%M} UTC"
    y, room = HEIGHT - 54.0, WIDTH - 2 * _EDGE
    left, frame = room - canvas.width(clock, _TEXT) - 40, f" {_frame(picture.frame_s)}"
    sizes = (size for size in _TITLES if canvas.width(picture.symbol + frame, size) <= left)
    size = next(sizes, _TITLES[-1])
    name = canvas.fitted(picture.symbol, size, left - canvas.width(frame, size))
    canvas.text((_EDGE, y), name + frame, size, _INK)
    canvas.text((WIDTH - _EDGE, y), clock, _TEXT, _MUTED, "right")
    for text, color in ((picture.title, _INK), (picture.subtitle, _MUTED)):
        if text:
            y -= 52 if y > HEIGHT - 60 else 42
            canvas.text((_EDGE, y), canvas.fitted(text, _TEXT, room), _TEXT, color)
    return y - 46


def _frame(seconds: int) -> str:
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _draw_grid(canvas: "Canvas", scale: _Scale, tags: Sequence[float]) -> None:
    ticks = _price_ticks(scale)
    times = [(ms, scale.x(ms)) for ms in _time_ticks(scale)]
    rows: list[Points] = [((scale.left, scale.y(p)), (scale.right, scale.y(p))) for p in ticks]
    columns: list[Points] = [((x, _VOLUME_BOTTOM), (x, scale.top)) for _, x in times]
    canvas.strokes([*rows, *columns], _GRID, width=2)
    for price in ticks:
        y = scale.y(price)
        if all(abs(y - tag) > _TAG_HEIGHT for tag in tags):
            text = f"{price:.{scale.decimals}f}"
            canvas.text((scale.edge + 8, y), text, _TEXT, _MUTED)
    for ms, x in times:
        at = datetime.fromtimestamp(ms / 1000, UTC)
        text = f"{at.day} {at:%b}" if ms % _DAY_MS == 0 else f"{at:%H:%M}"
        canvas.text((max(x, _EDGE + 40), 38), text, _SMALL, _MUTED, "center")


def _price_ticks(scale: _Scale) -> list[float]:
    rough = (scale.high - scale.low) * 90 / (scale.top - scale.bottom)
    rough = max(rough, 10.0**-scale.decimals)  # or neighbors would read alike
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * n for n in (1, 2, 5, 10) if power * n >= rough)
    first, last = math.ceil(scale.low / step), math.floor(scale.high / step)
    return [n * step for n in range(first, last + 1)]


def _time_ticks(scale: _Scale) -> range:
    room = (scale.right - scale.left) / 130
    span_ms = scale.slots * scale.slot_ms
    steps = (minutes * _MINUTE_MS for minutes in _STEPS_MIN)
    step = next((s for s in steps if span_ms / s <= room), span_ms)
    first = -(-scale.first_ms // step) * step
    return range(first, scale.first_ms + span_ms, step)


def _draw_candles(canvas: "Canvas", scale: _Scale, picture: Picture) -> None:
    opens, highs, lows, closes, volumes = picture.ohlcv.T
    x = np.round([scale.x(int(ms)) for ms in picture.open_ms])
    half = float(min(max(round(scale.slot * 0.36), 1), 14))
    body_low, body_high = (scale.ys(f(opens, closes)) for f in (np.minimum, np.maximum))
    body_high = np.maximum(body_high, body_low + 2)
    bodies = _boxes(x - half, x + half, body_low, body_high)
    wicks = _boxes(x - 1, x + 1, scale.ys(lows), scale.ys(highs))
    heights = volumes / (volumes.max() or 1.0) * (_VOLUME_TOP - _VOLUME_BOTTOM)
    bars = _boxes(x - half, x + half, np.full_like(x, _VOLUME_BOTTOM), _VOLUME_BOTTOM + heights)
    is_up = closes >= opens
    for chosen, color in ((is_up, _UP), (~is_up, _DOWN)):
        canvas.shapes(np.concatenate([wicks[chosen], bodies[chosen]]), color)
        canvas.shapes(bars[chosen], color, alpha=0.55)


def _boxes(
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Rectangles on whole pixels, `(n, 4, 2)`."""
    corners = [(left, low), (right, low), (right, high), (left, high)]
    return np.rint(np.stack([np.stack(c, axis=-1) for c in corners], axis=1))


def _draw_lines(canvas: "Canvas", scale: _Scale, tags: Sequence[_Tag]) -> None:
    for tag in tags:
        if tag.name:
            y = scale.y(tag.price)
            ends = ((scale.left, y), (scale.right, y))
            canvas.strokes([ends], tag.color, width=2.5, dashed=tag.is_level)


def _draw_tags(
    canvas: "Canvas", scale: _Scale, tags: Sequence[_Tag], places: Sequence[float]
) -> None:
    half = _TAG_HEIGHT / 2
    for tag, y in zip(tags, places, strict=True):
        left, right = scale.edge - 2, WIDTH - 6.0
        end = scale.right + 22 if tag.name else left
        knee = ((scale.right, scale.y(tag.price)), (scale.right + 22, y), (end, y))
        canvas.strokes([knee], tag.color, width=2.5)
        box = ((left, y - half), (right, y - half), (right, y + half), (left, y + half))
        canvas.shapes([box], tag.color)
        canvas.text((scale.edge + 8, y), f"{tag.price:.{scale.decimals}f}", _TEXT, _GROUND)
        if tag.name:
            name = canvas.fitted(tag.name, _SMALL, _NAME_WIDTH_MAX)
            canvas.text((scale.right + 28, y), name, _SMALL, tag.color)


def _draw_marks(canvas: "Canvas", scale: _Scale, picture: Picture) -> None:
    for mark in _seen(picture):
        slot = (mark.at_ms - scale.first_ms) // scale.slot_ms
        x, y = scale.x(scale.first_ms + slot * scale.slot_ms), scale.y(mark.price)
        foot = y - mark.side.sign * 26  # a buy points up from below, a sell down from above
        shape = ((x, y), (x - 15, foot), (x + 15, foot))
        canvas.shapes([shape], _UP if mark.side is OrderSide.BUY else _DOWN, rim=_INK)
