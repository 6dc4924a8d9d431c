"""Checks in words: their labels, units and directions, as rows of a table and as sentences.

They exist so that the table of `/why`, the reasons of a signal and the ranking of `/scan` speak
the same language. A value is rounded here and never judged; an unknown one is a dash.
"""

import math
from collections.abc import Iterable, Sequence

import msgspec

from bot.views.layout import NONE, compact, fixed, row, span
from engine.core.diagnosis import concerns
from engine.core.values import Check, CheckStatus, Setup

ROWS = 50
_RESULTS = {CheckStatus.PASS: "ok", CheckStatus.FAIL: "NO", CheckStatus.UNKNOWN: "?"}
_BIG, _TIME = "big", "time"  # units that are no suffix: 8.2M, 30m


class _Words(msgspec.Struct, frozen=True):
    """How one check is told; `said` is a sentence of value `v` and need `n`."""

    label: str  # at most 11 characters
    unit: str = ""
    digits: int = 0
    sign: str = ""  # on which side of the need a value is good
    said: str = ""
    scale: float = 1.0  # from the check's unit to the one shown
    brief: str = ""  # at most 8 characters, where the label is longer


_WORDS = {
    "warmup": _Words("history", sign=">="),
    "data_quality": _Words("data gaps", sign="<=", brief="gaps"),
    "late_bar": _Words("bar age", _TIME, sign="<="),
    "volume_24h": _Words(
        "volume 24h", _BIG, 0, ">=", "24 h turnover {v} USDT (need {n}).", brief="vol. 24h"
    ),
    "oi": _Words("open int.", _BIG, sign=">=", brief="OI"),
    "spread": _Words("spread", "bps", 1, "<=", "Spread {v} bps ({n})."),
    "atr15": _Words("ATR 15m", "%", 2, "", "ATR15 {v} % ({n})."),
    "oi_change": _Words("OI change", "%", 1, ">=", brief="OI chg."),
    "near": _Words("near edge", "ATR", 1, "<=", brief="near"),
    "break": _Words("break", "%", 2, ">", "Closed {v} % beyond the trigger."),
    "volume": _Words(
        "bar volume", "x", 2, ">=", "Volume {v}x the 20-bar median (need {n}x).", brief="vol. bar"
    ),
    "surge_1h": _Words(
        "volume 1h", "x", 2, ">=", "Last hour {v}x the hour before ({n}x).", brief="vol. 1h"
    ),
    "body": _Words("body", "%", 0, ">=", "Body {v} % ({n} %).", 100.0),
    "slope": _Words(
        "slope/bar", "%", 2, "<=", "Approach {v} % a bar (at most {n}).", brief="slope"
    ),
    "consolidation": _Words("base width", "ATR", 1, "<=", brief="base"),
    "bb_rank": _Words("BB width", "%", 0, "<=", "Band width rank {v} % (at most {n})."),
    "break_record": _Words("bars, break", brief="break"),
    "pullback": _Words(
        "bars, back", sign="<=", said="Back at the level {v} bars ago ({n}).", brief="return"
    ),
    "hold": _Words(
        "held, bps", "", 0, ">=", "Closes held {v} bps from the level ({n}).", brief="hold"
    ),
    "pierce": _Words(
        "pierced ATR", "", 2, ">=", "Reached {v} ATR past the level ({n}).", brief="pierce"
    ),
    "reaction": _Words("reaction", "ATR", 2, ">", "Turned by {v} ATR."),
    "activity": _Words("activity", "x", 2, ">=", "Activity {v}x (need {n}x)."),
    "chase": _Words("chase", "ATR", 1, "<=", "{v} ATR past the level (at most {n})."),
    "watched": _Words("watched"),
    "depth_30": _Words("depth 0.3%", _BIG, sign=">=", brief="dep 0.3%"),
    "depth_50": _Words("depth 0.5%", _BIG, sign=">=", brief="dep 0.5%"),
    "tpm": _Words("trades/min", _BIG, 0, ">=", "{v} trades a minute ({n}).", brief="trades"),
    "imbalance": _Words(
        "imbalance", "", 2, ">=", "Book leans {v} toward it ({n}).", brief="imbal."
    ),
    "wall_ahead": _Words("wall ahead", "bps", 1, ">", brief="wall"),
    "tape_pace": _Words("tape pace", "x", 2, ">=", brief="pace"),
    "tape_activity": _Words("tape drop", "%", 0, "<=", scale=100.0, brief="drop"),
    "blackout": _Words("trade hours", brief="hours"),
    "vwap_gap": _Words("VWAP gap", "ATR", 1, "<="),
    "btc_corr": _Words("BTC corr.", digits=2, brief="BTC"),
    "confidence": _Words("confidence", digits=2, sign=">=", brief="confid."),
    "gates": _Words("entries on", brief="entries"),
    "expiry": _Words("in time"),
    "busy": _Words("open trade", brief="busy"),
    "cooldown": _Words("cooldown", _TIME, sign=">="),
    "slots": _Words("slots used", sign="<", brief="slots"),
    "stop": _Words("stop side", brief="stop"),
    "cost": _Words(
        "cost/stop", "%", 0, "<=", "Costs {v} % of the stop distance ({n}).", 100.0, brief="cost"
    ),
    "size": _Words("size", _BIG),
}


def label(name: str | None) -> str:
    """What a check is called in the chat."""
    return NONE if name is None else _words(name).label


def brief(name: str) -> str:
    """The same where a column is narrow."""
    words = _words(name)
    return words.brief or words.label


def table(
    checks: Sequence[Check], setup: Setup | None = None, tried: Sequence[Setup] = ()
) -> list[str]:
    """The table of checks, one row each: first those of the setup, then the others' own.

    What was not evaluated is left to `excluded`; of the others nothing unknown is shown.
    """
    rows = [row(("check", 11), ("value", -8), ("need", -8), ("", 4))]
    rows += [_row(c) for c in checks if _is_shown(c, setup)]
    for other in tried:
        own = [_row(c) for c in checks if _is_only(c, other, setup)]
        rows += [f"only for {other.lower()}:", *own] if own else []
    return rows if len(rows) <= ROWS else [*rows[:ROWS], f"and {len(rows) - ROWS} more"]


def _is_shown(check: Check, setup: Setup | None) -> bool:
    is_evaluated = check.status is not CheckStatus.EXCLUDED
    return is_evaluated and (setup is None or concerns(check.name, setup))


def _is_only(check: Check, other: Setup, setup: Setup | None) -> bool:
    """Whether a row belongs to the other setup alone, and says something."""
    if setup is None or concerns(check.name, setup) or check.status is CheckStatus.UNKNOWN:
        return False
    return _is_shown(check, other)


def excluded(checks: Iterable[Check]) -> str:
    """Checks that the configuration leaves out, "" when there are none."""
    names = [label(c.name) for c in checks if c.status is CheckStatus.EXCLUDED]
    return "" if not names else f"Excluded: {', '.join(names)}."


def sentences(checks: Iterable[Check], setup: Setup) -> str:
    """What speaks for a signal, the candle first: value and need of checks that have words."""
    mine = (c for c in checks if concerns(c.name, setup))
    known = [c for c in mine if c.value is not None and c.need is not None]
    said = (_said(c) for c in sorted(known, key=lambda c: c.group != "candle"))
    return " ".join(words for words in said if words)


def _words(name: str) -> _Words:
    return _WORDS.get(name) or _Words(name.replace("_", " "), _BIG)


def _row(check: Check) -> str:
    words, result = _words(check.name), _RESULTS[check.status]
    value, need = _value(check, words), _need(check, words)
    sign = "" if isinstance(check.need, tuple) else words.sign
    cells = (
        (words.label, 11),
        ("" if check.value is None and not need else value + _suffix(value, words), -8),
        (need and sign + need + _suffix(need, words), -8),
        (f"({result})" if check.is_advisory else result, 4),
    )
    return row(*cells)


def _said(check: Check) -> str:
    words = _words(check.name)
    return words.said.format(v=_value(check, words), n=_need(check, words))


def _value(check: Check, words: _Words) -> str:
    value = check.value
    if value is None or not math.isfinite(value) or words.unit in (_BIG, _TIME):
        return _short(value, words)
    return fixed(value * words.scale, words.digits)


def _need(check: Check, words: _Words) -> str:
    if check.need is None:
        return ""
    bounds = check.need if isinstance(check.need, tuple) else (check.need,)
    return "-".join(_short(bound, words) for bound in bounds)


def _short(value: float | None, words: _Words) -> str:
    if words.unit == _TIME:
        return span(value)
    return compact(value and value * words.scale)


def _suffix(shown: str, words: _Words) -> str:
    return "" if shown == NONE or words.unit in (_BIG, _TIME) else words.unit
