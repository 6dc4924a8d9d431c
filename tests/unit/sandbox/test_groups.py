"""bot.sandbox.groups: bounded, and each with an id of its own."""

from bot.sandbox.groups import GROUPS_MAX, Groups


def test_the_oldest_group_makes_room() -> None:
    groups = Groups(7)

    first = groups.add("first")
    for number in range(GROUPS_MAX):
        groups.add(str(number))

    assert first.id == -7
    assert groups.find(first.id) is None
    assert len(groups.rows()) == GROUPS_MAX
    assert groups.rows()[-1] == {"chat_id": -7 - GROUPS_MAX, "title": "99", "has_bot": True}
