"""What a symbol faces at its last bar, and where its stop belongs: golden cases A.3 to A.5."""

import numpy as np
import pytest

from engine.core.checks import Row
from engine.core.indicators import Floats
from engine.core.market import Window
from engine.core.points import newest
from engine.core.reading import Reading, near_atr, read
from engine.core.settings import Data, Levels, Settings, Signals
from engine.core.signals import Facing, facing, momentum, momentum_stop, retest_stop
from engine.core.values import Side
from series import g, mirror

DEFAULT = Settings()


def window_of(*histories: Floats) -> Window:
    """The last 300 bars of histories that end at the same time."""
    times = g(histories[0].shape[1])[0]
    stacked = np.stack([h[:, -300:] for h in histories])
    return Window(np.tile(times[-300:], (len(histories), 1)), stacked, np.full(len(histories), 300))


def face(window: Window, settings: Settings = DEFAULT) -> tuple[Reading, Facing]:
    points = newest(window)
    reading = read(window, points, settings)
    everyone = np.ones(len(points), dtype=np.bool_)
    return reading, facing(window, points, reading, settings, everyone)


def look(*histories: Floats, settings: Settings = DEFAULT) -> tuple[Reading, Facing]:
    return face(window_of(*histories), settings)


def changed(bar: int, **values: float) -> Floats:
    """G up to 300 with some values of a bar replaced."""
    ohlcv = g(301)[1]
    for name, value in values.items():
        ohlcv["ohlcv".index(name), bar] = value
    return ohlcv


def facing_of(found: Facing, i: int = 0) -> tuple[object, ...]:
    return (
        float(found.sign[i]),
        float(found.price[i]),
        float(found.trigger[i]),
        bool(found.is_break[i]),
    )


def test_reading_of_g_at_its_break() -> None:
    reading, _ = look(g(301)[1])
    expected = {
        "open": 102.0,
        "close": 103.0,
        "atr": 0.6,
        "close_high": 102.0,
        "close_low": 98.0,
        "volume_mult": 4.5662100457,
        "surge_1h_mult": 1.2151248164,
        "body_frac": 0.9090909091,
        "slope_pct": 0.4081632653,
        "bb_rank_pct": 50.0,
        "atr15_pct": 1.2864077670,
        "lowest": 98.3,
        "highest": 103.05,
        "vwap20": 100.4542846064,
    }
    found = {name: float(getattr(reading, name)[0]) for name in expected}
    assert found == pytest.approx(expected, rel=1e-9)


def test_the_long_break_of_g_and_the_short_of_its_mirror() -> None:
    _, faced = look(g(301)[1], mirror(g(301)[1]))
    assert facing_of(faced) == (1.0, 102.2, pytest.approx(102.32264, rel=1e-12), True)
    assert facing_of(faced, 1) == (-1.0, 97.8, pytest.approx(-97.68264, rel=1e-12), True)
    first, second = faced.levels
    assert first is not None
    assert second is not None
    assert (first.side, first.touches, second.side, second.touches) == (
        Side.LONG,
        11,
        Side.SHORT,
        11,
    )


def test_before_the_break_the_nearest_fresh_level_is_faced() -> None:
    _, faced = look(g(300)[1], mirror(g(300)[1]))
    assert facing_of(faced) == (1.0, 102.2, pytest.approx(102.32264), False)
    assert facing_of(faced, 1) == (-1.0, 97.8, pytest.approx(-97.68264), False)


def test_a_level_cleared_within_the_fresh_bars_is_not_faced() -> None:
    _, faced = look(g(302)[1])
    assert facing_of(faced) == (-1.0, 97.9, pytest.approx(-97.78252), False)


def test_a_close_exactly_on_the_trigger_is_no_break() -> None:
    settings = Settings(signals=Signals(break_eps_bps=0, break_eps_atr=0))
    _, faced = look(changed(300, c=102.2, h=102.3), changed(300, c=102.21), settings=settings)
    assert facing_of(faced) == (1.0, 102.2, 102.2, False)
    assert facing_of(faced, 1) == (1.0, 102.2, 102.2, True)


def test_the_outermost_of_several_crossed_levels_is_broken() -> None:
    """A second resistance, made of two lower swings, is crossed by the same close."""
    ohlcv = g(301)[1]
    ohlcv[1, [150, 230]] = 103.2
    ohlcv[3, 300], ohlcv[1, 300] = 104.0, 104.1
    settings = Settings(levels=Levels(gap_min_atr=0.5, touches_min=1, strength_min_frac=0.1))
    _, faced = look(ohlcv, settings=settings)
    assert facing_of(faced) == (1.0, 103.2, pytest.approx(103.32384), True)


def test_the_larger_epsilon_counts() -> None:
    _, faced = look(g(301)[1], settings=Settings(signals=Signals(break_eps_atr=0.5)))
    assert facing_of(faced) == (1.0, 102.2, pytest.approx(102.5), True)


def test_nothing_to_face() -> None:
    """No level at all is known; too few bars to have levels is not."""
    picky = Settings(levels=Levels(touches_min=10, strength_min_frac=1))
    _, faced = look(g(301)[1], settings=picky)
    assert faced.levels == (None,)
    assert facing_of(faced) == (0.0, *[pytest.approx(np.nan, nan_ok=True)] * 2, False)
    assert faced.is_known.tolist() == [True]
    short = window_of(g(301)[1])
    short.open_ms[0, :150], short.ohlcv[0, :, :150] = -1, np.nan
    _, faced = face(short)
    assert (faced.levels, faced.is_known.tolist()) == ((None,), [False])


def test_near_is_measured_to_the_closer_extreme_close() -> None:
    reading, _ = look(g(301)[1], mirror(g(301)[1]), changed(300, c=100.5, h=102.1, l=100.4))
    assert near_atr(reading).tolist() == pytest.approx([-1 / 0.6, -1 / 0.6, 1.5 / 0.6])
    flat = np.tile([[100.0], [100.0], [100.0], [100.0], [5.0]], (1, 300))
    still, _ = look(flat)
    assert np.isnan(near_atr(still)).all()


def rows(ohlcv: Floats, signals: Signals | None = None) -> dict[str, Row]:
    settings = Settings(signals=signals or Signals())
    window = window_of(ohlcv)
    where = window, newest(window)
    reading, faced = face(window, settings)
    return {row.name: row for row in momentum(*where, reading, faced, settings)}


def failed(ohlcv: Floats, signals: Signals | None = None) -> list[str]:
    found = rows(ohlcv, signals)
    del found["vwap_gap"]  # it only advises
    return [name for name, row in found.items() if not row.ok[0]]


def test_momentum_rows_of_g() -> None:
    found = rows(g(301)[1])
    values = {name: float(row.value[0]) for name, row in found.items()}
    assert values == pytest.approx(
        {
            "break": 100 * (103 - 102.32264) / 103,
            "volume": 4.5662100457,
            "surge_1h": 1.2151248164,
            "body": 0.9090909091,
            "slope": 0.4081632653,
            "bb_rank": 50.0,
            "chase": 0.8 / 0.6,
            "vwap_gap": 4.2428589893,
        },
        rel=1e-9,
    )
    assert [row.need for row in found.values()] == [0.0, 1.4, 1.15, 0.3, 1.5, 82, 1.5, 2]
    assert failed(g(301)[1]) == []
    assert failed(mirror(g(301)[1])) == []


@pytest.mark.parametrize(
    ("ohlcv", "signals", "expected"),
    [
        (changed(300, v=1500), None, ["volume", "surge_1h"]),
        (changed(300, c=103.15, h=103.20), None, ["chase"]),
        (g(301)[1], Signals(body_min_frac=0.95), ["body"]),
        (changed(300, o=103.05), None, ["body"]),
        (g(301)[1], Signals(slope_max_pct=0.4), ["slope"]),
        (g(301)[1], Signals(surge_1h_min_mult=1.25), ["surge_1h"]),
        (g(301)[1], Signals(sides="short"), ["break"]),
        (mirror(g(301)[1]), Signals(sides="long"), ["break"]),
        (g(301)[1], Signals(sides="long"), []),
        (mirror(g(301)[1]), Signals(sides="short"), []),
        (g(300)[1], None, ["break", "volume", "surge_1h"]),
    ],
)
def test_momentum_rows_that_fail(
    ohlcv: Floats, signals: Signals | None, expected: list[str]
) -> None:
    assert failed(ohlcv, signals) == expected


def test_a_body_against_the_break_is_negative() -> None:
    against = rows(changed(300, o=103.05))["body"]
    assert float(against.value[0]) == pytest.approx(-0.05 / 1.10)
    assert against.ok.tolist() == [False]
    doji = rows(changed(300, o=103.0), Signals(body_min_frac=0))["body"]
    assert (doji.value.tolist(), doji.ok.tolist()) == ([0.0], [False])


def test_without_a_level_a_body_has_no_wrong_side_and_a_chase_no_start() -> None:
    picky = Settings(levels=Levels(touches_min=10, strength_min_frac=1), data=Data())
    window = window_of(mirror(g(301)[1]))
    where = window, newest(window)
    reading, faced = face(window, picky)
    found = {row.name: row for row in momentum(*where, reading, faced, picky)}
    assert (found["body"].value[0], found["body"].ok[0]) == (pytest.approx(0.9090909091), True)
    assert np.isnan(found["chase"].value[0])
    assert (found["break"].words, found["break"].ok[0]) == (("no fresh level",), False)


def test_words_for_a_side_that_is_off() -> None:
    assert rows(g(301)[1], Signals(sides="short"))["break"].words == ("this side is off",)
    assert rows(g(301)[1])["break"].words == ("",)


def test_what_was_not_looked_for_is_inside_its_range() -> None:
    window = window_of(g(301)[1])
    points = newest(window)
    reading = read(window, points, DEFAULT)
    nobody = np.zeros(1, dtype=np.bool_)
    faced = facing(window, points, reading, DEFAULT, nobody)
    first = momentum(window, points, reading, faced, DEFAULT)[0]
    assert (first.name, first.words, first.ok.tolist()) == (
        "break",
        ("inside its recent range",),
        [False],
    )


@pytest.mark.parametrize(("most", "ok"), [(6.4, True), (6.3, False)])
def test_closes_before_the_break_must_hug_the_level(most: float, *, ok: bool) -> None:
    """The last ten closes of G before its break reach down to 98.4: 3.8 from 102.2."""
    tight = Signals(consolidation_min_bars=10, consolidation_max_atr=most)
    found = rows(g(301)[1], tight)["consolidation"]
    assert float(found.value[0]) == pytest.approx(3.8 / 0.6)
    assert found.ok.tolist() == [ok]
    assert "consolidation" not in rows(g(301)[1])
    below = rows(mirror(g(301)[1]), tight)["consolidation"]
    assert float(below.value[0]) == pytest.approx(3.8 / 0.6)
    assert below.ok.tolist() == [ok]


@pytest.mark.parametrize(
    ("side", "price", "settings", "expected"),
    [
        (Side.LONG, 102.2, Signals(), 101.48),  # beyond the level
        (Side.LONG, 102.2, Signals(momentum_stop_atr=10), 98.24),  # beyond the base's low
        (Side.LONG, 102.2, Signals(momentum_stop_atr=10, stop_pad_atr=0), 98.3),
        (Side.LONG, 103.6, Signals(momentum_stop_atr=1), 102.82),  # never too near
        (Side.SHORT, 103.6, Signals(stop_min_atr=0.1), 103.11),  # the range's high, padded
        (Side.SHORT, 103.6, Signals(), 103.18),
        (Side.SHORT, 103.0, Signals(momentum_stop_atr=0.2, stop_min_atr=0.5), 103.3),
    ],
)
def test_initial_stop(side: Side, price: float, settings: Signals, expected: float) -> None:
    reading, _ = look(g(301)[1])
    found = momentum_stop(np.array([float(side.sign)]), np.array([price]), reading, settings)
    assert found.tolist() == pytest.approx([expected], rel=1e-12)


@pytest.mark.parametrize(
    ("side", "price", "expected"),
    [(Side.LONG, 102.2, 101.6), (Side.LONG, 103.6, 102.82), (Side.SHORT, 103.0, 103.6)],
)
def test_stop_of_a_retest(side: Side, price: float, expected: float) -> None:
    reading, _ = look(g(301)[1])
    found = retest_stop(np.array([float(side.sign)]), np.array([price]), reading, Signals())
    assert found.tolist() == pytest.approx([expected], rel=1e-12)
