"""The pictures of the chat: what is drawn, and what is told when nothing came."""

import asyncio
from pathlib import Path

import pytest

from bot.sandbox import api
from chatroom import Site, ask, served

pytest.importorskip("playwright.async_api", reason="needs playwright")
from e2e.screen_tour import Album, Tour
from phones import CHROMIUM, phone
from programs import person_at

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="needs a chromium on this machine"),
]

LABEL = "A label that no phone has the room to show in one line"
KEYBOARD = {"inline_keyboard": [[{"text": LABEL, "callback_data": "x"}]]}


async def answering(site: Site) -> None:
    """A bot that answers, edits its answer for a tap, gives a thumb, and falls silent."""
    await site.until(lambda: len(site.room.updates) == 1)
    (said,) = site.room.updates.take(0)
    reply = {"message_id": said["message"]["message_id"]}  # type: ignore[index]
    values = {"text": "card", "reply_parameters": reply, "reply_markup": KEYBOARD}
    card = api.answer(site.room, ask("sendMessage", None, **values))
    await site.until(lambda: len(site.room.updates) == 2)
    query = site.room.updates.take(0)[1]["callback_query"]
    api.answer(site.room, ask("answerCallbackQuery", callback_query_id=query["id"]))  # type: ignore[index]
    reaction = [{"type": "emoji", "emoji": "\N{EYES}"}]
    seen = {"message_id": reply["message_id"], "reaction": reaction}
    api.answer(site.room, ask("setMessageReaction", None, **seen))
    edit = {"message_id": card["message_id"], "text": "turned"}  # type: ignore[index]
    api.answer(site.room, ask("editMessageText", None, **edit))
    await site.until(lambda: len(site.room.updates) == 3)
    pin = site.room.updates.take(0)[2]["message"]["message_id"]  # type: ignore[index]
    for emoji in "\N{EYES}\N{OK HAND SIGN}":
        reaction = [{"type": "emoji", "emoji": emoji}]
        mark = {"message_id": pin, "reaction": reaction}
        api.answer(site.room, ask("setMessageReaction", None, **mark))


def drawn(folder: Path) -> list[str]:
    """The pictures in a folder; each is one."""
    paths = sorted(folder.iterdir())
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
    return [path.name for path in paths]


async def test_each_answer_is_drawn_and_silence_is_told(tmp_path: Path) -> None:
    async with served() as site, phone(site.url) as page, person_at(site.url) as person:
        album = Album(page, tmp_path)
        tour = Tour(person, album, patience_s=0.5)
        bot = asyncio.create_task(answering(site))
        card = await tour.ask("/status")
        assert card is not None
        assert await tour.tap(card, "no phone", "Status: turned!") is not None
        assert await tour.tap(card, "missing", "nothing") is None
        assert await tour.ask("/status pin") is None
        assert await tour.ask("/panic now") is None
        await bot
        await album.close()
        shown = await page.locator(".message:visible").count()
    assert shown == 4  # after the pictures everything is there again
    assert drawn(tmp_path) == [
        "001-status.png",
        "002-status-turned.png",
        "003-status-pin.png",
        "conversation.png",
        "sheet.png",
    ]
    assert album.cut == [f"001-status: {LABEL}"]
    assert tour.unanswered == ["/panic now"]
    assert tour.untapped == ["nothing: no button 'missing'"]
