"""What a person does with the chat page, feature by feature, as with a Telegram client."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest
import pytest_asyncio

from bot.sandbox import api
from bot.sandbox.people import OWNER_ID, VIEWER_ID
from bot.sandbox.room import Chat, Say
from bot.sandbox.wire import Upload
from chatroom import PIXEL, ask, served

pytest.importorskip("playwright.async_api", reason="needs playwright")
from phones import CHROMIUM, COLUMNS, browsing, phone_in
from playwright.async_api import Browser, Locator, Page, expect

expect.set_options(timeout=15_000)

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not CHROMIUM, reason="needs a chromium on this machine"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One browser for all: every test has a phone of its own in it."""
    async with browsing() as found:
        yield found


OTHER_PIXEL = PIXEL[:-12] + b"\0\0\0\0" + PIXEL[-12:]  # another file, another address
NARROW = (320, 360, 375, 390)
LONG = "because\n" * 9
UNIX = 1_760_000_000  # 2025-10-09 08:53:20 UTC


def call(
    room: Chat, method: str, uploads: dict[str, Upload] | None = None, **values: object
) -> int:
    """A call of the bot's; the id of the message it made or changed."""
    found = api.answer(room, ask(method, uploads, parse_mode="HTML", **values))
    return int(found["message_id"]) if isinstance(found, dict) else 0


def buttons(*rows: Sequence[Mapping[str, object]]) -> dict[str, object]:
    return {"inline_keyboard": list(rows)}


def button(text: str, style: str | None = None) -> dict[str, object]:
    found: dict[str, object] = {"text": text, "callback_data": text.lower()}
    return found if style is None else {**found, "style": style}


def on(page: Page, message_id: int) -> Locator:
    return page.locator(f'.message[data-id="{message_id}"]')


async def copied(page: Page) -> str:
    return str(await page.evaluate("navigator.clipboard.readText()"))


async def test_a_photo_is_replaced_in_place_and_opens_with_its_caption(browser: Browser) -> None:
    async with served() as site, phone_in(browser, site.url) as page:
        keyboard = buttons([button("5m"), button("1h")])
        first = {"photo": Upload("a.png", "image/png", PIXEL)}
        card = call(site.room, "sendPhoto", first, caption="SOL 5m", reply_markup=keyboard)
        call(site.room, "sendMessage", text="later")
        message = on(page, card)
        await expect(message.locator("img")).to_have_js_property("naturalWidth", 1)
        before = await message.locator("img").get_attribute("src")
        tops = await message.evaluate(
            "m => ['.photo', '.body', '.keys'].map(s => m.querySelector(s).offsetTop"
            " + (s === '.keys' ? 0 : m.querySelector('.bubble').offsetTop))"
        )
        assert tops == sorted(set(tops))  # the photo, its caption, its keyboard

        media = {"type": "photo", "media": "attach://new", "caption": "SOL 1h"}
        second = {"new": Upload("b.png", "image/png", OTHER_PIXEL)}
        call(
            site.room,
            "editMessageMedia",
            second,
            message_id=card,
            media=media,
            reply_markup=keyboard,
        )

        await expect(message.locator(".body")).to_contain_text("SOL 1h")
        await expect(message.locator(".meta")).to_contain_text("edited")
        await expect(message.get_by_role("button", name="1h", exact=True)).to_be_visible()
        assert await message.locator("img").get_attribute("src") != before
        assert await page.locator(".message").first.get_attribute("data-id") == str(card)
        await message.get_by_role("button", name="Enlarge the photo").click()
        lens = page.get_by_role("dialog", name="Photo")
        await expect(lens.get_by_text("SOL 1h")).to_be_visible()
        box = await lens.bounding_box()
        assert box is not None
        assert (box["width"], box["height"]) == (390, 844)
        await lens.get_by_role("button", name="Close").click()
        await expect(lens).to_be_hidden()


async def test_a_keyboard_has_rows_of_equal_buttons_in_its_colors(browser: Browser) -> None:
    rows = [
        [button("Close", "danger"), button("Take", "success"), button("More", "primary")],
        [button("Cancel"), button("A label that is longer than half of a phone")],
    ]
    async with served() as site, phone_in(browser, site.url) as page:
        message = on(page, call(site.room, "sendMessage", text="?", reply_markup=buttons(*rows)))
        await expect(message.locator(".key")).to_have_count(5)
        seen = await message.locator(".key").evaluate_all(
            "all => all.map(k => [k.getBoundingClientRect().top, Math.round(k.offsetWidth),"
            " getComputedStyle(k).backgroundColor, k.offsetHeight])"
        )
        cut = await page.locator(".key > span").evaluate_all(
            "all => all.map(s => s.scrollWidth > s.clientWidth)"
        )
    assert cut == [False] * 4 + [True]  # one line, as a phone has it
    (tops, widths, colors, heights) = zip(*seen, strict=True)
    assert tops[0] == tops[1] == tops[2] < tops[3] == tops[4]
    assert len(set(heights)) == 1
    assert len(set(widths[:3])) == len(set(widths[3:])) == 1
    reds, greens, blues = (tuple(map(int, re.findall(r"\d+", c))) for c in colors[:3])
    assert (max(reds), max(greens), max(blues)) == (reds[0], greens[1], blues[2])
    assert colors[3] == colors[4]
    assert colors[3] not in colors[:3]


async def test_a_tap_spins_until_it_is_answered_and_an_alert_stands_in_the_way(
    browser: Browser,
) -> None:
    async with served() as site, phone_in(browser, site.url) as page:
        keyboard = buttons([button("Close")])
        card = call(site.room, "sendMessage", text="card", reply_markup=keyboard)
        key = on(page, card).get_by_role("button", name="Close", exact=True)
        await key.focus()
        await key.press("Enter")
        await expect(key).to_have_attribute("aria-busy", "true")
        await site.until(lambda: len(site.room.updates) == 1)
        query = site.room.updates.take(0)[0]["callback_query"]
        assert isinstance(query, dict)
        said = {"callback_query_id": query["id"], "text": "only you", "show_alert": True}
        api.answer(site.room, ask("answerCallbackQuery", None, **said))

        alert = page.get_by_role("dialog", name="Answer of the bot")
        await expect(alert).to_contain_text("only you")
        await expect(key).not_to_have_attribute("aria-busy", "true")
        await alert.get_by_role("button", name="OK").click()
        await expect(alert).to_be_hidden()
        await key.focus()
        call(site.room, "editMessageText", message_id=card, text="new", reply_markup=keyboard)
        await expect(on(page, card)).to_contain_text("new")
        await expect(key).to_be_focused()  # an edit takes nobody's place away


async def test_pins_are_gone_through_from_the_newest_and_replies_lead_back(
    browser: Browser,
) -> None:
    async with served() as site, phone_in(browser, site.url) as page:
        old = call(site.room, "sendMessage", text="old card")
        for number in range(40):
            call(site.room, "sendMessage", text=f"line {number}")
        new = call(site.room, "sendMessage", text="new card")
        reply = {"message_id": old}
        last = call(site.room, "sendMessage", text="filled", reply_parameters=reply)
        for message_id in (old, new):
            call(site.room, "pinChatMessage", message_id=message_id)

        bar = page.get_by_role("button", name="Go to the pinned message")
        await expect(bar).to_contain_text("new card")
        await expect(bar.locator("i")).to_have_count(2)
        await bar.click()
        await expect(bar).to_contain_text("Pinned message #1")
        await expect(bar).to_contain_text("old card")
        await bar.click()
        await expect(on(page, old)).to_be_in_viewport()
        await expect(bar).to_contain_text("new card")
        call(site.room, "unpinChatMessage", message_id=new)
        await expect(bar).to_contain_text("old card")
        call(site.room, "unpinAllChatMessages")
        await expect(bar).to_be_hidden()

        await page.get_by_role("button", name="Scroll to the latest message").click()
        quote = on(page, last).get_by_role("button", name="Go to the message this replies to")
        await expect(quote).to_contain_text("old card")
        await expect(quote).to_be_in_viewport()
        call(site.room, "editMessageText", message_id=old, text="old card, closed")
        await expect(quote).to_contain_text("old card, closed")
        await quote.click()
        await expect(on(page, old)).to_be_in_viewport()
        await expect(on(page, old)).to_have_class(re.compile("found"))


async def test_words_fold_are_copied_and_tell_the_readers_time(browser: Browser) -> None:
    formats = ("t", "T", "d", "D", "wd", "wDT", "")
    times = " | ".join(f'<tg-time unix="{UNIX}" format="{f}">as sent</tg-time>' for f in formats)
    text = f"<blockquote expandable>{LONG}</blockquote>\n<code>#17</code> {times}"
    async with served() as site, phone_in(browser, site.url) as page:
        soon = int(await page.evaluate("Math.ceil(Date.now() / 1000)")) + 90
        text += f' <tg-time unix="{soon}" format="r">in a while</tg-time>'
        keyboard = buttons([{"text": "Copy", "copy_text": {"text": "SOLUSDT"}}])
        card = call(site.room, "sendMessage", text=text, reply_markup=keyboard)
        message = on(page, card)
        quote = message.locator("blockquote")
        folded = await quote.evaluate("q => q.offsetHeight")
        await quote.click(position={"x": 30, "y": 12})
        await expect(quote).to_have_class(re.compile("open"))
        assert await quote.evaluate("q => q.offsetHeight") > folded
        call(site.room, "editMessageText", message_id=card, text=text + ".", reply_markup=keyboard)
        await expect(message.locator(".meta")).to_contain_text("edited")
        await expect(quote).to_have_class(re.compile("open"))

        shown = await message.locator("time.tg").all_text_contents()
        assert shown[:4] == ["17:53", "17:53:20", "09/10/25", "9 October 2025"]  # in Tokyo
        assert shown[4:7] == [
            "Thursday, 09/10/25",
            "Thursday, 9 October 2025 at 17:53:20",
            "as sent",
        ]
        assert re.fullmatch(r"in (1|2) minutes?", shown[7])
        await message.get_by_role("button", name="Copy #17").click()
        await expect(page.locator("#toast")).to_have_text("Copied")
        assert await copied(page) == "#17"
        await message.get_by_role("button", name="Copy", exact=True).click()
        await page.wait_for_function("navigator.clipboard.readText().then(t => t === 'SOLUSDT')")


async def test_a_table_of_34_columns_fits_every_phone(browser: Browser) -> None:
    async with served() as site, phone_in(browser, site.url) as page:
        call(site.room, "sendMessage", text=f"<pre>{COLUMNS}\n{COLUMNS[1:]}</pre>")
        wide = call(site.room, "sendMessage", text=f"<pre>{COLUMNS}{COLUMNS}</pre>")
        await expect(on(page, wide)).to_be_visible()
        for width in NARROW:
            await page.set_viewport_size({"width": width, "height": 700})
            fits, too_wide, whole_page = await page.evaluate(
                "[...document.querySelectorAll('pre'), document.querySelector('#scroll')].map("
                "e => [e.scrollWidth - e.clientWidth, e.clientHeight])"
            )
            assert fits[0] == 0, width
            assert too_wide[0] > 0  # it scrolls by itself, in one line, and leaves the page alone
            assert too_wide[1] < fits[1]
            assert whole_page[0] == 0


async def test_a_document_tells_its_size_and_comes_down_as_it_was(browser: Browser) -> None:
    content = b"a,b\n" * 500
    async with served() as site, phone_in(browser, site.url) as page:
        paper = {"document": Upload("trades.csv", "text/csv", content)}
        card = call(site.room, "sendDocument", paper, caption="500 rows")
        message = on(page, card)
        await expect(message).to_contain_text("2.0 KB")
        await expect(message).to_contain_text("500 rows")
        async with page.expect_download() as coming:
            await message.get_by_role("link", name="trades.csv").click()
        download = await coming.value
        assert download.suggested_filename == "trades.csv"
        assert (await download.path()).read_bytes() == content


async def test_what_is_loud_is_told_apart_from_what_is_silent(browser: Browser) -> None:
    async with served() as site, phone_in(browser, site.url) as page:
        for number in range(40):
            call(site.room, "sendMessage", text=f"line {number}")
        await expect(page.get_by_text("line 39")).to_be_in_viewport()
        await page.locator("#scroll").evaluate("box => box.scrollTo(0, 0)")
        badge = page.locator("#unread")
        quiet = call(site.room, "sendMessage", text="quiet", disable_notification=True)
        await expect(badge).to_have_text("1")
        await expect(badge).not_to_have_class("loud")
        await expect(on(page, quiet).get_by_title("sent without sound")).to_have_count(1)
        call(site.room, "editMessageText", message_id=quiet, text="still quiet")
        await expect(on(page, quiet)).to_contain_text("still")
        await expect(badge).to_have_text("1")
        loud = call(site.room, "sendMessage", text="loud")
        await expect(badge).to_have_text("2")
        await expect(badge).to_have_class("loud")
        await expect(on(page, loud).get_by_title("sent without sound")).to_have_count(0)

        await page.evaluate("Object.defineProperty(document, 'hidden', { get: () => true })")
        call(site.room, "sendMessage", text="quiet", disable_notification=True)
        await expect(page).to_have_title("(1) Breakout")
        call(site.room, "sendMessage", text="loud")
        await expect(page).to_have_title("\N{BELL} (2) Breakout")


async def test_own_words_are_replied_with_edited_and_forwarded(browser: Browser) -> None:
    async with served() as site, phone_in(browser, site.url) as page:
        card = call(site.room, "sendMessage", text="card")
        box = page.get_by_role("textbox", name="Message")
        await on(page, card).locator(".bubble").click(button="right")
        await page.get_by_role("menuitem", name="Reply").click()
        await expect(page.locator("#context")).to_contain_text("Reply to Breakout")
        await box.fill("/why")
        await box.press("Enter")
        mine = page.locator(".message.mine")
        await expect(mine.locator(".quote")).to_contain_text("card")
        await expect(page.locator("#context")).to_be_hidden()

        await mine.locator(".bubble").dispatch_event("pointerdown", {"pointerType": "touch"})
        await page.get_by_role("menuitem", name="Edit").click()
        await expect(box).to_have_value("/why")
        await box.fill("/why sol")
        await page.get_by_role("button", name="Send").click()
        await expect(mine.locator(".body")).to_contain_text("/why sol")
        await expect(mine.locator(".meta")).to_contain_text("edited")

        await mine.hover()
        await mine.get_by_role("button", name="Message actions").click()
        await page.get_by_role("menuitem", name="Forward to this bot").click()
        await expect(mine.last).to_contain_text("Forwarded from Somebody")
        said, edited, forwarded = site.room.updates.take(0)
        assert said["message"]["reply_to_message"]["message_id"] == card  # type: ignore[index]
        assert edited["edited_message"]["text"] == "/why sol"  # type: ignore[index]
        assert forwarded["message"]["forward_origin"]["type"] == "hidden_user"  # type: ignore[index]


async def test_each_person_has_their_own_menu_and_a_stranger_none(browser: Browser) -> None:
    asked: list[str] = []
    async with served() as site, phone_in(browser, site.url) as page:
        page.on("request", lambda request: asked.append(request.url))
        for user_id, names in ((OWNER_ID, ("scan", "panic")), (VIEWER_ID, ("scan",))):
            menu = [{"command": name, "description": f"does {name}"} for name in names]
            scope = {"type": "chat", "chat_id": user_id}
            api.answer(site.room, ask("setMyCommands", None, commands=menu, scope=scope))
        shown = {}
        for person in ("Owner", "Viewer", "Stranger"):
            await page.get_by_role("button", name="Chat as another person").click()
            await page.get_by_role("menuitemradio", name=person).click()
            await expect(page.get_by_role("status").first).to_have_text("bot")
            await page.get_by_role("button", name="Menu of commands").click()
            await expect(page.locator("#sheet")).to_be_visible()
            shown[person] = await page.locator("#sheet b").all_text_contents()
            await page.keyboard.press("Escape")
        assert shown == {"Owner": ["/scan", "/panic"], "Viewer": ["/scan"], "Stranger": []}
        await page.get_by_role("textbox", name="Message").fill("hello")
        await page.get_by_role("button", name="Send").click()
        await expect(page.get_by_text("hello")).to_be_visible()
        room: Chat = site.room
        assert [m["user"] for m in await site.rows(user="stranger")] == ["stranger"]
        assert room.say(Say("x")).person.key == "owner"
        nameless = await page.evaluate(
            "[...document.querySelectorAll('button, a, textarea, [role]')].filter("
            "e => !(e.getAttribute('aria-label') || e.textContent.trim() || e.id === 'toast'))"
            ".map(e => e.outerHTML)"
        )
        assert nameless == []
        assert [url for url in asked if not url.startswith((site.url, "data:"))] == []
