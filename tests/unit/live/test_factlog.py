import logging
from decimal import Decimal

import pytest

from engine.core.facts import OrderFilled, Reconciled, Record, SignalSkipped
from engine.core.values import (
    Check,
    CheckStatus,
    Fill,
    Level,
    OrderSide,
    Purpose,
    Setup,
    Side,
    Signal,
)
from engine.live.factlog import event_name, log_fact

FILL = Fill(
    id="f1",
    order_id="o1",
    symbol="BTCUSDT",
    purpose=Purpose.ENTRY,
    side=OrderSide.BUY,
    qty=Decimal("0.5"),
    price=Decimal(100),
    fee=Decimal("0.01"),
    is_maker=False,
    exchange_ms=900,
)


def test_a_fact_is_one_line_with_its_own_fields(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log_fact(Record(7, 1000, OrderFilled(3, FILL)))
    log_fact(Record(8, 1001, Reconciled(("one", "two"))))

    assert [(r.levelname, r.getMessage(), vars(r)["fields"]) for r in caplog.records] == [
        (
            "INFO",
            "order.filled",
            {
                "seq": 7,
                "at_ms": 1000,
                "position_id": 3,
                "fill.id": "f1",
                "fill.order_id": "o1",
                "fill.symbol": "BTCUSDT",
                "fill.purpose": Purpose.ENTRY,
                "fill.side": OrderSide.BUY,
                "fill.qty": Decimal("0.5"),
                "fill.price": Decimal(100),
                "fill.fee": Decimal("0.01"),
                "fill.is_maker": False,
                "fill.exchange_ms": 900,
                "fill.cause": "",
            },
        ),
        ("INFO", "reconciled", {"seq": 8, "at_ms": 1001, "corrections": "one; two"}),
    ]


def test_tables_inside_a_fact_stay_in_the_journal(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    signal = Signal(
        id="BTCUSDT:0:MOMENTUM:LONG",
        symbol="BTCUSDT",
        side=Side.LONG,
        setup=Setup.MOMENTUM,
        open_ms=0,
        level=Level(Side.LONG, 100.0, 3, 0, 10, 30, 0.7),
        trigger=101.0,
        price=102.0,
        stop=98.0,
        atr=1.5,
        expires_ms=5,
        checks=(Check("spread", "ticker", CheckStatus.PASS),),
    )
    log_fact(Record(1, 2, SignalSkipped(signal, "funds")))

    fields = vars(caplog.records[0])["fields"]
    assert fields["signal.level.price"] == 100.0
    assert fields["reason"] == "funds"
    assert not [name for name in fields if "checks" in name]


def test_an_event_name_is_dotted_and_lower_case() -> None:
    assert event_name(OrderFilled(3, FILL)) == "order.filled"
