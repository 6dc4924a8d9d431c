"""Faults in what is sent, remembered and believed: orders, protection, journal, commands."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec
from simulation.planting import Patch, misfold, mutant

from engine.core import answers, engine, exits, folds, guard, reconcile, risk, targets
from engine.core import events as e
from engine.core import facts as f
from engine.core import wish_facts as w
from engine.core.exits import Leave, Protection, Snapshot
from engine.core.ledger import Ledger
from engine.core.market import Feed, Market
from engine.core.orders import Progress
from engine.core.positions import TABLE, Position, PositionInput, Rung
from engine.core.reconcile import Findings
from engine.core.scan import Batch
from engine.core.settings import Settings
from engine.core.state import State
from engine.core.terms import Exits
from engine.core.turn import Turn
from engine.core.values import (
    Check,
    Fill,
    Instrument,
    Order,
    OrderState,
    PositionState,
    Purpose,
    Side,
)
from engine.sim.life import Life
from engine.sim.world import World

# -- orders ----------------------------------------------------------------------------------------


@mutant("I05", hint=2)
def an_order_without_an_answer_is_sent_again_under_a_new_id(patch: Patch) -> None:
    def doubted(turn: Turn, event: e.OrderUnknown) -> None:
        right(turn, event)
        doubtful = turn.ledger.state.orders.get(event.order_id)
        if doubtful is not None and doubtful.order.purpose is not Purpose.TARGET:
            again = guard.new_order_id(turn, doubtful.order.purpose)
            guard.place(turn, msgspec.structs.replace(doubtful.order, id=again))

    right = answers.doubted
    patch.setattr(answers, "doubted", doubted)


@mutant("I05", hint=2)
def an_order_id_is_used_again_after_a_restart(patch: Patch) -> None:
    def new_order_id(turn: Turn, purpose: Purpose) -> str:
        boot = turn.ledger.state.boot
        used[boot] = used.get(boot, 0) + 1
        return f"{turn.settings.bot.name}-{used[boot]}{guard.LETTERS[purpose]}"

    used: dict[int, int] = {}
    patch.setattr(guard, "new_order_id", new_order_id)


@mutant("I18", hint=1)
def an_order_is_given_up_after_one_miss(patch: Patch) -> None:
    patch.setattr(guard, "ABSENT_MISSES", 1)
    patch.setattr(guard, "ABSENT_MS", 0)


@mutant("I01", "I07", "I08", hint=31)
def an_entry_given_up_is_forgotten_and_its_late_fill_with_it(patch: Patch) -> None:
    def forget(state: State, progress: Progress, position: Position, at_ms: int) -> None:
        del state, progress, position, at_ms

    patch.setattr(folds, "_give_up", forget)


@mutant("I08", hint=0)
def a_canceled_order_is_over_although_its_executions_are_missing(patch: Patch) -> None:
    def gone(turn: Turn, event: e.OrderGone) -> None:
        progress = turn.ledger.state.orders.get(event.order_id)
        if progress is not None and progress.is_live:
            turn.tell(f.OrderEnded(event.order_id, event.state, event.detail))

    patch.setattr(answers, "gone", gone)


@mutant("I18", hint=1)
def an_order_without_an_answer_is_never_looked_up(patch: Patch) -> None:
    def look_up(turn: Turn, progress: Progress) -> None:
        del turn, progress

    patch.setattr(guard, "look_up", look_up)


@mutant("I03", hint=0)
def an_exit_is_not_reduce_only(patch: Patch) -> None:
    def _exit_order(turn: Turn, position: Position, rule: str, qty: Decimal) -> Order:
        return msgspec.structs.replace(right(turn, position, rule, qty), reduce_only=False)

    right = guard._exit_order
    patch.setattr(guard, "_exit_order", _exit_order)


@mutant("I04", hint=9)
def a_target_forgets_what_was_sold_meanwhile(patch: Patch) -> None:
    def _target_order(turn: Turn, position: Position, rung: Rung) -> Order:
        return msgspec.structs.replace(right(turn, position, rung), qty=rung.target.qty)

    right = targets._target_order
    patch.setattr(targets, "_target_order", _target_order)


@mutant("I04", hint=9)
def the_ladder_keeps_what_was_sold_by_hand(patch: Patch) -> None:
    def _cut(turn: Turn, position: Position, instrument: Instrument) -> None:
        del turn, position, instrument

    patch.setattr(targets, "_cut", _cut)


@mutant("I05", hint=23)
def a_target_is_taken_while_its_order_still_rests(patch: Patch) -> None:
    def taken(fact: w.TargetTaken, state: State, record: f.Record) -> None:
        folds.fold(fact, state, record)
        state.positions[fact.position_id].rungs[fact.rank - 1].order_id = None

    misfold(patch, w.TargetTaken, taken)


@mutant("I05", hint=31)
def a_second_exit_is_sent_while_the_first_one_works(patch: Patch) -> None:
    def is_leaving(turn: Turn, position: Position) -> bool:
        orders = turn.ledger.orders_of(position.id)
        return any(o.state is OrderState.OPEN and o.order.reduce_only for o in orders)

    patch.setattr(guard, "_is_leaving", is_leaving)


@mutant("I05", hint=22)
def an_add_on_is_repeated_at_every_close(patch: Patch) -> None:
    def placed(fact: f.OrderPlaced, state: State, record: f.Record) -> None:
        folds.fold(fact, state, record)
        if fact.order.purpose is Purpose.ADDON:
            state.positions[fact.order.position_id].has_addon = False

    misfold(patch, f.OrderPlaced, placed)


@mutant("I05", hint=0)
def a_symbol_is_entered_while_a_position_is_open_there(patch: Patch) -> None:
    def _busy(turn: Turn, symbol: str) -> Check:
        del turn, symbol
        return risk._row(risk.RiskCheck.BUSY, passed=True)

    patch.setattr(risk, "_busy", _busy)


# -- protection and exits --------------------------------------------------------------------------


@mutant("I01", hint=6)
def the_stop_is_forgotten_after_a_partial_fill(patch: Patch) -> None:
    def _protect(turn: Turn, position: Position) -> None:
        entry = turn.ledger.state.orders.get(position.entry_order_id)
        if entry is None or entry.state is OrderState.FILLED:
            right(turn, position)

    right = guard._protect
    patch.setattr(guard, "_protect", _protect)


@mutant("I01", hint=20)
def a_spent_stop_is_believed_to_cover_the_rest(patch: Patch) -> None:
    def _shrink(self: Position, fill: Fill, at_ms: int) -> None:
        spent = fill.purpose is Purpose.STOP
        purpose = Purpose.EXIT if spent else fill.purpose
        right(self, msgspec.structs.replace(fill, purpose=purpose), at_ms)

    right = Position._shrink
    patch.setattr(Position, "_shrink", _shrink)


@mutant("I01", hint=0)
def what_grew_counts_as_covered_by_the_stop_it_had(patch: Patch) -> None:
    def _grow(self: Position, fill: Fill, at_ms: int) -> None:
        right(self, fill, at_ms)
        self.exposed_ms = None

    right = Position._grow
    patch.setitem(TABLE, (PositionState.EXPOSED, PositionInput.GREW), PositionState.PROTECTED)
    patch.setitem(TABLE, (PositionState.ENTERING, PositionInput.GREW), PositionState.PROTECTED)
    patch.setitem(TABLE, (PositionState.PROTECTED, PositionInput.GREW), PositionState.PROTECTED)
    patch.setattr(Position, "_grow", _grow)


@mutant("I01", hint=22)
def the_deadline_of_the_unprotected_is_ignored(patch: Patch) -> None:
    def ask_exit(turn: Turn, position: Position, rule: str, qty: Decimal | None = None) -> None:
        if rule != "unprotected":
            right(turn, position, rule, qty)

    right = guard.ask_exit
    patch.setattr(guard, "ask_exit", ask_exit)


@mutant("I02", hint=3)
def a_trailing_stop_follows_the_price_back(patch: Patch) -> None:
    def protect(
        seen: Snapshot, atr: float | None, price: float | None, terms: tuple[Instrument, Exits]
    ) -> Protection | Leave | None:
        nowhere = seen.entry * (1 - seen.side.sign * Decimal("0.9"))
        return right(msgspec.structs.replace(seen, stop=nowhere), atr, price, terms)

    right = exits.protect
    patch.setattr(guard, "protect", protect)


@mutant("I02", "I23", hint=3)
def breakeven_forgets_the_costs(patch: Patch) -> None:
    def breakeven(side: Side, avg: Decimal, rules: Instrument, terms: Exits) -> Decimal:
        del side, rules, terms
        return avg

    patch.setattr(exits, "breakeven", breakeven)


@mutant("I29", hint=1)
def exits_wait_while_a_gate_is_closed(patch: Patch) -> None:
    def _exit(turn: Turn, position: Position) -> None:
        if not turn.ledger.state.gates:
            right(turn, position)

    right = guard._exit
    patch.setattr(guard, "_exit", _exit)


@mutant("I29", hint=1)
def a_panic_locks_and_closes_nothing(patch: Patch) -> None:
    def _resume_exit(turn: Turn, position: Position) -> None:
        if position.exit_rule is not None:
            guard.ask_exit(turn, position, position.exit_rule)

    patch.setattr(guard, "_resume_exit", _resume_exit)


# -- belief ----------------------------------------------------------------------------------------


@mutant("I08", hint=0)
def an_execution_told_twice_is_booked_twice(patch: Patch) -> None:
    def knows_fill(self: Ledger, fill_id: str) -> bool:
        del self, fill_id
        return False

    patch.setattr(Ledger, "knows_fill", knows_fill)


@mutant("I07", "I19", "I20", hint=6)
def a_failed_read_is_taken_for_an_empty_account(patch: Patch) -> None:
    def _route_shell(self: engine.Engine, turn: Turn, event: e.Event) -> None:
        right(self, turn, event)
        if isinstance(event, e.FetchFailed) and event.what == "account":
            reconcile.reconcile(turn, e.AccountSeen(Decimal(0), (), (), ()))

    right = engine.Engine._route_shell
    patch.setattr(engine.Engine, "_route_shell", _route_shell)


@mutant("I19", hint=3)
def a_stop_without_an_answer_is_taken_for_set(patch: Patch) -> None:
    def _route(self: engine.Engine, turn: Turn, event: e.Event) -> None:
        right(self, turn, event)
        if isinstance(event, e.StopUnknown):
            answers.stop_set(turn, e.StopSet(event.position_id, event.price))

    right = engine.Engine._route
    patch.setattr(engine.Engine, "_route", _route)


@mutant("I20", hint=3)
def an_old_view_of_a_stop_replaces_a_newer_one(patch: Patch) -> None:
    def _compare_stop(
        turn: Turn, position: Position, shown: e.AccountPosition | None, found: Findings
    ) -> None:
        undated = None if shown is None else msgspec.structs.replace(shown, updated_ms=0)
        right(turn, position, undated, found)

    right = reconcile._compare_stop
    patch.setattr(reconcile, "_compare_stop", _compare_stop)


@mutant("I16", hint=8)
def a_late_bar_is_judged_as_if_it_had_just_closed(patch: Patch) -> None:
    def _decide(self: engine.Engine, turn: Turn, open_ms: int, symbols: tuple[str, ...]) -> None:
        def judge(
            market: Market, some: Sequence[str], bar_ms: int, at_ms: int, settings: Settings
        ) -> Batch:
            del at_ms
            return honest(market, some, bar_ms, bar_ms + market.frame_ms, settings)

        honest, self._judge = self._judge, judge
        right(self, turn, open_ms, symbols)
        self._judge = honest

    right = engine.Engine._decide
    patch.setattr(engine.Engine, "_decide", _decide)


@mutant("I17", hint=61)
def a_silent_market_is_traded(patch: Patch) -> None:
    def is_stale(self: Feed, symbol: str, at_ms: int) -> bool:
        del self, symbol, at_ms
        return False

    patch.setattr(Feed, "is_stale", is_stale)


# -- memory ----------------------------------------------------------------------------------------


@mutant("I06", hint=0)
def an_order_leaves_before_its_fact_is_durable(patch: Patch) -> None:
    def save(self: Life, event: e.Event, records: Sequence[f.Record]) -> bool:
        if any(isinstance(r.fact, f.OrderPlaced) for r in records):
            self.unsaved.extend(records)  # with the next ones
            return True
        return right(self, event, records)

    right = Life.save
    patch.setattr(Life, "save", save)


@mutant("I25", "I26", hint=21)
def the_last_fact_on_disk_is_lost_at_a_crash(patch: Patch) -> None:
    def crash(self: World, kind: object) -> None:
        right(self, kind)  # type: ignore[arg-type] # handed on as it came
        del self.disk.lines[-1:], self.disk.records[-1:]

    right = World.crash
    patch.setattr(World, "crash", crash)


@mutant("I08", "I25", hint=4)
def the_checkpoint_forgets_which_executions_are_booked(patch: Patch) -> None:
    def dump(self: Ledger) -> dict[str, object]:
        return {**right(self), "fill_ids": {}}

    right = Ledger.dump
    patch.setattr(Ledger, "dump", dump)


@mutant("I23", hint=33)
def a_command_told_twice_acts_twice(patch: Patch) -> None:
    def forget(fact: f.Fact, state: State, record: f.Record) -> None:
        del fact, state, record

    misfold(patch, (f.CommandDone, f.CommandRefused), forget)
