"""Facts as log lines, derived from their own fields so that there is nothing to keep in sync.

It exists because the core never logs. It must never decide what a fact means: that is said in the
chat.
"""

import re
from collections.abc import Iterator

import msgspec

from engine.core.facts import Fact, Record
from engine.log import Log

_WORD = re.compile(r"(?<!^)(?=[A-Z])")
_log = Log("engine.facts")


def log_fact(record: Record) -> None:
    """One line, once: `order.filled seq=7 at_ms=... position_id=1 fill.id=...`."""
    _log.info(event_name(record.fact), seq=record.seq, at_ms=record.at_ms, **_fields(record.fact))


def event_name(fact: Fact) -> str:
    """`OrderFilled` as `order.filled`."""
    return _WORD.sub(".", type(fact).__name__).lower()


def _fields(struct: msgspec.Struct, prefix: str = "") -> dict[str, object]:
    return {prefix + name: value for name, value in _flat(struct)}


def _flat(struct: msgspec.Struct) -> Iterator[tuple[str, object]]:
    """Scalars with dotted names; tables inside a fact (checks, targets) stay in the journal."""
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        if isinstance(value, msgspec.Struct):
            yield from _fields(value, f"{name}.").items()
        elif not isinstance(value, tuple):
            yield name, value
        elif not any(isinstance(item, msgspec.Struct) for item in value):
            yield name, "; ".join(map(str, value))
