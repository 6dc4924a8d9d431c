from dealing import SYMBOL, D, Dealing

FALL = (100.0, 100.0, 90.0, 90.0)


def test_a_fill_is_told_before_its_order_and_the_stop_after() -> None:
    dealing = Dealing()
    dealing.create("Buy", "1", stopLoss="95")
    told = dealing.hear()
    assert [topic for topic, _ in told] == [
        "execution",
        "order",
        "position",
        "order",
        "position",
        "position",
        "wallet",
    ]
    assert [r["orderStatus"] for t, r in told if t == "order"] == ["Filled", "Untriggered"]
    assert dealing.hear() == []


def test_a_position_is_told_with_its_entry_price_and_the_number_of_its_fill() -> None:
    dealing = Dealing()
    dealing.create("Buy", "1")
    told = dict(dealing.hear())
    assert told["position"]["entryPrice"] == "100"
    assert "avgPrice" not in told["position"]
    assert told["position"]["seq"] == told["execution"]["seq"]
    assert {told[t]["category"] for t in ("order", "execution", "position")} == {"linear"}
    assert (told["order"]["closedPnl"], told["execution"]["execPnl"]) == ("0", "0")


def test_a_position_is_told_with_every_order_even_unchanged() -> None:
    dealing = Dealing()
    row = dealing.create("Buy", "1", price="90")
    dealing.post("order/amend", symbol=SYMBOL, orderId=row["orderId"], price="91")
    dealing.post("order/cancel", symbol=SYMBOL, orderId=row["orderId"])
    told = dealing.hear()
    assert [topic for topic, _ in told] == ["order", "position"] * 3
    assert [r["orderStatus"] for t, r in told if t == "order"] == ["New", "New", "Cancelled"]
    assert len({r["seq"] for t, r in told if t == "position"}) == 1


def test_the_wallet_is_told_as_rest_shows_it() -> None:
    dealing = Dealing()
    dealing.create("Buy", "1")
    told = dict(dealing.hear())
    assert told["wallet"] == dealing.desk.accounting.wallet_row()


def test_numbers_grow_over_fills_and_stops() -> None:
    dealing = Dealing(FALL)
    dealing.create("Buy", "1", stopLoss="97")
    dealing.post("position/trading-stop", symbol=SYMBOL, stopLoss="98")
    dealing.run(300)
    told = dealing.hear()
    numbers = [r["seq"] for t, r in told if t in ("position", "execution")]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) > 3
    closed = [r for t, r in told if t == "order"][-1]
    assert D(closed["closedPnl"]) < 0
    assert closed["orderStatus"] == "Filled"


def test_ids_differ_between_exchanges_opened_at_different_times() -> None:
    first, second = Dealing(), Dealing(begin_ms=Dealing().now_ms + 300_000)
    ids = {d.create("Buy", "1")["orderId"] for d in (first, second)}
    assert len(ids) == 2
