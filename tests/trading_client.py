"""A client of the exchange's signed half that sends exactly what a test says."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from aiohttp import ClientSession, ClientWebSocketResponse
from yarl import URL

from engine.sim.venue import Venue
from serving import WAIT_S, serving

SYMBOL = "AAAUSDT"


def signature(text: str) -> str:
    """What the exchange expects of a text."""
    return hmac.new(b"sandbox", text.encode(), hashlib.sha256).hexdigest()


def signed(payload: str, now_ms: int) -> dict[str, str]:
    """The headers of a request with this query string or body."""
    return {
        "X-BAPI-API-KEY": "sandbox",
        "X-BAPI-TIMESTAMP": str(now_ms),
        "X-BAPI-RECV-WINDOW": "5000",
        "X-BAPI-SIGN": signature(f"{now_ms}sandbox5000{payload}"),
    }


class Trader:
    """One account at one venue."""

    def __init__(self, venue: Venue, url: str, session: ClientSession) -> None:
        self.venue = venue
        self.url = url
        self.session = session
        self.headers: Mapping[str, str] = {}  # of the last reply
        self.status = 0

    async def post(self, path: str, **params: object) -> Any:  # noqa: ANN401 -- JSON
        """POST below `/v5/`; the envelope."""
        body = json.dumps({"category": "linear", **params})
        headers = signed(body, self.venue._clock.now_ms)
        return await self._ask("POST", path, headers, body)

    async def get(self, path: str, **params: str) -> Any:  # noqa: ANN401 -- JSON
        """GET below `/v5/`; the envelope."""
        query = urlencode({"category": "linear", **params})
        return await self._ask("GET", f"{path}?{query}", signed(query, self.venue._clock.now_ms))

    async def _ask(
        self, method: str, path: str, headers: Mapping[str, str], body: str | None = None
    ) -> Any:  # noqa: ANN401 -- JSON
        url = URL(f"{self.url}/v5/{path}", encoded=True)
        async with self.session.request(method, url, headers=headers, data=body) as answer:
            self.headers, self.status = answer.headers, answer.status
            return json.loads(await answer.text() or "null")

    async def buy(self, qty: str = "1", **params: object) -> Any:  # noqa: ANN401 -- JSON
        """A market order."""
        order = {"symbol": SYMBOL, "side": "Buy", "orderType": "Market", "qty": qty}
        return await self.post("order/create", **order, **params)

    async def fault(self, *faults: dict[str, Any]) -> Any:  # noqa: ANN401 -- JSON
        """Replace the venue's faults; the list as it stands."""
        async with self.session.post(
            self.url + "/venue/faults", data=json.dumps({"faults": faults})
        ) as answer:
            self.status, text = answer.status, await answer.text()
        return json.loads(text)["faults"] if self.status == 200 else text

    async def fired(self) -> list[int]:
        """How often each fault has fired."""
        async with self.session.get(self.url + "/venue/faults") as answer:
            return [row["fired"] for row in (await answer.json())["faults"]]

    async def truth(self) -> Any:  # noqa: ANN401 -- JSON
        """What the venue knows."""
        async with self.session.get(self.url + "/venue/truth") as answer:
            return await answer.json()

    @asynccontextmanager
    async def listening(self, *topics: str) -> AsyncIterator[ClientWebSocketResponse]:
        """A private stream that is open and subscribed."""
        async with self.session.ws_connect(self.url + "/v5/private") as socket:
            assert (await login(socket, self.venue._clock.now_ms + 1000))["success"] is True
            if topics:
                answer = await request(socket, {"op": "subscribe", "args": topics})
                assert answer["success"] is True, answer
            yield socket


async def request(socket: ClientWebSocketResponse, asked: object) -> Any:  # noqa: ANN401 -- JSON
    """Ask on a stream; the next message."""
    await socket.send_json(asked)
    return await socket.receive_json(timeout=WAIT_S)


async def login(socket: ClientWebSocketResponse, expires: int) -> Any:  # noqa: ANN401 -- JSON
    """Prove whose stream it is; the answer."""
    args = ["sandbox", expires, signature(f"GET/realtime{expires}")]
    return await request(socket, {"op": "auth", "args": args})


@asynccontextmanager
async def trading(venue: Venue, *, is_running: bool = False) -> AsyncIterator[Trader]:
    """A client of a venue that is served."""
    async with serving(venue, is_running=is_running) as url, ClientSession() as session:
        yield Trader(venue, url, session)
