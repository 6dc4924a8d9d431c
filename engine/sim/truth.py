"""The exchange as it really is: the matching, and a witness that counts every execution beside it.

It exists so that a check can ask what happened there without asking the code under test. It must
never be asked by the core: the core only hears what the wire brings.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from engine.core import events as e
from engine.core.intents import CancelOrder, FindOrder, PlaceOrder, SetStop
from engine.core.ledger import Ledger
from engine.core.values import Fill, Instrument, Ms, Order, Purpose, Side, exact
from engine.sim.matching import Holding, Liquidity, Matching
from engine.sim.shadow import Shadow

VIEWS_KEPT = 40
SLIPPAGE_BPS, FUNDING_BPS = Decimal(4), Decimal(1)
NEAR = Decimal("1e-6")


class Held(msgspec.Struct):
    """A position as the witness counts it, from executions alone."""

    side: Side
    since_ms: Ms
    qty: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    stop: Decimal | None = None
    bare_ms: Ms | None = None  # since when it stands without a stop

    def book(self, fill: Fill) -> None:
        """One execution; quantity may end up below zero, and somebody checks that."""
        if fill.side is self.side.entry:
            self.qty += fill.qty
            self.cost += fill.qty * fill.price
        else:
            self.cost -= self.cost * fill.qty / self.qty
            self.qty -= fill.qty


class Truth:
    """One account of the exchange; `problems` are what it should never have seen."""

    def __init__(
        self, balance: Decimal, instruments: Iterable[Instrument], liquidity: Liquidity
    ) -> None:
        self.instruments = {i.symbol: i for i in instruments}
        self._liquidity = liquidity
        self._first = balance
        self.matching = self._fresh(balance)
        self.problems: list[tuple[str, str]] = []  # invariant, words
        self.fills: dict[str, Fill] = {}
        self.arrived: dict[str, tuple[Order, Ms]] = {}  # orders the exchange took, and when
        self._entered: dict[str, str] = {}  # signal -> the order that arrived for it
        self.held: dict[str, Held] = {}
        self.cash = balance  # start, flows, fees, funding and transfers
        self.bare_total_ms: Ms = 0
        self.transfers: dict[str, Decimal] = {}
        self._views: deque[tuple[Ms, e.AccountSeen]] = deque(maxlen=VIEWS_KEPT)

    def _fresh(self, balance: Decimal) -> Matching:
        matching = Matching(balance, SLIPPAGE_BPS, FUNDING_BPS, self._liquidity)
        matching.set_instruments(self.instruments.values())
        return matching

    # -- what happens there ----------------------------------------------------------------------

    def place(self, intent: PlaceOrder, now_ms: Ms, *, attach: bool = True) -> list[e.Event]:
        """An order arrives; without `attach` its stop is dropped silently."""
        order = intent.order
        sent = order if attach else msgspec.structs.replace(order, stop=None)
        is_new = order.id not in self.arrived
        if not is_new and self.arrived[order.id][0] != order:
            self._object("I05", f"two different orders came under the id {order.id}")
        events = list(self.matching.place(sent, now_ms))
        if isinstance(events[0], e.OrderAccepted) and is_new:
            self.arrived[order.id] = (order, now_ms)
            self._look_for_twin(order)
        self._note(events, now_ms)
        return events

    def cancel(self, intent: CancelOrder) -> list[e.Event]:
        """A cancel arrives."""
        return [self.matching.cancel(intent.order.id)]

    def set_stop(self, intent: SetStop, now_ms: Ms) -> list[e.Event]:
        """A stop arrives."""
        events: list[e.Event] = [
            self.matching.set_stop(
                intent.position_id, intent.symbol, intent.side, intent.price, now_ms
            )
        ]
        self._note(events, now_ms)
        return events

    def find(self, intent: FindOrder, now_ms: Ms, lag_ms: Ms) -> e.Event:
        """What a look-up shows; one that lags does not know the newest orders."""
        order_id = intent.order.id
        _, at_ms = self.arrived.get(order_id, (None, 0))
        if now_ms - at_ms < lag_ms:
            return e.OrderMissing(order_id)
        return self.matching.find(order_id)

    def quote(self, quote: e.QuoteSeen, now_ms: Ms) -> list[e.Event]:
        """The market moves."""
        events = list(self.matching.see_quote(quote, now_ms))
        held = self.held.get(quote.symbol)
        is_passed = (  # a stop may be spent without a single execution
            held is not None
            and held.stop is not None
            and held.side.sign * (exact(quote.last) - held.stop) <= 0
        )
        if events or is_passed:
            self._note(events, now_ms)
        return events

    # -- other hands -----------------------------------------------------------------------------

    def reduce(self, symbol: str, qty: Decimal, cause: str, now_ms: Ms) -> list[e.Event]:
        """Somebody closes a part of a position, or all of it."""
        events = list(self.matching.reduce(symbol, qty, cause, now_ms))
        self._note(events, now_ms)
        return events

    def move_stop(self, symbol: str, price: Decimal | None, now_ms: Ms) -> None:
        """Somebody moves a stop, or removes it."""
        if price is None:
            self.matching.drop_stop(symbol, now_ms)
        else:
            self.matching.put_stop(symbol, price, now_ms)
        self._watch(now_ms)

    def transfer(self, amount: Decimal, now_ms: Ms) -> e.TransferSeen:
        """Money comes or goes."""
        number = f"transfer-{len(self.transfers) + 1}"
        self.transfers[number] = amount
        self.matching.transfer(amount)
        self.cash += amount
        self._watch(now_ms)
        return e.TransferSeen(number, amount)

    def account(self, now_ms: Ms, lag_ms: Ms = 0) -> e.AccountSeen:
        """The account as of `lag_ms` ago, as far as anybody remembers."""
        if lag_ms:
            old = [view for at_ms, view in self._views if at_ms <= now_ms - lag_ms]
            if old:
                return old[-1]
        return self.matching.account()

    def restore(self, ledger: Ledger, shadow: Shadow, now_ms: Ms) -> None:
        """On paper the account is what the ledger remembers."""
        held = [p for p in ledger.positions if p.qty]
        balance = ledger.balance if ledger.seq else self._first
        self.matching = self._fresh(balance)
        self.matching.restore(
            balance,
            [
                Holding(p.id, p.symbol, p.side, p.qty, p.avg, p.stop, p.funded_ms or now_ms)
                for p in held
            ],
            [(o.order, o.filled_qty) for o in ledger.state.orders.values() if o.is_live],
        )
        self.fills, self.arrived, self._entered = dict(shadow.fills), {}, {}
        self.transfers = {n: x for n, x in self.transfers.items() if n in shadow.paid}
        self._views.clear()
        self.cash = balance
        self.held = {}
        for p in held:
            bare_ms = now_ms if p.stop is None else None
            self.held[p.symbol] = Held(p.side, now_ms, p.qty, p.avg * p.qty, p.stop, bare_ms)
            self.cash -= p.side.sign * p.avg * p.qty

    # -- the witness -----------------------------------------------------------------------------

    def _look_for_twin(self, order: Order) -> None:
        """One decision is one order, under whatever id."""
        if order.purpose is not Purpose.ENTRY:
            return
        twin = self._entered.setdefault(order.reason, order.id)
        if twin != order.id:
            self._object("I05", f"{twin} and {order.id} both entered on {order.reason}")

    def _object(self, name: str, words: str) -> None:
        self.problems.append((name, words))

    def _note(self, events: Sequence[e.Event], now_ms: Ms) -> None:
        """Count what the exchange said, and look whether it adds up."""
        for event in events:
            if isinstance(event, e.FillSeen):
                self._count(event.fill, now_ms)
            elif isinstance(event, e.FundingSeen):
                self.cash -= event.funding.amount
        self._watch(now_ms)

    def _count(self, fill: Fill, now_ms: Ms) -> None:
        if fill.id in self.fills:
            self._object("I08", f"the exchange executed {fill.id} twice")
        self.fills[fill.id] = fill
        self.cash -= fill.side.sign * fill.price * fill.qty + fill.fee
        held = self.held.get(fill.symbol)
        if held is None:
            if not fill.purpose.is_growing:
                self._object("I04", f"{fill.purpose} {fill.order_id} opened a position")
            side = next(s for s in Side if s.entry is fill.side)
            held = self.held[fill.symbol] = Held(side, now_ms, bare_ms=now_ms)
        elif fill.side is held.side.entry and not fill.purpose.is_growing:
            self._object("I03", f"{fill.purpose} {fill.order_id} grew a position")
        held.book(fill)
        if held.qty < 0:
            self._object("I04", f"{fill.purpose} {fill.order_id} crossed zero")
        if held.qty <= 0:
            self._clothe(held, now_ms)
            del self.held[fill.symbol]

    def _stop(self, symbol: str, price: Decimal | None, now_ms: Ms) -> None:
        held = self.held.get(symbol)
        if held is None:
            return
        held.stop = price
        if price is not None:
            self._clothe(held, now_ms)
        elif held.bare_ms is None:
            held.bare_ms = now_ms

    def _clothe(self, held: Held, now_ms: Ms) -> None:
        if held.bare_ms is not None:
            self.bare_total_ms += now_ms - held.bare_ms
            held.bare_ms = None

    def _watch(self, now_ms: Ms) -> None:
        """Quantities and cash of the matching against our own count; where the stops stand."""
        seen = self.matching.account()
        self._views.append((now_ms, seen))
        theirs = {p.symbol: (p.side, p.qty) for p in seen.positions}
        ours = {s: (h.side, h.qty) for s, h in self.held.items()}
        if theirs != ours:
            self._object("I08", f"executions make {ours}, the account shows {theirs}")
        for p in seen.positions:
            self._stop(p.symbol, p.stop, now_ms)
        cost = sum((h.side.sign * h.cost for h in self.held.values()), Decimal(0))
        if abs(self.cash + cost - seen.balance) > NEAR * max(abs(seen.balance), Decimal(1)):
            self._object("I11", f"flows make {self.cash + cost}, the account shows {seen.balance}")
