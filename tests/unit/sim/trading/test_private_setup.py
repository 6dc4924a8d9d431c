from typing import Any

import pytest
from dealing import OTHER, SYMBOL, Dealing

from engine.sim.venue_rest import Refused


def read(path: str, **query: str) -> Any:  # noqa: ANN401 -- JSON
    return Dealing().private.answer("GET", f"/v5/{path}", query)


def test_the_key_may_trade_and_not_withdraw() -> None:
    found = read("user/query-api")
    assert (found["uta"], found["unified"], found["readOnly"]) == (1, 0, 0)
    assert found["permissions"]["ContractTrade"] == ["Order", "Position"]
    assert found["permissions"]["Derivatives"] == ["DerivativesTrade"]
    assert found["permissions"]["Wallet"] == []
    assert (found["ips"], found["deadlineDay"]) == (["127.0.0.1"], 90)


def test_the_account_is_a_unified_one() -> None:
    found = read("account/info")
    assert (found["unifiedMarginStatus"], found["marginMode"]) == (5, "REGULAR_MARGIN")


def test_fees_of_one_symbol_or_all() -> None:
    found = read("account/fee-rate", category="linear", symbol=OTHER)["list"]
    assert found == [{"symbol": OTHER, "takerFeeRate": "0.00055", "makerFeeRate": "0.0002"}]
    assert [r["symbol"] for r in read("account/fee-rate")["list"]] == [SYMBOL, OTHER]
    with pytest.raises(Refused, match="symbol invalid"):
        read("account/fee-rate", symbol="ZZZUSDT")


def test_coins_and_other_accounts() -> None:
    rows = read("asset/coin/query-info")["rows"]
    assert [(r["coin"], r["chains"]) for r in rows] == [("USDT", [])]
    with pytest.raises(Refused, match="accountType"):
        read("account/wallet-balance", accountType="SPOT")


def test_cancel_on_disconnect_is_accepted() -> None:
    dealing = Dealing()
    path = "order/disconnected-cancel-all"
    assert dealing.post(path, timeWindow=60, product="DERIVATIVES") == {}
    assert dealing.refusal(path, timeWindow=301)[0] == 10001
    assert dealing.refusal(path, timeWindow=True)[0] == 10001


def levered(value: str, sell: str = "") -> dict[str, str]:
    return {"symbol": SYMBOL, "buyLeverage": value, "sellLeverage": sell or value}


def test_leverage_changes_what_a_position_binds() -> None:
    dealing = Dealing()
    dealing.create("Buy", "1")
    seq = dealing.position()["seq"]
    assert dealing.post("position/set-leverage", **levered("5")) == {}
    held = dealing.position()
    assert (held["leverage"], held["positionIM"]) == ("5", "20")
    assert held["seq"] > seq
    assert dealing.position(OTHER)["leverage"] == "10"
    assert [t for t, _ in dealing.hear()][-1] == "position"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (levered("10"), 110043),
        (levered("10.0"), 110043),
        (levered("51"), 110013),
        (levered("0.5"), 10001),
        (levered("5", "6"), 10001),
        ({"symbol": SYMBOL}, 10001),
        ({**levered("5"), "symbol": "ZZZUSDT"}, 10001),
    ],
)
def test_leverage_that_is_refused(asked: dict[str, str], code: int) -> None:
    assert Dealing().refusal("position/set-leverage", **asked)[0] == code


def test_the_mode_of_a_symbol_or_of_a_coin() -> None:
    dealing = Dealing()
    assert dealing.post("position/switch-mode", mode=3, symbol=SYMBOL) == {}
    rows = dealing.rows("position/list", symbol=SYMBOL)
    assert [r["positionIdx"] for r in rows] == [1, 2]
    assert [r["positionIdx"] for r in dealing.rows("position/list", symbol=OTHER)] == [0]
    dealing.post("position/set-leverage", **levered("5"))
    assert [t for t, _ in dealing.hear()] == ["position", "position"]
    dealing.post("position/switch-mode", mode=3, coin="USDT")
    assert len(dealing.rows("position/list", symbol=OTHER)) == 2
    again = dealing.refusal("position/switch-mode", mode=3, coin="USDT")
    assert again == (110025, "Position mode is not modified")


def test_the_mode_stays_while_something_is_open() -> None:
    dealing = Dealing()
    dealing.create("Buy", "1", price="90")
    assert dealing.refusal("position/switch-mode", mode=3, coin="USDT")[0] == 110028
    dealing.create("Buy", "1")
    assert dealing.refusal("position/switch-mode", mode=3, coin="USDT")[0] == 110024
    assert dealing.post("position/switch-mode", mode=3, symbol=OTHER) == {}
    for asked in ({"mode": 1, "coin": "USDT"}, {"mode": 3}, {"mode": 3, "symbol": "ZZZUSDT"}):
        assert dealing.refusal("position/switch-mode", **asked)[0] == 10001


def test_the_margin_mode() -> None:
    dealing = Dealing()
    mode = {"setMarginMode": "ISOLATED_MARGIN"}
    assert dealing.post("account/set-margin-mode", **mode) == {"reasons": []}
    assert dealing.private.answer("GET", "/v5/account/info", {})["marginMode"] == "ISOLATED_MARGIN"
    assert dealing.refusal("account/set-margin-mode", setMarginMode="X")[0] == 10001
