from typing import Any

import pytest
from dealing import LINEAR, OTHER, START_MS, SYMBOL, D, Dealing

from engine.sim.trading import entrance, private_writes
from engine.sim.venue_rest import Refused

FALL = (100.0, 100.0, 96.0, 96.0)
RISE = (100.0, 104.0, 100.0, 104.0)


def executions(dealing: Dealing) -> list[tuple[str, str, str]]:
    """Side, quantity and price of each, oldest first."""
    rows = dealing.desk.truth()["executions"]
    return [(row["side"], row["execQty"], row["execPrice"]) for row in rows]


def test_a_market_order_walks_the_book_and_pays_as_a_taker() -> None:
    dealing = Dealing(volume=500.0)
    asks = dealing.board.book(0, 3)[1]
    row = dealing.create("Buy", "10", orderLinkId="first")
    left = D(10) - D(str(asks[0][1])) - D(str(asks[1][1]))
    sizes = [asks[0][1], asks[1][1], left]
    assert executions(dealing) == [
        ("Buy", f"{qty:.3f}", f"{price:.2f}") for qty, (price, _) in zip(sizes, asks, strict=True)
    ]
    value = sum(D(f"{q:.3f}") * D(f"{p:.2f}") for q, (p, _) in zip(sizes, asks, strict=True))
    assert (row["orderStatus"], row["cumExecQty"], row["leavesQty"]) == (
        "Filled",
        "10.000",
        "0.000",
    )
    assert D(row["cumExecValue"]) == value
    assert D(row["cumExecFee"]) == value * D("0.00055")
    assert D(row["avgPrice"]) == round(value / 10, 10)
    assert (row["orderType"], row["timeInForce"], row["price"]) == ("Market", "IOC", "105.00")
    held = dealing.position()
    assert (held["side"], held["size"], D(held["positionValue"])) == ("Buy", "10.000", value)
    assert dealing.balance() == 10_000 - value * D("0.00055")


def test_a_market_order_takes_nothing_beyond_the_band() -> None:
    dealing = Dealing(volume=5.0, balance="100000")
    row = dealing.create("Sell", "400")
    assert (row["orderStatus"], row["rejectReason"]) == ("Cancelled", "EC_NoImmediateQtyToFill")
    assert 0 < D(row["cumExecQty"]) < 400
    assert (row["leavesQty"], row["qty"]) == ("0.000", "400.000")
    worst = min(D(price) for _, _, price in executions(dealing))
    assert D("95") <= worst < D("95.05")


@pytest.mark.parametrize(
    ("lifetime", "qty", "status", "reason", "filled"),
    [
        ("IOC", "1", "Filled", "EC_NoError", "1.000"),
        ("IOC", "99", "Cancelled", "EC_NoImmediateQtyToFill", ""),
        ("FOK", "1", "Filled", "EC_NoError", "1.000"),
        ("FOK", "99", "Cancelled", "EC_CancelForNoFullFill", "0.000"),
        ("GTC", "1", "Filled", "EC_NoError", "1.000"),
        ("GTC", "99", "PartiallyFilled", "EC_NoError", ""),
        ("PostOnly", "1", "Cancelled", "EC_PostOnlyWillTakeLiquidity", "0.000"),
    ],
)
def test_a_limit_at_the_touch(
    lifetime: str, qty: str, status: str, reason: str, filled: str
) -> None:
    dealing = Dealing(volume=500.0)
    filled = filled or dealing.depth()
    row = dealing.create("Buy", qty, price="100.00", timeInForce=lifetime)
    found = row["orderStatus"], row["rejectReason"], row["cumExecQty"]
    assert found == (status, reason, filled)
    assert [o["orderId"] for o in dealing.open()] == (
        [row["orderId"]] if status == "PartiallyFilled" else []
    )


@pytest.mark.parametrize("lifetime", ["GTC", "PostOnly"])
def test_a_resting_limit_fills_as_a_maker_at_its_price_when_traded_through(lifetime: str) -> None:
    dealing = Dealing(FALL)
    row = dealing.create("Buy", "0.5", price="99.00", timeInForce=lifetime)
    assert (row["orderStatus"], row["leavesQty"]) == ("New", "0.500")
    dealing.run(300)
    row = dealing.order(row["orderId"])
    assert (row["orderStatus"], row["avgPrice"]) == ("Filled", "99")
    assert D(row["cumExecFee"]) == D("49.5") * D("0.0002")
    seen = dealing.rows("execution/list", symbol=SYMBOL)
    assert [(e["isMaker"], e["feeRate"]) for e in seen] == [(True, "0.0002")] * len(seen)


def test_a_limit_that_is_touched_only_rests_on() -> None:
    dealing = Dealing((100.0, 100.0, 99.0, 99.5))
    row = dealing.create("Buy", "1", price="99.00")
    dealing.run(300)
    assert dealing.order(row["orderId"])["orderStatus"] == "New"


def test_a_limit_fills_in_parts_where_little_is_traded() -> None:
    dealing = Dealing(FALL, volume=30.0)
    row = dealing.create("Buy", "20", price="99.00")
    parts = set()
    for _ in range(15):
        dealing.run(20)
        parts.add(dealing.order(row["orderId"])["cumExecQty"])
    assert len(parts) > 3
    assert D(dealing.order(row["orderId"])["cumExecQty"]) <= 30
    assert {price for _, _, price in executions(dealing)} == {"99.00"}


def test_the_better_price_and_then_the_older_order_fills_first() -> None:
    dealing = Dealing(FALL, volume=30.0)
    ids = [dealing.create("Buy", "1", price=p)["orderId"] for p in ("98.00", "99.00", "99.00")]
    dealing.run(300)
    seen = [e["orderId"] for e in dealing.desk.truth()["executions"]]
    assert list(dict.fromkeys(seen)) == [ids[1], ids[2], ids[0]]


def test_a_market_without_trades_still_reaches_limits() -> None:
    dealing = Dealing(FALL, volume=0.0)
    row = dealing.create("Buy", "20", price="99.00", timeInForce="PostOnly")
    dealing.run(300)
    assert dealing.order(row["orderId"])["orderStatus"] == "Filled"


def test_a_larger_order_of_the_other_side_flips_the_position() -> None:
    dealing = Dealing()
    dealing.create("Buy", "1", stopLoss="95.00")
    dealing.create("Sell", "1.5")
    held, seen = dealing.position(), dealing.desk.truth()["executions"]
    assert (held["side"], held["size"], held["stopLoss"]) == ("Sell", "0.500", "")
    assert seen[1]["closedSize"] == "1.000"
    assert D(held["avgPrice"]) == D("99.99")
    stop = dealing.desk.truth()["orders"][1]
    assert (stop["orderStatus"], stop["cancelType"]) == ("Cancelled", "CancelByTpSlTsClear")
    assert dealing.open() == []


def test_reduce_only_is_cut_to_the_position_and_ends_with_it() -> None:
    dealing = Dealing(RISE)
    dealing.create("Buy", "1")
    resting = [dealing.create("Sell", "0.8", price=p, reduceOnly=True) for p in ("102", "103")]
    dealing.create("Sell", "0.5", reduceOnly=True)
    assert [o["qty"] for o in dealing.open()] == ["0.500", "0.500"]
    dealing.create("Buy", "0.3")
    dealing.create("Sell", "0.3", reduceOnly=True)
    assert [o["qty"] for o in dealing.open()] == ["0.500", "0.500"]
    row = dealing.create("Sell", "9", reduceOnly=True)
    assert (row["qty"], row["orderStatus"]) == ("0.500", "Filled")
    ended = [dealing.order(o["orderId"]) for o in resting]
    assert {(o["orderStatus"], o["cancelType"]) for o in ended} == {
        ("Cancelled", "CancelByReduceOnly")
    }
    assert dealing.position()["size"] == "0.000"


def test_reduce_only_needs_something_to_reduce() -> None:
    dealing = Dealing()
    flat = dealing.create_refused("Sell", "1", reduceOnly=True)
    assert flat == (110017, "current position is zero, cannot fix reduce-only order qty")
    dealing.create("Buy", "1")
    assert dealing.create_refused("Buy", "1", reduceOnly=True)[0] == 110017
    assert dealing.create_refused("Sell", "0", reduceOnly=True) == (
        110017,
        "orderQty will be truncated to zero",
    )


def test_zero_quantity_closes_all_of_a_position() -> None:
    dealing = Dealing()
    dealing.create("Sell", "1.2")
    row = dealing.create("Buy", "0", reduceOnly=True, closeOnTrigger=True)
    assert (row["orderStatus"], row["cumExecQty"]) == ("Filled", "1.200")


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"qty": "1.0005"}, 10001, "Qty invalid"),
    ({"qty": "-1"}, 10001, "params error: qty invalid"),
    ({"qty": "NaN"}, 10001, "params error: qty invalid"),
    ({"qty": "many"}, 10001, "params error: qty invalid"),
    ({"qty": None}, 10001, "Qty invalid"),
    ({"qty": "0"}, 10001, "The number of contracts exceeds minimum limit allowed"),
    ({"qty": "501"}, 10001, "The number of contracts exceeds maximum limit allowed: too large"),
    ({"qty": "0.049"}, 110094, "Order does not meet minimum order value 5USDT"),
    ({"side": "Long"}, 10001, "params error: side invalid"),
    ({"orderType": "Stop"}, 10001, "params error: orderType invalid"),
    ({"orderType": "Limit"}, 10001, "params error: price invalid"),
    ({"orderType": "Limit", "price": "99.995"}, 10001, "params error: price invalid"),
    ({"orderType": "Limit", "price": "105.01"}, 110003, "Order price exceeds the allowable range."),
    ({"orderType": "Limit", "price": "99", "timeInForce": "DAY"}, 10001, "timeInForce"),
    ({"symbol": "ZZZUSDT"}, 10001, "params error: symbol invalid ZZZUSDT"),
    ({"orderLinkId": "a" * 37}, 10001, "params error: OrderLinkId invalid"),
    ({"orderLinkId": "a b"}, 10001, "params error: OrderLinkId invalid"),
    ({"orderLinkId": "used"}, 110072, "OrderLinkedID is duplicate"),
    ({"positionIdx": 1}, 10001, "position idx not match position mode"),
    ({"reduceOnly": "yes"}, 10001, "params error: reduceOnly invalid"),
    ({"category": "spot"}, 10001, "params error: Category is invalid"),
    ({"category": ""}, 10001, "params error: Category is invalid"),
    ({"side": "Sell", "reduceOnly": True, "stopLoss": "101"}, 10001, "tp/sl can not be set"),
    ({"qty": "400"}, 110007, "ab not enough for new order"),
]


@pytest.mark.parametrize(("asked", "code", "text"), REFUSED)
def test_what_is_refused(asked: dict[str, Any], code: int, text: str) -> None:
    dealing = Dealing(balance="3000")
    dealing.create("Buy", "1", orderLinkId="used")
    params = {"symbol": SYMBOL, "side": "Buy", "orderType": "Market", "qty": "1", **asked}
    found = dealing.refusal("order/create", **params)
    assert found[0] == code
    assert text in found[1]


def test_a_sell_is_bound_from_below_and_small_reductions_are_exempt() -> None:
    dealing = Dealing(balance="100000")
    assert dealing.create_refused("Sell", "1", price="94.99")[0] == 110003
    assert dealing.create("Sell", "1", price="190.00")["orderStatus"] == "New"
    dealing.create("Buy", "1")
    assert dealing.create("Sell", "0.001", reduceOnly=True)["orderStatus"] == "Filled"


def test_an_order_that_ended_keeps_its_link_taken() -> None:
    dealing = Dealing()
    row = dealing.create("Buy", "1", price="90", orderLinkId="once")
    dealing.post("order/cancel", symbol=SYMBOL, orderId=row["orderId"])
    assert dealing.create_refused("Buy", "1", orderLinkId="once")[0] == 110072


def test_so_many_orders_rest_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    assert entrance.ACTIVE_MAX == private_writes.CANCELED_MAX == 500
    monkeypatch.setattr(entrance, "ACTIVE_MAX", 20)
    monkeypatch.setattr(private_writes, "CANCELED_MAX", 15)
    dealing = Dealing()
    for _ in range(20):
        dealing.create("Buy", "1", price="90")
    assert dealing.create_refused("Buy", "1", price="90")[0] == 110020
    found = dealing.post("order/cancel-all", symbol=SYMBOL)
    assert (len(found["list"]), found["success"]) == (15, "1")
    assert len(dealing.open()) == 5


def test_resting_orders_and_positions_bind_margin() -> None:
    dealing = Dealing(balance="1000")
    dealing.create("Buy", "50", price="99")
    assert dealing.create_refused("Buy", "60", price="99")[0] == 110007
    dealing.create("Sell", "40", price="101")
    dealing.post("order/cancel-all", symbol=SYMBOL)
    dealing.create("Buy", "60")
    assert dealing.create_refused("Buy", "50", price="99")[0] == 110007
    assert dealing.create("Sell", "60", price="103")["orderStatus"] == "New"


# -- amend and cancel ------------------------------------------------------------------------------


def test_a_cancel_names_its_order_by_either_id() -> None:
    dealing = Dealing()
    first = dealing.create("Buy", "1", price="90", orderLinkId="one")
    second = dealing.create("Buy", "1", price="91", orderLinkId="two")
    found = dealing.post("order/cancel", symbol=SYMBOL, orderLinkId="one")
    assert found == {"orderId": first["orderId"], "orderLinkId": "one"}
    both = {"orderId": second["orderId"], "orderLinkId": "one"}
    assert dealing.post("order/cancel", symbol=SYMBOL, **both)["orderLinkId"] == "two"
    ended = dealing.order(first["orderId"])
    assert (ended["orderStatus"], ended["cancelType"]) == ("Cancelled", "CancelByUser")


@pytest.mark.parametrize("verb", ["cancel", "amend"])
def test_what_ended_can_neither_be_canceled_nor_amended(verb: str) -> None:
    dealing = Dealing()
    filled = dealing.create("Buy", "1")["orderId"]
    canceled = dealing.create("Buy", "1", price="90")["orderId"]
    dealing.post("order/cancel", symbol=SYMBOL, orderId=canceled)
    dealing.desk.quirks.reject_after_ack = True
    rejected = dealing.create("Buy", "1")["orderId"]
    codes = [
        dealing.refusal(f"order/{verb}", symbol=SYMBOL, orderId=order_id, qty="2")[0]
        for order_id in (filled, canceled, rejected, "unknown")
    ]
    assert codes == [110008, 110010, 110001, 110001]
    assert dealing.refusal(f"order/{verb}", symbol=SYMBOL)[0] == 10001
    assert dealing.refusal(f"order/{verb}", symbol=OTHER, orderId=filled)[0] == 110001


def test_an_amended_order_keeps_its_id_and_may_fill() -> None:
    dealing = Dealing()
    row = dealing.create("Buy", "1", price="90", orderLinkId="mine")
    named = {"symbol": SYMBOL, "orderLinkId": "mine"}
    dealing.post("order/amend", **named, qty="2", price="91.50")
    assert (dealing.open()[0]["qty"], dealing.open()[0]["price"]) == ("2.000", "91.50")
    dealing.post("order/amend", **named, price="100.02")
    row = dealing.order(row["orderId"])
    assert (row["orderStatus"], row["cumExecQty"]) == ("Filled", "2.000")


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, 10001),
        ({"qty": "99", "price": "100.00"}, 10001),
        ({"qty": "0.5"}, 10001),
        ({"price": "100.005"}, 10001),
        ({"price": "120"}, 110003),
        ({"qty": "2000"}, 110007),
        ({"stopLoss": "101"}, 10001),
    ],
)
def test_amendments_that_are_refused(asked: dict[str, str], code: int) -> None:
    dealing = Dealing(volume=500.0)
    row = dealing.create("Buy", "99", price="100.00")
    found = dealing.refusal("order/amend", symbol=SYMBOL, orderId=row["orderId"], **asked)
    assert found[0] == code


def test_a_reduce_only_order_is_amended_up_to_the_position() -> None:
    dealing = Dealing()
    dealing.create("Buy", "2")
    row = dealing.create("Sell", "1", price="103", reduceOnly=True)
    named = {"symbol": SYMBOL, "orderId": row["orderId"]}
    dealing.post("order/amend", **named, qty="7")
    assert dealing.open()[0]["qty"] == "2.000"
    assert dealing.refusal("order/amend", **named, stopLoss="99")[0] == 10001


def test_cancel_all_strips_stops_unless_it_is_told_not_to() -> None:
    dealing = Dealing()
    dealing.create("Buy", "1", stopLoss="95", takeProfit="110")
    dealing.create("Buy", "1", price="90")
    trigger = {"triggerPrice": "120", "triggerDirection": 1}
    dealing.create("Buy", "1", **trigger)

    def left(**asked: str) -> list[str]:
        dealing.post("order/cancel-all", **asked)
        return [o["stopOrderType"] for o in dealing.open()]

    assert left(symbol=OTHER) == ["StopLoss", "TakeProfit", "", "Stop"]
    assert left(symbol=SYMBOL, orderFilter="Order") == ["StopLoss", "TakeProfit", "Stop"]
    users = {"orderFilter": "StopOrder", "stopOrderType": "Stop"}
    assert left(settleCoin="USDT", **users) == ["StopLoss", "TakeProfit"]
    assert left(baseCoin="BBB") == ["StopLoss", "TakeProfit"]
    assert left(symbol=SYMBOL) == []
    assert dealing.position()["stopLoss"] == ""
    assert dealing.refusal("order/cancel-all") == (
        10001,
        "params error: symbol, settleCoin or baseCoin is needed",
    )


# -- hedge mode ------------------------------------------------------------------------------------


def test_a_hedge_holds_both_sides_and_closes_each_by_its_index() -> None:
    dealing = Dealing()
    dealing.post("position/switch-mode", mode=3, coin="USDT")
    assert dealing.create_refused("Buy", "1")[1] == "position idx not match position mode"
    dealing.create("Buy", "1", positionIdx=1, stopLoss="95")
    dealing.create("Sell", "2", positionIdx=2, stopLoss="105")
    rows = dealing.rows("position/list", symbol=SYMBOL)
    assert [(r["positionIdx"], r["side"], r["size"], r["stopLoss"]) for r in rows] == [
        (1, "Buy", "1.000", "95.00"),
        (2, "Sell", "2.000", "105.00"),
    ]
    closed = dealing.create("Sell", "5", positionIdx=1)
    assert (closed["qty"], closed["orderStatus"]) == ("1.000", "Filled")
    assert dealing.create_refused("Sell", "1", positionIdx=1)[0] == 110017
    assert dealing.position(row=1)["size"] == "2.000"


def test_two_accounts_asked_the_same_say_the_same() -> None:
    def lived() -> Any:  # noqa: ANN401 -- JSON
        dealing = Dealing(FALL)
        dealing.create("Buy", "3", stopLoss="98", orderLinkId="x")
        dealing.run(300)
        return dealing.desk.truth(), dealing.hear()

    assert lived() == lived()


def test_an_unknown_path_is_no_refusal() -> None:
    dealing = Dealing()
    with pytest.raises(KeyError):
        dealing.get("order/create")
    assert ("POST", "/v5/order/create") in dealing.private.paths
    with pytest.raises(Refused, match="Category"):
        dealing.private.answer("GET", "/v5/order/realtime", {"symbol": SYMBOL})
    assert dealing.private.answer("GET", "/v5/order/realtime", LINEAR)["list"] == []
    assert dealing.now_ms == START_MS
