"""Building the view: one frozen copy of ledger, market and verdicts for people to read.

It exists so that the chat never touches mutable state. It must never compute a number that decides
anything; it shows the ones that did.
"""

from collections.abc import Mapping
from decimal import Decimal

from engine.core.positions import Position, Rung
from engine.core.risk import equity_now, mark_of, open_risk
from engine.core.turn import Turn
from engine.core.values import Ms, PositionState, Verdict, exact
from engine.core.view import GateView, PositionView, TargetView, View


def overview(turn: Turn, mode: str, newest_ms: Ms | None, verdicts: Mapping[str, Verdict]) -> View:
    """Everything the chat may show, as of the turn."""
    state, market, settings = turn.ledger.state, turn.market, turn.settings
    equity = equity_now(turn.ledger, market)
    unit = None if equity is None else equity * exact(settings.risk.risk_per_trade_pct) / 100
    return View(
        at_ms=turn.at_ms,
        mode=mode,
        instance=settings.bot.name,
        started_ms=state.started_ms,
        boot=state.boot,
        frame_s=settings.market.frame_s,
        gates=_gates(turn),
        balance=turn.ledger.balance,
        equity=equity,
        day_start_equity=state.day_start,
        open_risk_usd=open_risk(turn.ledger, market),
        risk_unit_usd=unit,
        max_positions=settings.risk.max_open_positions,
        positions=tuple(_position(turn, p) for p in turn.ledger.positions),
        trades=tuple(state.trades),
        skipped=tuple(state.skipped),
        universe=market.universe,
        verdicts={s: v for s, v in verdicts.items() if s in market.universe},
        last_batch_ms=newest_ms,
        newest_quote_ms=market.newest_quote_ms,
        stale_symbols=market.stale_symbols(turn.at_ms),
    )


def _gates(turn: Turn) -> tuple[GateView, ...]:
    gates = turn.ledger.state.gates.items()
    return tuple(GateView(name, g.since_ms, g.by, g.why, g.until_ms) for name, g in gates)


def _position(turn: Turn, position: Position) -> PositionView:
    mark = mark_of(turn.market, position) if position.entry_qty else None
    return PositionView(
        id=position.id,
        symbol=position.symbol,
        side=position.side,
        setup=position.setup,
        state=position.state,
        qty=position.qty,
        qty0=position.qty0,
        entry=position.avg if position.entry_qty else None,
        mark=mark,
        stop=None if position.state is PositionState.EXPOSED else position.stop,
        stop_kind=position.stop_kind,
        targets=tuple(_target(rung) for rung in position.rungs),
        unrealized=None if mark is None else position.unrealized(mark),
        net_if_closed=None if mark is None else _net_if_closed(turn, position, mark),
        move_r=None if mark is None else position.move_r(mark),
        mfe_r=_extreme(position, position.best),
        mae_r=_extreme(position, position.worst),
        risk0_usd=position.risk0_usd or None,
        level_price=position.level_price,
        opened_ms=position.opened_ms,
        signal_id=position.signal_id,
    )


def _extreme(position: Position, price: float | None) -> float | None:
    return None if price is None else position.move_r(price)


def _target(rung: Rung) -> TargetView:
    state = "filled" if rung.is_filled else "working" if rung.order_id else "waiting"
    return TargetView(rung.target.r, rung.target.price, rung.target.qty, state)


def _net_if_closed(turn: Turn, position: Position, mark: float) -> Decimal | None:
    """What a market exit now would leave of the trade, fee and expected slippage included."""
    instrument = turn.market.instrument(position.symbol)
    if instrument is None:
        return None
    bps = instrument.taker_bps + exact(turn.settings.execution.slippage_est_bps)
    cost = exact(mark) * position.qty * bps / 10_000
    return position.gross + position.unrealized(mark) - position.fees - cost
