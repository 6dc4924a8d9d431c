"""The exit rules, the stop that only tightens and the add-on, one by one."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from builders import INSTRUMENT, D
from engine.core.exits import (
    Leave,
    Protection,
    Snapshot,
    activity,
    addon_qty,
    exit_rule,
    move_r,
    protect,
    wants_addon,
)
from engine.core.terms import Exits
from engine.core.values import Side, StopKind

LONG = Snapshot(
    side=Side.LONG,
    entry=D(100),
    avg=D(100),
    qty0=D(10),
    qty=D(10),
    dist0=D(2),
    level_price=99.5,
    atr0=0.8,
    vol0=1000.0,
    stop=D(98),
    stop_kind=StopKind.INITIAL,
    targets_filled=0,
    bars_held=2,
    best=100.9,
    worst=99.0,
    addon_done=False,
)
BREAKEVEN, TRAILING = StopKind.BREAKEVEN, StopKind.TRAILING


def seen(**changes: Any) -> Snapshot:  # noqa: ANN401 -- any field
    return msgspec.structs.replace(LONG, **changes)


def short(**changes: Any) -> Snapshot:  # noqa: ANN401 -- any field
    """LONG seen from below: every price `x` is `200 - x`."""
    turned = {
        "side": Side.SHORT,
        "level_price": 100.5,
        "stop": D(102),
        "best": 99.1,
        "worst": 101.0,
    }
    return seen(**{**turned, **changes})


def rule(at: Snapshot, close: float, pace: float | None = None, **exits: Any) -> str | None:  # noqa: ANN401 -- any key
    return exit_rule(at, close, pace, 300, Exits(**exits))


# -- golden exit rules -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bars_held", "close", "expected"),
    [
        (2, 99.2, "failed_breakout"),
        (2, 99.3, None),  # on the limit: 99.5 - 0.25*0.8, where floats fall below
        (2, 99.35, None),
        (3, 99.2, "failed_breakout"),
        (4, 99.2, None),
        (96, 100.5, "no_progress"),  # 0.25R
        (96, 100.6, None),  # 0.3R exactly, where floats fall below
        (96, 100.7, None),
        (95, 100.5, None),
        (240, 101.0, "max_hold"),
        (239, 101.0, None),
    ],
)
def test_golden_rules_of_the_defaults(bars_held: int, close: float, expected: str | None) -> None:
    assert rule(seen(bars_held=bars_held), close) == expected
    assert rule(short(bars_held=bars_held), 200 - close) == expected


@pytest.mark.parametrize(
    ("bars_held", "best", "expected"),
    [(3, 100.9, "weak_impulse"), (3, 101.0, None), (3, 101.1, None), (2, 100.9, None)],
)
def test_golden_weak_impulse(bars_held: int, best: float, expected: str | None) -> None:
    wanted = {"weak_impulse_bars": 3, "weak_impulse_min_r": 0.5}
    assert rule(seen(bars_held=bars_held, best=best), 100.2, **wanted) == expected
    assert rule(short(bars_held=bars_held, best=200 - best), 99.8, **wanted) == expected


@pytest.mark.parametrize(
    ("bars_held", "close", "expected"),
    [(6, 99.9, "time_stop"), (6, 100.1, None), (6, 100.0, None), (5, 99.9, None)],
)
def test_golden_time_stop(bars_held: int, close: float, expected: str | None) -> None:
    assert rule(seen(bars_held=bars_held), close, time_stop_s=1800) == expected
    assert rule(short(bars_held=bars_held), 200 - close, time_stop_s=1800) == expected


@pytest.mark.parametrize(
    ("volumes", "bars_held", "expected"),
    [
        ([500.0, 300.0, 250.0], 3, "activity_drop"),
        ([500.0, 400.0, 350.0], 3, None),
        ([400.0, 400.0, 400.0], 3, None),  # on the threshold
        ([500.0, 300.0, 250.0], 2, None),
    ],
)
def test_golden_activity_drop(volumes: list[float], bars_held: int, expected: str | None) -> None:
    pace = activity(volumes, LONG.vol0)
    wanted = {"activity_bars": 3, "activity_min_mult": 0.4}
    assert rule(seen(bars_held=bars_held), 100.2, pace, **wanted) == expected


def test_golden_stop_that_cannot_rest() -> None:
    after = seen(targets_filled=1)
    terms = (INSTRUMENT, Exits())
    assert protect(after, None, 100.05, terms) == Leave("BREAKEVEN")
    assert protect(after, None, 100.11, terms) == Leave("BREAKEVEN")
    assert protect(after, None, 100.12, terms) == Protection(D("100.11"), BREAKEVEN)
    assert protect(after, None, None, terms) == Protection(D("100.11"), BREAKEVEN)


@pytest.mark.parametrize(("stop", "qty"), [("98", "0"), ("99.5", "3.0")])
def test_golden_addon(stop: str, qty: str) -> None:
    exits, at = Exits(addon_enabled=True), seen(stop=D(stop))
    assert wants_addon(at, 101.2, 101.0, 500.0, exits)
    assert addon_qty(at, 101.2, INSTRUMENT, exits) == D(qty)


# -- exit rules: precedence, switches, unknowns ------------------------------------------------

ALL_DUE = {
    "failed_break_bars": 50,
    "activity_bars": 3,
    "weak_impulse_bars": 3,
    "no_progress_s": 900,
    "time_stop_s": 900,
    "max_hold_s": 900,
}
SWITCHES = {
    "failed_breakout": "failed_break_bars",
    "activity_drop": "activity_bars",
    "weak_impulse": "weak_impulse_bars",
    "no_progress": "no_progress_s",
    "time_stop": "time_stop_s",
}


def test_the_first_of_several_due_rules_names_it_and_zero_switches_it_off() -> None:
    at, exits, named = seen(bars_held=3, best=100.1), dict(ALL_DUE), []
    for name, switch in SWITCHES.items():
        named.append(rule(at, 99.0, 0.1, **exits))
        assert named[-1] == name
        exits[switch] = 0
    assert rule(at, 99.0, 0.1, **exits) == "max_hold"


def test_a_filled_target_silences_the_rules_of_young_trades() -> None:
    at = seen(bars_held=3, best=100.1, targets_filled=1)
    assert rule(at, 99.0, 0.1, **ALL_DUE) == "time_stop"


def test_what_is_unknown_fires_nothing() -> None:
    at = seen(bars_held=3, atr0=None, best=None, dist0=D(0))
    assert rule(at, 90.0, None, **{**ALL_DUE, "max_hold_s": 1200}) is None
    assert rule(at, 90.0, None, **ALL_DUE) == "max_hold"


def test_a_bar_not_yet_held_is_within_no_window_that_is_off() -> None:
    assert rule(seen(bars_held=0), 90.0, failed_break_bars=0) is None


def test_activity_needs_volumes_and_something_to_compare_them_with() -> None:
    assert activity([500.0, 300.0, 250.0], 1000.0) == 0.35
    assert activity([0.0, 0.0], 1000.0) == 0.0
    unknown = [([], 1000.0), ([5.0], None), ([5.0], 0.0), ([5.0, float("nan")], 10.0)]
    assert [activity(volumes, vol0) for volumes, vol0 in unknown] == [None] * 4


def test_moves_in_r_are_exact_and_directed() -> None:
    assert move_r(LONG, 100.6) == D("0.3")
    assert move_r(short(), 100.6) == D("-0.3")
    assert move_r(seen(avg=D("100.4")), 100.6) == D("0.3")  # of the entry, not of the average
    assert move_r(LONG, None) is None
    assert move_r(seen(dist0=D(0)), 100.6) is None


# -- protection --------------------------------------------------------------------------------


def moved(at: Snapshot, atr: float | None = None, **exits: Any) -> Protection | Leave | None:  # noqa: ANN401 -- any key
    return protect(at, atr, None, (INSTRUMENT, Exits(**exits)))


def test_breakeven_covers_two_taker_fees_or_the_buffer() -> None:
    after = seen(targets_filled=1)
    assert moved(LONG) is None
    assert moved(after) == Protection(D("100.11"), BREAKEVEN)
    assert moved(after, be_buffer_bps=20) == Protection(D("100.20"), BREAKEVEN)
    assert moved(after, be_after_targets=2) is None
    assert moved(after, be_after_targets=0) is None
    # of the average price, which an add-on moves
    assert moved(seen(targets_filled=1, avg=D("100.40"))) == Protection(D("100.51"), BREAKEVEN)


def test_breakeven_of_a_short_rounds_up() -> None:
    at = short(entry=D(50), avg=D(50), stop=D("50.60"), dist0=D("0.6"), targets_filled=1)
    assert moved(at) == Protection(D("49.95"), BREAKEVEN)  # 49.945


@pytest.mark.parametrize(
    ("best", "due"), [(100.59, False), (100.6, True), (100.61, True), (None, False)]
)
def test_breakeven_by_the_best_move(best: float | None, due: bool) -> None:  # noqa: FBT001 -- a table
    expected = Protection(D("100.11"), BREAKEVEN) if due else None
    assert moved(seen(best=best), be_trigger_r=0.3) == expected
    assert moved(seen(best=best), be_trigger_r=0) is None


@pytest.mark.parametrize(
    ("best", "atr", "expected"),
    [
        (102.99, 1.0, None),
        (103.0, 1.0, "100.70"),  # armed at 1.5R exactly
        (103.3, 1.0, "101.00"),
        (103.3, 0.6321428571, "101.84"),  # 101.84607..., down a tick
        (103.3, None, None),
        (None, 1.0, None),
    ],
)
def test_trailing_hangs_below_the_best(
    best: float | None, atr: float | None, expected: str | None
) -> None:
    wanted = None if expected is None else Protection(D(expected), TRAILING)
    assert moved(seen(best=best), atr) == wanted


def test_trailing_of_a_short_hangs_above_the_best() -> None:
    assert moved(short(best=96.7), 0.6321428571) == Protection(D("98.16"), TRAILING)
    assert moved(short(best=97.01), 1.0) is None


def test_trailing_tightens_after_a_long_way() -> None:
    exits = {"trail_tight_from_r": 2.0, "trail_tight_atr": 1.5}
    assert moved(seen(best=103.9), 1.0, **exits) == Protection(D("101.60"), TRAILING)
    assert moved(seen(best=104.0), 1.0, **exits) == Protection(D("102.50"), TRAILING)
    assert moved(seen(best=104.0), 1.0, trail_tight_atr=1.5) == Protection(D("101.70"), TRAILING)


@pytest.mark.parametrize(
    ("stop", "least_atr", "due"),
    [
        ("100.90", 0.1, True),  # a step of 0.10 exactly
        ("100.91", 0.1, False),
        ("100.99", 0.0, True),  # one tick
        ("101.00", 0.0, False),
        ("101.50", 0.0, False),
    ],
)
def test_a_trailing_step_is_worth_an_order(stop: str, least_atr: float, due: bool) -> None:  # noqa: FBT001 -- a table
    expected = Protection(D("101.00"), TRAILING) if due else None
    at = seen(best=103.3, stop=D(stop), stop_kind=TRAILING)
    assert moved(at, 1.0, trail_step_min_atr=least_atr) == expected


@pytest.mark.parametrize(("stop", "due"), [("100.10", True), ("100.11", False), ("100.2", False)])
def test_breakeven_replaces_what_is_a_tick_looser(stop: str, due: bool) -> None:  # noqa: FBT001 -- a table
    expected = Protection(D("100.11"), BREAKEVEN) if due else None
    assert moved(seen(targets_filled=1, stop=D(stop))) == expected


def test_the_tightest_armed_stop_wins() -> None:
    assert moved(seen(targets_filled=1, best=103.3), 1.0) == Protection(D("101.00"), TRAILING)
    assert moved(seen(targets_filled=1, best=103.3), 1.4) == Protection(D("100.11"), BREAKEVEN)
    both = seen(targets_filled=1, best=103.11)
    assert moved(both, 1.0, trail_atr=3.0) == Protection(D("100.11"), BREAKEVEN)


def test_a_trail_not_worth_an_order_does_not_keep_breakeven_away() -> None:
    at = seen(targets_filled=1, best=103.3, stop=D("100.05"))
    wanted = moved(at, 1.0, trail_step_min_atr=1.0)
    assert wanted == Protection(D("100.11"), BREAKEVEN)
    later = seen(targets_filled=1, best=103.3, stop=D("100.11"), stop_kind=BREAKEVEN)
    assert moved(later, 1.0, trail_step_min_atr=1.0) is None


def test_a_trailing_stop_beyond_the_close_leaves() -> None:
    terms, at = (INSTRUMENT, Exits()), seen(best=103.3)
    assert protect(at, 1.0, 101.0, terms) == Leave("TRAILING")
    assert protect(at, 1.0, 101.01, terms) == Protection(D("101.00"), TRAILING)
    assert protect(short(best=96.7), 1.0, 99.0, terms) == Leave("TRAILING")
    assert protect(short(best=96.7), 1.0, 98.99, terms) == Protection(D("99.00"), TRAILING)
    # the stop that stands is the exchange's to trigger, however low the close
    assert protect(seen(best=103.3, stop=D("101.00")), 1.0, 90.0, terms) is None


def test_without_a_distance_only_targets_arm() -> None:
    at = seen(dist0=D(0), best=150.0)
    assert moved(at, 1.0, be_trigger_r=0.1, trail_from_r=0) is None
    filled = seen(dist0=D(0), best=150.0, targets_filled=1)
    assert moved(filled, 1.0) == Protection(D("100.11"), BREAKEVEN)


# -- add-on ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("close", "ema", "obv", "wanted"),
    [
        (101.0, 101.0, 1.0, True),  # 0.5R exactly
        (100.99, 101.0, 1.0, False),
        (101.0, 101.0, 0.0, False),
        (101.0, 101.0, -1.0, False),
        (200.0, 199.0, 1.0, True),  # 50 bps exactly
        (102.0, 101.495, 1.0, True),
        (102.0, 101.48, 1.0, False),
        (102.0, 102.52, 1.0, False),
        (102.0, None, 1.0, False),
        (102.0, 102.0, None, False),
        (102.0, float("nan"), 1.0, False),
        (102.0, 102.0, float("nan"), False),
    ],
)
def test_an_addon_needs_profit_nearness_and_volume(
    close: float,
    ema: float | None,
    obv: float | None,
    wanted: bool,  # noqa: FBT001 -- a table
) -> None:
    exits = Exits(addon_enabled=True)
    assert wants_addon(LONG, close, ema, obv, exits) is wanted
    assert not wants_addon(LONG, close, ema, obv, Exits())
    assert not wants_addon(seen(addon_done=True), close, ema, obv, exits)


def test_an_addon_of_a_short_needs_falling_volume() -> None:
    exits = Exits(addon_enabled=True)
    assert wants_addon(short(), 99.0, 99.0, -1.0, exits)
    assert not wants_addon(short(), 99.0, 99.0, 1.0, exits)
    assert not wants_addon(short(), 101.0, 101.0, -1.0, exits)


@pytest.mark.parametrize(
    ("changes", "close", "qty"),
    [
        ({"stop": D("98.5")}, 101.2, "1.8"),  # (20 - 15)/2.7 = 1.85
        ({"stop": D("100.11")}, 101.2, "3.0"),  # the share, room is plenty
        ({"stop": D("99.5"), "qty": D(1)}, 101.2, "3.0"),
        ({"stop": D("99.5")}, 99.5, "0"),  # a stop that is not below the price
        ({"stop": D("99.5")}, 99.4, "0"),
        ({"stop": D("97.9")}, 101.2, "0"),  # room below nothing
        ({"stop": D("99.5"), "qty0": D("0.3"), "qty": D("0.3")}, 101.2, "0"),  # a lot is too much
        ({"stop": D("99.5"), "avg": D(101)}, 101.2, "2.9"),  # (20 - 15)/1.7 = 2.94, of the average
    ],
)
def test_an_addon_never_risks_more_than_the_start(
    changes: dict[str, Decimal], close: float, qty: str
) -> None:
    assert addon_qty(seen(**changes), close, INSTRUMENT, Exits()) == D(qty)


def test_an_addon_below_the_minima_is_skipped() -> None:
    at = seen(stop=D("99.5"))
    terms: tuple[dict[str, Decimal], ...] = (
        {"qty_min": D("3.1")},
        {"notional_min": D("303.61")},
        {"qty_min": D("3.0"), "notional_min": D("303.6")},
    )
    made = [addon_qty(at, 101.2, msgspec.structs.replace(INSTRUMENT, **t), Exits()) for t in terms]
    assert made == [D(0), D(0), D("3.0")]


def test_an_addon_of_a_short() -> None:
    assert addon_qty(short(stop=D("101.5")), 98.8, INSTRUMENT, Exits()) == D("1.8")
