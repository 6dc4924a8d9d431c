"""Which symbols are watched, and one verdict for each of them at each of its bar closes.

All symbols of a batch are judged in one pass over one array. It must never act on a verdict: a
signal is a claim about the market, and money is decided elsewhere.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.core import settings as keys
from engine.core import signals
from engine.core.indicators import ATR_N, LOOKBACK, VOLUME_N, Bools, Floats, atr, sma, true_range
from engine.core.levels import Indices, find_levels
from engine.core.market import Market, Window
from engine.core.settings import Settings
from engine.core.signals import Facing, Reading, Row
from engine.core.values import (
    Check,
    CheckStatus,
    Instrument,
    Level,
    Ms,
    Setup,
    Side,
    Signal,
    Ticker,
    Verdict,
)

NEAR_ATR = 0.5
TELEPORT_ATR = 5
CONTIGUOUS_BARS = 20
SILENT_BARS_MAX = 30

_GROUPS = {
    "warmup": "data",
    "data_quality": "data",
    "late_bar": "clock",
    "volume_24h": "ticker",
    "spread": "ticker",
    "atr15": "candle",
    "near": "candle",
    "break": "candle",
    "volume": "candle",
    "surge_1h": "candle",
    "body": "candle",
    "slope": "candle",
    "bb_rank": "candle",
    "chase": "candle",
}
_ADVISORY = "near"
# Without these there is no signal to speak of, so nobody may exclude them.
_ESSENTIAL = ("warmup", "break")
CHECKS = tuple(name for name in _GROUPS if name not in _ESSENTIAL)  # legal in checks.excluded


class Batch(msgspec.Struct, frozen=True):
    """The outcome of one bar close: every verdict, and the signals in the order risk sees them."""

    verdicts: tuple[Verdict, ...]
    signals: tuple[Signal, ...]


class _Scene(msgspec.Struct, frozen=True, eq=False):
    """What is judged, and from what."""

    market: Market
    settings: Settings
    symbols: tuple[str, ...]
    open_ms: Ms
    at_ms: Ms
    window: Window
    reading: Reading
    facing: Facing


def choose_universe(
    tickers: Sequence[Ticker], instruments: Sequence[Instrument], settings: keys.Universe
) -> tuple[str, ...]:
    """Tradable symbols by 24 h turnover, largest first; an unknown turnover ranks last."""
    tradable = {i.symbol: i for i in instruments}

    def is_wanted(symbol: str) -> bool:
        if symbol not in tradable or _is_listed(tradable[symbol], settings.blacklist):
            return False
        return not settings.whitelist or _is_listed(tradable[symbol], settings.whitelist)

    chosen = [t for t in tickers if is_wanted(t.symbol)]
    chosen.sort(key=lambda t: (-_turnover(t), t.symbol))
    return tuple(t.symbol for t in chosen[: settings.top_n])


def _is_listed(instrument: Instrument, names: Sequence[str]) -> bool:
    return instrument.symbol in names or f"{instrument.base}*" in names


def _turnover(ticker: Ticker | None) -> float:
    """24 h turnover for ranking; unknown is below everything."""
    known = ticker.volume_24h_usd if ticker is not None else None
    return -math.inf if known is None or math.isnan(known) else known


def build_check(
    name: str,
    group: str,
    value: float | None,
    need: float | tuple[float, float] | None,
    ok: bool | None,  # noqa: FBT001 -- the outcome is what the call is about
) -> Check:
    """One row: UNKNOWN when `ok` is None or `value` is NaN; None is a row without a number."""
    if ok is None or (value is not None and math.isnan(value)):
        return Check(name, group, CheckStatus.UNKNOWN, None, need)
    return Check(name, group, CheckStatus.PASS if ok else CheckStatus.FAIL, value, need)


def judge(
    market: Market, symbols: Sequence[str], open_ms: Ms, at_ms: Ms, settings: Settings
) -> Batch:
    """Verdicts of those symbols whose newest closed bar is `open_ms`, and their signals."""
    present = tuple(s for s in symbols if market.last_open_ms(s) == open_ms)
    if not present:
        return Batch((), ())
    window = market.window(present, LOOKBACK)
    reading = signals.read(window, settings)
    facing = signals.face(window, reading, settings)
    scene = _Scene(market, settings, present, open_ms, at_ms, window, reading, facing)
    columns = [_cells(row, settings.checks) for row in _rows(scene)]
    verdicts = tuple(
        _verdict(scene, i, checks) for i, checks in enumerate(zip(*columns, strict=True))
    )
    found = [_signal(scene, i, v) for i, v in enumerate(verdicts) if v.outcome == "SIGNAL"]
    found.sort(key=lambda s: (-s.level.strength, -_turnover(market.ticker(s.symbol)), s.symbol))
    return Batch(verdicts, tuple(found))


def levels_of(market: Market, symbol: str, settings: Settings) -> tuple[Level, ...]:
    """Levels the symbol's next bar will be tested against, both sides, nearest first."""
    bars = settings.levels.window_bars
    window = market.window((symbol,), max(bars, ATR_N + 1))
    ohlcv = window.ohlcv[0]
    a = float(atr(*ohlcv[1:4])[-1])
    both = [
        level
        for side in Side
        for level in find_levels(
            side, window.open_ms[0, -bars:], ohlcv[:, -bars:], a, settings.levels
        )
    ]
    return tuple(sorted(both, key=lambda x: abs(x.price - ohlcv[3, -1])))


def _rows(scene: _Scene) -> tuple[Row, ...]:
    """All checks in evaluation and display order."""
    limits, reading = scene.settings.universe, scene.reading
    low, high = limits.atr15_min_pct, limits.atr15_max_pct
    is_in_band = (low <= reading.atr15_pct) & (reading.atr15_pct <= high)
    near = signals.near_atr(reading)
    return (
        _warmup(scene),
        _data_quality(scene),
        _late_bar(scene),
        _volume_24h(scene),
        _spread(scene),
        Row("atr15", reading.atr15_pct, (low, high), is_in_band, "needs 15 full quarter hours"),
        Row(_ADVISORY, near, NEAR_ATR, near <= NEAR_ATR),
        *signals.momentum(reading, scene.facing, scene.settings),
    )


def _warmup(scene: _Scene) -> Row:
    counts = scene.window.counts
    return Row("warmup", counts.astype(np.float64), float(LOOKBACK), counts >= LOOKBACK)


def _data_quality(scene: _Scene) -> Row:
    """Missing bars against the tolerance; other defects are told in words."""
    data, times = scene.settings.data, scene.window.open_ms
    _, high, low, close, volume = (scene.window.ohlcv[:, i] for i in range(5))
    frame = scene.market.frame_ms
    missing = (times[:, -1] - times[:, 0]) / frame - (LOOKBACK - 1)
    is_whole = times[:, -1] - times[:, -CONTIGUOUS_BARS] == (CONTIGUOUS_BARS - 1) * frame
    silent = np.count_nonzero(volume == 0, axis=-1)
    jumps = _teleports(high, low, close)
    faults = [
        (missing > data.max_missing_bars, ""),
        (~is_whole, f"a bar is missing among the last {CONTIGUOUS_BARS}"),
        (silent > SILENT_BARS_MAX, f"more than {SILENT_BARS_MAX} bars without volume"),
        (jumps > data.teleport_max_bars, f"more than {data.teleport_max_bars} bars that jump"),
    ]
    is_known = scene.window.counts >= LOOKBACK
    is_bad = [~is_known, *(bad for bad, _ in faults)]
    words = np.select(is_bad, ["", *(told for _, told in faults)], default="")
    missing[~is_known] = np.nan
    is_clean = ~np.logical_or.reduce(is_bad)
    need = data.max_missing_bars
    return Row("data_quality", missing, need, is_clean, words=tuple(words.tolist()))


def _teleports(high: Floats, low: Floats, close: Floats) -> Indices:
    """Bars whose true range is far above the ATR before them."""
    ranges = true_range(high, low, close)
    before = sma(ranges, ATR_N)[:, :-1]
    jumps: Indices = np.count_nonzero(ranges[:, 1:] > TELEPORT_ATR * before, axis=-1)
    return jumps


def _late_bar(scene: _Scene) -> Row:
    age_s = (scene.at_ms - scene.open_ms - scene.market.frame_ms) / 1000
    need = scene.settings.data.decision_age_max_s
    ages = np.full(len(scene.symbols), age_s)
    return Row("late_bar", ages, need, ages <= need)


def _ticker(scene: _Scene, symbol: str) -> Ticker | None:
    """The ticker, unless it is older than two refreshes of the universe."""
    read_ms = scene.market.tickers_ms
    oldest = scene.at_ms - 2000 * scene.settings.universe.refresh_s
    return scene.market.ticker(symbol) if read_ms is not None and read_ms >= oldest else None


def _volume_24h(scene: _Scene) -> Row:
    need = scene.settings.universe.volume_24h_min_usd
    tickers = (_ticker(scene, s) for s in scene.symbols)
    known = [t.volume_24h_usd if t is not None else None for t in tickers]
    value = np.array(known, dtype=np.float64)  # None becomes NaN: unknown
    return Row("volume_24h", value, need, value >= need, "no recent ticker")


def _spread(scene: _Scene) -> Row:
    need = scene.settings.universe.spread_max_bps
    value = np.array([_spread_bps(scene, s) for s in scene.symbols], dtype=np.float64)
    return Row("spread", value, need, value <= need, "no fresh quote, no recent ticker")


def _spread_bps(scene: _Scene, symbol: str) -> float | None:
    """Spread of the quote if it is fresh, else of the ticker."""
    quote, max_age = scene.market.quote(symbol), 1000 * scene.settings.market.stale_after_s
    if quote is not None and scene.at_ms - quote.at_ms <= max_age:
        bid, ask = quote.bid, quote.ask
    else:
        ticker = _ticker(scene, symbol)
        if ticker is None or ticker.bid is None or ticker.ask is None:
            return None
        bid, ask = ticker.bid, ticker.ask
    return (ask - bid) / ((ask + bid) / 2) * 1e4 if 0 < bid <= ask else None


def _cells(row: Row, policy: keys.Checks) -> list[Check]:
    """The row's check of every symbol."""
    count = len(row.value)
    if row.name in policy.excluded and row.name in CHECKS:
        return [Check(row.name, _GROUPS[row.name], CheckStatus.EXCLUDED)] * count
    has_value = np.isfinite(row.value)
    known = has_value if row.known is None else row.known
    values = [v if has else None for v, has in _pairs(row.value, has_value)]
    passes = [ok if is_known else None for ok, is_known in _pairs(row.ok, known)]
    words = row.words or ("",) * count
    return [_cell(row, item, policy) for item in zip(values, passes, words, strict=True)]


def _pairs(values: NDArray[Any], flags: Bools) -> Iterable[tuple[Any, bool]]:
    """Elements as Python numbers, each with its flag."""
    return zip(values.tolist(), flags.tolist(), strict=True)


def _cell(row: Row, item: tuple[float | None, bool | None, str], policy: keys.Checks) -> Check:
    """One symbol's check: with its reason, and advisory where it may not block."""
    value, ok, words = item
    check = build_check(row.name, _GROUPS[row.name], value, row.need, ok)
    is_unknown = check.status is CheckStatus.UNKNOWN
    reason = words or (row.unknown if is_unknown else "")
    is_advisory = row.name == _ADVISORY or (is_unknown and policy.unknown_policy == "pass")
    if not (reason or is_advisory):
        return check
    return msgspec.structs.replace(check, reason=reason, is_advisory=is_advisory)


def _verdict(scene: _Scene, i: int, checks: tuple[Check, ...]) -> Verdict:
    row = {c.name: c for c in checks}
    blocking = next((c.name for c in checks if c.blocks), None)
    is_broken = row["break"].status is CheckStatus.PASS
    if not is_broken:
        outcome, blocking = "QUIET", blocking or "break"
    else:
        outcome = "FAILED" if blocking else "SIGNAL"
    close, atr_before = float(scene.reading.close[i]), float(scene.reading.atr[i])
    gap = float(scene.facing.trigger[i] - scene.facing.sign[i] * close)
    level = scene.facing.levels[i]
    return Verdict(
        symbol=scene.symbols[i],
        open_ms=scene.open_ms,
        price=close,
        checks=checks,
        outcome=outcome,
        blocked_by=blocking,
        level=level,
        distance_pct=None if level is None else 100 * gap / close,
        distance_atr=None if level is None else gap / atr_before,
    )


def _signal(scene: _Scene, i: int, verdict: Verdict) -> Signal:
    """The claim of a verdict whose level broke and whose checks all let it pass."""
    level, settings = verdict.level, scene.settings.signals
    assert level is not None  # a break has a level
    side, setup = level.side, Setup.MOMENTUM
    close_ms = scene.open_ms + scene.market.frame_ms
    return Signal(
        id=f"{verdict.symbol}:{scene.open_ms}:{setup}:{side}",
        symbol=verdict.symbol,
        side=side,
        setup=setup,
        open_ms=scene.open_ms,
        level=level,
        trigger=float(side.sign * scene.facing.trigger[i]),
        price=verdict.price,
        stop=signals.initial_stop(side, level.price, scene.reading, i, settings),
        atr=float(scene.reading.atr[i]),
        expires_ms=close_ms + 1000 * settings.expiry_s,
        checks=verdict.checks,
        vol0=_mean_volume(scene, i),
        obstacles=_obstacles(scene, i, level),
    )


def _mean_volume(scene: _Scene, i: int) -> float | None:
    """Mean volume of the 20 bars before the one that decided; None while unknown."""
    mean = float(sma(scene.window.ohlcv[i, 4, :-1], VOLUME_N)[-1])
    return None if math.isnan(mean) else mean


def _obstacles(scene: _Scene, i: int, broken: Level) -> tuple[float, ...]:
    """Other levels of the broken kind that stood before the break: where a target may stall."""
    bars = slice(-scene.settings.levels.window_bars - 1, -1)
    levels = find_levels(
        broken.side,
        scene.window.open_ms[i, bars],
        scene.window.ohlcv[i, :, bars],
        float(scene.reading.atr[i]),
        scene.settings.levels,
    )
    return tuple(level.price for level in levels if level.price != broken.price)
