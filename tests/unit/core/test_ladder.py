"""The take-profit ladder: where its rungs stand, how large they are, what remains."""

from typing import Any

import msgspec
import pytest

from builders import INSTRUMENT, D
from engine.core.exits import Entered, ladder
from engine.core.terms import Exits
from engine.core.values import Side, Target


def rungs(
    entered: Entered,
    *targets: tuple[float, float],
    minima: tuple[str, str] = ("0.1", "5"),
    **exits: Any,  # noqa: ANN401 -- any key
) -> list[tuple[float, str, str]]:
    instrument = msgspec.structs.replace(
        INSTRUMENT, qty_min=D(minima[0]), notional_min=D(minima[1])
    )
    made = ladder(entered, instrument, Exits(targets=targets, **exits))
    return [(t.r, str(t.price), str(t.qty)) for t in made]


def entered(qty: str = "12.3", entry: str = "100", dist: str = "2", *levels: float) -> Entered:
    return Entered(Side.LONG, D(entry), D(dist), D(qty), levels)


def test_golden_ladders() -> None:
    assert ladder(entered(), INSTRUMENT, Exits()) == (
        Target(1.5, D("103.00"), D("4.9")),
        Target(2.8, D("105.60"), D("4.3")),
    )
    assert ladder(Entered(Side.SHORT, D(50), D("0.6"), D(100), ()), INSTRUMENT, Exits()) == (
        Target(1.5, D("49.10"), D("40.0")),
        Target(2.8, D("48.32"), D("35.0")),
    )
    # rounded toward the entry: 107.256
    prices = [t.price for t in ladder(entered("87.5", "103", "1.52"), INSTRUMENT, Exits())]
    assert prices == [D("105.28"), D("107.25")]
    turned = Entered(Side.SHORT, D(97), D("1.52"), D("87.5"), ())
    assert [t.price for t in ladder(turned, INSTRUMENT, Exits())] == [D("94.72"), D("92.75")]


def test_shares_of_one_leave_nothing() -> None:
    whole = ((0.6, 0.4), (1.2, 0.35), (2.0, 0.25))
    assert rungs(entered(), *whole) == [
        (0.6, "101.20", "4.9"),
        (1.2, "102.40", "4.3"),
        (2.0, "104.00", "3.1"),  # 3.0 and the rest of the floors
    ]
    thirds = tuple((float(r), 0.3333333333) for r in (1, 2, 3))  # short of 1 by a slack only
    assert [qty for _, _, qty in rungs(entered("10"), *thirds)] == ["3.3", "3.3", "3.4"]
    almost = tuple((float(r), 0.333333) for r in (1, 2, 3))
    assert [qty for _, _, qty in rungs(entered("10"), *almost)] == ["3.3", "3.3", "3.3"]


def test_shares_a_hair_over_one_never_sell_more_than_there_is() -> None:
    shares = ((1.0, 1.0), (2.0, 5e-10))
    assert rungs(entered("10"), *shares) == [(1.0, "102.00", "10.0")]
    fine = msgspec.structs.replace(INSTRUMENT, lot=D("1e-9"), qty_min=D("1e-9"))
    made = ladder(entered("10"), fine, Exits(targets=((1.0, 1 + 5e-10), (2.0, 1e-10))))
    assert [t.qty for t in made] == [D(10)]


def test_a_rung_below_the_minima_is_added_to_the_next() -> None:
    six = ((1.0, 0.1), (2.0, 0.1), (3.0, 0.1), (4.0, 0.2), (5.0, 0.2), (6.0, 0.2))
    assert rungs(entered("5"), *six, minima=("0.6", "5")) == [
        (2.0, "104.00", "1.0"),
        (4.0, "108.00", "1.5"),
        (5.0, "110.00", "1.0"),
        (6.0, "112.00", "1.0"),
    ]
    # 0.5 at 102 are worth 51, at 106 they are worth 53
    by_worth = rungs(entered("5"), (1.0, 0.1), (3.0, 0.1), minima=("0.1", "51.01"))
    assert by_worth == [(3.0, "106.00", "1.0")]
    assert rungs(entered("5"), (1.0, 0.1), minima=("0.5", "51"))[0][2] == "0.5"


def test_a_last_rung_too_small_joins_the_runner() -> None:
    assert rungs(entered("5"), (1.0, 0.5), (2.0, 0.1), minima=("0.6", "5")) == [
        (1.0, "102.00", "2.5")
    ]
    assert rungs(entered("5"), (1.0, 0.9), (2.0, 0.1), minima=("0.6", "5")) == [
        (1.0, "102.00", "4.5")
    ]
    assert rungs(entered("0.2", "10", "1"), (1.5, 0.4), (2.8, 0.35)) == []


def test_rungs_at_one_price_are_one_rung() -> None:
    near = entered("10", "100", "0.02")
    assert rungs(near, (1.0, 0.2), (1.2, 0.3), (2.0, 0.1)) == [
        (1.0, "100.02", "5.0"),
        (2.0, "100.04", "1.0"),
    ]
    # the first is too small alone and waits for the second
    joined = rungs(near, (1.0, 0.1), (1.2, 0.3), minima=("2", "5"))
    assert joined == [(1.2, "100.02", "4.0")]
    assert rungs(near, (1.0, 0.4), (1.2, 0.6)) == [(1.0, "100.02", "10.0")]


def test_a_rung_that_gains_nothing_does_not_stand() -> None:
    between = entered("10", "100.005", "0.002")  # an average off the tick
    assert rungs(between, (1.0, 0.4), (5.0, 0.3)) == [(5.0, "100.01", "7.0")]
    assert rungs(entered("10", "100", "0"), (1.0, 0.4), (5.0, 0.6)) == []
    turned = Entered(Side.SHORT, D(1), D("0.5"), D(100), ())
    assert rungs(turned, (1.5, 0.4), (2.0, 0.2), (3.0, 0.2), minima=("0.1", "0")) == [
        (1.5, "0.25", "40.0")
    ]


@pytest.mark.parametrize(
    ("levels", "price"),
    [
        ((), "103.00"),
        ((103.2,), "103.00"),  # in front of it is beyond the target already
        ((102.9,), "102.84"),  # 102.9 - 5 bps = 102.84855
        ((103.02,), "102.96"),  # a level behind the target: 102.96849
        ((102.9, 102.8, 101.0), "102.74"),  # the nearest to the entry within reach
        ((102.691,), "103.00"),  # 30 bps are 0.309
        ((102.691 + 0.02,), "103.00"),  # within reach, but in front of it is not
        ((102.75,), "102.69"),  # 102.698625, 30 bps off nearly
    ],
)
def test_a_target_stands_in_front_of_a_level(levels: tuple[float, ...], price: str) -> None:
    made = rungs(entered("10", "100", "2", *levels), (1.5, 0.4), target_adjust_max_bps=30)
    assert made == [(1.5, price, "4.0")]
    turned = Entered(Side.SHORT, D(100), D(2), D(10), (97.1,))
    # 97.1 + 5 bps = 97.14855, up a tick
    assert rungs(turned, (1.5, 0.4), target_adjust_max_bps=30) == [(1.5, "97.15", "4.0")]
    assert rungs(turned, (1.5, 0.4)) == [(1.5, "97.00", "4.0")]


def test_a_level_at_the_end_of_the_reach_counts() -> None:
    edge = entered("10", "100", "2", 102.691)
    wanted: dict[str, Any] = {"target_adjust_max_bps": 30, "target_buffer_bps": 0}
    assert rungs(edge, (1.5, 0.4), **wanted) == [(1.5, "102.69", "4.0")]
    assert rungs(entered("10", "100", "2", 102.6909), (1.5, 0.4), **wanted)[0][1] == "103.00"
    # switched off, not even a level on the target itself moves it
    off = rungs(entered("10", "100", "2", 103.0), (1.5, 0.4))
    assert off == [(1.5, "103.00", "4.0")]


def test_a_short_heeds_the_level_nearest_to_its_entry() -> None:
    turned = Entered(Side.SHORT, D(100), D(2), D(10), (97.05, 97.1))
    assert rungs(turned, (1.5, 0.4), target_adjust_max_bps=30) == [(1.5, "97.15", "4.0")]
    wide: dict[str, Any] = {"target_adjust_max_bps": 100}
    low = Entered(Side.SHORT, D(100), D(1), D(10), (99.84,))  # 99.89 in front, as breakeven
    assert rungs(low, (0.5, 0.4), **wide) == [(0.5, "99.50", "4.0")]
    assert rungs(low, (0.5, 0.4), target_buffer_bps=3, **wide) == [(0.5, "99.87", "4.0")]


def test_a_pulled_target_stays_beyond_the_rung_before_and_breakeven() -> None:
    near = entered("10", "100", "1", 101.05)  # 100.99 in front of the level
    wide: dict[str, Any] = {"target_adjust_max_bps": 100}
    assert rungs(near, (1.2, 0.4), **wide) == [(1.2, "100.99", "4.0")]
    assert rungs(near, (0.98, 0.2), (1.2, 0.2), **wide)[1][1] == "100.99"
    # at 100.99 stands the rung before
    assert rungs(near, (0.99, 0.2), (1.2, 0.2), **wide)[1][1] == "101.20"
    low = entered("10", "100", "1", 100.16)  # 100.10 in front of it, breakeven is 100.11
    assert rungs(low, (0.5, 0.4), **wide) == [(0.5, "100.50", "4.0")]
    assert rungs(low, (0.5, 0.4), target_buffer_bps=3, **wide) == [(0.5, "100.12", "4.0")]
