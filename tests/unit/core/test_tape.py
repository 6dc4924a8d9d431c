"""Windows of the tape: the cases of the rules, coverage, order of arrival, and a recount."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.tape import WINDOWS_S, Pace, Tape, activity_drop
from engine.core.values import OrderSide, Print

NOW_MS = 600_400
BUY, SELL = OrderSide.BUY, OrderSide.SELL
GOLDEN = (
    Print(305_200, 100, 2, BUY),
    Print(480_000, 100, 1, SELL),
    Print(545_900, 100, 3, BUY),
    Print(591_000, 101, 1, BUY),
    Print(592_500, 101, 2, SELL),
    Print(599_999, 101, 4, BUY),
    Print(600_100, 101, 9, BUY),
)


def tape_of(*prints: Print, since_ms: int = 0, at_ms: int = NOW_MS, contract: float = 1) -> Tape:
    tape = Tape()
    tape.cover(since_ms)
    tape.add(prints, contract, at_ms)
    return tape


@pytest.mark.parametrize(
    ("window_s", "count", "tps", "tpm", "buy", "sell", "delta", "frac"),
    [
        (10, 3, 0.3, 18, 505, 202, 303, 0.4285714286),
        (60, 4, 0.0666666667, 4, 805, 202, 603, 0.5988083416),
        (300, 6, 0.02, 1.2, 1005, 302, 703, 0.5378729916),
    ],
)
def test_windows_count_completed_seconds(  # noqa: PLR0913, PLR0917 -- a row of the table
    window_s: int,
    count: int,
    tps: float,
    tpm: float,
    buy: float,
    sell: float,
    delta: float,
    frac: float,
) -> None:
    pace = tape_of(*GOLDEN).window(window_s, NOW_MS)
    assert (pace.covered_s, pace.count) == (window_s, count)
    assert pace.tps == pytest.approx(tps, rel=1e-9)
    assert pace.tpm == pytest.approx(tpm, rel=1e-9)
    assert (pace.buy_usd, pace.sell_usd, pace.delta_usd) == pytest.approx((buy, sell, delta))
    assert pace.delta_frac == pytest.approx(frac, rel=1e-9)
    assert pace.usd_per_s == pytest.approx((buy + sell) / window_s)


def test_values_decay_by_themselves() -> None:
    tape = tape_of(*GOLDEN)
    assert tape.window(10, 611_000).count == 0
    assert tape.window(10, 611_000).tpm == 0
    assert tape.window(10, 611_000).delta_frac is None
    assert tape.window(300, 901_000).count == 0


def test_a_window_is_known_from_80_percent_coverage_on() -> None:
    tape = tape_of(Print(150_000, 1, 1, BUY), since_ms=100_001, at_ms=150_500)
    early, late = tape.window(300, 340_999), tape.window(300, 341_000)
    assert (early.covered_s, early.tpm, early.is_known) == (239, None, False)
    assert (early.tps, early.usd_per_s, early.delta_usd, early.delta_frac) == (None,) * 4
    assert (late.covered_s, late.tpm) == (240, 60 / 240)  # the second of the start is no whole one


def test_what_came_before_the_hole_is_not_counted() -> None:
    tape = tape_of(*GOLDEN)
    assert tape.is_covered
    tape.uncover()
    assert not tape.is_covered
    assert tape.window(10, NOW_MS) == Pace(10, 0, 0, 0.0, 0.0)
    tape.cover(592_000)
    assert tape.window(10, NOW_MS) == Pace(10, 8, 2, 404.0, 202.0)
    tape.cover(600_000)
    assert tape.window(10, NOW_MS).covered_s == 0


def test_what_is_too_old_from_tomorrow_or_no_trade_is_dropped() -> None:
    odd = (
        Print(602_999, 1, 1, BUY),  # our clock may be a bit behind
        Print(603_000, 1, 1, BUY),
        Print(602_999 - 303_000, 1, 1, BUY),  # its slot was taken since
        Print(599_000, 0, 1, BUY),
        Print(599_000, 1, float("nan"), BUY),
        Print(599_000, float("inf"), 1, BUY),
        Print(-5, 1, 1, BUY),
    )
    tape = tape_of(*odd)
    assert tape.window(300, NOW_MS).count == 0
    assert tape.window(300, 604_000).count == 1


def test_contract_size_makes_usd() -> None:
    assert tape_of(*GOLDEN, contract=0.01).window(10, NOW_MS).buy_usd == pytest.approx(5.05)


def test_drop_of_activity() -> None:
    now = Pace(60, 60, 3, 200, 100)
    before = Pace(300, 300, 60, 6000, 6000)
    assert activity_drop(now, before) == pytest.approx(0.8232233047, rel=1e-9)
    tape = tape_of(*GOLDEN)
    assert activity_drop(tape.window(60, NOW_MS), tape.window(300, NOW_MS)) == 0
    assert activity_drop(now, Pace(300, 300, 0, 0, 0)) is None
    assert activity_drop(now, Pace(300, 200, 60, 6000, 6000)) is None
    assert activity_drop(Pace(60, 10, 3, 200, 100), before) is None


PRINTS = st.lists(
    st.builds(
        Print,
        st.integers(300_000, NOW_MS),
        st.floats(0.01, 1e5),
        st.floats(0.001, 1e4),
        st.sampled_from(OrderSide),
    ),
    max_size=60,
)


@given(PRINTS, st.randoms(use_true_random=False), st.integers(0, NOW_MS))
def test_windows_are_a_recount_in_any_order(
    prints: list[Print], order: Random, since_ms: int
) -> None:
    shuffled = list(prints)
    order.shuffle(shuffled)
    tape = tape_of(*shuffled, since_ms=since_ms)
    since_s = -(-since_ms // 1000)
    for window_s in WINDOWS_S:
        first = max(600 - window_s, since_s)
        mine = [p for p in prints if first <= p.exchange_ms // 1000 < 600]
        bought = sum(p.price * p.qty for p in mine if p.side is BUY)
        sold = sum(p.price * p.qty for p in mine if p.side is SELL)
        pace = tape.window(window_s, NOW_MS)
        assert (pace.covered_s, pace.count) == (max(600 - first, 0), len(mine))
        assert (pace.buy_usd, pace.sell_usd) == pytest.approx((bought, sold), rel=1e-9)
        if pace.delta_frac is not None:
            assert -1 <= pace.delta_frac <= 1
            assert (pace.delta_frac > 0) == (pace.buy_usd > pace.sell_usd)
