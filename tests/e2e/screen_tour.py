"""A person who says and taps everything once, and takes a picture of each answer.

It exists so that the layouts of the chat are looked at as they are, not as their source says. What
is said comes from the table of commands, so that a new command has its picture without anybody
thinking of it. Waits end when the chat says something, and are bounded.
"""

import asyncio
import base64
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from phones import conversation, picture
from playwright.async_api import Page
from programs import Message, Person

from bot.commands import TABLE
from bot.verbs import Verb

ANSWER_S = 25.0
TRADE_S = 240.0  # for the first position
SHEET_WIDTH = 1600
NOTICES_MOST = 20

# What is tapped below an answer, by its name: each time the first button that holds the label.
TAPS = {
    "/pause": ("Undo",),
    "/chart SYM": ("1h", "15m"),
    "/pnl": ("All",),
    "/notify": ("skipped",),
    "pnl after a trade": ("All", "Chart"),
    "trades after a trade": ("CSV",),
}
# It would end the tour before the rest was seen.
KEPT_FOR_THE_END = ("panic",)
# These say more once a trade is over.
TOLD_AGAIN = frozenset({"status", "pnl", "trades", "stats", "balance", "risk", "signals"})


class Album:
    """Numbered pictures in a folder."""

    def __init__(self, page: Page, folder: Path) -> None:
        self._page = page
        self._folder = folder
        self._paths: list[Path] = []
        self.shown: set[int] = set()
        self.cut: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)

    def __len__(self) -> int:
        return len(self._paths)

    async def add(self, name: str, message: Message) -> None:
        """A picture of this message, named and numbered."""
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40]
        path = self._folder / f"{len(self._paths) + 1:03d}-{slug}.png"
        self.cut += [f"{path.stem}: {words}" for words in await picture(self._page, message, path)]
        self._paths.append(path)
        self.shown.add(int(message["message_id"]))

    async def close(self) -> None:
        """The conversation in one picture, and all pictures on one sheet."""
        await conversation(self._page, self._folder / "conversation.png")
        sheet = await self._page.context.new_page()
        await sheet.set_viewport_size({"width": SHEET_WIDTH, "height": 900})
        await sheet.set_content("".join(self._sheet()), wait_until="load")
        await sheet.screenshot(path=self._folder / "sheet.png", full_page=True)
        await sheet.close()

    def _sheet(self) -> Iterator[str]:
        yield "<body style='background:#333;color:#eee;font:14px sans-serif;margin:8px'>"
        for path in self._paths:
            content = base64.b64encode(path.read_bytes()).decode()
            yield "<figure style='display:inline-block;margin:6px;vertical-align:top'>"
            yield f"<figcaption>{path.stem}</figcaption>"
            yield f"<img width=250 src='data:image/png;base64,{content}'></figure>"


class Tour:
    """Everything once; `unanswered` and `untapped` say what nobody saw."""

    def __init__(self, person: Person, album: Album, patience_s: float = ANSWER_S) -> None:
        self._patience_s = patience_s
        self._person = person
        self._album = album
        self._symbol, self._number, self._has_traded = "SOL", "1", False
        self.unanswered: list[str] = []
        self.untapped: list[str] = []

    async def run(self) -> None:
        """From the first trade to a resumed bot after a panic."""
        await self._await_trade()
        waiting = await self._position()
        for verb in TABLE:
            if verb.name not in KEPT_FOR_THE_END:
                await self._verb(verb)
        if waiting is not None:
            await self._until(waiting, lambda m: "expired" in m["text"], "close expired")
        await self._panic()
        for words in (verb.name for verb in TABLE if verb.name in TOLD_AGAIN):
            await self._look(f"/{words}", f"{words} after a trade")
        await self.ask(f"/trades #{self._number}", "a closed trade")
        await self._notices()

    async def _await_trade(self) -> None:
        filled = await self._heard(
            lambda m: m["from"] == "bot" and "filled" in m["text"], patience_s=TRADE_S
        )
        if filled is None:
            self.untapped.append("no trade came: nothing of a position is in the pictures")
            return
        found = re.search(r"(\w+)USDT .*?#(\d+)", filled["text"], re.DOTALL)
        assert found, filled["text"]
        self._symbol, self._number, self._has_traded = found[1], found[2], True

    async def _position(self) -> Message | None:
        """Its card, half of it closed, and a question that nobody answers."""
        card = await self.ask(f"/positions #{self._number}", "position card")
        half = card and await self.tap(card, "50%", "close half")
        if half is not None:
            await self._confirm(half, "close half done", lambda m: not m["buttons"])
        return await self.ask(f"/close {self._symbol} 25", "close question")

    async def _verb(self, verb: Verb) -> None:
        for words in self._forms(verb):
            await self._look(words, words)

    async def _look(self, words: str, name: str) -> None:
        answer = await self.ask(words, name)
        for label in TAPS.get(name.replace(self._symbol, "SYM"), ()):
            if answer is not None:
                answer = await self.tap(answer, label, f"{name} {label}") or answer

    def _forms(self, verb: Verb) -> list[str]:
        """The command alone and its examples, about what is there."""
        said = [f"/{verb.name}", *verb.examples]
        said = [re.sub(r"#\d+", f"#{self._number}", words) for words in said]
        known = re.compile(r"\b(sol|arb)(usdt)?\b", re.IGNORECASE)
        return list(dict.fromkeys(known.sub(self._symbol, words) for words in said))

    async def _panic(self) -> None:
        card = await self.ask("/panic")
        if card is not None:
            await self._confirm(card, "panic checklist", lambda m: "verified" in m["text"])
        again = await self.ask("/panic now")
        if again is not None:
            await self._until(again, lambda m: "verified" in m["text"], "panic now checklist")
        question = await self.ask("/resume the tour is over", "resume after panic")
        if question is not None and question["buttons"]:
            await self._confirm(question, "resumed", lambda _: True)

    async def _notices(self) -> None:
        """What the bot said unasked; its answers had the right of way until now."""
        ended = re.compile(rf"{self._symbol}USDT (LONG|SHORT) closed [+-]")
        if self._has_traded and await self._heard(lambda m: bool(ended.search(m["text"]))) is None:
            self.untapped.append("the end of the trade was not told")
        rows = await self._person.all()
        mine = {m["message_id"] for m in rows if m["from"] == "user"}
        unasked = [m for m in rows if m["from"] == "bot" and m["reply_to"] not in mine]
        unasked = [m for m in unasked if m["message_id"] not in self._album.shown]
        unasked.sort(key=lambda m: int(m["message_id"]))
        for message in unasked[:NOTICES_MOST]:
            await self._album.add("notice " + message["text"][:24], message)

    # One step each

    async def ask(self, words: str, name: str = "") -> Message | None:
        """Say it; the answer, which is a reply to it, has its picture taken.

        A bare thumb is an answer, too: then the picture is of what got it, and None is returned.
        """
        asked = await self._person.say(words)
        done = await self._heard(lambda m: m["reply_to"] == asked or _is_settled(m, asked))
        if done is not None and done["message_id"] == asked:
            replies = [m for m in await self._person.all() if m["reply_to"] == asked]
            done = replies[0] if replies else done
        if done is None:
            self.unanswered.append(words)
            return None
        await self._album.add(name or words, done)
        return done if done["from"] == "bot" else None

    async def tap(self, message: Message, label: str, name: str) -> Message | None:
        """Tap the first button with this label; what changed or came has its picture taken."""
        buttons = [b for row in message["buttons"] for b in row if label in b["text"]]
        if not buttons or buttons[0]["data"] is None:
            self.untapped.append(f"{name}: no button {label!r}")
            return None
        return await self._press(message, buttons[0], name, lambda _: True)

    async def _confirm(
        self, question: Message, name: str, is_done: Callable[[Message], bool]
    ) -> None:
        """Tap the choice that acts: the red one, or the first."""
        buttons = [b for row in question["buttons"] for b in row]
        buttons.sort(key=lambda b: b.get("style") not in ("danger", "success", "primary"))
        if buttons:
            await self._press(question, buttons[0], name, is_done)
        else:
            self.untapped.append(f"{name}: no button at all")

    async def _press(
        self,
        message: Message,
        button: dict[str, str],
        name: str,
        is_done: Callable[[Message], bool],
    ) -> Message | None:
        newest = max(int(m["message_id"]) for m in await self._person.all())
        this, version = message["message_id"], message["version"]

        def is_effect(m: Message) -> bool:
            if m["message_id"] == this:
                return bool(m["version"] > version) and is_done(m)
            return bool(m["reply_to"] == this and m["message_id"] > newest)

        await self._person.press(this, button["data"])
        found = await self._heard(is_effect)
        if found is None:
            self.untapped.append(f"{name}: nothing came of {button['text']!r}")
        else:
            await self._album.add(name, found)
        return found

    async def _until(self, message: Message, wanted: Callable[[Message], bool], name: str) -> None:
        """The same message, once it has become so."""
        this = message["message_id"]
        found = await self._heard(
            lambda m: m["message_id"] == this and wanted(m), patience_s=2 * self._patience_s
        )
        if found is None:
            self.untapped.append(f"{name}: it never became so")
        else:
            await self._album.add(name, found)

    async def _heard(
        self, wanted: Callable[[Message], bool], patience_s: float | None = None
    ) -> Message | None:
        try:
            async with asyncio.timeout(patience_s or self._patience_s):
                while True:
                    try:
                        return await self._person.until(wanted)
                    except AssertionError:  # it is less patient than we are
                        continue
        except TimeoutError:
            return None


def _is_settled(message: Message, asked: int) -> bool:
    """Whether the bot marked what was asked as dealt with; eyes only say that it was seen."""
    marks = set(message["reactions"]) - {"\N{EYES}"}
    return bool(message["message_id"] == asked and marks)
