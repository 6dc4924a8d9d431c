"""The public stream of the simulated exchange: subscriptions, and waiting for all who have one.

It exists so that the market clock never outruns whoever listens: a step is over when each client
has answered a ping sent behind its messages, or has been cut off. It must never send a delta to a
client that was not sent what it builds on.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from engine.sim import venue_faults as faults
from engine.sim.board import Board
from engine.sim.venue_socket import Client, Crowd
from engine.sim.venue_topics import Topic, Topics, is_deep, parse_topic

ARGS_MAX = 21_000  # characters of all topics of a connection


class Stream:
    """All clients of one board."""

    def __init__(self, board: Board, crowd: Crowd) -> None:
        self.subscribed = asyncio.Event()  # somebody subscribed to something
        self.crowd = crowd
        self._board = board
        self._topics = Topics(board)
        self._wanted: dict[Client, dict[str, Topic]] = {}

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Handle one connection until it ends."""
        return await self.crowd.serve(request, self._answer)

    @property
    def has_deep(self) -> bool:
        """Whether somebody follows a whole book or each trade."""
        return any(is_deep(t) for topics in self._wanted.values() for t in topics.values())

    async def publish(self, *, deep_only: bool = False) -> None:
        """Send what the board's last move means, and wait until every client has read it."""
        clients = tuple(self.crowd.clients)
        self._wanted = {c: topics for c, topics in self._wanted.items() if c in clients}
        wanted = {topic for topics in self._wanted.values() for topic in topics.values()}
        messages = self._topics.step(wanted, deep_only=deep_only)
        await asyncio.gather(
            *(self.crowd.deliver(client, self._tell(client, messages)) for client in clients)
        )

    async def repeat(self) -> None:
        """Say the last prices again: a market that stands still is not a dead connection."""
        for client in tuple(self.crowd.clients):
            wanted = self._wanted.get(client, {}).values()
            tickers = {t: self._topics.first(t) for t in wanted if t.kind == "tickers"}
            await self.crowd.deliver(client, self._tell(client, tickers))

    def restart(self) -> None:
        """Number all books from 1 again, as a service does that starts anew."""
        self._topics.restart()

    async def _tell(self, client: Client, messages: Mapping[Topic, list[str]]) -> None:
        async with client.sending:
            for topic in tuple(self._wanted.get(client, {}).values()):
                await client.tell(topic.text, messages.get(topic, ()))

    async def _answer(self, client: Client, text: str) -> None:
        try:
            asked = msgspec.json.decode(text, type=_Request)
        except msgspec.DecodeError:
            await client.say(_acknowledge(client, _Request(op=""), "Request body is invalid"))
            return
        if asked.op == "ping":
            await client.pong(_acknowledge(client, asked, "pong", is_success=True))
        elif asked.op == "subscribe":
            await self._subscribe(client, asked)
        elif asked.op == "unsubscribe":
            for topic in asked.args:
                self._wanted.get(client, {}).pop(topic, None)
            await client.say(_acknowledge(client, asked, "", is_success=True))
        else:
            await client.say(_acknowledge(client, asked, f"error:unknown op,op:{asked.op}"))

    async def _subscribe(self, client: Client, asked: "_Request") -> None:
        wanted = self._wanted.setdefault(client, {})
        topics = {text: parse_topic(self._board, text) for text in asked.args}
        names = frozenset().union(*(faults.names_of(text, "public") for text in topics))
        problem = _problem(wanted, topics)
        if not problem and client.fails(names):
            problem = f"error:handler not found,topic:{asked.args[0]}"
        async with client.sending:
            text = _acknowledge(client, asked, problem, is_success=not problem)
            await client.acknowledge(text, names)
            for name, topic in topics.items():
                if topic is not None and not problem and name not in wanted:
                    wanted[name] = topic
                    await client.tell(name, self._topics.first(topic))
        if not problem:
            self.subscribed.set()
        await client.close_if_struck(names - client.names)


class _Request(msgspec.Struct):
    op: str
    args: list[str] = []
    req_id: str | int = ""  # clients send either; it is echoed


def _problem(wanted: Mapping[str, Topic], topics: Mapping[str, Topic | None]) -> str:
    """Why these cannot be subscribed to; empty if they can."""
    if len("".join(wanted.keys() | topics.keys())) > ARGS_MAX:
        return f"error:args longer than {ARGS_MAX} characters"
    bad = [text for text, topic in topics.items() if topic is None]
    return f"error:handler not found,topic:{bad[0]}" if bad else ""


def _acknowledge(client: Client, asked: _Request, message: str, *, is_success: bool = False) -> str:
    answer: dict[str, Any] = {
        "success": is_success,
        "ret_msg": message,
        "conn_id": client.id,
        "req_id": asked.req_id,
        "op": asked.op,
    }
    return msgspec.json.encode(answer).decode()
