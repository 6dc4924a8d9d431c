"""Inline keyboards: the shape a bot may send, checked like Telegram checks it.

It exists to refuse a button whose data does not fit before anybody meets it in earnest. It must
never drop a button silently.
"""

from typing import Literal

import msgspec

from bot.sandbox.wire import bad_request

DATA_BYTES = 64
BUTTONS_MAX = 100
ROW_MAX = 8
COPY_MAX = 256


class CopyText(msgspec.Struct, frozen=True):
    """What a copy button puts on the clipboard."""

    text: str


class Button(msgspec.Struct, frozen=True, omit_defaults=True):
    """One button: exactly one of data, link and copy text."""

    text: str
    callback_data: str | None = None
    url: str | None = None
    copy_text: CopyText | None = None
    style: Literal["primary", "success", "danger"] | None = None

    def shown(self) -> dict[str, object]:
        """The button as the page sees it."""
        found: dict[str, object] = {"text": self.text, "data": self.callback_data}
        if self.url is not None:
            found["url"] = self.url
        if self.copy_text is not None:
            found["copy"] = self.copy_text.text
        if self.style is not None:
            found["style"] = self.style
        return found


class Markup(msgspec.Struct, frozen=True):
    """`reply_markup`; other kinds than the inline keyboard have no effect here."""

    inline_keyboard: tuple[tuple[Button, ...], ...] = ()


Keyboard = tuple[tuple[Button, ...], ...]


def checked(markup: Markup | None) -> Keyboard:
    """The rows that hold a button; raises `Refused` 400."""
    rows = tuple(row for row in (markup.inline_keyboard if markup else ()) if row)
    if sum(map(len, rows)) > BUTTONS_MAX or any(len(row) > ROW_MAX for row in rows):
        raise bad_request("reply markup is too long")
    for row in rows:
        for button in row:
            _check(button)
    return rows


def _check(button: Button) -> None:
    if not button.text.strip():
        raise bad_request("inline keyboard button text must be non-empty")
    kinds = [x for x in (button.callback_data, button.url, button.copy_text) if x is not None]
    if len(kinds) != 1:
        raise bad_request("text buttons are unallowed in the inline keyboard")
    data = button.callback_data
    if data is not None and not 1 <= len(data.encode()) <= DATA_BYTES:
        raise bad_request("BUTTON_DATA_INVALID")
    if button.url is not None and not button.url.startswith(("http://", "https://", "tg://")):
        raise bad_request(f"inline keyboard button URL '{button.url[:64]}' is invalid")
    if button.copy_text is not None and not 1 <= len(button.copy_text.text) <= COPY_MAX:
        raise bad_request("BUTTON_COPY_TEXT_INVALID")
