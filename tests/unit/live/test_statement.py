"""The account in one consistent read.

FT12, reads that lag: test_positions_*, test_an_older_view_*
FT13, pages: test_every_page_*, test_a_later_page_*
FT40 and FT52, other hands: test_what_others_did_is_told_with_its_cause
I19, failed reads: test_a_failed_read_moves_nothing
"""

from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from rest_venue import NOW, coded, envelope, reply
from trade_venue import (
    ENTRY,
    EXECUTIONS,
    LOG,
    POSITIONS,
    REALTIME,
    TARGET,
    WALLET,
    D,
    Desk,
    changed_order,
    desk,
    execution_row,
    order_row,
    position_row,
)

from engine.core.events import AccountPosition, TransferSeen
from engine.core.values import Purpose, Side
from engine.errors import Transient

DAY_MS = 86_400_000


@pytest.fixture
async def at() -> AsyncIterator[Desk]:
    async with desk() as made:
        yield made


def asked(at: Desk, path: str) -> list[dict[str, str]]:
    return [query for seen, query in at.venue.asked if seen == path]


async def test_the_account_is_read_in_an_order_that_shows_changes(at: Desk) -> None:
    at.venue.positions = [position_row(), position_row("ETHUSDT", side="Sell", stopLoss="")]
    at.venue.orders = [order_row(TARGET, "New")]
    at.venue.executions = [execution_row()]
    seen = await at.exchange.account()
    assert seen.balance == D("1000.5")
    assert seen.positions == (
        AccountPosition("BTCUSDT", Side.LONG, D(10), D("100.25"), D("98.5"), NOW - 50),
        AccountPosition("ETHUSDT", Side.SHORT, D(10), D("100.25"), None, NOW - 50),
    )
    assert seen.order_ids == (TARGET.id,)
    assert [fill.id for fill in seen.fills] == ["x1"]
    assert [path for path, _ in at.venue.asked][:5] == [
        POSITIONS,
        REALTIME,
        EXECUTIONS,
        POSITIONS,
        WALLET,
    ]
    assert all(query["limit"] == "200" for query in asked(at, POSITIONS))
    assert asked(at, REALTIME)[0]["limit"] == "50"
    assert "execType" not in asked(at, EXECUTIONS)[0]


async def test_only_our_working_orders_are_listed(at: Desk) -> None:
    at.venue.orders = [
        order_row(TARGET, "New"),
        order_row(changed_order(TARGET, "alpha-1-10T"), "Filled"),
        order_row(changed_order(TARGET, "alpha-1-11T"), "SomethingNew"),
        order_row(changed_order(TARGET, "beta-1-9T"), "New"),
        order_row(changed_order(TARGET, ""), "Untriggered"),
    ]
    assert (await at.exchange.account()).order_ids == (TARGET.id, "alpha-1-11T")


async def test_every_page_of_everything_is_read(at: Desk) -> None:
    at.venue.positions = [position_row(f"C{i}USDT") for i in range(205)]
    at.venue.orders = [order_row(changed_order(TARGET, f"alpha-1-{i}T"), "New") for i in range(120)]
    at.venue.executions = [execution_row(f"x{i}") for i in range(205)]
    seen = await at.exchange.account()
    assert (len(seen.positions), len(seen.order_ids), len(seen.fills)) == (205, 120, 205)


@pytest.mark.parametrize("path", [POSITIONS, REALTIME, EXECUTIONS])
async def test_a_later_page_that_fails_voids_the_read(at: Desk, path: str) -> None:
    at.venue.positions = [position_row(f"C{i}USDT") for i in range(205)]
    at.venue.orders = [order_row(changed_order(TARGET, f"alpha-1-{i}T"), "New") for i in range(120)]
    at.venue.executions = [execution_row(f"x{i}") for i in range(205)]
    first = {"list": [], "nextPageCursor": "at%3D100"}
    row = {POSITIONS: position_row(), REALTIME: order_row(), EXECUTIONS: execution_row()}[path]
    bad = [reply(coded(10016)) for _ in range(3)]
    at.venue.fault(path, reply(envelope(first | {"list": [row]})), *bad)
    with pytest.raises(Transient, match="10016"):
        await at.exchange.account()


@pytest.mark.parametrize("path", [POSITIONS, REALTIME, EXECUTIONS, WALLET])
@pytest.mark.parametrize("body", ["<html>", "", envelope(None), envelope({"list": None})])
async def test_an_unreadable_read_is_never_flat(at: Desk, path: str, body: object) -> None:
    at.venue.fault(path, *(reply(body) for _ in range(3)))
    with pytest.raises(Transient):
        await at.exchange.account()


@pytest.mark.parametrize("coins", [[], [{"coin": "BTC", "walletBalance": "1"}], [7]])
async def test_a_wallet_without_our_money_is_no_zero(at: Desk, coins: list[object]) -> None:
    at.venue.coins = coins  # type: ignore[assignment] # as odd as a venue may be
    with pytest.raises(Transient, match="wallet: expected a row of USDT"):
        await at.exchange.account()


async def test_positions_that_change_meanwhile_are_read_again(at: Desk) -> None:
    at.venue.positions = [position_row()]

    def fill(path: str) -> None:
        if path == EXECUTIONS and at.venue.count(EXECUTIONS) == 0:
            at.venue.positions = [position_row(seq=6, size="12")]
            at.venue.executions = [execution_row()]

    at.venue.on = fill
    seen = await at.exchange.account()
    assert (seen.positions[0].qty, len(seen.fills)) == (D(12), 1)
    assert at.venue.count(POSITIONS) == 4


async def test_positions_that_never_agree_are_no_account(at: Desk) -> None:
    def move(path: str) -> None:
        at.venue.positions = [position_row(seq=len(at.venue.asked), leverage=str(len(path)))]

    at.venue.on = move
    with pytest.raises(Transient, match="expected two looks at the positions to agree"):
        await at.exchange.account()
    assert at.venue.count(POSITIONS) == 8


async def test_an_older_view_never_replaces_a_newer_one(at: Desk) -> None:
    at.venue.positions = [position_row(seq=9, updatedTime=str(NOW))]
    await at.exchange.account()
    at.venue.positions = [position_row(seq=8, updatedTime=str(NOW - 20))]
    with pytest.raises(Transient, match="agree"):
        await at.exchange.account()
    at.venue.positions = [position_row(seq=1, updatedTime=str(NOW + 1))]  # the venue counts anew
    assert (await at.exchange.account()).positions[0].updated_ms == NOW + 1


async def test_what_others_did_is_told_with_its_cause(at: Desk) -> None:
    at.venue.executions = [
        execution_row("f", None, execType="Funding", execFee="0.25"),
        execution_row("l", None, execType="BustTrade", execTime=str(NOW - 9)),
        execution_row("s", None, createType="CreateByStopLoss", execTime=str(NOW - 8)),
        execution_row("o", ENTRY, execTime=str(NOW - 70)),
        execution_row("c", None, symbol="BTCPERP"),
    ]
    seen = await at.exchange.account()
    assert [(x.id, x.purpose, x.cause) for x in seen.fills] == [
        ("o", Purpose.ENTRY, ""),
        ("l", Purpose.EXIT, "liquidation"),
        ("s", Purpose.STOP, ""),
    ]
    assert [(x.id, x.amount) for x in seen.funding] == [("f", D("0.25"))]


async def test_one_row_that_cannot_be_true_voids_the_read(at: Desk) -> None:
    at.venue.executions = [execution_row("good"), execution_row("bad", execPrice="0")]
    with pytest.raises(Transient, match="execPrice"):
        await at.exchange.account()


# -- which time ------------------------------------------------------------------------------------


async def test_the_first_read_looks_back_a_day_and_the_next_ten_minutes(at: Desk) -> None:
    at.venue.executions = [execution_row(execTime=str(NOW - 1000))]
    await at.exchange.account()
    await at.exchange.account()
    first, second = (int(query["startTime"]) for query in asked(at, EXECUTIONS))
    assert first == NOW - 1000 - DAY_MS - 600_000
    assert second == NOW - 1000 - 600_000


async def test_a_quiet_account_is_not_read_from_the_beginning_for_ever(at: Desk) -> None:
    await at.exchange.account()
    await at.exchange.account()
    assert int(asked(at, EXECUTIONS)[1]["startTime"]) == NOW - 3_600_000 - 600_000


async def test_a_long_absence_is_read_in_windows_of_seven_days() -> None:
    async with desk(since_ms=NOW - 15 * DAY_MS) as at:
        await at.exchange.account()
        spans = [(int(q["startTime"]), int(q["endTime"])) for q in asked(at, EXECUTIONS)]
        assert spans[0][0] == NOW - 16 * DAY_MS - 600_000
        assert spans[-1][1] == NOW + 600_000
        assert all(0 < end - start < 7 * DAY_MS for start, end in spans)
        assert all(a[1] + 1 == b[0] for a, b in pairwise(spans))


async def test_nothing_before_the_account_began_is_asked_for() -> None:
    async with desk(began_ms=NOW - 500, since_ms=NOW - 500) as at:
        await at.exchange.account()
        assert asked(at, EXECUTIONS)[0]["startTime"] == str(NOW - 500)
        assert asked(at, LOG)[0]["startTime"] == str(NOW - 500)


async def test_a_failed_read_moves_nothing(at: Desk) -> None:
    at.venue.fault(WALLET, *(reply(coded(10016)) for _ in range(3)))
    with pytest.raises(Transient):
        await at.exchange.account()
    await at.exchange.account()
    first, second = asked(at, EXECUTIONS)
    assert first["startTime"] == second["startTime"]


# -- transfers -------------------------------------------------------------------------------------


async def test_money_that_came_or_went_is_told(at: Desk) -> None:
    at.venue.moved = [
        {"id": "t1", "type": "TRANSFER_IN", "change": "500", "transactionTime": str(NOW - 9)},
        {"id": "t2", "type": "TRANSFER_OUT", "change": "-20.5", "transactionTime": str(NOW - 3)},
    ]
    await at.exchange.account()
    assert at.heard == [TransferSeen("t1", D(500)), TransferSeen("t2", D("-20.5"))]
    await at.exchange.account()
    assert at.venue.count(LOG) == 2  # not at every read
    at.naps.now += 60
    await at.exchange.account()
    assert int(asked(at, LOG)[-1]["startTime"]) == NOW - 3 - 600_000


async def test_a_log_that_cannot_be_read_voids_no_account(at: Desk) -> None:
    at.venue.moved = [
        {"id": "t1", "type": "TRANSFER_IN", "change": "500", "transactionTime": str(NOW - 9)}
    ]
    at.venue.fault(LOG, *(reply(coded(10016)) for _ in range(3)))
    assert (await at.exchange.account()).balance == D("1000.5")
    at.venue.fault(LOG, *(reply(envelope({"list": [{"type": "?"}]})) for _ in range(2)))
    at.naps.now += 60
    await at.exchange.account()
    assert at.heard == []
    at.naps.now += 60
    await at.exchange.account()
    assert at.heard == [TransferSeen("t1", D(500))]
