"""The folds: what each fact changes in the state, one function a fact.

They exist so that a restart, a report and the running engine agree by construction. A fold must
never look at the market, the settings or the time: the fact and its record say everything.
"""

from functools import singledispatch
from typing import TypeVar

import msgspec

from engine.core import facts as f
from engine.core.orders import ENDINGS, OrderInput, Progress
from engine.core.positions import Position, PositionInput
from engine.core.state import Answer, Gate, State, Stray, orders_of
from engine.core.values import GateName, Ms, OrderKind, OrderState, PositionState, Purpose
from engine.core.view import SkippedView, TradeView

T = TypeVar("T")

TRADES_KEPT = 500
SKIPPED_KEPT = 50
FILL_IDS_KEPT = 1000  # and all of the time that is read again after a start
FILL_IDS_MOST = 20_000
COMMANDS_KEPT = 500
ALARMS_KEPT = 200
ENDED_KEPT = 20  # orders of an open position that ended without a fill
STRAYS_KEPT = 100
SIGNALS_KEPT = 200
STRAY_MS: Ms = 86_400_000  # how long an entry given up may still surprise us
CRASHES_KEPT = 3
HOUR_MS: Ms = 3_600_000
HOURS_KEPT = 24
AGAIN_MS: Ms = 26 * HOUR_MS  # executions this old may be shown again

# Gates that outlive a restart; every other one is a condition, judged anew at every start.
LASTING = frozenset(
    {GateName.DAILY_LOSS, GateName.LOSING_STREAK, GateName.KILL_SWITCH, GateName.OPERATOR}
)


@singledispatch
def fold(fact: f.Fact, state: State, record: f.Record) -> None:
    """Facts without a fold below tell people something and change no state."""


@fold.register
def _booted(fact: f.Booted, state: State, record: f.Record) -> None:
    state.boot, state.started_ms = fact.boot, record.at_ms
    state.account = fact.account or state.account
    if not fact.was_clean:
        state.crashes = [*state.crashes, record.at_ms][-CRASHES_KEPT:]
    state.gates = {name: gate for name, gate in state.gates.items() if name in LASTING}


@fold.register
def _funded(fact: f.Funded, state: State, record: f.Record) -> None:
    state.began_ms = record.at_ms
    state.settled += fact.balance


@fold.register
def _signal_taken(fact: f.SignalTaken, state: State, record: f.Record) -> None:
    signal = fact.signal
    state.next_position_id = fact.position_id + 1
    _remember(state.taken, signal.id, record.at_ms, SIGNALS_KEPT)
    state.positions[fact.position_id] = Position(
        id=fact.position_id,
        symbol=signal.symbol,
        side=signal.side,
        setup=signal.setup,
        signal_id=signal.id,
        level_price=signal.level.price,
        atr0=signal.atr,
        vol0=signal.vol0,
        obstacles=signal.obstacles,
        exits=fact.exits,
        frame_s=fact.frame_s,
        asked_stop=fact.stop,
        asked_ms=record.at_ms,
    )


@fold.register
def _signal_skipped(fact: f.SignalSkipped, state: State, record: f.Record) -> None:
    row = SkippedView(at_ms=record.at_ms, signal_id=fact.signal.id, reason=fact.reason)
    state.skipped = [*state.skipped, row][-SKIPPED_KEPT:]
    hour = record.at_ms - record.at_ms % HOUR_MS
    counts = state.refused.setdefault(hour, {})
    counts[fact.check] = counts.get(fact.check, 0) + 1
    for old in [h for h in state.refused if h <= hour - HOURS_KEPT * HOUR_MS]:
        del state.refused[old]


@fold.register
def _order_placed(fact: f.OrderPlaced, state: State, record: f.Record) -> None:
    order = fact.order
    state.orders[order.id] = Progress(order, record.at_ms)
    position = state.positions.get(order.position_id)
    if position is None:
        return
    _forget_attempts(state, position)
    if order.purpose.is_growing:
        position.changed_ms = record.at_ms
    if order.purpose is Purpose.ENTRY:
        position.entry_order_id = order.id
    if order.purpose is Purpose.ADDON:
        position.has_addon = True
    if order.purpose is Purpose.EXIT and position.state is PositionState.EXITING:
        position.last_exit_ms = record.at_ms
    if order.purpose is Purpose.TARGET:
        free = (r for r in position.rungs if r.order_id is None and not r.is_done)
        is_taken = order.kind is OrderKind.MARKET
        next(r for r in free if r.is_taken is is_taken).order_id = order.id


def _forget_attempts(state: State, position: Position) -> None:
    """Exits and targets may be refused for days: of those without a fill a few are enough."""
    ended = [
        o.order.id
        for o in orders_of(state, position.id)
        if not (o.is_live or o.filled_qty or o.order.purpose.is_growing)
    ]
    for order_id in ended[:-ENDED_KEPT]:
        del state.orders[order_id]


@fold.register
def _order_acked(fact: f.OrderAcked, state: State, _: f.Record) -> None:
    progress = state.orders[fact.order_id]
    progress.venue_id = fact.venue_id or progress.venue_id
    progress.feed(OrderInput.ACKED)


@fold.register
def _order_doubted(fact: f.OrderDoubted, state: State, _: f.Record) -> None:
    state.orders[fact.order_id].feed(OrderInput.DOUBTED)


@fold.register
def _cancel_asked(fact: f.CancelAsked, state: State, _: f.Record) -> None:
    state.orders[fact.order_id].feed(OrderInput.CANCEL_ASKED)


@fold.register
def _order_ended(fact: f.OrderEnded, state: State, record: f.Record) -> None:
    progress = state.orders[fact.order_id]
    progress.feed(ENDINGS[fact.state])
    position = state.positions.get(progress.order.position_id)
    if position is None:  # it closed first; nothing asks for this order any more
        del state.orders[fact.order_id]
        return
    if progress.filled_qty or progress.order.purpose.is_growing:
        position.changed_ms = record.at_ms
    if progress.order.purpose.is_growing and not progress.filled_qty:
        _give_up(state, progress, position, record.at_ms)
    if progress.order.purpose is Purpose.ENTRY and not position.entry_qty:
        position.feed(PositionInput.NEVER_FILLED)
        _forget(state, position)
    for rung in position.rungs:
        if rung.order_id == fact.order_id and not rung.is_done:
            rung.order_id = None


def _give_up(state: State, progress: Progress, position: Position, at_ms: Ms) -> None:
    """Remember the order for a day: a fill that comes all the same must find its owner."""
    blank = Position(
        id=position.id,
        symbol=position.symbol,
        side=position.side,
        setup=position.setup,
        signal_id=position.signal_id,
        level_price=position.level_price,
        atr0=position.atr0,
        vol0=position.vol0,
        exits=position.exits,
        frame_s=position.frame_s,
        asked_stop=position.asked_stop,
        asked_ms=at_ms,
        exit_rule="stray",
    )
    state.strays = {i: s for i, s in state.strays.items() if at_ms - s.ended_ms < STRAY_MS}
    stray = Stray(progress.order, blank, progress.state, at_ms)
    _remember(state.strays, progress.order.id, stray, STRAYS_KEPT)


@fold.register
def _order_adopted(fact: f.OrderAdopted, state: State, record: f.Record) -> None:
    stray = state.strays.pop(fact.order_id)
    order = msgspec.structs.replace(stray.order, position_id=fact.position_id)
    position = msgspec.structs.replace(stray.position, id=fact.position_id)
    position.entry_order_id, position.asked_ms = order.id, record.at_ms
    state.next_position_id = max(state.next_position_id, fact.position_id + 1)
    state.positions[fact.position_id] = position
    state.orders[order.id] = Progress(order, record.at_ms, OrderState.OPEN)


@fold.register
def _order_filled(fact: f.OrderFilled, state: State, record: f.Record) -> None:
    _remember_fill(state, fact.fill.id, record.at_ms)
    progress = state.orders.get(fact.fill.order_id)
    if progress is not None:
        progress.book(fact.fill)
    position = state.positions[fact.position_id]
    position.changed_ms = record.at_ms
    position.book(fact.fill, record.at_ms)
    if progress is not None:
        position.credit(progress.order, fact.fill.qty)


def _remember_fill(state: State, fill_id: str, at_ms: Ms) -> None:
    """What may be shown again is kept, or it would be booked again; a start looks back farther."""
    known, is_young = state.fill_ids, at_ms - state.started_ms < HOUR_MS
    known[fill_id] = at_ms
    while len(known) > FILL_IDS_KEPT:
        oldest, seen_ms = next(iter(known.items()))
        is_needed = is_young or at_ms - seen_ms < AGAIN_MS
        if is_needed and len(known) <= FILL_IDS_MOST:
            return
        del known[oldest]


@fold.register
def _position_opened(fact: f.PositionOpened, state: State, _: f.Record) -> None:
    position = state.positions[fact.position_id]
    position.fix(fact.entry, (fact.dist0, fact.risk0_usd), fact.targets)


@fold.register
def _stop_asked(fact: f.StopAsked, state: State, record: f.Record) -> None:
    position = state.positions[fact.position_id]
    position.asked_stop, position.asked_kind = fact.price, fact.kind
    position.asked_ms = record.at_ms


@fold.register
def _stop_moved(fact: f.StopMoved, state: State, record: f.Record) -> None:
    position = state.positions[fact.position_id]
    position.changed_ms = record.at_ms
    position.seen_ms = max(position.seen_ms, fact.exchange_ms)
    position.show_stop(fact.price, fact.kind)


@fold.register
def _stop_missing(fact: f.StopMissing, state: State, record: f.Record) -> None:
    position = state.positions[fact.position_id]
    position.seen_ms = max(position.seen_ms, fact.exchange_ms)
    position.lose_stop(record.at_ms)


@fold.register
def _exit_asked(fact: f.ExitAsked, state: State, _: f.Record) -> None:
    position = state.positions[fact.position_id]
    if fact.qty >= position.qty:
        position.exit_rule = position.exit_rule or fact.rule
        position.feed(PositionInput.EXIT_ASKED)


@fold.register
def _bars_held(fact: f.BarsHeld, state: State, _: f.Record) -> None:
    position = state.positions[fact.position_id]
    position.last_bar_ms = fact.open_ms
    position.hold(fact.best, fact.worst, fact.atr)


@fold.register
def _position_closed(fact: f.PositionClosed, state: State, record: f.Record) -> None:
    position = state.positions[fact.position_id]
    position.feed(PositionInput.FLAT)
    state.settled += fact.net
    state.streak = fact.streak
    trade = TradeView(
        position_id=fact.position_id,
        symbol=fact.symbol,
        side=fact.side,
        setup=position.setup,
        rule=fact.rule,
        qty=position.qty0,
        entry=position.avg,
        gross=fact.gross,
        fees=fact.fees,
        funding=fact.funding,
        net=fact.net,
        result_r=fact.result_r,
        mfe_r=fact.mfe_r,
        mae_r=fact.mae_r,
        opened_ms=fact.opened_ms,
        closed_ms=record.at_ms,
        protected=position.stop_kind,
    )
    state.trades = [*state.trades, trade][-TRADES_KEPT:]
    state.cooling[fact.symbol] = record.at_ms
    _forget(state, position)


def _forget(state: State, position: Position) -> None:
    """A closed position and its final orders leave the hot state; the journal keeps them."""
    assert position.state is PositionState.CLOSED, position
    del state.positions[position.id]
    for progress in orders_of(state, position.id):
        if not progress.is_live:
            del state.orders[progress.order.id]


@fold.register
def _funding_paid(fact: f.FundingPaid, state: State, record: f.Record) -> None:
    funding = fact.funding
    _remember_fill(state, funding.id, record.at_ms)
    position = None if fact.position_id is None else state.positions.get(fact.position_id)
    if position is None:  # its trade is booked: what came late is the account's alone
        state.settled -= funding.amount
        return
    position.funding += funding.amount
    position.funded_ms = max(position.funded_ms, funding.exchange_ms)


@fold.register
def _transferred(fact: f.Transferred, state: State, record: f.Record) -> None:
    _remember_fill(state, fact.id, record.at_ms)
    state.settled += fact.amount
    state.peak = None if state.peak is None else state.peak + fact.amount
    state.day_start = None if state.day_start is None else state.day_start + fact.amount


@fold.register
def _equity_peaked(fact: f.EquityPeaked, state: State, _: f.Record) -> None:
    state.peak = fact.equity


@fold.register
def _gate_closed(fact: f.GateClosed, state: State, record: f.Record) -> None:
    state.gates[fact.gate] = Gate(
        since_ms=record.at_ms,
        by=fact.by,
        why=fact.why,
        until_ms=fact.until_ms,
        flatten=fact.flatten,
    )


@fold.register
def _gate_opened(fact: f.GateOpened, state: State, _: f.Record) -> None:
    state.gates.pop(fact.gate, None)


@fold.register
def _day_rolled(fact: f.DayRolled, state: State, _: f.Record) -> None:
    state.day, state.day_start, state.streak = fact.date, fact.equity, 0
    state.limit_held = None


@fold.register
def _incident(fact: f.Incident, state: State, record: f.Record) -> None:
    _remember(state.alarms, fact.key, record.at_ms, ALARMS_KEPT)


@fold.register
def _command_done(fact: f.CommandDone, state: State, _: f.Record) -> None:
    answer = Answer(is_done=True, words=fact.detail)
    _remember(state.commands, fact.command_id, answer, COMMANDS_KEPT)


@fold.register
def _command_refused(fact: f.CommandRefused, state: State, _: f.Record) -> None:
    answer = Answer(is_done=False, words=fact.reason)
    _remember(state.commands, fact.command_id, answer, COMMANDS_KEPT)


def _remember(memory: dict[str, T], key: str, value: T, kept: int) -> None:
    """The newest last, the oldest forgotten."""
    memory.pop(key, None)
    memory[key] = value
    if len(memory) > kept:
        del memory[next(iter(memory))]


@fold.register
def _preset_chosen(fact: f.PresetChosen, state: State, _record: f.Record) -> None:
    state.preset = fact.name


@fold.register
def _symbol_ignored(fact: f.SymbolIgnored, state: State, record: f.Record) -> None:
    state.ignored.pop(fact.symbol, None)
    if fact.is_on:
        state.ignored[fact.symbol] = record.at_ms


@fold.register
def _noted(fact: f.Noted, state: State, _record: f.Record) -> None:
    state.notes.pop(fact.key, None)
    if fact.value:
        state.notes[fact.key] = fact.value


@fold.register
def _live_armed(fact: f.LiveArmed, state: State, record: f.Record) -> None:
    state.arm, state.armed_ms = fact.arm, record.at_ms
