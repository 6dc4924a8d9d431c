"""Whatever is asked of the exchange's account, its books add up and reduce-only only reduces."""

from collections import defaultdict
from contextlib import suppress
from decimal import Decimal
from typing import Any

from dealing import OTHER, SYMBOL, D, Dealing
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from engine.sim.venue_rest import Refused

ENDED = {"Filled", "Cancelled", "Rejected"}
SIDES = st.sampled_from(["Buy", "Sell"])
SYMBOLS = st.sampled_from([SYMBOL, SYMBOL, OTHER])
QTYS = st.sampled_from(["0", "0.003", "0.1", "0.5", "1", "2.5", "7", "40", "900", "x", "-1"])
PRICES = st.sampled_from(
    ["96", "98.5", "99.99", "100", "100.01", "101", "104", "0.001", "2", "nan"]
)
LEVELS = st.sampled_from(["0", "1.9", "95", "97", "99", "101", "103", "106"])
LINKS = st.sampled_from([None, None, None, None, "a", "b", "c", "bad id", "e" * 37])
FLAGS = st.booleans()
LIFETIMES = st.sampled_from(["GTC", "IOC", "FOK", "PostOnly"])
INDEXES = st.sampled_from([0, 0, 0, 0, 0, 1, 2])
SWITCHES: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {},
        {},
        {"attach": False},
        {"fill_frac": D("0.37")},
        {"no_fill": True},
        {"reject_after_ack": True},
        {"stop_no_fill": True},
        {"twice_filled": True},
    ]
)
BARS = [
    (100.0, 103.0, 98.0, 99.0),
    (99.0, 100.0, 94.0, 95.0),
    (95.0, 104.0, 95.0, 104.0),
    (104.0, 107.0, 96.0, 98.0),
    (98.0, 101.0, 97.0, 100.0),
] * 4


class Account(RuleBasedStateMachine):
    """A second bookkeeper that knows only what the endpoints say."""

    def __init__(self) -> None:
        super().__init__()
        self.dealing = Dealing(*BARS, volume=60.0)
        self.moved = D(0)
        self.gross = D(0)

    def ask(self, path: str, **params: object) -> None:
        with suppress(Refused):
            self.dealing.post(path, **{k: v for k, v in params.items() if v is not None})

    @rule(
        symbol=SYMBOLS,
        side=SIDES,
        qty=QTYS,
        price=st.none() | PRICES,
        flags=st.tuples(FLAGS, FLAGS),
        link=LINKS,
        life=LIFETIMES,
        idx=INDEXES,
    )
    def create(self, flags: tuple[bool, bool], **asked: Any) -> None:  # noqa: ANN401 -- drawn
        kind = "Market" if asked["price"] is None else "Limit"
        named = {"symbol": asked["symbol"], "side": asked["side"], "qty": asked["qty"]}
        more = {"reduceOnly": flags[0], "closeOnTrigger": flags[1], "positionIdx": asked["idx"]}
        terms = {"orderType": kind, "price": asked["price"], "timeInForce": asked["life"]}
        self.ask("order/create", **named, **terms, **more, orderLinkId=asked["link"])

    @rule(
        side=SIDES,
        qty=QTYS,
        price=st.none() | PRICES,
        stop=LEVELS,
        profit=LEVELS,
        mode=st.sampled_from(["Full", "Partial"]),
    )
    def create_protected(self, **asked: Any) -> None:  # noqa: ANN401 -- drawn
        kind = "Market" if asked["price"] is None else "Limit"
        named = {"symbol": SYMBOL, "side": asked["side"], "qty": asked["qty"], "orderType": kind}
        stops = {"stopLoss": asked["stop"], "takeProfit": asked["profit"]}
        self.ask("order/create", **named, **stops, price=asked["price"], tpslMode=asked["mode"])

    @rule(
        side=SIDES,
        qty=QTYS,
        price=st.none() | PRICES,
        level=LEVELS,
        direction=st.sampled_from([1, 2, 3]),
        reduces=FLAGS,
        by=st.sampled_from(["LastPrice", "MarkPrice", None]),
    )
    def create_conditional(self, **asked: Any) -> None:  # noqa: ANN401 -- drawn
        kind = "Market" if asked["price"] is None else "Limit"
        named = {"symbol": SYMBOL, "side": asked["side"], "qty": asked["qty"], "orderType": kind}
        trigger = {"triggerPrice": asked["level"], "triggerDirection": asked["direction"]}
        more = {"reduceOnly": asked["reduces"], "closeOnTrigger": asked["reduces"]}
        terms = {"triggerBy": asked["by"], "price": asked["price"]}
        self.ask("order/create", **named, **trigger, **more, **terms)

    @rule(side=SIDES, idx=INDEXES)
    def open_some(self, side: str, idx: int) -> None:
        named = {"symbol": SYMBOL, "side": side, "qty": "1", "orderType": "Market"}
        self.ask("order/create", **named, positionIdx=idx)

    @rule(data=st.data(), qty=st.none() | QTYS, price=st.none() | PRICES, level=st.none() | LEVELS)
    def amend(self, data: st.DataObject, **asked: str | None) -> None:
        row = data.draw(st.sampled_from([*self.dealing.desk.truth()["orders"], {}]))
        named = {"orderId": row.get("orderId", "gone"), "symbol": row.get("symbol", SYMBOL)}
        level = asked["level"]
        terms = {"triggerPrice": level, "stopLoss": level, "price": asked["price"]}
        self.ask("order/amend", **named, **terms, qty=asked["qty"])

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        row = data.draw(st.sampled_from([*self.dealing.desk.truth()["orders"], {}]))
        order_id, symbol = row.get("orderId", "gone"), row.get("symbol", SYMBOL)
        self.ask("order/cancel", orderId=order_id, symbol=symbol)

    @rule(which=st.sampled_from([None, "Order", "StopOrder", "None"]), symbol=SYMBOLS)
    def cancel_all(self, which: str | None, symbol: str) -> None:
        self.ask("order/cancel-all", symbol=symbol, orderFilter=which)

    @rule(
        stop=st.none() | LEVELS,
        profit=st.none() | LEVELS,
        trail=st.sampled_from([None, None, "0", "1", "3"]),
        mode=st.sampled_from(["Full", "Full", "Partial"]),
        size=st.sampled_from(["0.1", "0.5", "7", "x"]),
        is_second=FLAGS,
    )
    def trading_stop(self, size: str, *, is_second: bool, **asked: Any) -> None:  # noqa: ANN401 -- drawn
        held = [p for p in self.dealing.desk.truth()["positions"] if p["symbol"] == SYMBOL]
        idx = held[-1 if is_second else 0]["positionIdx"] if held else 0
        prices = {"stopLoss": asked["stop"], "takeProfit": asked["profit"]}
        sizes = {"slSize": size, "tpSize": size, "trailingStop": asked["trail"]}
        more = {"tpslMode": asked["mode"], "positionIdx": idx}
        self.ask("position/trading-stop", symbol=SYMBOL, **prices, **sizes, **more)

    @rule(mode=st.sampled_from([0, 3]), leverage=st.sampled_from(["1", "10", "50", "51"]))
    def set_up(self, mode: int, leverage: str) -> None:
        self.ask("position/switch-mode", mode=mode, coin="USDT")
        lever = {"buyLeverage": leverage, "sellLeverage": leverage}
        self.ask("position/set-leverage", symbol=SYMBOL, **lever)

    @rule(seconds=st.integers(1, 25), times=st.integers(1, 15))
    def run(self, seconds: int, times: int) -> None:
        self.dealing.run(seconds * times, seconds)

    @rule(switches=SWITCHES)
    def switch(self, switches: dict[str, Any]) -> None:
        quirks = self.dealing.desk.quirks
        for name in quirks.__struct_fields__:
            default = None if name == "fill_frac" else name == "attach"
            setattr(quirks, name, switches.get(name, default))

    @rule(symbol=SYMBOLS, qty=st.sampled_from([D("0.1"), D(1), D(50)]), hand=st.integers(0, 5))
    def other_hand(self, symbol: str, qty: Decimal, hand: int) -> None:
        desk = self.dealing.desk
        if hand == 0:
            desk.adl(symbol, qty)
        elif hand == 1:
            desk.liquidate(symbol)
        elif hand == 2:
            desk.settle(symbol)
        elif hand == 3:
            desk.transfer(qty)
            self.moved += qty
        elif hand == 4:
            desk.forget_closed()
        else:
            desk.drop_stop(symbol)

    @invariant()
    def books_add_up(self) -> None:
        truth = self.dealing.desk.truth()
        held: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
        cash = D(10_000) + self.moved
        idxs = {o["orderId"]: o["positionIdx"] for o in truth["orders"]}
        for row in truth["executions"]:
            cash -= D(row["execFee"])
            if row["execType"] == "Funding":
                continue
            key = row["symbol"], idxs[row["orderId"]]
            sign = 1 if row["side"] == "Buy" else -1
            before = held[key]
            held[key] += sign * D(row["execQty"])
            assert D(row["closedSize"]) == min(D(row["execQty"]), max(D(0), D(-sign * before))), row
        for p in truth["positions"]:
            sign = 1 if p["side"] == "Buy" else -1
            assert held.pop((p["symbol"], p["positionIdx"])) == sign * D(p["size"])
        assert not any(held.values())
        seen = [row for topic, row in self.dealing.hear() if topic == "execution"]
        self.gross += sum(D(row["execPnl"]) for row in seen)
        assert D(truth["balance"]) == cash + self.gross

    @invariant()
    def every_order_ended_or_is_listed(self) -> None:
        truth, dealing = self.dealing.desk.truth(), self.dealing
        listed = {o["orderId"] for symbol in (SYMBOL, OTHER) for o in dealing.open(symbol)}
        for order in truth["orders"]:
            is_listed = order["orderId"] in listed
            assert is_listed == (order["orderStatus"] not in ENDED), order
            assert 0 <= D(order["cumExecQty"]) <= D(order["qty"]), order
        for rows, name in ((truth["orders"], "orderId"), (truth["executions"], "execId")):
            assert len({row[name] for row in rows}) == len(rows)
        links = [o["orderLinkId"] for o in truth["orders"] if o["orderLinkId"]]
        assert len(set(links)) == len(links)

    @invariant()
    def reduce_only_never_grows_or_flips(self) -> None:
        truth = self.dealing.desk.truth()
        reducing = {o["orderId"] for o in truth["orders"] if o["reduceOnly"]}
        for row in truth["executions"]:
            if row["orderId"] in reducing:
                assert row["closedSize"] == row["execQty"], row

    @invariant()
    def stops_belong_to_positions(self) -> None:
        for held in self.dealing.desk.truth()["positions"]:
            if held["symbol"] == SYMBOL and held["stopLoss"]:
                own = [o for o in self.dealing.open() if o["stopOrderType"] == "StopLoss"]
                mine = [o for o in own if o["positionIdx"] == held["positionIdx"]]
                assert [o["qty"] for o in mine] == [held["size"]]


TestAccount = Account.TestCase
TestAccount.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
