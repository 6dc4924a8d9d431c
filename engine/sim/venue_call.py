"""A request to the simulated exchange, read once: what is asked, and the bytes that were signed.

It exists because a signature covers bytes and an endpoint wants values. It must never judge either.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from engine.sim.venue_faults import ALL

ROOT = "/v5/"


class Call(NamedTuple):
    """A REST request."""

    method: str
    path: str  # below `/v5/`
    params: Mapping[str, Any] | None  # None where the body is no JSON object
    signed: bytes
    headers: Mapping[str, str]
    is_private: bool

    @property
    def names(self) -> frozenset[str]:
        """Everything a fault may know it by."""
        symbol = (self.params or {}).get("symbol")
        side = "private" if self.is_private else "public"
        return frozenset({self.path, side, ALL, *([symbol] if isinstance(symbol, str) else ())})


async def read_call(request: web.Request, *, is_private: bool) -> Call:
    """Read a request to its end."""
    path = request.path.removeprefix(ROOT)
    if request.method == "POST":
        signed = await request.read()
        params = _parsed(signed)
    else:
        signed, params = request.raw_path.partition("?")[2].encode(), dict(request.query)
    return Call(request.method, path, params, signed, request.headers, is_private)


def _parsed(body: bytes) -> Mapping[str, Any] | None:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        return None
