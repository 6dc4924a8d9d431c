"""What a judged batch amounts to: a verdict of every symbol, and the signals among them.

It exists so that rows become claims in one place, after everything was decided. It must never look
for a break or change what a row says.
"""

import math

import msgspec
import numpy as np

from engine.core.breaks import Breaks
from engine.core.checks import Sheet
from engine.core.diagnosis import Diagnosis
from engine.core.indicators import LOOKBACK, VOLUME_N, Floats, sma
from engine.core.levels import find_levels
from engine.core.look import Look
from engine.core.market import Market
from engine.core.reading import VOLUME
from engine.core.signals import Facing, momentum_stop, retest_stop
from engine.core.universe import turnover
from engine.core.values import Level, Setup, Signal, Verdict


class Case(msgspec.Struct, frozen=True, eq=False):
    """All there is to tell about a batch: arrays over its symbols."""

    seen: Look
    latest: Breaks  # the last break of those that have one of legal age
    facing: Facing
    sheet: Sheet
    found: Diagnosis
    confidence: Floats
    setups: tuple[Setup, ...]

    def setup(self, i: int) -> Setup:
        """The one that came farthest."""
        return self.setups[int(self.found.setup[i])]

    def broken(self, i: int) -> int | None:
        """Position of a symbol's last break among `latest`."""
        at = int(np.searchsorted(self.latest.row, i))
        return at if at < len(self.latest) and self.latest.row[at] == i else None


def verdicts_of(case: Case, ranks: dict[str, int]) -> tuple[Verdict, ...]:
    """What is said of each symbol; columns become lists first: that is what makes it quick."""
    seen, found = case.seen, case.found
    levels, gap = _gaps(case)
    close = seen.reading.close
    columns = zip(
        seen.scene.symbols,
        close.tolist(),
        _outcomes(found),
        found.blocked_by,
        levels,
        _known(100 * gap / close),
        _known(gap / np.where(seen.reading.atr > 0, seen.reading.atr, np.nan)),
        found.setup.tolist(),
        found.stage.tolist(),
        _known(seen.score),
        strict=True,
    )
    return tuple(
        Verdict(
            symbol=symbol,
            open_ms=seen.scene.open_ms,
            price=price,
            checks=case.sheet.checks(i),
            outcome=outcome,
            blocked_by=blocked_by,
            level=level,
            distance_pct=pct,
            distance_atr=in_atr,
            setup=case.setups[setup],
            stage=stage,
            score=score,
            rank=ranks.get(symbol),
        )
        for i, (
            symbol,
            price,
            outcome,
            blocked_by,
            level,
            pct,
            in_atr,
            setup,
            stage,
            score,
        ) in enumerate(columns)
    )


def _outcomes(found: Diagnosis) -> list[str]:
    words = np.where(found.is_signal, "SIGNAL", np.where(found.is_quiet, "QUIET", "FAILED"))
    out: list[str] = words.tolist()
    return out


def _known(values: Floats) -> list[float | None]:
    """Plain numbers, None where unknown."""
    return [None if math.isnan(x) else x for x in values.tolist()]


def _gaps(case: Case) -> tuple[list[Level | None], Floats]:
    """The level each setup is about, and how far the close is from clearing it."""
    faced, latest, close = case.facing, case.latest, case.seen.reading.close
    gap = faced.trigger - faced.sign * close
    levels = list(faced.levels)
    is_retest = np.array([setup is Setup.RETEST for setup in case.setups])[case.found.setup]
    for at in np.flatnonzero(is_retest[latest.row]).tolist():
        i = int(latest.row[at])
        levels[i] = latest.level(at)
        gap[i] = latest.trigger[at] - latest.sign[at] * close[i]
    return levels, gap


def order_of(signal: Signal, market: Market) -> tuple[float, float, float, str]:
    """Confidence, score, 24 h turnover: each descending, unknown last; then the name."""
    known = (signal.confidence, signal.score)
    first, second = (math.inf if x is None else -x for x in known)
    return first, second, -turnover(market.ticker(signal.symbol)), signal.symbol


def signal_of(case: Case, i: int, verdict: Verdict) -> Signal:
    """The claim of a verdict whose checks all let it pass."""
    scene, setup, level = case.seen.scene, case.setup(i), verdict.level
    assert level is not None  # a break has a level
    side, confidence = level.side, float(case.confidence[i])
    trigger, break_bar = _broke_at(case, i, setup)
    return Signal(
        id=f"{verdict.symbol}:{scene.open_ms}:{setup}:{side}",
        symbol=verdict.symbol,
        side=side,
        setup=setup,
        open_ms=scene.open_ms,
        level=level,
        trigger=side.sign * trigger,
        price=verdict.price,
        stop=_stop(case, i, level, setup),
        atr=float(case.seen.reading.atr[i]),
        expires_ms=scene.close_ms + 1000 * scene.settings.signals.expiry_s,
        checks=tuple(verdict.checks),
        vol0=_mean_volume(case.seen, i),
        obstacles=_obstacles(case.seen, i, level),
        confidence=None if math.isnan(confidence) else confidence,
        score=verdict.score,
        break_ms=int(case.seen.window.open_ms[i, break_bar]),
    )


def _broke_at(case: Case, i: int, setup: Setup) -> tuple[float, int]:
    """The directed trigger, and the column of the bar that exceeded it."""
    at = case.broken(i)
    if setup is Setup.RETEST and at is not None:
        return float(case.latest.trigger[at]), int(case.latest.bar[at])
    return float(case.facing.trigger[i]), LOOKBACK - 1


def _stop(case: Case, i: int, level: Level, setup: Setup) -> float:
    of = momentum_stop if setup is Setup.MOMENTUM else retest_stop
    sign, price = np.array([float(level.side.sign)]), np.array([level.price])
    reading = case.seen.reading.take(np.array([i]))
    return float(of(sign, price, reading, case.seen.scene.settings.signals)[0])


def _mean_volume(seen: Look, i: int) -> float | None:
    """Mean volume of the 20 bars before the one that decided; None while unknown."""
    mean = float(sma(seen.window.ohlcv[i, VOLUME, :-1], VOLUME_N)[-1])
    return None if math.isnan(mean) else mean


def _obstacles(seen: Look, i: int, broken: Level) -> tuple[float, ...]:
    """Other levels of the broken kind that stood before this bar: where a target may stall."""
    settings = seen.scene.settings.levels
    bars = slice(-settings.window_bars - 1, -1)
    window, a = seen.window, float(seen.reading.atr[i])
    levels = find_levels(
        broken.side, window.open_ms[i, bars], window.ohlcv[i, :, bars], a, settings
    )
    return tuple(level.price for level in levels if level.price != broken.price)
