"""Statistics of closed trades against the worked example of the manual."""

import math
from decimal import Decimal

import pytest
from desks import trade

from engine.core.performance import SPLITS, drawdown, performance, split
from engine.core.values import Setup, Side
from engine.core.view import TradeView

A15 = (1.5, -1.0, -1.05, 0.8, 2.2, -0.5, -1.0, 0.3)
HOUR_MS = 3_600_000


def of(results: tuple[float, ...], **changes: object) -> list[TradeView]:
    return [
        trade(n, str(r), n * HOUR_MS, result_r=r, **changes) for n, r in enumerate(results, start=1)
    ]


def test_the_worked_example() -> None:
    sums = performance(of(A15))
    assert (sums.trades, sums.wins, sums.losses, sums.scratches) == (8, 4, 4, 0)
    assert sums.net == Decimal("1.25")
    expected = {
        "total_r": 1.25,
        "win_rate": 0.5,
        "expectancy_r": 0.15625,
        "expectancy_usd": 0.15625,
        "average_win_r": 1.2,
        "average_loss_r": -0.8875,
        "payoff": 1.2 / 0.8875,
        "profit_factor": 1.3521126761,
        "sharpe_r": 0.1247738297,
        "sqn": 0.3529136841,
        "drawdown_r": 2.05,
        "hold_mean_ms": 60_000,
        "hold_median_ms": 60_000,
    }
    for name, value in expected.items():
        assert float(getattr(sums, name)) == pytest.approx(value, abs=1e-9), name
    assert (sums.win_streak, sums.loss_streak) == (2, 2)
    assert [str(x) for x in (sums.gross, sums.fees, sums.funding)] == ["9.25", "8", "0"]


def test_what_is_undefined_is_unknown() -> None:
    none = performance([])
    unknown = [
        "win_rate", "expectancy_r", "expectancy_usd", "average_win_r", "average_loss_r", "payoff",
        "profit_factor", "sharpe_r", "sqn", "hold_mean_ms", "hold_median_ms",
    ]  # fmt: skip
    assert {getattr(none, name) for name in unknown} == {None}
    assert [none.drawdown_r, none.total_r, float(none.net)] == [0.0, 0.0, 0.0]
    won = performance(of((1.0,)))
    assert won.profit_factor == math.inf
    assert (won.payoff, won.sharpe_r, won.sqn) == (None, None, None)
    same = performance(of((1.0, 1.0)))
    assert same.sharpe_r is None
    flat = performance(of((0.0,)))
    assert (flat.scratches, flat.profit_factor) == (1, None)


def test_the_largest_fall_counts_from_the_start() -> None:
    assert drawdown((-1.0, -0.5, 3.0, -1.0)) == 1.5
    assert drawdown((1.0, 1.0)) == 0.0


def test_groups_hold_each_trade_once() -> None:
    trades = [
        *of((1.0, -1.0)),
        *of((2.0,), symbol="XRPUSDT", side=Side.SHORT, setup=Setup.RETEST, rule="TRAILING"),
    ]
    names = {by: sorted(split(trades, by)) for by in SPLITS}
    assert names == {
        "symbol": ["SOLUSDT", "XRPUSDT"],
        "setup": ["MOMENTUM", "RETEST"],
        "side": ["LONG", "SHORT"],
        "hour": ["00", "01"],
        "exit": ["INITIAL", "TRAILING"],
    }
    for by in SPLITS:
        assert sum(g.trades for g in split(trades, by).values()) == 3
