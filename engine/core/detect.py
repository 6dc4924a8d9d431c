"""Every setup of a whole history: what the live bot would have seen at each bar, in one pass.

It exists so that a backtest, a survey and the live scan share one kernel. What it says of a bar
follows from that bar's last 300 and nothing else, so it never changes when more bars arrive. It
must never use a quote, a ticker or the clock.
"""

import msgspec
import numpy as np

from engine.core.breaks import Breaks, find_breaks
from engine.core.checks import BOTH, Row, lay_out
from engine.core.indicators import Bools, Floats, Indices
from engine.core.market import Window
from engine.core.points import Points
from engine.core.quality import atr15, data_quality, warmup
from engine.core.reading import atr15_at, bb_rank_before, glance
from engine.core.retest import find_retests, is_allowed
from engine.core.settings import Settings
from engine.core.signals import Facing, bb_rank, momentum, momentum_stop, retest_stop
from engine.core.values import Setup


class Detection(msgspec.Struct, frozen=True, eq=False):
    """Arrays `(signals,)` by bar, then row; and every break there was."""

    row: Indices
    bar: Indices
    setup: Indices  # position in `checks.BOTH`: 0 MOMENTUM, 1 RETEST
    sign: Indices
    price: Floats  # the level
    entry: Floats  # close of the bar
    stop: Floats
    strength: Floats
    touches: Indices
    break_bar: Indices
    breaks: Breaks

    def __len__(self) -> int:
        return len(self.row)


class _Found(msgspec.Struct, frozen=True, eq=False):
    """Setups of one kind: the break each follows from, its bar, its entry and its stop."""

    breaks: Breaks
    bar: Indices
    entry: Floats
    stop: Floats
    setup: int

    @property
    def points(self) -> Points:
        return Points(self.breaks.row, self.bar)

    def take(self, index: Bools) -> "_Found":
        return _Found(
            self.breaks.take(index),
            self.bar[index],
            self.entry[index],
            self.stop[index],
            self.setup,
        )


def detect(window: Window, settings: Settings) -> Detection:
    """All setups whose data and candle checks pass, over all bars of every row."""
    breaks = find_breaks(window, settings)
    wanted = {Setup[name] for name in settings.signals.setups}
    find = {Setup.MOMENTUM: _momentum, Setup.RETEST: _retest}
    found = [find[setup](window, breaks, settings) for setup in BOTH if setup in wanted]
    # What costs most is asked last, and only of those that everything else lets pass.
    found = [_narrow(window, f, settings) for f in _clean(window, found, settings)]
    return _one_a_bar(found, breaks, settings)


def _momentum(window: Window, breaks: Breaks, settings: Settings) -> _Found:
    """Breaks that pass all of their candle rows but the one that costs most."""
    points, sign = Points(breaks.row, breaks.bar), breaks.sign.astype(np.float64)
    reading = glance(window, points, settings)
    rows = momentum(window, points, reading, _facing(breaks), settings)
    good = _pass([row for row in rows if row.name != "bb_rank"], settings)
    stop = momentum_stop(sign, breaks.price, reading, settings.signals)
    return _Found(breaks, breaks.bar, reading.close, stop, 0).take(good)


def _facing(breaks: Breaks) -> Facing:
    """Each break as the level its bar faces."""
    yes = np.ones(len(breaks), dtype=np.bool_)
    sign = breaks.sign.astype(np.float64)
    return Facing((), sign, breaks.price, breaks.trigger, breaks.strength, yes, yes, yes)


def _retest(window: Window, breaks: Breaks, settings: Settings) -> _Found:
    bar = find_retests(window, breaks, settings)
    has_one = np.flatnonzero((bar >= 0) & is_allowed(breaks.sign, settings.signals))
    some, bar = breaks.take(has_one), bar[has_one]
    reading = glance(window, Points(some.row, bar), settings)
    stop = retest_stop(some.sign.astype(np.float64), some.price, reading, settings.signals)
    return _Found(some, bar, reading.close, stop, 1)


def _clean(window: Window, found: list[_Found], settings: Settings) -> list[_Found]:
    """Those whose rows of data and volatility let them pass; one look serves both setups."""
    points = Points(
        row=np.concatenate([f.breaks.row for f in found]),
        bar=np.concatenate([f.bar for f in found]),
    )
    atr15_pct = atr15_at(window, points, settings.market.frame_s)
    rows = [
        warmup(window, points),
        data_quality(window, points, settings),
        atr15(atr15_pct, settings),
    ]
    good = _pass(rows, settings)
    ends = np.cumsum([len(f.bar) for f in found])[:-1]
    return [f.take(mine) for f, mine in zip(found, np.split(good, ends), strict=True)]


def _narrow(window: Window, found: _Found, settings: Settings) -> _Found:
    """Those of a momentum that break out of a narrow band; every retest."""
    if BOTH[found.setup] is not Setup.MOMENTUM:
        return found
    row = bb_rank(bb_rank_before(window, found.points), settings)
    return found.take(_pass([row], settings))


def _pass(rows: list[Row], settings: Settings) -> Bools:
    """Points whose rows all let them pass."""
    sheet = lay_out(rows, settings.checks)
    out: Bools = np.logical_and.reduce(sheet.lets_pass | sheet.is_soft)
    return out


def _one_a_bar(found: list[_Found], breaks: Breaks, settings: Settings) -> Detection:
    """At most one setup a symbol and bar: the first in the order they are tried."""
    order = [BOTH.index(Setup[name]) for name in settings.signals.setups]
    row = np.concatenate([f.breaks.row for f in found])
    bar = np.concatenate([f.bar for f in found])
    setup = np.concatenate([np.full(len(f.bar), f.setup) for f in found])
    rank = np.array([order.index(i) if i in order else len(order) for i in range(len(BOTH))])
    by = np.lexsort((rank[setup], row, bar))
    moved = np.diff(np.stack([row[by], bar[by]]), prepend=-1)
    chosen = by[moved.any(axis=0)]

    def of(name: str) -> Indices:
        column: Indices = np.concatenate([getattr(f.breaks, name) for f in found])[chosen]
        return column

    return Detection(
        row=row[chosen],
        bar=bar[chosen],
        setup=setup[chosen],
        sign=of("sign"),
        price=np.concatenate([f.breaks.price for f in found])[chosen],
        entry=np.concatenate([f.entry for f in found])[chosen],
        stop=np.concatenate([f.stop for f in found])[chosen],
        strength=np.concatenate([f.breaks.strength for f in found])[chosen],
        touches=of("touches"),
        break_bar=of("bar"),
        breaks=breaks,
    )
