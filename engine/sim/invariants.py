"""The judges: every invariant, run over each fact and each step of a simulated run.

The table `INVARIANTS` is keyed by the names of the promises. Not judged here, because they belong
to the shell around the core: I21 (every notice is delivered) and I22 (trading waits for nobody) are
tested with the chat end to end, I24 (arming) and I27 (politeness to the exchange) with the live
adapters, I30 (no secret leaves) with canaries over everything written. A judge must never repair.
"""

from engine.core.facts import Record
from engine.sim import invariants_limits, invariants_money, invariants_orders, invariants_protection
from engine.sim.scene import INVARIANTS, FactCheck, Scene, StepCheck

__all__ = ["INVARIANTS", "JUDGES", "Broken", "judge_end", "judge_fact", "judge_step"]

JUDGES = (invariants_protection, invariants_orders, invariants_money, invariants_limits)


class Broken(Exception):
    """A promise was broken: which one, and how."""

    def __init__(self, name: str, words: str) -> None:
        super().__init__(f"{name}: {words}")
        self.name = name
        self.words = words


def _rows(kind: str) -> list[tuple[str, StepCheck]]:
    return [(name, check) for name, rule in INVARIANTS.items() for check in getattr(rule, kind)]


_FACTS: dict[type, list[tuple[str, FactCheck]]] = {}
for _name, _rule in INVARIANTS.items():
    for _kind, _check in _rule.at_facts:
        _FACTS.setdefault(_kind, []).append((_name, _check))
_STEPS, _END = _rows("at_steps"), _rows("at_end")


def judge_fact(scene: Scene, record: Record) -> None:
    """Judge a fact before it folds into the shadow; raises `Broken`."""
    for name, check in _FACTS.get(type(record.fact), ()):
        _raise(name, check(scene, record.fact, record.at_ms))


def judge_step(scene: Scene) -> None:
    """Judge the state after a step; raises `Broken`."""
    if scene.truth.problems:
        raise Broken(*scene.truth.problems[0])
    for name, check in _STEPS:
        _raise(name, check(scene))


def judge_memory(scene: Scene) -> None:
    """Judge what is on disk, from the first line on; raises `Broken`. Costly: not at every step."""
    _raise("I25", invariants_orders.same_ledger(scene))


def judge_end(scene: Scene) -> None:
    """Judge the settled end; raises `Broken`."""
    judge_step(scene)
    judge_memory(scene)
    for name, check in _END:
        _raise(name, check(scene))


def _raise(name: str, words: str | None) -> None:
    if words is not None:
        raise Broken(name, words)
