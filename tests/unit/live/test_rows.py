"""Rows of the venue: exact, or named as what is wrong with them (FT15, FT52)."""

import pytest
from rest_venue import NOW
from trade_venue import ENTRY, TARGET, D, execution_row, flat_row, order_row, position_row

from engine.core.events import AccountPosition, TransferSeen
from engine.core.values import Fill, Funding, OrderSide, OrderState, Purpose, Side
from engine.errors import Transient
from engine.live.rows import Names, execution_of, order_of, position_of, transfer_of

NAMES = Names("alpha")


def test_a_position_is_exact() -> None:
    row = position_of(position_row(side="Sell", size="0.10", stopLoss="101.50"))
    assert row.seen() == AccountPosition(
        "BTCUSDT", Side.SHORT, D("0.10"), D("100.25"), D("101.50"), NOW - 50
    )
    assert (row.seq, row.idx, row.leverage) == (5, 0, D(3))


@pytest.mark.parametrize("stop", ["", "0", "0.00"])
def test_a_position_without_a_stop_shows_none(stop: str) -> None:
    assert position_of(position_row(stopLoss=stop)).stop is None


def test_a_flat_row_is_no_position() -> None:
    assert position_of(flat_row(leverage="")).seen() is None
    assert position_of(flat_row(leverage="")).leverage is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", None),
        ("size", ""),
        ("size", "-1"),
        ("size", "nan"),
        ("size", "Infinity"),
        ("size", 0.1),
        ("size", True),
        ("size", "ten"),
        ("side", "Both"),
        ("side", ["Buy"]),
        ("avgPrice", "0"),
        ("avgPrice", "-3"),
        ("stopLoss", "-1"),
        ("stopLoss", None),
        ("updatedTime", ""),
        ("updatedTime", "0"),
        ("seq", "x"),
        ("seq", "1.5"),
        ("positionIdx", None),
        ("symbol", ""),
        ("symbol", 7),
    ],
)
def test_a_position_that_cannot_be_true_names_row_and_field(name: str, value: object) -> None:
    with pytest.raises(Transient, match=rf"{name}: expected"):
        position_of(position_row() | {name: value})


def test_an_error_names_the_row() -> None:
    with pytest.raises(Transient, match=r"^symbol BTCUSDT: size: expected a number, found 'x'"):
        position_of(position_row(size="x"))
    with pytest.raises(Transient, match=r"^a row: symbol: expected a text, found 'None'"):
        position_of({"size": "0"})


@pytest.mark.parametrize(
    ("word", "state"),
    [
        *(
            (word, OrderState.OPEN)
            for word in (
                "New",
                "PartiallyFilled",
                "Untriggered",
                "Triggered",
                "Created",
                "Active",
                "PendingCancel",
            )
        ),
        ("Filled", OrderState.FILLED),
        ("PartiallyFilledCanceled", OrderState.CANCELED),
        ("Cancelled", OrderState.CANCELED),
        ("Deactivated", OrderState.CANCELED),
        ("Rejected", OrderState.REFUSED),
        ("SomethingNew", None),
    ],
)
def test_words_of_states(word: str, state: OrderState | None) -> None:
    assert order_of(order_row(ENTRY, word)).state is state


def test_what_an_order_executed_counts_more_than_its_word() -> None:
    row = order_of(order_row(ENTRY, "Rejected", cumExecQty="3", rejectReason="EC_X"))
    assert (row.state, row.filled_qty, row.detail) == (OrderState.CANCELED, D(3), "EC_X")


@pytest.mark.parametrize(
    ("name", "value"),
    [("cumExecQty", ""), ("cumExecQty", "-1"), ("orderId", ""), ("orderLinkId", 1)],
)
def test_an_order_that_cannot_be_true_is_no_row(name: str, value: object) -> None:
    with pytest.raises(Transient, match=name):
        order_of(order_row(ENTRY, "New", **{name: value}))


@pytest.mark.parametrize(
    ("order_id", "purpose"),
    [
        ("alpha-1-7E", Purpose.ENTRY),
        ("alpha-12-700A", Purpose.ADDON),
        ("alpha-1-7T", Purpose.TARGET),
        ("alpha-1-7X", Purpose.EXIT),
        ("beta-1-7E", None),
        ("alpha-1-7", None),
        ("alpha-1-7Z", None),
        ("xalpha-1-7E", None),
        ("alpha-1-7E-2", None),
        ("", None),
    ],
)
def test_an_order_id_tells_whose_and_why(order_id: str, purpose: Purpose | None) -> None:
    assert NAMES.purpose_of(order_id) is purpose


@pytest.mark.parametrize(
    ("order_id", "purpose"),
    [
        ("alpha-loyw3v28_1-7E", Purpose.ENTRY),
        ("alpha-loyw3v28_12-700X", Purpose.EXIT),
        ("alpha-loyw3v27_1-7E", None),
        ("alpha-1-7E", None),
    ],
)
def test_the_order_of_another_ledger_is_not_ours(order_id: str, purpose: Purpose | None) -> None:
    assert Names("alpha", lambda: "loyw3v28_").purpose_of(order_id) is purpose


def test_our_execution_is_a_fill_of_our_order() -> None:
    assert execution_of(execution_row(execFee="-0.1", isMaker=True), NAMES) == Fill(
        id="x1",
        order_id=ENTRY.id,
        symbol="BTCUSDT",
        purpose=Purpose.ENTRY,
        side=OrderSide.BUY,
        qty=D(10),
        price=D("100.25"),
        fee=D("-0.1"),
        is_maker=True,
        exchange_ms=NOW - 60,
    )


@pytest.mark.parametrize(
    ("changes", "purpose", "cause"),
    [
        ({"stopOrderType": "StopLoss"}, Purpose.STOP, ""),
        ({"createType": "CreateByStopLoss"}, Purpose.STOP, ""),
        ({"execType": "BustTrade"}, Purpose.EXIT, "liquidation"),
        ({"execType": "AdlTrade"}, Purpose.EXIT, "adl"),
        ({"execType": "Settle"}, Purpose.EXIT, "settlement"),
        ({"execType": "Delivery"}, Purpose.EXIT, "settlement"),
        ({"execType": "SomethingNew"}, Purpose.EXIT, "SomethingNew"),
        ({"closedSize": "4"}, Purpose.EXIT, "by hand"),
        ({"closedSize": "0"}, Purpose.ENTRY, "by hand"),
        ({"closedSize": ""}, Purpose.EXIT, "by hand"),
    ],
)
def test_an_execution_of_others_tells_its_cause(
    changes: dict[str, object], purpose: Purpose, cause: str
) -> None:
    fill = execution_of(execution_row(order=None) | changes, NAMES)
    assert isinstance(fill, Fill)
    assert (fill.purpose, fill.cause, fill.order_id) == (purpose, cause, "venue-1")


def test_adl_of_our_position_is_not_our_order() -> None:
    fill = execution_of(execution_row(order=TARGET, execType="AdlTrade"), NAMES)
    assert isinstance(fill, Fill)
    assert (fill.purpose, fill.cause) == (Purpose.EXIT, "adl")


def test_funding_is_money_and_no_fill() -> None:
    row = execution_row(order=None, execType="Funding", execFee="-0.07")
    assert execution_of(row, NAMES) == Funding("x1", "BTCUSDT", D("-0.07"), NOW - 60)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("execQty", "0"),
        ("execPrice", "0"),
        ("execPrice", "nan"),
        ("execFee", ""),
        ("execId", ""),
        ("execTime", "-5"),
        ("execType", None),
        ("side", "None"),
        ("isMaker", "false"),
        ("orderLinkId", None),
    ],
)
def test_an_execution_that_cannot_be_true_is_no_fill(name: str, value: object) -> None:
    with pytest.raises(Transient, match=name):
        execution_of(execution_row() | {name: value}, NAMES)


def test_a_transfer_keeps_its_sign() -> None:
    assert transfer_of({"id": "t1", "change": "-25.5"}) == TransferSeen("t1", D("-25.5"))
    with pytest.raises(Transient, match="id t1: change"):
        transfer_of({"id": "t1", "change": ""})
