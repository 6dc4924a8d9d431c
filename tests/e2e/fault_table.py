"""Fault by fault in one life of the process, and a table of what came of it: `make faults`.

A row is lived through in three steps: the fault stands until it was seen to act; it is cleared, and
exchange and journal must agree on everything; then every promise is judged.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from e2e.fault_row import Row
from e2e.fault_world import LiveWorld, live
from e2e.faults_orders import ORDERS, STOPS
from e2e.faults_rest import REST
from e2e.faults_stream import STREAM

SETTLE_S = 60.0
TRIES = 4
GROUPS = {"rest": REST, "stream": STREAM, "orders": ORDERS, "stops": STOPS}


class Line(msgspec.Struct):
    """One row of the table, told."""

    name: str
    required: str
    happened: str = ""
    problem: str = ""
    seconds: float = 0.0

    @property
    def text(self) -> str:
        """For a person."""
        verdict = f"FAILED: {self.problem}" if self.problem else "ok"
        return f"{self.name} | {self.happened} | {self.required} | {verdict} | {self.seconds:.0f} s"


async def live_through(
    rows: Sequence[Row], folder: Path, tell: Callable[[Line], object] = lambda _: None
) -> list[Line]:
    """Every row in one life; a problem of one does not keep the next from its turn."""
    told: list[Line] = []
    async with live(folder) as world:
        for row in rows:
            line = Line(row.name, row.required)
            began = time.monotonic()
            try:
                line.happened = await _until_seen(world, row)
            except (AssertionError, TimeoutError) as problem:
                line.problem = str(problem) or "not seen in time"
            line.seconds = time.monotonic() - began
            told.append(line)
            tell(line)
            if not world.program.is_running:
                line.problem = f"the process ended: {world.program.lines[-20:]}"
                break
    return told


async def _until_seen(world: LiveWorld, row: Row) -> str:
    """Suffer it again where the market gave no chance to see it: an exit may use a fault up that
    waits for an entry. A promise that was broken is never tried again.
    """
    for _ in range(TRIES - 1):
        with suppress(TimeoutError):
            return await suffer(world, row)
    return await suffer(world, row)


async def suffer(world: LiveWorld, row: Row) -> str:
    """One fault, from a quiet moment to the next; what happened."""
    world.mark()
    await world.inject(*row.faults)
    try:
        if row.act is not None:
            await row.act(world)
        happened = await world.until(row.seen, row.patience_s)
    finally:
        await world.inject()
    if row.after is not None:
        happened += f"; {await world.until(row.after, row.patience_s)}"
    await world.settle(SETTLE_S)
    await world.judge()
    return happened


def say(line: Line) -> None:
    """Tell the person who waits."""
    sys.stdout.write(f"{line.text}\n")
    sys.stdout.flush()


def main() -> int:
    """The command line; 1 when a row failed."""
    parser = argparse.ArgumentParser(prog="make faults")
    parser.add_argument("--group", choices=GROUPS, action="append")
    parser.add_argument("--row", help="only rows whose name holds this")
    options = parser.parse_args()
    is_bad = False
    for group in options.group or GROUPS:
        rows = [row for row in GROUPS[group] if (options.row or "") in row.name]
        with tempfile.TemporaryDirectory(prefix="breakout-faults-") as folder:
            lines = asyncio.run(live_through(rows, Path(folder) / "state", say)) if rows else []
            is_bad = is_bad or any(line.problem for line in lines)
    return int(is_bad)


if __name__ == "__main__":
    sys.exit(main())
