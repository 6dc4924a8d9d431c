"""One verdict for each symbol at each of its bar closes, all symbols of a batch in one pass.

Levels are looked for only where one may matter: the close left its recent range, or the symbol may
be traded. It must never act on a verdict: a signal is a claim about the market, and money is
decided elsewhere.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from engine.core import retest
from engine.core.breaks import Facing, Memory, Recorded, facing
from engine.core.checks import Row, Sheet, lay_out, merged
from engine.core.conditions import Scene, clock_rows
from engine.core.confidence import Evidence, of_momentum, of_retest
from engine.core.diagnosis import Diagnosis, diagnose
from engine.core.indicators import ATR_N, LOOKBACK, VOLUME_N, Bools, Floats, atr, sma
from engine.core.levels import find_levels
from engine.core.look import Look, basic_rows, is_ranked, look, watched, window_at
from engine.core.market import Market
from engine.core.points import newest
from engine.core.reading import near_atr
from engine.core.settings import Settings
from engine.core.signals import momentum, momentum_stop, retest_stop
from engine.core.universe import turnover
from engine.core.values import Level, Ms, Setup, Side, Signal, Verdict

NEAR_ATR = 0.5
SETS_KEPT = 3  # bars whose watch set is remembered


class Batch(msgspec.Struct, frozen=True):
    """The outcome of one bar close: every verdict, and the signals in the order risk sees them."""

    verdicts: tuple[Verdict, ...]
    signals: tuple[Signal, ...]
    watched: tuple[str, ...] | None = None  # best first; None = too few symbols closed this bar


class _Case(msgspec.Struct, frozen=True, eq=False):
    """All there is to tell about a batch."""

    seen: Look
    recorded: Recorded
    facing: Facing
    sheet: Sheet
    found: Diagnosis
    confidence: Floats
    setups: tuple[Setup, ...]

    def setup(self, i: int) -> Setup:
        """The one that came farthest."""
        return self.setups[int(self.found.setup[i])]
