"""The public stream of the simulated exchange: clients, subscriptions, and waiting for all of them.

It exists so that the market clock never outruns whoever listens: a step is over when each client
has answered a ping sent behind its messages, or has been cut off. It must never let one client hold
the market longer than the patience it was given.
"""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from uuid import UUID

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from engine.sim.board import Board
from engine.sim.venue_topics import Topic, Topics, is_deep, parse_topic

PATIENCE_S = 5.0  # real seconds
ARGS_MAX = 21_000  # characters of all topics of a connection
CLOSE_S = 1.0

_log = logging.getLogger(__name__)


class _Client:
    """One connection."""

    def __init__(self, request: web.Request, number: int) -> None:
        self.socket = web.WebSocketResponse(autoping=False, timeout=CLOSE_S)
        self.id = str(UUID(int=number))
        self.topics: dict[str, Topic] = {}
        self.sending = asyncio.Lock()  # a subscription's snapshot and a step's deltas must not mix
        self._request = request
        self._ping = 0
        self._answered = asyncio.Event()

    async def serve(self) -> None:
        """Complete the handshake."""
        await self.socket.prepare(self._request)

    async def send(self, texts: Iterable[str]) -> None:
        """Send in order; waits while the client does not read."""
        for text in texts:
            await self.socket.send_str(text)

    async def deliver(self, messages: dict[Topic, list[str]]) -> None:
        """Send what it subscribed to."""
        async with self.sending:
            for topic in tuple(self.topics.values()):
                await self.send(messages.get(topic, ()))

    async def ping(self) -> None:
        """Return when the client has read everything sent so far, or is gone."""
        self._ping += 1
        self._answered.clear()
        await self.socket.ping(str(self._ping).encode())
        await self._answered.wait()

    def hear_pong(self, payload: bytes) -> None:
        """The client answered a ping."""
        if payload == str(self._ping).encode():
            self._answered.set()

    def release(self) -> None:
        """It is gone: nobody need wait for it."""
        self._answered.set()

    def cut(self) -> None:
        """End the connection at once, without the closing handshake a deaf client would not do."""
        self.release()
        if self._request.transport is not None:
            self._request.transport.abort()


class Stream:
    """All clients of one board."""

    def __init__(self, board: Board, patience_s: float = PATIENCE_S) -> None:
        self.subscribed = asyncio.Event()  # somebody subscribed to something
        self._board = board
        self._topics = Topics(board)
        self._patience_s = patience_s
        self._clients: set[_Client] = set()
        self._count = 0

    @property
    def clients(self) -> int:
        """Open connections."""
        return len(self._clients)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Handle one connection until it ends."""
        self._count += 1
        client = _Client(request, self._count)
        await client.serve()
        self._clients.add(client)
        try:
            with suppress(ConnectionError):  # it may leave while it is answered
                await self._listen(client)
        finally:
            self._clients.discard(client)
            client.release()
        return client.socket

    @property
    def has_deep(self) -> bool:
        """Whether somebody follows a whole book or each trade."""
        return any(is_deep(t) for client in self._clients for t in client.topics.values())

    async def publish(self, *, deep_only: bool = False) -> None:
        """Send what the board's last move means, and wait until every client has read it."""
        topics = {topic for client in self._clients for topic in client.topics.values()}
        messages = self._topics.step(topics, deep_only=deep_only)
        await asyncio.gather(*(self._deliver(client, messages) for client in self._clients))

    async def repeat(self) -> None:
        """Say the last prices again: a market that stands still is not a dead connection."""
        for client in tuple(self._clients):
            tickers = [t for t in client.topics.values() if t.kind == "tickers"]
            await self._deliver(client, {t: self._topics.first(t) for t in tickers})

    async def close(self) -> None:
        """Say goodbye to everybody."""
        for client in tuple(self._clients):
            with suppress(ConnectionError):
                await client.socket.close(code=WSCloseCode.GOING_AWAY, message=b"venue stops")

    async def _listen(self, client: _Client) -> None:
        async for message in client.socket:
            if message.type is WSMsgType.TEXT:
                await self._answer(client, message.data)
            elif message.type is WSMsgType.PING:
                await client.socket.pong(message.data)
            elif message.type is WSMsgType.PONG:
                client.hear_pong(message.data)

    async def _deliver(self, client: _Client, messages: dict[Topic, list[str]]) -> None:
        try:
            async with asyncio.timeout(self._patience_s):
                await client.deliver(messages)
                await client.ping()
        except (ConnectionError, TimeoutError) as e:
            _log.warning("client.dropped id=%s why=%s", client.id, type(e).__name__)
            self._clients.discard(client)
            client.cut()

    async def _answer(self, client: _Client, text: str) -> None:
        try:
            asked = msgspec.json.decode(text, type=_Request)
        except msgspec.DecodeError:
            await client.send([_acknowledge(client, _Request(op=""), "Request body is invalid")])
            return
        if asked.op == "ping":
            await client.send([_acknowledge(client, asked, "pong", is_success=True)])
        elif asked.op == "subscribe":
            await self._subscribe(client, asked)
        elif asked.op == "unsubscribe":
            for topic in asked.args:
                client.topics.pop(topic, None)
            await client.send([_acknowledge(client, asked, "", is_success=True)])
        else:
            await client.send([_acknowledge(client, asked, f"error:unknown op,op:{asked.op}")])

    async def _subscribe(self, client: _Client, asked: "_Request") -> None:
        topics = {text: parse_topic(self._board, text) for text in asked.args}
        bad = [text for text, topic in topics.items() if topic is None]
        problem = f"error:handler not found,topic:{bad[0]}" if bad else ""
        if len("".join(client.topics.keys() | topics.keys())) > ARGS_MAX:
            problem = f"error:args longer than {ARGS_MAX} characters"
        async with client.sending:
            await client.send([_acknowledge(client, asked, problem, is_success=not problem)])
            if problem:
                return
            for text, topic in topics.items():
                if topic is not None and text not in client.topics:
                    client.topics[text] = topic
                    await client.send(self._topics.first(topic))
        self.subscribed.set()


class _Request(msgspec.Struct):
    op: str
    args: list[str] = []
    req_id: str | int = ""  # clients send either; it is echoed


def _acknowledge(
    client: _Client, asked: _Request, message: str, *, is_success: bool = False
) -> str:
    answer: dict[str, Any] = {
        "success": is_success,
        "ret_msg": message,
        "conn_id": client.id,
        "req_id": asked.req_id,
        "op": asked.op,
    }
    return msgspec.json.encode(answer).decode()
