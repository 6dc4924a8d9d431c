from decimal import Decimal

import numpy as np
import pytest

from engine.sim.feed import aggregate, decimals_of, merge_whole, perpetual, typical

NAN = [np.nan] * 6


def test_candles_merge_into_longer_ones() -> None:
    candles = np.array(
        [
            [10.0, 12.0, 9.0, 11.0, 1.0, 11.0],
            [11.0, 15.0, 10.0, 14.0, 2.0, 26.0],
            [14.0, 14.0, 8.0, 9.0, 3.0, 33.0],
            [9.0, 9.5, 8.5, 9.25, 4.0, 36.0],
        ]
    )
    assert aggregate(candles, 2).tolist() == [
        [10.0, 15.0, 9.0, 14.0, 3.0, 37.0],
        [14.0, 14.0, 8.0, 9.25, 7.0, 69.0],
    ]
    assert aggregate(candles, 1) is candles


def test_a_merged_candle_is_missing_only_if_all_its_parts_are() -> None:
    part = [10.0, 12.0, 9.0, 11.0, 1.0, 11.0]
    merged = aggregate(np.array([NAN, part, NAN, NAN]), 2)
    assert merged[0].tolist() == part
    assert np.isnan(merged[1]).all()


def test_a_closed_candle_is_missing_if_any_of_its_parts_is() -> None:
    parts = np.array([[10.0, 12.0, 9.0, 11.0, 0.1, 1.0], [11.0, 15.0, 10.0, 14.0, 0.2, 3.0]])
    late = np.array([14.0, 14.0, 8.0, 9.0, 0.3, 5.0])
    both = merge_whole(np.array([*parts, late, NAN, NAN, late]), 2)
    assert both[0].tolist() == [10.0, 15.0, 9.0, 14.0, 0.1 + 0.2, 4.0]
    assert np.isnan(both[1:]).all()
    assert merge_whole(parts, 1) is parts


def test_volumes_of_a_closed_candle_add_up_oldest_first() -> None:
    volumes = [0.1 * i for i in range(15)]
    parts = np.array([[10.0, 11.0, 9.0, 10.0, v, v] for v in volumes])
    assert merge_whole(np.stack([parts, parts]), 15)[1, 0, 4:].tolist() == [sum(volumes)] * 2


def test_all_symbols_merge_at_once() -> None:
    candles = np.arange(2 * 6 * 6, dtype=np.float64).reshape(2, 6, 6)
    assert np.array_equal(aggregate(candles, 3)[1], aggregate(candles[1], 3))


def test_the_typical_price() -> None:
    assert typical(np.array([[0.0, 12.0, 6.0, 9.0, 0.0, 0.0]])).tolist() == [9.0]


@pytest.mark.parametrize(
    ("price", "decimals", "tick", "lot"),
    [
        (94_800.0, 1, "0.1", "0.00001"),
        (2.31, 4, "0.0001", "0.1"),
        (0.0003, 7, "1E-7", "1E+3"),
        (1.0, 2, "0.01", "0.1"),  # one unit is worth 1 USDT, not just under it
        (1.5, 2, "0.01", "0.1"),
    ],
)
def test_the_rules_of_a_symbol_follow_from_its_price(
    price: float, decimals: int, tick: str, lot: str
) -> None:
    found = perpetual("XYZUSDT", decimals, price)
    assert (found.base, found.quote) == ("XYZ", "USDT")
    assert (found.tick, found.lot, found.qty_min) == (Decimal(tick), Decimal(lot), Decimal(lot))
    assert found.notional_min == Decimal(5)


def test_decimals_of_steps() -> None:
    assert decimals_of([Decimal("0.001"), Decimal(1), Decimal("1E+3")]) == [3, 0, 0]
