"""Menus: set where they differ, taken away where they are stale, never in the way."""

import json

from desks import FakeDesk
from telegram_wire import GROUP, OWNER, VIEWER, Wire, bot, refuse

from bot.commands import VERBS
from bot.gate import Role
from bot.menus import Menus
from engine.core.events import Note

USERS = {OWNER: Role.OWNER, VIEWER: Role.VIEWER}
HERS = [c.to_dict() for c in VERBS.menu(Role.OWNER)]


def shown(wire: Wire, name: str) -> list[tuple[object, object]]:
    scopes = [json.loads(said["scope"]) for said in wire.named(name)]
    return [(s.get("chat_id", s["type"]), s.get("user_id")) for s in scopes]


async def test_each_person_has_a_menu_in_each_place() -> None:
    desk, wire = FakeDesk(), Wire()
    menus = Menus(bot(wire), VERBS, desk)
    await menus.set(USERS, (OWNER, GROUP))
    places = [(OWNER, None), (GROUP, OWNER), (VIEWER, None), (GROUP, VIEWER)]
    assert shown(wire, "setMyCommands") == places
    assert shown(wire, "deleteMyCommands") == []
    assert desk.shown.notes == {"menus": f"{OWNER} {GROUP}:{OWNER} {VIEWER} {GROUP}:{VIEWER}"}


async def test_what_stands_there_is_not_sent_again() -> None:
    desk, wire = FakeDesk(), Wire()
    menus = Menus(bot(wire), VERBS, desk)
    wire.menus = {(OWNER, None): HERS}
    await menus.set({OWNER: Role.OWNER}, (OWNER,))
    await menus.set({OWNER: Role.OWNER}, (OWNER,))
    assert shown(wire, "setMyCommands") == []
    assert [type(c) for c in desk.commands] == [Note]


async def test_stale_menus_go() -> None:
    desk, wire = FakeDesk(), Wire()
    desk.show(notes={"menus": f"{OWNER} 99 {GROUP}:99"})
    wire.menus = {(99, None): HERS, (GROUP, 99): HERS, (None, None): HERS}
    await Menus(bot(wire), VERBS, desk).set({OWNER: Role.OWNER}, (OWNER,))
    assert shown(wire, "deleteMyCommands") == [
        ("default", None),
        ("all_private_chats", None),
        ("all_group_chats", None),
        ("all_chat_administrators", None),
        (99, None),
        (GROUP, 99),
    ]
    assert desk.shown.notes == {"menus": f"{OWNER}"}


async def test_one_place_that_fails_holds_up_no_other() -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["setMyCommands"] = [refuse(400, "Bad Request: chat not found")]
    await Menus(bot(wire), VERBS, desk).set(USERS, (OWNER,))
    assert shown(wire, "setMyCommands") == [(OWNER, None), (VIEWER, None)]


async def test_what_is_remembered_is_bounded() -> None:
    desk, wire = FakeDesk(), Wire()
    many = dict.fromkeys(range(1_000_000_000, 1_000_000_100), Role.VIEWER)
    await Menus(bot(wire), VERBS, desk).set(many, ())
    assert 480 <= len(desk.shown.notes["menus"]) <= 500
    assert len(wire.named("setMyCommands")) == 100
