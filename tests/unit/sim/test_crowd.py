"""What rests and is traded around a price: varied enough to be judged, the same for everybody."""

import numpy as np
import pytest

from engine.core.depth import measure
from engine.core.indicators import Floats
from engine.sim.crowd import MOVE_MS, Crowd, Quoted
from engine.sim.feed import DAY_MS

MARKETS = 4
DAILY = np.array([1e9, 1e8, 3e7, 1e6])
CROWD = Crowd(3, DAILY, np.full(MARKETS, 100.0), np.full(MARKETS, 10.0))
T = 1_736_150_400_000


def quoted(at_ms: int = T, lean: float = 0.0, last: int = 10_000) -> Quoted:
    """The same prices in all markets: 100.00 of a tick of 0.01."""
    middle, bid, ask = (np.full(MARKETS, tick) for tick in (last, last - 1, last + 1))
    return Quoted(at_ms, middle, bid, ask, np.full(MARKETS, lean))


def seen(now: Quoted, row: int) -> tuple[Floats, Floats]:
    prices, sizes = CROWD.books(now, 50)
    bids, asks = (np.stack([prices[row, i], sizes[row, i]], axis=1) for i in (0, 1))
    return bids, asks


def imbalance(now: Quoted, row: int) -> float:
    depth = measure(*seen(now, row), 1)
    assert depth is not None
    found = depth.imbalance(30)
    assert found is not None
    return found


def test_depth_grows_with_turnover_and_leans_as_it_is_told() -> None:
    depths = [measure(*seen(quoted(), row), 1) for row in range(MARKETS)]
    usd = [depth.both(30).usd for depth in depths if depth is not None]
    assert usd == sorted(usd, reverse=True)
    assert usd[0] > 1e6
    leans = {
        lean: np.mean([imbalance(quoted(T + 60_000 * i, lean), 0) for i in range(30)])
        for lean in (-0.5, 0, 0.5)
    }
    assert leans[-0.5] < -0.2 < leans[0] < 0.2 < leans[0.5]


def test_the_book_leans_where_the_price_goes() -> None:
    flat = np.full(MARKETS, 100.0)
    day = np.tile([100.0, 105.0, 95.0, 100.0, 1.0, 1.0], (MARKETS, 1))
    moved = [
        np.mean([CROWD.lean(flat + move, flat, day, T + 60_000 * i) for i in range(20)])
        for move in (-1, 0, 1)
    ]
    assert moved[0] < -0.25 < moved[1] < 0.25 < moved[2]
    still = CROWD.lean(flat, np.full(MARKETS, np.nan), day * np.nan, T)
    assert np.isfinite(still).all()
    assert (np.abs(still) <= 0.4).all()
    assert MOVE_MS < DAY_MS


def test_now_and_then_a_price_holds_a_wall() -> None:
    many = [seen(quoted(T + 300_000 * i), 0) for i in range(40)]
    largest = [float(side[:, 1].max() / np.median(side[:, 1])) for pair in many for side in pair]
    assert 0.05 < np.mean(np.array(largest) > 15) < 0.6


def test_sizes_last_and_then_change() -> None:
    now, soon, later = (seen(quoted(T + ms), 0)[0] for ms in (0, 1000, 60_000))
    assert np.mean(now[:, 1] == soon[:, 1]) > 0.8
    assert np.mean(now[:, 1] == later[:, 1]) < 0.3


def test_a_price_next_to_nothing_has_few_bids() -> None:
    prices, sizes = CROWD.books(quoted(last=5), 50)
    assert np.count_nonzero(prices[0, 0] > 0) == 4
    assert (sizes > 0).all()


def test_busy_markets_trade_more_often() -> None:
    parts = CROWD.parts(np.arange(600))
    assert parts.shape == (MARKETS, 600)
    assert parts.min() == 1
    means = parts.mean(axis=1)
    assert means[0] > 2 > means[2] >= means[3] >= 1


@pytest.mark.parametrize(("qty", "count"), [(1.0, 3), (0.2, 5), (7.3, 1), (0.1, 1), (0.0, 2)])
def test_parts_are_whole_lots_that_add_up(qty: float, count: int) -> None:
    parts = list(CROWD.split(0, qty, count))
    assert sum(parts) == pytest.approx(qty)
    assert len(parts) == min(count, round(10 * qty))
    assert all(part > 0 for part in parts)
