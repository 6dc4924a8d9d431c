"""Fills, funding and transfers booked, and what they leave to trade with.

It exists so that position, order, cash and log change together or not at all. It must never decide
whether something fills, and never let money appear from nowhere.
"""

import copy
from decimal import Decimal
from typing import NamedTuple

from engine.core.values import Ms, settled
from engine.sim.trading.ledger import Ledger
from engine.sim.trading.positions import Position
from engine.sim.trading.records import (
    RESTING,
    ZERO,
    Closed,
    Execution,
    Fill,
    Life,
    Order,
)
from engine.sim.trading.rows import COIN, MAINTENANCE, Json, plain
from engine.sim.venue_rest import FUNDING_RATE

_RATE = Decimal(FUNDING_RATE)
_ISOLATED_UNKNOWN = (
    "accountIMRate",
    "accountMMRate",
    "totalMarginBalance",
    "totalAvailableBalance",
    "totalInitialMargin",
    "totalMaintenanceMargin",
)  # account-wide margins do not exist where each position has its own


class Margins(NamedTuple):
    """What the account is worth and what is bound, in the settlement coin."""

    balance: Decimal
    unrealized: Decimal
    position_margin: Decimal
    order_margin: Decimal
    maintenance: Decimal

    @property
    def equity(self) -> Decimal:
        """Balance and what open positions are worth at mark."""
        return self.balance + self.unrealized

    @property
    def available(self) -> Decimal:
        """What new positions may bind."""
        return max(ZERO, self.equity - self.position_margin - self.order_margin)


class Accounting:
    """Books into a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._market = ledger.market

    def fill(self, order: Order, fill: Fill) -> Closed:
        """An execution: order, position and cash change by it."""
        held = self._ledger.position(order.symbol, order.idx)
        rate = ZERO
        if not fill.is_free:
            rate = self._market.rate(order.symbol, is_maker=fill.is_maker)
        fee = settled(fill.price * fill.qty * rate)
        closed = held.book(order.sign, fill.qty, fill.price, fee)
        order.filled += fill.qty
        order.value += fill.qty * fill.price
        order.fee += fee
        order.closed_pnl += closed.net
        self._follow_life(held, closed)
        self._enter(order, fill, held, (fee, rate, closed))
        return closed

    def fund(self, held: Position, boundary_ms: Ms) -> None:
        """A long pays the funding rate of its value at mark, a short is paid."""
        mark = self._market.mark(held.symbol)
        fee = settled(held.sign * held.size * mark * _RATE)
        order = Order(
            id=f"{boundary_ms // 1000}-8-{held.symbol}-{held.idx}",
            number=0,
            link="",
            symbol=held.symbol,
            side=held.side,
            qty=held.size,
            price=mark,
            created_ms=boundary_ms,
            idx=held.idx,
        )
        held.pay(fee)
        fill = Fill(mark, held.size, kind="Funding")
        self._enter(order, fill, held, (fee, _RATE, Closed()))
        self._ledger.tell_position(held)
        self.tell_wallet()

    def transfer(self, amount: Decimal) -> None:
        """Money comes in (positive) or leaves."""
        self._ledger.wallet.transfer(amount, self._market.now_ms)
        self.tell_wallet()

    # -- what is left to trade with --------------------------------------------------------------

    def margins(self) -> Margins:
        """Worth and margin of everything open, at mark."""
        ledger, held = self._ledger, list(self._ledger.held())
        orders = [o for orders in ledger.open.values() for o in orders.values()]
        return Margins(
            balance=ledger.wallet.balance,
            unrealized=sum((p.result_at(self._market.mark(p.symbol)) for p in held), ZERO),
            position_margin=sum((p.cost / ledger.lever(p.symbol) for p in held), ZERO),
            order_margin=sum((self.needed(o) for o in orders if o.status in RESTING), ZERO),
            maintenance=sum((p.cost * MAINTENANCE for p in held), ZERO),
        )

    def needed(self, order: Order, price: Decimal | None = None) -> Decimal:
        """Margin that what is left of an order would bind at its price; none where it reduces."""
        if order.is_reduce_only:
            return ZERO
        held = self._ledger.position(order.symbol, order.idx)
        opposite = held.size if held.sign == -order.sign else ZERO
        growing = max(ZERO, order.left - opposite)
        return growing * (price or order.price) / self._ledger.lever(order.symbol)

    def wallet_row(self) -> Json:
        """The one row of account/wallet-balance."""
        sums = self.margins()
        row = self._totals(sums) | {"coin": [self._coin(sums)]}
        if self._ledger.margin_mode == "ISOLATED_MARGIN":
            row |= dict.fromkeys(_ISOLATED_UNKNOWN, "")
        return row

    def tell_wallet(self) -> None:
        """Say on the private stream what the wallet holds."""
        self._ledger.tell("wallet", self.wallet_row())

    def _totals(self, sums: Margins) -> Json:
        initial, worth = sums.position_margin + sums.order_margin, sums.equity or Decimal(1)
        return {
            "accountType": "UNIFIED",
            "accountLTV": "",
            "accountIMRate": _text(initial / worth),
            "accountIMRateByMp": _text(initial / worth),
            "accountMMRate": _text(sums.maintenance / worth),
            "accountMMRateByMp": _text(sums.maintenance / worth),
            "totalEquity": _text(sums.equity),
            "totalWalletBalance": _text(sums.balance),
            "totalMarginBalance": _text(sums.equity),
            "totalAvailableBalance": _text(sums.available),
            "totalPerpUPL": _text(sums.unrealized),
            "totalInitialMargin": _text(initial),
            "totalInitialMarginByMp": _text(initial),
            "totalMaintenanceMargin": _text(sums.maintenance),
            "totalMaintenanceMarginByMp": _text(sums.maintenance),
        }

    def _coin(self, sums: Margins) -> Json:
        wallet = self._ledger.wallet
        return {
            "coin": COIN,
            "equity": _text(sums.equity),
            "usdValue": _text(sums.equity),
            "walletBalance": _text(sums.balance),
            "locked": "0",
            "totalOrderIM": _text(sums.order_margin),
            "totalPositionIM": _text(sums.position_margin),
            "totalPositionMM": _text(sums.maintenance),
            "unrealisedPnl": _text(sums.unrealized),
            "cumRealisedPnl": _text(wallet.realized - wallet.fees - wallet.funding),
            "borrowAmount": "0",
            "spotBorrow": "0",
            "accruedInterest": "0",
            "availableToBorrow": "",
            "availableToWithdraw": "",
            "bonus": "0",
            "marginCollateral": True,
            "collateralSwitch": True,
            "spotHedgingQty": "0",
        }

    def _follow_life(self, held: Position, closed: Closed) -> None:
        """A position that went flat ended; one that holds something without a life began."""
        ledger, now_ms = self._ledger, self._market.now_ms
        if closed.is_over and held.life is not None:
            held.life.end(now_ms)
            held.life = None
        if held.size and held.life is None:
            held.life = Life(now_ms, held.idx, bare_since_ms=now_ms)
            held.opened_ms = now_ms
            held.created_ms = held.created_ms or now_ms
            ledger.lives[held.symbol].append(held.life)

    def _enter(
        self, order: Order, fill: Fill, held: Position, sums: tuple[Decimal, Decimal, Closed]
    ) -> None:
        ledger, (fee, rate, closed) = self._ledger, sums
        execution_id, number = ledger.execution_id()
        seen = Execution(
            id=execution_id,
            number=number,
            order=copy.copy(order),
            kind=fill.kind,
            side=order.side,
            price=fill.price,
            qty=fill.qty,
            fee=fee,
            fee_rate=rate,
            is_maker=fill.is_maker,
            mark=self._market.mark(order.symbol),
            closed=closed,
            seq=ledger.change(held),
            at_ms=self._market.now_ms,
        )
        ledger.executions.append(seen)
        ledger.wallet.book(seen, held.sign * held.size)
        ledger.tell("execution", ledger.rows.execution_news(seen))


def _text(number: Decimal) -> str:
    return plain(round(number, 8))
