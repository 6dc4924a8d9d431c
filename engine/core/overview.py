"""Building the view: one frozen copy of ledger, market and verdicts for people to read.

It exists so that the chat never touches mutable state. It must never compute a number that decides
anything; it shows the ones that did.
"""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from engine.core.events import AccountPosition
from engine.core.exits import breakeven
from engine.core.exposure import equity_now, mark_of, open_risk, reduced_why
from engine.core.folds import HOUR_MS, HOURS_KEPT
from engine.core.gates import fall_pct
from engine.core.positions import Position, Rung
from engine.core.settings import Settings
from engine.core.turn import Turn
from engine.core.values import Ms, PositionState, Verdict, exact
from engine.core.view import (
    BarredView,
    ForeignView,
    FunnelView,
    GateView,
    PositionView,
    TargetView,
    View,
    WatchedView,
)


class Seen(msgspec.Struct, frozen=True):
    """What the engine knows beside ledger and market."""

    mode: str
    newest_ms: Ms | None  # open time of the newest judged bar
    verdicts: Mapping[str, Verdict]
    funnel: FunnelView
    watched: tuple[str, ...]
    foreign: tuple[AccountPosition, ...] = ()
    wanted: Settings | None = None  # what holds from the next day on, where that differs


def overview(turn: Turn, seen: Seen) -> View:
    """Everything the chat may show, as of the turn."""
    state, market, settings = turn.ledger.state, turn.market, turn.settings
    equity = equity_now(turn.ledger, market)
    unit = None if equity is None else equity * exact(settings.risk.risk_per_trade_pct) / 100
    risk, at_ms = settings.risk, turn.at_ms
    why = "" if equity is None else reduced_why(turn.ledger, equity, risk, at_ms)
    return View(
        at_ms=turn.at_ms,
        mode=seen.mode,
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
        day_loss_pct=_fall_pct(state.day_start, equity),
        drawdown_pct=_fall_pct(state.peak, equity),
        losing_streak=state.streak,
        risk_mult=risk.soft_mult if why else 1.0,
        risk_reduced_why=why,
        refused=_refused(turn),
        positions=tuple(_position(turn, p) for p in turn.ledger.positions),
        trades=tuple(state.trades),
        skipped=tuple(state.skipped),
        universe=market.universe,
        verdicts={s: v for s, v in seen.verdicts.items() if s in market.universe},
        last_batch_ms=seen.newest_ms,
        newest_quote_ms=market.newest_quote_ms,
        stale_symbols=market.stale_symbols(turn.at_ms),
        funnel=seen.funnel,
        watched=seen.watched,
        foreign=tuple(ForeignView(p.symbol, p.side, p.qty) for p in seen.foreign),
        ignored=tuple(state.ignored),
        notes=dict(state.notes),
        tuned=dict(state.tuned),
        next_day=_next_day(settings, seen.wanted),
        barred=_barred(turn),
        alerts=_alerts(turn),
        preset=settings.bot.preset,
        next_preset=_next_preset(turn),
    )


def _next_preset(turn: Turn) -> str:
    chosen = turn.ledger.state.preset
    return "" if chosen == turn.settings.bot.preset else chosen


def _barred(turn: Turn) -> tuple[BarredView, ...]:
    rows = turn.ledger.state.barred.items()
    return tuple(BarredView(s, b.by, b.reason, b.since_ms, b.until_ms) for s, b in rows)


def _alerts(turn: Turn) -> tuple[WatchedView, ...]:
    rows = turn.ledger.state.watching.values()
    return tuple(WatchedView(w.symbol, w.price, w.by, w.since_ms, w.told_ms) for w in rows)


def _next_day(now: Settings, wanted: Settings | None) -> dict[str, float]:
    """Limits that are looser from the next day on."""
    if wanted is None or wanted.risk == now.risk:
        return {}
    then = wanted.risk
    return {
        f"risk.{key}": value
        for key, value in (
            ("risk_per_trade_pct", then.risk_per_trade_pct),
            ("daily_loss_limit_pct", then.daily_loss_limit_pct),
        )
        if value != getattr(now.risk, key)
    }


def _fall_pct(start: Decimal | None, equity: Decimal | None) -> float | None:
    fall = None if equity is None else fall_pct(start, equity)
    return None if fall is None else float(fall)


def _refused(turn: Turn) -> dict[str, int]:
    """Signals refused in the last 24 hours, by check."""
    since = turn.at_ms - HOURS_KEPT * HOUR_MS
    total: Counter[str] = Counter()
    for hour, counts in turn.ledger.state.refused.items():
        if hour > since:
            total.update(counts)
    return dict(total)


def _gates(turn: Turn) -> tuple[GateView, ...]:
    gates = turn.ledger.state.gates.items()
    return tuple(
        GateView(name, g.since_ms, g.by, g.why, g.until_ms, g.flatten) for name, g in gates
    )


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
        breakeven=_breakeven(turn, position),
        targets=tuple(_target(rung) for rung in position.rungs),
        unrealized=None if mark is None else position.unrealized(mark),
        net_if_closed=None if mark is None else _net_if_closed(turn, position, mark),
        move_r=None if mark is None else position.move_r(mark),
        mfe_r=_extreme(position, position.extremes[0]),
        mae_r=_extreme(position, position.extremes[1]),
        risk0_usd=position.risk0_usd or None,
        funding=position.funding,
        level_price=position.level_price,
        opened_ms=position.opened_ms,
        signal_id=position.signal_id,
    )


def _breakeven(turn: Turn, position: Position) -> Decimal | None:
    instrument = turn.market.instrument(position.symbol)
    if instrument is None or position.entry is None or not position.qty:
        return None
    return breakeven(position.side, position.avg, instrument, position.exits)


def _extreme(position: Position, price: float | None) -> float | None:
    return None if price is None else position.move_r(price)


def _target(rung: Rung) -> TargetView:
    if rung.is_done:
        state = "cut" if not rung.is_filled else "taken" if rung.is_taken else "filled"
    else:
        state = "taking" if rung.is_taken else "working" if rung.order_id else "waiting"
    target = rung.target
    return TargetView(target.r, target.price, target.qty - rung.cut_qty, state, rung.filled_qty)


def _net_if_closed(turn: Turn, position: Position, mark: float) -> Decimal | None:
    """What a market exit now would leave of the trade, fee and expected slippage included."""
    instrument = turn.market.instrument(position.symbol)
    if instrument is None:
        return None
    bps = instrument.taker_bps + exact(turn.settings.execution.slippage_est_bps)
    cost = exact(mark) * position.qty * bps / 10_000
    return position.realized + position.unrealized(mark) - cost
