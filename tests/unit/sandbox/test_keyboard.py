"""bot.sandbox.keyboard: inline keyboards, checked like Telegram checks them."""

import pytest

from bot.sandbox.keyboard import Button, CopyText, Markup, checked
from bot.sandbox.wire import Refused

YES = Button("Yes", callback_data="yes", style="success")


def test_rows_without_buttons_go_and_the_page_sees_every_kind() -> None:
    link = Button("Docs", url="https://example.invalid/")
    copy = Button("Copy", copy_text=CopyText("SOLUSDT"))

    rows = checked(Markup(((YES, link), (), (copy,))))

    assert [[button.shown() for button in row] for row in rows] == [
        [
            {"text": "Yes", "data": "yes", "style": "success"},
            {"text": "Docs", "data": None, "url": "https://example.invalid/"},
        ],
        [{"text": "Copy", "data": None, "copy": "SOLUSDT"}],
    ]


def test_no_keyboard_is_none() -> None:
    assert checked(None) == checked(Markup()) == ()


@pytest.mark.parametrize(
    ("button", "expected"),
    [
        (Button(" ", callback_data="x"), "inline keyboard button text must be non-empty"),
        (Button("x"), "text buttons are unallowed in the inline keyboard"),
        (
            Button("x", callback_data="x", url="https://a.invalid"),
            "text buttons are unallowed in the inline keyboard",
        ),
        (Button("x", callback_data=""), "BUTTON_DATA_INVALID"),
        (Button("x", callback_data="é" * 33), "BUTTON_DATA_INVALID"),
        (
            Button("x", url="javascript:1"),
            "inline keyboard button URL 'javascript:1' is invalid",
        ),
        (Button("x", copy_text=CopyText("")), "BUTTON_COPY_TEXT_INVALID"),
    ],
)
def test_a_button_telegram_would_refuse_is_refused(button: Button, expected: str) -> None:
    with pytest.raises(Refused) as caught:
        checked(Markup(((button,),)))

    assert caught.value.description == f"Bad Request: {expected}"


@pytest.mark.parametrize("rows", [((YES,) * 9,), ((YES,) * 8,) * 13])
def test_too_many_buttons_are_refused(rows: tuple[tuple[Button, ...], ...]) -> None:
    with pytest.raises(Refused, match="reply markup is too long"):
        checked(Markup(rows))


def test_sixty_four_bytes_and_a_hundred_buttons_fit() -> None:
    most = Button("x", callback_data="é" * 32)

    assert len(checked(Markup(((most,) * 8,) * 12 + ((most,) * 4,)))) == 13
