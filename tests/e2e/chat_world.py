"""The real process on the paper sandbox, joined to a chat that misbehaves on purpose.

It exists so that every fault of Telegram is injected over the Bot API and judged from outside: the
journal on disk, the chat, the heartbeat. It waits for things to happen, never for time to pass.
"""

import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import msgspec
from programs import Person, Program, person_at, running

from bot.sandbox.people import ALLOWED_USERS, OWNER_ID
from engine.core import facts as f
from engine.live.heartbeat import FILE, Beat
from engine.live.journal import journal_files, read_after

Json = dict[str, Any]
F = TypeVar("F", bound=f.Fact)

CANARY = "7654321:CANARYcanaryCANARYcanaryCANARYcanary"
PATIENCE_S = 120.0  # a long poll may be under way, and the library waits up to 30 s after refusals
CONFIRM_S = 5  # from when a question stands in the chat


class ChatWorld:
    """One bot, one chat, people, and the faults between them."""

    def __init__(self, folder: Path, address: str, http: aiohttp.ClientSession) -> None:
        self.folder, self.address, self._http = folder, address, http
        self.program: Program
        self.person: Person
        self._ids = itertools.count(1)  # far below those of the chat: nothing of it is confirmed

    async def inject(self, *faults: Json) -> None:
        """Replace the faults of the chat."""
        body = {"faults": faults}
        async with self._http.post(f"{self.address}/chat/faults", json=body) as answer:
            assert answer.status == 200, await answer.text()

    async def fired(self) -> int:
        """How often the faults that stand have struck."""
        async with self._http.get(f"{self.address}/chat/faults") as answer:
            return sum(row["fired"] for row in (await answer.json())["faults"])

    async def feed(self, *updates: Json, times: int = 1) -> None:
        """Let the next polls bring these updates, as Telegram would word them."""
        body = {"ok": True, "result": updates}
        await self.inject(
            {"target": "getUpdates", "kind": "reply", "status": 200, "times": times, "body": body}
        )
        await self.until_fired(times)

    def update(
        self,
        words: str,
        *,
        kind: str = "message",
        age_s: int = 0,
        author: Json | None = None,
        **changes: object,
    ) -> Json:
        """An update with a message of the owner in private, unless changed."""
        number = next(self._ids)
        said = {
            "message_id": number,
            "date": int(time.time()) - age_s,
            "chat": {"id": OWNER_ID, "type": "private", "first_name": "x"},
            "from": author or {"id": OWNER_ID, "is_bot": False, "first_name": "x"},
            "text": words,
        }
        return {"update_id": number, kind: {**said, **changes}}

    def facts(self, kind: type[F]) -> list[F]:
        """The facts of one kind on disk."""
        scans = read_after(journal_files(self.folder), 0)
        records = (r.fact for scan in scans for r in scan.records)
        return [fact for fact in records if isinstance(fact, kind)]

    def commands(self) -> list[str]:
        """What took effect, in order."""
        done = self.facts(f.CommandDone)
        return [fact.verb for fact in done if fact.verb not in ("note", "shutdown")]

    async def until(self, found: Callable[[], Awaitable[str | None]]) -> str:
        """What `found` says, asked again whenever the bot says something."""
        return await self.program.until(found, PATIENCE_S)

    async def until_done(self, verb: str, count: int) -> str:
        """Wait until a command took effect that often."""

        async def look() -> str | None:
            return verb if self.commands().count(verb) >= count else None

        return await self.until(look)

    async def until_fired(self, count: int) -> None:
        """Wait until the faults that stand have struck that often."""

        async def look() -> str | None:
            return "fired" if await self.fired() >= count else None

        await self.until(look)

    def beat(self) -> Beat:
        """The last sign of life."""
        return msgspec.json.decode((self.folder / FILE).read_bytes(), type=Beat)

    async def until_traded(self, market_s: int) -> str:
        """Wait until the engine lived through so much more of the market."""
        begun_ms = self.beat().market_ms

        async def look() -> str | None:
            lived_s = (self.beat().market_ms - begun_ms) // 1000
            return f"{lived_s} s of trading meanwhile" if lived_s >= market_s else None

        return await self.until(look)

    async def health(self) -> tuple[bool, str]:
        """What the health check of a container would say."""
        async with running("bot", "health", "--state-dir", str(self.folder)) as check:
            return await check.ended() == 0, check.lines[-1]

    @asynccontextmanager
    async def living(self) -> AsyncIterator[Program]:
        """One life of the bot."""
        arguments = ("--port", "0", "--speed", "60", "--state-dir", str(self.folder))
        env = {
            "TELEGRAM_API_URL": self.address,
            "TELEGRAM_TOKEN": CANARY,
            "TELEGRAM_ALLOWED_USERS": ALLOWED_USERS,
        }
        sets = ("--set", f"bot.confirm_s={CONFIRM_S}")
        async with running("bot", "--sandbox", *arguments, *sets, **env) as self.program:
            yield self.program


@asynccontextmanager
async def chat_world(folder: Path) -> AsyncIterator[ChatWorld]:
    """A chat of its own process, and nobody in it yet."""
    async with running("bot", "chat", "--port", "0") as chat:
        address = await chat.address()
        async with aiohttp.ClientSession() as http, person_at(address) as person:
            world = ChatWorld(folder / "state", address, http)
            world.person = person
            yield world
