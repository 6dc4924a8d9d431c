"""The chat page in a real browser, on a phone's screen, with the room behind it."""

import json
import re
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from plays import CALM, write_play
from programs import PATIENCE_S, running

from bot.sandbox import api
from bot.sandbox.people import OWNER_ID, VIEWER_ID
from bot.sandbox.room import Chat, Say
from bot.sandbox.wire import Upload
from builders import NO_FLOW
from chatroom import EPOCH_S, PIXEL, ask, served

pytest.importorskip("playwright.async_api", reason="needs playwright")
from phones import CHROMIUM, COLUMNS, NOTHING, phone
from playwright.async_api import Page, expect

expect.set_options(timeout=15_000)

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="needs a chromium on this machine"),
]


def send(room: Chat, text: str, **values: object) -> int:
    result = api.answer(room, ask("sendMessage", None, text=text, parse_mode="HTML", **values))
    assert isinstance(result, dict)
    return int(result["message_id"])


def keys(*names: str, style: str = "danger") -> dict[str, object]:
    row = [{"text": name, "callback_data": name.lower(), "style": style} for name in names]
    return {"inline_keyboard": [row]}


async def test_talk_tap_photo_and_edit() -> None:
    async with served() as site, phone(site.url) as page:
        room = site.room
        await expect(
            page.get_by_text("Simulation: no real money, no real exchange")
        ).to_be_visible()
        box = page.get_by_role("textbox", name="Message")
        await box.fill("/scan <b>now</b>")
        await box.press("Enter")
        mine = page.locator(".message.mine")
        await expect(mine.locator(".body")).to_contain_text("/scan <b>now</b>")
        assert room.updates.take(0)[0]["message"] is not None

        card = send(room, "Close <b>#17</b>?", reply_markup=keys("Close", "Cancel"))
        pressing = page.get_by_role("button", name="Close", exact=True)
        await pressing.click()
        await site.until(lambda: len(room.updates) == 2)
        query = room.updates.take(0)[1]["callback_query"]
        assert isinstance(query, dict)
        api.answer(room, ask("answerCallbackQuery", callback_query_id=query["id"], text="On it"))
        api.answer(room, ask("editMessageText", message_id=card, text="Sold"))
        await expect(page.locator("#toast")).to_have_text("On it")
        sold = page.locator(f'.message[data-id="{card}"]')
        await expect(sold.locator(".body")).to_contain_text("Sold")
        await expect(sold.locator(".meta")).to_contain_text("edited")
        await expect(pressing).to_have_count(0)

        chart = Upload("chart.png", "image/png", PIXEL)
        asked = ask("sendPhoto", {"photo": chart}, caption="SOLUSDT 15m")
        api.answer(room, asked)
        image = page.locator(".message img")
        await expect(image).to_be_visible()
        await expect(image).to_have_js_property("naturalWidth", 1)
        await page.get_by_role("button", name="Enlarge the photo").click()
        await expect(page.get_by_role("dialog", name="Photo")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog", name="Photo")).to_be_hidden()


async def test_a_full_card_fits_a_phone_and_says_everything() -> None:
    async with served() as site, phone(site.url) as page:
        room = site.room
        asked = room.say(Say("/status"))
        reply = {"message_id": asked.message_id}
        card = send(
            room,
            f"<b>RUNNING</b> &lt;img src=x onerror=alert(1)&gt;\n<pre>\n{COLUMNS}\n</pre>\n"
            "<blockquote expandable>" + "why\n" * 9 + "</blockquote>"
            'at <tg-time unix="0" format="t">then</tg-time> <code>/panic</code> or /help '
            '<a href="https://example.invalid/">docs</a>',
            reply_markup=keys(*[f"Button {n}" for n in range(4)], style="primary"),
            reply_parameters=reply,
            disable_notification=True,
        )
        reaction = [{"type": "emoji", "emoji": "\N{EYES}"}]
        api.answer(room, ask("setMessageReaction", message_id=asked.message_id, reaction=reaction))
        api.answer(room, ask("pinChatMessage", message_id=card))
        message = page.locator(f'.message[data-id="{card}"]')
        await expect(message.locator("pre")).to_have_text(COLUMNS)
        await expect(message.locator("time.tg")).to_have_text("09:00")  # Tokyo, whatever is written
        await expect(message.locator("img")).to_have_count(0)
        await expect(message.get_by_role("button", name="/help")).to_be_visible()
        await expect(message.get_by_role("button", name="/panic", exact=True)).to_have_count(0)
        await expect(message.get_by_title("sent without sound")).to_be_visible()
        await expect(page.get_by_label("Reaction of the bot: \N{EYES}")).to_be_visible()
        await expect(page.get_by_role("button", name="Go to the pinned message")).to_contain_text(
            "RUNNING"
        )
        await expect(message.get_by_role("button", name="Go to the message this")).to_contain_text(
            "/status"
        )
        more = message.get_by_role("button", name="Show the whole quote")
        await more.click()
        await expect(more).to_have_attribute("aria-expanded", "true")
        widths = await page.evaluate(
            "[document.documentElement, document.querySelector('#scroll'),"
            " document.querySelector('pre')].map(e => e.scrollWidth - e.clientWidth)"
        )
        assert widths == [0, 0, 0]


async def test_menu_people_and_a_page_that_comes_late() -> None:
    menu = [
        {"command": "scan", "description": "Rank the market"},
        {"command": "status", "description": "Live card"},
    ]
    async with served() as site:
        room = site.room
        api.answer(room, ask("setMyCommands", commands=menu))
        for number in range(40):
            send(room, f"line {number}")
        async with phone(site.url) as page:
            await expect(page.get_by_text("line 39")).to_be_in_viewport()
            await page.get_by_role("button", name="Menu of commands").click()
            await page.get_by_role("option", name="/status").click()
            await expect(page.locator(".mine .body")).to_contain_text("/status")
            box = page.get_by_role("textbox", name="Message")
            await box.press_sequentially("/sc")
            await expect(page.get_by_role("option")).to_have_text([re.compile("/scan")])
            await box.press("Tab")
            await expect(box).to_have_value("/scan ")

            await page.locator("#scroll").evaluate("box => box.scrollTo(0, 0)")
            down = page.get_by_role("button", name="Scroll to the latest message")
            await expect(down).to_be_visible()
            send(room, "unread")
            await expect(down).to_have_text("1")
            await down.click()
            await expect(page.get_by_text("unread")).to_be_in_viewport()

            await page.get_by_role("button", name="Chat as another person").click()
            await page.get_by_role("menuitemradio", name="Viewer").click()
            await expect(page.get_by_text("line 39")).to_have_count(0)
            await page.get_by_role("button", name="Start").click()
            await site.until(lambda: room.history.version >= 43)
            send(room, "for the viewer", chat_id=VIEWER_ID)
            send(room, "for the owner", chat_id=OWNER_ID)
            await expect(page.get_by_text("for the viewer")).to_be_visible()
            await expect(page.get_by_text("for the owner")).to_have_count(0)


async def test_a_deleted_message_goes() -> None:
    async with served() as site, phone(site.url) as page:
        message_id = send(site.room, "before")
        await expect(page.get_by_text("before")).to_be_visible()
        api.answer(site.room, ask("deleteMessage", message_id=message_id))
        await expect(page.get_by_text("before")).to_have_count(0)


async def test_a_page_finds_its_way_into_a_restarted_room() -> None:
    async with AsyncExitStack() as first:
        site = await first.enter_async_context(served(Chat(clock=lambda: EPOCH_S + 10.0)))
        send(site.room, "before")
        async with phone(site.url) as page:
            await expect(page.get_by_text("before")).to_be_visible()
            await first.aclose()
            await expect(page.get_by_role("status").first).to_have_text("connecting…")
            later = Chat(clock=lambda: EPOCH_S + 20.0)
            async with served(later, site.port):
                send(later, "after")
                await expect(page.get_by_text("after")).to_be_visible()
                await expect(page.get_by_text("before")).to_have_count(0)


async def test_the_whole_sandbox_from_a_signal_to_its_reasons(tmp_path: Path) -> None:
    play = write_play(tmp_path / "play", *[CALM] * 100)
    where = ["--state-dir", str(tmp_path / "state"), "--port", "0", "--data", str(play)]
    # The play begins with its break, before anybody's order flow is followed.
    where += ["--set", f"checks.excluded={json.dumps(NO_FLOW)}"]
    async with running("bot", "--sandbox", *where, "--speed", "600") as program:
        async with phone(await program.address(), NOTHING) as page:
            await from_signal_to_reasons(page)
        assert await program.stop() == 0


async def from_signal_to_reasons(page: Page) -> None:
    signal = page.locator(".message").filter(has=page.locator(".photo img")).first
    await expect(signal).to_be_visible(timeout=PATIENCE_S * 1000)
    await expect(signal.locator("img")).to_have_js_property("naturalWidth", 1080)
    await expect(signal.locator("blockquote")).to_contain_text("Level 102.20 held")
    await signal.get_by_role("button", name="Why").click()
    why = page.locator(".message").filter(has_text="taken")
    await expect(why.locator("pre")).to_contain_text("volume 24h")
    await expect(why).to_contain_text("Broke 102.20")
    [quote] = await why.locator(".quote").evaluate_all("all => all.map(e => e.offsetHeight)")
    assert quote < 50  # the name and one line
    widths = await page.evaluate(
        "[document.documentElement, ...document.querySelectorAll('#scroll, pre, .bubble')]"
        ".map(e => e.scrollWidth - e.clientWidth)"
    )
    assert set(widths) == {0}
