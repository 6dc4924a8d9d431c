from pathlib import Path

import pytest

from engine.errors import DataError
from engine.sim.sources import feed_from
from engine.sim.synthetic import SyntheticFeed


def test_without_data_the_market_is_invented() -> None:
    feed = feed_from(None, 5)
    assert isinstance(feed, SyntheticFeed)
    assert feed.seed == 5


def test_data_that_is_not_there_is_never_replaced_by_an_invention(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        feed_from(tmp_path / "gone.npz", 5)
