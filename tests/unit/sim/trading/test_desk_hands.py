from dealing import OTHER, SYMBOL, D, Dealing


def held(dealing: Dealing) -> tuple[str, str]:
    row = dealing.position()
    return row["side"], row["size"]


def test_deleveraging_takes_a_part_without_a_fee() -> None:
    dealing = Dealing()
    dealing.create("Buy", "2", stopLoss="95")
    dealing.desk.adl(SYMBOL, D("0.5"))
    seen = dealing.rows("execution/list", symbol=SYMBOL)[0]
    assert (seen["execType"], seen["side"], seen["execQty"]) == ("AdlTrade", "Sell", "0.500")
    assert (seen["execFee"], seen["execPrice"], seen["closedSize"]) == ("0", "100.00", "0.500")
    assert dealing.order(seen["orderId"])["createType"] == "CreateByAdl_PassThrough"
    assert [o["qty"] for o in dealing.open()] == ["1.500"]
    dealing.desk.adl(SYMBOL, D(9))
    assert held(dealing) == ("", "0.000")
    assert dealing.open() == []
    dealing.desk.adl(SYMBOL, D(9))
    assert len(dealing.rows("execution/list", symbol=SYMBOL)) == 3


def test_a_liquidation_cancels_everything_and_takes_all() -> None:
    dealing = Dealing()
    dealing.create("Sell", "2", stopLoss="105")
    resting = dealing.create("Buy", "1", price="95")
    dealing.create("Buy", "10", symbol=OTHER)
    dealing.desk.liquidate(SYMBOL)
    assert dealing.order(resting["orderId"])["cancelType"] == "CancelAllBeforeLiq"
    seen = dealing.rows("execution/list", symbol=SYMBOL)[0]
    assert (seen["execType"], seen["side"], seen["execQty"]) == ("BustTrade", "Buy", "2.000")
    assert D(seen["execFee"]) == 200 * D("0.00055")
    assert held(dealing) == ("", "0.000")
    assert dealing.position(OTHER)["size"] == "10.0"
    assert dealing.rows("account/transaction-log")[0]["type"] == "LIQUIDATION"


def test_an_account_that_lost_its_margin_is_liquidated() -> None:
    dealing = Dealing((100.0, 100.0, 88.0, 88.0), balance="100")
    dealing.create("Buy", "9")
    dealing.create("Buy", "3", symbol=OTHER)
    dealing.run(20)
    assert held(dealing) == ("Buy", "9.000")
    dealing.run(280)
    kinds = [e["execType"] for e in dealing.rows("execution/list")]
    assert kinds == ["BustTrade", "BustTrade", "Trade", "Trade"]
    assert dealing.rows("position/list", settleCoin="USDT") == []


def test_a_settlement_closes_positions_and_orders() -> None:
    dealing = Dealing()
    dealing.create("Buy", "2")
    resting = dealing.create("Buy", "1", price="95")
    dealing.desk.settle(SYMBOL)
    assert dealing.order(resting["orderId"])["cancelType"] == "CancelBySettle"
    assert dealing.rows("execution/list", symbol=SYMBOL)[0]["execType"] == "Settle"
    assert held(dealing) == ("", "0.000")


def test_other_hands_reach_both_sides_of_a_hedge() -> None:
    dealing = Dealing()
    dealing.post("position/switch-mode", mode=3, symbol=SYMBOL)
    dealing.create("Buy", "1", positionIdx=1)
    dealing.create("Sell", "2", positionIdx=2)
    dealing.desk.settle(SYMBOL)
    assert [r["size"] for r in dealing.rows("position/list", symbol=SYMBOL)] == ["0.000", "0.000"]


def test_a_stop_is_dropped_and_the_target_stays() -> None:
    dealing = Dealing()
    dealing.create("Buy", "1", stopLoss="95", takeProfit="120")
    dealing.hear()
    dealing.desk.drop_stop(SYMBOL)
    row = dealing.position()
    assert (row["stopLoss"], row["takeProfit"]) == ("", "120.00")
    told = dealing.hear()
    assert [t for t, _ in told] == ["order", "position", "position"]
    assert (told[0][1]["orderStatus"], told[-1][1]["stopLoss"]) == ("Cancelled", "")


def test_money_comes_and_goes() -> None:
    dealing = Dealing()
    dealing.desk.transfer(D("250.5"))
    dealing.desk.transfer(D(-50))
    assert dealing.balance() == D("10200.5")
    log = dealing.rows("account/transaction-log")
    assert [(r["type"], r["change"], r["cashBalance"]) for r in log] == [
        ("TRANSFER_OUT", "-50", "10200.5"),
        ("TRANSFER_IN", "250.5", "10250.5"),
    ]
    assert [t for t, _ in dealing.hear()] == ["wallet", "wallet"]


def test_a_restart_forgets_what_ended() -> None:
    dealing = Dealing()
    ended = dealing.create("Buy", "1")["orderId"]
    waiting = dealing.create("Buy", "1", price="95")["orderId"]
    dealing.desk.forget_closed()
    assert dealing.rows("order/realtime", symbol=SYMBOL, orderId=ended) == []
    assert dealing.rows("order/realtime", symbol=SYMBOL, openOnly="1") == []
    assert [o["orderId"] for o in dealing.open()] == [waiting]
    dealing.post("order/cancel", symbol=SYMBOL, orderId=waiting)
    found = dealing.rows("order/realtime", symbol=SYMBOL, openOnly="1")
    assert [o["orderId"] for o in found] == [waiting]
    history = dealing.rows("order/history", symbol=SYMBOL)
    assert {o["orderId"] for o in history} == {ended, waiting}
