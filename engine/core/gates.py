"""Gates: the named reasons why entries are off, judged and reset in one place.

It exists because reasons compose and modes multiply. A gate never touches an exit or a stop;
`kill_switch` opens only by a person with a reason, conditions open when the condition ends.
"""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from engine.core.exposure import equity_now
from engine.core.facts import DayRolled, EquityPeaked, GateClosed, GateOpened
from engine.core.turn import Turn
from engine.core.values import GateName, exact

ENGINE = "engine"  # who closed it, when no person did
PEAK_STEP = Decimal("1.0001")  # a peak is worth a fact when it rose by 0.01 %


def close(turn: Turn, gate: GateName, why: str, *, flatten: bool = False) -> None:
    """Close a condition; a closed one keeps its first reason."""
    if not turn.is_closed(gate):
        turn.tell(GateClosed(gate=gate, by=ENGINE, why=why, flatten=flatten))


def reopen(turn: Turn, gate: GateName, why: str) -> None:
    """The condition ended."""
    if turn.is_closed(gate):
        turn.tell(GateOpened(gate=gate, by=ENGINE, why=why))


def judge(turn: Turn) -> None:
    """Look at every condition that time or prices can change."""
    _judge_data(turn)
    _judge_pause(turn)
    judge_money(turn)


def judge_disk(turn: Turn, problem: str | None) -> None:
    """The journal cannot be written, or can be again."""
    if problem is None:
        reopen(turn, GateName.DISK_BAD, "the journal is written again")
    else:
        close(turn, GateName.DISK_BAD, problem)


def _judge_data(turn: Turn) -> None:
    """`stale_data` closes when the whole watched market fell silent, not for one symbol."""
    universe = turn.market.universe
    stale = turn.market.stale_symbols(turn.at_ms)
    if not universe:
        close(turn, GateName.STALE_DATA, "no market data yet")
    elif len(stale) == len(universe):
        limit = turn.settings.market.stale_after_s
        close(turn, GateName.STALE_DATA, f"all {len(universe)} markets silent for over {limit} s")
    else:
        reopen(turn, GateName.STALE_DATA, "market data flows")


def _judge_pause(turn: Turn) -> None:
    gate = turn.ledger.state.gates.get(GateName.OPERATOR)
    if gate is not None and gate.until_ms is not None and turn.at_ms >= gate.until_ms:
        turn.tell(GateOpened(gate=GateName.OPERATOR, by=ENGINE, why="the pause is over"))


def judge_money(turn: Turn) -> None:
    """Look at equity against its anchors: the day, the peak, and the trades lost in a row."""
    equity = equity_now(turn.ledger, turn.market) if turn.is_compared else None
    if equity is None:
        return
    _roll_day(turn, equity)
    _judge_day(turn, equity)
    peak = turn.ledger.state.peak
    if peak is None or (equity > peak and equity >= peak * PEAK_STEP):
        turn.tell(EquityPeaked(equity))
    _judge_peak(turn, equity)


def judge_limits(turn: Turn) -> None:
    """A new mark of something we hold: the limits close at once, peaks and days can wait."""
    equity = equity_now(turn.ledger, turn.market) if turn.is_compared else None
    if equity is not None:
        _judge_day(turn, equity)
        _judge_peak(turn, equity)


def _judge_day(turn: Turn, equity: Decimal) -> None:
    """What a day may lose, and how often in a row: closed until the next day begins."""
    state, risk = turn.ledger.state, turn.settings.risk
    lost = fall_pct(state.day_start, equity)
    if lost is not None and lost >= exact(risk.daily_loss_limit_pct):
        limit = risk.daily_loss_limit_pct
        close(turn, GateName.DAILY_LOSS, f"the day lost {lost:.2f}% of {limit:g}% allowed")
    if state.streak >= risk.max_losing_streak:
        close(turn, GateName.LOSING_STREAK, f"{state.streak} losing trades in a row")


def _judge_peak(turn: Turn, equity: Decimal) -> None:
    peak, risk = turn.ledger.state.peak, turn.settings.risk
    drawdown = fall_pct(peak, equity)
    if drawdown is not None and drawdown >= exact(risk.kill_switch_pct):
        why = f"drawdown {drawdown:.2f}% of {risk.kill_switch_pct:g}%"
        close(turn, GateName.KILL_SWITCH, why, flatten=risk.kill_flatten)


def fall_pct(start: Decimal | None, equity: Decimal) -> Decimal | None:
    """How far equity fell below `start`, in percent of it; None without anything to lose."""
    return (start - equity) / start * 100 if start is not None and start > 0 else None


def _roll_day(turn: Turn, equity: Decimal) -> None:
    """Midnight in the configured zone: a new anchor, and what only the day had closed opens."""
    zone = ZoneInfo(turn.settings.risk.day_zone)
    today = datetime.fromtimestamp(turn.at_ms / 1000, UTC).astimezone(zone).date().isoformat()
    if today > turn.ledger.state.day:
        turn.tell(DayRolled(today, equity))
        for gate in (GateName.DAILY_LOSS, GateName.LOSING_STREAK):
            reopen(turn, gate, "a new day began")
