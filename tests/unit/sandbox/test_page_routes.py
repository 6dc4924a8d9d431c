"""bot.sandbox.page_routes: the JSON a phone lives on."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from bot.sandbox import api, page_routes
from bot.sandbox.page_routes import STREAMS_MAX, policy
from bot.sandbox.people import VIEWER_ID
from bot.sandbox.room import Say
from bot.sandbox.wire import Upload
from chatroom import EPOCH_S, PIXEL, Site, ask, served


def card(site: Site, **values: object) -> int:
    result = api.answer(site.room, ask("sendMessage", None, text="card", **values))
    assert isinstance(result, dict)
    return int(result["message_id"])


async def test_a_message_is_told_with_every_documented_field() -> None:
    async with served() as site:
        _, said = await site.post("/chat/messages", {"text": "a < /b", "user": "trader"})
        (row,) = await site.rows()

    assert row["date"] > EPOCH_S
    assert row == {
        "message_id": said["message_id"],
        "from": "user",
        "user": "trader",
        "date": row["date"],
        "text": "a < /b",
        "html": "a &lt; /b",
        "buttons": [],
        "photo": None,
        "photo_size": None,
        "document": None,
        "document_name": None,
        "document_size": None,
        "reply_to": None,
        "edits": 0,
        "pinned": False,
        "silent": False,
        "forwarded": False,
        "deleted": False,
        "reactions": [],
        "version": 1,
    }


async def test_after_and_next_speak_of_versions() -> None:
    async with served() as site:
        _, first = await site.post("/chat/messages", {"text": "one"})
        await site.post("/chat/messages", {"text": "two"})
        _, seen = await site.get("/chat/messages", after=0)
        body = {"text": "ONE", "edit": first["message_id"]}
        _, edited = await site.post("/chat/messages", body)
        _, news = await site.get("/chat/messages", after=seen["next"])

    assert edited == first
    assert [(row["text"], row["edits"]) for row in news["messages"]] == [("ONE", 1)]
    assert (seen["next"], news["next"]) == (2, 3)


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/chat/messages", {}, "Object missing required field `text`"),
        ("/chat/messages", {"text": 1}, "Expected `str`, got `int` - at `$.text`"),
        ("/chat/messages", {"text": "x", "user": "root"}, "Invalid enum value 'root'"),
        ("/chat/messages", {"text": "x", "usr": "y"}, "unknown field `usr`"),
        ("/chat/messages", {"text": ""}, "text: expected 1 to 4096 characters, found 0"),
        ("/chat/messages", {"text": "x", "reply_to": 9}, "message to be replied not found"),
        ("/chat/messages", {"text": "x", "edit": 9}, "edit: expected an own message, found 9"),
        ("/chat/taps", {"message_id": 9}, "Object missing required field `data`"),
        ("/chat/taps", {"message_id": 9, "data": "x"}, "expected a message of the bot, found 9"),
    ],
)
async def test_a_bad_request_says_what_is_wrong(path: str, body: object, expected: str) -> None:
    async with served() as site:
        status, said = await site.post(path, body)

    assert status == 400
    assert expected in said["error"]


@pytest.mark.parametrize("query", [{"after": -1}, {"after": "x"}, {"user": "root"}])
async def test_a_bad_question_is_refused(query: dict[str, Any]) -> None:
    async with served() as site:
        for path in ("/chat/messages", "/chat/events", "/chat/commands"):
            status, said = await site.get(path, **query)
            assert (status, sorted(said)) == (400, ["error"])


async def test_a_body_that_is_too_large_is_refused() -> None:
    async with (
        served() as site,
        site.http.post(f"{site.url}/chat/messages", data=b"x" * 70_000) as answer,
    ):
        assert answer.status == 413


async def test_a_body_that_never_arrives_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_routes, "BODY_S", 0.01)
    async with served() as site:
        assert await site.stall("/chat/messages") == 408


async def test_a_tap_waits_for_its_answer() -> None:
    async with served() as site:
        body = {"message_id": card(site), "data": "x"}
        tapping = asyncio.create_task(site.post("/chat/taps", body))
        await site.until(lambda: len(site.room.updates) == 1)
        query: Any = site.room.updates.take(0)[0]["callback_query"]
        card(site)  # a change that is no answer
        said = {"callback_query_id": query["id"], "text": "gone", "show_alert": True}
        api.answer(site.room, ask("answerCallbackQuery", None, **said))
        status, answer = await tapping

    assert (status, answer) == (200, {"answer": "gone", "alert": True, "answered": True})


async def test_a_tap_nobody_answers_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_routes, "ANSWER_S", 0.01)
    async with served() as site:
        _, answer = await site.post("/chat/taps", {"message_id": card(site), "data": "x"})

    assert answer == {"answer": "", "alert": False, "answered": False}


async def test_a_group_can_be_joined_and_left() -> None:
    async with served() as site:
        _, joined = await site.post("/chat/groups", {"title": "Pumps & <b>", "user": "stranger"})
        (update,) = site.room.updates.take(0)
        change = update["my_chat_member"]
        assert isinstance(change, dict)
        chat = {"id": joined["chat_id"], "type": "group", "title": "Pumps & <b>"}
        assert change["chat"] == chat
        assert change["from"]["username"] == "sandbox_stranger"
        statuses = [change[f"{which}_chat_member"]["status"] for which in ("old", "new")]
        assert statuses == ["left", "member"]

        answer = await site.bot("leaveChat", chat_id=joined["chat_id"])
        again = await site.bot("leaveChat", chat_id=str(joined["chat_id"]))
        _, told = await site.get("/chat/groups")

    assert answer == (200, {"ok": True, "result": True})
    assert again[0] == 403
    assert again[1]["description"] == "Forbidden: bot is not a member of the group chat"
    assert told == {"groups": [{**joined, "title": "Pumps & <b>", "has_bot": False}]}


async def test_files_need_no_token_and_cannot_be_pages() -> None:
    async with served() as site:
        photo = site.room.shelf.put_photo(Upload("x.svg", "image/svg+xml", PIXEL))
        paper = site.room.shelf.put_document(Upload("x.html", "text/html", b"<script>"))
        async with site.http.get(site.url + photo.url) as answer:
            assert (answer.content_type, await answer.read()) == ("image/png", PIXEL)
        async with site.http.get(site.url + paper.url) as answer:
            assert answer.content_type == "application/octet-stream"
            assert answer.headers["Content-Disposition"] == 'attachment; filename="x.html"'
            assert "sandbox" in answer.headers["Content-Security-Policy"]
        status, said = await site.get("/chat/files/nothing")

    assert (status, sorted(said)) == (404, ["error"])


async def test_the_page_runs_its_own_script_and_no_other() -> None:
    async with served() as site, site.http.get(site.url + "/") as answer:
        page = await answer.text()
        said = answer.headers["Content-Security-Policy"]

    assert said == policy(page)
    assert said.count("'sha256-") == 2
    assert "unsafe" not in said
    assert not re.search(r"""<[^>]+\s(style|on\w+)=|(src|href)=["'](https?:)?//""", page)
    assert "innerHTML" not in page


@asynccontextmanager
async def stream(site: Site, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:  # noqa: ANN401 -- as in aiohttp
    async with site.http.get(f"{site.url}/chat/events", **options) as answer:
        assert answer.content_type == "text/event-stream"
        yield answer


async def event(answer: aiohttp.ClientResponse) -> dict[str, str]:
    """The next event's fields; a comment is an event without any."""
    found: dict[str, str] = {}
    while line := (await asyncio.wait_for(answer.content.readline(), 10)).decode().rstrip("\n"):
        name, _, value = line.partition(": ")
        found[name] = value
    return found


async def texts(answer: aiohttp.ClientResponse) -> list[str]:
    return [row["text"] for row in json.loads((await event(answer))["data"])["messages"]]


async def test_a_stream_tells_what_is_there_and_then_what_changes() -> None:
    async with served() as site:
        site.room.say(Say("before"))
        async with stream(site) as answer:
            first = await event(answer)
            site.room.say(Say("after"))
            second = await event(answer)

    assert (first["id"], first["retry"], second["id"]) == ("1", "1000", "2")
    assert [row["text"] for row in json.loads(second["data"])["messages"]] == ["after"]


async def test_a_stream_goes_on_where_the_page_left_it() -> None:
    async with served() as site:
        for text in ("one", "two"):
            site.room.say(Say(text))
        async with stream(site, headers={"Last-Event-ID": "1"}) as answer:
            assert await texts(answer) == ["two"]
        async with stream(site, params={"after": 1}) as answer:
            assert await texts(answer) == ["two"]


async def test_a_stream_shows_the_chat_of_one_person() -> None:
    async with served() as site, stream(site, params={"user": "viewer"}) as answer:
        assert await texts(answer) == []
        card(site)
        assert await texts(answer) == []
        card(site, chat_id=VIEWER_ID)
        assert await texts(answer) == ["card"]


async def test_a_quiet_stream_says_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_routes, "ALIVE_S", 0.01)
    async with served() as site, stream(site) as answer:
        await event(answer)

        assert await event(answer) == {"": "alive"}


async def test_streams_are_bounded_and_end_with_the_server() -> None:
    async with served() as site:
        opened = [await site.http.get(f"{site.url}/chat/events") for _ in range(STREAMS_MAX)]
        status, said = await site.get("/chat/events")
        opened.pop().close()
        for answer in opened:
            answer.close()

    assert (status, said) == (503, {"error": f"expected at most {STREAMS_MAX} streams"})
