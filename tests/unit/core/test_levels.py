"""Levels: golden cases A.2 and A.3, each step of the rules, and a plain reading of them."""

import math
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from engine.core.indicators import Floats, atr
from engine.core.levels import find_levels, find_zones, round_bonus
from engine.core.settings import Levels
from engine.core.values import Level, Side
from series import FRAME_MS, G_START_MS, S40_START_MS, g, mirror, s40, walk

GOLDEN = Levels(
    swing_bars=2, donchian_bars=(10, 20), touches_min=1, strength_min_frac=0, gap_min_atr=0
)


def on_s40(**changes: object) -> list[tuple[object, ...]]:
    """Side, price, touches, first and last index, span, strength of S40's levels."""
    settings = msgspec.structs.replace(GOLDEN, **changes)
    times, ohlcv = s40()
    found = [x for side in Side for x in find_levels(side, times, ohlcv, 1.1, settings)]
    return [
        (
            x.side,
            x.price,
            x.touches,
            (x.first_ms - S40_START_MS) // FRAME_MS,
            (x.last_ms - S40_START_MS) // FRAME_MS,
            x.span_bars,
            pytest.approx(x.strength, abs=5e-7),
        )
        for x in found
    ]


RESISTANCE = (Side.LONG, 102.7, 2, 5, 30, 25, 0.500909)
WEAK = (Side.SHORT, 101.2, 2, 4, 31, 27, 0.313502)
STRONG = (Side.SHORT, 98.1, 2, 14, 39, 25, 0.611990)
OUTER = (Side.SHORT, 97.4, 2, 16, 38, 22, 0.593552)


def test_golden_levels_of_s40() -> None:
    assert on_s40() == [RESISTANCE, STRONG, OUTER, WEAK]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"gap_min_atr": 1.0}, [RESISTANCE, STRONG, WEAK]),
        ({"gap_min_atr": 1.0, "strength_min_frac": 0.4}, [RESISTANCE, STRONG]),
        ({"strength_min_frac": 0.6}, [STRONG]),
        ({"touches_min": 3}, []),
    ],
)
def test_weak_near_and_untouched_levels_are_dropped(
    changes: dict[str, object], expected: list[tuple[object, ...]]
) -> None:
    assert on_s40(**changes) == expected


def test_the_cascade_bonus_needs_company() -> None:
    alone = [(*x[:6], s) for x, s in [(STRONG, 0.511990), (OUTER, 0.493552)]]
    assert on_s40(cascade_radius_atr=0.5) == [RESISTANCE, *alone, WEAK]
    assert on_s40(cascade_min=3) == [RESISTANCE, *alone, WEAK]


@pytest.mark.parametrize(
    ("price", "bonus"),
    [(100.05, 0.15), (0.4998, 0.15), (65010.0, 0.10), (24990.0, 0.10), (182.1, 0.0), (102.2, 0.0)],
)
def test_round_bonus(price: float, bonus: float) -> None:
    assert round_bonus(np.array([price]), 10).tolist() == [bonus]


def test_round_bonus_of_the_smallest_step_and_switched_off() -> None:
    assert round_bonus(np.array([170.0, 100.0]), 10).tolist() == [0.05, 0.15]
    assert round_bonus(np.array([170.0, 100.0]), 0).tolist() == [0.0, 0.0]


def test_golden_levels_of_g_and_its_mirror() -> None:
    times, ohlcv = g(300)
    a = float(atr(*ohlcv[1:4])[-1])
    upright = [find_levels(s, times[100:], ohlcv[:, 100:], a, Levels()) for s in Side]
    assert [[(x.price, x.touches, x.span_bars) for x in side] for side in upright] == [
        [(102.2, 11, 199)],
        [(97.9, 10, 181)],
    ]
    assert [x.strength for side in upright for x in side] == pytest.approx(
        [0.9009132420, 0.8917808219], rel=1e-9
    )
    turned = mirror(ohlcv[:, 100:])
    support = find_levels(Side.SHORT, times[100:], turned, a, Levels())[0]
    expected = msgspec.structs.replace(upright[0][0], side=Side.SHORT, price=97.8)
    assert support == msgspec.structs.replace(expected, strength=support.strength)
    assert support.strength == pytest.approx(expected.strength, rel=1e-9)


@pytest.mark.parametrize("a", [0.0, float("nan")])
def test_without_volatility_there_are_no_levels(a: float) -> None:
    times, ohlcv = s40()
    assert find_levels(Side.LONG, times, ohlcv, a, GOLDEN) == ()


def test_without_all_bars_there_are_no_levels() -> None:
    times, ohlcv = s40()
    times[0], ohlcv[:, 0] = -1, np.nan
    assert find_levels(Side.LONG, times, ohlcv, 1.1, GOLDEN) == ()


def test_without_volume_strength_counts_the_rest() -> None:
    times, ohlcv = s40()
    ohlcv[4] = 0
    (level,) = find_levels(Side.LONG, times, ohlcv, 1.1, GOLDEN)
    assert level.strength == pytest.approx(0.500909 - 0.2 * 0.909091 / 2, abs=1e-6)


def naive(side: Side, ohlcv: Floats, a: float, s: Levels) -> list[tuple[float, int, int, float]]:
    """Price, touches, span and strength by the rules in words, one level at a time."""
    d, w = side.sign, ohlcv.shape[1]
    y = [float(d * v) for v in ohlcv[1 if d > 0 else 2]]
    values = [
        y[j]
        for j in range(s.swing_bars, w - s.swing_bars)
        if all(y[j] > y[i] for i in range(j - s.swing_bars, j))
        and all(y[j] >= y[i] for i in range(j + 1, j + s.swing_bars + 1))
    ]
    values += [max(y[-n:]) for n in s.donchian_bars]
    edges: list[float] = []
    for v in sorted(values, reverse=True):
        if not edges or edges[-1] - v > s.merge_atr * a:
            edges.append(v)
    rows = [naive_level(ohlcv, d, (y, e, edges), a, s) for e in edges]
    rows = [r for r in rows if r[1] >= s.touches_min and r[4] >= s.strength_min_frac]
    kept: list[tuple[float, int, int, int, float]] = []
    for row in sorted(rows, key=lambda r: (-r[4], -r[3], -d * r[0])):
        if all(abs(row[0] - k[0]) >= s.gap_min_atr * a for k in kept):
            kept.append(row)
    return [(p, touches, last - first, strength) for p, touches, first, last, strength in kept]


def naive_level(
    ohlcv: Floats, d: int, shape: tuple[list[float], float, list[float]], a: float, s: Levels
) -> tuple[float, int, int, int, float]:
    y, edge, edges = shape
    w, volume = len(y), ohlcv[4].tolist()
    hits = [j for j, v in enumerate(y) if -s.merge_atr * a <= v - edge <= s.pierce_atr * a]
    touches = 1 + sum(j - i > s.touch_gap_bars for i, j in pairwise(hits))
    mean = math.fsum(volume) / w
    heat = math.fsum(volume[j] for j in hits) / len(hits) / mean if mean > 0 else 0
    pierced = sum(d * c > edge + s.pierce_atr * a for c in ohlcv[3].tolist()) / w
    strength = 0.40 * min(1, touches / 5) + 0.20 * min(1, (hits[-1] - hits[0]) / 100)
    strength += 0.20 * min(1, heat / 2) + 0.20 * (1 - min(1, 5 * pierced))
    near = sum(abs(e - edge) <= s.cascade_radius_atr * a for e in edges)
    cascade = min(0.20, 0.05 * near) if near >= s.cascade_min else 0
    total = min(1.0, strength + cascade + naive_round(abs(edge), s.round_tolerance_bps))
    return d * edge, touches, hits[0], hits[-1], total


def naive_round(price: float, tolerance_bps: float) -> float:
    unit = 10 ** (math.floor(math.log10(price)) - 1)
    for multiple, bonus in ((10, 0.15), (5, 0.10), (1, 0.05)):
        step = multiple * unit
        if abs(price - round(price / step) * step) / price * 1e4 <= tolerance_bps:
            return bonus
    return 0.0


def flat(levels: list[Level]) -> list[tuple[float, int, int, float]]:
    return [
        (x.price, x.touches, x.span_bars, pytest.approx(x.strength, rel=1e-12))  # type: ignore[misc] # approx compares as a float
        for x in levels
    ]


@pytest.mark.parametrize("side", Side)
def test_many_windows_at_once_read_like_the_rules(side: Side) -> None:
    data = walk(seed=11, symbols=12, bars=120)
    times = np.tile(G_START_MS + FRAME_MS * np.arange(120), (12, 1))
    before = np.array([float(atr(*x[1:4])[-1]) for x in data])
    settings = Levels(donchian_bars=(20, 50), strength_min_frac=0.3, touches_min=1)
    zones = find_zones(side, times, data, before, settings)
    found: list[list[Level]] = [[] for _ in data]
    for i, row in enumerate(zones.row.tolist()):
        found[row].append(zones.level(i))
    expected = [naive(side, x, a, settings) for x, a in zip(data, before.tolist(), strict=True)]
    assert [flat(x) for x in found] == expected
    assert sum(map(len, expected)) > 24
