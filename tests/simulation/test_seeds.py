"""Seeds lived through: every promise holds at every step, and every rare thing really happened."""

import os
from functools import cache

import pytest

from engine.sim.report import Batch, run_batch, tell_batch
from engine.sim.world import run

SEEDS = 300


@cache
def batch() -> Batch:
    """All seeds, lived through once for all tests of this file."""
    return run_batch(range(SEEDS), os.cpu_count() or 1)


@pytest.mark.sim
def test_every_promise_is_kept() -> None:
    assert not batch().failures, tell_batch(batch())
    assert len(batch().runs) == SEEDS


@pytest.mark.sim
def test_every_fault_struck_and_every_rare_state_was_visited() -> None:
    assert batch().never == []


@pytest.mark.sim
@pytest.mark.parametrize("seed", [4, 7, 12])
def test_the_same_seed_is_the_same_run(seed: int) -> None:
    assert run(seed) == run(seed)
