"""A phone that shows the chat page: a real browser, as wide and as strict as a small one.

It exists so that the tests of the page and the pictures of the chat look at the same thing. An
error the page reports by itself fails whoever holds the phone.
"""

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
PHONE = {"width": 390, "height": 844}
COLUMNS = "0123456789" * 3 + "0123"  # 34, the widest line a table may have
PICTURE_MOST = 16_000  # pixels a browser can draw in one piece

# No market beside the chat, or no server at all for a while: the browser says so by itself.
HARMLESS = re.compile(r"404|ERR_CONNECTION|ERR_INCOMPLETE")
NOTHING = re.compile(r"(?!)")

_ALONE = """async ([id, version]) => {
  const until = performance.now() + 15000;
  const find = () => document.querySelector(`#log > [data-id="${id}"]`);
  while (!find() || Number(find().dataset.version) < version) {
    if (performance.now() > until) throw new Error(`message ${id} is not on the page`);
    await new Promise(requestAnimationFrame);
  }
  const images = [...find().querySelectorAll("img")];
  await Promise.all(images.map(image => image.decode().catch(() => 0)));
  const only = new CSSStyleSheet();  // a rule, because what changes meanwhile is drawn anew
  only.replaceSync(`#log > :not([data-id="${id}"]) { display: none !important; }`);
  document.adoptedStyleSheets = [only];
  const around = innerHeight - document.querySelector("#scroll").clientHeight;
  const cut = [...find().querySelectorAll(".key > span, pre")];
  const words = cut.filter(e => e.scrollWidth > e.clientWidth).map(e => e.textContent);
  return [Math.ceil(find().offsetHeight + around + 40), words];
}"""
_ALL = """() => {
  document.adoptedStyleSheets = [];
  const box = document.querySelector("#scroll");
  return Math.ceil(box.scrollHeight + innerHeight - box.clientHeight);
}"""


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """A browser for any number of phones."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


@asynccontextmanager
async def phone(url: str, harmless: re.Pattern[str] = HARMLESS) -> AsyncIterator[Page]:
    """The page on a phone, in a browser of its own."""
    async with browsing() as browser, phone_in(browser, url, harmless) as page:
        yield page


@asynccontextmanager
async def phone_in(
    browser: Browser, url: str, harmless: re.Pattern[str] = HARMLESS
) -> AsyncIterator[Page]:
    """The page on a phone; fails on any error the page itself reports."""
    problems: list[str] = []
    context = await browser.new_context(
        viewport={"width": PHONE["width"], "height": PHONE["height"]},
        locale="en-GB",
        timezone_id="Asia/Tokyo",
        permissions=["clipboard-read", "clipboard-write"],
    )
    page = await context.new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text))
    await page.goto(url)
    yield page
    await context.close()
    assert [problem for problem in problems if not harmless.search(problem)] == []


async def picture(page: Page, message: dict[str, Any], path: Path) -> list[str]:
    """One message under the pinned bar, and its labels and tables that a phone cuts off.

    The phone grows for what is taller than it.
    """
    wanted = [message["message_id"], message["version"]]
    height, cut = await page.evaluate(_ALONE, wanted)
    await _draw(page, int(height), path)
    await page.evaluate(_ALL)
    return [str(words) for words in cut]


async def conversation(page: Page, path: Path) -> None:
    """Everything that was said, or as much of the end as a browser can draw."""
    height = int(await page.evaluate(_ALL))
    await _draw(page, height, path)


async def _draw(page: Page, height: int, path: Path) -> None:
    tall = min(max(height, PHONE["height"]), PICTURE_MOST)
    await page.set_viewport_size({"width": PHONE["width"], "height": tall})
    await page.screenshot(path=path, animations="disabled")
    await page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
