"""bot.sandbox.history: what changed since, for whom."""

import msgspec

from bot.sandbox.history import History
from bot.sandbox.markup import Formatted
from bot.sandbox.message import Content, Message
from bot.sandbox.people import PEOPLE, PersonKey


def message(text: str, user: PersonKey = "owner", **more: bool) -> Message:
    content = Content(Formatted(text))
    found = Message(person=PEOPLE[user], is_bot=True, date=1, content=content)
    return msgspec.structs.replace(found, **more)


def texts(history: History, after: int = 0, user: PersonKey | None = None) -> list[object]:
    return [row["text"] for row in history.since(after, user)["messages"]]


def room(keep: int = 100) -> tuple[History, list[int]]:
    rings: list[int] = []
    return History(7, lambda: rings.append(1), keep), rings


def test_changes_are_told_in_the_order_they_happened() -> None:
    history, rings = room()
    first, second = history.add(message("one")), history.add(message("two"))
    first.content = Content(Formatted("ONE"))
    history.touch(first)

    assert (first.message_id, second.message_id) == (7, 8)
    assert texts(history) == ["two", "ONE"]
    assert texts(history, after=2) == ["ONE"]
    assert history.since(3) == {"messages": [], "next": 3, "room": 7}
    assert texts(history, after=99) == ["two", "ONE"]  # a version of another room
    assert len(rings) == 3


def test_a_deleted_message_leaves_a_gravestone_for_who_saw_it() -> None:
    history, _ = room()
    gone = history.add(message("one"))
    gone.is_pinned = True
    history.remove(gone)

    (row,) = history.since(1)["messages"]

    assert (row["deleted"], row["text"], row["pinned"]) == (True, "", False)
    assert texts(history) == []
    assert history.find(gone.message_id) is None


def test_without_a_user_it_is_the_owners_chat_and_what_others_say_and_hear() -> None:
    history, _ = room()
    history.add(message("to the owner"))
    history.add(message("to the viewer", "viewer"))
    history.add(message("asked", "viewer", is_bot=False))
    history.add(message("answered", "viewer", is_answer=True))

    assert texts(history) == ["to the owner", "asked", "answered"]
    assert texts(history, user="owner") == ["to the owner"]
    assert texts(history, user="viewer") == ["to the viewer", "asked", "answered"]


def test_the_oldest_unpinned_message_makes_room() -> None:
    history, _ = room(keep=2)
    pinned = history.add(message("pinned"))
    pinned.is_pinned = True
    for text in "abc":
        history.add(message(text))

    assert texts(history) == ["pinned", "c"]
    assert history.pinned(PEOPLE["owner"].id) == [pinned]
    assert history.pinned(PEOPLE["viewer"].id) == []


def test_a_message_is_found_in_its_own_chat_only() -> None:
    history, _ = room()
    found = history.add(message("x"))

    assert history.find(found.message_id, PEOPLE["owner"].id) is found
    assert history.find(found.message_id, PEOPLE["viewer"].id) is None
    assert history.find(None) is None


def test_typing_is_told_to_who_was_there() -> None:
    history, _ = room()
    history.add(message("x"))
    history.act("owner", "typing")

    assert history.since(1)["action"] == "typing"
    assert "action" not in history.since(1, "viewer")
    assert "action" not in history.since(0)
    assert "action" not in history.since(2)
