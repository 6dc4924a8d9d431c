"""Price levels: zones that several separate extremes respected, with a strength 0..1.

One kernel clusters many windows at once in directed prices, so supports are the resistances of the
mirror, and a chart, the live batch and a history read the same levels. It must never see the bar
that is tested against its levels.
"""

import msgspec
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from engine.core import settings as keys
from engine.core.indicators import Bools, Floats, Indices, Times, places, swing_highs
from engine.core.indicators import atr as mean_range
from engine.core.values import Level, Ms, Side

STRENGTH_TOUCHES = 5
STRENGTH_SPAN_BARS = 100
CASCADE_STEP, CASCADE_MAX = 0.05, 0.20
ROUND_STEPS = ((10, 0.15), (5, 0.10), (1, 0.05))  # in units of a tenth of the leading digit

_HIGH, _LOW, _CLOSE, _VOLUME = 1, 2, 3, 4


class Zones(msgspec.Struct, frozen=True, eq=False):
    """Kept levels of many windows: arrays `(zones,)`, by window, then strongest first."""

    side: Side
    row: Indices  # which window
    price: Floats
    touches: Indices
    first_ms: Times
    last_ms: Times
    span: Indices
    strength: Floats

    def level(self, i: int) -> Level:
        """Zone `i` as a value."""
        return Level(
            side=self.side,
            price=float(self.price[i]),
            touches=int(self.touches[i]),
            first_ms=int(self.first_ms[i]),
            last_ms=int(self.last_ms[i]),
            span_bars=int(self.span[i]),
            strength=float(self.strength[i]),
        )


class Windows(msgspec.Struct, frozen=True, eq=False):
    """Windows of one side over rows of candles laid end to end.

    Flat arrays `(rows * bars,)` of directed values, and per window `(windows,)` the flat index of
    its first bar and the ATR before its test. Each window holds `size` bars without a hole.
    """

    size: int
    sign: int
    start: Indices
    atr: Floats
    open_ms: Times
    extreme: Floats  # Y = d*H or d*L
    close: Floats  # d*C
    volume: Floats
    swings: Indices  # flat positions of confirmed swings, rising

    def gather(self, x: Floats, index: Indices, n: int | None = None) -> Floats:
        """The last `n` bars of some windows, or all of them: `(index, n)`."""
        count = self.size if n is None else n
        if not len(index):
            return np.empty((0, count))
        bars: Floats = sliding_window_view(x, count)[self.start[index] + self.size - count]
        return bars

    def take(self, index: Indices) -> "Windows":
        """Some of the windows."""
        return msgspec.structs.replace(self, start=self.start[index], atr=self.atr[index])


class Edges(msgspec.Struct, frozen=True, eq=False):
    """Merged candidates: arrays `(groups,)`, by window, outermost first."""

    row: Indices  # which window
    edge: Floats  # d*P: the outermost value of the group
    near: Indices  # groups within the cascade radius, itself included

    def take(self, index: Indices | Bools) -> "Edges":
        """Some of the groups, each as it stood among all."""
        return Edges(self.row[index], self.edge[index], self.near[index])


class Groups(msgspec.Struct, frozen=True, eq=False):
    """What touched each group: arrays `(groups,)`."""

    row: Indices
    edge: Floats
    touches: Indices
    first: Indices  # bar of the window that touched first, and last
    last: Indices
    strength: Floats


def lay_windows(
    side: Side, candles: tuple[Times, Floats], start: Indices, atr: Floats, settings: keys.Levels
) -> Windows:
    """Windows of `window_bars` over candles `(rows, bars)` and `(rows, 5, bars)`."""
    open_ms, ohlcv = candles
    extreme = side.sign * ohlcv[:, _HIGH if side is Side.LONG else _LOW]
    return Windows(
        size=settings.window_bars,
        sign=side.sign,
        start=start,
        atr=atr,
        open_ms=open_ms.ravel(),
        extreme=extreme.ravel(),
        close=(side.sign * ohlcv[:, _CLOSE]).ravel(),
        volume=ohlcv[:, _VOLUME].ravel(),
        swings=np.flatnonzero(swing_highs(extreme, settings.swing_bars)),
    )


def find_levels(
    side: Side, open_ms: Times, ohlcv: Floats, atr: float, settings: keys.Levels
) -> tuple[Level, ...]:
    """Levels of exactly these bars, strongest first: `(W,)` times, `(5, W)` candles."""
    zones = find_zones(side, open_ms[None], ohlcv[None], np.array([atr]), settings)
    return tuple(zones.level(i) for i in range(len(zones.row)))


def find_zones(
    side: Side, open_ms: Times, ohlcv: Floats, atr: Floats, settings: keys.Levels
) -> Zones:
    """Levels of many windows: `(S, W)` times, `(S, 5, W)` candles, `(S,)` ATR before the test.

    A window with missing bars or without a positive ATR has none.
    """
    index = np.flatnonzero((open_ms >= 0).all(axis=-1) & (atr > 0))
    bars = open_ms.shape[-1]
    sized = msgspec.structs.replace(settings, window_bars=bars)
    windows = lay_windows(side, (open_ms, ohlcv), index * bars, atr[index], sized)
    groups = weigh(windows, merge(windows, settings), settings)
    kept = keep(windows, groups, settings)
    row = groups.row[kept]
    first = windows.start[row]
    return Zones(
        side=side,
        row=index[row],
        price=windows.sign * groups.edge[kept],
        touches=groups.touches[kept],
        first_ms=windows.open_ms[first + groups.first[kept]],
        last_ms=windows.open_ms[first + groups.last[kept]],
        span=(groups.last - groups.first)[kept],
        strength=groups.strength[kept],
    )


def merge(windows: Windows, settings: keys.Levels) -> Edges:
    """Candidates merged into groups: those within `merge_atr` of the outermost are one."""
    values = _candidates(windows, settings)
    is_edge = np.empty(values.shape, dtype=np.bool_)
    anchor = np.full(values.shape[1], np.inf)
    depth, gap = settings.merge_atr * windows.atr, np.empty(values.shape[1])
    for value, is_next in zip(values, is_edge, strict=True):
        np.subtract(anchor, value, out=gap)
        np.greater(gap, depth, out=is_next)  # never where there is no value
        np.copyto(anchor, value, where=is_next)
    row, place = np.nonzero(is_edge.T)
    edge = values[place, row]
    radius = settings.cascade_radius_atr * windows.atr[row]
    return Edges(row, edge, _near(row, edge, radius))


def _candidates(windows: Windows, settings: keys.Levels) -> Floats:
    """Swings confirmed inside each window and its newest extremes, `(values, windows)`.

    Largest first, NaN where a window has fewer.
    """
    start, size, k = windows.start, windows.size, settings.swing_bars
    begin = np.searchsorted(windows.swings, start + k)
    count = np.searchsorted(windows.swings, start + size - k) - begin
    place = np.arange(int(count.max(initial=0)))
    is_there = place < count[:, None]
    at = np.where(is_there, begin[:, None] + place, 0)
    swings = np.append(windows.extreme[windows.swings], np.nan)[at]
    most = min(max(settings.donchian_bars), size)
    newest = windows.gather(windows.extreme, np.arange(len(start)), most)
    tops = [newest[:, -n:].max(axis=-1) for n in settings.donchian_bars]
    falling = np.negative(np.column_stack([np.where(is_there, swings, np.nan), *tops]))
    falling.sort(axis=-1)
    out: Floats = np.negative(falling.T, order="C")  # each step of merging reads one row
    return out


def _near(row: Indices, edge: Floats, radius: Floats) -> Indices:
    """How many groups of the same window lie within the radius, itself included."""
    near = np.ones(len(row), dtype=np.int64)
    for shift in range(1, int(np.bincount(row).max(initial=0))):
        is_near = row[shift:] == row[:-shift]
        is_near &= edge[:-shift] - edge[shift:] <= radius[shift:]
        if not is_near.any():
            break  # groups farther apart in the order are farther apart in price
        near[shift:] += is_near
        near[:-shift] += is_near
    return near


def in_reach(windows: Windows, edges: Edges, is_wanted: Bools, settings: keys.Levels) -> Edges:
    """The wanted groups and those that may stand in the way of one: linked by gaps too small.

    Groups that are not linked never meet in `keep`, so no others need be weighed.
    """
    least = settings.gap_min_atr * windows.atr[edges.row]
    is_next = np.diff(edges.row, prepend=-1) == 0
    is_linked = is_next & (-np.diff(edges.edge, prepend=np.inf) < least)
    chain = np.cumsum(~is_linked)
    return edges.take((np.bincount(chain, weights=is_wanted) > 0)[chain])


def weigh(windows: Windows, edges: Edges, settings: keys.Levels) -> Groups:
    """Count the touches of each group, its own edge always being one, and rate it."""
    row, edge = edges.row, edges.edge
    atr = windows.atr[row]
    offset = windows.gather(windows.extreme, row)
    offset -= edge[:, None]
    is_touch = _touching(offset, atr, settings)
    group, bar = places(is_touch)
    is_new = np.diff(group, prepend=-1) > 0  # first touching bar of its group
    is_run = is_new | (np.diff(bar, prepend=0) > settings.touch_gap_bars)
    is_end = np.diff(group, append=-1) != 0
    # bincount adds in the order given: oldest to newest within each group.
    weights = windows.volume[windows.start[row[group]] + bar]
    volume = np.bincount(group, weights=weights, minlength=len(row))
    touches = np.bincount(group[is_run], minlength=len(row))
    first, last = bar[is_new], bar[is_end]
    heat = volume / np.bincount(group, minlength=len(row))
    base = (
        0.40 * np.minimum(1, touches / STRENGTH_TOUCHES)
        + 0.20 * np.minimum(1, (last - first) / STRENGTH_SPAN_BARS)
        + 0.20 * np.minimum(1, _relative(heat, windows, row) / 2)
        + 0.20 * (1 - np.minimum(1, 5 * _pierced(windows, edges, settings)))
    )
    bonus = round_bonus(np.abs(edge), settings.round_tolerance_bps) + _cascade(edges, settings)
    return Groups(row, edge, touches, first, last, np.minimum(1, base + bonus))


def _touching(offset: Floats, atr: Floats, settings: keys.Levels) -> Bools:
    """Which bars touch: `(groups, bars)` directed extremes less the edge, `(groups,)` ATR."""
    is_touch: Bools = offset >= (-settings.merge_atr * atr)[:, None]
    is_touch &= offset <= (settings.pierce_atr * atr)[:, None]
    return is_touch


def touches_of(
    level: Level, open_ms: Times, ohlcv: Floats, settings: keys.Levels
) -> tuple[tuple[Ms, float], ...]:
    """When and at which price a level was touched, the outermost bar of each touch.

    The level was found in the newest of these candles, `(n, 5)`. Nothing where they tell of other
    touches than the level counted: then it was found in other candles, or by other settings.
    """
    bars, sign = settings.window_bars, level.side.sign
    if len(open_ms) < bars:
        return ()
    a = mean_range(*ohlcv[:, _HIGH : _CLOSE + 1].T)[-1:]
    times, extremes = open_ms[-bars:], ohlcv[-bars:, _HIGH if sign > 0 else _LOW]
    offset = sign * extremes - sign * level.price
    at = np.flatnonzero(_touching(offset[None], a, settings)[0])
    if not len(at) or int(times[at[-1]]) != level.last_ms:
        return ()
    runs = np.split(at, np.flatnonzero(np.diff(at) > settings.touch_gap_bars) + 1)
    outermost = (int(run[offset[run].argmax()]) for run in runs)
    found = tuple((int(times[i]), float(extremes[i])) for i in outermost)
    return found if len(found) == level.touches else ()


def _relative(heat: Floats, windows: Windows, row: Indices) -> Floats:
    """Volume of the touching bars over the mean of the window; 0 without any volume."""
    rows, place = np.unique(row, return_inverse=True)
    # Accumulating is strictly sequential: the ordered sum.
    total = np.add.accumulate(windows.gather(windows.volume, rows), axis=-1)[:, -1]
    mean = (total / windows.size)[place]
    return np.divide(heat, mean, out=np.zeros_like(heat), where=mean > 0)


def _pierced(windows: Windows, edges: Edges, settings: keys.Levels) -> Floats:
    """Share of the window's closes beyond the zone."""
    beyond = edges.edge + settings.pierce_atr * windows.atr[edges.row]
    is_beyond = windows.gather(windows.close, edges.row) > beyond[:, None]
    share: Floats = is_beyond.sum(axis=-1, dtype=np.int32) / windows.size
    return share


def round_bonus(price: Floats, tolerance_bps: float) -> Floats:
    """What nearness to a round number adds to a level's strength; tolerance 0 = nothing."""
    out = np.zeros(price.shape)
    if tolerance_bps == 0:
        return out
    unit = 10.0 ** (np.floor(np.log10(price)) - 1)
    for multiple, bonus in reversed(ROUND_STEPS):  # the roundest is written last
        step = multiple * unit
        distance = np.abs(price - np.round(price / step) * step)
        out[distance <= tolerance_bps * 1e-4 * price] = bonus
    return out


def _cascade(edges: Edges, settings: keys.Levels) -> Floats:
    """Bonus for standing in a row of levels, each of which feeds the next break."""
    bonus = np.minimum(CASCADE_MAX, CASCADE_STEP * edges.near)
    return np.where(edges.near >= settings.cascade_min, bonus, 0.0)


def keep(windows: Windows, groups: Groups, settings: keys.Levels) -> Indices:
    """Positions of the groups accepted, strongest first, each far enough from those before."""
    is_fit = groups.touches >= settings.touches_min
    is_fit &= groups.strength >= settings.strength_min_frac
    fit = np.flatnonzero(is_fit)
    by = (-groups.edge[fit], -groups.last[fit], -groups.strength[fit], groups.row[fit])
    order = fit[np.lexsort(by)]
    row, edge = groups.row[order], groups.edge[order]
    gap = settings.gap_min_atr * windows.atr[row]
    slot = _place(row)
    accepted = np.full((int(row.max(initial=-1)) + 1, int(slot.max(initial=-1)) + 1), np.inf)
    is_kept: Bools = np.zeros(len(order), dtype=np.bool_)
    for i in range(accepted.shape[1]):
        now = np.flatnonzero(slot == i)
        distance = np.abs(accepted[row[now], :i] - edge[now, None])
        chosen = now[(distance >= gap[now, None]).all(axis=-1)]
        is_kept[chosen] = True
        accepted[row[chosen], i] = edge[chosen]
    return order[is_kept]


def _place(row: Indices) -> Indices:
    """Position of each element within its run of equal rows; `row` is sorted."""
    start = np.flatnonzero(np.diff(row, prepend=-1))
    return np.arange(len(row)) - np.repeat(start, np.diff(start, append=len(row)))
