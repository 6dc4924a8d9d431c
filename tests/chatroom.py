"""The embedded chat on a free loopback port, with a clock of our own: what its tests stand on."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

from bot.sandbox.people import OWNER_ID
from bot.sandbox.poll import Bell
from bot.sandbox.room import Chat
from bot.sandbox.serve import listen, mount
from bot.sandbox.wire import Ask, Upload

TOKEN = "1000001:" + "canary".ljust(35, "0")
EPOCH_S = 1_750_000_000
WAIT_S = 10.0
JSON = "Content-Type: application/json"
PIXEL = bytes.fromhex(  # a PNG of one pixel
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc000"
    "000301010018dd8db00000000049454e44ae426082"
)


class Hands:
    """A clock that stands until a test moves it."""

    def __init__(self) -> None:
        self.now_s = float(EPOCH_S)

    def __call__(self) -> float:
        return self.now_s


class Site:
    """A served room, a client for it, and what a phone can do."""

    def __init__(self, room: Chat, port: int, http: aiohttp.ClientSession) -> None:
        self.room, self.port, self.http = room, port, http
        self.url = f"http://127.0.0.1:{port}"
        self._bell = Bell()
        room.watch(self._bell.ring)

    async def until(self, is_true: Callable[[], bool]) -> None:
        """Wait for the room to become so; fails after ten seconds."""
        while not is_true():
            assert await self._bell.wait(WAIT_S), "the room never became so"

    async def get(self, path: str, **query: str | int) -> tuple[int, Any]:
        async with self.http.get(self.url + path, params=query) as answer:
            return answer.status, await answer.json()

    async def post(self, path: str, body: object) -> tuple[int, Any]:
        async with self.http.post(self.url + path, json=body) as answer:
            return answer.status, await answer.json()

    async def bot(self, method: str, **values: object) -> tuple[int, Any]:
        """A Bot API call with a JSON body."""
        return await self.post(f"/bot{TOKEN}/{method}", values)

    async def stall(self, path: str) -> int:
        """The status of a POST whose body never arrives."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        lines = (f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Length: 9", JSON, "", "")
        writer.write("\r\n".join(lines).encode())
        answer = await asyncio.wait_for(reader.readline(), WAIT_S)
        writer.close()
        await writer.wait_closed()
        return int(answer.split()[1])

    async def rows(self, **query: str | int) -> list[dict[str, Any]]:
        _, found = await self.get("/chat/messages", **query)
        return list(found["messages"])


@asynccontextmanager
async def served(room: Chat | None = None, port: int = 0) -> AsyncIterator[Site]:
    """The room on a port, any free one by default, until the block ends."""
    room = room or Chat()
    app = web.Application()
    mount(app, room)
    runner, port = await listen(app, "127.0.0.1", port)
    try:
        async with aiohttp.ClientSession() as http:
            yield Site(room, port, http)
    finally:
        await runner.cleanup()


def is_card(row: Mapping[str, Any]) -> bool:
    """Whether a message of the bot is the pinned card, which no fact and no request explains."""
    return bool(row["silent"]) and "\nupdated " in row["text"]


def ask(method: str, uploads: dict[str, Upload] | None = None, **values: object) -> Ask:
    """A call as the room sees it, to the owner's chat unless told otherwise."""
    return Ask(method, {"chat_id": OWNER_ID, **values}, uploads or {})
