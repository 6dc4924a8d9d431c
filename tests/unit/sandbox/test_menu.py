"""bot.sandbox.menu: the narrowest scope wins."""

import pytest

from bot.sandbox.menu import COMMANDS_MAX, Command, Menus, Scope
from bot.sandbox.people import OWNER_ID, PEOPLE
from bot.sandbox.wire import Refused

SCAN, PANIC, HELP = (Command(name, "does it") for name in ("scan", "panic", "help"))


def test_each_person_sees_the_narrowest_menu() -> None:
    menus = Menus()
    menus.put(Scope(), "", (HELP,))
    menus.put(Scope("all_private_chats"), "", (SCAN,))
    menus.put(Scope("chat", OWNER_ID), "", (PANIC,))

    assert menus.shown_to(PEOPLE["owner"]) == (PANIC,)
    assert menus.shown_to(PEOPLE["viewer"]) == (SCAN,)
    menus.drop(Scope("all_private_chats"), "")
    menus.drop(Scope("all_private_chats"), "")
    assert menus.shown_to(PEOPLE["viewer"]) == (HELP,)
    assert menus.get(Scope(), "") == (HELP,)
    assert menus.get(Scope(), "de") == ()
    assert Menus().shown_to(PEOPLE["owner"]) == ()


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        ((Command("Scan", "x"),), "BOT_COMMAND_INVALID"),
        ((Command("a" * 33, "x"),), "BOT_COMMAND_INVALID"),
        ((Command("scan", ""),), "BOT_COMMAND_DESCRIPTION_INVALID"),
        ((Command("scan", "x" * 257),), "BOT_COMMAND_DESCRIPTION_INVALID"),
        ((SCAN,) * (COMMANDS_MAX + 1), "BOT_COMMANDS_TOO_MUCH"),
    ],
)
def test_a_menu_telegram_would_refuse_is_refused(
    commands: tuple[Command, ...], expected: str
) -> None:
    with pytest.raises(Refused, match=expected):
        Menus().put(Scope(), "", commands)
