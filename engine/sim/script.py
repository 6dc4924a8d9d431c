"""What a symbol of the invented market does in one cycle: the story its candles then tell.

A script is drawn in directed 5-minute ATRs from a level: a drift, a range below the level that
tests it several times, an attempt to break it, with volume or without, which follows through or
fails. It exists so that the rules of the trader find something to judge. It must never look at a
candle:
prices, noise and volume are laid over it elsewhere.
"""

from enum import Enum

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.sim.feed import Floats

BAR_MIN = 5  # breaks are aligned to 5-minute bars
CYCLE_BARS = 240
BREAK_BAR = 144  # the bar that closes beyond the level, give or take JITTER
JITTER = 2
TRUE_SHARE = 0.46  # of the attempts follow through, noise carries a few more
VOLUME_SHARE = 0.8  # of the attempts come with volume

_Knots = list[tuple[float, float]]  # (bars since the cycle's start, directed ATRs from the level)


class Ending(Enum):
    """How an attempt to break out goes on."""

    TRUE = "true"
    FALSE = "false"


class Script(msgspec.Struct, frozen=True, eq=False):
    """One cycle in ATRs from its first price; arrays are per minute unless said otherwise."""

    minutes: NDArray[np.int64]  # where the knots stand, `(knots,)`
    heights: Floats  # what they pin, `(knots,)`
    low: float  # edges of the range
    high: float
    range_from: int  # first and last minute between which the edges hold
    range_to: int
    vol: Floats  # multiplies the noise
    wick: Floats  # multiplies the wicks
    volume: Floats  # multiplies the turnover

    def fold(self, path: Floats) -> Floats:
        """Reflect `path` at the range's edges while they hold; index 0 is the cycle's start."""
        width = self.high - self.low
        inside = path[self.range_from : self.range_to]
        folded = path.copy()
        folded[self.range_from : self.range_to] = self.high - np.abs(
            (inside - self.low) % (2 * width) - width
        )
        return folded


class _Plot(msgspec.Struct, frozen=True):
    """The choices that make a script."""

    side: int
    ending: Ending
    has_volume: bool
    width: float  # of the range, ATRs
    range_bar: int
    break_bar: int
    reach: float  # close of the break bar beyond the level, ATRs


def draw_script(rng: np.random.Generator, shift: float) -> Script:
    """A story that starts at height 0 and ends at `shift` ATRs."""
    plot = _draw_plot(rng)
    level = 0.5 * shift + rng.normal(0, 2.0) + 0.5 * plot.side * plot.width
    start, end = -plot.side * level, plot.side * (shift - level)
    knots = [
        *_draw_drift(rng, (0, start), (plot.range_bar, -plot.width / 2)),
        *_draw_range(rng, plot),
        *_draw_ending(rng, plot),
    ]
    knots += _draw_drift(rng, knots[-1], (CYCLE_BARS, end))[1:]
    knots.append((CYCLE_BARS, end))
    edges = sorted((level, level - plot.side * plot.width))
    return Script(
        minutes=np.array([round(bar * BAR_MIN) for bar, _ in knots]),
        heights=np.array([level + plot.side * height for _, height in knots]),
        low=edges[0],
        high=edges[1],
        range_from=plot.range_bar * BAR_MIN,
        range_to=plot.break_bar * BAR_MIN + 1,
        vol=_vol(plot),
        wick=_wick(plot),
        volume=_volume(rng, plot),
    )


def _draw_plot(rng: np.random.Generator) -> _Plot:
    break_bar = BREAK_BAR + int(rng.integers(-JITTER, JITTER + 1))
    return _Plot(
        side=int(rng.choice((1, -1))),
        ending=Ending.TRUE if rng.random() < TRUE_SHARE else Ending.FALSE,
        has_volume=bool(rng.random() < VOLUME_SHARE),
        width=float(rng.uniform(3.2, 5.0)),
        range_bar=break_bar - int(rng.integers(50, 80)),
        break_bar=break_bar,
        reach=float(rng.uniform(0.55, 1.0)),
    )


def _draw_drift(
    rng: np.random.Generator, begin: tuple[float, float], end: tuple[float, float]
) -> _Knots:
    """From `begin` towards `end` (not included) by a few uneven legs."""
    legs = int(rng.integers(2, 5))
    shares = np.linspace(0, 1, legs + 1)[1:-1] + rng.uniform(-0.08, 0.08, legs - 1)
    knots = [begin]
    for share in shares:
        line = begin[1] + share * (end[1] - begin[1])
        knots.append((begin[0] + share * (end[0] - begin[0]), line + float(rng.normal(0, 1.8))))
    return knots


def _draw_range(rng: np.random.Generator, plot: _Plot) -> _Knots:
    """Edges touched in turn, then an approach that ends just below the level."""
    knots: _Knots = [(plot.range_bar, -plot.width / 2)]
    bar = plot.range_bar + float(rng.uniform(3, 6))
    is_high = True
    while bar < plot.break_bar - 8:
        inset = float(rng.uniform(0, 0.15))
        # The range tightens towards the level before it breaks, as an ascending triangle does.
        squeeze = 0.45 * plot.width * max(0.0, 1 - (plot.break_bar - bar) / 30)
        squeeze = max(squeeze, float(rng.uniform(-0.3, 0.5)) * plot.width)  # some swings are short
        knots.append((bar, -inset if is_high else inset + squeeze - plot.width))
        is_high = not is_high
        bar += float(rng.uniform(3.0, 8.5))
    knots.append((plot.break_bar - float(rng.uniform(3, 6)), float(rng.uniform(-1.3, -0.6))))
    knots.append((plot.break_bar, float(rng.uniform(-0.45, -0.2))))
    return knots


def _draw_ending(rng: np.random.Generator, plot: _Plot) -> _Knots:
    bar = plot.break_bar + 1.0
    knots: _Knots = [(bar, plot.reach)]
    legs = _TRUE_LEGS if plot.ending is Ending.TRUE else _FALSE_LEGS
    for (shortest, longest), (lowest, highest) in legs:
        bar += float(rng.uniform(shortest, longest))
        knots.append((bar, float(rng.uniform(lowest, highest))))
    return knots


# ((fewest, most bars), (least, greatest height)): a run and its retest, or a return into the range
_TRUE_LEGS = (((2, 4), (0.9, 1.8)), ((5, 10), (4.6, 7.5)), ((5, 10), (0.2, 2.2)))
_FALSE_LEGS = (((1, 3), (0.3, 1.2)), ((3, 6), (-2.6, -1.6)), ((5, 10), (-3.2, -1.0)))


def _vol(plot: _Plot) -> Floats:
    vol = np.ones(CYCLE_BARS * BAR_MIN)
    at = plot.break_bar * BAR_MIN
    vol[plot.range_bar * BAR_MIN : at] = 0.85
    vol[at : at + BAR_MIN] = 0.45
    vol[at + BAR_MIN : at + 12 * BAR_MIN] = 1.1
    return vol


def _wick(plot: _Plot) -> Floats:
    """Short wicks in the range: there the edges are the extremes."""
    wick = np.full(CYCLE_BARS * BAR_MIN, 0.6)
    wick[plot.range_bar * BAR_MIN : (plot.break_bar + 1) * BAR_MIN] = 0.25
    return wick


def _volume(rng: np.random.Generator, plot: _Plot) -> Floats:
    volume = np.ones(CYCLE_BARS * BAR_MIN)
    at = plot.break_bar * BAR_MIN
    volume[plot.range_bar * BAR_MIN : at] = 0.9
    if plot.has_volume:
        volume[at : at + BAR_MIN] = rng.uniform(3.0, 6.5)
        fading = 14 * BAR_MIN if plot.ending is Ending.TRUE else 5 * BAR_MIN
        fade = np.linspace(rng.uniform(1.8, 2.8), 1, fading)
        volume[at + BAR_MIN : at + BAR_MIN + fading] = fade
    return volume
