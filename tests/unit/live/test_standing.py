"""How account and key stand, and what speaks against trading with them (FT50, FT90)."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from rest_venue import coded, reply
from trade_venue import INFO, POSITIONS, QUERY_API, WALLET, D, Desk, desk, position_row

from engine.errors import Denied, Transient
from engine.live.standing import Objections, Standing, objections

GOOD = Standing(
    is_hedge=False,
    margin_mode="REGULAR_MARGIN",
    permissions={"ContractTrade": ("Order", "Position"), "Wallet": ()},
    is_read_only=False,
    ips=("10.0.0.1",),
    deadline_days=None,
    equity=D("1234.5"),
    is_unified=True,
    account="24617703",
    balance=D("1000.5"),
)


@pytest.fixture
async def at() -> AsyncIterator[Desk]:
    async with desk() as made:
        yield made


async def test_an_account_in_order_has_nothing_against_it(at: Desk) -> None:
    standing = await at.exchange.standing()
    assert standing == GOOD
    assert objections(standing) == Objections((), ())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"is_hedge": True}, "expected one-way, found hedge"),
        ({"permissions": {"ContractTrade": ("Order",), "Wallet": ("Withdraw",)}}, "found Withdraw"),
        (
            {"permissions": {"A": ("DerivativesTrade", "SubMemberTransfer", "AccountTransfer")}},
            "found AccountTransfer, SubMemberTransfer",
        ),
        ({"permissions": {"Spot": ("SpotTrade",)}}, "expected the right to trade contracts"),
        ({"is_read_only": True}, "found it read-only"),
        ({"is_unified": False}, "expected a unified trading account"),
        ({"balance": None}, "expected USDT in it, found none"),
        ({"balance": D(0)}, "expected USDT in it, found none"),
    ],
)
def test_what_refuses_trading(changes: dict[str, object], words: str) -> None:
    found = objections(msgspec.structs.replace(GOOD, **changes))
    (refusal,) = found.refusals
    assert words in refusal
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ips": ()}, "found no list of addresses"),
        ({"deadline_days": 14}, "found 14"),
        ({"deadline_days": 0}, "found 0"),
    ],
)
def test_what_a_person_should_know(changes: dict[str, object], words: str) -> None:
    found = objections(msgspec.structs.replace(GOOD, **changes))
    (warning,) = found.warnings
    assert words in warning
    assert found.refusals == ()


def test_a_key_with_time_left_is_no_news() -> None:
    assert objections(msgspec.structs.replace(GOOD, deadline_days=15)) == Objections((), ())


async def test_hedge_mode_shows_in_any_row_held_or_not(at: Desk) -> None:
    at.venue.positions = [
        position_row(positionIdx=1, side="", size="0"),
        position_row(positionIdx=2, side="Sell"),
    ]
    assert (await at.exchange.standing()).is_hedge
    at.venue.positions = [position_row("ETHUSDT", positionIdx=2)]
    assert (await at.exchange.standing()).is_hedge
    assert {"symbol": "BTCUSDT", "category": "linear", "limit": "200"} in [
        query for path, query in at.venue.asked if path == POSITIONS
    ]


@pytest.mark.parametrize(
    ("ips", "days", "found"),
    [
        (["*"], 3, ((), 3)),
        ([], 90, ((), 90)),
        (["10.0.0.1"], -2, (("10.0.0.1",), None)),
        (None, "", ((), None)),
        (["10.0.0.1"], None, (("10.0.0.1",), None)),
    ],
)
async def test_addresses_and_days_of_a_key(
    at: Desk, ips: object, days: object, found: object
) -> None:
    at.venue.key |= {"ips": ips, "deadlineDay": days}
    standing = await at.exchange.standing()
    assert (standing.ips, standing.deadline_days) == found


async def test_a_classic_account_or_read_only_key_is_told(at: Desk) -> None:
    at.venue.info["unifiedMarginStatus"] = 1
    at.venue.key["readOnly"] = 1
    standing = await at.exchange.standing()
    assert (standing.is_unified, standing.is_read_only) == (False, True)


@pytest.mark.parametrize(
    ("path", "changes", "words"),
    [
        (QUERY_API, {"permissions": None}, "permissions"),
        (QUERY_API, {"permissions": {"Wallet": "Withdraw"}}, "Wallet"),
        (QUERY_API, {"permissions": {"Wallet": [1]}}, "Wallet"),
        (QUERY_API, {"readOnly": None}, "readOnly"),
        (QUERY_API, {"ips": "10.0.0.1"}, "ips"),
        (QUERY_API, {"deadlineDay": "soon"}, "deadlineDay"),
        (QUERY_API, {"userID": None}, "userID"),
        (INFO, {"unifiedMarginStatus": None}, "unifiedMarginStatus"),
        (INFO, {"marginMode": ""}, "marginMode"),
    ],
)
async def test_what_cannot_be_read_is_not_passed_over(
    at: Desk, path: str, changes: dict[str, object], words: str
) -> None:
    (at.venue.key if path == QUERY_API else at.venue.info).update(changes)
    with pytest.raises(Transient, match=words):
        await at.exchange.standing()


async def test_no_account_at_all_is_no_standing(at: Desk) -> None:
    at.venue.fault(WALLET, reply({"retCode": 0, "time": 1, "result": {"list": []}}))
    with pytest.raises(Transient, match="totalEquity"):
        await at.exchange.standing()


@pytest.mark.parametrize("coins", [[], [{"coin": "BTC", "walletBalance": "1"}]])
async def test_an_account_that_never_held_our_money_is_told(at: Desk, coins: list[object]) -> None:
    at.venue.coins = coins  # type: ignore[assignment] # as odd as a venue may be
    assert (await at.exchange.standing()).balance is None


@pytest.mark.parametrize("coins", [None, [7]])
async def test_an_unreadable_wallet_is_not_an_empty_one(at: Desk, coins: object) -> None:
    at.venue.coins = coins  # type: ignore[assignment] # as odd as a venue may be
    with pytest.raises(Transient, match="coin"):
        await at.exchange.standing()


async def test_a_dead_key_is_denied(at: Desk) -> None:
    at.venue.fault(QUERY_API, reply(coded(33004, "Your api key has expired.")))
    with pytest.raises(Denied, match="33004"):
        await at.exchange.standing()
