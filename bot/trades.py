"""What the chat remembers of each trade: a small fold over facts.

It exists because a fact about a fill or a stop names only the position's number, and the chat must
say which symbol that was, which rung was hit, answer the right message and draw the fills. It must
never be asked for anything that decides about money: that is the engine's ledger.
"""

from collections.abc import Container, Sequence
from decimal import Decimal

import msgspec

from bot.days import DayBook
from bot.signals import SignalBook
from bot.views.layout import decimals
from engine.core.facts import (
    CommandDone,
    CommandRefused,
    FundingPaid,
    NoticeSent,
    OrderAdopted,
    OrderEnded,
    OrderFilled,
    OrderPlaced,
    PositionClosed,
    PositionOpened,
    Record,
    SignalTaken,
    StopMoved,
)
from engine.core.values import Fill, Ms, Order, Purpose, Side, StopKind

KEPT = 200  # trades remembered, the oldest closed ones go first


class Trade(msgspec.Struct):
    """One position from its signal to flat."""

    taken: SignalTaken
    taken_seq: int
    fills: list[Fill] = msgspec.field(default_factory=list)
    orders: dict[str, Order] = msgspec.field(default_factory=dict)  # live ones, and filled ones
    roots: dict[int, int] = msgspec.field(default_factory=dict)  # chat -> message of the signal
    marks: dict[int, str] = msgspec.field(default_factory=dict)  # chat -> that it came late
    entry_id: str = ""
    opened: PositionOpened | None = None
    stop_kind: StopKind = StopKind.INITIAL  # of the stop that stands
    funding: Decimal = Decimal(0)  # paid so far
    closed: PositionClosed | None = None
    ended: OrderEnded | None = None  # how the entry ended, where nothing of it was filled
    over_ms: Ms | None = None  # when it closed, or its entry ended so

    @property
    def symbol(self) -> str:
        """Whose trade it is."""
        return self.taken.signal.symbol

    @property
    def side(self) -> Side:
        """LONG or SHORT."""
        return self.taken.signal.side

    @property
    def is_over(self) -> bool:
        """Whether it closed, or never began."""
        return self.closed is not None or self.ended is not None

    @property
    def decimals(self) -> int:
        """Of a price of its market."""
        return decimals(self.taken.stop)

    def filled(self, order_id: str) -> tuple[Decimal, Decimal]:
        """Quantity and average price of one order's executions so far; (0, 0) when none."""
        fills = [f for f in self.fills if f.order_id == order_id]
        qty = sum((f.qty for f in fills), Decimal(0))
        value = sum((f.qty * f.price for f in fills), Decimal(0))
        return qty, value / qty if qty else Decimal(0)

    @property
    def entered(self) -> tuple[Decimal, Decimal]:
        """Quantity and average price of everything that made it grow; (0, 0) when nothing did."""
        grown = [f for f in self.fills if f.side is self.side.entry]
        qty = sum((f.qty for f in grown), Decimal(0))
        value = sum((f.qty * f.price for f in grown), Decimal(0))
        return qty, value / qty if qty else Decimal(0)

    def banked(self, only: Container[str] | None = None) -> Decimal:
        """What exits (or those of some orders) brought after fees, their part of the entry's too.

        Funding is not in it.
        """
        qty = cost = paid = net = Decimal(0)
        for fill in self.fills:
            if fill.side is self.side.entry:
                qty, cost, paid = qty + fill.qty, cost + fill.qty * fill.price, paid + fill.fee
            elif qty > 0:  # else its entry is not remembered
                part = min(fill.qty / qty, Decimal(1))
                if only is None or fill.order_id in only:
                    gain = self.side.sign * (fill.qty * fill.price - cost * part)
                    net += gain - fill.fee - paid * part
                qty, cost, paid = qty - fill.qty, cost * (1 - part), paid * (1 - part)
        return net

    def banked_with(self, fills: Sequence[Fill]) -> Decimal:
        """The same of the orders of these fills, which may be newer than what is folded here."""
        known = {fill.id for fill in self.fills}
        newer = [fill for fill in fills if fill.id not in known]
        whole = msgspec.structs.replace(self, fills=[*self.fills, *newer])
        return whole.banked({fill.order_id for fill in fills})

    @property
    def left(self) -> Decimal:
        """Quantity held after the fills seen so far."""
        sign = {self.side.entry: 1, self.side.exit: -1}
        return sum((f.qty * sign[f.side] for f in self.fills), Decimal(0))

    def rung(self, order_id: str) -> tuple[int, int] | None:
        """Which target an order works for, and of how many; None when that is not known."""
        order = self.orders.get(order_id)
        targets = () if self.opened is None else self.opened.targets
        for rank, target in enumerate(targets, 1):
            if order is not None and (order.price == target.price or order.reason == target.name):
                return rank, len(targets)
        return None

    def move_r(self, price: Decimal) -> float | None:
        """A price as multiples of the initial stop distance; None before that is fixed."""
        if self.opened is None or not self.opened.dist0:
            return None
        return float(self.side.sign * (price - self.opened.entry) / self.opened.dist0)


class TradeBook:
    """Trades, signals and live orders, by their numbers."""

    def __init__(self) -> None:
        self.signals = SignalBook()
        self.days = DayBook()
        self.trades: dict[int, Trade] = {}
        self.orders: dict[str, Order] = {}  # live ones
        self.handled: set[int] = set()  # updates whose command took effect

    @property
    def open_trades(self) -> list[Trade]:
        """Trades that hold quantity."""
        return [t for t in self.trades.values() if t.closed is None and t.left > 0]

    def fold(self, record: Record) -> None:
        """Take one record in; records come in order, each once."""
        self.signals.fold(record)
        self.days.fold(record)
        match record.fact:
            case SignalTaken() as fact:
                self._remember(Trade(fact, record.seq))
            case OrderPlaced(order=order):
                self._place(order)
            case OrderEnded() as fact:
                self._end(fact, record.at_ms)
            case OrderAdopted() as fact:
                self._adopt(fact)
            case NoticeSent() as fact:
                self.remember_root(fact.of_seq, fact.chat_id, fact.message_id)
            case CommandDone(command_id=command) | CommandRefused(command_id=command):
                self._remember_command(command)
            case _:
                self._fold_trade(record)

    def _fold_trade(self, record: Record) -> None:
        trade = self.trades.get(getattr(record.fact, "position_id", -1))
        if trade is None:
            return
        match record.fact:
            case OrderFilled(fill=fill):
                trade.fills.append(fill)
            case PositionOpened() as fact:
                trade.opened = fact
            case StopMoved(kind=kind):
                trade.stop_kind = kind
            case FundingPaid(funding=funding):
                trade.funding += funding.amount
            case PositionClosed() as fact:
                trade.closed, trade.over_ms = fact, record.at_ms

    def _place(self, order: Order) -> None:
        self.orders[order.id] = order
        trade = self.trades.get(order.position_id)
        if trade is None:
            return
        trade.orders[order.id] = order
        if order.purpose is Purpose.ENTRY:
            trade.entry_id = order.id

    def _end(self, fact: OrderEnded, at_ms: Ms) -> None:
        """What ended without a fill is over: an exit may be refused for days."""
        order = self.orders.pop(fact.order_id, None)
        trade = self.trades.get(order.position_id) if order is not None else None
        if trade is not None and not trade.filled(fact.order_id)[0]:
            trade.orders.pop(fact.order_id, None)
            if fact.order_id == trade.entry_id:
                trade.ended, trade.over_ms = fact, at_ms

    def _adopt(self, fact: OrderAdopted) -> None:
        """An entry given up was filled: its trade goes on under a new number."""
        given_up = self.of_entry(fact.order_id)
        if given_up is not None:
            taken = msgspec.structs.replace(given_up.taken, position_id=fact.position_id)
            again = Trade(taken, given_up.taken_seq, roots=given_up.roots, entry_id=fact.order_id)
            again.marks = given_up.marks
            self._remember(again)

    def of_entry(self, order_id: str) -> Trade | None:
        """The newest trade this order entered, or was to enter."""
        found = (t for t in reversed(self.trades.values()) if t.entry_id == order_id)
        return next(found, None)

    def _remember(self, trade: Trade) -> None:
        if len(self.trades) >= KEPT:
            over = (n for n, t in self.trades.items() if t.closed or not t.fills)
            self.trades.pop(next(over, -1), None)
        self.trades[trade.taken.position_id] = trade

    def remember_root(self, of_seq: int, chat_id: int, message_id: int) -> None:
        """A message was delivered; if it told a signal, later ones answer it."""
        for trade in self.trades.values():
            if trade.taken_seq == of_seq and message_id:
                trade.roots[chat_id] = message_id

    def _remember_command(self, command_id: str) -> None:
        origin, _, rest = command_id.partition(":")
        number = rest.partition(":")[0]
        if origin == "tg" and number.isdecimal():
            self.handled.add(int(number))
