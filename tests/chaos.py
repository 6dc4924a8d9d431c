"""A world with bad luck: the core against matching, with answers lost, late, doubled and reordered.

It exists so that one seed is one day that can be lived again. After each step it judges what must
always hold; a broken promise is an assertion with the seed's last facts.
"""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from itertools import pairwise
from random import Random

from builders import D
from engine.core import events as e
from engine.core import facts as f
from engine.core import intents as i
from engine.core.engine import Engine
from engine.core.facts import Record, decode, encode
from engine.core.guard import RETRY_MS
from engine.core.intents import Outcome
from engine.core.ledger import Ledger
from engine.core.positions import Position
from engine.core.settings import Settings
from engine.core.values import (
    Fill,
    GateName,
    Instrument,
    Order,
    OrderState,
    PositionState,
    Purpose,
    Side,
)
from engine.sim.matching import Holding, Matching
from world import Candles, World, total

START = D(10_000)
STEPS_MAX = 400  # of one feed: more is a loop that never ends
LIVE = (OrderState.PLACED, OrderState.OPEN, OrderState.CANCELING, OrderState.UNKNOWN)
FAULTS = ("lost_request", "lost_answer", "lost_event", "late", "double", "lost_read", "crash")


class Chaos(World):
    """A world whose seed decides what goes wrong, and when."""

    def __init__(
        self, seed: int, settings: Settings, instruments: tuple[Instrument, ...], candles: Candles
    ) -> None:
        super().__init__(settings, instruments, candles=candles)
        self.dice = Random(seed)  # noqa: S311 -- a seed that can be lived again
        self.rates = {kind: self.dice.choice((0.0, 0.03, 0.2)) for kind in FAULTS}
        self.rates["crash"] /= 20
        self.outlives = self.dice.random() < 0.5  # the exchange goes on while we are down
        self.crashes = 0
        self.is_calm = True
        self.late: list[e.Event] = []
        self.shadow = Ledger()  # from the journal's lines alone
        self.net: Counter[str] = Counter()  # signed fills of the exchange, by symbol, in lots
        self.stops: dict[int, Decimal] = {}

    # -- running ---------------------------------------------------------------------------------

    def feed(  # type: ignore[explicit-override]  # typing has it from 3.12
        self, *events: e.Event
    ) -> list[Record]:
        first, steps = len(self.records), 0
        self._queue.extend(events)
        while self._queue:
            steps += 1
            assert steps < STEPS_MAX, f"a loop without end: {self.records[-1]}"
            outcome = self.engine.step(self.now, self._queue.popleft())
            self.records += outcome.records
            self.judge(outcome)
            if self._hits("crash"):
                self.crash()
                continue
            for intent in outcome.intents:
                self.intents.append(intent)
                self._queue.extend(self._carry_out(intent))
                self._judge_exchange()
        return self.records[first:]

    def crash(self) -> None:
        """Everything but the journal is gone; on paper the account comes from the journal too."""
        self.crashes += 1
        self._queue.clear()
        self.late.clear()
        ledger = self.shadow = Ledger.load(self.shadow.dump())
        self.shadow = Ledger.load(self.shadow.dump())
        self.engine = Engine(self.settings, ledger, "paper")
        if not self.outlives:
            self._restore(ledger)
        self._queue.append(e.Started("test", "paper", was_clean=False, balance=START))

    def _restore(self, ledger: Ledger) -> None:
        held = [p for p in ledger.positions if p.qty]
        live = [(o.order, o.filled_qty) for o in ledger.state.orders.values() if o.is_live]
        self.matching = Matching(D(0), D(4))
        self.matching.set_instruments(self.instruments)
        self.matching.restore(
            ledger.balance,
            [Holding(p.id, p.symbol, p.side, p.qty, p.avg, p.stop, p.funded_ms) for p in held],
            live,
        )
        self.net = Counter({p.symbol: p.side.sign * _lots(p.qty) for p in held})
        self.stops.clear()

    def deliver(self, share: float) -> None:
        """Late events arrive, in any order."""
        self.dice.shuffle(self.late)
        count = round(share * len(self.late))
        due, self.late = self.late[:count], self.late[count:]
        self.feed(*due)

    # -- faults ----------------------------------------------------------------------------------

    def _hits(self, fault: str) -> bool:
        return not self.is_calm and self.dice.random() < self.rates[fault]

    def _carry_out(  # type: ignore[explicit-override]  # typing has it from 3.12
        self, intent: i.Intent
    ) -> Iterable[e.Event]:
        failure = _failure(intent)
        if failure is None:
            return super()._carry_out(intent)
        is_read = isinstance(intent, i.FindOrder | i.FetchAccount)
        if self._hits("lost_read" if is_read else "lost_request"):
            return [failure]
        answer, *rest = super()._carry_out(intent)
        if not is_read and self._hits("lost_answer"):
            answer = failure
        self._note(rest)
        return [*self._delay((answer,)), *self._arrive(rest)]

    def _see(  # type: ignore[explicit-override]  # typing has it from 3.12
        self, symbol: str, bid: float, ask: float, last: float
    ) -> tuple[e.Event, ...]:
        events = super()._see(symbol, bid, ask, last)
        self._note(events)
        return tuple(self._arrive(events))

    def _arrive(self, events: Iterable[e.Event]) -> list[e.Event]:
        return self._delay(event for event in events if not self._hits("lost_event"))

    def _delay(self, events: Iterable[e.Event]) -> list[e.Event]:
        now: list[e.Event] = []
        for event in events:
            (self.late if self._hits("late") else now).append(event)
            if self._hits("double"):
                self.late.append(event)
        return now

    # -- judging ---------------------------------------------------------------------------------

    def _note(self, events: Iterable[e.Event]) -> None:
        for fill in (event.fill for event in events if isinstance(event, e.FillSeen)):
            before = self.net[fill.symbol]
            after = before + fill.side.sign * _lots(fill.qty)
            assert before * after >= 0, ("the exchange flipped", fill, before)
            if fill.purpose is not Purpose.ENTRY:
                assert abs(after) < abs(before), ("an exit grew the position", fill)
            self.net[fill.symbol] = after

    def judge(self, outcome: Outcome) -> None:
        """What must hold after each step of the engine."""
        for record in outcome.records:
            self.shadow.apply(decode(encode(record)))
        if outcome.records:
            assert self.shadow.digest() == self.engine.ledger.digest()
        for intent in outcome.intents:
            if isinstance(intent, i.PlaceOrder):
                self._judge_order(intent.order)
        positions = self.engine.ledger.positions
        assert len(positions) <= self.settings.risk.max_open_positions
        assert len({p.symbol for p in positions}) == len(positions)
        for position in positions:
            self._judge_position(position)
        self._judge_exchange()

    def _judge_order(self, order: Order) -> None:
        rules = next(x for x in self.instruments if x.symbol == order.symbol)
        assert order.qty > 0
        assert order.qty % rules.lot == 0
        assert all(price % rules.tick == 0 for price in (order.price, order.stop) if price)
        assert order.reduce_only is (order.purpose is not Purpose.ENTRY)
        if order.purpose is Purpose.ENTRY:
            assert not self.gates, ("an entry past a closed gate", self.gates)
            assert order.stop is not None
            assert order.price is not None
            assert order.qty >= rules.qty_min
            assert order.price * order.qty >= rules.notional_min
        live = [o.order for o in self.engine.ledger.state.orders.values() if o.state in LIVE]
        same = [o for o in live if (o.symbol, o.purpose) == (order.symbol, order.purpose)]
        if order.purpose is Purpose.ENTRY:
            assert same == [order]

    def _judge_position(self, position: Position) -> None:
        ledger = self.engine.ledger
        fills = [x.fill for x in self.facts(f.OrderFilled) if x.position_id == position.id]
        assert position.qty == total(_signed(x, position.side) for x in fills)
        assert position.qty >= 0
        if position.state is PositionState.EXPOSED:
            assert position.exposed_ms is not None
            since = max(position.exposed_ms, ledger.state.started_ms)
            assert self.now - since < 1000 * self.settings.execution.protect_deadline_s
        if position.state is PositionState.EXITING and position.qty:
            exits = [o for o in ledger.orders_of(position.id) if o.order.purpose is Purpose.EXIT]
            is_waiting = self.now - position.last_exit_ms < RETRY_MS
            assert is_waiting or any(o.is_live for o in exits)

    def _judge_exchange(self) -> None:
        seen = self.matching.account()
        for held in seen.positions:
            assert self.net[held.symbol] == held.side.sign * _lots(held.qty)
            number = self.matching._positions[held.symbol].id
            if held.stop is not None:
                before = self.stops.get(number, held.stop)
                assert held.side.sign * (held.stop - before) >= 0, "a stop was loosened"
                self.stops[number] = held.stop
        shown = {held.symbol for held in seen.positions}
        assert all(symbol in shown or not lots for symbol, lots in self.net.items())

    def judge_money(self) -> None:
        """Balance against fills, to the last digit where no average is open."""
        told = self.facts(f.OrderFilled)
        held = {p.id for p in self.engine.ledger.positions}
        done = [x.fill for x in told if x.position_id not in held]
        flow = total(-x.side.sign * x.price * x.qty - x.fee for x in done)
        assert self.engine.ledger.state.settled == START + flow
        assert len({x.fill.id for x in told}) == len(told)

    def judge_settled(self) -> None:
        """After the faults ended and time passed, ledger and exchange agree and nothing hangs."""
        ledger, seen = self.engine.ledger, self.matching.account()
        ours = {p.symbol: (p.side, p.qty, p.stop) for p in ledger.positions}
        assert ours == {p.symbol: (p.side, p.qty, p.stop) for p in seen.positions}
        live = {o.order.id: o.state for o in ledger.state.orders.values() if o.is_live}
        assert live == dict.fromkeys(seen.order_ids, OrderState.OPEN)
        assert {p.state for p in ledger.positions} <= {PositionState.PROTECTED}
        assert not {GateName.UNRECONCILED, GateName.STALE_DATA} & set(ledger.state.gates)
        for position in ledger.positions:
            assert position.entry is not None
            assert position.asked_stop == position.stop
            assert position.stop_kind != "INITIAL" or not position.targets_filled
        self.judge_money()

    def judge_noise(self) -> None:
        """A person is told once per cause, not with every retry."""
        told = [r for r in self.records if isinstance(r.fact, f.Incident)]
        for one, next_one in pairwise(sorted(told, key=lambda r: (repr(r.fact), r.seq))):
            is_same = one.fact == next_one.fact
            assert not is_same or next_one.at_ms - one.at_ms > 60_000, one


def _failure(intent: i.Intent) -> e.Event | None:
    """What the shell says when no answer came."""
    late = "no answer in time"
    match intent:
        case i.PlaceOrder(order):
            return e.OrderUnknown(order.id, late)
        case i.CancelOrder(order):
            return e.FetchFailed(f"cancel {order.id}", late)
        case i.FindOrder(order):
            return e.FetchFailed(f"find {order.id}", late)
        case i.SetStop(position_id, _, _, price):
            return e.StopRefused(position_id, price, late)
        case i.FetchAccount():
            return e.FetchFailed("account", late)
        case _:
            return None


def _lots(qty: Decimal) -> int:
    return int(qty * 10)


def _signed(fill: Fill, side: Side) -> Decimal:
    return fill.side.sign * side.sign * fill.qty
