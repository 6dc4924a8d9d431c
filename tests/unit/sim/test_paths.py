import numpy as np
import pytest

from engine.sim.paths import Paths, draw_paths, noise
from markets import walk

DECIMALS = np.full(200, 2)


def draw(seconds: int = 60) -> Paths:
    return draw_paths(walk(200, 50.0, 2, 3), DECIMALS, (1, 2, seconds))


@pytest.mark.parametrize("seconds", [60, 300])
def test_a_path_opens_touches_both_extremes_and_closes(seconds: int) -> None:
    candles, paths = walk(200, 50.0, 2, 3), draw(seconds)
    assert paths.price.shape == (200, seconds + 1)
    assert np.array_equal(paths.price[:, 0], candles[:, 0])
    assert np.array_equal(paths.price.max(axis=1), candles[:, 1])
    assert np.array_equal(paths.price.min(axis=1), candles[:, 2])
    assert np.array_equal(paths.price[:, -1], candles[:, 3])


def test_a_path_stays_on_the_price_grid() -> None:
    prices = draw().price
    assert np.array_equal(prices, np.round(prices, 2))


def test_extremes_so_far_only_widen() -> None:
    paths = draw()
    assert (np.diff(paths.high, axis=1) >= 0).all()
    assert (np.diff(paths.low, axis=1) <= 0).all()
    assert (paths.low <= paths.price).all()
    assert (paths.price <= paths.high).all()


def test_volume_grows_to_exactly_the_candles() -> None:
    candles, paths = walk(200, 50.0, 2, 3), draw()
    assert (paths.volume[:, 0] == 0).all()
    assert (np.diff(paths.volume, axis=1) >= 0).all()
    assert np.array_equal(paths.volume[:, -1], candles[:, 4])


def test_a_missing_candle_has_no_path() -> None:
    candles = walk(3, 50.0, 2, 3)
    candles[1] = np.nan
    paths = draw_paths(candles, DECIMALS[:3], (1, 2, 60))
    for shown in (paths.price, paths.high, paths.low, paths.volume):
        assert np.isnan(shown[1]).all()
        assert not np.isnan(shown[[0, 2]]).any()


def test_the_key_decides_the_path() -> None:
    candles = walk(5, 50.0, 2, 3)
    one = draw_paths(candles, DECIMALS[:5], (1, 2, 60))
    assert np.array_equal(one.price, draw_paths(candles, DECIMALS[:5], (1, 2, 60)).price)
    assert not np.array_equal(one.price, draw_paths(candles, DECIMALS[:5], (2, 2, 60)).price)


def test_noise_is_uniform_and_repeatable() -> None:
    drawn = noise(7, 3, np.arange(20_000))
    assert np.array_equal(drawn[5:6], noise(7, 3, 5))
    assert ((drawn >= 0) & (drawn < 1)).all()
    assert abs(drawn.mean() - 0.5) < 0.01
    assert abs(np.histogram(drawn, 10, (0, 1))[0] - 2000).max() < 200
    assert not np.array_equal(drawn, noise(8, 3, np.arange(20_000)))
