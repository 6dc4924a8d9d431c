"""The witness at the exchange: what it counts, and what it objects to."""

from decimal import Decimal

import msgspec
import pytest
from hearings import NOW, START, Hearing, entering, leaving

from builders import D
from engine.core import events as e
from engine.core.intents import CancelOrder, FindOrder, PlaceOrder
from engine.core.values import Fill, OrderSide, Purpose

EXIT = leaving()


def sold(hearing: Hearing, **changes: object) -> Fill:
    fill = next(iter(hearing.truth.fills.values()))
    fields: dict[str, object] = {
        "id": "x:1",
        "order_id": "x",
        "purpose": Purpose.EXIT,
        "side": OrderSide.SELL,
    }
    return msgspec.structs.replace(fill, **{**fields, **changes})


def names(hearing: Hearing) -> list[str]:
    return [name for name, _ in hearing.truth.problems]


def test_an_undisturbed_trade_adds_up() -> None:
    hearing = Hearing()
    hearing.execute(EXIT)
    assert hearing.truth.problems == []
    assert hearing.truth.held == {}
    assert hearing.truth.cash == hearing.truth.matching.account().balance


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"qty": Decimal(11)}, ["I04"]),
        ({"side": OrderSide.BUY}, ["I03"]),
        ({"symbol": "ETHUSDT"}, ["I04"]),
        ({"id": "alpha-1-9E:1", "qty": Decimal(1)}, ["I08"]),
    ],
)
def test_an_execution_that_must_not_be(changes: dict[str, object], expected: list[str]) -> None:
    hearing = Hearing()
    hearing.truth._count(sold(hearing, **changes), NOW)
    assert names(hearing) == expected


def test_an_account_that_does_not_add_up() -> None:
    hearing = Hearing()
    hearing.truth.matching.reduce("SOLUSDT", D(1), "by hand", NOW)
    hearing.truth._watch(NOW)
    assert names(hearing) == ["I08", "I11"]


def test_a_position_nobody_counted() -> None:
    hearing = Hearing()
    hearing.truth.matching.place(entering(), NOW)
    hearing.truth._watch(NOW)
    assert names(hearing) == ["I08", "I11"]


def test_two_orders_under_one_id() -> None:
    hearing = Hearing()
    hearing.truth.place(PlaceOrder(entering()), NOW)
    hearing.truth.place(PlaceOrder(entering()), NOW)
    assert names(hearing) == []
    hearing.truth.place(PlaceOrder(entering(qty=D(9))), NOW)
    assert names(hearing) == ["I05"]


def test_two_entries_on_one_signal() -> None:
    hearing = Hearing()
    hearing.truth.place(PlaceOrder(entering()), NOW)
    hearing.truth.place(PlaceOrder(entering("alpha-1-21E")), NOW)
    assert names(hearing) == ["I05"]


def test_what_lags_does_not_know_the_newest() -> None:
    hearing = Hearing()
    hearing.truth.place(PlaceOrder(EXIT), NOW)
    late = hearing.truth.find(FindOrder(EXIT), NOW + 5, 10)
    assert late == e.OrderMissing(EXIT.id)
    assert isinstance(hearing.truth.find(FindOrder(EXIT), NOW + 5, 5), e.OrderGone)
    assert hearing.truth.account(NOW + 5).positions == ()
    hearing.truth.transfer(D(3), NOW + 1)
    newest = hearing.truth.account(NOW + 5)
    assert hearing.truth.account(NOW + 5, 4) == newest
    assert hearing.truth.account(NOW + 5, 5).balance == newest.balance - 3
    assert hearing.truth.account(NOW + 5, 50) == newest  # nobody remembers


def test_a_stop_that_is_not_attached_leaves_the_position_bare() -> None:
    hearing = Hearing()
    hearing.truth.place(PlaceOrder(entering()), NOW, attach=False)
    assert hearing.truth.held["ETHUSDT"].bare_ms == NOW
    hearing.truth.move_stop("ETHUSDT", D(97), NOW + 7)
    assert hearing.truth.bare_total_ms == 7
    hearing.truth.reduce("ETHUSDT", D(10), "by hand", NOW + 9)
    assert hearing.truth.bare_total_ms == 7


def test_a_cancel_of_nothing_is_missing() -> None:
    answer = Hearing().truth.cancel(CancelOrder(EXIT))
    assert answer == [e.OrderMissing(EXIT.id)]


def test_on_paper_the_account_is_what_the_ledger_remembers() -> None:
    hearing = Hearing()
    hearing.truth.transfer(D(3), NOW)
    hearing.truth.restore(hearing.ledger, hearing.shadow, NOW)
    assert hearing.truth.matching.account().balance == hearing.ledger.balance < START
    assert hearing.truth.transfers == {}
    hearing.truth._watch(NOW)
    assert hearing.truth.problems == []
