"""What a process holds at most: `python -m bench.memory live` or `history`, in MB.

Each is a process of its own, because a process never tells what one piece of work took. The live
one has imported the whole bot and scanned 500 symbols whose stores are full; the other has read a
history of a million bars.
"""

import resource
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module

from bench.scans import SYMBOLS, WIDE, at, history
from bench.table import Row

from engine.core.detect import detect
from engine.core.market import DEPTH, Market
from engine.core.scan import Scanner
from series import FRAME_MS, walk


def memory() -> Iterator[Row]:
    """The live bot against T10; a history of a million bars against what a backtest may take."""
    yield Row("memory, 500 symbols scanned", _peak_mb("live"), 220, 150, "MB")
    yield Row("memory, a history of 1M bars", _peak_mb("history"), 300, 200, "MB")


def _peak_mb(what: str) -> float:
    command = [sys.executable, "-m", "bench.memory", what]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _live() -> None:
    """A store holds no more than two depths a symbol, however long it lives."""
    import_module("bot.app")
    times, market, scanner = at(DEPTH), Market(WIDE), Scanner()
    market.set_universe(SYMBOLS)
    for seed, symbol in enumerate(SYMBOLS):
        market.load_history(symbol, times, walk(seed, 1, DEPTH)[0].T)
    newest = int(times[-1])
    for _ in range(3):
        scanner(market, SYMBOLS, newest, newest + FRAME_MS + 1000, WIDE)


if __name__ == "__main__":
    if sys.argv[1] == "live":
        _live()
    else:
        detect(history(10), WIDE)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
