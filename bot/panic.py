"""The checklist of a panic: what was locked, canceled, sold, verified, and what is still missing.

It exists because an operator in panic needs the truth and nothing else: a line gets its time when
a fact says so, and "verified" only when the exchange itself shows flat.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from bot.trades import TradeBook
from bot.views.layout import coin, decimals, price
from bot.views.positions import digits_of
from engine.core.events import AccountSeen
from engine.core.facts import (
    CancelAsked,
    GateClosed,
    OrderEnded,
    OrderFilled,
    OrderPlaced,
    PositionClosed,
    Record,
)
from engine.core.values import GateName, Ms, OrderSide, Purpose
from engine.core.view import PositionView

GRACE_S = 2.0
COLUMNS = 25  # beside the time of day


class Leg(msgspec.Struct):
    """One position on its way out."""

    symbol: str
    decimals: int  # of its prices
    qty: Decimal = Decimal(0)
    value: Decimal = Decimal(0)
    verb: str = ""
    tries: int = 0
    at_ms: Ms | None = None
    is_flat: bool = False
    gone_s: float | None = None  # real time when the engine was first seen without it

    @property
    def words(self) -> str:
        """What the checklist says of it."""
        if not self.qty:
            return f"{self.symbol} {'ended' if self.is_flat else 'closing'}"
        deal = f"{self.verb} {self.qty} {price(self.value / self.qty, self.decimals)}"
        is_wide = len(self.symbol) + 1 + len(deal) > COLUMNS
        return f"{coin(self.symbol) if is_wide else self.symbol} {deal}"

    @property
    def end(self) -> Ms | str | None:
        """When it last filled; while it will not close, how often it was asked again."""
        return f"RETRY {self.tries - 1}" if self.is_stuck else self.at_ms

    @property
    def is_stuck(self) -> bool:
        """Whether it was asked for again, and is not over."""
        return self.tries > 1 and not self.is_flat


class Board:
    """Folds the records of a panic."""

    def __init__(self, held: Iterable[PositionView], book: TradeBook) -> None:
        self.legs = {p.id: Leg(p.symbol, digits_of(p)) for p in held}
        self._entries = {i for i, o in book.orders.items() if o.purpose.is_growing}
        self._canceled: dict[str, Ms | None] = {}
        self.locked_ms: Ms | None = None
        self._verified: tuple[str, Ms | None] | None = None
        self._left: int | None = None
        self.net = Decimal(0)
        self.result_r = 0.0
        self.by = ""

    @property
    def is_flat(self) -> bool:
        """Whether every leg ended, by our own facts."""
        return all(leg.is_flat for leg in self.legs.values())

    @property
    def stuck(self) -> list[Leg]:
        """Legs that did not close at the first try."""
        return [leg for leg in self.legs.values() if leg.is_stuck]

    @property
    def open_words(self) -> list[str]:
        """What is not done, in words; empty when only the exchange's word is missing."""
        return [leg.words for leg in self.legs.values() if not leg.is_flat]

    def fold(self, record: Record) -> None:
        """Take a record in."""
        match record.fact:
            case GateClosed(gate=GateName.KILL_SWITCH, by=by):
                self.locked_ms, self.by = record.at_ms, by
            case CancelAsked(order_id=order_id) if order_id in self._entries:
                self._canceled.setdefault(order_id, None)
            case OrderEnded(order_id=order_id) if order_id in self._canceled:
                self._canceled[order_id] = record.at_ms
            case OrderPlaced(order=order) if order.purpose is Purpose.EXIT:
                leg = self.legs.get(order.position_id)
                if leg is not None:
                    leg.tries += 1
            case OrderFilled() as fact:
                self._fill(record, fact)
            case PositionClosed() as fact:
                self._close(record, fact)
            case _:
                pass

    def _fill(self, record: Record, fact: OrderFilled) -> None:
        leg = self.legs.get(fact.position_id)
        if leg is None or fact.fill.purpose.is_growing:
            return
        leg.qty += fact.fill.qty
        leg.value += fact.fill.qty * fact.fill.price
        leg.decimals = max(leg.decimals, decimals(fact.fill.price))
        leg.verb = "sold" if fact.fill.side is OrderSide.SELL else "bought"
        leg.at_ms = record.at_ms

    def _close(self, record: Record, fact: PositionClosed) -> None:
        leg = self.legs.get(fact.position_id)
        if leg is not None and not leg.is_flat:
            leg.is_flat, leg.at_ms = True, record.at_ms
            self.net += fact.net
            self.result_r += fact.result_r

    def settle(self, open_ids: Iterable[int], now_s: float) -> None:
        """Positions the engine no longer holds are over, with or without a fill.

        It lets go before its facts are written, and thus told: they get their time.
        """
        still = set(open_ids)
        for number, leg in self.legs.items():
            if number in still:
                leg.gone_s = None
            elif leg.gone_s is None:
                leg.gone_s = now_s
            leg.is_flat |= leg.gone_s is not None and now_s >= leg.gone_s + GRACE_S

    def verify(self, seen: AccountSeen | None, at_ms: Ms) -> bool:
        """Take the exchange's word; whether it shows flat."""
        if seen is None:
            self._verified = ("not verified, no answer", None)
            return False
        self._left = len(seen.order_ids)
        if seen.positions:
            self._verified = (f"exchange shows {seen.positions[0].symbol}", None)
            return False
        self._verified = ("exchange flat, verified", at_ms)
        return True

    def lines(self) -> list[tuple[str, Ms | str | None]]:
        """The checklist: words, and when it happened or how often it was tried again."""
        rows: list[tuple[str, Ms | str | None]] = [("entries locked", self.locked_ms)]
        times = list(self._canceled.values())
        ended = [t for t in times if t is not None]
        done = f"{len(ended)}" if len(ended) == len(times) else f"{len(ended)} of {len(times)}"
        rows.append((f"entry orders canceled {done}", max(ended, default=self.locked_ms)))
        rows += [(leg.words, leg.end) for leg in self.legs.values()]
        rows.append(self._verified or ("exchange flat: waiting", None))
        rows.append((f"left orders {'-' if self._left is None else self._left}", None))
        return rows
