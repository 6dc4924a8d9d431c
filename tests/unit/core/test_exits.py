import msgspec
import pytest

from builders import INSTRUMENT, D
from engine.core.exits import Protection, Snapshot, exit_rule, ladder, protection
from engine.core.settings import Exits
from engine.core.values import Side, StopKind, Target

LONG = Snapshot(
    side=Side.LONG,
    entry=D(100),
    avg=D(100),
    stop=D(98),
    targets_filled=0,
    bars_held=6,
)
replace = msgspec.structs.replace


@pytest.mark.parametrize(
    ("bars", "close", "rule"),
    [
        (6, 99.9, "time_stop"),  # 1800 s old and not in profit
        (6, 100.1, None),
        (5, 99.9, None),
        (240, 101.0, "max_hold"),
        (239, 101.0, None),
        (240, 99.0, "time_stop"),  # both hold: the first names it
    ],
)
def test_exit_rules_of_a_long(bars: int, close: float, rule: str | None) -> None:
    exits = Exits(time_stop_s=1800, max_hold_s=72_000)
    assert exit_rule(replace(LONG, bars_held=bars), close, 300, exits) == rule


def test_time_stop_of_a_short_and_its_off_switch() -> None:
    short = replace(LONG, side=Side.SHORT)
    assert exit_rule(short, 100.1, 300, Exits(time_stop_s=1800)) == "time_stop"
    assert exit_rule(short, 100.1, 300, Exits(time_stop_s=0)) is None


def test_breakeven_covers_two_taker_fees_and_rounds_away() -> None:
    after = replace(LONG, targets_filled=1)
    assert protection(LONG, INSTRUMENT, Exits()) is None
    # 100 * (1 + 11 bps) = 100.11
    assert protection(after, INSTRUMENT, Exits()) == Protection(D("100.11"), StopKind.BREAKEVEN)
    short = replace(after, side=Side.SHORT, entry=D(50), avg=D(50), stop=D("50.60"))
    assert protection(short, INSTRUMENT, Exits()) == Protection(D("49.95"), StopKind.BREAKEVEN)


def test_a_stop_only_tightens_and_by_a_tick_at_least() -> None:
    there = replace(LONG, targets_filled=1, stop=D("100.11"))
    assert protection(there, INSTRUMENT, Exits()) is None
    beyond = replace(LONG, targets_filled=1, stop=D("100.20"))
    assert protection(beyond, INSTRUMENT, Exits()) is None
    off = Exits(be_after_targets=0)
    assert protection(replace(LONG, targets_filled=1), INSTRUMENT, off) is None


def test_the_ladder_rounds_toward_the_entry() -> None:
    exits = Exits(targets=((1.5, 0.4),))
    assert ladder(Side.LONG, D(100), D(2), D("12.3"), (INSTRUMENT, exits)) == (
        Target(1.5, D("103.00"), D("4.9")),
    )
    assert ladder(Side.SHORT, D(50), D("0.6"), D(100), (INSTRUMENT, exits)) == (
        Target(1.5, D("49.10"), D("40.0")),
    )


def test_a_rung_below_the_minima_joins_the_runner() -> None:
    assert ladder(Side.LONG, D(10), D(1), D("0.2"), (INSTRUMENT, Exits())) == ()
