"""How far the chat was dealt with, kept over a restart."""

import pytest
from desks import FakeDesk
from telegram_wire import T_S

from bot.bookmark import EVERY_S, NEAR, Bookmark
from engine.core import events as e


def kept(desk: FakeDesk) -> list[str]:
    return [c.value for c in desk.commands if isinstance(c, e.Note)]


def next_life(desk: FakeDesk, value: str) -> Bookmark:
    """The process after a restart, with this in its notes."""
    desk.show(notes={"update": value})
    bookmark = Bookmark(desk)
    bookmark.recall()
    return bookmark


def past(bookmark: Bookmark, *update_ids: int, sent_s: float = T_S) -> list[bool]:
    return [bookmark.is_past(update_id, sent_s) for update_id in update_ids]


def handle(bookmark: Bookmark, *update_ids: int) -> None:
    for update_id in update_ids:
        bookmark.begin(update_id)
        bookmark.end(update_id)


async def test_what_was_handled_is_past_after_a_restart_and_what_is_new_is_not() -> None:
    desk = FakeDesk()
    bookmark = Bookmark(desk)
    handle(bookmark, 7000, 7001)
    await bookmark.keep()
    await bookmark.keep()  # no news
    (value,) = kept(desk)
    again = next_life(desk, value)
    assert past(again, 6999, 7000, 7001, 7002) == [True, True, True, False]


async def test_an_update_that_is_still_being_handled_is_not_passed_over() -> None:
    desk = FakeDesk()
    bookmark = Bookmark(desk)
    bookmark.begin(7000)
    handle(bookmark, 6999, 7001)
    await bookmark.keep()
    assert past(next_life(desk, kept(desk)[0]), 7000) == [False]
    bookmark.end(7000)
    await bookmark.keep()
    assert past(next_life(desk, kept(desk)[1]), 7000, 7001) == [True, True]


async def test_it_is_written_now_and_then() -> None:
    desk = FakeDesk()
    bookmark = Bookmark(desk)
    for number in range(7000, 7060):
        handle(bookmark, number)
        await bookmark.tidy()
    assert kept(desk) == []
    desk.now_real.now += EVERY_S
    await bookmark.tidy()
    handle(bookmark, 7060)
    await bookmark.tidy()
    assert [value.partition("@")[0] for value in kept(desk)] == ["7059"]


async def test_another_count_of_ids_is_new() -> None:
    desk = FakeDesk()
    bookmark = Bookmark(desk)
    handle(bookmark, 9_000_000)
    await bookmark.keep()
    (value,) = kept(desk)
    again = next_life(desk, value)
    far = 9_000_000 - NEAR
    assert past(again, 1, far, far + 1) == [False, False, True]
    assert past(again, 9_000_000, sent_s=desk.now_real() + 1) == [False]
    assert past(again, 9_000_000, sent_s=0) == [False]  # a tap


@pytest.mark.parametrize("value", ["", "7", "x@1", "7@", "-7@1"])
def test_a_note_that_is_none_hides_nothing(value: str) -> None:
    assert past(next_life(FakeDesk(), value), 7) == [False]
