"""The chat as a person meets it: the real library, over HTTP, against the embedded Bot API."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from desks import FakeDesk, position, taken

from bot.gate import Role
from bot.sandbox.people import OWNER_ID, TRADER_ID, VIEWER_ID
from bot.telegram_app import Account, TelegramChat
from builders import D, fill, order
from chatroom import PIXEL, TOKEN, Site, is_card, served
from engine.chart import Picture
from engine.core import events as e
from engine.core import facts as f
from engine.core.settings import Settings
from engine.core.values import GateName, Purpose, Side

pytestmark = pytest.mark.e2e

USERS = {OWNER_ID: Role.OWNER, TRADER_ID: Role.TRADER, VIEWER_ID: Role.VIEWER}


class RealDesk(FakeDesk):
    """A desk whose clock runs and whose charts are a pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.now_real = time.time  # type: ignore[assignment] # a clock that runs by itself
        self.show(positions=(position(),))

    async def command(  # type: ignore[explicit-override] # typing: 3.12
        self, command: e.Command
    ) -> tuple[f.Record, ...]:
        if not isinstance(command, e.Note):
            return await super().command(command)
        self.show(notes={**self.shown.notes, command.key: command.value})
        return (self.tell(f.CommandDone(command.command_id, command.by, "note", "")),)

    async def chart(  # type: ignore[explicit-override] # typing: 3.12
        self, picture: Picture
    ) -> bytes:
        self.pictures.append(picture)
        return PIXEL


def is_told(row: dict[str, Any]) -> bool:
    """Whether the bot said it to somebody, or of a fact."""
    return row["from"] == "bot" and not is_card(row)


class Phone:
    """What a person does and sees on the embedded page."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._changed = asyncio.Event()
        site.room.watch(self._changed.set)

    async def says(self, text: str, **more: object) -> None:
        status, _ = await self._site.post("/chat/messages", {"text": text, **more})
        assert status == 200

    async def taps(self, row: dict[str, Any], label: str, **more: object) -> str:
        """Tap a button by its label; the answer that pops up."""
        cells = [cell for line in row["buttons"] for cell in line]
        data = next(c["data"] for c in cells if label in c["text"])
        body = {"message_id": row["message_id"], "data": data, **more}
        status, answer = await self._site.post("/chat/taps", body)
        assert status == 200
        return str(answer["answer"])

    async def sees(self, *words: str) -> dict[str, Any]:
        """Wait for a message of the bot that has these words."""
        async with asyncio.timeout(10):
            while True:
                self._changed.clear()
                rows = [r for r in await self._site.rows() if is_told(r)]
                found = [r for r in rows if all(word in r["text"] for word in words)]
                if found:
                    return found[-1]
                await self._changed.wait()


@asynccontextmanager
async def living(desk: FakeDesk, site: Site) -> AsyncIterator[TelegramChat]:
    """One life of the bot's chat."""
    chat = TelegramChat(Account(TOKEN, USERS, api_url=site.url), desk, Settings())
    desk.on_record = lambda record: chat.outbox.offer([record])
    task = asyncio.create_task(chat.run())
    try:
        yield chat
    finally:
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def talking(desk: FakeDesk) -> AsyncIterator[tuple[Phone, TelegramChat, Site]]:
    async with served() as site, living(desk, site) as chat:
        yield Phone(site), chat, site


def closed() -> f.PositionClosed:
    return f.PositionClosed(
        position_id=17,
        symbol="SOLUSDT",
        side=Side.LONG,
        rule="operator",
        gross=D(20),
        fees=D(3),
        net=D(17),
        result_r=0.54,
        mfe_r=0.9,
        mae_r=-0.1,
        opened_ms=0,
    )


async def test_reads_and_charts() -> None:
    async with talking(RealDesk()) as (phone, _, _):
        await phone.says("/start")
        await phone.sees("Opening it starts nothing")
        await phone.says("/status", user="viewer")
        card = await phone.sees("RUNNING", "Open   1/3")
        assert card["reply_to"] is not None
        await phone.says("/chart sol")
        photo = await phone.sees("SOLUSDT 5m")
        assert photo["photo"]


async def test_a_close_from_question_to_result() -> None:
    desk = RealDesk()
    desk.follow_up = [closed()]
    async with talking(desk) as (phone, _, _):
        await phone.says("/close sol")
        asked = await phone.sees("Close SOLUSDT LONG #17?")
        await phone.taps(asked, "Close")
        done = await phone.sees("closed +0.54R, +17.00 USDT net")
        assert done["message_id"] == asked["message_id"]
        assert done["buttons"] == []
        assert [type(c) for c in desk.commands] == [e.Close]


async def test_a_trade_is_pushed_with_its_chart_and_as_replies() -> None:
    desk = RealDesk()
    async with talking(desk) as (phone, _, _):
        for fact in (taken(), f.OrderPlaced(order(position_id=17)), f.OrderFilled(17, fill())):
            desk.tell(fact)
        signal = await phone.sees("SOLUSDT LONG breakout")
        filled = await phone.sees("filled: bought 10 @ 100")
        assert signal["photo"]
        assert signal["silent"] is True
        assert filled["reply_to"] == signal["message_id"]
        assert filled["silent"] is False


async def test_a_panic_is_followed_to_the_verified_end() -> None:
    desk = RealDesk()
    part = fill(Purpose.EXIT, qty=D("12.3"), price=D("183.95"))
    lock = f.GateClosed(GateName.KILL_SWITCH, f"@x ({OWNER_ID})", "panic", flatten=True)
    desk.follow_up = [lock, f.OrderFilled(17, part), closed()]
    async with talking(desk) as (phone, _, _):
        await phone.says("/panic now")
        board = await phone.sees("PANIC by", "SOLUSDT sold 12.3 183.95", "exchange flat, verified")
        assert "Entries stay locked until /resume" in board["text"]


async def test_strangers_edits_and_forwards_are_dead() -> None:
    desk = RealDesk()
    async with talking(desk) as (phone, chat, site):
        await phone.says("/panic now", user="stranger")
        await phone.says("/panic now", forwarded=True)
        await phone.says("/health", user="viewer")
        first = await phone.sees("Strangers")
        said = next(r for r in await site.rows() if r["text"] == "/panic now")
        await phone.says("/panic now", user="stranger", edit=said["message_id"])
        await phone.says("/panic", user="viewer")
        await phone.sees("is for the role owner")
        assert desk.commands == []
        assert chat.gate.stranger_count == 1
        assert len([r for r in await site.rows() if is_told(r)]) == 2
        assert first["message_id"]


async def test_a_restart_repeats_nothing_and_old_buttons_are_dead() -> None:
    desk = RealDesk()
    async with served() as site:
        phone = Phone(site)
        async with living(desk, site):
            desk.tell(f.Incident("order_refused", "once"))
            await phone.sees("Order refused")
            await phone.says("/close sol")
            asked = await phone.sees("Close SOLUSDT")
        async with living(desk, site):
            assert await phone.taps(asked, "Close") == "expired, nothing done"
        rows = await site.rows()
    assert len([r for r in rows if "Order refused" in r["text"]]) == 1
    assert desk.commands == []


async def test_the_token_never_reaches_our_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "bot")
    async with talking(RealDesk()) as (phone, _, _):
        await phone.says("/status")
        await phone.sees("RUNNING")
    assert TOKEN not in caplog.text
