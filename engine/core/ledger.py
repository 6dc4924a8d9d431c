"""The durable half of the engine's state: a fold over facts, and its dump for the checkpoint.

It exists so that a restart, a report and the running engine agree by construction: `apply` is the
only writer. It must never look at the market or the time; money is Decimal throughout.
"""

from decimal import Decimal
from functools import singledispatch
from hashlib import sha256
from typing import Any, TypeVar

import msgspec

from engine.core import facts as f
from engine.core.orders import ENDINGS, OrderInput, Progress
from engine.core.positions import Position, PositionInput
from engine.core.values import GateName, Ms, PositionState, Purpose
from engine.core.view import SkippedView, TradeView

T = TypeVar("T")

TRADES_KEPT = 500
SKIPPED_KEPT = 50
FILL_IDS_KEPT = 1000
COMMANDS_KEPT = 500
ALARMS_KEPT = 200
ENDED_KEPT = 20  # orders of an open position that ended without a fill

# Gates that outlive a restart; every other one is a condition, judged anew at every start.
LASTING = frozenset({GateName.OPERATOR, GateName.KILL_SWITCH})


class Gate(msgspec.Struct):
    """A closed gate."""

    since_ms: Ms
    by: str
    why: str
    until_ms: Ms | None = None
    flatten: bool = False


class Answer(msgspec.Struct, frozen=True):
    """What became of a command."""

    is_done: bool
    words: str


class State(msgspec.Struct):
    """Everything that survives a restart; bounded, so its size never grows with age."""

    seq: int = 0
    at_ms: Ms = 0
    boot: int = 0
    started_ms: Ms = 0
    settled: Decimal = Decimal(0)  # balance from deposits and closed positions, exact
    peak: Decimal | None = None
    day: str = ""
    day_start: Decimal | None = None
    next_position_id: int = 1
    gates: dict[GateName, Gate] = msgspec.field(default_factory=dict)
    orders: dict[str, Progress] = msgspec.field(default_factory=dict)
    positions: dict[int, Position] = msgspec.field(default_factory=dict)
    trades: list[TradeView] = msgspec.field(default_factory=list)
    skipped: list[SkippedView] = msgspec.field(default_factory=list)
    cooling: dict[str, Ms] = msgspec.field(default_factory=dict)  # symbol -> last trade closed
    fill_ids: list[str] = msgspec.field(default_factory=list)
    commands: dict[str, Answer] = msgspec.field(default_factory=dict)  # so that none acts twice
    alarms: dict[str, Ms] = msgspec.field(default_factory=dict)  # incident's key -> last told


def orders_of(state: State, position_id: int) -> tuple[Progress, ...]:
    """Orders of a position, oldest first."""
    return tuple(o for o in state.orders.values() if o.order.position_id == position_id)


@singledispatch
def _fold(fact: f.Fact, state: State, record: f.Record) -> None:
    """Facts without a fold below tell people something and change no state."""


@_fold.register
def _booted(fact: f.Booted, state: State, record: f.Record) -> None:
    state.boot, state.started_ms = fact.boot, record.at_ms
    state.gates = {name: gate for name, gate in state.gates.items() if name in LASTING}


@_fold.register
def _funded(fact: f.Funded, state: State, _: f.Record) -> None:
    state.settled += fact.balance


@_fold.register
def _signal_taken(fact: f.SignalTaken, state: State, record: f.Record) -> None:
    signal = fact.signal
    state.next_position_id = fact.position_id + 1
    state.positions[fact.position_id] = Position(
        id=fact.position_id,
        symbol=signal.symbol,
        side=signal.side,
        setup=signal.setup,
        signal_id=signal.id,
        level_price=signal.level.price,
        asked_stop=fact.stop,
        asked_ms=record.at_ms,
        opened_ms=0,
    )


@_fold.register
def _signal_skipped(fact: f.SignalSkipped, state: State, record: f.Record) -> None:
    row = SkippedView(at_ms=record.at_ms, signal_id=fact.signal.id, reason=fact.reason)
    state.skipped = [*state.skipped, row][-SKIPPED_KEPT:]


@_fold.register
def _order_placed(fact: f.OrderPlaced, state: State, record: f.Record) -> None:
    order = fact.order
    state.orders[order.id] = Progress(order, record.at_ms)
    position = state.positions.get(order.position_id)
    if position is None:
        return
    _forget_attempts(state, position)
    if order.purpose is Purpose.ENTRY:
        position.entry_order_id = order.id
    if order.purpose is Purpose.EXIT and position.state is PositionState.EXITING:
        position.last_exit_ms = record.at_ms
    if order.purpose is Purpose.TARGET:
        rung = next(r for r in position.rungs if r.order_id is None and not r.is_filled)
        rung.order_id = order.id


def _forget_attempts(state: State, position: Position) -> None:
    """Exits and targets may be refused for days: of those without a fill a few are enough."""
    ended = [
        o.order.id
        for o in orders_of(state, position.id)
        if not (o.is_live or o.filled_qty or o.order.purpose is Purpose.ENTRY)
    ]
    for order_id in ended[:-ENDED_KEPT]:
        del state.orders[order_id]


@_fold.register
def _order_acked(fact: f.OrderAcked, state: State, _: f.Record) -> None:
    progress = state.orders[fact.order_id]
    progress.venue_id = fact.venue_id or progress.venue_id
    progress.feed(OrderInput.ACKED)


@_fold.register
def _order_doubted(fact: f.OrderDoubted, state: State, _: f.Record) -> None:
    state.orders[fact.order_id].feed(OrderInput.DOUBTED)


@_fold.register
def _cancel_asked(fact: f.CancelAsked, state: State, _: f.Record) -> None:
    state.orders[fact.order_id].feed(OrderInput.CANCEL_ASKED)


@_fold.register
def _order_ended(fact: f.OrderEnded, state: State, _: f.Record) -> None:
    progress = state.orders[fact.order_id]
    progress.feed(ENDINGS[fact.state])
    position = state.positions.get(progress.order.position_id)
    if position is None:  # it closed first; nothing asks for this order any more
        del state.orders[fact.order_id]
        return
    if progress.order.purpose is Purpose.ENTRY and not position.entry_qty:
        position.feed(PositionInput.NEVER_FILLED)
        _forget(state, position)
    for rung in position.rungs:
        if rung.order_id == fact.order_id:
            rung.is_filled = progress.left_qty <= 0
            rung.order_id = rung.order_id if rung.is_filled else None


@_fold.register
def _order_filled(fact: f.OrderFilled, state: State, record: f.Record) -> None:
    _remember_fill(state, fact.fill.id)
    progress = state.orders.get(fact.fill.order_id)
    if progress is not None:
        progress.book(fact.fill)
    state.positions[fact.position_id].book(fact.fill, record.at_ms)


def _remember_fill(state: State, fill_id: str) -> None:
    state.fill_ids = [*state.fill_ids, fill_id][-FILL_IDS_KEPT:]


@_fold.register
def _position_opened(fact: f.PositionOpened, state: State, _: f.Record) -> None:
    position = state.positions[fact.position_id]
    position.fix(fact.entry, (fact.dist0, fact.risk0_usd), fact.targets)


@_fold.register
def _stop_asked(fact: f.StopAsked, state: State, record: f.Record) -> None:
    position = state.positions[fact.position_id]
    position.asked_stop, position.asked_kind = fact.price, fact.kind
    position.asked_ms = record.at_ms


@_fold.register
def _stop_moved(fact: f.StopMoved, state: State, _: f.Record) -> None:
    state.positions[fact.position_id].show_stop(fact.price, fact.kind)


@_fold.register
def _stop_missing(fact: f.StopMissing, state: State, record: f.Record) -> None:
    state.positions[fact.position_id].lose_stop(record.at_ms)


@_fold.register
def _exit_asked(fact: f.ExitAsked, state: State, _: f.Record) -> None:
    position = state.positions[fact.position_id]
    if fact.qty >= position.qty:
        position.exit_rule = position.exit_rule or fact.rule
        position.feed(PositionInput.EXIT_ASKED)


@_fold.register
def _bars_held(fact: f.BarsHeld, state: State, _: f.Record) -> None:
    position = state.positions[fact.position_id]
    position.bars_held += 1
    position.last_bar_ms = fact.open_ms
    position.see_price(fact.best)
    position.see_price(fact.worst)


@_fold.register
def _position_closed(fact: f.PositionClosed, state: State, record: f.Record) -> None:
    position = state.positions[fact.position_id]
    position.feed(PositionInput.FLAT)
    state.settled += fact.net
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
        net=fact.net,
        result_r=fact.result_r,
        mfe_r=fact.mfe_r,
        mae_r=fact.mae_r,
        opened_ms=fact.opened_ms,
        closed_ms=record.at_ms,
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


@_fold.register
def _equity_peaked(fact: f.EquityPeaked, state: State, _: f.Record) -> None:
    state.peak = fact.equity


@_fold.register
def _gate_closed(fact: f.GateClosed, state: State, record: f.Record) -> None:
    state.gates[fact.gate] = Gate(
        since_ms=record.at_ms,
        by=fact.by,
        why=fact.why,
        until_ms=fact.until_ms,
        flatten=fact.flatten,
    )


@_fold.register
def _gate_opened(fact: f.GateOpened, state: State, _: f.Record) -> None:
    state.gates.pop(fact.gate, None)


@_fold.register
def _day_rolled(fact: f.DayRolled, state: State, _: f.Record) -> None:
    state.day, state.day_start = fact.date, fact.equity


@_fold.register
def _incident(fact: f.Incident, state: State, record: f.Record) -> None:
    _remember(state.alarms, fact.key, record.at_ms, ALARMS_KEPT)


@_fold.register
def _command_done(fact: f.CommandDone, state: State, _: f.Record) -> None:
    answer = Answer(is_done=True, words=fact.detail)
    _remember(state.commands, fact.command_id, answer, COMMANDS_KEPT)


@_fold.register
def _command_refused(fact: f.CommandRefused, state: State, _: f.Record) -> None:
    answer = Answer(is_done=False, words=fact.reason)
    _remember(state.commands, fact.command_id, answer, COMMANDS_KEPT)


def _remember(memory: dict[str, T], key: str, value: T, kept: int) -> None:
    """The newest last, the oldest forgotten."""
    memory.pop(key, None)
    memory[key] = value
    if len(memory) > kept:
        del memory[next(iter(memory))]


class Ledger:
    """The state and its one writer."""

    def __init__(self, state: State | None = None) -> None:
        self.state = state or State()

    @property
    def seq(self) -> int:
        """Sequence number of the newest applied record."""
        return self.state.seq

    @property
    def positions(self) -> tuple[Position, ...]:
        """Open positions, oldest first."""
        return tuple(self.state.positions.values())

    @property
    def balance(self) -> Decimal:
        """Cash after fees: what is settled plus what open positions realized and paid."""
        return self.state.settled + sum(
            (p.gross - p.fees for p in self.positions if p.entry_qty), Decimal(0)
        )

    def position_in(self, symbol: str) -> Position | None:
        """The open position of a symbol."""
        return next((p for p in self.positions if p.symbol == symbol), None)

    def orders_of(self, position_id: int) -> tuple[Progress, ...]:
        """Orders of a position, oldest first."""
        return orders_of(self.state, position_id)

    def knows_fill(self, fill_id: str) -> bool:
        """Whether this execution is booked already."""
        return fill_id in self.state.fill_ids

    def apply(self, record: f.Record) -> None:
        """Fold one record in; its sequence must be the next."""
        assert record.seq == self.state.seq + 1, (record.seq, self.state.seq)
        self.state.seq, self.state.at_ms = record.seq, max(record.at_ms, self.state.at_ms)
        _fold(record.fact, self.state, record)

    def dump(self) -> dict[str, Any]:
        """The state as JSON-ready objects, Decimals as strings."""
        tables: dict[str, Any] = msgspec.to_builtins(self.state, str_keys=True)
        return tables

    @classmethod
    def load(cls, tables: dict[str, Any]) -> "Ledger":
        """Rebuild from a dump; raises `msgspec.ValidationError` naming the damaged place."""
        return cls(msgspec.convert(tables, State, strict=False))

    def digest(self) -> str:
        """A fingerprint of the whole state: equal digests mean equal ledgers."""
        return sha256(msgspec.json.encode(self.dump(), order="sorted")).hexdigest()
