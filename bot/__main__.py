"""The command line of the bot: parse, run, and one clear line with the right exit code on failure.

It exists so that a person and a container start the same program. It must never print a traceback
for a problem the operator can mend, and never run with assertions switched off.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from engine import arguments
from engine.core.values import LIVE, PAPER
from engine.errors import EngineError

PORT = 8090
SPEED = 60.0  # of the sandbox: a five-minute bar in five seconds


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    if not __debug__:
        print(
            "python -O switches off the assertions that guard money: run without -O",
            file=sys.stderr,
        )
        return 2
    options = _parser().parse_args(argv)
    try:
        return _run(options)
    except (EngineError, BaseExceptionGroup) as problem:
        cause = _first(problem)
        if not isinstance(cause, EngineError):
            raise
        print(cause, file=sys.stderr)
        return cause.exit_code


def _first(problem: BaseException) -> BaseException:
    """The first error of a group of tasks is the cause; the others followed from it."""
    while isinstance(problem, BaseExceptionGroup):
        problem = problem.exceptions[0]
    return problem


def _run(options: argparse.Namespace) -> int:
    """Imports wait until the command is known: `check` and `health` stay quick."""
    match options.command:
        case "check":
            return _check(options)
        case "health":
            return _health(options)
        case "chat":
            return _chat(options)
        case _:
            return _trade(options)


def _trade(options: argparse.Namespace) -> int:
    from bot import app

    speed = options.speed if options.speed is not None else SPEED if options.sandbox else 1.0
    chosen = app.Options(
        config=options.config,
        sets=options.sets,
        state_dir=options.state_dir,
        speed=speed,
        is_sandbox=options.sandbox,
        host=options.host,
        port=options.port,
        seed=options.seed,
        data=options.data,
        say=partial(print, flush=True),
        mode=options.mode,
    )
    return asyncio.run(app.run(chosen, os.environ))


def _check(options: argparse.Namespace) -> int:
    from engine import config, preset
    from engine.environment import read_environment

    environment = read_environment(os.environ)
    settings = config.load(config.locate(options.config, os.environ), options.sets, os.environ)
    config.check_presets()
    name = settings.bot.preset
    print(f"# preset {name}, one of {len(preset.names())}: {preset.character(name)}")
    print("\n".join(config.effective(settings)))
    token = "given" if environment.telegram_token else "missing"
    print(f"# token {token}, {len(environment.allowed_users)} people allowed")
    key = "given" if environment.exchange_key else "missing"
    print(f"# exchange key {key}, live trading {'' if environment.allow_live else 'not '}permitted")
    return 0


def _health(options: argparse.Namespace) -> int:
    from engine.environment import read_environment
    from engine.live.heartbeat import read_health
    from engine.live.mode import read_mode

    root = read_environment(os.environ).state_dir
    folder = options.state_dir or root / read_mode(root).mode
    is_healthy, words = read_health(folder)
    print(words)
    return 0 if is_healthy else 1


def _chat(options: argparse.Namespace) -> int:
    from bot.sandbox.serve import serve_chat

    asyncio.run(serve_chat(options.host, options.port))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bot", description="A breakout trader in a chat."
    )
    parser.set_defaults(command="run")
    _add_settings(parser)
    _add_state(parser)
    _add_place(parser)
    parser.add_argument("--sandbox", action="store_true", help="embedded chat and exchange")
    parser.add_argument("--speed", type=arguments.speed, help="market over real time (sandbox: 60)")
    parser.add_argument("--seed", type=arguments.count, help="of the invented market")
    parser.add_argument("--data", type=Path, help="a recording to replay instead")
    parser.add_argument(
        "--mode", choices=[PAPER, LIVE], help="of the sandbox; /mode changes others"
    )
    commands = parser.add_subparsers(title="commands", required=False)
    for name, words in COMMANDS.items():
        command = commands.add_parser(name, help=words)
        command.set_defaults(command=name)
        _ADDERS[name](command)
    return parser


def _add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, help="config.toml")
    parser.add_argument("--set", action="append", default=[], dest="sets", metavar="KEY=VALUE")


def _add_state(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--state-dir", type=Path, help="directory of this account")


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address of the chat page")
    parser.add_argument("--port", type=arguments.port, default=PORT, help="port of the chat page")


COMMANDS = {
    "chat": "the embedded chat alone",
    "check": "validate configuration, presets and environment",
    "health": "is the running bot healthy?",
}
_ADDERS = {"chat": _add_place, "check": _add_settings, "health": _add_state}

if __name__ == "__main__":
    sys.exit(main())
