"""Which market to simulate: the recorded one somebody points at, or the invented one.

It exists so that no program repeats the choice. It must never fall back from one to the other.
"""

from pathlib import Path

from engine.sim.feed import Feed
from engine.sim.recorded import load
from engine.sim.synthetic import SyntheticFeed


def feed_from(data: Path | None, seed: int) -> Feed:
    """The recording at `data`, else the invented market of `seed`; raises `DataError`."""
    return SyntheticFeed(seed) if data is None else load(data, seed)
