"""Planting one fault at a time into our own code, and looking which invariant notices.

It exists because a checker that cannot fail proves nothing. A fault replaces one function, constant
or table entry while a seed is run and is gone afterwards; nothing is simulated in its place.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple

import pytest

from engine.core import ledger
from engine.core.facts import AnyFact, Record
from engine.core.folds import fold
from engine.core.state import State
from engine.sim.world import Failure, run

SEEDS = 300  # within which each fault must be noticed

Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], None]


class Mutant(NamedTuple):
    """One planted fault."""

    name: str  # in plain words
    expected: tuple[str, ...]  # the invariants that may notice it
    hint: int  # a seed that is known to
    plant: Plant


class Bite(NamedTuple):
    """A fault that was noticed."""

    seed: int
    invariant: str
    words: str


MUTANTS: list[Mutant] = []


def mutant(*expected: str, hint: int) -> Callable[[Plant], Plant]:
    """Put a fault on the list, named by its function."""

    def register(plant: Plant) -> Plant:
        MUTANTS.append(Mutant(plant.__name__.replace("_", " "), expected, hint, plant))
        return plant

    return register


def bite(planted: Mutant, seed: int) -> Bite | None:
    """What notices the fault in this seed; None when nothing does."""
    with Patch.context() as patch:
        planted.plant(patch)
        try:
            run(seed)
        except Failure as failure:
            return Bite(seed, failure.invariant, failure.words)
    return None


@cache
def is_green(seed: int) -> bool:
    """Whether the seed keeps every promise when nothing is planted."""
    try:
        run(seed)
    except Failure:
        return False
    return True


def first_bite(planted: Mutant, seeds: Iterable[int]) -> Bite | None:
    """The first bite of an invariant that is meant to notice, in a seed that is green without."""
    for seed in seeds:
        found = bite(planted, seed)
        if found is not None and found.invariant in planted.expected and is_green(seed):
            return found
    return None


def misfold(
    patch: Patch,
    kind: type[Any] | tuple[type[Any], ...],
    wrong: Callable[[Any, State, Record], None],
) -> None:
    """Let facts of this kind be folded wrongly, when they are stated and when they are read."""

    def bent(fact: AnyFact, state: State, record: Record) -> None:
        (wrong if isinstance(fact, kind) else fold)(fact, state, record)

    patch.setattr(ledger, "fold_record", bent)
