"""What closed trades add up to: win rate, expectancy, drawdown, what each group of them brought.

It exists so that chat, reports and backtests compute a statistic in one place, by one definition.
A value that is undefined is None, never zero, and nothing here may look at an open trade.
"""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from statistics import fmean, median, stdev

import msgspec

from engine.core.view import TradeView

SAMPLE_MAX = 100  # trades the system quality number counts at most


class Performance(msgspec.Struct, frozen=True):
    """Statistics of closed trades; r is the result in R, money is in the quote currency."""

    trades: int
    wins: int
    losses: int
    scratches: int  # ended at exactly zero
    win_rate: float | None
    expectancy_r: float | None  # mean r
    expectancy_usd: Decimal | None  # mean net
    average_win_r: float | None
    average_loss_r: float | None
    payoff: float | None  # average win over average loss
    profit_factor: float | None  # infinite with wins and no losses
    sharpe_r: float | None  # per trade, not annualized
    sqn: float | None
    drawdown_r: float  # largest fall of the running sum of r below its peak
    hold_mean_ms: float | None
    hold_median_ms: float | None
    win_streak: int
    loss_streak: int
    total_r: float
    gross: Decimal
    fees: Decimal
    funding: Decimal
    net: Decimal


def performance(trades: Sequence[TradeView]) -> Performance:
    """The statistics of these trades, which are in the order they closed."""
    r = [t.result_r for t in trades]
    wins, losses = [x for x in r if x > 0], [x for x in r if x < 0]
    net = sum((t.net for t in trades), Decimal(0))
    held = [t.closed_ms - t.opened_ms for t in trades]
    won, lost = _mean(wins), _mean(losses)
    sharpe = _sharpe(r)
    return Performance(
        trades=len(r),
        wins=len(wins),
        losses=len(losses),
        scratches=len(r) - len(wins) - len(losses),
        win_rate=len(wins) / len(r) if r else None,
        expectancy_r=_mean(r),
        expectancy_usd=net / len(r) if r else None,
        average_win_r=won,
        average_loss_r=lost,
        payoff=None if won is None or lost is None else won / -lost,
        profit_factor=_profit_factor([t.net for t in trades]),
        sharpe_r=sharpe,
        sqn=None if sharpe is None else math.sqrt(min(len(r), SAMPLE_MAX)) * sharpe,
        drawdown_r=drawdown(r),
        hold_mean_ms=_mean(held),
        hold_median_ms=median(held) if held else None,
        win_streak=_longest([x > 0 for x in r]),
        loss_streak=_longest([x < 0 for x in r]),
        total_r=math.fsum(r),
        gross=sum((t.gross for t in trades), Decimal(0)),
        fees=sum((t.fees for t in trades), Decimal(0)),
        funding=sum((t.funding for t in trades), Decimal(0)),
        net=net,
    )


def drawdown(results: Sequence[float]) -> float:
    """The largest fall of their running sum, which starts at zero, below its peak; positive."""
    total = peak = worst = 0.0
    for result in results:
        total += result
        peak = max(peak, total)
        worst = max(worst, peak - total)
    return worst


Key = Callable[[TradeView], str]
SPLITS: dict[str, Key] = {
    "symbol": lambda t: t.symbol,
    "setup": lambda t: t.setup.value,
    "side": lambda t: t.side.value,
    "hour": lambda t: f"{datetime.fromtimestamp(t.opened_ms / 1000, UTC):%H}",  # UTC, of the entry
    "exit": lambda t: t.rule,
}


def split(trades: Sequence[TradeView], by: str) -> dict[str, Performance]:
    """The same statistics of each group; `by` is one of `SPLITS`."""
    groups: dict[str, list[TradeView]] = {}
    for trade in trades:
        groups.setdefault(SPLITS[by](trade), []).append(trade)
    return {name: performance(found) for name, found in groups.items()}


def _mean(numbers: Sequence[float]) -> float | None:
    return fmean(numbers) if numbers else None


def _profit_factor(nets: Sequence[Decimal]) -> float | None:
    gained = sum((n for n in nets if n > 0), Decimal(0))
    lost = -sum((n for n in nets if n < 0), Decimal(0))
    if lost:
        return float(gained / lost)
    return math.inf if gained else None


def _sharpe(r: Sequence[float]) -> float | None:
    if len(r) < 2 or not (spread := stdev(r)):  # noqa: PLR2004 -- a spread takes two
        return None
    return fmean(r) / spread


def _longest(marks: Sequence[bool]) -> int:
    longest = run = 0
    for mark in marks:
        run = run + 1 if mark else 0
        longest = max(longest, run)
    return longest
