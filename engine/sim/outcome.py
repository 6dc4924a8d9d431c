"""How a simulated run ended: with every promise kept, or with the first one that was broken.

It exists so that a result can travel between processes and be printed. It must never hold the world
it came from.
"""

import msgspec

from engine.core.values import Ms


class Run(msgspec.Struct, frozen=True):
    """A run that kept every promise."""

    seed: int
    digest: str  # over the bytes of every fact ever stated, lost ones included
    steps: int
    facts: int
    trades: int
    lives: int
    virtual_ms: Ms
    bare_ms: Ms  # how long positions stood without a stop, all together
    faults: dict[str, int]
    rare: dict[str, int]
    last: tuple[str, ...]  # the newest facts, in words


class Failure(Exception):
    """A broken promise: which seed, which invariant, when, how, and the facts before it."""

    def __init__(self, seed: int, invariant: str, at_ms: Ms, story: tuple[str, list[str]]) -> None:
        self.seed, self.invariant, self.at_ms = seed, invariant, at_ms
        self.words, self.facts = story
        super().__init__(f"seed {seed}: {invariant} at {at_ms}: {self.words}")

    def __reduce__(  # type: ignore[explicit-override]  # typing has it from 3.12
        self,
    ) -> tuple[type["Failure"], tuple[int, str, Ms, tuple[str, list[str]]]]:
        """So that it can travel between processes."""
        return type(self), (self.seed, self.invariant, self.at_ms, (self.words, self.facts))
