"""An account restored from its holder's memory goes on as if it had never been away."""

from dealing import OTHER, SYMBOL, D, Dealing

from builders import order
from engine.core.values import OrderKind, OrderSide, Purpose, Side
from engine.sim.matching import Holding
from engine.sim.trading.recollection import restore

FALL = (100.0, 100.0, 90.0, 90.0)
TARGET = order(
    Purpose.TARGET, id="alpha-1-9T", symbol=SYMBOL, side=OrderSide.SELL, kind=OrderKind.LIMIT,
    qty=D(4), price=D("120.00"), reduce_only=True, stop=None,
)  # fmt: skip
SENT = order(id="alpha-1-5E", symbol=OTHER, kind=OrderKind.IOC)


def remembered(*bars: tuple[float, float, float, float]) -> Dealing:
    dealing = Dealing(*bars)
    held = Holding(1, SYMBOL, Side.LONG, D(10), D("101.5"), D("95.00"), 0)
    bare = Holding(2, OTHER, Side.SHORT, D(2), D(100), None, 0)
    restore(dealing.desk, D("9876.5"), [held, bare], [(TARGET, D(1)), (SENT, D(0))])
    return dealing


def test_cash_positions_stops_and_resting_orders_are_there_and_no_execution() -> None:
    truth = remembered().desk.truth()
    assert (truth["balance"], truth["executions"]) == ("9876.5", [])
    rows = {row["symbol"]: row for row in truth["positions"]}
    shown = rows[SYMBOL]
    assert (shown["side"], shown["size"], shown["avgPrice"]) == ("Buy", "10.000", "101.5")
    assert shown["stopLoss"] == "95.00"
    assert (rows[OTHER]["side"], rows[OTHER]["stopLoss"]) == ("Sell", "")
    resting = [o for o in truth["orders"] if o["orderLinkId"]]
    (found,) = resting
    assert (found["orderLinkId"], found["orderStatus"], found["leavesQty"]) == (
        "alpha-1-9T",
        "PartiallyFilled",
        "3.000",
    )


def test_the_stop_still_closes_it() -> None:
    dealing = remembered(FALL)
    dealing.run(300)
    (gone,) = dealing.rows("execution/list", symbol=SYMBOL)
    assert (gone["side"], gone["execQty"], gone["closedSize"]) == ("Sell", "10.000", "10.000")
    ended = {o["orderLinkId"]: o["orderStatus"] for o in dealing.desk.truth()["orders"]}
    assert ended["alpha-1-9T"] == "Cancelled"
