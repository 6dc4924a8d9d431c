"""Whatever is quoted and asked, the account adds up and never holds what it should not."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from unit.contracts import INSTRUMENT, SYMBOL, addon, entry, market_exit, target

from engine.core.events import (
    AccountPosition,
    Event,
    FillSeen,
    FundingSeen,
    OrderAccepted,
    OrderGone,
    OrderMissing,
    OrderRefused,
    QuoteSeen,
    StopSet,
)
from engine.core.values import Fill, Ms, Order, OrderSide, Purpose, Side
from engine.sim.account import FUNDING_MS
from engine.sim.matching import Holding, Matching

D = Decimal
START = D(10_000)
RATE = D("0.0001")
SIDES = st.sampled_from(Side)
PRICES = st.integers(9_700, 10_300).map(lambda ticks: D(ticks) * INSTRUMENT.tick)
LOTS = st.integers(1, 200).map(lambda lots: str(lots * INSTRUMENT.lot))
ABSURD = st.sampled_from([float("nan"), float("inf"), 0.0, -1.0])
DEPTHS = st.none() | st.integers(0, 50).map(lambda lots: lots * INSTRUMENT.lot)
WAITS: st.SearchStrategy[Ms] = st.sampled_from([1, 1, 1, 60_000, FUNDING_MS, 3 * FUNDING_MS])


class Account(RuleBasedStateMachine):
    """A second bookkeeper that knows only the fills and the funding it was told of."""

    def __init__(self) -> None:
        super().__init__()
        self.depth: Decimal | None = None
        self.matching = Matching(START, D(4), D(1), self.there)
        self.matching.set_instruments([INSTRUMENT])
        self.now: Ms = FUNDING_MS
        self.start = self.cash = START
        self.realized = self.fees = self.funding = D(0)
        self.net = D(0)
        self.funded_ms: Ms = 0
        self.quote = QuoteSeen(SYMBOL, 100.0, 100.01, 100.0, 0)
        self.seen: Counter[str] = Counter()
        self.filled: dict[str, Decimal] = defaultdict(Decimal)
        self.sent: list[Order] = []
        self.count = 0
        self.matching.see_quote(self.quote, self.now)

    def there(self, order: Order, wanted: Decimal) -> Decimal:
        assert wanted > 0, order
        return wanted if self.depth is None else min(wanted, self.depth)

    def held(self) -> AccountPosition | None:
        return next(iter(self.matching.account().positions), None)

    def hear(self, events: Iterable[Event]) -> list[Fill]:
        events = list(events)
        fills = [e.fill for e in events if isinstance(e, FillSeen)]
        for fill in fills:
            self.book(fill)
        for event in events:
            if isinstance(event, OrderGone):
                assert event.filled_qty == self.filled[event.order_id], event
        return fills

    def book(self, fill: Fill) -> None:
        before = self.net
        self.net += fill.side.sign * fill.qty
        assert before * self.net >= 0, "crossed zero"
        assert (abs(self.net) > abs(before)) is fill.purpose.is_growing
        if not before:
            self.funded_ms = self.now
        self.cash -= fill.side.sign * fill.qty * fill.price + fill.fee
        self.fees += fill.fee
        self.seen[fill.id] += 1
        self.filled[fill.order_id] += fill.qty

    def send(self, order: Order) -> list[Fill]:
        self.sent.append(order)
        answer, *rest = self.matching.place(order, self.now)
        if isinstance(answer, OrderRefused):
            assert rest == []
            self.sent.pop()  # it never existed
            assert self.matching.find(order.id) == OrderMissing(order.id)
            return []
        assert answer == OrderAccepted(order.id)
        return self.hear(rest)

    def name(self) -> str:
        self.count += 1
        return f"o{self.count}"

    @initialize(side=SIDES, lots=st.integers(2, 200), away=st.integers(5, 100))
    def open(self, side: Side, lots: int, away: int) -> None:
        """Most of what can go wrong needs a position, with a stop and a target near the market."""
        far = side.sign * away * INSTRUMENT.tick
        limit, stop = str(100 + side.sign * 5), str(100 - far)
        (fill,) = self.send(entry(side, str(lots * INSTRUMENT.lot), limit, stop, self.name()))
        self.rest(side, str(fill.qty), 100 + far)

    @rule(depth=DEPTHS)
    def thin_out(self, depth: Decimal | None) -> None:
        self.depth = depth

    @rule(bid=PRICES, spread=st.integers(0, 30), last=PRICES, wait_ms=WAITS)
    def trade(self, bid: Decimal, spread: int, last: Decimal, wait_ms: Ms) -> None:
        self.now += wait_ms
        held = self.held()
        ask = bid + spread * INSTRUMENT.tick
        self.quote = QuoteSeen(SYMBOL, float(bid), float(ask), float(last), self.now)
        events = self.matching.see_quote(self.quote, self.now)
        self.pay(held, [e for e in events if isinstance(e, FundingSeen)])
        fills = self.hear(events)
        is_passed = (
            held is not None and held.stop is not None and held.side.sign * (last - held.stop) <= 0
        )
        if not is_passed or held is None or held.stop is None:
            assert all(f.purpose is Purpose.TARGET for f in fills)
            return
        self.stopped(held, held.stop, fills)

    def stopped(self, held: AccountPosition, stop: Decimal, fills: list[Fill]) -> None:
        there = self.there(entry(held.side, "1", "1", None), held.qty)
        assert [(f.purpose, f.qty) for f in fills] == ([(Purpose.STOP, there)] if there else [])
        left = self.held()
        assert left is None or left.stop is None
        for fill in fills:
            touch = self.quote.ask if fill.side is OrderSide.BUY else self.quote.bid
            for better in (stop, D(repr(touch))):
                assert fill.side.sign * (fill.price - better) >= 0

    def pay(self, held: AccountPosition | None, told: list[FundingSeen]) -> None:
        first = self.funded_ms // FUNDING_MS + 1
        due = [] if held is None else list(range(first, self.now // FUNDING_MS + 1))
        assert [e.funding.exchange_ms for e in told] == [n * FUNDING_MS for n in due]
        for event in told:
            assert held is not None
            mark = self.quote.bid if held.side is Side.LONG else self.quote.ask
            assert event.funding.amount == held.qty * D(repr(mark)) * RATE
            self.cash -= event.funding.amount
            self.funding += event.funding.amount
            self.seen[event.funding.id] += 1
            self.funded_ms = event.funding.exchange_ms

    @rule(price=PRICES, bad=ABSURD, where=st.integers(0, 2))
    def trade_absurdly(self, price: Decimal, bad: float, where: int) -> None:
        bid, ask, last = (bad if where == n else float(price) for n in range(3))
        before = self.matching.account()
        quote = QuoteSeen(SYMBOL, bid, ask, last, self.now)
        assert self.matching.see_quote(quote, self.now) == ()
        assert self.matching.account() == before

    @rule(side=SIDES, qty=LOTS, limit=PRICES, stop=st.none() | PRICES)
    def enter(self, side: Side, qty: str, limit: Decimal, stop: Decimal | None) -> None:
        before = self.held()
        order = entry(side, qty, str(limit), None if stop is None else str(stop), self.name())
        for fill in self.send(order):
            assert side.sign * (fill.price - limit) <= 0
        after = self.held()
        if before is not None and before.stop is not None:
            assert after is not None
            assert after.stop is not None
            assert side.sign * (after.stop - before.stop) >= 0 or before.side is not side

    @rule(side=SIDES, qty=LOTS, limit=PRICES)
    def add(self, side: Side, qty: str, limit: Decimal) -> None:
        before = self.held()
        for fill in self.send(addon(side, qty, str(limit), self.name())):
            after = self.held()
            assert after is not None
            had, stop = (D(0), None) if before is None else (before.qty, before.stop)
            assert (after.side, after.qty, after.stop) == (side, had + fill.qty, stop)

    @rule(side=SIDES, qty=LOTS, price=PRICES)
    def rest(self, side: Side, qty: str, price: Decimal) -> None:
        assert self.send(target(side, qty, str(price), self.name())) == []

    @rule(side=SIDES, qty=LOTS)
    def leave(self, side: Side, qty: str) -> None:
        size = abs(self.net)
        for fill in self.send(market_exit(side, qty, self.name())):
            assert fill.qty == self.there(market_exit(side, qty), min(D(qty), size))

    @rule(qty=LOTS, cause=st.sampled_from(["adl", "liquidation", "by hand"]))
    def take_away(self, qty: str, cause: str) -> None:
        taken = min(D(qty), abs(self.net))
        fills = self.hear(self.matching.reduce(SYMBOL, D(qty), cause, self.now))
        assert [(f.qty, f.cause) for f in fills] == ([(taken, cause)] if taken else [])

    @precondition(lambda self: self.net)
    @rule(price=st.none() | PRICES)
    def meddle(self, price: Decimal | None) -> None:
        if price is None:
            self.matching.drop_stop(SYMBOL, self.now)
        else:
            self.matching.put_stop(SYMBOL, price, self.now)

    @rule(amount=st.integers(-100, 100).map(D))
    def transfer(self, amount: Decimal) -> None:
        self.matching.transfer(amount)
        self.start += amount
        self.cash += amount

    @rule(price=PRICES)
    def move_stop(self, price: Decimal) -> None:
        held = self.held()
        side = Side.LONG if held is None else held.side
        answer = self.matching.set_stop(1, SYMBOL, side, price, self.now)
        room = side.sign * (D(repr(self.quote.last)) - price)
        assert isinstance(answer, StopSet) == (held is not None and room > 0)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        order = data.draw(st.sampled_from(self.sent))
        before = self.matching.account()
        assert self.send(order) == []
        assert self.matching.account() == before
        self.sent.pop()

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        order = data.draw(st.sampled_from(self.sent))
        gone = self.matching.cancel(order.id)
        assert isinstance(gone, OrderGone)
        assert gone.filled_qty == self.filled[order.id]
        assert order.id not in self.matching.account().order_ids

    @rule()
    def restart(self) -> None:
        seen, before = self.matching.account(), self.matching.statement()
        holdings = [
            Holding(1, p.symbol, p.side, p.qty, p.avg_price, p.stop, self.funded_ms)
            for p in seen.positions
        ]
        self.sent = [o for o in self.sent if o.id in seen.order_ids or self.filled[o.id]]
        known = [(order, self.filled[order.id]) for order in self.sent]
        self.matching.restore(seen.balance, holdings, known)
        again, after = self.matching.account(), self.matching.statement()
        told = msgspec.structs.replace(
            again, positions=seen.positions, fills=seen.fills, funding=seen.funding
        )
        assert told == seen
        assert (after.balance, after.equity) == (before.balance, before.equity)
        self.start, self.fees, self.funding = seen.balance, D(0), D(0)

    @invariant()
    def money_adds_up(self) -> None:
        touch = self.quote.bid if self.net > 0 else self.quote.ask
        statement = self.matching.statement()
        assert statement.equity == self.cash + self.net * D(repr(touch))
        told = (self.start, self.fees, self.funding)
        assert (statement.start, statement.fees, statement.funding) == told
        parts = statement.start + statement.realized - statement.fees - statement.funding
        assert parts == statement.balance == self.matching.account().balance

    @invariant()
    def what_is_held_is_the_sum_of_fills_each_told_once(self) -> None:
        held = self.held()
        assert self.net == (0 if held is None else held.side.sign * held.qty)
        assert all(count == 1 for count in self.seen.values())

    @invariant()
    def every_order_is_known_and_none_outlives_the_position_or_its_own_size(self) -> None:
        account = self.matching.account()
        assert account.positions or not account.order_ids
        for order in self.sent:
            assert self.filled[order.id] <= order.qty
            found = self.matching.find(order.id)
            is_working = order.id in account.order_ids
            assert isinstance(found, OrderAccepted if is_working else OrderGone)


TestAccount = Account.TestCase
TestAccount.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)


class Move(NamedTuple):
    """One thing that happens, at ticks from 100; seen in a mirror the ticks change sign."""

    kind: str
    lots: int
    ticks: int


MOVES = st.lists(
    st.builds(
        Move,
        st.sampled_from(["quote", "enter", "add", "rest", "leave", "stop", "take"]),
        st.integers(1, 60),
        st.integers(-250, 250),
    ),
    max_size=15,
)


class Mirrored:
    """An account on one side of the mirror; without slippage, whose rounding is not symmetric."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.matching = Matching(START, D(0), D(0), lambda _, wanted: min(wanted, D(3)))
        free = msgspec.structs.replace(INSTRUMENT, taker_bps=D(0), maker_bps=D(0))
        self.matching.set_instruments([free])
        self.now = 0
        self.play(Move("quote", 1, 0))

    def price(self, ticks: int) -> Decimal:
        return 100 + self.side.sign * ticks * INSTRUMENT.tick

    def play(self, move: Move) -> list[tuple[object, ...]]:
        self.now += 1
        qty, price = move.lots * INSTRUMENT.lot, self.price(move.ticks)
        side, name, limit = self.side, f"o{self.now}", str(self.price(move.ticks))
        m, stop = self.matching, str(self.price(-200))
        match move.kind:
            case "quote":
                x = float(price)
                found = m.see_quote(QuoteSeen(SYMBOL, x, x, x, self.now), self.now)
            case "enter":
                found = m.place(entry(side, str(qty), limit, stop, name), self.now)
            case "add":
                found = m.place(addon(side, str(qty), limit, name), self.now)
            case "rest":
                found = m.place(target(side, str(qty), limit, name), self.now)
            case "leave":
                found = m.place(market_exit(side, str(qty), name), self.now)
            case "take":
                found = m.reduce(SYMBOL, qty, "adl", self.now)
            case _:
                found = (m.set_stop(1, SYMBOL, side, price, self.now),)
        return [self.told(event) for event in found]

    def told(self, event: Event) -> tuple[object, ...]:
        """The event without its side: prices as ticks in favor of the position."""
        if isinstance(event, FillSeen):
            fill = event.fill
            return (
                fill.id,
                fill.qty,
                self.side.sign * (fill.price - 100),
                fill.side is self.side.entry,
            )
        return (type(event), getattr(event, "order_id", ""), getattr(event, "filled_qty", None))


@given(MOVES)
@settings(max_examples=40, deadline=None)
def test_a_short_is_a_long_in_the_mirror(moves: list[Move]) -> None:
    long, short = Mirrored(Side.LONG), Mirrored(Side.SHORT)
    for move in moves:
        assert long.play(move) == short.play(move)
        assert long.matching.statement() == short.matching.statement()
