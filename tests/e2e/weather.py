"""What may go wrong at the exchange in the course of a day, drawn from a seed.

It exists so that a bad day can be lived through again. A spell is a few faults that stand together
for a while; at most one of them touches our writes, so that protection always has a way.
"""

from random import Random
from typing import Any

Json = dict[str, Any]

CODES = (10000, 10016, 10006, 429, 170007)


def _write(dice: Random) -> Json:
    """Something that goes wrong with what we send."""
    code = dice.choice(CODES)
    return dice.choice(
        (
            {"target": "order/create", "kind": "lose_request", "p": 0.4},
            {"target": "order/create", "kind": "lose_response", "p": 0.4},
            {"target": "order/create", "kind": "late_apply", "p": 0.3, "delay_s": 30},
            {"target": "order/create", "kind": "cut", "p": 0.3},
            {"target": "order/create", "kind": "reply", "ret_code": code, "p": 0.4},
            {"target": "order/create", "kind": "reply", "ret_code": code, "apply": True, "p": 0.4},
            {"target": "order/create", "kind": "partial", "p": dice.choice((0.3, 0.6))},
            {"target": "order/create", "kind": "no_fill", "times": 3},
            {"target": "order/create", "kind": "reject_after_ack", "times": 3},
            {"target": "order/create", "kind": "no_attach", "times": 3},
            {"target": "position/trading-stop", "kind": "lose_response", "p": 0.5},
            {"target": "position/trading-stop", "kind": "reply", "ret_code": code, "p": 0.5},
            {"target": "order/cancel", "kind": "lose_response", "p": 0.5},
            {"target": "order/cancel", "kind": "lose_request", "p": 0.5},
            {"target": "*", "kind": "stop_no_fill"},
            {"target": "*", "kind": "twice_filled"},
        )
    )


def _read(dice: Random) -> Json:
    """Something that goes wrong with what we ask."""
    path = dice.choice(("position/list", "order/realtime", "execution/list", "order/history"))
    return dice.choice(
        (
            {"target": path, "kind": "lose_response", "p": 0.3},
            {"target": path, "kind": "reply", "body": "<html>", "p": 0.3},
            {"target": path, "kind": "reply", "status": 502, "p": 0.3},
            {"target": path, "kind": "reply", "ret_code": dice.choice(CODES), "p": 0.3},
            {"target": path, "kind": "stale_reads", "delay_s": dice.choice((2, 5, 15))},
            {"target": "account/wallet-balance", "kind": "reply", "status": 500, "p": 0.3},
            {"target": "market/kline", "kind": "reply", "status": 502, "p": 0.3},
            {"target": "market/tickers", "kind": "reply", "ret_code": 10016, "p": 0.5},
        )
    )


def _stream(dice: Random) -> Json:
    """Something that goes wrong with what we hear."""
    return dice.choice(
        (
            {"target": "public", "kind": "close", "times": 1},
            {"target": "public", "kind": "stall"},
            {"target": "kline", "kind": "drop", "p": 0.1},
            {"target": "kline", "kind": "dup", "p": 0.2},
            {"target": "orderbook", "kind": "gap", "p": 0.02},
            {"target": "orderbook", "kind": "crossed", "p": 0.01},
            {"target": "publicTrade", "kind": "dup", "p": 0.2},
            {"target": "publicTrade", "kind": "reorder", "p": 0.2},
            {"target": "tickers", "kind": "stall"},
            {"target": "public", "kind": "garbage", "p": 0.002},
        )
    )


def _hand(dice: Random, held: list[str]) -> Json:
    """Somebody else's act; on what is held where it needs that."""
    money = {"target": "*", "kind": "transfer", "amount": str(dice.choice((-50, 20, 75)))}
    if not held:
        return money
    symbol = dice.choice(held)
    return dice.choice(
        (
            money,
            {"target": "*", "kind": "restart", "delay_s": 15},
            {"target": symbol, "kind": "drop_stop"},
            {"target": symbol, "kind": "liquidate"},
            {"target": symbol, "kind": "adl", "amount": "1"},
        )
    )


def spell(dice: Random, held: list[str]) -> list[Json]:
    """The faults of one spell."""
    faults = [_write(dice)] if dice.random() < 0.7 else []
    faults += [_read(dice) for _ in range(dice.choice((0, 1, 1, 2)))]
    faults += [_stream(dice)] if dice.random() < 0.5 else []
    faults += [_hand(dice, held)] if dice.random() < 0.25 else []
    return faults or [_read(dice)]
