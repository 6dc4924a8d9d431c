"""engine.chart.scales: round ticks, places that keep apart, how numbers and times are written."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.chart.scales import (
    Pane,
    decimals_of,
    frame_name,
    padded,
    spread,
    stamp,
    ticks,
    time_label,
    time_ticks,
)

START_MS = 1_760_000_100_000  # 2025-10-09 08:55 UTC


@pytest.mark.parametrize(
    ("seconds", "name"), [(60, "1m"), (900, "15m"), (7200, "2h"), (86_400, "1d"), (90, "90s")]
)
def test_frame_names(seconds: int, name: str) -> None:
    assert frame_name(seconds) == name


def pane(low: float, high: float) -> Pane:
    return Pane(left=24, right=900, bottom=250, top=950, low=low, high=high)


@pytest.mark.parametrize(
    ("low", "high", "decimals", "found"),
    [
        (100, 107, 2, [100, 101, 102, 103, 104, 105, 106, 107]),
        (99, 240, 2, [100, 150, 200]),
        (4.995, 5.005, 0, [5]),
        (0.00001199, 0.00001281, 7, [0.0000120, 0.0000122, 0.0000124, 0.0000126, 0.0000128]),
    ],
)
def test_ticks_are_round(low: float, high: float, decimals: int, found: list[float]) -> None:
    assert ticks(pane(low, high), 100, decimals) == pytest.approx(found)


def test_values_lie_between_bottom_and_top() -> None:
    assert pane(100, 200).y(150) == 600
    assert pane(100, 200).pixel == pytest.approx(1 / 7)


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [([1.0, 3.0], 0.8, 3.2), ([5.0], 4.995, 5.005), ([0.0, 0.0], -1, 1)],
)
def test_a_range_is_never_empty(values: list[float], low: float, high: float) -> None:
    assert padded(values, 0.1) == pytest.approx((low, high))


@pytest.mark.parametrize(
    ("values", "pixel", "decimals"),
    [([182.5, 182.25], 0.001, 2), ([182.5, 182.25], 0.1, 1), ([1 / 3], 1e-30, 12), ([5.0], 1, 0)],
)
def test_decimals_show_what_a_pixel_can(values: list[float], pixel: float, decimals: int) -> None:
    assert decimals_of(np.array(values), pixel) == decimals


def test_time_ticks_are_round_in_utc() -> None:
    span_ms = 60 * 300_000
    found = list(time_ticks(START_MS, span_ms, 6.7))

    assert [(ms - START_MS) // 60_000 for ms in found] == [5, 65, 125, 185, 245]
    assert len(time_ticks(START_MS, 10**15, 6.7)) == 1


def test_times_are_written_in_utc() -> None:
    assert time_label(START_MS) == "08:55"
    assert time_label(1_759_968_000_000) == "9 Oct"
    assert stamp(START_MS) == "2025-10-09 08:55 UTC"


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        ([], []),
        ([50.0], [50.0]),
        ([-5.0], [0.0]),
        ([200.0], [100.0]),
        ([20.0, 80.0], [20.0, 80.0]),
        ([80.0, 20.0], [80.0, 20.0]),
        ([50.0, 50.0], [45.0, 55.0]),
        ([99.0, 100.0, 100.0], [80.0, 90.0, 100.0]),
        ([0.0] * 21, [float(n * 5) for n in range(21)]),
    ],
)
def test_spread(wanted: list[float], places: list[float]) -> None:
    assert spread(wanted, 10, (0, 100)) == pytest.approx(places)


@given(st.lists(st.floats(-50, 150), max_size=11))
def test_spread_keeps_order_gap_and_bounds(wanted: list[float]) -> None:
    places = sorted(zip(wanted, spread(wanted, 10, (0, 100)), strict=True), key=lambda p: p[1])

    assert [want for want, _ in places] == sorted(wanted)
    assert all(-1e-6 <= place <= 100 + 1e-6 for _, place in places)
    gaps = np.diff([place for _, place in places])
    assert (gaps >= 10 - 1e-6).all()
