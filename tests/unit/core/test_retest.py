"""RETEST on series G: the golden case of strategy A.5, its failures, and what is told meanwhile."""

from collections.abc import Mapping

import numpy as np
import pytest

from engine.core.breaks import NONE, find_breaks
from engine.core.checks import Row
from engine.core.detect import Detection, detect
from engine.core.indicators import Floats
from engine.core.market import Window
from engine.core.retest import find_retests, retest
from engine.core.settings import Settings, Signals
from series import g, mirror

BREAK = 300
Changes = Mapping[tuple[str, int], float]


def changed(changes: Changes) -> Floats:
    """G with some values replaced."""
    ohlcv = g(305)[1]
    for (name, bar), value in changes.items():
        ohlcv["ohlcv".index(name), bar] = value
    return ohlcv


def window_of(*histories: Floats) -> Window:
    times = g(histories[0].shape[1])[0]
    rows = np.stack(histories)
    return Window(np.tile(times, (len(rows), 1)), rows, np.full(len(rows), rows.shape[-1]))


def found(ohlcv: Floats, signals: Signals | None = None) -> Detection:
    return detect(window_of(ohlcv), Settings(signals=signals or Signals()))


def told(of: Detection) -> list[tuple[int, str, int, float]]:
    """Bar, setup, side and stop, to seven digits, of each signal."""
    columns = (x.tolist() for x in (of.bar, of.setup, of.sign, of.stop))
    return [
        (bar, ("MOMENTUM", "RETEST")[setup], sign, round(stop, 7))
        for bar, setup, sign, stop in zip(*columns, strict=True)
    ]


def rows_at(bar: int, ohlcv: Floats, signals: Signals | None = None) -> dict[str, Row]:
    """What the rows of a retest say at a bar, of the break at 300 alone."""
    settings = Settings(signals=signals or Signals())
    window = window_of(ohlcv[:, : bar + 1])
    return {r.name: r for r in retest(window, find_breaks(window, settings), settings)}


def test_golden_long_and_short() -> None:
    assert told(found(g(305)[1])) == [
        (300, "MOMENTUM", 1, 101.48),
        (304, "RETEST", 1, 101.5678571),
    ]
    whole = found(g(305)[1])
    assert whole.price.tolist() == [102.2, 102.2]
    assert whole.entry.tolist() == [103.0, 102.75]
    assert whole.break_bar.tolist() == [BREAK, BREAK]
    assert told(found(mirror(g(305)[1]))) == [
        (300, "MOMENTUM", -1, 98.52),
        (304, "RETEST", -1, 98.4321429),
    ]


@pytest.mark.parametrize(
    ("changes", "signals", "expected"),
    [
        ({("v", 300): 1500}, Signals(), []),
        ({("c", 300): 103.15, ("h", 300): 103.20}, Signals(), [(304, "RETEST", 1, 101.5571429)]),
        ({}, Signals(body_min_frac=0.95), [(304, "RETEST", 1, 101.5678571)]),
        ({("l", 303): 101.98}, Signals(), [(300, "MOMENTUM", 1, 101.48)]),
        (
            {("l", 303): 102.00},
            Signals(),
            [(300, "MOMENTUM", 1, 101.48), (304, "RETEST", 1, 101.55)],
        ),
        (
            {("c", 303): 101.95, ("o", 304): 101.95, ("l", 303): 101.90, ("l", 304): 101.90},
            Signals(),
            [(300, "MOMENTUM", 1, 101.48)],
        ),
        ({("c", 304): 102.30}, Signals(), [(300, "MOMENTUM", 1, 101.48)]),
        ({}, Signals(retest_depart_atr=2.5), [(300, "MOMENTUM", 1, 101.48)]),
        ({}, Signals(retest_confirm_bars=0), [(300, "MOMENTUM", 1, 101.48)]),
        ({}, Signals(retest_min_bars=5), [(300, "MOMENTUM", 1, 101.48)]),
        ({}, Signals(retest_min_bars=1, retest_max_bars=3), [(300, "MOMENTUM", 1, 101.48)]),
        ({}, Signals(sides="short"), []),
        ({}, Signals(setups=("RETEST",)), [(304, "RETEST", 1, 101.5678571)]),
        ({}, Signals(setups=("MOMENTUM",)), [(300, "MOMENTUM", 1, 101.48)]),
    ],
)
def test_what_each_change_does(
    changes: Changes, signals: Signals, expected: list[tuple[int, str, int, float]]
) -> None:
    assert told(found(changed(changes), signals)) == expected


def test_golden_rows_of_the_return() -> None:
    rows = rows_at(304, g(305)[1])
    values = {name: float(row.value[0]) for name, row in rows.items()}
    assert values["break_record"] == 4
    assert values["pullback"] == 1  # bars since the first touch
    assert values["activity"] == pytest.approx(1.8646153846)
    assert values["chase"] == pytest.approx(0.55 / 0.6321428571)
    assert values["pierce"] == pytest.approx((102.25 - 102.2) / 0.6)
    assert all(row.ok[0] for row in rows.values())


@pytest.mark.parametrize(
    ("changes", "signals", "name"),
    [
        ({("l", 303): 101.98}, Signals(), "pierce"),
        ({("c", 303): 101.95, ("l", 303): 101.90, ("l", 304): 101.90}, Signals(), "hold"),
        ({("c", 304): 102.30}, Signals(), "reaction"),
        ({}, Signals(retest_depart_atr=2.5), "pullback"),
        ({}, Signals(retest_activity_min_mult=2.0), "activity"),
        ({}, Signals(chase_max_atr=0.8), "chase"),
        ({}, Signals(retest_min_bars=5), "break_record"),
    ],
)
def test_the_row_that_stands_in_the_way(changes: Changes, signals: Signals, name: str) -> None:
    rows = rows_at(304, changed(changes), signals)
    assert not rows[name].ok[0]


@pytest.mark.parametrize(
    ("bar", "signals", "words"),
    [
        (300, Signals(), "not away from the level yet"),
        (302, Signals(), "not back at the level yet"),
        (303, Signals(), ""),
    ],
)
def test_words_on_the_way(bar: int, signals: Signals, words: str) -> None:
    row = rows_at(bar, g(305)[1], signals)["pullback"]
    assert row.words == (words,)
    assert row.ok.tolist() == [words == ""]


def test_a_break_is_returned_to_once() -> None:
    again = np.concatenate([g(305)[1], [[102.75], [102.9], [102.3], [102.8], [1400.0]]], axis=1)
    assert [bar for bar, *_ in told(found(again))] == [300, 304]
    row = rows_at(305, again)["pullback"]
    assert (row.words, row.ok.tolist()) == (("it returned already",), [False])


def test_a_side_that_is_off_says_so() -> None:
    row = rows_at(304, g(305)[1], Signals(sides="short"))["break_record"]
    assert (row.words, row.ok.tolist()) == (("this side is off",), [False])


def test_without_a_break_that_is_the_answer() -> None:
    rows = {r.name: r for r in retest(window_of(g(300)[1]), NONE, Settings())}
    record, hold = rows["break_record"], rows["hold"]
    assert (record.words, record.ok.tolist()) == (("no recent break",), [False])
    assert record.known is not None
    assert record.known.tolist() == [True]
    assert hold.known is not None
    assert hold.known.tolist() == [False]
    assert find_retests(window_of(g(300)[1]), NONE, Settings()).tolist() == []


def test_a_newer_break_replaces_the_older_for_good() -> None:
    """After the break of G a break of the other side: nobody returns to the first any more."""
    down = [[102.90], [103.00], [97.0], [97.05], [9000.0]]
    broken = np.concatenate([g(303)[1], down, [[97.1], [97.9], [97.0], [97.8], [9000.0]]], axis=1)
    loose = Signals(surge_1h_min_mult=0.5)
    window = window_of(broken)
    breaks = find_breaks(window, Settings(signals=loose))
    assert list(zip(breaks.bar.tolist(), breaks.sign.tolist(), strict=True))[-2:] == [
        (300, 1),
        (303, -1),
    ]
    assert all(bar <= 302 or sign < 0 for bar, _, sign, _ in told(found(broken, loose)))
