"""A scan in words and as JSON: assumptions first, then the ranking, then the funnel.

It exists so that a person and a program read the same result. It must never judge, and never write
a number that was not computed: what is unknown is null, or a dash.
"""

from collections import Counter
from typing import Any

import msgspec

from engine import preset
from engine.candles import when
from engine.config import of_preset
from engine.core.checks import CANDLE_ONLY, STAGES
from engine.core.values import Check, Level, Setup, Side, Signal, Verdict
from engine.scanning import Scan

Json = dict[str, Any]

NONE = "-"
_UNSCORED = ("oi_change", "liquidity")  # components of which candles tell no part, or only one
_KINDS = {Side.LONG: "resistance", Side.SHORT: "support"}  # by the side that breaks it
_HEAD = ("rank", "market", "score", "reached", "blocked by", "level", "dist %")
_IS_NUMBER = (True, False, True, False, False, True, True)


def document(scan: Scan) -> str:
    """The scan as one JSON object, in the shape that other programs rely on."""
    rows = [_row(scan, rank, v) for rank, v in enumerate(scan.verdicts, 1)]
    return msgspec.json.encode(
        {
            "at_ms": scan.at_ms,
            "preset": scan.settings.bot.preset,
            "assumptions": _assumptions(scan),
            "open_ms": scan.open_ms,
            "rows": rows,
            "funnel": scan.funnel,
            "not_judged": scan.unjudged,
            "setups": scan.setups,
        }
    ).decode()


def _assumptions(scan: Scan) -> Json:
    settings = scan.settings
    changes = preset.diff(of_preset(settings.bot.preset), settings)
    return {
        "excluded": settings.checks.excluded,
        "unknown_policy": settings.checks.unknown_policy,
        "score_without": [name for name in _UNSCORED if getattr(settings.score, f"w_{name}")],
        "frame_s": settings.market.frame_s,
        "differs": [
            {"key": change.path, "preset": change.before, "here": change.after}
            for change in changes
            if not change.path.startswith("checks.")  # told above
        ],
    }


def _row(scan: Scan, rank: int, verdict: Verdict) -> Json:
    signal = scan.signals.get(verdict.symbol)
    return {
        "rank": rank,
        "symbol": verdict.symbol,
        "score": verdict.score,
        "outcome": verdict.outcome,
        "setup": verdict.setup,
        "stage": STAGES[verdict.stage],
        "blocked_by": verdict.blocked_by,
        "price": verdict.price,
        "distance_pct": verdict.distance_pct,
        "watch_rank": verdict.rank,
        "checks": [_check(check) for check in verdict.checks],
        "levels": [_level(level) for level in scan.levels[verdict.symbol]],
        "signal": None if signal is None else _signal(signal),
    }


def _check(check: Check) -> Json:
    return {
        "name": check.name,
        "value": check.value,
        "need": check.need,
        "result": check.status,
        "reason": check.reason,
        "advisory": check.is_advisory,
    }


def _level(level: Level) -> Json:
    return {
        "price": level.price,
        "kind": _KINDS[level.side],
        "touches": level.touches,
        "strength": level.strength,
        "first_ms": level.first_ms,
        "last_ms": level.last_ms,
    }


def _signal(signal: Signal) -> Json:
    """The claim: market numbers, which no exchange's steps have touched yet."""
    return {
        "id": signal.id,
        "side": signal.side,
        "setup": signal.setup,
        "entry": signal.price,
        "stop": signal.stop,
        "level": signal.level.price,
        "trigger": signal.trigger,
        "confidence": signal.confidence,
        "expires_ms": signal.expires_ms,
    }


def table(scan: Scan) -> str:
    """The scan for a terminal."""
    parts = [_preamble(scan), _ranking(scan), _funnel(scan), _setups(scan)]
    if scan.signals:
        parts.insert(2, "\n".join(_claim(signal) for signal in scan.signals.values()))
    if scan.unjudged:
        parts.append("\n".join(f"not judged: {u.symbol}: {u.reason}" for u in scan.unjudged))
    return "\n\n".join(parts)


def _preamble(scan: Scan) -> str:
    settings, told = scan.settings, _assumptions(scan)
    differs = [f"{c['key']} = {c['here']} (preset {c['preset']})" for c in told["differs"]]
    has_volume = "volume_24h" not in settings.checks.excluded
    lines = [
        f"excluded checks: {', '.join(told['excluded'])}",
        f"  of these candles can never tell {', '.join(CANDLE_ONLY)}",
        f"unknown checks: {told['unknown_policy']}",
        f"score: without {', '.join(told['score_without']) or 'nothing'}",
        f"24 h turnover: {'summed from the candles' if has_volume else 'not judged'}",
        f"preset: {settings.bot.preset}: {preset.character(settings.bot.preset)}",
        *(f"  but {words}" for words in differs),
        "risk: not asked, for there is no account: gates, slots, size and cost are not judged",
        f"bar: {told['frame_s'] // 60} min, closed {when(scan.at_ms)}",
    ]
    return "\n".join(lines)


def _ranking(scan: Scan) -> str:
    rows = [_HEAD, *(_cells(rank, v) for rank, v in enumerate(scan.verdicts, 1))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def _cells(rank: int, verdict: Verdict) -> tuple[str, ...]:
    level, distance = verdict.level, verdict.distance_pct
    return (
        str(rank),
        verdict.symbol,
        NONE if verdict.score is None else f"{verdict.score:+.2f}",
        STAGES[verdict.stage],
        verdict.blocked_by or NONE,
        NONE if level is None else f"{level.price:.10g}",
        NONE if distance is None else f"{distance:+.2f}",
    )


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    aligned = (
        cell.rjust(width) if is_number else cell.ljust(width)
        for cell, width, is_number in zip(cells, widths, _IS_NUMBER, strict=True)
    )
    return "  ".join(aligned).rstrip()


def _claim(signal: Signal) -> str:
    prices = f"entry {signal.price:.10g}, stop {signal.stop:.10g}"
    return f"signal: {signal.symbol} {signal.side} {signal.setup}, {prices}"


def _funnel(scan: Scan) -> str:
    width = max(len(stage.stage) for stage in scan.funnel)
    return "\n".join(f"{stage.stage:<{width}}  {stage.left:>5}" for stage in scan.funnel)


def _setups(scan: Scan) -> str:
    """How often these candles held a setup."""
    kinds = Counter((found.setup, found.side) for found in scan.setups)
    counts = ", ".join(f"{setup} {side} {kinds[setup, side]}" for setup in Setup for side in Side)
    newest = f"; the newest at {when(scan.setups[-1].at_ms)}" if scan.setups else ""
    return f"setups in all candles up to this bar, by candle checks alone: {counts}{newest}"
