"""bot.sandbox.serve: the chat alone on a port, started, said and stopped."""

import asyncio
import re
from contextlib import AsyncExitStack

import aiohttp
import pytest
from aiohttp import web

from bot.sandbox.room import Chat
from bot.sandbox.serve import EXAMPLE_TOKEN, listen, serve_chat, welcome
from chatroom import TOKEN, served
from engine.errors import ConfigError, PortInUse


async def test_alone_it_says_how_to_join_and_serves_until_canceled() -> None:
    paper: asyncio.Queue[str] = asyncio.Queue()
    serving = asyncio.create_task(serve_chat("127.0.0.1", 0, say=paper.put_nowait))
    said = await asyncio.wait_for(paper.get(), 10)

    port = int(re.findall(r"127\.0\.0\.1:(\d+)/", said)[0])
    with pytest.raises(PortInUse, match=f"port {port} on 127.0.0.1"):
        await serve_chat("127.0.0.1", port)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving

    assert said == welcome("127.0.0.1", port)
    runner, again = await listen(web.Application(), "127.0.0.1", port)
    await runner.cleanup()
    assert again == port


async def test_an_address_that_is_not_ours_is_no_port_in_use() -> None:
    with pytest.raises(ConfigError, match=r"192\.0\.2\.1"):
        await listen(web.Application(), "192.0.2.1", 0)


def test_the_environment_is_ready_to_paste_and_shows_no_given_token() -> None:
    assert welcome("0.0.0.0", 8090) == (  # noqa: S104 -- what a container listens on
        "Chat page: http://127.0.0.1:8090/\n"
        "A bot joins with this environment (the token is any of the usual form):\n"
        "  TELEGRAM_API_URL=http://127.0.0.1:8090\n"
        f"  TELEGRAM_TOKEN={EXAMPLE_TOKEN}\n"
        "  TELEGRAM_ALLOWED_USERS=1001:owner,1002:trader,1003:viewer\n"
    )
    assert Chat().admits(EXAMPLE_TOKEN)
    assert TOKEN not in welcome("localhost", 8090, TOKEN)


async def test_waiting_calls_end_when_the_server_stops() -> None:
    room = Chat()
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        async with served(room) as site:
            poll = {"timeout": 50, "allowed_updates": ["message"]}
            waiting = asyncio.create_task(http.post(f"{site.url}/bot{TOKEN}/getUpdates", json=poll))
            streaming = await http.get(f"{site.url}/chat/events")
            await site.until(lambda: room.updates.allowed == ["message"])
        async with await asyncio.wait_for(waiting, 10) as polled:
            said = (polled.status, await polled.json())
        rest = await asyncio.wait_for(streaming.read(), 10)

    assert said == (200, {"ok": True, "result": []})
    assert rest.startswith(b"retry: 1000\nid: 0\n")
