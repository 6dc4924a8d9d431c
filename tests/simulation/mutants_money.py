"""Faults in sums and limits: results, initial risk, sizes, days, peaks and gates."""

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from zoneinfo import ZoneInfo

import msgspec
from simulation.planting import Patch, misfold, mutant

from engine.core import answers, exits, exposure, folds, gates, results, risk
from engine.core import facts as f
from engine.core.exits import Entered
from engine.core.facts import DayRolled, EquityPeaked
from engine.core.ledger import Ledger
from engine.core.orders import Progress
from engine.core.positions import Position
from engine.core.state import State
from engine.core.terms import Exits
from engine.core.turn import Turn
from engine.core.values import (
    Check,
    Fill,
    Funding,
    GateName,
    Instrument,
    StopKind,
    Target,
    exact,
)

# -- results ---------------------------------------------------------------------------------------


@mutant("I10", hint=0)
def fees_are_left_out_of_the_balance(patch: Patch) -> None:
    patch.setattr(Position, "realized", property(lambda self: self.gross - self.funding))


@mutant("I10", hint=15)
def funding_is_booked_with_the_wrong_sign(patch: Patch) -> None:
    def funded(turn: Turn, funding: Funding) -> bool:
        return right(turn, msgspec.structs.replace(funding, amount=-funding.amount))

    right = answers.funded
    patch.setattr(answers, "funded", funded)


@mutant("I10", hint=0)
def a_short_is_reckoned_like_a_long(patch: Patch) -> None:
    def gross(self: Position) -> Decimal:
        return self.exit_value - (self.entry_value - self.cost)

    patch.setattr(Position, "gross", property(gross))


@mutant("I10", hint=3)
def a_partial_exit_moves_the_average_cost(patch: Patch) -> None:
    def _shrink(self: Position, fill: Fill, at_ms: int) -> None:
        left = self.cost - fill.price * fill.qty
        right(self, fill, at_ms)
        self.cost = left if self.qty else Decimal(0)

    right = Position._shrink
    patch.setattr(Position, "_shrink", _shrink)


@mutant("I10", "I15", hint=11)
def an_add_on_leaves_the_average_cost_alone(patch: Patch) -> None:
    def _grow(self: Position, fill: Fill, at_ms: int) -> None:
        avg = self.avg if self.qty else fill.price
        right(self, msgspec.structs.replace(fill, price=avg), at_ms)

    right = Position._grow
    patch.setattr(Position, "_grow", _grow)


@mutant("I09", "I10", hint=0)
def the_initial_risk_follows_the_moved_stop(patch: Patch) -> None:
    def show_stop(self: Position, price: Decimal, kind: StopKind) -> None:
        right(self, price, kind)
        if self.entry is not None:
            self.dist0 = abs(self.entry - price)
            self.risk0_usd = self.qty0 * self.dist0

    right = Position.show_stop
    patch.setattr(Position, "show_stop", show_stop)


@mutant("I09", hint=0)
def the_entry_price_is_the_limit_and_not_what_was_paid(patch: Patch) -> None:
    def open_trade(turn: Turn, position: Position) -> None:
        order = turn.ledger.state.orders[position.entry_order_id].order
        paid, limit = position.entry_value, order.price or Decimal(0)
        position.entry_value = limit * position.entry_qty
        right(turn, position)
        position.entry_value = paid

    right = results.open_trade
    patch.setattr("engine.core.guard.open_trade", open_trade)


@mutant("I04", "I09", hint=0)
def a_ladder_sells_more_than_the_position(patch: Patch) -> None:
    def ladder(entered: Entered, rules: Instrument, terms: Exits) -> tuple[Target, ...]:
        whole = tuple((r, 1.0) for r, _ in terms.targets)
        rungs = [right(entered, rules, msgspec.structs.replace(terms, targets=(t,))) for t in whole]
        return tuple(rung for one in rungs for rung in one)

    right = exits.ladder
    patch.setattr(results, "ladder", ladder)


@mutant("I09", hint=0)
def targets_of_a_short_stand_above_it(patch: Patch) -> None:
    def ladder(entered: Entered, rules: Instrument, terms: Exits) -> tuple[Target, ...]:
        rungs = right(entered, rules, terms)
        up = [2 * entered.entry - t.price if entered.side.sign < 0 else t.price for t in rungs]
        return tuple(
            msgspec.structs.replace(t, price=rules.price_up(p))
            for t, p in zip(rungs, up, strict=True)
        )

    right = exits.ladder
    patch.setattr(results, "ladder", ladder)


# -- sizes -----------------------------------------------------------------------------------------


@mutant("I12", hint=20)
def one_slot_more_than_allowed_is_used(patch: Patch) -> None:
    def _slots(turn: Turn) -> Check:
        used, slots = len(turn.ledger.positions), turn.settings.risk.max_open_positions
        return risk._row(risk.RiskCheck.SLOTS, used <= slots)

    patch.setattr(risk, "_slots", _slots)


@mutant("I12", hint=1)
def pending_entries_are_left_out_of_the_open_risk(patch: Patch) -> None:
    def _growing(ledger: Ledger, position: Position) -> Sequence[Progress]:
        del ledger, position
        return ()

    patch.setattr(exposure, "_growing", _growing)


@mutant("I12", hint=1)
def a_quantity_is_rounded_up_to_the_lot(patch: Patch) -> None:
    def qty(self: Instrument, qty: float | Decimal) -> Decimal:
        lots = (exact(qty) / self.lot).to_integral_value(ROUND_CEILING)
        return (lots * self.lot).quantize(self.lot)

    patch.setattr(Instrument, "qty", qty)


@mutant("I12", hint=0)
def an_entry_may_cross_the_floor(patch: Patch) -> None:
    def headroom(ledger: Ledger, market: object, terms: object) -> Decimal | None:
        del ledger, market, terms
        return None

    patch.setattr(risk, "headroom", headroom)


# -- days, peaks, streaks --------------------------------------------------------------------------


@mutant("I10", hint=0)
def the_day_is_measured_from_its_best_moment(patch: Patch) -> None:
    def peaked(fact: EquityPeaked, state: State, record: f.Record) -> None:
        folds.fold(fact, state, record)
        state.day_start = None if state.day_start is None else max(state.day_start, fact.equity)

    misfold(patch, EquityPeaked, peaked)


@mutant("I10", "I13", hint=1)
def every_start_begins_the_day_anew(patch: Patch) -> None:
    def booted(fact: f.Booted, state: State, record: f.Record) -> None:
        folds.fold(fact, state, record)
        state.day = ""

    misfold(patch, f.Booted, booted)


@mutant("I13", hint=1)
def the_day_begins_at_midnight_somewhere_else(patch: Patch) -> None:
    patch.setattr(gates, "ZoneInfo", lambda _: ZoneInfo("Pacific/Auckland"))


@mutant("I13", hint=41)
def a_recovery_reopens_what_the_day_had_closed(patch: Patch) -> None:
    def _judge_day(turn: Turn, equity: Decimal) -> None:
        lost = gates.fall_pct(turn.ledger.state.day_start, equity)
        if lost is not None and lost < exact(turn.settings.risk.daily_loss_limit_pct):
            gates.reopen(turn, GateName.DAILY_LOSS, "recovered")
        if not turn.ledger.state.streak:
            gates.reopen(turn, GateName.LOSING_STREAK, "recovered")
        right(turn, equity)

    right = gates._judge_day
    patch.setattr(gates, "_judge_day", _judge_day)


@mutant("I15", hint=0)
def the_peak_follows_the_equity_down(patch: Patch) -> None:
    def _judge_peak(turn: Turn, equity: Decimal) -> None:
        right(turn, equity)
        if equity != turn.ledger.state.peak:
            turn.tell(EquityPeaked(equity))

    right = gates._judge_peak
    patch.setattr(gates, "_judge_peak", _judge_peak)


@mutant("I10", hint=1)
def every_start_forgets_the_peak(patch: Patch) -> None:
    def booted(fact: f.Booted, state: State, record: f.Record) -> None:
        folds.fold(fact, state, record)
        state.peak = None

    misfold(patch, f.Booted, booted)


@mutant("I15", hint=0)
def a_winning_trade_does_not_end_the_losing_streak(patch: Patch) -> None:
    def streak_after(so_far: int, result_r: float, scratch_r: float) -> int:
        return so_far + 1 if result_r < -scratch_r else so_far

    patch.setattr(results, "streak_after", streak_after)


@mutant("I10", hint=13)
def a_new_day_keeps_the_losing_streak(patch: Patch) -> None:
    def rolled(fact: DayRolled, state: State, record: f.Record) -> None:
        streak = state.streak
        folds.fold(fact, state, record)
        state.streak = streak

    misfold(patch, DayRolled, rolled)


# -- gates -----------------------------------------------------------------------------------------


@mutant("I15", hint=1)
def a_restart_opens_the_kill_switch(patch: Patch) -> None:
    patch.setattr(folds, "LASTING", folds.LASTING - {GateName.KILL_SWITCH})


@mutant("I14", hint=0)
def entries_pass_a_closed_gate(patch: Patch) -> None:
    def _closed_gate(turn: Turn, symbol: str) -> tuple[GateName | None, str]:
        del turn, symbol
        return None, ""

    patch.setattr(risk, "_closed_gate", _closed_gate)


@mutant("I15", hint=1)
def losses_close_no_gate(patch: Patch) -> None:
    def fall_pct(start: Decimal | None, equity: Decimal) -> Decimal | None:
        del start, equity
        return None

    patch.setattr(gates, "fall_pct", fall_pct)


@mutant("I15", hint=0)
def a_symbol_is_entered_again_before_it_cooled_down(patch: Patch) -> None:
    def _cooldown(turn: Turn, symbol: str) -> Check:
        del turn, symbol
        return risk._row(risk.RiskCheck.COOLDOWN, passed=True)

    patch.setattr(risk, "_cooldown", _cooldown)
