"""The headless commands: `python -m engine venue`.

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
from engine.sim.sources import feed_from
from engine.sim.standalone import serve
from engine.sim.venue import Venue


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    options = _parser().parse_args(argv)
    try:
        feed = feed_from(options.data, options.seed)
        venue = Venue(feed, speed=options.speed, start_ms=options.start)
        asyncio.run(serve(venue, options.host, options.port))
    except EngineError as e:
        sys.stderr.write(f"{e}\n")
        return e.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    venue = commands.add_parser("venue", help="the embedded exchange alone, until SIGTERM")
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
    return parser


if __name__ == "__main__":
    sys.exit(main())
