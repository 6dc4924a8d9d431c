"""Walls: the sequences of the rules, the grid, and a naive machine beside the real one."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.depth import LEVELS_MAX, Depth, measure
from engine.core.settings import Walls as Terms
from engine.core.values import OrderSide
from engine.core.walls import SAMPLES_MIN, Usual, WallEvent, Walls

BUY, SELL = OrderSide.BUY, OrderSide.SELL
TERMS = Terms()
TICK = 0.01
WIDTH = 3  # ticks: 3 bps of 100
FOLLOWED = 10006  # the only ask in its bucket, in ticks
DETECTED, EATEN, PULLED, REFRESHED = WallEvent


def book(wall: float, others: float = 10.0, shift: int = 0) -> Depth:
    """One level a bucket around 100, all alike but for the followed one."""
    asks = [(t * TICK, others) for t in range(FOLLOWED - WIDTH, FOLLOWED + 12 * WIDTH, WIDTH)]
    asks[1] = (FOLLOWED * TICK, wall)
    bids = [(t * TICK, others) for t in range(9996, 9960, -WIDTH)]
    levels = (np.array(side, dtype=np.float64) for side in (bids, asks))
    below, above = (part + np.array([shift * TICK, 0]) for part in levels)
    found = measure(below, above[above[:, 1] > 0], 1)
    assert found is not None
    return found


def watching(terms: Terms = TERMS) -> Walls:
    """A detector that knows the usual size, at second 100."""
    walls = Walls(TICK, terms)
    for second in range(100 - SAMPLES_MIN, 100):
        walls.sample(second, book(10))
    return walls


def play(pairs: str, terms: Terms = TERMS) -> list[tuple[str, int]]:
    """Events of `size/traded` pairs, each with its sample."""
    walls, told = watching(terms), []
    for i, pair in enumerate(pairs.split()):
        size, traded = map(float, pair.split("/"))
        walls.trade(FOLLOWED * TICK, traded, BUY)
        walls.trade(FOLLOWED * TICK, 1000, SELL)  # hits bids, not this one
        before, ends = walls.standing, len(walls.ended)
        refreshed = before[0].refreshed if before else 0
        walls.sample(100 + i, book(size))
        if walls.standing and not before:
            told.append(("DETECTED", i))
        if walls.standing and before and walls.standing[0].refreshed > refreshed:
            told.append(("REFRESHED", i))
        told += [(end.how.value, i) for end in list(walls.ended)[ends:]]
    return told


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        (
            "100/0 100/0 100/0 85/12 60/18 24/40 10/10",
            [("DETECTED", 2), ("EATEN", 5)],
        ),
        ("100/0 100/0 100/0 100/5 0/0 0/0", [("DETECTED", 2), ("PULLED", 4)]),
        (
            "100/0 100/0 100/0 65/30 95/0 50/40 20/30",
            [("DETECTED", 2), ("REFRESHED", 4), ("EATEN", 6)],
        ),
        (
            "100/0 60/0 100/0 100/0 100/0 69/0 26/20 25/0",
            [("DETECTED", 4), ("PULLED", 7)],
        ),
    ],
)
def test_the_sequences_of_the_rules(pairs: str, told: list[tuple[str, int]]) -> None:
    assert play(pairs) == told


def test_what_a_refresh_and_an_end_leave() -> None:
    walls = watching()
    for i, size in enumerate((100, 100, 100, 65, 95)):
        walls.sample(100 + i, book(size))
    (wall,) = walls.standing
    assert wall.price == pytest.approx(100.06)
    assert (wall.side, wall.since_s) == (SELL, 102)
    assert (wall.peak, wall.low, wall.size, wall.refreshed) == (95, 95, 95, 1)
    walls.sample(105, book(1))
    assert not walls.standing
    (end,) = walls.ended
    assert (end.how, end.peak, end.at_s) == (PULLED, 95, 105)


def test_sizes_that_only_grow_are_one_wall() -> None:
    pairs = " ".join(f"{size}/{size // 10}" for size in range(80, 180, 5))
    assert play(pairs) == [("DETECTED", 2)]


def test_after_its_end_a_wall_needs_fresh_samples() -> None:
    terms = msgspec.structs.replace(TERMS, eaten_min_frac=0.3, refresh_dip_frac=0.2)
    pairs = "200/0 200/0 200/0 100/0 100/0 100/0 100/0"
    assert play(pairs, terms) == [("DETECTED", 2), ("PULLED", 3), ("DETECTED", 6)]


def test_nothing_is_a_wall_before_the_usual_is_known() -> None:
    walls = Walls(TICK, TERMS)
    for second in range(SAMPLES_MIN - 1):
        walls.sample(second, book(1000))
    assert walls.usual.median is None
    assert not walls.standing
    for second in range(SAMPLES_MIN - 1, SAMPLES_MIN + 2):
        assert not walls.standing
        walls.sample(second, book(1000))
    assert walls.usual.median == 10
    assert len(walls.standing) == 1


def test_an_unknown_book_forgets_without_a_verdict() -> None:
    walls = watching()
    for second in range(100, 103):
        walls.sample(second, book(100))
    walls.lose()
    walls.sample(103, book(100))
    walls.sample(104, book(100))
    assert not walls.standing
    assert not walls.ended
    walls.sample(105, book(100))
    assert len(walls.standing) == 1


def test_what_leaves_the_range_is_lost() -> None:
    walls = watching()
    for second in range(100, 103):
        walls.sample(second, book(100))
    walls.sample(103, book(100, shift=-60))  # 60 bps lower: the bucket is out of sight
    assert not walls.standing
    assert not walls.ended


def test_a_part_of_a_bucket_is_no_wall() -> None:
    """A full side ends at its last level: how much lies beyond in that bucket is not known."""
    asks = [((10003 + i) * TICK, 1.0) for i in range(LEVELS_MAX)]
    bids = np.array([(99.99, 1.0)], dtype=np.float64)
    seen = None
    for huge in (LEVELS_MAX - 1, 4):
        sides = [(p, 1000.0 if i == huge else q) for i, (p, q) in enumerate(asks)]
        seen = measure(bids, np.array(sides, dtype=np.float64), 1)
        assert seen is not None
        walls = Walls(TICK, TERMS)
        for second in range(SAMPLES_MIN + 5):
            walls.sample(second, seen)
        assert len(walls.standing) == (huge == 4)


def test_the_usual_is_of_the_last_seconds_only() -> None:
    usual = Usual(60)
    for second in range(60):
        usual.add(second, 1.0)
    assert (len(usual), usual.median) == (60, 1.0)
    for second in range(60, 90):
        usual.add(second, 3.0)
    assert usual.median == 2.0
    usual.add(500, 3.0)
    assert len(usual) == 1
    assert Usual(60).median is None


class Naive(NamedTuple):
    """The rules read once more, over one bucket with its whole history at hand."""

    samples: Sequence[tuple[float, float]]

    def events(self) -> list[tuple[str, int]]:
        told: list[tuple[str, int]] = []
        run, at = 0, None
        peak = low = traded = 0.0
        for i, (size, sold) in enumerate(self.samples):
            if at is None:
                run = run + 1 if size >= 70 else 0
                if run == TERMS.persist_s:
                    at, peak, low, traded = i, size, size, 0.0
                    told.append(("DETECTED", i))
                continue
            traded += sold
            if size > peak:
                peak, low, traded = size, size, 0.0
            low = min(low, size)
            if (peak - size) / peak >= TERMS.eaten_min_frac:
                told.append(("EATEN" if traded >= 0.5 * (peak - size) else "PULLED", i))
                at, run = None, 0
            elif (peak - low) / peak >= 0.3 and size / peak >= 0.9:
                told.append(("REFRESHED", i))
                peak, low, traded = size, size, 0.0
        return told


PAIRS = st.lists(
    st.tuples(st.sampled_from((0, 8, 16, 32, 64, 128, 256)), st.sampled_from((0, 4, 32, 128))),
    max_size=40,
)


@given(PAIRS)
def test_the_machine_agrees_with_a_naive_one(pairs: list[tuple[int, int]]) -> None:
    text = " ".join(f"{size}/{traded}" for size, traded in pairs)
    assert play(text) == Naive([(float(a), float(b)) for a, b in pairs]).events()


@given(
    st.lists(
        st.lists(st.tuples(st.integers(1, 80), st.floats(1e-3, 1e6)), min_size=1, max_size=60),
        min_size=2,
        max_size=12,
    )
)
def test_no_book_breaks_it(sides: list[list[tuple[int, float]]]) -> None:
    walls = Walls(TICK, msgspec.structs.replace(TERMS, persist_s=1))
    for second in range(SAMPLES_MIN):
        walls.sample(second, book(10))
    for second, (below, above) in enumerate(zip(sides[::2], sides[1::2], strict=False)):
        bids = sorted({(9999 - t) * TICK: q for t, q in below}.items(), reverse=True)
        asks = sorted({(9999 + t) * TICK: q for t, q in above}.items())
        seen = measure(np.array(bids), np.array(asks), 1)
        assert seen is not None
        walls.trade(asks[0][0], 5, BUY)
        walls.sample(SAMPLES_MIN + second, seen)
        assert all(np.isfinite((w.price, w.size, w.peak)).all() for w in walls.standing)
