from typing import Any

import pytest
from dealing import SYMBOL, Bar, D, Dealing, Row

FALL = (100.0, 100.0, 90.0, 90.0)
RISE = (100.0, 110.0, 100.0, 110.0)


def stop_row(dealing: Dealing) -> Row:
    return next(o for o in dealing.desk.truth()["orders"] if o["stopOrderType"])


def closing(dealing: Dealing) -> tuple[str, str, str]:
    """Status, cancel type and reason of the stop or conditional there is."""
    row = stop_row(dealing)
    return row["orderStatus"], row["cancelType"], row["rejectReason"]


def set_stops(dealing: Dealing, **asked: str) -> Any:  # noqa: ANN401 -- JSON
    named = {"symbol": SYMBOL, "positionIdx": 0, "tpslMode": "Full", **asked}
    return dealing.post("position/trading-stop", **named)


# -- attached --------------------------------------------------------------------------------------


def test_an_attached_stop_appears_with_the_first_fill() -> None:
    dealing = Dealing()
    dealing.create("Buy", "1", price="99", stopLoss="95.00", slTriggerBy="MarkPrice")
    assert [o["stopLoss"] for o in dealing.open()] == ["95.00"]
    dealing = Dealing()
    entry = dealing.create("Buy", "1", stopLoss="95.00", orderLinkId="entry")
    assert (entry["stopLoss"], entry["tpslMode"], entry["slTriggerBy"]) == (
        "95.00",
        "Full",
        "LastPrice",
    )
    row = dealing.open()[0]
    expected = {
        "orderStatus": "Untriggered",
        "stopOrderType": "StopLoss",
        "createType": "CreateByStopLoss",
        "side": "Sell",
        "qty": "1.000",
        "reduceOnly": True,
        "closeOnTrigger": True,
        "tpslMode": "Full",
        "triggerPrice": "95.00",
        "triggerDirection": 2,
        "triggerBy": "LastPrice",
        "parentOrderLinkId": "entry",
        "orderLinkId": "",
    }
    assert {name: row[name] for name in expected} == expected
    assert dealing.position()["stopLoss"] == "95.00"


def test_stop_and_target_of_a_short_lie_the_other_way_around() -> None:
    dealing = Dealing()
    dealing.create("Sell", "1", stopLoss="105", takeProfit="95")
    stop, target = dealing.open()
    assert (stop["triggerDirection"], target["triggerDirection"]) == (1, 2)
    assert (target["stopOrderType"], target["createType"]) == ("TakeProfit", "CreateByTakeProfit")
    assert dealing.position()["takeProfit"] == "95.00"


@pytest.mark.parametrize(
    ("side", "asked", "text"),
    [
        ("Buy", {"stopLoss": "100"}, "sl:100.00 set for Buy position should lower than"),
        ("Sell", {"stopLoss": "99.5"}, "sl:99.50 set for Sell position should greater"),
        ("Buy", {"takeProfit": "99"}, "tp:99.00 set for Buy position should be higher than"),
        ("Sell", {"takeProfit": "101"}, "tp:101.00 set for Sell position should be lower than"),
    ],
)
def test_an_attached_stop_on_the_wrong_side_is_refused(
    side: str, asked: dict[str, str], text: str
) -> None:
    found = Dealing().create_refused(side, "1", **asked)
    assert found == (10001, f"{text} base_price:100.00??LastPrice")


@pytest.mark.parametrize(
    "asked",
    [
        {"stopLoss": "95.005"},
        {"stopLoss": "95", "slTriggerBy": "Bid"},
        {"stopLoss": "95", "tpslMode": "Half"},
        {"stopLoss": "95", "slOrderType": "Limit", "slLimitPrice": "94"},
        {"stopLoss": "95", "slOrderType": "Limit", "tpslMode": "Partial"},
    ],
)
def test_an_attached_stop_that_says_nonsense_is_refused(asked: dict[str, str]) -> None:
    assert Dealing().create_refused("Buy", "1", **asked)[0] == 10001


def test_a_full_stop_follows_the_size_and_ends_with_the_position() -> None:
    dealing = Dealing()
    dealing.create("Buy", "1", stopLoss="95")
    dealing.create("Buy", "0.5")
    assert [o["qty"] for o in dealing.open()] == ["1.500"]
    dealing.create("Sell", "0.7", reduceOnly=True)
    assert [o["qty"] for o in dealing.open()] == ["0.800"]
    dealing.create("Sell", "0.8", reduceOnly=True)
    assert closing(dealing) == ("Cancelled", "CancelByTpSlTsClear", "EC_NoError")
    assert dealing.open() == []


def test_a_later_entry_moves_the_full_stop_in_place() -> None:
    dealing = Dealing()
    dealing.create("Buy", "1", stopLoss="95")
    first = dealing.open()[0]["orderId"]
    dealing.create("Buy", "1", stopLoss="96")
    assert [(o["orderId"], o["qty"], o["triggerPrice"]) for o in dealing.open()] == [
        (first, "2.000", "96.00")
    ]


def test_partial_stops_that_come_with_an_order_cover_what_fills_of_it() -> None:
    dealing = Dealing((100.0, 100.0, 98.0, 98.0), volume=30.0)
    terms = {"tpslMode": "Partial", "slOrderType": "Limit", "slLimitPrice": "94"}
    dealing.create("Buy", "15", price="99", stopLoss="95", takeProfit="110", **terms)
    dealing.run(300)
    held = dealing.position()
    own = [o for o in dealing.open() if o["stopOrderType"]]
    assert [(o["stopOrderType"], o["qty"], o["tpslMode"]) for o in own] == [
        ("PartialStopLoss", held["size"], "Partial"),
        ("PartialTakeProfit", held["size"], "Partial"),
    ]
    assert (own[0]["orderType"], own[0]["price"]) == ("Limit", "94.00")
    assert (held["tpslMode"], held["stopLoss"]) == ("Partial", "")
    assert len(dealing.rows("execution/list", symbol=SYMBOL)) > 1


# -- triggered -------------------------------------------------------------------------------------


def test_a_stop_triggers_where_the_market_passed_and_closes_at_market() -> None:
    dealing = Dealing(FALL)
    dealing.create("Buy", "1", stopLoss="97")
    dealing.hear()
    dealing.run(300, step_s=25)
    row = stop_row(dealing)
    assert (row["orderStatus"], row["leavesQty"]) == ("Filled", "0.000")
    assert D("96") < D(row["avgPrice"]) <= 97
    assert dealing.position()["size"] == "0.000"
    told = [r["orderStatus"] for t, r in dealing.hear() if t == "order"]
    assert told == ["Triggered", "Filled"]
    seen = dealing.rows("execution/list", symbol=SYMBOL)[0]
    assert (seen["stopOrderType"], seen["createType"]) == ("StopLoss", "CreateByStopLoss")


def test_a_target_triggers_and_the_stop_beside_it_goes() -> None:
    dealing = Dealing(RISE)
    dealing.create("Buy", "1", stopLoss="97", takeProfit="105")
    dealing.run(300)
    rows = {o["stopOrderType"]: o for o in dealing.desk.truth()["orders"]}
    assert rows["TakeProfit"]["orderStatus"] == "Filled"
    assert D(rows["TakeProfit"]["avgPrice"]) > D("104.9")
    assert rows["StopLoss"]["cancelType"] == "CancelByTpSlTsClear"
    assert dealing.open() == []


@pytest.mark.parametrize("by", ["MarkPrice", "IndexPrice"])
def test_other_prices_than_the_last_trigger_too(by: str) -> None:
    dealing = Dealing(FALL)
    dealing.create("Buy", "1", stopLoss="97", slTriggerBy=by)
    dealing.run(300)
    assert closing(dealing)[0] == "Filled"


def test_a_limit_behind_the_trigger_rests() -> None:
    dealing = Dealing((100.0, 106.0, 100.0, 105.0))
    dealing.create("Buy", "2")
    part = {"tpslMode": "Partial", "tpOrderType": "Limit", "tpLimitPrice": "108", "tpSize": "1"}
    set_stops(dealing, takeProfit="105", **part)
    dealing.run(300)
    row = stop_row(dealing)
    assert (row["orderStatus"], row["price"], row["qty"]) == ("New", "108.00", "1.000")
    assert dealing.position()["takeProfit"] == ""
    assert [o["orderId"] for o in dealing.rows("order/realtime", symbol=SYMBOL)] == [row["orderId"]]


# -- conditional orders ----------------------------------------------------------------------------


def conditional(level: str, direction: int, **asked: object) -> dict[str, object]:
    return {"triggerPrice": level, "triggerDirection": direction, **asked}


@pytest.mark.parametrize(
    ("bar", "asked", "side"),
    [
        (RISE, conditional("105", 1), "Buy"),
        (FALL, conditional("95", 2), "Sell"),
        (RISE, conditional("105", 1, price="107"), "Buy"),
    ],
)
def test_a_conditional_order_opens_when_it_triggers(
    bar: Bar, asked: dict[str, object], side: str
) -> None:
    dealing = Dealing(bar)
    row = dealing.create(side, "1", **asked)
    assert (row["orderStatus"], row["stopOrderType"]) == ("Untriggered", "Stop")
    assert row["triggerBy"] == "LastPrice"
    dealing.run(300)
    row = dealing.order(row["orderId"])
    assert (row["orderStatus"], dealing.position()["side"]) == ("Filled", side)
    assert abs(D(row["avgPrice"]) - D(row["triggerPrice"])) < D("0.6")


def test_a_trigger_that_was_passed_already_is_refused() -> None:
    dealing = Dealing()
    rising = dealing.create_refused("Buy", "1", **conditional("100", 1))
    assert rising == (110092, "expect Rising, but trigger_price[100.00] <= current[100.00]")
    falling = dealing.create_refused("Sell", "1", **conditional("101", 2, triggerBy="MarkPrice"))
    assert falling == (110093, "expect Falling, but trigger_price[101.00] >= current[100.00]")
    assert dealing.create_refused("Buy", "1", **conditional("101", 3))[0] == 10001
    assert dealing.create_refused("Buy", "1", **conditional("101.005", 1))[0] == 10001
    assert dealing.create_refused("Buy", "1", **conditional("101", 1, triggerBy="Bid"))[0] == 10001


def test_at_most_ten_conditionals_wait_in_a_symbol() -> None:
    dealing = Dealing()
    dealing.create("Buy", "1", stopLoss="95")
    for _ in range(10):
        dealing.create("Buy", "1", **conditional("105", 1))
    assert dealing.create_refused("Buy", "1", **conditional("105", 1))[0] == 110009
    assert dealing.create("Buy", "1", price="99")["orderStatus"] == "New"


def test_a_reduce_only_conditional_outlives_the_position_and_finds_nothing() -> None:
    dealing = Dealing(FALL)
    dealing.create("Buy", "1")
    dealing.create("Sell", "1", **conditional("95", 2, reduceOnly=True))
    dealing.create("Sell", "1", reduceOnly=True)
    assert closing(dealing)[0] == "Untriggered"
    dealing.run(300)
    assert closing(dealing) == ("Cancelled", "CancelByReduceOnly", "EC_NoError")


def test_a_conditional_closes_all_there_is_when_it_triggers() -> None:
    dealing = Dealing(FALL)
    dealing.create("Buy", "1")
    dealing.create("Sell", "0", **conditional("95", 2, reduceOnly=True, closeOnTrigger=True))
    dealing.create("Buy", "0.5")
    dealing.run(300)
    row = stop_row(dealing)
    assert (row["orderStatus"], row["qty"]) == ("Filled", "1.500")


def test_a_conditional_that_cannot_be_paid_is_canceled() -> None:
    dealing = Dealing(RISE, balance="100")
    dealing.create("Buy", "20", **conditional("105", 1))
    dealing.run(300)
    assert closing(dealing) == ("Cancelled", "CancelByCannotAffordOrderCost", "EC_NoError")


def test_a_waiting_order_is_amended_in_place() -> None:
    dealing = Dealing()
    dealing.create("Buy", "1", stopLoss="95")
    stop = dealing.open()[0]
    named = {"symbol": SYMBOL, "orderId": stop["orderId"]}
    dealing.post("order/amend", **named, triggerPrice="96")
    assert dealing.position()["stopLoss"] == "96.00"
    assert [o["orderId"] for o in dealing.open()] == [stop["orderId"]]
    assert dealing.refusal("order/amend", **named, triggerPrice="101")[0] == 110093
    assert dealing.refusal("order/amend", **named, qty="0.5")[0] == 10001


def test_stop_and_target_of_an_order_under_way_are_amended() -> None:
    dealing = Dealing()
    row = dealing.create("Buy", "1", price="99", stopLoss="95")
    named = {"symbol": SYMBOL, "orderId": row["orderId"]}
    dealing.post("order/amend", **named, stopLoss="94", takeProfit="120", slTriggerBy="MarkPrice")
    row = dealing.order(row["orderId"])
    assert (row["stopLoss"], row["slTriggerBy"], row["takeProfit"]) == (
        "94.00",
        "MarkPrice",
        "120.00",
    )
    dealing.post("order/amend", **named, stopLoss="0", takeProfit="0")
    assert dealing.order(row["orderId"])["tpslMode"] == ""
