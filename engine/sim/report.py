"""Many seeds at once, and what they showed: the numbers behind `make sim`.

It exists so that a batch is one table a person can read: how many runs, how fast, which faults
really struck, and the first broken promises with the line that replays them. It must never hide a
failure behind a count.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import msgspec

from engine.sim.faults import RATES
from engine.sim.rare import RARE
from engine.sim.world import Failure, Run, run

CHUNK = 10  # seeds a process takes at once
SHOWN = 5  # failures told in full


class Batch(msgspec.Struct):
    """What a batch of seeds showed."""

    runs: list[Run] = []
    failures: list[Failure] = []
    seconds: float = 0.0

    def total(self, field: str) -> Counter[str]:
        """How often each fault struck, or each rare state was visited, over all runs."""
        found: Counter[str] = Counter()
        for one in self.runs:
            found.update(getattr(one, field))
        return found

    @property
    def never(self) -> list[str]:
        """Faults that never struck, and rare states that were never visited."""
        struck, visited = self.total("faults"), self.total("rare")
        faults = [kind.value for kind in RATES if not struck[kind.value]]
        return faults + [name for name in RARE if not visited[name]]


def run_or_fail(seed: int) -> Run | Failure:
    """One seed; its failure is a value, so that the others go on."""
    try:
        return run(seed)
    except Failure as failure:
        return failure


def replay(seed: int) -> tuple[str, bool]:
    """One seed in words, and whether it broke a promise."""
    outcome = run_or_fail(seed)
    if isinstance(outcome, Failure):
        return tell_failure(outcome), True
    return tell_run(outcome), False


def run_batch(seeds: Iterable[int], jobs: int = 1) -> Batch:
    """All seeds, in order, on `jobs` processes."""
    batch, began_s = Batch(), time.perf_counter()
    for outcome in _outcomes(seeds, jobs):
        if isinstance(outcome, Failure):
            batch.failures.append(outcome)
        else:
            batch.runs.append(outcome)
    batch.seconds = time.perf_counter() - began_s
    return batch


def _outcomes(seeds: Iterable[int], jobs: int) -> Iterator[Run | Failure]:
    if jobs <= 1:
        yield from map(run_or_fail, seeds)
        return
    # Not forked: the caller may have threads, and a fork takes only one of them along.
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        yield from pool.map(run_or_fail, seeds, chunksize=CHUNK)


def tell_batch(batch: Batch) -> str:
    """The batch in words."""
    runs = batch.runs
    count = len(runs) + len(batch.failures)
    head = (
        f"seeds {count}, failed {len(batch.failures)}, {batch.seconds:.1f} s, "
        f"{count / max(batch.seconds, 1e-9):.1f} seeds/s"
    )
    sums = (
        f"steps {sum(r.steps for r in runs)}, facts {sum(r.facts for r in runs)}, "
        f"trades {sum(r.trades for r in runs)}, lives {sum(r.lives for r in runs)}, "
        f"virtual hours {sum(r.virtual_ms for r in runs) / 3.6e6:.0f}, "
        f"of them without a stop {sum(r.bare_ms for r in runs) / 1000:.0f} s"
    )
    broken = Counter(failure.invariant for failure in batch.failures)
    lines = [
        head,
        sums,
        "broken: " + (_counts(broken) or "nothing"),
        "faults: " + _counts(batch.total("faults")),
        "rare: " + _counts(batch.total("rare")),
        "never: " + (", ".join(batch.never) or "nothing"),
    ]
    for failure in batch.failures[:SHOWN]:
        lines += ["", tell_failure(failure)]
    return "\n".join(lines)


def tell_failure(failure: Failure) -> str:
    """A broken promise, the facts before it, and how to see it again."""
    return "\n".join(
        (
            *failure.facts,
            f"seed {failure.seed}: {failure.invariant} broken at {failure.at_ms}: {failure.words}",
            f"again: make sim SEED={failure.seed}",
        )
    )


def tell_run(one: Run) -> str:
    """One run that kept every promise."""
    last = (
        f"seed {one.seed}: kept every promise; {one.steps} steps, {one.facts} facts, "
        f"{one.trades} trades, {one.lives} lives, digest {one.digest[:16]}"
    )
    return "\n".join((*one.last, last))


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {n}" for name, n in counts.most_common() if n)
