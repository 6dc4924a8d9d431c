"""Our programs as real processes, and a person at the chat: what the end-to-end tests drive.

Everything waits for something to happen (a line, a message), never for time to pass, and every wait
is bounded.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 40.0  # for anything to happen, on a slow machine

Message = dict[str, Any]


class Program:
    """One child process; its output is kept, line by line."""

    def __init__(self, *arguments: str, **env: str) -> None:
        self._arguments = arguments
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("TELEGRAM", "BREAKOUT"))}
        self._env = {**kept, "PYTHONUNBUFFERED": "1", **env}
        self.lines: list[str] = []

    async def start(self) -> "Program":
        """Launch it."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *self._arguments,
            cwd=ROOT,
            env=self._env,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=1 << 20,
        )
        self._grown = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())
        return self

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            async with self._grown:
                self.lines.append(line.decode().rstrip())
                self._grown.notify_all()

    async def line(self, part: str, count: int = 1) -> str:
        """The line that holds `part` for the `count`th time, now or later."""
        async with asyncio.timeout(PATIENCE_S), self._grown:
            while len(found := [line for line in self.lines if part in line]) < count:
                assert not self._reading.done(), f"ended without {part!r}: {self.lines[-20:]}"
                await self._grown.wait()
            return found[count - 1]

    async def until(self, found: Callable[[], Awaitable[str | None]], patience_s: float) -> str:
        """What `found` says, asked again whenever the program said something; `TimeoutError`."""
        async with asyncio.timeout(patience_s):
            while True:
                known = len(self.lines)
                if (words := await found()) is not None:
                    return words
                async with self._grown:
                    while len(self.lines) == known:
                        assert not self._reading.done(), f"ended: {self.lines[-20:]}"
                        await self._grown.wait()

    async def address(self) -> str:
        """The address it says it listens on."""
        line = await self.line("http://127.0.0.1:")
        return "http://127.0.0.1:" + line.split("http://127.0.0.1:")[1].split("/")[0].strip()

    def kill(self) -> None:
        """SIGKILL: no chance to say anything."""
        self._process.kill()

    async def stop(self) -> int:
        """SIGTERM, as a container does; the exit code."""
        self._process.send_signal(signal.SIGTERM)
        return await self.ended()

    async def ended(self) -> int:
        """Wait for its end; the exit code."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                code = await self._process.wait()
                await self._reading
        except TimeoutError:
            raise AssertionError(f"does not end: {self.lines[-20:]}") from None
        return code

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None


@asynccontextmanager
async def running(*arguments: str, **env: str) -> AsyncIterator[Program]:
    """A started program that is gone afterwards, whatever happens."""
    program = await Program(*arguments, **env).start()
    try:
        yield program
    finally:
        if program.is_running:
            program.kill()
        await program.ended()


class Person:
    """Somebody at the chat page's own interface."""

    def __init__(self, address: str, session: aiohttp.ClientSession) -> None:
        self._address = address
        self._session = session
        self._messages: dict[int, Message] = {}
        self._after = 0

    async def say(self, text: str, **more: object) -> int:
        """Say something; its message id."""
        return int((await self._post("messages", {"text": text, **more}))["message_id"])

    async def tap(self, message: Message, label: str, **more: object) -> dict[str, Any]:
        """Tap the button whose text holds `label`."""
        (data,) = [b["data"] for row in message["buttons"] for b in row if label in b["text"]]
        return await self._post("taps", {"message_id": message["message_id"], "data": data, **more})

    async def press(self, message_id: int, data: str) -> dict[str, Any]:
        """Tap with data of our own making."""
        return await self._post("taps", {"message_id": message_id, "data": data})

    async def until(self, wanted: Callable[[Message], bool]) -> Message:
        """The first message, in order of last change, that is wanted; now or later."""
        for message in self._messages.values():
            if wanted(message):
                return message
        try:
            async with asyncio.timeout(PATIENCE_S):
                async for message in self._changes():
                    if wanted(message):
                        return message
        except TimeoutError:
            pass
        seen = [(m["message_id"], m["text"]) for m in list(self._messages.values())[-6:]]
        raise AssertionError(f"not said; the last were {seen}")

    async def answer(self, text: str, part: str = "", **more: object) -> Message:
        """Say something; the bot's next message that holds `part`."""
        asked = await self.say(text, **more)
        return await self.until(
            lambda m: m["from"] == "bot" and m["message_id"] > asked and part in m["text"]
        )

    async def all(self, **query: str) -> list[Message]:
        """Everything in the chat now."""
        url = f"{self._address}/chat/messages"
        async with self._session.get(url, params={"after": "0", **query}) as response:
            return list((await response.json())["messages"])

    async def get(self, path: str) -> bytes:
        """A file of the page."""
        async with self._session.get(self._address + path) as response:
            assert response.status == 200
            return await response.read()

    async def _changes(self) -> AsyncIterator[Message]:
        url = f"{self._address}/chat/events?after={self._after}"
        async with self._session.get(url, timeout=aiohttp.ClientTimeout(total=None)) as response:
            async for line in response.content:
                if not line.startswith(b"data: "):
                    continue
                news = json.loads(line[6:])
                self._after = news["next"]
                self._messages |= {m["message_id"]: m for m in news["messages"]}
                for message in news["messages"]:  # whoever stops here finds the others later
                    yield message

    async def _post(self, path: str, body: object) -> dict[str, Any]:
        async with self._session.post(f"{self._address}/chat/{path}", json=body) as response:
            assert response.status == 200, await response.text()
            return dict(await response.json())


@asynccontextmanager
async def person_at(address: str) -> AsyncIterator[Person]:
    """A person with a session of their own."""
    timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        yield Person(address, session)
