"""The headless commands: `python -m engine` with `venue`, `scan` or `sim`.

It exists so that parts of the engine run without a chat. It parses arguments and prints errors; it
must never decide anything else.
"""

import argparse
import asyncio
import os
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


def _scan(options: argparse.Namespace) -> int:
    """Rank the markets of candle files at one bar; JSON on standard output stands there alone."""
    from engine import config, scan_report
    from engine.candles import read_histories
    from engine.scanning import scan

    settings = config.load(options.config, options.sets, os.environ, options.preset)
    found = scan(read_histories(options.data, settings.market.frame_s), settings, options.at)
    if options.json == "-":
        _say(scan_report.document(found))
        return 0
    if options.json is not None:
        _write(Path(options.json), scan_report.document(found))
    _say(scan_report.table(found))
    return 0


def _write(path: Path, text: str) -> None:
    from engine.errors import ConfigError

    try:
        path.write_text(f"{text}\n", encoding="utf-8")
    except OSError as e:
        problem = f"expected a file that can be written, found: {e.strerror}"
        raise ConfigError(f"--json {path}", [problem]) from e


def _say(text: str) -> None:
    """Print it all, or as much as whoever reads it wants to have."""
    try:
        print(text, flush=True)
    except BrokenPipeError:  # what is left must not be flushed into the pipe at the end either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
    _add_scan(commands.add_parser("scan", help="rank recorded markets at a closed bar"))
    sim = commands.add_parser("sim", help="simulated runs under faults, every promise judged")
    sim.set_defaults(command=_sim)
    sim.add_argument("--seeds", type=arguments.count, default=300, help="how many runs")
    sim.add_argument("--first", type=arguments.count, default=0, help="the first seed")
    sim.add_argument("--jobs", type=arguments.count, default=1, help="processes")
    sim.add_argument("--seed", type=arguments.count, help="this run alone, and its last facts")
    return parser


def _add_scan(scan: argparse.ArgumentParser) -> None:
    scan.set_defaults(command=_scan)
    scan.add_argument(
        "--data", type=Path, required=True, metavar="PATH", help="candles: a folder or a .npz"
    )
    scan.add_argument("--preset", metavar="NAME", help="this strategy, above the configured one")
    scan.add_argument(
        "--at",
        type=arguments.count,
        metavar="MS",
        help="the newest bar closed by then; default: the newest of the data",
    )
    scan.add_argument("--config", type=Path, metavar="FILE", help="default: config.toml")
    scan.add_argument(
        "--set",
        action="append",
        default=[],
        dest="sets",
        metavar="KEY=VALUE",
        help="one setting, above file and preset; again for more",
    )
    scan.add_argument("--json", metavar="FILE", help="write the result there, - = standard output")


if __name__ == "__main__":
    sys.exit(main())
