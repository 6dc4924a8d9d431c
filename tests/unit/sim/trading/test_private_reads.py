import pytest
from dealing import OTHER, START_MS, SYMBOL, D, Dealing, Row

from engine.sim.trading import private_reads
from engine.sim.venue_rest import Refused
from markets import FIVE_MS

FALL = (100.0, 100.0, 90.0, 90.0)


def links(rows: list[Row]) -> list[str]:
    return [row["orderLinkId"] for row in rows]


def with_orders(count: int) -> Dealing:
    """Resting orders o0, o1, …"""
    dealing = Dealing()
    for i in range(count):
        dealing.create("Buy", "1", price="90", orderLinkId=f"o{i}")
    return dealing


def test_open_orders_come_newest_first_twenty_at_a_time() -> None:
    dealing = with_orders(45)
    page = dealing.get("order/realtime", symbol=SYMBOL)
    assert links(page["list"]) == [f"o{i}" for i in range(44, 24, -1)]
    page = dealing.get("order/realtime", symbol=SYMBOL, cursor=page["nextPageCursor"])
    page = dealing.get("order/realtime", symbol=SYMBOL, cursor=page["nextPageCursor"])
    assert links(page["list"]) == [f"o{i}" for i in range(4, -1, -1)]
    assert page["nextPageCursor"] == ""
    page = dealing.get("order/realtime", settleCoin="USDT", limit="99")
    assert (len(page["list"]), page["nextPageCursor"]) == (45, "")
    assert page["category"] == "linear"


def test_an_id_finds_ended_orders_too_and_orderid_wins() -> None:
    dealing = with_orders(2)
    ended = dealing.create("Buy", "1", orderLinkId="done")["orderId"]
    named = {"symbol": SYMBOL, "orderLinkId": "done"}
    assert links(dealing.rows("order/realtime", **named)) == ["done"]
    assert links(dealing.rows("order/realtime", orderLinkId="o1")) == ["o1"]
    first = dealing.rows("order/realtime", symbol=SYMBOL)[-1]["orderId"]
    assert links(dealing.rows("order/realtime", **named, orderId=first)) == ["o0"]
    assert dealing.rows("order/realtime", symbol=SYMBOL, orderId="None", orderLinkId="o1") == []
    assert dealing.rows("order/realtime", symbol=OTHER, orderId=ended) == []
    assert links(dealing.rows("order/realtime", symbol=SYMBOL, openOnly="1")) == ["done"]


def test_only_so_many_ended_orders_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert private_reads.CLOSED_KEPT == 500
    monkeypatch.setattr(private_reads, "CLOSED_KEPT", 2)
    dealing = Dealing()
    for i in range(3):
        dealing.create("Buy", "1", orderLinkId=f"o{i}")
    found = dealing.rows("order/realtime", symbol=SYMBOL, openOnly="1")
    assert links(found) == ["o2", "o1"]
    assert dealing.rows("order/realtime", symbol=SYMBOL, orderLinkId="o0") == []
    assert links(dealing.rows("order/history", symbol=SYMBOL, orderLinkId="o0")) == ["o0"]


def test_filters_tell_conditionals_from_orders() -> None:
    dealing = with_orders(1)
    dealing.create("Buy", "1", stopLoss="95", orderLinkId="entry")
    dealing.create("Buy", "1", triggerPrice="120", triggerDirection=1, orderLinkId="wait")

    def kinds(which: str) -> list[str]:
        rows = dealing.rows("order/realtime", symbol=SYMBOL, orderFilter=which)
        return [row["stopOrderType"] for row in rows]

    assert kinds("Order") == [""]
    assert kinds("StopOrder") == ["Stop", "StopLoss"]
    with pytest.raises(Refused, match="orderFilter"):
        kinds("Every")


@pytest.mark.parametrize(
    ("path", "query", "text"),
    [
        ("order/realtime", {}, "symbol or settleCoin"),
        ("order/realtime", {"symbol": "ZZZUSDT"}, "symbol invalid"),
        ("order/realtime", {"symbol": SYMBOL, "limit": "0"}, "limit invalid"),
        ("order/realtime", {"symbol": SYMBOL, "limit": "x"}, "limit invalid"),
        ("order/realtime", {"symbol": SYMBOL, "cursor": "-1"}, "cursor invalid"),
        ("order/history", {"startTime": "0", "endTime": "604800001"}, "over 7 days"),
        ("execution/list", {"startTime": "9", "endTime": "8"}, "over 7 days"),
        ("position/list", {}, "symbol or settleCoin"),
        ("position/list", {"settleCoin": "USDC"}, "symbol or settleCoin"),
    ],
)
def test_reads_that_are_refused(path: str, query: dict[str, str], text: str) -> None:
    with pytest.raises(Refused, match=text) as found:
        Dealing().get(path, **query)
    assert found.value.code == 10001


def test_history_shows_ended_orders_by_status() -> None:
    dealing = with_orders(2)
    dealing.create("Buy", "1", orderLinkId="done")
    dealing.post("order/cancel", symbol=SYMBOL, orderLinkId="o0")
    assert links(dealing.rows("order/history")) == ["done", "o0"]
    assert links(dealing.rows("order/history", orderStatus="Filled")) == ["done"]
    assert links(dealing.rows("order/history", settleCoin="USDT", limit="1")) == ["done"]
    cursor = dealing.get("order/history", limit="1")["nextPageCursor"]
    assert links(dealing.rows("order/history", limit="1", cursor=cursor)) == ["o0"]
    assert dealing.rows("order/history", baseCoin="BBB") == []
    assert dealing.rows("order/history", startTime=f"{START_MS + 1}") == []
    assert dealing.rows("order/history", endTime=f"{START_MS - 1}") == []


def test_canceled_orders_without_fills_leave_history_after_a_day(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert private_reads.UNFILLED_KEPT_MS == 86_400_000
    monkeypatch.setattr(private_reads, "UNFILLED_KEPT_MS", 3_600_000)
    dealing = with_orders(1)
    dealing.create("Buy", "1", orderLinkId="done")
    dealing.post("order/cancel", symbol=SYMBOL, orderLinkId="o0")
    dealing.run(3600, step_s=300)
    assert links(dealing.rows("order/history")) == ["done", "o0"]
    dealing.run(300, step_s=300)
    assert links(dealing.rows("order/history")) == ["done"]
    assert links(dealing.rows("order/realtime", orderLinkId="o0")) == ["o0"]


def test_executions_are_filtered_and_paged() -> None:
    dealing = Dealing()
    dealing.create("Buy", "1", orderLinkId="a")
    dealing.create("Buy", "10", symbol=OTHER, orderLinkId="b")
    dealing.run(20)
    dealing.create("Sell", "0.5", orderLinkId="c")
    dealing.desk.adl(SYMBOL, D("0.1"))
    everything = dealing.rows("execution/list")
    assert links(everything) == ["", "c", "b", "a"]
    assert links(dealing.rows("execution/list", execType="Trade", symbol=SYMBOL)) == ["c", "a"]
    assert links(dealing.rows("execution/list", orderLinkId="b")) == ["b"]
    order_id = everything[3]["orderId"]
    assert links(dealing.rows("execution/list", orderId=order_id, orderLinkId="b")) == ["a"]
    later = f"{START_MS + 20_000}"
    assert links(dealing.rows("execution/list", startTime=later)) == ["", "c"]
    assert links(dealing.rows("execution/list", endTime=f"{START_MS}")) == ["b", "a"]
    page = dealing.get("execution/list", limit="3")
    assert links(page["list"]) == ["", "c", "b"]
    assert links(dealing.rows("execution/list", cursor=page["nextPageCursor"])) == ["a"]


def test_an_execution_is_described_as_the_exchange_does() -> None:
    dealing = Dealing()
    row = dealing.create("Buy", "1", orderLinkId="a")
    seen = dealing.rows("execution/list")[0]
    expected = {
        "symbol": SYMBOL,
        "orderId": row["orderId"],
        "orderLinkId": "a",
        "side": "Buy",
        "orderPrice": "105.00",
        "orderQty": "1.000",
        "leavesQty": "0.000",
        "createType": "CreateByUser",
        "orderType": "Market",
        "stopOrderType": "UNKNOWN",
        "execFee": "0.055",
        "execPrice": "100.00",
        "execQty": "1.000",
        "execType": "Trade",
        "execValue": "100",
        "execTime": f"{START_MS}",
        "feeRate": "0.00055",
        "isMaker": False,
        "closedSize": "0.000",
    }
    assert {name: seen[name] for name in expected} == expected
    assert seen["seq"] == dealing.position()["seq"]


def test_positions_by_coin_are_those_that_are_held() -> None:
    dealing = Dealing()
    assert dealing.rows("position/list", settleCoin="USDT") == []
    flat = dealing.position()
    assert (flat["side"], flat["size"], flat["positionIdx"]) == ("", "0.000", 0)
    assert (flat["avgPrice"], flat["stopLoss"], flat["unrealisedPnl"]) == ("0", "", "")
    dealing.create("Buy", "10", symbol=OTHER)
    dealing.create("Buy", "1")
    page = dealing.get("position/list", settleCoin="USDT", limit="1")
    assert [p["symbol"] for p in page["list"]] == [SYMBOL]
    rest = dealing.get("position/list", settleCoin="USDT", cursor=page["nextPageCursor"])
    assert [p["symbol"] for p in rest["list"]] == [OTHER]
    assert rest["nextPageCursor"] == ""


def test_closed_results_come_newest_first_in_pages() -> None:
    dealing = Dealing()
    for link in ("a", "b"):
        dealing.create("Buy", "1")
        dealing.create("Sell", "1", orderLinkId=link)
        dealing.run(10)
    page = dealing.get("position/closed-pnl", limit="1")
    ids = [dealing.rows("order/history", orderLinkId=link)[0]["orderId"] for link in "ba"]
    assert [r["orderId"] for r in page["list"]] == ids[:1]
    rest = dealing.rows("position/closed-pnl", cursor=page["nextPageCursor"])
    assert [r["orderId"] for r in rest] == ids[1:]
    assert dealing.rows("position/closed-pnl", symbol=OTHER) == []
    assert dealing.rows("position/closed-pnl", endTime=f"{START_MS - 1}") == []


def test_the_log_is_filtered_and_paged() -> None:
    dealing = Dealing()
    dealing.desk.transfer(D(5))
    dealing.create("Buy", "1")
    kinds = [r["type"] for r in dealing.rows("account/transaction-log")]
    assert kinds == ["TRADE", "TRANSFER_IN"]
    page = dealing.get("account/transaction-log", limit="1")
    rest = dealing.rows("account/transaction-log", cursor=page["nextPageCursor"])
    assert [r["type"] for r in rest] == ["TRANSFER_IN"]
    assert dealing.rows("account/transaction-log", currency="BTC") == []
    assert dealing.rows("account/transaction-log", startTime=f"{START_MS + 1}") == []


# -- stale reads -----------------------------------------------------------------------------------


def test_late_readers_see_the_account_as_it_was() -> None:
    dealing = Dealing(FALL)
    dealing.run(10)
    dealing.create("Buy", "1", stopLoss="95", orderLinkId="entry")
    dealing.run(10)
    dealing.create("Buy", "1", price="80", orderLinkId="rest")
    dealing.run(280)
    assert dealing.position()["size"] == "0.000"
    before, held, both = START_MS + 9999, START_MS + 10_000, START_MS + 20_000

    def seen(as_of_ms: int | None, **query: str) -> list[str]:
        rows = dealing.rows_at(as_of_ms, "order/realtime", symbol=SYMBOL, **query)
        return [f"{r['orderLinkId']}:{r['orderStatus']}" for r in rows]

    assert seen(before) == []
    assert seen(before, orderLinkId="entry") == []
    assert seen(held) == [":Untriggered"]
    assert seen(both) == ["rest:New", ":Untriggered"]
    assert seen(None) == ["rest:New"]
    sizes = [
        dealing.rows_at(at, "position/list", symbol=SYMBOL)[0]["size"]
        for at in (before, held, None)
    ]
    assert sizes == ["0.000", "1.000", "0.000"]
    assert dealing.rows_at(before, "position/list", settleCoin="USDT") == []
    assert len(dealing.rows_at(held, "execution/list")) == 1
    assert len(dealing.rows_at(before, "execution/list")) == 0
    assert dealing.rows_at(before, "order/history") == []
    assert links(dealing.rows_at(held, "order/history")) == ["entry"]
    assert len(dealing.rows("order/history")) == 2


def test_the_past_is_forgotten_after_ten_minutes_but_for_what_still_stands() -> None:
    dealing = Dealing()
    dealing.create("Buy", "1", price="90", orderLinkId="o")
    for price in ("91", "92"):
        dealing.run(3 * FIVE_MS // 1000, step_s=300)
        dealing.post("order/amend", symbol=SYMBOL, orderLinkId="o", price=price)

    def seen(ago_ms: int) -> list[str]:
        rows = dealing.rows_at(dealing.now_ms - ago_ms, "order/realtime", symbol=SYMBOL)
        return [r["price"] for r in rows]

    assert seen(0) == ["92.00"]
    assert seen(600_000) == ["91.00"]
    assert seen(3 * FIVE_MS + 1) == []


def test_writes_know_no_past() -> None:
    dealing = Dealing()
    dealing.run(10)
    asked = {"category": "linear", "symbol": SYMBOL, "side": "Buy", "qty": "1"}
    path = "/v5/order/create"
    dealing.private.answer("POST", path, {**asked, "orderType": "Market"}, START_MS)
    assert dealing.position()["size"] == "1.000"
