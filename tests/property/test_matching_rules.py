"""Whatever is quoted and asked, the account adds up and never holds what it should not."""

from collections import Counter
from decimal import Decimal

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from unit.contracts import INSTRUMENT, SYMBOL, entry, market_exit, target

from engine.core.events import (
    AccountPosition,
    Event,
    FillSeen,
    OrderAccepted,
    OrderGone,
    OrderRefused,
    QuoteSeen,
    StopSet,
)
from engine.core.values import Fill, Order, OrderSide, Purpose, Side
from engine.sim.matching import Holding, Matching

D = Decimal
START = D(10_000)
SIDES = st.sampled_from(Side)
PRICES = st.integers(9_700, 10_300).map(lambda ticks: D(ticks) * INSTRUMENT.tick)
LOTS = st.integers(1, 200).map(lambda lots: str(lots * INSTRUMENT.lot))
ABSURD = st.sampled_from([float("nan"), float("inf"), 0.0, -1.0])


class Account(RuleBasedStateMachine):
    """A second bookkeeper that knows only the fills it was told of."""

    def __init__(self) -> None:
        super().__init__()
        self.matching = Matching(START, D(4))
        self.matching.set_instruments([INSTRUMENT])
        self.now = 0
        self.cash = START
        self.net = D(0)
        self.quote = QuoteSeen(SYMBOL, 100.0, 100.01, 100.0, 0)
        self.seen: Counter[str] = Counter()
        self.sent: list[Order] = []
        self.count = 0
        self.matching.see_quote(self.quote, 0)

    def held(self) -> AccountPosition | None:
        return next(iter(self.matching.account().positions), None)

    def hear(self, events: tuple[Event, ...]) -> list[Fill]:
        fills = [e.fill for e in events if isinstance(e, FillSeen)]
        for fill in fills:
            before = self.net
            self.net += fill.side.sign * fill.qty
            assert before * self.net >= 0, "crossed zero"
            self.cash -= fill.side.sign * fill.qty * fill.price + fill.fee
            self.seen[fill.id] += 1
        return fills

    def send(self, order: Order) -> list[Fill]:
        self.now += 1
        self.sent.append(order)
        answer, *rest = self.matching.place(order, self.now)
        if isinstance(answer, OrderRefused):
            assert rest == []
            self.sent.pop()  # it never existed
            return []
        assert answer == OrderAccepted(order.id)
        return self.hear(tuple(rest))

    def name(self) -> str:
        self.count += 1
        return f"o{self.count}"

    @rule(bid=PRICES, spread=st.integers(0, 30), last=PRICES)
    def trade(self, bid: Decimal, spread: int, last: Decimal) -> None:
        self.now += 1
        held = self.held()
        ask = bid + spread * INSTRUMENT.tick
        self.quote = QuoteSeen(SYMBOL, float(bid), float(ask), float(last), self.now)
        fills = self.hear(self.matching.see_quote(self.quote, self.now))
        is_passed = (
            held is not None and held.stop is not None and held.side.sign * (last - held.stop) <= 0
        )
        stops = [f for f in fills if f.purpose is Purpose.STOP]
        assert len(stops) == is_passed
        if held is not None and stops:
            assert fills == stops
            assert stops[0].qty == held.qty
            touch = ask if stops[0].side is OrderSide.BUY else bid
            assert held.stop is not None
            for better in (held.stop, touch):
                assert stops[0].side.sign * (stops[0].price - better) >= 0

    @rule(price=PRICES, bad=ABSURD, where=st.integers(0, 2))
    def trade_absurdly(self, price: Decimal, bad: float, where: int) -> None:
        bid, ask, last = (bad if where == n else float(price) for n in range(3))
        before = self.matching.account()
        quote = QuoteSeen(SYMBOL, bid, ask, last, self.now)
        assert self.matching.see_quote(quote, self.now) == ()
        assert self.matching.account() == before

    @rule(side=SIDES, qty=LOTS, limit=PRICES, stop=st.none() | PRICES)
    def enter(self, side: Side, qty: str, limit: Decimal, stop: Decimal | None) -> None:
        name = self.name()
        order = entry(side, qty, str(limit), None if stop is None else str(stop), name)
        for fill in self.send(order):
            assert side.sign * (fill.price - limit) <= 0

    @rule(side=SIDES, qty=LOTS, price=PRICES)
    def rest(self, side: Side, qty: str, price: Decimal) -> None:
        assert self.send(target(side, qty, str(price), self.name())) == []

    @rule(side=SIDES, qty=LOTS)
    def leave(self, side: Side, qty: str) -> None:
        size = abs(self.net)
        for fill in self.send(market_exit(side, qty, self.name())):
            assert fill.qty == min(D(qty), size)

    @rule(price=PRICES)
    def move_stop(self, price: Decimal) -> None:
        held = self.held()
        side = Side.LONG if held is None else held.side
        answer = self.matching.set_stop(1, SYMBOL, side, price)
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
        assert isinstance(self.matching.cancel(order.id), OrderGone)
        assert order.id not in self.matching.account().order_ids

    @rule()
    def restart(self) -> None:
        seen, before = self.matching.account(), self.matching.statement().equity
        holdings = [
            Holding(1, p.symbol, p.side, p.qty, p.avg_price, p.stop) for p in seen.positions
        ]
        self.sent = [o for o in self.sent if o.id in seen.order_ids]  # the ledger knows the rest
        self.matching.restore(seen.balance, holdings, self.sent)
        again, after = self.matching.account(), self.matching.statement().equity
        rebuilt = msgspec.structs.replace(again, positions=seen.positions, fills=seen.fills)
        assert rebuilt == seen
        assert before is not None
        assert after is not None
        assert abs(after - before) < D("1e-12")  # an average that never ends was rounded
        self.cash += after - before

    @invariant()
    def position_is_the_sum_of_fills(self) -> None:
        held = self.held()
        assert self.net == (0 if held is None else held.side.sign * held.qty)

    @invariant()
    def equity_is_what_the_fills_say(self) -> None:
        touch = self.quote.bid if self.net > 0 else self.quote.ask
        statement = self.matching.statement()
        assert statement.equity == self.cash + self.net * D(repr(touch))
        assert statement.balance == self.matching.account().balance

    @invariant()
    def no_fill_is_told_twice(self) -> None:
        assert all(count == 1 for count in self.seen.values())

    @invariant()
    def nothing_rests_beside_a_flat_position(self) -> None:
        account = self.matching.account()
        assert account.positions or not account.order_ids

    @invariant()
    def every_order_is_known(self) -> None:
        working = set(self.matching.account().order_ids)
        for order in self.sent:
            found = self.matching.find(order.id)
            assert isinstance(found, OrderAccepted) == (order.id in working)


TestAccount = Account.TestCase
TestAccount.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)
