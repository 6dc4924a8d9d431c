"""A second memory of what the facts say, kept by simpler means than the ledger's.

It exists so that checks do not ask the code they check. It must never use a fold, a rule or a sum
of the core: only the facts themselves.
"""

from decimal import Decimal

import msgspec

from engine.core import facts as f
from engine.core import wish_facts as w
from engine.core.values import Fill, GateName, Ms, Order, OrderState, Purpose, Side, Target

LASTING = ("daily_loss", "losing_streak", "kill_switch", "operator")


class Sent(msgspec.Struct):
    """An order as the facts tell its story."""

    order: Order
    placed_ms: Ms
    filled: Decimal = Decimal(0)
    ended: OrderState | None = None
    acked: bool = False
    doubted_ms: Ms | None = None  # since when nobody knows


class Held(msgspec.Struct):
    """A position as the facts tell its story."""

    id: int
    symbol: str
    side: Side
    taken: f.SignalTaken | None
    first_stop: Decimal
    asked: Decimal  # where its stop shall stand: it only ever tightens
    asked_ms: Ms
    qty: Decimal = Decimal(0)
    entered: Decimal = Decimal(0)
    entered_value: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    realized: Decimal = Decimal(0)  # gross
    fees: Decimal = Decimal(0)
    funding: Decimal = Decimal(0)
    shown: Decimal | None = None  # the stop the exchange was seen to hold
    seen_ms: Ms = 0  # exchange time of the newest thing known of it
    bare_ms: Ms | None = None  # since when it is known to stand without one
    pleaded_ms: Ms | None = None  # when its stop was first asked for since then
    opened: f.PositionOpened | None = None
    given_up: dict[int, Decimal] = msgspec.field(default_factory=dict)  # of the ladder, by rank
    leaving: str = ""  # the rule of a whole exit
    leaving_ms: Ms = 0

    def book(self, fill: Fill, at_ms: Ms) -> None:
        """One execution."""
        self.fees += fill.fee
        self.seen_ms = max(self.seen_ms, fill.exchange_ms)
        if fill.purpose.is_growing:
            self.qty += fill.qty
            self.entered += fill.qty
            self.entered_value += fill.qty * fill.price
            self.cost += fill.qty * fill.price
            self.shown = None
            self.bare_ms = at_ms if self.bare_ms is None else self.bare_ms
            return
        share = self.cost * fill.qty / self.qty if self.qty else Decimal(0)
        self.realized += self.side.sign * (fill.qty * fill.price - share)
        self.cost -= share
        self.qty -= fill.qty
        if self.qty <= 0:
            self.bare_ms = None
        elif fill.purpose is Purpose.STOP:
            self.shown, self.bare_ms = None, at_ms


class Shadow:
    """Everything the checks know of the past, from facts alone."""

    def __init__(self) -> None:
        self.seq = 0
        self.at_ms: Ms = 0
        self.boot = 0
        self.boot_ms: Ms = 0
        self.is_reconciled = False  # since the newest start
        self.settled = Decimal(0)
        self.held: dict[int, Held] = {}
        self.orders: dict[str, Sent] = {}
        self.gates: dict[GateName, f.GateClosed] = {}
        self.day = ""
        self.day_start: Decimal | None = None
        self.peak: Decimal | None = None
        self.streak = 0
        self.cooling: dict[str, Ms] = {}
        self.answered: dict[str, f.CommandDone | f.CommandRefused] = {}
        self.fills: dict[str, Fill] = {}
        self.paid: set[str] = set()  # fundings and transfers
        self.taken: dict[str, int] = {}  # signal -> position
        self.given_up: dict[str, Decimal] = {}  # order that never filled -> its position's stop
        self.closed: list[f.PositionClosed] = []
        self.told: dict[str, Ms] = {}  # an incident in words -> when it was told last

    @property
    def balance(self) -> Decimal:
        """Cash: what is settled, and what open positions realized and paid."""
        return self.settled + sum(
            (h.realized - h.fees - h.funding for h in self.held.values()), Decimal(0)
        )

    def holds(self, symbol: str) -> Held | None:
        """The position of a symbol that has quantity."""
        return next((h for h in self.held.values() if h.symbol == symbol and h.qty), None)

    def sold(self, position_id: int, target: Target) -> Decimal:
        """What the orders of a target sold, the resting ones and the one that took it early."""
        return sum(
            (
                s.filled
                for s in self.orders.values()
                if s.order.purpose is Purpose.TARGET
                and (s.order.position_id, s.order.reason)
                == (position_id, f"target at {target.r:g}R")
            ),
            Decimal(0),
        )

    def live(self) -> list[Sent]:
        """Orders not known to have ended."""
        return [sent for sent in self.orders.values() if sent.ended is None]

    def apply(self, record: f.Record) -> None:  # noqa: C901, PLR0912 -- a flat table
        """Take in one more fact."""
        self.seq, self.at_ms = record.seq, record.at_ms
        match record.fact:
            case f.Booted() as fact:
                self.boot, self.boot_ms, self.is_reconciled = fact.boot, record.at_ms, False
                self.gates = {n: g for n, g in self.gates.items() if n.value in LASTING}
            case f.Funded() as fact:
                self.settled += fact.balance
            case f.SignalTaken() as fact:
                self._take(fact, record.at_ms)
            case f.OrderFilled() as fact:
                self._fill(fact, record.at_ms)
            case f.OrderAdopted() as fact:
                self._adopt(fact, record.at_ms)
            case f.PositionOpened() as fact:
                self.held[fact.position_id].opened = fact
            case f.PositionClosed() as fact:
                self._close(fact, record.at_ms)
            case f.StopAsked() | f.StopMoved() | f.StopMissing() | f.ExitAsked() as fact:
                self._protect(fact, record.at_ms)
            case w.TargetCut(number, rank, qty):
                cut = self.held[number].given_up
                cut[rank] = cut.get(rank, Decimal(0)) + qty
            case f.GateClosed() as fact:
                self.gates[fact.gate] = fact
            case f.GateOpened() as fact:
                self.gates.pop(fact.gate, None)
                self.is_reconciled |= fact.gate is GateName.UNRECONCILED
            case f.Incident() as fact:
                self.told[repr(fact)] = record.at_ms
            case f.CommandDone() | f.CommandRefused() as fact:
                self.answered.setdefault(fact.command_id, fact)
            case _:
                self._order(record)
                self._money(record.fact)

    def _take(self, fact: f.SignalTaken, at_ms: Ms) -> None:
        signal = fact.signal
        self.taken[signal.id] = fact.position_id
        self.held[fact.position_id] = Held(
            fact.position_id, signal.symbol, signal.side, fact, fact.stop, fact.stop, at_ms
        )

    def _order(self, record: f.Record) -> None:
        match record.fact:
            case f.OrderPlaced(order):
                self.orders[order.id] = Sent(order, record.at_ms)
            case f.OrderAcked(order_id):
                self.orders[order_id].acked = True
                self.orders[order_id].doubted_ms = None
            case f.OrderDoubted(order_id):
                self.orders[order_id].doubted_ms = record.at_ms
            case f.OrderEnded(order_id, state):
                self._end(order_id, state)
            case _:
                pass

    def _end(self, order_id: str, state: OrderState) -> None:
        sent = self.orders[order_id]
        sent.ended = state
        held = self.held.get(sent.order.position_id)
        if sent.order.purpose.is_growing and not sent.filled and held is not None:
            self.given_up[order_id] = held.asked
        if sent.order.purpose is Purpose.ENTRY and held is not None and not held.entered:
            del self.held[held.id]  # it never came to be

    def _money(self, fact: f.AnyFact) -> None:
        match fact:
            case f.FundingPaid(position_id, funding):
                self.paid.add(funding.id)
                held = None if position_id is None else self.held.get(position_id)
                if held is None:
                    self.settled -= funding.amount
                else:
                    held.funding += funding.amount
            case f.Transferred(number, amount):
                self.paid.add(number)
                self.settled += amount
                self.peak = None if self.peak is None else self.peak + amount
                self.day_start = None if self.day_start is None else self.day_start + amount
            case f.EquityPeaked(equity):
                self.peak = equity
            case f.DayRolled(date, equity):
                self.day, self.day_start, self.streak = date, equity, 0
            case _:
                pass

    def _fill(self, fact: f.OrderFilled, at_ms: Ms) -> None:
        self.fills[fact.fill.id] = fact.fill
        self.held[fact.position_id].book(fact.fill, at_ms)
        sent = self.orders.get(fact.fill.order_id)
        if sent is not None:
            sent.filled += fact.fill.qty
            if sent.filled >= sent.order.qty:  # its end needs no fact of its own
                sent.ended = OrderState.FILLED

    def _adopt(self, fact: f.OrderAdopted, at_ms: Ms) -> None:
        sent = self.orders[fact.order_id]
        sent.ended = None
        side = next(s for s in Side if s.entry is sent.order.side)
        stop = self.given_up[fact.order_id]
        held = Held(fact.position_id, sent.order.symbol, side, None, stop, stop, at_ms)
        held.leaving, held.leaving_ms = "stray", at_ms
        self.held[fact.position_id] = held

    def _close(self, fact: f.PositionClosed, at_ms: Ms) -> None:
        held = self.held.pop(fact.position_id)
        self.settled += held.realized - held.fees - held.funding
        self.streak = fact.streak
        self.cooling[fact.symbol] = at_ms
        self.closed.append(fact)

    def _protect(
        self, fact: f.StopAsked | f.StopMoved | f.StopMissing | f.ExitAsked, at_ms: Ms
    ) -> None:
        held = self.held[fact.position_id]
        match fact:
            case f.StopAsked(price=price):
                held.asked, held.asked_ms = price, at_ms
                if held.bare_ms is not None and held.pleaded_ms is None:
                    held.pleaded_ms = at_ms
            case f.StopMoved(price=price):
                held.shown, held.bare_ms, held.pleaded_ms = price, None, None
                if held.side.sign * (price - held.asked) > 0:
                    held.asked = price  # somebody tightened it: that is wanted from now on
                held.seen_ms = max(held.seen_ms, fact.exchange_ms)
            case f.StopMissing():
                held.shown = None
                held.bare_ms = at_ms if held.bare_ms is None else held.bare_ms
            case _:
                if fact.qty >= held.qty and not held.leaving:
                    held.leaving, held.leaving_ms = fact.rule, at_ms
