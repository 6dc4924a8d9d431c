"""The checks bite: each planted fault is noticed, and by the invariant that is there for it."""

from itertools import chain

import pytest
from simulation.mutants import MUTANTS
from simulation.planting import SEEDS, Mutant, first_bite

from engine.sim.invariants import INVARIANTS

LEAST = 15  # faults that must be on the list


def test_the_list_is_long_and_names_real_invariants() -> None:
    names = [planted.name for planted in MUTANTS]
    assert len(names) == len(set(names)) >= LEAST
    assert {i for planted in MUTANTS for i in planted.expected} <= INVARIANTS.keys()


# Several seeds are lived through: these tests take longer than others.
@pytest.mark.sim
@pytest.mark.parametrize("planted", MUTANTS, ids=lambda planted: planted.name)
def test_a_planted_fault_is_noticed(planted: Mutant) -> None:
    found = first_bite(planted, chain((planted.hint,), range(SEEDS)))
    assert found is not None, f"nothing notices in {SEEDS} seeds that {planted.name}"
    assert found.invariant in planted.expected
