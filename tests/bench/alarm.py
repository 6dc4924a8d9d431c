"""How fast a panic is, end to end: from a person's word to the lock in the journal and the answer.

It exists because that second is the promise that matters when everything else happens at once: a
market of `RATE` messages a second, and charts asked for without pause. Bot, chat, venue and market
are processes of their own, as they would be. It must never time what was not answered, nor take
longer than `LIMIT_S` for each of its two parts.
"""

import asyncio
import contextlib
import os
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial
from math import inf
from pathlib import Path

import msgspec
import numpy as np
from bench.table import Row
from programs import PATIENCE_S, Message, Person, Program, person_at, running

RATE = 10_000
ROUNDS = 8
CHARTS = 6  # asked for and not yet there, at any time
LOOK_S = 0.005
LIMIT_S = 180.0  # of all rounds
SPEED = ("--speed", "1")
TOKEN = "1234567:" + "a" * 35
SYMBOL = "BTC"
RATIO_MUST = 10.0


class Found(msgspec.Struct):
    """Milliseconds of each round, and messages the bot was sent in each second of them."""

    locked: list[float] = msgspec.field(default_factory=list)
    answered: list[float] = msgspec.field(default_factory=list)
    charts: int = 0
    rate: float = 0.0


class Journal:
    """Its bytes as they grow."""

    def __init__(self, state: Path) -> None:
        self._folder = state / "paper"

    def _newest(self) -> Path:
        return max(self._folder.glob("journal-*.jsonl"))

    def end(self) -> tuple[Path, int]:
        """Where it ends now."""
        path = self._newest()
        return path, path.stat().st_size

    async def grown(self, place: tuple[Path, int], part: bytes) -> None:
        """Wait until what was written since holds `part`."""
        await asyncio.to_thread(self._wait, *place, part)

    @staticmethod
    def _wait(path: Path, end: int, part: bytes) -> None:
        ends, pause = time.monotonic() + PATIENCE_S, threading.Event()
        with path.open("rb") as file:
            while part not in os.pread(file.fileno(), 1 << 20, end):
                if time.monotonic() > ends:
                    raise TimeoutError(part)
                pause.wait(LOOK_S)


@contextlib.asynccontextmanager
async def world(rate: int, folder: str) -> AsyncIterator[tuple[Program, Person]]:
    """Everything at work; the program whose lines count the market's messages."""
    env = {"PYTHONPATH": ".:tests"}
    async with contextlib.AsyncExitStack() as stack:
        venue = await stack.enter_async_context(running("engine", "venue", "--port", "0", *SPEED))
        chat = await stack.enter_async_context(running("bot", "chat", "--port", "0"))
        rest = await venue.address()
        stream = rest.replace("http", "ws") + "/v5/public/linear"
        market = await stack.enter_async_context(running("bench.flood", stream, str(rate), **env))
        through = (await market.address()).replace("http", "ws") + "/v5/public/linear"
        sets = (
            *("--set", f"exchange.rest_url={rest}"),
            *("--set", f"exchange.ws_public_url={through}"),
        )
        told = {
            "BREAKOUT_STATE_DIR": folder,
            "TELEGRAM_TOKEN": TOKEN,
            "TELEGRAM_API_URL": await chat.address(),
            "TELEGRAM_ALLOWED_USERS": "1001:owner",
        }
        bot = await stack.enter_async_context(running("bot", *sets, *SPEED, **told))
        await bot.line("market data flows")
        person = await stack.enter_async_context(person_at(await chat.address()))
        yield market, person


async def rounds(rate: int, charts: int) -> Found:
    """Panic, and lift it, so often."""
    found = Found()
    with tempfile.TemporaryDirectory() as folder:
        async with world(rate, folder) as (market, person):
            journal = Journal(Path(folder))
            await person.answer("/status")
            await market.line("sent ", 3)
            drawing = [asyncio.create_task(_draw(person, found)) for _ in range(charts)]
            began, before = time.monotonic(), _sent(market)
            for _ in range(ROUNDS):
                await _panic(person, journal, found)
                await _lift(person)
            found.rate = (_sent(market) - before) / (time.monotonic() - began)
            for task in drawing:
                task.cancel()
    return found


async def _bounded(rate: int, charts: int) -> Found:
    async with asyncio.timeout(LIMIT_S):
        return await rounds(rate, charts)


def _sent(market: Program) -> int:
    return next(int(line[5:]) for line in reversed(market.lines) if line.startswith("sent "))


async def _panic(person: Person, journal: Journal, found: Found) -> None:
    place, began = journal.end(), time.monotonic()
    locked = asyncio.create_task(journal.grown(place, b"GateClosed"))
    locked.add_done_callback(lambda _: found.locked.append((time.monotonic() - began) * 1000))
    await person.answer("/panic now", "PANIC by")
    found.answered.append((time.monotonic() - began) * 1000)
    await locked


async def _lift(person: Person) -> None:
    question = await person.answer("/resume measured", "again?")
    await person.tap(question, "Resume")
    number = question["message_id"]

    def is_over(message: Message) -> bool:
        return bool(message["message_id"] == number and "Resumed" in message["text"])

    await person.until(is_over)


async def _draw(person: Person, found: Found) -> None:
    """Ask for one chart after the other."""
    while True:
        asked = await person.say(f"/chart {SYMBOL}")
        await person.until(partial(_answers, asked))
        found.charts += 1


def _answers(asked: int, message: Message) -> bool:
    return bool(message["reply_to"] == asked)


def alarm() -> Iterator[Row]:
    """With nothing else to do, and with everything at once."""
    calm = asyncio.run(_bounded(0, 0))
    busy = asyncio.run(_bounded(RATE, CHARTS))
    for name, took in (("calm", calm), ("busy", busy)):
        must = (inf, inf) if took is calm else (1000.0, 300.0)
        yield Row(f"panic to lock, {name}, p50", float(np.median(took.locked)), *must)
        yield Row(f"panic to lock, {name}, max", max(took.locked), *must)
        yield Row(f"panic to answer, {name}, p50", float(np.median(took.answered)), *must)
        yield Row(f"panic to answer, {name}, max", max(took.answered), *must)
    ratio = float(np.median(busy.answered) / np.median(calm.answered))
    yield Row("  busy over calm", ratio, RATIO_MUST, RATIO_MUST / 2, "x")
    yield Row("  market messages a second", busy.rate, inf, inf, "")
    yield Row("  charts that were drawn", busy.charts, inf, inf, "")
