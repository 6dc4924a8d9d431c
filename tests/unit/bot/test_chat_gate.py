"""Who is heard: every kind of update against every kind of person and place."""

from typing import Any

import pytest
from telegram_wire import (
    GROUP,
    OWNER,
    STRANGER,
    T_S,
    TRADER,
    VIEWER,
    message,
    place,
    tap,
    update,
    user,
)

from bot.gate import REMEMBERED, Admitted, Caller, Gate, Role
from bot.knocks import Knock

USERS = {OWNER: Role.OWNER, TRADER: Role.TRADER, VIEWER: Role.VIEWER}


def gate() -> Gate:
    return Gate(USERS, [GROUP])


def test_a_listed_user_in_private_is_admitted_as_a_whole() -> None:
    raw = message("/status", TRADER)
    expected = Admitted(
        caller=Caller(TRADER, TRADER, "@u22", Role.TRADER, is_private=True),
        update_id=raw["update_id"],
        message_id=raw["message"]["message_id"],
        words="/status",
        sent_s=float(T_S),
    )

    assert gate().admit(update(raw)) == expected
    assert expected.caller.by == "@u22 (22)"


def test_a_tap_carries_its_data_and_no_time() -> None:
    raw = tap("c|nonce", 7, OWNER)
    found = gate().admit(update(raw))
    assert found is not None
    shown = (found.words, found.message_id, found.query_id, found.sent_s)
    assert shown == ("c|nonce", 7, raw["callback_query"]["id"], 0.0)


def test_a_listed_group_hears_listed_people_only() -> None:
    heard = gate()
    found = heard.admit(update(message("/status", VIEWER, chat=GROUP)))
    assert found is not None
    assert (found.caller.chat_id, found.caller.is_private) == (GROUP, False)
    assert heard.admit(update(message("/status", STRANGER, chat=GROUP))) is None
    assert heard.stranger_count == 1


def forwarded() -> dict[str, Any]:
    origin = {"type": "user", "date": T_S, "sender_user": user(OWNER)}
    return message("/panic now", OWNER, forward_origin=origin)


def edited() -> dict[str, Any]:
    raw = message("/panic now", OWNER)
    return {"update_id": raw["update_id"], "edited_message": raw["message"]}


def channel() -> dict[str, Any]:
    raw = message("/panic now", OWNER)
    return {"update_id": raw["update_id"], "channel_post": raw["message"]}


def without(key: str) -> dict[str, Any]:
    raw = message("/panic now", OWNER)
    del raw["message"][key]
    return raw


DEAD = {
    "forwarded": forwarded(),
    "edited": edited(),
    "channel": channel(),
    "nobody": without("from"),
    "no text": without("text"),
    "stranger": message("/panic now", STRANGER),
    "stranger's tap": tap("r|status", 5, STRANGER),
    "owner in a foreign group": message("/panic now", OWNER, chat=-999),
    "tap in a foreign group": tap("r|status", 5, OWNER, chat=-999),
    "anonymous admin": message("/panic now", OWNER, chat=GROUP, sender_chat=place(GROUP)),
    "a bot": message("/panic now", OWNER, **{"from": {**user(OWNER), "is_bot": True}}),
    "somebody's private chat": message("/panic now", OWNER, chat=TRADER),
}


@pytest.mark.parametrize("raw", DEAD.values(), ids=DEAD)
def test_everything_else_is_dead(raw: dict[str, Any]) -> None:
    assert gate().admit(update(raw)) is None


def test_taps_without_a_message_or_data_are_dead() -> None:
    for key in ("message", "data"):
        raw = tap("r|status", 5)
        del raw["callback_query"][key]
        assert gate().admit(update(raw)) is None


def test_an_empty_list_admits_nobody() -> None:
    assert Gate({}).admit(update(message("/status"))) is None


def test_an_update_counts_once_also_over_a_restart() -> None:
    raw, later = message("/pause"), message("/pause")
    heard = gate()
    heard.mark_handled([later["update_id"]])
    seen = [heard.admit(update(raw)) is not None for _ in range(2)]
    assert [*seen, heard.admit(update(later))] == [True, False, None]


def test_strangers_are_counted_once_each_within_memory() -> None:
    heard = gate()
    for number in (44, 44, 45):
        assert heard.admit(update(message("hi", number))) is None
    assert heard.stranger_count == 2


def test_memory_is_bounded() -> None:
    heard = gate()
    heard.mark_handled(range(10**6, 10**6 + REMEMBERED + 1))
    again = {**message("/status"), "update_id": 10**6}
    assert heard.admit(update(again)) is not None


def test_places_are_the_first_owner_and_the_listed_chats() -> None:
    assert gate().places == (OWNER, GROUP)
    assert Gate({VIEWER: Role.VIEWER}, [-2, -3]).places == (-3, -2)


def test_a_migrated_group_is_heard_under_its_new_id() -> None:
    heard = gate()
    heard.migrate(GROUP, -700)
    heard.migrate(-1, -2)
    assert heard.admit(update(message("/status", OWNER, chat=-700))) is not None
    assert heard.admit(update(message("/status", OWNER, chat=-2))) is None


def test_a_user_without_a_name_is_known_by_number() -> None:
    raw = message("/status", OWNER)
    del raw["message"]["from"]["username"]
    found = gate().admit(update(raw))
    assert found is not None
    assert found.caller.by == "user (11)"


def test_a_chat_that_is_only_told_things_hears_nobody() -> None:
    quiet = Gate(USERS, [GROUP, -600], announce=[-600])
    assert quiet.places == (OWNER, -600, GROUP)
    assert quiet.hearing == (GROUP,)
    for raw in (message("/status", OWNER, chat=-600), tap("r|status", 7, OWNER, -600)):
        assert quiet.admit(update(raw)) is None
    quiet.migrate(-600, -700)
    assert quiet.lists(-700)
    assert quiet.admit(update(message("/status", OWNER, chat=-700))) is None
    assert quiet.admit(update(message("/status", OWNER, chat=GROUP))) is not None


def test_the_first_contact_of_each_stranger_is_passed_on() -> None:
    knocks: list[Knock] = []
    heard = gate()
    heard.on_knock = knocks.append
    heard.admit(update(message("/status", STRANGER)))
    heard.admit(update(tap("r|status", 7, STRANGER, GROUP)))
    heard.admit(update(message("/status", OWNER, chat=-9)))  # known, in a place that is not listed
    assert knocks == [Knock(STRANGER, "Ann", "private")]
