"""Open interest over a day: the nearest sample, what the exchange remembers, bounded memory."""

import pytest

from engine.core.interest import APART_MS, DAY_MS, HOUR_MS, KEPT_MS, Interest
from engine.core.values import Ticker

T = 1_750_000_000_000


def ticker(value: float | None, symbol: str = "AUSDT") -> Ticker:
    return Ticker(symbol, 1, 1, 1, 1, 0, value)


def test_compares_with_the_sample_nearest_to_a_day_ago() -> None:
    interest = Interest()
    for hours, value in ((0, 100.0), (1, 110.0), (2, 125.0)):
        interest.see((ticker(value),), T + hours * HOUR_MS)
        assert interest.change_pct("AUSDT") is None
    interest.see((ticker(220),), T + DAY_MS + HOUR_MS + 600_000)
    assert interest.change_pct("AUSDT") == pytest.approx(100)
    interest.see((ticker(None),), T + DAY_MS + HOUR_MS + 1_200_000)
    assert interest.change_pct("AUSDT") is None


@pytest.mark.parametrize(("off_ms", "is_known"), [(HOUR_MS, True), (HOUR_MS + 1, False)])
def test_a_sample_from_another_hour_is_none(off_ms: int, is_known: bool) -> None:  # noqa: FBT001 -- a row of a table
    for sign in (1, -1):
        interest = Interest()
        interest.load("AUSDT", ((T - DAY_MS + sign * off_ms, 50.0),), (T, 60.0))
        assert (interest.change_pct("AUSDT") is not None) == is_known


def test_the_past_is_loaded_beside_our_own_samples() -> None:
    interest = Interest()
    interest.see((ticker(100),), T)
    own = T - DAY_MS
    past = ((own - HOUR_MS, 80.0), (own, 90.0), (own + 10, float("nan")), (T, 1.0), (T + 1, 2.0))
    interest.load("AUSDT", past, (T, 100.0))
    assert interest.change_pct("AUSDT") == pytest.approx(100 * (100 / 90 - 1))
    interest.see((ticker(300),), T + DAY_MS)
    assert interest.change_pct("AUSDT") == pytest.approx(200)  # with what we saw ourselves


def test_odd_values_are_no_samples() -> None:
    interest = Interest()
    for value in (0.0, -5.0, float("inf"), float("nan")):
        interest.see((ticker(value),), T)
    interest.see((ticker(100),), T + DAY_MS)
    assert interest.change_pct("AUSDT") is None
    assert interest.change_pct("BUSDT") is None


def test_memory_is_a_day_of_samples_some_minutes_apart() -> None:
    interest = Interest()
    for i in range(3000):
        interest.see((ticker(100 + i), ticker(7, "BUSDT")), T + 60_000 * i)
    kept = interest.samples("AUSDT")
    assert len(kept) == KEPT_MS // APART_MS
    assert kept[-1][0] - kept[0][0] < KEPT_MS
    interest.see((ticker(7, "BUSDT"),), T + 60_000 * 3000)
    assert interest.samples("AUSDT") == ()
