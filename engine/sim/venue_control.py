"""What tests and people may do to the simulated exchange: ask for faults, and read the truth.

It exists so that a failure of the exchange is one request away. It must never answer a client of
the exchange, and never half-apply a list of faults.
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from aiohttp import WSCloseCode, web

from engine.sim import venue_faults as faults
from engine.sim.board import Board
from engine.sim.feed import SECOND_MS
from engine.sim.venue_account import Account
from engine.sim.venue_bell import PREFIXES, Bell
from engine.sim.venue_clock import Clock
from engine.sim.venue_door import MARKET, Door
from engine.sim.venue_rest import Json, Rest
from engine.sim.venue_stream import Stream
from engine.sim.venue_topics import is_front


class Parts(NamedTuple):
    """All of an exchange that a fault may touch."""

    board: Board
    rest: Rest
    account: Account
    clock: Clock
    door: Door
    stream: Stream
    bell: Bell
    faults: faults.Faults


class Control:
    """The endpoints `/venue/faults` and `/venue/truth`."""

    def __init__(self, parts: Parts, market_paths: Mapping[str, object]) -> None:
        self._parts = parts
        paths = parts.account.paths
        self._places = faults.Places(
            writes=frozenset(path for method, path in paths if method == "POST"),
            reads=frozenset(path for method, path in paths if method == "GET"),
            market=frozenset(MARKET + path for path in market_paths),
            symbols=frozenset(parts.board.rows),
            is_topic=lambda text: text in PREFIXES or is_front(parts.board, text),
        )

    async def list_faults(self, _request: web.Request) -> web.Response:
        """The list of the moment, with how often each has fired."""
        return _json({"faults": self._parts.faults.shown()})

    async def set_faults(self, request: web.Request) -> web.Response:
        """Replace the list; 400 with one clear error leaves the old one."""
        try:
            found = faults.parse(await request.read(), self._places)
        except ValueError as e:
            raise web.HTTPBadRequest(text=f"{e}\n") from e
        parts = self._parts
        parts.faults.replace(found)
        parts.account.calm()
        parts.clock.skew_ms = 0
        parts.rest.closed = parts.faults.closed
        for fault in parts.faults.begin():
            await self._begin(fault)
        for crowd in (parts.stream.crowd, parts.bell.crowd):
            await crowd.sweep()
        parts.bell.ring()
        return await self.list_faults(request)

    async def truth(self, _request: web.Request) -> web.Response:
        """What the exchange knows, and what it was asked."""
        parts = self._parts
        extra: Json = {
            "refused": parts.door.limits.refused,
            "requests": parts.door.requests,
            "connects": parts.stream.crowd.connects + parts.bell.crowd.connects,
        }
        return _json(parts.account.desk.truth() | extra)

    async def _begin(self, fault: faults.Fault) -> None:
        if fault.kind == "skew":
            self._parts.clock.skew_ms = round(fault.delay_s * SECOND_MS)
        elif fault.kind == "restart":
            await self._restart(fault.delay_s)
        else:
            self._parts.account.begin(fault)

    async def _restart(self, down_s: float) -> None:
        parts = self._parts
        parts.account.desk.forget_closed()
        parts.door.restart(down_s)
        parts.stream.restart()
        for crowd in (parts.stream.crowd, parts.bell.crowd):
            await crowd.close(WSCloseCode.SERVICE_RESTART, "service restarts")


def _json(value: Json) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")
