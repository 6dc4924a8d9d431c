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
from engine.core.reading import Reading, complete, glance, read
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
    """Complete setups of one kind: the break each follows from, its bar, and its stop."""

    breaks: Breaks
    bar: Indices
    stop: Floats
    entry: Floats
    setup: int


def detect(window: Window, settings: Settings) -> Detection:
    """All setups whose data and candle checks pass, over all bars of every row."""
    breaks = find_breaks(window, settings)
    wanted = {Setup[name] for name in settings.signals.setups}
    found = []
    if Setup.MOMENTUM in wanted:
        found.append(_momentum(window, breaks, settings))
    if Setup.RETEST in wanted:
        found.append(_retest(window, breaks, settings))
    return _one_a_bar(found, breaks, settings)


def _momentum(window: Window, breaks: Breaks, settings: Settings) -> _Found:
    points = Points(breaks.row, breaks.bar)
    reading = glance(window, points, settings)
    rows = momentum(window, points, reading, _facing(breaks), settings)
    # What costs most is asked last, and only of those that everything else lets pass.
    good = np.flatnonzero(_pass([row for row in rows if row.name != "bb_rank"], settings))
    some, points, reading = breaks.take(good), points.take(good), reading.take(good)
    reading = complete(reading, window, points, settings)
    rest = [bb_rank(reading, settings), *_basics(window, points, reading, settings)]
    good = np.flatnonzero(_pass(rest, settings))
    some, reading = some.take(good), reading.take(good)
    stop = momentum_stop(some.sign.astype(np.float64), some.price, reading, settings.signals)
    return _Found(some, some.bar, stop, reading.close, 0)


def _facing(breaks: Breaks) -> Facing:
    """Each break as the level its bar faces."""
    yes = np.ones(len(breaks), dtype=np.bool_)
    sign = breaks.sign.astype(np.float64)
    return Facing((), sign, breaks.price, breaks.trigger, breaks.strength, yes, yes, yes)


def _retest(window: Window, breaks: Breaks, settings: Settings) -> _Found:
    bar = find_retests(window, breaks, settings)
    has_one = np.flatnonzero((bar >= 0) & is_allowed(breaks.sign, settings.signals))
    some, bar = breaks.take(has_one), bar[has_one]
    points = Points(some.row, bar)
    reading = read(window, points, settings)
    good = _pass(_basics(window, points, reading, settings), settings)
    stop = retest_stop(some.sign.astype(np.float64), some.price, reading, settings.signals)
    return _Found(some.take(good), bar[good], stop[good], reading.close[good], 1)


def _basics(window: Window, points: Points, reading: Reading, settings: Settings) -> list[Row]:
    """Rows of data and volatility, which both setups need."""
    return [
        warmup(window, points),
        data_quality(window, points, settings),
        atr15(reading, settings),
    ]


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
