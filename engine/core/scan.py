"""One verdict for each symbol at each of its bar closes, all symbols of a batch in one pass.

Levels are looked for only where one may matter: the close left its recent range, or the symbol is
watched. It must never act on a verdict: a signal is a claim about the market, and money is decided
elsewhere.
"""

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from engine.core import confidence, retest, score, signals
from engine.core.breaks import Facing, Memory, Recorded, facing
from engine.core.checks import Row, Sheet, lay_out, merged
from engine.core.conditions import (
    Scene,
    clock_rows,
    spread_bps,
    ticker_rows,
    unfed_rows,
    volume_24h_usd,
)
from engine.core.diagnosis import Diagnosis, diagnose
from engine.core.indicators import ATR_N, LOOKBACK, VOLUME_N, Bools, Floats, atr, sma
from engine.core.levels import find_levels
from engine.core.market import Market, Window
from engine.core.points import Points, newest
from engine.core.quality import data_quality, warmup
from engine.core.reading import Reading, near_atr, read
from engine.core.settings import Settings
from engine.core.universe import turnover
from engine.core.values import Check, CheckStatus, Level, Ms, Setup, Side, Signal, Verdict
