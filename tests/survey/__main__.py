"""How often each preset finds a setup in a recorded market, how far markets come, and what a
random dozen of signals looks like: `make survey DATA=candles/`.

It judges nothing about profit: it shows what would have been traded.
"""

import argparse
import random
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
from survey.history import Count, judged

from engine import config, preset
from engine.candles import Histories, read_histories
from engine.chart import CandleChart, Line, Mark, render
from engine.core.checks import STAGES
from engine.core.settings import Settings
from engine.core.values import Signal
from engine.scanning import without_books

BEFORE, AFTER = 90, 30  # bars of a picture


def count(data: Path, name: str) -> Count:
    """Everything one preset finds."""
    settings = without_books(config.of_preset(name))
    found = Count()
    for batch in judged(read_histories(data, settings.market.frame_s), settings):
        found.add(batch)
    return found


def told(name: str, found: Count) -> str:
    """One row of the table."""
    kinds = Counter((s.setup.value, s.side.value) for s in found.signals)
    cells = [kinds[s, d] for s in ("MOMENTUM", "RETEST") for d in ("LONG", "SHORT")]
    stages = "".join(f"{n:9}" for n in found.reached())
    worst = ", ".join(f"{n} {c}" for n, c in found.blocked.most_common(3))
    return f"{name:22}{sum(cells):7}{''.join(f'{n:6}' for n in cells)}{stages}  {worst}"


def draw(histories: Histories, signal: Signal) -> bytes:
    """The bars before a signal and those that followed it, with level, entry and stop."""
    row = [i.symbol for i in histories.instruments].index(signal.symbol)
    open_ms, ohlcv = histories.history(row, histories.ohlcv.shape[1] - 1)
    bar = int(np.searchsorted(open_ms, signal.open_ms))
    part = slice(max(bar - BEFORE, 0), bar + AFTER + 1)
    return render(
        CandleChart(
            symbol=signal.symbol,
            frame_s=histories.frame_ms // 1000,
            open_ms=open_ms[part],
            ohlcv=ohlcv[part],
            lines=(
                Line(signal.level.price, f"{signal.level.touches} touches", "level"),
                Line(signal.price, "entry", "entry"),
                Line(signal.stop, "stop", "stop"),
            ),
            marks=(Mark(signal.open_ms, signal.price, signal.side.entry),),
            side=signal.side,
            words=f"{signal.setup} · strength {signal.level.strength:.2f}",
        )
    )


def main(words: Sequence[str]) -> int:
    """Print the table, and draw the pictures where a folder is given."""
    parser = argparse.ArgumentParser(prog="python -m survey", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--pictures", type=Path, help="a folder for a dozen random signals")
    parser.add_argument("--seed", type=int, default=1, help="which dozen")
    parser.add_argument("presets", nargs="*", default=preset.names())
    options = parser.parse_args(words)
    heads = "".join(f"{stage:>9}" for stage in STAGES[:6])
    print(f"{'':22}signals  mom L     S ret L     S{heads}  what stops most breaks")
    with ProcessPoolExecutor(options.jobs) as pool:
        every = pool.map(partial(count, options.data), options.presets)
        for name, found in zip(options.presets, every, strict=True):
            print(told(name, found), flush=True)
            if options.pictures is not None and name == Settings().bot.preset:
                _draw_some(options, found)
    return 0


def _draw_some(options: argparse.Namespace, found: Count) -> None:
    histories = read_histories(options.data, Settings().market.frame_s)
    picked = random.Random(options.seed).sample(found.signals, min(12, len(found.signals)))  # noqa: S311 -- which to show
    options.pictures.mkdir(parents=True, exist_ok=True)
    for number, signal in enumerate(picked, 1):
        (options.pictures / f"{number:02}.png").write_bytes(draw(histories, signal))
        (options.pictures / f"{number:02}.json").write_bytes(msgspec.json.encode(signal))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
