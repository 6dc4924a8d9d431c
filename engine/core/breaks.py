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
    surge_1h_mult,
    volume_mult,
)
from engine.core.levels import Edges, Groups, Windows, keep, lay_windows, merge, weigh
from engine.core.market import Window
from engine.core.points import Points, tails
from engine.core.reading import CLOSE, VOLUME, atr_before
from engine.core.settings import Settings
from engine.core.values import Level, Ms, Side

CHUNK = 512  # windows clustered at once: what fits a cache


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
    s, bars = settings.signals, window.open_ms.shape[-1]
    first = 0 if newest is None else max(bars - newest - s.fresh_bars, 0)
    close = window.ohlcv[:, CLOSE, first:]
    above, below = close_high(close, s.fresh_bars), close_low(close, s.fresh_bars)
    row, at = np.nonzero((close > above) | (close < below))
    sign = np.where(close[row, at] > above[row, at], 1, -1)
    cleared = np.where(sign > 0, above[row, at], -below[row, at])
    points = Points(row, at + first)
    is_loud = loudness(window, points, settings)
    points = points.take(is_loud)
    found = Gated(points, sign[is_loud], atr_before(window, points), cleared[is_loud])
    return found.take(found.atr > 0)


def loudness(window: Window, points: Points, settings: Settings) -> Bools:
    """Whether the volume of each point's bar and of its hour suffices for a break."""
    s, hour = settings.signals, 3600 // settings.market.frame_s
    volume = window.ohlcv[:, VOLUME]
    mult = volume_mult(tails(volume, points, VOLUME_N + 1))[:, -1]
    out = mult >= s.volume_min_mult
    loud = np.flatnonzero(out)
    surge = surge_1h_mult(tails(volume, points.take(loud), 2 * hour), hour)[:, -1]
    out[loud] = surge >= s.surge_1h_min_mult
    return out


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
    candles = window.open_ms[rows], window.ohlcv[rows]  # nothing is looked for in the others
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
    reach = settings.levels.gap_min_atr * windows.atr[edges.row]
    groups = weigh(windows, edges.take(_in_reach(edges, is_wanted, reach)), settings.levels)
    kept = keep(windows, groups, settings.levels)
    trigger, is_hit = is_broken(groups.row, groups.edge)
    kept = kept[is_hit[kept]]
    kept = kept[np.lexsort((-groups.edge[kept], groups.row[kept]))]
    outermost = kept[np.unique(groups.row[kept], return_index=True)[1]]
    return _breaks(windows, found, (groups, outermost), trigger)


def _in_reach(edges: Edges, is_wanted: Bools, reach: Floats) -> Bools:
    """Groups that are wanted or may stand in the way of one: linked by gaps below the least."""
    is_next = np.diff(edges.row, prepend=-1) == 0
    is_linked = is_next & (-np.diff(edges.edge, prepend=np.inf) < reach)
    chain = np.cumsum(~is_linked)
    out: Bools = (np.bincount(chain, weights=is_wanted) > 0)[chain]
    return out


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


class Memory:
    """The last break of each symbol, found once: a break is a function of the bars up to it."""

    def __init__(self) -> None:
        self._seen_ms: dict[str, Ms] = {}  # the newest bar looked at
        self._last: dict[str, tuple[Ms, Breaks]] = {}  # bar of the last break, and the break alone
        self._settings: Settings | None = None

    def latest(self, symbols: Sequence[str], window: Window, settings: Settings) -> Breaks:
        """The last break of each symbol that is no older than a retest may use.

        `window` holds the newest bars of these symbols; only bars that are new are looked at.
        """
        if settings is not self._settings:
            self._seen_ms.clear()
            self._last.clear()
            self._settings = settings
        bars, most = window.open_ms.shape[-1], settings.signals.retest_max_bars
        seen_ms = np.array([self._seen_ms.get(s, 0) for s in symbols])
        is_new = window.open_ms > seen_ms[:, None]
        is_new[:, : max(bars - 1 - most, 0)] = False
        unseen = int(np.count_nonzero(is_new.any(axis=0)))
        found = find_breaks(window, settings, unseen)
        found = found.take(is_new[found.row, found.bar])
        for i, (row, bar) in enumerate(zip(found.row.tolist(), found.bar.tolist(), strict=True)):
            self._last[symbols[row]] = int(window.open_ms[row, bar]), found.take(np.array([i]))
        self._seen_ms.update(zip(symbols, window.open_ms[:, -1].tolist(), strict=True))
        return self._placed(symbols, window, most)

    def _placed(self, symbols: Sequence[str], window: Window, most: int) -> Breaks:
        """The remembered breaks at their rows and columns of this window."""
        oldest = window.open_ms[:, max(window.open_ms.shape[-1] - 1 - most, 0)].tolist()
        parts = []
        for row, symbol in enumerate(symbols):
            bar_ms, known = self._last.get(symbol, (-1, None))
            if known is not None and bar_ms >= oldest[row]:
                at = np.flatnonzero(window.open_ms[row] == bar_ms)
                parts.append(msgspec.structs.replace(known, row=np.full(len(at), row), bar=at))
        return joined(parts) if parts else NONE


_NO, _NOTHING = np.empty(0, dtype=np.int64), np.empty(0)
NONE = Breaks(_NO, _NO, _NO, _NOTHING, _NOTHING, _NOTHING, _NOTHING, _NO, _NO, _NO, _NO)
