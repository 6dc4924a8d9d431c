"""An exchange of its own that misbehaves before the bot begins: what the start-up tests drive.

It exists because much of what can be wrong with an account is there when the process starts, and
must be found before an order leaves. Exchange and chat are processes that outlive the bots here.
"""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from e2e.fault_acts import call
from e2e.fault_world import LIVELY, LiveWorld, Seen, Sight
from e2e.live_judges import signed
from programs import Message, person_at, running

from engine.core import facts as f
from engine.core.values import LIVE, GateName
from engine.live.mode import Chosen, write_mode

Json = dict[str, Any]

TOKEN = "1234567:" + "a" * 35
KEYS = {"EXCHANGE_API_KEY": "sandbox", "EXCHANGE_API_SECRET": "sandbox", "ALLOW_LIVE": "1"}
SPEED = 40.0
SLOW = pytest.mark.skipif("SLOW" not in os.environ, reason="takes half a minute: SLOW=1 runs it")
CALM = {"exits__max_hold_s": "36000", "exits__targets": "[[50, 0.3]]"}  # what is held stays


class StartWorld:
    """A venue, a chat, somebody in it, and a state directory that says live."""

    def __init__(self, venue: LiveWorld, chat: str, root: Path, speed: float) -> None:
        self.venue, self.person, self.root = venue, venue.person, root
        address = venue.address
        stream = address.replace("http", "ws", 1) + "/v5/public/linear"
        self._sets = {**LIVELY, "exchange.rest_url": address, "exchange.ws_public_url": stream}
        self._speed = ("--speed", f"{speed:g}")
        self.env = {
            "BREAKOUT_STATE_DIR": str(root),
            "TELEGRAM_TOKEN": TOKEN,
            "TELEGRAM_API_URL": chat,
            "TELEGRAM_ALLOWED_USERS": "1001:owner",
            **KEYS,
        }
        self.arm()

    def arm(self) -> None:
        """A person chose live for this exchange."""
        write_mode(self.root, Chosen(LIVE, "a person", 1, self.venue.address))

    @asynccontextmanager
    async def bot(self, **sets: str) -> AsyncIterator[LiveWorld]:
        """The bot from its launch to SIGKILL, beside the same exchange."""
        named = {key.replace("__", "."): value for key, value in sets.items()}
        chosen = [p for k, v in {**self._sets, **named}.items() for p in ("--set", f"{k}={v}")]
        async with running("bot", *self._speed, *chosen, **self.env) as program:
            place = self.venue.address, self.root / LIVE
            yield LiveWorld(program, self.person, place, self.venue.http)

    async def refused(self, *words: str) -> Message:
        """A start with nothing open: it ends with 5, and the chat is told why."""
        async with self.bot() as world:
            assert await world.program.ended() == 5, world.program.lines
            assert not any("Traceback" in line for line in world.program.lines)
        return await self.person.until(
            lambda m: "Not started" in m["text"] and all(part in m["text"] for part in words)
        )

    async def health(self) -> tuple[int, str]:
        """What the health check says of the bot on this directory."""
        async with running("bot", "health", BREAKOUT_STATE_DIR=str(self.root)) as health:
            return await health.ended(), " ".join(health.lines)

    async def buy(self, symbol: str, qty: str) -> Json:
        """Somebody else's trade on the account."""
        order = {"symbol": symbol, "side": "Buy", "orderType": "Market", "qty": qty}
        return await call(self.venue, "order/create", **order)


@asynccontextmanager
async def start_world(folder: Path, speed: float = SPEED) -> AsyncIterator[StartWorld]:
    """Exchange, chat and person; no bot yet."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        exchange = ("engine", "venue", "--port", "0", "--speed", f"{speed:g}")
        venue = await enter(running(*exchange))
        chat = await enter(running("bot", "chat", "--port", "0"))
        address, talk = await venue.address(), await chat.address()
        person = await enter(person_at(talk))
        http = await enter(aiohttp.ClientSession())
        root = folder / "root"
        world = LiveWorld(venue, person, (address, root / LIVE), http)
        yield StartWorld(world, talk, root, speed)


async def resume(world: LiveWorld) -> None:
    """A person lets entries go on."""
    asked = await world.person.say("/resume it was a rehearsal")
    card = await world.person.until(lambda m: m["reply_to"] == asked)
    if card["buttons"]:
        await world.person.tap(card, "Resume")


def gate_of(sight: Sight, name: GateName) -> str | None:
    """Why a gate is closed now; None while it is open."""
    gate = sight.ledger.state.gates.get(name)
    return None if gate is None else gate.why


def opened(name: GateName) -> Seen:
    """The gate is open now."""
    return lambda sight: None if gate_of(sight, name) else f"{name} is open"


def entries(sight: Sight) -> list[f.OrderPlaced]:
    """Orders that could open or grow a position, since the mark."""
    return [x for x in sight.facts(f.OrderPlaced) if x.order.purpose.is_growing]


def holdings(truth: Json) -> dict[str, str]:
    """What the account holds, as the exchange shows it: symbol -> signed quantity."""
    return {p["symbol"]: str(signed(p, "size")) for p in truth["positions"] if float(p["size"])}
