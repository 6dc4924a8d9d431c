"""A symbol nobody traded yet, odd lots, and parameters of every kind."""

import pytest
from dealing import OTHER, SYMBOL, D, Dealing

from engine.sim.board import Board
from engine.sim.trading.asked import Asked
from engine.sim.trading.market import Market, Tick
from engine.sim.venue_rest import Refused
from markets import FIRST_MS, FIVE_MS, recorded


class Unborn(Dealing):
    """BBBUSDT has never traded; it does from the 352nd bar on."""

    def __init__(self) -> None:
        super().__init__()
        feed = recorded(gap=slice(0, 352))
        self.take(Board(feed, FIRST_MS + 351 * FIVE_MS))


def test_orders_before_the_first_trade_find_and_risk_nothing() -> None:
    dealing = Unborn()
    row = dealing.create("Buy", "1000", symbol=OTHER, stopLoss="0.01")
    assert (row["orderStatus"], row["rejectReason"]) == ("Cancelled", "EC_NoImmediateQtyToFill")
    assert (row["price"], row["lastPriceOnCreated"]) == ("", "")
    for more in ({}, {"timeInForce": "PostOnly"}):
        row = dealing.create("Buy", "1000", symbol=OTHER, price="0.04", **more)
        assert row["orderStatus"] == "New"
    wait = {"triggerPrice": "0.01", "triggerDirection": 2}
    assert dealing.create("Sell", "1000", symbol=OTHER, **wait)["orderStatus"] == "Untriggered"
    dealing.run(20)
    assert dealing.position(OTHER)["markPrice"] == ""
    assert len(dealing.open(OTHER)) == 3


def test_books_and_trades_are_cut_to_whole_lots() -> None:
    market = Market(Board(recorded(), FIRST_MS + 353 * FIVE_MS))
    lot = market.rules(OTHER).lot
    assert lot == 10
    taken = market.walk(OTHER, "Buy", D(5_000_000), D(1))
    assert taken
    assert all(qty > 0 and qty % lot == 0 for _, qty in taken)
    board = Board(recorded(), FIRST_MS + 353 * FIVE_MS)
    board.seek(FIRST_MS + 354 * FIVE_MS)
    ticks = list(Market(board).ticks(OTHER))
    assert all(tick.qty is not None and tick.qty % lot == 0 for tick in ticks)
    assert [tick.is_now for tick in ticks] == [False] * (len(ticks) - 1) + [True]


def test_a_step_without_trades_shows_its_last_price_alone() -> None:
    dealing = Dealing(volume=0.0)
    dealing.run(20)
    assert list(dealing.desk.market.ticks(SYMBOL)) == [Tick(D("100.00"), None, is_now=True)]


def test_a_book_of_a_moment_ago_stood_around_its_price() -> None:
    market = Dealing().desk.market
    now = market.walk(SYMBOL, "Buy", D(3), D(105))
    before = market.walk(SYMBOL, "Buy", D(3), D(95), D(90))
    assert before == [(price - 10, qty) for price, qty in now]
    assert market.walk(SYMBOL, "Buy", D(3), D("99.99")) == []


def asked(**params: object) -> Asked:
    return Asked(params, is_categorized=False)


def test_texts_and_values_say_the_same() -> None:
    assert asked(reduceOnly="true").flag("reduceOnly") is True
    assert asked(reduceOnly="false").flag("reduceOnly") is False
    assert asked(reduceOnly=True).flag("reduceOnly") is True
    assert asked().flag("reduceOnly") is False
    assert asked(limit="7").whole("limit") == asked(limit=7).whole("limit") == 7
    assert asked(price="").decimal("price") is None
    assert asked(price=None).decimal("price") is None
    assert asked(price="1.50").decimal("price") == D("1.5")
    assert asked(price="0").positive("price") is None


@pytest.mark.parametrize("value", [1.5, True, "1.5", "-1", [1], -1])
def test_what_is_no_whole_number(value: object) -> None:
    with pytest.raises(Refused, match="params error: limit invalid"):
        asked(limit=value).whole("limit")


@pytest.mark.parametrize("value", [1, 1.5, True, ["1"], "1e", "Infinity", "-0.1"])
def test_what_is_no_decimal(value: object) -> None:
    with pytest.raises(Refused, match="params error: price invalid"):
        asked(price=value).decimal("price")
