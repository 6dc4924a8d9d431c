"""The chat on a port: mounted on an application, or alone.

It exists so that the sandbox and `python -m bot chat` serve the same thing. It must never listen on
more than it was told to.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from aiohttp import web

from bot.sandbox.bot_routes import bot_routes
from bot.sandbox.guard import armor, guard
from bot.sandbox.page_routes import page_routes
from bot.sandbox.people import ALLOWED_USERS
from bot.sandbox.poll import Bell
from bot.sandbox.room import Chat
from engine.errors import EngineError
from engine.sim.standalone import bind

STOP_S = 2.0
EXAMPLE_TOKEN = "1000000:" + "sandbox".ljust(35, "0")  # opens nothing but a room on loopback


def mount(app: web.Application, room: Chat) -> None:
    """Put the room, its guard and its headers on an application that does not run yet."""
    bell = Bell()
    room.watch(bell.ring)

    async def close(_app: web.Application) -> None:
        bell.close()

    app.middlewares.append(guard)
    app.on_response_prepare.append(armor)
    app.on_shutdown.append(close)
    app.add_routes([*bot_routes(room, bell), *page_routes(room, bell)])


async def listen(app: web.Application, host: str, port: int) -> tuple[web.AppRunner, int]:
    """Serve an application; returns its runner, to be cleaned up, and the port.

    Port 0 takes a free one. Raises `PortInUse` or `ConfigError`. There is no access log, because
    the token is in the path.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_S)
    await runner.setup()
    try:
        await bind(runner, host, port)
    except EngineError:
        await runner.cleanup()
        raise
    return runner, int(runner.addresses[0][1])


_say = partial(print, end="", flush=True)


async def serve_chat(
    host: str, port: int, token: str | None = None, say: Callable[[str], object] = _say
) -> None:
    """Serve the chat alone until canceled, and say how a bot joins it; raises `PortInUse`."""
    app = web.Application()
    mount(app, Chat(token))
    runner, port = await listen(app, host, port)
    say(welcome(host, port, token))
    try:
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def welcome(host: str, port: int, token: str | None = None) -> str:
    """The page's address and the environment of a bot that joins it; a given token is not shown."""
    shown = host if host in {"127.0.0.1", "localhost"} else "127.0.0.1"
    address = f"http://{shown}:{port}"
    said = "any of the usual form" if token is None else "the one given"
    return (
        f"Chat page: {address}/\n"
        f"A bot joins with this environment (the token is {said}):\n"
        f"  TELEGRAM_API_URL={address}\n"
        f"  TELEGRAM_TOKEN={EXAMPLE_TOKEN if token is None else ''}\n"
        f"  TELEGRAM_ALLOWED_USERS={ALLOWED_USERS}\n"
    )
