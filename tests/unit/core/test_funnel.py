"""The funnel: distinct symbols by the deepest stage of a day, and where most are lost."""

from engine.core.checks import STAGES
from engine.core.funnel import HOUR_MS, Funnel, tightest
from engine.core.view import FunnelView

T = 1_750_000_000_000 // HOUR_MS * HOUR_MS


def test_counts_each_symbol_once_by_its_deepest_stage() -> None:
    funnel = Funnel()
    funnel.note(T + 5, [("AUSDT", 1), ("BUSDT", 4), ("CUSDT", 0)])
    funnel.note(T + HOUR_MS, [("AUSDT", 3), ("BUSDT", 0), ("DUSDT", 7)])
    assert funnel.view(T + HOUR_MS) == FunnelView(T + 5, (4, 3, 3, 3, 2, 1, 1, 1), 4)


def test_forgets_what_is_older_than_a_day() -> None:
    funnel = Funnel()
    funnel.note(T, [("AUSDT", 7)])
    funnel.note(T + 23 * HOUR_MS, [("BUSDT", 1)])
    assert funnel.view(T + 23 * HOUR_MS).reached == (2, 2, 1, 1, 1, 1, 1, 1)
    later = funnel.view(T + 24 * HOUR_MS)
    assert later == FunnelView(T + HOUR_MS, (1, 1, 0, 0, 0, 0, 0, 0), 2)
    funnel.note(T + 100 * HOUR_MS, [("CUSDT", 2)])
    assert funnel.view(T + 100 * HOUR_MS).reached == (1, 1, 1, 0, 0, 0, 0, 0)


def test_before_anything_was_seen_there_is_nothing_to_tell() -> None:
    view = Funnel().view(5)
    assert (view.reached, view.tightest) == ((0,) * len(STAGES), None)


def test_the_tightest_gate_is_the_earlier_of_equals_and_never_mere_liquidity() -> None:
    assert tightest((100, 10, 8, 6, 5, 4, 4, 4)) == 2
    assert tightest((100, 10, 9, 4, 3, 3, 3, 3)) == 3
    assert tightest((9, 9, 9, 9, 9, 9, 9, 9)) is None
