"""Seeds lived through: every promise holds at every step, and every rare thing really happened."""

from functools import cache

import pytest

from engine.sim.report import Batch, run_batch, tell_batch
from engine.sim.world import run

SEEDS, CHUNK = 300, 10


@cache
def batch_from(first: int) -> Batch:
    """A chunk of seeds, lived through once for all tests of this file."""
    return run_batch(range(first, first + CHUNK))


@pytest.mark.sim
@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_every_promise_is_kept(first: int) -> None:
    batch = batch_from(first)
    assert not batch.failures, tell_batch(batch)


@pytest.mark.sim
def test_every_fault_struck_and_every_rare_state_was_visited() -> None:
    chunks = [batch_from(first) for first in range(0, SEEDS, CHUNK)]
    whole = Batch(runs=[one for chunk in chunks for one in chunk.runs])
    assert whole.never == []


@pytest.mark.sim
@pytest.mark.parametrize("seed", [4, 7, 12])
def test_the_same_seed_is_the_same_run(seed: int) -> None:
    assert run(seed) == run(seed)
