"""Checkpoints of every released schema, read by today's code (`tests/samples`)."""

import copy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.core.ledger import Ledger
from engine.core.migrations import MIGRATIONS, SCHEMA, migrate
from engine.core.positions import Position
from engine.live.checkpoint import read_checkpoint
from engine.live.journal import JournalFile, read_journal

SAMPLES = Path(__file__).resolve().parents[2] / "samples"

# What the old state did not keep and nothing today may guess; each has a meaning for "unknown".
UNKNOWN = {
    1: {"atr0", "vol0", "obstacles", "seen_ms", "changed_ms", "held_ms", "best_fill", "worst_fill"},
}


def known(schema: int, position: Position) -> dict[str, Any]:
    """Everything of a position that the old state told."""
    names = (name for name in position.__struct_fields__ if name not in UNKNOWN[schema])
    told = {name: getattr(position, name) for name in names}
    return {**told, "extremes": position.extremes, "avg": position.avg, "gross": position.gross}


@pytest.mark.parametrize("schema", MIGRATIONS)
def test_a_migrated_checkpoint_and_the_whole_journal_agree(schema: int) -> None:
    file = JournalFile(1, SAMPLES / f"journal-{schema}.jsonl")
    records = read_journal(file, is_last=True).records
    checkpoint = read_checkpoint(SAMPLES / f"state-{schema}.json")
    folded, migrated = Ledger(), Ledger.load(checkpoint.state)
    for record in records:
        folded.apply(record)
    for record in records[checkpoint.seq :]:
        migrated.apply(record)

    one, other = folded.state, migrated.state
    assert folded.balance == migrated.balance
    assert (one.settled, one.peak, one.day_start) == (other.settled, other.peak, other.day_start)
    assert [known(schema, p) for p in folded.positions] == [
        known(schema, p) for p in migrated.positions
    ]
    assert any(p.exit_qty and p.qty for p in migrated.positions)  # one is half closed
    assert (one.trades, one.gates, one.orders) == (other.trades, other.gates, other.orders)
    assert list(one.fill_ids) == list(other.fill_ids)
    rest = ("seq", "boot", "started_ms", "next_position_id", "streak", "day", "cooling", "skipped")
    assert [getattr(one, name) for name in rest] == [getattr(other, name) for name in rest]


def old_position(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 -- any field of an old row
    return {
        "id": 3,
        "entry_qty": "0",
        "entry_value": "0",
        "exit_qty": "0",
        "bars_held": 0,
        "best": None,
        "worst": None,
        "opened_ms": 0,
        "rungs": [],
        **changes,
    }


def old_state(position: dict[str, Any], *orders: dict[str, Any]) -> dict[str, Any]:
    return {
        "at_ms": 9_000,
        "orders": {str(number): order for number, order in enumerate(orders)},
        "positions": {"3": position},
        "trades": [{"rule": "BREAKEVEN"}, {"rule": "target_1"}],
        "fill_ids": ["a", "b"],
    }


def target(price: str, filled: str, position_id: int = 3) -> dict[str, Any]:
    order = {"position_id": position_id, "purpose": "TARGET", "price": price}
    return {"order": order, "filled_qty": filled}


@pytest.mark.parametrize(
    ("bought", "value", "sold", "cost"),
    [
        ("0", "0", "0", "0"),
        ("3", "100", "0", "100"),
        ("3", "100", "1", "66.6666666666666667"),  # 33.3333333333333333 went, rounded once
        ("3", "100", "3", "0"),
    ],
)
def test_what_is_still_held_has_its_part_of_the_cost(
    bought: str, value: str, sold: str, cost: str
) -> None:
    position = old_position(entry_qty=bought, entry_value=value, exit_qty=sold)
    new = migrate(old_state(position), 1)["positions"]["3"]
    assert Decimal(new["cost"]) == Decimal(cost)


def test_a_rung_has_sold_what_its_orders_sold() -> None:
    rungs = [
        {"target": {"price": "1.50"}, "order_id": None, "is_filled": False},
        {"target": {"price": "2"}, "order_id": "x", "is_filled": False},
    ]
    orders = (target("1.5", "2"), target("1.50", "3"), target("2", "0"), target("1.5", "7", 4))
    position = migrate(old_state(old_position(rungs=rungs), *orders), 1)["positions"]["3"]
    assert [(r["order_id"], Decimal(r["filled_qty"])) for r in position["rungs"]] == [
        (None, Decimal(5)),
        ("x", Decimal(0)),
    ]
    assert "is_filled" not in position["rungs"][0]


def test_extremes_before_the_first_closed_bar_were_those_of_fills() -> None:
    young = old_position(best=2.0, worst=1.0, opened_ms=7)
    new = migrate(old_state(young), 1)["positions"]["3"]
    names = ("best", "worst", "best_fill", "worst_fill", "funded_ms")
    assert [new[name] for name in names] == [None, None, 2.0, 1.0, 7]

    held = old_position(best=2.0, worst=1.0, bars_held=1)
    new = migrate(old_state(held), 1)["positions"]["3"]
    assert (new["best"], new["worst"], "best_fill" in new) == (2.0, 1.0, False)


def test_trades_and_executions_get_what_is_known_of_them() -> None:
    new = migrate(old_state(old_position()), 1)
    assert new["trades"] == [{"rule": "BREAKEVEN", "protected": "BREAKEVEN"}, {"rule": "target_1"}]
    assert new["fill_ids"] == {"a": 9_000, "b": 9_000}


def test_the_old_state_is_left_as_it_is() -> None:
    old = read_checkpoint(SAMPLES / "state-1.json").state
    before = copy.deepcopy(old)
    assert migrate(old, SCHEMA) is old  # of today already

    raw = old_state(old_position(rungs=[{"target": {"price": "1"}, "order_id": None}]))
    kept = copy.deepcopy(raw)
    migrate(raw, 1)
    assert (raw, old) == (kept, before)
