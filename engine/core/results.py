"""What an entry fixed and what a trade made: the two sums at either end of a position.

It exists so that initial risk and the result in R are computed in exactly one place
each. They must never look at a moved stop.
"""

from decimal import Decimal

import msgspec

from engine.core import facts as f
from engine.core.exits import Entered, Snapshot, ladder
from engine.core.exposure import equity_now
from engine.core.positions import Position
from engine.core.terms import ExitPlan
from engine.core.turn import Turn
from engine.core.values import Plan, Signal, exact


def take_signal(turn: Turn, signal: Signal, plan: Plan, position_id: int) -> None:
    """State the trade we are about to enter, with the ladder as it is planned now."""
    instrument = turn.market.instrument(signal.symbol)
    equity = equity_now(turn.ledger, turn.market)
    assert instrument is not None  # risk approved on both
    assert equity is not None
    exits = msgspec.convert(msgspec.to_builtins(turn.settings.exits), ExitPlan)
    planned = Entered(
        plan.side, plan.price, abs(plan.price - plan.stop), plan.qty, signal.obstacles
    )
    turn.tell(
        f.SignalTaken(
            signal=signal,
            position_id=position_id,
            qty=plan.qty,
            limit=plan.limit,
            stop=plan.stop,
            targets=ladder(planned, instrument, exits),
            risk_usd=plan.risk_usd,
            equity=equity,
            frame_s=turn.settings.market.frame_s,
            exits=exits,
        )
    )


def open_trade(turn: Turn, position: Position) -> None:
    """The entry ended with quantity: fix entry, distance, risk and targets.

    Without trading rules (not loaded yet after a restart) it waits for them, unless it is flat
    already: then there is nothing left to work for, and the fee is the one assumed in settings.
    """
    instrument = turn.market.instrument(position.symbol)
    if instrument is None and position.qty > 0:
        return
    entry, stop = position.entry_value / position.entry_qty, _first_stop(turn, position)
    dist0 = abs(entry - stop)
    taker_bps = exact(turn.settings.sim.taker_bps) if instrument is None else instrument.taker_bps
    fees = (entry + stop) * taker_bps / 10_000
    entered = Entered(position.side, entry, dist0, position.entry_qty, position.obstacles)
    turn.tell(
        f.PositionOpened(
            position_id=position.id,
            entry=entry,
            qty0=position.entry_qty,
            dist0=dist0,
            risk0_usd=position.entry_qty * (dist0 + fees),
            targets=() if instrument is None else ladder(entered, instrument, position.exits),
        )
    )


def _first_stop(turn: Turn, position: Position) -> Decimal:
    """The stop the entry was sent with, wherever it stands by now."""
    entry = turn.ledger.state.orders.get(position.entry_order_id)
    stop = entry.order.stop if entry is not None else None
    return position.asked_stop if stop is None else stop


def close_trade(turn: Turn, position: Position) -> None:
    """Flat again: book the result."""
    best, worst = position.extremes
    assert best is not None  # it was filled
    assert worst is not None
    result_r = float(position.realized / position.risk0_usd) if position.risk0_usd else 0.0
    turn.tell(
        f.PositionClosed(
            position_id=position.id,
            symbol=position.symbol,
            side=position.side,
            rule=position.last_rule,
            gross=position.gross,
            fees=position.fees,
            net=position.realized,
            result_r=result_r,
            mfe_r=max(0.0, position.move_r(best) or 0.0),
            mae_r=min(0.0, position.move_r(worst) or 0.0),
            opened_ms=position.opened_ms,
            funding=position.funding,
            streak=streak_after(turn.ledger.state.streak, result_r, turn.settings.risk.scratch_r),
        )
    )


def streak_after(so_far: int, result_r: float, scratch_r: float) -> int:
    """Losing trades in a row; one that made or lost next to nothing leaves the count alone."""
    if result_r < -scratch_r:
        return so_far + 1
    return 0 if result_r > scratch_r else so_far


def snapshot(position: Position) -> Snapshot:
    """What the exit rules may see; only asked for after the entry is fixed."""
    assert position.entry is not None
    return Snapshot(
        side=position.side,
        entry=position.entry,
        avg=position.avg,
        qty0=position.qty0,
        qty=position.qty,
        dist0=position.dist0,
        level_price=position.level_price,
        atr0=position.atr0,
        vol0=position.vol0,
        stop=position.stop if position.stop is not None else position.asked_stop,
        stop_kind=position.stop_kind,
        targets_filled=position.targets_filled,
        bars_held=position.bars_held,
        best=position.best,
        worst=position.worst,
        addon_done=position.has_addon,
    )
