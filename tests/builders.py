"""Small legal values for tests: one instrument, one order, one fill, one signal at a time."""

from decimal import Decimal

from engine.core.checks import CANDLE_ONLY
from engine.core.values import (
    Fill,
    Instrument,
    Level,
    Order,
    OrderKind,
    OrderSide,
    Purpose,
    Setup,
    Side,
    Signal,
)

D = Decimal
NO_FLOW = tuple(name for name in CANDLE_ONLY if name != "spread")  # for markets without order flow
T0 = 1_750_000_000_000  # a bar boundary of every frame used here, less 200 s

INSTRUMENT = Instrument(
    symbol="SOLUSDT",
    base="SOL",
    quote="USDT",
    tick=D("0.01"),
    lot=D("0.1"),
    qty_min=D("0.1"),
    notional_min=D(5),
    taker_bps=D("5.5"),
    maker_bps=D(2),
)


def order(purpose: Purpose = Purpose.ENTRY, **changes: object) -> Order:
    """An order of position 1: a long's entry unless changed."""
    is_entry = purpose is Purpose.ENTRY
    fields: dict[str, object] = {
        "id": f"alpha-1-1{purpose[0]}",
        "position_id": 1,
        "symbol": "SOLUSDT",
        "purpose": purpose,
        "side": OrderSide.BUY if is_entry else OrderSide.SELL,
        "kind": OrderKind.IOC if is_entry else OrderKind.MARKET,
        "qty": D(10),
        "reduce_only": not is_entry,
        "reason": "test",
        "price": D("100.15") if is_entry else None,
        "stop": D(98) if is_entry else None,
    }
    return Order(**{**fields, **changes})  # type: ignore[arg-type] # keys are the caller's


def fill(purpose: Purpose = Purpose.ENTRY, **changes: object) -> Fill:
    """A taker fill of the order above at 100."""
    is_entry = purpose is Purpose.ENTRY
    fields: dict[str, object] = {
        "id": f"alpha-1-1{purpose[0]}:1",
        "order_id": f"alpha-1-1{purpose[0]}",
        "symbol": "SOLUSDT",
        "purpose": purpose,
        "side": OrderSide.BUY if is_entry else OrderSide.SELL,
        "qty": D(10),
        "price": D(100),
        "fee": D("0.55"),
        "is_maker": False,
        "exchange_ms": T0,
    }
    return Fill(**{**fields, **changes})  # type: ignore[arg-type] # keys are the caller's


def signal(side: Side = Side.LONG, **changes: object) -> Signal:
    """A momentum claim at 103.00 with its stop at 101.48, as in golden case A.3."""
    level = Level(side, 102.2, 11, T0 - 10_000_000, T0 - 600_000, 199, 0.9)
    fields: dict[str, object] = {
        "id": f"SOLUSDT:{T0}:MOMENTUM:{side}",
        "symbol": "SOLUSDT",
        "side": side,
        "setup": Setup.MOMENTUM,
        "open_ms": T0,
        "level": level,
        "trigger": 102.32264,
        "price": 103.0,
        "stop": 101.48,
        "atr": 0.6,
        "expires_ms": T0 + 600_000,
        "checks": (),
    }
    return Signal(**{**fields, **changes})  # type: ignore[arg-type] # keys are the caller's
