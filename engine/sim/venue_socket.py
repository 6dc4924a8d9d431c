"""Stream connections of the simulated exchange: what both of its streams have in common.

It exists so that the market clock never outruns whoever listens, and so that faults of a stream are
in one place. It must never let one client hold the market longer than the patience it was given,
and never lose or bend a message without a fault that says so.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any
from uuid import UUID

from aiohttp import WSCloseCode, WSMsgType, web

from engine.sim import venue_faults as faults
from engine.sim.venue_garble import crossed, garbage, is_delta

PATIENCE_S = 5.0  # real seconds
CLOSE_S = 1.0
REFUSED = 403

_OF_A_MESSAGE = faults.MESSAGE | faults.SLOW

_Late = deque[tuple[float, str | bytes]]  # when to send a frame, oldest first

_log = logging.getLogger(__name__)


class Client:
    """One connection; `side` is `public` or `private`."""

    def __init__(self, request: web.Request, number: int, side: str, found: faults.Faults) -> None:
        self.socket = web.WebSocketResponse(autoping=False, timeout=CLOSE_S)
        self.id = str(UUID(int=number))
        self.names = frozenset({side, faults.ALL})
        self.sending = asyncio.Lock()  # a subscription's snapshot and a step's deltas must not mix
        self.is_behind = False  # it was sent something since it last answered a ping
        self._side = side
        self._request = request
        self._faults = found
        self._ping = 0
        self._answered = asyncio.Event()
        self._garbled = 0
        self._kept: dict[str, str] = {}  # by topic: the message that its next one overtakes
        self._late: dict[str, _Late] = {}  # by topic
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Complete the handshake."""
        await self.socket.prepare(self._request)

    async def say(self, text: str) -> None:
        """Answer a request of the client, unless its stream stands still."""
        if self._faults.strike({"stall"}, self.names) is None:
            await self.socket.send_str(text)

    async def pong(self, text: str) -> None:
        """Answer its heartbeat."""
        if self._faults.strike({"no_pong"}, self.names) is None:
            await self.socket.send_str(text)

    def fails(self, names: frozenset[str]) -> bool:
        """Whether a fault lets a subscription to these fail."""
        return self._faults.strike({"sub_fail"}, names) is not None

    async def acknowledge(self, text: str, names: frozenset[str]) -> None:
        """Answer a subscription to these, unless a fault swallows it."""
        if self._faults.strike({"ack_lost"}, names) is None:
            await self.say(text)

    async def close_if_struck(self, names: frozenset[str]) -> None:
        """End the connection if a fault of such a name wants that."""
        fault = self._faults.strike(faults.CLOSE, names)
        if fault is not None:
            await self.shut(fault.status or WSCloseCode.GOING_AWAY, "fault")

    async def tell(self, topic: str, texts: Iterable[str], symbols: Iterable[str] = ()) -> None:
        """Send data of a topic in order; waits while the client does not read."""
        names = faults.names_of(topic, self._side, tuple(symbols))
        for text in texts:
            if not names & self._faults.closed:
                await self._tell(topic, text, names)

    async def _tell(self, topic: str, text: str, names: frozenset[str]) -> None:
        self.is_behind = True
        await self.close_if_struck(names - self.names)
        fault = self._faults.strike(_kinds(topic, text), names)
        delay_s = fault.delay_s if fault is not None and fault.kind == "slow" else 0.0
        for frame in self._frames(topic, text, fault):
            await self._leave(topic, frame, delay_s)

    def _frames(self, topic: str, text: str, fault: faults.Fault | None) -> list[str | bytes]:
        """What is really sent for a message."""
        kind = "" if fault is None else fault.kind
        if kind in ("stall", "drop", "gap"):
            return []
        if kind == "reorder" and topic not in self._kept:
            self._kept[topic] = text
            return []
        overtaken = [self._kept.pop(topic)] if topic in self._kept else []
        if kind == "crossed":
            text = crossed(text)
        if kind == "garbage":
            self._garbled += 1
            return [garbage(self._garbled, topic), text, *overtaken]
        return [text, *([text] if kind == "dup" else []), *overtaken]

    async def _leave(self, topic: str, frame: str | bytes, delay_s: float) -> None:
        """Send at once, or later without holding up what comes for other topics."""
        late = self._late.get(topic)
        if late is None and not delay_s:
            await self._send(frame)
            return
        if late is None:
            late = self._late[topic] = deque()
            self.do(self._send_late(topic, late))
        late.append((asyncio.get_running_loop().time() + delay_s, frame))

    async def _send_late(self, topic: str, late: _Late) -> None:
        """Send what is late, and what came for its topic meanwhile, in order."""
        while late:
            due_s, frame = late[0]
            await asyncio.sleep(due_s - asyncio.get_running_loop().time())
            with suppress(ConnectionError):
                await self._send(frame)
            late.popleft()
        del self._late[topic]

    async def _send(self, frame: str | bytes) -> None:
        data = frame.encode() if isinstance(frame, str) else frame
        await self.socket.send_frame(data, WSMsgType.TEXT)

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside everything else, until the connection ends."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def ping(self) -> None:
        """Return when the client has read everything sent so far, or is gone."""
        self._ping += 1
        self.is_behind = False
        self._answered.clear()
        await self.socket.ping(str(self._ping).encode())
        await self._answered.wait()

    def hear_pong(self, payload: bytes) -> None:
        """The client answered a ping."""
        if payload == str(self._ping).encode():
            self._answered.set()

    def release(self) -> None:
        """It is gone: nobody need wait for it, and nothing more is sent."""
        self._answered.set()
        for task in tuple(self._tasks):
            task.cancel()

    def cut(self) -> None:
        """End the connection at once, without the closing handshake a deaf client would not do."""
        self.release()
        if self._request.transport is not None:
            self._request.transport.abort()

    async def shut(self, code: int, why: str) -> None:
        """End the connection as the exchange does."""
        with suppress(ConnectionError):
            await self.socket.close(code=code, message=why.encode())


def _kinds(topic: str, text: str) -> frozenset[str]:
    """Faults that can strike such a message."""
    if not topic.startswith("orderbook"):
        return _OF_A_MESSAGE
    return _OF_A_MESSAGE | (faults.BOOK if is_delta(text) else faults.BOOK - {"gap"})


Hear = Callable[[Client, str], Awaitable[None]]


class Crowd:
    """All connections of one stream."""

    def __init__(self, side: str, found: faults.Faults, patience_s: float = PATIENCE_S) -> None:
        self.clients: set[Client] = set()
        self.connects = 0  # handshakes so far, refused ones not counted
        self._side = side
        self._faults = found
        self._patience_s = patience_s

    async def serve(self, request: web.Request, hear: Hear) -> web.StreamResponse:
        """Handle one connection until it ends."""
        names = {self._side, faults.ALL}
        refused = self._faults.strike({"refuse"}, names)
        if refused is not None:
            return web.Response(status=refused.status or REFUSED, text="refused")
        self.connects += 1
        client = Client(request, self.connects, self._side, self._faults)
        await client.serve()
        self.clients.add(client)
        try:
            with suppress(ConnectionError):  # it may leave while it is answered
                await client.close_if_struck(client.names)
                await _listen(client, hear)
        finally:
            self.clients.discard(client)
            client.release()
        return client.socket

    async def deliver(self, client: Client, send: Awaitable[None]) -> None:
        """Send and wait until it was read; whoever takes too long is cut off."""
        try:
            async with asyncio.timeout(self._patience_s):
                await send
                await client.ping()
        except (ConnectionError, TimeoutError) as e:
            _log.warning("client.dropped id=%s why=%s", client.id, type(e).__name__)
            self.clients.discard(client)
            client.cut()

    async def sweep(self) -> None:
        """End all connections if a fault wants that, whatever they listen to."""
        names = {self._side, faults.ALL}
        fault = self._faults.strike(faults.CLOSE, names) if self.clients else None
        if fault is not None:
            await self.close(fault.status or WSCloseCode.GOING_AWAY, "fault")

    async def close(self, code: int = WSCloseCode.GOING_AWAY, why: str = "venue stops") -> None:
        """Say goodbye to everybody."""
        await asyncio.gather(*(client.shut(code, why) for client in tuple(self.clients)))


async def _listen(client: Client, hear: Hear) -> None:
    async for message in client.socket:
        if message.type is WSMsgType.TEXT:
            await hear(client, message.data)
        elif message.type is WSMsgType.PING:
            await client.socket.pong(message.data)
        elif message.type is WSMsgType.PONG:
            client.hear_pong(message.data)
