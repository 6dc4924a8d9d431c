"""The embedded exchange as a process of its own.

It exists so that an exchange can outlive a bot that crashes, as real ones do. It must never decide
anything about the market.
"""

import asyncio
import errno
import signal
import sys

from aiohttp import web

from engine.errors import ConfigError, PortInUse
from engine.sim.venue import Venue


async def serve(venue: Venue, host: str, port: int) -> None:
    """Run until SIGTERM or SIGINT; raises `PortInUse`. Port 0 takes a free one."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    app = web.Application()
    app.add_routes(venue.routes())
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await bind(runner, host, port)
        sys.stdout.write(f"venue listens on {_address(runner)}\n")
        sys.stdout.flush()
        async with asyncio.TaskGroup() as tasks:
            pacing = tasks.create_task(_pace(venue))
            await stop.wait()
            pacing.cancel()
    finally:
        await venue.close()
        await runner.cleanup()


async def _pace(venue: Venue) -> None:
    await venue.run()
    await venue.stand()


async def bind(runner: web.AppRunner, host: str, port: int) -> None:
    """Bind the address, or say in one error why not."""
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as e:
        if e.errno == errno.EADDRINUSE:
            raise PortInUse(host, port) from e
        raise ConfigError(f"{host}:{port}", [f"expected an address of ours, found {e}"]) from e


def _address(runner: web.AppRunner) -> str:
    host, port = runner.addresses[0][:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
