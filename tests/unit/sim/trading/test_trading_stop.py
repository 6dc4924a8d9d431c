from typing import Any

from dealing import SYMBOL, D, Dealing, Row

FALL = (100.0, 100.0, 90.0, 90.0)
UP_DOWN = ((100.0, 106.0, 100.0, 106.0), (106.0, 106.0, 101.0, 101.0))


def stop_row(dealing: Dealing) -> Row:
    return next(o for o in dealing.desk.truth()["orders"] if o["stopOrderType"])


def closing(dealing: Dealing) -> tuple[str, str]:
    """Status and cancel type of the stop there is."""
    row = stop_row(dealing)
    return row["orderStatus"], row["cancelType"]


def set_stops(dealing: Dealing, **asked: str) -> Any:  # noqa: ANN401 -- JSON
    named = {"symbol": SYMBOL, "positionIdx": 0, "tpslMode": "Full", **asked}
    return dealing.post("position/trading-stop", **named)


def refused_stops(dealing: Dealing, **asked: str) -> tuple[int, str]:
    named = {"symbol": SYMBOL, "positionIdx": 0, "tpslMode": "Full", **asked}
    return dealing.refusal("position/trading-stop", **named)


def test_a_stop_is_set_moved_in_place_and_taken_away() -> None:
    dealing = Dealing()
    dealing.create("Buy", "1")
    assert set_stops(dealing, stopLoss="95") == {}
    first = dealing.open()[0]
    set_stops(dealing, stopLoss="96", takeProfit="120")
    stop, target = dealing.open()
    assert (stop["orderId"], stop["triggerPrice"]) == (first["orderId"], "96.00")
    set_stops(dealing, stopLoss="96", slTriggerBy="MarkPrice")
    assert dealing.open()[0]["triggerBy"] == "MarkPrice"
    set_stops(dealing, takeProfit="0")
    assert dealing.order(target["orderId"])["cancelType"] == "CancelByUser"
    held = dealing.position()
    assert (held["stopLoss"], held["takeProfit"]) == ("96.00", "")


def test_what_trading_stop_refuses() -> None:
    dealing = Dealing()
    flat = refused_stops(dealing, stopLoss="95")
    assert flat == (10001, "can not set tp/sl/ts for zero position")
    dealing.create("Buy", "1", stopLoss="95")
    assert refused_stops(dealing, stopLoss="95") == (34040, "not modified")
    assert refused_stops(dealing, takeProfit="0") == (34040, "not modified")
    assert refused_stops(dealing, trailingStop="0") == (34040, "not modified")
    assert refused_stops(dealing) == (10001, "params error: tp/sl/ts is required")
    assert refused_stops(dealing, stopLoss="100")[1].startswith("sl:100.00 set for Buy")
    assert refused_stops(dealing, stopLoss="96.001")[0] == 10001
    assert refused_stops(dealing, stopLoss="96", positionIdx="1")[0] == 10001
    assert refused_stops(dealing, stopLoss="96", tpslMode="Some")[0] == 10001
    assert refused_stops(dealing, stopLoss="96", slOrderType="Limit")[0] == 10001


def test_partial_stops_are_added_up_to_twenty() -> None:
    dealing = Dealing()
    dealing.create("Buy", "2")
    part = {"tpslMode": "Partial", "stopLoss": "95"}
    for _ in range(20):
        set_stops(dealing, **part, slSize="0.1")
    assert len(dealing.open()) == 20
    assert refused_stops(dealing, **part, slSize="0.1")[0] == 110061
    for size in ("", "0.0005", "3"):
        assert refused_stops(dealing, **part, slSize=size)[0] == 10001
    both = {"takeProfit": "120", "slSize": "0.1", "tpSize": "0.2"}
    dealing.post("order/cancel-all", symbol=SYMBOL)
    assert refused_stops(dealing, **part, **both)[0] == 10001
    assert refused_stops(dealing, tpslMode="Partial", stopLoss="0") == (34040, "not modified")


def test_partial_stops_shrink_with_the_position_and_close_their_part() -> None:
    dealing = Dealing(FALL)
    dealing.create("Buy", "2")
    set_stops(dealing, tpslMode="Partial", stopLoss="95", slSize="1.5")
    dealing.create("Sell", "1", reduceOnly=True)
    assert [o["qty"] for o in dealing.open()] == ["1.000"]
    dealing.create("Buy", "1")
    dealing.run(300)
    assert closing(dealing)[0] == "Filled"
    assert dealing.position()["size"] == "1.000"


def test_a_trailing_stop_follows_the_best_price() -> None:
    dealing = Dealing(*UP_DOWN)
    dealing.create("Buy", "1")
    set_stops(dealing, trailingStop="4")
    row = stop_row(dealing)
    assert (row["stopOrderType"], row["createType"]) == ("TrailingStop", "CreateByTrailingStop")
    assert (row["triggerPrice"], dealing.position()["trailingStop"]) == ("96.00", "4.00")
    dealing.run(300)
    assert stop_row(dealing)["triggerPrice"] == "102.00"
    dealing.run(300)
    assert closing(dealing)[0] == "Filled"
    assert D(stop_row(dealing)["avgPrice"]) > D("101.5")


def test_a_trailing_stop_waits_for_its_price_and_can_be_changed() -> None:
    dealing = Dealing(*UP_DOWN)
    dealing.create("Buy", "1")
    set_stops(dealing, trailingStop="2", activePrice="105")
    assert stop_row(dealing)["triggerPrice"] == ""
    dealing.run(100)
    assert stop_row(dealing)["orderStatus"] == "Untriggered"
    dealing.run(200)
    assert stop_row(dealing)["triggerPrice"] == "104.00"
    set_stops(dealing, trailingStop="3")
    assert stop_row(dealing)["triggerPrice"] == "103.00"
    set_stops(dealing, trailingStop="0")
    assert closing(dealing) == ("Cancelled", "CancelByUser")
    assert dealing.position()["trailingStop"] == "0"


def test_a_trailing_stop_of_a_short_follows_downward() -> None:
    dealing = Dealing((100.0, 100.0, 95.0, 95.0), (95.0, 99.0, 95.0, 99.0))
    dealing.create("Sell", "1")
    set_stops(dealing, trailingStop="2", activePrice="97")
    dealing.run(600)
    assert closing(dealing)[0] == "Filled"
    assert D("96.9") < D(stop_row(dealing)["avgPrice"]) < D("97.5")


# -- time without a stop ---------------------------------------------------------------------------


def test_time_without_a_stop_is_counted_for_each_life() -> None:
    dealing = Dealing()
    dealing.create("Buy", "2")
    dealing.run(20)
    set_stops(dealing, stopLoss="95")
    dealing.run(30)
    set_stops(dealing, stopLoss="0")
    dealing.run(10)
    part = {"tpslMode": "Partial", "stopLoss": "95"}
    set_stops(dealing, **part, slSize="1")
    dealing.run(5)
    wait = {"triggerPrice": "94", "triggerDirection": 2, "reduceOnly": True}
    dealing.create("Sell", "1", **wait)
    dealing.run(40)
    dealing.create("Sell", "2", reduceOnly=True)
    dealing.post("order/cancel-all", symbol=SYMBOL)
    dealing.create("Buy", "1")
    dealing.run(7)
    first, second = dealing.desk.truth()["unprotected_ms"][SYMBOL]
    assert (first["total_ms"], first["longest_ms"], first["now_ms"]) == (35_000, 20_000, 0)
    assert first["closed_ms"] == second["opened_ms"]
    assert (second["total_ms"], second["longest_ms"], second["now_ms"]) == (7000, 7000, 7000)
    assert second["closed_ms"] is None


def test_neither_a_target_nor_an_entry_is_a_stop() -> None:
    dealing = Dealing()
    dealing.create("Buy", "2", takeProfit="120")
    dealing.create("Sell", "2", triggerPrice="94", triggerDirection=2)
    wait = {"triggerPrice": "121", "triggerDirection": 1, "reduceOnly": True}
    dealing.create("Sell", "2", **wait)
    dealing.run(20)
    assert dealing.desk.truth()["unprotected_ms"][SYMBOL][0]["now_ms"] == 20_000
