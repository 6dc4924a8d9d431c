"""Looking an order up in three places, and what may be concluded (FT01 to FT03, FT49)."""

from collections.abc import AsyncIterator

import pytest
from rest_venue import NOW, coded, envelope, reply
from trade_venue import (
    ENTRY,
    EXECUTIONS,
    EXIT,
    HISTORY,
    REALTIME,
    TARGET,
    D,
    Desk,
    desk,
    execution_row,
    order_row,
)

from engine.core.events import OrderAccepted, OrderGone, OrderMissing
from engine.core.values import OrderState
from engine.errors import Transient


@pytest.fixture
async def at() -> AsyncIterator[Desk]:
    async with desk() as made:
        yield made


async def test_a_working_order_is_found_at_once(at: Desk) -> None:
    at.venue.orders = [order_row(TARGET, "PartiallyFilled", cumExecQty="1")]
    assert await at.exchange.find(TARGET) == OrderAccepted(TARGET.id, "venue-alpha-1-9T")
    assert [path for path, _ in at.venue.asked] == [REALTIME]


@pytest.mark.parametrize("shelf", ["orders", "past"])
async def test_an_ended_order_tells_what_its_executions_say(at: Desk, shelf: str) -> None:
    setattr(at.venue, shelf, [order_row(ENTRY, "Cancelled", cumExecQty="4")])
    at.venue.executions = [execution_row("x2", execQty="3"), execution_row("x1", execQty="2")]
    found = await at.exchange.find(ENTRY)
    assert found == OrderGone(ENTRY.id, OrderState.CANCELED, "Cancelled", D(5))


async def test_executions_that_lag_do_not_shrink_what_was_filled(at: Desk) -> None:
    at.venue.past = [order_row(ENTRY, "Filled")]
    found = await at.exchange.find(ENTRY)
    assert isinstance(found, OrderGone)
    assert found.filled_qty == D(10)


async def test_missing_means_that_all_three_had_nothing(at: Desk) -> None:
    assert await at.exchange.find(EXIT) == OrderMissing(EXIT.id)
    assert [path for path, _ in at.venue.asked] == [REALTIME, HISTORY, EXECUTIONS]
    for _, query in at.venue.asked:
        assert (query["orderLinkId"], query["symbol"], query["category"]) == (
            EXIT.id,
            "BTCUSDT",
            "linear",
        )
        assert not {"orderId", "orderStatus", "execType"} & set(query)


@pytest.mark.parametrize("path", [REALTIME, HISTORY, EXECUTIONS])
@pytest.mark.parametrize("body", [coded(10016), "<html>", envelope(None), envelope({"list": ""})])
async def test_a_source_that_fails_proves_nothing(at: Desk, path: str, body: object) -> None:
    at.venue.fault(path, *(reply(body) for _ in range(3)))
    with pytest.raises(Transient):
        await at.exchange.find(EXIT)


async def test_a_state_nobody_knows_is_no_end(at: Desk) -> None:
    at.venue.orders = [order_row(EXIT, "SomethingNew")]
    with pytest.raises(Transient, match="expected a state we know, found 'SomethingNew'"):
        await at.exchange.find(EXIT)


async def test_executions_without_a_record_are_not_an_end(at: Desk) -> None:
    at.venue.executions = [execution_row(order=EXIT)]
    with pytest.raises(Transient, match="expected its record beside its executions"):
        await at.exchange.find(EXIT)


async def test_rows_of_other_orders_are_not_ours(at: Desk) -> None:
    rows = [order_row(TARGET, "New"), {**order_row(EXIT, "New"), "orderLinkId": ""}]
    at.venue.fault(REALTIME, reply(envelope({"list": rows})))
    at.venue.fault(
        EXECUTIONS, reply(envelope({"list": [execution_row(), execution_row(order=None)]}))
    )
    assert await at.exchange.find(EXIT) == OrderMissing(EXIT.id)


async def test_all_pages_of_executions_count(at: Desk) -> None:
    at.venue.past = [order_row(ENTRY, "Filled", cumExecQty="0")]
    at.venue.executions = [
        execution_row(f"x{i}", execQty="0.1", execTime=str(NOW - i)) for i in range(101)
    ]
    found = await at.exchange.find(ENTRY)
    assert isinstance(found, OrderGone)
    assert found.filled_qty == D("10.1")
    assert at.venue.count(EXECUTIONS) == 2


async def test_a_cursor_that_leads_in_a_circle_ends(at: Desk) -> None:
    at.venue.past = [order_row(ENTRY, "Filled")]
    circle = {"list": [execution_row()], "nextPageCursor": "again"}
    at.venue.fault(EXECUTIONS, *(reply(envelope(circle)) for _ in range(201)))
    with pytest.raises(Transient, match="expected at most 200 pages"):
        await at.exchange.find(ENTRY)


async def test_a_cursor_that_is_no_text_voids_the_read(at: Desk) -> None:
    at.venue.past = [order_row(ENTRY, "Filled")]
    at.venue.fault(EXECUTIONS, reply(envelope({"list": [], "nextPageCursor": 7})))
    with pytest.raises(Transient, match="expected a cursor, found '7'"):
        await at.exchange.find(ENTRY)
