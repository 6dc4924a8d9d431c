"""Breaks: the bars whose close cleared a level that had held, with volume behind them.

A break is a function of the bars up to it and of nothing else, so it is found the same way in a
long history, at the newest bar, and again after a restart. Levels are clustered only at bars that
pass gate 0: what fails it cannot be a break. It must never ask whether a break is worth a trade.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from engine.core.indicators import (
    VOLUME_N,
    Bools,
    Floats,
    Indices,
    Times,
    close_high,
    close_low,
    places,
    surge_1h_mult,
    volume_mult,
)
from engine.core.levels import Groups, Windows, in_reach, keep, lay_windows, merge, weigh
from engine.core.market import Window
from engine.core.points import Points, tails
from engine.core.reading import CLOSE, VOLUME, atr_before
from engine.core.settings import Settings
from engine.core.values import Level, Side

CHUNK = 2048  # windows clustered at once: few calls, and some 10 MB at most
BLOCK = 2**16  # bars looked at in one pass


class Gated(msgspec.Struct, frozen=True, eq=False):
    """Bars that pass gate 0, and which way: arrays `(points,)`, by row, then bar."""

    points: Points
    sign: Indices
    atr: Floats  # of the bar before
    cleared: Floats  # the farthest directed close of the fresh bars before

    def take(self, index: Indices | Bools) -> "Gated":
        """Some of them."""
        return Gated(
            self.points.take(index), self.sign[index], self.atr[index], self.cleared[index]
        )


class Breaks(msgspec.Struct, frozen=True, eq=False):
    """Arrays `(breaks,)`, by row of the window, then bar."""

    row: Indices
    bar: Indices
    sign: Indices
    price: Floats
    trigger: Floats  # directed: what the close had to exceed
    atr: Floats  # ATR14 of the bar before
    strength: Floats
    touches: Indices
    span: Indices
    first_ms: Times
    last_ms: Times

    def __len__(self) -> int:
        return len(self.row)

    def take(self, index: Indices | Bools) -> "Breaks":
        """Some of them."""
        return Breaks(*(getattr(self, name)[index] for name in self.__struct_fields__))

    def level(self, i: int) -> Level:
        """The level that break `i` cleared."""
        return Level(
            side=Side.LONG if self.sign[i] > 0 else Side.SHORT,
            price=float(self.price[i]),
            touches=int(self.touches[i]),
            first_ms=int(self.first_ms[i]),
            last_ms=int(self.last_ms[i]),
            span_bars=int(self.span[i]),
            strength=float(self.strength[i]),
        )


def joined(parts: list[Breaks]) -> Breaks:
    """All of several, by row, then bar."""
    columns = (np.concatenate([getattr(p, n) for p in parts]) for n in Breaks.__struct_fields__)
    every = Breaks(*columns)
    return every.take(np.lexsort((every.bar, every.row)))


def gated(window: Window, settings: Settings, newest: int | None = None) -> Gated:
    """Bars whose close exceeds all of the fresh bars before, on volume, with a known ATR.

    Looks at the `newest` bars, or at all of them; at costlier terms only where the cheaper hold.
    """
    symbols, bars = window.open_ms.shape
    start = 0 if newest is None else max(bars - newest, 0)
    step = max(BLOCK // max(symbols, 1), 1)
    blocks = [range(i, min(i + step, bars)) for i in range(start, bars, step)]
    return _together([_gated(window, block, settings) for block in blocks or [range(bars, bars)]])


def _together(parts: list[Gated]) -> Gated:
    row, bar = (np.concatenate([getattr(p.points, name) for p in parts]) for name in ("row", "bar"))
    sign, atr, cleared = (
        np.concatenate([getattr(p, name) for p in parts]) for name in ("sign", "atr", "cleared")
    )
    return Gated(Points(row, bar), sign, atr, cleared).take(np.lexsort((bar, row)))


def _gated(window: Window, block: range, settings: Settings) -> Gated:
    """Those among the bars of a block."""
    s, hour = settings.signals, 3600 // settings.market.frame_s
    first = max(block.start - max(s.fresh_bars, 2 * hour - 1, VOLUME_N), 0)
    candles = window.ohlcv[..., first : block.stop]
    close, volume = candles[:, CLOSE], candles[:, VOLUME]
    above, below = close_high(close, s.fresh_bars), close_low(close, s.fresh_bars)
    is_out = (close > above) | (close < below)
    is_out &= surge_1h_mult(volume, hour) >= s.surge_1h_min_mult
    is_out[:, : block.start - first] = False
    row, at = places(is_out)
    mult = volume_mult(tails(volume, Points(row, at), VOLUME_N + 1))[:, -1]
    is_loud = mult >= s.volume_min_mult
    row, at = row[is_loud], at[is_loud]
    sign = np.where(close[row, at] > above[row, at], 1, -1)
    cleared = np.where(sign > 0, above[row, at], -below[row, at])
    points = Points(row, at + first)
    found = Gated(points, sign, atr_before(window, points), cleared)
    return found.take(found.atr > 0)


def find_breaks(window: Window, settings: Settings, newest: int | None = None) -> Breaks:
    """Every break among the `newest` bars of a window, or among all of them."""
    found = gated(window, settings, newest)
    return joined([_of_side(window, found, side, settings) for side in Side])


def _of_side(window: Window, found: Gated, side: Side, settings: Settings) -> Breaks:
    mine = np.flatnonzero((found.sign == side.sign) & has_levels(window, found.points, settings))
    windows = windows_before(window, found.points.take(mine), side, (found.atr[mine], settings))
    parts = [np.arange(i, min(i + CHUNK, len(mine))) for i in range(0, len(mine) or 1, CHUNK)]
    return joined([_cleared(windows.take(p), found.take(mine[p]), settings) for p in parts])


def has_levels(window: Window, points: Points, settings: Settings) -> Bools:
    """Whether all bars are there that the levels of a point are built from."""
    begin = points.bar - settings.levels.window_bars
    out: Bools = (begin >= 0) & (window.open_ms[points.row, np.maximum(begin, 0)] >= 0)
    return out


def windows_before(
    window: Window, points: Points, side: Side, terms: tuple[Floats, Settings]
) -> Windows:
    """The bars before each point, with the ATR before it."""
    atr, settings = terms
    rows, place = np.unique(points.row, return_inverse=True)
    candles = window.open_ms, window.ohlcv
    if 2 * len(rows) < len(window.ohlcv):  # nothing is looked for in the others
        candles = window.open_ms[rows], window.ohlcv[rows]
    else:
        place = points.row
    start = place * window.open_ms.shape[-1] + points.bar - settings.levels.window_bars
    return lay_windows(side, candles, start, atr, settings.levels)


def trigger_of(price: Floats, sign: int, atr: Floats, settings: Settings) -> Floats:
    """What a directed close must exceed to have cleared a level: `T = d*P + eps`."""
    s = settings.signals
    eps = np.maximum(s.break_eps_bps * 1e-4 * price, s.break_eps_atr * atr)
    trigger: Floats = sign * price + eps
    return trigger


def _cleared(windows: Windows, found: Gated, settings: Settings) -> Breaks:
    """The outermost level each window's bar cleared and the fresh bars before had not."""
    sign, close = windows.sign, windows.close[windows.start + windows.size]

    def is_broken(row: Indices, edge: Floats) -> tuple[Floats, Bools]:
        trigger = trigger_of(sign * edge, sign, windows.atr[row], settings)
        return trigger, (trigger < close[row]) & (trigger >= found.cleared[row])

    edges = merge(windows, settings.levels)
    _, is_wanted = is_broken(edges.row, edges.edge)
    edges = in_reach(windows, edges, is_wanted, settings.levels)
    groups = weigh(windows, edges, settings.levels)
    kept = keep(windows, groups, settings.levels)
    trigger, is_hit = is_broken(groups.row, groups.edge)
    kept = kept[is_hit[kept]]
    kept = kept[np.lexsort((-groups.edge[kept], groups.row[kept]))]
    outermost = kept[np.unique(groups.row[kept], return_index=True)[1]]
    return _breaks(windows, found, (groups, outermost), trigger)


def _breaks(
    windows: Windows, found: Gated, which: tuple[Groups, Indices], trigger: Floats
) -> Breaks:
    groups, kept = which
    row = groups.row[kept]
    start = windows.start[row]
    return Breaks(
        row=found.points.row[row],
        bar=found.points.bar[row],
        sign=found.sign[row],
        price=windows.sign * groups.edge[kept],
        trigger=trigger[kept],
        atr=windows.atr[row],
        strength=groups.strength[kept],
        touches=groups.touches[kept],
        span=(groups.last - groups.first)[kept],
        first_ms=windows.open_ms[start + groups.first[kept]],
        last_ms=windows.open_ms[start + groups.last[kept]],
    )


_NO, _NOTHING = np.empty(0, dtype=np.int64), np.empty(0)
NONE = Breaks(_NO, _NO, _NO, _NOTHING, _NOTHING, _NOTHING, _NOTHING, _NO, _NO, _NO, _NO)


class Memory:
    """The last break of each symbol, found once: a break is a function of the bars up to it."""

    def __init__(self) -> None:
        self._settings: Settings | None = None
        self._numbers: dict[str, int] = {}  # of the symbols, in the order they were met
        self._seen_ms = _NO  # the newest bar looked at, by number
        self._last = NONE  # `row` is the symbol's number, `bar` the open time

    def latest(self, symbols: Sequence[str], window: Window, settings: Settings) -> Breaks:
        """The last break of each symbol that is no older than a retest may use.

        `window` holds the newest bars of these symbols; only bars that are new are looked at.
        """
        if settings is not self._settings:
            self._settings = settings
            self._seen_ms, self._last = np.zeros_like(self._seen_ms), NONE
        number = np.array([self._numbers.setdefault(s, len(self._numbers)) for s in symbols])
        unmet = np.zeros(len(self._numbers) - len(self._seen_ms), dtype=np.int64)
        self._seen_ms = np.append(self._seen_ms, unmet)
        first = max(window.open_ms.shape[-1] - 1 - settings.signals.retest_max_bars, 0)
        found = self._new(window, number, first, settings)
        is_old = ~np.isin(self._last.row, found.row)
        self._last = joined([self._last.take(is_old), found])
        self._seen_ms[number] = window.open_ms[:, -1]
        return self._placed(number, window, first)

    def _new(self, window: Window, number: Indices, first: int, settings: Settings) -> Breaks:
        """The last break of each symbol among its new bars, from column `first` on."""
        is_new = window.open_ms > self._seen_ms[number, None]
        is_new[:, :first] = False
        found = find_breaks(window, settings, int(np.count_nonzero(is_new.any(axis=0))))
        found = found.take(is_new[found.row, found.bar])
        found = found.take(np.diff(found.row, append=-1) != 0)
        return msgspec.structs.replace(
            found, row=number[found.row], bar=window.open_ms[found.row, found.bar]
        )

    def _placed(self, number: Indices, window: Window, first: int) -> Breaks:
        """The remembered breaks at their rows and columns of this window, from `first` on."""
        row_of = np.full(len(self._numbers), -1)
        row_of[number] = np.arange(len(number))
        row = row_of[self._last.row]
        is_there = window.open_ms[row, first:] == self._last.bar[:, None]
        known = np.flatnonzero((row >= 0) & is_there.any(axis=-1))
        bar = first + is_there[known].argmax(axis=-1)
        placed = msgspec.structs.replace(self._last.take(known), row=row[known], bar=bar)
        return placed.take(np.argsort(placed.row))
