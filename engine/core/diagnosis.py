"""What the rows of a batch amount to: how far each symbol came, by which setup, what stopped it.

It exists so that a verdict, the funnel, a signal and what is told of them follow from the same rows
in the same way. It must never compute a row.
"""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from engine.core.checks import (
    BROKE,
    CONFIRMED,
    EXCLUDED,
    IN_BAND,
    KINDS,
    LIQUID,
    NEAR,
    PASSED,
    Sheet,
)
from engine.core.indicators import Bools, Indices
from engine.core.values import Check, Setup

NEAR_MISS_PCT = 10.0


class Diagnosis(msgspec.Struct, frozen=True, eq=False):
    """Arrays `(points,)`, `setup` an index into the setups that were tried."""

    setup: Indices  # the one that came farthest; the first of equals
    stage: Indices
    blocked_by: tuple[str | None, ...]
    is_quiet: Bools  # neither a break nor a pullback

    @property
    def is_signal(self) -> Bools:
        """Complete: every row of the setup lets it pass."""
        out: Bools = self.stage >= CONFIRMED
        return out


def stages(sheet: Sheet, setup: Setup) -> Indices:
    """How far each point came by one setup: each stage needs all before it."""
    fine = sheet.lets_pass
    needs = [setup in KINDS[row.name].setups for row in sheet.rows]
    depth = np.zeros(fine.shape[1], dtype=np.int64)
    is_so_far = np.ones(fine.shape[1], dtype=np.bool_)
    for stage in (LIQUID, IN_BAND, NEAR, BROKE, CONFIRMED):
        for i, row in enumerate(sheet.rows):
            if needs[i] and KINDS[row.name].stage == stage:
                # Nearness never blocks a trade, yet it is a stage: softness does not count there.
                is_so_far = is_so_far & (fine[i] if stage != NEAR else _is_met(sheet, i))
        depth[is_so_far] = stage
    return depth


def _is_met(sheet: Sheet, row: int) -> Bools:
    status = sheet.status[row]
    met: Bools = (status == PASSED) | (status == EXCLUDED)
    return met


def diagnose(sheet: Sheet, setups: Sequence[Setup], depth: Indices | None = None) -> Diagnosis:
    """Which of the setups came farthest, and its first row that stands in the way.

    `depth`, `(setups, points)`, is how far each came where the sheet cannot tell: a row that both
    setups have shows only one of them.
    """
    if depth is None:
        depth = np.stack([stages(sheet, setup) for setup in setups])
    chosen = depth.argmax(axis=0)
    bad = ~sheet.lets_pass & ~sheet.is_soft
    needs = np.array([[s in KINDS[row.name].setups for row in sheet.rows] for s in setups])
    in_the_way = bad & needs[chosen].T
    first = in_the_way.argmax(axis=0)
    is_blocked = in_the_way.any(axis=0)
    names = [row.name for row in sheet.rows]
    return Diagnosis(
        setup=chosen,
        stage=depth.max(axis=0),
        blocked_by=tuple(
            names[i] if is_bad else None
            for i, is_bad in zip(first.tolist(), is_blocked.tolist(), strict=True)
        ),
        is_quiet=~_is_reached(sheet),
    )


def _is_reached(sheet: Sheet) -> Bools:
    """A level broke at this bar, or price returned to one that did."""
    fine = sheet.lets_pass

    def row(name: str) -> Bools:
        index = sheet.index(name)
        return np.zeros(fine.shape[1], dtype=np.bool_) if index is None else fine[index]

    return row("break") | (row("break_record") & row("pullback"))


class Miss(msgspec.Struct, frozen=True):
    """A row in the way, and how far its value is from its need, in percent of that need."""

    name: str
    pct: float


def concerns(name: str, setup: Setup) -> bool:
    """Whether a setup needs the row of this name; the rows of risk belong to both."""
    kind = KINDS.get(name)
    return kind is None or setup in kind.setups


def misses(checks: Iterable[Check], setup: Setup) -> tuple[Miss, ...]:
    """The setup's rows in the way that have a number to miss, the nearest first."""
    bad = (c for c in checks if c.blocks and concerns(c.name, setup))
    found = ((c.name, _missed_pct(c)) for c in bad)
    return tuple(
        sorted((Miss(name, pct) for name, pct in found if pct is not None), key=lambda m: m.pct)
    )


def near_miss(checks: Iterable[Check], setup: Setup) -> Miss | None:
    """The one row in the way, if it is the only one and short by no more than a tenth."""
    bad = [c for c in checks if c.blocks and concerns(c.name, setup)]
    found = misses(bad, setup)
    is_near = len(bad) == len(found) == 1 and found[0].pct <= NEAR_MISS_PCT
    return found[0] if is_near else None


def _missed_pct(check: Check) -> float | None:
    """Distance to the need, of a range to its nearest end; None where that is not what failed."""
    value, need = check.value, check.need
    if value is None or need is None or check.reason:  # words: the number alone would do
        return None
    ends = need if isinstance(need, tuple) else (need,)
    end = min(ends, key=lambda x: abs(value - x))
    return None if end == 0 else 100 * abs(value - end) / abs(end)
