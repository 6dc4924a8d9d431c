import json
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tinydb import TinyDB, where

from engine.core.facts import Booted, Funded, Record
from engine.core.ledger import Ledger
from engine.core.migrations import SCHEMA
from engine.errors import StoreError
from engine.live.checkpoint import (
    Checkpoint,
    CheckpointDamaged,
    read_checkpoint,
    write_checkpoint,
)

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "state-1.json"
STATE: dict[str, Any] = {
    "seq": 7,
    "peak": None,
    "day": "2026-01-31",
    "orders": {"a-1": {"qty": "0.5"}, "a-2": {"qty": "1"}},
    "positions": {},
    "cooling": {"SOLUSDT": 5, "BTCUSDT": 6},
    "mixed": {"plain": 1, "table": {"a": [1]}},
    "trades": [{"net": "1.5"}, {"net": "-1"}],
    "fill_ids": ["x", "y"],
    "skipped": [],
}


def test_the_state_is_read_back_as_it_was(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, Checkpoint(7, STATE))

    assert read_checkpoint(tmp_path / "state.json") == Checkpoint(7, STATE)
    assert [p.name for p in tmp_path.iterdir()] == ["state.json"]


def test_a_ledger_survives_the_round_trip(tmp_path: Path) -> None:
    ledger = Ledger()
    ledger.apply(Record(1, 1000, Booted(1, "0.1", "paper", was_clean=True)))
    ledger.apply(Record(2, 1000, Funded(Decimal("10000.10"))))
    write_checkpoint(tmp_path, Checkpoint(ledger.seq, ledger.dump()))

    loaded = Ledger.load(read_checkpoint(tmp_path / "state.json").state)
    assert loaded.digest() == ledger.digest()


def test_any_tinydb_opens_it(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, Checkpoint(7, STATE))

    with TinyDB(tmp_path / "state.json", access_mode="r") as database:
        tables = database.tables()
        row = database.table("orders").get(where("key") == "a-2")
        meta = database.table("meta").all()
        cooling = database.table("cooling").all()

    assert tables == {
        *("_envelope", "meta", "orders", "positions", "trades", "fill_ids", "skipped"),
        *("cooling", "mixed"),
    }
    assert row == {"key": "a-2", "value": {"qty": "1"}}
    assert cooling == [{"SOLUSDT": 5, "BTCUSDT": 6}]
    assert meta == [{"seq": 7, "peak": None, "day": "2026-01-31"}]


def test_the_previous_generation_is_kept(tmp_path: Path) -> None:
    for seq in (1, 2, 3):
        write_checkpoint(tmp_path, Checkpoint(seq, {"n": seq}))

    assert read_checkpoint(tmp_path / "state.json") == Checkpoint(3, {"n": 3})
    assert read_checkpoint(tmp_path / "state.json.1") == Checkpoint(2, {"n": 2})


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (Decimal(1), "Decimal is not JSON serializable"),
        ({"a": [float("nan")]}, "not JSON compliant"),
    ],
)
def test_what_cannot_be_written_exactly_leaves_the_old_file(
    tmp_path: Path, value: object, problem: str
) -> None:
    write_checkpoint(tmp_path, Checkpoint(1, {"n": 1}))

    with pytest.raises(StoreError, match=problem):
        write_checkpoint(tmp_path, Checkpoint(2, {"n": value}))

    assert read_checkpoint(tmp_path / "state.json") == Checkpoint(1, {"n": 1})
    assert [p.name for p in tmp_path.iterdir()] == ["state.json"]


def test_a_folder_that_vanished_refuses(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="expected to write a checkpoint, found: "):
        write_checkpoint(tmp_path / "gone", Checkpoint(1, {}))


def test_cut_or_flipped_anywhere_it_is_never_another_state(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    good = Checkpoint(7, {"n": 7, "rows": [{"net": "1.5"}]})
    write_checkpoint(tmp_path, good)
    whole = path.read_bytes()
    flipped = (
        whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :]
        for place in range(len(whole))
    )
    refused = 0
    for damaged in (*(whole[:cut] for cut in range(len(whole))), *flipped):
        path.write_bytes(damaged)
        try:
            assert read_checkpoint(path) == good  # damage in white space is none
        except CheckpointDamaged:
            refused += 1
    assert refused >= 2 * len(whole) - 4


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"null", b'{"_envelope":{"1":{}}}', b'{"_envelope":7}']
)
def test_another_root_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(content)
    with pytest.raises(CheckpointDamaged, match="expected a checkpoint, found"):
        read_checkpoint(path)


@pytest.mark.parametrize("schema", [0, 3])
def test_a_schema_that_is_newer_or_forgotten_is_refused_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schema: int
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("engine.live.checkpoint.SCHEMA", schema)
        write_checkpoint(tmp_path, Checkpoint(1, {"n": 1}))

    with pytest.raises(StoreError, match=f"expected schema 1 to 2, found {schema}") as caught:
        read_checkpoint(tmp_path / "state.json")
    assert not isinstance(caught.value, CheckpointDamaged)


def test_an_older_schema_is_brought_up_to_date_and_the_file_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    shutil.copy(SAMPLE, path)
    before = path.read_bytes()

    checkpoint = read_checkpoint(path)
    assert checkpoint.seq == 328
    assert Ledger.load(checkpoint.state).positions[0].cost == Decimal("4787.46979")
    assert path.read_bytes() == before  # a step back to the older version is still possible

    write_checkpoint(tmp_path, checkpoint)
    assert read_checkpoint(path) == checkpoint
    assert json.loads(path.read_bytes())["_envelope"]["1"]["schema"] == SCHEMA
    assert path.with_name("state.json.1").read_bytes() == before


def test_an_older_state_of_another_shape_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("engine.live.checkpoint.SCHEMA", 1)
        write_checkpoint(tmp_path, Checkpoint(1, {"n": 1}))
    with pytest.raises(StoreError, match="expected a state of schema 1, found KeyError"):
        read_checkpoint(tmp_path / "state.json")


def test_a_changed_number_is_found(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_checkpoint(tmp_path, Checkpoint(7, STATE))
    tables = json.loads(path.read_bytes())
    tables["orders"]["1"]["value"]["qty"] = "0.6"
    path.write_text(json.dumps(tables))

    with pytest.raises(CheckpointDamaged, match="expected sha256"):
        read_checkpoint(path)
