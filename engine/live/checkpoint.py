"""The checkpoint: the hot state as a TinyDB database that is replaced whole, never edited in place.

It exists so that a start need not fold the whole journal, and so that a person can open the state
with common tools. It must never be believed when its checksum, schema or shape disagree, and it is
never the truth: the journal is.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from tinydb import TinyDB
from tinydb.storages import Storage

from engine.core.migrations import MIGRATIONS, SCHEMA, migrate
from engine.errors import StoreError
from engine.live.files import keep_previous, write_atomic

CURRENT = "state.json"
PREVIOUS = "state.json.1"
_ENVELOPE = "_envelope"
_SINGLES = "meta"  # the table of everything that is neither a mapping nor a list

Row = dict[str, Any]
Tables = dict[str, dict[str, Row]]  # as TinyDB has them: table -> document id -> document


class Checkpoint(NamedTuple):
    """The state as of record `seq`: names with JSON-ready values."""

    seq: int
    state: dict[str, Any]


class CheckpointDamaged(StoreError):
    """The file cannot be believed; an older one and the journals may still tell everything."""


class AtomicStorage(Storage):
    """Collects the writes of one checkpoint; `commit` puts them on disk in one instant."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tables: Tables = {}

    def read(self) -> Tables | None:  # type: ignore[explicit-override]  # typing has it from 3.12
        """The tables as collected so far."""
        return self._tables

    def write(self, data: Tables) -> None:  # type: ignore[explicit-override]  # as above
        """Collect; nothing reaches the disk before `commit`."""
        self._tables = data

    def commit(self, seq: int, shapes: dict[str, str]) -> None:
        """Serialize first, keep the previous generation, replace, make durable."""
        envelope = {"schema": SCHEMA, "seq": seq, "shapes": shapes}
        body = _json(self._tables)
        head = _json({_ENVELOPE: {"1": {**envelope, "sha256": _digest(envelope, body)}}})
        keep_previous(self._path, self._path.with_name(PREVIOUS))
        write_atomic(self._path, head[:-1] + b"," + body[1:] + b"\n", is_durable=True)


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write `state.json`; raises `StoreError`, and then the old one still stands."""
    storage = AtomicStorage(folder / CURRENT)
    shapes = {key: _shape(value) for key, value in checkpoint.state.items()}
    try:
        with TinyDB(storage=lambda: storage) as database:
            for name, rows in _tables(checkpoint.state, shapes).items():
                database.table(name, cache_size=0).insert_multiple(rows)
        storage.commit(checkpoint.seq, shapes)
    except (OSError, TypeError, ValueError) as problem:
        raise StoreError(
            f"{folder / CURRENT}: expected to write a checkpoint, found: {problem}"
        ) from problem


def read_checkpoint(path: Path) -> Checkpoint:
    """Read, verify and bring up to date; the file itself is left as it is.

    Raises `CheckpointDamaged`, or `StoreError` for a schema that is newer or forgotten.
    """
    try:
        tables = json.loads(path.read_bytes())
        envelope = tables.pop(_ENVELOPE)["1"]
        found, schema = envelope.pop("sha256"), envelope["schema"]
        expected = _digest(envelope, _json(tables))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as problem:
        raise CheckpointDamaged(f"{path}: expected a checkpoint, found {problem!r}") from problem
    if found != expected:
        raise CheckpointDamaged(f"{path}: expected sha256 {expected}, found {found}")
    if schema not in (*MIGRATIONS, SCHEMA):
        raise StoreError(
            f"{path}: expected schema {min(MIGRATIONS)} to {SCHEMA}, found {schema}; "
            f"use the version that wrote it"
        )
    state = {key: _value(tables, key, shape) for key, shape in envelope["shapes"].items()}
    try:
        return Checkpoint(envelope["seq"], migrate(state, schema))
    except (LookupError, TypeError, ValueError, ArithmeticError) as problem:
        raise StoreError(
            f"{path}: expected a state of schema {schema}, found {problem!r}; nothing was changed"
        ) from problem


def _shape(value: object) -> str:
    if isinstance(value, Mapping):
        first: object = next(iter(value.values()), {})
        return "map" if isinstance(first, (Mapping, list, tuple)) else "row"  # of plain values
    return "list" if isinstance(value, list) else "single"


def _tables(state: dict[str, Any], shapes: dict[str, str]) -> dict[str, list[Row]]:
    """Rows of each table: one for each entry of a mapping or a list, one for plain pairs."""
    assert _SINGLES not in state, "the name of our own table"
    singles = {key: value for key, value in state.items() if shapes[key] == "single"}
    tables: dict[str, list[Row]] = {_SINGLES: [singles]}
    for key, value in state.items():
        if shapes[key] == "map":
            tables[key] = [{"key": name, "value": item} for name, item in value.items()]
        elif shapes[key] == "row":
            tables[key] = [value]
        elif shapes[key] == "list":
            tables[key] = [{"value": item} for item in value]
    return tables


def _value(tables: Tables, key: str, shape: str) -> object:
    if shape == "single":
        return tables[_SINGLES]["1"][key]
    if shape == "row":
        return tables[key]["1"]
    rows = tables[key].values()
    if shape == "map":
        return {row["key"]: row["value"] for row in rows}
    return [row["value"] for row in rows]


def _digest(envelope: Row, tables: bytes) -> str:
    return sha256(b"[" + _json(envelope) + b"," + tables + b"]").hexdigest()


def _json(content: object) -> bytes:
    return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()
