"""What the rows of a batch amount to: how far each symbol came, by which setup, what stopped it.

It exists so that a verdict, the funnel and a signal follow from the same rows in the same way. It
must never compute a row.
"""

from collections.abc import Sequence

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
from engine.core.values import Setup


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
