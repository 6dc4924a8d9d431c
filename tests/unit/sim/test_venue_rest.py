import json
from typing import Any

import numpy as np
import pytest

from engine.sim.board import Board
from engine.sim.feed import MINUTE_MS, merge_whole
from engine.sim.venue_rest import Rest, ticker
from markets import FIRST_MS, FIVE_MS, recorded

NOW_MS = FIRST_MS + 351 * FIVE_MS + 100_000
OPEN_MS = FIRST_MS + 351 * FIVE_MS


def board(**feed: Any) -> Board:  # noqa: ANN401 -- what `recorded` takes
    return Board(recorded(**feed), NOW_MS)


def ask(on: Board, path: str, **query: str) -> Any:  # noqa: ANN401 -- JSON
    answer = json.loads(Rest(on).answer(path, query))
    assert sorted(answer) == ["result", "retCode", "retExtInfo", "retMsg", "time"]
    assert (answer["time"], answer["retExtInfo"]) == (NOW_MS, {})
    return answer


def result(on: Board, path: str, **query: str) -> Any:  # noqa: ANN401 -- JSON
    answer = ask(on, path, **query)
    assert (answer["retCode"], answer["retMsg"]) == (0, "OK")
    return answer["result"]


def refusal(path: str, **query: str) -> tuple[int, str]:
    answer = ask(board(), path, **query)
    assert answer["result"] == {}
    return answer["retCode"], answer["retMsg"]


def opens(**query: str) -> list[int]:
    """Open times of a kline answer in bars before the forming one, as sent."""
    found = result(board(), "kline", category="linear", symbol="AAAUSDT", interval="5", **query)
    return [(OPEN_MS - int(row[0])) // FIVE_MS for row in found["list"]]


def test_the_time_is_the_markets() -> None:
    assert result(board(), "time") == {
        "timeSecond": str(NOW_MS // 1000),
        "timeNano": str(NOW_MS * 1_000_000),
    }


def test_an_instrument_is_described_as_the_exchange_does() -> None:
    found = result(board(), "instruments-info", category="linear", symbol="BBBUSDT")
    assert found["nextPageCursor"] == ""
    assert found["list"] == [
        {
            "symbol": "BBBUSDT",
            "symbolId": 2,
            "contractType": "LinearPerpetual",
            "status": "Trading",
            "baseCoin": "BBB",
            "quoteCoin": "USDT",
            "settleCoin": "USDT",
            "symbolType": "",
            "launchTime": str(FIRST_MS),
            "deliveryTime": "0",
            "deliveryFeeRate": "",
            "priceScale": "6",
            "leverageFilter": {"minLeverage": "1", "maxLeverage": "50.00", "leverageStep": "0.01"},
            "priceFilter": {
                "minPrice": "0.000001",
                "maxPrice": "1000.000000",
                "tickSize": "0.000001",
            },
            "lotSizeFilter": {
                "minOrderQty": "10",
                "qtyStep": "10",
                "maxOrderQty": "20000000",
                "postOnlyMaxOrderQty": "20000000",
                "maxMktOrderQty": "5000000",
                "minNotionalValue": "5",
            },
            "unifiedMarginTrade": True,
            "fundingInterval": 480,
            "copyTrading": "none",
            "isPreListing": False,
            "preListingInfo": None,
            "riskParameters": {"priceLimitRatioX": "0.05", "priceLimitRatioY": "0.1"},
        }
    ]


def test_instruments_come_in_pages() -> None:
    def page(**query: str) -> tuple[list[str], str]:
        found = result(board(), "instruments-info", category="linear", **query)
        return [i["symbol"] for i in found["list"]], found["nextPageCursor"]

    assert page() == (["AAAUSDT", "BBBUSDT"], "")
    assert page(limit="1") == (["AAAUSDT"], "1")
    assert page(limit="1", cursor="1") == (["BBBUSDT"], "")
    assert page(status="Trading") == (["AAAUSDT", "BBBUSDT"], "")
    assert page(status="PreLaunch") == ([], "")


def test_tickers_show_the_board() -> None:
    on = board()
    found = result(on, "tickers", category="linear")
    assert [t["symbol"] for t in found["list"]] == ["AAAUSDT", "BBBUSDT"]
    assert found["list"][1:] == result(on, "tickers", category="linear", symbol="BBBUSDT")["list"]
    first, shown = found["list"][0], on.shown
    assert all(isinstance(value, str) for value in first.values())
    assert first["lastPrice"] == f"{shown.last[0]:.2f}"
    assert float(first["bid1Price"]) == shown.bid[0]
    assert float(first["ask1Price"]) == shown.ask[0]
    assert float(first["price24hPcnt"]) == pytest.approx(
        shown.last[0] / shown.price_24h_ago[0] - 1, abs=1e-6
    )
    assert float(first["openInterestValue"]) > 0
    assert int(first["nextFundingTime"]) % (8 * 3_600_000) == 0
    assert NOW_MS < int(first["nextFundingTime"]) <= NOW_MS + 8 * 3_600_000


def test_a_symbol_without_any_trade_yet_has_no_ticker_and_an_empty_book() -> None:
    on = board(gap=slice(0, 360))
    found = result(on, "tickers", category="linear")
    assert [t["symbol"] for t in found["list"]] == ["AAAUSDT"]
    assert ticker(on, 1) is None
    book = result(on, "orderbook", category="linear", symbol="BBBUSDT")
    assert (book["b"], book["a"]) == ([], [])


def test_candles_come_newest_first_and_the_last_is_open() -> None:
    on = board()
    found = result(on, "kline", category="linear", symbol="AAAUSDT", interval="5", limit="3")
    assert (found["symbol"], found["category"]) == ("AAAUSDT", "linear")
    rows = found["list"]
    assert [int(row[0]) for row in rows] == [OPEN_MS, OPEN_MS - FIVE_MS, OPEN_MS - 2 * FIVE_MS]
    closed = on.feed.series(0, OPEN_MS - FIVE_MS, 1)[0]
    assert rows[1][1:6] == [f"{x:.2f}" for x in closed[:5]]
    assert rows[1][6] == f"{closed[5]:.4f}"
    assert float(rows[0][4]) == on.shown.last[0]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, list(range(200))),
        ({"limit": "2"}, [0, 1]),
        ({"limit": "0"}, [0]),
        ({"limit": "9999"}, list(range(352))),
        ({"start": str(OPEN_MS - 9 * FIVE_MS), "limit": "3"}, [7, 8, 9]),
        ({"start": str(OPEN_MS - 9 * FIVE_MS + 1), "limit": "3"}, [6, 7, 8]),
        ({"start": str(OPEN_MS - FIVE_MS), "limit": "9"}, [0, 1]),
        ({"end": str(OPEN_MS - 2 * FIVE_MS + 1), "limit": "2"}, [2, 3]),
        ({"end": str(OPEN_MS + 9 * FIVE_MS), "limit": "2"}, [0, 1]),
        ({"start": str(OPEN_MS - 9 * FIVE_MS), "end": str(OPEN_MS - 5 * FIVE_MS)}, [5, 6, 7, 8, 9]),
        (
            {
                "start": str(OPEN_MS - 9 * FIVE_MS),
                "end": str(OPEN_MS - 5 * FIVE_MS),
                "limit": "2",
            },
            [5, 6],
        ),
        ({"start": str(OPEN_MS + FIVE_MS)}, []),
        ({"end": str(FIRST_MS - 1)}, []),
        ({"start": "0", "limit": "1"}, [351]),
    ],
)
def test_which_candles_are_sent(query: dict[str, str], expected: list[int]) -> None:
    assert opens(**query) == expected


def test_missing_candles_are_not_sent() -> None:
    on = board(gap=slice(345, 350))
    found = result(on, "kline", category="linear", symbol="BBBUSDT", interval="5", limit="8")
    assert [(OPEN_MS - int(row[0])) // FIVE_MS for row in found["list"]] == [0, 1, 7]


def test_longer_frames_are_merged() -> None:
    on = board()
    found = result(on, "kline", category="linear", symbol="AAAUSDT", interval="60", limit="2")
    hour = on.feed.series(0, OPEN_MS // 3_600_000 * 3_600_000 - 3_600_000, 12)
    row = found["list"][1]
    assert int(row[0]) == OPEN_MS // 3_600_000 * 3_600_000 - 3_600_000
    assert [float(x) for x in row[1:5]] == [
        hour[0, 0],
        hour[:, 1].max(),
        hour[:, 2].min(),
        hour[-1, 3],
    ]
    assert float(row[5]) == pytest.approx(np.nansum(hour[:, 4]))


def test_an_order_book() -> None:
    on = board()
    found = result(on, "orderbook", category="linear", symbol="AAAUSDT", limit="7")
    assert (found["s"], found["ts"], found["cts"]) == ("AAAUSDT", NOW_MS, NOW_MS)
    assert (len(found["b"]), len(found["a"])) == (7, 7)
    assert found["b"][0] == [f"{on.shown.bid[0]:.2f}", f"{on.shown.bid_size[0]:.2f}"]
    assert found["a"][0] == [f"{on.shown.ask[0]:.2f}", f"{on.shown.ask_size[0]:.2f}"]
    assert len(result(on, "orderbook", category="linear", symbol="AAAUSDT")["b"]) == 25


@pytest.mark.parametrize(("interval", "minutes"), [("1", 1), ("5", 5)])
@pytest.mark.parametrize("symbol", ["AAAUSDT", "BBBUSDT"])
def test_closed_candles_are_read_back_exactly(symbol: str, interval: str, minutes: int) -> None:
    """Lots are of no help: recorded volumes are no multiples of them, nor sums of volumes."""
    feed = recorded(1800, MINUTE_MS)
    now = Board(feed, FIRST_MS + 1750 * MINUTE_MS)
    query = {"category": "linear", "symbol": symbol, "interval": interval, "limit": "101"}
    rows = json.loads(Rest(now).answer("kline", query))["result"]["list"][:0:-1]
    first_ms = FIRST_MS + (1750 - 100 * minutes) * MINUTE_MS
    known = merge_whole(feed.series(now.rows[symbol], first_ms, 100 * minutes), minutes)
    assert int(rows[0][0]) == first_ms
    assert [[float(text) for text in row[1:6]] for row in rows] == known[:, :5].tolist()


@pytest.mark.parametrize("path", ["instruments-info", "tickers", "kline", "orderbook"])
def test_only_linear_symbols_of_the_feed_are_known(path: str) -> None:
    known = {"interval": "5", "symbol": "AAAUSDT"}
    assert refusal(path, **known) == (10001, "params error: Category is invalid")
    assert refusal(path, **known, category="spot") == (10001, "params error: Category is invalid")
    unknown = {**known, "category": "linear", "symbol": "ZZZUSDT"}
    assert refusal(path, **unknown) == (10001, "params error: symbol invalid ZZZUSDT")


def test_other_bad_parameters_are_refused() -> None:
    kline = {"category": "linear", "symbol": "AAAUSDT"}
    for interval in ("1", "7", ""):
        assert refusal("kline", **kline, interval=interval) == (10001, "Invalid period!")
    assert refusal("kline", **kline) == (10001, "Invalid period!")
    bad = refusal("kline", **kline, interval="5", limit="ten")
    assert bad == (10001, "params error: limit invalid")
    assert refusal("orderbook", category="linear") == (10001, "params error: symbol invalid")


def test_minutes_serve_every_interval() -> None:
    on = Board(recorded(1600, MINUTE_MS), FIRST_MS + 1550 * MINUTE_MS)
    rest = Rest(on)
    for interval in ("1", "3", "5", "15", "30", "60", "120", "240", "360", "720", "D"):
        query = {"category": "linear", "symbol": "AAAUSDT", "interval": interval}
        assert json.loads(rest.answer("kline", query))["retCode"] == 0


def test_open_interest_of_the_past_is_what_tickers_showed() -> None:
    def asked(**query: str) -> list[tuple[int, float]]:
        found = result(board(), "open-interest", category="linear", symbol="AAAUSDT", **query)
        assert (found["symbol"], found["category"]) == ("AAAUSDT", "linear")
        return [(int(row["timestamp"]), float(row["openInterest"])) for row in found["list"]]

    hour = 60 * MINUTE_MS
    rows = asked(intervalTime="1h")
    assert [at_ms for at_ms, _ in rows] == list(range(NOW_MS // hour * hour, FIRST_MS - 1, -hour))
    at_ms, then = rows[2]
    assert float(ticker(Board(recorded(), at_ms), 0)["openInterest"]) == then  # type: ignore[index]
    assert len({value for _, value in rows}) > 1
    assert asked(intervalTime="1h", startTime=str(rows[3][0]), limit="2") == rows[:2]
    assert asked(intervalTime="1h", startTime="0", endTime=str(rows[3][0] + 9)) == rows[3:]
    assert len(asked(intervalTime="5min", limit="300")) == 200


def test_a_market_without_any_price_has_no_open_interest() -> None:
    on = board(gap=slice(0, 360))
    query = {"category": "linear", "symbol": "BBBUSDT", "intervalTime": "1h"}
    assert result(on, "open-interest", **query)["list"] == []
    late = board(gap=slice(0, 100))
    assert len(result(late, "open-interest", **query)["list"]) > 1


def test_open_interest_comes_in_known_intervals() -> None:
    for text in ("2h", ""):
        code, message = refusal(
            "open-interest", category="linear", symbol="AAAUSDT", intervalTime=text
        )
        assert (code, message) == (10001, "params error: intervalTime invalid")
