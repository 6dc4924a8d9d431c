"""What a book says: the case of the rules, lower bounds, books that say nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.depth import LEVELS_MAX, Depth, measure
from engine.core.indicators import Floats
from engine.core.values import OrderSide

BUY, SELL = OrderSide.BUY, OrderSide.SELL
BIDS = np.array([(99.99, 5), (99.95, 10), (99.72, 20), (99.55, 40)], dtype=np.float64)
ASKS = np.array([(100.01, 4), (100.06, 8), (100.25, 10), (100.60, 50)], dtype=np.float64)


def book(bids: Floats = BIDS, asks: Floats = ASKS, contract: float = 1) -> Depth:
    found = measure(bids, asks, contract)
    assert found is not None
    return found


def full(best: float, step: float) -> Floats:
    return np.array([(best + i * step, 1) for i in range(LEVELS_MAX)], dtype=np.float64)


def test_the_case_of_the_rules() -> None:
    seen = book()
    assert (seen.mid, seen.spread_bps) == pytest.approx((100, 2))
    assert seen.side(BUY, 30).usd == pytest.approx(3493.85, rel=1e-9)
    assert seen.side(SELL, 30).usd == pytest.approx(2203.02, rel=1e-9)
    assert seen.both(30).usd == pytest.approx(5696.87)
    assert not seen.both(30).is_least
    assert seen.side(BUY, 50).usd == pytest.approx(7475.85, rel=1e-9)
    assert seen.side(SELL, 50).usd == pytest.approx(2203.02, rel=1e-9)
    assert seen.imbalance(30) == pytest.approx(0.2265858270, rel=1e-9)


def test_a_full_side_is_a_lower_bound_beyond_its_last_level() -> None:
    seen = book(asks=full(100.01, 0.001))
    whole, part = seen.side(SELL, 30), seen.side(SELL, 3)
    assert whole.usd == pytest.approx(5001.725)
    assert part.usd == pytest.approx(2000.7, abs=101)
    assert whole.is_least
    assert not part.is_least
    assert seen.side(BUY, 30).is_least is False
    assert seen.both(30).is_least
    cover = seen.asks.cover_bps
    assert seen.imbalance(30) == seen.imbalance(cover)  # both sides as far as both are known


def test_a_thinner_band_may_be_empty() -> None:
    assert book().imbalance(0.5) is None
    assert book().side(BUY, 0.5).usd == 0


def test_contract_size_makes_usd() -> None:
    assert book(contract=0.1).side(BUY, 30).usd == pytest.approx(349.385)


@pytest.mark.parametrize(
    ("bids", "asks"),
    [
        (BIDS[:0], ASKS),
        (BIDS, ASKS[:0]),
        (ASKS, BIDS),
        (BIDS, BIDS),
        (BIDS * np.nan, ASKS),
        (BIDS, ASKS * np.inf),
        (BIDS * 0, ASKS),
    ],
)
def test_an_odd_book_says_nothing(bids: Floats, asks: Floats) -> None:
    assert measure(bids, asks, 1) is None


LEVELS = st.lists(st.tuples(st.integers(1, 400), st.floats(0.001, 1e6)), min_size=1, max_size=60)


@given(LEVELS, LEVELS, st.floats(0.5, 200))
def test_values_are_plain_sums(
    bids: list[tuple[int, float]], asks: list[tuple[int, float]], bps: float
) -> None:
    below = sorted({1000 - t: q for t, q in bids}.items(), reverse=True)[:LEVELS_MAX]
    above = sorted({1000 + t: q for t, q in asks}.items())[:LEVELS_MAX]
    seen = book(np.array(below, dtype=np.float64), np.array(above, dtype=np.float64))
    for side, levels in ((BUY, below), (SELL, above)):
        away = [abs(p - seen.mid) / seen.mid * 1e4 for p, _ in levels]
        usd = sum(p * q for (p, q), x in zip(levels, away, strict=True) if x <= bps)
        reach = seen.side(side, bps)
        assert reach.usd == pytest.approx(usd)
        assert reach.is_least == (len(levels) == LEVELS_MAX and away[-1] < bps)
    lean = seen.imbalance(bps)
    assert lean is None or -1 <= lean <= 1
