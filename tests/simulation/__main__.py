"""Which seed and which invariant notices each planted fault first, as a table: `make mutants`.

It ends with 1 when a fault goes unnoticed. Words after the options pick the faults with one of them
in their name.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from simulation.mutants import MUTANTS
from simulation.planting import SEEDS, Bite, first_bite


def look(number: int) -> Bite | None:
    """The first bite of the fault with this number."""
    return first_bite(MUTANTS[number], range(SEEDS))


def main(words: Sequence[str]) -> int:
    """Print the table; how many faults nothing notices."""
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("words", nargs="*")
    told = parser.parse_args(words)
    chosen = [
        number
        for number, planted in enumerate(MUTANTS)
        if not told.words or any(word in planted.name for word in told.words)
    ]
    began_s, missed = time.perf_counter(), 0
    print(f"{'planted fault':64}{'seed':>5}  {'noticed by':11}hint")
    with ProcessPoolExecutor(told.jobs) as pool:
        for number, found in zip(chosen, pool.map(look, chosen), strict=True):
            missed += found is None
            where = "    -  nothing" if found is None else f"{found.seed:5}  {found.invariant}"
            print(f"{MUTANTS[number].name:64}{where:18}{MUTANTS[number].hint}", flush=True)
    seconds = time.perf_counter() - began_s
    print(f"{len(chosen)} faults, {missed} not noticed within {SEEDS} seeds, {seconds:.0f} s")
    return missed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) > 0)
