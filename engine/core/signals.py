"""Which level each symbol faces at its last closed bar, whether it broke, and where a stop belongs.

Everything is computed for all symbols at once from one window of candles; levels are built from
the bars before the last one. It must never size a trade, read a quote, or look at an open bar.
"""

import msgspec
import numpy as np

from engine.core import settings as keys
from engine.core.indicators import (
    BB_N,
    BB_RANK_N,
    QUARTER_MS,
    SLOPE_N,
    VOLUME_N,
    Bools,
    Floats,
    atr,
    atr15_pct,
    bb_rank_pct,
    body_frac,
    close_high,
    close_low,
    slope_pct,
    surge_1h_mult,
    volume_mult,
)
from engine.core.levels import Indices, Zones, find_zones
from engine.core.market import Window
from engine.core.settings import Settings
from engine.core.values import Level, Side

STOP_N = 10
FEW_BARS = "not enough bars"

_OPEN, _HIGH, _LOW, _CLOSE, _VOLUME = range(5)


class Reading(msgspec.Struct, frozen=True, eq=False):
    """Candle features at the last bar t: arrays `(symbols,)`, NaN = unknown."""

    open: Floats
    close: Floats
    atr: Floats  # of the bar before
    close_high: Floats  # of the fresh_bars closes before
    close_low: Floats
    volume_mult: Floats
    surge_1h_mult: Floats
    body_frac: Floats
    slope_pct: Floats
    bb_rank_pct: Floats  # of the bar before, so that a break cannot disqualify itself
    atr15_pct: Floats
    low: Floats  # of the last 10 bars
    high: Floats


class Row(msgspec.Struct, frozen=True, eq=False):
    """One check of every symbol: arrays `(symbols,)`.

    A symbol is unknown where `known` says no, or without it, where the value is NaN.
    """

    name: str
    value: Floats
    need: float | tuple[float, float]
    ok: Bools
    unknown: str = FEW_BARS  # why a value may be missing
    words: tuple[str, ...] = ()  # per symbol, where numbers do not tell the reason
    known: Bools | None = None


class Facing(msgspec.Struct, frozen=True, eq=False):
    """The level each symbol broke at its last bar, else its nearest fresh one.

    Arrays `(symbols,)`; without a fresh level `sign` is 0 and prices are NaN.
    """

    levels: tuple[Level | None, ...]
    sign: Floats  # d: +1 faces a resistance, -1 a support
    price: Floats
    trigger: Floats  # directed: T = d*P + eps
    is_break: Bools
    is_known: Bools  # enough bars to have levels at all


class _Fresh(msgspec.Struct, frozen=True, eq=False):
    """Levels of one side that no recent close had cleared: arrays `(levels,)`."""

    row: Indices
    zone: Indices
    sign: Floats
    price: Floats
    trigger: Floats
    beyond: Floats  # directed close minus trigger: positive once crossed


def read(window: Window, settings: Settings) -> Reading:
    """Features of the last bar; `window` should hold the last 300."""
    opened, high, low, close, volume = (window.ohlcv[:, i] for i in range(5))
    fresh, hour = settings.signals.fresh_bars, 3600 // settings.market.frame_s
    # Each feature reads only as many bars as it needs; the floats are those of the whole window.
    return Reading(
        open=opened[:, -1],
        close=close[:, -1],
        atr=atr(high[:, -16:], low[:, -16:], close[:, -16:])[:, -2],
        close_high=close_high(close[:, -fresh - 1 :], fresh)[:, -1],
        close_low=close_low(close[:, -fresh - 1 :], fresh)[:, -1],
        volume_mult=volume_mult(volume[:, -VOLUME_N - 1 :])[:, -1],
        surge_1h_mult=surge_1h_mult(volume[:, -2 * hour :], hour)[:, -1],
        body_frac=body_frac(window.ohlcv[..., -1:])[:, -1],
        slope_pct=slope_pct(close[:, -SLOPE_N - 2 :])[:, -1],
        bb_rank_pct=bb_rank_pct(close[:, -BB_N - BB_RANK_N - 1 : -1])[:, -1],
        atr15_pct=_atr15(window, settings.market.frame_s),
        low=low[:, -STOP_N:].min(axis=-1),
        high=high[:, -STOP_N:].max(axis=-1),
    )


def _atr15(window: Window, frame_s: int) -> Floats:
    """Last value; the whole window is read only for symbols whose newest bars have holes."""
    tail = -17 * QUARTER_MS // (1000 * frame_s)  # 15 quarter hours, cut anywhere
    value = atr15_pct(window.open_ms[:, tail:], window.ohlcv[..., tail:], frame_s)[:, -1]
    rest = np.flatnonzero(np.isnan(value))
    value[rest] = atr15_pct(window.open_ms[rest], window.ohlcv[rest], frame_s)[:, -1]
    return value


def face(window: Window, reading: Reading, settings: Settings) -> Facing:
    """Find the broken or nearest fresh level of each symbol among the levels before its last bar.

    Of several levels crossed at once the outermost is the broken one: the last obstacle cleared.
    """
    bars = slice(-settings.levels.window_bars - 1, -1)
    zones = [
        find_zones(
            side, window.open_ms[:, bars], window.ohlcv[..., bars], reading.atr, settings.levels
        )
        for side in Side
    ]
    fresh = [_fresh(z, reading, settings.signals) for z in zones]
    row = np.concatenate([f.row for f in fresh])
    beyond = np.concatenate([f.beyond for f in fresh])
    edge = np.concatenate([f.sign * f.price for f in fresh])
    is_crossed = beyond > 0
    rank = np.where(is_crossed, -edge, -beyond)
    order = np.lexsort((rank, ~is_crossed, row))
    rows, first = np.unique(row[order], return_index=True)
    is_known = (window.open_ms[:, bars.start] >= 0) & (reading.atr > 0)
    return _facing(is_known, zones, fresh, (rows, order[first]))


def _facing(
    is_known: Bools, zones: list[Zones], fresh: list[_Fresh], chosen: tuple[Indices, Indices]
) -> Facing:
    (rows, picks), size = chosen, len(is_known)
    split = len(fresh[0].row)
    levels: list[Level | None] = [None] * size
    for row, pick in zip(rows.tolist(), picks.tolist(), strict=True):
        side, i = (0, pick) if pick < split else (1, pick - split)
        levels[row] = zones[side].level(int(fresh[side].zone[i]))
    out = Facing(
        levels=tuple(levels),
        sign=np.zeros(size),
        price=np.full(size, np.nan),
        trigger=np.full(size, np.nan),
        is_break=np.zeros(size, dtype=np.bool_),
        is_known=is_known,
    )
    out.sign[rows] = np.concatenate([f.sign for f in fresh])[picks]
    out.price[rows] = np.concatenate([f.price for f in fresh])[picks]
    out.trigger[rows] = np.concatenate([f.trigger for f in fresh])[picks]
    out.is_break[rows] = np.concatenate([f.beyond for f in fresh])[picks] > 0
    return out


def _fresh(zones: Zones, reading: Reading, settings: keys.Signals) -> _Fresh:
    sign, row = zones.side.sign, zones.row
    eps = np.maximum(
        settings.break_eps_bps * 1e-4 * zones.price, settings.break_eps_atr * reading.atr[row]
    )
    trigger = sign * zones.price + eps
    zone = np.flatnonzero(cleared(reading, zones.side)[row] <= trigger)
    return _Fresh(
        row=row[zone],
        zone=zone,
        sign=np.full(len(zone), float(sign)),
        price=zones.price[zone],
        trigger=trigger[zone],
        beyond=sign * reading.close[row[zone]] - trigger[zone],
    )


def cleared(reading: Reading, side: Side) -> Floats:
    """The farthest directed close of the fresh bars before the last one."""
    return reading.close_high if side is Side.LONG else -reading.close_low


def near_atr(reading: Reading) -> Floats:
    """How far the close is from its recent extreme close, the nearer side, in ATR."""
    gaps = [cleared(reading, side) - side.sign * reading.close for side in Side]
    near: Floats = np.minimum(*gaps) / np.where(reading.atr > 0, reading.atr, np.nan)
    return near


def momentum(reading: Reading, facing: Facing, settings: Settings) -> tuple[Row, ...]:
    """The candle rows of a momentum entry; what needs a level is unknown without one."""
    s, d = settings.signals, facing.sign
    # Signed, so that a large body against the break shows why it fails.
    color = np.sign(reading.close - reading.open) * np.where(d == 0, 1, d)
    body = np.where(d == 0, reading.body_frac, color * reading.body_frac)
    is_body = (body >= s.body_min_frac) & ((color > 0) | (d == 0))
    moved = d * (reading.close - facing.price)
    chase = moved / np.where(reading.atr > 0, reading.atr, np.nan)
    mult, surge, slope, rank = (
        reading.volume_mult,
        reading.surge_1h_mult,
        reading.slope_pct,
        reading.bb_rank_pct,
    )
    rank_max = settings.universe.bb_rank_max_pct
    return (
        _break_row(reading, facing, s),
        Row("volume", mult, s.volume_min_mult, mult >= s.volume_min_mult, "no volume to compare"),
        Row("surge_1h", surge, s.surge_1h_min_mult, surge >= s.surge_1h_min_mult, "no hour before"),
        Row("body", body, s.body_min_frac, is_body),
        Row("slope", slope, s.slope_max_pct, slope <= s.slope_max_pct),
        Row("bb_rank", rank, rank_max, rank <= rank_max),
        Row("chase", chase, s.chase_max_atr, moved <= s.chase_max_atr * reading.atr, "no level"),
    )


def _break_row(reading: Reading, facing: Facing, settings: keys.Signals) -> Row:
    """Distance beyond the trigger; having no level in reach is a FAIL, not an unknown."""
    is_off = np.zeros(len(facing.sign), dtype=np.bool_)
    for side in Side:
        if settings.sides not in ("both", side.lower()):
            is_off |= facing.sign == side.sign
    value = 100 * (facing.sign * reading.close - facing.trigger) / reading.close
    words = np.select(
        [~facing.is_known, facing.sign == 0, facing.is_break & is_off],
        [FEW_BARS, "no fresh level", "this side is off"],
        default="",
    )
    ok = facing.is_break & ~is_off
    return Row("break", value, 0.0, ok, words=tuple(words.tolist()), known=facing.is_known)


def initial_stop(
    side: Side, price: float, reading: Reading, i: int, settings: keys.Signals
) -> float:
    """Stop of symbol `i` for a break of `price`: the nearer of base and level, never too near."""
    d, a, close = side.sign, float(reading.atr[i]), float(reading.close[i])
    base = float(reading.low[i]) if side is Side.LONG else -float(reading.high[i])
    stop = max(base - settings.stop_pad_atr * a, d * price - settings.momentum_stop_atr * a)
    if d * close - stop < settings.stop_min_atr * a:
        stop = d * close - settings.stop_min_atr * a
    return d * stop
