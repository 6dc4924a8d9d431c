"""The table of checks: what each is about, which setup needs it, and which stage it belongs to.

It exists so that verdicts, the funnel, the configuration and the chat speak of the same rows in the
same order. Rows are arrays over symbols; a `Check` of one symbol is built when somebody reads it.
It must never compute a value.
"""

import math
from collections.abc import Sequence
from typing import overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.core import settings as keys
from engine.core.indicators import Bools, Floats
from engine.core.values import Check, CheckStatus, Setup

FEW_BARS = "not enough bars"

BOTH = (Setup.MOMENTUM, Setup.RETEST)
M, R = BOTH[:1], BOTH[1:]


class Kind(msgspec.Struct, frozen=True):
    """What a check is about; `stage` is the funnel's, 0 = none."""

    group: str
    setups: tuple[Setup, ...]
    stage: int = 5
    is_advisory: bool = False


# In evaluation and display order.
KINDS = {
    "warmup": Kind("data", BOTH, 1),
    "data_quality": Kind("data", BOTH, 1),
    "late_bar": Kind("clock", BOTH),
    "volume_24h": Kind("ticker", BOTH, 1),
    "oi": Kind("ticker", BOTH, 1),
    "spread": Kind("ticker", BOTH, 1),
    "atr15": Kind("candle", BOTH, 2),
    "oi_change": Kind("oi", BOTH, 2),
    "near": Kind("candle", BOTH, 3, is_advisory=True),
    "break": Kind("candle", M, 4),
    "volume": Kind("candle", M),
    "surge_1h": Kind("candle", M),
    "body": Kind("candle", M),
    "slope": Kind("candle", M),
    "consolidation": Kind("candle", M),
    "bb_rank": Kind("candle", M),
    "break_record": Kind("candle", R, 4),
    "pullback": Kind("candle", R, 4),
    "hold": Kind("candle", R),
    "pierce": Kind("candle", R),
    "reaction": Kind("candle", R),
    "activity": Kind("candle", R),
    "chase": Kind("candle", BOTH),
    "watched": Kind("scan", BOTH),
    "depth_30": Kind("micro", BOTH),
    "depth_50": Kind("micro", BOTH),
    "tpm": Kind("micro", BOTH),
    "imbalance": Kind("micro", BOTH),
    "wall_ahead": Kind("micro", BOTH),
    "tape_pace": Kind("micro", BOTH),
    "tape_activity": Kind("micro", BOTH),
    "blackout": Kind("clock", BOTH),
    "vwap_gap": Kind("candle", M, 0, is_advisory=True),
    "btc_corr": Kind("candle", BOTH, 0, is_advisory=True),
    "confidence": Kind("scan", BOTH),
}
# Without these there is no signal to speak of, so nobody may exclude them.
ESSENTIAL = ("warmup", "break", "break_record", "pullback")
CHECKS = tuple(name for name in KINDS if name not in ESSENTIAL)  # legal in checks.excluded
# What candles alone can never tell.
CANDLE_ONLY = (
    "oi",
    "spread",
    "oi_change",
    "depth_30",
    "depth_50",
    "tpm",
    "imbalance",
    "wall_ahead",
    "tape_pace",
    "tape_activity",
)

# The funnel; index = stage.
STAGES = ("seen", "liquid", "in band", "near", "broke", "confirmed", "approved", "filled")
SEEN, LIQUID, IN_BAND, NEAR, BROKE, CONFIRMED, APPROVED, FILLED = range(len(STAGES))


_STATUS = (CheckStatus.PASS, CheckStatus.FAIL, CheckStatus.UNKNOWN, CheckStatus.EXCLUDED)
PASSED, FAILED, UNKNOWN, EXCLUDED = range(len(_STATUS))  # codes of a sheet


class Row(msgspec.Struct, frozen=True, eq=False):
    """One check at every point: arrays `(points,)`.

    It is unknown where `known` says no, or without it, where the value is NaN.
    """

    name: str
    value: Floats
    need: float | tuple[float, float] | None
    ok: Bools
    unknown: str = FEW_BARS  # why a value may be missing
    words: tuple[str, ...] = ()  # per point, where numbers do not tell the reason
    known: Bools | None = None


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


class Sheet(msgspec.Struct, frozen=True, eq=False):
    """All rows of one batch with their outcome: `status` is `(rows, points)` of codes.

    A row that is advisory, or unknown where the policy lets it pass, never blocks.
    """

    rows: tuple[Row, ...]
    status: NDArray[np.int8]
    is_soft: Bools  # (rows, points): shown, never blocks

    @property
    def lets_pass(self) -> Bools:
        """`(rows, points)`: met, not evaluated, or unknown and let pass."""
        is_waived = (self.status == UNKNOWN) & self.is_soft
        out: Bools = (self.status == PASSED) | (self.status == EXCLUDED) | is_waived
        return out

    def index(self, name: str) -> int | None:
        """Position of a row; None where its parameter is off."""
        return next((i for i, row in enumerate(self.rows) if row.name == name), None)

    def checks(self, point: int) -> "Checks":
        """The rows of one point."""
        return Checks(self, point)


class Checks(Sequence[Check]):
    """The rows of one point, each made a `Check` when it is read: most never are."""

    def __init__(self, sheet: Sheet, point: int) -> None:
        self._sheet = sheet
        self._point = point

    def __len__(self) -> int:  # type: ignore[explicit-override]  # typing has it from 3.12
        return len(self._sheet.rows)

    @overload
    def __getitem__(self, index: int) -> Check: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Check, ...]: ...
    def __getitem__(  # type: ignore[explicit-override]  # as above
        self, index: int | slice
    ) -> Check | tuple[Check, ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(len(self))))
        return _check(self._sheet, range(len(self))[index], self._point)

    def __eq__(self, other: object) -> bool:  # type: ignore[explicit-override]  # as above
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # compared, never a key


def _check(sheet: Sheet, i: int, point: int) -> Check:
    row = sheet.rows[i]
    kind, status = KINDS[row.name], _STATUS[sheet.status[i, point]]
    if status is CheckStatus.EXCLUDED:
        return Check(row.name, kind.group, status, is_advisory=kind.is_advisory)
    value = float(row.value[point])
    words = row.words[point] if row.words else ""
    is_unknown = status is CheckStatus.UNKNOWN
    return Check(
        name=row.name,
        group=kind.group,
        status=status,
        value=None if is_unknown or not math.isfinite(value) else value,
        need=row.need,
        reason=words or (row.unknown if is_unknown else ""),
        is_advisory=bool(sheet.is_soft[i, point]),
    )


def lay_out(rows: Sequence[Row], policy: keys.Checks) -> Sheet:
    """The rows in display order, judged: what is excluded is not evaluated."""
    order = {name: i for i, name in enumerate(KINDS)}
    ordered = tuple(sorted(rows, key=lambda row: order[row.name]))
    status = np.array([_codes(row, policy) for row in ordered], dtype=np.int8)
    is_advisory = np.array([KINDS[row.name].is_advisory for row in ordered])
    is_soft = np.broadcast_to(is_advisory[:, None], status.shape)
    if policy.unknown_policy == "pass":
        is_essential = np.array([row.name in ESSENTIAL for row in ordered])
        is_soft = is_soft | ((status == UNKNOWN) & ~is_essential[:, None])
    return Sheet(ordered, status, is_soft)


def _codes(row: Row, policy: keys.Checks) -> NDArray[np.int8]:
    if row.name in policy.excluded and row.name not in ESSENTIAL:
        return np.full(len(row.value), EXCLUDED, dtype=np.int8)
    known = np.isfinite(row.value) if row.known is None else row.known
    codes: NDArray[np.int8] = np.where(known, np.where(row.ok, PASSED, FAILED), UNKNOWN)
    return codes.astype(np.int8)


def merged(rows: tuple[Row, Row], is_second: Bools) -> Row:
    """One row of two setups: each point shows that of its own setup."""
    first, second = rows
    has_words = bool(first.words or second.words)
    words = (first.words or ("",) * len(is_second), second.words or ("",) * len(is_second))
    return Row(
        name=first.name,
        value=np.where(is_second, second.value, first.value),
        need=first.need,
        ok=np.where(is_second, second.ok, first.ok),
        unknown=first.unknown,
        words=tuple(w[int(pick)] for w, pick in _zipped(words, is_second)) if has_words else (),
        known=np.where(is_second, _known(second), _known(first)),
    )


def _zipped(
    words: tuple[tuple[str, ...], tuple[str, ...]], pick: Bools
) -> "zip[tuple[tuple[str, str], bool]]":
    return zip(zip(*words, strict=True), pick.tolist(), strict=True)


def _known(row: Row) -> Bools:
    known: Bools = np.isfinite(row.value) if row.known is None else row.known
    return known
