"""Checks in words: their labels, units and directions, as rows of a table and as sentences.

They exist so that the table of `/why`, the reasons of a signal and the ranking of `/scan` speak
the same language. A value is rounded here and never judged; an unknown one is a dash.
"""

import math
from collections.abc import Iterable, Sequence

import msgspec

from bot.views.layout import NONE, compact, fixed, row, span
from engine.core.values import Check, CheckStatus

ROWS = 30
_TECHNICAL = ("warmup", "data_quality", "late_bar")  # news only when they fail
_RESULTS = {
    CheckStatus.PASS: "ok",
    CheckStatus.FAIL: "NO",
    CheckStatus.UNKNOWN: "?",
    CheckStatus.EXCLUDED: "excl",
}
_BIG, _TIME = "big", "time"  # units that are no suffix: 8.2M, 30m


class _Words(msgspec.Struct, frozen=True):
    """How one check is told; `said` is a sentence of value `v` and need `n`."""

    label: str  # at most 11 characters
    unit: str = ""
    digits: int = 0
    sign: str = ""  # on which side of the need a value is good
    said: str = ""
    scale: float = 1.0  # from the check's unit to the one shown


_WORDS = {
    "warmup": _Words("history", sign=">="),
    "data_quality": _Words("data gaps", sign="<="),
    "late_bar": _Words("bar age", _TIME, sign="<="),
    "volume_24h": _Words("volume 24h", _BIG, 0, ">=", "24 h turnover {v} USDT (need {n})."),
    "spread": _Words("spread", "bps", 1, "<=", "Spread {v} bps ({n})."),
    "atr15": _Words("ATR 15m", "%", 2, "", "ATR15 {v} % ({n})."),
    "near": _Words("near edge", "ATR", 1, "<="),
    "break": _Words("break", "%", 2, ">", "Closed {v} % beyond the trigger."),
    "volume": _Words("bar volume", "x", 2, ">=", "Volume {v}x the 20-bar median (need {n}x)."),
    "surge_1h": _Words("volume 1h", "x", 2, ">=", "Last hour {v}x the hour before ({n}x)."),
    "body": _Words("body", "%", 0, ">=", "Body {v} % ({n} %).", 100.0),
    "slope": _Words("slope/bar", "%", 2, "<=", "Approach {v} % a bar (at most {n})."),
    "bb_rank": _Words("BB width", "%", 0, "<=", "Band width rank {v} % (at most {n})."),
    "chase": _Words("chase", "ATR", 1, "<=", "{v} ATR past the level (at most {n})."),
    "gates": _Words("entries on"),
    "expiry": _Words("in time"),
    "busy": _Words("open trade"),
    "cooldown": _Words("cooldown", _TIME, sign=">="),
    "slots": _Words("slots used", sign="<"),
    "stop": _Words("stop side"),
    "cost": _Words("cost/stop", "%", 0, "<=", "Costs {v} % of the stop distance ({n}).", 100.0),
    "size": _Words("size", _BIG),
}


def label(name: str | None) -> str:
    """What a check is called in the chat."""
    return NONE if name is None else _words(name).label


def table(checks: Sequence[Check]) -> list[str]:
    """The table of checks, one row each; those that only say that nothing is wrong are left out."""
    shown = [c for c in checks if not _is_silent(c)]
    rows = [row(("check", 11), ("value", -8), ("need", -8), ("", 4))]
    rows += [_row(c) for c in shown[:ROWS]]
    return rows if len(shown) <= ROWS else [*rows, f"and {len(shown) - ROWS} more"]


def sentences(checks: Iterable[Check]) -> str:
    """What speaks for a signal, the candle first: value and need of checks that have words."""
    known = [c for c in checks if c.value is not None and c.need is not None]
    said = (_said(c) for c in sorted(known, key=lambda c: c.group != "candle"))
    return " ".join(words for words in said if words)


def _words(name: str) -> _Words:
    return _WORDS.get(name) or _Words(name.replace("_", " "), _BIG)


def _is_silent(check: Check) -> bool:
    has_nothing = check.group == "risk" and check.value is None
    is_plain = check.name in _TECHNICAL or has_nothing
    return is_plain and check.status is CheckStatus.PASS


def _row(check: Check) -> str:
    words, result = _words(check.name), _RESULTS[check.status]
    is_soft = check.is_advisory and check.status is not CheckStatus.EXCLUDED
    value, need = _value(check, words), _need(check, words)
    sign = "" if isinstance(check.need, tuple) else words.sign
    cells = (
        (words.label, 11),
        ("" if check.value is None and not need else value + _suffix(value, words), -8),
        (need and sign + need + _suffix(need, words), -8),
        (f"({result})" if is_soft else result, 4),
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
