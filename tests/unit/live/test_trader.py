"""Placing, following, canceling and amending on Bybit; the table of codes has its own file.

FT29 and FT32: test_a_part_filled_ioc_tells_what_it_got
FT30: test_an_acknowledged_cancel_is_no_end
FT31: test_an_accepted_order_that_ends_unfilled_is_gone
FT42: test_a_stop_that_did_not_come_is_not_told
FT51: test_leverage_*
"""

from collections.abc import AsyncIterator

import msgspec
import pytest
from rest_venue import NOW, coded, reply
from trade_venue import (
    CANCEL,
    CREATE,
    ENTRY,
    EXECUTIONS,
    EXIT,
    LEVERAGE,
    POSITIONS,
    REALTIME,
    STOP,
    TARGET,
    D,
    Desk,
    desk,
    execution_row,
    order_row,
    position_row,
)

from engine.core.events import (
    FillSeen,
    OrderAccepted,
    OrderGone,
    OrderRefused,
    OrderUnknown,
    StopRefused,
    StopSet,
    StopUnknown,
)
from engine.core.values import Order, OrderState, Purpose, Refusal, Side
from engine.errors import Transient


@pytest.fixture
async def at() -> AsyncIterator[Desk]:
    async with desk() as made:
        yield made


def changed(order: Order, **changes: object) -> Order:
    return msgspec.structs.replace(order, **changes)


# -- what leaves -----------------------------------------------------------------------------------


async def test_an_entry_carries_its_stop_and_exact_numbers(at: Desk) -> None:
    assert await at.exchange.place(ENTRY) == OrderAccepted(ENTRY.id, "venue-alpha-1-7E")
    assert at.venue.writes(CREATE) == [
        {
            "category": "linear",
            "symbol": "BTCUSDT",
            "side": "Buy",
            "orderType": "Limit",
            "qty": "10",
            "timeInForce": "IOC",
            "orderLinkId": "alpha-1-7E",
            "positionIdx": 0,
            "reduceOnly": False,
            "price": "101.0",
            "stopLoss": "98.5",
            "slTriggerBy": "LastPrice",
            "slOrderType": "Market",
            "tpslMode": "Full",
        }
    ]


async def test_what_leaves_a_position_is_reduce_only_and_without_stop(at: Desk) -> None:
    await at.exchange.place(EXIT)
    await at.exchange.place(TARGET)
    exit_body, target_body = at.venue.writes(CREATE)
    told = ("side", "orderType", "timeInForce", "reduceOnly", "qty", "price")
    assert [exit_body.get(k) for k in told] == ["Sell", "Market", "IOC", True, "10", None]
    assert [target_body.get(k) for k in told] == ["Sell", "Limit", "GTC", True, "4", "103.5"]
    assert not any("stop" in k.lower() or "tpsl" in k for k in (*exit_body, *target_body))
    assert at.venue.writes(LEVERAGE) == []


async def test_an_exit_is_cut_to_what_one_market_order_may_ask(at: Desk) -> None:
    await at.exchange.place(changed(EXIT, qty=D("501.5")))
    await at.exchange.place(changed(TARGET, qty=D("501.5")))
    assert [body["qty"] for body in at.venue.writes(CREATE)] == ["500.000", "501.5"]


@pytest.mark.parametrize(
    "order",
    [
        changed(EXIT, qty=D(0)),
        changed(EXIT, qty=D(-1)),
        changed(EXIT, qty=D("NaN")),
        changed(EXIT, qty=D("Infinity")),
        changed(EXIT, id="alpha 1"),
        changed(EXIT, id="a" * 37),
        changed(EXIT, id=""),
        changed(EXIT, reduce_only=False),
        changed(EXIT, price=D(100)),
        changed(EXIT, stop=D(100)),
        changed(TARGET, price=None),
        changed(TARGET, price=D("-1")),
        changed(ENTRY, stop=None),
        changed(ENTRY, stop=D("NaN")),
        changed(ENTRY, reduce_only=True),
        changed(ENTRY, purpose=Purpose.ADDON),
    ],
)
async def test_an_order_that_cannot_be_right_never_leaves(at: Desk, order: Order) -> None:
    answered = await at.exchange.place(order)
    assert isinstance(answered, OrderRefused)
    assert answered.refusal is Refusal.OTHER
    assert at.venue.sent == []


async def test_rules_older_than_a_day_let_nothing_in_and_everything_out(at: Desk) -> None:
    at.naps.now += 86_401
    refused = await at.exchange.place(ENTRY)
    assert isinstance(refused, OrderRefused)
    assert "younger than a day" in refused.detail
    assert isinstance(await at.exchange.place(EXIT), OrderAccepted)
    await at.exchange.instruments()
    assert isinstance(await at.exchange.place(ENTRY), OrderAccepted)


async def test_a_symbol_that_takes_no_entries_is_left_alone_for_a_while(at: Desk) -> None:
    at.venue.fault(CREATE, reply(coded(110066, "reduce-only")))
    for _ in range(3):
        answered = await at.exchange.place(ENTRY)
        assert isinstance(answered, OrderRefused)
        assert answered.refusal is Refusal.SYMBOL
    assert len(at.venue.writes(CREATE)) == 1
    assert isinstance(await at.exchange.place(EXIT), OrderAccepted)
    at.naps.now += 901
    assert isinstance(await at.exchange.place(ENTRY), OrderAccepted)


async def test_a_cut_body_is_an_unknown_outcome(at: Desk) -> None:
    at.venue.fault(CREATE, reply('{"retCode":0,"retMsg":"OK","result":{"orderId":"1'))
    answered = await at.exchange.place(ENTRY)
    assert isinstance(answered, OrderUnknown)


# -- leverage --------------------------------------------------------------------------------------


async def test_leverage_is_set_once_before_the_first_entry(at: Desk) -> None:
    for _ in range(2):
        assert isinstance(await at.exchange.place(ENTRY), OrderAccepted)
    wanted = {"buyLeverage": "3", "sellLeverage": "3", "category": "linear", "symbol": "BTCUSDT"}
    assert at.venue.writes(LEVERAGE) == [wanted]
    assert [path for path, _ in at.venue.sent] == [LEVERAGE, CREATE, CREATE]


@pytest.mark.parametrize(("most", "wanted"), [(0.5, "1"), (2.505, "2.51"), (10, "10")])
async def test_leverage_covers_what_the_rules_allow_and_no_more(most: float, wanted: str) -> None:
    async with desk(leverage_max=most) as at:
        at.venue.leverage = wanted
        assert isinstance(await at.exchange.place(ENTRY), OrderAccepted)
        assert at.venue.writes(LEVERAGE)[0]["buyLeverage"] == wanted


async def test_leverage_that_did_not_change_is_fine(at: Desk) -> None:
    at.venue.fault(LEVERAGE, reply(coded(110043, "leverage not modified")))
    assert isinstance(await at.exchange.place(ENTRY), OrderAccepted)


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        (110013, Refusal.OTHER),
        (110086, Refusal.OTHER),
        (10016, Refusal.OTHER),
        (10002, Refusal.OTHER),
        (110063, Refusal.SYMBOL),
    ],
)
async def test_leverage_that_was_not_set_refuses_the_entry(
    at: Desk, code: int, refusal: Refusal
) -> None:
    at.venue.fault(LEVERAGE, reply(coded(code)))
    answered = await at.exchange.place(ENTRY)
    assert isinstance(answered, OrderRefused)
    assert answered.refusal is refusal
    assert at.venue.writes(CREATE) == []


@pytest.mark.parametrize("shown", ["10", "3.01", ""])
async def test_leverage_is_read_back(at: Desk, shown: str) -> None:
    at.venue.leverage = shown
    answered = await at.exchange.place(ENTRY)
    assert isinstance(answered, OrderRefused)
    assert "leverage: expected at most 3" in answered.detail
    assert at.venue.writes(CREATE) == []


async def test_leverage_nobody_answered_for_refuses_the_entry(at: Desk) -> None:
    at.venue.fault(LEVERAGE, reply("", status=502))
    assert isinstance(await at.exchange.place(ENTRY), OrderRefused)
    at.venue.fault(POSITIONS, *(reply("", status=502) for _ in range(3)))
    assert isinstance(await at.exchange.place(ENTRY), OrderRefused)
    assert at.venue.writes(CREATE) == []


# -- what follows ----------------------------------------------------------------------------------


async def test_an_accepted_entry_tells_fill_stop_and_end(at: Desk) -> None:
    at.venue.orders, at.venue.executions = [order_row()], [execution_row()]
    at.venue.positions = [position_row()]
    answer, fill, stop, gone = await at.placed(ENTRY)
    assert isinstance(answer, OrderAccepted)
    assert isinstance(fill, FillSeen)
    assert (fill.fill.order_id, fill.fill.purpose) == (ENTRY.id, Purpose.ENTRY)
    assert stop == StopSet(3, D("98.5"), NOW - 50)
    assert gone == OrderGone(ENTRY.id, OrderState.FILLED, "Filled", D(10))
    assert at.naps.slept == [0.1]


async def test_a_fill_is_told_once_and_the_end_after_all_fills(at: Desk) -> None:
    parts = [execution_row("x1", execQty="4"), execution_row("x2", execQty="6")]
    at.venue.orders, at.venue.positions = [order_row()], [position_row()]
    at.venue.executions = parts[:1]

    def later(path: str) -> None:
        if path == EXECUTIONS and at.venue.count(EXECUTIONS) == 1:
            at.venue.executions = parts

    at.venue.on = later
    told = [type(x).__name__ for x in await at.placed(ENTRY)]
    assert told == ["OrderAccepted", "FillSeen", "StopSet", "FillSeen", "OrderGone"]


async def test_a_part_filled_ioc_tells_what_it_got(at: Desk) -> None:
    at.venue.orders = [order_row(ENTRY, "Cancelled", cumExecQty="4", cancelType="CancelByUser")]
    at.venue.executions, at.venue.positions = [execution_row(execQty="4")], [position_row()]
    gone = (await at.placed(ENTRY))[-1]
    assert gone == OrderGone(ENTRY.id, OrderState.CANCELED, "CancelByUser", D(4))


@pytest.mark.parametrize(
    ("status", "state"), [("Rejected", OrderState.REFUSED), ("Deactivated", OrderState.CANCELED)]
)
async def test_an_accepted_order_that_ends_unfilled_is_gone(
    at: Desk, status: str, state: OrderState
) -> None:
    row = order_row(ENTRY, status, rejectReason="EC_NoImmediateQtyToFill")
    at.venue.orders = [row]
    assert await at.placed(ENTRY) == [
        OrderAccepted(ENTRY.id, "venue-alpha-1-7E"),
        OrderGone(ENTRY.id, state, "EC_NoImmediateQtyToFill", D(0)),
    ]


async def test_a_rejected_order_with_fills_was_filled(at: Desk) -> None:
    at.venue.orders = [order_row(ENTRY, "Rejected", cumExecQty="4")]
    at.venue.executions, at.venue.positions = [execution_row(execQty="4")], [position_row()]
    gone = (await at.placed(ENTRY))[-1]
    assert isinstance(gone, OrderGone)
    assert (gone.state, gone.filled_qty) == (OrderState.CANCELED, D(4))


@pytest.mark.parametrize("stop", ["", "0", "0.00"])
async def test_a_stop_that_did_not_come_is_not_told(at: Desk, stop: str) -> None:
    at.venue.orders, at.venue.executions = [order_row()], [execution_row()]
    at.venue.positions = [position_row(stopLoss=stop)]
    told = [type(x).__name__ for x in await at.placed(ENTRY)]
    assert told == ["OrderAccepted", "FillSeen"]
    assert at.naps.slept == [0.1, 0.2, 0.7, 1.0]


async def test_a_stop_of_the_other_side_is_not_ours(at: Desk) -> None:
    at.venue.orders, at.venue.executions = [order_row()], [execution_row()]
    at.venue.positions = [position_row(positionIdx=1, size="0", side=""), position_row(side="Sell")]
    assert not any(isinstance(x, StopSet) for x in await at.placed(ENTRY))


async def test_a_resting_target_is_looked_at_once(at: Desk) -> None:
    at.venue.orders = [order_row(TARGET, "New")]
    assert await at.placed(TARGET) == [OrderAccepted(TARGET.id, "venue-alpha-1-9T")]
    assert at.naps.slept == [0.1]


async def test_an_order_that_does_not_show_is_left_to_the_account(at: Desk) -> None:
    at.venue.orders = [order_row(ENTRY, "SomethingNew")]
    assert await at.placed(ENTRY) == [OrderAccepted(ENTRY.id, "venue-alpha-1-7E")]
    assert at.venue.count(REALTIME) == 4


async def test_reads_that_fail_end_no_following(at: Desk) -> None:
    at.venue.orders, at.venue.executions = [order_row(EXIT)], [execution_row(order=EXIT)]
    at.venue.fault(REALTIME, *(reply(coded(10016)) for _ in range(3)))
    told = [type(x).__name__ for x in await at.placed(EXIT)]
    assert told == ["OrderAccepted", "FillSeen", "OrderGone"]


async def test_a_defect_while_following_comes_out_at_the_next_call(at: Desk) -> None:
    def full(_: object) -> None:
        raise RuntimeError("inbox is full")

    at.exchange._followers._sink = full
    at.venue.orders, at.venue.executions = [order_row(EXIT)], [execution_row(order=EXIT)]
    await at.exchange.place(EXIT)
    await at.exchange.followed()
    with pytest.raises(RuntimeError, match="inbox is full"):
        await at.exchange.account()


async def test_few_are_followed_at_once_and_each_once(at: Desk) -> None:
    for number in range(66):
        at.exchange._followers.follow(changed(EXIT, id=f"alpha-1-{number}X"))
        at.exchange._followers.follow(changed(EXIT, id=f"alpha-1-{number}X"))
    assert len(at.exchange._followers._tasks) == 64


# -- canceling -------------------------------------------------------------------------------------


async def test_a_cancel_names_one_order_and_waits_for_its_end(at: Desk) -> None:
    at.venue.orders = [order_row(TARGET, "New")]

    def end(path: str) -> None:
        if path == REALTIME and at.venue.count(REALTIME) == 1:
            at.venue.orders = [order_row(TARGET, "Cancelled", cumExecQty="1")]
            at.venue.executions = [execution_row(order=TARGET, execQty="1")]

    at.venue.on = end
    gone = await at.exchange.cancel(TARGET)
    assert gone == OrderGone(TARGET.id, OrderState.CANCELED, "Cancelled", D(1))
    assert at.venue.sent == [
        (CANCEL, {"category": "linear", "symbol": "BTCUSDT", "orderLinkId": TARGET.id})
    ]
    assert at.naps.slept == [0.1, 0.3]


async def test_an_acknowledged_cancel_is_no_end(at: Desk) -> None:
    at.venue.orders = [order_row(TARGET, "PendingCancel")]
    with pytest.raises(Transient, match="expected its end, found it working"):
        await at.exchange.cancel(TARGET)
    assert at.naps.slept == [0.1, 0.3, 1.0]


# -- the stop --------------------------------------------------------------------------------------


async def test_a_stop_is_amended_in_place_and_read_back(at: Desk) -> None:
    at.venue.positions = [position_row(stopLoss="99.5")]
    answered = await at.exchange.set_stop(3, "BTCUSDT", Side.LONG, D("99.50"))
    assert answered == StopSet(3, D("99.5"), NOW - 50)
    assert at.venue.sent == [
        (
            STOP,
            {
                "category": "linear",
                "symbol": "BTCUSDT",
                "positionIdx": 0,
                "stopLoss": "99.50",
                "slTriggerBy": "LastPrice",
                "slOrderType": "Market",
                "tpslMode": "Full",
            },
        )
    ]


@pytest.mark.parametrize(
    "rows", [[], [position_row()], [position_row(side="Sell", stopLoss="99.5")]]
)
async def test_a_stop_that_does_not_show_is_unknown(
    at: Desk, rows: list[dict[str, object]]
) -> None:
    at.venue.positions = rows
    answered = await at.exchange.set_stop(3, "BTCUSDT", Side.LONG, D("99.5"))
    assert isinstance(answered, StopUnknown)
    assert at.venue.count(POSITIONS) == 3


@pytest.mark.parametrize("price", ["0", "-1", "NaN"])
async def test_no_call_ever_removes_a_stop(at: Desk, price: str) -> None:
    answered = await at.exchange.set_stop(3, "BTCUSDT", Side.LONG, D(price))
    assert isinstance(answered, StopRefused)
    assert at.venue.sent == []
