"""What was really done when no answer came: the adapter against the embedded exchange's faults.

FT01: test_a_lost_answer_*       FT02: test_a_lost_request_*      FT03: test_a_late_order_*
FT04, FT06: test_an_unreadable_* FT05: test_an_ambiguous_code_*   FT12: test_reads_that_lag_*
FT42: test_an_entry_without_its_stop_*   FT52: test_adl_* and test_a_liquidation_*
"""

from collections.abc import AsyncIterator

import pytest
from live_world import LiveWorld, live_world
from trade_venue import D
from unit.contracts import SYMBOL, entry, market_exit, target

from engine.core.events import (
    FillSeen,
    OrderAccepted,
    OrderGone,
    OrderMissing,
    OrderUnknown,
    StopSet,
    StopUnknown,
    TransferSeen,
)
from engine.core.values import OrderState, Purpose, Side
from engine.errors import Transient
from engine.sim.venue_faults import Fault

CREATE, STOP, CANCEL = "order/create", "position/trading-stop", "order/cancel"
ENTRY = entry(Side.LONG, "10", "101", "98")


@pytest.fixture
async def world() -> AsyncIterator[LiveWorld]:
    async with live_world() as made:
        yield made


async def opened(world: LiveWorld) -> None:
    assert isinstance(await world.exchange.place(ENTRY), OrderAccepted)
    await world.settle()


def stops(world: LiveWorld) -> list[dict[str, object]]:
    """Every stop that ever was at the exchange."""
    rows = world.venue._account.desk.truth()["orders"]
    return [row for row in rows if row["stopOrderType"]]


# -- placing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["lose_response", "cut"])
async def test_a_lost_answer_is_unknown_and_the_order_is_found(world: LiveWorld, kind: str) -> None:
    world.fault(Fault(CREATE, kind, times=1))
    assert isinstance(await world.exchange.place(ENTRY), OrderUnknown)
    found = await world.exchange.find(ENTRY)
    assert isinstance(found, OrderGone)
    assert (found.state, found.filled_qty) == (OrderState.FILLED, D(10))
    (position,) = (await world.exchange.account()).positions
    assert (position.qty, position.stop) == (D(10), D(98))
    assert len(world.orders) == 1


async def test_a_lost_request_is_missing_and_may_be_sent_again_under_its_id(
    world: LiveWorld,
) -> None:
    await opened(world)
    world.fault(Fault(CREATE, "lose_request", times=1))
    out = market_exit(Side.LONG, "10")
    assert isinstance(await world.exchange.place(out), OrderUnknown)
    assert await world.exchange.find(out) == OrderMissing("x1")
    assert isinstance(await world.exchange.place(out), OrderAccepted)
    assert isinstance(await world.exchange.place(out), OrderAccepted)  # it is there already
    await world.settle()
    assert (await world.exchange.account()).positions == ()
    assert len(world.orders) == 2


async def test_a_late_order_is_found_when_it_came(world: LiveWorld) -> None:
    world.fault(Fault(CREATE, "late_apply", times=1, delay_s=1.0))
    assert isinstance(await world.exchange.place(ENTRY), OrderUnknown)
    assert await world.exchange.find(ENTRY) == OrderMissing("e1")
    await world.quote(99.99, 100, 100)
    world.venue._door.step()
    found = await world.exchange.find(ENTRY)
    assert isinstance(found, OrderGone)
    (fill,) = (await world.exchange.account()).fills
    assert (fill.order_id, fill.purpose) == ("e1", Purpose.ENTRY)


@pytest.mark.parametrize("is_applied", [False, True])
@pytest.mark.parametrize("code", [10000, 10016, 110079, 170146])
async def test_an_ambiguous_code_says_nothing_of_what_was_done(
    world: LiveWorld, code: int, *, is_applied: bool
) -> None:
    world.fault(Fault(CREATE, "reply", times=1, ret_code=code, apply=is_applied))
    answered = await world.exchange.place(ENTRY)
    found = await world.exchange.find(ENTRY)
    assert isinstance(found, OrderGone if is_applied else OrderMissing)
    is_looked_up = code == 110079 and is_applied
    assert isinstance(answered, OrderAccepted if is_looked_up else OrderUnknown)
    assert len(world.orders) == int(is_applied)


@pytest.mark.parametrize("body", ["<html>busy</html>", "", '{"retCode":0,"resu', {"retCode": 0}])
async def test_an_unreadable_answer_is_unknown(world: LiveWorld, body: object) -> None:
    world.fault(Fault(CREATE, "reply", times=1, body=body, apply=True))
    assert isinstance(await world.exchange.place(ENTRY), OrderUnknown)
    assert isinstance(await world.exchange.find(ENTRY), OrderGone)


async def test_a_rejection_after_the_acknowledgment_is_told(world: LiveWorld) -> None:
    world.fault(Fault(SYMBOL, "reject_after_ack", times=1))
    assert isinstance(await world.exchange.place(ENTRY), OrderAccepted)
    await world.settle()
    (gone,) = world.heard
    assert isinstance(gone, OrderGone)
    assert (gone.state, gone.filled_qty) == (OrderState.REFUSED, D(0))


async def test_a_thin_book_fills_in_part(world: LiveWorld) -> None:
    world.fault(Fault(SYMBOL, "partial", times=1, p=0.4))
    await opened(world)
    gone = next(x for x in world.heard if isinstance(x, OrderGone))
    assert (gone.state, gone.filled_qty) == (OrderState.CANCELED, D(4))
    (position,) = (await world.exchange.account()).positions
    assert (position.qty, position.stop) == (D(4), D(98))


# -- protection ------------------------------------------------------------------------------------


async def test_an_entry_without_its_stop_is_told_bare_and_can_be_protected(
    world: LiveWorld,
) -> None:
    world.fault(Fault(SYMBOL, "no_attach", times=1))
    await opened(world)
    assert [type(x) for x in world.heard] == [FillSeen]
    assert (await world.exchange.account()).positions[0].stop is None
    shown = await world.exchange.set_stop(1, SYMBOL, Side.LONG, D(98))
    assert isinstance(shown, StopSet)
    assert (await world.exchange.account()).positions[0].stop == D(98)


@pytest.mark.parametrize("kind", ["lose_response", "lose_request"])
async def test_a_stop_without_an_answer_is_unknown_and_stands_at_most_once(
    world: LiveWorld, kind: str
) -> None:
    await opened(world)
    world.fault(Fault(STOP, kind, times=1))
    assert isinstance(await world.exchange.set_stop(1, SYMBOL, Side.LONG, D(99)), StopUnknown)
    shown = (await world.exchange.account()).positions[0].stop
    assert shown == (D(99) if kind == "lose_response" else D(98))
    again = await world.exchange.set_stop(1, SYMBOL, Side.LONG, D(99))
    assert isinstance(again, StopSet)


async def test_a_stop_moved_often_is_amended_and_stands_at_every_request(world: LiveWorld) -> None:
    """FT45: canceled and created anew it would be another order, and for a moment none."""
    await opened(world)
    (first,) = stops(world)
    for number, kind in enumerate(("lose_response", "lose_request", "late_apply", "cut"), 1):
        world.fault(Fault(STOP, kind, times=1))
        await world.exchange.set_stop(1, SYMBOL, Side.LONG, D(98) + D(number) / 4)
        (stop,) = stops(world)
        assert (stop["orderId"], stop["orderStatus"]) == (first["orderId"], "Untriggered")
    assert (await world.exchange.account()).positions[0].stop == D(99)


async def test_a_cancel_without_an_answer_is_looked_up(world: LiveWorld) -> None:
    await opened(world)
    working = target(Side.LONG, "4", "103")
    await world.exchange.place(working)
    world.fault(Fault(CANCEL, "lose_response", times=1))
    gone = await world.exchange.cancel(working)
    assert isinstance(gone, OrderGone)
    assert gone.state is OrderState.CANCELED
    assert (await world.exchange.account()).positions[0].stop == D(98)  # stops are never canceled


# -- the account -----------------------------------------------------------------------------------


async def test_reads_that_lag_never_take_back_what_was_shown(world: LiveWorld) -> None:
    await opened(world)
    await world.quote(99.99, 100, 100)
    await world.exchange.set_stop(1, SYMBOL, Side.LONG, D(99))
    await world.exchange.account()
    world.fault(Fault("position/list", "stale_reads", delay_s=1.0))
    with pytest.raises(Transient, match="agree"):
        await world.exchange.account()
    world.fault()
    assert (await world.exchange.account()).positions[0].stop == D(99)


async def test_adl_is_a_fill_with_its_cause(world: LiveWorld) -> None:
    await opened(world)
    world.fault(Fault(SYMBOL, "adl", times=1, amount=D(4)))
    account = await world.exchange.account()
    assert [(x.purpose, x.cause, x.qty) for x in account.fills[1:]] == [(Purpose.EXIT, "adl", D(4))]
    assert account.positions[0].qty == D(6)


async def test_a_liquidation_is_a_fill_with_its_cause(world: LiveWorld) -> None:
    await opened(world)
    world.fault(Fault(SYMBOL, "liquidate", times=1))
    account = await world.exchange.account()
    assert [(x.purpose, x.cause) for x in account.fills[1:]] == [(Purpose.EXIT, "liquidation")]
    assert account.positions == ()


async def test_money_that_came_is_told(world: LiveWorld) -> None:
    world.naps.now += 61
    world.fault(Fault("*", "transfer", times=1, amount=D(500)))
    await world.exchange.account()
    (told,) = world.heard
    assert isinstance(told, TransferSeen)
    assert told.amount == D(500)
