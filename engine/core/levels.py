"""Price levels: zones that several separate extremes respected, with a strength 0..1.

One kernel clusters the windows of all symbols at once in directed prices, so supports are the
resistances of the mirror, and a chart, the live batch and a history read the same levels. It must
never see the bar that is tested against its levels.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.core import settings as keys
from engine.core.indicators import Bools, Floats, Times, osum, swing_highs
from engine.core.values import Level, Side

Indices = NDArray[np.int64]

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


class _Windows(msgspec.Struct, frozen=True, eq=False):
    """The windows of one side that can have levels: `(windows, W)` directed extremes and closes."""

    index: Indices  # position in the caller's batch
    sign: int
    open_ms: Times
    extreme: Floats  # Y = d*H or d*L
    close: Floats  # d*C
    volume: Floats
    atr: Floats


class _Groups(msgspec.Struct, frozen=True, eq=False):
    """Merged candidates: arrays `(groups,)`, by window, outermost first."""

    row: Indices
    edge: Floats  # d*P: the outermost value of the group
    atr: Floats
    touches: Indices
    first: Indices  # bar index of the first and last touch
    last: Indices
    touched_volume: Floats  # mean volume of the touching bars


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
    windows = _windows(side, open_ms, ohlcv, atr)
    groups = _touched(windows, *_merged(windows, settings), settings)
    strength = _strength(windows, groups, settings)
    kept = _kept(groups, strength, settings)
    row = groups.row[kept]
    return Zones(
        side=side,
        row=windows.index[row],
        price=windows.sign * groups.edge[kept],
        touches=groups.touches[kept],
        first_ms=windows.open_ms[row, groups.first[kept]],
        last_ms=windows.open_ms[row, groups.last[kept]],
        span=(groups.last - groups.first)[kept],
        strength=strength[kept],
    )


def _windows(side: Side, open_ms: Times, ohlcv: Floats, atr: Floats) -> _Windows:
    index = np.flatnonzero((open_ms >= 0).all(axis=-1) & (atr > 0))
    bars = ohlcv[index]
    return _Windows(
        index=index,
        sign=side.sign,
        open_ms=open_ms[index],
        extreme=side.sign * bars[:, _HIGH if side is Side.LONG else _LOW],
        close=side.sign * bars[:, _CLOSE],
        volume=bars[:, _VOLUME],
        atr=atr[index],
    )


def _merged(windows: _Windows, settings: keys.Levels) -> tuple[Indices, Floats]:
    """Candidates merged into groups: the window and the outermost value of each."""
    extreme = windows.extreme
    swings = np.where(swing_highs(extreme, settings.swing_bars), extreme, -np.inf)
    swings = -np.sort(-swings, axis=-1)
    most = int(np.count_nonzero(swings > -np.inf, axis=-1).max(initial=0))
    tops = [extreme[:, -n:].max(axis=-1) for n in settings.donchian_bars]
    values = -np.sort(-np.column_stack([swings[:, :most], *tops]), axis=-1)
    is_edge = np.zeros(values.shape, dtype=np.bool_)
    anchor = np.full(len(values), np.inf)
    depth = settings.merge_atr * windows.atr
    for i in range(values.shape[1]):
        value = values[:, i]
        is_edge[:, i] = (anchor - value > depth) & (value > -np.inf)
        anchor = np.where(is_edge[:, i], value, anchor)
    row, column = np.nonzero(is_edge)
    return row, values[row, column]


def _touched(windows: _Windows, row: Indices, edge: Floats, settings: keys.Levels) -> _Groups:
    """Count the touches of each group; its own edge is always one."""
    atr = windows.atr[row]
    offset = windows.extreme[row] - edge[:, None]
    is_touch = offset >= (-settings.merge_atr * atr)[:, None]
    is_touch &= offset <= (settings.pierce_atr * atr)[:, None]
    group, bar = np.nonzero(is_touch)
    is_new = np.diff(group, prepend=-1) > 0  # first touching bar of its group
    is_run = is_new | (np.diff(bar, prepend=0) > settings.touch_gap_bars)
    is_end = np.diff(group, append=-1) != 0
    # bincount adds in the order given: oldest to newest within each group.
    volume = np.bincount(group, weights=windows.volume[row[group], bar], minlength=len(row))
    count = np.bincount(group, minlength=len(row))
    return _Groups(
        row=row,
        edge=edge,
        atr=atr,
        touches=np.bincount(group[is_run], minlength=len(row)),
        first=bar[is_new],
        last=bar[is_end],
        touched_volume=volume / count,
    )


def _strength(windows: _Windows, groups: _Groups, settings: keys.Levels) -> Floats:
    size = windows.extreme.shape[1]
    volume = (osum(windows.volume, size)[:, -1] / size)[groups.row]
    heat = np.divide(groups.touched_volume, volume, out=np.zeros_like(volume), where=volume > 0)
    beyond = groups.edge + settings.pierce_atr * groups.atr
    pierced = np.count_nonzero(windows.close[groups.row] > beyond[:, None], axis=-1) / size
    base = (
        0.40 * np.minimum(1, groups.touches / STRENGTH_TOUCHES)
        + 0.20 * np.minimum(1, (groups.last - groups.first) / STRENGTH_SPAN_BARS)
        + 0.20 * np.minimum(1, heat / 2)
        + 0.20 * (1 - np.minimum(1, 5 * pierced))
    )
    price = np.abs(groups.edge)
    bonus = round_bonus(price, settings.round_tolerance_bps) + _cascade(groups, settings)
    total: Floats = np.minimum(1, base + bonus)
    return total


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


def _cascade(groups: _Groups, settings: keys.Levels) -> Floats:
    """Bonus for standing in a row of levels, each of which feeds the next break."""
    row, edge = groups.row, groups.edge
    radius = settings.cascade_radius_atr * groups.atr
    near = np.ones(len(row), dtype=np.int64)
    for shift in range(1, _most_per_row(row)):
        is_near = row[shift:] == row[:-shift]
        is_near &= edge[:-shift] - edge[shift:] <= radius[shift:]
        near[shift:] += is_near
        near[:-shift] += is_near
    bonus = np.minimum(CASCADE_MAX, CASCADE_STEP * near)
    return np.where(near >= settings.cascade_min, bonus, 0.0)


def _kept(groups: _Groups, strength: Floats, settings: keys.Levels) -> Indices:
    """Indices of the groups accepted, strongest first, each far enough from those before."""
    is_fit = groups.touches >= settings.touches_min
    is_fit &= strength >= settings.strength_min_frac
    fit = np.flatnonzero(is_fit)
    order = fit[np.lexsort((-groups.edge[fit], -groups.last[fit], -strength[fit], groups.row[fit]))]
    row, edge = groups.row[order], groups.edge[order]
    gap = settings.gap_min_atr * groups.atr[order]
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


def _most_per_row(row: Indices) -> int:
    return int(np.bincount(row).max(initial=0))
