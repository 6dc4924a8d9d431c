from dealing import SYMBOL, D, Dealing

from engine.sim.trading import Quirks

FALL = (100.0, 100.0, 90.0, 90.0)


def test_nothing_is_wrong_by_default() -> None:
    assert Dealing().desk.quirks == Quirks() == Quirks(attach=True, fill_frac=None)


def test_an_attached_stop_gets_lost() -> None:
    dealing = Dealing()
    dealing.desk.quirks.attach = False
    row = dealing.create("Buy", "1", stopLoss="95", takeProfit="120")
    assert row["stopLoss"] == "95.00"
    assert [o["stopOrderType"] for o in dealing.open()] == ["TakeProfit"]
    assert dealing.position()["stopLoss"] == ""


def test_takers_get_a_share_in_whole_lots() -> None:
    dealing = Dealing(FALL)
    dealing.desk.quirks.fill_frac = D("0.3333")
    row = dealing.create("Buy", "1")
    assert (row["orderStatus"], row["cumExecQty"]) == ("Cancelled", "0.333")
    row = dealing.create("Buy", "1", price="100.00", timeInForce="IOC")
    assert (row["orderStatus"], row["cumExecQty"]) == ("Cancelled", "0.333")
    dealing.post("position/trading-stop", symbol=SYMBOL, stopLoss="95")
    dealing.run(300)
    stop = dealing.desk.truth()["orders"][-1]
    assert (stop["orderStatus"], stop["qty"], stop["cumExecQty"]) == ("Cancelled", "0.666", "0.221")
    assert dealing.position()["size"] == "0.445"


def test_takers_find_nothing() -> None:
    dealing = Dealing(FALL)
    dealing.create("Buy", "1", stopLoss="95")
    dealing.desk.quirks.no_fill = True
    row = dealing.create("Buy", "1")
    found = row["orderStatus"], row["rejectReason"], row["cumExecQty"]
    assert found == ("Cancelled", "EC_NoImmediateQtyToFill", "0.000")
    assert dealing.create("Buy", "1", price="100.00")["orderStatus"] == "Filled"
    dealing.run(300)
    assert dealing.position()["size"] == "0.000"


def test_an_accepted_order_is_rejected() -> None:
    dealing = Dealing()
    dealing.desk.quirks.reject_after_ack = True
    row = dealing.create("Buy", "1", orderLinkId="mine")
    assert (row["orderStatus"], row["rejectReason"]) == ("Rejected", "EC_ReachRiskPriceLimit")
    found = dealing.rows("order/realtime", symbol=SYMBOL, orderLinkId="mine")
    assert [o["orderId"] for o in found] == [row["orderId"]]
    assert dealing.create_refused("Buy", "1", orderLinkId="mine")[0] == 110072


def test_a_triggered_stop_finds_no_liquidity() -> None:
    dealing = Dealing(FALL)
    dealing.create("Buy", "1", stopLoss="95")
    dealing.desk.quirks.stop_no_fill = True
    dealing.run(300)
    stop = dealing.desk.truth()["orders"][1]
    assert (stop["orderStatus"], stop["rejectReason"]) == (
        "Cancelled",
        "EC_ReachMarketPriceLimit",
    )
    held = dealing.position()
    assert (held["size"], held["stopLoss"]) == ("1.000", "")
    assert dealing.desk.truth()["unprotected_ms"][SYMBOL][0]["now_ms"] > 0


def test_filled_is_said_twice() -> None:
    dealing = Dealing()
    dealing.desk.quirks.twice_filled = True
    row = dealing.create("Buy", "1")
    told = [r for topic, r in dealing.hear() if topic == "order"]
    assert [(r["orderStatus"], r["cancelType"], r["rejectReason"]) for r in told] == [
        ("Filled", "UNKNOWN", "EC_NoError"),
        ("Filled", "CancelByUser", "EC_OrigClOrdIDDoesNotExist"),
    ]
    assert dealing.order(row["orderId"])["cancelType"] == "UNKNOWN"
