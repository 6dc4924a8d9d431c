from dealing import OTHER, START_MS, SYMBOL, D, Dealing

from markets import FIVE_MS

RISE = (100.0, 110.0, 100.0, 110.0)
FUNDING_MS = 8 * 3_600_000


def test_a_round_trip_costs_both_fees_and_brings_the_difference() -> None:
    dealing = Dealing(RISE)
    entry = D(dealing.create("Buy", "1", orderLinkId="in")["avgPrice"])
    dealing.run(300)
    row = dealing.create("Sell", "1", orderLinkId="out")
    price = D(row["avgPrice"])
    gross, fees = price - entry, (price + entry) * D("0.00055")
    assert dealing.balance() == 10_000 + gross - fees
    closed = dealing.rows("position/closed-pnl", symbol=SYMBOL)
    assert len(closed) == 1
    assert D(closed[0]["closedPnl"]) == gross - fees
    expected = {
        "side": "Sell",
        "qty": "1.000",
        "closedSize": "1.000",
        "avgEntryPrice": f"{entry}",
        "cumEntryValue": f"{entry}",
        "fillCount": str(len(dealing.rows("execution/list", symbol=SYMBOL)) - 1),
        "leverage": "10",
        "orderType": "Market",
        "execType": "Trade",
        "orderId": row["orderId"],
    }
    assert {name: closed[0][name] for name in expected} == expected
    assert D(closed[0]["avgExitPrice"]) == price
    told = [r for t, r in dealing.hear() if t == "order" and r["orderLinkId"] == "out"]
    assert told[-1]["closedPnl"] == closed[0]["closedPnl"]
    assert D(dealing.position()["cumRealisedPnl"]) == gross - fees


def test_a_part_leaves_with_its_share_of_the_cost() -> None:
    dealing = Dealing(RISE)
    dealing.create("Buy", "1")
    dealing.run(300)
    dealing.create("Buy", "2")
    before = dealing.position()
    dealing.create("Sell", "1", reduceOnly=True)
    after = dealing.position()
    assert after["avgPrice"] == before["avgPrice"]
    assert after["openTime"] == before["openTime"] == START_MS
    assert D(after["curRealisedPnl"]) > D(before["curRealisedPnl"])


def test_break_even_is_where_nothing_is_won() -> None:
    dealing = Dealing()
    dealing.create("Buy", "1")
    even = D(dealing.position()["breakEvenPrice"])
    fees = (100 + even) * D("0.00055")
    assert abs(even - 100 - fees) < D("1e-8")


def test_a_long_pays_funding_at_the_boundary_and_a_short_is_paid() -> None:
    dealing = Dealing(begin_ms=START_MS + FUNDING_MS - FIVE_MS)
    dealing.create("Buy", "1")
    dealing.create("Sell", "100", symbol=OTHER)
    before = dealing.balance()
    dealing.run(299, step_s=299)
    assert dealing.balance() == before
    dealing.hear()
    dealing.run(1)
    seen = dealing.rows("execution/list", settleCoin="USDT", execType="Funding")
    mark, other = (D(dealing.position(s)["markPrice"]) for s in (SYMBOL, OTHER))
    assert [(e["symbol"], D(e["execFee"])) for e in seen] == [
        (OTHER, -100 * other * D("0.0001")),
        (SYMBOL, mark * D("0.0001")),
    ]
    assert (seen[1]["side"], seen[1]["execQty"], seen[1]["feeRate"]) == ("Buy", "1.000", "0.0001")
    assert dealing.balance() == before - sum(D(e["execFee"]) for e in seen)
    assert D(dealing.position()["curRealisedPnl"]) == -D("0.055") - D(seen[1]["execFee"])
    assert [t for t, _ in dealing.hear()] == ["execution", "position", "wallet"] * 2
    log = dealing.rows("account/transaction-log", type="SETTLEMENT")
    assert [(r["symbol"], D(r["funding"]), r["size"]) for r in log] == [
        (OTHER, 100 * other * D("0.0001"), "-100.0"),
        (SYMBOL, -mark * D("0.0001"), "1.000"),
    ]
    dealing.run(FIVE_MS // 1000, step_s=300)
    assert len(dealing.rows("execution/list", execType="Funding")) == 2


def test_the_wallet_shows_worth_and_margins() -> None:
    dealing = Dealing(RISE)
    entry = D(dealing.create("Buy", "1")["avgPrice"])
    dealing.create("Buy", "2", price="90")
    dealing.create("Sell", "1", price="115", reduceOnly=True)
    dealing.run(300)
    wallet = dealing.private.answer(
        "GET", "/v5/account/wallet-balance", {"accountType": "UNIFIED", "coin": "USDT"}
    )["list"][0]
    unrealized = D(dealing.position()["markPrice"]) - entry
    cash, margin = 10_000 - entry * D("0.00055"), entry / 10 + 18
    numbers = {
        "totalWalletBalance": cash,
        "totalPerpUPL": unrealized,
        "totalEquity": cash + unrealized,
        "totalMarginBalance": cash + unrealized,
        "totalInitialMargin": margin,
        "totalAvailableBalance": cash + unrealized - margin,
        "totalMaintenanceMargin": entry * D("0.005"),
    }
    assert {name: D(wallet[name]) for name in numbers} == numbers
    coin = wallet["coin"][0]
    assert (coin["coin"], coin["totalPositionIM"], coin["totalOrderIM"]) == (
        "USDT",
        f"{entry / 10}",
        "18",
    )
    assert (wallet["accountType"], coin["availableToWithdraw"]) == ("UNIFIED", "")
    dealing.post("account/set-margin-mode", setMarginMode="ISOLATED_MARGIN")
    wallet = dealing.desk.accounting.wallet_row()
    assert (wallet["totalAvailableBalance"], wallet["accountIMRate"]) == ("", "")
    assert D(wallet["totalEquity"]) == cash + unrealized


def test_an_account_that_lost_everything_still_answers() -> None:
    dealing = Dealing(balance="0")
    assert dealing.desk.accounting.wallet_row()["totalAvailableBalance"] == "0"


def test_the_log_of_trades() -> None:
    dealing = Dealing()
    row = dealing.create("Buy", "1", orderLinkId="mine")
    dealing.create("Sell", "1")
    log = dealing.rows("account/transaction-log", type="TRADE")
    expected = {
        "symbol": SYMBOL,
        "category": "linear",
        "side": "Buy",
        "type": "TRADE",
        "qty": "1.000",
        "size": "1.000",
        "currency": "USDT",
        "tradePrice": "100.00",
        "funding": "",
        "fee": "0.055",
        "cashFlow": "0",
        "change": "-0.055",
        "cashBalance": "9999.945",
        "feeRate": "0.00055",
        "orderId": row["orderId"],
        "orderLinkId": "mine",
    }
    assert {name: log[-1][name] for name in expected} == expected
    assert D(log[0]["cashFlow"]) == D("-0.01")
    assert D(log[0]["change"]) == D("-0.01") - D("99.99") * D("0.00055")
    assert log[0]["size"] == "0.000"
