"""What the chat remembers of each trade: a small fold over facts.

It exists because a fact about a fill or a stop names only the position's number, and the chat must
say which symbol that was, answer the right message and draw the fills. It must never be asked for
anything that decides about money: that is the engine's ledger.
"""

from decimal import Decimal

import msgspec

from bot.views.layout import decimals
from engine.core.facts import (
    CommandDone,
    CommandRefused,
    NoticeSent,
    OrderEnded,
    OrderFilled,
    OrderPlaced,
    PositionClosed,
    Record,
    SignalTaken,
)
from engine.core.values import Fill, Order, Purpose, Side

KEPT = 200  # trades remembered, the oldest closed ones go first


class Trade(msgspec.Struct):
    """One position from its signal to flat."""

    taken: SignalTaken
    taken_seq: int
    fills: list[Fill] = msgspec.field(default_factory=list)
    roots: dict[int, int] = msgspec.field(default_factory=dict)  # chat -> message of the signal
    entry_id: str = ""
    closed: PositionClosed | None = None

    @property
    def symbol(self) -> str:
        """Whose trade it is."""
        return self.taken.signal.symbol

    @property
    def side(self) -> Side:
        """LONG or SHORT."""
        return self.taken.signal.side

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
    def left(self) -> Decimal:
        """Quantity held after the fills seen so far."""
        sign = {self.side.entry: 1, self.side.exit: -1}
        return sum((f.qty * sign[f.side] for f in self.fills), Decimal(0))


class TradeBook:
    """Trades and live orders, by their numbers."""

    def __init__(self) -> None:
        self.trades: dict[int, Trade] = {}
        self.orders: dict[str, Order] = {}  # live ones
        self.handled: set[int] = set()  # updates whose command took effect

    @property
    def open_trades(self) -> list[Trade]:
        """Trades that hold quantity."""
        return [t for t in self.trades.values() if t.closed is None and t.left > 0]

    def fold(self, record: Record) -> None:
        """Take one record in; records come in order, each once."""
        match record.fact:
            case SignalTaken() as fact:
                self._take(record, fact)
            case OrderPlaced(order=order):
                self._place(order)
            case OrderEnded() as fact:
                self.orders.pop(fact.order_id, None)
            case NoticeSent() as fact:
                self.remember_root(fact.of_seq, fact.chat_id, fact.message_id)
            case CommandDone(command_id=command) | CommandRefused(command_id=command):
                self._remember_command(command)
            case _:
                self._fold_trade(record)

    def _fold_trade(self, record: Record) -> None:
        fact = record.fact
        if not isinstance(fact, OrderFilled | PositionClosed):
            return
        trade = self.trades.get(fact.position_id)
        if trade is None:
            return
        if isinstance(fact, PositionClosed):
            trade.closed = fact
        else:
            trade.fills.append(fact.fill)

    def _place(self, order: Order) -> None:
        self.orders[order.id] = order
        trade = self.trades.get(order.position_id)
        if trade is not None and order.purpose is Purpose.ENTRY:
            trade.entry_id = order.id

    def _take(self, record: Record, fact: SignalTaken) -> None:
        if len(self.trades) >= KEPT:
            over = (n for n, t in self.trades.items() if t.closed or not t.fills)
            self.trades.pop(next(over, -1), None)
        self.trades[fact.position_id] = Trade(fact, record.seq)

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
