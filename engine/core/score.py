"""How promising each market is: weighted components, and who may be traded at the next bar.

Inputs are candles and tickers only, never the book or the tape: being watched must not change one's
rank. What is unknown takes no part, and too much of it leaves no score at all.
"""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from engine.core import settings as keys
from engine.core.indicators import (
    CORR_N,
    Bools,
    Floats,
    Times,
    move_1h,
    pair_corr,
    turnover_usd_per_min,
)
from engine.core.market import Window
from engine.core.points import Points, tails
from engine.core.reading import CLOSE, VOLUME, Reading, near_atr
from engine.core.settings import Settings

CLIP = 3.0
KNOWN_MIN = 0.5  # of the weights must be known
DIGITS = 9  # a score is rounded before anything is ranked
ZSCORE_SYMBOLS_MIN = 10
QUALITY_MID, QUALITY_SPAN = 0.5, 0.2
SPREAD_POOR_BPS = 50
VOLUME_FULL_USD = 1e8

Closes = tuple[Times, Floats]  # open times and closes of a reference market


class Outside(msgspec.Struct, frozen=True, eq=False):
    """What candles do not tell: arrays `(symbols,)`, NaN = unknown."""

    volume_24h_usd: Floats
    spread_bps: Floats
    oi_change_pct: Floats


class Raw(msgspec.Struct, frozen=True, eq=False):
    """What a component is made of, before scaling: arrays `(points,)`."""

    reading: Reading
    outside: Outside
    btc_corr: Floats
    turnover_usd_per_min: Floats
    move_1h: Floats
    band: tuple[float, float]  # of atr15_pct


class _Component(msgspec.Struct, frozen=True):
    """One component: its raw value, and its fixed scale."""

    raw: Callable[[Raw], Floats]
    scaled: Callable[[Floats], Floats]


def _vol_surge(raw: Raw) -> Floats:
    out: Floats = 0.6 * raw.reading.surge_1h_mult + 0.4 * raw.reading.volume_mult
    return out


def _atr_quality(raw: Raw) -> Floats:
    """1 in the middle of the band (by ratio), 0 at its ends and beyond."""
    low, high = raw.band
    middle = np.sqrt(low * high)
    a = np.where(raw.reading.atr15_pct > 0, raw.reading.atr15_pct, np.nan)
    out: Floats = np.clip(1 - np.abs(np.log(a / middle)) / np.log(high / middle), 0, 1)
    return out


def _liquidity(raw: Raw) -> Floats:
    tight = np.maximum(0, 1 - raw.outside.spread_bps / SPREAD_POOR_BPS)
    out: Floats = (tight + np.minimum(1, raw.outside.volume_24h_usd / VOLUME_FULL_USD)) / 2
    return out


def _turnover(raw: Raw) -> Floats:
    usd = raw.turnover_usd_per_min
    out: Floats = np.log10(np.where(usd > 0, usd, np.nan))
    return out


def _quality(q: Floats) -> Floats:
    return (q - QUALITY_MID) / QUALITY_SPAN


_COMPONENTS = {
    "w_vol_surge": _Component(_vol_surge, lambda x: x - 1.5),
    "w_oi_change": _Component(lambda raw: np.abs(raw.outside.oi_change_pct), lambda x: x / 5),
    "w_atr_quality": _Component(_atr_quality, _quality),
    "w_btc_decorrelation": _Component(lambda raw: -np.abs(raw.btc_corr), lambda x: 1 + 2 * x),
    "w_turnover": _Component(_turnover, lambda x: x - 4),
    "w_trend_1h": _Component(lambda raw: raw.move_1h, lambda x: x / 2),
    "w_move_1h": _Component(lambda raw: np.abs(raw.move_1h), lambda x: x / 2 - 0.5),
    "w_liquidity": _Component(_liquidity, _quality),
    "w_level_proximity": _Component(
        lambda raw: -np.minimum(2, np.maximum(0, near_atr(raw.reading))), lambda x: 1 + x
    ),
}


def raw_of(
    window: Window, points: Points, reading: Reading, outside: Outside, settings: Settings
) -> Raw:
    """Everything a score is made of; the correlation is filled in by whoever has the reference."""
    hour = 3600 // settings.market.frame_s
    close = tails(window.ohlcv[:, CLOSE], points, hour + 1)
    volume = tails(window.ohlcv[:, VOLUME], points, hour + 1)
    atr15 = np.where(reading.atr15_pct > 0, reading.atr15_pct, np.nan)
    return Raw(
        reading=reading,
        outside=outside,
        btc_corr=np.full(len(points), np.nan),
        turnover_usd_per_min=turnover_usd_per_min(close, volume, hour)[:, -1],
        move_1h=move_1h(close, atr15[:, None], hour)[:, -1],
        band=(settings.universe.atr15_min_pct, settings.universe.atr15_max_pct),
    )


def scores(raw: Raw, settings: keys.Score) -> Floats:
    """Weighted mean of the known components, -3..3, to nine digits; NaN = too little is known."""
    size = len(raw.btc_corr)
    total, known = np.zeros(size), np.zeros(size)
    weights = {name: getattr(settings, name) for name in _COMPONENTS}
    for name, weight in weights.items():
        if weight == 0:
            continue
        x = _COMPONENTS[name].raw(raw)
        s = np.clip(_scaled(x, _COMPONENTS[name], settings), -CLIP, CLIP)
        is_known = np.isfinite(s)
        total += np.where(is_known, weight * s, 0.0)
        known += np.where(is_known, abs(weight), 0.0)
    enough = (known > 0) & (known >= KNOWN_MIN * sum(abs(w) for w in weights.values()))
    mean = np.divide(total, known, out=np.full(size, np.nan), where=enough)
    rounded: Floats = np.round(mean, DIGITS)
    return rounded


def _scaled(x: Floats, component: _Component, settings: keys.Score) -> Floats:
    """The fixed scale, or the deviation from the mean of all symbols where there are enough."""
    is_known = np.isfinite(x)
    if settings.mode == "fixed" or np.count_nonzero(is_known) < ZSCORE_SYMBOLS_MIN:
        return component.scaled(x)
    # In order of size, so that the order of the symbols changes nothing.
    known = np.sort(x[is_known])
    spread = known.std()
    if spread == 0:
        return np.where(is_known, 0.0, np.nan)
    out: Floats = (x - known.mean()) / spread
    return out


def btc_corr(window: Window, points: Points, reference: Closes | None, frame_ms: int) -> Floats:
    """Correlation of each point's symbol with the reference market over 240 frame slots."""
    out = np.full(len(points), np.nan)
    if reference is None or not len(reference[0]):
        return out
    times = tails(window.open_ms, points, CORR_N + 1)
    closes = tails(window.ohlcv[:, CLOSE], points, CORR_N + 1)
    for end_ms in np.unique(times[:, -1]):
        now = np.flatnonzero(times[:, -1] == end_ms)
        theirs = _slotted(reference[0][None], reference[1][None], int(end_ms), frame_ms)
        # Open times are unique multiples of the frame: so many within so long have no holes.
        is_whole = times[now, 0] == end_ms - CORR_N * frame_ms
        whole, holed = now[is_whole], now[~is_whole]
        out[whole] = pair_corr(closes[whole], theirs)
        out[holed] = pair_corr(_slotted(times[holed], closes[holed], int(end_ms), frame_ms), theirs)
    return out


def _slotted(times: Times, closes: Floats, end_ms: int, frame_ms: int) -> Floats:
    """Closes `(rows, 241)` by frame slot up to `end_ms`, NaN where a slot has none."""
    slot = CORR_N - (end_ms - times) // frame_ms
    row, column = np.nonzero((slot >= 0) & (slot <= CORR_N) & (times >= 0))
    out = np.full((len(times), CORR_N + 1), np.nan)
    out[row, slot[row, column]] = closes[row, column]
    return out


def ranking(symbols: Sequence[str], score: Floats, turnover: Floats, is_fit: Bools) -> list[int]:
    """Who fits, best first: by score, then turnover, both unknown last, then by name."""

    def rank(i: int) -> tuple[float, float, str]:
        return _last(score[i]), _last(turnover[i]), symbols[i]

    return sorted(np.flatnonzero(is_fit).tolist(), key=rank)


def _last(x: float) -> float:
    """Descending, with what is unknown at the end."""
    return float("inf") if np.isnan(x) else -float(x)
