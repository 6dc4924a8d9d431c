"""The headless commands: `python -m engine venue` and `python -m engine sim`.

It exists so that parts of the engine run without a chat. It parses arguments and prints errors; it
must never decide anything else.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from engine import arguments
from engine.errors import EngineError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    options = _parser().parse_args(argv)
    try:
        code: int = options.command(options)
    except EngineError as e:
        sys.stderr.write(f"{e}\n")
        return e.exit_code
    return code


def _venue(options: argparse.Namespace) -> int:
    from engine.sim.sources import feed_from
    from engine.sim.standalone import serve
    from engine.sim.venue import Venue

    feed = feed_from(options.data, options.seed)
    venue = Venue(feed, speed=options.speed, start_ms=options.start)
    asyncio.run(serve(venue, options.host, options.port))
    return 0


def _sim(options: argparse.Namespace) -> int:
    """A batch of seeds, or one seed with its last facts; 1 when a promise was broken."""
    from engine.sim import report

    if options.seed is not None:
        words, is_broken = report.replay(options.seed)
        print(words)
        return int(is_broken)
    seeds = range(options.first, options.first + options.seeds)
    batch = report.run_batch(seeds, options.jobs)
    print(report.tell_batch(batch))
    return int(bool(batch.failures))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    venue = commands.add_parser("venue", help="the embedded exchange alone, until SIGTERM")
    venue.set_defaults(command=_venue)
    venue.add_argument("--host", default="127.0.0.1", help="address to listen on")
    venue.add_argument("--port", type=arguments.port, default=8091, help="0 takes a free one")
    venue.add_argument(
        "--speed", type=arguments.speed, default=1.0, help="market time over real time"
    )
    venue.add_argument("--seed", type=arguments.count, default=1, help="which invented market")
    venue.add_argument("--data", type=Path, help="replay candles: a folder or a .npz")
    venue.add_argument(
        "--start", type=arguments.count, metavar="MS", help="market time to start at"
    )
    sim = commands.add_parser("sim", help="simulated runs under faults, every promise judged")
    sim.set_defaults(command=_sim)
    sim.add_argument("--seeds", type=arguments.count, default=300, help="how many runs")
    sim.add_argument("--first", type=arguments.count, default=0, help="the first seed")
    sim.add_argument("--jobs", type=arguments.count, default=1, help="processes")
    sim.add_argument("--seed", type=arguments.count, help="this run alone, and its last facts")
    return parser


if __name__ == "__main__":
    sys.exit(main())
