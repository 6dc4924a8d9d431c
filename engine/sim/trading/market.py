"""The board as the account needs it: exact prices, rules of a symbol, a book to take from.

It exists so that floats become Decimals in one place. It must never show a price the board did not
show, and keeps nothing between two moments.
"""

from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

import numpy as np

from engine.core.values import Instrument, Ms
from engine.sim.board import Board
from engine.sim.trading.records import BUY
from engine.sim.venue_rest import MAX_LOTS, MAX_MARKET_LOTS, PARAMETER_ERROR, Refused

BAND = Decimal("0.05")  # riskParameters.priceLimitRatioX
DEPTHS = (50, 500)  # levels looked at, then looked at if those were not enough
_BPS = Decimal("0.0001")


class Tick(NamedTuple):
    """A price the market passed; `qty` traded there, None where nobody says how much."""

    price: Decimal
    qty: Decimal | None
    is_now: bool  # the last of a step: mark and index prices are known for it alone


class Market:
    """What is traded and at which prices, at `board.shown`."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self.instruments = {i.symbol: i for i in board.feed.instruments}

    @property
    def now_ms(self) -> Ms:
        """The exchange's time."""
        return self._board.shown.at_ms

    def rules(self, symbol: str) -> Instrument:
        """The rules of a symbol; refused if nobody trades it."""
        if symbol not in self.instruments:
            raise Refused(PARAMETER_ERROR, f"params error: symbol invalid {symbol}".rstrip())
        return self.instruments[symbol]

    def last(self, symbol: str) -> Decimal | None:
        """The last trade; None before the first."""
        last = float(self._board.shown.last[self._row(symbol)])
        return None if np.isnan(last) else self._exact(symbol, last)

    def mark(self, symbol: str) -> Decimal:
        """Mark and index price; zero before the first trade."""
        shown, row = self._board.shown, self._row(symbol)
        mark = float(shown.bid[row] + shown.ask[row]) / 2
        return Decimal(0) if np.isnan(mark) else self._exact(symbol, mark)

    def ticks(self, symbol: str) -> Iterator[Tick]:
        """Prices of the last step, oldest first; the last of them is what is shown now."""
        last, is_traded = self.last(symbol), False
        if last is None:
            return
        rules = self.instruments[symbol]
        for trade in self._board.prints(self._row(symbol)):
            is_traded = True
            price = self._exact(symbol, trade.price)
            yield Tick(price, rules.qty(trade.qty), is_now=False)
        yield Tick(last, Decimal(0) if is_traded else None, is_now=True)

    def bound(self, symbol: str, side: str, base: Decimal) -> Decimal:
        """The worst price a market order may pay, and a limit order may name, around `base`."""
        rules = self.instruments[symbol]
        if side == BUY:
            return rules.price_down(base * (1 + BAND))
        return max(rules.price_up(base * (1 - BAND)), rules.tick)

    def touch(self, symbol: str, side: str) -> Decimal | None:
        """The best price an order of this side could take; None before the first trade."""
        shown, row = self._board.shown, self._row(symbol)
        touch = float((shown.ask if side == BUY else shown.bid)[row])
        return None if np.isnan(touch) else self._exact(symbol, touch)

    def walk(
        self, symbol: str, side: str, wanted: Decimal, limit: Decimal, base: Decimal | None = None
    ) -> list[tuple[Decimal, Decimal]]:
        """Prices and quantities that an order would take now, none beyond `limit`.

        With `base` the book is the one that stood around that earlier price: as deep as it is now,
        and as far from the last trade.
        """
        last = self.last(symbol)
        if last is None:
            return []
        away = Decimal(0) if base is None else base - last
        taken: list[tuple[Decimal, Decimal]] = []
        for depth in DEPTHS:
            taken = self._walk(symbol, side, wanted, limit - away, depth)
            if sum(qty for _, qty in taken) >= wanted:
                break
        return [(price + away, qty) for price, qty in taken]

    def largest(self, symbol: str, *, is_market: bool) -> Decimal:
        """The largest quantity of one order."""
        return self.instruments[symbol].lot * (MAX_MARKET_LOTS if is_market else MAX_LOTS)

    def rate(self, symbol: str, *, is_maker: bool) -> Decimal:
        """Fee of a fill as a fraction of its value."""
        rules = self.instruments[symbol]
        return (rules.maker_bps if is_maker else rules.taker_bps) * _BPS

    def price_text(self, symbol: str, price: Decimal) -> str:
        """With the digits of the tick."""
        return f"{price:.{self._board.decimals[self._row(symbol)]}f}"

    def qty_text(self, symbol: str, qty: Decimal) -> str:
        """With the digits of the lot."""
        return f"{qty:.{self._board.lot_decimals[self._row(symbol)]}f}"

    def _row(self, symbol: str) -> int:
        return self._board.rows[symbol]

    def _exact(self, symbol: str, price: float) -> Decimal:
        digits = self._board.decimals[self._row(symbol)]
        return Decimal(repr(price)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)

    def _walk(
        self, symbol: str, side: str, wanted: Decimal, limit: Decimal, depth: int
    ) -> list[tuple[Decimal, Decimal]]:
        row = self._row(symbol)
        bids, asks = self._board.book(row, depth)
        rules, sign = self.instruments[symbol], 1 if side == BUY else -1
        taken: list[tuple[Decimal, Decimal]] = []
        for level, size in asks if side == BUY else bids:
            price = self._exact(symbol, level)
            if wanted <= 0 or sign * (price - limit) > 0:
                break
            qty = min(wanted, rules.qty(size))
            if qty > 0:
                taken.append((price, qty))
                wanted -= qty
        return taken
