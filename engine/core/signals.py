"""Which level each point faces and what a MOMENTUM entry asks of its bar; stops of both setups.

Everything is an array over points, so the newest bar of every symbol and chosen bars of a history
are asked the same. It must never size a trade, read a quote, or look at an open bar.
"""

import msgspec
import numpy as np

from engine.core import settings as keys
from engine.core.breaks import has_levels, trigger_of, windows_before
from engine.core.checks import FEW_BARS, Row
from engine.core.indicators import Bools, Floats, Indices
from engine.core.levels import Groups, Windows, in_reach, keep, merge, weigh
from engine.core.market import Window
from engine.core.points import Points, tails
from engine.core.reading import CLOSE, Reading
from engine.core.settings import Settings
from engine.core.values import Level, Side

NO_LEVEL = "no fresh level"
UNFACED = "no level was faced"
INSIDE = "inside its recent range"
OTHER_SIDE = "this side is off"


class Facing(msgspec.Struct, frozen=True, eq=False):
    """The level each point broke at its bar, else its nearest fresh one.

    Arrays `(points,)`; without a fresh level `sign` is 0 and numbers are NaN.
    """

    levels: tuple[Level | None, ...]
    sign: Floats  # d: +1 faces a resistance, -1 a support
    price: Floats
    trigger: Floats  # directed: T = d*P + eps
    strength: Floats
    is_break: Bools
    is_known: Bools  # enough bars to have levels at all
    is_looked: Bools  # levels were looked for


class _Fresh(msgspec.Struct, frozen=True, eq=False):
    """Levels of one side that no recent close had cleared: arrays `(levels,)`."""

    point: Indices
    group: Indices
    trigger: Floats
    beyond: Floats  # directed close minus trigger: positive once crossed
    edge: Floats  # d*P


def facing(
    window: Window, points: Points, reading: Reading, settings: Settings, wanted: Bools
) -> Facing:
    """The broken or nearest fresh level of each wanted point, among the levels before its bar.

    Of several levels crossed at once the outermost is the broken one: the last obstacle cleared.
    """
    is_known = has_levels(window, points, settings) & (reading.atr > 0)
    mine = np.flatnonzero(is_known & wanted)
    some, atr = points.take(mine), reading.atr[mine]
    near = reading.take(mine)
    both: list[tuple[Windows, Groups, _Fresh]] = []
    for side in Side:
        windows = windows_before(window, some, side, (atr, settings))
        edges = merge(windows, settings.levels)
        _, is_fresh = _triggers(windows, (edges.row, edges.edge), (near, settings))
        edges = in_reach(windows, edges, is_fresh, settings.levels)
        groups = weigh(windows, edges, settings.levels)
        kept = keep(windows, groups, settings.levels)
        both.append((windows, groups, _fresh(windows, groups, kept, (near, settings))))
    out = _nothing(is_known, wanted)
    levels: list[Level | None] = [None] * len(points)
    for which, i in _choice([fresh for *_, fresh in both]):
        windows, groups, fresh = both[which]
        point, group = int(mine[fresh.point[i]]), int(fresh.group[i])
        levels[point] = _level(windows, groups, group)
        out.sign[point] = windows.sign
        out.price[point] = windows.sign * groups.edge[group]
        out.trigger[point] = fresh.trigger[i]
        out.strength[point] = groups.strength[group]
        out.is_break[point] = fresh.beyond[i] > 0
    return msgspec.structs.replace(out, levels=tuple(levels))


def _nothing(is_known: Bools, wanted: Bools) -> Facing:
    size = len(is_known)
    return Facing(
        levels=(),
        sign=np.zeros(size),
        price=np.full(size, np.nan),
        trigger=np.full(size, np.nan),
        strength=np.full(size, np.nan),
        is_break=np.zeros(size, dtype=np.bool_),
        is_known=is_known,
        is_looked=wanted,
    )


def _fresh(
    windows: Windows, groups: Groups, kept: Indices, terms: tuple[Reading, Settings]
) -> _Fresh:
    row, edge = groups.row[kept], groups.edge[kept]
    trigger, is_fresh = _triggers(windows, (row, edge), terms)
    row, trigger = row[is_fresh], trigger[is_fresh]
    beyond = windows.sign * terms[0].close[row] - trigger
    return _Fresh(row, kept[is_fresh], trigger, beyond, edge[is_fresh])


def _triggers(
    windows: Windows, groups: tuple[Indices, Floats], terms: tuple[Reading, Settings]
) -> tuple[Floats, Bools]:
    """What clears each group, by row and edge, and whether no recent close did."""
    reading, settings = terms
    row, edge = groups
    trigger = trigger_of(windows.sign * edge, windows.sign, windows.atr[row], settings)
    return trigger, cleared(reading, windows.sign)[row] <= trigger


def _choice(fresh: list[_Fresh]) -> list[tuple[int, int]]:
    """Which level of which side each point faces: the outermost crossed, else the nearest."""
    point = np.concatenate([f.point for f in fresh])
    beyond = np.concatenate([f.beyond for f in fresh])
    edge = np.concatenate([f.edge for f in fresh])
    is_crossed = beyond > 0
    order = np.lexsort((np.where(is_crossed, -edge, -beyond), ~is_crossed, point))
    picks = order[np.unique(point[order], return_index=True)[1]]
    split = len(fresh[0].point)
    return [(0, i) if i < split else (1, i - split) for i in picks.tolist()]


def _level(windows: Windows, groups: Groups, i: int) -> Level:
    start = int(windows.start[groups.row[i]])
    first, last = int(groups.first[i]), int(groups.last[i])
    return Level(
        side=Side.LONG if windows.sign > 0 else Side.SHORT,
        price=float(windows.sign * groups.edge[i]),
        touches=int(groups.touches[i]),
        first_ms=int(windows.open_ms[start + first]),
        last_ms=int(windows.open_ms[start + last]),
        span_bars=last - first,
        strength=float(groups.strength[i]),
    )


def cleared(reading: Reading, sign: int) -> Floats:
    """The farthest directed close of the fresh bars before the point."""
    return reading.close_high if sign > 0 else -reading.close_low


def momentum(
    window: Window, points: Points, reading: Reading, facing: Facing, settings: Settings
) -> tuple[Row, ...]:
    """The candle rows of a momentum entry; what needs a level is unknown without one."""
    s, d = settings.signals, facing.sign
    # Signed, so that a large body against the break shows why it fails.
    color = np.sign(reading.close - reading.open) * np.where(d == 0, 1, d)
    body = np.where(d == 0, reading.body_frac, color * reading.body_frac)
    is_body = (body >= s.body_min_frac) & ((color > 0) | (d == 0))
    atr = np.where(reading.atr > 0, reading.atr, np.nan)
    moved = d * (reading.close - facing.price)
    gap = np.abs(reading.close - reading.vwap20) / atr
    mult, surge, slope = reading.volume_mult, reading.surge_1h_mult, reading.slope_pct
    return (
        _break_row(reading, facing, s),
        Row("volume", mult, s.volume_min_mult, mult >= s.volume_min_mult, "no volume to compare"),
        Row("surge_1h", surge, s.surge_1h_min_mult, surge >= s.surge_1h_min_mult, "no hour before"),
        Row("body", body, s.body_min_frac, is_body),
        Row("slope", slope, s.slope_max_pct, slope <= s.slope_max_pct),
        *_consolidation(window, points, (facing, atr), s),
        bb_rank(reading.bb_rank_pct, settings),
        Row("chase", moved / atr, s.chase_max_atr, moved <= s.chase_max_atr * atr, UNFACED),
        Row("vwap_gap", gap, s.vwap_gap_max_atr, gap <= s.vwap_gap_max_atr),
    )


def bb_rank(rank: Floats, settings: Settings) -> Row:
    """Whether the band was narrow before the break."""
    most = settings.universe.bb_rank_max_pct
    return Row("bb_rank", rank, most, rank <= most)


def _consolidation(
    window: Window, points: Points, terms: tuple[Facing, Floats], settings: keys.Signals
) -> tuple[Row, ...]:
    """How far from the level the closes before the break were, in ATR; no row when off."""
    if settings.consolidation_min_bars == 0:
        return ()
    facing, atr = terms
    closes = tails(window.ohlcv[:, CLOSE], points, settings.consolidation_min_bars, ago=1)
    away = (facing.sign[:, None] * (facing.price[:, None] - closes)).max(axis=-1)
    most = settings.consolidation_max_atr
    return (Row("consolidation", away / atr, most, away <= most * atr, UNFACED),)


def _break_row(reading: Reading, facing: Facing, settings: keys.Signals) -> Row:
    """Distance beyond the trigger in percent; having no level in reach is a FAIL, not unknown."""
    is_off = np.zeros(len(facing.sign), dtype=np.bool_)
    for side in Side:
        if settings.sides not in ("both", side.lower()):
            is_off |= facing.sign == side.sign
    value = 100 * (facing.sign * reading.close - facing.trigger) / reading.close
    words = np.select(
        [
            ~facing.is_known,
            ~facing.is_looked,
            facing.sign == 0,
            facing.is_break & is_off,
        ],
        [FEW_BARS, INSIDE, NO_LEVEL, OTHER_SIDE],
        default="",
    )
    ok = facing.is_break & ~is_off
    return Row("break", value, 0.0, ok, words=tuple(words.tolist()), known=facing.is_known)


def momentum_stop(sign: Floats, price: Floats, reading: Reading, settings: keys.Signals) -> Floats:
    """Stop of a break of `price`: the tighter of the base's extreme and a distance from the level.

    Measured from the level, because the level is what must hold; never too near to the close.
    """
    base = np.where(sign > 0, reading.lowest, -reading.highest)
    by_base = base - settings.stop_pad_atr * reading.atr
    by_level = sign * price - settings.momentum_stop_atr * reading.atr
    return sign * _not_too_near(np.maximum(by_base, by_level), sign, reading, settings)


def retest_stop(sign: Floats, price: Floats, reading: Reading, settings: keys.Signals) -> Floats:
    """Stop of a return to `price`: a distance beyond the level, never too near to the close."""
    by_level = sign * price - settings.retest_stop_atr * reading.atr
    return sign * _not_too_near(by_level, sign, reading, settings)


def _not_too_near(stop: Floats, sign: Floats, reading: Reading, settings: keys.Signals) -> Floats:
    close = sign * reading.close
    least = settings.stop_min_atr * reading.atr
    return np.where(close - stop < least, close - least, stop)
