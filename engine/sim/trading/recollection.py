"""The account as somebody else remembers it: what an embedded exchange begins with after a restart.

It exists because the sandbox's exchange ends with the bot, while the account of a real one goes on.
It must never make an execution of what was executed before.
"""

from collections.abc import Sequence
from decimal import Decimal

from engine.core.values import Order as Asked
from engine.core.values import OrderKind, OrderSide
from engine.sim.matching import Holding
from engine.sim.trading.desk import Desk
from engine.sim.trading.records import BUY, NEW, PART_FILLED, SELL, Life, Order, Stop
from engine.sim.trading.stops import Wish


def restore(
    desk: Desk, balance: Decimal, holdings: Sequence[Holding], live: Sequence[tuple[Asked, Decimal]]
) -> None:
    """Cash, positions with their stops, and resting orders with what was filled of each."""
    desk.ledger.wallet.start = balance
    for holding in holdings:
        _hold(desk, holding)
    for order, filled in live:
        if order.kind is OrderKind.LIMIT:  # nothing else rests
            _rest(desk, order, filled)


def _hold(desk: Desk, holding: Holding) -> None:
    ledger, now_ms = desk.ledger, desk.market.now_ms
    held = ledger.position(holding.symbol, 0)
    held.book(holding.side.sign, holding.qty, holding.avg_price, Decimal(0))
    held.life = Life(now_ms, held.idx, bare_since_ms=now_ms)
    held.created_ms = held.opened_ms = now_ms
    ledger.lives[held.symbol].append(held.life)
    ledger.change(held)
    if holding.stop is not None:
        desk.filling.stops.put(held, Wish(Stop.LOSS, holding.stop))


def _rest(desk: Desk, asked: Asked, filled: Decimal) -> None:
    order_id, number = desk.ledger.new_id()
    order = Order(
        id=order_id,
        number=number,
        link=asked.id,
        symbol=asked.symbol,
        side=BUY if asked.side is OrderSide.BUY else SELL,
        qty=asked.qty,
        price=asked.price or Decimal(0),
        created_ms=desk.market.now_ms,
        kind="Limit",
        lifetime="GTC",
        is_reducing=asked.reduce_only,
        status=PART_FILLED if filled else NEW,
        filled=filled,
        value=filled * (asked.price or Decimal(0)),
    )
    desk.ledger.add(order)
    desk.ledger.touch(order)
