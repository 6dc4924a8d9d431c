"""The headless commands: `python -m engine venue`.

It exists so that parts of the engine run without a chat. It parses arguments and prints errors; it
must never decide anything else.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.errors import EngineError
from engine.sim.sources import feed_from
from engine.sim.standalone import serve
from engine.sim.venue import Venue

SPEED_MAX = 10_000
PORT_MAX = 65_535


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    options = _parser().parse_args(arguments)
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
    venue.add_argument("--port", type=_port, default=8091, help="0 takes a free one")
    venue.add_argument("--speed", type=_speed, default=1.0, help="market time over real time")
    venue.add_argument("--seed", type=_count, default=1, help="which invented market")
    venue.add_argument("--data", type=Path, help="replay candles: a folder or a .npz")
    venue.add_argument("--start", type=_count, metavar="MS", help="market time to start at")
    return parser


def _speed(text: str) -> float:
    speed = float(text)
    if not 0 < speed <= SPEED_MAX:
        raise argparse.ArgumentTypeError(f"expected 0 < speed <= {SPEED_MAX}, found {text}")
    return speed


def _port(text: str) -> int:
    port = _count(text)
    if port > PORT_MAX:
        raise argparse.ArgumentTypeError(f"expected 0..{PORT_MAX}, found {text}")
    return port


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f'expected a whole number from 0, found "{text}"')
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
