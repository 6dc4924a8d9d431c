"""The simulated world: what a run reports, and what a failure says."""

import pickle

import pytest

from engine.core import events as e
from engine.core.values import Ms
from engine.sim.draw import draw
from engine.sim.life import Life
from engine.sim.report import Batch, replay, run_batch, tell_batch, tell_failure
from engine.sim.world import CALM_MS, Failure, World, run

CALM, ROUGH = 0, 5


def test_a_run_without_faults() -> None:
    scenario, done = draw(CALM), run(CALM)
    assert done.seed == CALM
    assert done.faults == {}
    assert done.lives == 1
    assert done.virtual_ms == 60_000 * scenario.minutes + CALM_MS
    assert min(done.steps, done.facts, done.trades, len(done.last)) > 0


def test_a_run_with_faults() -> None:
    done = run(ROUGH)
    assert sum(done.faults.values()) > 0
    assert done.digest != run(CALM).digest


def test_what_the_exchange_must_not_see_ends_the_run() -> None:
    world = World(draw(CALM))
    world.truth.problems.append(("I04", "planted"))
    with pytest.raises(Failure) as failure:
        world.run()
    assert (failure.value.seed, failure.value.invariant) == (CALM, "I04")
    assert failure.value.words == "planted"
    assert failure.value.at_ms == world.scenario.start_ms
    assert str(failure.value) == f"seed 0: I04 at {world.scenario.start_ms}: planted"
    again = pickle.loads(pickle.dumps(failure.value))  # noqa: S301 -- what we just wrote
    assert (again.args, again.facts) == (failure.value.args, failure.value.facts)


def test_a_step_that_raises_is_a_broken_promise() -> None:
    class Odd(e.Event, frozen=True):
        """Nothing the engine knows."""

    world = World(draw(CALM))
    world.work.after(0, 4, lambda: world.give(alive(world), Odd()))  # type: ignore[arg-type] # last
    with pytest.raises(Failure) as failure:
        world.run()
    assert failure.value.invariant == "step"
    assert "an event nobody handles" in failure.value.words


def alive(world: World) -> Life:
    assert world.life is not None
    return world.life


def test_a_batch_is_the_same_on_one_process_and_on_two() -> None:
    one, two = run_batch(range(2)), run_batch(range(2), jobs=2)
    assert one.runs == two.runs
    assert [r.seed for r in one.runs] == [0, 1]
    assert one.failures == two.failures == []


def failed(seed: int, at_ms: Ms = 7) -> Failure:
    return Failure(seed, "I01", at_ms, ("bare", ["1 at 5: Booted", "2 at 6: Funded"]))


def test_a_failure_in_words() -> None:
    assert tell_failure(failed(9)).splitlines() == [
        "1 at 5: Booted",
        "2 at 6: Funded",
        "seed 9: I01 broken at 7: bare",
        "again: make sim SEED=9",
    ]


def test_a_batch_in_words() -> None:
    batch = Batch(runs=[run(CALM)], failures=[failed(n) for n in range(1, 8)], seconds=2.0)
    words = tell_batch(batch).splitlines()
    assert words[0] == "seeds 8, failed 7, 2.0 s, 4.0 seeds/s"
    assert words[2] == "broken: I01 7"
    assert words[3] == "faults: "
    assert words[5].startswith("never: lost_request, lost_response, ")
    assert [line for line in words if line.startswith("again")] == [
        f"again: make sim SEED={n}" for n in range(1, 6)
    ]


def test_a_batch_that_kept_every_promise_says_so() -> None:
    assert "broken: nothing" in tell_batch(Batch())


def test_one_seed_in_words() -> None:
    words, is_broken = replay(CALM)
    assert not is_broken
    assert words.splitlines()[-1].startswith("seed 0: kept every promise; ")
