"""Gates: the named reasons why entries are off, judged and reset in one place.

It exists because reasons compose and modes multiply. A gate never touches an exit or a stop;
`kill_switch` opens only by a person with a reason, conditions open when the condition ends.
"""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from engine.core.facts import DayRolled, EquityPeaked, GateClosed, GateOpened
from engine.core.risk import equity_now
from engine.core.turn import Turn
from engine.core.values import GateName

ENGINE = "engine"  # who closed it, when no person did
PEAK_STEP = Decimal("1.0001")  # a peak is worth a fact when it rose by 0.01 %


def close(turn: Turn, gate: GateName, why: str) -> None:
    """Close a condition; a closed one keeps its first reason."""
    if not turn.is_closed(gate):
        turn.tell(GateClosed(gate=gate, by=ENGINE, why=why))


def reopen(turn: Turn, gate: GateName, why: str) -> None:
    """The condition ended."""
    if turn.is_closed(gate):
        turn.tell(GateOpened(gate=gate, by=ENGINE, why=why))


def judge(turn: Turn) -> None:
    """Look at every condition that time or prices can change."""
    _judge_data(turn)
    _judge_pause(turn)
    _judge_money(turn)


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


def _judge_money(turn: Turn) -> None:
    equity = equity_now(turn.ledger, turn.market)
    if equity is None:
        return
    _roll_day(turn, equity)
    peak = turn.ledger.state.peak
    if peak is None or equity >= peak * PEAK_STEP:
        turn.tell(EquityPeaked(equity))
        return
    if peak <= 0:  # nothing left to lose a share of
        return
    drawdown_pct = (peak - equity) / peak * 100
    limit_pct = turn.settings.risk.kill_switch_pct
    if drawdown_pct >= Decimal(repr(limit_pct)):
        close(turn, GateName.KILL_SWITCH, f"drawdown {drawdown_pct:.2f}% of {limit_pct:g}%")


def _roll_day(turn: Turn, equity: Decimal) -> None:
    zone = ZoneInfo(turn.settings.risk.day_zone)
    today = datetime.fromtimestamp(turn.at_ms / 1000, UTC).astimezone(zone).date().isoformat()
    if today > turn.ledger.state.day:
        turn.tell(DayRolled(today, equity))
