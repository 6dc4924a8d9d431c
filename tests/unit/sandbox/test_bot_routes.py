"""bot.sandbox.bot_routes: bodies of every kind in, Telegram's envelope out."""

import io
from typing import Any

import aiohttp
import pytest

from bot.sandbox import bot_routes
from bot.sandbox.bot_routes import BODY_BYTES
from bot.sandbox.people import OWNER_ID
from bot.sandbox.room import Chat
from chatroom import PIXEL, TOKEN, Site, served

SEND = f"/bot{TOKEN}/sendMessage"
FORM = "application/x-www-form-urlencoded"
WANTED = {"chat_id": str(OWNER_ID), "text": "<b>x</b>", "parse_mode": "HTML"}


async def test_a_query_a_form_a_multipart_body_and_json_say_the_same() -> None:
    parts = aiohttp.FormData(WANTED)
    parts.add_field("ignored", b"x", filename="x.bin")
    async with served() as site:
        url = site.url + SEND
        for answer in (
            await site.http.get(url, params=WANTED),
            await site.http.post(url, params=WANTED),
            await site.http.post(url, data=WANTED),
            await site.http.post(url, data=parts),
            await site.http.post(url, json=WANTED),
        ):
            async with answer:
                assert (answer.status, (await answer.json())["ok"]) == (200, True)
        rows = await site.rows()

    assert [row["html"] for row in rows] == ["<b>x</b>"] * 5


async def posted(
    site: Site, path: str, body: bytes | io.BytesIO | aiohttp.FormData, kind: str = ""
) -> tuple[int, Any]:
    headers = {"Content-Type": kind} if kind else {}
    async with site.http.post(site.url + path, data=body, headers=headers) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("application/json", b"{", "request JSON object"),
        ("application/json", b"[]", "request JSON object"),
        ("multipart/form-data", b"--x", "the body of the request"),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(kind: str, body: bytes, expected: str) -> None:
    async with served() as site:
        status, said = await posted(site, SEND, body, kind)

    description = f"Bad Request: can't parse {expected}"
    assert (status, said) == (400, {"ok": False, "error_code": 400, "description": description})


async def test_a_body_that_is_too_large_is_refused() -> None:
    async with served() as site:
        status, said = await posted(site, SEND, io.BytesIO(b"x" * (BODY_BYTES + 1)), FORM)

    assert status == 413
    assert said == {"ok": False, "error_code": 413, "description": "Request Entity Too Large"}


async def test_a_body_that_never_arrives_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bot_routes, "BODY_S", 0.01)
    async with served() as site:
        assert await site.stall(SEND) == 408


async def test_a_file_larger_than_an_ordinary_body_arrives() -> None:
    parts = aiohttp.FormData({"chat_id": str(OWNER_ID)})
    parts.add_field("document", io.BytesIO(b"x" * 3_000_000), filename="log.txt")
    async with served() as site:
        status, said = await posted(site, f"/bot{TOKEN}/sendDocument", parts)

    assert (status, said["result"]["document"]["file_size"]) == (200, 3_000_000)


@pytest.mark.parametrize(
    "path",
    [
        "/botnonsense/getMe",
        "/bot1:short/getMe",
        "/bot1000002:" + "x" * 35 + "/getMe",
        "/file/botnonsense/files/x",
    ],
)
async def test_another_token_is_unauthorized(path: str) -> None:
    async with served(Chat(TOKEN)) as site:
        status, said = await site.get(path)

    assert status == 401
    assert said == {"ok": False, "error_code": 401, "description": "Unauthorized"}


async def test_unknown_methods_and_files_are_not_found() -> None:
    async with served() as site:
        method, _ = await site.get(f"/bot{TOKEN}/getNothing")
        file, _ = await site.get(f"/file/bot{TOKEN}/files/nothing")
        async with site.http.get(f"{site.url}/file/bot{TOKEN}/files/../../etc/passwd") as answer:
            path = answer.status

    assert (method, file, path) == (404, 404, 404)


async def test_a_photo_is_downloaded_as_a_file() -> None:
    parts = aiohttp.FormData({"chat_id": str(OWNER_ID)})
    parts.add_field("photo", PIXEL, filename="x.png")
    async with served() as site:
        _, said = await posted(site, f"/bot{TOKEN}/sendPhoto", parts)
        file_id = said["result"]["photo"][0]["file_id"]
        _, found = await site.get(f"/bot{TOKEN}/getFile", file_id=file_id)
        path = found["result"]["file_path"]
        async with site.http.get(f"{site.url}/file/bot{TOKEN}/{path}") as answer:
            content = await answer.read()

    assert content == PIXEL
