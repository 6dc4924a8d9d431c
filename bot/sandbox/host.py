"""The sandbox on one loopback port: the embedded exchange, the embedded chat, and what they are.

It exists so that a newcomer needs one command and one address. It must never bind anything but
what it was told to, and never let a directory of one market go on with another.
"""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec
from aiohttp import web

from bot.sandbox.guard import guard
from bot.sandbox.room import Chat
from bot.sandbox.serve import listen, mount
from engine.core.values import Ms, Order
from engine.errors import ConfigError
from engine.sim.matching import Holding
from engine.sim.sources import feed_from
from engine.sim.venue import Venue

SEED = 10  # a lively one: its first signal comes after ten market minutes
IDENTITY = "market.json"


class Market(msgspec.Struct, frozen=True):
    """Which market a sandbox directory belongs to."""

    seed: int
    data: str | None  # path of a recording; None = the invented market

    @property
    def words(self) -> str:
        """For people."""
        return f"seed {self.seed}" if self.data is None else f"recording {Path(self.data).name}"


class Place(NamedTuple):
    """Where the sandbox listens, and how fast its market runs."""

    host: str
    port: int
    speed: float
    has_chat: bool  # False when a chat of its own process is used


def identify(folder: Path, seed: int | None, data: Path | None) -> Market:
    """The market of a directory: the stored one, or the asked one where none is stored.

    Raises `ConfigError` when both exist and differ.
    """
    path = folder / IDENTITY
    asked = Market(SEED if seed is None else seed, None if data is None else str(data.resolve()))
    if not path.exists():
        return asked
    try:
        stored = msgspec.json.decode(path.read_bytes(), type=Market)
    except (OSError, msgspec.DecodeError) as problem:
        raise ConfigError(
            str(path), [f"expected the market of this sandbox, found: {problem}"]
        ) from problem
    wants_other_seed = seed is not None and seed != stored.seed
    if (data is not None and asked.data != stored.data) or wants_other_seed:
        words = f"expected its own market ({stored.words}), found {asked.words}"
        raise ConfigError(str(folder), [f"{words}: choose another --state-dir"])
    return stored


def remember(folder: Path, market: Market) -> None:
    """Write down which market the directory belongs to."""
    (folder / IDENTITY).write_bytes(msgspec.json.encode(market))


class Sandbox:
    """Exchange and chat on one port; `open` before the bot, `run` beside it, `close` after it."""

    def __init__(self, market: Market, place: Place, start_ms: Ms | None) -> None:
        data = None if market.data is None else Path(market.data)
        self._market = market
        self._place = place
        self._venue = Venue(
            feed_from(data, market.seed),
            speed=place.speed,
            start_ms=start_ms,
            hold_until_client=True,
        )
        self._runner: web.AppRunner | None = None
        self.port = place.port

    def restore(
        self,
        balance: Decimal,
        holdings: Sequence[Holding],
        live: Sequence[tuple[Order, Decimal]],
    ) -> None:
        """Its exchange ends with the bot: let the account be what the ledger remembers."""
        self._venue.restore(balance, holdings, live)

    @property
    def rest_url(self) -> str:
        """Base address of the exchange, and of the chat."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def stream_url(self) -> str:
        """Address of the exchange's public stream."""
        return f"ws://127.0.0.1:{self.port}/v5/public/linear"

    @property
    def words(self) -> str:
        """What the prices are, for people."""
        return f"simulation, {self._market.words}, {self._place.speed:g}x"

    async def open(self) -> None:
        """Listen; raises `PortInUse`."""
        app = web.Application()
        app.add_routes([*self._venue.routes(), web.get("/sandbox/status", self._status)])
        if self._place.has_chat:
            mount(app, Chat())
        else:
            app.middlewares.append(guard)
        self._runner, self.port = await listen(app, self._place.host, self._place.port)

    async def run(self) -> None:
        """Advance the market until canceled; at the end of a recording it stands still."""
        await self._venue.run()
        await self._venue.stand()

    async def close(self) -> None:
        """End connections and stop listening."""
        await self._venue.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _status(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "market_ms": self._venue.now_ms,
                "speed": self._place.speed,
                "at_end": self._venue.at_end,
                "source": self._market.words,
            }
        )
