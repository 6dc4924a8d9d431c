import numpy as np
import pytest

from engine.sim.script import BAR_MIN, BREAK_BAR, CYCLE_BARS, JITTER, Script, draw_script

CYCLE = CYCLE_BARS * BAR_MIN


def draw(seed: int) -> Script:
    return draw_script(np.random.default_rng(seed), 5.0)


@pytest.mark.parametrize("seed", range(20))
def test_knots_run_from_the_start_to_the_end_of_the_cycle(seed: int) -> None:
    script = draw(seed)
    assert (script.minutes[0], script.minutes[-1]) == (0, CYCLE)
    assert (np.diff(script.minutes) > 0).all()
    assert script.heights[0] == pytest.approx(0)
    assert script.heights[-1] == pytest.approx(5)
    for series in (script.vol, script.wick, script.volume):
        assert series.shape == (CYCLE,)
        assert (series > 0).all()


@pytest.mark.parametrize("seed", range(20))
def test_the_break_leaves_the_range_within_its_bar(seed: int) -> None:
    script = draw(seed)
    last_inside = script.range_to - 1
    assert last_inside % BAR_MIN == 0
    assert abs(last_inside / BAR_MIN - BREAK_BAR) <= JITTER
    heights = np.interp(np.arange(CYCLE + 1), script.minutes, script.heights)
    inside = heights[script.range_from : script.range_to]
    assert ((inside >= script.low - 1e-9) & (inside <= script.high + 1e-9)).all()
    out = heights[last_inside + BAR_MIN]
    assert out < script.low - 0.5 or out > script.high + 0.5


def test_folding_reflects_only_inside_the_range() -> None:
    script = draw(1)
    width = script.high - script.low
    path = np.full(CYCLE + 1, script.high + 0.25 * width)
    folded = script.fold(path)
    inside = slice(script.range_from, script.range_to)
    assert folded[inside] == pytest.approx(script.high - 0.25 * width)
    folded[inside] = path[inside]
    assert np.array_equal(folded, path)


def test_most_breaks_but_not_all_come_with_volume() -> None:
    def mult(script: Script) -> float:
        return float(script.volume[script.range_to] / script.volume[script.range_to - 2])

    loud = sum(mult(draw(seed)) > 3 for seed in range(200))
    assert 130 < loud < 190
