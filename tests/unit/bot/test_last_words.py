"""What is said when nothing can begin: once, to the owner, never in the way of the end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from bot import last_words
from bot.gate import Role
from bot.telegram_app import Account

ME = {"id": 1, "is_bot": True, "first_name": "b", "username": "b"}
MESSAGE = {"message_id": 1, "date": 0, "chat": {"id": 7, "type": "private"}}


class Server:
    """A Bot API server that answers everything, or refuses."""

    def __init__(self, status: int = 200) -> None:
        self.said: list[dict[str, object]] = []
        self._status = status

    async def answer(self, request: web.Request) -> web.Response:
        if self._status != 200:
            body = {"ok": False, "error_code": self._status, "description": "Unauthorized"}
            return web.json_response(body, status=self._status)
        if request.path.endswith("/getMe"):
            return web.json_response({"ok": True, "result": ME})
        self.said.append(dict(await request.post()))
        return web.json_response({"ok": True, "result": MESSAGE})


def account(url: str) -> Account:
    return Account("1:sandbox", {7: Role.OWNER}, api_url=url)


@asynccontextmanager
async def listening(server: Server) -> AsyncIterator[str]:
    """Its address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_each_place_is_told() -> None:
    server = Server()
    async with listening(server) as url:
        await last_words.say(account(url), [7, -9], "live", "the key <expired>")
    assert [said["chat_id"] for said in server.said] == ["7", "-9"]
    assert server.said[0]["text"] == ("❗ <b>Not started</b> · 💵 LIVE\nthe key &lt;expired&gt;")


async def test_a_chat_that_refuses_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    server = Server(401)
    async with listening(server) as url:
        await last_words.say(account(url), [7], "live", "x")
    assert server.said == []
    assert "1:sandbox" not in caplog.text
    assert "last_words.unsaid" in caplog.text
