"""How fast the bot is, as a table: `make bench`.

Each row is the median (or the named percentile) of several runs. Machines differ, so a calibration
loop is timed beside them: on a machine where it takes `CALIBRATION_MS` the targets hold as they
stand, elsewhere they scale with it. A row beyond 1.5 times its target ends the process with 1.
"""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from math import inf

import msgspec
import numpy as np
from bench.aging import AGES, costs, start_ms
from bench.alarm import alarm
from bench.ingest import ingest
from bench.memory import memory
from bench.scans import START_MS, SYMBOLS, WIDE, kernel, verdicts
from bench.table import Row, calibrate, timed

from engine.chart import CandleChart, Line, Mark, render
from engine.core import events as e
from engine.core.terms import Risk
from engine.core.values import Bar, OrderSide, Side
from series import FRAME_MS, walk
from world import World, instruments

CALIBRATION_MS = 10.0  # of the loop below, on two shared virtual cores
TOLERANCE = 1.5


def steps() -> Iterator[Row]:
    """The engine's turn, without the shell around it."""
    world = World(WIDE, instruments(*SYMBOLS))
    world.start()
    quote = world._quote("S007USDT", 101.99, 102.0, 102.0)
    p99 = timed(lambda: world.engine.step(world.now, quote), 5000, 0.99)
    yield Row("step on a quote, p99", p99 * 1000, 50, 20, "us")
    yield Row("step on 500 candles", _candle_step(world), 60, 30)
    yield Row("step with 10 open positions", _protect_step(), 2, 0.5)


def _candle_step(world: World) -> float:
    opened = iter(range(int(world.open_ms[300]), 2**62, FRAME_MS))

    def work() -> None:
        at = next(opened)
        bars = tuple(Bar(s, at, 102.0, 102.01, 101.99, 102.0, 1000.0) for s in SYMBOLS)
        world.now = at + FRAME_MS
        world.engine.step(world.now, e.CandlesClosed(bars))

    return timed(work, 15)


def _protect_step() -> float:
    risk = Risk(max_open_positions=10, risk_per_trade_pct=0.2, open_risk_max_pct=20)
    names = SYMBOLS[:10]
    world = World(msgspec.structs.replace(WIDE, risk=risk), instruments(*names))
    world.start()
    for name in names:
        world.quote(102.99, 103.0, 103.0, name)
    world.close_bar(300, names)
    assert len(world.engine.ledger.positions) == len(names)
    return timed(lambda: world.engine.step(world.now, e.Tick()), 500)


def durability() -> Iterator[Row]:
    """Journal and checkpoint on this disk, young and old.

    The state is full after some 4k facts (500 trades); what a checkpoint costs until then is not
    age, so the ratio that counts begins at 10k.
    """
    found = costs()
    (young, new), (_, full), (old, late) = (found[facts] for facts in AGES)
    yield Row("append a fact after 1k facts", young, 0.5, 0.3)
    yield Row("append a fact after 100k facts", old, 0.5, 0.3)
    yield Row("its cost by age, 100k over 1k", old / young, 1.5, 1.2, "x")
    yield Row("checkpoint after 1k facts", new, 50, 10)
    yield Row("checkpoint after 10k facts", full, 50, 10)
    yield Row("checkpoint after 100k facts", late, 50, 10)
    yield Row("its cost by age, 100k over 10k", late / full, 1.5, 1.2, "x")
    yield Row("start with a journal of 100k facts", start_ms(), 5000, 2000)


def charts() -> Iterator[Row]:
    """A picture for the phone."""
    ohlcv = walk(3, 1, 120)[0].T
    last = float(ohlcv[-1, 3])
    picture = CandleChart(
        symbol="SOLUSDT",
        frame_s=300,
        open_ms=START_MS + FRAME_MS * np.arange(120),
        ohlcv=ohlcv,
        lines=(
            Line(last * 1.01, "4 touches", "level"),
            Line(last, "entry", "entry"),
            Line(last * 0.99, "stop", "stop"),
            Line(last * 1.02, "target 1.5R", "target"),
        ),
        marks=(Mark(START_MS + 100 * FRAME_MS, last, OrderSide.BUY),),
        side=Side.LONG,
        mode="paper",
        words="one line of words",
        opened_ms=START_MS + 100 * FRAME_MS,
    )
    yield Row("chart", timed(lambda: render(picture), 15), 250, 80)


def process() -> Iterator[Row]:
    """A process that has imported everything it trades with."""
    spent = timed(lambda: subprocess.run([sys.executable, "-c", "import bot.app"], check=True), 3)
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    yield Row("imports of the whole bot", spent, 5000, 2500)
    yield Row("memory after them", peak_mb, 220, 150, "MB")


def verdict(row: Row, pace: float) -> str:
    """Which target a row meets on a machine of this pace; nothing when it has none."""
    if row.must == inf:
        return ""
    scale = 1 if row.unit in ("MB", "x") else max(pace, 1)
    late = "LATE" if row.found > row.must * TOLERANCE * scale else "near"
    targets = (("goal", row.goal), ("ok", row.must))
    return next((word for word, most in targets if row.found <= most), late)


def figure(value: float) -> str:
    """A column of the table."""
    return f"{'-':>9}" if value == inf else f"{value:>9.4g}"


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"


def main() -> int:
    """Print the table; 1 when a row is beyond its target."""
    pace = calibrate() / CALIBRATION_MS
    print(f"calibration: this machine takes {pace:.2f} of the reference's time")
    print(f"load before: {_load()}; latencies mean little where others use the processors")
    print(f"{'':40}{'found':>9}{'must':>9}{'goal':>9}")
    late = 0
    # A child counts our size, too: those that measure memory come first.
    for measure in (process, memory, ingest, verdicts, kernel, steps, durability, charts, alarm):
        for row in measure():
            word = verdict(row, pace)
            late += word == "LATE"
            figures = "".join(figure(x) for x in (row.found, row.must, row.goal))
            print(f"{row.name:<40}{figures} {row.unit:<3}{word}", flush=True)
    print(f"load after: {_load()}")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
