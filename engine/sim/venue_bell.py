"""The private stream of the simulated exchange: what happens to the account, told as it happens.

It exists so that clients learn of orders, executions, positions and the wallet the way the exchange
tells them. It must never tell anything to a connection that has not proven whose it is, and never
repeat what was told while nobody listened.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from aiohttp import web

from engine.sim import venue_auth
from engine.sim import venue_faults as faults
from engine.sim.trading.ledger import News
from engine.sim.venue_clock import Clock
from engine.sim.venue_rest import Refused
from engine.sim.venue_socket import Client, Crowd

TOPICS = ("order", "execution", "position", "wallet")
CATEGORIES = ("linear", "inverse", "spot", "option")  # of all topics but the wallet
CATEGORIZED = {f"{topic}.{kind}" for topic in TOPICS[:-1] for kind in CATEGORIES}
PREFIXES = CATEGORIZED | set(TOPICS)  # everything a fault may name

_Batch = dict[str, list[Any]]  # topic -> rows


class Bell:
    """All private connections; `news` hands over what has happened since it was last asked."""

    def __init__(self, news: Callable[[], list[News]], clock: Clock, crowd: Crowd) -> None:
        self.crowd = crowd
        self._news = news
        self._clock = clock
        self._heard: dict[Client, set[str]] = {}  # proven connections and what they want
        self._number = 0

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Handle one connection until it ends."""
        return await self.crowd.serve(request, self._answer)

    def ring(self) -> None:
        """Tell what has happened, to whoever can be told, without waiting for them."""
        batch = self._batch()
        for client in self._listeners() if batch else ():
            client.do(self._tell_if_there(client, batch))

    async def publish(self) -> None:
        """Tell what has happened, and wait until everybody has read all they were sent."""
        batch = self._batch()
        behind = [c for c in self._listeners() if batch or c.is_behind]
        await asyncio.gather(*(self.crowd.deliver(c, self._tell(c, batch)) for c in behind))

    def _batch(self) -> _Batch:
        batch: _Batch = {}
        for item in self._news():
            batch.setdefault(item.topic, []).append(item.row)
        return batch

    def _listeners(self) -> list[Client]:
        self._heard = {c: topics for c, topics in self._heard.items() if c in self.crowd.clients}
        return list(self._heard)

    async def _tell_if_there(self, client: Client, batch: _Batch) -> None:
        with suppress(ConnectionError):
            await self._tell(client, batch)

    async def _tell(self, client: Client, batch: _Batch) -> None:
        async with client.sending:
            wanted = self._heard.get(client, set())
            for topic, rows in batch.items():
                for name in sorted(wanted & {topic, f"{topic}.linear"}):
                    symbols = {row["symbol"] for row in rows if "symbol" in row}
                    await client.tell(name, [self._message(name, rows)], symbols)

    def _message(self, topic: str, rows: Sequence[Any]) -> str:
        self._number += 1
        now_ms = self._clock.now_ms
        message = {
            "id": f"{now_ms}_{self._number}",
            "topic": topic,
            "creationTime": now_ms,
            "data": rows,
        }
        return msgspec.json.encode(message).decode()

    async def _answer(self, client: Client, text: str) -> None:
        try:
            asked = msgspec.json.decode(text, type=_Request)
        except msgspec.DecodeError:
            await client.say(_acknowledge(client, _Request(op=""), "Request body is invalid"))
            return
        if asked.op == "ping":
            await client.pong(self._pong(client, asked))
        elif asked.op == "auth":
            await self._authenticate(client, asked)
        elif client not in self._heard:
            await client.say(_acknowledge(client, asked, "Request not authorized"))
        elif asked.op in ("subscribe", "unsubscribe"):
            await self._subscribe(client, asked)
        else:
            await client.say(_acknowledge(client, asked, f"error:unknown op,op:{asked.op}"))

    async def _authenticate(self, client: Client, asked: "_Request") -> None:
        problem, now = "", venue_auth.Now(self._clock.now_ms, self._clock.oldest_ms)
        try:
            venue_auth.admit_stream(asked.args, now)
        except Refused as e:
            problem = str(e)
        else:
            self._heard.setdefault(client, set())
        await client.say(_acknowledge(client, asked, problem, is_success=not problem))

    async def _subscribe(self, client: Client, asked: "_Request") -> None:
        topics = {str(topic) for topic in asked.args}
        is_adding = asked.op == "subscribe"
        names = frozenset().union(*(faults.names_of(topic, "private") for topic in topics))
        problem = _problem(topics) if is_adding else ""
        if is_adding and client.fails(names):
            problem = "error:fault"
        async with client.sending:
            wanted = self._heard[client]
            if not problem:
                self._heard[client] = wanted | topics if is_adding else wanted - topics
            text = _acknowledge(client, asked, problem, is_success=not problem)
            await client.acknowledge(text, names)
        await client.close_if_struck(names - client.names)

    def _pong(self, client: Client, asked: "_Request") -> str:
        pong = {
            "req_id": asked.req_id,
            "op": "pong",
            "args": [str(self._clock.now_ms)],
            "conn_id": client.id,
        }
        return msgspec.json.encode(pong).decode()


class _Request(msgspec.Struct):
    op: str
    args: list[str | int] = []
    req_id: str | int = ""


def _problem(topics: set[str]) -> str:
    """Why these cannot be subscribed to together; empty if they can."""
    unknown = sorted(topics - CATEGORIZED - set(TOPICS))
    if unknown:
        return f"error:handler not found,topic:{unknown[0]}"
    if topics & CATEGORIZED and topics - CATEGORIZED:
        return "error:all-in-one and categorised topics in one request"
    return ""


def _acknowledge(client: Client, asked: _Request, message: str, *, is_success: bool = False) -> str:
    answer: dict[str, Any] = {
        "success": is_success,
        "ret_msg": message,
        "op": asked.op,
        "conn_id": client.id,
    }
    if asked.req_id != "":
        answer["req_id"] = asked.req_id
    return msgspec.json.encode(answer).decode()
