"""bot.sandbox.faults: a Telegram that misbehaves as it was told to, through `/chat/faults`."""

import asyncio
from typing import Any

import aiohttp
import pytest

from bot.sandbox.people import OWNER_ID
from chatroom import Site, served

HELLO = {"chat_id": OWNER_ID, "text": "hello"}


async def ask(site: Site, *faults: dict[str, Any]) -> list[dict[str, Any]]:
    status, told = await site.post("/chat/faults", {"faults": faults})
    assert status == 200
    return list(told["faults"])


async def problem(site: Site, body: bytes) -> str:
    async with site.http.post(f"{site.url}/chat/faults", data=body) as answer:
        assert answer.status == 400
        return await answer.text()


@pytest.mark.parametrize(
    ("more", "status", "body"),
    [
        (
            {"status": 429},
            429,
            {
                "error_code": 429,
                "description": "Too Many Requests: retry after 5",
                "parameters": {"retry_after": 5},
            },
        ),
        (
            {"status": 429, "body": {"parameters": {"retry_after": 35}}},
            429,
            {
                "error_code": 429,
                "description": "Too Many Requests: retry after 5",
                "parameters": {"retry_after": 35},
            },
        ),
        ({"status": 401}, 401, {"error_code": 401, "description": "Unauthorized"}),
        (
            {"status": 400, "body": "Bad Request: can't parse entities"},
            400,
            {"error_code": 400, "description": "Bad Request: can't parse entities"},
        ),
        (
            {"status": 400, "body": {"parameters": {"migrate_to_chat_id": -9}}},
            400,
            {
                "error_code": 400,
                "description": "Bad Request: chat not found",
                "parameters": {"migrate_to_chat_id": -9},
            },
        ),
        ({}, 500, {"error_code": 500, "description": "Internal Server Error"}),
        (
            {"status": 503, "ret_code": 1503},
            503,
            {"error_code": 1503, "description": "Internal Server Error"},
        ),
    ],
)
async def test_a_reply_stands_in_for_the_true_answer(
    more: dict[str, Any], status: int, body: dict[str, Any]
) -> None:
    async with served() as site:
        await ask(site, {"target": "sendMessage", "kind": "reply", "times": 1, **more})
        assert await site.bot("SENDMESSAGE", **HELLO) == (status, {"ok": False, **body})
        assert await site.rows() == []
        assert (await site.bot("sendMessage", **HELLO))[0] == 200
        _, told = await site.get("/chat/faults")
        assert [row["fired"] for row in told["faults"]] == [1]
        assert await ask(site) == []


async def test_a_lost_answer_was_carried_out() -> None:
    async with served() as site:
        await ask(site, {"target": "sendMessage", "kind": "lose_response"})
        with pytest.raises(aiohttp.ClientError):
            await site.bot("sendMessage", **HELLO)
        assert [row["text"] for row in await site.rows()] == ["hello"]


async def test_a_call_that_hangs_is_not_carried_out() -> None:
    async with served() as site:
        await ask(site, {"target": "*", "kind": "hang", "delay_s": 0.05})
        began = asyncio.get_running_loop().time()
        with pytest.raises(aiohttp.ClientError):
            await site.bot("sendMessage", **HELLO)
        assert asyncio.get_running_loop().time() - began >= 0.05
        assert await site.rows() == []


async def test_a_stop_waits_for_no_call_that_hangs() -> None:
    async with served() as site:
        await ask(site, {"target": "getMe", "kind": "hang", "delay_s": 600})
        hanging = asyncio.create_task(site.bot("getMe"))
        while not (await site.get("/chat/faults"))[1]["faults"][0]["fired"]:
            pass
    with pytest.raises(aiohttp.ClientError):
        await hanging


@pytest.mark.parametrize(
    ("kind", "words"), [("second_poller", "other getUpdates"), ("webhook_set", "webhook is active")]
)
async def test_a_conflict_meets_polls_and_nothing_else(kind: str, words: str) -> None:
    async with served() as site:
        await ask(site, {"target": "*", "kind": kind})
        status, said = await site.bot("getUpdates")
        assert (status, said["error_code"]) == (409, 409)
        assert words in said["description"]
        assert (await site.bot("sendMessage", **HELLO))[0] == 200


async def test_a_webhook_is_gone_once_deleted() -> None:
    async with served() as site:
        await ask(site, {"target": "getUpdates", "kind": "webhook_set"})
        assert (await site.bot("getUpdates"))[0] == 409
        assert (await site.bot("deleteWebhook"))[0] == 200
        assert (await site.bot("getUpdates"))[0] == 200


async def test_a_poll_under_way_ends_so_that_the_next_meets_the_fault() -> None:
    async with served() as site:
        poll = site.bot("getUpdates", timeout=50, allowed_updates=["message"])
        waiting = asyncio.create_task(poll)
        await site.until(lambda: site.room.updates.allowed == ["message"])
        await ask(site, {"target": "getUpdates", "kind": "second_poller"})
        assert await waiting == (200, {"ok": True, "result": []})
        assert (await site.bot("getUpdates"))[0] == 409


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ('{"target": "*", "kind": "stall"}', "faults[0].kind: expected one of hang, lose_response"),
        ('{"target": "sendmail", "kind": "hang"}', "expected a method of the Bot API"),
        ('{"target": "getMe", "kind": "webhook_set"}', "expected getUpdates or *, found getMe"),
        ('{"target": "getMe", "kind": "reply", "status": 99}', "status: expected 200 to 599"),
        ('{"target": "getMe", "kind": "hang", "times": 0}', "times: expected 1 or more, found 0"),
        ('{"target": "getMe", "kind": "hang", "p": 2}', "p: expected 0 to 1"),
        ('{"target": "*", "kind": "hang", "amount": 1}', "amount, headers: expected none here"),
        ('{"target": "*", "kind": "hang", "more": 1}', "unknown field `more`"),
        ("", "missing required field `target`"),
    ],
)
async def test_a_fault_that_could_not_strike_is_refused_and_the_old_list_stays(
    fault: str, words: str
) -> None:
    async with served() as site:
        await ask(site, {"target": "getMe", "kind": "reply"})
        body = f'{{"faults": [{fault or "{}"}]}}'.encode()
        assert words in await problem(site, body)
        assert (await site.bot("getMe"))[0] == 500
