"""engine.chart.frames: whole candles of a longer frame, and the one that still grows."""

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.chart import Candles, merged

START_MS = 1_759_968_000_000  # midnight in UTC
MINUTE_MS = 60_000


def made(
    minutes: list[int], base_s: int = 300, frame_s: int = 900
) -> tuple[Candles, NDArray[np.float64]]:
    """Candles that open so many minutes after midnight."""
    at = np.array(minutes, dtype=np.int64)
    n = np.arange(len(at), dtype=np.float64)
    ohlcv = np.stack([100 + n, 110 + n, 90 - n, 101 + n, 1 + n], axis=1)
    return merged(START_MS + at * MINUTE_MS, ohlcv, base_s, frame_s), ohlcv


def opened(candles: Candles) -> list[int]:
    return [int(ms - START_MS) // MINUTE_MS for ms in candles.open_ms]


def test_whole_candles_hold_what_their_members_held() -> None:
    candles, _ = made([0, 5, 10, 15, 20, 25])

    assert opened(candles) == [0, 15]
    assert candles.ohlcv.tolist() == [[100, 112, 88, 103, 6], [103, 115, 85, 106, 15]]
    assert candles.closed_ms == START_MS + 30 * MINUTE_MS


def test_one_of_the_same_frame_is_itself() -> None:
    candles, ohlcv = made([0, 5, 10, 20], frame_s=300)

    assert opened(candles) == [0, 5, 10, 20]
    assert (candles.ohlcv == ohlcv).all()


@pytest.mark.parametrize(
    ("minutes", "found", "lacking"),
    [
        ([5, 10, 15, 20, 25], [15], 0),  # the first lacks a member
        ([0, 5, 10, 15], [0, 15], 10),  # the newest grows
        ([0, 5, 10, 15, 20], [0, 15], 5),
        ([0, 10, 15, 20, 25], [15], 0),  # a hole
        ([0, 5, 10, 20], [0], 0),  # a hole in the one that grows
        ([0, 5, 10, 45, 50, 55], [0, 45], 0),  # a gap of whole candles
    ],
)
def test_a_candle_that_lacks_a_member_is_left_out(
    minutes: list[int], found: list[int], lacking: int
) -> None:
    candles, _ = made(minutes)

    assert opened(candles) == found
    ends_ms = int(candles.open_ms[-1]) + 15 * MINUTE_MS
    assert max(ends_ms - candles.closed_ms, 0) == lacking * MINUTE_MS


def test_nothing_whole_is_nothing() -> None:
    candles, _ = made([10])

    assert opened(candles) == []
