"""bot.sandbox.taps: answered once, soon, or too old."""

import pytest

from bot.sandbox.taps import TAP_OLD_S, TAPS_MAX, Taps
from bot.sandbox.wire import Refused
from chatroom import Hands


def test_the_first_answer_counts() -> None:
    taps = Taps(5, Hands(), lambda: None)
    tap = taps.open()

    taps.answer(tap.id, "done", is_alert=True)
    taps.answer(tap.id, "other", is_alert=False)

    assert (tap.id, tap.answer, tap.is_alert) == ("5", "done", True)


def test_an_old_tap_and_an_unknown_one_are_refused() -> None:
    clock = Hands()
    taps = Taps(5, clock, lambda: None)
    tap = taps.open()
    clock.now_s += TAP_OLD_S + 1

    for tap_id in (tap.id, "6"):
        with pytest.raises(Refused, match="query is too old"):
            taps.answer(tap_id, "", is_alert=False)
    assert tap.answer is None


def test_taps_are_bounded() -> None:
    taps = Taps(5, Hands(), lambda: None)
    first = taps.open()
    for _ in range(TAPS_MAX):
        taps.open()

    with pytest.raises(Refused):
        taps.answer(first.id, "", is_alert=False)
