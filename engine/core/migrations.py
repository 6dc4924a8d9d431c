"""How a checkpoint of an older version becomes one of today: pure functions, one for each step.

It exists so that an update needs no fold of the whole journal. A step writes what today's fold of
the same facts would have left, and must never guess: what the old state did not keep stays unknown.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from engine.core.values import settled

Tables = dict[str, Any]  # as `Ledger.dump` makes them: JSON-ready, Decimals as strings


def _from_1(state: Tables) -> Tables:
    """Cost and ladders of positions; trades know their last stop, executions their time."""
    orders = state["orders"].values()
    positions = {
        name: _position_from_1(position, [o for o in orders if _is_target_of(o, position)])
        for name, position in state["positions"].items()
    }
    trades = [_trade_from_1(trade) for trade in state["trades"]]
    seen = dict.fromkeys(state["fill_ids"], state["at_ms"])  # by then: when was not kept
    return {**state, "positions": positions, "trades": trades, "fill_ids": seen}


def _is_target_of(progress: Tables, position: Tables) -> bool:
    order = progress["order"]
    return bool(order["position_id"] == position["id"] and order["purpose"] == "TARGET")


def _position_from_1(position: Tables, targets: list[Tables]) -> Tables:
    """With cost and partly sold rungs; before the first closed bar its extremes were its fills'."""
    has_bars = position["bars_held"] > 0
    extremes = {} if has_bars else {"best": None, "worst": None}
    fills = {} if has_bars else {"best_fill": position["best"], "worst_fill": position["worst"]}
    rungs = [_rung_from_1(rung, targets) for rung in position["rungs"]]
    return {
        **position,
        **extremes,
        **fills,
        "cost": str(_cost(position)),
        "funded_ms": position["opened_ms"],
        "rungs": rungs,
    }


def _cost(position: Tables) -> Decimal:
    """The part of the entry's value that was not sold, rounded as the fold rounds it."""
    bought, value, sold = (Decimal(position[k]) for k in ("entry_qty", "entry_value", "exit_qty"))
    return value - settled(value * sold / bought) if sold else value


def _rung_from_1(rung: Tables, targets: list[Tables]) -> Tables:
    """What its orders sold, however often they had to be placed again."""
    price = Decimal(rung["target"]["price"])
    filled = sum(
        (Decimal(o["filled_qty"]) for o in targets if Decimal(o["order"]["price"]) == price),
        Decimal(0),
    )
    return {
        "target": rung["target"],
        "order_id": rung["order_id"],
        "filled_qty": str(filled),
    }


def _trade_from_1(trade: Tables) -> Tables:
    """Its rule names the stop that ended it, if one did."""
    return {**trade, "protected": trade["rule"]} if trade["rule"] == "BREAKEVEN" else trade


MIGRATIONS: dict[int, Callable[[Tables], Tables]] = {1: _from_1}  # from this schema to the next
SCHEMA = max(MIGRATIONS) + 1


def migrate(state: Tables, schema: int) -> Tables:
    """A state of that schema as one of `SCHEMA`; the given one is left as it is."""
    for step in range(schema, SCHEMA):
        state = MIGRATIONS[step](state)
    return state
