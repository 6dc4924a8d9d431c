"""A message too long for Telegram, as several that are not, or as a file.

It exists because Telegram refuses the whole of what is one character too long. A page must never
end inside a tag, and no word may be lost: what would be many pages is a document with all of it.
"""

import html
import re

from bot.content import Content, File
from bot.views.layout import TEXT_MAX, Text, plain, units

PAGES_MAX = 3
NAME = "message.txt"
OPENING = 600  # characters shown above the document
_TOKEN = re.compile(r"</?[a-z][^<>]*>|&#?\w+;|.", re.DOTALL)


def pages(content: Content, limit: int = TEXT_MAX) -> tuple[Content, ...]:
    """What is to be sent in place of this, in order; the buttons hang on the last."""
    if not isinstance(content, Text) or units(plain(content.html)) <= limit:
        return (content,)
    parts = _Pages(limit).split(content.html)
    if len(parts) > PAGES_MAX:
        words = plain(content.html)
        opening = html.escape(words[:OPENING], quote=False) + ".."
        return (File(NAME, words.encode(), Text(opening, content.buttons)),)
    *first, last = parts
    return (*(Text(part) for part in first), Text(last, content.buttons))


class _Pages:
    """Cuts HTML between its characters; what is open is closed and opened again."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._done: list[str] = []
        self._page: list[str] = []
        self._size = 0
        self._open: list[str] = []  # tags, outermost first

    def split(self, markup: str) -> list[str]:
        """The pages, cut at ends of lines where that is possible."""
        for line in markup.splitlines(keepends=True):
            if self._size and self._size + units(plain(line)) > self._limit:
                self._turn()
            for token in _TOKEN.findall(line):
                self._add(token)
        self._turn()
        return self._done

    def _add(self, token: str) -> None:
        is_tag = token.startswith("<") and len(token) > 1
        width = 0 if is_tag else units(html.unescape(token))
        if self._size + width > self._limit:
            self._turn()
        self._page.append(token)
        self._size += width
        if is_tag and token.startswith("</"):
            self._open.pop()
        elif is_tag:
            self._open.append(token)

    def _turn(self) -> None:
        closing = [f"</{_name(tag)}>" for tag in reversed(self._open)]
        page = "".join([*self._page, *closing])
        if plain(page):
            self._done.append(page)
        self._page = list(self._open)
        self._size = 0


def _name(tag: str) -> str:
    return tag.strip("<>").partition(" ")[0]
