"""bot.sandbox.updates: handed out until confirmed, in order, for a day."""

import pytest

from bot.sandbox.updates import KEPT_S, UPDATES_MAX, Updates
from chatroom import Hands


def queue(count: int, clock: Hands | None = None) -> Updates:
    found = Updates(10, clock or Hands(), lambda: None)
    for n in range(count):
        found.put("message", {"n": n})
    return found


@pytest.mark.parametrize(
    ("offset", "limit", "expected"),
    [
        (0, 100, [10, 11, 12]),
        (0, 2, [10, 11]),
        (0, 0, [10]),
        (11, 100, [11, 12]),
        (13, 100, []),
        (-1, 100, [12]),
        (-9, 100, [10, 11, 12]),
    ],
)
def test_an_offset_confirms_what_is_older(offset: int, limit: int, expected: list[int]) -> None:
    updates = queue(3)

    found = updates.take(offset, limit)

    assert [update["update_id"] for update in found] == expected
    assert found == updates.take(offset, limit)


def test_only_the_kinds_asked_for_are_made_from_then_on() -> None:
    updates = queue(1)
    updates.allow(["callback_query"])
    updates.allow(None)
    updates.put("message", {})
    updates.put("callback_query", {})

    assert updates.allowed == ["callback_query"]
    assert [sorted(update) for update in updates.take(0)] == [
        ["message", "update_id"],
        ["callback_query", "update_id"],
    ]
    updates.allow([])
    updates.put("message", {})
    assert len(updates) == 3


def test_updates_are_kept_for_a_day() -> None:
    clock = Hands()
    updates = queue(1, clock)
    clock.now_s += KEPT_S
    assert len(updates.take(0)) == 1

    clock.now_s += 1

    assert updates.take(0) == []


def test_the_queue_is_bounded_and_can_be_dropped() -> None:
    updates = queue(UPDATES_MAX + 1)

    assert updates.take(0)[0]["update_id"] == 11
    assert len(updates) == UPDATES_MAX
    updates.clear()
    assert len(updates) == 0
