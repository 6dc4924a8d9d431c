"""What every adapter of a port must do, as suites a test module runs against its own adapter.

A module subclasses a suite and gives it a world: the adapter, a market to move and a place to
listen. Orders are built here too, so that every adapter is asked the same questions. Nothing here
may know how an adapter works.
"""

from decimal import Decimal
from typing import Protocol

import msgspec
import pytest

from engine.core.events import (
    AccountPosition,
    Event,
    FillSeen,
    OrderAccepted,
    OrderGone,
    OrderMissing,
    OrderRefused,
    StopRefused,
    StopSet,
)
from engine.core.values import (
    Fill,
    Instrument,
    Order,
    OrderKind,
    OrderState,
    Purpose,
    Refusal,
    Side,
)
from engine.ports import Exchange

D = Decimal

INSTRUMENT = Instrument(
    symbol="AAAUSDT",
    base="AAA",
    quote="USDT",
    tick=D("0.01"),
    lot=D("0.1"),
    qty_min=D("0.2"),
    notional_min=D(5),
    taker_bps=D("5.5"),
    maker_bps=D(2),
)
SYMBOL = INSTRUMENT.symbol


def entry(side: Side, qty: str, limit: str, stop: str | None, name: str = "e1") -> Order:
    return Order(
        id=name,
        position_id=1,
        symbol=SYMBOL,
        purpose=Purpose.ENTRY,
        side=side.entry,
        kind=OrderKind.IOC,
        qty=D(qty),
        reduce_only=False,
        reason="signal",
        price=D(limit),
        stop=None if stop is None else D(stop),
    )


def addon(side: Side, qty: str, limit: str, name: str = "a1") -> Order:
    order = entry(side, qty, limit, None, name)
    return msgspec.structs.replace(order, purpose=Purpose.ADDON, reason="add-on")


def target(side: Side, qty: str, price: str, name: str = "t1") -> Order:
    return Order(
        id=name,
        position_id=1,
        symbol=SYMBOL,
        purpose=Purpose.TARGET,
        side=side.exit,
        kind=OrderKind.LIMIT,
        qty=D(qty),
        reduce_only=True,
        reason="target_1",
        price=D(price),
    )


def market_exit(side: Side, qty: str, name: str = "x1") -> Order:
    return Order(
        id=name,
        position_id=1,
        symbol=SYMBOL,
        purpose=Purpose.EXIT,
        side=side.exit,
        kind=OrderKind.MARKET,
        qty=D(qty),
        reduce_only=True,
        reason="operator",
    )


class ExchangeWorld(Protocol):
    """An exchange under test that lists `INSTRUMENT`, with its market in the test's hands."""

    exchange: Exchange
    heard: list[Event]  # what came through the adapter's sink

    async def quote(self, bid: float, ask: float, last: float) -> None:
        """Move the market, and return when the exchange has acted on it."""
        ...

    async def settle(self) -> None:
        """Return when everything the exchange owes has been heard."""
        ...


class ExchangeContract:
    """The `Exchange` port. A subclass provides the fixture `world`, flat and quoted at 100."""

    async def fills(self, world: ExchangeWorld) -> list[Fill]:
        await world.settle()
        return list((await world.exchange.account()).fills)

    async def opened(self, world: ExchangeWorld) -> ExchangeWorld:
        answer = await world.exchange.place(entry(Side.LONG, "10", "101", "98"))
        assert isinstance(answer, OrderAccepted)
        await world.settle()
        return world

    async def test_lists_the_instrument(self, world: ExchangeWorld) -> None:
        assert INSTRUMENT in (await world.exchange.instruments()).instruments

    async def test_an_entry_is_filled_with_its_stop(self, world: ExchangeWorld) -> None:
        await self.opened(world)
        account = await world.exchange.account()
        (fill,) = account.fills
        held = AccountPosition(SYMBOL, Side.LONG, D(10), fill.price, D(98), fill.exchange_ms)
        assert account.positions == (held,)
        assert (fill.order_id, fill.qty, fill.is_maker) == ("e1", D(10), False)
        assert D(100) <= fill.price <= D(101)
        assert FillSeen(fill) in world.heard

    async def test_an_id_placed_twice_is_one_order(self, world: ExchangeWorld) -> None:
        await self.opened(world)
        again = await world.exchange.place(entry(Side.LONG, "10", "101", "98"))
        assert isinstance(again, OrderAccepted)
        assert [f.order_id for f in await self.fills(world)] == ["e1"]
        await world.exchange.place(target(Side.LONG, "4", "103"))
        await world.exchange.place(target(Side.LONG, "4", "103"))
        assert (await world.exchange.account()).order_ids == ("t1",)

    async def test_an_order_is_found_in_every_state(self, world: ExchangeWorld) -> None:
        await self.opened(world)
        working = target(Side.LONG, "4", "103")
        await world.exchange.place(working)
        filled = await world.exchange.find(entry(Side.LONG, "10", "101", "98"))
        assert isinstance(filled, OrderGone)
        assert (filled.state, filled.filled_qty) == (OrderState.FILLED, D(10))
        assert isinstance(await world.exchange.find(working), OrderAccepted)
        never = market_exit(Side.LONG, "1", "never")
        assert await world.exchange.find(never) == OrderMissing("never")
        assert await world.exchange.cancel(never) == OrderMissing("never")

    async def test_a_canceled_order_is_gone(self, world: ExchangeWorld) -> None:
        await self.opened(world)
        working = target(Side.LONG, "4", "103")
        await world.exchange.place(working)
        gone = await world.exchange.cancel(working)
        assert isinstance(gone, OrderGone)
        assert (gone.state, gone.filled_qty) == (OrderState.CANCELED, D(0))
        assert (await world.exchange.account()).order_ids == ()
        await world.quote(104, 104.01, 104)
        assert [f.order_id for f in await self.fills(world)] == ["e1"]

    async def test_a_stop_is_amended_in_place(self, world: ExchangeWorld) -> None:
        await self.opened(world)
        shown = await world.exchange.set_stop(1, SYMBOL, Side.LONG, D(99))
        assert isinstance(shown, StopSet)
        assert (shown.position_id, shown.price) == (1, D(99))
        (position,) = (await world.exchange.account()).positions
        assert (position.stop, position.updated_ms) == (D(99), shown.exchange_ms)
        await world.quote(98.9, 98.91, 98.9)
        assert [f.purpose for f in await self.fills(world)] == [Purpose.ENTRY, Purpose.STOP]

    async def test_an_add_on_grows_a_position_and_keeps_its_stop(
        self, world: ExchangeWorld
    ) -> None:
        await self.opened(world)
        await world.exchange.place(addon(Side.LONG, "2", "101"))
        entered, added = await self.fills(world)
        assert (entered.purpose, added.purpose) == (Purpose.ENTRY, Purpose.ADDON)
        (position,) = (await world.exchange.account()).positions
        assert (position.qty, position.stop) == (D(12), D(98))

    async def test_a_stop_needs_a_position(self, world: ExchangeWorld) -> None:
        answer = await world.exchange.set_stop(1, SYMBOL, Side.LONG, D(99))
        assert isinstance(answer, StopRefused)
        assert (answer.position_id, answer.price) == (1, D(99))

    async def test_a_passed_stop_ends_everything_once(self, world: ExchangeWorld) -> None:
        await self.opened(world)
        await world.exchange.place(target(Side.LONG, "4", "103"))
        for _ in range(3):
            await world.quote(97.9, 97.91, 97.9)
        assert [(f.purpose, f.qty) for f in await self.fills(world)] == [
            (Purpose.ENTRY, D(10)),
            (Purpose.STOP, D(10)),
        ]
        account = await world.exchange.account()
        assert (account.positions, account.order_ids) == ((), ())
        gone = [e for e in world.heard if isinstance(e, OrderGone) and e.order_id == "t1"]
        assert [e.state for e in gone] == [OrderState.CANCELED]

    async def test_reduce_only_never_opens(self, world: ExchangeWorld) -> None:
        answer = await world.exchange.place(market_exit(Side.LONG, "1"))
        assert isinstance(answer, OrderRefused)
        assert answer.refusal is Refusal.REDUCE_ONLY
        await self.opened(world)
        await world.exchange.place(market_exit(Side.LONG, "15", "x2"))
        assert [f.qty for f in await self.fills(world)] == [D(10), D(10)]
        assert (await world.exchange.account()).positions == ()

    @pytest.mark.parametrize("stop", ["100.5", "100"])
    async def test_an_entry_behind_its_stop_is_refused(
        self, world: ExchangeWorld, stop: str
    ) -> None:
        answer = await world.exchange.place(entry(Side.LONG, "10", "101", stop))
        assert isinstance(answer, OrderRefused)
        assert answer.refusal is Refusal.STOP_SIDE
        assert await self.fills(world) == []

    async def test_balance_is_start_less_fees_plus_results(self, world: ExchangeWorld) -> None:
        start = (await world.exchange.account()).balance
        await self.opened(world)
        await world.exchange.place(market_exit(Side.LONG, "10"))
        bought, sold = await self.fills(world)
        flows = sold.price * sold.qty - bought.price * bought.qty - bought.fee - sold.fee
        assert (await world.exchange.account()).balance == start + flows
