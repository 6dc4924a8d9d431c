"""A simulated exchange on a free loopback port, for tests that speak to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiohttp import web

from engine.sim.venue import Venue

WAIT_S = 10.0  # no test waits longer for anything


@asynccontextmanager
async def serving(venue: Venue, *, is_running: bool = False) -> AsyncIterator[str]:
    """The venue's base URL; with `is_running` its market moves."""
    app = web.Application()
    app.add_routes(venue.routes())
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    pacing = asyncio.create_task(venue.run()) if is_running else None
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        if pacing is not None:
            pacing.cancel()
            with suppress(asyncio.CancelledError):
                await pacing
        await venue.close()
        await runner.cleanup()
