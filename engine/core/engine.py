"""The engine: one object without I/O that turns each event into facts and intents.

It exists so that live, paper, sandbox and simulation run the very same decisions: what happened
comes in as an event stamped by the shell, what follows goes out as records and intents. It must
never ask for the time, wait, log or touch the outside.
"""

from collections.abc import Callable, Sequence

import msgspec

from engine.core import addon, answers, gates, guard, lookout, operator, recall, tuning, wishes
from engine.core import events as e
from engine.core import facts as f
from engine.core.checks import APPROVED, FILLED
from engine.core.drift import Drift
from engine.core.exits import Leave, activity, exit_rule, protect
from engine.core.flow_view import flow_view
from engine.core.following import Following
from engine.core.funnel import Funnel
from engine.core.indicators import ATR_N, atr
from engine.core.intents import FetchAccount, Outcome
from engine.core.ledger import Ledger
from engine.core.market import Market, note
from engine.core.overview import Seen, overview
from engine.core.positions import Position
from engine.core.reach import Reach
from engine.core.reconcile import account_every_ms, reconcile
from engine.core.results import snapshot, take_signal
from engine.core.risk import Review, review
from engine.core.scan import Batch, Scanner, completed, levels_of
from engine.core.settings import Settings
from engine.core.targets import work as work_targets
from engine.core.turn import Look, Turn
from engine.core.values import LIVE, Bar, GateName, Ms, Purpose, Signal, Verdict
from engine.core.view import CandlesView, FlowView, View
from engine.core.watch import Watch
from engine.core.wish_events import Tune
from engine.core.wish_facts import SymbolBarred, SymbolWatched, Tuned

Judge = Callable[[Market, Sequence[str], Ms, Ms, Settings], Batch]

NOTHING = Outcome((), ())
CRASHES_MAX = 3  # within
CRASHES_MS: Ms = 600_000  # and a person shall look before anything is entered


class Engine:
    """Settings, the durable ledger, the ephemeral market, and the one entry: `step`.

    `judge` is the strategy; another one may be put in to drive what follows from its signals.
    """

    def __init__(
        self, settings: Settings, ledger: Ledger, mode: str, judge: Judge | None = None
    ) -> None:
        self._wanted = settings  # what people chose; today may be tighter
        self.settings = tuning.clamped(settings, ledger.state.limit_held)
        self._judge = Scanner() if judge is None else judge
        self.ledger = ledger
        self.market = Market(settings)
        self._mode = mode
        self._frame_ms = settings.market.frame_s * 1000
        self._watch = Watch(self._frame_ms)
        self._following = Following()
        self._verdicts: dict[str, Verdict] = {}
        self._watched: tuple[str, ...] = ()
        self._funnel = Funnel()
        self._looked: dict[str, Look] = {}
        self._odd: dict[str, Ms] = {}
        self._foreign: dict[str, e.AccountPosition] = {}
        self._reach = Reach()
        self._drift = Drift()
        self._is_compared = False
        self._is_armed = mode != LIVE
        self._account_ms: Ms = 0  # when the account was last asked for
        self._at_ms: Ms = ledger.state.at_ms

    def step(self, at_ms: Ms, event: e.Event) -> Outcome:
        """Decide on one event; `at_ms` never decreases."""
        assert at_ms >= self._at_ms, (at_ms, self._at_ms)
        self._at_ms = at_ms
        is_noted = note(self.market, event, at_ms)
        if is_noted and not self._is_waited_for(event):
            return NOTHING  # thousands a second
        turn = Turn(
            at_ms,
            self.settings,
            self.ledger,
            self.market,
            looked=self._looked,
            odd=self._odd,
            foreign=self._foreign,
            is_compared=self._is_compared,
            is_armed=self._is_armed,
        )
        if not is_noted:
            self._route(turn, event)
            self._note_filled(turn)
        elif isinstance(event, e.QuoteSeen) and self.ledger.position_in(event.symbol) is not None:
            gates.judge_limits(turn)
        for position in turn.ledger.positions:
            if not is_noted or position.exposed_ms is not None:
                guard.look_after(turn, position)
                work_targets(turn, position)
        for open_ms, symbols in self._watch.ready(turn):
            self._decide(turn, open_ms, symbols)
        return turn.outcome()

    def view(self) -> View:
        """A frozen copy of everything the chat may show."""
        turn = Turn(self._at_ms, self.settings, self.ledger, self.market)
        seen = Seen(
            self._mode,
            self._watch.newest_ms,
            self._verdicts,
            self._funnel.view(self._at_ms),
            self._watched,
            tuple(self._foreign.values()),
            self._wanted,
        )
        return overview(turn, seen)

    def verdict(self, symbol: str) -> Verdict | None:
        """The last verdict of a symbol, with the level it faced; None before its first."""
        verdict = self._verdicts.get(symbol)
        return None if verdict is None else completed(self.market, verdict, self.settings)

    def candles(self, symbol: str, bars: int) -> CandlesView | None:
        """A copy of a symbol's last closed candles with its levels; None when not followed."""
        if symbol not in self.market.universe:
            return None
        open_ms, ohlcv = self.market.candles(symbol, bars)
        levels = levels_of(self.market, symbol, self.settings)
        return CandlesView(symbol, self.settings.market.frame_s, open_ms, ohlcv, levels)

    def flow(self, symbol: str) -> FlowView | None:
        """Order flow of a symbol as its checks would read it; None when it is not followed."""
        follow = self.market.flow.get(symbol)
        if follow is None:
            return None
        follow.catch_up(self._at_ms)
        return flow_view(symbol, follow, self._at_ms)

    # -- routing ---------------------------------------------------------------------------------

    def _is_waited_for(self, event: e.Event) -> bool:
        """Whether anything may follow from what was noted: little waits for one of these."""
        if self._watch.is_waiting:
            return True
        marked = event.symbol if isinstance(event, e.QuoteSeen) else None
        held = self.ledger.state.positions
        return any(p.exposed_ms is not None or p.symbol == marked for p in held.values())

    def _route(self, turn: Turn, event: e.Event) -> None:  # noqa: C901, PLR0912 -- a flat table
        match event:
            case e.CandlesClosed():
                bars = self._watch.candles(turn, event)
                self._hold(turn, bars)
                lookout.look_at(turn, bars)
            case e.Tick():
                self._tick(turn)
            case e.OrderAccepted():
                answers.accepted(turn, event)
            case e.OrderRefused():
                answers.refused(turn, event)
            case e.OrderUnknown():
                answers.doubted(turn, event)
            case e.OrderGone():
                answers.gone(turn, event)
            case e.OrderMissing():
                answers.missing(turn, event)
            case e.FillSeen():
                answers.filled(turn, event)
            case e.StopSet():
                answers.stop_set(turn, event)
            case e.StopRefused():
                answers.stop_refused(turn, event)
            case e.StopUnknown():
                answers.stop_unknown(turn)
            case e.FundingSeen():
                answers.funded(turn, event.funding)
            case e.TransferSeen():
                answers.transferred(turn, event)
            case e.AccountSeen():
                self._reach.read(turn)
                reconcile(turn, event)
                self._drift.judge(turn, event.balance)
                self._is_compared = True
            case e.Command():
                self._obey(turn, event)
            case _:
                self._route_shell(turn, event)

    def _route_shell(self, turn: Turn, event: e.Event) -> None:  # noqa: C901 -- a flat table
        match event:
            case e.InstrumentsLoaded():
                self._watch.instruments(turn, event)
            case e.TickersLoaded():
                self._watch.tickers(turn, event)
            case e.HistoryLoaded():
                self._hold(turn, self._watch.history(turn, event))
            case e.StreamUp():
                self._watch.stream_up(turn, event)
            case e.StreamDown():
                self.market.mark_down(event.symbols)
                self.market.flow.uncover(event.symbols, event.reason)
                gates.judge(turn)
            case e.FetchFailed():
                self._watch.fetch_failed(event)
                self._reach.failed(turn, event)
                self._following.failed(turn, event)
            case e.NoticeDelivered():
                turn.tell(f.NoticeSent(event.of_seq, event.chat_id, event.message_id))
            case e.DiskSeen():
                gates.judge_disk(turn, event.problem)
            case e.Started():
                self._start(turn, event)
            case e.InterestLoaded():
                self._following.loaded(turn, event)
            case _:
                self._route_rest(turn, event)

    def _route_rest(self, turn: Turn, event: e.Event) -> None:
        flow = self.market.flow
        match event:
            case e.BookLost():
                flow.lose(event.symbol, event.reason)
            case e.FlowUp():
                flow.cover(event.symbols, event.exchange_ms)
            case e.FlowDown():
                flow.uncover(event.symbols, event.reason)
            case e.ExchangeSeen():
                self._reach.seen(turn, event)
            case e.ClockSeen():
                self._reach.clock(turn, event)
            case _:
                msg = f"an event nobody handles: {event!r}"
                raise AssertionError(msg)

    def _obey(self, turn: Turn, command: e.Command) -> None:
        """A person's command; what it changes here follows from the facts it became."""
        operator.obey(turn, command)
        facts = {type(record.fact) for record in turn.records}
        if isinstance(command, e.UsePreset | Tune) and facts & {f.PresetChosen, Tuned}:
            self._use(turn, command.settings)
        if isinstance(command, e.Rescan) or facts & {SymbolBarred, SymbolWatched}:
            self._watch.refresh(turn)

    def _use(self, turn: Turn, settings: Settings) -> None:
        """Trade by other settings from the next bar on; another base frame waits for a start."""
        if settings.market.frame_s == self.settings.market.frame_s:
            self._wanted = settings
            self.settings = tuning.clamped(settings, turn.ledger.state.limit_held)
            turn.settings = self.settings
            self.market.flow.use(self.settings)
            self._watch.refresh(turn)

    def _start(self, turn: Turn, event: e.Started) -> None:
        """Start-up is recovery: conditions anew, unanswered orders looked up, account read."""
        self._arm(turn, event)
        boot = turn.ledger.state.boot + 1
        turn.tell(f.Booted(boot, event.version, event.mode, event.was_clean, event.account))
        if boot == 1:
            turn.tell(f.Funded(event.balance))
        crashes = turn.ledger.state.crashes
        is_often = len(crashes) == CRASHES_MAX and crashes[-1] - crashes[0] <= CRASHES_MS
        if is_often and not event.was_clean:
            operator.lock(turn, operator.CRASHED)
        recall.compare(turn, event.untuned)
        if event.is_paused or not self._is_armed:
            operator.lock(turn, operator.LIVE_PAUSED if self._is_armed else operator.UNARMED)
        gates.close(turn, GateName.UNRECONCILED, "starting: the account is not compared yet")
        gates.close(turn, GateName.STALE_DATA, "starting: no market data yet")
        for progress in turn.ledger.state.orders.values():
            if progress.is_live:
                guard.look_up(turn, progress)
        self._watch.look(turn)
        self._read_account(turn)

    def _arm(self, turn: Turn, event: e.Started) -> None:
        """Live orders need a person's word for this very venue, in this very ledger."""
        if event.arm is not None and event.arm != turn.ledger.state.arm:
            turn.tell(f.LiveArmed(event.arm))
        arm = turn.ledger.state.arm
        is_valid = arm is not None and arm.venue == event.venue
        self._is_armed = turn.is_armed = self._mode != LIVE or is_valid

    def _read_account(self, turn: Turn) -> None:
        self._account_ms = turn.at_ms
        turn.ask(FetchAccount())

    def _tick(self, turn: Turn) -> None:
        gates.judge(turn)
        if turn.ledger.state.limit_held is None and self._wanted is not self.settings:
            self._use(turn, self._wanted)  # a new day began
        if wishes.let_go(turn):
            self._watch.refresh(turn)
        lookout.look(turn)
        self._reach.judge(turn)
        self._watch.look(turn)
        self._following.recall(turn)
        self._following.look(turn, self._watched)
        self.market.flow.tick(turn.at_ms)
        guard.look_up_unknown(turn)
        if turn.at_ms - self._account_ms >= account_every_ms(turn):
            self._read_account(turn)

    # -- candles ---------------------------------------------------------------------------------

    def _hold(self, turn: Turn, bars: list[Bar]) -> None:
        """Closed bars of open positions: extremes first, then the exit rules."""
        for bar in bars:
            position = turn.ledger.position_in(bar.symbol)
            if position is None or position.entry is None:
                continue
            began_ms = position.opened_ms - position.opened_ms % self._frame_ms
            if bar.open_ms <= position.last_bar_ms or bar.open_ms < began_ms:
                continue
            self._hold_one(turn, position, bar)

    def _hold_one(self, turn: Turn, position: Position, bar: Bar) -> None:
        """One more closed bar: its extremes and ATR, then exit rules, protection and add-on."""
        fav, adv = (bar.high, bar.low) if position.side.sign > 0 else (bar.low, bar.high)
        bars = max(ATR_N + 1, position.exits.activity_bars)
        _, ohlcv = self.market.candles(position.symbol, bars)
        newest_atr = float(atr(*ohlcv[-ATR_N - 1 :, 1:4].T)[-1])
        known_atr = newest_atr if newest_atr > 0 else None  # NaN is not
        turn.tell(f.BarsHeld(position.id, bar.open_ms, fav, adv, known_atr))
        seen, exits = snapshot(position), position.exits
        volumes = ohlcv[-exits.activity_bars :, 4].tolist() if exits.activity_bars else []
        is_tape = exits.activity_source == "tape"
        pace = self._tape_activity(bar.symbol) if is_tape else activity(volumes, position.vol0)
        frame_s = position.frame_s or self.settings.market.frame_s
        rule = exit_rule(seen, bar.close, pace, frame_s, exits)
        instrument = self.market.instrument(position.symbol)
        is_newest = bar.open_ms == self.market.last_open_ms(position.symbol)
        if rule is None and instrument is not None and is_newest:
            wanted = protect(seen, position.atr, bar.close, (instrument, exits))
            rule = wanted.rule if isinstance(wanted, Leave) else None
        if rule is not None:
            guard.ask_exit(turn, position, rule)
        elif is_newest:
            addon.consider(turn, position, bar.close)

    def _tape_activity(self, symbol: str) -> float | None:
        """What is left of the tape's activity, 0..1; None while unknown."""
        follow = self.market.flow.get(symbol)
        drop = None if follow is None else follow.drop(self._at_ms)
        return None if drop is None else 1 - drop

    # -- signals ---------------------------------------------------------------------------------

    def _decide(self, turn: Turn, open_ms: Ms, symbols: tuple[str, ...]) -> None:
        self.market.flow.catch_up(turn.at_ms)
        batch = self._judge(self.market, symbols, open_ms, turn.at_ms, self.settings)
        self._verdicts.update((v.symbol, v) for v in batch.verdicts)
        self._watched = self._watched if batch.watched is None else batch.watched
        self._funnel.note(turn.at_ms, ((v.symbol, v.stage) for v in batch.verdicts))
        if batch.signals:  # a mark may have closed a gate since the last tick
            gates.judge_money(turn)
        for signal in batch.signals:
            if signal.symbol not in self._watch.tradable:
                continue
            reviewed = review(turn, signal)
            verdict = self._verdicts[signal.symbol]
            self._verdicts[signal.symbol] = msgspec.structs.replace(
                verdict,
                checks=(*verdict.checks, *reviewed.rows),
                outcome=reviewed.outcome,
                blocked_by=next((row.name for row in reviewed.rows if row.blocks), None),
            )
            self._act(turn, signal, reviewed)
        self._following.look(turn, self._watched)

    def _act(self, turn: Turn, signal: Signal, reviewed: Review) -> None:
        signal = msgspec.structs.replace(signal, checks=signal.checks + reviewed.rows)
        plan = reviewed.plan
        if plan is None:
            turn.tell(f.SignalSkipped(signal, reviewed.refusal, reviewed.check))
            return
        position_id = turn.ledger.state.next_position_id
        self._funnel.note(turn.at_ms, [(signal.symbol, APPROVED)])
        take_signal(turn, signal, plan, position_id)
        guard.place(turn, guard.entry_order(turn, plan, position_id))

    def _note_filled(self, turn: Turn) -> None:
        fills = [r.fact for r in turn.records if isinstance(r.fact, f.OrderFilled)]
        entered = [x.fill.symbol for x in fills if x.fill.purpose is Purpose.ENTRY]
        if entered:
            self._funnel.note(turn.at_ms, [(symbol, FILLED) for symbol in entered])
