"""Rows laid out, judged and summed up: stages, the setup that came farthest, what is in the way."""

import math
from collections.abc import Mapping

import numpy as np
import pytest

from engine.core import settings as keys
from engine.core.checks import (
    BROKE,
    CANDLE_ONLY,
    CHECKS,
    CONFIRMED,
    ESSENTIAL,
    IN_BAND,
    KINDS,
    LIQUID,
    NEAR,
    SEEN,
    Row,
    Sheet,
    build_check,
    lay_out,
    merged,
)
from engine.core.diagnosis import Miss, concerns, diagnose, misses, near_miss
from engine.core.values import Check, CheckStatus, Setup

FAIL, GOOD, BLIND = 1.0, 2.0, np.nan  # against a need of 2
SETUPS = (Setup.MOMENTUM, Setup.RETEST)


def sheet(values: Mapping[str, float], policy: keys.Checks | None = None) -> Sheet:
    """One symbol whose rows are all good, unless said otherwise."""
    rows = []
    for name in reversed(KINDS):
        value = np.array([values.get(name, GOOD)])
        rows.append(Row(name, value, 2.0, value >= 2))
    return lay_out(rows, policy or keys.Checks())


def test_rows_stand_in_the_order_of_the_table() -> None:
    assert [row.name for row in sheet({}).rows] == list(KINDS)
    assert {*CHECKS, *ESSENTIAL} == set(KINDS)
    assert set(CANDLE_ONLY) < set(CHECKS)


def test_a_check_is_built_when_it_is_read() -> None:
    checks = sheet({"atr15": FAIL, "oi": BLIND}).checks(0)
    assert len(checks) == len(KINDS)
    assert checks[6] == Check("atr15", "candle", CheckStatus.FAIL, 1.0, 2.0)
    assert checks[4] == Check("oi", "ticker", CheckStatus.UNKNOWN, None, 2.0, "not enough bars")
    assert checks[-1].name == "confidence"
    assert checks[2:4] == (checks[2], checks[3])
    assert checks == tuple(checks)
    assert checks != tuple(checks)[1:]
    assert checks != 5
    with pytest.raises(IndexError):
        checks[len(KINDS)]


@pytest.mark.parametrize(
    ("values", "setup", "stage", "blocked_by"),
    [
        ({}, 0, CONFIRMED, None),
        ({"warmup": FAIL}, 0, SEEN, "warmup"),
        ({"spread": BLIND, "atr15": FAIL}, 0, SEEN, "spread"),
        ({"atr15": FAIL, "break": FAIL}, 0, LIQUID, "atr15"),
        ({"near": FAIL, "break": FAIL, "pullback": FAIL}, 0, IN_BAND, "break"),
        ({"near": BLIND}, 0, IN_BAND, None),
        ({"break": FAIL, "break_record": FAIL}, 0, NEAR, "break"),
        ({"volume": FAIL, "pullback": FAIL}, 0, BROKE, "volume"),
        ({"break": FAIL}, 1, CONFIRMED, None),
        ({"break": FAIL, "hold": FAIL, "imbalance": BLIND}, 1, BROKE, "hold"),
        ({"volume": FAIL, "reaction": FAIL}, 0, BROKE, "volume"),
        ({"vwap_gap": FAIL, "btc_corr": BLIND}, 0, CONFIRMED, None),
    ],
)
def test_how_far_it_came(
    values: dict[str, float], setup: int, stage: int, blocked_by: str | None
) -> None:
    found = diagnose(sheet(values), SETUPS)
    assert (found.setup.tolist(), found.stage.tolist()) == ([setup], [stage])
    assert found.blocked_by == (blocked_by,)


def test_the_order_of_setups_decides_between_equals() -> None:
    found = diagnose(sheet({"volume": FAIL, "reaction": FAIL}), SETUPS[::-1])
    assert (found.setup.tolist(), found.blocked_by) == ([0], ("reaction",))
    alone = diagnose(sheet({"break": FAIL}), SETUPS[:1])
    assert (alone.stage.tolist(), alone.is_signal.tolist()) == ([NEAR], [False])


def test_quiet_is_neither_a_break_nor_a_return() -> None:
    quiet = {"break": FAIL, "pullback": FAIL}
    assert diagnose(sheet(quiet), SETUPS).is_quiet.tolist() == [True]
    assert diagnose(sheet(quiet | {"break": GOOD}), SETUPS).is_quiet.tolist() == [False]
    assert diagnose(sheet({"break": FAIL}), SETUPS).is_quiet.tolist() == [False]


def test_what_is_excluded_is_not_evaluated() -> None:
    policy = keys.Checks(excluded=("volume", "near", "break"))
    found = sheet({"volume": FAIL, "near": BLIND, "break": FAIL}, policy)
    status = {c.name: c.status for c in found.checks(0)}
    assert status["volume"] is status["near"] is CheckStatus.EXCLUDED
    assert status["break"] is CheckStatus.FAIL  # nobody may exclude it
    assert diagnose(sheet({"volume": FAIL, "near": BLIND}, policy), SETUPS).stage.tolist() == [
        CONFIRMED
    ]


def test_an_unknown_may_pass_on_paper_but_not_what_a_signal_is_made_of() -> None:
    policy = keys.Checks(unknown_policy="pass")
    assert diagnose(sheet({"tpm": BLIND, "body": BLIND}, policy), SETUPS).blocked_by == (None,)
    blind = sheet(dict.fromkeys(("break", "break_record"), BLIND), policy)
    assert diagnose(blind, SETUPS).stage.tolist() == [NEAR]
    assert next(c for c in sheet({"tpm": BLIND}, policy).checks(0) if c.name == "tpm").is_advisory


def test_a_row_whose_parameter_is_off_stands_in_nobodys_way() -> None:
    nothing = np.array([GOOD])
    rows = [Row(name, nothing, 2.0, nothing >= 2) for name in ("warmup", "near", "break")]
    found = diagnose(lay_out(rows, keys.Checks()), SETUPS)
    assert (found.stage.tolist(), found.is_quiet.tolist()) == ([CONFIRMED], [False])
    bare = diagnose(lay_out(rows[:2], keys.Checks()), SETUPS[1:])
    assert bare.is_quiet.tolist() == [True]


def test_a_row_of_two_setups_shows_each_symbol_its_own() -> None:
    first = Row("chase", np.array([1.0, 2.0]), 3.0, np.array([True, True]))
    second = Row("chase", np.array([4.0, np.nan]), 3.0, np.array([False, False]), words=("a", "b"))
    both = merged((first, second), np.array([True, False]))
    assert (both.value.tolist(), both.ok.tolist()) == ([4.0, 2.0], [False, True])
    assert both.words == ("a", "")
    unknown = merged((first, second), np.array([True, True]))
    assert unknown.known is not None
    assert unknown.known.tolist() == [True, False]


def row(
    name: str,
    value: float | None,
    need: float | tuple[float, float] | None,
    status: CheckStatus = CheckStatus.FAIL,
    **more: object,
) -> Check:
    return Check(name, "candle", status, value, need, **more)  # type: ignore[arg-type] # reason, is_advisory


def test_each_row_belongs_to_the_setups_that_need_it() -> None:
    both = ("atr15", "chase", "slots")  # the rows of risk are not in the table
    assert all(concerns(name, setup) for name in both for setup in SETUPS)
    assert [concerns("volume", setup) for setup in SETUPS] == [True, False]
    assert [concerns("pullback", setup) for setup in SETUPS] == [False, True]


def test_misses_are_the_numbers_in_the_way_of_a_setup_nearest_first() -> None:
    rows = (
        row("atr15", 0.45, (0.5, 12.0)),
        row("volume", 1.12, 1.4),
        row("body", -0.3, 0.3),
        row("slope", 0.1, -2.0),
        row("break", -0.4, 0.0),  # in percent of nothing
        row("spread", None, 30.0, CheckStatus.UNKNOWN),
        row("blackout", None, None),
        row("near", 0.9, 0.5, is_advisory=True),
        row("surge_1h", 1.3, 1.15, CheckStatus.PASS),
        row("reaction", 0.1, 0.2),
        row("break_record", 7.0, (1.0, 30.0), reason="this side is not traded"),
    )
    assert [(m.name, round(m.pct, 9)) for m in misses(rows, Setup.MOMENTUM)] == [
        ("atr15", 10.0),
        ("volume", 20.0),
        ("slope", 105.0),
        ("body", 200.0),
    ]
    assert [m.name for m in misses(rows, Setup.RETEST)] == ["atr15", "reaction"]
    assert misses((row("atr15", 15.0, (0.5, 12.0)),), Setup.RETEST) == (Miss("atr15", 25.0),)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ((row("volume", 1.26, 1.4),), "volume"),
        ((row("volume", 1.25, 1.4),), None),
        ((row("volume", 1.26, 1.4), row("reaction", 0.1, 0.9)), "volume"),
        ((row("volume", 1.26, 1.4), row("body", 0.29, 0.3)), None),
        ((row("volume", 1.26, 1.4), row("oi", None, 1.0, CheckStatus.UNKNOWN)), None),
        ((row("volume", 1.26, 1.4), row("oi", None, None, CheckStatus.EXCLUDED)), "volume"),
        ((row("break", -0.01, 0.0),), None),
        ((), None),
    ],
)
def test_a_near_miss_has_one_row_in_the_way(rows: tuple[Check, ...], expected: str | None) -> None:
    found = near_miss(rows, Setup.MOMENTUM)
    assert (None if found is None else found.name) == expected


def test_build_check() -> None:
    table = [
        (1.0, True, CheckStatus.PASS, 1.0),
        (1.0, False, CheckStatus.FAIL, 1.0),
        (None, True, CheckStatus.PASS, None),
        (None, False, CheckStatus.FAIL, None),
        (1.0, None, CheckStatus.UNKNOWN, None),
        (math.nan, True, CheckStatus.UNKNOWN, None),
    ]
    for value, ok, status, shown in table:
        expected = Check("cost", "risk", status, shown, 0.4)
        assert build_check("cost", "risk", value, 0.4, ok) == expected
